"""A letter as a message: the webhook's body, the same on every attempt."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vantage.notify.text import text_of
from vantage.store.outbox import Letter

VERSION = 1
_REGION_KEYS = ("region", "state", "since", "reason", "http_status", "latency_ms", "detail")


@dataclass(frozen=True, slots=True)
class Message:
    """What is said: `dedup_key` is that of the thing it is about, the same when it begins and when it ends."""

    id: str
    type: str
    at: datetime
    dedup_key: str
    text: str
    data: Mapping[str, Any]

    @property
    def headline(self) -> str:
        """The first sentence of its text, without the full stop."""
        return self.text.split(". ", 1)[0].removesuffix(".")

    @property
    def is_quiet(self) -> bool:
        """It is for programs alone: it ends what they hold open, and is no news to people."""
        return bool(self.data.get("quiet"))

    @property
    def url(self) -> str | None:
        """Where more is to be seen."""
        incident = self.data.get("incident")
        return incident["url"] if incident else None

    def body(self) -> bytes:
        """The webhook's body."""
        timestamp = self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        content = {
            "type": self.type, "version": VERSION, "timestamp": timestamp, "dedup_key": self.dedup_key,
            "text": self.text, "data": self.data,
        }  # fmt: skip
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def message_of(letter: Letter, public_url: str = "") -> Message:
    """The message of a letter; `public_url` is that of the page, where it can be reached."""
    facts, at = letter.facts, letter.created_at.astimezone(UTC)
    return Message(
        id=f"msg_{letter.id}",
        type=letter.type,
        at=at,
        dedup_key=_dedup_key(letter),
        text=text_of(letter.type, facts, at),
        data=_data(letter, public_url),
    )


def _dedup_key(letter: Letter) -> str:
    facts, thing = letter.facts, letter.type.partition(".")[0]
    if thing == "incident":
        return f"vantage-incident-{facts['incident_id']}"
    if thing == "operator":
        about = facts.get("region") or facts.get("channel") or "all"
        return f"vantage-operator-{facts['kind'].removesuffix('_over')}-{about}"
    if thing == "test":
        return f"vantage-test-{letter.id}"
    region = f"-{facts['region']}" if facts.get("region") else ""
    kind = "-degraded" if facts.get("kind") in ("degraded", "degraded_over") else ""
    return f"vantage-{thing}-{facts['monitor']['slug']}{region}{kind}"


def _data(letter: Letter, public_url: str) -> dict[str, Any]:
    facts = letter.facts
    if "monitor" not in facts:
        return {key: facts[key] for key in ("kind", "region", "channel") if key in facts}
    regions = [{key: seen.get(key) for key in _REGION_KEYS} for seen in facts.get("regions", ())]
    data = {"monitor": facts["monitor"], "regions": regions} | ({"quiet": True} if facts.get("quiet") else {})
    if facts.get("incident_id"):
        return data | {"incident": _incident(facts, public_url)}
    return data | ({"certificate": facts["certificate"]} if "certificate" in facts else {})


def _incident(facts: Mapping[str, Any], public_url: str) -> dict[str, Any]:
    resolved_at, acknowledged_at = facts.get("resolved_at"), facts.get("acknowledged_at")
    return {
        "id": facts["incident_id"],
        "status": "resolved" if resolved_at else "acknowledged" if acknowledged_at else "open",
        "verdict": facts["verdict"],
        "reason": facts.get("reason"),
        "phase": facts.get("phase"),
        "single_vantage": facts.get("single_vantage", False),
        "began_at": facts.get("began_at"),
        "opened_at": facts.get("opened_at"),
        "acknowledged_at": acknowledged_at,
        "resolved_at": resolved_at,
        "url": _page(facts, public_url) if public_url else None,
    }


def _page(facts: Mapping[str, Any], public_url: str) -> str:
    """The monitor's page; of a private one that behind the login, which leads back to it."""
    monitor = facts["monitor"]
    where = "monitors" if monitor.get("public") else "ops/status"
    return f"{public_url}/{where}/{monitor['slug']}#incidents"

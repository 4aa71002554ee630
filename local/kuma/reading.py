"""A backup of Kuma 1, or a kuma.db, as the same records."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vantage.errors import VantageError

SQLITE = b"SQLite format 3\0"
# By the names of kuma.db; a backup has some of them in camel case, and lists that are parsed already.
KEYS = {
    "ignore_tls": "ignoreTls", "upside_down": "upsideDown", "expiry_notification": "expiryNotification",
    "invert_keyword": "invertKeyword", "auth_method": "authMethod", "json_path": "jsonPath",
    "expected_value": "expectedValue", "json_path_operator": "jsonPathOperator", "retry_interval": "retryInterval",
    "http_body_encoding": "httpBodyEncoding", "proxy_id": "proxyId", "resend_interval": "resendInterval",
}  # fmt: skip
Record = Mapping[str, Any]


class NotKuma(VantageError):
    """A file that is neither a backup nor a database of Uptime Kuma."""


@dataclass(frozen=True, slots=True)
class Kuma:
    """What is watched there, by whom people are told, what its status pages show, and what else there is to count."""

    monitors: Sequence[Record]
    notifications: Sequence[Record]
    public: frozenset[int] = frozenset()
    maintenance: int = 0


def read_kuma(file: Path) -> Kuma:
    """Read either file; raises NotKuma."""
    try:
        with file.open("rb") as opened:
            is_database = opened.read(len(SQLITE)) == SQLITE
        return _database(file) if is_database else _backup(json.loads(file.read_bytes()))
    except OSError as error:
        raise NotKuma(f"{file} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, AttributeError, sqlite3.Error):
        raise NotKuma(f"{file} is neither a backup of Uptime Kuma (JSON) nor its kuma.db.") from None


def _backup(content: Any) -> Kuma:
    return Kuma([_from_backup(one) for one in content["monitorList"]], _notifications(content["notificationList"]))


def _from_backup(one: Record) -> Record:
    record = {**one, **{name: one.get(camel) for name, camel in KEYS.items()}}
    record["accepted"] = one.get("accepted_statuscodes") or []
    record["notifications"] = [int(id_) for id_, on in (one.get("notificationIDList") or {}).items() if on]
    record["tags"] = [(tag["name"], tag.get("value") or "") for tag in one.get("tags") or ()]
    return record


def _database(file: Path) -> Kuma:
    # A copy without its -wal is whole by itself; asked for anything else, SQLite would make files beside it.
    mode = "mode=ro" if file.with_name(f"{file.name}-wal").exists() else "mode=ro&immutable=1"
    with closing(sqlite3.connect(f"file:{quote(str(file.resolve()))}?{mode}", uri=True)) as source:
        source.row_factory = sqlite3.Row
        monitors = [dict(row) for row in source.execute("SELECT * FROM monitor ORDER BY id")]
        for one in monitors:
            one["accepted"] = json.loads(one.get("accepted_statuscodes_json") or "[]")
            query = "SELECT notification_id FROM monitor_notification WHERE monitor_id = ?"
            one["notifications"] = _column(source, query, one["id"])
            one["tags"] = [tuple(row) for row in source.execute(
                "SELECT t.name, coalesce(m.value, '') FROM monitor_tag m JOIN tag t ON t.id = m.tag_id"
                " WHERE m.monitor_id = ? ORDER BY m.id", (one["id"],))]  # fmt: skip
        notifications = _notifications([dict(row) for row in source.execute("SELECT * FROM notification ORDER BY id")])
        public = _column(source, 'SELECT m.monitor_id FROM monitor_group m JOIN "group" g ON g.id = m.group_id'
                                 " WHERE g.public = 1")  # fmt: skip
        [work] = _column(source, "SELECT count(*) FROM maintenance")
    return Kuma(monitors, notifications, frozenset(public), work)


def _column(source: sqlite3.Connection, query: str, *arguments: Any) -> list[int]:
    return [row[0] for row in source.execute(query, arguments)]


def _notifications(rows: Sequence[Record]) -> list[Record]:
    """Each with its configuration, which both files hold as JSON."""
    found: list[Record] = []
    for row in rows:
        config = row["config"] if isinstance(row["config"], dict) else json.loads(row["config"])
        found.append({"id": int(row["id"]), "name": row["name"], "type": config.get("type", ""), "config": config})
    return found

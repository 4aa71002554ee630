"""Between the file's words and what is stored: `definition` and `entry` are each other's inverse."""

from collections.abc import Mapping
from typing import Any

from vantage.monitors_file.durations import format_ms
from vantage.monitors_file.model import MonitorItem, keys_of
from vantage.monitors_file.sizes import format_bytes
from vantage.store.monitors import Definition

Entry = dict[str, Any]

DEFAULTS: Entry = MonitorItem.model_construct(name="any").model_dump(exclude={"name", "slug"}, exclude_none=True) | {
    "group": None,
    "regions": None,
    "user_agent": None,
    "grace": format_ms(MonitorItem.model_fields["grace"].default),
}


def definition(item: MonitorItem) -> Definition:
    """What is stored for an item."""
    return Definition(
        slug=item.slug,
        name=item.name,
        type=item.type,
        spec=item.spec(),
        interval_s=item.interval // 1_000,
        timeout_ms=item.timeout,
        regions=item.regions,
        confirmations=item.confirmations,
        enabled=item.enabled,
        public=item.public,
        show_url=item.show_url,
        group=item.group,
        tags=item.tags,
        channels=item.channels,
    )


def entry(stored: Definition) -> Entry:
    """A stored monitor in the file's words, without what is the default; secrets in it are references."""
    words = {
        **_in_words(stored.spec),
        "name": stored.name,
        "slug": stored.slug,
        "type": stored.type,
        "group": stored.group,
        "tags": dict(stored.tags),
        "enabled": stored.enabled,
        "public": stored.public,
        "show_url": stored.show_url,
        "interval": format_ms(stored.interval_s * 1_000),
        "timeout": format_ms(stored.timeout_ms),
        "regions": stored.regions,
        "confirmations": stored.confirmations,
        "channels": list(stored.channels),
    }
    taken = keys_of(stored.type)
    return {
        key: words[key]
        for key in MonitorItem.model_fields
        if key in words and key in taken and not _is_default(key, words[key])
    }


def _in_words(spec: Mapping[str, Any]) -> Entry:
    """A spec with its durations and sizes as people write them."""
    spec = {key: format_ms(value) if key == "grace" else value for key, value in spec.items()}
    expect = {key: dict(value) if isinstance(value, dict) else value for key, value in spec.get("expect", {}).items()}
    if "latency" in expect:
        expect["latency"] = {key: format_ms(ms) for key, ms in expect["latency"].items()}
    if size := expect.get("body", {}).get("size"):
        expect["body"]["size"] = {key: format_bytes(most) for key, most in size.items()}
    return {**spec, "expect": expect} if expect else {**spec}


def whole(stored: Definition) -> Entry:
    """A stored monitor in the file's words, with the defaults of its type."""
    defaults = {key: value for key, value in DEFAULTS.items() if key in keys_of(stored.type)}
    return defaults | ({} if stored.type in ("http", "heartbeat") else {"expect": {}}) | entry(stored)


def _is_default(key: str, value: Any) -> bool:
    return key in DEFAULTS and DEFAULTS[key] == value

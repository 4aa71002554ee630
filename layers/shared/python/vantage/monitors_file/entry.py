"""Between the file's words and what is stored: `definition` and `entry` are each other's inverse."""

from typing import Any

from vantage.monitors_file.durations import format_ms
from vantage.monitors_file.model import MonitorItem
from vantage.store.monitors import Definition

Entry = dict[str, Any]

PROBED = {"url", "method", "headers", "user_agent", "redirects", "verify_tls", "expect"}
"""The keys that the prober reads: they travel in the stream, each only where it is not the default."""

DEFAULTS: Entry = MonitorItem(name="any", url="https://example.com").model_dump(exclude={"name", "slug", "url"})


def definition(item: MonitorItem) -> Definition:
    """What is stored for an item."""
    return Definition(
        slug=item.slug,
        name=item.name,
        type=item.type,
        spec=item.model_dump(include=PROBED, exclude_defaults=True),
        interval_s=item.interval // 1_000,
        timeout_ms=item.timeout,
        regions=item.regions,
        confirmations=item.confirmations,
        enabled=item.enabled,
        public=item.public,
        show_url=item.show_url,
        group=item.group,
        tags=item.tags,
    )


def entry(stored: Definition) -> Entry:
    """A stored monitor in the file's words, without what is the default; secrets in it are references."""
    words = {
        **stored.spec,
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
    }
    return {key: words[key] for key in MonitorItem.model_fields if key in words and not _is_default(key, words[key])}


def _is_default(key: str, value: Any) -> bool:
    return key in DEFAULTS and DEFAULTS[key] == value

"""What is stored, as a monitors file that applies to no changes."""

from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from vantage.monitors_file import channel, maintenance, status_page
from vantage.monitors_file.entry import entry
from vantage.monitors_file.tree import resolve
from vantage.monitors_file.values import is_hidden
from vantage.store.channels import Channel
from vantage.store.maintenance import Maintenance
from vantage.store.monitors import Definition
from vantage.store.site import Site


class _Dumper(yaml.SafeDumper):
    """Quotes every text that a plain scalar would not be read back as, by YAML 1.1 or by `tree.resolve`."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # the base class's signature
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    is_text = isinstance(resolve(text), str) and not any(map(is_hidden, text))  # a quoted line break may be folded
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if is_text else '"')


_Dumper.add_representer(str, _text)


def document(
    definitions: Iterable[Definition], channels: Sequence[Channel] = (), work: Sequence[Maintenance] = (),
    site: Site | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The file's content as plain data; all but the monitors only where there are any."""
    alerts = {
        "operator": [one.name for one in channels if one.operator],
        "channels": [channel.entry(one) for one in channels],
    }
    monitors = [entry(definition) for definition in definitions]
    content = {"version": 1, **{key: value for key, value in alerts.items() if channels}, "monitors": monitors}
    content |= {"maintenance": [maintenance.entry(one) for one in work]} if work else {}
    return content | ({"status_page": status_page.entry(site)} if site else {})


def to_yaml(
    definitions: Iterable[Definition], channels: Sequence[Channel] = (), work: Sequence[Maintenance] = (),
    site: Site | None = None,
) -> str:  # fmt: skip
    """The file's text; a dollar in a value is doubled, so that nothing in it is taken for `${NAME}`."""
    return dump(document(definitions, channels, work, site))


def dump(content: Any) -> str:
    """The text of a file's content."""
    return yaml.dump(_doubled(content), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**31)


def _doubled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _doubled(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_doubled(part) for part in value]
    return value.replace("$", "$$") if isinstance(value, str) else value

"""Monitors files read: every file, every fault, with its line."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from vantage.monitors_file.channel import ChannelItem
from vantage.monitors_file.check import faults_of
from vantage.monitors_file.expect import BY_TYPE, Expect
from vantage.monitors_file.fault import Fault, Place
from vantage.monitors_file.maintenance import MaintenanceItem
from vantage.monitors_file.model import OWN_KEYS, Defaults, Document, MonitorItem, keys_of
from vantage.monitors_file.status_page import StatusPageItem
from vantage.monitors_file.strict import Strict
from vantage.monitors_file.tree import Node, mapping, parse
from vantage.monitors_file.values import Here, slug_of

SUFFIXES = (".yaml", ".yml")
ANYWHERE = Here()
Item = TypeVar("Item", bound=Strict)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the files say, in their order, and to be used only where there are no faults.

    `operator` None: no file says who that is.
    """

    monitors: tuple[MonitorItem, ...]
    faults: tuple[Fault, ...]
    channels: tuple[ChannelItem, ...] = ()
    operator: frozenset[str] | None = None
    maintenance: tuple[MaintenanceItem, ...] = ()
    status_page: StatusPageItem | None = None


def read(paths: Iterable[Path], env: Mapping[str, str], here: Here = ANYWHERE) -> Reading:
    """Read files and folders (each file once) as one; `${NAME}` is taken from `env`."""
    faults: list[Fault] = []
    documents = [tree for file in _files(paths, faults) for tree in _tree(file, env, faults)]
    nodes, channel_nodes = _all(documents, "monitors"), _all(documents, "channels")
    if here.channels is not None:
        here = replace(here, channels=here.channels.union(filter(None, (_name(node.plain) for node in channel_nodes))))
    contents = [_checked(Document, document, here, faults) for document in documents]
    defaults = _merged_defaults(documents, faults)
    items = [_item(node, defaults, here, faults) for node in nodes]
    channels = [_checked(ChannelItem, node, here, faults) for node in channel_nodes]
    work_nodes = _all(documents, "maintenance")
    work = [_checked(MaintenanceItem, node, here, faults) for node in work_nodes]
    faults += _twice(nodes, "slug", _slug, "give one of them a slug of its own")
    faults += _twice(channel_nodes, "name", _name, "each channel has a name of its own")
    faults += _twice(work_nodes, "name", _name, "each has a name of its own")
    faults += _other_pages(documents)
    operators = [content.operator for content in contents if content is not None and content.operator is not None]
    return Reading(
        tuple(item for item in items if item is not None),
        tuple(sorted(set(faults))),
        tuple(item for item in channels if item is not None),
        frozenset(name for names in operators for name in names) if operators else None,
        tuple(item for item in work if item is not None),
        next((content.status_page for content in contents if content and content.status_page is not None), None),
    )


def _other_pages(documents: Iterable[Node]) -> list[Fault]:
    """There is one status page: files that are read together may say the same of it, and nothing else."""
    pages = [node for node in (_part(document, "status_page") for document in documents) if node.plain is not None]
    return [
        Fault(node.place, f"status_page: differs from {pages[0].place}; there is one for all files")
        for node in pages[1:]
        if node.plain != pages[0].plain
    ]


def _all(documents: Iterable[Node], key: str) -> list[Node]:
    """What all files together have under a key."""
    return [node for document in documents for node in _part(document, key).items or ()]


def _checked(model: type[Item], node: Node, here: Here, faults: list[Fault]) -> Item | None:
    item, found = faults_of(model, node, here)
    faults += found
    return item


def _files(paths: Iterable[Path], faults: list[Fault]) -> list[Path]:
    found: dict[Path, Path] = {}
    for path in paths:
        files = _files_in(path) if path.is_dir() else [path]
        if not files:
            faults.append(Fault(Place(str(path), 0), f"has no file that ends in {' or '.join(SUFFIXES)}"))
        for file in files:
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _files_in(folder: Path) -> list[Path]:
    """The YAML files of a folder and its folders, in a fixed order; hidden ones are left out."""
    found = (file for suffix in SUFFIXES for file in folder.rglob(f"*{suffix}") if file.is_file())
    return sorted(file for file in found if not any(part.startswith(".") for part in file.relative_to(folder).parts))


def _tree(file: Path, env: Mapping[str, str], faults: list[Fault]) -> Iterator[Node]:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        faults.append(Fault(Place(str(file), 0), f"cannot be read: {error.strerror}"))
        return
    except UnicodeDecodeError as error:
        faults.append(Fault(Place(str(file), error.object.count(b"\n", 0, error.start) + 1), "is not UTF-8"))
        return
    tree, found = parse(text, str(file), env)
    faults += found
    if tree is None and not found:
        faults.append(Fault(Place(str(file), 1), "is empty; a file without monitors says `monitors: []`"))
    if tree is not None:
        yield tree


def _part(document: Node, key: str) -> Node:
    return (document.keys or {}).get(key, Node(None, document.place))


def _merged_defaults(documents: Iterable[Node], faults: list[Fault]) -> dict[str, Node]:
    """Defaults hold for all files read together; two that differ are a fault."""
    merged: dict[str, Node] = {}
    for document in documents:
        for key, node in (_part(document, "defaults").keys or {}).items():
            other = merged.setdefault(key, node)
            if other.plain != node.plain:
                faults.append(Fault(node.place, f"{key}: differs from {other.place}; defaults hold for all files"))
    return {key: node for key, node in merged.items() if key in Defaults.model_fields or key in Defaults.not_yet}


def _over(defaults: Mapping[str, Node], own: Node) -> Node:
    """A node's own keys over the defaults, keys within keys too."""
    if own.keys is None:
        return own
    both = {key: _over(defaults[key].keys or {}, own.keys[key]) for key in defaults.keys() & own.keys.keys()}
    return mapping({**defaults, **own.keys, **both}, own.place)


def _item(own: Node, defaults: Mapping[str, Node], here: Here, faults: list[Fault]) -> MonitorItem | None:
    item, found = faults_of(MonitorItem, _over(_of_its_type(defaults, own), own), here)
    inherited = set(_places(defaults)) - set(_places(own.keys or {}))
    for fault in found:
        is_own = fault.place not in inherited or fault in faults
        faults.append(fault if is_own else Fault(own.place, f"{fault.sentence}, by the default at {fault.place}"))
    return item


def _of_its_type(defaults: Mapping[str, Node], own: Node) -> dict[str, Node]:
    """The defaults that a monitor of this type can have; those of other types are for others."""
    kind = (own.keys or {}).get("type", defaults.get("type", Node("http", own.place))).plain
    if not isinstance(kind, str) or kind not in OWN_KEYS:
        return dict(defaults)
    taken = {key: node for key, node in defaults.items() if key in keys_of(kind) or key in Defaults.not_yet}
    if (expect := taken.get("expect")) and expect.keys is not None:
        strange = Expect.model_fields.keys() - set(BY_TYPE[kind])
        taken["expect"] = mapping({k: v for k, v in expect.keys.items() if k not in strange}, expect.place)
    return taken


def _places(keys: Mapping[str, Node]) -> Iterator[Place]:
    for node in keys.values():
        yield node.place
        yield from _places(node.keys or {})


def _twice(nodes: Iterable[Node], key: str, identity: Callable[[Any], str], cure: str) -> Iterator[Fault]:
    first: dict[str, Place] = {}
    for node in nodes:
        name = identity(node.plain)
        if name and name in first:
            yield Fault(node.place, f"{key}: {name} stands at {first[name]} too; {cure}")
        first.setdefault(name, node.place)


def _name(plain: Any) -> str:
    """The name of a thing that may have other faults; empty where it has none."""
    name = plain.get("name") if isinstance(plain, dict) else None
    return name if isinstance(name, str) else ""


def _slug(plain: Any) -> str:
    """The slug of a monitor that may have other faults; empty where it has none."""
    given = [plain.get("slug"), plain.get("name")] if isinstance(plain, dict) else []
    slug, name = [text if isinstance(text, str) else "" for text in given] or ("", "")
    return slug or slug_of(name)

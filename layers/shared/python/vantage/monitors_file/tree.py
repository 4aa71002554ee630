"""A YAML text as a tree of nodes that know their line.

Of YAML 1.1 only what nobody is surprised by: `true` and `false` are the booleans (`on`, `no` and `y` are text), numbers
are decimal (`0200` and `12:30` are text), dates are text, keys are text. Tags are not taken, a key stands once.
`${NAME}` in a value is the environment's, put in after parsing, so that no value can change the file's structure.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml

from vantage.monitors_file.fault import Fault, Place

DEEPEST = 30
LONGEST_SHOWN = 60
Scalar = str | int | float | bool | None

_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DOLLAR = re.compile(r"\$(?:\$|\{([^}]*)\}|(?=[A-Za-z_{]))")
_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_INTEGER = re.compile("[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?([0-9]{1,300}\.[0-9]*|\.[0-9]+|[0-9]{1,300}(?=[eE]))([eE][-+]?[0-9]{1,2})?")
_WORDS: Mapping[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where the wheel has it: 20 times faster


class Unreadable(Exception):
    """The text cannot be read on from here; carries the one fault."""

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(sentence)
        self.line = line
        self.sentence = sentence


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A value, where it is, and its parts; `shown` is the text as it stands in the file, before `${NAME}`."""

    plain: Any
    place: Place
    shown: str = ""
    keys: Mapping[str, "Node"] | None = None
    items: tuple["Node", ...] | None = None
    broken: bool = False  # has a fault already, which is enough

    def at(self, path: tuple[int | str, ...]) -> "Node":
        """The node at a path, or as near to it as there is one."""
        node = self
        for step in path:
            parts: Any = node.keys if isinstance(step, str) else node.items
            if parts is None or (step not in parts if isinstance(step, str) else step >= len(parts)):
                break
            node = parts[step]
        return node


def mapping(keys: Mapping[str, Node], place: Place) -> Node:
    """A node of these parts."""
    return Node({key: part.plain for key, part in keys.items()}, place, keys=keys)


def resolve(text: str) -> Scalar:
    """What a plain (unquoted) scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def expand(text: str, env: Mapping[str, str]) -> str:
    """Put the environment's values in; raises ValueError with a sentence that holds names only."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        name = match[1]
        if name is None or not _NAME.fullmatch(name):
            raise ValueError("write ${NAME} for a value of the environment, and $$ for a dollar")
        if name not in env:
            raise ValueError(f"${{{name}}}: {name} is not set in the environment")
        return env[name]

    return _DOLLAR.sub(value, text)


def parse(text: str, file: str, env: Mapping[str, str], loader: type[Any] = LOADER) -> tuple[Node | None, list[Fault]]:
    """The tree of a text, and all faults found on the way; None where there is no tree."""
    reader = _TreeReader(file, env)
    try:
        if strange := _NOT_YAML.search(text):
            line = text.count("\n", 0, strange.start()) + 1
            raise Unreadable(line, f"has the character U+{ord(strange[0]):04X}, which no YAML file may hold")
        return reader.document(yaml.parse(text, Loader=loader)), reader.faults
    except Unreadable as error:
        return None, [*reader.faults, Fault(Place(file, error.line), error.sentence)]
    except yaml.MarkedYAMLError as error:
        return None, [*reader.faults, _syntax_fault(error, text, file)]


def _syntax_fault(error: yaml.MarkedYAMLError, text: str, file: str) -> Fault:
    mark = error.problem_mark or error.context_mark
    line = min(mark.line + 1 if mark else 1, len(text.splitlines()) or 1)
    around = (text.splitlines() or [""])[line - 1]
    sentence = f"is not YAML: {error.problem or error.context}"
    if "\t" in around[: len(around) - len(around.lstrip())]:
        sentence = "is indented with a tab; YAML takes spaces only"
    elif "${" in around and "{" in around.replace("${", ""):
        sentence += "; within { } a value with ${NAME} needs quotes"
    return Fault(Place(file, line), sentence)


class _TreeReader:
    """Builds the tree from the parser's events, so that depth is bounded and every alias shares its node."""

    def __init__(self, file: str, env: Mapping[str, str]) -> None:
        self.file = file
        self.env = env
        self.faults: list[Fault] = []
        self.anchors: dict[str, Node] = {}

    def document(self, events: Iterator[Any]) -> Node | None:
        next(events)
        if isinstance(next(events), yaml.StreamEndEvent):
            return None
        tree = self._node(next(events), events, 0)
        next(events)
        if not isinstance(event := next(events), yaml.StreamEndEvent):
            raise Unreadable(event.start_mark.line + 1, "begins a second document (---); make it a file of its own")
        return tree

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        line = event.start_mark.line + 1
        if depth > DEEPEST:
            raise Unreadable(line, f"is nested deeper than {DEEPEST} levels")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                raise Unreadable(line, f"*{event.anchor} has no &{event.anchor} before it, or stands within it")
            return self.anchors[event.anchor]
        if event.tag not in (None, "!") and isinstance(event.tag, str):
            self._fault(line, f"has the tag {event.tag[:LONGEST_SHOWN]}; tags are not taken, quote what is to be text")
        node = self._untagged(event, events, depth)
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def _untagged(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        place = Place(self.file, event.start_mark.line + 1)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, place)
        if isinstance(event, yaml.MappingStartEvent):
            return mapping(self._pairs(events, depth), place)
        items: list[Node] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self._node(event, events, depth + 1))
        return Node([item.plain for item in items], place, items=tuple(items))

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> Node:
        try:
            text = expand(event.value, self.env)
        except ValueError as error:
            self._fault(place.line, str(error))
            return Node(event.value, place, event.value, broken=True)
        return Node(resolve(text) if event.implicit[0] else text, place, event.value)

    def _pairs(self, events: Iterator[Any], depth: int) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            line = event.start_mark.line + 1
            if not isinstance(event, yaml.ScalarEvent):
                raise Unreadable(line, "has a key that is not plain text")
            part = self._node(next(events), events, depth + 1)
            if event.value == "<<" and event.implicit[0]:
                for base in reversed(part.items or (part,)):
                    merged.update(base.keys or self._no_merge(line))
            elif event.value in own:
                first = own[event.value].place.line
                self._fault(line, f"{event.value[:LONGEST_SHOWN]}: stands twice, first in line {first}")
            else:
                own[event.value] = replace(part, place=Place(self.file, line))
        return merged | own

    def _no_merge(self, line: int) -> dict[str, Node]:
        self._fault(line, "<<: takes a mapping, or a list of them")
        return {}

    def _fault(self, line: int, sentence: str) -> None:
        self.faults.append(Fault(Place(self.file, line), sentence))

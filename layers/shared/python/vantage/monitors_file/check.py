"""From what the model says is wrong to faults: a place and a sentence in the file's words."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from pydantic import ValidationError

from vantage.monitors_file.fault import Fault
from vantage.monitors_file.strict import Strict
from vantage.monitors_file.tree import LONGEST_SHOWN, Node
from vantage.monitors_file.values import Here, is_hidden

SENTENCES: Mapping[str, str] = {
    "missing": "is missing",
    "string_type": "must be text; put it in quotes",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "dict_type": "must be keys with values",
    "model_type": "must be keys with values",
    "list_type": "must be a list",
    "string_too_long": "is longer than {max_length} characters",
    "string_too_short": "must have at least {min_length} character",
    "too_long": "has more than {max_length} entries",
    "too_short": "must have at least {min_length} entry",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
}
Item = TypeVar("Item", bound=Strict)
QUOTED = frozenset(("bool_type", "int_type", "literal_error"))
QUOTED_KEYS = frozenset(("interval", "timeout", "slug", "expect", "regions"))


def faults_of(model: type[Item], node: Node, here: Here) -> tuple[Item | None, list[Fault]]:
    """The model made from this node, or every reason why it cannot be."""
    try:
        return model.model_validate(node.plain, context=here), []
    except ValidationError as error:
        details = [dict(detail) for detail in error.errors(include_url=False)]
        return None, [fault for detail in details for fault in _fault(model, node, detail)]


def _fault(model: type[Strict], node: Node, detail: Mapping[str, Any]) -> Iterator[Fault]:
    path = tuple(step for step in detail["loc"] if step != "[key]")
    found = node.at(path)
    if not found.broken:
        yield Fault(found.place, _sentence(_holder(model, path), found, path, detail))


def _sentence(holder: type[Strict], found: Node, path: tuple[int | str, ...], detail: Mapping[str, Any]) -> str:
    key = str(path[-1]) if path else ""
    if detail["type"] == "extra_forbidden":
        return _unexpected(holder, key)
    if isinstance(found.plain, str) and found.plain in holder.not_yet.get(key, ()):
        return f"not yet: {key} {found.plain}"
    # Without the "defaults" before it: the same fault is found again in each monitor that has the default.
    words = [str(step) for step in path if step != "defaults"]
    return f"{_short('.'.join(words))}: {_wrong(found, words[0], detail)}" if words else _wrong(found, "", detail)


def _short(key: str) -> str:
    """A key as it can be printed: whatever it is, on one line."""
    printable = "".join("?" if is_hidden(char) else char for char in key)
    return printable if len(printable) <= LONGEST_SHOWN else f"{printable[:LONGEST_SHOWN]}…"


def _wrong(found: Node, outermost: str, detail: Mapping[str, Any]) -> str:
    context = detail.get("ctx") or {}
    if detail["type"] == "value_error":
        sentence = str(context["error"])
    elif found.plain is None and detail["type"] != "missing":
        return "is empty; give it a value or take the line out"
    else:
        sentence = SENTENCES[detail["type"]].format(**context) if detail["type"] in SENTENCES else detail["msg"]
    quoted = detail["type"] in QUOTED or outermost in QUOTED_KEYS
    return f"{sentence}; it is {_short(found.shown)}" if quoted and found.shown else sentence


def _unexpected(holder: type[Strict], key: str) -> str:
    if key in holder.not_yet:
        return f"not yet: {key}"
    if key in holder.not_here:
        return f"{key}: {holder.not_here[key]}"
    near = get_close_matches(key, [*holder.model_fields, *holder.not_yet], 1)
    hint = f"is {near[0]} meant?" if near else f"there are {', '.join(holder.model_fields)}"
    return f"{_short(key)}: is no known key; {hint}"


def _holder(model: type[Strict], path: tuple[int | str, ...]) -> type[Strict]:
    """The model whose key the path's last step is."""
    for step in path[:-1]:
        field = model.model_fields.get(str(step))
        inner = _model_in(field.annotation) if field else None
        model = inner or model
    return model


def _model_in(annotation: Any) -> type[Strict] | None:
    """The model that a key's value is, or is a list of."""
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)

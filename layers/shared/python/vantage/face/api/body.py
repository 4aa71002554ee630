"""A JSON body, checked by the models of the monitors file; every fault names its field."""

import base64
import json
import math
from collections.abc import Mapping
from typing import Any, TypeVar

from vantage.face.refusal import Refusal
from vantage.monitors_file.check import faults_of
from vantage.monitors_file.fault import Place
from vantage.monitors_file.strict import Strict
from vantage.monitors_file.tree import Node
from vantage.monitors_file.values import Here

MOST_BYTES = 256 * 1024
DEEPEST = 30
HERE = Place("body", 0)
Model = TypeVar("Model", bound=Strict)


def raw_body(event: Mapping[str, Any]) -> bytes:
    """The bytes of a body."""
    body = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else str(body).encode()


def read_json(event: Mapping[str, Any], *kinds: str) -> Any:
    """The body as plain data; raises Refusal with 400, 413 or 415."""
    kind = str(event.get("headers", {}).get("content-type", "")).partition(";")[0].strip().lower()
    if kind not in kinds:
        raise Refusal(415, f"The body must be {' or '.join(kinds)}, by its Content-Type.")
    raw = raw_body(event)
    if len(raw) > MOST_BYTES:
        raise Refusal(413, f"The body has {len(raw):,} bytes; it may have {MOST_BYTES:,}.")
    try:
        value = json.loads(raw, object_pairs_hook=_once, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:100]
        raise Refusal(400, f"The body cannot be read as JSON: {reason}.") from None
    _check_depth(value, DEEPEST)
    return value


def checked(model: type[Model], plain: Any, here: Here) -> Model:
    """The model made of plain data; raises Refusal that lists every fault."""
    made, faults = faults_of(model, tree_of(plain), here)
    if faults or not isinstance(made, model):
        errors = [_error(fault.sentence) for fault in faults]
        raise Refusal(422, "; ".join(fault.sentence for fault in faults), errors)
    return made


def tree_of(plain: Any) -> Node:
    """Plain data as the nodes that faults are found in."""
    if isinstance(plain, dict):
        return Node(plain, HERE, keys={key: tree_of(part) for key, part in plain.items()})
    if isinstance(plain, list):
        return Node(plain, HERE, items=tuple(map(tree_of, plain)))
    return Node(plain, HERE, "" if plain is None else json.dumps(plain, ensure_ascii=False).strip('"'))


def _error(sentence: str) -> dict[str, str]:
    if sentence.startswith("not yet: "):
        return {"field": sentence.removeprefix("not yet: ").partition(" ")[0], "detail": sentence}
    field, colon, detail = sentence.partition(": ")
    return {"field": field, "detail": detail} if colon else {"field": "", "detail": sentence}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:60]!r} stands twice")
        found[key] = value
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _check_depth(value: Any, left: int) -> None:
    if left == 0:
        raise Refusal(400, f"The body is nested deeper than {DEEPEST} levels.")
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_depth(part, left - 1)

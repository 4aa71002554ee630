"""The base of everything that a monitors file can hold: no unknown key, nothing converted, every fault in its place."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NoReturn

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

Step = int | str


class Strict(BaseModel):
    """No unknown key, nothing converted.

    `not_yet` names what a later version will take: keys, and values by key.
    `not_here` says why a known key is out of place.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    not_yet: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    not_here: ClassVar[Mapping[str, str]] = {}


def without_default(schema: dict[str, Any]) -> None:
    """Take a default out of a JSON Schema: it stands for "absent" and is no value."""
    schema.pop("default", None)


def absent(description: str | None = None) -> Any:
    """The default of a key that may be left out; it reads as None, which cannot be written."""
    return Field(None, description=description, json_schema_extra=without_default)


def refuse_at(faults: Iterable[tuple[tuple[Step, ...], str]]) -> None:
    """Raise pydantic's error with these faults, each a path from here and the end of a sentence; none: return."""
    details = [
        InitErrorDetails(type=PydanticCustomError("value_error", "{error}", {"error": sentence}), loc=path, input=None)
        for path, sentence in faults
    ]
    if details:
        _raise(details)


def _raise(details: list[InitErrorDetails]) -> NoReturn:
    raise ValidationError.from_exception_data("values", details)

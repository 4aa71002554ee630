"""Keys that only some types of a thing have: a monitor's, a channel's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field, ValidationInfo, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError

from vantage.monitors_file.strict import without_default

Keys = Mapping[str, tuple[str, ...]]
"""By type."""

NEEDED_BY_TYPE: Any = Field(None, validate_default=True, json_schema_extra=without_default)
"""The default of a key that some types need."""


@dataclass(frozen=True, slots=True)
class ByType:
    """Which keys are each type's own, and which of them it needs; `default` is the type of what names none."""

    own: Keys
    needed: Keys
    default: str | None = None

    def validator(self) -> WrapValidator:
        """Takes a key only where the type has it, and misses it only there."""
        return WrapValidator(self._of_type)

    def _of_type(self, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        kind, key = info.data.get("type"), str(info.field_name)
        if value is None and kind is not None and key in self.needed[kind]:
            raise PydanticCustomError("absent", "is missing")
        if value is None and any(key in keys for keys in self.needed.values()):
            return None
        if kind is not None and key not in self.own[kind]:
            raise ValueError(f"is not for type {kind}, but for {types_with(key, self.own)}")
        return handler(value)

    def in_schema(self, schema: dict[str, Any]) -> None:
        """Editors shall miss what is missing, by type."""
        schema["allOf"] = [
            {
                "if": {
                    "properties": {"type": {"const": kind}},
                    **({} if kind == self.default else {"required": ["type"]}),
                },
                "then": {"required": list(needed)},
            }
            for kind, needed in self.needed.items()
        ]


def types_with(key: str, keys_by_type: Keys) -> str:
    """The types that have a key, in a sentence."""
    return " and ".join(kind for kind, keys in keys_by_type.items() if key in keys)

# ruff: noqa: RUF012 - pydantic copies the defaults of its models
"""What a monitor can expect of its target, in the words of the file; what the prober makes of it is tried at once."""

import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_serializer, model_validator

from vantage.guard import GuardError
from vantage.monitors_file.strict import Step, Strict, absent, refuse_at
from vantage.monitors_file.values import Anything, Duration, Host, Line, Number, Size, StatusRules, Text, Url
from vantage.probe.expect import compile_expectations

MOST_RULES = 50
BY_TYPE: Mapping[str, tuple[str, ...]] = {
    "http": ("status", "body", "json", "headers", "latency", "certificate", "redirect"),
    "tcp": ("banner", "latency", "certificate"),
    "dns": ("values", "latency"),
}
"""Which expectations a monitor's type can have."""

Texts = Annotated[list[Text], Field(min_length=1, max_length=MOST_RULES)]


class BodySize(Strict):
    """How large a body may be: bytes, or 64KiB, 1MiB."""

    min: Size = absent()
    max: Size = absent()


class BodyExpect(Strict):
    """What must be in a body, and what not; its first MiB is looked at."""

    contains: Texts = absent()
    not_contains: Texts = absent()
    size: BodySize = absent()
    no_error_page: bool = Field(False, description="no error page, traceback or default page served as a success")


class Comparison(Strict):
    """How a value is compared; all that are given must hold."""

    equals: Anything = absent()
    not_equals: Anything = absent()
    contains: Anything = absent()
    matches: Annotated[str, StringConstraints(max_length=200)] = absent("a regular expression, found anywhere in it")
    at_least: Number = absent()
    at_most: Number = absent()
    exists: bool = absent()

    @model_serializer(mode="plain")
    def _as_given(self) -> dict[str, Any]:
        # `equals: null` says something, and leaving it out says nothing.
        return {key: getattr(self, key) for key in type(self).model_fields if key in self.model_fields_set}


class JsonRule(Comparison):
    """A value within a JSON body."""

    path: Annotated[str, StringConstraints(min_length=1, max_length=500)] = Field(description="a JMESPath")


class HeaderRule(Comparison):
    """A header of the response."""

    name: Line


class Latency(Strict):
    """How long the whole of an attempt may take."""

    degraded_over: Duration = absent()
    down_over: Duration = absent()

    @model_validator(mode="after")
    def _in_order(self) -> "Latency":
        if self.degraded_over is None and self.down_over is None:
            raise ValueError("says nothing; give it degraded_over, down_over or both")
        if None not in (self.degraded_over, self.down_over) and self.degraded_over >= self.down_over:
            raise ValueError("degraded_over must be shorter than down_over")
        return self


class Certificate(Strict):
    """How long the certificate must still be valid; degraded where it is not."""

    days: Annotated[int, Field(ge=1, le=365)]


class Redirect(Strict):
    """Where redirects must end."""

    host: Host = absent()
    to: Url = absent()


with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # that `json` is a method of pydantic's too, which nobody calls

    class Expect(Strict):
        """What must hold for the target to be up; all of it, and each that fails is named."""

        status: StatusRules = ["200-299"]
        body: BodyExpect = absent()
        json: Annotated[list[JsonRule], Field(min_length=1, max_length=MOST_RULES)] = absent()  # type: ignore[assignment]
        headers: Annotated[list[HeaderRule], Field(min_length=1, max_length=MOST_RULES)] = absent()
        latency: Latency = absent()
        certificate: Certificate = absent()
        redirect: Redirect = absent()
        banner: Text = absent("what a tcp server says")
        values: Texts = absent("what a dns record must hold")

        @model_validator(mode="after")
        def _can_be_meant(self) -> "Expect":
            refuse_at(_faults(self.model_dump(exclude_unset=True)))
            return self


def _faults(given: Mapping[str, Any]) -> Iterator[tuple[tuple[Step, ...], str]]:
    """What the prober cannot make a rule of, each key tried by itself."""
    for key in BY_TYPE["http"]:
        if key in given:
            try:
                compile_expectations({key: given[key]})
            except GuardError as error:
                place, _, sentence = str(error).partition(": ")
                yield tuple(_steps(place.removeprefix("expect."))), sentence.rstrip(".")


def _steps(place: str) -> Iterator[Step]:
    """The path of a place such as json[0].path."""
    for name, number in re.findall(r"([a-z_]+)|\[([0-9]+)\]", place):
        yield name or int(number)

"""Requests that are not done, as an error on the way to its answer."""

from collections.abc import Mapping, Sequence


class Refusal(Exception):
    """What is wrong with a request: a status, a sentence, and where faults are (`{"field": …, "detail": …}`)."""

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors, self.headers = status, detail, errors, headers


def of_field(field: str, detail: str) -> Refusal:
    """One field or parameter that is not as it must be."""
    return Refusal(422, f"{field}: {detail}", [{"field": field, "detail": detail}])

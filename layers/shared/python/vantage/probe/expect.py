"""What a monitor expects of an answer: all must hold, and each that fails is named."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import httpx
from jmespath.exceptions import JMESPathError

from vantage.check import Reason, Status
from vantage.guard import GuardError
from vantage.probe import cpu, marks
from vantage.probe.comparison import compile_comparison
from vantage.probe.outcome import Outcome, refused
from vantage.probe.paths import Path
from vantage.probe.seen import Seen

DRAINED_MOST = 64 * 1024
BODY_MOST = 1024 * 1024
STATUS = ("200-299",)
CPU_MOST_S = 0.25  # for all headers, and for all JSON paths: what users write may backtrack or multiply without end
TOO_LONG = "the expectations take too long to tell, or too much room: simplify matches or json"


class Failure(NamedTuple):
    """One expectation that does not hold."""

    status: Status
    reason: Reason
    text: str


Rule = Callable[[Seen], Failure | None]


@dataclass(frozen=True, slots=True)
class Expectations:
    """The rules of a monitor, in the order in which their reasons count, and how much of a body they need."""

    rules: tuple[Rule, ...]
    read_most: int

    def judge(self, seen: Seen) -> Outcome:
        """Up, or the worst that a failed rule says, and every failure is named; refused where it takes too long."""
        try:
            failures = [failure for rule in self.rules if (failure := rule(seen)) is not None]
        except cpu.TooLong:
            return refused(Reason.GUARD, TOO_LONG)
        if not failures:
            return Outcome(Status.UP, http_status=seen.status or None)
        worst = next((failure for failure in failures if failure.status is Status.DOWN), failures[0])
        return Outcome(worst.status, worst.reason, "; ".join(failure.text for failure in failures), seen.status or None)


def compile_expectations(expect: Mapping[str, Any]) -> Expectations:
    """The rules of `expect`; raises GuardError that names the place of what cannot be meant."""
    unknown = set(expect) - set(_COMPILERS)
    if unknown:
        raise GuardError(f"expect.{min(unknown)}: there is no such expectation.")
    given = {"status": STATUS, **expect}
    rules = tuple(rule for key, compiler in _COMPILERS.items() if key in given for rule in compiler(given[key]))
    return Expectations(rules, BODY_MOST if {"body", "json"} & set(given) else DRAINED_MOST)


def compile_timing(expect: Mapping[str, Any]) -> Expectations:
    """The rules of `expect` that hold for any connection, latency and certificate; raises GuardError."""
    rules = [rule for key in ("latency", "certificate") if key in expect for rule in _COMPILERS[key](expect[key])]
    return Expectations(tuple(rules), 0)


def status_range(rule: Any) -> range:
    """The statuses of a rule such as 304 or "200-299"; raises GuardError."""
    least, _, most = str(rule).partition("-")
    if not all(part.isascii() and part.isdigit() and len(part) == 3 for part in (least, most or least)):
        raise GuardError(f"expect.status: {rule!r} must be a status such as 304 or a range such as 200-299.")
    return range(int(least), int(most or least) + 1)


def _down(reason: Reason, text: str) -> Failure:
    return Failure(Status.DOWN, reason, text)


def _status(given: list[Any]) -> Iterator[Rule]:
    accepted = [status_range(rule) for rule in given]
    expected = ", ".join(f"{r.start}" if len(r) == 1 else f"{r.start}-{r.stop - 1}" for r in accepted)

    def rule(seen: Seen) -> Failure | None:
        fine = any(seen.status in statuses for statuses in accepted)
        if fine and seen.status not in marks.CHALLENGES_AS_SUCCESS:
            return None
        if who := marks.challenge(seen.status, seen.headers, seen.text):
            text = f"answered {seen.status} with {who}'s check for bots; a browser may well get through"
            return _down(Reason.BLOCKED, text)
        return None if fine else _down(Reason.STATUS, f"answered {seen.status}, expected {expected}")

    yield rule


def _redirect(given: Mapping[str, str]) -> Iterator[Rule]:
    try:
        host = _host(httpx.URL(scheme="http", host=given["host"])) if given.get("host") else None
        to = _place(httpx.URL(given["to"])) if given.get("to") else None
    except (httpx.InvalidURL, UnicodeError, ValueError):  # idna's errors are UnicodeErrors
        raise GuardError("expect.redirect: cannot be understood: check its host's spelling.") from None
    if not (host or to):
        raise GuardError("expect.redirect: say a host, or to which URL.")
    expected = given.get("host") or given["to"]

    def rule(seen: Seen) -> Failure | None:
        if (host and _host(seen.url) != host) or (to and _place(seen.url) != to):
            return _down(Reason.REDIRECT, f"ended at {seen.url.host}{seen.url.path}, expected {expected}")
        return None

    yield rule


def _host(url: httpx.URL) -> bytes:
    """A host in its one spelling: as it is asked for in DNS, without the root's dot."""
    return url.raw_host.lower().removesuffix(b".")


def _place(url: httpx.URL) -> tuple[str, bytes, int | None, bytes]:
    """What of a URL a server is asked for: two spellings of one place are equal, and a fragment is none of it."""
    return url.scheme, _host(url), url.port, url.raw_path


def _headers(given: list[Mapping[str, Any]]) -> Iterator[Rule]:
    places = {f"expect.headers[{number}]": each for number, each in enumerate(given)}
    compiled = [(str(each["name"]), compile_comparison(each, place)) for place, each in places.items()]

    def rule(seen: Seen) -> Failure | None:
        with cpu.at_most(CPU_MOST_S):
            found = ((name, compare(seen.headers.get(name))) for name, compare in compiled)
            faults = [f"the header {name} {fault}" for name, fault in found if fault]
        return _down(Reason.HEADER, "; ".join(faults)) if faults else None

    yield rule


def _body(given: Mapping[str, Any]) -> Iterator[Rule]:
    size = given.get("size") or {}
    yield _size(int(size.get("min", 0)), int(size.get("max", BODY_MOST if "size" in given else 2**62)))
    if given.get("no_error_page"):
        yield _no_error_page
    yield from (_contains(text, True) for text in given.get("contains", ()))
    yield from (_contains(text, False) for text in given.get("not_contains", ()))


def _size(least: int, most: int) -> Rule:
    if not 0 <= least <= most:
        raise GuardError("expect.body.size: min must not be above max.")

    def rule(seen: Seen) -> Failure | None:
        if len(seen.body) > most or (seen.cut and most <= BODY_MOST):
            return _down(Reason.TOO_LARGE, f"the body is larger than {most} bytes")
        if len(seen.body) < least:
            return _down(Reason.BODY, f"the body has {len(seen.body)} bytes, expected at least {least}")
        return None

    return rule


def _no_error_page(seen: Seen) -> Failure | None:
    what = marks.error_page(seen.text)
    return _down(Reason.BODY, f"the page is an error page or nobody's page: {what}") if what else None


def _contains(text: object, wanted: bool) -> Rule:
    if not isinstance(text, str) or not text:
        raise GuardError(f"expect.body.{'contains' if wanted else 'not_contains'}: must be text that is not empty.")

    def rule(seen: Seen) -> Failure | None:
        if (text in seen.text) is wanted:
            return None
        where = "the first MiB of the body" if seen.cut else "the body"
        return _down(Reason.BODY, f"{where} {'lacks' if wanted else 'contains'} {text!r}")

    return rule


def _json(given: list[Mapping[str, Any]]) -> Iterator[Rule]:
    places = {f"expect.json[{number}]": each for number, each in enumerate(given)}
    compiled = [(Path(each.get("path"), f"{place}.path"), compile_comparison(each, place))
                for place, each in places.items()]  # fmt: skip

    def rule(seen: Seen) -> Failure | None:
        try:
            document = seen.document()
        except ValueError:
            return _down(Reason.JSON, "the body is larger than 1 MiB" if seen.cut else "the body is not JSON")
        with cpu.at_most(CPU_MOST_S):
            faults = [fault for path, compare in compiled if (fault := _json_fault(path, compare, document))]
        return _down(Reason.JSON, "; ".join(faults)) if faults else None

    yield rule


def _json_fault(path: Path, compare: Callable[[Any], str | None], document: Any) -> str | None:
    try:
        fault = compare(path.search(document))
    except (JMESPathError, ArithmeticError, TypeError, ValueError, RecursionError) as error:
        # jmespath's functions fail as Python does where a document holds numbers without measure, or text for numbers.
        fault = f"cannot be told: {' '.join(str(error).split())[:100]}"
    return f"{path.expression} {fault}" if fault else None


def _latency(given: Mapping[str, Any]) -> Iterator[Rule]:
    limits = [
        (Status.DOWN, given.get("down_over")),
        (Status.DEGRADED, given.get("degraded_over")),
    ]

    def rule(seen: Seen) -> Failure | None:
        for status, most_ms in limits:
            if most_ms is not None and seen.total_ms > most_ms:
                return Failure(status, Reason.SLOW, f"took {seen.total_ms:.0f} ms, more than {most_ms:g} ms")
        return None

    if not all(isinstance(most_ms, int | float | None) for _, most_ms in limits):
        raise GuardError("expect.latency: degraded_over and down_over must be durations.")
    yield rule


def _certificate(given: Mapping[str, Any]) -> Iterator[Rule]:
    days = int(given["days"])

    def rule(seen: Seen) -> Failure | None:
        ends = seen.certificate_expires_at
        if ends is None:
            return Failure(Status.DEGRADED, Reason.CERTIFICATE, "there is no certificate: the URL is not https")
        left = ends - seen.now
        if left >= timedelta(days=days):
            return None
        text = f"the certificate ends on {ends:%Y-%m-%d %H:%M} UTC, in {left.days} days, expected at least {days}"
        return Failure(Status.DEGRADED, Reason.CERTIFICATE, text)

    yield rule


# In the order in which a reason counts when several fail.
_COMPILERS: Mapping[str, Callable[[Any], Iterator[Rule]]] = {
    "status": _status,
    "redirect": _redirect,
    "headers": _headers,
    "body": _body,
    "json": _json,
    "latency": _latency,
    "certificate": _certificate,
}

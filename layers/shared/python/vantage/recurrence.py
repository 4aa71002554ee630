"""When announced work is: once, or by a recurrence rule (RFC 5545) on the clocks of a zone, as spans of UTC."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from vantage.verdict.windows import Window, window_at

FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
EXAMPLE = "such as FREQ=WEEKLY;BYDAY=TU"
LOOKED_FOR = timedelta(days=366 * 8)  # 29 February comes at least once
# dateutil looks for the next occurrence until the year 9999, and for one that never comes so do we wait. The calendar
# repeats itself every 400 years, weekdays and all; this many later, that year is near.
LATER = 19 * 400
_UTC_UNTIL = re.compile(r"([0-9]{8}T[0-9]{6})Z")


@dataclass(frozen=True, slots=True)
class Spans:
    """Windows up to an instant, and whether there are none behind it."""

    windows: tuple[Window, ...]
    is_all: bool


def zone(name: str) -> ZoneInfo:
    """A zone by its IANA name; raises ValueError with the end of a sentence."""
    try:
        if re.fullmatch(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*", name):
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    raise ValueError("is not known; write one of the IANA names, such as Europe/Berlin")


def check_rule(rule: str, starts: datetime, zone_name: str) -> None:
    """Refuse what is no rule, or happens never; raises ValueError with the end of a sentence."""
    parts = _parts(rule)
    if parts.get("FREQ") not in FREQUENCIES:
        raise ValueError(f"must have a FREQ, one of {', '.join(FREQUENCIES)}, {EXAMPLE}")
    if next(_occurrences(rule, starts, zone_name, starts + LOOKED_FOR), None) is None:
        raise ValueError("never happens, from its start on")


def spans(
    starts: datetime, duration_s: int, zone_name: str, rule: str | None, *, after: datetime, until: datetime
) -> Spans:
    """The windows that end after an instant and begin before another; `starts` is what the zone's clocks show (naive).

    Hours that the clocks skip or show twice are as `window_at` has them.
    """
    if rule is None:
        only = window_at(starts, duration_s, zone_name)
        return Spans((only,) if only.until_ms > _ms(after) else (), is_all=True)
    horizon = until.astimezone(zone(zone_name)).replace(tzinfo=None)
    begun = list(_occurrences(rule, starts, zone_name, horizon))
    windows = (window_at(start, duration_s, zone_name) for start in begun)
    return Spans(
        tuple(one for one in windows if one.until_ms > _ms(after)), is_all=_is_all(rule, zone_name, len(begun), horizon)
    )


def _occurrences(rule: str, starts: datetime, zone_name: str, horizon: datetime) -> Iterator[datetime]:
    """What the clocks show at each beginning, up to the horizon."""
    from dateutil.rrule import rrule, rrulestr  # noqa: PLC0415  # costs a cold start, and most have none

    parts = dict(_parts(rule))
    count, until = parts.pop("COUNT", None), _until(parts.pop("UNTIL", None), zone_name)
    end = horizon if until is None else min(until, horizon)
    text = ";".join(f"{key}={value}" for key, value in parts.items())
    try:
        found = rrulestr(f"RRULE:{text}", dtstart=starts.replace(year=starts.year + LATER))
        if isinstance(found, rrule):  # which one rule always is
            found = found.replace(until=end.replace(year=end.year + LATER))
        for at in islice(found, None if count is None else int(count)):
            yield at.replace(year=at.year - LATER)
    except (ValueError, TypeError, OverflowError, KeyError, AttributeError, IndexError) as error:
        raise ValueError(f"is no recurrence rule of RFC 5545, {EXAMPLE}: {error}"[:200]) from None


def _is_all(rule: str, zone_name: str, begun: int, horizon: datetime) -> bool:
    parts = _parts(rule)
    until = _until(parts.get("UNTIL"), zone_name)
    return (until is not None and until <= horizon) or ("COUNT" in parts and begun >= int(parts["COUNT"]))


def _parts(rule: str) -> Mapping[str, str]:
    pairs = [part.partition("=") for part in rule.upper().removeprefix("RRULE:").rstrip(";").split(";")]
    parts = {key: value for key, _, value in pairs}
    if len(parts) < len(pairs) or not all(re.fullmatch("[A-Z]+=[A-Z0-9,+-]+", "".join(pair)) for pair in pairs):
        raise ValueError(f"is no recurrence rule of RFC 5545, {EXAMPLE}")
    if {"COUNT", "UNTIL"} <= parts.keys():
        raise ValueError("has both COUNT and UNTIL")
    for key in ("COUNT", "INTERVAL"):
        if not re.fullmatch("[1-9][0-9]{0,3}", parts.get(key, "1")):
            raise ValueError(f"has {key} other than a number from 1 to 9999")
    return parts


def _until(text: str | None, zone_name: str) -> datetime | None:
    """What the zone's clocks show at an UNTIL: given in UTC, or as they show it; a date is its whole day."""
    if text is None:
        return None
    try:
        if utc := _UTC_UNTIL.fullmatch(text):
            at = datetime.strptime(utc[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
            return at.astimezone(zone(zone_name)).replace(tzinfo=None)
        if len(text) == len("20261231"):
            return datetime.strptime(text, "%Y%m%d") + timedelta(days=1, seconds=-1)  # noqa: DTZ007
        return datetime.strptime(text, "%Y%m%dT%H%M%S")  # noqa: DTZ007  # as the zone's clocks show it
    except ValueError:
        raise ValueError("has an UNTIL that is no instant, such as 20261231T220000Z") from None


def _ms(at: datetime) -> float:
    return at.timestamp() * 1000

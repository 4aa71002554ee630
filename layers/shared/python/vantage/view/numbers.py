"""Numbers as they are printed; a number and its unit are held together by a no-break space."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from vantage.monitor import Region

NBSP = "\u00a0"
EITHER_WAY = "either way"
NOTHING = "\u2013"  # a dash, where there is no number
NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
SHORT_NAMES = 3  # USA, EU; a longer name is written as a word


def percent(part: int, whole: int) -> str:
    """Floored to two digits; 100% only where it is exact, a dash where there is nothing to divide by."""
    if whole == 0:
        return NOTHING
    if part == whole:
        return "100%"
    hundredths = 10_000 * part // whole
    return f"{hundredths // 100}.{hundredths % 100:02}%"


def percent_of_some(part: int, whole: int) -> str:
    """The same of what is not nothing, which is not printed as nothing."""
    return "under 0.01%" if 0 < 10_000 * part < whole else percent(part, whole)


def bounds(low: str | None, high: str | None) -> str:
    """Between what a share in percent lies, such as 99.07 to 99.92%; “either way” where that makes no difference."""
    if low is None or high is None:
        return ""
    return EITHER_WAY if low == high else f"{whole(low)[:-1]}{NOTHING}{whole(high)}"


def whole(share: str) -> str:
    """A printed share with its sign; 100 without digits."""
    return "100%" if float(share) == 100 else f"{share}%"


def latency(microseconds: int | None) -> str:
    """Such as `1.4 ms`, `142 ms` or `1.24 s`; a dash where there is none."""
    if microseconds is None:
        return NOTHING
    if microseconds < 9_950:
        return f"{microseconds / 1000:.1f}{NBSP}ms"
    if microseconds < 999_500:
        return f"{microseconds / 1000:.0f}{NBSP}ms"
    return f"{microseconds / 1_000_000:.2f}{NBSP}s"


def milliseconds(value: float | None) -> str:
    """The same of milliseconds."""
    return latency(None if value is None else round(value * 1000))


def span(seconds: float) -> str:
    """Such as `12 s`, `26 min`, `3 h 5 min` or `2 d 4 h`: the two largest units, floored."""
    seconds = max(0, int(seconds))
    if seconds < 60:
        return f"{seconds}{NBSP}s"
    minutes, hours = seconds // 60, seconds // 3600
    if hours == 0:
        return f"{minutes}{NBSP}min"
    if hours < 24:
        return f"{hours}{NBSP}h" + (f" {minutes % 60}{NBSP}min" if minutes % 60 else "")
    return f"{hours // 24}{NBSP}d" + (f" {hours % 24}{NBSP}h" if hours % 24 else "")


def duration(seconds: int) -> str:
    """A configured duration as it is written in the monitors file, such as `30 s`, `5 min` or `1 h`."""
    return span(seconds) if seconds % 60 == 0 or seconds < 60 else f"{seconds}{NBSP}s"


def clock(at: datetime, now: datetime) -> str:
    """The time of day, with the day where it is not today's."""
    at = at.astimezone(UTC)
    return f"{at:%H:%M}" if at.date() == now.astimezone(UTC).date() else day(at)


def day(at: datetime) -> str:
    """The day and the time, such as `1 Dec, 10:00`."""
    at = at.astimezone(UTC)
    return f"{at.day}{NBSP}{at:%b}, {at:%H:%M}"


def month_day(at: datetime) -> str:
    """Such as `24 Nov`."""
    at = at.astimezone(UTC)
    return f"{at.day}{NBSP}{at:%b}"


def counted(number: int) -> str:
    """A number in a sentence: a word up to twelve."""
    return NUMBERS[number] if number < len(NUMBERS) else f"{number:,}"


def joined(words: Sequence[str], last: str = "and") -> str:
    """Such as `USA, India and EU`."""
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)


def capital(sentence: str) -> str:
    """With a capital at its beginning; the rest stays as it is."""
    return sentence[:1].upper() + sentence[1:]


def region_name(region: Region) -> str:
    """How a region is called in a sentence: USA and EU as they are, INDIA as India."""
    return region if len(region) <= SHORT_NAMES else region.replace("_", " ").title()


def names(regions: Iterable[Region], last: str = "and") -> str:
    """Regions in a sentence."""
    return joined([region_name(region) for region in regions], last)


def since_words(since: datetime | None, now: datetime, looked_back: timedelta) -> str:
    """Such as `Since 06:38 UTC, 26 min`, or for how long at least."""
    if since is None:
        return f"For more than {span(looked_back.total_seconds())}"
    return f"Since {clock(since, now)} UTC, {span((now - since).total_seconds())}"

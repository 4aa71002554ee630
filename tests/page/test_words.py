"""What is said of one monitor."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from vantage.check import Phases
from vantage.view.words import Sight, Took, reason_words, stopped_in, verdict_words

SINCE = datetime(2026, 11, 24, 6, 38, tzinfo=UTC)
UP = Sight("USA", "up", votes=True)
USA, INDIA, EU = UP, replace(UP, region="INDIA"), replace(UP, region="EU")


def down(sight: Sight, reason: str = "status 503", minutes: int = 0) -> Sight:
    """The same region, down."""
    return replace(sight, state="down", reason=reason, since=SINCE + timedelta(minutes=minutes))


def slow(sight: Sight) -> Sight:
    """The same region, slow."""
    return replace(sight, state="degraded", reason="answer takes 1.24 s", since=SINCE)


def silent(sight: Sight, state: str | None = "up") -> Sight:
    """The same region without fresh data."""
    return replace(sight, state=state, votes=False)


def failed(sight: Sight) -> Sight:
    """The same region, whose first and only check failed."""
    return replace(sight, state=None, votes=False, failed_last=True, reason="status 503")


@pytest.mark.parametrize(
    ("verdict", "sights", "bold", "rest"),
    [
        ("up", [USA, INDIA, EU], "Up from all regions", ""),
        ("up", [USA], "Up from USA", ""),
        ("up", [silent(USA), INDIA, EU], "Up from India and EU", "No data from USA."),
        ("up", [silent(USA, None), INDIA, EU], "Up from India and EU", "No result yet from USA."),
        (
            "up", [USA, replace(INDIA, failed_last=True, reason="status 503"), EU], "Up from all regions",
            "The last check from India failed (status 503); not confirmed yet.",
        ),
        (
            "regional", [USA, down(INDIA, "TLS timed out"), EU], "Down from India only",
            "TLS timed out from India; USA and EU fine.",
        ),
        (
            "regional", [silent(USA), down(INDIA), silent(EU)], "Down from India",
            "Status 503 from India. No data from USA and EU.",
        ),
        ("up", [USA, INDIA, slow(EU)], "Slow from EU", "Answer takes 1.24 s from EU; USA and India fine."),
        (
            "degraded", [slow(USA), slow(INDIA), slow(EU)], "Slow from all regions",
            "Answer takes 1.24 s from all regions.",
        ),
        (
            "degraded", [replace(slow(sight), reason="certificate ends soon") for sight in (USA, INDIA, EU)],
            "Certificate ends soon", "Up from all regions.",
        ),
        ("site_down", [down(USA), down(INDIA), down(EU)], "Site down", "Status 503 from all regions."),
        (
            "site_down", [down(USA), down(INDIA, "TLS timed out"), slow(EU)], "Site down",
            "TLS timed out from India; status 503 from USA; EU slow.",
        ),
        (
            "site_down", [silent(USA), down(INDIA), silent(EU)], "Down, single vantage point",
            "Status 503 from India. No data from USA and EU.",
        ),
        ("site_down", [down(EU)], "Site down", "Status 503 from EU."),
        ("no_data", [silent(USA, None), silent(EU, None)], "Waiting for the first check", ""),
        (
            "no_data", [failed(USA), failed(EU)], "Not known yet",
            "The first check from all regions failed (status 503); not confirmed yet.",
        ),
        (
            "up", [USA, failed(INDIA), EU], "Up from USA and EU",
            "The last check from India failed (status 503); not confirmed yet.",
        ),
        ("no_data", [silent(USA), silent(EU)], "No data", "Last seen up from all regions."),
        ("no_data", [silent(USA, "down"), silent(EU)], "No data", "Last seen down from USA."),
        ("paused", [USA], "Paused", ""),
        ("maintenance", [down(USA)], "In maintenance", ""),
    ],
)  # fmt: skip
def test_a_verdict_is_told_with_what_the_others_see(verdict: str, sights: list[Sight], bold: str, rest: str) -> None:
    """The verdict in bold, why and from where, and what the other regions say."""
    words = verdict_words(verdict, sights)
    assert (words.verdict, words.rest) == (bold, rest)


def test_a_silent_region_turns_no_verdict_red() -> None:
    """What is not seen is neither up nor down."""
    words = verdict_words("up", [silent(USA, "down"), INDIA, EU])
    assert words.verdict == "Up from India and EU"


def test_a_site_is_down_since_its_quorum_was() -> None:
    """The second region's first failure, not the first's."""
    words = verdict_words("site_down", [down(USA, minutes=0), down(INDIA, minutes=3), down(EU, minutes=9)])
    assert words.since == SINCE + timedelta(minutes=3)


def test_no_instant_is_told_that_is_not_known() -> None:
    """A failure older than what was looked at has no beginning."""
    older = replace(down(INDIA), since=None)
    assert verdict_words("regional", [USA, older, EU]).since is None
    assert verdict_words("site_down", [down(USA), older, EU]).since is None


@pytest.mark.parametrize(
    ("phases", "reason", "secure", "reused", "phase"),
    [
        (Phases(), "dns", True, False, "dns_us"),
        (Phases(), "timeout", True, False, "connect_us"),  # an address needs no name
        (Phases(dns_us=1), "timeout", True, False, "connect_us"),
        (Phases(dns_us=1, connect_us=1), "tls", True, False, "tls_us"),
        (Phases(connect_us=1), "timeout", True, False, "tls_us"),
        (Phases(connect_us=1), "timeout", False, False, "first_byte_us"),  # http has no TLS to fail in
        (Phases(), "timeout", True, True, "first_byte_us"),  # a kept connection begins there
        (Phases(1, 1, 1, 1), "timeout", True, False, "download_us"),
        (Phases(1, 1, 1, 1, 1), "body", True, False, None),
    ],
)
def test_a_check_without_an_answer_stopped_behind_the_last_phase_it_passed(
    phases: Phases, reason: str, secure: bool, reused: bool, phase: str | None
) -> None:
    """Or before the first; and nowhere, if it passed all."""
    assert stopped_in(phases, reason, secure=secure, reused=reused) == phase


@pytest.mark.parametrize(
    ("reason", "status", "stopped", "words"),
    [
        ("status", 503, None, "status 503"),
        ("timeout", None, "tls_us", "TLS timed out"),
        ("timeout", None, "connect_us", "connect timed out"),
        ("timeout", None, "first_byte_us", "no answer in 5 s"),
        ("timeout", None, "download_us", "cut off after 5 s"),
        ("timeout", None, None, "no answer in 5 s"),
        ("dns", None, "dns_us", "DNS failed"),
        ("connect", None, "connect_us", "connect failed"),
        ("certificate", None, None, "certificate expired"),
        ("blocked", 403, None, "blocked by a bot check"),
        ("slow", 200, None, "answer takes 80 ms"),
        ("a_reason_of_tomorrow", None, None, "a_reason_of_tomorrow"),
        (None, None, None, ""),
    ],
)
def test_a_reason_names_the_phase_the_number_and_the_limit(
    reason: str | None, status: int | None, stopped: str | None, words: str
) -> None:
    """Never `an error occurred`."""
    said = reason_words(reason, http_status=status, total_us=80_000, timeout_ms=5000, stopped=stopped)
    assert said.replace("\u00a0", " ") == words


def test_a_name_that_was_waited_for_to_the_end_timed_out() -> None:
    """And one that was refused at once failed."""
    late = reason_words("dns", http_status=None, total_us=5_000_400, timeout_ms=5000, stopped="dns_us")
    assert late == "DNS timed out"


def test_a_certificate_that_still_holds_has_not_expired() -> None:
    """Degraded: it ends soon."""
    words = reason_words("certificate", http_status=200, total_us=1, timeout_ms=1000, stopped=None, failed=False)
    assert words == "certificate ends soon"


@pytest.mark.parametrize(
    ("limit_ms", "first_byte_us", "said"),
    [
        (800, 1_239_000, "first byte takes 1.24 s (limit 800 ms)"),
        (1200, 1_000_000, "answer takes 1.24 s (limit 1.20 s), first byte alone 1.00 s"),
        (None, 1_239_000, "answer takes 1.24 s"),
    ],
)
def test_a_slow_answer_is_told_by_its_slowest_phase_and_the_limit(
    limit_ms: int | None, first_byte_us: int, said: str
) -> None:
    """The phase where it alone is too much. Red where only the answer as a whole was told."""
    words = reason_words(
        "slow", http_status=200, total_us=1_240_000, timeout_ms=5000, stopped=None, failed=False,
        took=Took(Phases(9_000, 20_000, 30_000, first_byte_us, 1_000), limit_ms),
    )  # fmt: skip
    assert words.replace("\xa0", " ") == said

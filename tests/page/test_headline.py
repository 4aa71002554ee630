"""What is said of all monitors: the worst thing, from where, how many."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.page.test_words import EU, INDIA, USA, down, failed, silent, slow
from vantage.view.headline import Case, Headline, headline
from vantage.view.words import CERTIFICATE_ENDS, Sight, verdict_words

NOW = datetime(2026, 11, 24, 7, 4, tzinfo=UTC)
HEARD = NOW - timedelta(minutes=4)


def case(name: str, *sights: Sight, verdict: str = "up") -> Case:
    """A monitor with these regions."""
    return Case(name, verdict, verdict_words(verdict, sights), sights)


def fine(count: int) -> list[Case]:
    """Monitors that are up from everywhere."""
    return [case(f"Site {n}", USA, INDIA, EU) for n in range(count)]


def say(*cases: Case, silent_regions: list[str] | None = None) -> tuple[str, str]:
    """The headline, and the sentence below it with the monitor's name in it; plain spaces."""
    told: Headline = headline(cases, NOW, HEARD, [(r, HEARD) for r in silent_regions or []], timedelta(hours=24))
    lead = f"{told.name}: {told.lead}" if told.name else told.lead
    return told.title.replace("\u00a0", " "), lead.replace("\u00a0", " ").strip()


def test_all_up() -> None:
    """From all regions, or from the only one."""
    assert say(*fine(6)) == ("All 6 up from all regions", "Every monitor answered its last check.")
    assert say(*fine(1))[0] == "Up from all regions"
    assert say(case("Site", USA), case("Shop", USA))[0] == "All 2 up from USA"
    assert say(case("Site", USA), case("Shop", EU))[0] == "All 2 up from all their regions"


def test_down_from_one_region_is_said_as_that() -> None:
    """The monitor by name, since when, and the rest in counts that add up."""
    failing = case("Checkout", USA, down(INDIA, "TLS timed out"), EU, verdict="regional")
    title, lead = say(failing, case("Search", USA, INDIA, slow(EU)), *fine(4))
    assert title == "Down from India only: 1 of 6"
    assert lead == (
        "Checkout: TLS timed out from India; USA and EU fine. Since 06:38 UTC, 26 min. "
        "One is slow from EU. Four are up from all regions."
    )


def test_a_site_that_is_down_outweighs_all_else() -> None:
    """Even a silent region: it is the site's visitors who suffer."""
    dead = case("Blog", down(USA), down(INDIA), down(EU), verdict="site_down")
    also = replace(dead, name="Reports")
    regional = case("Checkout", USA, down(INDIA), EU, verdict="regional")
    title, lead = say(dead, also, regional, *fine(2), silent_regions=["EU"])
    assert title == "Down: 2 of 5"
    assert lead.endswith("One more is down. One is down from India only. Two are up from all regions.")


def test_regions_that_differ_are_joined_by_or() -> None:
    """Two monitors, each down from another region."""
    title, _ = say(
        case("A", USA, down(INDIA), EU, verdict="regional"),
        case("B", down(USA), INDIA, EU, verdict="regional"),
        *fine(1),
    )
    assert title == "Down from USA or India only: 2 of 3"


def test_slow_is_said_from_where() -> None:
    """From one region or from all."""
    assert say(case("A", USA, INDIA, slow(EU)), *fine(1))[0] == "Slow from EU: 1 of 2"
    everywhere = case("A", slow(USA), slow(INDIA), slow(EU), verdict="degraded")
    assert say(everywhere)[0] == "Slow from all regions: 1 of 1"


def test_a_certificate_that_ends_soon_is_said_as_that() -> None:
    """Not as slow: the site is up, and quick. What is slow is worse, and told first."""
    ending = case("Mail", *(replace(slow(sight), reason=CERTIFICATE_ENDS) for sight in (USA, INDIA, EU)))
    title, lead = say(ending, *fine(2))
    assert title == "Certificate ends soon: 1 of 3"
    assert lead.startswith("Mail: Up from all regions. Since ")
    assert lead.endswith("Two are up from all regions.")
    title, lead = say(ending, case("Search", USA, INDIA, slow(EU)))
    assert (title, lead.endswith("One has a certificate that ends soon.")) == ("Slow from EU: 1 of 2", True)


def test_a_silent_region_is_our_fault_and_nobody_is_down() -> None:
    """It is said first and plainly."""
    quiet = [case(f"Site {n}", silent(USA), INDIA, EU) for n in range(6)]
    title, lead = say(*quiet, silent_regions=["USA"])
    assert title == "No data from USA for 4 min"
    assert lead == "The fault is on our side: the USA vantage point is silent. Six are up from India and EU."


def test_nothing_heard_from_anywhere_says_since_when() -> None:
    """Never a mass down."""
    title, lead = say(
        *(case(f"S{n}", silent(USA), silent(INDIA, "down"), silent(EU), verdict="no_data") for n in range(3))
    )
    assert title == "No data since 07:00"
    assert "on our side" in lead


def test_a_monitor_alone_without_data_is_counted() -> None:
    """Where the others are heard of."""
    lost = case("Shop", silent(USA), silent(INDIA), silent(EU), verdict="no_data")
    assert say(lost, *fine(2)) == (
        "No data: 1 of 3",
        "Shop: Last seen up from all regions. Two are up from all regions.",
    )


def test_what_has_just_begun_waits() -> None:
    """No result is neither up nor down."""
    new = [silent(USA, None), silent(INDIA, None), silent(EU, None)]
    assert say(case("A", *new, verdict="no_data"))[0] == "Waiting for the first checks"
    title, lead = say(case("A", *new, verdict="no_data"), *fine(2))
    assert title == "2 of 3 up from all regions"
    assert lead == "One is not known yet. Two are up from all regions."
    assert say(case("A", *(failed(sight) for sight in new), verdict="no_data")) == (
        "Not known yet", "One failure confirms nothing. One is not known yet.",
    )  # fmt: skip
    first = case("B", USA, silent(INDIA, None), silent(EU, None))
    assert say(first)[0] == "Up, not yet from everywhere: 1 of 1"


def test_one_failure_confirms_nothing_and_is_not_hidden() -> None:
    """All are up, and the sentence says what was seen."""
    unsure = case("Shop", USA, replace(INDIA, failed_last=True, reason="status 503"), EU)
    title, lead = say(unsure, *fine(1))
    assert title == "All 2 up from all regions"
    assert lead == "Shop: The last check from India failed (status 503); not confirmed yet."


def test_paused_monitors_are_not_counted_among_those_watched() -> None:
    """They are named apart."""
    paused = case("Old", USA, verdict="paused")
    assert say(paused, *fine(2)) == (
        "All 2 up from all regions",
        "Every monitor answered its last check. One is paused.",
    )
    assert say(paused) == ("All paused", "One is paused.")


def test_no_monitor_at_all_says_what_to_do() -> None:
    """A newcomer's first look."""
    assert say() == ("Nothing to show yet", "A monitor with “public: true” is shown here.")

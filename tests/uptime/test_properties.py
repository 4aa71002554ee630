"""What holds for the figures of every history."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from vantage.check import Status
from vantage.uptime import Sight, Slots, Tally, Uptime, floored, raised, sight, site_sight, uptime

unhurried = settings(deadline=None)  # the machine may be busy
SIGHTS = st.sampled_from((Sight.GOOD, Sight.GOOD, Sight.BAD, Sight.UNSEEN))
REGIONS = st.dictionaries(st.sampled_from(("USA", "INDIA", "EU")), SIGHTS, min_size=1)
HELD = st.just({"USA": Sight.OUT, "EU": Sight.OUT})
histories = st.lists(
    st.builds(Slots, st.sampled_from((10, 60, 300, 86400)), REGIONS | HELD, st.booleans(), st.integers(1, 5)),
    max_size=30,
)
tallies = st.builds(Tally, *[st.integers(0, 10**9)] * 3)


def figures(counted: Uptime) -> Mapping[str, Tally]:
    """All tallies of a monitor."""
    return {**counted.regions, "availability": counted.availability, "reachability": counted.reachability}


def silent(slots: Slots) -> Slots:
    """The same slots, and nobody saw them."""
    return replace(slots, regions=dict.fromkeys(slots.regions, Sight.UNSEEN))


@unhurried
@given(histories)
def test_the_truth_lies_within_the_bounds(slots: list[Slots]) -> None:
    """Whatever the unseen slots were, good or bad, the full figure is between low and high (broken to see it fail: high
    without the unseen)."""
    for tally in figures(uptime(slots)).values():
        for good in (0, tally.unseen // 2, tally.unseen):
            truth = floored(tally.good + good, tally.scheduled, 9)
            if truth is not None:
                printed = tally.printed()
                low, high = Decimal(str(printed["low"])), Decimal(str(printed["high"]))
                assert low <= Decimal(truth)
                assert Decimal(truth) <= high or high == Decimal("99.99") > Decimal(truth) - Decimal("0.01")


@unhurried
@given(histories, st.integers(0, 29))
def test_silence_never_raises_uptime(slots: list[Slots], silenced: int) -> None:
    """Slots that nobody sees, in place of seen ones or besides them, never raise the low bound nor lower the high one,
    and besides them leave the uptime where it was (broken to see it fail: unseen counted as good)."""
    before = figures(uptime(slots))
    besides = figures(uptime([*slots, *map(silent, slots)]))
    instead = figures(uptime([silent(one) if n == silenced else one for n, one in enumerate(slots) if has_sight(one)]))
    kept = figures(uptime([one for one in slots if has_sight(one)]))
    for of, tally in before.items():
        assert (besides[of].good, besides[of].bad) == (tally.good, tally.bad)
        assert besides[of].unseen >= tally.unseen
    for of, tally in instead.items():
        assert tally.scheduled == kept[of].scheduled
        assert tally.good <= kept[of].good
        assert tally.good + tally.unseen >= kept[of].good + kept[of].unseen


def has_sight(slots: Slots) -> bool:
    """Not in maintenance: that leaves everything."""
    return Sight.OUT not in slots.regions.values()


@unhurried
@given(histories, st.randoms(use_true_random=False), st.integers(0, 30))
def test_order_and_parts_do_not_matter(slots: list[Slots], random: Random, cut: int) -> None:
    """Slots in any order, one by one, or hour by hour add up to the same."""
    whole = figures(uptime(slots))
    shuffled = [replace(one, count=1) for one in slots for _ in range(one.count)]
    random.shuffle(shuffled)
    assert figures(uptime(shuffled)) == whole
    first, second = figures(uptime(slots[:cut])), figures(uptime(slots[cut:]))
    none = Tally()
    assert {of: first.get(of, none) + second.get(of, none) for of in whole} == whole


@unhurried
@given(histories)
def test_the_pool_is_the_sum_of_the_regions(slots: list[Slots]) -> None:
    """Reachability counts every region's slot; availability each slot once."""
    counted = uptime(slots)
    assert counted.reachability == sum(counted.regions.values(), Tally())
    held = sum(one.weight_s for one in slots if not has_sight(one))
    assert counted.availability.scheduled == sum(one.weight_s for one in slots) - held


@unhurried
@given(tallies)
def test_a_hundred_means_all_of_it(tally: Tally) -> None:
    """100 is printed only where nothing bad was seen, as the high bound only where nothing bad was, and nothing without
    anything to divide by is a number."""
    printed = tally.printed()
    assert (printed["uptime"] == "100.00") == (tally.bad == 0 and tally.good > 0)
    assert (printed["high"] == "100.00") == (tally.bad == 0 and tally.scheduled > 0)
    assert (printed["uptime"] is None) == (tally.seen == 0)
    assert (printed["coverage"] is None) == (tally.scheduled == 0)


@unhurried
@given(st.integers(0, 10**12), st.integers(1, 10**12), st.sampled_from((2, 3)))
def test_printing_rounds_down_and_the_high_bound_up(part: int, rest: int, digits: int) -> None:
    """Never further than the last digit, and exactly where it is exact."""
    whole = part + rest
    exact = Decimal(part) * 100 / Decimal(whole)
    step = Decimal(10) ** -digits
    low, high = Decimal(floored(part, whole, digits) or ""), Decimal(raised(part, whole, digits) or "")
    assert low <= exact + Decimal("1e-20")
    assert exact - low < step
    assert high - low <= step
    assert high < 100


def test_what_a_row_means_for_a_slot() -> None:
    """Degraded is good; what was not probed, refused, or seen from a region at fault is unseen; maintenance is out."""
    plain = {status: sight(status, in_maintenance=False, at_fault=False) for status in (*Status, None)}
    assert plain == {
        Status.UP: Sight.GOOD, Status.DEGRADED: Sight.GOOD, Status.DOWN: Sight.BAD, Status.REFUSED: Sight.UNSEEN,
        Status.EXPIRED: Sight.UNSEEN, Status.DEAD: Sight.UNSEEN, None: Sight.UNSEEN,
    }  # fmt: skip
    assert {sight(status, in_maintenance=False, at_fault=True) for status in (*Status, None)} == {Sight.UNSEEN}
    assert {sight(status, in_maintenance=True, at_fault=fault) for status in Status for fault in (True, False)} == {
        Sight.OUT
    }


def test_one_region_of_several_that_sees_it_down_is_no_evidence() -> None:
    """Down from the only one that saw a slot: bad within an incident, or where no other was to look; else unseen."""
    alone = {"USA": Sight.BAD, "EU": Sight.UNSEEN}
    assert site_sight(Slots(60, alone)) is Sight.UNSEEN
    assert site_sight(Slots(60, alone, in_incident=True)) is Sight.BAD
    assert site_sight(Slots(60, {"USA": Sight.BAD})) is Sight.BAD
    assert site_sight(Slots(60, {"USA": Sight.GOOD, "EU": Sight.UNSEEN})) is Sight.GOOD


def test_the_interface_prints_three_digits() -> None:
    """One bad of 30,000 is 99.996, rounded down."""
    assert Tally(good=29_999, bad=1).printed(3)["uptime"] == "99.996"

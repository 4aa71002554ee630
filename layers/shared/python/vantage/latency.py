"""Times as mergeable histograms: percentiles of any span and any set of regions, each off by 2 % at most.

Buckets grow by GAMMA, as DDSketch's do (Masson et al., VLDB 2019): percentiles are never averaged, counts are added.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

GAMMA = 1.0408
FLOOR_US = 100


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many times lie in each bucket; the histogram of the whole is the sum of those of its parts."""

    counts: Mapping[int, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many times it holds."""
        return sum(self.counts.values())

    def quantile_ms(self, share: float) -> float | None:
        """The time (ms) that this share of all times does not exceed; None of nothing."""
        wanted = math.ceil(share * self.count)
        reached = 0
        for bucket in sorted(self.counts):
            reached += self.counts[bucket]
            if reached >= max(wanted, 1):
                return middle_us(bucket) / 1000
        return None


def merged(parts: Iterable[tuple[Iterable[int], Iterable[int]]]) -> Histogram:
    """The sum of sparse histograms, each as its buckets and their counts."""
    counts: dict[int, int] = {}
    for buckets, numbers in parts:
        for bucket, number in zip(buckets, numbers, strict=True):
            counts[bucket] = counts.get(bucket, 0) + number
    return Histogram(counts)


def bucket_of(time_us: int) -> int:
    """The smallest i with FLOOR_US x GAMMA^i at least as long."""
    return max(0, math.ceil(math.log(max(time_us, 1) / FLOOR_US) / math.log(GAMMA)))


def middle_us(bucket: int) -> float:
    """The time that stands for a bucket: as far, relatively, from its lower as from its upper end."""
    return FLOOR_US * 2 * GAMMA**bucket / (GAMMA + 1)

"""The Redis stream: one key, one consumer group per region.

`writer` is the producer's and housekeeper's side (synchronous), `reader` the worker's (on its event loop).
"""

STREAM = "checks:{0}"
"""The stream's key; the hash tag leaves room for shards."""

PUSHED = "pushed:{0}"
"""The newest tick that is pushed completely, set in its last page's transaction: see `pushed_mark`."""

LAST_SEQUENCE = (1 << 64) - 1
"""The greatest second half that an id can have."""


def pushed_mark(tick_s: int, *, below_a_minute: bool) -> bytes:
    """The value of that key: the tick (epoch s), and whether it has checks with an interval below a minute."""
    return b"%d:%d" % (tick_s, below_a_minute)


def read_pushed_mark(value: bytes | None) -> tuple[int, bool]:
    """Tick and mark again; (0, False) where nothing was pushed yet."""
    tick, _, below = (value or b"0").partition(b":")
    return int(tick), below == b"1"


def run_key(group: str) -> str:
    """Where a group's youngest run leaves its request id."""
    return f"run:{{0}}:{group}"

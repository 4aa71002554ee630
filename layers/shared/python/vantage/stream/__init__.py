"""The Redis stream: one key, one consumer group per region.

`writer` is the producer's and housekeeper's side (synchronous), `reader` the worker's (on its event loop).
"""

STREAM = "checks:{0}"
"""The stream's key; the hash tag leaves room for shards."""

PUSHED = "pushed:{0}"
"""The newest tick (epoch s) that is pushed completely, set in its last page's transaction."""


def run_key(group: str) -> str:
    """Where a group's youngest run leaves its request id."""
    return f"run:{{0}}:{group}"

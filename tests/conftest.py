"""What every test may use: `require`, for what a machine may lack."""

import os

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

pytest_plugins = ["tests.servers"]

# Minutes of a life, lived many times faster: two at once would be late for want of a CPU, so one follows the other, and
# what runs beside them, which only takes longer, leaves the CPU to them.
LIVES = ("tests/faults/test_lived.py", "tests/test_minutes_of_life.py", "tests/local/test_system.py")
BEHIND_LIVES = 10  # nice
# What waits longest is begun first and waits beside the others, so that the run does not end with one of them alone.
BEGUN_FIRST = (
    *LIVES,
    "tests/notify/test_end_to_end.py",
    "tests/probe/test_crowds.py",
    "tests/aws/test_emulator.py",
    "tests/notify/test_sending.py",
    "tests/house/test_set_up.py",
)


class Files(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """A file is one process's, and so are all lives together."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::", 1)[0]
        return "lives" if path in LIVES else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Files:
    """Who runs what, where several processes do (`-n`)."""
    return Files(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is begun first comes first; the rest stays in its order."""
    rank = {path: place for place, path in enumerate(BEGUN_FIRST)}
    items.sort(key=lambda item: rank.get(item.nodeid.split("::")[0], len(rank)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """A process that runs anything but lives stands back from here on, with all that it starts."""
    if os.environ.get("PYTEST_XDIST_WORKER") and item.nodeid.split("::")[0] not in LIVES:
        os.setpriority(os.PRIO_PROCESS, 0, max(BEHIND_LIVES, os.getpriority(os.PRIO_PROCESS, 0)))


def require(what: str, present: bool) -> None:
    """Skip the test, by name, where `what` is missing; where VANTAGE_REQUIRE_ALL is set, as in CI, fail instead."""
    if present:
        return
    if os.environ.get("VANTAGE_REQUIRE_ALL"):
        pytest.fail(f"{what} is missing, and VANTAGE_REQUIRE_ALL is set: .ci/run must install it.", pytrace=False)
    pytest.skip(f"needs {what}")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, as the functions do."""
    return "asyncio"

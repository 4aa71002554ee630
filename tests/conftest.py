"""What every test may use: `require`, for what a machine may lack."""

import os

import pytest

pytest_plugins = ["tests.servers"]


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

"""`make smoke` and the page of a deployment: asked over HTTP, and what is wrong with it is named."""

from collections.abc import Iterator

import pytest

from local.emulator import free_port
from local.web import start_page
from tests.sites import Site, serving
from tools.smoke import page

NOWHERE = {"database": "postgresql://nobody@127.0.0.1:1/vantage", "redis": "redis://127.0.0.1:1/0"}


class Broken(Site):
    """What API Gateway says where a function fails."""

    def get(self) -> None:
        """Not the page's own words."""
        self.answer(500, b'{"message":"Internal Server Error"}')


@pytest.fixture
def broken() -> Iterator[str]:
    """Its URL."""
    with serving(Broken) as url:
        yield url


@pytest.mark.parametrize(
    ("database", "redis_", "away"),
    [
        ("", "", []),
        (NOWHERE["database"], "", ["postgresql"]),
        ("", NOWHERE["redis"], ["redis"]),
        (NOWHERE["database"], NOWHERE["redis"], ["postgresql", "redis"]),
    ],
)
def test_a_page_is_well_when_it_reaches_both_servers_and_says_which_it_does_not(
    database_url: str, redis_url: str, database: str, redis_: str, away: list[str]
) -> None:
    """Of the page on real servers. (Red where only the status is looked at: a 503 said nothing of whose.)"""
    served = start_page(database or database_url, redis_ or redis_url, 0)
    try:
        what, well, said = page(served.url, "vantage")
    finally:
        served.close()
    assert (what, well) == ("page", not away)
    assert [name for name in ("postgresql", "redis") if f"no {name}" in said] == away
    assert served.url in said
    assert ("/vantage/api/" in said) == bool(away)


def test_a_page_that_fails_or_is_not_there_says_where_to_look(broken: str) -> None:
    """The function's log; the API itself."""
    _, well, said = page(broken, "vantage")
    assert (well, "answers 500" in said, "/aws/lambda/vantage-api" in said) == (False, True, True)
    _, well, said = page(f"http://127.0.0.1:{free_port()}", "vantage")
    assert (well, "ConnectError" in said) == (False, True)

"""The page, served as `vantage local` serves it."""

import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from local.web import Page, start_page


@pytest.fixture
def page(database_url: str, redis_url: str) -> Iterator[Page]:
    """On a free port, over an empty database."""
    served = start_page(database_url, redis_url, 0)
    yield served
    served.close()


def ask(page: Page, path: str = "/", method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, str]:
    """The answer and its body."""
    connection = http.client.HTTPConnection(urlsplit(page.url).netloc, timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer, body

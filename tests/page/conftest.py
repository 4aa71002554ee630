"""The page, served as `vantage local` serves it."""

import http.client
import shutil
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, sync_playwright

from local.web import Page, start_page
from tests.conftest import require

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-default-apps"]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    require("Chromium", CHROMIUM is not None)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield running
        running.close()


@pytest.fixture
def page(database_url: str, redis_url: str) -> Iterator[Page]:
    """On a free port, over an empty database."""
    served = start_page(database_url, redis_url, 0)
    yield served
    served.close()


def ask(page: Page, path: str = "/", method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, str]:
    """The answer and its body."""
    return submit(page, path, None, headers, method)


def submit(page: Page, path: str, body: bytes | None, headers: Mapping[str, str],
           method: str = "POST") -> tuple[http.client.HTTPResponse, str]:  # fmt: skip
    """The same of a form."""
    connection = http.client.HTTPConnection(urlsplit(page.url).netloc, timeout=10)
    connection.request(method, path, body, dict(headers))
    answer = connection.getresponse()
    told = answer.read().decode()
    connection.close()
    return answer, told

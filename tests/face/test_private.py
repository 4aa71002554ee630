"""Private monitors have pages of their own, for who is signed in; everybody else is sent to sign in."""

from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest

from tests.face.conftest import Asker
from tests.page.filled import add_maintenance, add_monitor, add_regions, settle

FORM = {"content_type": "application/x-www-form-urlencoded", "sec_fetch_site": "same-origin"}


@pytest.fixture
def filled(database: "psycopg.Connection[Any]") -> None:
    """A public site, and a private one that is down, with an incident, an address and announced work."""
    add_regions(database)
    add_monitor(database, "Website", {"USA": "UUUU", "EU": "UUUU"})
    add_monitor(
        database, "Vault", {"USA": "UDDD", "EU": "UDDD"}, public=False, spec='{"url": "https://vault.example.com/"}'
    )
    add_maintenance(database, "Move of the vault", 600, 660, "vault")
    settle(database)


@pytest.mark.usefixtures("filled")
def test_who_is_signed_in_sees_private_monitors_on_pages_of_their_own(anyone: Asker, reader: Asker) -> None:
    """The status page, a monitor's page with its address, incidents and news for programs; they lead to each other.

    Red where one read what is kept for the public page, or the other way round.
    """
    assert "Vault" not in anyone.get("/").text
    status = reader.get("/ops/status")
    assert "Down: 1\xa0of\xa02" in status.text
    assert 'href="/ops/status/vault"' in status.text
    assert 'data-watch="/ops/status.json"' in status.text
    assert "Move of the vault" in status.text
    assert "Private · <span" in status.text
    monitor = reader.get("/ops/status/vault")
    assert "Private: only who is signed in sees this." in monitor.text
    assert "https://vault.example.com/" in monitor.text
    assert "None." not in monitor.text.partition('id="incidents"')[2].partition('id="checks"')[0]
    assert reader.get("/ops/status/website").status == 200
    assert "Vault" in reader.get("/ops/incidents").text
    assert [one["slug"] for one in reader.get("/ops/status.json").json["monitors"]] == ["vault", "website"]
    assert "Vault" not in "".join(anyone.get(path).text for path in ("/", "/incidents", "/status.json"))
    assert reader.get("/monitors/vault").status == 404  # what everybody sees is the same for all


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("path", ["/ops/status", "/ops/status/vault", "/ops/status/nothing", "/ops/incidents"])
def test_who_is_not_is_sent_to_sign_in_and_back(anyone: Asker, reader: Asker, path: str) -> None:
    """To the page that was asked for, whether or not there is one. Red where everyone came out at /ops."""
    sent = anyone.get(path)
    assert (sent.status, sent.headers["location"]) == (303, f"/login?next={path}")
    assert f'<input type="hidden" name="next" value="{path}">' in anyone.get("/login", query={"next": path}).text
    wrong = anyone.post("/login", urlencode({"token": "vantage_no", "next": path}), **FORM)
    assert wrong.headers["location"] == f"/login?wrong&next={path}"
    there = anyone.post("/login", urlencode({"token": reader.token, "next": path}), **FORM)
    assert (there.headers["location"], len(there.cookies)) == (path, 1)
    assert anyone.get("/ops/status.json").status == 401


@pytest.mark.parametrize("next_", ["https://evil.example.com/", "//evil.example.com", "/ops//evil.example.com",
                                   "/ops/../x", "/ops\\evil", "/logout", "/ops/a\r\nset-cookie: a=b"])  # fmt: skip
def test_signing_in_leads_to_no_other_site(anyone: Asker, reader: Asker, next_: str) -> None:
    """Whatever a link to the form says. Red where any path was taken."""
    there = anyone.post("/login", urlencode({"token": reader.token, "next": next_}), **FORM)
    assert there.headers["location"] == "/ops"
    assert 'name="next"' not in anyone.get("/login", query={"next": next_}).text

"""A token becomes a cookie, and only for this site's own pages."""

import re

from tests.face.conftest import HOST, Asker

FORM = "application/x-www-form-urlencoded"
OWN, OTHERS = {"origin": f"https://{HOST}"}, {"origin": "https://evil.example.com"}


def signed_in(reader: Asker) -> list[str]:
    """The cookie that a browser keeps."""
    told = Asker(reader.app).post("/login", f"token={reader.token}", content_type=FORM, **OWN)
    assert (told.status, told.headers["location"]) == (303, "/ops")
    [cookie] = told.cookies
    assert re.fullmatch(r"vantage_token=vantage_[\w-]+; Path=/; Max-Age=\d+; HttpOnly; Secure; SameSite=Strict", cookie)
    return [cookie.partition(";")[0]]


def test_a_token_becomes_a_cookie_that_reads(reader: Asker) -> None:
    """HttpOnly, Secure, SameSite=Strict; and signing out takes it away."""
    cookies = signed_in(reader)
    browser = Asker(reader.app)
    assert browser.get("/v1/monitors", cookies=cookies).status == 200
    assert browser.get("/v1/monitors").status == 401
    assert "Max-Age=0" in browser.post("/logout", "", content_type=FORM, **OWN).cookies[0]


def test_a_wrong_token_signs_nobody_in(anyone: Asker) -> None:
    """No cookie, and the form again."""
    for body in ("token=vantage_wrong", "token=", "", "x" * 10_000):
        told = anyone.post("/login", body, content_type=FORM, **OWN)
        assert (told.status, told.headers["location"], told.cookies) == (303, "/login?wrong", [])


def test_another_sites_page_changes_nothing_by_a_visitors_cookie(writer: Asker) -> None:
    """Neither signs in nor makes a monitor; this site's own page may. Red where the origin was not looked at."""
    cookies = signed_in(writer)
    browser, site = Asker(writer.app), {"name": "A", "url": "https://a.example.com/"}
    assert browser.post("/login", f"token={writer.token}", content_type=FORM, **OTHERS).status == 403
    for headers in (OTHERS, {}, {"sec_fetch_site": "cross-site"}, {**OWN, "sec_fetch_site": "same-site"}):
        assert browser.post("/v1/monitors", site, cookies=cookies, **headers).status == 401
    assert browser.post("/v1/monitors", site, cookies=cookies, **OWN).status == 201

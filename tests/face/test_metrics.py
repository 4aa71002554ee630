"""/metrics as Prometheus reads it: what there is, and nothing where nothing is known."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from tests.face.conftest import Asker
from tests.page.filled import add_monitor, add_regions, add_ticks

LINE = re.compile(r'(\w+)\{((?:\w+="(?:[^"\\]|\\.)*",?)*)\} (-?[0-9.e+-]+)')


def read(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """The values of each metric, by the values of its labels; fails where a line is none, or no type is told before."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    typed = set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            typed.add(line.split()[2])
        elif not line.startswith("# HELP "):
            match = LINE.fullmatch(line)
            assert match, line
            assert match[1] in typed
            labels = tuple(re.findall(r'"((?:[^"\\]|\\.)*)"', match[2]))
            assert labels not in found.setdefault(match[1], {})
            found[match[1]][labels] = float(match[3])
    return found


def test_an_empty_system_tells_nothing_rather_than_zeros(reader: Asker) -> None:
    """Absent is not 0."""
    assert reader.get("/metrics").text == ""


def test_every_monitor_is_told_to_who_may_read(
    reader: Asker, anyone: Asker, database: "psycopg.Connection[Any]"
) -> None:
    """Private ones too; without a token nothing."""
    assert anyone.get("/metrics").status == 401
    add_regions(database)
    shop = add_monitor(database, "Shop", {"USA": "UUUU", "EU": "UUUF", "INDIA": "UUTT"}, public=False)
    add_monitor(database, "Old", {"USA": "DDDD"}, enabled=False)
    add_monitor(database, "New", {})
    ends = datetime(2027, 1, 1, tzinfo=UTC)
    database.execute(
        "INSERT INTO probe_detail (monitor_id, region, seen_at, certificate_expires_at) VALUES (%s, 'EU', now(), %s)",
        (shop, ends),
    )
    add_ticks(database, 20, stored=4, expired=1, closed_at=datetime.now(UTC) - timedelta(minutes=6))
    told = reader.get("/metrics")
    assert told.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = read(told.text)
    assert found["vantage_monitor_up"] == {("shop", "USA"): 1, ("shop", "INDIA"): 0, ("shop", "EU"): 1}
    assert found["vantage_verdict"]["shop", "up"] == 1
    assert found["vantage_verdict"]["old", "paused"] == 1
    assert sum(found["vantage_verdict"].values()) == 2  # one verdict each, and none of what was never checked
    took = found["vantage_probe_duration_seconds"]
    assert (took["shop", "EU", "dns"], took["shop", "EU", "tls"]) == (0.009, 0.03)
    assert ("shop", "USA", "dns") not in took  # a kept connection needs none
    assert found["vantage_certificate_expiry_timestamp_seconds"] == {("shop", "EU"): ends.timestamp()}
    assert found["vantage_checks_total"]["EU", "stored"] == 80
    assert found["vantage_checks_total"]["EU", "expired"] == 20
    assert found["vantage_checks_total"]["EU", "lost"] == 0
    assert 0 <= found["vantage_coverage_ratio"]["shop", "24h"] <= 1
    assert "vantage_stream_lag" not in found  # nothing was ever pushed


def test_how_long_the_oldest_unread_check_waits(
    reader: Asker, database: "psycopg.Connection[Any]", redis_client: Any
) -> None:
    """In seconds, by region; 0 where all is read."""
    add_regions(database)
    seconds, _ = redis_client.time()
    for group in ("monitor-runners-usa", "monitor-runners-eu"):
        redis_client.xgroup_create("checks:{0}", group, id="0", mkstream=True)
    redis_client.xadd("checks:{0}", {"e": b"x"}, id=f"{(seconds - 30) * 1000}-1")
    redis_client.xreadgroup("monitor-runners-eu", "c", {"checks:{0}": ">"})
    lags = read(reader.get("/metrics").text)["vantage_stream_lag"]
    assert 30 <= lags["USA",] < 60
    assert lags["EU",] == 0

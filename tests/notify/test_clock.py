"""What the clock has people told of: reminders, certificates that end soon, sites that are slow for long."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vantage.judge.bench import Outcome
from vantage.judge.facts import moment
from vantage.judge.letters import NOTICES
from vantage.notify.message import message_of
from vantage.store import judging
from vantage.store.channels import EVENTS, Channel, save_channels
from vantage.store.connection import AsyncDatabase
from vantage.store.notices import write_due
from vantage.store.outbox import Letter

Database = Any
BEGAN = datetime.now(UTC).replace(hour=6, minute=38, second=0, microsecond=0)
REGIONS = (
    '[{"region": "USA", "state": "down", "since": "2026-11-24T06:38:00Z", "reason": "timeout", "http_status": null, '
    '"latency_ms": 5000, "phase": "tls", "timeout_ms": 5000}, {"region": "EU", "state": "down", "since": '
    '"2026-11-24T06:38:00Z", "reason": "timeout", "http_status": null, "latency_ms": 5000, "phase": "tls", '
    '"timeout_ms": 5000}]'
)


@pytest.fixture
def shop(database: Database) -> Database:
    """A database with the monitor `shop` and three enabled regions; `team` hears everything of it, `deaf` only what is
    regional."""
    team = Channel("team", "webhook", {"url": "https://example.com/"}, EVENTS, 3600)
    save_channels(database, [team, Channel("deaf", "webhook", {"url": "https://example.com/"}, ["regional"], 3600)])
    for region in ("USA", "INDIA", "EU"):
        database.execute("INSERT INTO region (name, aws_region, redis_group) VALUES (%s, 'x', %s)", (region, region))
    database.execute(
        """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms, channels)
           VALUES ('shop', 'Shop', 'http', '{"url": "https://shop.example/"}', 60, 5000, '{team,deaf}')"""
    )
    return database


def told(database: Database, database_url: str, at: datetime) -> list[str]:
    """What is written at an instant, as texts, each with its channel."""
    before = {number for (number,) in database.execute("SELECT id FROM outbox")}

    async def write() -> None:
        there = AsyncDatabase(database_url)
        await write_due(await there.connection(), at)
        await there.close()

    asyncio.run(write())
    rows = database.execute(
        """SELECT o.id, channel, subject, o.type, facts, o.created_at, 1, c.type, c.config
             FROM outbox o JOIN channel c ON c.name = o.channel ORDER BY o.id"""
    ).fetchall()
    letters = [Letter(*row) for row in rows if row[0] not in before]
    return [f"{letter.channel}: {message_of(letter).text}" for letter in letters]


def add_incident(database: Database) -> None:
    """An open incident of `shop`."""
    database.execute(
        """INSERT INTO incident (monitor_id, began_at, opened_at, single_vantage, reason, phase, facts)
           SELECT id, %s, %s, false, 'timeout', 'tls', jsonb_build_object('regions', %s::jsonb) FROM monitor""",
        (BEGAN, BEGAN, REGIONS),
    )


def remember(database: Database, verdict: str, *, at: datetime = BEGAN, flapping: bool = False) -> None:
    """What judging remembers of `shop`."""
    memory = f'{{"v": 1, "flapping": [{str(flapping).lower()}, "", []]}}'
    database.execute(
        """INSERT INTO judged_memory SELECT id, %s, %s FROM monitor
               ON CONFLICT (monitor_id) DO UPDATE SET memory = excluded.memory, verdict = excluded.verdict""",
        (memory, verdict),
    )
    database.execute("INSERT INTO verdict SELECT id, %s, %s FROM monitor ON CONFLICT DO NOTHING", (at, verdict))


def test_an_open_incident_is_reminded_of_until_somebody_has_it(shop: Database, database_url: str) -> None:
    """Once per `remind_every`, those in between that nobody could write are left out; not who wants no `down`.

    Red where acknowledged incidents were not left out.
    """
    add_incident(shop)
    hour = timedelta(hours=1)

    assert told(shop, database_url, BEGAN + hour - timedelta(seconds=1)) == []
    assert told(shop, database_url, BEGAN + hour) == [
        "team: Shop is still down from USA and EU, for 1 h now: TLS timed out. Since 06:38 UTC."
    ]
    assert told(shop, database_url, BEGAN + 1.9 * hour) == []
    assert len(told(shop, database_url, BEGAN + 3.5 * hour)) == 1
    assert told(shop, database_url, BEGAN + 3.9 * hour) == []
    shop.execute("UPDATE incident SET acknowledged_at = now()")
    assert told(shop, database_url, BEGAN + 9 * hour) == []
    shop.execute("UPDATE incident SET acknowledged_at = NULL, resolved_at = now()")
    assert told(shop, database_url, BEGAN + 9 * hour) == []


@pytest.mark.parametrize("quiet", ["paused", "deleted", "maintenance", "flapping", "channel off"])
def test_nobody_is_reminded_of_what_is_meant_to_be_quiet(quiet: str, shop: Database, database_url: str) -> None:
    """Paused, deleted, announced or flapping: silence. Red with `is_told_of` taken out."""
    add_incident(shop)
    if quiet == "flapping":
        remember(shop, "site_down", flapping=True)
    elif quiet == "maintenance":
        shop.execute("INSERT INTO maintenance (name, starts, duration_s, timezone) VALUES ('x', now(), 1, 'UTC')")
        shop.execute(
            "INSERT INTO maintenance_window SELECT id, %s, %s FROM maintenance", (BEGAN, BEGAN + timedelta(hours=9))
        )
    elif quiet == "channel off":
        shop.execute("UPDATE channel SET enabled = false")
    else:
        shop.execute(f"UPDATE monitor SET {'enabled = false' if quiet == 'paused' else 'deleted_at = now()'}")

    assert told(shop, database_url, BEGAN + timedelta(hours=2)) == []


def add_certificate(database: Database, region: str, ends: datetime) -> None:
    """A region has seen a certificate."""
    database.execute(
        """INSERT INTO probe_detail (monitor_id, region, seen_at, certificate_expires_at)
           SELECT id, %s, now(), %s FROM monitor
               ON CONFLICT (monitor_id, region) DO UPDATE
              SET certificate_expires_at = excluded.certificate_expires_at""",
        (region, ends),
    )


def test_a_certificate_is_told_at_14_7_3_and_1_days_once_each(shop: Database, database_url: str) -> None:
    """Of several in time's passing only the last; a renewed one begins anew."""
    ends = BEGAN + timedelta(days=20)
    for region in ("USA", "INDIA", "EU"):
        add_certificate(shop, region, ends)
    days = [14.01, 14, 13.9, 7, 6, 2.9, 0.9, 0.5, -1]

    heard = [told(shop, database_url, ends - timedelta(days=left)) for left in days]

    assert [len(texts) for texts in heard] == [0, 1, 0, 1, 0, 1, 1, 0, 0]
    [text] = heard[3]
    assert text.startswith(
        f"team: The certificate of Shop ends in 7 d, on {ends.day} {ends:%b}, 06:38 UTC, as seen from"
    )
    assert text.endswith(" USA, India and EU. Renew it before then, or the site is down.")
    add_certificate(shop, "USA", ends + timedelta(days=30))
    assert len(told(shop, database_url, ends + timedelta(days=28))) == 1
    rows = shop.execute("SELECT facts -> 'certificate' ->> 'notice_days' FROM outbox ORDER BY id").fetchall()
    assert [days for (days,) in rows] == ["14", "7", "3", "1", "3"]


@pytest.mark.parametrize("change", [
    """UPDATE monitor SET spec = '{"url": "http://shop.example/"}'""",
    """UPDATE monitor SET spec = spec || '{"verify_tls": false}'""",
    "UPDATE monitor SET enabled = false",
    "UPDATE region SET enabled = false",
    "UPDATE channel SET events = '{down,up}'",
])  # fmt: skip
def test_a_certificate_that_is_nobody_s_to_renew_is_not_told(change: str, shop: Database, database_url: str) -> None:
    """Of what is not https any more, not verified, paused, or last seen by a region that looks no more."""
    add_certificate(shop, "USA", BEGAN + timedelta(days=5))
    shop.execute(change)

    assert told(shop, database_url, BEGAN) == []


def slow_from(database: Database, *regions: str, reason: str = "slow") -> None:
    """These regions see `shop` degraded."""
    for region in regions:
        database.execute(
            "INSERT INTO region_state SELECT id, %s, 'degraded', %s, %s FROM monitor", (region, BEGAN, BEGAN)
        )
        database.execute("SELECT ensure_result_days(%s, %s)", (BEGAN.date(), BEGAN.date()))
        database.execute(
            """INSERT INTO check_result (monitor_id, checked_at, recorded_at, region, status, reason, interval_s,
                                         total_us, reused, cold, lagging, confirmed, extra)
               SELECT id, %s, %s, %s, 'degraded', %s, 60, 1240000, false, false, false, false, false FROM monitor""",
            (BEGAN, BEGAN, region, reason),
        )


def test_a_site_that_is_slow_for_ten_minutes_is_told_and_that_it_is_over(shop: Database, database_url: str) -> None:
    """Each once, from where, and what was measured. Red where the verdict's age was not asked for."""
    slow_from(shop, "USA", "EU")
    remember(shop, "degraded")
    ten = timedelta(minutes=10)

    assert told(shop, database_url, BEGAN + ten - timedelta(seconds=1)) == []
    assert told(shop, database_url, BEGAN + ten) == [
        "team: Shop is degraded from USA and EU: answer takes 1.24 s. Since 06:38 UTC."
    ]
    assert told(shop, database_url, BEGAN + 2 * ten) == []
    remember(shop, "no_data")
    assert told(shop, database_url, BEGAN + 3 * ten) == []
    shop.execute("DELETE FROM judged_memory")
    assert told(shop, database_url, BEGAN + 4 * ten) == ["team: Shop is well again, after 40 min of being degraded."]
    assert told(shop, database_url, BEGAN + 5 * ten) == []


def test_an_incident_says_it_for_a_slow_site(shop: Database, database_url: str) -> None:
    """Nobody hears that it is well when it is down; who keeps alerts, that this one is over. Nor does anybody hear of
    what a certificate's notices say already."""
    slow_from(shop, "USA", reason="certificate")
    remember(shop, "degraded")
    assert told(shop, database_url, BEGAN + timedelta(hours=1)) == []
    slow_from(shop, "EU")
    assert len(told(shop, database_url, BEGAN + timedelta(hours=1))) == 1
    add_incident(shop)
    remember(shop, "site_down")
    shop.execute("UPDATE channel SET type = 'slack' WHERE name = 'team'")
    shop.execute("INSERT INTO channel SELECT 'program', 'webhook', config, events FROM channel WHERE name = 'team'")
    shop.execute("UPDATE monitor SET channels = '{team,program}'")
    shop.execute("INSERT INTO outbox (channel, subject, key, type, facts) SELECT 'program', subject, key, type, facts"
                 " FROM outbox")  # fmt: skip
    assert told(shop, database_url, BEGAN + timedelta(minutes=50)) == [
        "program: Shop is not degraded any more; what it is now is told by itself."
    ]
    assert shop.execute("SELECT count(*) FROM slow_episode").fetchone() == (0,)


def test_a_message_says_what_was_said_of_the_check_where_it_is_not_up(shop: Database) -> None:
    """Since it is so: of a region that is up, or that has said nothing since, there is no sentence, and no old one.

    Red without the state and the instant asked for.
    """
    at_ms = int(BEGAN.timestamp() * 1000)
    for region, after_s in (("USA", 60), ("INDIA", 60), ("EU", -60)):
        shop.execute(
            """INSERT INTO probe_detail (monitor_id, region, seen_at, detail, detail_at)
               SELECT id, %(region)s::text::location, %(at)s, 'Said ' || %(region)s::text, %(at)s FROM monitor""",
            {"region": region, "at": BEGAN + timedelta(seconds=after_s)},
        )
    states = {"USA": "down", "INDIA": "up", "EU": "down"}
    regions = [{"region": region, "state": state, "since": moment(at_ms)} for region, state in states.items()]
    outcome = Outcome()
    outcome.notices.append(
        {"n": 1, "monitor_id": 1, "key": "k", "type": "incident.opened", "event": "down", "incident": None,
         "facts": {"regions": regions}}
    )  # fmt: skip

    judging.write(shop, outcome.decided())

    [(written,)] = shop.execute("SELECT facts -> 'regions' FROM outbox").fetchall()
    assert [(seen["region"], seen["detail"]) for seen in written] == [
        ("USA", "Said USA"),
        ("INDIA", None),
        ("EU", None),
    ]
    slow_from(shop, "USA")
    [(facts,)] = shop.execute("SELECT region_facts(m) FROM monitor m").fetchall()
    assert [(seen["region"], seen["detail"]) for seen in facts] == [("USA", "Said USA")]


def test_a_channel_hears_what_it_wants_and_nothing_else(shop: Database) -> None:
    """Of all that judging has to tell, by the event that each belongs to. Red with the channel's events left out."""
    save_channels(shop, [Channel(event, "webhook", {"url": "https://example.com/"}, [event]) for event in EVENTS])
    shop.execute("UPDATE monitor SET channels = %s", (list(EVENTS),))
    outcome = Outcome()
    for number, (kind, (type_, event)) in enumerate(NOTICES.items()):
        outcome.notices.append(
            {"n": number, "monitor_id": 1, "key": kind, "type": type_, "event": event, "incident": None, "facts": {}}
        )

    judging.write(shop, outcome.decided())

    rows = shop.execute("SELECT channel, array_agg(type ORDER BY id) FROM outbox GROUP BY 1 ORDER BY 1").fetchall()
    assert rows == [
        ("down", ["incident.opened"]),
        ("flapping", ["monitor.flapping", "monitor.settled", "monitor.settled"]),
        ("regional", ["advisory.opened", "advisory.closed"]),
        ("up", ["incident.resolved"]),
    ]

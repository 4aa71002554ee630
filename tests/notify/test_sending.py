"""The notifier on a real outbox and real receivers: at least once by one id, in order, troubles kept apart."""

import asyncio
import gzip
import json
import threading
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.notify.receivers import Answer, Received, receiver
from tests.notify.sending import SCALE, send
from vantage.clock import Pace
from vantage.errors import ServerUnavailable
from vantage.notify.backoff import Patience, retry_after_s
from vantage.store.channels import Channel, delete_channels, load_channels, save_channels, switch_on

Database = Any


def add_channel(database: Database, name: str, url: str) -> None:
    """A webhook channel."""
    save_channels(database, [Channel(name, "webhook", {"url": url})])


def add_incidents(database: Database, channel: str, count: int, monitors: int = 10) -> None:
    """Letters of so many incidents, opened and resolved, of a few monitors in turn."""
    for number in range(1, count + 1):
        facts = {
            "incident_id": number, "verdict": "site_down", "kind": "", "at": "2026-11-24T08:00:00Z",
            "began_at": "2026-11-24T08:00:00Z", "opened_at": "2026-11-24T08:00:00Z",
            "monitor": {"slug": f"m{number % monitors}", "name": "Shop"}, "regions": [],
        }  # fmt: skip
        for kind in ("opened", "resolved"):
            resolved = {"resolved_at": "2026-11-24T08:05:00Z" if kind == "resolved" else None}
            database.execute(
                "INSERT INTO outbox (channel, subject, key, type, facts) VALUES (%s, %s, %s, %s, %s)",
                (channel, str(number % monitors), f"{kind}:{number}", f"incident.{kind}", json.dumps(facts | resolved)),
            )


def run(database_url: str, **options: Any) -> Any:
    """One run within this process."""
    return asyncio.run(send(database_url, **options))


def waiting(database: Database) -> int:
    """How many letters are not told yet."""
    query = "SELECT count(*) FROM outbox WHERE sent_at IS NULL AND given_up_at IS NULL"
    return int(database.execute(query).fetchone()[0])


def test_each_letter_arrives_once_and_in_order(database: Database, database_url: str) -> None:
    """Everything arrives; per monitor an incident's end comes after its beginning and before the next one's."""
    with receiver() as hook:
        add_channel(database, "hook", hook.url)
        add_incidents(database, "hook", 20, monitors=4)
        done = run(database_url)
    assert (done.sent, waiting(database), len(hook.received)) == (40, 0, 40)
    for slug in {one.json["data"]["monitor"]["slug"] for one in hook.received}:
        mine = [one.json for one in hook.received if one.json["data"]["monitor"]["slug"] == slug]
        told = [(one["data"]["incident"]["id"], one["type"]) for one in mine]
        assert told == sorted(told)


@pytest.mark.parametrize("body", [b"junk", gzip.compress(bytes(40_000_000))], ids=["not gzip", "40 MB of zeros"])
def test_what_a_receiver_answers_with_is_not_inflated(database: Database, database_url: str, body: bytes) -> None:
    """Called gzip, it breaks no run and takes no memory. Seen red: where httpx read the body, both did."""
    with receiver(lambda _: (200, {"Content-Encoding": "gzip"})) as hook:
        hook.body = body
        add_channel(database, "hook", hook.url)
        add_incidents(database, "hook", 1)
        tracemalloc.start()
        try:
            done = run(database_url)
            most_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert (done.sent, waiting(database)) == (2, 0)
    assert most_bytes < 20_000_000


def test_a_channel_that_hangs_or_fails_holds_up_no_other(database: Database, database_url: str) -> None:
    """While one receiver never answers and another answers 500, the third gets everything at once.

    Seen red where a run waited for all channels before it took more.
    """

    def hang(_: Received) -> Answer:
        time.sleep(1.5)
        return 204, {}

    with receiver(hang) as hanging, receiver(lambda _: (500, {})) as failing, receiver() as well:
        for name, url in (("hanging", hanging.url), ("failing", failing.url), ("well", well.url)):
            add_channel(database, name, url)
            add_incidents(database, name, 3, monitors=3)
        began_s = time.monotonic()
        done = run(database_url)
        took_s = time.monotonic() - began_s
    assert (done.sent, len(well.received)) == (6, 6)
    assert well.received[-1].at_s - began_s < 0.5 < took_s < 5
    assert done.troubles == {"hanging": "no answer within 0.5 s", "failing": "answered 500"}


def test_a_database_that_goes_away_ends_the_run_in_words_and_with_it_all_its_work(
    database: Database, database_url: str
) -> None:
    """The letter that was sent cannot be noted, while others hang, of this channel and another. Red: a bare error
    of the driver, and the others' work went on behind it."""
    first, may_end = threading.Semaphore(), threading.Event()

    def cut(one: Received) -> Answer:
        if not first.acquire(blocking=False):
            return hang(one)
        database.execute(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE pid <> pg_backend_pid() AND datname = current_database()"""
        )
        return 204, {}

    def hang(_: Received) -> Answer:
        may_end.wait(5)
        return 204, {}

    async def scenario() -> int:
        with pytest.raises(ServerUnavailable, match="PostgreSQL does not answer"):
            await send(database_url)
        return len(asyncio.all_tasks())

    with receiver(cut) as cutting, receiver(hang) as hanging:
        for name, hook in (("cutting", cutting), ("hanging", hanging)):
            add_channel(database, name, hook.url)
            add_incidents(database, name, 3)
        try:
            assert asyncio.run(scenario()) == 1
        finally:
            may_end.set()


def test_a_sender_that_breaks_is_its_channel_s_trouble_alone(database: Database, database_url: str) -> None:
    """A configuration of which no sender knew that it may be: refused, tried again, and the other channel is told.

    Red where only the foreseen exceptions were a refusal: the run ended with AttributeError.
    """
    with receiver() as hook:
        save_channels(database, [Channel("broken", "webhook", {"url": hook.url, "headers": ["X-Team"]})])
        add_channel(database, "well", hook.url)
        for name in ("broken", "well"):
            add_incidents(database, name, 1)
        done = run(database_url)
    assert (hook.kinds(), done.sent, done.postponed) == (["incident.opened", "incident.resolved"], 2, 1)
    assert done.troubles == {"broken": "cannot be told (AttributeError)"}


def live_until_due(database: Database) -> float:
    """Let life go on to when the next letter may be sent, without waiting for it; returns by how many seconds."""
    row = database.execute(
        """WITH first AS (SELECT DISTINCT ON (subject) due_at FROM outbox
                           WHERE sent_at IS NULL AND given_up_at IS NULL ORDER BY subject, id),
                ahead AS (SELECT greatest(min(due_at) - clock_timestamp(), '0') AS span FROM first)
           UPDATE outbox SET due_at = due_at - span, created_at = created_at - span FROM ahead
        RETURNING extract(epoch FROM span)::float8"""
    ).fetchone()
    return float(row[0])


def test_a_receiver_that_is_gone_for_an_hour_gets_everything_afterwards(database: Database, database_url: str) -> None:
    """Refused connections are tried again, further and further apart, and after the hour all arrives, once and in
    order. Instants move and nobody waits.

    Red where a letter was given up after half an hour, and where the waits did not grow.
    """
    with receiver() as hook:
        url = hook.url
    add_channel(database, "hook", url)
    add_incidents(database, "hook", 2, monitors=2)
    waits: list[float] = []
    while sum(waits) < 3600:
        assert run(database_url, scale=1).postponed >= 1
        waits.append(live_until_due(database))
    assert 10 < len([wait for wait in waits if wait > 1]) <= 2 * 12
    assert waiting(database) == 4
    with receiver(port=int(url.rpartition(":")[2])) as back:
        while waiting(database):
            run(database_url, scale=1)
            live_until_due(database)
    assert sorted(back.kinds()) == ["incident.opened"] * 2 + ["incident.resolved"] * 2
    assert len(back.received) == 4


def test_retry_after_is_honoured(database: Database, database_url: str) -> None:
    """429 with Retry-After: not before that long, then it is taken."""
    answers: Iterator[Answer] = iter([(429, {"Retry-After": "60"}), (204, {})])
    with receiver(lambda _: next(answers)) as hook:
        add_channel(database, "hook", hook.url)
        add_incidents(database, "hook", 1)
        database.execute("DELETE FROM outbox WHERE type = 'incident.resolved'")
        assert run(database_url).postponed == 1
        deadline_s = time.monotonic() + 10
        while waiting(database):
            assert time.monotonic() < deadline_s
            run(database_url)
    assert hook.received[1].at_s - hook.received[0].at_s >= 60 / SCALE


@pytest.mark.parametrize("header", ["Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "²", "soon", ""])
def test_a_retry_after_that_says_nothing_is_no_wish(header: str) -> None:
    """Whatever a receiver writes there. Seen red with OverflowError and with digits that are no number."""
    assert retry_after_s(header, datetime.now(UTC)) is None


def test_410_switches_the_channel_off(database: Database, database_url: str) -> None:
    """A receiver that is gone is asked no more, `vantage channels` says why, and the operator hears of it; and, by the
    same key, that the channel is on again, or away. Red without the triggers of migration 0068."""
    with receiver(lambda _: (410, {})) as hook, receiver() as operator:
        add_channel(database, "hook", hook.url)
        save_channels(database, [Channel("ops", "webhook", {"url": operator.url}, operator=True)])
        add_incidents(database, "hook", 3, monitors=1)
        done = run(database_url)
        run(database_url)
        [channel, _] = load_channels(database)
        switch_on(database, "hook")
        run(database_url)
        database.execute("UPDATE channel SET enabled = false WHERE name = 'hook'")
        delete_channels(database, ["hook"])  # switched off by hand, so nobody was told
        run(database_url)
    assert [one.json["text"] for one in operator.received] == [
        "Channel hook is switched off: the receiver answered 410: it is gone. Nobody is told by it.",
        "Channel hook is not switched off any more.",
    ]
    assert len({one.json["dedup_key"] for one in operator.received}) == 1
    assert (done.switched_off, len(hook.received), waiting(database)) == (["hook"], 1, 0)
    assert (channel.enabled, channel.disabled_reason) == (False, "the receiver answered 410: it is gone")


def test_a_channel_that_takes_nothing_for_long_is_the_operator_s_news(database: Database, database_url: str) -> None:
    """Once, by another channel, with the reason; and that it takes messages again. Red where nobody was told."""
    answers: Iterator[Answer] = iter([(500, {}), (500, {}), *[(204, {})] * 2])
    with receiver(lambda _: next(answers)) as hook, receiver() as operator:
        add_channel(database, "hook", hook.url)
        save_channels(database, [Channel("ops", "webhook", {"url": operator.url}, operator=True)])
        add_incidents(database, "hook", 1)
        for attempts in (8, 9, 10):
            database.execute("UPDATE outbox SET attempts = %s, due_at = now() WHERE channel = 'hook'", (attempts,))
            run(database_url)
    assert [one.json["text"] for one in operator.received] == [
        "Channel hook takes no messages: answered 500. They are tried again for a day.",
        "Channel hook takes messages again.",
    ]
    assert len({one.json["dedup_key"] for one in operator.received}) == 1


def test_what_nobody_takes_for_a_day_is_given_up(database: Database, database_url: str) -> None:
    """And what comes behind it goes on."""
    answers: Iterator[Answer] = iter([(500, {}), *[(204, {})] * 5])
    with receiver(lambda _: next(answers)) as hook:
        add_channel(database, "hook", hook.url)
        add_incidents(database, "hook", 1)
        done = run(database_url, patience=Patience(give_up_after_s=0))
    assert (done.given_up, done.sent, waiting(database)) == (1, 1, 0)


def test_nothing_private_is_spoken_to(database: Database, database_url: str) -> None:
    """A channel whose name stands for an inner address is refused with the reason; nothing reaches it."""
    with receiver() as hook:
        add_channel(database, "hook", hook.url)
        add_incidents(database, "hook", 1)
        done = run(database_url, allow_private=False)
    assert (hook.received, done.sent) == ([], 0)
    assert "private or loopback" in done.troubles["hook"]


@pytest.mark.parametrize(("attempts", "wish_s", "expected_s"), [
    (1, None, 5), (2, None, 10), (5, None, 80), (40, None, 900), (1, 60, 60), (1, 1, 5), (1, 90_000, 3600),
])  # fmt: skip
def test_waits_double_up_to_a_quarter_of_an_hour(attempts: int, wish_s: float | None, expected_s: float) -> None:
    """And the receiver's wish is honoured up to an hour."""
    assert Patience().delay_s(attempts, wish_s) == expected_s
    assert Pace(SCALE).real_s(60) == 1

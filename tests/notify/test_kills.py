"""The notifier killed again and again, whatever it is at: to each receiver exactly one message that an incident opened,
and one that it resolved, as far as the receiver can tell the same message from another."""

import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.notify import sending
from tests.notify.mailbox import mailbox
from tests.notify.receivers import Answer, Received, Receiver, receiver
from tests.notify.test_mail import add_mail
from tests.notify.test_sending import add_channel, add_incidents, waiting
from vantage.notify.run import AT_ONCE
from vantage.store.channels import Channel, save_channels

Database = Any
FORKS = multiprocessing.get_context("forkserver")  # a process a run, and its imports only once
FORKS.set_forkserver_preload(["tests.notify.sending"])
INCIDENTS = 14


def kill_until_told(database: Database, url: str, arrived: Callable[[], int], authorities: str | None = None) -> int:
    """Run after run, each killed soon after something of it arrived, until nothing waits; returns how many."""
    chance, kills, deadline_s = random.Random(1), 0, time.monotonic() + 100
    while waiting(database):
        assert time.monotonic() < deadline_s
        enough, patience_s = arrived() + chance.randrange(1, 5), time.monotonic() + 1
        process = FORKS.Process(target=sending.run, args=(url, authorities))
        process.start()
        while arrived() < enough and process.is_alive() and time.monotonic() < patience_s:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.01))
        kills += process.is_alive()
        process.kill()
        process.join()
        process.close()
    assert kills > 3
    return kills


@dataclass
class Moody:
    """Takes a request after a while, or gives it up after a longer one; `taken` are those that it has."""

    chance: random.Random = field(default_factory=lambda: random.Random(2))
    taken: list[Received] = field(default_factory=list)

    def __call__(self, one: Received) -> Answer:
        """An answer, to whoever may be there to hear it."""
        if self.chance.random() < 0.2:
            time.sleep(0.1)
            return 500, {}
        time.sleep(self.chance.uniform(0, 0.03))
        self.taken.append(one)
        return 204, {}


def test_a_webhook_is_told_once_by_id(database: Database, database_url: str) -> None:
    """The same id and the same body, however often; nothing is lost. Broken once by noting a letter as sent before it
    was."""
    moody = Moody()
    with receiver(moody) as hook:
        add_channel(database, "hook", hook.url)
        add_incidents(database, "hook", INCIDENTS, monitors=7)
        kill_until_told(database, database_url, lambda: len(hook.received))
    found = Receiver(received=moody.taken).by_id()
    assert all(bodies == [bodies[0]] * len(bodies) for bodies in found.values())
    told = [(bodies[0]["data"]["incident"]["id"], bodies[0]["type"]) for bodies in found.values()]
    wanted = [(n, f"incident.{kind}") for n in range(1, INCIDENTS + 1) for kind in ("opened", "resolved")]
    assert sorted(told) == sorted(wanted)


def test_a_mail_comes_once_by_its_message_id(database: Database, database_url: str, tmp_path: Path) -> None:
    """As mail programs see it, and mail servers that look; nothing is lost. Red with an id that an attempt makes."""
    with mailbox(tmp_path) as box:
        add_mail(database, box)
        database.execute("DELETE FROM outbox")
        add_incidents(database, "mail", INCIDENTS, monitors=7)
        kill_until_told(database, database_url, lambda: len(box.mails), box.authorities)
    found = {mail["Message-ID"]: (mail["References"], mail["Subject"].startswith("Shop is up")) for mail in box.mails}
    wanted = [
        (f"<vantage-incident-{n}@vantage.invalid>", is_up) for n in range(1, INCIDENTS + 1) for is_up in (False, True)
    ]
    assert sorted(found.values()) == sorted(wanted)


def test_slack_gets_everything_and_twice_only_what_was_on_its_way(database: Database, database_url: str) -> None:
    """An incoming webhook takes no id, so what was sent and not noted when the notifier died comes again: as many as
    are sent at once, for each kill, and no more. Nothing is lost."""
    moody = Moody()
    with receiver(moody) as room:
        save_channels(database, [Channel("room", "slack", {"url": room.url})])
        add_incidents(database, "room", INCIDENTS, monitors=7)
        database.execute("UPDATE outbox SET facts = jsonb_set(facts, '{monitor,name}', to_jsonb('Shop ' || key))")
        kills = kill_until_told(database, database_url, lambda: len(room.received))
    counted = Counter(one.json["text"].split(" is ")[0] for one in moody.taken)
    assert set(counted) == {f"Shop {kind}:{n}" for n in range(1, INCIDENTS + 1) for kind in ("opened", "resolved")}
    assert sum(counted.values()) - len(counted) <= AT_ONCE * kills

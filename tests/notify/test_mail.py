"""Channels of type email, on a real mail server; and of type sns, on a stand-in."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.notify.mailbox import TAKEN, Mailbox, mailbox
from tests.notify.sending import send
from tests.notify.test_sending import add_incidents, waiting
from vantage.notify import Notified
from vantage.notify.message import Message
from vantage.notify.sns import request
from vantage.store.channels import Channel, save_channels

Database = Any


def run(database_url: str, box: Mailbox, **options: Any) -> Notified:
    """One run that trusts the mail server's authority."""
    return asyncio.run(send(database_url, authorities=box.authorities, **options))


def add_mail(database: Database, box: Mailbox, **config: Any) -> None:
    """A channel to the mail server, and one incident's two letters."""
    given = {
        "to": ["ops@example.com"],
        "sender": "vantage@example.com",
        "host": "127.0.0.1",
        "port": box.port,
        **config,
    }
    save_channels(database, [Channel("mail", "email", given)])
    add_incidents(database, "mail", 1)


def test_an_incident_is_two_mails_in_one_thread(database: Database, database_url: str, tmp_path: Path) -> None:
    """Over STARTTLS, logged in; the subject says what, the text where more is to be seen. Red without the login."""
    with mailbox(tmp_path, with_auth=True) as box:
        add_mail(database, box, to=["ops@example.com", "boss@example.com"], user="bot", password="env:PASSWORD")
        done = run(database_url, box)
    opened, resolved = box.mails
    assert (done.sent, box.users) == (2, [(b"bot", b"pa55")] * 2)
    assert opened["Subject"] == "Shop is down"
    assert (opened["From"], opened["To"]) == ("Vantage <vantage@example.com>", "ops@example.com, boss@example.com")
    assert opened["References"] == resolved["References"] == "<vantage-incident-1@vantage.invalid>"
    assert opened["Message-ID"] != resolved["Message-ID"]
    assert opened.get_content().rstrip().endswith("https://status.example.com/ops/status/m1#incidents")
    assert resolved.get_content().startswith("Shop is up again, after 5 min")


def test_a_mail_goes_over_tls_from_the_first_byte(database: Database, database_url: str, tmp_path: Path) -> None:
    """As port 465 has it."""
    with mailbox(tmp_path, with_tls=True) as box:
        add_mail(database, box, tls="tls")
        assert run(database_url, box).sent == 2


def test_a_mail_server_is_believed_by_its_certificate_only(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    """An unknown authority, and no password is sent. Red with an unchecked context."""
    with mailbox(tmp_path, with_auth=True) as box:
        add_mail(database, box, user="bot", password="env:PASSWORD")
        done = asyncio.run(send(database_url))
    assert (box.mails, box.users) == ([], [])
    assert "certificate" in done.troubles["mail"].lower()


def test_a_name_and_a_private_server_are_guarded_alike(database: Database, database_url: str, tmp_path: Path) -> None:
    """The mail server is no way into one's own network. Red with the guard taken out."""
    with mailbox(tmp_path) as box:
        add_mail(database, box)
        done = run(database_url, box, allow_private=False)
    assert box.mails == []
    assert "private or loopback" in done.troubles["mail"]


def test_what_a_mail_server_refuses_is_tried_again_with_the_reason(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    """451 now, and taken later: once, by one id."""
    with mailbox(tmp_path) as box:
        box.answers = ["451 4.7.1 Greylisted, come again", TAKEN]
        add_mail(database, box)
        done = run(database_url, box)
        assert done.troubles == {"mail": "the mail server 127.0.0.1 answered 451 4.7.1 Greylisted, come again"}
        database.execute("UPDATE outbox SET due_at = now()")
        run(database_url, box)
    subjects = [mail["Subject"] for mail in box.mails]
    assert (waiting(database), subjects) == (
        0,
        ["Shop is down", "Shop is up again, after 5 min (down from 08:00 to 08:05 UTC)"],
    )


def test_an_address_that_is_refused_costs_only_itself(database: Database, database_url: str, tmp_path: Path) -> None:
    """The others get it, once; where all are refused, the reason is told."""
    with mailbox(tmp_path) as box:
        add_mail(database, box, to=["nobody@example.com", "ops@example.com"])
        assert run(database_url, box).sent == 2
        database.execute("DELETE FROM outbox")
        add_mail(database, box, to=["nobody@example.com"])
        done = run(database_url, box)
    assert len(box.mails) == 2
    assert done.troubles == {"mail": "the mail server 127.0.0.1 answered 550 5.1.1 no such user"}


def test_a_mail_server_that_hangs_or_is_gone_is_tried_again(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    """Within the time that a message may take."""
    with mailbox(tmp_path) as box:
        box.hangs = True
        add_mail(database, box)
        hung = run(database_url, box)
    database.execute("UPDATE outbox SET due_at = now()")
    gone = run(database_url, box)
    assert hung.troubles == {"mail": "the mail server 127.0.0.1 does not answer within 2 s"}
    assert gone.troubles["mail"].startswith("the mail server 127.0.0.1 cannot be used: ")
    assert waiting(database) == 2


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Callable[[], list[dict[str, Any]]]]]:
    """A topic of a stand-in for SNS, and what a queue that listens to it has been given."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        sns, sqs = boto3.client("sns", region_name="eu-central-1"), boto3.client("sqs", region_name="eu-central-1")
        arn = sns.create_topic(Name="alerts")["TopicArn"]
        queue = sqs.create_queue(QueueName="alerts")["QueueUrl"]
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint="arn:aws:sqs:eu-central-1:123456789012:alerts")

        def given() -> list[dict[str, Any]]:
            got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
            return [json.loads(one["Body"]) for one in got]

        yield arn, given


def test_a_topic_gets_the_webhook_s_body(
    database: Database, database_url: str, topic: tuple[str, Callable[[], list[dict[str, Any]]]]
) -> None:
    """For programs; people get the text. A topic that is not there is told with SNS's own word."""
    arn, given = topic
    save_channels(database, [Channel("sns", "sns", {"topic": arn})])
    add_incidents(database, "sns", 1)
    done = asyncio.run(send(database_url))
    got = given()
    save_channels(database, [Channel("sns", "sns", {"topic": arn + "-not"})])
    database.execute("UPDATE outbox SET sent_at = NULL")
    missing = asyncio.run(send(database_url))

    assert done.sent == len(got) == 2
    assert {json.loads(one["Message"])["type"] for one in got} == {"incident.opened", "incident.resolved"}
    assert {one["Subject"] for one in got} >= {"Shop is down"}
    assert got[0]["MessageAttributes"]["dedup_key"]["Value"] == "vantage-incident-1"
    assert missing.troubles == {"sns": "SNS answered NotFound"}


def test_a_fifo_topic_takes_each_message_once_and_any_subject_is_one_that_sns_takes() -> None:
    """By the message's id; SNS wants ASCII, begun by a letter or a digit, below 100 characters."""
    message = Message("msg_7", "test", datetime(2026, 11, 24, tzinfo=UTC), "vantage-test-7", "\u00fcber " * 40, {})

    asked = request(message, "arn:aws:sns:eu-central-1:123456789012:alerts.fifo")

    assert (asked["MessageDeduplicationId"], asked["MessageGroupId"]) == ("msg_7", "vantage")
    assert asked["Subject"].startswith("Vantage: ?ber ")
    assert len(asked["Subject"]) < 100
    assert "MessageGroupId" not in request(message, "arn:aws:sns:eu-central-1:123456789012:alerts")

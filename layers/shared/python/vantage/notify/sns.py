"""One message into a topic of Amazon SNS, by boto3, which is on Lambda already and is imported when it is needed."""

import asyncio
import functools
import json
from typing import Any

from vantage.notify.message import Message
from vantage.notify.post import NotTaken

LONGEST_SUBJECT = 99
FIFO = ".fifo"


async def publish(message: Message, topic: str) -> None:
    """Publish to the topic with this ARN; raises NotTaken."""
    try:
        await asyncio.to_thread(_publish, message, topic)
    except ImportError:
        raise NotTaken("boto3 is not installed here; on AWS Lambda it is") from None


def _publish(message: Message, topic: str) -> None:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # costs a cold start

    try:
        _client(topic.split(":")[3]).publish(**request(message, topic))
    except ClientError as error:
        raise NotTaken(f"SNS answered {error.response['Error']['Code']}") from None
    except BotoCoreError as error:
        raise NotTaken(f"SNS cannot be reached: {error}"[:300]) from None


@functools.cache
def _client(region: str) -> Any:
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    patience = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 1})
    return boto3.client("sns", region_name=region, config=patience)


def request(message: Message, topic: str) -> dict[str, Any]:
    """What is asked of SNS: text for people, the webhook's body for programs; a FIFO topic takes each message once."""
    text = "\n".join(filter(None, [message.text, message.url]))
    body = message.body().decode()
    return {
        "TopicArn": topic,
        "Subject": _subject(message.headline),
        "MessageStructure": "json",
        "Message": json.dumps(
            {"default": text, "sqs": body, "lambda": body, "http": body, "https": body, "firehose": body}
        ),
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value}
            for name, value in (("type", message.type), ("dedup_key", message.dedup_key))
        },
        **({"MessageGroupId": "vantage", "MessageDeduplicationId": message.id} if topic.endswith(FIFO) else {}),
    }


def _subject(headline: str) -> str:
    """ASCII that begins with a letter or a digit, as SNS wants it."""
    plain = "".join(char if " " <= char <= "~" else "?" for char in headline)
    return plain[:LONGEST_SUBJECT] if plain[:1].isalnum() else f"Vantage: {plain}"[:LONGEST_SUBJECT]

"""Whoever has something to tell has the notifier run at once."""

import logging
from datetime import UTC, datetime

log = logging.getLogger("vantage")


def kick(notifier: str) -> None:
    """Have the notifier (its ARN or name) run now; where that fails, its schedule finds what there is to tell."""
    if not notifier:
        return
    import boto3  # noqa: PLC0415  # it costs a cold start, and most runs have nothing to tell
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    minute = datetime.now(UTC).replace(second=0, microsecond=0).isoformat().replace("+00:00", "Z")
    # Judging waits for it, and the notifier's schedule is never far.
    patience = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1})
    try:
        region = notifier.split(":")[3] if ":" in notifier else None
        client = boto3.client("lambda", region_name=region, config=patience)
        client.invoke(FunctionName=notifier, InvocationType="Event", Payload=f'{{"time": "{minute}"}}')
    except (BotoCoreError, ClientError) as error:
        log.warning("the notifier could not be called and will run by its schedule: %s", type(error).__name__)

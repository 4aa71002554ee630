"""smoke.py REGION: looks at a deployed region from outside; ends with 1 where something is not well there.

It changes nothing. It needs the same sign-in as `make deploy`.
"""

import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import boto3
import httpx
from botocore.exceptions import BotoCoreError, ClientError

from local.places import environments, place

SERVERS = ("postgresql", "redis")
PATIENCE_S = 35  # API Gateway gives a function 30
LATELY = timedelta(minutes=10)
Finding = tuple[str, bool, str]


def main(arguments: list[str]) -> None:
    """Print what was found and end with 1 where something of it is not well."""
    names = environments()
    if len(arguments) != 1 or arguments[0] not in names:
        sys.exit(f"Say which region: {', '.join(names)} (make smoke REGION={names[0]}).")
    where = place(arguments[0])
    session = boto3.Session(region_name=where.aws_region)
    try:
        findings = list(look(session, os.environ.get("STACK") or where.stack))
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"AWS does not answer: {error}")
    for what, well, is_so in findings:
        print(f"{'ok  ' if well else 'FAIL'}  {what}: {is_so}")
    sys.exit(0 if all(well for _, well, _ in findings) else 1)


def look(session: Any, stack: str) -> Iterator[Finding]:
    """The stack, its functions' last ten minutes, its queue, its alarms, and at home the page."""
    found = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    state = found["StackStatus"]
    yield "stack", state in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), state
    names = [each["Name"] for each in session.client("scheduler").list_schedules(NamePrefix=f"{stack}-")["Schedules"]]
    watch = session.client("cloudwatch")
    for name in names:
        ran, failed = (total(watch, "AWS/Lambda", metric, "FunctionName", name) for metric in ("Invocations", "Errors"))
        yield name, ran > 0 and failed == 0, f"{ran:.0f} runs, {failed:.0f} errors in 10 minutes"
    worker = session.client("lambda").get_function_configuration(FunctionName=f"{stack}-worker")
    region = worker["Environment"]["Variables"]["REGION"]
    stored = total(watch, stack, "ChecksStored", "Region", region)
    yield f"results of {region}", stored > 0, f"{stored:.0f} stored in 10 minutes"
    queue = session.client("sqs").get_queue_url(QueueName=f"{stack}-dead-letters")["QueueUrl"]
    attributes = session.client("sqs").get_queue_attributes(
        QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"]
    )
    waiting = int(attributes["Attributes"]["ApproximateNumberOfMessages"])
    yield "dead letters", waiting == 0, str(waiting)
    alarms = watch.describe_alarms(AlarmNamePrefix=f"{stack}-")["MetricAlarms"]
    ringing = [each["AlarmName"] for each in alarms if each["StateValue"] == "ALARM"]
    yield "alarms", not ringing, f"{', '.join(ringing) or 'none'} of {len(alarms)} ringing"
    for url in (each["OutputValue"] for each in found.get("Outputs", ()) if each["OutputKey"] == "Url"):
        yield page(url, stack)


def page(url: str, stack: str) -> Finding:
    """Whether the page and the API answer there, and both servers behind them; else what is wrong."""
    try:
        answer = httpx.get(f"{url}/healthz", timeout=PATIENCE_S)
    except httpx.HTTPError as error:
        return "page", False, f"nobody answers at {url} ({type(error).__name__}): is its API still there (sam deploy)?"
    if away := servers_away(answer):
        cure = f"see its firewall and what SSM holds under /{stack}/api/ (make secrets)"
        return "page", False, f"{url} reaches no {' and no '.join(away)}: {cure}"
    if answer.status_code != HTTPStatus.OK:
        return "page", False, f"{url} answers {answer.status_code}; the log group /aws/lambda/{stack}-api says why"
    return "page", True, f"{url} answers, and reaches PostgreSQL and Redis"


def servers_away(answer: httpx.Response) -> list[str]:
    """The servers that the page says it does not reach."""
    try:
        said = answer.json()
    except ValueError:
        return []
    return [name for name in SERVERS if isinstance(said, dict) and said.get(name) is False]


def total(watch: Any, namespace: str, metric: str, dimension: str, value: str) -> float:
    """The sum of a metric over the last ten minutes."""
    now = datetime.fromtimestamp(time.time(), UTC)
    until = now + timedelta(minutes=1)  # of an instant AWS takes the whole second only, and this one belongs to it
    answer = watch.get_metric_statistics(
        Namespace=namespace, MetricName=metric, Dimensions=[{"Name": dimension, "Value": value}],
        StartTime=now - LATELY, EndTime=until, Period=60, Statistics=["Sum"],
    )  # fmt: skip
    return float(sum(point["Sum"] for point in answer["Datapoints"]))


if __name__ == "__main__":
    main(sys.argv[1:])

"""Asking the workers of regions for something of their own: a process of the local system's, or a Lambda on AWS."""

import asyncio
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.fleet import REGIONS, deploy
from vantage.clock import Pace
from vantage.errors import SettingsError, VantageError

ALL = "all"
Replies = dict[str, dict[str, Any]]


class NoAnswer(VantageError):
    """A region's worker could not be asked, or failed."""


def regions(wanted: str, event: Mapping[str, Any], data_dir: Path, stack: str) -> Replies:
    """What the worker of a region, or of all, answers to an event; raises NoAnswer or SettingsError."""
    names = list(REGIONS) if wanted == ALL else [wanted]
    if unknown := [name for name in names if name not in REGIONS]:
        raise SettingsError(f"--region: there is no region {unknown[0]}; there are {', '.join(REGIONS)}, and {ALL}.")
    local = _local_settings(data_dir)
    if local is None:
        return {name: _on_aws(name, event, stack) for name in names}
    return asyncio.run(_here(names, event, local))


def _local_settings(data_dir: Path) -> dict[str, str] | None:
    """The settings of the local system's functions; None: none runs."""
    try:
        found: dict[str, str] = json.loads((data_dir / "urls.json").read_text())
    except (OSError, ValueError):
        return None
    return {**os.environ, **found}


async def _here(names: list[str], event: Mapping[str, Any], settings: Mapping[str, str]) -> Replies:
    """Each in an environment of its own, as Lambda would make one beside those that are busy."""
    with tempfile.TemporaryDirectory() as logs:
        fleet = deploy(settings, Path(logs), lambda _: None, lambda: None, Pace())
        try:
            replies = await asyncio.gather(*(fleet.workers[name].invoke(event) for name in names))
        finally:
            await fleet.stop()
    return {name: _result(name, reply) for name, reply in zip(names, replies, strict=True)}


def _result(name: str, reply: Mapping[str, Any]) -> dict[str, Any]:
    if "error" in reply:
        raise NoAnswer(f"The worker of {name} failed: {reply['error'] or reply.get('type')}")
    result: dict[str, Any] = reply["result"]
    return result


def _on_aws(name: str, event: Mapping[str, Any], stack: str) -> dict[str, Any]:
    # It costs half a second, and a local system does without it.
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client = boto3.client("lambda", region_name=REGIONS[name])
        reply = client.invoke(FunctionName=f"{stack}-worker", Payload=json.dumps(event).encode())
    except (BotoCoreError, ClientError) as error:
        raise NoAnswer(
            f"The worker of {name} cannot be asked ({error}). No local system runs here, so it was looked for on AWS; "
            f"start one (vantage local), or set AWS credentials that may invoke {stack}-worker in {REGIONS[name]}."
        ) from None
    answer: dict[str, Any] = json.loads(reply["Payload"].read())
    if "FunctionError" in reply:
        raise NoAnswer(f"The worker of {name} failed: {answer.get('errorMessage', 'it does not say why')}")
    return answer

"""put_secrets.py REGION: writes the URLs of Redis and PostgreSQL into SSM, encrypted, for each function of a region.

REGION is an environment of samconfig.toml (usa, india, eu). The values come from the environment of this command, never
from its arguments, and are not printed: REDIS_URL and DATABASE_URL for all functions, or WORKER_REDIS_URL,
PRODUCER_DATABASE_URL and so on for one of them. KMS_KEY_ID is the key to encrypt with, where it is not SSM's own.
"""

import os
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from vantage.errors import SettingsError
from vantage.settings import check_encrypted

ROOT = Path(__file__).resolve().parents[1]
BOTH = ("REDIS_URL", "DATABASE_URL")
EVERYWHERE = {"worker": BOTH}
AT_HOME = {"producer": BOTH, "housekeeper": BOTH, "notifier": ("DATABASE_URL",), "api": BOTH}


def main(arguments: list[str], env: Mapping[str, str]) -> None:
    """Check all values before any is written, then write them."""
    where = environment(arguments)
    stack, aws_region = env.get("STACK") or where["stack_name"], where["region"]
    values = {
        parameter_name(stack, function, name): value_of(env, function, name)
        for function, names in needed(aws_region, env.get("HOME_REGION", "us-east-1")).items()
        for name in names
    }
    ssm = boto3.client("ssm", region_name=aws_region)
    for parameter, value in values.items():
        print(f"{aws_region} {parameter}: version {put(ssm, parameter, value, env.get('KMS_KEY_ID', ''))}")


def needed(aws_region: str, home: str) -> dict[str, tuple[str, ...]]:
    """Which URLs each function of an AWS region reads."""
    return EVERYWHERE | (AT_HOME if aws_region == home else {})


def environment(arguments: list[str]) -> dict[str, str]:
    """Stack and AWS region of the samconfig environment that is asked for."""
    tables = tomllib.loads((ROOT / "samconfig.toml").read_text())
    names = [name for name, table in tables.items() if isinstance(table, dict)]
    if len(arguments) != 1 or arguments[0] not in names:
        stop(f"Say which region: {', '.join(names)} (make secrets REGION={names[0]}).")
    found: dict[str, str] = tables[arguments[0]]["global"]["parameters"]
    return found


def parameter_name(stack: str, function: str, name: str) -> str:
    """As in template.yaml, such as /vantage/worker/redis-url."""
    return f"/{stack}/{function}/{name.lower().replace('_', '-')}"


def value_of(env: Mapping[str, str], function: str, name: str) -> str:
    """A function's own value, else the one for all; ends with a sentence where there is none or it is not encrypted."""
    own = f"{function.upper()}_{name}"
    used = own if env.get(own) else name
    value = env.get(used, "")
    if not value:
        stop(f"Neither {own} nor {name} is set in the environment; nothing was written.")
    try:
        check_encrypted(used, value)
    except SettingsError as error:
        stop(f"{error} Nothing was written.")
    return value


def put(ssm: Any, parameter: str, value: str, key: str) -> int:
    """Write one parameter; returns its version."""
    more = {"KeyId": key} if key else {}
    try:
        answer = ssm.put_parameter(Name=parameter, Value=value, Type="SecureString", Overwrite=True, **more)
    except (BotoCoreError, ClientError) as error:
        stop(f"{parameter} was not written: {error}")
    return int(answer["Version"])


def stop(sentence: str) -> NoReturn:
    """End with a sentence for the person at the terminal."""
    sys.exit(f"secrets: {sentence}")


if __name__ == "__main__":
    main(sys.argv[1:], os.environ)

"""put_secrets.py REGION: writes the URLs of Redis and PostgreSQL into SSM, encrypted, for each function of a region.

REGION is an environment of samconfig.toml (usa, india, eu). The values come from the environment of this command, never
from its arguments, and are not printed: REDIS_URL and DATABASE_URL for all functions, or WORKER_REDIS_URL,
PRODUCER_DATABASE_URL and so on for one of them. KMS_KEY_ID is the key to encrypt with, where it is not SSM's own.
"""

import os
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.places import Place, environments, place
from vantage.errors import SettingsError
from vantage.settings import check_encrypted


def main(arguments: list[str], env: Mapping[str, str]) -> None:
    """Check all values before any is written, then write them."""
    where = asked_for(arguments)
    stack = env.get("STACK") or where.stack
    values = {
        f"/{stack}/{function}/{url}": value_of(env, function, url.upper().replace("-", "_"))
        for function, urls in where.urls().items()
        for url in urls
    }
    ssm = boto3.client("ssm", region_name=where.aws_region)
    for parameter, value in values.items():
        print(f"{where.aws_region} {parameter}: version {put(ssm, parameter, value, env.get('KMS_KEY_ID', ''))}")


def asked_for(arguments: list[str]) -> Place:
    """The environment of samconfig.toml that is named; ends with a sentence where there is none."""
    names = environments()
    if len(arguments) != 1 or arguments[0] not in names:
        stop(f"Say which region: {', '.join(names)} (make secrets REGION={names[0]}).")
    return place(arguments[0])


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

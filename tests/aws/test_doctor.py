"""`vantage doctor`: what is fine is said, and what is not comes with its cure; nothing secret is printed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
import redis
from click.testing import CliRunner

from local.cli import cli
from tests.aws.templates import ROOT
from tests.aws.test_secrets import CANARY, URLS, secrets

ACCOUNT = "123456789012"  # the stand-in's
VANTAGE = f"{Path(sys.executable).parent}/vantage"


def doctor(*arguments: str, **env: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, findings by what they look at, and all that was printed."""
    run = CliRunner().invoke(cli, ["doctor", "--json", *arguments], env=env)
    if run.exception is not None and not isinstance(run.exception, SystemExit):
        raise run.exception
    return run.exit_code, {each["what"]: each for each in json.loads(run.stdout)["data"]}, run.output


def at_a_terminal(*arguments: str, **env: str) -> tuple[int, str]:
    """Exit code and all that was printed, of the command itself."""
    run = subprocess.run(
        [VANTAGE, "doctor", *arguments], cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    return run.returncode, run.stdout + run.stderr


def test_a_system_that_is_well_is_said_to_be(database_url: str, redis_url: str) -> None:
    """Every line is fine, with what was found."""
    code, found, _ = doctor(DATABASE_URL=database_url, REDIS_URL=redis_url)
    assert code == 0, found
    assert len(found) == 11
    assert all(each["fine"] for each in found.values())


def test_each_trouble_has_its_line_and_its_cure(database_url: str, redis_url: str, redis_client: "redis.Redis") -> None:
    """A Redis that evicts, a database without tables: both are seen in one go."""
    redis_client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        code, found, _ = doctor(DATABASE_URL=database_url.replace("/vantage?", "/postgres?"), REDIS_URL=redis_url)
    finally:
        redis_client.config_set("maxmemory-policy", "noeviction")
    assert code == 1
    ill = {what: each["cure"] for what, each in found.items() if not each["fine"]}
    assert ill.keys() == {"Redis keeps what it is given", "Migrations"}
    assert "noeviction" in ill["Redis keeps what it is given"]
    assert "vantage migrate" in ill["Migrations"]


def test_a_policy_that_spares_the_stream_is_fine(
    database_url: str, redis_url: str, redis_client: "redis.Redis"
) -> None:
    """The stream has no time to live, so volatile-* leaves it; seen red where noeviction alone was taken."""
    redis_client.config_set("maxmemory-policy", "volatile-lru")
    try:
        _, found, _ = doctor(DATABASE_URL=database_url, REDIS_URL=redis_url)
    finally:
        redis_client.config_set("maxmemory-policy", "noeviction")
    assert found["Redis keeps what it is given"]["fine"]


def test_what_lies_ahead_of_time_is_seen(database_url: str, redis_url: str, redis_client: "redis.Redis") -> None:
    """An entry of the future, and a tick of it: nothing else would be taken until then."""
    redis_client.xadd("checks:{0}", {"c": "x"}, id="9999999999999-1")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            """INSERT INTO tick_ledger (tick, region, spread_s)
               VALUES (date_trunc('minute', now()) + interval '1 hour', 'EU', 10)"""
        )
    code, found, _ = doctor(DATABASE_URL=database_url, REDIS_URL=redis_url)
    assert code == 1
    assert {what for what, each in found.items() if not each["fine"]} == {"The stream's ids", "The newest tick"}
    assert "producer's next run" in found["The stream's ids"]["cure"]
    assert "DELETE FROM tick_ledger" in found["The newest tick"]["cure"]


def test_servers_that_do_not_answer_are_named_without_their_passwords() -> None:
    """No stack trace, no URL."""
    code, text = at_a_terminal(
        DATABASE_URL=f"postgresql://vantage:{CANARY}@127.0.0.1:1/vantage", REDIS_URL=f"redis://:{CANARY}@127.0.0.1:1/0"
    )
    assert code == 1
    assert "FAIL  Redis answers" in text
    assert "FAIL  PostgreSQL answers" in text
    assert CANARY not in text
    assert "Traceback" not in text


@pytest.mark.usefixtures("aws")
def test_before_a_deployment_aws_is_looked_at() -> None:
    """Parameters that are missing, a stack that nothing can be deployed onto; then all of it as it should be."""
    code, found, _ = doctor("--deploy", "usa", DATABASE_URL="", REDIS_URL="")
    assert code == 1
    assert found["Secrets in SSM"]["is"] == "0 of 9 there"
    assert "make secrets REGION=usa" in found["Secrets in SSM"]["cure"]
    assert secrets("usa", **URLS).code == 0
    code, found, _ = doctor("--deploy", "usa", DATABASE_URL="", REDIS_URL="")
    assert code == 0, found
    assert found["The stack"]["is"] == "not deployed yet"
    boto3.client("cloudformation", region_name="us-east-1").create_stack(
        StackName="vantage", TemplateBody='{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}'
    )
    _, found, _ = doctor("--deploy", "usa", DATABASE_URL="", REDIS_URL="")
    assert found["The stack"]["is"] == "CREATE_COMPLETE"


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("state", ["ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"])
def test_a_stack_that_nothing_can_be_deployed_onto_says_how_to_be_rid_of_it(state: str) -> None:
    """What a first deployment that failed leaves behind, which CloudFormation itself refuses with a riddle."""
    boto3.client("cloudformation", region_name="us-east-1").create_stack(
        StackName="vantage", TemplateBody='{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}'
    )
    from moto.cloudformation.models import cloudformation_backends

    [stack] = cloudformation_backends[ACCOUNT]["us-east-1"].stacks.values()
    stack.status = state
    code, found, _ = doctor("--deploy", "usa", DATABASE_URL="", REDIS_URL="")
    assert (code, found["The stack"]["is"]) == (1, state)
    assert "sam delete --stack-name vantage --region us-east-1" in found["The stack"]["cure"]


def test_without_an_account_and_for_no_region_that_there_is_it_is_one_sentence() -> None:
    """Nobody is signed in; a name that samconfig.toml does not have."""
    nobody = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nowhere"}
    code, found, _ = doctor("--deploy", "usa", DATABASE_URL="", REDIS_URL="", **nobody)
    assert code == 1
    assert "Sign in" in found["AWS answers"]["cure"]
    code, text = at_a_terminal("--deploy", "mars", DATABASE_URL="", REDIS_URL="")
    assert code == 2
    assert "usa, india, eu" in text
    assert "Traceback" not in text


def test_where_config_is_not_ours_to_ask_info_tells_the_policy(
    database_url: str, redis_url: str, redis_client: "redis.Redis"
) -> None:
    """Providers close CONFIG; a policy that loses the stream is seen all the same."""
    redis_client.acl_setuser("guest", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-config"])
    redis_client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        guest = redis_url.replace("unix://", "unix://guest:x@")
        _, found, _ = doctor(DATABASE_URL=database_url, REDIS_URL=guest)
    finally:
        redis_client.config_set("maxmemory-policy", "noeviction")
        redis_client.acl_deluser("guest")
    line = found["Redis keeps what it is given"]
    assert (line["fine"], line["is"]) == (False, "allkeys-lru")

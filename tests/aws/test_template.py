"""What `sam deploy` would make in each region, from the transformed template."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local import fleet
from tests.aws.templates import ROOT, aws_regions, deployed, environments, of_type, source
from vantage.settings import Settings
from vantage.wiring.event import event_ms

HOME, *AWAY = aws_regions()
ALL = [HOME, *AWAY]
BIN = Path(sys.executable).parent
FUNCTION = "AWS::Lambda::Function"


def lambdas(aws_region: str) -> dict[str, Any]:
    """The functions of a region, by the name of their folder."""
    found = of_type(deployed(aws_region), FUNCTION)
    return {name.lower(): properties for name, properties in found.items()}


def test_sam_and_cfn_lint_have_nothing_to_say() -> None:
    """As a template for SAM, and as CloudFormation in each of the three regions."""
    env = {**os.environ, "AWS_DEFAULT_REGION": HOME, "SAM_CLI_TELEMETRY": "0"}
    for command in (f"{BIN}/sam validate --lint".split(), [f"{BIN}/cfn-lint", "-t", "template.yaml", "-r", *ALL]):
        run = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr


def test_every_function_of_the_project_is_at_home_and_a_worker_is_everywhere() -> None:
    """One template; what is home's alone is there by condition; no folder of functions/ is forgotten."""
    assert lambdas(HOME).keys() == {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
    assert all(lambdas(region).keys() == {"worker"} for region in AWAY)


def test_a_local_run_has_the_same_regions_and_timeouts() -> None:
    """What `make run` shows is what is deployed."""
    timeouts = {name: each["Timeout"] for name, each in lambdas(HOME).items()}
    assert timeouts == {
        "worker": fleet.WORKER_TIMEOUT_S,
        "producer": fleet.PRODUCER_TIMEOUT_S,
        "housekeeper": fleet.HOUSEKEEPER_TIMEOUT_S,
        "notifier": fleet.NOTIFIER_TIMEOUT_S,
        "api": 29,  # no process of its own there; API Gateway waits for 30 s
    }
    assert {row["Region"]: place for place, row in source()["Mappings"]["Regions"].items()} == fleet.REGIONS


def test_every_environment_of_samconfig_has_its_row_in_the_mappings_and_its_name_in_the_enum() -> None:
    """A fourth region is a samconfig environment, a Mappings row and a migration: none can be forgotten."""
    rows = source()["Mappings"]["Regions"]
    assert list(rows) == ALL
    assert [row["Region"].lower() for row in rows.values()] == list(environments())
    migrations = " ".join(path.read_text() for path in sorted((ROOT / "migrations").glob("*.sql")))
    [first] = re.findall(r"CREATE TYPE location AS ENUM \((.*?)\)", migrations)
    enum = {*re.findall(r"'(\w+)'", first), *re.findall(r"ALTER TYPE location ADD VALUE '(\w+)'", migrations)}
    for row in rows.values():
        assert row["Region"] in enum
        assert row["RedisGroup"] == f"monitor-runners-{row['Region'].lower()}"


@pytest.mark.parametrize("aws_region", ALL)
def test_each_function_is_started_each_minute_with_the_minute_it_stands_for(aws_region: str) -> None:
    """EventBridge Scheduler as DESIGN has it: every minute, at once, once, and not after its time."""
    schedules = of_type(deployed(aws_region), "AWS::Scheduler::Schedule")
    assert {each["Name"] for each in schedules.values()} == {f"vantage-{n}" for n in lambdas(aws_region) if n != "api"}
    for each in schedules.values():
        assert each["ScheduleExpression"] == "cron(* * * * ? *)"
        assert each["FlexibleTimeWindow"] == {"Mode": "OFF"}
        assert each["State"] == "ENABLED"
        target = each["Target"]
        assert json.loads(target["Input"]) == {"time": "<aws.scheduler.scheduled-time>"}
        assert target["RetryPolicy"] == {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
        assert target["DeadLetterConfig"] == {"Arn": "<DeadLetters.Arn>"}
        assert target["RoleArn"] == "<SchedulerRole.Arn>"
        assert target["Arn"] == f"<{each['Name'].removeprefix('vantage-').capitalize()}.Arn>"


@pytest.mark.parametrize("aws_region", ALL)
def test_no_invocation_is_tried_again_and_none_fails_unseen(aws_region: str) -> None:
    """Retries come too late to be of use; failures and events that were dropped end in a queue."""
    configs = of_type(deployed(aws_region), "AWS::Lambda::EventInvokeConfig")
    assert {each["FunctionName"] for each in configs.values()} == {f"<{n.capitalize()}>" for n in lambdas(aws_region)}
    for each in configs.values():
        assert (each["MaximumRetryAttempts"], each["MaximumEventAgeInSeconds"]) == (0, 60)
        assert each["DestinationConfig"] == {"OnFailure": {"Destination": "<DeadLetters.Arn>"}}
    assert all(each["DeadLetterConfig"] == {"TargetArn": "<DeadLetters.Arn>"} for each in lambdas(aws_region).values())


@pytest.mark.parametrize("aws_region", ALL)
def test_functions_are_what_the_layer_is_built_for(aws_region: str) -> None:
    """The same runtime and machine in function and layer; the worker's timeout is the design's."""
    layer = of_type(deployed(aws_region), "AWS::Lambda::LayerVersion").popitem()[1]
    for each in lambdas(aws_region).values():
        assert each["Runtime"] == "python3.13"
        assert each["Architectures"] == ["arm64"]
        assert each["Handler"] == "app.handler"
    assert layer["CompatibleRuntimes"] == ["python3.13"]
    assert layer["CompatibleArchitectures"] == ["arm64"]
    assert lambdas(aws_region)["worker"]["Timeout"] == fleet.WORKER_TIMEOUT_S == 240
    assert source()["Resources"]["SharedLayer"]["Metadata"]["BuildArchitecture"] == {"Ref": "Architecture"}


class Recorded(Mapping[str, str]):
    """An environment that remembers what was read of it."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values, self.read = dict(values), set[str]()

    def __getitem__(self, name: str) -> str:
        self.read.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@pytest.mark.parametrize("aws_region", ALL)
def test_every_function_can_be_set_up_from_its_environment_and_reads_all_of_it(aws_region: str) -> None:
    """The names in the template are the names in settings.py, no more and no fewer."""
    for name, function in lambdas(aws_region).items():
        given = {key: str(value) for key, value in function["Environment"]["Variables"].items()}
        env = Recorded({**given, "AWS_REGION": aws_region, "AWS_LAMBDA_FUNCTION_NAME": f"vantage-{name}"})
        settings = Settings.from_env(env, worker=name == "worker", redis=name != "notifier")
        assert given.keys() <= env.read
        assert settings.redis_url_parameter == ("" if name == "notifier" else f"/vantage/{name}/redis-url")
        assert settings.database_url_parameter == f"/vantage/{name}/database-url"
        if name == "worker":
            assert settings.region == source()["Mappings"]["Regions"][aws_region]["Region"]


def statements(resources: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of every policy, with the name of the resource it stands in."""
    for name, properties in [
        *of_type(resources, "AWS::IAM::Role").items(),
        *of_type(resources, "AWS::IAM::ManagedPolicy").items(),
    ]:
        documents = [each["PolicyDocument"] for each in properties.get("Policies", [])]
        for document in [*documents, properties.get("PolicyDocument", {"Statement": []})]:
            yield from ((name, statement) for statement in document["Statement"])


@pytest.mark.parametrize("aws_region", ALL)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {
            "SecretsKeyArn": "arn:aws:kms:us-east-1:1:key/k",
            "MonitorSecretArns": "arn:aws:ssm:us-east-1:1:parameter/a",
            "ChannelTopicArns": "arn:aws:sns:us-east-1:1:alerts",
        },
    ],
)
def test_no_role_may_do_anything_to_everything(aws_region: str, options: dict[str, str]) -> None:
    """Exact actions on exact ARNs. With "*" in any action or resource of the template this fails (tried with logs)."""
    found = list(statements(deployed(aws_region, **options)))
    assert found
    for role, statement in found:
        for value in (statement["Action"], statement["Resource"]):
            for each in value if isinstance(value, list) else [value]:
                assert "*" not in each, f"{role}: {each}"


@pytest.mark.parametrize("aws_region", ALL)
def test_each_function_has_a_role_of_its_own_that_reads_its_own_secrets_alone(aws_region: str) -> None:
    """A leaked worker role opens nothing of the producer's."""
    resources = deployed(aws_region)
    functions = lambdas(aws_region)
    assert len({each["Role"] for each in functions.values()}) == len(functions)
    for function in functions.values():
        role = function["Role"].strip("<>").removesuffix(".Arn")
        readable = [
            arn
            for owner, statement in statements(resources)
            if owner == role and statement["Action"] == "ssm:GetParameter"
            for arn in statement["Resource"]
        ]
        variables = function["Environment"]["Variables"]
        own = [value for key, value in variables.items() if key.endswith("_PARAMETER")]
        assert readable == [f"arn:aws:ssm:{aws_region}:123456789012:parameter{parameter}" for parameter in own]
        logs = function["LoggingConfig"]["LogGroup"].strip("<>")
        assert resources[logs]["Properties"]["LogGroupName"] == f"/aws/lambda/{function['FunctionName']}"
        assert resources[logs]["Properties"]["RetentionInDays"] == 14


@pytest.mark.parametrize("aws_region", ALL)
def test_who_has_something_to_tell_calls_the_notifier_at_home(aws_region: str) -> None:
    """From every region, by its ARN, and may do so."""
    notifier = f"arn:aws:lambda:{HOME}:123456789012:function:vantage-notifier"
    for name in lambdas(aws_region).keys() & {"worker", "housekeeper"}:
        assert lambdas(aws_region)[name]["Environment"]["Variables"]["NOTIFIER_FUNCTION"] == notifier
        role = f"{name.capitalize()}Role"
        allowed = [s["Resource"] for who, s in statements(deployed(aws_region)) if who == role]
        assert notifier in allowed
    if aws_region == HOME:
        assert lambdas(HOME)["notifier"]["FunctionName"] == "vantage-notifier"


@pytest.mark.parametrize("aws_region", ALL)
def test_names_are_the_stacks_own(aws_region: str) -> None:
    """A second stack beside the first collides nowhere: each name that is fixed begins with the stack's."""
    keys = ("FunctionName", "Name", "QueueName", "LayerName", "LogGroupName", "DashboardName", "AlarmName", "TopicName")
    for resource in deployed(aws_region).values():
        for key in keys:
            if isinstance(name := resource["Properties"].get(key), str) and not name.startswith("<"):
                assert re.match(r"(/aws/lambda/)?vantage-", name), name


def test_nothing_is_reserved_unless_asked_for_and_then_enough() -> None:
    """An account whose limit is 10 refuses any; fewer than 3 would throttle the hand-over of two runs."""
    assert "ReservedConcurrentExecutions" not in lambdas(HOME)["worker"]
    reserved = of_type(deployed(HOME, ReservedConcurrency="3"), FUNCTION)
    assert reserved["Worker"]["ReservedConcurrentExecutions"] == "3"
    pattern = source()["Parameters"]["ReservedConcurrency"]["AllowedPattern"]
    assert [n for n in ("0", "1", "2", "3", "10", "-3", "2.5", "") if re.match(pattern, n)] == ["0", "3", "10"]


def test_a_topic_of_ones_own_does_not_cost_the_budget() -> None:
    """Its mail goes to AlertEmail, whoever gets the alarms; seen red where AlertTopicArn took the budget away."""
    asked = {"AlertEmail": "ops@example.com", "MonthlyBudgetUsd": "30"}
    topic = {"AlertTopicArn": f"arn:aws:sns:{HOME}:123456789012:ours"}
    assert "Budget" in deployed(HOME, **asked)
    assert "Budget" in deployed(HOME, **asked, **topic)
    assert "Budget" not in deployed(HOME, MonthlyBudgetUsd="30", **topic)
    assert "Budget" not in deployed(AWAY[0], **asked)


def test_functions_are_in_a_vpc_only_where_subnets_are_given() -> None:
    """Without a VPC there is no NAT to pay and no private network that a monitor could reach."""
    assert all("VpcConfig" not in each for each in lambdas(HOME).values())
    inside = of_type(deployed(HOME, SubnetIds="subnet-1,subnet-2", SecurityGroupIds="sg-1"), FUNCTION)
    assert inside["Worker"]["VpcConfig"] == {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}


def test_an_event_file_is_there_for_every_function_as_scheduler_sends_it() -> None:
    """The same keys as the schedule's input, and a time that the handlers read."""
    for name in lambdas(HOME).keys() - {"api"}:
        event = json.loads((ROOT / "events" / f"{name}.json").read_text())
        assert event.keys() == {"time"}
        assert event_ms(event) == 1_795_509_660_000


def test_api_gateway_hands_everything_to_the_api_function_and_lets_no_other_site_read() -> None:
    """Whatever the path; no CORS, which is closed; its event is of the format that the app reads."""
    [web] = of_type(deployed(HOME), "AWS::ApiGatewayV2::Api").values()
    assert sorted(web["Body"]["paths"]) == ["$default", "/ping/{proxy+}"]
    for [route] in (methods.values() for methods in web["Body"]["paths"].values()):
        integration = route["x-amazon-apigateway-integration"]
        version = json.loads((ROOT / "events/api.json").read_text())["version"]
        assert integration["payloadFormatVersion"] == version == "2.0"
        assert "<Api.Arn>" in integration["uri"]
        assert integration["timeoutInMillis"] / 1000 > lambdas(HOME)["api"]["Timeout"]
    assert "x-amazon-apigateway-cors" not in web["Body"]
    assert "CorsConfiguration" not in web
    assert not any(of_type(deployed(region), "AWS::ApiGatewayV2::Api") for region in AWAY)


def test_a_crowd_on_the_pages_takes_nothing_of_what_heartbeats_need() -> None:
    """Their route is there, under the very key that has its own limit. Red without the route, where the key is none."""
    [web] = of_type(deployed(HOME), "AWS::ApiGatewayV2::Api").values()
    [stage] = of_type(deployed(HOME), "AWS::ApiGatewayV2::Stage").values()
    [(key, limits)] = stage["RouteSettings"].items()
    method, _, path = key.partition(" ")
    assert f"x-amazon-apigateway-{method.lower()}-method" in web["Body"]["paths"][path]
    assert path.startswith("/ping/")
    assert limits["ThrottlingRateLimit"] >= stage["DefaultRouteSettings"]["ThrottlingRateLimit"]


def test_env_json_fills_in_what_the_template_declares() -> None:
    """`sam local` passes on only names that stand in the template."""
    given = json.loads((ROOT / "events" / "env.json").read_text())["Parameters"]
    declared = {key for each in lambdas(HOME).values() for key in each["Environment"]["Variables"]}
    assert given.keys() <= declared


def test_nothing_secret_stands_in_the_template_or_in_samconfig() -> None:
    """URLs are in SSM: no value in any environment has a scheme, but for everybody's reference sites, and no parameter
    takes one that is nobody's business."""
    for function in lambdas(HOME).values():
        variables = function["Environment"]["Variables"]
        assert {name for name, value in variables.items() if "://" in str(value)} <= {"REFERENCE_URLS"}
    assert not [name for name, spec in source()["Parameters"].items() if spec.get("NoEcho")]
    assert "://" not in (ROOT / "samconfig.toml").read_text()

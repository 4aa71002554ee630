"""`make deploy` of every region, a redeploy and `sam delete`, unchanged, against a stand-in for AWS."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from samcli.yamlhelper import yaml_dump, yaml_parse  # type: ignore[import-untyped]

from local.emulator import free_port, wait_for_port
from tests.aws.brazil import grown
from tests.aws.conftest import build
from tests.aws.policy import asked_of_aws, is_allowed
from tests.aws.templates import ROOT, aws_regions, deployed, environments, names, of_type

HOME, *AWAY = aws_regions()
NO_SERVERS = {"DATABASE_URL": "", "REDIS_URL": ""}


@dataclass
class Aws:
    """The stand-in, and a person who deploys to it."""

    env: dict[str, str]
    built: Path
    recording: Path
    asked_to_deploy: str = ""  # what was recorded of the deployments alone

    def client(self, service: str, aws_region: str) -> Any:
        """A boto3 client that speaks to it."""
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
        return boto3.client(service, region_name=aws_region, endpoint_url=self.env["AWS_ENDPOINT_URL"], **keys)  # type: ignore[call-overload]

    def sam(self, *arguments: str) -> str:
        """Run sam with its environment; fails with what it printed."""
        command = [f"{Path(sys.executable).parent}/sam", *arguments]
        run = subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def deploy(self, environment: str, *overrides: str, stack: str = "vantage") -> str:
        """Deploy what was built."""
        template = str(self.built / "arm64" / "template.yaml")
        more = ["--parameter-overrides", *overrides] if overrides else []
        config = ["--config-file", str(ROOT / "samconfig.toml"), "--config-env", environment]
        return self.sam("deploy", *config, "-t", template, "--stack-name", stack, *more)


@contextmanager
def stand_in(recording: Path) -> Iterator[dict[str, str]]:
    """An empty AWS on loopback that writes down what it is asked, and the environment that leads there."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.aws.standin", str(port)], cwd=ROOT, stderr=subprocess.DEVNULL,
        env={**os.environ, "MOTO_ENABLE_RECORDING": "true", "MOTO_RECORDER_FILEPATH": str(recording)},
    )  # fmt: skip
    try:
        wait_for_port(port)
        yield {
            **os.environ, "AWS_ENDPOINT_URL": f"http://localhost:{port}", "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x", "SAM_CLI_TELEMETRY": "0", "AWS_EC2_METADATA_DISABLED": "true",
        }  # fmt: skip
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="module")
def built() -> Path:
    """What is deployed by default."""
    return build("arm64")


@pytest.fixture(scope="module")
def aws(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """All three regions: home, then the others."""
    recording = tmp_path_factory.mktemp("aws") / "recording"
    with stand_in(recording) as env:
        aws = Aws(env, built, recording)
        home, *away = environments()
        aws.deploy(home)
        with ThreadPoolExecutor() as pool:  # side by side, as nothing forbids: each is a stack of its own
            list(pool.map(aws.deploy, away))
        aws.asked_to_deploy = recording.read_text()
        yield aws


def functions(aws: Aws, aws_region: str) -> dict[str, Any]:
    """What Lambda has there, by name."""
    found = aws.client("lambda", aws_region).list_functions()["Functions"]
    return {each["FunctionName"]: each for each in found}


def test_each_region_has_its_functions_and_their_layer(aws: Aws) -> None:
    """All at home, a worker elsewhere; each knows which region it is."""
    assert functions(aws, HOME).keys() == {f"vantage-{path.name}" for path in (ROOT / "functions").iterdir()}
    for aws_region, name in names().items():
        there = functions(aws, aws_region)
        assert "vantage-worker" in there
        assert aws_region == HOME or len(there) == 1
        [layer] = aws.client("lambda", aws_region).list_layers()["Layers"]
        assert layer["LayerName"].startswith("vantage-")  # moto does not take the template's name
        variables = there["vantage-worker"]["Environment"]["Variables"]
        assert (variables["REGION"], variables["REDIS_GROUP"]) == (name, f"monitor-runners-{name.lower()}")


def test_each_region_has_its_schedules_with_their_input(aws: Aws) -> None:
    """What Scheduler would send each minute."""
    for aws_region in names():
        scheduler = aws.client("scheduler", aws_region)
        scheduled = {each["Name"] for each in scheduler.list_schedules()["Schedules"]}
        assert scheduled == functions(aws, aws_region).keys() - {"vantage-api"}  # which people call
        for name in scheduled:
            schedule = scheduler.get_schedule(Name=name)
            assert schedule["ScheduleExpression"] == "cron(* * * * ? *)"
            assert json.loads(schedule["Target"]["Input"]) == {"time": "<aws.scheduler.scheduled-time>"}
            assert schedule["Target"]["Arn"] == functions(aws, aws_region)[name]["FunctionArn"]
            assert schedule["Target"]["DeadLetterConfig"]["Arn"].endswith(":vantage-dead-letters")


def test_each_region_has_its_dashboard_alarms_topic_queue_and_logs(aws: Aws) -> None:
    """And the overview is at home; every alarm rings at the region's own topic."""
    for aws_region, name in names().items():
        watch = aws.client("cloudwatch", aws_region)
        dashboards = {each["DashboardName"] for each in watch.list_dashboards()["DashboardEntries"]}
        assert dashboards == {f"vantage-{name}"} | ({"vantage-all-regions"} if aws_region == HOME else set())
        for dashboard in dashboards:
            assert len(json.loads(watch.get_dashboard(DashboardName=dashboard)["DashboardBody"])["widgets"]) >= 20
        alarms = watch.describe_alarms()["MetricAlarms"]
        declared = of_type(deployed(aws_region), "AWS::CloudWatch::Alarm")
        assert {each["AlarmName"] for each in alarms} == {each["AlarmName"] for each in declared.values()}
        [topic] = aws.client("sns", aws_region).list_topics()["Topics"]
        assert all(each["AlarmActions"] == [topic["TopicArn"]] for each in alarms)
        [queue] = aws.client("sqs", aws_region).list_queues()["QueueUrls"]
        assert queue.endswith("/vantage-dead-letters")
        groups = aws.client("logs", aws_region).describe_log_groups()["logGroups"]
        assert {each["logGroupName"] for each in groups} == {f"/aws/lambda/{f}" for f in functions(aws, aws_region)}
        assert {each["retentionInDays"] for each in groups} == {14}


def test_each_region_has_the_parameters_that_its_functions_read(aws: Aws) -> None:
    """After `make secrets`: encrypted, one per function and server, and not a single one more."""
    urls = {"REDIS_URL": "rediss://u:canary@example.com:6379/0"}
    urls["DATABASE_URL"] = "postgresql://u:canary@example.com/vantage?sslmode=verify-full"
    for environment, aws_region in zip(environments(), names(), strict=True):
        command = ["make", "secrets", f"REGION={environment}"]
        subprocess.run(command, cwd=ROOT, env={**aws.env, **urls}, check=True, capture_output=True)
        found = aws.client("ssm", aws_region).describe_parameters()["Parameters"]
        variables = [each["Environment"]["Variables"] for each in functions(aws, aws_region).values()]
        read = {value for each in variables for name, value in each.items() if name.endswith("_PARAMETER")}
        assert {each["Name"] for each in found} == read
        assert {each["Type"] for each in found} == {"SecureString"}


def test_who_deploys_may_do_what_sam_doctor_and_smoke_ask_aws_for(aws: Aws) -> None:
    """By docs/deploy-policy.json: what the deployments asked the stand-in for, and what a look at them asks. (Red
    without ssm:DescribeParameters.)"""
    before = len(aws.recording.read_text())
    looks = (f"{Path(sys.executable).parent}/vantage doctor --deploy", f"{sys.executable} tools/smoke.py")
    env = {**aws.env, **NO_SERVERS}
    for look in looks:
        subprocess.run([*look.split(), "usa"], cwd=ROOT, env=env, capture_output=True, check=False)
    asked = {*asked_of_aws(aws.asked_to_deploy), *asked_of_aws(aws.recording.read_text()[before:])}
    assert asked >= {"cloudformation:CreateChangeSet", "scheduler:ListSchedules", "ssm:DescribeParameters"}
    assert sorted(action for action in asked if not is_allowed(action)) == ["sts:GetCallerIdentity"]  # anybody may


def smoke(aws: Aws) -> tuple[int, list[str]]:
    """How `make smoke REGION=india` ends, and its lines that say FAIL."""
    tool = [sys.executable, str(ROOT / "tools" / "smoke.py"), "india"]
    run = subprocess.run(tool, env=aws.env, capture_output=True, text=True, check=False)
    assert run.stdout.count("\n") == 5, run.stdout + run.stderr
    return run.returncode, [line.split(": ")[0].split()[-1] for line in run.stdout.splitlines() if "FAIL" in line]


def test_smoke_tells_a_region_at_work_from_one_that_only_stands_there(aws: Aws) -> None:
    """Deployed and silent fails, with results it is well, and an alarm that rings is named."""
    watch = aws.client("cloudwatch", "ap-south-1")
    assert smoke(aws) == (1, ["vantage-worker", "INDIA"])
    worker = [{"Name": "FunctionName", "Value": "vantage-worker"}]
    runs = [{"MetricName": name, "Value": n, "Dimensions": worker} for name, n in (("Invocations", 9), ("Errors", 0))]
    watch.put_metric_data(Namespace="AWS/Lambda", MetricData=runs)
    stored = {"MetricName": "ChecksStored", "Value": 90, "Dimensions": [{"Name": "Region", "Value": "INDIA"}]}
    watch.put_metric_data(Namespace="vantage", MetricData=[stored])
    assert smoke(aws) == (0, [])
    watch.set_alarm_state(AlarmName="vantage-lost", StateValue="ALARM", StateReason="a test")
    assert smoke(aws) == (1, ["alarms"])


def everything(aws: Aws, aws_region: str) -> dict[str, set[str]]:
    """What a region holds, by kind: the names of whatever a stack makes there."""
    cloudwatch, scheduler = aws.client("cloudwatch", aws_region), aws.client("scheduler", aws_region)
    topics = aws.client("sns", aws_region).list_topics()["Topics"]
    queues = aws.client("sqs", aws_region).list_queues().get("QueueUrls", [])
    groups = aws.client("logs", aws_region).describe_log_groups()["logGroups"]
    return {
        "functions": set(functions(aws, aws_region)),
        "schedules": {each["Name"] for each in scheduler.list_schedules()["Schedules"]},
        "alarms": {each["AlarmName"] for each in cloudwatch.describe_alarms()["MetricAlarms"]},
        "dashboards": {each["DashboardName"] for each in cloudwatch.list_dashboards()["DashboardEntries"]},
        "topics": {each["TopicArn"].split(":")[-1] for each in topics},
        "queues": {url.split("/")[-1] for url in queues},
        "logs": {each["logGroupName"].removeprefix("/aws/lambda/") for each in groups},
        "roles": {each["RoleName"] for each in aws.client("iam", aws_region).list_roles()["Roles"]},
    }


def test_a_second_stack_beside_the_first_collides_nowhere_and_goes_without_a_trace(aws: Aws) -> None:
    """As much of everything, under names of its own; `sam delete` takes all of that and nothing of the first's."""
    before = everything(aws, HOME)
    aws.deploy("usa", stack="second")
    both = everything(aws, HOME)
    for kind in before.keys() - {"roles"}:
        second = {name.replace("vantage", "second") for name in before[kind]}
        assert both[kind] == before[kind] | second, kind
    assert {name.split("-")[0] for name in both["roles"] - before["roles"]} == {"second"}
    aws.sam("delete", "--stack-name", "second", "--region", HOME, "--no-prompts")
    assert everything(aws, HOME) == before


def test_a_fourth_region_is_deployed_by_doing_what_the_page_says(aws: Aws, tmp_path: Path) -> None:
    """With its row in what was built, and its environment in samconfig.toml: `sam deploy --config-env brazil`."""
    project = grown(tmp_path)
    built = yaml_parse((aws.built / "arm64" / "template.yaml").read_text())
    built["Mappings"] = yaml_parse(project.template.read_text())["Mappings"]
    template = aws.built / "arm64" / "grown.yaml"  # beside the functions, which it names by their paths
    template.write_text(yaml_dump(built))
    config = ["--config-file", str(project.folder / "samconfig.toml"), "--config-env", project.environment]
    aws.sam("deploy", *config, "-t", str(template))
    there = functions(aws, project.aws_region)
    assert there.keys() == {"vantage-worker"}
    assert there["vantage-worker"]["Environment"]["Variables"]["REGION"] == "BRAZIL"
    [schedule] = aws.client("scheduler", project.aws_region).list_schedules()["Schedules"]
    assert schedule["Name"] == "vantage-worker"


def test_a_redeploy_changes_what_was_asked_for_and_nothing_else(aws: Aws) -> None:
    """A parameter reaches the function; nothing else of it changes."""
    before = functions(aws, "eu-central-1")["vantage-worker"]
    aws.deploy("eu", "Polling=punctual", "WorkerMemoryMb=1024")
    after = functions(aws, "eu-central-1")["vantage-worker"]
    assert (after["MemorySize"], after["Environment"]["Variables"]["POLLING"]) == (1024, "punctual")
    assert before["Environment"]["Variables"] == {**after["Environment"]["Variables"], "POLLING": "thrifty"}

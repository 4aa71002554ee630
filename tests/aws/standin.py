"""standin.py PORT: moto's server, and what it lacks for `sam deploy` of our template to work unchanged.

That is the AWS::Serverless transform, which CloudFormation has and moto silently leaves out, and the resource types
below: made in moto's own backends, so that boto3 finds them where it would find the real ones.
"""

import os
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from moto.apigatewayv2.models import apigatewayv2_backends
from moto.awslambda.models import LayerVersion, lambda_backends
from moto.cloudformation import models, parsing
from moto.cloudwatch.models import Dimension, Metric, MetricDataQuery, MetricStat, cloudwatch_backends
from moto.core.common_models import CloudFormationModel
from moto.moto_api._internal.recorder.models import Recorder
from moto.scheduler.models import scheduler_backends
from moto.server import main
from moto.sns.models import sns_backends
from samtranslator.translator.transform import transform  # type: ignore[import-untyped]

Properties = Mapping[str, Any]
Make = Callable[[str, str, str, Properties], str]
"""From account, region, name and properties to the id that `Ref` gives."""
Remove = Callable[[str, str, str], None]


class Added(CloudFormationModel):
    """A resource of a type that moto's CloudFormation does not know."""

    __module__ = "moto.standin.models"
    kind = name_property = ""
    make: Make
    remove: Remove

    def __init__(self, name: str, physical_id: str) -> None:
        self.name, self.physical_resource_id = name, physical_id

    @classmethod
    def cloudformation_type(cls) -> str:
        """Its type in a template."""
        return cls.kind

    @classmethod
    def cloudformation_name_type(cls) -> str:
        """The property that holds its name."""
        return cls.name_property

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> "Added":
        """Make it in its own backend."""
        made = cls.make(account_id, region_name, resource_name, cloudformation_json.get("Properties", {}))
        return cls(resource_name, made)

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> "Added":
        """Make it anew; a resource whose condition is false is None to moto, and stays that way."""
        if original_resource is None:
            return cls(new_resource_name, "")
        cls.remove(account_id, region_name, original_resource.physical_resource_id)
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name: str, _: Any, account_id: str, region_name: str) -> None:
        """Remove it."""
        cls.remove(account_id, region_name, resource_name)


def make_alarm(account: str, region: str, name: str, given: Properties) -> str:
    """AWS::CloudWatch::Alarm."""
    dimensions = [{"Name": each["Name"], "Value": each["Value"]} for each in given.get("Dimensions", [])]
    cloudwatch_backends[account][region].put_metric_alarm(
        name=name, namespace=given.get("Namespace", ""), metric_name=given.get("MetricName", ""),
        comparison_operator=given["ComparisonOperator"], evaluation_periods=int(given["EvaluationPeriods"]),
        period=int(given.get("Period", 60)), threshold=float(given["Threshold"]), statistic=given.get("Statistic", ""),
        description=given.get("AlarmDescription", ""), dimensions=dimensions,
        alarm_actions=given.get("AlarmActions", []), ok_actions=given.get("OKActions", []),
        treat_missing_data=given.get("TreatMissingData"), datapoints_to_alarm=int(given["DatapointsToAlarm"]),
        metric_data_queries=[_query(each) for each in given.get("Metrics", [])],
    )  # fmt: skip
    return name


def _query(given: Properties) -> MetricDataQuery:
    stat = given.get("MetricStat")
    if stat is None:
        return MetricDataQuery(given["Id"], "", "60", "True", given["Expression"], None)
    source = stat["Metric"]
    dimensions = [Dimension(each["Name"], each["Value"]) for each in source["Dimensions"]]
    metric = Metric(source["MetricName"], source["Namespace"], dimensions)
    of = MetricStat(metric, str(stat["Period"]), stat["Stat"], "None")
    return MetricDataQuery(given["Id"], "", str(stat["Period"]), "False", None, of)


def make_schedule(account: str, region: str, name: str, given: Properties) -> str:
    """AWS::Scheduler::Schedule."""
    backend: Any = scheduler_backends[account][region]
    backend.create_schedule(
        description=given.get("Description", ""), end_date=None, flexible_time_window=given["FlexibleTimeWindow"],
        group_name=given.get("GroupName", "default"), kms_key_arn=None, name=name,
        schedule_expression=given["ScheduleExpression"], schedule_expression_timezone="UTC", start_date=None,
        state=given.get("State", "ENABLED"), target=given["Target"], action_after_completion=None,
    )  # fmt: skip
    return name


def make_invoke_config(account: str, region: str, name: str, given: Properties) -> str:
    """AWS::Lambda::EventInvokeConfig."""
    config = {key: given[key] for key in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")}
    lambda_backends[account][region].put_function_event_invoke_config(given["FunctionName"], config)
    return name


def make_subscription(account: str, region: str, _: str, given: Properties) -> str:
    """AWS::SNS::Subscription."""
    made = sns_backends[account][region].subscribe(given["TopicArn"], given["Endpoint"], given["Protocol"])
    return made.arn


def make_http_api(account: str, region: str, name: str, given: Properties) -> str:
    """AWS::ApiGatewayV2::Api."""
    backend: Any = apigatewayv2_backends[account][region]
    api = backend.create_api(
        api_key_selection_expression="", cors_configuration=given.get("CorsConfiguration", {}),
        description=given.get("Description", ""), disable_schema_validation=False, disable_execute_api_endpoint=False,
        name=given.get("Name", name), protocol_type="HTTP", route_selection_expression="", tags={}, version="",
    )  # fmt: skip
    return str(api.api_id)


def remove_http_api(account: str, region: str, api_id: str) -> None:
    """Remove an API."""
    apigatewayv2_backends[account][region].delete_api(api_id)


def make_nothing(_account: str, _region: str, name: str, _given: Properties) -> str:
    """What nobody looks at: the policy of sam's own bucket, a budget (moto has them, but not by template), a stage."""
    return name


def remove_nothing(_account: str, _region: str, _name: str) -> None:
    """Goes with what it belongs to."""


def remove_alarm(account: str, region: str, name: str) -> None:
    """Remove an alarm."""
    cloudwatch_backends[account][region].delete_alarms([name])


def remove_schedule(account: str, region: str, name: str) -> None:
    """Remove a schedule."""
    scheduler_backends[account][region].delete_schedule("default", name)


def remove_subscription(account: str, region: str, arn: str) -> None:
    """Remove a subscription."""
    sns_backends[account][region].unsubscribe(arn)


TYPES: Mapping[str, tuple[str, Make, Remove]] = {
    "AWS::CloudWatch::Alarm": ("AlarmName", make_alarm, remove_alarm),
    "AWS::Scheduler::Schedule": ("Name", make_schedule, remove_schedule),
    "AWS::Lambda::EventInvokeConfig": ("", make_invoke_config, remove_nothing),
    "AWS::SNS::Subscription": ("", make_subscription, remove_subscription),
    "AWS::ApiGatewayV2::Api": ("Name", make_http_api, remove_http_api),
    "AWS::ApiGatewayV2::Stage": ("", make_nothing, remove_nothing),
    "AWS::S3::BucketPolicy": ("", make_nothing, remove_nothing),
    "AWS::Budgets::Budget": ("", make_nothing, remove_nothing),
}


def add_types() -> None:
    """Tell moto's CloudFormation of them."""
    added = {
        kind: type(
            kind.replace("::", ""), (Added,),
            {"kind": kind, "name_property": name, "make": staticmethod(make), "remove": staticmethod(remove),
             "__module__": "moto.standin.models"},
        )
        for kind, (name, make, remove) in TYPES.items()
    }  # fmt: skip
    moto_parsing: Any = parsing
    known = [each for each in CloudFormationModel.__subclasses__() if each is not Added]
    every: dict[str, Any] = {**{each.cloudformation_type(): each for each in known}, **added}
    moto_parsing.get_model_list = lambda: list(every.values())
    moto_parsing.get_model_map = lambda: every
    moto_parsing.get_name_type_map = lambda: {kind: each.cloudformation_name_type() for kind, each in every.items()}


def leave_out_no_value() -> None:
    """AWS::NoValue in a list leaves nothing behind; moto leaves a None there."""
    moto_parsing: Any = parsing
    cleaned = moto_parsing.clean_json

    def clean(given: Any, resources: Any) -> Any:
        result = cleaned(given, resources)
        return [each for each in result if each is not None] if isinstance(given, list) else result

    moto_parsing.clean_json = clean


def update_only_what_changes() -> None:
    """A parameter that keeps the value it had by default has not changed; moto takes it for new, and updates all."""
    resources: Any = parsing.ResourceMap
    difference = resources.build_resource_diff

    def diff(self: Any, template: Any, parameters: Any = None) -> Any:
        had = self.resolved_parameters
        changed = {name: value for name, value in (parameters or {}).items() if str(had.get(name)) != str(value)}
        self.input_parameters = {
            **self.input_parameters,
            **{n: v for n, v in (parameters or {}).items() if n not in changed},
        }
        return difference(self, template, changed)

    resources.build_resource_diff = diff


def record_one_by_one() -> None:
    """Each request has a line of its own in the recording: moto writes those that come at once into one another."""
    record, lock = Recorder._record_request, threading.Lock()  # noqa: SLF001  # the one place where it writes

    def alone(self: Recorder, *request: Any, **named: Any) -> None:
        with lock:
            record(self, *request, **named)

    Recorder._record_request = alone  # type: ignore[method-assign]  # noqa: SLF001


class NoManagedPolicies:
    """The translator asks IAM for names of policies that our template does not use."""

    def load(self) -> dict[str, str]:
        """None."""
        return {}


def transformed(template: Any) -> Any:
    """Plain CloudFormation, where the template asks for the transform."""
    asked = template.get("Transform") or []
    wanted = "AWS::Serverless-2016-10-31" in ([asked] if isinstance(asked, str) else asked)
    return transform(template, {}, NoManagedPolicies()) if wanted else template


def add_transform() -> None:
    """Stacks and change sets are parsed with the transform."""
    for kind in (models.Stack, models.ChangeSet):
        _transform_in(kind)
    backend: Any = models.CloudFormationBackend
    executed = backend.execute_change_set

    def execute(self: Any, change_set_name: str, stack_name: str | None = None) -> None:
        sets = self.change_sets
        found = sets.get(change_set_name) or next(s for s in sets.values() if s.change_set_name == change_set_name)
        executed(self, change_set_name, stack_name)
        stack = self.stacks[found.stack_id]
        stack.template_dict, stack.tags = found.template_dict, found.tags or stack.tags
        stack.output_map = stack._create_output_map()  # noqa: SLF001  # moto forgets to

    backend.execute_change_set = execute


def _transform_in(kind: Any) -> None:
    parse = kind._parse_template  # noqa: SLF001  # the one place where a template is read

    def parse_and_transform(self: Any, *args: Any, **kwargs: Any) -> Any:
        parsed = parse(self, *args, **kwargs)
        if isinstance(parsed, dict):
            return transformed(parsed)
        if getattr(self, "template_dict", None):
            self.template_dict = transformed(self.template_dict)
        return parsed

    kind._parse_template = parse_and_transform  # noqa: SLF001


if __name__ == "__main__":
    add_types()
    add_transform()
    record_one_by_one()
    leave_out_no_value()
    update_only_what_changes()
    layer: Any = LayerVersion
    layer.physical_resource_id = property(lambda self: self.arn)  # `Ref` of a layer is its ARN
    main(["-p", sys.argv[1], "-H", "127.0.0.1"])

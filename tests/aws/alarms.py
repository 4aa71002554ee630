"""CloudWatch's alarms as far as the template uses them: what state an alarm has after some minutes of figures."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

Minute = Mapping[str, Sequence[float]]
"""The values of each metric in one minute, by its name or by "name of whose"; a metric without data is not there."""

STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Sum": sum,
    "Average": fmean,
    "Maximum": max,
    "SampleCount": len,
}
COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
}


def is_alarming(alarm: Mapping[str, Any], minutes: Sequence[Minute]) -> bool:
    """Whether enough of the last periods breach the threshold; what is missing counts as the alarm says."""
    breaches = [_breaches(alarm, period) for period in _periods(alarm, minutes)][-alarm["EvaluationPeriods"] :]
    return bool(sum(breaches) >= alarm["DatapointsToAlarm"])


def metrics_of(alarm: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What an alarm looks at: each metric's properties, by its id in the alarm's expression."""
    if "MetricName" in alarm:
        return {"m": {**alarm, "Stat": alarm["Statistic"]}}
    stats = {each["Id"]: each["MetricStat"] for each in alarm["Metrics"] if "MetricStat" in each}
    return {name: {**stat["Metric"], "Stat": stat["Stat"], "Period": stat["Period"]} for name, stat in stats.items()}


def _periods(alarm: Mapping[str, Any], minutes: Sequence[Minute]) -> Iterator[Sequence[Minute]]:
    length = next(iter(metrics_of(alarm).values()))["Period"] // 60
    whole = len(minutes) // length
    for number in range(whole):
        end = len(minutes) - (whole - 1 - number) * length
        yield minutes[end - length : end]


def _breaches(alarm: Mapping[str, Any], period: Sequence[Minute]) -> bool:
    value = _value(alarm, period)
    if value is None:
        return bool(alarm["TreatMissingData"] == "breaching")
    return bool(COMPARE[alarm["ComparisonOperator"]](value, alarm["Threshold"]))


def _value(alarm: Mapping[str, Any], period: Sequence[Minute]) -> float | None:
    values: dict[str, float | None] = {}
    for name, metric in metrics_of(alarm).items():
        given = [value for minute in period for value in _of(metric, minute)]
        values[name] = STATISTICS[metric["Stat"]](given) if given else None
    if "MetricName" in alarm:
        return values["m"]
    [expression] = [each["Expression"] for each in alarm["Metrics"] if "Expression" in each]
    try:
        return float(eval(expression, {"ABS": abs, "FILL": _fill}, values))
    except (TypeError, ZeroDivisionError):  # whatever is made of what is missing, is missing
        return None


def _of(metric: Mapping[str, Any], minute: Minute) -> Sequence[float]:
    [dimension] = metric["Dimensions"]
    return minute.get(f"{metric['MetricName']} of {dimension['Value']}", minute.get(metric["MetricName"], ()))


def _fill(value: float | None, missing: float) -> float:
    return missing if value is None else value

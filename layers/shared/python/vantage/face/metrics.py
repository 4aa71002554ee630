"""/metrics: every monitor for Prometheus, in its text format. What has no data is absent, never 0. Needs `read`."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from vantage.errors import ServerUnavailable
from vantage.face.answers import READ, Answer
from vantage.face.sources import Sources
from vantage.face.told import uptime as told
from vantage.face.who import who_asks
from vantage.monitor import Region
from vantage.store import exposition, figures, history
from vantage.store.connection import Connection
from vantage.store.regions import list_regions
from vantage.store.sheet import database_time
from vantage.stream.writer import StreamWriter

KIND = "text/plain; version=0.0.4; charset=utf-8"
VERDICTS = ("up", "degraded", "regional", "site_down", "vantage_fault", "no_data", "maintenance", "paused")
PHASES = ("dns", "connect", "tls", "first_byte", "download")
WINDOW = "24h"
Sample = tuple[Mapping[str, str], float]


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: its name, type and meaning, and its values by their labels."""

    name: str
    kind: str
    says: str
    samples: Iterable[Sample]

    def lines(self) -> Iterator[str]:
        """The text; nothing where there is no value."""
        values = [f"{self.name}{_labels(labels)} {_number(value)}" for labels, value in self.samples]
        if values:
            yield from (f"# HELP {self.name} {self.says}", f"# TYPE {self.name} {self.kind}", *values)


def register(app: APIGatewayHttpResolver, sources: Sources) -> None:
    """Its route."""

    @app.route("/metrics", method=READ)
    def metrics() -> Answer:
        who_asks(sources, app.current_event.raw_event, "read")
        lines = [line for family in families(sources.connection(), sources.stream) for line in family.lines()]
        return Response(200, KIND, "\n".join([*lines, ""]))


def families(connection: Connection, stream: StreamWriter) -> Iterator[Family]:
    """All of them."""
    newest = exposition.newest_checks(connection)
    yield Family("vantage_monitor_up", "gauge", "Whether the newest check from a region found the monitor up.",
                 [({"monitor": one.slug, "region": one.region}, one.status != "down") for one in newest])  # fmt: skip
    yield Family("vantage_verdict", "gauge", "What all regions together say of a monitor: 1 for the verdict in force.",
                 [({"monitor": slug, "verdict": each}, each == verdict)
                  for slug, verdict in exposition.verdicts(connection).items() for each in VERDICTS])  # fmt: skip
    yield Family("vantage_probe_duration_seconds", "gauge", "What each phase of the newest check took.",
                 [({"monitor": one.slug, "region": one.region, "phase": phase}, us / 1e6)
                  for one in newest for phase, us in _phases(one)])  # fmt: skip
    yield Family("vantage_certificate_expiry_timestamp_seconds", "gauge", "Until when the certificate is valid.",
                 [({"monitor": slug, "region": region}, at.timestamp())
                  for slug, region, at in exposition.certificates(connection)])  # fmt: skip
    yield from _shares(connection)
    yield Family("vantage_checks_total", "counter", "Where scheduled checks ended, by the closed books.",
                 [({"region": region, "outcome": outcome}, count)
                  for region, counts in exposition.ended(connection).items()
                  for outcome, count in counts.items()])  # fmt: skip
    yield Family("vantage_stream_lag", "gauge", "For how many seconds a region's oldest unread check has been due.",
                 [({"region": region}, lag_s) for region, lag_s in _lags(connection, stream)])  # fmt: skip


def _shares(connection: Connection) -> Iterator[Family]:
    """Uptime and coverage of the last 24 hours: availability, which counts each instant once."""
    names = history.names(connection)
    with figures.one_sight(connection):
        first, until = told.span(database_time(connection), WINDOW, None, None)
        counted = figures.uptimes(connection, told.pieces_of(connection, first, until))
    tallies = [(slug, counted[id_].availability) for id_, (slug, _) in names.items() if id_ in counted]
    yield Family("vantage_uptime_ratio", "gauge", "The share of what was seen in the last 24 hours that was up.",
                 [({"monitor": slug, "window": WINDOW}, of.good / of.seen)
                  for slug, of in tallies if of.seen])  # fmt: skip
    yield Family("vantage_coverage_ratio", "gauge", "The share of what was scheduled in 24 hours that was seen.",
                 [({"monitor": slug, "window": WINDOW}, of.seen / of.scheduled)
                  for slug, of in tallies if of.scheduled])  # fmt: skip


def _phases(one: exposition.Newest) -> Iterator[tuple[str, int]]:
    for phase in PHASES:
        if (us := getattr(one, f"{phase}_us")) is not None:
            yield phase, us


def _lags(connection: Connection, stream: StreamWriter) -> Iterator[tuple[Region, float]]:
    try:
        now_ms = stream.time_s() * 1000
        for region in list_regions(connection):
            if region.enabled and (last := stream.last_delivered(region.redis_group)) is not None:
                entry_id = next((entry_id for entry_id, _ in stream.range(last, (int(now_ms), 0), 1)), None)
                due_ms = int(entry_id.partition("-")[0]) if entry_id else now_ms
                yield region.name, max(0.0, (now_ms - due_ms) / 1000)
    except ServerUnavailable:  # without Redis there is no lag to tell
        return


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return repr(int(value)) if float(value).is_integer() else repr(float(value))

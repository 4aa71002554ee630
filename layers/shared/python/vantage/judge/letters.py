"""What is told of what was decided, as records for the outbox.

People are spared what is no news: what a flapping monitor does, and an advisory that an incident takes over. A program
that keeps an alert open until it is closed is not: whoever was told that something began is told that it is over.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vantage.judge.facts import cause, latest_of, moment, monitor_facts, region_facts
from vantage.monitor import Region
from vantage.store.judging import Record, Seen, Subject
from vantage.verdict.decisions import Incident, Judgement, Notice, NoticeKind
from vantage.verdict.monitor import MonitorState
from vantage.verdict.votes import Verdict

NOTICES = {  # of each: the message's type, and the event that a channel may want or not
    NoticeKind.SITE_DOWN: ("incident.opened", "down"),
    NoticeKind.SITE_UP: ("incident.resolved", "up"),
    NoticeKind.REGIONAL: ("advisory.opened", "regional"),
    NoticeKind.REGIONAL_OVER: ("advisory.closed", "regional"),
    NoticeKind.FLAPPING: ("monitor.flapping", "flapping"),
    NoticeKind.FLAPPING_OVER_DOWN: ("monitor.settled", "flapping"),
    NoticeKind.FLAPPING_OVER_UP: ("monitor.settled", "flapping"),
}
DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Letters:
    """What is told of one monitor; `rows` are those that judging has read."""

    subject: Subject
    rows: Sequence[Seen]

    def of_slot(self, before: MonitorState, after: MonitorState, judgement: Judgement) -> Iterator[Record]:
        """What people hear, and then what only programs do."""
        incident = after.incident or judgement.resolved or before.incident
        for notice in judgement.notices:
            yield self._letter(notice, after, judgement, incident)
        yield from self._unsaid(after, judgement)

    def of_leaving(self, state: MonitorState, at_ms: int) -> Iterator[Record]:
        """The monitor is deleted: people hear nothing, and what programs hold open ends."""
        judgement = Judgement(at_ms, Verdict.PAUSED, {})
        if state.incident:
            resolved = Incident(state.incident.opened_ms, state.incident.began_ms, state.incident.single, at_ms)
            yield self._end_of_incident(resolved, state, judgement, kind=DELETED)
        for one in state.advisories.values():
            yield self._end_of_advisory(one.region, one.opened_ms, state, judgement, kind=DELETED)
        if state.flapping.is_on:
            yield _quietly(self._letter(Notice(at_ms, NoticeKind.FLAPPING_OVER_UP), state, judgement), kind=DELETED)

    def _unsaid(self, after: MonitorState, judgement: Judgement) -> Iterator[Record]:
        heard = {(notice.kind, notice.region) for notice in judgement.notices}
        if judgement.resolved and (NoticeKind.SITE_UP, None) not in heard:
            yield self._end_of_incident(judgement.resolved, after, judgement)
        for one in judgement.advisories_closed:
            if one.told and (NoticeKind.REGIONAL_OVER, one.region) not in heard:
                yield self._end_of_advisory(one.region, one.opened_ms, after, judgement)
        if after.incident and (NoticeKind.FLAPPING_OVER_DOWN, None) in heard:  # it has opened in silence, or long ago
            letter = self._letter(Notice(judgement.at_ms, NoticeKind.SITE_DOWN), after, judgement, after.incident)
            yield _quietly(letter) | {"key": self._key(NoticeKind.SITE_DOWN, after.incident.opened_ms)}

    def _end_of_incident(self, incident: Incident, after: MonitorState, judgement: Judgement, **facts: str) -> Record:
        letter = self._letter(Notice(judgement.at_ms, NoticeKind.SITE_UP), after, judgement, incident)
        return _quietly(letter, **facts) | {"told": self._key(NoticeKind.SITE_DOWN, incident.opened_ms)}

    def _end_of_advisory(
        self, region: Region, opened_ms: int, after: MonitorState, judgement: Judgement, **facts: str
    ) -> Record:
        letter = self._letter(Notice(judgement.at_ms, NoticeKind.REGIONAL_OVER, region), after, judgement)
        return _quietly(letter, **facts) | {"told": self._key(NoticeKind.REGIONAL, opened_ms, region)}

    def _letter(
        self, notice: Notice, after: MonitorState, judgement: Judgement, incident: Incident | None = None
    ) -> Record:
        subject, latest = self.subject, latest_of(self.rows, notice.at_ms)
        kind, event = NOTICES[notice.kind]
        reason, phase = cause(subject, after, latest)
        facts: dict[str, Any] = {
            "at": moment(notice.at_ms), "kind": notice.kind, "region": notice.region, "verdict": judgement.verdict,
            "reason": reason, "phase": phase, "monitor": monitor_facts(subject),
            "regions": region_facts(subject, after, judgement.votes, latest),
        }  # fmt: skip
        if incident:
            facts |= {"began_at": moment(incident.began_ms), "opened_at": moment(incident.opened_ms),
                      "resolved_at": moment(incident.resolved_ms), "single_vantage": incident.single}  # fmt: skip
        return {
            "monitor_id": subject.id, "key": self._key(notice.kind, notice.at_ms, notice.region), "type": kind,
            "event": event, "incident": incident.opened_ms if incident else None, "facts": facts,
        }  # fmt: skip

    def _key(self, kind: NoticeKind, at_ms: int, region: Region | None = None) -> str:
        """What is told, so that it is told once; `at_ms` is where it was decided."""
        return f"{kind}:{self.subject.id}:{at_ms}" + (f":{region}" if region else "")


def _quietly(letter: Record, **facts: str) -> dict[str, Any]:
    return {**letter, "quiet": True, "facts": {**letter["facts"], "quiet": True, **facts}}

"""A region that is away for an hour: life is stepped through minute by minute, so that nobody waits for it to pass."""

import asyncio
import time
import uuid
from typing import Any

import psycopg

from tests.drains import Probe
from vantage.clock import Clock, Pace
from vantage.drain import Drain, Memory, Station
from vantage.housekeep import Housekeeper
from vantage.produce import Producer
from vantage.store import regions
from vantage.store.connection import AsyncDatabase
from vantage.stream.reader import StreamReader
from vantage.stream.writer import StreamWriter

SCALE = 20
MONITORS = 4
GONE, BACK, UNTIL = 2, 62, 66  # minutes
ENDS = ("stored", "expired", "skipped", "dead", "lost")


class Hour:
    """Producer, housekeeper and two regions' workers, each run at an instant of life that the test names."""

    def __init__(self, database_url: str, redis_url: str, database: "psycopg.Connection[Any]") -> None:
        self.database, self.stream = database, StreamWriter(redis_url)
        self.first_tick_s = int(time.time() // 3600) * 3600
        self.stations = {
            region: Station(
                region, "local", StreamReader(redis_url, f"g-{region}", region), AsyncDatabase(database_url),
                Probe(region), Memory(),
            )
            for region in ("USA", "INDIA")
        }  # fmt: skip
        for region in self.stations:
            regions.insert_region(database, region, "local", f"g-{region}")
        database.execute(
            """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms)
               SELECT gen_random_uuid(), 'M', 'http', '{}', 60, 1000 FROM generate_series(1, %s)""",
            (MONITORS,),
        )
        database.execute("UPDATE monitor_schedule SET from_tick = to_timestamp(%s)", (self.first_tick_s,))

    def pace(self, minute: int, second: int) -> Pace:
        """By which it is now that instant."""
        real_s, lived_s = time.time(), self.first_tick_s + 60 * minute + second
        return Pace(SCALE, (real_s * SCALE - lived_s) / (SCALE - 1))

    async def live(self, minute: int) -> None:
        """One minute: the producer's run, a worker's in each region that is there, the housekeeper's."""
        event_ms = (self.first_tick_s + 60 * minute) * 1000
        Producer(self.database, self.stream, uuid.uuid4().hex, 10, pace=self.pace(minute, 3)).run(event_ms)
        for region in ("USA",) if GONE <= minute < BACK else self.stations:
            await self._work(self.stations[region], self.pace(minute, 12))
        Housekeeper(self.database, self.stream, pace=self.pace(minute, 20)).run()

    async def _work(self, station: Station, pace: Pace) -> None:
        clock = Clock(await station.reader.time_s(), pace)
        await Drain(station, clock, uuid.uuid4().hex, 12_000).run()

    async def close(self) -> None:
        """Its connections."""
        self.stream.close()
        for station in self.stations.values():
            await station.reader.close()
            await station.database.close()


async def lived(hour: Hour) -> None:
    """All of it, and then the books are closed."""
    try:
        for minute in range(UNTIL):
            await hour.live(minute)
        Housekeeper(hour.database, hour.stream, pace=hour.pace(UNTIL, 1)).run(close_all=True)
    finally:
        await hour.close()


def test_a_region_that_is_away_for_an_hour_costs_only_itself(
    database_url: str, redis_url: str, database: "psycopg.Connection[Any]"
) -> None:
    """The other region stores every check. Of the one that is away only what was pushed before it was seen to lag is
    late, and lost when the books close on it; the rest is not pushed to it, and said; back, it is whole in two minutes.

    Broken once by a producer that withholds nothing: all of the hour was lost.
    """
    asyncio.run(lived(Hour(database_url, redis_url, database)))
    sheet: dict[str, list[dict[str, int]]] = {"USA": [], "INDIA": []}
    for region, scheduled, *ends in database.execute(
        "SELECT region::text, scheduled, stored, expired, skipped, dead, lost FROM tick_ledger ORDER BY tick"
    ).fetchall():
        assert scheduled == sum(ends) == MONITORS
        sheet[region].append({end: count for end, count in zip(ENDS, ends, strict=True) if count})
    whole, none, late = {"stored": MONITORS}, {"skipped": MONITORS}, {"lost": MONITORS}
    assert sheet["USA"][:UNTIL] == [whole] * UNTIL
    away = sheet["INDIA"][GONE : BACK + 2]
    seen_after = away.index(none)
    assert seen_after <= 5
    assert away == [late] * seen_after + [none] * (len(away) - seen_after)
    assert sheet["INDIA"][BACK + 2 : UNTIL] == [whole] * (UNTIL - BACK - 2)

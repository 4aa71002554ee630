"""Vantage health: regions whose way out is really cut (their name server is silent), on real sockets and servers."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import dns.message
import pytest

from tests.probe.names import holds, name_server
from vantage import wire
from vantage.clock import Clock
from vantage.drain import Drain, Memory, Station
from vantage.durations import Durations
from vantage.judge.tick import Judge
from vantage.probe import Prober
from vantage.store import ledger, regions
from vantage.store.connection import AsyncDatabase
from vantage.store.references import keep_references
from vantage.stream import PUSHED, STREAM
from vantage.stream.reader import StreamReader

REGIONS = ("USA", "INDIA", "EU")
SITES = range(1, 13)
LONG = Durations(flush_s=0.05, expiry_least_s=3000, expiry_most_s=3000)


@asynccontextmanager
async def web() -> AsyncIterator[int]:
    """A site that answers everybody; yields its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@dataclass
class Earth:
    """Three regions, each with a name server of its own, in front of the same twelve sites and three references."""

    database_url: str
    redis_url: str
    database: Any
    redis: Any
    cut: set[str] = field(default_factory=set)
    memories: dict[str, Memory] = field(default_factory=lambda: {region: Memory() for region in REGIONS})

    async def begin(self, stack: AsyncExitStack) -> None:
        """Servers, monitors, and a channel for the operator."""
        port = await stack.enter_async_context(web())
        self.name_servers = {
            region: await stack.enter_async_context(name_server(self._zone(region))) for region in REGIONS
        }
        for region in REGIONS:
            regions.insert_region(self.database, region, "local", f"g-{region}")
            self.redis.xgroup_create(STREAM, f"g-{region}", id="0", mkstream=True)
        self.database.execute(
            """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms)
               SELECT 'm' || n, 'M', 'http', jsonb_build_object('url', 'http://site-' || n || '.test:' || %s), 60, 1000
                 FROM generate_series(1, 12) n""",
            (str(port),),
        )
        keep_references(self.database, [f"http://reference-{n}.test:{port}" for n in (1, 2, 3)])
        self.database.execute("UPDATE monitor SET timeout_ms = 1000")
        self.database.execute(
            """UPDATE monitor_schedule s SET from_tick = '2020-01-01', phase_s = CASE WHEN reference THEN 0 ELSE 6 END
                 FROM monitor m WHERE m.id = s.monitor_id"""
        )
        self.database.execute(
            "INSERT INTO channel (name, type, config, events, operator) VALUES ('ops', 'webhook', '{}', '{down}', true)"
        )
        self.database.execute("UPDATE monitor SET channels = '{ops}'")
        self.references = [n for (n,) in self.database.execute("SELECT id FROM monitor WHERE reference ORDER BY id")]
        self.tick_s = int(time.time() // 60) * 60 - 1200

    def _zone(self, region: str) -> Any:
        def answer(query: dns.message.Message, asked: int) -> dns.message.Message | None:
            return None if region in self.cut else holds("127.0.0.1")(query, asked)

        names = [f"site-{n}.test" for n in SITES] + [f"reference-{n}.test" for n in (1, 2, 3)]
        return dict.fromkeys(names, answer)

    async def tick(self, *, cut: Sequence[str], references_first: bool = False) -> int:
        """A minute in which these regions are cut off (or only after the references were asked), and its judging."""
        self.tick_s += 60
        ledger.open_ticks(self.database, [self.tick_s], 10)
        self.database.execute("UPDATE tick_ledger SET pushed = 15, pushed_at = now() WHERE tick = %s",
                              (ledger.as_time(self.tick_s),))  # fmt: skip
        self.cut = set() if references_first else set(cut)
        self._push(self.references, self.tick_s * 1000)
        if references_first:
            await self._see()
        self.cut = set(cut)
        self._push(SITES, self.tick_s * 1000 + 1000)
        await self._see()
        assert Judge(self.database).run((self.tick_s + 60) * 1000).ticks == [self.tick_s]
        return self.tick_s

    def _push(self, monitors: Sequence[int], at_ms: int) -> None:
        rows = self.database.execute("SELECT id, spec::text FROM monitor WHERE id = ANY (%s) ORDER BY id",
                                     (list(monitors),)).fetchall()  # fmt: skip
        for monitor, spec in rows:
            value = wire.head(REGIONS, 60) + f'[1000,"http",{spec}]'.encode()
            self.redis.xadd(STREAM, {wire.FIELD: value}, id=f"{at_ms}-{monitor}")
        self.redis.set(PUSHED, int(time.time()) + 6000)

    async def _see(self) -> None:
        await asyncio.gather(*(self._work(region) for region in REGIONS))

    async def _work(self, region: str) -> None:
        reader, database = StreamReader(self.redis_url, f"g-{region}", "c"), AsyncDatabase(self.database_url)
        prober = Prober(region, allow_private=True, name_servers=[self.name_servers[region]], confirm_after_s=0.01)
        station = Station(region, "local", reader, database, prober, self.memories[region], durations=LONG)
        try:
            await Drain(station, Clock(await reader.time_s()), uuid.uuid4().hex, 240_000).run()
        finally:
            await prober.aclose()
            await reader.close()
            await database.close()

    def faults(self) -> set[tuple[str, int]]:
        """Which regions were at fault in which ticks."""
        return set(self.database.execute("SELECT region::text, extract(epoch FROM tick)::bigint FROM region_fault"))

    def count(self, query: str) -> int:
        """A number."""
        return int(self.database.execute(query).fetchone()[0])


@pytest.fixture
def earth(database_url: str, redis_url: str, database: Any, redis_client: Any) -> Earth:
    """Not begun yet."""
    return Earth(database_url, redis_url, database, redis_client)


def test_a_region_that_is_cut_off_says_nothing_of_the_sites(earth: Earth) -> None:
    """Its references fail with all it looks at: what it saw is kept and set aside, nobody hears of a site, and the
    operator of the episode once.

    Two sites are too few to be compared. Broken once by judging with neither the references' answers nor what the
    worker found.
    """

    async def life() -> list[int]:
        async with AsyncExitStack() as stack:
            await earth.begin(stack)
            earth.database.execute("UPDATE monitor SET deleted_at = now() WHERE id > 2 AND NOT reference")
            await earth.tick(cut=())
            return [await earth.tick(cut=["INDIA"]) for _ in range(2)]

    dark = asyncio.run(life())
    assert earth.faults() == {("INDIA", tick) for tick in dark}
    assert earth.count("SELECT count(*) FROM check_result WHERE region = 'INDIA' AND status = 'down'") >= 2 * 5
    assert earth.count("SELECT count(*) FROM flip WHERE to_state = 'down'") == 0
    told = earth.database.execute("SELECT subject, facts ->> 'kind', facts ->> 'region' FROM outbox").fetchall()
    assert told == [("operator", "vantage_fault", "INDIA")]


def test_a_mass_failure_is_believed_only_after_a_look_at_the_way_out(earth: Earth) -> None:
    """Every region's way out breaks right after its references were asked, twice: no region is left to say otherwise.
    Each worker finds it out before it records what seems a mass failure; states freeze, no site is called down.

    Broken once by recording without asking: twelve incidents; once by remembering what failed then as down, since
    what is down already is no news the second time.
    """

    async def life() -> list[int]:
        async with AsyncExitStack() as stack:
            await earth.begin(stack)
            await earth.tick(cut=())
            return [await earth.tick(cut=REGIONS, references_first=True) for _ in range(2)]

    dark = asyncio.run(life())
    assert earth.faults() == {(region, tick) for tick in dark for region in REGIONS}
    assert earth.count("SELECT count(*) FROM incident") == 0
    assert earth.count("SELECT count(*) FROM region_state WHERE state <> 'up'") == 0
    # What fails before three did, and what was down before, goes on; nothing is judged before all is accounted for.
    assert earth.count("""SELECT count(*) FROM check_result c JOIN egress_cut e USING (region)
                           WHERE c.status = 'down' AND e.tick = date_trunc('minute', c.checked_at)
                             AND c.recorded_at < e.found_at""") <= 2 * 4 * len(REGIONS)  # fmt: skip
    kinds = earth.database.execute("SELECT facts ->> 'kind' FROM outbox ORDER BY 1").fetchall()
    assert [kind for (kind,) in kinds] == ["blind", *["vantage_fault"] * 3]


def test_a_mass_failure_of_sites_is_believed(earth: Earth) -> None:
    """Where the references answer, sites that fail together are down: asked, and not held back any longer."""

    async def life() -> None:
        async with AsyncExitStack() as stack:
            await earth.begin(stack)
            await earth.tick(cut=())
            earth.database.execute('UPDATE monitor SET spec = \'{"url": "http://nowhere.test"}\' WHERE NOT reference')
            for _ in range(2):
                await earth.tick(cut=())

    asyncio.run(life())
    assert earth.faults() == set()
    assert earth.count("SELECT count(*) FROM incident") == len(SITES)


def test_the_reference_monitors_are_those_of_the_setting(earth: Earth) -> None:
    """They come, go and come back with their id, and where all is as it should be nothing is written."""
    assert keep_references(earth.database, ["https://a.example", "https://b.example"]) == 2
    assert keep_references(earth.database, ["https://b.example", "https://a.example"]) == 0
    assert keep_references(earth.database, []) == 2
    assert keep_references(earth.database, ["https://a.example", "https://b.example"]) == 2
    assert earth.count("SELECT count(*) FROM monitor WHERE reference AND deleted_at IS NULL AND interval_s = 60") == 2
    assert earth.count("SELECT count(*) FROM monitor") == 2

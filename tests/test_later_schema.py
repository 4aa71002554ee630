"""Migrations come first when a system is upgraded: the functions of before go on over the tables of after."""

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

from local.environments import Function
from local.minutes import event_time
from tests.lived import separate_databases
from tests.notify.receivers import receiver
from vantage.clock import Pace
from vantage.store.regions import insert_region

SCALE = 15
MONITORS = 20
# All that a migration may do: it adds.
ADD_TO_ALL = """
DO $$ DECLARE t regclass; BEGIN
    FOR t IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
              AND NOT relispartition AND relname <> 'migration' LOOP
        EXECUTE format('ALTER TABLE %s ADD COLUMN of_a_later_version integer NOT NULL DEFAULT 1', t);
    END LOOP;
END $$"""


async def two_minutes(
    functions: Mapping[str, Function], pace: Pace, first_s: int, database: "psycopg.Connection[Any]"
) -> list[dict[str, Any]]:
    """A minute before and a minute after, in the same environments; then the books are closed. Every reply."""
    replies = []
    for tick_s in (first_s, first_s + 60):
        while pace.lived_ms(time.time()) < tick_s * 1000:
            await asyncio.sleep(0.02)
        replies += [await function.invoke({"time": event_time(tick_s)}) for function in functions.values()]
        if tick_s == first_s:
            database.execute(ADD_TO_ALL)
            database.execute("ALTER TYPE check_reason ADD VALUE 'later'")
    replies.append(await functions["housekeeper"].invoke({"time": event_time(first_s + 180), "close": "all"}))
    for function in functions.values():
        await function.stop()
    return replies


def test_functions_at_work_go_on_over_a_later_schema(database_url: str, redis_url: str, tmp_path: Path) -> None:
    """Warm environments with prepared statements, whose tables get a column each between two minutes: nothing fails,
    and the checks of both minutes are stored (broken once by a SELECT * whose rows are unpacked)."""
    began_s = time.time()
    first_s = int(began_s // 60 + 1) * 60
    pace = Pace(SCALE, began_s - (first_s - began_s) / (SCALE - 1))
    with (
        separate_databases(database_url, 1) as [url], receiver() as site,
        psycopg.connect(url, autocommit=True) as database,
    ):  # fmt: skip
        env = {
            **os.environ, "DATABASE_URL": url, "REDIS_URL": redis_url, "REGION": "USA", "REDIS_GROUP": "g-usa",
            "ALLOW_PRIVATE_ADDRESSES": "true", "VANTAGE_PACE": f"{pace.scale}@{pace.origin_s}",
        }  # fmt: skip
        functions = {
            name: Function(name, f"functions.{name}.app", name, env, 240, tmp_path / f"{name}.log", pace)
            for name in ("producer", "worker", "housekeeper")
        }
        insert_region(database, "USA", "us-east-1", "g-usa")
        database.execute(
            """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms)
               SELECT gen_random_uuid(), 'M', 'http', jsonb_build_object('url', %s::text), 60, 1000
                 FROM generate_series(1, %s)""",
            (site.url, MONITORS),
        )
        database.execute("UPDATE monitor_schedule SET from_tick = from_tick - interval '1 hour'")
        replies = asyncio.run(two_minutes(functions, pace, first_s, database))
        assert all("error" not in reply for reply in replies), replies
        seen = database.execute("SELECT count(*) FROM check_result WHERE status IN ('up', 'down')").fetchone()
    assert seen is not None
    assert seen[0] >= 2 * MONITORS

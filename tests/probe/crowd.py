"""One worker run of EU with Lambda's 1,024 file descriptors: `python -m tests.probe.crowd` and, as JSON, where.

SIGTERM breaks it off where it stands, as the end of an environment does; what it saw until then is told all the same.
"""

import asyncio
import json
import resource
import signal
import sys
from dataclasses import asdict
from typing import Any

from vantage.clock import Clock
from vantage.drain import Drain, Memory, Station
from vantage.durations import Durations, Polling
from vantage.probe import Prober
from vantage.store.connection import AsyncDatabase
from vantage.stream.reader import StreamReader


async def run(database_url: str, redis_url: str, name_servers: list[str] | None, durations: dict[str, Any]) -> str:
    """The run's summary, in an environment that remembers nothing."""
    reader, database = StreamReader(redis_url, "g-eu", "c1"), AsyncDatabase(database_url)
    prober = Prober("EU", allow_private=True, name_servers=name_servers)
    station = Station(
        "EU", "local", reader, database, prober, Memory(), 400, Polling.THRIFTY, durations=Durations(**durations)
    )
    drain = Drain(station, Clock(await reader.time_s()), "crowd", 240_000)
    running = asyncio.create_task(drain.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    try:
        await asyncio.wait({running})
    finally:
        await prober.aclose()
        await reader.close()
        await database.close()
    return json.dumps(asdict(drain.summary))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    sys.stdout.write(asyncio.run(run(**json.loads(sys.argv[1]))))

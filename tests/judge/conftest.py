"""One monitor and three regions, to be seen and judged tick by tick."""

import time
from typing import Any

import pytest

from tests.judge.history import EVENTS, REGIONS


@pytest.fixture
def first_s(database: Any) -> int:
    """A monitor, due in every tick, that a webhook hears of, and three regions; a fifth minute (epoch s)."""
    for region in REGIONS:
        database.execute("INSERT INTO region (name, aws_region, redis_group) VALUES (%s, '', %s)", (region, region))
    database.execute("INSERT INTO channel (name, type, config, events) VALUES ('hook', 'webhook', '{}', %s)", (EVENTS,))
    database.execute(
        """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms, channels)
           VALUES ('m', 'M', 'http', '{"url": "https://m.example/"}', 60, 5000, '{hook}')"""
    )
    database.execute("UPDATE monitor_schedule SET from_tick = '2020-01-01', phase_s = 0")
    return int(time.time() // 300) * 300 - 6000

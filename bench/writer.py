"""Somebody who writes all the time, and tells how long it had to wait."""

import threading
import time

import psycopg

ROW = """INSERT INTO check_result (monitor_id, checked_at, recorded_at, region, status, interval_s, reused, cold,
                                   lagging, confirmed, extra)
         SELECT n, now(), now(), 'EU', CASE WHEN n %% 10 = 0 THEN 'down' ELSE 'up' END::check_status, 60, false, false,
                false, false, false FROM generate_series(%s::bigint, %s::bigint) n"""


class Writer(threading.Thread):
    """Stores a row and books it, again and again, until it is told to stop."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url, self._stop_asked = url, threading.Event()
        self.written, self.longest_s = 0, 0.0
        self.error: Exception | None = None

    def run(self) -> None:
        """Write."""
        try:
            with psycopg.connect(self._url, autocommit=True) as connection:
                while not self._stop_asked.is_set():
                    began_s = time.monotonic()
                    with connection.transaction():
                        connection.execute("UPDATE tick_ledger SET stored = stored + 1")
                        connection.execute(ROW, (10_000_000 + self.written, 10_000_000 + self.written))
                    self.written += 1
                    self.longest_s = max(self.longest_s, time.monotonic() - began_s)
        except psycopg.Error as error:
            self.error = error

    def stop(self) -> None:
        """Wait for the last row."""
        self._stop_asked.set()
        self.join(30)

-- A region's failures, newest first. Only the parent here: `vantage migrate` then makes the index of each day without
-- keeping its writers waiting, and a new day has it from its first row on.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX check_result_failures ON ONLY check_result (region, checked_at, monitor_id) WHERE status = 'down';

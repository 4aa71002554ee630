-- As migration 0025 says. The instant is taken once: beside a volatile function no index is of use, and each judging read
-- the whole ledger, which grows for ever.
CREATE OR REPLACE FUNCTION lock_ticks(p_tick timestamptz) RETURNS TABLE (
    tick timestamptz, region location, is_judged boolean, late_rows integer
) LANGUAGE plpgsql AS $$
DECLARE v_closed_after timestamptz;
BEGIN
    IF NOT pg_try_advisory_xact_lock(7301, 3) THEN RETURN; END IF;
    IF EXISTS (SELECT FROM judging_rest) THEN RETURN; END IF; -- a statement of its own: it must see what the lock hid
    v_closed_after := clock_timestamp() - interval '2 minutes';
    RETURN QUERY
    SELECT l.tick, l.region, l.judged_at IS NOT NULL, l.late_rows FROM tick_ledger l
     WHERE l.tick <= p_tick AND (l.closed_at IS NULL OR l.judged_at IS NULL OR l.late_rows > 0
                                 OR l.closed_at > v_closed_after)
     ORDER BY l.tick, l.region FOR UPDATE;
END $$;

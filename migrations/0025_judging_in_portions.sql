-- A tick of which many monitors fail is decided on as a whole under the ledger's locks, and judged in portions behind them.

-- The monitors of such a tick that are not judged yet. While there are any, no later tick is begun; whoever looks for a
-- tick to judge first takes up what is left here.
CREATE TABLE judging_rest (
    tick timestamptz NOT NULL,
    monitor_id bigint NOT NULL,
    PRIMARY KEY (tick, monitor_id)
);

-- Store a region's results and book them in its ledger rows, as migration 0004 says. Those of closed books are kept from
-- being recorded while a tick is decided on: that locks the open ones, so that a late row of a closed one could come
-- between what is read and the `judged_at` that says what was.
CREATE OR REPLACE FUNCTION record_results(
    p_region location, p_monitor bigint [], p_at timestamptz [], p_status check_status [], p_reason check_reason [],
    p_interval integer [], p_total integer [], p_dns integer [], p_connect integer [], p_tls integer [],
    p_first_byte integer [], p_download integer [], p_late integer [], p_http smallint [], p_reused boolean [],
    p_cold boolean [], p_lagging boolean [], p_confirmed boolean [], p_extra boolean []
) RETURNS integer
-- A plan cached while today's partition was empty would scan it whole for ever.
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    n integer;
    v_ticks timestamptz [] := ARRAY(SELECT DISTINCT date_trunc('minute', t) FROM unnest(p_at) t);
BEGIN
    IF EXISTS (SELECT FROM tick_ledger
                WHERE region = p_region AND tick = ANY (v_ticks) AND closed_at IS NOT NULL) THEN
        PERFORM pg_advisory_xact_lock_shared(7301, 3);
    END IF;
    PERFORM FROM tick_ledger l
      WHERE l.region = p_region AND l.tick = ANY (v_ticks)
      ORDER BY l.tick FOR UPDATE;
    WITH given AS (
        SELECT x.*, coalesce(x.interval_s, slot_interval(x.monitor_id, x.checked_at, p_region)) AS interval_in_force
          FROM unnest(p_monitor, p_at, p_status, p_reason, p_interval, p_total, p_dns, p_connect, p_tls, p_first_byte,
                      p_download, p_late, p_http, p_reused, p_cold, p_lagging, p_confirmed, p_extra)
            AS x (monitor_id, checked_at, status, reason, interval_s, total_us, dns_us, connect_us, tls_us,
                  first_byte_us, download_us, late_ms, http_status, reused, cold, lagging, confirmed, extra)
    ), inserted AS (
        INSERT INTO check_result (monitor_id, checked_at, recorded_at, region, status, reason, interval_s, total_us, dns_us,
            connect_us, tls_us, first_byte_us, download_us, late_ms, http_status, reused, cold, lagging, confirmed, extra)
        SELECT monitor_id, checked_at, clock_timestamp(), p_region, status, reason, interval_in_force, total_us, dns_us,
            connect_us, tls_us, first_byte_us, download_us, late_ms, http_status, reused, cold, lagging, confirmed, extra
          FROM given WHERE interval_in_force IS NOT NULL
            ON CONFLICT DO NOTHING
        RETURNING monitor_id, checked_at, status
    ), counted AS (
        SELECT date_trunc('minute', checked_at) AS tick,
               count(*) FILTER (WHERE status NOT IN ('expired', 'dead')) AS stored,
               count(*) FILTER (WHERE status = 'expired') AS expired,
               count(*) FILTER (WHERE status = 'dead') AS dead
          FROM inserted GROUP BY 1
    ), booked AS (
        UPDATE tick_ledger l
           SET stored = l.stored + c.stored, expired = l.expired + c.expired, dead = l.dead + c.dead,
               late_rows = l.late_rows + CASE WHEN l.judged_at IS NULL THEN 0 ELSE c.stored END
          FROM counted c WHERE l.tick = c.tick AND l.region = p_region
    ), marked AS (
        INSERT INTO mark (tick, monitor_id, region)
        SELECT DISTINCT date_trunc('minute', i.checked_at), i.monitor_id, p_region
          FROM inserted i
         WHERE i.status IN ('up', 'degraded', 'down')
           AND (i.status <> 'up' OR (
               SELECT s.state FROM region_state s WHERE s.monitor_id = i.monitor_id AND s.region = p_region
           ) IS DISTINCT FROM 'up')
            ON CONFLICT (tick, monitor_id, region) DO UPDATE SET fresh = true WHERE NOT mark.fresh
    )
    SELECT count(*) INTO n FROM inserted;
    RETURN n;
END $$;

-- In one transaction with the rest: the table has a few rows per minute of a month at most.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX tick_ledger_closed ON tick_ledger (closed_at) WHERE closed_at IS NOT NULL;

-- Take the ticks that a judging of p_tick decides on away from whoever records into them, in the order in which those
-- take them; no rows where another judging is at work, or has left something to be judged. Call it alone: what is read
-- next sees all that was recorded. Books that closed just now are taken too: who records into them may not know it yet.
CREATE OR REPLACE FUNCTION lock_ticks(p_tick timestamptz) RETURNS TABLE (
    tick timestamptz, region location, is_judged boolean, late_rows integer
) LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(7301, 3) THEN RETURN; END IF;
    IF EXISTS (SELECT FROM judging_rest) THEN RETURN; END IF; -- a statement of its own: it must see what the lock hid
    RETURN QUERY
    SELECT l.tick, l.region, l.judged_at IS NOT NULL, l.late_rows FROM tick_ledger l
     WHERE l.tick <= p_tick AND (l.closed_at IS NULL OR l.judged_at IS NULL OR l.late_rows > 0
                                 OR l.closed_at > clock_timestamp() - interval '2 minutes')
     ORDER BY l.tick, l.region FOR UPDATE;
END $$;

-- Heartbeats: jobs that call by themselves. A slot is up where the job called in the interval before it (or in the grace
-- behind it); the housekeeper writes it when its grace is over. Nothing of it is in the stream or in the sheet.
ALTER TYPE check_reason ADD VALUE IF NOT EXISTS 'missed' AFTER 'guard';
ALTER TYPE check_reason ADD VALUE IF NOT EXISTS 'failed' AFTER 'missed';

CREATE TABLE heartbeat (
    monitor_id bigint PRIMARY KEY,
    key text NOT NULL UNIQUE DEFAULT replace(gen_random_uuid()::text, '-', ''),
    first_at timestamptz,
    success_at timestamptz,
    fail_at timestamptz,
    start_at timestamptz,
    written_at timestamptz
);

COMMENT ON COLUMN heartbeat.key IS 'who knows it may say that the job ran, and nothing else';
COMMENT ON COLUMN heartbeat.first_at IS 'what was before the first call is not known; slots begin behind it';
COMMENT ON COLUMN heartbeat.written_at IS 'the last slot that is written';

ALTER TABLE monitor_schedule ADD COLUMN heartbeat boolean NOT NULL DEFAULT false;
-- What is due for the producer. In one transaction with the column: nothing reads it in between.
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX monitor_schedule_due;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX monitor_schedule_due ON monitor_schedule ((phase_s % 60), monitor_id)
INCLUDE (phase_s, interval_s, from_tick, until_tick, regions)
WHERE enabled AND interval_s >= 60 AND NOT heartbeat;

-- The region that heartbeats are booked in: the first that is enabled.
CREATE FUNCTION home_region() RETURNS location LANGUAGE sql STABLE AS $$
    SELECT min(name) FROM region WHERE enabled
$$;

-- As migration 0001 says; a heartbeat has its key, and slots in the home region alone.
CREATE OR REPLACE FUNCTION write_monitor_schedule() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE v_from timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7301, 1);
    SELECT greatest(date_trunc('minute', clock_timestamp()), max(tick) + interval '1 minute') INTO v_from FROM tick_ledger;
    INSERT INTO heartbeat (monitor_id) SELECT id FROM changed WHERE type = 'heartbeat' ON CONFLICT DO NOTHING;
    WITH asked AS (
        SELECT c.id, c.interval_s, c.enabled AND c.deleted_at IS NULL AS enabled, c.type = 'heartbeat' AS heartbeat,
               CASE WHEN c.type = 'heartbeat' THEN ARRAY[home_region()] ELSE c.regions END AS regions
          FROM changed c
    ), wanted AS (
        SELECT a.* FROM asked a
         WHERE NOT EXISTS (
            SELECT FROM monitor_schedule s
             WHERE s.monitor_id = a.id AND s.until_tick = 'infinity' AND s.interval_s = a.interval_s
               AND s.regions IS NOT DISTINCT FROM a.regions AND s.enabled = a.enabled AND s.heartbeat = a.heartbeat)
    ), ended AS (
        UPDATE monitor_schedule s SET until_tick = v_from FROM wanted w
         WHERE s.monitor_id = w.id AND s.until_tick = 'infinity' AND s.from_tick < v_from
    )
    INSERT INTO monitor_schedule AS s (monitor_id, from_tick, interval_s, phase_s, regions, enabled, heartbeat)
    SELECT w.id, v_from, w.interval_s, phase_of(w.id, w.interval_s), w.regions, w.enabled, w.heartbeat FROM wanted w
        ON CONFLICT (monitor_id, from_tick) DO UPDATE
       SET interval_s = excluded.interval_s, phase_s = excluded.phase_s, regions = excluded.regions,
           enabled = excluded.enabled, heartbeat = excluded.heartbeat;
    RETURN NULL;
END $$;

-- Write every slot whose grace is over by p_now, and where a job is not where its state says (it missed its time, failed,
-- or is back) an extra row of p_now, so that nobody waits for the next slot. Returns how many rows.
CREATE FUNCTION record_heartbeats(p_now timestamptz) RETURNS integer
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE n integer;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7301, 3); -- see record_results
    WITH beating AS (
        SELECT h.*, m.group_name, m.slug, coalesce((m.spec ->> 'grace')::bigint, 300000) * interval '1 ms' AS grace,
               coalesce(h.success_at, '-infinity') AS good_at, coalesce(h.fail_at, '-infinity') AS bad_at
          FROM heartbeat h JOIN monitor m ON m.id = h.monitor_id AND m.deleted_at IS NULL AND m.type = 'heartbeat'
         WHERE h.first_at IS NOT NULL
    ), slot AS (
        SELECT b.*, l.region, s.interval_s, false AS extra,
               l.tick + offset_ms(s.phase_s, s.interval_s, l.spread_s) * interval '1 ms' AS at
          FROM beating b
          JOIN monitor_schedule s ON s.monitor_id = b.monitor_id AND s.enabled AND s.heartbeat
         CROSS JOIN LATERAL (
            SELECT s.phase_s - s.phase_s % 60 AS at_s,
                   extract(epoch FROM date_trunc('minute', greatest(
                       s.from_tick, b.first_at, b.written_at, p_now - b.grace - interval '2 days')))::bigint AS from_s,
                   extract(epoch FROM least(s.until_tick - interval '1 minute', p_now - b.grace))::bigint AS until_s) d
         CROSS JOIN LATERAL generate_series(
            d.from_s + ((d.at_s - d.from_s) % s.interval_s + s.interval_s) % s.interval_s, d.until_s, s.interval_s) tick_s
          JOIN tick_ledger l ON l.tick = to_timestamp(tick_s) AND l.region = s.regions[1]
    ), now_ AS (
        SELECT b.*, s.regions[1] AS region, s.interval_s, true AS extra, date_trunc('second', p_now) AS at
          FROM beating b
          JOIN monitor_schedule s ON s.monitor_id = b.monitor_id AND s.enabled AND s.heartbeat
           AND s.from_tick <= p_now AND p_now < s.until_tick
         WHERE NOT is_in_maintenance(b.group_name, b.slug, p_now)
    ), seen AS (
        SELECT x.*,
               CASE WHEN bad_at > good_at AND bad_at <= at + grace THEN 'failed'
                    WHEN good_at <= at - make_interval(secs => interval_s) THEN 'missed'
                    WHEN start_at > greatest(good_at, bad_at) AND start_at <= at THEN 'missed' END AS reason
          FROM slot x WHERE at > first_at AND at + grace <= p_now AND (written_at IS NULL OR at > written_at)
        UNION ALL
        SELECT x.*,
               CASE WHEN bad_at > good_at THEN 'failed'
                    WHEN greatest(good_at, first_at) + make_interval(secs => interval_s) + grace < p_now THEN 'missed'
                    WHEN start_at > greatest(good_at, bad_at) AND start_at + grace < p_now THEN 'missed' END
          FROM now_ x
    ), news AS (
        SELECT s.*, CASE WHEN reason IS NULL THEN 'up' ELSE 'down' END AS status, r.state::text AS state
          FROM seen s LEFT JOIN region_state r ON r.monitor_id = s.monitor_id AND r.region = s.region
    ), inserted AS (
        INSERT INTO check_result (monitor_id, checked_at, recorded_at, region, status, reason, interval_s, reused, cold,
                                  lagging, confirmed, extra)
        SELECT monitor_id, at, clock_timestamp(), region, status::check_status, reason::check_reason, interval_s, false,
               false, false, true, extra
          FROM news WHERE NOT extra OR state IS DISTINCT FROM status
            ON CONFLICT DO NOTHING
        RETURNING monitor_id, checked_at, region, status, extra
    ), marked AS (
        INSERT INTO mark (tick, monitor_id, region)
        SELECT DISTINCT date_trunc('minute', i.checked_at), i.monitor_id, i.region
          FROM inserted i JOIN news x ON x.monitor_id = i.monitor_id AND x.at = i.checked_at
         WHERE i.status <> 'up' OR x.state IS DISTINCT FROM 'up'
            ON CONFLICT (tick, monitor_id, region) DO UPDATE SET fresh = true WHERE NOT mark.fresh
    ), noted AS (
        UPDATE heartbeat h SET written_at = w.at
          FROM (SELECT monitor_id, max(at) AS at FROM seen WHERE NOT extra GROUP BY 1) w WHERE h.monitor_id = w.monitor_id
    ), stale AS ( -- hours that were rolled up before the grace was over are rolled up anew
        UPDATE rollup_hour SET recorded = -1
         WHERE hour IN (SELECT date_trunc('hour', checked_at, 'UTC') FROM inserted WHERE NOT extra)
    )
    SELECT count(*) INTO n FROM inserted;
    RETURN n;
END $$;

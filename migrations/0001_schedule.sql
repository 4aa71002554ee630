-- What is to be checked, from where, and when: monitors, regions, the schedule in force, the ledger of ticks.

CREATE TYPE location AS ENUM ('USA', 'INDIA', 'EU');

CREATE TABLE region (
    name location PRIMARY KEY,
    aws_region text NOT NULL,
    redis_group text NOT NULL UNIQUE,
    enabled boolean NOT NULL DEFAULT true,
    first_seen timestamptz,
    last_seen timestamptz
);

CREATE TABLE monitor (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug text NOT NULL UNIQUE,
    name text NOT NULL,
    type text NOT NULL CHECK (type IN ('http', 'tcp', 'dns', 'heartbeat')),
    spec jsonb NOT NULL,
    interval_s integer NOT NULL
        CHECK (interval_s IN (10, 15, 20, 30) OR (interval_s BETWEEN 60 AND 86400 AND interval_s % 60 = 0)),
    timeout_ms integer NOT NULL CHECK (timeout_ms BETWEEN 1000 AND 30000),
    regions location [] CHECK (cardinality(regions) > 0),
    confirmations smallint NOT NULL DEFAULT 2 CHECK (confirmations BETWEEN 1 AND 10),
    enabled boolean NOT NULL DEFAULT true,
    public boolean NOT NULL DEFAULT false,
    show_url boolean NOT NULL DEFAULT false,
    group_name text,
    tags jsonb NOT NULL DEFAULT '{}',
    channels text [] NOT NULL DEFAULT '{}',
    reference boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);

COMMENT ON COLUMN monitor.regions IS 'null: every enabled region';
COMMENT ON COLUMN monitor.spec IS 'what the prober needs, as it travels in the stream; credentials only as references';

-- One row per tick and region. A gap is a row that was never pushed completely: when it closes, all that was due counts.
CREATE TABLE tick_ledger (
    tick timestamptz NOT NULL,
    region location NOT NULL,
    spread_s smallint NOT NULL,
    owner text,
    lease_until timestamptz,
    cursor_ms bigint NOT NULL DEFAULT 0,
    cursor_id bigint NOT NULL DEFAULT 0,
    due integer,
    pushed integer NOT NULL DEFAULT 0,
    skipped integer NOT NULL DEFAULT 0,
    stored integer NOT NULL DEFAULT 0,
    expired integer NOT NULL DEFAULT 0,
    dead integer NOT NULL DEFAULT 0,
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    pushed_at timestamptz,
    judged_at timestamptz,
    closed_at timestamptz,
    scheduled integer GENERATED ALWAYS AS (
        CASE WHEN closed_at IS NOT NULL AND pushed_at IS NULL
            THEN greatest(due, pushed + skipped) ELSE pushed + skipped END
    ) STORED,
    lost integer GENERATED ALWAYS AS (
        CASE WHEN closed_at IS NOT NULL THEN
            CASE WHEN pushed_at IS NULL THEN greatest(due, pushed + skipped) ELSE pushed + skipped END
            - stored - expired - skipped - dead END
    ) STORED,
    PRIMARY KEY (tick, region)
) WITH (fillfactor = 50);

CREATE INDEX tick_ledger_open ON tick_ledger (tick) WHERE closed_at IS NULL;

COMMENT ON COLUMN tick_ledger.due IS 'from monitor_schedule, counted when the tick closes';

-- What was in force: a version of a monitor's schedule, from one tick until (and without) another.
CREATE TABLE monitor_schedule (
    monitor_id bigint NOT NULL REFERENCES monitor,
    from_tick timestamptz NOT NULL,
    until_tick timestamptz NOT NULL DEFAULT 'infinity',
    interval_s integer NOT NULL,
    phase_s integer NOT NULL CHECK (phase_s >= 0 AND phase_s < interval_s),
    regions location [],
    enabled boolean NOT NULL,
    PRIMARY KEY (monitor_id, from_tick)
);

-- Covers all that a page asks for: in the order of instants, neighbours lie on pages of the table far apart.
CREATE INDEX monitor_schedule_due ON monitor_schedule ((phase_s % 60), monitor_id)
INCLUDE (phase_s, interval_s, from_tick, until_tick, regions)
WHERE enabled AND interval_s >= 60;
CREATE INDEX monitor_schedule_due_below_a_minute ON monitor_schedule (interval_s, phase_s, monitor_id)
WHERE enabled AND interval_s < 60;

-- A monitor's place within its interval, spread evenly: the golden ratio's multiples (Knuth, TAOCP 3, 6.4).
CREATE FUNCTION phase_of(p_monitor bigint, p_interval_s integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ((p_monitor % 2147483648 * 2654435761 % 4294967296) * p_interval_s / 4294967296)::integer
$$;

-- The same rules as vantage/schedule.py; tests/test_schedule.py compares them.
CREATE FUNCTION is_due(p_phase_s integer, p_interval_s integer, p_tick_s bigint) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (((p_phase_s - p_tick_s) % p_interval_s) + p_interval_s) % p_interval_s < 60
$$;

CREATE FUNCTION offset_ms(p_phase_s integer, p_interval_s integer, p_spread_s integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (p_phase_s % least(p_interval_s, 60)) * p_spread_s * 1000 / 60
$$;

-- The interval in force if (monitor, instant, region) is a slot, else null.
CREATE FUNCTION slot_interval(p_monitor bigint, p_at timestamptz, p_region location) RETURNS integer
LANGUAGE sql STABLE AS $$
    SELECT s.interval_s
      FROM tick_ledger l JOIN monitor_schedule s ON s.monitor_id = p_monitor
     WHERE l.tick = date_trunc('minute', p_at) AND l.region = p_region
       AND s.from_tick <= l.tick AND l.tick < s.until_tick AND s.enabled
       AND (s.regions IS NULL OR p_region = ANY (s.regions))
       AND is_due(s.phase_s, s.interval_s, extract(epoch FROM l.tick)::bigint)
       AND (extract(epoch FROM p_at - l.tick) * 1000)::bigint % (s.interval_s * 1000)
           = offset_ms(s.phase_s, s.interval_s, l.spread_s)
$$;

-- Whoever changes monitors shares this lock; the producer takes it alone while it opens a tick. So a change is in force
-- from the first tick that was not yet open when it was made.
CREATE FUNCTION write_monitor_schedule() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE v_from timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7301, 1);
    SELECT greatest(date_trunc('minute', clock_timestamp()), max(tick) + interval '1 minute') INTO v_from FROM tick_ledger;
    WITH wanted AS (
        SELECT c.id, c.interval_s, c.regions, c.enabled AND c.deleted_at IS NULL AS enabled FROM changed c
         WHERE NOT EXISTS (
            SELECT FROM monitor_schedule s
             WHERE s.monitor_id = c.id AND s.until_tick = 'infinity' AND s.interval_s = c.interval_s
               AND s.regions IS NOT DISTINCT FROM c.regions AND s.enabled = (c.enabled AND c.deleted_at IS NULL))
    ), ended AS (
        UPDATE monitor_schedule s SET until_tick = v_from FROM wanted w
         WHERE s.monitor_id = w.id AND s.until_tick = 'infinity' AND s.from_tick < v_from
    )
    INSERT INTO monitor_schedule AS s (monitor_id, from_tick, interval_s, phase_s, regions, enabled)
    SELECT w.id, v_from, w.interval_s, phase_of(w.id, w.interval_s), w.regions, w.enabled FROM wanted w
        ON CONFLICT (monitor_id, from_tick) DO UPDATE
       SET interval_s = excluded.interval_s, phase_s = excluded.phase_s, regions = excluded.regions,
           enabled = excluded.enabled;
    RETURN NULL;
END $$;

CREATE TRIGGER monitor_inserted AFTER INSERT ON monitor
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION write_monitor_schedule();
CREATE TRIGGER monitor_updated AFTER UPDATE ON monitor
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION write_monitor_schedule();

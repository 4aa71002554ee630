-- What is decided of what was seen: states, flips, verdicts, incidents, advisories, and what people are told.

-- Epoch milliseconds, as the rules count, and the instant that they mean.
CREATE FUNCTION at_ms(p_ms bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT timestamptz 'epoch' + p_ms * interval '1 millisecond'
$$;
CREATE FUNCTION ms_of(p_at timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (extract(epoch FROM p_at) * 1000)::bigint
$$;

-- Rows that came after their tick was judged; the next judging decides again whether their region was at fault.
ALTER TABLE tick_ledger ADD COLUMN late_rows integer NOT NULL DEFAULT 0;
-- History from before there was judging stays unjudged history.
UPDATE tick_ledger SET judged_at = clock_timestamp() WHERE tick < clock_timestamp() - interval '10 minutes';
-- In one transaction with the rest: the table has a few rows per minute of a month at most.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX tick_ledger_unjudged ON tick_ledger (tick) WHERE judged_at IS NULL;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX tick_ledger_late ON tick_ledger (tick) WHERE late_rows > 0;

-- Where a monitor stands in a region. Written only when that changes: a steady check only reads it.
CREATE TABLE region_state (
    monitor_id bigint NOT NULL,
    region location NOT NULL,
    state check_status NOT NULL CHECK (state IN ('up', 'degraded', 'down')),
    since timestamptz NOT NULL,
    confirmed_at timestamptz NOT NULL,
    PRIMARY KEY (monitor_id, region)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);

COMMENT ON COLUMN region_state.since IS 'the first check of the run that confirmed the state';

CREATE TABLE flip (
    monitor_id bigint NOT NULL,
    region location NOT NULL,
    checked_at timestamptz NOT NULL,
    from_state check_status,
    to_state check_status NOT NULL,
    since timestamptz NOT NULL,
    PRIMARY KEY (monitor_id, checked_at, region)
);

-- Written by record_results: the monitors of a tick that are not quietly up in a region. `fresh` until a judging has
-- looked; kept until the tick is closed, because a late row has its tick's failures counted again.
CREATE TABLE mark (
    tick timestamptz NOT NULL,
    monitor_id bigint NOT NULL,
    region location NOT NULL,
    fresh boolean NOT NULL DEFAULT true,
    PRIMARY KEY (tick, monitor_id, region)
);
CREATE INDEX mark_fresh ON mark (tick, monitor_id) WHERE fresh;

-- What judging remembers of the monitors that are not quietly up: of all others, everything follows from their rows.
CREATE TABLE judged_memory (
    monitor_id bigint PRIMARY KEY,
    memory jsonb NOT NULL,
    verdict text NOT NULL
) WITH (fillfactor = 50);

-- Changes of the verdict of all regions together, by slot. A monitor without a row, or whose last one says up, is up
-- where it is seen.
CREATE TABLE verdict (
    monitor_id bigint NOT NULL,
    checked_at timestamptz NOT NULL,
    verdict text NOT NULL,
    PRIMARY KEY (monitor_id, checked_at)
);

-- A region whose rows of a tick cannot be believed.
CREATE TABLE region_fault (
    tick timestamptz NOT NULL,
    region location NOT NULL,
    found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tick, region)
);

-- The one row of what judging remembers of ourselves: episodes that the operator has been told of.
CREATE TABLE judged_operator (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    memory jsonb NOT NULL
);

CREATE TABLE incident (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    monitor_id bigint NOT NULL REFERENCES monitor,
    began_at timestamptz NOT NULL,
    opened_at timestamptz NOT NULL,
    resolved_at timestamptz,
    single_vantage boolean NOT NULL,
    reason check_reason,
    phase text,
    facts jsonb NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by text,
    reminded_at timestamptz
);
CREATE UNIQUE INDEX incident_one_open ON incident (monitor_id) WHERE resolved_at IS NULL;
CREATE INDEX incident_by_monitor ON incident (monitor_id, opened_at);

COMMENT ON COLUMN incident.began_at IS 'first failure of the region that completed the quorum';
COMMENT ON COLUMN incident.facts IS 'what the regions saw when it opened, as the webhook says it';

CREATE TABLE incident_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint NOT NULL REFERENCES incident,
    at timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN ('opened', 'region', 'resolved', 'acknowledged', 'note', 'closed')),
    region location,
    author text,
    detail jsonb NOT NULL DEFAULT '{}',
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX incident_event_of ON incident_event (incident_id, at);

CREATE TABLE advisory (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    monitor_id bigint NOT NULL REFERENCES monitor,
    region location NOT NULL,
    opened_at timestamptz NOT NULL,
    told boolean NOT NULL,
    closed_at timestamptz
);
CREATE UNIQUE INDEX advisory_one_open ON advisory (monitor_id, region) WHERE closed_at IS NULL;

-- Where people are told. `config` holds references to secrets, never secrets.
CREATE TABLE channel (
    name text PRIMARY KEY,
    type text NOT NULL,
    config jsonb NOT NULL,
    events text [] NOT NULL,
    remind_every_s integer,
    operator boolean NOT NULL DEFAULT false,
    enabled boolean NOT NULL DEFAULT true,
    disabled_reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON COLUMN channel.operator IS 'hears of our own faults';

-- What is to be told, once per channel. `id` is the webhook id, the same on every retry; `key` says what is told, so
-- that it is told once. `subject` is the monitor (or `operator`): per channel and subject the order is kept.
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel text NOT NULL REFERENCES channel ON DELETE CASCADE,
    subject text NOT NULL,
    key text NOT NULL,
    type text NOT NULL,
    facts jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease_until timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    last_error text,
    sent_at timestamptz,
    given_up_at timestamptz,
    UNIQUE (channel, key)
);
CREATE INDEX outbox_waiting ON outbox (channel, subject, id) WHERE sent_at IS NULL AND given_up_at IS NULL;

-- Announced work. `groups` and `slugs` say on what; both empty: on everything. `starts` is what the clocks of the time
-- zone show; `maintenance_window` holds what that means in UTC, worked out ahead.
CREATE TABLE maintenance (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    -- squawk-ignore prefer-timestamp-tz
    starts timestamp NOT NULL,
    duration_s integer NOT NULL CHECK (duration_s > 0),
    timezone text NOT NULL,
    rrule text,
    groups text [] NOT NULL DEFAULT '{}',
    slugs text [] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
);
CREATE TABLE maintenance_window (
    maintenance_id bigint NOT NULL REFERENCES maintenance ON DELETE CASCADE,
    from_at timestamptz NOT NULL,
    until_at timestamptz NOT NULL CHECK (until_at > from_at),
    PRIMARY KEY (maintenance_id, from_at)
);
CREATE INDEX maintenance_window_until ON maintenance_window (until_at);

CREATE FUNCTION is_in_maintenance(p_group text, p_slug text, p_at timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM maintenance_window w JOIN maintenance x ON x.id = w.maintenance_id
         WHERE w.from_at <= p_at AND p_at < w.until_at
           AND (cardinality(x.groups) + cardinality(x.slugs) = 0 OR p_group = ANY (x.groups) OR p_slug = ANY (x.slugs)))
$$;

-- Store a region's results and book them in its ledger rows, as migration 0002 says; and mark the monitors that are not
-- quietly up here: a row that is not up, or up where the state is not (yet).
CREATE OR REPLACE FUNCTION record_results(
    p_region location, p_monitor bigint [], p_at timestamptz [], p_status check_status [], p_reason check_reason [],
    p_interval integer [], p_total integer [], p_dns integer [], p_connect integer [], p_tls integer [],
    p_first_byte integer [], p_download integer [], p_late integer [], p_http smallint [], p_reused boolean [],
    p_cold boolean [], p_lagging boolean [], p_confirmed boolean [], p_extra boolean []
) RETURNS integer
-- A plan cached while today's partition was empty would scan it whole for ever.
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE n integer;
BEGIN
    PERFORM FROM tick_ledger l
      WHERE l.region = p_region AND l.tick IN (SELECT date_trunc('minute', t) FROM unnest(p_at) t)
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
          FROM inserted i LEFT JOIN region_state s ON s.monitor_id = i.monitor_id AND s.region = p_region
         WHERE i.status IN ('up', 'degraded', 'down') AND (i.status <> 'up' OR s.state IS DISTINCT FROM 'up')
            ON CONFLICT (tick, monitor_id, region) DO UPDATE SET fresh = true WHERE NOT mark.fresh
    )
    SELECT count(*) INTO n FROM inserted;
    RETURN n;
END $$;

-- Take the ticks that a judging of p_tick decides on away from whoever records into them, in the order in which those
-- take them; no rows where another judging is at work. Call it alone: what is read next sees all that was recorded.
CREATE FUNCTION lock_ticks(p_tick timestamptz) RETURNS TABLE (
    tick timestamptz, region location, is_judged boolean, late_rows integer
) LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(7301, 3) THEN RETURN; END IF;
    RETURN QUERY
    SELECT l.tick, l.region, l.judged_at IS NOT NULL, l.late_rows FROM tick_ledger l
     WHERE l.tick <= p_tick AND (l.closed_at IS NULL OR l.judged_at IS NULL OR l.late_rows > 0)
     ORDER BY l.tick, l.region FOR UPDATE;
END $$;

-- The tick before p_tick in which a monitor was due, by the schedule in force now.
CREATE FUNCTION tick_due_before(p_tick timestamptz, p_interval_s integer, p_phase_s integer) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p_tick - make_interval(secs => 60 + CASE WHEN p_interval_s <= 60 THEN 0 ELSE
        ((extract(epoch FROM p_tick)::bigint - 60 - (p_phase_s - p_phase_s % 60)) % p_interval_s + p_interval_s)
            % p_interval_s END)
$$;

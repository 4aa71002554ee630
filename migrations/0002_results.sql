-- What was seen: results by day, and the one statement that records them.

CREATE TYPE check_status AS ENUM ('up', 'degraded', 'down', 'refused', 'expired', 'dead');
CREATE TYPE check_reason AS ENUM (
    'dns', 'connect', 'tls', 'timeout', 'protocol', 'status', 'body', 'json', 'header', 'slow', 'certificate',
    'redirect', 'blocked', 'too_large', 'banner', 'record', 'guard'
);

-- No foreign key to monitor (two look-ups and a lock per row) and no default partition: once it caught a row, that day's
-- own partition can not be made. A missing day is error 23514; the writer makes it and sends the batch again.
CREATE TABLE check_result (
    monitor_id bigint NOT NULL,
    checked_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    region location NOT NULL,
    status check_status NOT NULL,
    reason check_reason,
    interval_s integer NOT NULL,
    total_us integer,
    dns_us integer,
    connect_us integer,
    tls_us integer,
    first_byte_us integer,
    download_us integer,
    late_ms integer,
    http_status smallint,
    reused boolean NOT NULL,
    cold boolean NOT NULL,
    lagging boolean NOT NULL,
    confirmed boolean NOT NULL,
    extra boolean NOT NULL,
    PRIMARY KEY (monitor_id, checked_at, region)
) PARTITION BY RANGE (checked_at);

CREATE INDEX check_result_checked_at ON check_result USING brin (checked_at);

-- Entries that are nobody's slot, and the raw text of those that could not be read.
CREATE TABLE dead_letter (
    entry_id text NOT NULL,
    region location NOT NULL,
    reason text NOT NULL,
    raw text,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (entry_id, region)
);

-- Days from p_from to p_to get their partitions. Made first and attached then: a lighter lock than PARTITION OF.
CREATE FUNCTION ensure_result_days(p_from date, p_to date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    d date;
    t text;
BEGIN
    PERFORM pg_advisory_xact_lock(7301, 2);
    FOR d IN SELECT generate_series(p_from, p_to, interval '1 day')::date LOOP
        t := 'check_result_' || to_char(d, 'YYYYMMDD');
        CONTINUE WHEN to_regclass(t) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE check_result INCLUDING ALL, CHECK (checked_at >= %L AND checked_at < %L))', t,
            d::timestamp AT TIME ZONE 'UTC', (d + 1)::timestamp AT TIME ZONE 'UTC');
        EXECUTE format('ALTER TABLE check_result ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', t,
            d::timestamp AT TIME ZONE 'UTC', (d + 1)::timestamp AT TIME ZONE 'UTC');
    END LOOP;
END $$;

-- Store a region's results and book them in its ledger rows; idempotent, one autocommitted call.
-- Rows come sorted by (monitor, instant), and the ledger rows are locked in tick order, so that writers never deadlock.
-- A row without an interval is one whose entry could not be read: it is stored only if it is a slot.
-- Returns how many rows were really inserted.
CREATE FUNCTION record_results(
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
        RETURNING checked_at, status
    ), counted AS (
        SELECT date_trunc('minute', checked_at) AS tick,
               count(*) FILTER (WHERE status NOT IN ('expired', 'dead')) AS stored,
               count(*) FILTER (WHERE status = 'expired') AS expired,
               count(*) FILTER (WHERE status = 'dead') AS dead
          FROM inserted GROUP BY 1
    ), booked AS (
        UPDATE tick_ledger l
           SET stored = l.stored + c.stored, expired = l.expired + c.expired, dead = l.dead + c.dead
          FROM counted c WHERE l.tick = c.tick AND l.region = p_region
    )
    SELECT count(*) INTO n FROM inserted;
    RETURN n;
END $$;

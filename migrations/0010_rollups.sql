-- Hours and days of what was seen: a month is read from a few rows, and stays known when its results are gone.

-- The bucket of a time: the smallest i with 100 us x 1.0408^i at least as long; the middle of it is off by 2 % at most.
-- The same rule as vantage/latency.py; tests/history/test_latency.py compares them.
CREATE FUNCTION latency_bucket(p_us integer) RETURNS smallint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT greatest(0, ceil(ln(greatest(p_us, 1) / 100.0::float8) / ln(1.0408::float8)))::smallint
$$;

-- How the scheduled slots of an hour ended, and how long the good ones took. What is missing from `scheduled` has no row.
-- Histograms are sparse: n values in bucket i. They hold what is up or degraded, without cold and lagging runs.
CREATE TABLE check_rollup_hour (
    hour timestamptz NOT NULL,
    monitor_id bigint NOT NULL,
    region location NOT NULL,
    scheduled integer NOT NULL,
    up integer NOT NULL,
    degraded integer NOT NULL,
    down integer NOT NULL,
    refused integer NOT NULL,
    expired integer NOT NULL,
    dead integer NOT NULL,
    dns_us integer,
    connect_us integer,
    tls_us integer,
    download_us integer,
    total_i smallint [],
    total_n integer [],
    first_byte_i smallint [],
    first_byte_n integer [],
    PRIMARY KEY (hour, monitor_id, region)
);

COMMENT ON COLUMN check_rollup_hour.dns_us IS 'medians of the hour; a kept connection has no dns, connect and tls';

CREATE TABLE check_rollup_day (
    day date NOT NULL,
    monitor_id bigint NOT NULL,
    region location NOT NULL,
    scheduled integer NOT NULL,
    up integer NOT NULL,
    degraded integer NOT NULL,
    down integer NOT NULL,
    refused integer NOT NULL,
    expired integer NOT NULL,
    dead integer NOT NULL,
    total_i smallint [],
    total_n integer [],
    first_byte_i smallint [],
    first_byte_n integer [],
    PRIMARY KEY (day, monitor_id, region)
);

-- The slots of a monitor by what all its regions saw of them together, which is what uptime is counted from: the
-- interval in force, each region's status (! where the region was at fault), maintenance, incident.
CREATE TABLE slot_rollup_hour (
    hour timestamptz NOT NULL,
    monitor_id bigint NOT NULL,
    look text NOT NULL,
    slots integer NOT NULL,
    PRIMARY KEY (hour, monitor_id, look)
);
CREATE TABLE slot_rollup_day (
    day date NOT NULL,
    monitor_id bigint NOT NULL,
    look text NOT NULL,
    slots integer NOT NULL,
    PRIMARY KEY (day, monitor_id, look)
);

-- Which hours and days are rolled up, and of what: ticks, rows, regions at fault, maintenance, incidents. Where these are
-- something else by now, the hour is rolled up anew.
CREATE TABLE rollup_hour (
    hour timestamptz PRIMARY KEY,
    ticks integer NOT NULL,
    recorded bigint NOT NULL,
    faults integer NOT NULL,
    held_s bigint NOT NULL,
    incident_s bigint NOT NULL,
    rolled_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE rollup_day (
    day date PRIMARY KEY,
    rolled_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

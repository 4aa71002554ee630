-- What the clock has people told of: reminders, certificates that end soon, and sites that have been slow for long.

-- An instant as messages have it.
CREATE FUNCTION moment_of(p_at timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

-- Who a message is about.
CREATE FUNCTION monitor_facts(m monitor) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT jsonb_build_object('slug', m.slug, 'name', m.name, 'type', m.type, 'url', m.spec ->> 'url',
                              'group', m.group_name, 'tags', m.tags)
$$;

-- Whether somebody would hear of a monitor now: not while it is paused, deleted, in maintenance or flapping.
CREATE FUNCTION is_told_of(m monitor, p_at timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT m.enabled AND m.deleted_at IS NULL AND NOT m.reference
       AND NOT is_in_maintenance(m.group_name, m.slug, p_at)
       AND NOT EXISTS (SELECT FROM judged_memory j
                        WHERE j.monitor_id = m.id AND (j.memory -> 'flapping' ->> 0)::boolean)
$$;

-- What each enabled region sees of a monitor: its state, and its newest result since that was confirmed.
CREATE FUNCTION region_facts(m monitor) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
               'region', s.region, 'state', s.state, 'since', moment_of(s.since), 'reason', c.reason,
               'http_status', c.http_status, 'latency_ms', round(c.total_us / 1000.0, 1), 'phase', NULL,
               'timeout_ms', m.timeout_ms) ORDER BY s.region), '[]')
      FROM region_state s JOIN region r ON r.name = s.region AND r.enabled
      LEFT JOIN LATERAL (
          SELECT x.reason, x.http_status, x.total_us FROM check_result x
           WHERE x.monitor_id = m.id AND x.region = s.region AND x.status IN ('up', 'degraded', 'down')
             AND x.checked_at >= s.since
           ORDER BY x.checked_at DESC LIMIT 1) c ON true
     WHERE s.monitor_id = m.id AND (m.regions IS NULL OR s.region = ANY (m.regions))
$$;

-- A monitor that people were told is slow, until they are told that it is not.
CREATE TABLE slow_episode (
    monitor_id bigint PRIMARY KEY REFERENCES monitor,
    since timestamptz NOT NULL
);

-- Certificates by their end, so that looking for those that end soon costs nothing where none does.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX probe_detail_certificate ON probe_detail (certificate_expires_at)
WHERE certificate_expires_at IS NOT NULL;

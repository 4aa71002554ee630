-- A message's monitor says whether it has a page for everybody, and each region that sees a fault what was said of it.

-- Who a message is about.
CREATE OR REPLACE FUNCTION monitor_facts(m monitor) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT jsonb_build_object('slug', m.slug, 'name', m.name, 'type', m.type, 'url', m.spec ->> 'url',
                              'group', m.group_name, 'tags', m.tags, 'public', m.public)
$$;

-- What regions see, each with the last sentence that was said of a check since it is not up there.
CREATE FUNCTION with_details(p_monitor bigint, p_regions jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(x.seen || jsonb_build_object('detail', d.detail) ORDER BY x.n), '[]')
      FROM jsonb_array_elements(p_regions) WITH ORDINALITY x (seen, n)
      LEFT JOIN probe_detail d
           ON d.monitor_id = p_monitor AND d.region = (x.seen ->> 'region')::location
          AND x.seen ->> 'state' IN ('down', 'degraded') AND d.detail_at >= (x.seen ->> 'since')::timestamptz
$$;

-- What each enabled region sees of a monitor: its state, and its newest result since that was confirmed.
CREATE OR REPLACE FUNCTION region_facts(m monitor) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT with_details(m.id, coalesce(jsonb_agg(jsonb_build_object(
               'region', s.region, 'state', s.state, 'since', moment_of(s.since), 'reason', c.reason,
               'http_status', c.http_status, 'latency_ms', round(c.total_us / 1000.0, 1), 'phase', NULL,
               'timeout_ms', m.timeout_ms) ORDER BY s.region), '[]'))
      FROM region_state s JOIN region r ON r.name = s.region AND r.enabled
      LEFT JOIN LATERAL (
          SELECT x.reason, x.http_status, x.total_us FROM check_result x
           WHERE x.monitor_id = m.id AND x.region = s.region AND x.status IN ('up', 'degraded', 'down')
             AND x.checked_at >= s.since
           ORDER BY x.checked_at DESC LIMIT 1) c ON true
     WHERE s.monitor_id = m.id AND (m.regions IS NULL OR s.region = ANY (m.regions))
$$;

"""What the clock has people told of: each statement writes into the outbox what is due and not there yet.

All instants are given by the caller, so that a system that lives faster than time tells at its own hours.
"""

from datetime import datetime
from typing import LiteralString

from vantage.store.connection import AsyncConnection

CERTIFICATE_DAYS = (14, 7, 3, 1)
SLOW_FOR_S = 600  # as long as a region is down alone before anybody hears of it

# The n-th reminder of a channel falls n times its `remind_every` behind the opening; those nobody wrote are left out.
_REMINDERS: LiteralString = """
INSERT INTO outbox (channel, subject, key, type, facts)
SELECT c.name, m.id::text, x.key, 'incident.reminder', jsonb_build_object(
           'incident_id', i.id, 'kind', 'reminder', 'at', moment_of(%(now)s), 'verdict', 'site_down',
           'reason', i.reason, 'phase', i.phase, 'single_vantage', i.single_vantage,
           'began_at', moment_of(i.began_at), 'opened_at', moment_of(i.opened_at), 'monitor', monitor_facts(m),
           'regions', with_details(m.id, (
               SELECT coalesce(jsonb_agg(
                          r || jsonb_build_object('state', coalesce(s.state::text, r ->> 'state'))), '[]')
                 FROM jsonb_array_elements(i.facts -> 'regions') r
                 LEFT JOIN region_state s ON s.monitor_id = i.monitor_id AND s.region::text = r ->> 'region')))
  FROM incident i
  JOIN monitor m ON m.id = i.monitor_id
  JOIN channel c ON c.name = ANY (m.channels) AND c.enabled AND 'down' = ANY (c.events) AND c.remind_every_s > 0
 CROSS JOIN LATERAL (
    SELECT floor(extract(epoch FROM %(now)s - i.opened_at) / c.remind_every_s)::bigint AS n) y
 CROSS JOIN LATERAL (SELECT format('reminder:%%s:%%s', i.id, n) AS key) x
 WHERE i.resolved_at IS NULL AND i.acknowledged_at IS NULL AND n > 0 AND is_told_of(m, %(now)s)
   AND NOT EXISTS (SELECT FROM outbox o WHERE o.channel = c.name AND o.key = x.key)
    ON CONFLICT (channel, key) DO NOTHING"""

# One that is not verified is nobody's to renew, unless its end is expected to be looked at.
_CERTIFICATES: LiteralString = """
WITH ending AS (
    SELECT d.monitor_id, min(d.certificate_expires_at) AS ends_at
      FROM probe_detail d JOIN region r ON r.name = d.region AND r.enabled
     WHERE d.certificate_expires_at > %(now)s AND d.certificate_expires_at <= %(now)s + make_interval(days => %(most)s)
     GROUP BY 1
), step AS (
    SELECT monitor_id, ends_at, (
        SELECT min(n) FROM unnest(%(days)s::int[]) n WHERE ends_at <= %(now)s + make_interval(days => n)) AS days
      FROM ending
)
INSERT INTO outbox (channel, subject, key, type, facts)
SELECT c.name, m.id::text, x.key, 'certificate.expiring', jsonb_build_object(
           'kind', 'certificate', 'at', moment_of(%(now)s), 'monitor', monitor_facts(m), 'regions', '[]'::jsonb,
           'certificate', jsonb_build_object('expires_at', moment_of(e.ends_at), 'notice_days', e.days, 'regions', (
               SELECT jsonb_agg(d.region ORDER BY d.region) FROM probe_detail d
                WHERE d.monitor_id = m.id AND d.certificate_expires_at = e.ends_at)))
  FROM step e
  JOIN monitor m ON m.id = e.monitor_id
   AND (m.spec ->> 'url' ILIKE 'https:%%' OR m.spec ->> 'tls' = 'true')
   AND (m.spec ->> 'verify_tls' IS DISTINCT FROM 'false' OR m.spec #> '{expect,certificate}' IS NOT NULL)
  JOIN channel c ON c.name = ANY (m.channels) AND c.enabled AND 'certificate' = ANY (c.events)
 CROSS JOIN LATERAL (
    SELECT format('certificate:%%s:%%s:%%s', m.id, extract(epoch FROM e.ends_at)::bigint, e.days) AS key) x
 WHERE is_told_of(m, %(now)s) AND NOT EXISTS (SELECT FROM outbox o WHERE o.channel = c.name AND o.key = x.key)
    ON CONFLICT (channel, key) DO NOTHING"""

# A certificate that ends soon is degraded too, and has notices of its own.
_SLOW: LiteralString = """
WITH slow AS (
    SELECT m.id, v.checked_at AS since, region_facts(m) AS regions
      FROM judged_memory j
      JOIN monitor m ON m.id = j.monitor_id AND is_told_of(m, %(now)s)
     CROSS JOIN LATERAL (
        SELECT checked_at FROM verdict WHERE monitor_id = j.monitor_id ORDER BY checked_at DESC LIMIT 1) v
     WHERE j.verdict = 'degraded' AND v.checked_at <= %(now)s - make_interval(secs => %(slow_for)s)
       AND NOT EXISTS (SELECT FROM slow_episode e WHERE e.monitor_id = m.id)
), opened AS (
    INSERT INTO slow_episode (monitor_id, since)
    SELECT id, since FROM slow
     WHERE EXISTS (SELECT FROM jsonb_array_elements(regions) r
                    WHERE r ->> 'state' = 'degraded' AND r ->> 'reason' IS DISTINCT FROM 'certificate')
        ON CONFLICT DO NOTHING
    RETURNING monitor_id
)
INSERT INTO outbox (channel, subject, key, type, facts)
SELECT c.name, m.id::text, format('degraded:%%s:%%s', m.id, ms_of(s.since)), 'advisory.opened', jsonb_build_object(
           'kind', 'degraded', 'at', moment_of(%(now)s), 'verdict', 'degraded', 'began_at', moment_of(s.since),
           'monitor', monitor_facts(m), 'regions', s.regions)
  FROM opened o
  JOIN slow s ON s.id = o.monitor_id
  JOIN monitor m ON m.id = s.id
  JOIN channel c ON c.name = ANY (m.channels) AND c.enabled AND 'degraded' = ANY (c.events)
    ON CONFLICT (channel, key) DO NOTHING"""

# An incident says more and is told by itself; with no data, or in maintenance, nothing is known to be over. A program
# that was told of it hears that it is over all the same.
_QUICK_AGAIN: LiteralString = """
WITH over AS (
    DELETE FROM slow_episode e USING monitor m
     WHERE m.id = e.monitor_id
       AND (NOT m.enabled OR m.deleted_at IS NOT NULL OR coalesce(
            (SELECT verdict FROM judged_memory j WHERE j.monitor_id = m.id), 'up') IN ('up', 'regional', 'site_down'))
    RETURNING e.monitor_id, e.since
)
INSERT INTO outbox (channel, subject, key, type, facts)
SELECT c.name, m.id::text, format('degraded_over:%%s:%%s', m.id, ms_of(o.since)), 'advisory.closed',
       jsonb_build_object('kind', 'degraded_over', 'at', moment_of(%(now)s), 'verdict', 'up',
                          'began_at', moment_of(o.since), 'monitor', monitor_facts(m), 'regions', region_facts(m))
       || CASE WHEN x.is_news THEN '{}'::jsonb ELSE '{"quiet": true}' END
  FROM over o
  JOIN monitor m ON m.id = o.monitor_id
 CROSS JOIN LATERAL (
    SELECT is_told_of(m, %(now)s)
           AND NOT EXISTS (SELECT FROM incident i WHERE i.monitor_id = m.id AND i.resolved_at IS NULL) AS is_news) x
  JOIN channel c ON c.name = ANY (m.channels) AND c.enabled AND 'degraded' = ANY (c.events)
 WHERE x.is_news
    OR keeps_alerts(c.type) AND EXISTS (
       SELECT FROM outbox b WHERE b.channel = c.name AND b.key = format('degraded:%%s:%%s', m.id, ms_of(o.since)))
    ON CONFLICT (channel, key) DO NOTHING"""


async def write_due(connection: AsyncConnection, now: datetime) -> int:
    """Write reminders and notices that are due at an instant; returns how many letters came of it."""
    given = {"now": now, "most": max(CERTIFICATE_DAYS), "days": list(CERTIFICATE_DAYS), "slow_for": SLOW_FOR_S}
    written = 0
    for statement in (_REMINDERS, _CERTIFICATES, _SLOW, _QUICK_AGAIN):
        written += (await connection.execute(statement, given)).rowcount
    return written

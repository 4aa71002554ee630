"""Table `probe_detail`: address, protocol, certificate and the last sentence, per monitor and region."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from vantage.check import ProbeDetail, Result
from vantage.monitor import Region
from vantage.store.connection import AsyncConnection

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# What a probe did not come to see (it got no connection, say) stays; an older one changes nothing.
_RECORD = """
    INSERT INTO probe_detail AS d (monitor_id, region, seen_at, address, protocol, certificate_expires_at,
        certificate_issuer, certificate_names, detail, detail_at)
    SELECT (j ->> 0)::bigint, %s::text::location, (j ->> 1)::timestamptz, j ->> 2, j ->> 3, (j ->> 4)::timestamptz,
        j ->> 5, ARRAY(SELECT jsonb_array_elements_text(j -> 6)), j ->> 7,
        CASE WHEN j ->> 7 IS NOT NULL THEN (j ->> 1)::timestamptz END
      FROM jsonb_array_elements(%s) j ORDER BY 1
        ON CONFLICT (monitor_id, region) DO UPDATE SET
            seen_at = excluded.seen_at,
            address = coalesce(excluded.address, d.address),
            protocol = coalesce(excluded.protocol, d.protocol),
            certificate_expires_at = coalesce(excluded.certificate_expires_at, d.certificate_expires_at),
            certificate_issuer = CASE WHEN excluded.certificate_expires_at IS NULL
                THEN d.certificate_issuer ELSE excluded.certificate_issuer END,
            certificate_names = CASE WHEN excluded.certificate_expires_at IS NULL
                THEN d.certificate_names ELSE excluded.certificate_names END,
            detail = coalesce(excluded.detail, d.detail),
            detail_at = coalesce(excluded.detail_at, d.detail_at)
      WHERE excluded.seen_at > d.seen_at"""


def _row(result: Result) -> list[Any]:
    detail = result.detail or ProbeDetail()
    ends = detail.certificate_expires_at
    return [
        result.monitor_id, (_EPOCH + timedelta(milliseconds=result.checked_at_ms)).isoformat(), detail.address,
        detail.protocol, ends.isoformat() if ends else None, detail.certificate_issuer, detail.certificate_names,
        detail.text,
    ]  # fmt: skip


async def record_details(connection: AsyncConnection, region: Region, results: Sequence[Result]) -> None:
    """Keep the details of these results, in the order of their monitors so that two writers never deadlock."""
    latest = {result.monitor_id: result for result in sorted(results, key=lambda each: each.checked_at_ms)}
    rows = [_row(result) for result in latest.values() if result.detail is not None]
    if rows:
        await connection.execute(_RECORD, (region, Jsonb(rows)))

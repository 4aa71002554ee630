"""One example of each thing, as it is told; they stand in /openapi.json, and a test checks them by their models."""

MONITOR = {
    "name": "Website", "slug": "website", "type": "http", "url": "https://www.example.com/health", "group": "Public",
    "tags": {"team": "web"}, "public": True, "interval": "1m", "expect": {"status": ["200-299"]}, "channels": [],
}  # fmt: skip
PING_PATH = {"path": "/ping/5f0c6a1e9b7d4c3a8e2f1d0b9c8a7e6f"}
RESULT = {
    "checked_at": "2026-11-24T08:41:02.500000Z", "region": "INDIA", "status": "down", "reason": "timeout",
    "http_status": None, "total_us": 5_000_000, "dns_us": 9_000, "connect_us": 20_000, "tls_us": None,
    "first_byte_us": None, "download_us": None, "late_ms": 3, "reused": False, "cold": False, "lagging": False,
    "confirmed": True, "extra": False,
}  # fmt: skip
FAILURE = {"slug": "website", **RESULT, "elsewhere": {"USA": "up", "EU": "up"}}
FAILED_ALONE = {"slug": "website", "region": "INDIA", "failed_alone": 4, "slots": 1_440}
TALLY = {
    "uptime": 99.93, "coverage": 100.0, "low": 99.93, "high": 99.93, "good_s": 86_340, "bad_s": 60, "unseen_s": 0,
}  # fmt: skip
SHARES = {"p50": 142.0, "p95": 180.5, "p99": 410.0}
PHASES = {"dns_ms": 9.0, "connect_ms": 20.0, "tls_ms": 30.0, "first_byte_ms": 141.0, "download_ms": 1.0}
SPAN = {"from": "2026-11-23T08:00:00Z", "to": "2026-11-24T08:41:00Z"}
UPTIME = {
    **SPAN, "slug": "website", "name": "Website", "down_s": 0, "regional_s": 0, "availability": TALLY,
    "reachability": TALLY,
    "regions": {"USA": {**TALLY, "latency_ms": SHARES, "first_byte_ms": SHARES, "phases_ms": PHASES}},
    "flips": [{"checked_at": "2026-11-24T07:00:00Z", "region": "USA", "from_state": "up", "to_state": "down"}],
}  # fmt: skip
UPTIMES = {
    **SPAN, "next_cursor": None, "data": [
        {"slug": "website", "name": "Website", "down_s": 0, "regional_s": 0, "availability": TALLY,
         "reachability": TALLY, "regions": {"USA": TALLY}},
    ],
}  # fmt: skip
INCIDENT = {
    "id": 1042, "slug": "website", "name": "Website", "began_at": "2026-11-24T06:38:02Z",
    "opened_at": "2026-11-24T06:39:02Z", "resolved_at": None, "single_vantage": False, "reason": "timeout",
    "phase": "tls", "acknowledged_at": None, "acknowledged_by": None, "events": [
        {"at": "2026-11-24T06:39:02Z", "kind": "opened", "region": None, "author": None, "detail": {"regions": []}},
    ],
    "last_failed_at": "2026-11-24T07:03:02Z",
}  # fmt: skip
MAINTENANCE = {
    "id": 7, "name": "Release", "start": "2026-12-01T22:00", "duration": "2h", "timezone": "Europe/Berlin",
    "rrule": None, "groups": ["Public"], "monitors": [], "ended_at": None,
    "next_at": "2026-12-01T21:00:00Z",
}  # fmt: skip
CHANNEL = {
    "name": "team", "type": "slack", "url": "env:SLACK_WEBHOOK_URL", "events": ["down", "up"], "remind_every": "4h",
    "operator": False, "enabled": True, "disabled_reason": None, "waiting": 0,
}  # fmt: skip
REGION = {
    "name": "INDIA", "aws_region": "ap-south-1", "redis_group": "monitor-runners-india", "enabled": True,
    "first_seen": "2026-11-01T00:00:03Z", "last_seen": "2026-11-24T08:41:01Z",
}  # fmt: skip
TICK = {
    "tick": "2026-11-24T08:41:00Z", "state": "closed", "regions": {"INDIA": {
        "due": 20, "scheduled": 20, "stored": 20, "expired": 0, "skipped": 0, "dead": 0, "open": None, "lost": 0}},
}  # fmt: skip
STATUS = {
    "generated_at": "2026-11-24T08:41:07.120Z", "headline": "Down from India only: 1 of 1",
    "summary": "Website: TLS timed out from India; USA fine. Since 06:38 UTC, 123 min.",
    "regions": [{"region": "INDIA", "reported_at": "2026-11-24T08:41:03.500Z", "silent": False}],
    "monitors": [{
        "slug": "website", "name": "Website", "group": "Public", "url": None, "interval_s": 60, "verdict": "regional",
        "words": "Down from India only. TLS timed out from India; USA fine.", "since": "2026-11-24T06:38:02.500Z",
        "regions": [{
            "region": "INDIA", "state": "down", "fresh": True, "since": "2026-11-24T06:38:02.500Z",
            "last": {
                "checked_at": "2026-11-24T08:41:02.500Z", "status": "down", "reason": "timeout", "http_status": None,
                "latency_ms": 5000.0, "connection_reused": False, "phases": {
                    "dns_ms": 9.0, "connect_ms": 20.0, "tls_ms": None, "first_byte_ms": None, "download_ms": None},
            },
        }],
    }],
}  # fmt: skip
SHIELD = {"schemaVersion": 1, "label": "Website", "message": "up", "color": "1c6b55"}
HEALTH = {"status": "ok", "postgresql": True, "redis": True}
CHANGE = {
    "id": 3, "at": "2026-11-24T08:41:00Z", "actor": "token:deploy", "action": "monitor.update",
    "subject": "monitor/website", "detail": {"interval": ["60s", "30s"]},
}  # fmt: skip


def page_of(one: object) -> dict[str, object]:
    """A page with one of them."""
    return {"data": [one], "next_cursor": None}

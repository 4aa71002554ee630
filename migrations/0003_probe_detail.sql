-- What is worth knowing of a monitor's target as a region last saw it, beside the figures of its results.

CREATE TABLE probe_detail (
    monitor_id bigint NOT NULL,
    region location NOT NULL,
    seen_at timestamptz NOT NULL,
    address text,
    protocol text,
    certificate_expires_at timestamptz,
    certificate_issuer text,
    certificate_names text [],
    detail text,
    detail_at timestamptz,
    PRIMARY KEY (monitor_id, region)
) WITH (fillfactor = 70);

COMMENT ON TABLE probe_detail IS 'written when it changes; what a probe did not see stays as it was';
COMMENT ON COLUMN probe_detail.detail IS 'the last sentence that was said of it, and the instant it was about: detail_at';

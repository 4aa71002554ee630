-- A tick in which a region's worker found its own way out cut: of the reference targets, asked when many monitors began to
-- fail, none answered. Written before any of those failures is recorded; judging then believes nothing the region saw.
CREATE TABLE egress_cut (
    tick timestamptz NOT NULL,
    region location NOT NULL,
    asked smallint NOT NULL,
    found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tick, region)
);

-- Monitors with an interval over a minute and a change that is not confirmed yet: each tick that is pushed looks at them
-- again, until judging has it confirmed either way. Written by judging, read by the producer.
CREATE TABLE sooner (
    monitor_id bigint PRIMARY KEY
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);

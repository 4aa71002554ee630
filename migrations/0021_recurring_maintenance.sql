-- Recurring work: up to when its windows are worked out; 'infinity' where there are no more.
ALTER TABLE maintenance ADD COLUMN worked_out_until timestamptz NOT NULL DEFAULT 'infinity';

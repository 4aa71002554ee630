-- What each function may do in PostgreSQL, and nothing else. `make roles` makes the roles and gives them passwords;
-- `vantage migrate` applies this again wherever they are, so that new tables are granted with the code that uses them.
-- A table that this version does not have yet is passed by. It runs as the owner of the tables, in one transaction.

DO $$
DECLARE
    v_role text;
    v_table text;
    v_grant record;
BEGIN
    FOREACH v_role IN ARRAY ARRAY['producer', 'worker', 'housekeeper', 'notifier', 'api'] LOOP
        v_role := 'vantage_' || v_role;
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = v_role) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', v_role);
        END IF;
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), v_role);
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I', current_schema(), v_role);
    END LOOP;

    FOR v_grant IN SELECT * FROM (VALUES
        ('{producer, worker, housekeeper, notifier, api}', 'SELECT', '{region, monitor, monitor_schedule, tick_ledger}'),

        ('{producer}', 'INSERT, UPDATE (owner, lease_until, cursor_ms, cursor_id, pushed, skipped, pushed_at)', '{tick_ledger}'),
        ('{producer}', 'SELECT', '{sooner}'),
        ('{producer, worker}', 'INSERT', '{dead_letter}'),

        ('{worker}', 'INSERT (name, aws_region, redis_group, first_seen, last_seen), '
                     'UPDATE (aws_region, redis_group, first_seen, last_seen, books_told_until)', '{region}'),
        ('{worker}', 'INSERT', '{check_result, mark}'),
        ('{worker}', 'UPDATE (stored, expired, dead)', '{tick_ledger}'),
        ('{worker}', 'SELECT, INSERT, UPDATE', '{probe_detail}'),

        -- Judging is done by a worker, and by the housekeeper where no worker does it.
        ('{worker, housekeeper}', 'SELECT', '{check_result, probe_detail, maintenance, maintenance_window}'),
        ('{worker, housekeeper}', 'SELECT (name, type, events, operator, enabled)', '{channel}'),
        ('{worker, housekeeper}', 'UPDATE (judged_at, late_rows)', '{tick_ledger}'),
        ('{worker, housekeeper}', 'SELECT, UPDATE', '{mark}'),
        ('{worker}', 'INSERT', '{egress_cut}'),
        ('{worker, housekeeper}', 'SELECT', '{egress_cut}'),
        ('{worker, housekeeper}', 'SELECT, INSERT', '{region_fault, flip, incident_event}'),
        ('{worker, housekeeper}', 'SELECT, INSERT, UPDATE', '{verdict, judged_operator}'),
        ('{worker, housekeeper}', 'SELECT, INSERT, UPDATE, DELETE', '{region_state, judged_memory, judging_rest, sooner}'),
        ('{worker, housekeeper}', 'SELECT, INSERT, UPDATE (resolved_at)', '{incident}'),
        ('{worker, housekeeper}', 'SELECT, INSERT, UPDATE (closed_at)', '{advisory}'),
        ('{worker, housekeeper}', 'INSERT, SELECT (channel, key)', '{outbox}'),

        ('{housekeeper}', 'UPDATE (closed_at, due)', '{tick_ledger}'),
        ('{housekeeper}', 'DELETE', '{mark}'),
        -- Its reference monitors.
        ('{housekeeper}', 'INSERT (slug, name, type, spec, interval_s, timeout_ms, confirmations, reference), '
                          'UPDATE (deleted_at, updated_at)', '{monitor}'),
        ('{housekeeper}', 'INSERT, UPDATE', '{monitor_schedule}'),
        ('{housekeeper}', 'SELECT, INSERT', '{heartbeat}'),
        ('{housekeeper}', 'UPDATE (worked_out_until)', '{maintenance}'),
        ('{housekeeper}', 'INSERT, UPDATE (until_at)', '{maintenance_window}'),
        ('{housekeeper}', 'DELETE, SELECT (sent_at, given_up_at)', '{outbox}'),
        ('{housekeeper}', 'SELECT, INSERT, UPDATE, DELETE',
         '{check_rollup_hour, check_rollup_day, slot_rollup_hour, slot_rollup_day, rollup_hour, rollup_day}'),

        ('{notifier}', 'SELECT', '{channel, outbox, incident, region_state, verdict, judged_memory, check_result, '
                                 'probe_detail, maintenance, maintenance_window}'),
        ('{notifier}', 'SELECT, INSERT, DELETE', '{slow_episode}'),
        ('{notifier}', 'INSERT, UPDATE (lease_until, attempts, due_at, last_error, sent_at, given_up_at)', '{outbox}'),
        ('{notifier}', 'UPDATE (enabled, disabled_reason, updated_at)', '{channel}'),

        -- What people look at and what they change; never what was seen, nor what was made of it.
        ('{api}', 'SELECT', '{migration, check_result, probe_detail, dead_letter, region_state, region_fault, egress_cut, flip, verdict, '
                            'judged_memory, judged_operator, incident, incident_event, advisory, channel, outbox, maintenance, '
                            'maintenance_window, check_rollup_hour, check_rollup_day, slot_rollup_hour, slot_rollup_day, '
                            'rollup_hour, rollup_day, slow_episode, sooner, token, audit, heartbeat, status_page}'),
        ('{api}', 'INSERT, UPDATE', '{monitor, monitor_schedule, heartbeat}'),
        ('{api}', 'INSERT, UPDATE, DELETE', '{channel, maintenance, maintenance_window}'),
        ('{api}', 'UPDATE (enabled)', '{region}'),
        ('{api}', 'UPDATE (acknowledged_at, acknowledged_by)', '{incident}'),
        ('{api}', 'UPDATE (used, used_at)', '{token}'),
        ('{api}', 'SELECT, INSERT, UPDATE, DELETE', '{idempotency}'),
        ('{api}', 'INSERT', '{incident_event, outbox, audit}')
    ) AS g (roles, privileges, tables) LOOP
        FOREACH v_table IN ARRAY v_grant.tables::text [] LOOP
            CONTINUE WHEN to_regclass(v_table) IS NULL;
            FOREACH v_role IN ARRAY v_grant.roles::text [] LOOP
                EXECUTE format('GRANT %s ON %I TO %I', v_grant.privileges, v_table, 'vantage_' || v_role);
            END LOOP;
        END LOOP;
    END LOOP;

    -- A table can only be made and dropped by its owner: two functions do that in the owner's name, for these alone; a third
    -- writes what has become of heartbeats for a housekeeper that records nothing else.
    EXECUTE format('ALTER FUNCTION ensure_result_days(date, date) SECURITY DEFINER SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION record_heartbeats(timestamptz) SECURITY DEFINER SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION drop_result_day(text) SECURITY DEFINER SET search_path = %I, pg_temp', current_schema());
    REVOKE ALL ON FUNCTION ensure_result_days(date, date), drop_result_day(text), record_heartbeats(timestamptz) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION ensure_result_days(date, date) TO vantage_worker, vantage_housekeeper;
    GRANT EXECUTE ON FUNCTION drop_result_day(text), record_heartbeats(timestamptz) TO vantage_housekeeper;
END $$;

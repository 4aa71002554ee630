-- Dropping a day of results is the owner's business; as a function, it can be lent to the housekeeper alone (tools/roles.sql).

CREATE FUNCTION drop_result_day(p_name text) RETURNS void
LANGUAGE plpgsql SET lock_timeout = '100ms' AS $$
BEGIN
    -- Whoever waits here has every writer wait behind: rather not now than long.
    IF p_name !~ '^check_result_\d{8}$' THEN
        RAISE EXCEPTION '% is no day of check_result', p_name;
    END IF;
    EXECUTE format('ALTER TABLE check_result DETACH PARTITION %I', p_name);
    EXECUTE format('DROP TABLE %I', p_name);
END $$;

-- A channel that was switched off is on again, or gone: whoever was told of the one is told of the other.
CREATE FUNCTION tell_that_it_is_not_off() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox (channel, subject, key, type, facts)
    SELECT DISTINCT c.name, 'operator', format('operator:channel_off_over:%s:%s', OLD.name, ms_of(OLD.updated_at)),
           'operator.closed', jsonb_build_object('kind', 'channel_off_over', 'channel', OLD.name,
                                                 'at', moment_of(clock_timestamp()))
      FROM outbox o JOIN channel c ON c.name = o.channel AND c.enabled
     WHERE o.created_at >= OLD.updated_at AND starts_with(o.key, format('operator:channel_off:%s:', OLD.name))
        ON CONFLICT (channel, key) DO NOTHING;
    PERFORM pg_notify('vantage_outbox', '');
    RETURN NULL;
END $$;

CREATE TRIGGER channel_is_on_again AFTER UPDATE ON channel FOR EACH ROW
WHEN (NOT old.enabled AND new.enabled) EXECUTE FUNCTION tell_that_it_is_not_off();
CREATE TRIGGER channel_is_gone AFTER DELETE ON channel FOR EACH ROW
WHEN (NOT old.enabled) EXECUTE FUNCTION tell_that_it_is_not_off();

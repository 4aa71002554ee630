-- Who keeps an alert open until it is closed hears of the end of whatever it was told, also where people hear nothing.

-- Whether a channel of this type may lead to a program that does; who reads the other types are people.
CREATE FUNCTION keeps_alerts(p_type text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p_type <> ALL ('{slack,email,teams}')
$$;

-- A migration as docs/development.md allows it, and as much of it as there can be: a column more in every table, a reason
-- more, and record_results with one more argument beside the old one, which now calls it.
ALTER TYPE check_reason ADD VALUE 'of_next_release';

DO $$
DECLARE
    each regclass;
    given text := pg_get_function_identity_arguments('record_results'::regproc);
    passed text := (SELECT string_agg('$' || n, ', ') FROM generate_series(1, (SELECT pronargs FROM pg_proc WHERE oid = 'record_results'::regproc)) n);
BEGIN
    FOR each IN SELECT oid FROM pg_class
                 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition LOOP
        EXECUTE format('ALTER TABLE %s ADD COLUMN of_next_release text DEFAULT ''not given''', each);
    END LOOP;
    ALTER FUNCTION record_results RENAME TO record_results_as_before;
    EXECUTE format('CREATE FUNCTION record_results(%s, p_of_next_release text[]) RETURNS int LANGUAGE sql AS '
                   '$f$ SELECT record_results_as_before(%s) $f$', given, passed);
    EXECUTE format('CREATE FUNCTION record_results(%s) RETURNS int LANGUAGE sql AS '
                   '$f$ SELECT record_results(%s, NULL::text[]) $f$', given, passed);
END $$;

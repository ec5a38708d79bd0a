---------------------------------------------------------------------------
-- Scheduling with pg_cron
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_cron(every text, workers integer, OUT name text, OUT schedule text, OUT command text)
    RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    span interval;
    minutes numeric;
    store name;
BEGIN
    IF every IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'every must not be null';
    END IF;
    IF every ~ '^\s*\S+(\s+\S+){4}\s*$' THEN
        schedule := regexp_replace(trim(every), '\s+', ' ', 'g');
    ELSE
        BEGIN
            span := every::interval;
        EXCEPTION WHEN OTHERS THEN
            span := '-1 s';
        END;
        minutes := extract(epoch FROM span) / 60;
        schedule := CASE
            WHEN minutes = 1 THEN '* * * * *'
            WHEN minutes IN (2, 3, 4, 5, 6, 10, 12, 15, 20, 30) THEN '*/' || minutes::integer || ' * * * *'
            WHEN minutes = 60 THEN '0 * * * *'
            WHEN minutes / 60 IN (2, 3, 4, 6, 8, 12) THEN '0 */' || (minutes / 60)::integer || ' * * *'
            WHEN minutes = 24 * 60 THEN '0 0 * * *' END;
        IF schedule IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('"%s" is no interval that cron knows', every),
                HINT = 'Say ''1 minute'', ''5 minutes'', ''1 hour'', another one that divides an hour or a day, or a cron expression such as ''* * * * *''.';
        END IF;
    END IF;
    -- It waits for more until shortly before the next begins, so that a report
    -- on invoice never waits for the minute to be over.
    IF schedule = '* * * * *' THEN
        minutes := 1;
    END IF;
    FOR n IN 1 .. workers LOOP
        name := format('rde %s', n);
        command := 'CALL @extschema@.rde_run_due('
            || CASE WHEN minutes <= 60 THEN format('wait => %L', minutes::integer * 60 - 5 || ' s') ELSE '' END || ')';
        RETURN NEXT;
        -- what uploads to a store is a procedure of the extension that is the store
        FOR store IN
            SELECT p.proname FROM pg_proc p
            JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
                AND d.refclassid = 'pg_extension'::regclass
            WHERE p.pronamespace = '@extschema@'::regnamespace AND p.prokind = 'p' AND p.proname ~ '^rde_[a-z0-9_]+_upload_due$'
            ORDER BY p.proname
        LOOP
            name := format('rde %s %s', substring(store FROM '^rde_(.*)_upload_due$'), n);
            command := format('CALL @extschema@.%I()', store);
            RETURN NEXT;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_cron(text, integer) IS
    'the jobs of so many workers, and of as many that upload to each store there is; raises 22023';

-- The jobs are the caller's: pg_cron runs them with the rights of whoever
-- scheduled them, so these two have the caller's rights too.
CREATE FUNCTION @extschema@.rde_schedule(every text DEFAULT '1 minute', workers integer DEFAULT 2) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    elsewhere text;
    loaded boolean;
BEGIN
    IF workers IS NULL OR workers NOT BETWEEN 1 AND 64 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'workers must be between 1 and 64',
            HINT = 'Two build one long report and the short ones beside it; more use more processors.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
        BEGIN
            elsewhere := current_setting('cron.database_name', true);
            loaded := elsewhere IS NOT NULL;
        EXCEPTION WHEN insufficient_privilege THEN
            loaded := true;
        END;
        elsewhere := coalesce(elsewhere, 'postgres');
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('pg_cron is not in database "%s"', current_database()),
            DETAIL = CASE WHEN loaded THEN 'A server has it in one database only.'
                          ELSE 'The server does not load it; shared_preload_libraries names what it loads at its start.' END,
            HINT = CASE WHEN elsewhere = current_database() THEN 'CREATE EXTENSION pg_cron;'
                        ELSE format('Run this in database "%s":', elsewhere) ||
                             (SELECT string_agg(format(E'\nSELECT cron.schedule_in_database(%L, %L, %L, %L);',
                                                       format('%s of %s', job.name, current_database()), job.schedule,
                                                       job.command, current_database()), '' ORDER BY job.name)
                              FROM @extschema@._rde_cron(every, workers) job) END;
    END IF;
    IF NOT has_schema_privilege('cron', 'USAGE') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('role "%s" may not schedule jobs with pg_cron', current_user),
            HINT = format('GRANT USAGE ON SCHEMA cron TO %I;', current_user);
    END IF;
    IF NOT has_function_privilege('@extschema@.rde_run_due(integer, interval)', 'EXECUTE') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('role "%s" may not call rde_run_due, as which the jobs would', current_user),
            HINT = 'GRANT EXECUTE ON PROCEDURE @extschema@.rde_run_due TO ' || quote_ident(current_user) || ';';
    END IF;
    EXECUTE 'SELECT cron.unschedule(j.jobid) FROM cron.job j'
            ' WHERE j.jobname ~ ''^rde ([a-z0-9_]+ )?[0-9]+$'' AND j.database = current_database() AND j.username = current_user'
            ' AND NOT EXISTS (SELECT FROM @extschema@._rde_cron($1, $2) job WHERE job.name = j.jobname)' USING every, workers;
    EXECUTE 'SELECT cron.schedule(job.name, job.schedule, job.command) FROM @extschema@._rde_cron($1, $2) job' USING every, workers;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_schedule(text, integer) IS
    'let pg_cron run workers as the caller, and uploads to each store there is: every is an interval such as ''1 minute'' or a cron expression. Scheduling again replaces; where pg_cron is in another database the error''s hint is what to run there. An interval has to divide an hour or a day. Raises 22023, 42501, 55000';

CREATE FUNCTION @extschema@.rde_unschedule() RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present CONSTANT boolean := EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron');
    jobs bigint := 0;
BEGIN
    IF present THEN
        EXECUTE 'SELECT count(cron.unschedule(j.jobid)) FROM cron.job j'
                ' WHERE j.jobname ~ ''^rde ([a-z0-9_]+ )?[0-9]+$'' AND j.database = current_database() AND j.username = current_user'
            INTO jobs;
    END IF;
    IF jobs = 0 THEN
        RAISE NOTICE USING
            MESSAGE = format('role "%s" has scheduled no workers with pg_cron in database "%s"', current_user, current_database()),
            HINT = CASE WHEN present THEN 'rde_schedule() does.'
                        ELSE 'Where pg_cron is in another database, call cron.unschedule() there.' END;
    END IF;
    RETURN jobs;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_unschedule() IS
    'remove the jobs the caller has scheduled with rde_schedule; returns how many';


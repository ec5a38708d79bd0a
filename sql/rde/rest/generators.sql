---------------------------------------------------------------------------
-- The bodies of /generators
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_generator_version(generator @extschema@._rde_generator) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    SET IntervalStyle = 'iso_8601'
BEGIN ATOMIC
    -- what is settled by whoever made it; not where its calendar has come to
    SELECT left(md5(ROW(generator.name, generator.view, generator.formats, generator.time_zone, generator.week_day,
                        generator.month_start, generator.month_day, generator.run_at, generator.catch_up,
                        generator.retention, generator.options, generator.enabled, generator.locked)::text), 16);
END;
COMMENT ON FUNCTION @extschema@._rde_generator_version(@extschema@._rde_generator) IS
    'names the settings of a generator as they are now: another whenever one of them is another';

CREATE FUNCTION @extschema@._rde_generator_bodies(ids uuid[]) RETURNS TABLE (id uuid, body json)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    everybody CONSTANT boolean := @extschema@._rde_sees_all(true);
    caller CONSTANT bigint := CASE WHEN NOT everybody THEN @extschema@._rde_own_reseller(NULL::bigint) END;
BEGIN
    RETURN QUERY
    SELECT g.id, json_build_object(
        'id', g.id, 'name', g.name, 'dataset', g.dataset, 'customizationName', g.view, 'formats', g.formats,
        'event', g.event, 'reseller', g.reseller, 'timeZone', g.time_zone, 'weekDay', g.week_day,
        'monthStart', g.month_start, 'monthDay', g.month_day, 'runAt', g.run_at::text,
        'start', to_char(g.start, 'YYYY-MM-DD'), 'catchUp', g.catch_up,
        'retention', @extschema@._rde_duration(g.retention), 'options', g.options,
        'enabled', g.enabled, 'disabledReason', g.disabled_reason,
        'creationDate', @extschema@._rde_utc_text(g.created_at, true),
        'madeByProvider', g.made_by IS DISTINCT FROM g.reseller,
        'mayAlter', everybody OR NOT g.locked OR g.reseller <> caller,
        'version', @extschema@._rde_generator_version(s),
        'nextStartDate', @extschema@._rde_utc_text(g.next_from, true),
        'nextEndDate', @extschema@._rde_utc_text(g.next_to, true),
        'nextRunDate', @extschema@._rde_utc_text(g.next_run_at, true),
        'lastRunDate', @extschema@._rde_utc_text(g.last_run_at, true), 'lastReport', g.last_report,
        'lastStatus', g.last_status, 'failedReports', g.failed,
        'pausedUntil', @extschema@._rde_utc_text(g.paused_until, true))
    FROM @extschema@._rde_generators(ids) g
    JOIN @extschema@._rde_generator s ON s.id = g.id;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_generator_bodies(uuid[]) IS
    'generators of the caller, each as JSON';

CREATE FUNCTION @extschema@.rde_list_generators(after text DEFAULT NULL, reseller bigint DEFAULT NULL) RETURNS json
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part CONSTANT integer := 500;
    everybody CONSTANT boolean := @extschema@._rde_sees_all(true);
    accounts bigint[];
    place text[];
    places text[];
    ids uuid[];
    bodies json;
BEGIN
    IF reseller IS NOT NULL THEN
        PERFORM @extschema@._rde_own_reseller(reseller);
    ELSIF NOT everybody THEN
        PERFORM @extschema@._rde_own_reseller(NULL::bigint);
    END IF;
    accounts := CASE WHEN reseller IS NOT NULL THEN ARRAY[reseller]
                     WHEN NOT everybody THEN @extschema@._rde_visible_accounts() END;
    IF after IS NOT NULL THEN
        place := regexp_match(after, '^([0-9]{1,17})\.([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$');
        IF place IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = 'after',
                MESSAGE = 'after is not "next" of an earlier answer';
        END IF;
    END IF;
    SELECT array_agg(g.id ORDER BY g.made, g.id), array_agg(g.made || '.' || g.id ORDER BY g.made, g.id) INTO ids, places
    FROM (SELECT g.id, (extract(epoch FROM g.created_at) * 1000000)::bigint AS made
          FROM @extschema@._rde_generator g
          WHERE (accounts IS NULL OR g.reseller = ANY (accounts))
            AND (place IS NULL OR ((extract(epoch FROM g.created_at) * 1000000)::bigint, g.id) > (place[1]::bigint, place[2]::uuid))
          ORDER BY 2, 1 LIMIT part + 1) g;
    SELECT json_agg(b.body ORDER BY array_position(ids, b.id)) INTO bodies
    FROM @extschema@._rde_generator_bodies(coalesce(ids[:part], '{}')) b;
    RETURN CASE WHEN cardinality(ids) > part
                THEN json_build_object('data', coalesce(bodies, '[]'), 'next', places[part])
                ELSE json_build_object('data', coalesce(bodies, '[]')) END;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_list_generators(text, bigint) IS
    'the caller''s generators, the oldest first, as the JSON body of GET /generators; a long list comes in parts, each with where the next one begins. Raises 22023, 42501';

CREATE FUNCTION @extschema@.rde_get_generator(generator uuid) RETURNS json
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_find_generator(generator);
    RETURN (SELECT b.body FROM @extschema@._rde_generator_bodies(ARRAY[generator]) b);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_get_generator(uuid) IS
    'a generator of the caller as the JSON body of GET /generators/{id}; raises 42704';

CREATE FUNCTION @extschema@._rde_requested_formats(request json) RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    problem text;
    remedy text;
BEGIN
    IF json_typeof(request -> 'formats') IS DISTINCT FROM 'array' THEN
        RETURN NULL;
    END IF;
    IF EXISTS (SELECT FROM json_array_elements(request -> 'formats') f WHERE json_typeof(f) <> 'string') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = 'formats',
            MESSAGE = 'not text in the request: formats';
    END IF;
    RETURN ARRAY(SELECT @extschema@._rde_format_name(f) FROM json_array_elements_text(request -> 'formats') f);
EXCEPTION
    WHEN invalid_parameter_value THEN
        GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT, remedy = PG_EXCEPTION_HINT;
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = 'formats', MESSAGE = problem, HINT = remedy;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_requested_formats(json) IS
    'the formats a request names; NULL: none. Raises 22023';

CREATE FUNCTION @extschema@.rde_request_generator(request json, idempotency_key text DEFAULT NULL) RETURNS json
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller CONSTANT bigint := @extschema@._rde_own_reseller(NULL::bigint);
    made uuid;
    answer json;
BEGIN
    PERFORM @extschema@._rde_require_primary();
    PERFORM @extschema@._rde_check_body(request, '{
        "name": "string", "dataset": "string", "formats": "array", "event": "string", "customizationName": "string",
        "reseller": "number", "timeZone": "string", "weekDay": "number", "monthStart": "number", "monthDay": "number",
        "runAt": "string", "start": "string", "catchUp": "string", "retention": "string", "options": "object"}'::jsonb,
        '{name,dataset,formats,event}'::text[], '{}'::text[]);
    answer := @extschema@._rde_repeated(caller, idempotency_key, jsonb_build_object('POST', 'generators', 'body', request::jsonb));
    IF answer IS NULL THEN
        made := @extschema@.rde_create_generator(
            request ->> 'dataset', request ->> 'name', @extschema@._rde_requested_formats(request), request ->> 'event',
            view => request ->> 'customizationName',
            reseller => @extschema@._rde_request_number(request, 'reseller'::text, 18),
            time_zone => request ->> 'timeZone',
            month_day => @extschema@._rde_request_number(request, 'monthDay'::text, 9)::integer,
            run_at => coalesce(@extschema@._rde_request_time(request, 'runAt'::text), '00:00'),
            start => @extschema@._rde_request_day(request, 'start'::text),
            catch_up => coalesce(request ->> 'catchUp', 'all'),
            retention => @extschema@._rde_request_duration(request, 'retention'::text),
            options => coalesce(nullif(request::jsonb -> 'options', 'null'), '{}'),
            week_day => coalesce(@extschema@._rde_request_number(request, 'weekDay'::text, 9)::integer, 1),
            month_start => coalesce(@extschema@._rde_request_number(request, 'monthStart'::text, 9)::integer, 1),
            locked => NULL::boolean);
        -- a statement of its own sees it
        answer := @extschema@._rde_remember(caller, idempotency_key, @extschema@.rde_get_generator(made));
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_request_generator(json, text) IS
    'make a generator as POST /generators does, and return it; raises what rde_create_generator raises';

CREATE FUNCTION @extschema@._rde_match_generator(generator uuid, if_match text) RETURNS @extschema@._rde_generator
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held @extschema@._rde_generator;
BEGIN
    PERFORM @extschema@._rde_find_generator(generator);
    SELECT g.* INTO held FROM @extschema@._rde_generator g WHERE g.id = _rde_match_generator.generator FOR UPDATE;
    IF NOT FOUND THEN
        held := @extschema@._rde_find_generator(generator);
    END IF;
    PERFORM @extschema@._rde_check_match(if_match, @extschema@._rde_generator_version(held));
    RETURN held;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_match_generator(uuid, text) IS
    'hold a generator of the caller; raises 42704, or 27000 if If-Match names another version';

CREATE FUNCTION @extschema@.rde_change_generator(generator uuid, request json, if_match text DEFAULT NULL) RETURNS json
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_require_primary();
    PERFORM @extschema@._rde_match_generator(generator, if_match);
    PERFORM @extschema@._rde_check_body(request, '{
        "name": "string", "formats": "array", "customizationName": "string", "timeZone": "string", "weekDay": "number",
        "monthStart": "number", "monthDay": "number", "runAt": "string", "catchUp": "string", "retention": "string",
        "options": "object", "enabled": "boolean"}'::jsonb, '{}'::text[],
        '{name,formats,timeZone,weekDay,monthStart,monthDay,runAt,catchUp,options,enabled}'::text[]);
    PERFORM @extschema@.rde_alter_generator(
        generator, name => request ->> 'name', formats => @extschema@._rde_requested_formats(request),
        view => request ->> 'customizationName', time_zone => request ->> 'timeZone',
        month_day => @extschema@._rde_request_number(request, 'monthDay'::text, 9)::integer,
        run_at => @extschema@._rde_request_time(request, 'runAt'::text), catch_up => request ->> 'catchUp',
        retention => @extschema@._rde_request_duration(request, 'retention'::text),
        options => request::jsonb -> 'options', enabled => (request ->> 'enabled')::boolean,
        clear => array_remove(ARRAY[CASE WHEN json_typeof(request -> 'customizationName') = 'null' THEN 'view' END,
                                    CASE WHEN json_typeof(request -> 'retention') = 'null' THEN 'retention' END], NULL),
        week_day => @extschema@._rde_request_number(request, 'weekDay'::text, 9)::integer,
        month_start => @extschema@._rde_request_number(request, 'monthStart'::text, 9)::integer, locked => NULL::boolean);
    RETURN @extschema@.rde_get_generator(generator);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_change_generator(uuid, json, text) IS
    'change a generator as PATCH /generators/{id} does, and return it; what is not said stays, null takes away customizationName and retention. Raises 27000 if it is another version than if_match, and what rde_alter_generator raises';

CREATE FUNCTION @extschema@.rde_remove_generator(generator uuid, if_match text DEFAULT NULL) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_require_primary();
    IF if_match IS NOT NULL THEN
        PERFORM @extschema@._rde_match_generator(generator, if_match);
    END IF;
    PERFORM @extschema@.rde_drop_generator(generator);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_remove_generator(uuid, text) IS
    'drop a generator as DELETE /generators/{id} does; raises 42704, or 27000 if it is another version than if_match';

CREATE FUNCTION @extschema@.rde_request_run(generator uuid, request json, idempotency_key text DEFAULT NULL) RETURNS json
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller CONSTANT bigint := @extschema@._rde_own_reseller(NULL::bigint);
    run CONSTANT @extschema@._rde_generator := @extschema@._rde_find_generator(generator);
    first_day date;
    last_day date;
    reports uuid[];
    answer json;
BEGIN
    PERFORM @extschema@._rde_require_primary();
    PERFORM @extschema@._rde_check_body(request, '{"firstDay": "string", "lastDay": "string"}'::jsonb, '{firstDay,lastDay}'::text[], '{}'::text[]);
    answer := @extschema@._rde_repeated(caller, idempotency_key, jsonb_build_object(
        'POST', jsonb_build_array('runs', generator), 'body', request::jsonb));
    IF answer IS NULL THEN
        first_day := @extschema@._rde_request_day(request, 'firstDay'::text);
        last_day := @extschema@._rde_request_day(request, 'lastDay'::text);
        PERFORM @extschema@._rde_check_days(first_day, last_day);
        IF caller IS NOT NULL THEN
            PERFORM @extschema@._rde_check_request(run.reseller, @extschema@._rde_day_start(first_day, run.time_zone),
                                                   @extschema@._rde_day_start(last_day + 1, run.time_zone));
        END IF;
        reports := ARRAY(SELECT @extschema@.rde_run_generator(generator, first_day, last_day));
        SELECT json_build_object('data', json_agg(@extschema@._rde_report_body(r) ORDER BY array_position(run.formats, r.format)))
        INTO answer
        FROM @extschema@._rde_report r
        WHERE r.id = ANY (reports);
        PERFORM @extschema@._rde_remember(caller, idempotency_key, answer);
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_request_run(uuid, json, text) IS
    'ask for a generator''s reports of chosen days as POST /generators/{id}/runs does, and return them; raises what rde_run_generator raises';

CREATE FUNCTION @extschema@.rde_list_periods(generator uuid, first_day date DEFAULT NULL, last_day date DEFAULT NULL) RETURNS json
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    its CONSTANT @extschema@._rde_generator := @extschema@._rde_find_generator(generator);
    first_instant timestamptz;
    end_instant timestamptz;
BEGIN
    PERFORM @extschema@._rde_check_days(coalesce(first_day, least(last_day, current_date) - 90), coalesce(last_day, '9999-12-30'));
    first_instant := @extschema@._rde_day_start(coalesce(first_day, least(last_day, current_date) - 90), its.time_zone);
    end_instant := @extschema@._rde_day_start(last_day + 1, its.time_zone);
    RETURN json_build_object(
        'timeZone', its.time_zone,
        'data', coalesce((
            SELECT json_agg(json_build_object(
                'format', p.format,
                'startDate', @extschema@._rde_utc_text(p.period_from, true), 'endDate', @extschema@._rde_utc_text(p.period_to, true),
                'dueDate', @extschema@._rde_utc_text(p.due_at, true), 'status', p.status, 'report', p.report,
                'revision', p.revision, 'provisional', p.provisional,
                'latenessSeconds', greatest(extract(epoch FROM p.lateness), 0), 'waitsFor', p.waits_for,
                'rowCount', r.row_count,
                'totals', (SELECT jsonb_object_agg(t.currency, t.amount) FROM @extschema@._rde_report_total t
                           WHERE t.report = r.id AND t.amount IS NOT NULL))
                ORDER BY p.period_from, array_position(its.formats, p.format))
            FROM @extschema@._rde_periods(its.id) p
            LEFT JOIN @extschema@._rde_report r ON r.id = p.report AND r.status = 'completed'
            WHERE p.period_to > first_instant AND (end_instant IS NULL OR p.period_from < end_instant)), '[]'));
END
$$;
COMMENT ON FUNCTION @extschema@.rde_list_periods(uuid, date, date) IS
    'every period of a generator that has one of these days, as the JSON body of GET /generators/{id}/periods; by default of the last 90 days and what comes next. Raises 22004, 22023, 42704';

CREATE FUNCTION @extschema@.rde_preview_periods(request json) RETURNS json
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller CONSTANT bigint := @extschema@._rde_own_reseller(NULL::bigint);
    its @extschema@._rde_generator;
    owner bigint;
    period record;
    periods json[] := '{}';
BEGIN
    PERFORM @extschema@._rde_check_body(request, '{
        "generator": "string", "event": "string", "reseller": "number", "timeZone": "string", "weekDay": "number",
        "monthStart": "number", "monthDay": "number", "runAt": "string", "start": "string"}'::jsonb,
        CASE WHEN request ->> 'generator' IS NULL THEN '{event}'::text[] ELSE '{}' END, '{}'::text[]);
    owner := coalesce(@extschema@._rde_request_number(request, 'reseller'::text, 18), caller);
    PERFORM @extschema@._rde_own_reseller(owner);
    IF request ->> 'generator' IS NOT NULL THEN
        IF request ->> 'generator' !~ '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$' THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = 'generator', MESSAGE = 'generator is not an id';
        END IF;
        its := @extschema@._rde_find_generator((request ->> 'generator')::uuid);
        IF coalesce(request ->> 'event', its.event) <> its.event THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = 'event',
                MESSAGE = 'the event of a generator cannot be changed';
        END IF;
    ELSE
        its.event := request ->> 'event';
        IF its.event NOT IN ('daily', 'weekly', 'monthly', 'quarterly', 'on_invoice', 'manual') THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = 'event',
                MESSAGE = pg_catalog.format('generator event "%s" is not supported', left(its.event, 64)),
                HINT = 'Use daily, weekly, monthly, quarterly, on_invoice or manual.';
        END IF;
        its.time_zone := @extschema@._rde_zone((SELECT a.time_zone FROM @extschema@._rde_account a WHERE a.id = owner));
        its.week_day := 1;
        its.month_start := 1;
        its.run_at := '00:00';
    END IF;
    PERFORM @extschema@._rde_check_schedule(
        its.event, nullif(@extschema@._rde_request_number(request, 'weekDay'::text, 9)::integer, 1),
        nullif(@extschema@._rde_request_number(request, 'monthStart'::text, 9)::integer, 1),
        nullif(@extschema@._rde_request_number(request, 'monthDay'::text, 9)::integer, 1),
        nullif(@extschema@._rde_request_time(request, 'runAt'::text), '00:00'), @extschema@._rde_request_day(request, 'start'::text),
        NULL::text, NULL::interval);
    its.time_zone := CASE WHEN request ->> 'timeZone' IS NOT NULL THEN @extschema@._rde_zone(request ->> 'timeZone') ELSE its.time_zone END;
    its.week_day := coalesce(@extschema@._rde_request_number(request, 'weekDay'::text, 9)::integer, its.week_day);
    its.month_day := coalesce(@extschema@._rde_request_number(request, 'monthDay'::text, 9)::integer,
                              CASE WHEN its.month_day = its.month_start OR its.month_day IS NULL
                              THEN coalesce(@extschema@._rde_request_number(request, 'monthStart'::text, 9)::integer, its.month_start) END,
                              its.month_day);
    its.month_start := coalesce(@extschema@._rde_request_number(request, 'monthStart'::text, 9)::integer, its.month_start);
    its.run_at := coalesce(@extschema@._rde_request_time(request, 'runAt'::text), its.run_at);
    IF its.event NOT IN ('on_invoice', 'manual') THEN
        its.next_from := coalesce(its.next_from, @extschema@._rde_day_start(@extschema@._rde_period_day(
            its.event, coalesce(@extschema@._rde_request_day(request, 'start'::text), (now() AT TIME ZONE its.time_zone)::date),
            its.week_day, its.month_start), its.time_zone));
        FOR i IN 1 .. 5 LOOP
            SELECT n.period_to, n.run INTO period
            FROM @extschema@._rde_next_period(its.event, its.next_from, its.time_zone, its.week_day, its.month_start,
                                              its.month_day, its.run_at) n;
            periods := periods || json_build_object(
                'firstDay', to_char(its.next_from AT TIME ZONE its.time_zone, 'YYYY-MM-DD'),
                'lastDay', to_char((period.period_to AT TIME ZONE its.time_zone)::date - 1, 'YYYY-MM-DD'),
                'startDate', @extschema@._rde_utc_text(its.next_from, true),
                'endDate', @extschema@._rde_utc_text(period.period_to, true),
                'dueDate', @extschema@._rde_utc_text(period.run, true),
                'localDueDate', @extschema@._rde_zone_text(period.run, its.time_zone));
            its.next_from := period.period_to;
        END LOOP;
    END IF;
    RETURN json_build_object('timeZone', its.time_zone, 'data', array_to_json(periods));
END
$$;
COMMENT ON FUNCTION @extschema@.rde_preview_periods(json) IS
    'the next five periods of a generator that is yet to be made, or to be changed, as the JSON body of POST /generators/preview; raises 22023, 42501, 42704';

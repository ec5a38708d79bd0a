---------------------------------------------------------------------------
-- Generators: create, alter, drop, run
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_find_generator(generator uuid) RETURNS @extschema@._rde_generator
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_generator @extschema@._rde_generator;
BEGIN
    IF generator IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'generator must not be null';
    END IF;
    SELECT g.* INTO found_generator FROM @extschema@._rde_generator g WHERE g.id = _rde_find_generator.generator
      AND (@extschema@._rde_sees_all(true) OR g.reseller = ANY (@extschema@._rde_visible_accounts()));
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('generator %s does not exist', generator),
            HINT = 'The view rde_generators lists the generators there are.';
    END IF;
    RETURN found_generator;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_find_generator(uuid) IS
    'a generator''s row; raises 22004 or 42704';

CREATE FUNCTION @extschema@._rde_check_schedule(
    event text, week_day integer, month_start integer, month_day integer, run_at time, start date, catch_up text,
    retention interval
) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    pointless CONSTANT text := CASE
        WHEN week_day IS NOT NULL AND event <> 'weekly' THEN 'week_day'
        WHEN month_start IS NOT NULL AND event <> 'monthly' THEN 'month_start'
        WHEN month_day IS NOT NULL AND event NOT IN ('monthly', 'quarterly') THEN 'month_day'
        WHEN event NOT IN ('on_invoice', 'manual') THEN NULL
        WHEN run_at IS NOT NULL THEN 'run_at'
        WHEN start IS NOT NULL THEN 'start'
        WHEN catch_up IS NOT NULL THEN 'catch_up'
    END;
BEGIN
    IF pointless IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            COLUMN = pointless,
            MESSAGE = format('%s means nothing to a generator whose event is "%s"', pointless, event),
            HINT = CASE pointless
                WHEN 'week_day' THEN 'It is the day that the weeks of a weekly generator begin.'
                WHEN 'month_start' THEN 'It is the day that the months of a monthly generator begin.'
                WHEN 'month_day' THEN 'Monthly and quarterly generators have a day to run on.'
                ELSE 'Daily, weekly, monthly and quarterly generators have a calendar.' END;
    END IF;
    IF week_day NOT BETWEEN 1 AND 7 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'week_day', MESSAGE = format('week_day must be between 1 and 7, not %s', week_day),
            HINT = 'Days are numbered from Monday, 1, to Sunday, 7.';
    END IF;
    IF month_start NOT BETWEEN 1 AND 28 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'month_start', MESSAGE = format('month_start must be between 1 and 28, not %s', month_start),
            HINT = 'Every month has these days.';
    END IF;
    IF month_day NOT BETWEEN 1 AND 31 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'month_day', MESSAGE = format('month_day must be between 1 and 31, not %s', month_day),
            HINT = 'In a month that has no such day its last one counts.';
    END IF;
    IF NOT isfinite(start) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'start', MESSAGE = 'start must be a finite date',
            HINT = 'It is the first day that a report covers.';
    END IF;
    IF catch_up NOT IN ('all', 'none') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'catch_up', MESSAGE = format('catch_up "%s" is not supported', catch_up),
            HINT = 'Use all to make every report that was missed, or none to make the latest of them only.';
    END IF;
    IF retention > interval '1000 years' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'retention', MESSAGE = 'retention must be 1000 years at most';
    END IF;
    IF retention > interval '10 years' AND NOT @extschema@._rde_sees_all(true) THEN
        RAISE EXCEPTION USING ERRCODE = 'configuration_limit_exceeded',
            COLUMN = 'retention', MESSAGE = 'reports of an account are kept for 10 years at most',
            HINT = 'Ask the provider to keep a report for longer.';
    END IF;
    IF retention <= interval '0' OR now() + retention <= now() THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'retention', MESSAGE = 'retention must be longer than nothing',
            HINT = 'It says for how long reports are stored: interval ''2 years''.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_schedule(text, integer, integer, integer, time, date, text, interval) IS
    'raise 22023 for what is not a schedule, or means nothing to the event; NULL is what was not said';

CREATE FUNCTION @extschema@._rde_attached_source(dataset text) RETURNS @extschema@._rde_source
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source @extschema@._rde_source;
BEGIN
    SELECT s.* INTO source FROM @extschema@._rde_source s WHERE s.dataset = _rde_attached_source.dataset;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            COLUMN = 'dataset', MESSAGE = format('data set "%s" is not attached', dataset),
            HINT = format('Say where its rows are with rde_attach(''%s'', ...).', dataset);
    END IF;
    RETURN source;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_attached_source(text) IS
    'a data set''s source; raises 55000 if it has none';

CREATE FUNCTION @extschema@._rde_generator_source(dataset text, event text) RETURNS @extschema@._rde_source
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source @extschema@._rde_source;
BEGIN
    PERFORM @extschema@._rde_hold_dataset(dataset);
    source := @extschema@._rde_attached_source(dataset);
    IF event = 'on_invoice' AND source.invoice_column IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            COLUMN = 'event', MESSAGE = format('data set "%s" has no invoice column', dataset),
            HINT = format('Name the column that says which invoice a row is on: rde_attach(''%s'', ..., invoice => ''invoice_id'').',
                          dataset);
    END IF;
    RETURN source;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_generator_source(text, text) IS
    'the source a new generator of that event will read, of a data set that is held; raises 42704 or 55000';

CREATE FUNCTION @extschema@._rde_begin_calendar(created @extschema@._rde_generator, windows boolean)
    RETURNS @extschema@._rde_generator
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    today CONSTANT date := (now() AT TIME ZONE created.time_zone)::date;
BEGIN
    created.start := coalesce(created.start, today);
    IF created.event IN ('on_invoice', 'manual') THEN
        RETURN created;
    END IF;
    IF windows AND created.start < today THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'start', MESSAGE = format('generator "%s" cannot start before today', created.name),
            DETAIL = format('Data set "%s" has a change column, so changes are counted from the generator''s creation on.',
                            created.dataset),
            HINT = 'Make the reports of earlier days with rde_run_generator().';
    END IF;
    created.start := @extschema@._rde_period_day(created.event, created.start, created.week_day, created.month_start);
    created.next_from := @extschema@._rde_day_start(created.start, created.time_zone);
    SELECT n.period_to, n.run INTO created.next_to, created.next_run_at
    FROM @extschema@._rde_next_period(created.event, created.next_from, created.time_zone, created.week_day,
                                      created.month_start, created.month_day, created.run_at) n;
    RETURN created;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_begin_calendar(@extschema@._rde_generator, boolean) IS
    'a new generator with its first period, if its event has a calendar; windows: of a data set with a change column. Raises 22023';

CREATE FUNCTION @extschema@._rde_store_generator(created @extschema@._rde_generator, windows boolean) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_id uuid;
BEGIN
    BEGIN
        INSERT INTO @extschema@._rde_generator
            (name, dataset, view, formats, event, reseller, time_zone, week_day, month_start, month_day, run_at, start,
             catch_up, retention, options, next_from, next_to, next_run_at, made_by, locked)
        VALUES (created.name, created.dataset, created.view, created.formats, created.event, created.reseller,
                created.time_zone, created.week_day, created.month_start, created.month_day, created.run_at, created.start,
                created.catch_up, created.retention, created.options, created.next_from, created.next_to,
                created.next_run_at, created.made_by, created.locked)
        RETURNING id INTO new_id;
    EXCEPTION WHEN unique_violation THEN
        PERFORM @extschema@._rde_generator_exists(created.name, created.reseller);
    END;
    IF created.next_run_at IS NOT NULL AND windows THEN
        INSERT INTO @extschema@._rde_generator_snapshot (generator, format, snapshot, system_identifier)
        SELECT new_id, f.format, s.snapshot, c.system_identifier
        FROM unnest(created.formats) f(format), @extschema@._rde_snapshot_now() s(snapshot), pg_control_system() c;
    END IF;
    RETURN new_id;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_store_generator(@extschema@._rde_generator, boolean) IS
    'store a new generator and, of a data set with a change column, where its windows begin; returns its id, raises 42710';

CREATE FUNCTION @extschema@.rde_create_generator(
    dataset   text,
    name      text,
    formats   text[],
    event     text,
    view      text DEFAULT NULL,
    reseller  bigint DEFAULT NULL,
    time_zone text DEFAULT NULL,
    month_day integer DEFAULT NULL,
    run_at    time DEFAULT '00:00',
    start     date DEFAULT NULL,
    catch_up  text DEFAULT 'all',
    retention interval DEFAULT NULL,
    options   jsonb DEFAULT '{}',
    week_day  integer DEFAULT 1,
    month_start integer DEFAULT 1,
    locked    boolean DEFAULT NULL
) RETURNS uuid
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source @extschema@._rde_source;
    created @extschema@._rde_generator;
BEGIN
    reseller := @extschema@._rde_own_reseller(reseller);
    PERFORM @extschema@._rde_check_name('a generator', name);
    IF event IS NULL OR week_day IS NULL OR month_start IS NULL OR run_at IS NULL OR catch_up IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'event, week_day, month_start, run_at and catch_up must not be null';
    END IF;
    IF event NOT IN ('daily', 'weekly', 'monthly', 'quarterly', 'on_invoice', 'manual') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'event', MESSAGE = pg_catalog.format('generator event "%s" is not supported', event),
            HINT = 'Use daily, weekly, monthly, quarterly, on_invoice or manual.';
    END IF;
    IF start < current_date - 90 AND NOT @extschema@._rde_sees_all(true) THEN
        RAISE EXCEPTION USING ERRCODE = 'configuration_limit_exceeded',
            COLUMN = 'start', MESSAGE = 'a generator may start 90 days ago at most',
            HINT = 'Ask for reports of earlier days with rde_export() or rde_run_generator().';
    END IF;
    PERFORM @extschema@._rde_check_count(reseller, 'generators'::text);
    created.formats := @extschema@._rde_formats(formats, options);
    PERFORM @extschema@._rde_check_schedule(event, nullif(week_day, 1), nullif(month_start, 1), nullif(month_day, 1),
                                            nullif(run_at, '00:00'), start, nullif(catch_up, 'all'), retention);
    source := @extschema@._rde_generator_source(dataset, event);
    PERFORM @extschema@._rde_check_view(dataset, @extschema@._rde_choose_view(dataset, view, reseller), reseller);
    PERFORM @extschema@._rde_scope_resellers(reseller, options ->> 'scope');

    created.name := name;
    created.dataset := dataset;
    created.view := view;
    created.event := event;
    created.reseller := reseller;
    created.time_zone := @extschema@._rde_zone(
        coalesce(time_zone, (SELECT a.time_zone FROM @extschema@._rde_account a WHERE a.id = reseller)));
    created.week_day := week_day;
    created.month_start := month_start;
    created.month_day := coalesce(month_day, month_start);
    created.run_at := run_at;
    created.start := start;
    created.catch_up := catch_up;
    created.retention := retention;
    created.options := options;
    created.made_by := @extschema@._rde_own_reseller(NULL::bigint);
    created.locked := @extschema@._rde_new_lock(reseller, locked, NULL::boolean);
    created := @extschema@._rde_begin_calendar(created, source.change_column IS NOT NULL);
    RETURN @extschema@._rde_store_generator(created, source.change_column IS NOT NULL);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_create_generator(text, text, text[], text, text, bigint, text, integer, time, date, text, interval, jsonb, integer, integer, boolean) IS
    'make reports from now on, in one or several formats, at an event: each day, week, month or quarter, for each invoice, or by hand; weeks begin on week_day, months on month_start; months and quarters are reported on month_day, by default the day they end; start is the first day covered, catch_up none skips all missed periods but the latest, retention says for how long reports are stored. Whoever makes it for an account below lets that account alter it with locked false. Names are unique per reseller. Raises 22023, 42602, 42704, 42703 and 42804 (the view does not fit the source), 42710, 55000';

CREATE FUNCTION @extschema@._rde_generator_exists(name text, reseller bigint) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
        COLUMN = 'name', MESSAGE = format('generator "%s" of %s already exists', name, coalesce('reseller ' || reseller, 'the provider')),
        HINT = 'Change it with rde_alter_generator(), or choose another name.';
END
$$;
COMMENT ON FUNCTION @extschema@._rde_generator_exists(text, bigint) IS
    'raise 42710';

CREATE FUNCTION @extschema@.rde_alter_generator(
    generator uuid,
    name      text DEFAULT NULL,
    formats   text[] DEFAULT NULL,
    view      text DEFAULT NULL,
    time_zone text DEFAULT NULL,
    month_day integer DEFAULT NULL,
    run_at    time DEFAULT NULL,
    catch_up  text DEFAULT NULL,
    retention interval DEFAULT NULL,
    options   jsonb DEFAULT NULL,
    enabled   boolean DEFAULT NULL,
    clear     text[] DEFAULT '{}',
    week_day  integer DEFAULT NULL,
    month_start integer DEFAULT NULL,
    locked    boolean DEFAULT NULL
) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller CONSTANT oid := (@extschema@._rde_callers())[1];
    altered @extschema@._rde_generator;
    before text[];
BEGIN
    PERFORM @extschema@._rde_find_generator(generator);
    SELECT g.* INTO altered FROM @extschema@._rde_generator g WHERE g.id = rde_alter_generator.generator FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM @extschema@._rde_find_generator(generator);
    END IF;
    PERFORM @extschema@._rde_check_lock(pg_catalog.format('generator "%s"', altered.name), altered.reseller, altered.locked);
    altered.locked := @extschema@._rde_new_lock(altered.reseller, locked, altered.locked);
    PERFORM @extschema@._rde_check_clear(clear, '{view,retention}'::text[], ARRAY[
        CASE WHEN view IS NOT NULL THEN 'view' END,
        CASE WHEN retention IS NOT NULL THEN 'retention' END]);
    PERFORM @extschema@._rde_check_schedule(altered.event, week_day, month_start, month_day, run_at, NULL::date, catch_up,
                                            retention);
    before := altered.formats;

    IF name IS NOT NULL THEN
        PERFORM @extschema@._rde_check_name('a generator', name);
        altered.name := name;
    END IF;
    altered.options := coalesce(options, altered.options);
    altered.formats := @extschema@._rde_formats(coalesce(formats, altered.formats), altered.options);
    IF options IS NOT NULL THEN
        PERFORM @extschema@._rde_scope_resellers(altered.reseller, options ->> 'scope');
    END IF;
    IF view IS NOT NULL THEN
        altered.view := @extschema@._rde_choose_view(altered.dataset, view, altered.reseller);
        PERFORM @extschema@._rde_check_view(altered.dataset, altered.view, altered.reseller);
    ELSIF 'view' = ANY (clear) THEN
        altered.view := NULL;
    END IF;
    altered.retention := CASE WHEN NOT 'retention' = ANY (clear) THEN coalesce(retention, altered.retention) END;
    altered.catch_up := coalesce(catch_up, altered.catch_up);
    IF time_zone IS NOT NULL THEN
        altered.time_zone := @extschema@._rde_zone(time_zone);
    END IF;
    -- One that runs on the day its months end goes on doing so.
    altered.month_day := coalesce(month_day, CASE WHEN altered.month_day = altered.month_start THEN month_start END,
                                  altered.month_day);
    altered.month_start := coalesce(month_start, altered.month_start);
    altered.week_day := coalesce(week_day, altered.week_day);
    altered.run_at := coalesce(run_at, altered.run_at);
    -- The next period begins where the last one ended, whatever the calendar is now.
    IF altered.next_run_at IS NOT NULL THEN
        SELECT n.period_to, n.run INTO altered.next_to, altered.next_run_at
        FROM @extschema@._rde_next_period(altered.event, altered.next_from, altered.time_zone, altered.week_day,
                                          altered.month_start, altered.month_day, altered.run_at) n;
    END IF;
    IF enabled THEN
        altered.disabled_reason := NULL;
        altered.enabled_at := clock_timestamp();
    ELSIF NOT enabled AND altered.enabled THEN
        altered.disabled_reason := pg_catalog.format('disabled by %s', pg_get_userbyid(caller));
    END IF;
    IF enabled IS NOT NULL AND (enabled OR altered.enabled) THEN
        altered.foreign_reason := false;
    END IF;
    altered.enabled := coalesce(enabled, altered.enabled);

    BEGIN
        UPDATE @extschema@._rde_generator g
        SET name = altered.name, formats = altered.formats, view = altered.view, time_zone = altered.time_zone,
            week_day = altered.week_day, month_start = altered.month_start, month_day = altered.month_day, run_at = altered.run_at, catch_up = altered.catch_up, retention = altered.retention,
            options = altered.options, enabled = altered.enabled, enabled_at = altered.enabled_at,
            disabled_reason = altered.disabled_reason, foreign_reason = altered.foreign_reason, locked = altered.locked, next_to = altered.next_to, next_run_at = altered.next_run_at
        WHERE g.id = rde_alter_generator.generator;
    EXCEPTION WHEN unique_violation THEN
        PERFORM @extschema@._rde_generator_exists(name, altered.reseller);
    END;
    PERFORM @extschema@._rde_move_snapshots(generator, before, altered.formats);
    IF enabled THEN
        PERFORM @extschema@._rde_retry_generator(generator);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_alter_generator(uuid, text, text[], text, text, integer, time, text, interval, jsonb, boolean, text[], integer, integer, boolean) IS
    'change a generator; what is NULL stays as it is, clear names what is to be taken away: view, retention; enabled => true submits its reports that ended in error again. month_day follows month_start where it is the same. Raises 22023, 42602, 42704, 42703 and 42804 (the view does not fit the source), 42710, 55000';

CREATE FUNCTION @extschema@._rde_retry_generator(generator uuid) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- a revision that another one has taken the place of stays in error
    SELECT @extschema@._rde_resubmit(ARRAY(
        SELECT r.id FROM @extschema@._rde_report r
        WHERE r.generator = $1 AND r.status = 'error' AND r.retry_at IS NULL
          AND NOT EXISTS (SELECT FROM @extschema@._rde_report n
                          WHERE n.supersedes = r.supersedes AND n.id <> r.id
                            AND (n.status <> 'error' OR (n.submitted_at, n.id) > (r.submitted_at, r.id)))));
END;
COMMENT ON FUNCTION @extschema@._rde_retry_generator(uuid) IS
    'submit the reports of a generator that ended in error again, with no attempts counted';

CREATE FUNCTION @extschema@.rde_drop_generator(generator uuid) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    dropped CONSTANT @extschema@._rde_generator := @extschema@._rde_find_generator(generator);
BEGIN
    PERFORM @extschema@._rde_check_lock(format('generator "%s"', dropped.name), dropped.reseller, dropped.locked);
    -- Reports first: whoever builds one holds it, and may want the generator
    -- next.  What a worker submitted in between goes afterwards.
    DELETE FROM @extschema@._rde_report r
    WHERE r.generator = rde_drop_generator.generator AND r.status <> 'completed';
    DELETE FROM @extschema@._rde_generator g WHERE g.id = rde_drop_generator.generator;
    DELETE FROM @extschema@._rde_report r
    WHERE r.generator = rde_drop_generator.generator AND r.status <> 'completed';
END
$$;
COMMENT ON FUNCTION @extschema@.rde_drop_generator(uuid) IS
    'drop a generator and what it has not completed yet; its completed reports stay. Raises 42704';

CREATE FUNCTION @extschema@.rde_run_generator(generator uuid, first_day date, last_day date) RETURNS SETOF uuid
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE ROWS 4
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    run @extschema@._rde_generator;
BEGIN
    PERFORM @extschema@._rde_require_primary();
    run := @extschema@._rde_find_generator(generator);
    PERFORM @extschema@._rde_check_days(first_day, last_day);
    PERFORM @extschema@._rde_attached_source(run.dataset);
    PERFORM @extschema@._rde_choose_view(run.dataset, run.view, run.reseller);
    IF NOT @extschema@._rde_sees_all(true) THEN
        PERFORM @extschema@._rde_check_quota(run.reseller, @extschema@._rde_day_start(first_day, run.time_zone),
                                             @extschema@._rde_day_start(last_day + 1, run.time_zone), cardinality(run.formats));
    END IF;
    RETURN QUERY
    SELECT @extschema@._rde_submit_passes(
        ARRAY[run.id], ARRAY[@extschema@._rde_day_start(first_day, run.time_zone)],
        ARRAY[@extschema@._rde_day_start(last_day + 1, run.time_zone)], NULL::timestamptz[],
        NULL::text[], NULL::bigint[], 'onetime'::text);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_run_generator(uuid, date, date) IS
    'submit reports of a generator for the days first_day .. last_day (inclusive, in its time zone), of type onetime, one per format; rde_run_due or rde_build() makes them. Raises 22008, 22023, 42704';


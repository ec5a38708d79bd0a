---------------------------------------------------------------------------
-- The bodies of GET /account and /datasets, and of a data set's views
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@.rde_get_account() RETURNS json
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller CONSTANT bigint := @extschema@._rde_own_reseller(NULL::bigint);
    writes CONSTANT boolean := NOT pg_is_in_recovery();
    account @extschema@._rde_account;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'the caller is no account';
    END IF;
    account := @extschema@._rde_find_account(caller);
    RETURN json_build_object(
        'id', account.id, 'name', account.name, 'parent', account.parent, 'scope', account.scope,
        'timeZone', @extschema@._rde_zone(account.time_zone),
        'onInvoice', (SELECT o.itself FROM @extschema@._rde_account_on_invoice o WHERE o.id = caller),
        'quotas', json_build_object(
            'pendingReports', json_build_object('used', @extschema@._rde_account_use(caller, 'pending_reports'::text), 'limit', account.max_pending),
            'reportsPerDay', json_build_object('used', @extschema@._rde_account_use(caller, 'asked_reports'::text), 'limit', account.max_reports_per_day),
            'storedBytes', json_build_object('used', @extschema@._rde_account_use(caller, 'stored_bytes'::text), 'limit', account.max_stored_bytes),
            'generators', json_build_object('used', @extschema@._rde_account_use(caller, 'generators'::text), 'limit', account.max_generators),
            'views', json_build_object('used', @extschema@._rde_account_use(caller, 'views'::text), 'limit', account.max_views),
            'tokens', json_build_object('used', @extschema@._rde_account_use(caller, 'tokens'::text), 'limit', account.max_tokens)),
        'limits', json_build_object(
            'maxSpan', @extschema@._rde_duration(@extschema@._rde_max_span()),
            'retention', @extschema@._rde_duration(@extschema@._rde_retention()),
            'linkLifetime', @extschema@._rde_duration(@extschema@._rde_link_lifetime())),
        'may', json_build_object(
            'requestReports', writes AND least(account.max_pending, account.max_reports_per_day) > 0,
            'createGenerators', writes AND account.max_generators > 0,
            'createViews', writes AND account.max_views > 0),
        'resellers', (SELECT json_agg(json_build_object('id', a.id, 'name', a.name) ORDER BY a.id)
                      FROM @extschema@._rde_account a WHERE a.id = ANY (@extschema@._rde_visible_accounts())));
END
$$;
COMMENT ON FUNCTION @extschema@.rde_get_account() IS
    'the caller''s account as the JSON body of GET /account: zone, scope, quotas and how much of each is used; raises 42501 for whoever is none';

CREATE FUNCTION @extschema@._rde_view_bodies(only_dataset text, only_view text) RETURNS TABLE (dataset text, view text, reseller bigint, body json)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    everybody CONSTANT boolean := @extschema@._rde_sees_all(true);
    caller CONSTANT bigint := CASE WHEN NOT everybody THEN @extschema@._rde_own_reseller(NULL::bigint) END;
    accounts CONSTANT bigint[] := @extschema@._rde_visible_accounts();
BEGIN
    RETURN QUERY
    WITH chosen AS MATERIALIZED (
        SELECT v.* FROM @extschema@._rde_view v
        WHERE (everybody OR v.reseller IS NULL OR v.reseller = ANY (accounts))
          AND (only_dataset IS NULL OR v.dataset = only_dataset) AND (only_view IS NULL OR v.name = only_view)),
    behind AS MATERIALIZED (
        SELECT c.dataset, b.column_name, b.type
        FROM (SELECT v.dataset, array_agg(vc.column_name) AS names
              FROM chosen v JOIN @extschema@._rde_view_column vc ON vc.view = v.id GROUP BY v.dataset) c
        CROSS JOIN LATERAL @extschema@._rde_columns_behind(c.dataset, c.names) b),
    columns AS (
        SELECT v.dataset, v.name, v.reseller, vc.position,
               json_strip_nulls(json_build_object(
                   'column', vc.column_name, 'as', vc.alias,
                   'attribute', CASE vc.transform WHEN 'attribute' THEN vc.argument END,
                   'locale', CASE vc.transform WHEN 'locale' THEN vc.argument END,
                   'type', CASE WHEN vc.transform IN ('unix', 'unix_date', 'multilingual') THEN vc.transform END,
                   'label', vc.labels, 'group', vc.field_group, 'description', vc.description,
                   'valueType', @extschema@._rde_value_type(b.type, vc.transform))) AS item
        FROM chosen v JOIN @extschema@._rde_view_column vc ON vc.view = v.id
        JOIN behind b ON b.dataset = v.dataset AND b.column_name = vc.column_name
        UNION ALL
        SELECT f.dataset, 'full', NULL, f.position,
               json_strip_nulls(json_build_object(
                   'column', f.name, 'as', f.name, 'group', f.field_group, 'description', f.description,
                   'valueType', @extschema@._rde_value_type(f.type, NULL::text)))
        FROM (SELECT c.dataset, c.position, c.name, a.atttypid AS type, shown.field_group, shown.description
              FROM @extschema@._rde_source_column c
              JOIN @extschema@._rde_source s ON s.dataset = c.dataset
              LEFT JOIN pg_attribute a ON a.attrelid = s.relation AND a.attname = c.name AND NOT a.attisdropped
              LEFT JOIN LATERAL (
                  SELECT vc.field_group, vc.description
                  FROM @extschema@._rde_view v JOIN @extschema@._rde_view_column vc ON vc.view = v.id
                  WHERE v.dataset = c.dataset AND v.reseller IS NULL AND v.name = 'cmp' AND lower(vc.column_name) = lower(c.name)
                  LIMIT 1) shown ON true
              WHERE (only_dataset IS NULL OR c.dataset = only_dataset)) f
        WHERE only_view IS NULL OR only_view = 'full'),
    whole AS (
        SELECT c.dataset, c.name, c.reseller, json_agg(c.item ORDER BY c.position) AS items,
               coalesce((SELECT json_agg(json_build_object('column', d.column_name, d.operator, d.operand) ORDER BY d.position)
                         FROM chosen v JOIN @extschema@._rde_view_condition d ON d.view = v.id
                         WHERE v.dataset = c.dataset AND v.name = c.name AND v.reseller IS NOT DISTINCT FROM c.reseller), '[]') AS conditions
        FROM columns c GROUP BY c.dataset, c.name, c.reseller)
    SELECT w.dataset, w.name, w.reseller,
           json_build_object(
               'dataset', w.dataset, 'name', w.name, 'reseller', w.reseller,
               'mayAlter', coalesce(NOT v.shipped AND (everybody OR v.reseller = ANY (accounts)
                                                       AND (NOT v.locked OR v.reseller <> caller)), false),
               'version', left(md5(w.items::text || w.conditions::text), 16), 'columns', w.items, 'conditions', w.conditions)
    FROM whole w LEFT JOIN chosen v ON v.dataset = w.dataset AND v.name = w.name AND v.reseller IS NOT DISTINCT FROM w.reseller;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_view_bodies(text, text) IS
    'the report views the caller may use, of one data set or one name or all, each as JSON';

CREATE FUNCTION @extschema@.rde_list_datasets() RETURNS json
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller CONSTANT bigint := @extschema@._rde_own_reseller(NULL::bigint);
BEGIN
    RETURN (
        WITH views AS (
            SELECT b.dataset, json_agg(b.body ORDER BY b.view, b.reseller NULLS FIRST) AS bodies
            FROM @extschema@._rde_view_bodies(NULL::text, NULL::text) b GROUP BY b.dataset)
        SELECT json_build_object(
            'data', coalesce(json_agg(json_build_object(
                'name', d.name, 'title', d.title, 'attached', s.dataset IS NOT NULL,
                'hasInvoices', s.invoice_column IS NOT NULL,
                'defaultView', @extschema@._rde_choose_view(d.name, NULL::text, caller),
                'views', coalesce(v.bodies, '[]')) ORDER BY d.name), '[]'),
            'formats', @extschema@._rde_format_list(),
            'events', '["daily","weekly","monthly","quarterly","on_invoice","manual"]'::json,
            'options', @extschema@._rde_option_list())
        FROM @extschema@._rde_dataset d
        LEFT JOIN @extschema@._rde_source s ON s.dataset = d.name
        LEFT JOIN views v ON v.dataset = d.name);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_list_datasets() IS
    'the JSON body of GET /datasets: data sets, the views the caller may use with their columns, formats, events and options';

CREATE FUNCTION @extschema@.rde_get_view(dataset text, name text, reseller bigint DEFAULT NULL) RETURNS json
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    body json;
BEGIN
    reseller := @extschema@._rde_own_reseller(reseller);
    SELECT b.body INTO body FROM @extschema@._rde_view_bodies(rde_get_view.dataset, rde_get_view.name) b
    WHERE b.reseller IS NULL OR b.reseller = rde_get_view.reseller
    ORDER BY b.reseller NULLS LAST LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('data set "%s" has no view "%s"', dataset, name),
            HINT = 'The view rde_view_columns lists them.';
    END IF;
    RETURN body;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_get_view(text, text, bigint) IS
    'a report view as JSON: a reseller''s own of that name, else the provider''s; raises 42704';

CREATE FUNCTION @extschema@._rde_requested_columns(request json) RETURNS json
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_check_body(request, '{"columns": "array", "conditions": "array"}'::jsonb, '{columns}'::text[], '{conditions}'::text[]);
    -- what an answer says of values a request may repeat
    RETURN (SELECT json_agg(CASE WHEN json_typeof(c.item) = 'object'
                            THEN (SELECT coalesce(json_object_agg(k.key, k.value), '{}') FROM json_each(c.item) k WHERE k.key <> 'valueType')
                            ELSE c.item END ORDER BY c.n)
            FROM json_array_elements(request -> 'columns') WITH ORDINALITY c(item, n));
END
$$;
COMMENT ON FUNCTION @extschema@._rde_requested_columns(json) IS
    'the columns of a view that a request asks for; raises 22023';

CREATE FUNCTION @extschema@.rde_request_view(
    dataset text, name text, request json, idempotency_key text DEFAULT NULL, reseller bigint DEFAULT NULL
) RETURNS json
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller CONSTANT bigint := @extschema@._rde_own_reseller(NULL::bigint);
    wanted CONSTANT json := @extschema@._rde_requested_columns(request);
    answer json;
BEGIN
    answer := @extschema@._rde_repeated(caller, idempotency_key, jsonb_build_object(
        'POST', jsonb_build_array('views', dataset, name, reseller), 'body', request::jsonb));
    IF answer IS NULL THEN
        PERFORM @extschema@.rde_create_view(dataset, name, wanted, reseller, coalesce(request -> 'conditions', '[]'), NULL::boolean);
        answer := @extschema@._rde_remember(caller, idempotency_key, @extschema@.rde_get_view(dataset, name, reseller));
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_request_view(text, text, json, text, bigint) IS
    'make a report view as POST /datasets/{dataset}/views/{view} does, and return it; raises what rde_create_view raises';

CREATE FUNCTION @extschema@.rde_preview_view(dataset text, request json, reseller bigint DEFAULT NULL) RETURNS json
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most CONSTANT integer := 20;
    caller CONSTANT bigint := @extschema@._rde_own_reseller(NULL::bigint);
    owner CONSTANT bigint := @extschema@._rde_own_reseller(reseller);
    draft CONSTANT text := gen_random_uuid()::text;
    zone text;
    first_instant timestamptz;
    end_instant timestamptz;
    draft_view bigint;
    report uuid;
    answer json;
BEGIN
    PERFORM @extschema@._rde_require_primary();
    PERFORM @extschema@._rde_check_body(request, '{
        "columns": "array", "conditions": "array", "startDate": "string", "endDate": "string", "timeZone": "string"}'::jsonb,
        '{columns,startDate}'::text[], '{conditions}'::text[]);
    zone := @extschema@._rde_zone(coalesce(request ->> 'timeZone',
                                           (SELECT a.time_zone FROM @extschema@._rde_account a WHERE a.id = owner)));
    SELECT p.period_from, p.period_to INTO first_instant, end_instant FROM @extschema@._rde_requested_period(request, zone) p;
    PERFORM @extschema@._rde_hold_dataset(dataset);
    IF caller IS NOT NULL THEN
        PERFORM @extschema@._rde_check_request(owner, first_instant, end_instant);
    END IF;
    BEGIN
        INSERT INTO @extschema@._rde_view (dataset, name, reseller, made_by, locked) VALUES (dataset, draft, owner, caller, false)
        RETURNING id INTO draft_view;
        PERFORM @extschema@._rde_set_view_columns(draft_view, @extschema@._rde_requested_columns(
            json_build_object('columns', request -> 'columns')));
        PERFORM @extschema@._rde_set_view_conditions(draft_view, coalesce(request -> 'conditions', '[]'));
        report := @extschema@._rde_submit_period(dataset, first_instant, end_instant, 'jsonl', draft, owner, 'preview', zone,
                                                 '{"compress": false}'::jsonb);
        IF @extschema@._rde_build_small(report) THEN
            SELECT json_build_object(
                'columns', (SELECT json_agg(c.alias ORDER BY c.position) FROM @extschema@._rde_view_column c WHERE c.view = draft_view),
                'data', coalesce((
                    SELECT json_agg((SELECT json_agg(v.value ORDER BY v.n) FROM json_each_text(l.line::json) WITH ORDINALITY v(key, value, n))
                                    ORDER BY l.n)
                    FROM string_to_table(@extschema@.rde_text(report), E'\n') WITH ORDINALITY l(line, n)
                    WHERE l.n <= least(most, r.row_count)), '[]'),
                'rowCount', r.row_count)
            INTO answer
            FROM @extschema@._rde_report r
            WHERE r.id = report;
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'RDE00', MESSAGE = 'the rows are there';
    EXCEPTION
        WHEN SQLSTATE 'RDE00' THEN
            NULL;   -- neither view nor report stays, nor has there been one for anybody else
    END;
    IF answer IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'configuration_limit_exceeded', COLUMN = 'end_date',
            MESSAGE = 'rows of this period cannot be shown at once',
            HINT = 'Choose a shorter one; or save the view and ask for a report.';
    END IF;
    IF caller IS NOT NULL THEN
        PERFORM @extschema@._rde_check_quota(owner, first_instant, end_instant, 1);
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_preview_view(text, json, bigint) IS
    'the first rows that a view would show which is yet to be made, or to be changed, as the JSON body of POST /datasets/{dataset}/preview: columns and conditions as of a view, of the rows from startDate to endDate. Values are text, as they stand in a report in JSON Lines. It counts as a report that was asked for, and leaves none. Raises what rde_create_view and rde_request_report raise, and 53400 for more rows than are built at once';

CREATE FUNCTION @extschema@._rde_match_view(dataset text, name text, reseller bigint, if_match text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM @extschema@._rde_view v
    WHERE v.id = @extschema@._rde_find_view(_rde_match_view.dataset, _rde_match_view.name,
                                            @extschema@._rde_own_reseller(_rde_match_view.reseller)) FOR NO KEY UPDATE;
    PERFORM @extschema@._rde_check_match(if_match, @extschema@.rde_get_view(dataset, name, reseller) ->> 'version');
END
$$;
COMMENT ON FUNCTION @extschema@._rde_match_view(text, text, bigint, text) IS
    'hold a view that may be changed; raises 42704, 42501, or 27000 if If-Match names another version';

CREATE FUNCTION @extschema@.rde_replace_view(
    dataset text, name text, request json, if_match text DEFAULT NULL, reseller bigint DEFAULT NULL
) RETURNS json
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_own_reseller(reseller);
    PERFORM @extschema@._rde_match_view(dataset, name, reseller, if_match);
    PERFORM @extschema@.rde_alter_view(dataset, name, @extschema@._rde_requested_columns(request), reseller,
                                       coalesce(request -> 'conditions', '[]'), NULL::boolean);
    RETURN @extschema@.rde_get_view(dataset, name, reseller);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_replace_view(text, text, json, text, bigint) IS
    'give a report view other columns and conditions as PUT /datasets/{dataset}/views/{view} does, and return it; raises 27000 if it is another version than if_match';

CREATE FUNCTION @extschema@.rde_remove_view(
    dataset text, name text, if_match text DEFAULT NULL, reseller bigint DEFAULT NULL
) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_own_reseller(reseller);
    PERFORM @extschema@._rde_match_view(dataset, name, reseller, if_match);
    PERFORM @extschema@.rde_drop_view(dataset, name, reseller);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_remove_view(text, text, text, bigint) IS
    'drop a report view as DELETE /datasets/{dataset}/views/{view} does; raises 27000 if it is another version than if_match';

---------------------------------------------------------------------------
-- Data sets: create, attach, detach
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@.rde_create_dataset(dataset text, title text) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    IF dataset IS NULL OR title IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'name and title of a data set must not be null';
    END IF;
    IF dataset !~ '^[a-z][a-z0-9_]{0,62}$' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_name',
            MESSAGE = format('"%s" is not a valid data set name', dataset),
            HINT = 'Use lower-case letters, digits and underscores, beginning with a letter, at most 63.';
    END IF;
    IF EXISTS (SELECT FROM @extschema@._rde_dataset d WHERE d.name = rde_create_dataset.dataset) THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('data set "%s" already exists', dataset);
    END IF;
    INSERT INTO @extschema@._rde_dataset (name, title) VALUES (dataset, title);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_create_dataset(text, text) IS
    'register a data set of your own; rde_attach() then says where its rows come from. Its name matches [a-z][a-z0-9_]* and has at most 63 characters. Raises 42602, 42710';

CREATE FUNCTION @extschema@.rde_drop_dataset(dataset text) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    dropped @extschema@._rde_dataset := @extschema@._rde_find_dataset(dataset);
    users text;
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    IF dropped.shipped THEN
        RAISE EXCEPTION USING ERRCODE = 'dependent_objects_still_exist',
            MESSAGE = format('data set "%s" belongs to the extension and cannot be dropped', dataset),
            HINT = 'rde_detach() takes its source away.';
    END IF;
    PERFORM @extschema@._rde_check_source_rights(dataset);
    PERFORM FROM @extschema@._rde_dataset d WHERE d.name = rde_drop_dataset.dataset FOR UPDATE;
    SELECT string_agg(format('"%s"', g.name), ', ' ORDER BY g.name, g.reseller) INTO users
    FROM @extschema@._rde_generator g WHERE g.dataset = rde_drop_dataset.dataset;
    IF users IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'dependent_objects_still_exist',
            MESSAGE = format('data set "%s" still has generators', dataset),
            DETAIL = format('They are %s.', users),
            HINT = 'Drop them first with rde_drop_generator().';
    END IF;
    DELETE FROM @extschema@._rde_dataset d WHERE d.name = rde_drop_dataset.dataset;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_drop_dataset(text) IS
    'drop a data set with its views and its source; reports already made stay. Raises 2BP01 (shipped, or has generators), 42501 (the source is not yours), 42704';

CREATE FUNCTION @extschema@._rde_check_source_rights(dataset text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attached record;
BEGIN
    -- of one that is gone, whose it was; if he is gone too, a superuser's
    SELECT coalesce(c.relowner, r.oid, (SELECT e.extowner FROM pg_extension e WHERE e.extname = 'rde')) AS owner,
           coalesce(c.oid::regclass::text, 'a relation that is gone') AS relation INTO attached
    FROM @extschema@._rde_source s LEFT JOIN pg_class c ON c.oid = s.relation LEFT JOIN pg_roles r ON r.rolname = s.owner
    WHERE s.dataset = _rde_check_source_rights.dataset;
    IF FOUND AND NOT @extschema@._rde_callers_have(attached.owner) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('data set "%s" is attached to %s, which is not yours', dataset, attached.relation),
            HINT = format('Only %s or a superuser may change that.', pg_get_userbyid(attached.owner));
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_source_rights(text) IS
    'raise 42501 unless the caller has the rights of the owner of the attached source';

CREATE FUNCTION @extschema@._rde_check_source(dataset text, source regclass) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    class pg_class;
BEGIN
    SELECT c.* INTO class FROM pg_class c WHERE c.oid = source;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_table',
            MESSAGE = format('relation with OID %s does not exist', source::oid);
    END IF;
    IF NOT @extschema@._rde_callers_have(class.relowner) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('must have the rights of the owner of %s to attach it', source),
            HINT = format('Reports read it as %s. Ask that role, or a superuser.', pg_get_userbyid(class.relowner));
    END IF;
    PERFORM @extschema@._rde_check_source_rights(dataset);
    IF class.relkind NOT IN ('r', 'v', 'm', 'p', 'f') OR class.relpersistence = 't' THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
            MESSAGE = format('%s cannot be the source of a data set', source),
            HINT = 'Attach a permanent table, view, materialized view, partitioned table or foreign table.';
    END IF;
    IF (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = class.relowner) THEN
        RAISE WARNING USING
            MESSAGE = format('%s belongs to %s, a superuser', source, pg_get_userbyid(class.relowner)),
            DETAIL = 'Reports read a source as its owner, so functions in a view run with a superuser''s rights.',
            HINT = 'Give the source to an ordinary role.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_source(text, regclass) IS
    'raise 42P01, 42501 or 42809 for what the caller cannot attach, and warn of one that is a superuser''s';

CREATE FUNCTION @extschema@._rde_key_columns(source regclass, key name[]) RETURNS name[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted record;
    key_columns name[];
BEGIN
    IF key IS NULL THEN
        SELECT array_agg(a.attname ORDER BY k.n) INTO key
        FROM pg_index i
        CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY k(attnum, n)
        JOIN pg_attribute a ON a.attrelid = source AND a.attnum = k.attnum
        WHERE i.indrelid = source AND i.indisprimary;
    END IF;
    IF key IS NULL OR cardinality(key) = 0 OR array_position(key, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s has no primary key, so key must name its key columns', source),
            HINT = 'The key makes the order of rows, and so the bytes of a file, repeat: key => ''{order_id}''.';
    END IF;
    FOR wanted IN SELECT k.name, k.n FROM unnest(key) WITH ORDINALITY k(name, n) ORDER BY k.n LOOP
        key_columns := key_columns || @extschema@._rde_role_column(source, 'key', wanted.name::text, 'any');
    END LOOP;
    RETURN key_columns;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_key_columns(regclass, name[]) IS
    'the columns that identify a source''s rows: those named, else its primary key; raises 22023';

CREATE FUNCTION @extschema@._rde_exposed_columns(source regclass, expose name[]) RETURNS name[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    exposed name[];
BEGIN
    IF expose IS NULL THEN
        SELECT array_agg(a.attname ORDER BY a.attnum) INTO exposed FROM pg_attribute a
        WHERE a.attrelid = source AND a.attnum > 0 AND NOT a.attisdropped;
    ELSE
        IF cardinality(expose) = 0 OR array_position(expose, NULL) IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = 'expose must name at least one column and no nulls',
                HINT = 'Leave it out to expose all of today''s columns.';
        END IF;
        SELECT array_agg(DISTINCT @extschema@._rde_role_column(source, 'expose', e.name::text, 'any'))
        INTO exposed FROM unnest(expose) e(name);
    END IF;
    RETURN exposed;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_exposed_columns(regclass, name[]) IS
    'the columns of a source that reports may show: those named, else all of today''s; raises 22023';

CREATE FUNCTION @extschema@._rde_mapping(source regclass, mapping jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted record;
    resolved jsonb := '{}';
BEGIN
    IF mapping IS NULL OR jsonb_typeof(mapping) <> 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'mapping must be a JSON object of data-set names and source columns',
            HINT = 'Say mapping => ''{"CUSTOMER_ACCOUNT_ID": "customer_no"}''.';
    END IF;
    FOR wanted IN
        SELECT m.key AS name, m.value #>> '{}' AS target, jsonb_typeof(m.value) AS kind,
               count(*) OVER (PARTITION BY lower(m.key)) AS times
        FROM jsonb_each(mapping) m ORDER BY m.key
    LOOP
        IF wanted.kind <> 'string' OR wanted.times > 1 THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('mapping maps "%s" %s', wanted.name,
                                 CASE WHEN wanted.times > 1 THEN 'more than once ignoring case'
                                      ELSE 'to something that is not a column name' END);
        END IF;
        resolved := resolved || jsonb_build_object(wanted.name,
            @extschema@._rde_role_column(source, format('mapping ("%s")', wanted.name), wanted.target, 'any'));
    END LOOP;
    RETURN resolved;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_mapping(regclass, jsonb) IS
    'data-set names and the columns they stand for, as the source spells them; raises 22023';

CREATE FUNCTION @extschema@._rde_check_watermark(watermark regclass) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    class pg_class;
BEGIN
    SELECT c.* INTO class FROM pg_class c WHERE c.oid = watermark;
    IF NOT FOUND OR NOT @extschema@._rde_callers_have(class.relowner) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('must have the rights of the owner of watermark %s', watermark),
            HINT = 'It is read as its owner.';
    END IF;
    IF class.relkind NOT IN ('r', 'v', 'm', 'p', 'f')
       OR (SELECT array_agg(a.atttypid) FROM pg_attribute a WHERE a.attrelid = watermark AND a.attnum > 0 AND NOT a.attisdropped)
          IS DISTINCT FROM ARRAY['timestamptz'::regtype::oid] THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
            MESSAGE = format('watermark %s must be a relation with one column, of type timestamptz', watermark),
            HINT = 'Its value says before when all rows have arrived: CREATE VIEW shop.arrived AS SELECT min(at) AS at FROM shop.heartbeat;';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_watermark(regclass) IS
    'raise 42501 or 42809 for what cannot be a watermark, or not the caller''s';

CREATE FUNCTION @extschema@._rde_arrival_delay(elsewhere text, watermark regclass, delay interval) RETURNS interval
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF delay < interval '0' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'delay must not be negative';
    END IF;
    IF watermark IS NULL AND delay IS NULL AND elsewhere IS NOT NULL THEN
        RAISE WARNING USING
            MESSAGE = format('%s may arrive after a period has ended', elsewhere),
            DETAIL = 'Its periods settle an hour after their end; until then reports are provisional. Rows that come later are in none.',
            HINT = 'Name a watermark, which says before when all rows have arrived, or the delay that is enough.';
        RETURN interval '1 hour';
    END IF;
    RETURN delay;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_arrival_delay(text, regclass, interval) IS
    'for how long after a period rows of a source may arrive: what was said, else an hour, with a warning, if they come from elsewhere, as _rde_from_elsewhere() says';

CREATE FUNCTION @extschema@._rde_store_source(attached @extschema@._rde_source, exposed name[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO @extschema@._rde_source AS s
        (dataset, relation, owner, reseller_column, period_column, key_columns, amount_column,
         currency_column, invoice_column, change_column, mapping, watermark, delay)
    VALUES (attached.dataset, attached.relation, attached.owner, attached.reseller_column, attached.period_column,
            attached.key_columns, attached.amount_column, attached.currency_column, attached.invoice_column,
            attached.change_column, attached.mapping, attached.watermark, attached.delay)
    ON CONFLICT ON CONSTRAINT _rde_source_pkey DO UPDATE
        SET relation = EXCLUDED.relation, owner = EXCLUDED.owner, reseller_column = EXCLUDED.reseller_column,
            period_column = EXCLUDED.period_column, key_columns = EXCLUDED.key_columns,
            amount_column = EXCLUDED.amount_column, currency_column = EXCLUDED.currency_column,
            invoice_column = EXCLUDED.invoice_column, change_column = EXCLUDED.change_column,
            mapping = EXCLUDED.mapping, watermark = EXCLUDED.watermark, delay = EXCLUDED.delay,
            attached_at = EXCLUDED.attached_at;
    DELETE FROM @extschema@._rde_watermark w WHERE w.dataset = attached.dataset;
    DELETE FROM @extschema@._rde_source_failure f WHERE f.dataset = attached.dataset;
    UPDATE @extschema@._rde_report r SET retry_at = now()
    WHERE r.dataset = attached.dataset AND r.retry_at > now() AND r.status = 'error';
    DELETE FROM @extschema@._rde_source_column c WHERE c.dataset = attached.dataset;
    INSERT INTO @extschema@._rde_source_column (dataset, position, name, type)
    SELECT attached.dataset, row_number() OVER (ORDER BY a.attnum), a.attname, format_type(a.atttypid, NULL)
    FROM pg_attribute a
    WHERE a.attrelid = attached.relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = ANY (exposed);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_store_source(@extschema@._rde_source, name[]) IS
    'say where a data set''s rows come from now, and let reports that waited for that be tried at once';

CREATE FUNCTION @extschema@._rde_check_report_views(dataset text, source regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted record;
    missing text[] := '{}';
BEGIN
    FOR wanted IN
        SELECT v.name AS view, vc.alias, vc.column_name, vc.expected, b.source_column, b.type, b.typmod
        FROM @extschema@._rde_view v JOIN @extschema@._rde_view_column vc ON vc.view = v.id
        JOIN LATERAL @extschema@._rde_columns_behind(
            v.dataset, ARRAY(SELECT c.column_name FROM @extschema@._rde_view_column c WHERE c.view = v.id)) b
            ON b.column_name = vc.column_name
        WHERE v.dataset = _rde_check_report_views.dataset AND v.reseller IS NULL
        ORDER BY v.name, vc.position
    LOOP
        IF wanted.type IS NULL THEN
            IF wanted.view = 'cmp' THEN
                missing := missing || wanted.column_name;
            END IF;
        ELSIF NOT @extschema@._rde_type_fits(wanted.type, wanted.expected) THEN
            RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
                MESSAGE = format('column "%s" of %s is of type %s and cannot be %s (%s of view "%s")',
                                 wanted.source_column, source, format_type(wanted.type, wanted.typmod),
                                 wanted.column_name, wanted.alias, wanted.view),
                DETAIL = format('Expected is %s.', @extschema@._rde_expected_types(wanted.expected)),
                HINT = format('Map %s to another column, or attach a view that casts it.', wanted.column_name);
        END IF;
    END LOOP;
    FOR wanted IN
        SELECT v.name AS view, vc.position, vc.column_name, b.type,
               @extschema@._rde_condition_problem(vc.operator, vc.operand, b.type) AS problem
        FROM @extschema@._rde_view v JOIN @extschema@._rde_view_condition vc ON vc.view = v.id
        CROSS JOIN LATERAL @extschema@._rde_column_behind(v.dataset, vc.column_name) b
        WHERE v.dataset = _rde_check_report_views.dataset AND v.reseller IS NULL
        ORDER BY v.name, vc.position
    LOOP
        IF wanted.problem IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
                MESSAGE = format('condition %s of view "%s", on column "%s", %s', wanted.position, wanted.view,
                                 wanted.column_name, wanted.problem),
                DETAIL = format('The column of %s is of type %s.', source, format_type(wanted.type, NULL)),
                HINT = format('Map %s to another column, or give the view other conditions with rde_alter_view().', wanted.column_name);
        END IF;
    END LOOP;
    IF cardinality(missing) > 0 THEN
        RAISE NOTICE USING
            MESSAGE = format('%s columns of the cmp view of "%s" have no source column yet: %s',
                             cardinality(missing), dataset, array_to_string(missing, ', ')),
            HINT = 'Map them with mapping => ''{"NAME": "source_column"}'', or export the full view or one of your own.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_report_views(text, regclass) IS
    'raise 42804 for a column or a condition of the provider''s views that the attached one does not fit, and tell which are missing';

CREATE FUNCTION @extschema@.rde_attach(
    dataset  text,
    source   regclass,
    reseller name,
    period   name,
    key      name[] DEFAULT NULL,
    amount   name DEFAULT NULL,
    currency name DEFAULT NULL,
    invoice  name DEFAULT NULL,
    change   name DEFAULT NULL,
    mapping  jsonb DEFAULT '{}',
    expose   name[] DEFAULT NULL,
    watermark regclass DEFAULT NULL,
    delay    interval DEFAULT NULL
) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET quote_all_identifiers = off
AS $$
DECLARE
    attached @extschema@._rde_source;
    elsewhere text;
    exposed name[];
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    PERFORM @extschema@._rde_hold_dataset(dataset);
    IF source IS NULL OR reseller IS NULL OR period IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'source, reseller and period must not be null',
            HINT = 'Say rde_attach(''payments'', ''shop.payments'', reseller => ''reseller_account_id'', period => ''changed_at'', key => ''{payment_id}'').';
    END IF;

    PERFORM @extschema@._rde_check_source(dataset, source);

    attached.dataset := dataset;
    attached.relation := source;
    attached.owner := (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = source);
    attached.reseller_column := @extschema@._rde_role_column(source, 'reseller', reseller::text, 'reseller');
    attached.period_column := @extschema@._rde_role_column(source, 'period', period::text, 'unix');
    attached.amount_column := @extschema@._rde_role_column(source, 'amount', amount::text, 'numeric');
    attached.currency_column := @extschema@._rde_role_column(source, 'currency', currency::text, 'text');
    attached.invoice_column := @extschema@._rde_role_column(source, 'invoice', invoice::text, 'text');
    attached.change_column := @extschema@._rde_role_column(source, 'change', change::text, 'xid8');
    IF EXISTS (SELECT FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
               WHERE a.attrelid = source AND a.attname = attached.period_column AND NOT a.attnotnull
                 AND c.relkind IN ('r', 'p', 'f')) THEN
        RAISE NOTICE USING
            MESSAGE = format('column "%s" of %s may be NULL, and rows where it is are in no report', attached.period_column, source),
            HINT = 'Declare it NOT NULL, or attach a view that says when such a row changed.';
    END IF;
    elsewhere := @extschema@._rde_from_elsewhere(source);
    IF attached.change_column IS NOT NULL THEN
        PERFORM @extschema@._rde_check_change_source(source, attached.change_column, elsewhere);
    END IF;
    IF watermark IS NOT NULL THEN
        PERFORM @extschema@._rde_check_watermark(watermark);
        attached.watermark := watermark;
    END IF;
    attached.delay := @extschema@._rde_arrival_delay(elsewhere, watermark, delay);
    attached.key_columns := @extschema@._rde_key_columns(source, key);
    exposed := @extschema@._rde_exposed_columns(source, expose);
    attached.mapping := @extschema@._rde_mapping(source, mapping);
    attached.attached_at := now();

    PERFORM @extschema@._rde_store_source(attached, exposed);
    PERFORM @extschema@._rde_check_report_views(dataset, source);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_attach(text, regclass, name, name, name[], name, name, name, name, jsonb, name[], regclass, interval) IS
    'say where a data set''s rows come from: the relation, and which of its columns holds the reseller, the time of change, the key, the amount and so on; needs the rights of the relation''s owner, as whom reports read it. Where rows arrive from elsewhere, watermark is a relation with the one timestamptz before which all have, or delay how long they take. Replaces what was said before, for which it needs the rights of the present source''s owner, too. Raises 22023, 42501, 42702, 42703, 42704, 42804, 42809, 42P01';

CREATE FUNCTION @extschema@.rde_detach(dataset text) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    PERFORM @extschema@._rde_find_dataset(dataset);
    PERFORM @extschema@._rde_check_source_rights(dataset);
    DELETE FROM @extschema@._rde_source s WHERE s.dataset = rde_detach.dataset;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('data set "%s" is not attached', dataset);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_detach(text) IS
    'take a data set''s source away; its views and its reports stay. Raises 42501, 42704, 55000';

CREATE FUNCTION @extschema@.rde_dataset_template(dataset text) RETURNS text
    LANGUAGE rde_definer STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    template text;
BEGIN
    PERFORM @extschema@._rde_find_dataset(dataset);
    SELECT string_agg(
               format('    NULL::%s AS %s%s  -- %s: %s',
                      CASE vc.expected WHEN 'integer' THEN 'bigint' WHEN 'numeric' THEN 'numeric(20,8)'
                          WHEN 'json' THEN 'jsonb' WHEN 'date' THEN 'date' WHEN 'unix' THEN 'date' ELSE 'text' END,
                      quote_ident(lower(vc.column_name)), CASE WHEN vc.last THEN '' ELSE ',' END,
                      regexp_replace(coalesce(vc.field_group, 'Column'), '[[:cntrl:]]+', ' ', 'g'),
                      regexp_replace(coalesce(vc.description, vc.alias), '[[:cntrl:]]+', ' ', 'g')),
               E'\n' ORDER BY vc.position)
    INTO template
    FROM (SELECT c.*, c.position = max(c.position) OVER () AS last
          FROM @extschema@._rde_view v JOIN @extschema@._rde_view_column c ON c.view = v.id
          WHERE v.dataset = rde_dataset_template.dataset AND v.name = 'cmp' AND v.reseller IS NULL) vc;
    RETURN format(E'CREATE VIEW my_%s AS\nSELECT\n'
                  '    NULL::bigint AS reseller_account_id,  -- whose row it is: the reseller argument of rde_attach\n'
                  '    NULL::timestamptz AS changed_at,  -- when the row changed: the period argument\n'
                  '    NULL::bigint AS id%s  -- what identifies the row: the key argument\n'
                  '%s\nFROM my_table;',
                  dataset, CASE WHEN template IS NULL THEN '' ELSE ',' END, coalesce(template, ''));
END
$$;
COMMENT ON FUNCTION @extschema@.rde_dataset_template(text) IS
    'a CREATE VIEW statement to fill in, with every column the data set''s cmp view asks for. Raises 42704';


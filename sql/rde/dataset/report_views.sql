---------------------------------------------------------------------------
-- Report views: create, alter, drop, choose
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_set_view_columns(view bigint, columns json) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    usage_hint CONSTANT text :=
        'A column is {"column": "NAME", "as": "alias"}, with one of "attribute": "name", "locale": "en" or "type": "unix", "unix_date" or "multilingual" if wanted, and "label", "group" and "description".';
    item record;
    place text;
    bad text;
    ways text[];
    target_alias text;
    dataset_name text := (SELECT v.dataset FROM @extschema@._rde_view v WHERE v.id = view);
    behind record;
    wanted text;
BEGIN
    IF columns IS NULL OR json_typeof(columns) <> 'array' OR json_array_length(columns) = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = 'columns',
            MESSAGE = 'columns of a view must be a JSON array with at least one column', HINT = usage_hint;
    END IF;
    IF json_array_length(columns) > 1600 THEN
        RAISE EXCEPTION USING ERRCODE = 'too_many_columns', COLUMN = 'columns',
            MESSAGE = 'a view has 1,600 columns at most', HINT = usage_hint;
    END IF;
    FOR item IN
        SELECT e.value, e.n FROM json_array_elements(columns) WITH ORDINALITY e(value, n) ORDER BY e.n
    LOOP
        place := format('columns[%s]', item.n - 1);
        IF json_typeof(item.value) <> 'object' THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = place,
                MESSAGE = format('column %s of the view is not a JSON object', item.n), HINT = usage_hint;
        END IF;
        SELECT string_agg(k.key, ', ') INTO bad FROM json_each(item.value) k
        WHERE k.key NOT IN ('column', 'as', 'attribute', 'locale', 'type', 'group', 'description', 'label')
           OR (json_typeof(k.value) <> 'string' AND k.key <> 'label');
        IF bad IS NOT NULL OR item.value ->> 'column' IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                COLUMN = CASE WHEN bad IS NULL THEN place || '.column' ELSE place END,
                MESSAGE = CASE WHEN bad IS NULL THEN format('column %s of the view does not say "column"', item.n)
                               ELSE format('column %s of the view has keys that are unknown or not text: %s', item.n, bad) END,
                HINT = usage_hint;
        END IF;
        SELECT k.key INTO bad FROM json_each_text(item.value) k
        WHERE k.key <> 'label' AND length(k.value) > CASE k.key WHEN 'description' THEN 1000 ELSE 255 END LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'string_data_right_truncation', COLUMN = place || '.' || bad,
                MESSAGE = format('"%s" of column %s of the view is too long', bad, item.n),
                HINT = 'A description has 1,000 characters at most, all else 255.';
        END IF;
        ways := ARRAY(SELECT k.key FROM json_each(item.value) k WHERE k.key IN ('attribute', 'locale', 'type'));
        IF cardinality(ways) > 1 OR coalesce(item.value ->> 'type', 'unix') NOT IN ('unix', 'unix_date', 'multilingual') THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                COLUMN = CASE WHEN cardinality(ways) > 1 THEN place ELSE place || '.type' END,
                MESSAGE = format('column %s of the view %s', item.n,
                                 CASE WHEN cardinality(ways) > 1 THEN 'says more than one of attribute, locale and type'
                                      ELSE 'has a type other than "unix", "unix_date" and "multilingual"' END),
                HINT = usage_hint;
        END IF;
        target_alias := coalesce(item.value ->> 'as', item.value ->> 'column');
        IF target_alias !~ '^[a-zA-Z][0-9a-zA-Z_]*$' OR length(target_alias) > 255 THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_name', COLUMN = place || '.as',
                MESSAGE = format('"%s" is not a valid column name in a report', target_alias),
                HINT = 'Use letters, digits and underscores, beginning with a letter: {"column": ..., "as": "orderId"}.';
        END IF;
        PERFORM @extschema@._rde_check_label(item.n, item.value -> 'label');
        wanted := CASE WHEN ways[1] = 'attribute' THEN 'json' WHEN ways[1] = 'locale' OR item.value ->> 'type' = 'multilingual' THEN 'text'
                       WHEN ways[1] = 'type' THEN 'unix' ELSE 'any' END;
        BEGIN
            INSERT INTO @extschema@._rde_view_column
                (view, position, alias, column_name, transform, argument, expected, field_group, description, labels)
            VALUES (view, item.n, target_alias, item.value ->> 'column',
                    CASE ways[1] WHEN 'type' THEN item.value ->> 'type' ELSE ways[1] END,
                    coalesce(item.value ->> 'attribute', item.value ->> 'locale'),
                    wanted, item.value ->> 'group', item.value ->> 'description', item.value -> 'label');
        EXCEPTION WHEN unique_violation THEN
            RAISE EXCEPTION USING ERRCODE = 'duplicate_column', COLUMN = place || '.as',
                MESSAGE = format('column name "%s" appears twice in the view, ignoring case', target_alias),
                HINT = 'Give one of them another name with "as".';
        END;
        behind := @extschema@._rde_column_behind(dataset_name, item.value ->> 'column');
        IF behind.type IS NOT NULL AND NOT @extschema@._rde_type_fits(behind.type, wanted) THEN
            RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch', COLUMN = place || '.' || ways[1],
                MESSAGE = format('column "%s" is of type %s and cannot be shown with "%s"', item.value ->> 'column',
                                 format_type(behind.type, behind.typmod), ways[1]),
                DETAIL = format('Expected is %s.', @extschema@._rde_expected_types(wanted));
        ELSIF behind.type IS NULL
              AND EXISTS (SELECT FROM @extschema@._rde_source s WHERE s.dataset = dataset_name) THEN
            RAISE NOTICE USING
                MESSAGE = format('data set "%s" exposes no column "%s" at present', dataset_name, item.value ->> 'column'),
                HINT = 'Exports of this view fail until rde_attach() maps it.';
        END IF;
    END LOOP;
    PERFORM @extschema@._rde_check_headers(view);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_set_view_columns(bigint, json) IS
    'check and store the columns of a view that has none';

CREATE FUNCTION @extschema@._rde_find_view(dataset text, name text, reseller bigint) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_view @extschema@._rde_view;
BEGIN
    PERFORM @extschema@._rde_find_dataset(dataset);
    SELECT v.* INTO found_view FROM @extschema@._rde_view v
    WHERE v.dataset = _rde_find_view.dataset AND v.name = _rde_find_view.name
      AND v.reseller IS NOT DISTINCT FROM _rde_find_view.reseller;
    IF NOT FOUND OR found_view.shipped THEN
        RAISE EXCEPTION USING ERRCODE = CASE WHEN FOUND THEN 'insufficient_privilege' ELSE 'undefined_object' END,
            MESSAGE = CASE WHEN found_view.shipped THEN format('view "%s" of data set "%s" belongs to the extension', name, dataset)
                           ELSE format('data set "%s" has no view "%s" of %s', dataset, name,
                                       coalesce('reseller ' || reseller, 'the provider')) END,
            HINT = CASE WHEN found_view.shipped THEN 'Make one of your own with rde_create_view().'
                        ELSE 'The view rde_view_columns lists them.' END;
    END IF;
    RETURN found_view.id;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_find_view(text, text, bigint) IS
    'id of a view that its owner may change; raises 42704 or 42501';

CREATE FUNCTION @extschema@._rde_check_view_lock(view bigint) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_check_lock(format('view "%s"', v.name), v.reseller, v.locked)
    FROM @extschema@._rde_view v WHERE v.id = _rde_check_view_lock.view;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_view_lock(bigint) IS
    'raise 42501 for a view that the caller may not alter, though it is his';

CREATE FUNCTION @extschema@.rde_create_view(
    dataset text, name text, columns json, reseller bigint DEFAULT NULL, conditions json DEFAULT '[]',
    locked boolean DEFAULT NULL
) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_dataset @extschema@._rde_dataset;
    new_view bigint;
BEGIN
    reseller := @extschema@._rde_own_reseller(reseller);
    found_dataset := @extschema@._rde_hold_dataset(dataset);
    PERFORM @extschema@._rde_check_name('a view', name);
    IF lower(name) = 'full' OR (lower(name) = 'cmp' AND (found_dataset.shipped OR reseller IS NOT NULL OR name <> 'cmp')) THEN
        RAISE EXCEPTION USING ERRCODE = 'reserved_name', COLUMN = 'name',
            MESSAGE = format('view name "%s" is reserved', name),
            HINT = 'Only a data set of your own can be given a cmp view, by the provider; full is every exposed column.';
    END IF;
    IF EXISTS (SELECT FROM @extschema@._rde_view v
               WHERE v.dataset = rde_create_view.dataset AND v.name = rde_create_view.name
                 AND v.reseller IS NOT DISTINCT FROM rde_create_view.reseller) THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object', COLUMN = 'name',
            MESSAGE = format('view "%s" of data set "%s" already exists', name, dataset),
            HINT = 'Change it with rde_alter_view().';
    END IF;
    PERFORM @extschema@._rde_check_count(reseller, 'views'::text);
    INSERT INTO @extschema@._rde_view (dataset, name, reseller, made_by, locked)
    VALUES (dataset, name, reseller, @extschema@._rde_own_reseller(NULL::bigint), @extschema@._rde_new_lock(reseller, locked, NULL::boolean))
    RETURNING id INTO new_view;
    PERFORM @extschema@._rde_set_view_columns(new_view, columns);
    PERFORM @extschema@._rde_set_view_conditions(new_view, conditions);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_create_view(text, text, json, bigint, json, boolean) IS
    'make a report view: an ordered list of columns with names of your own, of the rows that all conditions hold of; reseller NULL makes it the provider''s, for all. Whoever makes it for an account below lets that account alter it with locked false. Columns the source does not expose yet give a notice. Raises 22023, 42602, 42701, 42704, 42710, 42804, 42939, 54000';

CREATE FUNCTION @extschema@.rde_alter_view(
    dataset text, name text, columns json DEFAULT NULL, reseller bigint DEFAULT NULL, conditions json DEFAULT NULL,
    locked boolean DEFAULT NULL
) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    altered bigint := @extschema@._rde_find_view(dataset, name, @extschema@._rde_own_reseller(reseller));
BEGIN
    IF columns IS NULL AND conditions IS NULL AND locked IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'columns and conditions must not both be null',
            HINT = 'What is not given stays as it is; conditions => ''[]'' takes them all away.';
    END IF;
    PERFORM FROM @extschema@._rde_view v WHERE v.id = altered FOR NO KEY UPDATE;
    PERFORM @extschema@._rde_check_view_lock(altered);
    UPDATE @extschema@._rde_view v SET locked = @extschema@._rde_new_lock(v.reseller, rde_alter_view.locked, v.locked)
    WHERE v.id = altered AND rde_alter_view.locked IS NOT NULL;
    IF columns IS NOT NULL THEN
        DELETE FROM @extschema@._rde_view_column vc WHERE vc.view = altered;
        PERFORM @extschema@._rde_set_view_columns(altered, columns);
    END IF;
    IF conditions IS NOT NULL THEN
        DELETE FROM @extschema@._rde_view_condition vc WHERE vc.view = altered;
        PERFORM @extschema@._rde_set_view_conditions(altered, conditions);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_alter_view(text, text, json, bigint, json, boolean) IS
    'give a report view other columns, or other conditions, or let its account alter it or not; what is not given stays, and so do reports already made. Raises 22004, 22023, 42501 (shipped), 42602, 42701, 42704, 42804, 54000';

CREATE FUNCTION @extschema@.rde_drop_view(dataset text, name text, reseller bigint DEFAULT NULL) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    dropped bigint := @extschema@._rde_find_view(dataset, name, @extschema@._rde_own_reseller(reseller));
BEGIN
    PERFORM @extschema@._rde_check_view_lock(dropped);
    DELETE FROM @extschema@._rde_view v WHERE v.id = dropped;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_drop_view(text, text, bigint) IS
    'drop a report view; reports already made stay as they are. Raises 42501, 42704';

CREATE FUNCTION @extschema@._rde_choose_view(dataset text, view text, reseller bigint) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted text := coalesce(view, 'cmp');
BEGIN
    IF wanted = 'full' OR EXISTS (
        SELECT FROM @extschema@._rde_view v
        WHERE v.dataset = _rde_choose_view.dataset AND v.name = wanted
          AND (v.reseller IS NULL OR v.reseller = _rde_choose_view.reseller)) THEN
        RETURN wanted;
    ELSIF view IS NULL THEN
        RETURN 'full';
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'undefined_object', COLUMN = 'view',
        MESSAGE = format('data set "%s" has no view "%s"', dataset, view),
        HINT = format('Views are %s; rde_create_view() makes another.',
                      (SELECT concat_ws(', ', string_agg(v.name, ', ' ORDER BY v.name), 'full')
                       FROM @extschema@._rde_view v
                       WHERE v.dataset = _rde_choose_view.dataset
                         AND (v.reseller IS NULL OR v.reseller = _rde_choose_view.reseller)));
END
$$;
COMMENT ON FUNCTION @extschema@._rde_choose_view(text, text, bigint) IS
    'the view a report will use: the one named, else cmp, else full; raises 42704';

CREATE FUNCTION @extschema@._rde_report_view(dataset text, view text, reseller bigint) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- the reseller's own view of that name, else the provider's
    SELECT v.id FROM @extschema@._rde_view v
    WHERE v.dataset = _rde_report_view.dataset AND v.name = _rde_report_view.view
      AND (v.reseller = _rde_report_view.reseller OR v.reseller IS NULL)
    ORDER BY v.reseller NULLS LAST LIMIT 1;
END;
COMMENT ON FUNCTION @extschema@._rde_report_view(text, text, bigint) IS
    'the view that a report has by the name of one; NULL for full, which is no row';

CREATE FUNCTION @extschema@._rde_multilingual_columns(dataset text) RETURNS name[]
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce(array_agg(b.source_column), '{}')
    FROM @extschema@._rde_columns_behind(
        dataset, ARRAY(SELECT vc.column_name
                       FROM @extschema@._rde_view v JOIN @extschema@._rde_view_column vc ON vc.view = v.id
                       WHERE v.dataset = _rde_multilingual_columns.dataset AND v.name = 'cmp' AND v.reseller IS NULL
                         AND vc.transform = 'multilingual')) b
    WHERE b.type IS NOT NULL;
END;
COMMENT ON FUNCTION @extschema@._rde_multilingual_columns(text) IS
    'the source columns with multilingual texts, as the data set''s cmp view says';

CREATE FUNCTION @extschema@._rde_report_columns(
    dataset text, view text, reseller bigint, locale text,
    OUT "position" integer, OUT name text, OUT column_name text, OUT transform text, OUT argument text,
    OUT source_column name, OUT expected_type text, OUT actual_type text, OUT fits boolean, OUT expected text,
    OUT field_group text, OUT description text, OUT label text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chosen CONSTANT bigint := @extschema@._rde_report_view(dataset, view, reseller);
    multilingual CONSTANT name[] := CASE WHEN locale IS NULL THEN '{}' ELSE @extschema@._rde_multilingual_columns(dataset) END;
BEGIN
    IF view = 'full' THEN
        RETURN QUERY
        SELECT c.position, c.name::text, c.name::text, CASE WHEN c.name = ANY (multilingual) THEN 'locale' END,
               CASE WHEN c.name = ANY (multilingual) THEN locale END, c.name, c.type,
               format_type(a.atttypid, NULL), true, NULL::text, NULL::text, NULL::text, NULL::text
        FROM @extschema@._rde_source_column c
        JOIN @extschema@._rde_source s ON s.dataset = c.dataset
        LEFT JOIN pg_attribute a ON a.attrelid = s.relation AND a.attname = c.name AND NOT a.attisdropped
        WHERE c.dataset = _rde_report_columns.dataset;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT vc.position, vc.alias, vc.column_name,
           CASE WHEN NOT m.multilingual THEN vc.transform WHEN locale IS NOT NULL THEN 'locale' END,
           CASE WHEN NOT m.multilingual THEN vc.argument ELSE locale END,
           b.source_column, b.attached_type, format_type(b.type, NULL), @extschema@._rde_type_fits(b.type, vc.expected),
           @extschema@._rde_expected_types(vc.expected), vc.field_group, vc.description,
           @extschema@._rde_pick_label(vc.labels, locale)
    FROM @extschema@._rde_view_column vc
    JOIN @extschema@._rde_columns_behind(
        _rde_report_columns.dataset,
        ARRAY(SELECT c.column_name FROM @extschema@._rde_view_column c WHERE c.view = chosen)) b ON b.column_name = vc.column_name
    CROSS JOIN LATERAL (SELECT coalesce(vc.transform = 'multilingual', b.source_column = ANY (multilingual), false)) m(multilingual)
    WHERE vc.view = chosen;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_report_columns(text, text, bigint, text) IS
    'the columns of one report in order, with the source column behind each as it was attached and as it is, and with its label and multilingual texts in the report''s locale';


---------------------------------------------------------------------------
-- Conditions: which rows a report view shows
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_condition_problem(operator text, operand jsonb, type oid) RETURNS text
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_condition_problem_sql';
COMMENT ON FUNCTION @extschema@._rde_condition_problem(text, jsonb, oid) IS
    'what is wrong with a condition on a column of this type, in words that follow those that name the condition; NULL: nothing';

CREATE FUNCTION @extschema@._rde_check_condition(n bigint, condition json) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    usage_hint CONSTANT text :=
        'A condition is {"column": "NAME"} with one of "in": [...], "not_in": [...], "min": ..., "max": ... and "is_null": true or false.';
    keys text[];
    operand json;
    problem text;
BEGIN
    IF json_typeof(condition) <> 'object' THEN
        problem := 'is not a JSON object';
    ELSE
        keys := ARRAY(SELECT k.key FROM json_each(condition) k WHERE k.key <> 'column');
        operand := condition -> keys[1];
        problem := CASE
            WHEN json_typeof(condition -> 'column') IS DISTINCT FROM 'string' THEN 'does not say "column"'
            WHEN length(condition ->> 'column') > 255 THEN 'says a "column" that is too long'
            WHEN NOT keys <@ '{in,not_in,min,max,is_null}'::text[] THEN 'has keys that are unknown'
            WHEN cardinality(keys) <> 1 THEN 'must say one of in, not_in, min, max and is_null'
            WHEN keys[1] = 'is_null' AND json_typeof(operand) <> 'boolean' THEN 'has an "is_null" that is not true or false'
            WHEN keys[1] IN ('min', 'max') AND json_typeof(operand) IN ('null', 'array', 'object') THEN
                format('has a "%s" that is not a value', keys[1])
            WHEN keys[1] IN ('in', 'not_in') AND json_typeof(operand) <> 'array' THEN
                format('has an "%s" that is not a list of values', keys[1])
            END;
        IF problem IS NULL AND keys[1] IN ('in', 'not_in') AND json_array_length(operand) = 0 THEN
            problem := format('has an "%s" that lists no value', keys[1]);
        END IF;
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = format('conditions[%s]', n - 1),
            MESSAGE = format('condition %s of the view %s', n, problem), HINT = usage_hint;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_condition(bigint, json) IS
    'raise 22023 for what is no condition, whatever column it is about';

CREATE FUNCTION @extschema@._rde_set_view_conditions(view bigint, conditions json) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item record;
    stored @extschema@._rde_view_condition;
    dataset_name text := (SELECT v.dataset FROM @extschema@._rde_view v WHERE v.id = view);
    behind record;
    problem text;
    room integer := 1000;
BEGIN
    IF conditions IS NULL OR json_typeof(conditions) <> 'array' OR json_array_length(conditions) > 100 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = 'conditions',
            MESSAGE = 'conditions of a view must be a JSON array of at most 100';
    END IF;
    FOR item IN
        SELECT e.value, e.n FROM json_array_elements(conditions) WITH ORDINALITY e(value, n) ORDER BY e.n
    LOOP
        PERFORM @extschema@._rde_check_condition(item.n, item.value);
        stored.view := view;
        stored.position := item.n;
        stored.column_name := item.value ->> 'column';
        SELECT k.key, k.value::jsonb INTO stored.operator, stored.operand FROM json_each(item.value) k WHERE k.key <> 'column';
        room := room - CASE jsonb_typeof(stored.operand) WHEN 'array' THEN jsonb_array_length(stored.operand) ELSE 1 END;
        IF room < 0 OR EXISTS (SELECT FROM jsonb_array_elements_text(
                                   CASE jsonb_typeof(stored.operand) WHEN 'array' THEN stored.operand ELSE jsonb_build_array(stored.operand) END) v
                               WHERE length(v) > 1000) THEN
            RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded', COLUMN = format('conditions[%s]', item.n - 1),
                MESSAGE = CASE WHEN room < 0 THEN 'conditions of a view name 1,000 values at most'
                               ELSE format('condition %s of the view has a value that is too long', item.n) END,
                HINT = 'A value has 1,000 characters at most.';
        END IF;
        behind := @extschema@._rde_column_behind(dataset_name, stored.column_name);
        problem := @extschema@._rde_condition_problem(stored.operator, stored.operand, behind.type);
        IF problem IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch', COLUMN = format('conditions[%s]', item.n - 1),
                MESSAGE = format('condition %s of the view, on column "%s", %s', item.n, stored.column_name, problem);
        ELSIF behind.type IS NULL AND EXISTS (SELECT FROM @extschema@._rde_source s WHERE s.dataset = dataset_name) THEN
            RAISE NOTICE USING
                MESSAGE = format('data set "%s" exposes no column "%s" at present', dataset_name, stored.column_name),
                HINT = 'Exports of this view fail until rde_attach() maps it.';
        END IF;
        INSERT INTO @extschema@._rde_view_condition SELECT stored.*;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_set_view_conditions(bigint, json) IS
    'check and store the conditions of a view that has none';

CREATE FUNCTION @extschema@._rde_report_conditions(
    dataset text, view text, reseller bigint,
    OUT "position" integer, OUT column_name text, OUT operator text, OUT operand jsonb,
    OUT source_column name, OUT expected_type text, OUT actual_type text, OUT type oid
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chosen CONSTANT bigint := @extschema@._rde_report_view(dataset, view, reseller);
BEGIN
    RETURN QUERY
    SELECT vc.position, vc.column_name, vc.operator, vc.operand,
           b.source_column, b.attached_type, format_type(b.type, NULL), b.type
    FROM @extschema@._rde_view_condition vc
    JOIN @extschema@._rde_columns_behind(
        _rde_report_conditions.dataset,
        ARRAY(SELECT c.column_name FROM @extschema@._rde_view_condition c WHERE c.view = chosen)) b ON b.column_name = vc.column_name
    WHERE vc.view = chosen;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_report_conditions(text, text, bigint) IS
    'the conditions of one report''s view in order, with the source column behind each as it was attached and as it is';

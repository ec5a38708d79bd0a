---------------------------------------------------------------------------
-- Labels: what columns of report views are called to people
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_check_label(n bigint, label json) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    usage_hint CONSTANT text := 'A label is "label": "Order no." for everybody, or "label": {"en": "Order no.", "de": "Bestellnr."}.';
    problem text;
    item record;
BEGIN
    problem := CASE
        WHEN json_typeof(label) NOT IN ('string', 'object') THEN 'is not text, or texts by locale'
        WHEN json_typeof(label) = 'object' THEN
            CASE WHEN (SELECT count(*) NOT BETWEEN 1 AND 100 FROM json_each(label)) THEN 'has not 1 to 100 locales'
                 WHEN EXISTS (SELECT FROM json_each(label) l WHERE json_typeof(l.value) <> 'string') THEN 'has a locale without text'
                 WHEN EXISTS (SELECT FROM json_each(label) l WHERE NOT @extschema@._rde_is_locale(l.key)) THEN
                     'has a key that is no locale such as en or de_AT'
                 WHEN (SELECT count(DISTINCT @extschema@._rde_same_locale(l.key)) < count(*) FROM json_each(label) l) THEN 'has a locale twice'
            END
        END;
    FOR item IN SELECT t.label FROM @extschema@._rde_labels(label) t(label) LOOP
        EXIT WHEN problem IS NOT NULL;
        problem := CASE
            WHEN item.label !~ '[^[:space:]]' THEN 'is empty'
            WHEN length(item.label) > 255 THEN 'has more than 255 characters'
            WHEN replace(item.label, E'\n', '') ~ '[[:cntrl:]]' THEN 'has control characters; of these it may have line feeds'
            END;
    END LOOP;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = format('columns[%s].label', n - 1),
            MESSAGE = format('label of column %s of the view %s', n, problem), HINT = usage_hint;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_label(bigint, json) IS
    'raise 22023 for what cannot be the label of a column';

CREATE FUNCTION @extschema@._rde_is_locale(locale text) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_is_locale_sql';
COMMENT ON FUNCTION @extschema@._rde_is_locale(text) IS
    'does this name a language, and maybe a region or script, as segments of multilingual texts do?';

CREATE FUNCTION @extschema@._rde_same_locale(locale text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT lower(replace(locale, '-', '_') COLLATE "C");
END;
COMMENT ON FUNCTION @extschema@._rde_same_locale(text) IS
    'one spelling of those that a locale has';

CREATE FUNCTION @extschema@._rde_labels(labels json) RETURNS SETOF text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE ROWS 3
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF json_typeof(labels) = 'object' THEN
        RETURN QUERY SELECT l.value FROM json_each_text(labels) l;
    ELSE
        RETURN NEXT labels #>> '{}';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_labels(json) IS
    'the texts of a label, of all locales';

CREATE FUNCTION @extschema@._rde_check_headers(view bigint) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    twice record;
BEGIN
    -- whatever locale is asked for, no two columns are headed by the same
    WITH header AS (
        SELECT c.position, c.alias, c.alias AS label FROM @extschema@._rde_view_column c
        WHERE c.view = _rde_check_headers.view AND c.labels IS NULL
        UNION ALL
        SELECT c.position, c.alias, l.label
        FROM @extschema@._rde_view_column c CROSS JOIN LATERAL @extschema@._rde_labels(c.labels) l(label)
        WHERE c.view = _rde_check_headers.view AND c.labels IS NOT NULL)
    SELECT a.alias AS one, b.alias AS other, b.position INTO twice
    FROM header a JOIN header b ON lower(a.label) = lower(b.label) AND a.position < b.position
    ORDER BY a.position, b.position LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_column', COLUMN = format('columns[%s].label', twice.position - 1),
            MESSAGE = format('columns "%s" and "%s" of the view may have the same label, ignoring case', twice.one, twice.other),
            HINT = 'A label of one column is none of another, in any locale; a column without a label is headed by its name.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_headers(bigint) IS
    'raise 42701 for a view of which two columns may be headed by the same text';

CREATE FUNCTION @extschema@._rde_pick_label(labels json, locale text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted CONSTANT text := @extschema@._rde_same_locale(locale);
BEGIN
    IF json_typeof(labels) IS DISTINCT FROM 'object' THEN
        RETURN labels #>> '{}';
    END IF;
    -- as one is picked of a multilingual text
    RETURN (SELECT l.value FROM json_each_text(labels) WITH ORDINALITY l(key, value, n)
            CROSS JOIN LATERAL @extschema@._rde_same_locale(l.key) s(locale)
            ORDER BY s.locale IS DISTINCT FROM wanted, split_part(s.locale, '_', 1) IS DISTINCT FROM split_part(wanted, '_', 1), l.n
            LIMIT 1);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_pick_label(json, text) IS
    'the label of a locale: its own, else one of the same language, else the first; NULL if there are none';

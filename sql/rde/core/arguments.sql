---------------------------------------------------------------------------
-- Arguments that several functions take
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_check_name(object text, name text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF name IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = format('%s''s name must not be null', object), COLUMN = 'name';
    END IF;
    IF name !~ '^[^[:cntrl:]]{1,128}$' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_name',
            COLUMN = 'name', MESSAGE = format('%s''s name must be 1 to 128 characters without control characters', object);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_name(text, text) IS
    'raise 22004 or 42602 for what cannot be the name of an account, a generator, a view or a token; object is its kind with an article';

CREATE FUNCTION @extschema@._rde_check_clear(clear text[], possible text[], given text[]) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item text;
BEGIN
    IF clear IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'clear must not be null';
    END IF;
    FOREACH item IN ARRAY clear LOOP
        IF item IS NULL OR NOT item = ANY (possible) THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = CASE WHEN item IS NULL THEN 'clear must not hold nulls' ELSE format('"%s" cannot be cleared', item) END,
                HINT = format('What can be cleared is %s.', array_to_string(possible, ', '));
        END IF;
        IF item = ANY (array_remove(given, NULL)) THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('%s is both given and cleared', item);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_clear(text[], text[], text[]) IS
    'raise 22023 unless clear names possible things only, and none of those given';

CREATE FUNCTION @extschema@._rde_check_options(format text, options jsonb) RETURNS void
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_check_options_sql';
COMMENT ON FUNCTION @extschema@._rde_check_options(text, jsonb) IS
    'raise 22023 for a format or an option that does not exist';

CREATE FUNCTION @extschema@._rde_formats(formats text[], options jsonb) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item text;
    checked text[] := '{}';
BEGIN
    IF formats IS NULL OR options IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            COLUMN = CASE WHEN formats IS NULL THEN 'formats' ELSE 'options' END,
            MESSAGE = CASE WHEN formats IS NULL THEN 'formats must not be null' ELSE 'options must not be null' END;
    END IF;
    IF cardinality(formats) = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'formats', MESSAGE = 'formats must name at least one report format';
    END IF;
    FOREACH item IN ARRAY formats LOOP
        item := @extschema@._rde_format_name(btrim(item));
        PERFORM @extschema@._rde_check_options(item, options);
        IF item = ANY (checked) THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                COLUMN = 'formats', MESSAGE = format('report format "%s" is named twice', item),
                HINT = 'Name each once: ''{csv,xlsx}''.';
        END IF;
        checked := checked || item;
    END LOOP;
    RETURN checked;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_formats(text[], jsonb) IS
    'report formats as rde spells them; raises 22023 for none, for one that does not exist or is named twice, and for options that do not exist';

CREATE FUNCTION @extschema@._rde_format_list() RETURNS json
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_format_list';
COMMENT ON FUNCTION @extschema@._rde_format_list() IS
    'the formats there are, as JSON: name, mediaType, and whether it is text';

CREATE FUNCTION @extschema@._rde_option_list() RETURNS json
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_option_list';
COMMENT ON FUNCTION @extschema@._rde_option_list() IS
    'the options of reports there are, as JSON: name, formats that heed it, type, values, default, description';

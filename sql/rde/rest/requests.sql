---------------------------------------------------------------------------
-- What a request's body says, and answers that are given again
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_check_body(request json, fields jsonb, required text[], fixed text[] DEFAULT '{}') RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bad text[];
    kind text;
BEGIN
    IF request IS NULL OR json_typeof(request) <> 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'a request must be a JSON object',
            HINT = format('Its fields are %s.', (SELECT string_agg(f.key, ', ' ORDER BY f.key) FROM jsonb_each(fields) f));
    END IF;
    bad := ARRAY(SELECT left(k.key, 64) FROM json_each(request) k WHERE NOT fields ? k.key);
    IF cardinality(bad) > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('unknown in the request: %s', left(array_to_string(bad, ', '), 500)),
            HINT = format('Its fields are %s.', (SELECT string_agg(f.key, ', ' ORDER BY f.key) FROM jsonb_each(fields) f));
    END IF;
    SELECT k.key INTO kind FROM json_each(request) k GROUP BY k.key HAVING count(*) > 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            COLUMN = kind, MESSAGE = format('given twice in the request: %s', kind);
    END IF;
    SELECT min(f.value), array_agg(k.key) INTO kind, bad
    FROM json_each(request) k JOIN jsonb_each_text(fields) f ON f.key = k.key
    WHERE f.value <> 'any' AND json_typeof(k.value) NOT IN (f.value, 'null')
    GROUP BY f.value ORDER BY f.value DESC LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = bad[1],
            MESSAGE = format('not %s in the request: %s', CASE kind WHEN 'string' THEN 'text' WHEN 'number' THEN 'a number'
                WHEN 'boolean' THEN 'true or false' WHEN 'array' THEN 'a list' ELSE 'an object' END, array_to_string(bad, ', '));
    END IF;
    bad := ARRAY(SELECT r FROM unnest(required) r WHERE request ->> r IS NULL);
    IF cardinality(bad) > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = bad[1],
            MESSAGE = CASE cardinality(required) WHEN 1 THEN format('%s is required', required[1])
                ELSE format('%s and %s are required', array_to_string(required[:cardinality(required) - 1], ', '),
                            required[cardinality(required)]) END;
    END IF;
    bad := ARRAY(SELECT k.key FROM json_each(request) k WHERE k.key = ANY (fixed) AND json_typeof(k.value) = 'null');
    IF cardinality(bad) > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = bad[1],
            MESSAGE = format('%s must not be null', bad[1]);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_body(json, jsonb, text[], text[]) IS
    'raise 22023 unless a request is an object of fields of these kinds, required ones are there, and fixed ones are not null';

CREATE FUNCTION @extschema@._rde_request_text(request json, key text, pattern text, problem text, hint text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF request ->> key !~ pattern THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = key, MESSAGE = format('%s %s', key, problem), HINT = hint;
    END IF;
    RETURN request ->> key;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_request_text(json, text, text, text, text) IS
    'text of this pattern in a request; raises 22023';

CREATE FUNCTION @extschema@._rde_request_number(request json, key text, digits integer) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT @extschema@._rde_request_text(request, key, format('^-?[0-9]{1,%s}$', digits),
        format('must be a whole number of %s digits at most', digits), 'Write it as 42: digits and nothing else.'::text)::bigint;
END;
COMMENT ON FUNCTION @extschema@._rde_request_number(json, text, integer) IS
    'a whole number in a request; raises 22023';

CREATE FUNCTION @extschema@._rde_request_instant(request json, key text) RETURNS timestamptz
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    SET DateStyle = 'ISO, YMD'
AS $$
BEGIN
    IF request ->> key IS NULL THEN
        RETURN NULL;
    END IF;
    IF request ->> key !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$' THEN
        RAISE datetime_field_overflow;
    END IF;
    RETURN (request ->> key)::timestamptz;
EXCEPTION
    WHEN data_exception THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = key,
            MESSAGE = format('%s is not an instant', key),
            HINT = 'Write it as RFC 3339 does: 2019-11-07T17:02:59.000Z.';
END
$$;
COMMENT ON FUNCTION @extschema@._rde_request_instant(json, text) IS
    'an RFC 3339 instant in a request; raises 22023';

CREATE FUNCTION @extschema@._rde_request_day(request json, key text) RETURNS date
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    SET DateStyle = 'ISO, YMD'
AS $$
BEGIN
    IF request ->> key !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' THEN
        RAISE datetime_field_overflow;
    END IF;
    RETURN (request ->> key)::date;
EXCEPTION
    WHEN data_exception THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = key,
            MESSAGE = format('%s is not a day', key),
            HINT = 'Write it as 2019-11-05.';
END
$$;
COMMENT ON FUNCTION @extschema@._rde_request_day(json, text) IS
    'a day in a request; raises 22023';

CREATE FUNCTION @extschema@._rde_request_time(request json, key text) RETURNS time
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT @extschema@._rde_request_text(request, key, '^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$'::text,
        'is not a time of day'::text, 'Write it as 06:30.'::text)::time;
END;
COMMENT ON FUNCTION @extschema@._rde_request_time(json, text) IS
    'a time of day in a request; raises 22023';

CREATE FUNCTION @extschema@._rde_request_duration(request json, key text) RETURNS interval
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT @extschema@._rde_request_text(request, key,
        '^P(?=[0-9T])([0-9]{1,4}Y)?([0-9]{1,4}M)?([0-9]{1,4}W)?([0-9]{1,5}D)?(T(?=[0-9])([0-9]{1,5}H)?([0-9]{1,5}M)?([0-9]{1,5}S)?)?$'::text,
        'is not a duration'::text, 'Write it as ISO 8601 does: P90D for 90 days, P2Y for two years.'::text)::interval;
END;
COMMENT ON FUNCTION @extschema@._rde_request_duration(json, text) IS
    'a duration in a request, as of ISO 8601; raises 22023';

CREATE FUNCTION @extschema@._rde_duration(duration interval) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    SET IntervalStyle = 'iso_8601'
BEGIN ATOMIC
    SELECT duration::text;
END;
COMMENT ON FUNCTION @extschema@._rde_duration(interval) IS
    'a duration as of ISO 8601';

CREATE FUNCTION @extschema@._rde_repeated(account bigint, idempotency_key text, request jsonb) RETURNS json
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    earlier @extschema@._rde_idempotency;
BEGIN
    IF idempotency_key IS NULL THEN
        RETURN NULL;
    END IF;
    IF length(idempotency_key) NOT BETWEEN 1 AND 255 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'an idempotency key must be 1 to 255 characters';
    END IF;
    DELETE FROM @extschema@._rde_idempotency i
    WHERE i.account IS NOT DISTINCT FROM _rde_repeated.account AND i.key = idempotency_key
      AND i.created_at < now() - interval '24 hours';
    INSERT INTO @extschema@._rde_idempotency (account, key, request, answer)
    VALUES (account, idempotency_key, request, 'null') ON CONFLICT DO NOTHING;
    IF FOUND THEN
        RETURN NULL;
    END IF;
    SELECT i.* INTO earlier FROM @extschema@._rde_idempotency i
    WHERE i.account IS NOT DISTINCT FROM _rde_repeated.account AND i.key = idempotency_key;
    IF earlier.request <> _rde_repeated.request THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'the idempotency key was used for another request',
            HINT = 'Use a new key for each request, and the same one to repeat it.';
    END IF;
    RETURN earlier.answer;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_repeated(bigint, text, jsonb) IS
    'what a request with this key was answered in the last 24 hours; NULL: it is new, and _rde_remember() is to be told its answer. Raises 22023';

CREATE FUNCTION @extschema@._rde_remember(account bigint, idempotency_key text, answer json) RETURNS json
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF idempotency_key IS NOT NULL THEN
        UPDATE @extschema@._rde_idempotency i SET answer = _rde_remember.answer
        WHERE i.account IS NOT DISTINCT FROM _rde_remember.account AND i.key = idempotency_key;
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_remember(bigint, text, json) IS
    'store the answer to a new request, and return it';

CREATE FUNCTION @extschema@._rde_check_match(if_match text, version text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF btrim(if_match) <> '*'
       AND NOT EXISTS (SELECT FROM unnest(string_to_array(if_match, ',')) e(tag) WHERE btrim(e.tag) = '"' || version || '"') THEN
        RAISE EXCEPTION USING ERRCODE = 'triggered_data_change_violation',
            MESSAGE = 'it has been changed since it was read',
            HINT = 'Read it again, and decide anew.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_match(text, text) IS
    'raise 27000 if If-Match is there and names another version';

---------------------------------------------------------------------------
-- The bodies of GET and POST /reports
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_utc_text(moment timestamptz, milliseconds boolean DEFAULT false) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT to_char(moment AT TIME ZONE 'UTC',
                   CASE WHEN milliseconds THEN 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"' ELSE 'YYYY-MM-DD"T"HH24:MI:SS"Z"' END);
END;
COMMENT ON FUNCTION @extschema@._rde_utc_text(timestamptz, boolean) IS
    'ISO 8601 in UTC, to the second or the millisecond';

CREATE FUNCTION @extschema@._rde_cursor() RETURNS text
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT concat_ws(':', c.system_identifier, @extschema@._rde_wal_position(), @extschema@._rde_current_snapshot())
    FROM pg_control_system() c;
END;
COMMENT ON FUNCTION @extschema@._rde_cursor() IS
    'what has been seen by now: this cluster, its place in the WAL, and the statement''s snapshot';

CREATE FUNCTION @extschema@._rde_read_cursor(after text) RETURNS pg_snapshot
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fields text[];
    begin_anew CONSTANT text := 'Take "next" of an earlier answer, or begin with a first and a last day.';
BEGIN
    fields := regexp_match(after, '^(-?[0-9]+):([0-9]{1,10}/[0-9A-F]{1,8}/[0-9A-F]{1,8}):([0-9]+:[0-9]+:[0-9,]*)$');
    IF fields[1] IS DISTINCT FROM (SELECT c.system_identifier::text FROM pg_control_system() c) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = 'after',
            MESSAGE = 'after is not a cursor of this server', HINT = begin_anew;
    END IF;
    IF NOT @extschema@._rde_has_seen(fields[2]) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = 'after',
            MESSAGE = 'after is a cursor of what this server has not seen',
            DETAIL = 'It was restored to an earlier point, or has taken the place of one that was ahead of it.',
            HINT = 'List the days from then on anew: reports that were listed may be gone, and others have come.';
    END IF;
    RETURN fields[3]::pg_snapshot;
EXCEPTION
    WHEN invalid_text_representation THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = 'after',
            MESSAGE = 'after is not a cursor of this server', HINT = begin_anew;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_read_cursor(text) IS
    'the snapshot of a cursor; raises 22023 for anything else, and for one of a lost timeline';

CREATE FUNCTION @extschema@._rde_report_version(report @extschema@._rde_report) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- what has become of it; not how far a build is, nor a link, which each answer has anew
    SELECT left(md5(concat_ws(' ', report.id, report.status, extract(epoch FROM report.published_at),
                              extract(epoch FROM report.failed_at), extract(epoch FROM report.expires_at))), 16);
END;
COMMENT ON FUNCTION @extschema@._rde_report_version(@extschema@._rde_report) IS
    'names what has become of a report until now: another when it is submitted again, fails, is published, or is kept for longer or shorter';

CREATE FUNCTION @extschema@._rde_report_details(report @extschema@._rde_report) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT jsonb_build_object(
        'id', report.id, 'type', report.type,
        'status', @extschema@._rde_status(report.status, report.claim_pid, report.claim_start),
        'dataset', report.dataset, 'customizationName', report.view, 'reseller', report.reseller,
        'generator', report.generator, 'invoice', report.invoice, 'timeZone', report.time_zone,
        'startDate', @extschema@._rde_utc_text(report.period_from, true),
        'endDate', @extschema@._rde_utc_text(report.period_to, true),
        'revision', report.revision, 'provisional', report.provisional, 'rowCount', report.row_count,
        'totals', (SELECT jsonb_object_agg(t.currency, t.amount) FROM @extschema@._rde_report_total t
                   WHERE t.report = report.id AND t.amount IS NOT NULL),
        'fileBytes', report.file_bytes, 'sha256', encode(report.sha256, 'hex'),
        'expiresAt', @extschema@._rde_utc_text(CASE WHEN isfinite(report.expires_at) AND report.status = 'completed'
                                               THEN report.expires_at END, true),
        'version', @extschema@._rde_report_version(report));
END;
COMMENT ON FUNCTION @extschema@._rde_report_details(@extschema@._rde_report) IS
    'what detail adds to a report''s item';

CREATE FUNCTION @extschema@.rde_list_reports(
    first_day date DEFAULT NULL,
    last_day  date DEFAULT NULL,
    format    text DEFAULT NULL,
    name      text DEFAULT NULL,
    status    text DEFAULT NULL,
    type      text DEFAULT NULL,
    detail    boolean DEFAULT false,
    after     text DEFAULT NULL,
    dataset   text DEFAULT NULL,
    generator uuid DEFAULT NULL
) RETURNS json
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_list_reports';
COMMENT ON FUNCTION @extschema@.rde_list_reports(date, date, text, text, text, text, boolean, text, text, uuid) IS
    'the caller''s reports published on the UTC days first_day .. last_day (inclusive), or since the cursor after, newest revisions only, as the JSON body of GET /reports; a long list comes in parts, each with where the next one begins. Raises 22004, 22023';

CREATE FUNCTION @extschema@._rde_error_code(sqlstate text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE sqlstate
        WHEN '22001' THEN 'string_data_right_truncation' WHEN '22021' THEN 'character_not_in_repertoire'
        WHEN '22023' THEN 'invalid_parameter_value' WHEN '42702' THEN 'ambiguous_column'
        WHEN '42703' THEN 'undefined_column' WHEN '42804' THEN 'datatype_mismatch'
        WHEN '54000' THEN 'program_limit_exceeded' WHEN '57014' THEN 'query_canceled'
        ELSE 'internal_error' END;
END;
COMMENT ON FUNCTION @extschema@._rde_error_code(text) IS
    'the condition name of what a report of an account may fail of by its own fault; internal_error for all else';

CREATE FUNCTION @extschema@._rde_plain_error(report uuid, sqlstate text, error text, foreign_error boolean) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE
        WHEN NOT foreign_error AND sqlstate IN ('42702', '42703', '42804')
            THEN 'this view cannot be made of its data set as it is; whoever runs this service can mend that'
        WHEN foreign_error OR @extschema@._rde_error_code(sqlstate) = 'internal_error'
            THEN format(@extschema@._rde_reference(), report)
        ELSE error END;
END;
COMMENT ON FUNCTION @extschema@._rde_plain_error(uuid, text, text, boolean) IS
    'a report''s error for a program of its account: nothing of the database''s inside, and no words that another reseller''s row may have raised';

CREATE FUNCTION @extschema@._rde_report_body(report @extschema@._rde_report) RETURNS json
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT (jsonb_build_object(
                'name', report.name, 'format', report.format,
                'creationDate', @extschema@._rde_utc_text(coalesce(report.published_at, report.submitted_at), true),
                'downloadUrl', CASE WHEN report.status = 'completed' THEN @extschema@._rde_report_link(report.id) END)
            || @extschema@._rde_report_details(report)
            || coalesce((SELECT jsonb_build_object('supersededBy', n.id) FROM @extschema@._rde_report n
                         WHERE n.supersedes = report.id AND n.status = 'completed'), '{}')
            || CASE WHEN @extschema@._rde_status(report.status, report.claim_pid, report.claim_start) <> 'processing' THEN '{}'
                    ELSE coalesce((SELECT jsonb_build_object('progress', jsonb_build_object(
                                              'rows', b.row_count, 'bytes', b.content_bytes, 'estimatedRows', b.estimated_rows))
                                   FROM @extschema@._rde_builds() b
                                   WHERE b.report = report.id OR b.pid = report.claim_pid LIMIT 1), '{}') END
            || CASE WHEN report.error IS NULL THEN '{}'
                    ELSE jsonb_build_object(
                        'code', CASE WHEN report.foreign_error THEN 'internal_error'
                                     ELSE @extschema@._rde_error_code(report.sqlstate) END,
                        'error', CASE WHEN @extschema@._rde_sees_all(true) THEN report.error
                                      ELSE @extschema@._rde_plain_error(report.id, report.sqlstate, report.error, report.foreign_error) END)
               END)::json;
END;
COMMENT ON FUNCTION @extschema@._rde_report_body(@extschema@._rde_report) IS
    'one report in the shape of POST''s reply with the detail fields';

CREATE FUNCTION @extschema@.rde_get_report(report uuid) RETURNS json
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_report @extschema@._rde_report;
BEGIN
    SELECT r.* INTO found_report FROM @extschema@._rde_report r
    WHERE r.id = rde_get_report.report AND (r.expires_at > now() OR r.status = 'submitted')
      AND @extschema@._rde_may_see(r.id, r.reseller, false);
    IF NOT FOUND THEN
        PERFORM @extschema@._rde_no_report(report);
    END IF;
    RETURN @extschema@._rde_report_body(found_report);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_get_report(uuid) IS
    'one report of the caller as the JSON body of GET /reports/{id}; raises 42704 for one of others as for one that is not there';

CREATE FUNCTION @extschema@.rde_remove_report(report uuid, if_match text DEFAULT NULL) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held @extschema@._rde_report;
BEGIN
    PERFORM @extschema@._rde_require_primary();
    IF if_match IS NOT NULL THEN
        SELECT r.* INTO held FROM @extschema@._rde_report r
        WHERE r.id = report AND @extschema@._rde_may_see(r.id, r.reseller, true) FOR UPDATE;
        IF NOT FOUND THEN
            PERFORM @extschema@._rde_no_report(report);
        END IF;
        PERFORM @extschema@._rde_check_match(if_match, @extschema@._rde_report_version(held));
    END IF;
    PERFORM @extschema@.rde_drop_report(report);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_remove_report(uuid, text) IS
    'remove a report and its file as DELETE /reports/{id} does; raises 42704, or 27000 if something else has become of it than when it was the version if_match';

CREATE FUNCTION @extschema@._rde_zone_text(moment timestamptz, time_zone text) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT to_char(z.there, 'YYYY-MM-DD"T"HH24:MI:SS.MS')
           || CASE WHEN z.ahead < interval '0' THEN '-' ELSE '+' END
           || to_char(greatest(z.ahead, -z.ahead), 'HH24:MI')
    FROM (SELECT moment AT TIME ZONE time_zone, (moment AT TIME ZONE time_zone) - (moment AT TIME ZONE 'UTC')) z(there, ahead);
END;
COMMENT ON FUNCTION @extschema@._rde_zone_text(timestamptz, text) IS
    'ISO 8601 in a time zone, to the millisecond, with how far it is ahead of UTC';

CREATE FUNCTION @extschema@._rde_manifest(report @extschema@._rde_report) RETURNS json
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT json_build_object(
        'id', report.id, 'name', report.name, 'type', report.type, 'format', report.format,
        'dataset', report.dataset, 'customizationName', report.view, 'invoice', report.invoice, 'reseller', report.reseller,
        'startDate', @extschema@._rde_utc_text(report.period_from, true),
        'endDate', @extschema@._rde_utc_text(report.period_to, true),
        'timeZone', report.time_zone,
        'localStartDate', @extschema@._rde_zone_text(report.period_from, report.time_zone),
        'localEndDate', @extschema@._rde_zone_text(report.period_to, report.time_zone),
        'revision', report.revision, 'supersedes', report.supersedes, 'provisional', report.provisional,
        'creationDate', @extschema@._rde_utc_text(report.published_at, true),
        'expiresAt', @extschema@._rde_utc_text(CASE WHEN isfinite(report.expires_at) THEN report.expires_at END, true),
        'rowCount', report.row_count,
        'totals', (SELECT jsonb_object_agg(t.currency, t.amount) FROM @extschema@._rde_report_total t
                   WHERE t.report = report.id AND t.amount IS NOT NULL),
        'replacedCharacters', report.replaced_characters, 'textNumbers', report.text_numbers,
        'fileName', report.file_name, 'mediaType', report.media_type,
        'fileBytes', report.file_bytes, 'contentBytes', report.content_bytes, 'sha256', encode(report.sha256, 'hex'),
        'columns', report.columns, 'conditions', report.conditions);
END;
COMMENT ON FUNCTION @extschema@._rde_manifest(@extschema@._rde_report) IS
    'the manifest of a completed report, whoever asks';

CREATE FUNCTION @extschema@.rde_report_manifest(report uuid) RETURNS json
    LANGUAGE rde_definer VOLATILE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_report @extschema@._rde_report;
BEGIN
    SELECT r.* INTO found_report FROM @extschema@._rde_report r
    WHERE r.id = rde_report_manifest.report AND r.status = 'completed' AND r.expires_at > now()
      AND @extschema@._rde_may_see(r.id, r.reseller, true);
    IF NOT FOUND THEN
        PERFORM @extschema@._rde_no_report(report);
    END IF;
    RETURN @extschema@._rde_manifest(found_report);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_report_manifest(uuid) IS
    'what there is to know of a completed report''s file, for whoever may read it, as the JSON body of GET /reports/{id}/manifest: what it is about, its columns as they were when it was built, rows, totals, digest. Raises 22004, 42704';

CREATE FUNCTION @extschema@._rde_open_file(report uuid) RETURNS void
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_open_file_sql';
COMMENT ON FUNCTION @extschema@._rde_open_file(uuid) IS
    'let this report''s file be read until the end of the transaction, expired or not; whoever calls has found that the caller may';

CREATE FUNCTION @extschema@.rde_report_file(
    report uuid, begun timestamptz DEFAULT NULL,
    OUT id uuid, OUT reseller bigint, OUT name text, OUT file_name text, OUT media_type text,
    OUT file_bytes bigint, OUT sha256 text, OUT row_count bigint, OUT published_at timestamptz, OUT moved_to text
) RETURNS record
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment CONSTANT timestamptz := coalesce(begun, now());
BEGIN
    SELECT r.id, r.reseller, r.name, r.file_name, r.media_type, r.file_bytes, encode(r.sha256, 'hex'), r.row_count, r.published_at
    INTO id, reseller, name, file_name, media_type, file_bytes, sha256, row_count, published_at
    FROM @extschema@._rde_report r
    WHERE r.id = rde_report_file.report AND r.status = 'completed' AND r.expires_at > moment
      AND moment BETWEEN now() - @extschema@._rde_grace() AND now()
      AND @extschema@._rde_may_see(r.id, r.reseller, true);
    IF NOT FOUND THEN
        PERFORM @extschema@._rde_no_report(report);
    END IF;
    moved_to := @extschema@._rde_moved_to(report);
    IF begun IS NOT NULL THEN
        PERFORM @extschema@._rde_open_file(report);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_report_file(uuid, timestamptz) IS
    'what a download of a completed report of the caller has to know; rde_chunk() reads it, unless it has moved to a store, whose link moved_to is. begun is when a download that goes on began: it may end within an hour of the report''s expiry. Raises 42704';

CREATE FUNCTION @extschema@._rde_submit_period(
    dataset text, period_from timestamptz, period_to timestamptz, format text, view text, reseller bigint, name text,
    time_zone text, options jsonb
) RETURNS uuid
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_submit_period';
COMMENT ON FUNCTION @extschema@._rde_submit_period(text, timestamptz, timestamptz, text, text, bigint, text, text, jsonb) IS
    'submit a report of the rows of [period_from, period_to)';

CREATE FUNCTION @extschema@._rde_build_small(report uuid) RETURNS boolean
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_build_small';
COMMENT ON FUNCTION @extschema@._rde_build_small(uuid) IS
    'build a submitted report if that is quickly done; false leaves it to a worker';

CREATE FUNCTION @extschema@._rde_check_request(reseller bigint, period_from timestamptz, period_to timestamptz)
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    account @extschema@._rde_account;
    used numeric;
    leaves timestamptz;
BEGIN
    IF period_to > period_from + @extschema@._rde_max_span() THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = 'end_date',
            MESSAGE = format('a report may cover %s at most', @extschema@._rde_max_span()),
            HINT = 'Ask for several reports of shorter periods.';
    END IF;
    SELECT a.* INTO account FROM @extschema@._rde_account a WHERE a.id = reseller FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF least(account.max_pending, account.max_reports_per_day) = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            COLUMN = CASE account.max_pending WHEN 0 THEN 'max_pending' ELSE 'max_reports_per_day' END,
            MESSAGE = format('account %s may not ask for reports', account.id);
    END IF;
    -- when this one and all before it have left, there is room for one more
    SELECT w.asked_at + interval '24 hours', w.used INTO leaves, used
    FROM (SELECT q.asked_at, sum(q.reports) OVER (ORDER BY q.asked_at DESC) AS newer, sum(q.reports) OVER () AS used
          FROM @extschema@._rde_asked q
          WHERE q.account = account.id AND q.asked_at > now() - interval '24 hours') w
    WHERE w.newer >= account.max_reports_per_day
    ORDER BY w.asked_at DESC LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'configuration_limit_exceeded', COLUMN = 'max_reports_per_day',
            MESSAGE = format('account %s has asked for %s reports in 24 hours, as many as it may', account.id, used),
            DETAIL = format('It may ask again in %s seconds.', ceil(extract(epoch FROM leaves - now())));
    END IF;
    IF account.max_stored_bytes IS NOT NULL THEN
        SELECT coalesce(sum(r.file_bytes), 0) INTO used FROM @extschema@._rde_report r
        WHERE r.reseller = account.id AND r.expires_at > now();
        IF used >= account.max_stored_bytes THEN
            RAISE EXCEPTION USING ERRCODE = 'configuration_limit_exceeded', COLUMN = 'max_stored_bytes',
                MESSAGE = format('reports of account %s take %s bytes, as many as they may', account.id, used);
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_request(bigint, timestamptz, timestamptz) IS
    'what _rde_check_quota refuses, as a program has to know it: 22023 for too long a period, 42501 for who may ask for nothing, 53400 with the quota as its column and, of a day''s, the seconds until there is room';

CREATE FUNCTION @extschema@._rde_request_edge(request json, key text, zone text, days integer) RETURNS timestamptz
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF request ->> key ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' THEN
        RETURN @extschema@._rde_day_start(@extschema@._rde_request_day(request, key) + days, zone);
    END IF;
    RETURN @extschema@._rde_request_instant(request, key);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_request_edge(json, text, text, integer) IS
    'where a period begins or ends by a request: at an instant, or so many days after the beginning of a day in the zone; raises 22023';

CREATE FUNCTION @extschema@._rde_requested_period(request json, zone text, OUT period_from timestamptz, OUT period_to timestamptz) RETURNS record
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    period_from := @extschema@._rde_request_edge(request, 'startDate'::text, zone, 0);
    period_to := coalesce(@extschema@._rde_request_edge(request, 'endDate'::text, zone, 1), now());
    IF request ->> 'endDate' IS NULL AND period_from >= period_to THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = 'start_date',
            MESSAGE = 'startDate is yet to come', HINT = 'Without endDate a period ends now.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_requested_period(json, text) IS
    'the period from startDate to endDate, or until now, of a request; raises 22023';

CREATE FUNCTION @extschema@.rde_request_report(request json, idempotency_key text DEFAULT NULL) RETURNS json
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller CONSTANT bigint := @extschema@._rde_own_reseller(NULL::bigint);
    owner bigint;
    zone text;
    first_instant timestamptz;
    end_instant timestamptz;
    requested uuid;
    answer json;
BEGIN
    PERFORM @extschema@._rde_require_primary();
    PERFORM @extschema@._rde_check_body(request, '{
        "name": "string", "startDate": "string", "endDate": "string", "format": "string", "customizationName": "string",
        "dataset": "string", "timeZone": "string", "options": "object", "reseller": "number", "downloadUrl": "any"}'::jsonb,
        '{name,startDate}'::text[], '{}'::text[]);
    answer := @extschema@._rde_repeated(caller, idempotency_key, request::jsonb);
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    owner := @extschema@._rde_own_reseller(@extschema@._rde_request_number(request, 'reseller'::text, 18));
    zone := @extschema@._rde_zone(coalesce(request ->> 'timeZone',
                                           (SELECT a.time_zone FROM @extschema@._rde_account a WHERE a.id = owner)));
    SELECT p.period_from, p.period_to INTO first_instant, end_instant FROM @extschema@._rde_requested_period(request, zone) p;
    IF caller IS NOT NULL THEN
        PERFORM @extschema@._rde_check_request(owner, first_instant, end_instant);
    END IF;
    requested := @extschema@._rde_submit_period(
        coalesce(request ->> 'dataset', 'provisioned_orders'), first_instant, end_instant,
        coalesce(@extschema@._rde_format_name(request ->> 'format'), 'json'),
        request ->> 'customizationName', owner, request ->> 'name', zone,
        coalesce(nullif(request::jsonb -> 'options', 'null'), '{}'));
    PERFORM @extschema@._rde_build_small(requested);
    SELECT @extschema@._rde_report_body(r) INTO answer FROM @extschema@._rde_report r WHERE r.id = requested;
    RETURN @extschema@._rde_remember(caller, idempotency_key, answer);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_request_report(json, text) IS
    'ask for a report as POST /reports does and return its body; small ones are built at once. The same idempotency key gets the same answer for 24 hours. Its keys are name and startDate; endDate, format, customizationName, dataset, timeZone, options, reseller. Raises 22023, 42501, 42704, 53400, 55000';

CREATE FUNCTION @extschema@._rde_revise(report uuid) RETURNS uuid
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_revise';
COMMENT ON FUNCTION @extschema@._rde_revise(uuid) IS
    'submit the next revision of a completed report of the caller; raises 42704, 53400, 55000';

CREATE FUNCTION @extschema@.rde_request_action(report uuid, action text, idempotency_key text DEFAULT NULL) RETURNS json
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller CONSTANT bigint := @extschema@._rde_own_reseller(NULL::bigint);
    found_report @extschema@._rde_report;
    answer json;
BEGIN
    PERFORM @extschema@._rde_require_primary();
    SELECT r.* INTO found_report FROM @extschema@._rde_report r
    WHERE r.id = report AND @extschema@._rde_may_see(r.id, r.reseller, true);
    IF NOT FOUND THEN
        PERFORM @extschema@._rde_no_report(report);
    END IF;
    answer := @extschema@._rde_repeated(caller, idempotency_key, jsonb_build_object('POST', jsonb_build_array(action, report)));
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    CASE action
        WHEN 'cancel' THEN
            PERFORM @extschema@.rde_cancel_report(report);
        WHEN 'rebuild', 'retry' THEN
            IF caller IS NOT NULL THEN
                PERFORM @extschema@._rde_check_request(found_report.reseller, found_report.period_from, found_report.period_to);
            END IF;
            IF action = 'retry' THEN
                PERFORM @extschema@.rde_retry_report(report);
            ELSE
                report := @extschema@._rde_revise(report);
                PERFORM @extschema@._rde_build_small(report);
            END IF;
        WHEN 'revoke-links' THEN
            PERFORM @extschema@.rde_revoke_links(report);
        ELSE
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = 'a report is not told to do so',
                HINT = 'Use cancel, rebuild, retry or revoke-links.';
    END CASE;
    SELECT @extschema@._rde_report_body(r) INTO answer FROM @extschema@._rde_report r WHERE r.id = report;
    RETURN @extschema@._rde_remember(caller, idempotency_key, answer);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_request_action(uuid, text, text) IS
    'cancel, rebuild, retry or revoke-links, as POST /reports/{id}/ACTION does: returns the report as it is then, of rebuild its next revision, which is built at once if it is small. Raises 22023, 42501, 42704, 53400, 55000';

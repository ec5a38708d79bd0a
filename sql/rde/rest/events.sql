---------------------------------------------------------------------------
-- Events: what was published, failed, or was superseded
---------------------------------------------------------------------------

-- A position is a cursor, or one, the cursor that its part of the stream ends at, and
-- the last event of that part that was seen: "seen;upto;microseconds;report;event".
CREATE FUNCTION @extschema@._rde_read_position(
    after text, OUT seen pg_snapshot, OUT upto pg_snapshot, OUT seen_text text, OUT upto_text text,
    OUT at bigint, OUT report uuid, OUT event text
) RETURNS record
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fields text[] := regexp_match(after, '^([^;]*);([^;]*);(-?[0-9]{1,18});([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12});(published|failed|superseded)$');
BEGIN
    seen_text := coalesce(fields[1], after);
    upto_text := coalesce(fields[2], after);
    seen := @extschema@._rde_read_cursor(seen_text);
    upto := @extschema@._rde_read_cursor(upto_text);
    at := fields[3];
    report := fields[4];
    event := fields[5];
END
$$;
COMMENT ON FUNCTION @extschema@._rde_read_position(text) IS
    'what a reader of events has seen: all that the snapshot seen shows, and of what upto shows beside it the events up to one; raises 22023';

CREATE FUNCTION @extschema@._rde_good_position(after text) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_read_position(after);
    RETURN true;
EXCEPTION
    WHEN invalid_parameter_value THEN
        RETURN false;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_good_position(text) IS
    'is it a position that this server has come to?';

CREATE FUNCTION @extschema@.rde_open_events(after text DEFAULT NULL) RETURNS text
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_own_reseller(NULL::bigint);
    IF after IS NULL THEN
        RETURN @extschema@._rde_cursor();
    END IF;
    PERFORM @extschema@._rde_read_position(after);
    RETURN after;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_open_events(text) IS
    'where a stream of events begins: now, or behind the event whose id after is; raises 22023 for what is none';

CREATE FUNCTION @extschema@._rde_token_account(subscription_key text, claims text, sha256 bytea) RETURNS bigint
    LANGUAGE C STABLE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_token_account';
COMMENT ON FUNCTION @extschema@._rde_token_account(text, text, bytea) IS
    'whose token this is, as rde_login and, with claims, rde_login_signed find it; NULL if it is none in force. Nobody is let in by it';

CREATE FUNCTION @extschema@._rde_event_body(event text, report @extschema@._rde_report, more json) RETURNS json
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT (jsonb_build_object(
        'event', event, 'id', report.id, 'name', report.name, 'format', report.format, 'dataset', report.dataset,
        'type', report.type, 'status', report.status, 'reseller', report.reseller, 'generator', report.generator,
        'revision', report.revision) || more::jsonb)::json;
END;
COMMENT ON FUNCTION @extschema@._rde_event_body(text, @extschema@._rde_report, json) IS
    'what an event says';

CREATE FUNCTION @extschema@.rde_poll_events(streams json, OUT stream bigint, OUT event text, OUT id text, OUT data json) RETURNS SETOF record
    LANGUAGE rde_definer STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most CONSTANT integer := 1000;
    now_cursor CONSTANT text := @extschema@._rde_cursor();
    this_cluster CONSTANT bigint := (SELECT c.system_identifier FROM pg_control_system() c);
    given bigint[];
    accounts bigint[];
    afters text[];
    found_event record;
    count_events integer := 0;
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    SELECT array_agg(s.stream ORDER BY s.n), array_agg(s.account ORDER BY s.n), array_agg(s.after ORDER BY s.n)
    INTO given, accounts, afters
    FROM (SELECT (g.value ->> 0)::bigint AS stream, g.n, g.value ->> 4 AS after,
                 @extschema@._rde_token_account(g.value ->> 1, g.value ->> 2, decode(g.value ->> 3, 'hex')) AS account
          FROM json_array_elements(streams) WITH ORDINALITY g(value, n)) s;

    FOR found_event IN
        WITH positions AS MATERIALIZED (
            SELECT a.after, p.* FROM (SELECT DISTINCT u.after FROM unnest(accounts, afters) u(account, after) WHERE u.account IS NOT NULL) a
            CROSS JOIN LATERAL @extschema@._rde_read_position(a.after) p
            WHERE @extschema@._rde_good_position(a.after)),
        listeners AS MATERIALIZED (
            SELECT g.stream, v.account, p.*
            FROM unnest(given, accounts, afters) g(stream, account, after)
            JOIN positions p ON p.after = g.after
            CROSS JOIN LATERAL unnest(
                CASE WHEN EXISTS (SELECT FROM @extschema@._rde_account a WHERE a.id = g.account AND a.scope = 'provider')
                     THEN @extschema@._rde_scope_resellers(g.account, NULL::text) ELSE ARRAY[g.account] END) v(account)),
        since AS (SELECT min(pg_snapshot_xmin(p.seen)::text::bigint)::text::xid8 AS xmin FROM positions p),
        happened AS MATERIALIZED (
            SELECT r.id, 'published' AS event, r.published_xid AS xid, r.published_at AS at, NULL::uuid AS next
            FROM @extschema@._rde_report r
            WHERE r.status = 'completed' AND r.published_xid >= (SELECT s.xmin FROM since s) AND r.system_identifier = this_cluster
            UNION ALL
            SELECT r.supersedes, 'superseded', r.published_xid, r.published_at, r.id
            FROM @extschema@._rde_report r
            WHERE r.status = 'completed' AND r.published_xid >= (SELECT s.xmin FROM since s) AND r.system_identifier = this_cluster
              AND r.supersedes IS NOT NULL
            UNION ALL
            SELECT r.id, 'failed', r.failed_xid, r.failed_at, NULL
            FROM @extschema@._rde_report r
            WHERE r.status = 'error' AND r.retry_at IS NULL AND r.failed_xid >= (SELECT s.xmin FROM since s)
              AND r.system_identifier = this_cluster)
        SELECT m.*, lead(m.part) OVER (PARTITION BY m.stream ORDER BY m.part, m.moment, m.report, m.event) AS next_part
        FROM (SELECT l.stream, h.event, e.id AS report, (extract(epoch FROM h.at) * 1000000)::bigint AS moment, l.seen_text, l.upto_text,
                     CASE WHEN pg_visible_in_snapshot(h.xid, l.upto) THEN 1 ELSE 2 END AS part,
                     json_strip_nulls(json_build_object('supersededBy', h.next)) AS more, e AS about
              FROM happened h
              JOIN @extschema@._rde_report e ON e.id = h.id AND e.expires_at > now()
              JOIN listeners l ON l.account = e.reseller
              WHERE NOT pg_visible_in_snapshot(h.xid, l.seen)
                AND (NOT pg_visible_in_snapshot(h.xid, l.upto)
                     OR ((extract(epoch FROM h.at) * 1000000)::bigint, h.id, h.event) > (l.at, l.report, l.event))) m
        ORDER BY m.stream, m.part, m.moment, m.report, m.event
        LIMIT most + 1
    LOOP
        count_events := count_events + 1;
        EXIT WHEN count_events > most;
        stream := found_event.stream;
        event := found_event.event;
        -- the last event of a part is as far as the part goes
        id := CASE
            WHEN found_event.next_part IS DISTINCT FROM found_event.part AND found_event.part = 1 THEN found_event.upto_text
            WHEN found_event.next_part IS NULL THEN now_cursor
            ELSE concat_ws(';', CASE found_event.part WHEN 1 THEN found_event.seen_text ELSE found_event.upto_text END,
                           CASE found_event.part WHEN 1 THEN found_event.upto_text ELSE now_cursor END,
                           found_event.moment, found_event.report, found_event.event) END;
        data := @extschema@._rde_event_body(found_event.event, found_event.about, found_event.more);
        RETURN NEXT;
    END LOOP;

    data := NULL;
    -- whoever may listen no more, and who listens from where nobody has been
    FOR stream IN SELECT g.stream FROM unnest(given, accounts, afters) g(stream, account, after)
                  WHERE g.account IS NULL OR NOT @extschema@._rde_good_position(g.after)
    LOOP
        event := 'end';
        id := NULL;
        RETURN NEXT;
    END LOOP;
    -- all others have seen what there is
    IF count_events <= most THEN
        stream := NULL;
        event := 'seen';
        id := now_cursor;
        RETURN NEXT;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_poll_events(json) IS
    'what has happened for each stream of events, as GET /events sends it, up to 1,000 events in all: streams is a list of [number, subscription key, claims or null, SHA-256 in hex, id of the last event], of which each is judged by its token. A row is an event with its id, or "end" of a stream whose token or id holds no more; last comes the id up to which all streams have seen everything, unless there is more';

---------------------------------------------------------------------------
-- Invoices: the reports on them
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_submit_invoices(
    dataset text, resellers text[], invoices text[], changed timestamptz[] DEFAULT NULL
) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    submitted bigint;
BEGIN
    WITH RECURSIVE
    -- A reseller is a bigint; a longer invoice would not fit into the index.
    event AS MATERIALIZED (
        SELECT number.reseller, u.invoice, max(u.changed) AS changed
        FROM unnest(resellers, invoices, changed) u(reseller, invoice, changed)
        CROSS JOIN LATERAL (SELECT CASE WHEN u.reseller ~ '^ *-?[0-9]{1,19}([.]0*)? *$' THEN u.reseller::numeric END) n(number)
        CROSS JOIN LATERAL (SELECT CASE WHEN n.number BETWEEN -9223372036854775808 AND 9223372036854775807
                                        THEN n.number::bigint END) number(reseller)
        WHERE number.reseller IS NOT NULL AND octet_length(u.invoice) BETWEEN 1 AND 2000
        GROUP BY number.reseller, u.invoice),
    ancestor(reseller, account) AS (
        SELECT DISTINCT e.reseller, e.reseller FROM event e
        UNION
        SELECT n.reseller, a.parent FROM ancestor n JOIN @extschema@._rde_account a ON a.id = n.account
        WHERE a.parent IS NOT NULL),
    firing AS MATERIALIZED (
        SELECT g.id, g.reseller, g.created_at,
               coalesce(g.options ->> 'scope', 'provider') = 'provider' AND a.scope = 'provider' AS whole_tree
        FROM @extschema@._rde_generator g
        LEFT JOIN @extschema@._rde_account a ON a.id = g.reseller
        LEFT JOIN @extschema@._rde_account_on_invoice o ON o.id = g.reseller
        WHERE g.enabled AND g.event = 'on_invoice'
          AND g.dataset = _rde_submit_invoices.dataset
          AND coalesce(o.itself, true)),
    pass AS MATERIALIZED (
        SELECT f.id, e.reseller, e.invoice
        FROM event e
        JOIN ancestor n ON n.reseller = e.reseller
        JOIN firing f ON f.reseller = n.account AND (n.account = e.reseller OR f.whole_tree)
        WHERE e.changed IS NULL OR e.changed >= f.created_at
        UNION ALL
        SELECT f.id, e.reseller, e.invoice
        FROM event e
        JOIN firing f ON f.reseller IS NULL
        WHERE e.changed IS NULL OR e.changed >= f.created_at)
    SELECT count(s.id) INTO submitted
    FROM (SELECT array_agg(p.id) AS generators, array_agg(p.invoice) AS invoices, array_agg(p.reseller) AS resellers
          FROM pass p) a
    CROSS JOIN LATERAL @extschema@._rde_submit_passes(a.generators, NULL::timestamptz[], NULL::timestamptz[],
                                                      NULL::timestamptz[], a.invoices, a.resellers, NULL::text) s(id);
    RETURN submitted;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_submit_invoices(text, text[], text[], timestamptz[]) IS
    'submit the reports that generators make on these invoices of a data set; changed limits each to invoices that changed since it was created. Returns how many were missing';

CREATE FUNCTION @extschema@._rde_submit_some_events(events tid[]) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    taken bigint := 0;
    batch record;
BEGIN
    FOR batch IN
    WITH event AS (
        DELETE FROM @extschema@._rde_invoice_event e WHERE e.ctid = ANY (events)
        RETURNING e.dataset, e.reseller, e.invoice)
    SELECT e.dataset, count(*) AS events, array_agg(e.reseller) AS resellers, array_agg(e.invoice) AS invoices
    FROM event e GROUP BY e.dataset ORDER BY e.dataset
    LOOP
        PERFORM @extschema@._rde_submit_invoices(batch.dataset, batch.resellers, batch.invoices, NULL::timestamptz[]);
        taken := taken + batch.events;
    END LOOP;
    RETURN taken;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_submit_some_events(tid[]) IS
    'take recorded invoices and submit their reports; returns how many were taken';

CREATE FUNCTION @extschema@._rde_submit_events(max_events integer) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    taken bigint := 0;
    failed bigint := 0;
    reason text;
    event tid;
    events CONSTANT tid[] := ARRAY(SELECT q.ctid FROM @extschema@._rde_invoice_event q LIMIT max_events
                                   FOR UPDATE SKIP LOCKED);
BEGIN
    BEGIN
        RETURN @extschema@._rde_submit_some_events(events);
    EXCEPTION WHEN OTHERS THEN
        NULL;
    END;
    -- One of them cannot be: it is found out, and the others are not held up.
    FOREACH event IN ARRAY events LOOP
        BEGIN
            taken := taken + @extschema@._rde_submit_some_events(ARRAY[event]);
        EXCEPTION WHEN OTHERS THEN
            failed := failed + 1;
            reason := SQLERRM;
        END;
    END LOOP;
    IF failed > 0 THEN
        RAISE WARNING USING MESSAGE = format('reports on %s invoices could not be submitted, the last with: %s', failed, reason);
    END IF;
    RETURN taken;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_submit_events(integer) IS
    'take recorded invoices that no other worker is at and submit their reports; those that cannot be are left where they are, with a warning. Returns how many were taken';

CREATE FUNCTION @extschema@.rde_sweep_invoices(relation regclass, since timestamptz) RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_sweep_invoices';
COMMENT ON FUNCTION @extschema@.rde_sweep_invoices(regclass, timestamptz) IS
    'submit the reports that are missing of a watched table''s invoices: those that rows of a data set changed on since then; returns how many were submitted. Raises 22004, 42501, 42704';


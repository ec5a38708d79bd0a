
---------------------------------------------------------------------------
-- Submitting: how a request becomes a row, whoever asks
---------------------------------------------------------------------------

CREATE TYPE @extschema@._rde_submission AS (
    name             text,
    dataset          text,
    view             text,
    format           text,
    type             text,
    reseller         bigint,
    generator        uuid,
    invoice          text,
    invoice_reseller bigint,
    period_from      timestamptz,
    period_to        timestamptz,
    snapshot_window  boolean,
    time_zone        text,
    options          jsonb,
    retention        interval,
    revision         integer,
    supersedes       uuid,
    settles          boolean,
    pass             uuid,
    due_at           timestamptz
);
COMMENT ON TYPE @extschema@._rde_submission IS
    'what is asked of a report, as its row keeps it; of pass and due_at NULL is a new one and now';

CREATE FUNCTION @extschema@._rde_submit(requests @extschema@._rde_submission[]) RETURNS SETOF uuid
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    INSERT INTO @extschema@._rde_report
        (name, dataset, view, format, type, reseller, generator, invoice, invoice_reseller, period_from, period_to,
         snapshot_window, time_zone, options, retention, revision, supersedes, settles, pass, due_at, expires_at)
    SELECT q.name, q.dataset, q.view, q.format, q.type, q.reseller, q.generator, q.invoice, q.invoice_reseller,
           q.period_from, q.period_to, q.snapshot_window, q.time_zone, q.options, q.retention, q.revision, q.supersedes,
           q.settles, coalesce(q.pass, gen_random_uuid()), coalesce(q.due_at, clock_timestamp()),
           clock_timestamp() + q.retention
    FROM unnest(requests) q
    -- in one order, so that two who submit the same do not deadlock
    ORDER BY q.generator, q.invoice_reseller, q.invoice, q.period_from, q.format
    ON CONFLICT DO NOTHING
    RETURNING id;
END;
COMMENT ON FUNCTION @extschema@._rde_submit(@extschema@._rde_submission[]) IS
    'submit reports; those that are there already, of the same generator and period or invoice, or of the same report''s next revision, are left alone. Returns the new ones';

CREATE FUNCTION @extschema@._rde_submit_passes(
    generators uuid[], periods_from timestamptz[], periods_to timestamptz[], due_at timestamptz[],
    invoices text[], invoice_resellers bigint[], type text
) RETURNS SETOF uuid
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH generator AS MATERIALIZED (
        SELECT g.id, g.name, g.dataset, g.formats, g.reseller, g.time_zone, g.options,
               coalesce(g.view, @extschema@._rde_choose_view(g.dataset, NULL::text, g.reseller)) AS view,
               coalesce(_rde_submit_passes.type, g.event) AS type,
               coalesce(g.retention, @extschema@._rde_retention()) AS retention,
               coalesce(_rde_submit_passes.type, g.event) NOT IN ('onetime', 'on_invoice')
               AND EXISTS (SELECT FROM @extschema@._rde_source s
                           WHERE s.dataset = g.dataset AND s.change_column IS NOT NULL) AS snapshot_window
        FROM @extschema@._rde_generator g
        WHERE g.id = ANY (generators)),
    request AS (
        SELECT g.name, g.dataset, g.view, f.format, g.type, g.reseller, g.id, p.invoice, p.invoice_reseller,
               p.period_from, p.period_to, g.snapshot_window, g.time_zone, g.options, g.retention,
               1, NULL::uuid, false, p.pass, p.due_at
        FROM (SELECT u.generator, u.period_from, u.period_to, u.due_at, u.invoice, u.invoice_reseller,
                     gen_random_uuid() AS pass
              FROM unnest(generators, periods_from, periods_to, due_at, invoices, invoice_resellers)
                   u(generator, period_from, period_to, due_at, invoice, invoice_reseller)) p
        JOIN generator g ON g.id = p.generator
        CROSS JOIN LATERAL unnest(g.formats) f(format))
    SELECT @extschema@._rde_submit(ARRAY(SELECT r::@extschema@._rde_submission FROM request r));
END;
COMMENT ON FUNCTION @extschema@._rde_submit_passes(uuid[], timestamptz[], timestamptz[], timestamptz[], text[], bigint[], text) IS
    'submit what generators ask for of periods, or of invoices, a report a format; all formats of one are built by one SELECT. The arrays run in parallel; type is theirs if it is not NULL. Returns the new ones';

---------------------------------------------------------------------------
-- Tables of invoices, to be selected from
---------------------------------------------------------------------------

CREATE VIEW @extschema@.rde_invoice_watches WITH (security_barrier) AS
SELECT w.relation, w.reseller_column, w.invoice_column, w.when_column, w.when_value, w.swept_at,
       uncovered.tables AS uncovered, w.datasets
FROM @extschema@._rde_invoice_watch w
CROSS JOIN LATERAL (
    WITH RECURSIVE tree(relation) AS (
        SELECT w.relation::oid
        UNION
        SELECT i.inhrelid FROM tree t JOIN pg_inherits i ON i.inhparent = t.relation)
    SELECT coalesce(array_agg(t.relation::regclass ORDER BY t.relation::regclass::text), '{}')
    FROM tree t
    WHERE NOT EXISTS (
        SELECT FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid
        WHERE g.tgrelid = t.relation AND p.proname = w.recorder AND g.tgenabled IN ('O', 'A'))) uncovered(tables)
WHERE (SELECT w.account IS NULL FROM @extschema@.rde_whoami() w);
COMMENT ON VIEW @extschema@.rde_invoice_watches IS
    'the tables whose rows are invoices; uncovered names those of their partitions whose rows only a sweep finds when they are inserted straight into them, until the table is watched again';
COMMENT ON COLUMN @extschema@.rde_invoice_watches.relation IS
    'the watched table';
COMMENT ON COLUMN @extschema@.rde_invoice_watches.reseller_column IS
    'its column that says whose invoice a row is';
COMMENT ON COLUMN @extschema@.rde_invoice_watches.invoice_column IS
    'its column with the invoice''s number';
COMMENT ON COLUMN @extschema@.rde_invoice_watches.when_column IS
    'its column that says when a row is an invoice; NULL: each row is one';
COMMENT ON COLUMN @extschema@.rde_invoice_watches.when_value IS
    'the value that column has then';
COMMENT ON COLUMN @extschema@.rde_invoice_watches.swept_at IS
    'when the last sweep began that got through';
COMMENT ON COLUMN @extschema@.rde_invoice_watches.uncovered IS
    'partitions whose rows only a sweep finds when they are inserted straight into them';
COMMENT ON COLUMN @extschema@.rde_invoice_watches.datasets IS
    'the data sets whose rows are on its invoices';


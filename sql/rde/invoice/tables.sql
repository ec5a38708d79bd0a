---------------------------------------------------------------------------
-- Tables of invoices that are watched, and what was recorded of them
---------------------------------------------------------------------------

CREATE TABLE @extschema@._rde_invoice_watch (
    relation        regclass PRIMARY KEY,
    datasets        text[] NOT NULL,
    reseller_column name NOT NULL,
    invoice_column  name NOT NULL,
    when_column     name,
    when_value      text,
    swept_at        timestamptz NOT NULL DEFAULT now(),
    tried_at        timestamptz,
    recorder        name NOT NULL UNIQUE,
    CHECK ((when_column IS NULL) = (when_value IS NULL))
);
COMMENT ON TABLE @extschema@._rde_invoice_watch IS
    'tables whose new rows are invoices, as rde_watch_invoices was told';
COMMENT ON COLUMN @extschema@._rde_invoice_watch.datasets IS
    'the data sets whose invoice column holds the invoices of this table; numbers of other tables mean something else';
COMMENT ON COLUMN @extschema@._rde_invoice_watch.recorder IS
    'the trigger function made for the table';
COMMENT ON COLUMN @extschema@._rde_invoice_watch.swept_at IS
    'when the last sweep began that got through';
COMMENT ON COLUMN @extschema@._rde_invoice_watch.tried_at IS
    'when a sweep was begun last, whether it got through or not';

-- No index, no key, no reference: a billing transaction pays for a heap row only.
CREATE TABLE @extschema@._rde_invoice_event (
    dataset     text,
    reseller    text,
    invoice     text,
    happened_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE @extschema@._rde_invoice_event REPLICA IDENTITY FULL;
COMMENT ON TABLE @extschema@._rde_invoice_event IS
    'invoices that were created and wait for a worker to submit their reports';


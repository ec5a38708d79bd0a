---------------------------------------------------------------------------
-- Accounts, generators, workers
---------------------------------------------------------------------------

CREATE TABLE @extschema@.rde_account (
    id                  bigint PRIMARY KEY,
    name                text NOT NULL CHECK (name ~ '^[^[:cntrl:]]{1,128}$'),
    parent              bigint REFERENCES @extschema@.rde_account,
    role                name UNIQUE,
    time_zone           text,
    scope               text NOT NULL DEFAULT 'reseller' CHECK (scope IN ('reseller', 'provider')),
    on_invoice          boolean NOT NULL DEFAULT true,
    children_on_invoice boolean NOT NULL DEFAULT true,
    max_pending         integer NOT NULL DEFAULT 20 CHECK (max_pending >= 0),
    max_reports_per_day integer CHECK (max_reports_per_day >= 0),
    max_stored_bytes    bigint CHECK (max_stored_bytes >= 0),
    CHECK (parent <> id)
);
CREATE INDEX rde_account_parent ON @extschema@.rde_account (parent);
COMMENT ON TABLE @extschema@.rde_account IS
    'the tree of resellers; an id is what the reseller column of a source holds';
COMMENT ON COLUMN @extschema@.rde_account.role IS
    'the database role that is this account; a name, for a dump is restored where the role may not exist';
COMMENT ON COLUMN @extschema@.rde_account.scope IS
    'reseller: its reports hold its own rows; provider: those of its whole sub-tree too';
COMMENT ON COLUMN @extschema@.rde_account.on_invoice IS
    'false: its parent switched reports on invoice off for it';
COMMENT ON COLUMN @extschema@.rde_account.children_on_invoice IS
    'false: it switched reports on invoice off for all its direct children';

CREATE TABLE @extschema@.rde_generator (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name            text NOT NULL CHECK (name ~ '^[^[:cntrl:]]{1,128}$'),
    dataset         text NOT NULL REFERENCES @extschema@.rde_dataset,
    view            text,
    formats         text[] NOT NULL CHECK (cardinality(formats) > 0),
    event           text NOT NULL CHECK (event IN ('daily', 'monthly', 'on_invoice', 'manual')),
    reseller        bigint,
    time_zone       text NOT NULL,
    month_day       integer NOT NULL DEFAULT 1 CHECK (month_day BETWEEN 1 AND 31),
    run_at          time NOT NULL DEFAULT '00:00',
    start           date NOT NULL,
    catch_up        text NOT NULL DEFAULT 'all' CHECK (catch_up IN ('all', 'none')),
    keep            interval,
    options         jsonb NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT now(),
    enabled         boolean NOT NULL DEFAULT true,
    enabled_at      timestamptz NOT NULL DEFAULT now(),
    disabled_reason text,
    foreign_reason  boolean NOT NULL DEFAULT false,
    -- the next period and when it is due; NULL without a schedule
    next_from       timestamptz,
    next_to         timestamptz,
    next_run        timestamptz,
    UNIQUE NULLS NOT DISTINCT (reseller, name),
    CHECK ((event IN ('daily', 'monthly')) = (next_run IS NOT NULL)),
    CHECK (next_from < next_to AND next_to <= next_run)
);
CREATE INDEX rde_generator_due ON @extschema@.rde_generator (next_run) WHERE enabled;
COMMENT ON TABLE @extschema@.rde_generator IS
    'what makes reports at its event, for ever; a period is submitted and next_* moved on in one transaction';

COMMENT ON COLUMN @extschema@.rde_generator.foreign_reason IS
    'disabled_reason holds an error that is not in rde''s own words, so resellers do not see it';

CREATE TABLE @extschema@.rde_generator_snapshot (
    generator         uuid NOT NULL REFERENCES @extschema@.rde_generator ON DELETE CASCADE,
    format            text NOT NULL,
    snapshot          pg_snapshot NOT NULL,
    system_identifier bigint NOT NULL,
    taken_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (generator, format)
);
COMMENT ON TABLE @extschema@.rde_generator_snapshot IS
    'where the last snapshot window of a generator ended, per format; transaction ids mean something in one cluster only';

CREATE TABLE @extschema@.rde_source_failure (
    dataset      text PRIMARY KEY REFERENCES @extschema@.rde_dataset ON DELETE CASCADE,
    failures     integer NOT NULL DEFAULT 1,
    failed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    paused_until timestamptz NOT NULL,
    sqlstate     text NOT NULL,
    error        text NOT NULL
);
COMMENT ON TABLE @extschema@.rde_source_failure IS
    'data sets whose source cannot be read at present; workers leave them alone until paused_until';

CREATE TABLE @extschema@.rde_invoice_watch (
    relation        regclass PRIMARY KEY,
    reseller_column name NOT NULL,
    invoice_column  name NOT NULL,
    when_column     name,
    when_value      text,
    swept_at        timestamptz NOT NULL DEFAULT now(),
    tried_at        timestamptz,
    recorder        name NOT NULL UNIQUE,
    CHECK ((when_column IS NULL) = (when_value IS NULL))
);
COMMENT ON TABLE @extschema@.rde_invoice_watch IS
    'tables whose new rows are invoices, as rde_watch_invoices was told';
COMMENT ON COLUMN @extschema@.rde_invoice_watch.recorder IS
    'the trigger function made for the table';
COMMENT ON COLUMN @extschema@.rde_invoice_watch.swept_at IS
    'when the last sweep began that got through';
COMMENT ON COLUMN @extschema@.rde_invoice_watch.tried_at IS
    'when a sweep was begun last, whether it got through or not';

-- No index, no key, no reference: a billing transaction pays for a heap row only.
CREATE TABLE @extschema@.rde_invoice_event (
    reseller    text,
    invoice     text,
    happened_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE @extschema@.rde_invoice_event IS
    'invoices that were created and wait for a worker to submit their reports';

CREATE TABLE @extschema@.rde_worker (
    pid         integer NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    built       bigint NOT NULL DEFAULT 0,
    failed      bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (pid, started_at)
);
CREATE INDEX rde_worker_seen ON @extschema@.rde_worker (seen_at);
COMMENT ON TABLE @extschema@.rde_worker IS
    'runs of rde_run_due of the last days: when each was seen last and what it built';


/*
 * Reporting and Data Export.  The install script is this file and, in the order
 * the data flows, those it names; the Makefile reads the order here.
 *
 *   core/definer.sql           functions with the extension's rights
 *   dataset/tables.sql         data sets, their report views, their sources
 *   report/tables.sql          reports
 *   account/tables.sql         accounts
 *   generator/tables.sql       generators
 *   invoice/tables.sql         tables of invoices that are watched, and what was recorded of them
 *   work/tables.sql            workers, and sources they leave alone
 *   access/tables.sql          grants, tokens, signing keys
 *   rest/tables.sql            answers that are given again
 *   core/references.sql        what belongs to what
 *   core/server.sql            what the server says
 *   core/settings.sql          settings
 *   core/calendar.sql          days and periods
 *   core/arguments.sql         arguments that several functions take
 *   access/who.sql             who is asking, and whose things that may be shown
 *   access/roles.sql           roles, which are more than their names
 *   dataset/columns.sql        columns of a source, and the types they may have
 *   dataset/labels.sql         what columns of report views are called to people
 *   dataset/conditions.sql     which rows a report view shows
 *   dataset/functions.sql      data sets: create, attach, detach
 *   dataset/report_views.sql   report views: create, alter, drop, choose
 *   dataset/views.sql          data sets and their columns, to be selected from
 *   account/functions.sql      accounts: the tree, quotas, reports on invoice on and off
 *   account/views.sql          accounts, to be selected from
 *   access/grants.sql          grants
 *   access/tokens.sql          tokens
 *   access/links.sql           links and the keys they are signed with
 *   report/submit.sql          submitting: how a request becomes a row, whoever asks
 *   report/build.sql           reports: export, submit, build, rebuild, retry, cancel
 *   report/revision.sql        revisions: the next one of a report, and the one that settles it
 *   report/read.sql            reports: content, chunks, verify
 *   report/keep.sql            reports: drop, keep, purge, where the file is
 *   report/views.sql           reports, to be selected from
 *   generator/functions.sql    generators: create, alter, drop, run
 *   generator/snapshot.sql     snapshot windows
 *   invoice/watch.sql          tables of invoices: watch, unwatch
 *   invoice/submit.sql         invoices: the reports on them
 *   invoice/views.sql          tables of invoices, to be selected from
 *   work/functions.sql         work: rde_run_due, and the statements of its rounds
 *   generator/views.sql        generators and their periods, to be selected from
 *   schedule/functions.sql     scheduling with pg_cron
 *   health/functions.sql       what needs attention
 *   health/views.sql           what needs attention, to be selected from
 *   rest/requests.sql          what a request's body says, and answers that are given again
 *   rest/functions.sql         the bodies of GET and POST /reports
 *   rest/account.sql           the bodies of GET /account and /datasets, and of a data set's views
 *   rest/generators.sql        the bodies of /generators
 *   rest/events.sql            events: what was published, failed, or was superseded
 *   shipped.sql                provisioned_orders and payments with their cmp views
 *   dump.sql                   which rows pg_dump keeps
 *   privileges.sql             revoked from PUBLIC, in one place
 *   capture.sql                nothing of a stranger's has taken one of our names
 *
 * Every name is written with its schema and the path is pinned, so that nothing
 * planted in another schema can be picked up while this runs as a superuser.
 */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION rde" to load this file. \quit

SET LOCAL search_path = pg_catalog, pg_temp;

-- A function of the same name with other arguments would be no conflict, and
-- might be the one that is called.  capture.sql looks again.
DO $$
DECLARE
    taken text;
BEGIN
    SELECT string_agg(o.what, ', ' ORDER BY o.what) INTO taken
    FROM (SELECT p.oid::regprocedure::text, p.proname, p.pronamespace, p.proowner FROM pg_proc p
          UNION ALL SELECT c.oid::regclass::text, c.relname, c.relnamespace, c.relowner FROM pg_class c
          UNION ALL SELECT t.oid::regtype::text, t.typname, t.typnamespace, t.typowner FROM pg_type t
          WHERE t.typrelid = 0 AND t.typelem = 0) o(what, name, namespace, owner)
    WHERE o.namespace = '@extschema@'::regnamespace AND o.name ~ '^_*rde_'
      AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = o.owner);
    IF taken IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('schema "%s" holds objects with names of the extension: %s', '@extschema@'::regnamespace, taken),
            DETAIL = 'They belong to roles that are not superusers.',
            HINT = 'Drop them, or install into a schema of its own: CREATE SCHEMA rde; CREATE EXTENSION rde SCHEMA rde;';
    END IF;
END
$$;

---------------------------------------------------------------------------
-- Functions with the extension's rights
---------------------------------------------------------------------------

-- What SECURITY DEFINER does, and it remembers who called: a function that
-- somebody else wrote may call ours with no more power than its writer has.
CREATE FUNCTION @extschema@._rde_definer() RETURNS language_handler
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'rde_definer';
COMMENT ON FUNCTION @extschema@._rde_definer() IS
    'runs a function of the language rde_definer';

CREATE FUNCTION @extschema@._rde_definer_validator(function oid) RETURNS void
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'rde_definer_validator';
COMMENT ON FUNCTION @extschema@._rde_definer_validator(oid) IS
    'looks at the body of a function of the language rde_definer when it is created';

-- With functions of its own only, or pg_upgrade could not make it again.
CREATE LANGUAGE rde_definer HANDLER @extschema@._rde_definer VALIDATOR @extschema@._rde_definer_validator;
COMMENT ON LANGUAGE rde_definer IS
    'PL/pgSQL of the extension rde, with the rights of the function''s owner';

---------------------------------------------------------------------------
-- Data sets, their report views, their sources
---------------------------------------------------------------------------

CREATE TABLE @extschema@._rde_dataset (
    name    text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$'),
    title   text NOT NULL,
    shipped boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE @extschema@._rde_dataset IS
    'what reports can be about; shipped rows come with the extension';

CREATE TABLE @extschema@._rde_view (
    id       bigint PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY (START WITH 1001),
    dataset  text NOT NULL,
    name     text NOT NULL CHECK (name ~ '^[^[:cntrl:]]{1,128}$'),
    reseller bigint,
    shipped  boolean NOT NULL DEFAULT false,
    made_by  bigint,
    locked   boolean NOT NULL DEFAULT false,
    UNIQUE NULLS NOT DISTINCT (dataset, name, reseller)
);
COMMENT ON TABLE @extschema@._rde_view IS
    'report views: which columns a report shows, in which order and by which names; reseller NULL is the provider''s, for all';
COMMENT ON COLUMN @extschema@._rde_view.made_by IS
    'the account that made it; NULL: an operator, or somebody above all accounts';
COMMENT ON COLUMN @extschema@._rde_view.locked IS
    'its own account may not alter or drop it: those above it may';

CREATE TABLE @extschema@._rde_view_column (
    view        bigint NOT NULL,
    position    integer NOT NULL,
    alias       text NOT NULL CHECK (alias ~ '^[a-zA-Z][0-9a-zA-Z_]*$'),
    column_name text NOT NULL,
    transform   text CHECK (transform IN ('unix', 'unix_date', 'attribute', 'locale', 'multilingual')),
    argument    text CHECK ((argument IS NOT NULL) = (transform IN ('attribute', 'locale') AND transform IS NOT NULL)),
    expected    text NOT NULL DEFAULT 'any'
                CHECK (expected IN ('any', 'integer', 'numeric', 'text', 'date', 'unix', 'json')),
    field_group text,
    description text,
    labels      json,
    shipped     boolean NOT NULL DEFAULT false,
    PRIMARY KEY (view, position)
);
CREATE UNIQUE INDEX _rde_view_column_alias ON @extschema@._rde_view_column (view, lower(alias));
COMMENT ON TABLE @extschema@._rde_view_column IS
    'the columns of a report view; expected is the kind of type the source column must have';
COMMENT ON COLUMN @extschema@._rde_view_column.labels IS
    'what people are shown for the alias: a text, or an object of texts by locale, in the order they were given; NULL: the alias';

CREATE TABLE @extschema@._rde_view_condition (
    view        bigint NOT NULL,
    position    integer NOT NULL,
    column_name text NOT NULL,
    operator    text NOT NULL CHECK (operator IN ('in', 'not_in', 'min', 'max', 'is_null')),
    operand     jsonb NOT NULL,
    PRIMARY KEY (view, position)
);
COMMENT ON TABLE @extschema@._rde_view_condition IS
    'what must hold of a row, all of it, for a report view to show the row; operand is what the view was told: a list, a value, true or false';

CREATE TABLE @extschema@._rde_source (
    dataset         text PRIMARY KEY,
    relation        regclass NOT NULL,
    owner           name NOT NULL,
    reseller_column name NOT NULL,
    period_column   name NOT NULL,
    key_columns     name[] NOT NULL,
    amount_column   name,
    currency_column name,
    invoice_column  name,
    change_column   name,
    mapping         jsonb NOT NULL DEFAULT '{}',
    watermark       regclass,
    delay           interval CHECK (delay >= interval '0'),
    attached_at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE @extschema@._rde_source IS
    'where the rows of a data set come from, as rde_attach was told; columns by name, for numbers change in a restore';
COMMENT ON COLUMN @extschema@._rde_source.owner IS
    'whose the relation was when it was attached: when it is gone, who may attach another';

COMMENT ON COLUMN @extschema@._rde_source.watermark IS
    'a relation that says up to when all rows have arrived, of a source that is filled from elsewhere';
COMMENT ON COLUMN @extschema@._rde_source.delay IS
    'for how long after a period rows of it may still arrive from elsewhere';

CREATE TABLE @extschema@._rde_watermark (
    dataset text PRIMARY KEY,
    reached timestamptz NOT NULL
);
COMMENT ON TABLE @extschema@._rde_watermark IS
    'what workers read last in watermarks of sources; read again when needed';

CREATE TABLE @extschema@._rde_source_column (
    dataset  text NOT NULL,
    position integer NOT NULL,
    name     name NOT NULL,
    type     text NOT NULL,
    PRIMARY KEY (dataset, position),
    UNIQUE (dataset, name)
);
COMMENT ON TABLE @extschema@._rde_source_column IS
    'the source columns reports may ever show, with the type each had when it was attached';

---------------------------------------------------------------------------
-- Reports
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_format_name(format text) RETURNS text
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_format_name_sql';
COMMENT ON FUNCTION @extschema@._rde_format_name(text) IS
    'a format as it is called here: in lower case, and the xslx of the API that this one follows as xlsx; raises 22023';

CREATE TABLE @extschema@._rde_report (
    id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- what was asked
    name                text NOT NULL CHECK (name ~ '^[^[:cntrl:]]{1,128}$'),
    dataset             text NOT NULL,
    view                text NOT NULL,
    -- one that the library knows
    format              text NOT NULL CHECK (format ~ '^[a-z]+$'),
    type                text NOT NULL CHECK (type IN ('onetime', 'daily', 'weekly', 'monthly', 'quarterly', 'on_invoice')),
    reseller            bigint,
    generator           uuid,
    invoice             text,
    invoice_reseller    bigint,
    period_from         timestamptz,
    period_to           timestamptz,
    snapshot_window     boolean NOT NULL DEFAULT false,
    time_zone           text NOT NULL,
    options             jsonb NOT NULL DEFAULT '{}',
    retention           interval NOT NULL,
    revision            integer NOT NULL DEFAULT 1 CHECK (revision >= 1),
    supersedes          uuid,
    settles             boolean NOT NULL DEFAULT false,
    pass                uuid NOT NULL DEFAULT gen_random_uuid(),
    submitted_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    due_at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- how it went
    status              text NOT NULL DEFAULT 'submitted'
                        CHECK (status IN ('submitted', 'completed', 'error')),
    attempts            integer NOT NULL DEFAULT 0,
    sqlstate            text,
    error               text,
    foreign_error       boolean NOT NULL DEFAULT false,
    failed_at           timestamptz,
    retry_at            timestamptz,
    empty_builds        integer NOT NULL DEFAULT 0,
    claim_pid           integer,
    claim_start         timestamptz,
    claimed_at          timestamptz,
    lost_claims         integer NOT NULL DEFAULT 0,
    -- the manifest of a completed report
    published_at        timestamptz,
    expires_at          timestamptz NOT NULL,
    provisional         boolean NOT NULL DEFAULT false,
    build_ms            double precision,
    row_count           bigint,
    content_bytes       bigint,
    file_bytes          bigint,
    sha256              bytea,
    replaced_characters bigint,
    text_numbers        bigint,
    columns             jsonb,
    conditions          jsonb,
    file_name           text,
    media_type          text,
    store               text,
    link_number         integer NOT NULL DEFAULT 0,
    published_xid       xid8,
    failed_xid          xid8,
    system_identifier   bigint,
    CHECK (period_from < period_to),
    CHECK ((type = 'on_invoice') = (invoice IS NOT NULL AND invoice_reseller IS NOT NULL)),
    CHECK ((type = 'on_invoice') = (period_from IS NULL AND period_to IS NULL)),
    CHECK (type = 'onetime' OR generator IS NOT NULL),
    CHECK (status <> 'completed'
           OR (published_at IS NOT NULL AND row_count IS NOT NULL AND sha256 IS NOT NULL
               AND file_bytes IS NOT NULL AND file_name IS NOT NULL))
-- A claim changes nothing that is indexed: with room for it beside the row it need not be
-- entered into any index.
) WITH (fillfactor = 50);
CREATE INDEX _rde_report_published ON @extschema@._rde_report (published_at, id)
    WHERE status = 'completed';
CREATE INDEX _rde_report_reseller ON @extschema@._rde_report (reseller, published_at, id);
CREATE INDEX _rde_report_published_xid ON @extschema@._rde_report (published_xid)
    WHERE status = 'completed';
CREATE INDEX _rde_report_failed_xid ON @extschema@._rde_report (failed_xid)
    WHERE status = 'error';
-- Few are: what a store has to look for.
CREATE INDEX _rde_report_revoked ON @extschema@._rde_report (id)
    WHERE link_number > 0;
CREATE INDEX _rde_report_expires ON @extschema@._rde_report (expires_at);
CREATE UNIQUE INDEX _rde_report_supersedes ON @extschema@._rde_report (supersedes)
    WHERE status <> 'error' AND supersedes IS NOT NULL;
-- Exactly once is these two: whatever asks twice for a period or an invoice of a
-- generator gets no second report.
CREATE UNIQUE INDEX _rde_report_period ON @extschema@._rde_report (generator, period_from, format, revision)
    WHERE type NOT IN ('onetime', 'on_invoice');
CREATE UNIQUE INDEX _rde_report_invoice ON @extschema@._rde_report (generator, invoice_reseller, invoice, format, revision)
    WHERE type = 'on_invoice';
-- What a worker looks for: reports to build, and provisional ones to settle.
CREATE INDEX _rde_report_pending ON @extschema@._rde_report (due_at)
    WHERE status = 'submitted' OR retry_at IS NOT NULL;
CREATE INDEX _rde_report_provisional ON @extschema@._rde_report (due_at)
    WHERE provisional;
-- What a generator did last, and which of its reports failed.
CREATE INDEX _rde_report_generator ON @extschema@._rde_report (generator, submitted_at)
    WHERE generator IS NOT NULL;
CREATE INDEX _rde_report_last_run ON @extschema@._rde_report (generator, published_at)
    WHERE status = 'completed' AND generator IS NOT NULL;
CREATE INDEX _rde_report_failed ON @extschema@._rde_report (generator)
    WHERE status = 'error';
-- What the planner knows of a column it tells in its estimates, to everybody who may
-- read a view of it.
ALTER TABLE @extschema@._rde_report
    ALTER COLUMN name SET STATISTICS 0, ALTER COLUMN invoice SET STATISTICS 0, ALTER COLUMN error SET STATISTICS 0,
    ALTER COLUMN build_ms SET STATISTICS 0, ALTER COLUMN row_count SET STATISTICS 0,
    ALTER COLUMN content_bytes SET STATISTICS 0, ALTER COLUMN file_bytes SET STATISTICS 0,
    ALTER COLUMN sha256 SET STATISTICS 0, ALTER COLUMN file_name SET STATISTICS 0, ALTER COLUMN options SET STATISTICS 0,
    ALTER COLUMN columns SET STATISTICS 0, ALTER COLUMN conditions SET STATISTICS 0;
COMMENT ON TABLE @extschema@._rde_report IS
    'one row is one report: its request, its status and, once completed, its manifest';
COMMENT ON COLUMN @extschema@._rde_report.generator IS
    'the generator that asked; it may have been dropped since, its reports stay';
COMMENT ON COLUMN @extschema@._rde_report.snapshot_window IS
    'its rows are those that became visible since the generator''s last window, not those of a time';
COMMENT ON COLUMN @extschema@._rde_report.settles IS
    'the revision of a provisional report, made when its period had settled; dropped when it brings nothing new';
COMMENT ON COLUMN @extschema@._rde_report.pass IS
    'reports that share it were submitted together, ask for the same rows and are built by one SELECT';
COMMENT ON COLUMN @extschema@._rde_report.retry_at IS
    'a report in error is tried again then; NULL when it is not';
COMMENT ON COLUMN @extschema@._rde_report.foreign_error IS
    'the error is not in rde''s own words: a row of another reseller may have raised it, so resellers do not see it';
COMMENT ON COLUMN @extschema@._rde_report.columns IS
    'the columns of its file as they were when it was built: name, type, group, description, label; NULL for one that was built before this was kept';
COMMENT ON COLUMN @extschema@._rde_report.conditions IS
    'the conditions its rows were chosen by, as they were when it was built';
COMMENT ON COLUMN @extschema@._rde_report.failed_xid IS
    'the transaction in which it ended in error, to be tried no more by itself';
COMMENT ON COLUMN @extschema@._rde_report.published_xid IS
    'the transaction that completed it, and in column system_identifier the cluster whose transaction that was: what a cursor compares with';
COMMENT ON COLUMN @extschema@._rde_report.store IS
    'where its file is: local, or the store whose function rde_<store>_download_url() gives its link; see rde_set_report_store()';
COMMENT ON COLUMN @extschema@._rde_report.link_number IS
    'links signed for a lower number are revoked';
COMMENT ON COLUMN @extschema@._rde_report.empty_builds IS
    'how often an invoice''s report found no rows';
COMMENT ON COLUMN @extschema@._rde_report.lost_claims IS
    'how often the worker that had claimed it was gone before it ended';

CREATE TABLE @extschema@._rde_report_total (
    report   uuid NOT NULL,
    currency text NOT NULL,
    rows     bigint NOT NULL,
    amount   numeric,
    PRIMARY KEY (report, currency)
);
ALTER TABLE @extschema@._rde_report_total ALTER COLUMN rows SET STATISTICS 0, ALTER COLUMN amount SET STATISTICS 0;
COMMENT ON TABLE @extschema@._rde_report_total IS
    'control totals of a report per currency, counted from the very rows in its file';

CREATE TABLE @extschema@._rde_report_chunk (
    report uuid NOT NULL,
    seq    integer NOT NULL CHECK (seq >= 0),
    data   bytea NOT NULL,
    PRIMARY KEY (report, seq)
) WITH (autovacuum_vacuum_scale_factor = 0.05,
        toast.autovacuum_vacuum_scale_factor = 0.05,
        toast.autovacuum_vacuum_cost_delay = 0);
-- Files are compressed already, or asked for uncompressed; EXTERNAL keeps
-- pglz from trying again and makes pieces of them cheap to read.
ALTER TABLE @extschema@._rde_report_chunk ALTER COLUMN data SET STORAGE EXTERNAL;
COMMENT ON TABLE @extschema@._rde_report_chunk IS
    'the bytes of reports; every chunk but the last of a report is exactly 1 MiB, seq counts from 0';

---------------------------------------------------------------------------
-- Accounts
---------------------------------------------------------------------------

CREATE TABLE @extschema@._rde_account (
    id                  bigint PRIMARY KEY,
    name                text NOT NULL CHECK (name ~ '^[^[:cntrl:]]{1,128}$'),
    parent              bigint,
    role                name,
    role_oid            oid,
    system_identifier   bigint,
    time_zone           text,
    scope               text NOT NULL DEFAULT 'reseller' CHECK (scope IN ('reseller', 'provider')),
    max_pending         integer NOT NULL DEFAULT 20 CHECK (max_pending >= 0),
    max_reports_per_day integer CHECK (max_reports_per_day >= 0),
    max_stored_bytes    bigint CHECK (max_stored_bytes >= 0),
    max_generators      integer NOT NULL DEFAULT 100 CHECK (max_generators >= 0),
    max_views           integer NOT NULL DEFAULT 100 CHECK (max_views >= 0),
    max_tokens          integer NOT NULL DEFAULT 20 CHECK (max_tokens >= 0),
    CHECK (parent <> id),
    CHECK ((role IS NULL) = (role_oid IS NULL) AND (role IS NULL) = (system_identifier IS NULL)),
    UNIQUE (role) DEFERRABLE
);
CREATE INDEX _rde_account_role_oid ON @extschema@._rde_account (role_oid);
CREATE INDEX _rde_account_parent ON @extschema@._rde_account (parent);
COMMENT ON TABLE @extschema@._rde_account IS
    'the tree of resellers; an id is what the reseller column of a source holds';
COMMENT ON COLUMN @extschema@._rde_account.role IS
    'the database role that is this account, by role_oid in the cluster of system_identifier; by its name in another, where a dump was restored';
COMMENT ON COLUMN @extschema@._rde_account.scope IS
    'reseller: its reports hold its own rows; provider: those of its whole sub-tree too';

-- Rows of an account's own, so that a transaction it leaves open holds no row that
-- others write.
CREATE TABLE @extschema@._rde_on_invoice_off (
    account bigint,
    child   bigint,
    PRIMARY KEY (account, child)
);
COMMENT ON TABLE @extschema@._rde_on_invoice_off IS
    'for whom an account switched reports on invoice off: a direct child, or with its own id all of them';

CREATE VIEW @extschema@._rde_account_on_invoice WITH (security_barrier) AS
SELECT a.id,
       NOT EXISTS (SELECT FROM @extschema@._rde_on_invoice_off o
                   WHERE o.account = a.parent AND o.child IN (a.id, a.parent)) AS itself,
       NOT EXISTS (SELECT FROM @extschema@._rde_on_invoice_off o
                   WHERE o.account = a.id AND o.child = a.id) AS children
FROM @extschema@._rde_account a;
COMMENT ON VIEW @extschema@._rde_account_on_invoice IS
    'does an account make reports on invoice, and does it let its direct children?';

CREATE TABLE @extschema@._rde_account_tree (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    changes  bigint NOT NULL DEFAULT 0
);
INSERT INTO @extschema@._rde_account_tree DEFAULT VALUES;
COMMENT ON TABLE @extschema@._rde_account_tree IS
    'how often the tree of accounts was changed; whoever changes it locks this row';

CREATE TABLE @extschema@._rde_request (
    account bigint PRIMARY KEY,
    number  bigint NOT NULL DEFAULT 1
);
COMMENT ON TABLE @extschema@._rde_request IS
    'how many requests an account made; each locks its row, so that quotas are looked at one after the other';

CREATE TABLE @extschema@._rde_asked (
    account  bigint NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now(),
    reports  integer NOT NULL
);
CREATE INDEX _rde_asked_account ON @extschema@._rde_asked (account, asked_at);
ALTER TABLE @extschema@._rde_asked REPLICA IDENTITY FULL;
COMMENT ON TABLE @extschema@._rde_asked IS
    'how many reports accounts that have a daily quota asked for in the last 24 hours, whatever became of them';

---------------------------------------------------------------------------
-- Generators
---------------------------------------------------------------------------

CREATE TABLE @extschema@._rde_generator (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name            text NOT NULL CHECK (name ~ '^[^[:cntrl:]]{1,128}$'),
    dataset         text NOT NULL,
    view            text,
    formats         text[] NOT NULL CHECK (cardinality(formats) > 0),
    event           text NOT NULL CHECK (event IN ('daily', 'weekly', 'monthly', 'quarterly', 'on_invoice', 'manual')),
    reseller        bigint,
    time_zone       text NOT NULL,
    week_day        integer NOT NULL DEFAULT 1 CHECK (week_day BETWEEN 1 AND 7),
    month_start     integer NOT NULL DEFAULT 1 CHECK (month_start BETWEEN 1 AND 28),
    month_day       integer NOT NULL DEFAULT 1 CHECK (month_day BETWEEN 1 AND 31),
    run_at          time NOT NULL DEFAULT '00:00',
    start           date NOT NULL,
    catch_up        text NOT NULL DEFAULT 'all' CHECK (catch_up IN ('all', 'none')),
    retention       interval,
    options         jsonb NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT now(),
    enabled         boolean NOT NULL DEFAULT true,
    enabled_at      timestamptz NOT NULL DEFAULT now(),
    disabled_reason text,
    foreign_reason  boolean NOT NULL DEFAULT false,
    -- the next period and when it is due; NULL without a schedule
    next_from       timestamptz,
    next_to         timestamptz,
    next_run_at     timestamptz,
    made_by         bigint,
    locked          boolean NOT NULL DEFAULT false,
    UNIQUE NULLS NOT DISTINCT (reseller, name),
    CHECK ((event NOT IN ('on_invoice', 'manual')) = (next_run_at IS NOT NULL)),
    CHECK (next_from < next_to AND next_to <= next_run_at)
);
CREATE INDEX _rde_generator_due ON @extschema@._rde_generator (next_run_at) WHERE enabled;
COMMENT ON TABLE @extschema@._rde_generator IS
    'what makes reports at its event, for ever; a period is submitted and next_* moved on in one transaction';

COMMENT ON COLUMN @extschema@._rde_generator.made_by IS
    'the account that made it; NULL: an operator, or somebody above all accounts';
COMMENT ON COLUMN @extschema@._rde_generator.locked IS
    'its own account may not alter or drop it: those above it may';
COMMENT ON COLUMN @extschema@._rde_generator.foreign_reason IS
    'disabled_reason holds an error that is not in rde''s own words, so resellers do not see it';

CREATE TABLE @extschema@._rde_generator_snapshot (
    generator         uuid NOT NULL,
    format            text NOT NULL,
    snapshot          pg_snapshot NOT NULL,
    system_identifier bigint NOT NULL,
    taken_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (generator, format)
);
COMMENT ON TABLE @extschema@._rde_generator_snapshot IS
    'where the last snapshot window of a generator ended, per format; transaction ids mean something in one cluster only';

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

---------------------------------------------------------------------------
-- Workers, and sources they leave alone
---------------------------------------------------------------------------

CREATE TABLE @extschema@._rde_source_failure (
    dataset      text PRIMARY KEY,
    failures     integer NOT NULL DEFAULT 1,
    failed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    paused_until timestamptz NOT NULL,
    sqlstate     text NOT NULL,
    error        text NOT NULL
);
COMMENT ON TABLE @extschema@._rde_source_failure IS
    'data sets whose source cannot be read at present; workers leave them alone until paused_until';

CREATE TABLE @extschema@._rde_worker (
    pid         integer NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    built       bigint NOT NULL DEFAULT 0,
    failed      bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (pid, started_at)
);
CREATE INDEX _rde_worker_seen ON @extschema@._rde_worker (seen_at);
COMMENT ON TABLE @extschema@._rde_worker IS
    'runs of rde_run_due of the last days: when each was seen last and what it built';

---------------------------------------------------------------------------
-- Grants, tokens, signing keys
---------------------------------------------------------------------------

CREATE TABLE @extschema@._rde_privilege (
    role              name NOT NULL,
    privilege         text NOT NULL CHECK (privilege IN ('admin', 'operator', 'reader', 'gateway')),
    role_oid          oid NOT NULL,
    system_identifier bigint NOT NULL,
    PRIMARY KEY (role, privilege) DEFERRABLE
);
ALTER TABLE @extschema@._rde_privilege REPLICA IDENTITY FULL;
COMMENT ON TABLE @extschema@._rde_privilege IS
    'what rde_grant gave to roles: to role_oid in the cluster of system_identifier, to whoever has that name in another, where a dump was restored';

CREATE TABLE @extschema@._rde_token (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account          bigint NOT NULL,
    name             text NOT NULL CHECK (name ~ '^[^[:cntrl:]]{1,128}$'),
    subscription_key text NOT NULL UNIQUE,
    token_sha256     bytea NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,
    revoked_at       timestamptz,
    last_used_at     timestamptz
);
CREATE INDEX _rde_token_account ON @extschema@._rde_token (account);
COMMENT ON TABLE @extschema@._rde_token IS
    'what a reseller''s programs log in with; of a token only its hash is kept';

CREATE TABLE @extschema@._rde_signing_key (
    kid        text PRIMARY KEY,
    secret     bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at timestamptz
);
COMMENT ON TABLE @extschema@._rde_signing_key IS
    'what download links are signed with; not dumped, for a link holds where its files are';

---------------------------------------------------------------------------
-- Answers that are given again
---------------------------------------------------------------------------

CREATE TABLE @extschema@._rde_idempotency (
    account    bigint,
    key        text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    request    jsonb NOT NULL,
    answer     json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (key, account)
);
CREATE INDEX _rde_idempotency_created ON @extschema@._rde_idempotency (created_at);
ALTER TABLE @extschema@._rde_idempotency REPLICA IDENTITY FULL;
COMMENT ON TABLE @extschema@._rde_idempotency IS
    'answers of rde_request_report that are given again for a day; account NULL is whoever is none';

---------------------------------------------------------------------------
-- What belongs to what
---------------------------------------------------------------------------

-- There are no foreign keys: they exist before the data of a dump is loaded, and
-- pg_restore -j loads it in any order.  Who inserts locks what the row belongs to,
-- these triggers take along what belongs to a row that is deleted, and rde_health
-- finds what is left over.

CREATE FUNCTION @extschema@._rde_deleted() RETURNS trigger
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    CASE TG_TABLE_NAME
        WHEN '_rde_dataset' THEN
            DELETE FROM @extschema@._rde_view v USING deleted d WHERE v.dataset = d.name;
            DELETE FROM @extschema@._rde_source s USING deleted d WHERE s.dataset = d.name;
            DELETE FROM @extschema@._rde_source_failure f USING deleted d WHERE f.dataset = d.name;
        WHEN '_rde_view' THEN
            DELETE FROM @extschema@._rde_view_column c USING deleted d WHERE c.view = d.id;
            DELETE FROM @extschema@._rde_view_condition c USING deleted d WHERE c.view = d.id;
        WHEN '_rde_source' THEN
            DELETE FROM @extschema@._rde_source_column c USING deleted d WHERE c.dataset = d.dataset;
            DELETE FROM @extschema@._rde_watermark w USING deleted d WHERE w.dataset = d.dataset;
        WHEN '_rde_account' THEN
            DELETE FROM @extschema@._rde_token t USING deleted d WHERE t.account = d.id;
            DELETE FROM @extschema@._rde_on_invoice_off o USING deleted d WHERE d.id IN (o.account, o.child);
            DELETE FROM @extschema@._rde_asked q USING deleted d WHERE q.account = d.id;
            DELETE FROM @extschema@._rde_request q USING deleted d WHERE q.account = d.id;
        WHEN '_rde_generator' THEN
            DELETE FROM @extschema@._rde_generator_snapshot s USING deleted d WHERE s.generator = d.id;
        WHEN '_rde_report' THEN
            DELETE FROM @extschema@._rde_report_chunk c USING deleted d WHERE c.report = d.id;
            DELETE FROM @extschema@._rde_report_total t USING deleted d WHERE t.report = d.id;
    END CASE;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_deleted() IS
    'trigger function: what belongs to a deleted row goes with it';

CREATE TRIGGER deleted AFTER DELETE ON @extschema@._rde_dataset REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._rde_deleted();
CREATE TRIGGER deleted AFTER DELETE ON @extschema@._rde_view REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._rde_deleted();
CREATE TRIGGER deleted AFTER DELETE ON @extschema@._rde_source REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._rde_deleted();
CREATE TRIGGER deleted AFTER DELETE ON @extschema@._rde_account REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._rde_deleted();
CREATE TRIGGER deleted AFTER DELETE ON @extschema@._rde_generator REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._rde_deleted();
CREATE TRIGGER deleted AFTER DELETE ON @extschema@._rde_report REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._rde_deleted();

CREATE FUNCTION @extschema@._rde_orphans(OUT relation text, OUT belongs_to text, OUT orphans bigint) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- not of files, of which there are too many to look at each time
    SELECT o.relation, o.belongs_to, o.orphans
    FROM (SELECT '_rde_view', 'data set', count(*) FROM @extschema@._rde_view c
          WHERE NOT EXISTS (SELECT FROM @extschema@._rde_dataset p WHERE p.name = c.dataset)
          UNION ALL
          SELECT '_rde_view_column', 'view', count(*) FROM @extschema@._rde_view_column c
          WHERE NOT EXISTS (SELECT FROM @extschema@._rde_view p WHERE p.id = c.view)
          UNION ALL
          SELECT '_rde_view_condition', 'view', count(*) FROM @extschema@._rde_view_condition c
          WHERE NOT EXISTS (SELECT FROM @extschema@._rde_view p WHERE p.id = c.view)
          UNION ALL
          SELECT '_rde_source', 'data set', count(*) FROM @extschema@._rde_source c
          WHERE NOT EXISTS (SELECT FROM @extschema@._rde_dataset p WHERE p.name = c.dataset)
          UNION ALL
          SELECT '_rde_source_column', 'source', count(*) FROM @extschema@._rde_source_column c
          WHERE NOT EXISTS (SELECT FROM @extschema@._rde_source p WHERE p.dataset = c.dataset)
          UNION ALL
          SELECT '_rde_account', 'parent', count(*) FROM @extschema@._rde_account c
          WHERE c.parent IS NOT NULL AND NOT EXISTS (SELECT FROM @extschema@._rde_account p WHERE p.id = c.parent)
          UNION ALL
          SELECT '_rde_token', 'account', count(*) FROM @extschema@._rde_token c
          WHERE NOT EXISTS (SELECT FROM @extschema@._rde_account p WHERE p.id = c.account)
          UNION ALL
          SELECT '_rde_on_invoice_off', 'account', count(*) FROM @extschema@._rde_on_invoice_off c
          WHERE NOT EXISTS (SELECT FROM @extschema@._rde_account p WHERE p.id = c.account)
          UNION ALL
          SELECT '_rde_generator', 'data set', count(*) FROM @extschema@._rde_generator c
          WHERE NOT EXISTS (SELECT FROM @extschema@._rde_dataset p WHERE p.name = c.dataset)
          UNION ALL
          SELECT '_rde_generator_snapshot', 'generator', count(*) FROM @extschema@._rde_generator_snapshot c
          WHERE NOT EXISTS (SELECT FROM @extschema@._rde_generator p WHERE p.id = c.generator)) o(relation, belongs_to, orphans)
    WHERE o.orphans > 0;
END;
COMMENT ON FUNCTION @extschema@._rde_orphans() IS
    'rows without what they belong to, which only a restore that left something out makes';

---------------------------------------------------------------------------
-- What the server says
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@.rde_version() RETURNS text
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_version';
COMMENT ON FUNCTION @extschema@.rde_version() IS
    'the version of the library; other functions refuse to work with SQL objects of another one';

-- Bodies name the schema: nothing may be found elsewhere.  The library compares.
CREATE FUNCTION @extschema@._rde_schema() RETURNS name
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$BEGIN RETURN '@extschema@'; END$$;
COMMENT ON FUNCTION @extschema@._rde_schema() IS
    'what the extension''s schema was called when it was created; the library compares its body with what it is called now';

CREATE FUNCTION @extschema@._rde_require_primary() RETURNS void
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_require_primary_sql';
COMMENT ON FUNCTION @extschema@._rde_require_primary() IS
    'raise 25006 on a standby';

CREATE FUNCTION @extschema@._rde_schema_creators() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT string_agg(CASE WHEN r.oid IS NULL THEN 'PUBLIC' ELSE quote_ident(r.rolname) END, ', ' ORDER BY r.rolname)
    FROM pg_namespace n
    CROSS JOIN LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
    LEFT JOIN pg_roles r ON r.oid = a.grantee
    WHERE n.oid = '@extschema@'::regnamespace AND a.privilege_type = 'CREATE'
      AND NOT coalesce(r.rolsuper OR r.rolname = 'pg_database_owner', false)
      AND a.grantee <> (SELECT d.datdba FROM pg_database d WHERE d.datname = current_database());
END;
COMMENT ON FUNCTION @extschema@._rde_schema_creators() IS
    'who beside superusers and the owner of the database may create objects in the extension''s schema, and so functions that are called instead of its own; NULL if nobody';

CREATE FUNCTION @extschema@._rde_grants(catalog oid, object oid, OUT kind text, OUT name text, OUT grantee text, OUT privilege text)
    RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT o.kind, o.name, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, a.privilege_type
    FROM (SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass::text, c.relowner, c.relacl
          FROM pg_class c
          WHERE catalog = 'pg_class'::regclass AND c.oid = object AND c.relkind IN ('r', 'v', 'S')
          UNION ALL
          SELECT 'ROUTINE', p.oid::regprocedure::text, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
          FROM pg_proc p WHERE catalog = 'pg_proc'::regclass AND p.oid = object) o(kind, name, owner, acl)
    CROSS JOIN LATERAL aclexplode(o.acl) a
    WHERE a.grantee <> o.owner;
END;
COMMENT ON FUNCTION @extschema@._rde_grants(oid, oid) IS
    'what is granted on a table, view, sequence or function to others than its owner';

-- ALTER DEFAULT PRIVILEGES grants on what is created, also on ours.
CREATE FUNCTION @extschema@._rde_revoke_grants(catalog oid, object oid) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    granted record;
BEGIN
    FOR granted IN SELECT DISTINCT g.kind, g.name, g.grantee FROM @extschema@._rde_grants(catalog, object) g LOOP
        EXECUTE format('REVOKE ALL ON %s %s FROM %s', granted.kind, granted.name, granted.grantee);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_revoke_grants(oid, oid) IS
    'revoke what is granted on a table, view, sequence or function from all but its owner';

CREATE FUNCTION @extschema@._rde_members(OUT extension name, OUT catalog oid, OUT object oid) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT e.extname, d.classid, d.objid
    FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
    WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
      AND e.extname IN ('rde', 'rde_azure') AND d.classid IN ('pg_class'::regclass, 'pg_proc'::regclass);
END;
COMMENT ON FUNCTION @extschema@._rde_members() IS
    'the tables, views, sequences and functions that belong to rde and rde_azure';

CREATE FUNCTION @extschema@._rde_base_type(type oid) RETURNS oid
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_base_type_sql';
COMMENT ON FUNCTION @extschema@._rde_base_type(oid) IS
    'the type under a domain, or the type itself';

CREATE FUNCTION @extschema@._rde_current_snapshot() RETURNS pg_snapshot
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_current_snapshot';
COMMENT ON FUNCTION @extschema@._rde_current_snapshot() IS
    'pg_current_snapshot(), with the transactions that are running on the primary if this is a standby';

CREATE FUNCTION @extschema@._rde_wal_position() RETURNS text
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_wal_position';
COMMENT ON FUNCTION @extschema@._rde_wal_position() IS
    'timeline and place in the WAL that this server, a primary or a standby, has seen by now';

CREATE FUNCTION @extschema@._rde_has_seen(wal_position text) RETURNS boolean
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_has_seen';
COMMENT ON FUNCTION @extschema@._rde_has_seen(text) IS
    'has all that led to that position happened here? not after a restore to an earlier point, or a failover that lost it';

-- A session that is idle calls nothing, whatever it left behind when it was
-- interrupted.  One with track_activities off does not say.
CREATE FUNCTION @extschema@._rde_alive(pid integer, start timestamptz) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM pg_stat_get_activity(pid) a
                   WHERE pid IS NOT NULL AND a.backend_start = start AND coalesce(a.state, '') NOT LIKE 'idle%');
END;
COMMENT ON FUNCTION @extschema@._rde_alive(integer, timestamptz) IS
    'does the server process that claimed a report still run? false for NULLs';

CREATE FUNCTION @extschema@._rde_status(status text, claim_pid integer, claim_start timestamptz) RETURNS text
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- everybody may call it, so it repeats nothing it was given
    SELECT CASE status
        WHEN 'submitted' THEN CASE WHEN claim_pid IS NOT NULL AND @extschema@._rde_alive(claim_pid, claim_start)
                                   THEN 'processing' ELSE 'submitted' END
        WHEN 'completed' THEN 'completed'
        WHEN 'error' THEN 'error' END;
END;
COMMENT ON FUNCTION @extschema@._rde_status(text, integer, timestamptz) IS
    'a report''s status as it is shown: processing while the process that claimed it runs';

---------------------------------------------------------------------------
-- Settings
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_zone(name text) RETURNS text
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_zone_sql';
COMMENT ON FUNCTION @extschema@._rde_zone(text) IS
    'a time zone as the server spells it, NULL for rde.time_zone; raises 22023';

CREATE FUNCTION @extschema@._rde_retention() RETURNS interval
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_retention_sql';
COMMENT ON FUNCTION @extschema@._rde_retention() IS
    'the setting rde.retention, which no placeholder can stand in for';

CREATE FUNCTION @extschema@._rde_settle_limit() RETURNS interval
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_settle_limit_sql';
COMMENT ON FUNCTION @extschema@._rde_settle_limit() IS
    'the setting rde.settle_limit, which no placeholder can stand in for';

CREATE FUNCTION @extschema@._rde_link_lifetime() RETURNS interval
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_link_lifetime_sql';
COMMENT ON FUNCTION @extschema@._rde_link_lifetime() IS
    'the setting rde.link_lifetime, which no placeholder can stand in for';

CREATE FUNCTION @extschema@._rde_max_span() RETURNS interval
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_max_span_sql';
COMMENT ON FUNCTION @extschema@._rde_max_span() IS
    'the setting rde.max_span, which no placeholder can stand in for';

-- A transaction takes its start time a moment before other sessions can see it; this
-- is far more than that moment, and covers small steps of the clock.
CREATE FUNCTION @extschema@._rde_settle_delay() RETURNS interval
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT interval '5 s';
END;
COMMENT ON FUNCTION @extschema@._rde_settle_delay() IS
    'how long a period must be over before it can have settled';

CREATE FUNCTION @extschema@._rde_grace() RETURNS interval
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT interval '1 hour';
END;
COMMENT ON FUNCTION @extschema@._rde_grace() IS
    'how long after a report''s expiry its file can still be read by a download begun before';

---------------------------------------------------------------------------
-- Days and periods
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_check_days(first_day date, last_day date) RETURNS void
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_check_days_sql';
COMMENT ON FUNCTION @extschema@._rde_check_days(date, date) IS
    'raise 22004 or 22023 for days that are not the first and the last of a report';

CREATE FUNCTION @extschema@._rde_day_start(day date, zone text) RETURNS timestamptz
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_day_start_sql';
COMMENT ON FUNCTION @extschema@._rde_day_start(date, text) IS
    'the instant a day begins in a time zone: its first midnight, or where clocks skip midnight the instant they do';

-- Everybody may call it, so it raises no error that could repeat what it was given.
CREATE FUNCTION @extschema@._rde_day_beginning(instant timestamptz, zone text) RETURNS date
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_day_beginning_sql';
COMMENT ON FUNCTION @extschema@._rde_day_beginning(timestamptz, text) IS
    'the day that begins at an instant in a time zone; NULL where none does, or the server does not know the zone';

CREATE FUNCTION @extschema@._rde_period_day(event text, day date, week_day integer, month_start integer) RETURNS date
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_period_day_sql';
COMMENT ON FUNCTION @extschema@._rde_period_day(text, date, integer, integer) IS
    'the first day of the day, week, month or quarter that a day is in';

CREATE FUNCTION @extschema@._rde_next_period(
    event text, period_from timestamptz, zone text, week_day integer, month_start integer, month_day integer, run_at time,
    OUT period_to timestamptz, OUT run timestamptz
) RETURNS record
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_next_period';
COMMENT ON FUNCTION @extschema@._rde_next_period(text, timestamptz, text, integer, integer, integer, time) IS
    'where the period that begins at an instant ends, and when its report is due';

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
---------------------------------------------------------------------------
-- Who is asking, and whose things that may be shown
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_callers() RETURNS oid[]
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_callers';
COMMENT ON FUNCTION @extschema@._rde_callers() IS
    'the outermost role that called and the present one, whose rights were in force where our function was called; refuses inside a security-restricted operation';

CREATE FUNCTION @extschema@._rde_callers_have(role oid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT bool_and(pg_has_role(c.caller, role, 'USAGE')) FROM unnest(@extschema@._rde_callers()) c(caller);
END;
COMMENT ON FUNCTION @extschema@._rde_callers_have(oid) IS
    'do both callers have a role''s rights?';

CREATE FUNCTION @extschema@.rde_whoami(OUT role text, OUT account bigint, OUT scope text, OUT why text) RETURNS record
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_whoami';
COMMENT ON FUNCTION @extschema@.rde_whoami() IS
    'who the caller is to rde, and why: an account, with its scope (reseller or provider), else scope says nobody, gateway, reader, operator or admin';

CREATE FUNCTION @extschema@._rde_visible_accounts() RETURNS bigint[]
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_visible_accounts';
COMMENT ON FUNCTION @extschema@._rde_visible_accounts() IS
    'the accounts whose reports a tenant sees: its own and, with scope provider, its sub-tree; empty for anybody else';

CREATE FUNCTION @extschema@._rde_sees_all(content boolean) RETURNS boolean
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_sees_all';
COMMENT ON FUNCTION @extschema@._rde_sees_all(boolean) IS
    'does the caller see everybody''s reports, or with content everybody''s files?';

CREATE FUNCTION @extschema@._rde_own_reseller(reseller bigint) RETURNS bigint
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_own_reseller_sql';
COMMENT ON FUNCTION @extschema@._rde_own_reseller(bigint) IS
    'whose things the caller asks for: a tenant''s own by default, an operator''s choice; raises 42501';

CREATE FUNCTION @extschema@._rde_refuse_account() RETURNS void
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_refuse_account_sql';
COMMENT ON FUNCTION @extschema@._rde_refuse_account() IS
    'raise 42501 for an account, whatever its role is a member of; refuses inside a security-restricted operation';

CREATE FUNCTION @extschema@._rde_may_see(report uuid, reseller bigint, content boolean) RETURNS boolean
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_may_see_sql';
COMMENT ON FUNCTION @extschema@._rde_may_see(uuid, bigint, boolean) IS
    'may the caller see this report, or with content its file?';

---------------------------------------------------------------------------
-- Roles, which are more than their names
---------------------------------------------------------------------------

-- A role that is dropped and made anew is another one.  In a cluster a dump was
-- restored into nothing but names is known at first.
CREATE VIEW @extschema@._rde_account_roles WITH (security_barrier) AS
SELECT a.id AS account, r.oid AS role
FROM @extschema@._rde_account a
CROSS JOIN (SELECT c.system_identifier FROM pg_control_system() c) this
JOIN pg_roles r ON CASE WHEN a.system_identifier = this.system_identifier THEN r.oid = a.role_oid ELSE r.rolname = a.role END;
COMMENT ON VIEW @extschema@._rde_account_roles IS
    'the roles that are accounts; granted to nobody';

CREATE FUNCTION @extschema@._rde_follow_roles() RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    this_cluster CONSTANT bigint := (SELECT c.system_identifier FROM pg_control_system() c);
BEGIN
    -- what was restored here belongs from now on to the roles that have the names
    UPDATE @extschema@._rde_account a SET role_oid = r.oid, system_identifier = this_cluster
    FROM pg_roles r WHERE r.rolname = a.role AND a.system_identifier <> this_cluster;
    UPDATE @extschema@._rde_privilege p SET role_oid = r.oid, system_identifier = this_cluster
    FROM pg_roles r WHERE r.rolname = p.role AND p.system_identifier <> this_cluster;
    -- and what roles are called now
    UPDATE @extschema@._rde_account a SET role = r.rolname
    FROM pg_roles r WHERE r.oid = a.role_oid AND a.system_identifier = this_cluster AND r.rolname <> a.role;
    UPDATE @extschema@._rde_privilege p SET role = r.rolname
    FROM pg_roles r WHERE r.oid = p.role_oid AND p.system_identifier = this_cluster AND r.rolname <> p.role;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_follow_roles() IS
    'keep names and OIDs of roles in step, after a restore into another cluster and after ALTER ROLE ... RENAME';

---------------------------------------------------------------------------
-- Columns of a source, and the types they may have
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_find_dataset(dataset text) RETURNS @extschema@._rde_dataset
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_dataset @extschema@._rde_dataset;
BEGIN
    IF dataset IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', COLUMN = 'dataset',
            MESSAGE = 'data set must not be null';
    END IF;
    SELECT d.* INTO found_dataset FROM @extschema@._rde_dataset d WHERE d.name = dataset;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', COLUMN = 'dataset',
            MESSAGE = format('data set "%s" does not exist', dataset),
            HINT = format('Data sets are %s; rde_create_dataset() makes another.',
                          (SELECT string_agg(d.name, ', ' ORDER BY d.name) FROM @extschema@._rde_dataset d));
    END IF;
    RETURN found_dataset;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_find_dataset(text) IS
    'a data set''s row; raises 42704 with the list of what exists';

CREATE FUNCTION @extschema@._rde_hold_dataset(dataset text) RETURNS @extschema@._rde_dataset
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM @extschema@._rde_dataset d WHERE d.name = dataset FOR KEY SHARE;
    RETURN @extschema@._rde_find_dataset(dataset);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_hold_dataset(text) IS
    'the same for what is to belong to it: nobody drops it before this transaction has ended';

CREATE FUNCTION @extschema@._rde_ambiguous(column_name text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'ambiguous_column',
        MESSAGE = format('"%s" matches more than one column of the source ignoring case', column_name),
        HINT = 'Spell it exactly as the source does.';
END
$$;
COMMENT ON FUNCTION @extschema@._rde_ambiguous(text) IS
    'raise 42702';

CREATE FUNCTION @extschema@._rde_find_source_column(relation regclass, column_name text)
    RETURNS pg_attribute
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attribute pg_attribute;
    spellings bigint;
BEGIN
    SELECT a.* INTO attribute FROM pg_attribute a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
      AND a.attname = column_name;
    IF FOUND THEN
        RETURN attribute;
    END IF;

    SELECT count(*) INTO spellings FROM pg_attribute a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
      AND lower(a.attname) = lower(column_name);
    IF spellings > 1 THEN
        PERFORM @extschema@._rde_ambiguous(column_name);
    END IF;
    SELECT a.* INTO attribute FROM pg_attribute a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
      AND lower(a.attname) = lower(column_name);
    RETURN attribute;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_find_source_column(regclass, text) IS
    'a column of a relation by name: spelled exactly, else ignoring case; NULL when there is none';

CREATE FUNCTION @extschema@._rde_type_fits(type oid, expected text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE expected
        WHEN 'integer' THEN @extschema@._rde_base_type(type) = ANY
            ('{int2,int4,int8,numeric,text,varchar,bpchar,uuid}'::regtype[]::oid[])
        WHEN 'numeric' THEN @extschema@._rde_base_type(type) = ANY
            ('{int2,int4,int8,numeric}'::regtype[]::oid[])
        WHEN 'date' THEN @extschema@._rde_base_type(type) = ANY
            ('{date,timestamp,timestamptz}'::regtype[]::oid[])
        WHEN 'unix' THEN @extschema@._rde_base_type(type) = ANY
            ('{date,timestamptz,int8}'::regtype[]::oid[])
        WHEN 'json' THEN @extschema@._rde_base_type(type) = ANY
            ('{json,jsonb}'::regtype[]::oid[])
        WHEN 'reseller' THEN @extschema@._rde_base_type(type) = ANY
            ('{int2,int4,int8,numeric,text,varchar}'::regtype[]::oid[])
        WHEN 'text' THEN @extschema@._rde_base_type(type) = ANY
            ('{text,varchar,bpchar,name,int2,int4,int8,numeric,uuid}'::regtype[]::oid[])
            OR (SELECT t.typtype = 'e' FROM pg_type t WHERE t.oid = @extschema@._rde_base_type(type))
        WHEN 'xid8' THEN @extschema@._rde_base_type(type) = 'xid8'::regtype::oid
        ELSE true
    END;
END;
COMMENT ON FUNCTION @extschema@._rde_type_fits(oid, text) IS
    'can a column of this type serve where this kind of type is expected?';

CREATE FUNCTION @extschema@._rde_expected_types(expected text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE expected
        WHEN 'integer' THEN 'an integer, numeric, text or uuid'
        WHEN 'numeric' THEN 'numeric or an integer (money in floating point loses digits)'
        WHEN 'date' THEN 'date, timestamp or timestamptz'
        WHEN 'unix' THEN 'date, timestamptz, or bigint with Unix seconds'
        WHEN 'json' THEN 'json or jsonb'
        WHEN 'reseller' THEN 'smallint, integer, bigint, numeric or text'
        WHEN 'text' THEN 'text, an enum, a number or uuid'
        WHEN 'xid8' THEN 'xid8'
        ELSE 'any type'
    END;
END;
COMMENT ON FUNCTION @extschema@._rde_expected_types(text) IS
    'the types _rde_type_fits() accepts, in words';

CREATE FUNCTION @extschema@._rde_value_type(type oid, transform text) RETURNS text
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_value_type';
COMMENT ON FUNCTION @extschema@._rde_value_type(oid, text) IS
    'what a column of this type, shown so by a view, has in a file, as manifests say it; NULL for no type';

CREATE FUNCTION @extschema@._rde_role_column(relation regclass, role text, column_name text, expected text)
    RETURNS name
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attribute pg_attribute := @extschema@._rde_find_source_column(relation, column_name);
BEGIN
    IF column_name IS NULL THEN
        RETURN NULL;
    END IF;
    IF attribute.attname IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_column',
            MESSAGE = format('%s has no column "%s", which %s names', relation, column_name, role),
            HINT = format('Its columns are %s.',
                          (SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute a
                           WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped));
    END IF;
    IF NOT @extschema@._rde_type_fits(attribute.atttypid, expected) THEN
        RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
            MESSAGE = format('column "%s" of %s is of type %s and cannot be used as %s', attribute.attname, relation,
                             format_type(attribute.atttypid, attribute.atttypmod), role),
            DETAIL = format('Expected is %s.', @extschema@._rde_expected_types(expected)),
            HINT = 'Name another column, or attach a view that casts it.';
    END IF;
    RETURN attribute.attname;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_role_column(regclass, text, text, text) IS
    'the source''s spelling of a column that plays a role (period, key ...); raises 42703 or 42804 naming it';

CREATE FUNCTION @extschema@._rde_columns_behind(
    dataset text, names text[],
    OUT column_name text, OUT source_column name, OUT attached_type text, OUT type oid, OUT typmod integer
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    spellings bigint;
BEGIN
    FOR column_name, source_column, attached_type, type, typmod, spellings IN
        WITH attribute AS MATERIALIZED (
            SELECT a.attname, lower(a.attname) AS folded, a.atttypid, a.atttypmod, c.name AS exposed, c.type AS attached
            FROM @extschema@._rde_source s
            JOIN pg_attribute a ON a.attrelid = s.relation AND a.attnum > 0 AND NOT a.attisdropped
            LEFT JOIN @extschema@._rde_source_column c ON c.dataset = s.dataset AND c.name = a.attname
            WHERE s.dataset = _rde_columns_behind.dataset),
        wanted AS MATERIALIZED (
            SELECT n.name, coalesce(m.target, n.name) AS target, lower(coalesce(m.target, n.name)) AS folded
            FROM (SELECT DISTINCT w.name FROM unnest(names) w(name)) n
            LEFT JOIN (SELECT lower(e.key) AS key, e.value AS target
                       FROM @extschema@._rde_source s CROSS JOIN LATERAL jsonb_each_text(s.mapping) e
                       WHERE s.dataset = _rde_columns_behind.dataset) m ON m.key = lower(n.name)),
        -- spelled exactly, else ignoring case
        spelled AS (
            SELECT w.name, a.*, a.attname = w.target AS exact, count(*) OVER same AS spellings,
                   row_number() OVER (same ORDER BY a.attname = w.target DESC) AS choice
            FROM wanted w JOIN attribute a ON a.folded = w.folded
            WINDOW same AS (PARTITION BY w.name)),
        -- those that were attached and that the relation has lost
        lost AS (
            SELECT c.name, lower(c.name) AS folded FROM @extschema@._rde_source_column c
            WHERE c.dataset = _rde_columns_behind.dataset
              AND EXISTS (SELECT FROM @extschema@._rde_source s WHERE s.dataset = c.dataset)
              AND NOT EXISTS (SELECT FROM attribute a WHERE a.attname = c.name))
        SELECT w.name, coalesce(a.exposed, (SELECT l.name FROM lost l WHERE l.folded = w.folded ORDER BY l.name LIMIT 1)),
               a.attached, CASE WHEN a.exposed IS NOT NULL THEN a.atttypid END, a.atttypmod,
               CASE WHEN a.exact THEN 1 ELSE a.spellings END
        FROM wanted w LEFT JOIN spelled a ON a.name = w.name AND a.choice = 1
    LOOP
        IF spellings > 1 THEN
            PERFORM @extschema@._rde_ambiguous(column_name);
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_columns_behind(text, text[]) IS
    'what is behind a data set''s column names, through the mapping, else by their own names: the source''s exposed column, the type it had when it was attached, and its type now, NULL if the source has lost it; all NULL where there is none';

CREATE FUNCTION @extschema@._rde_column_behind(
    dataset text, column_name text, OUT source_column name, OUT attached_type text, OUT type oid, OUT typmod integer
) RETURNS record
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT b.source_column, b.attached_type, b.type, b.typmod
    FROM @extschema@._rde_columns_behind(dataset, ARRAY[column_name]) b;
END;
COMMENT ON FUNCTION @extschema@._rde_column_behind(text, text) IS
    'the same of one name';

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
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
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
    SELECT a.alias AS one, b.alias AS other INTO twice
    FROM header a JOIN header b ON lower(a.label) = lower(b.label) AND a.position < b.position
    ORDER BY a.position, b.position LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_column',
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
---------------------------------------------------------------------------
-- Conditions: which rows a report view shows
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_condition_problem(operator text, operand jsonb, type oid) RETURNS text
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_condition_problem_sql';
COMMENT ON FUNCTION @extschema@._rde_condition_problem(text, jsonb, oid) IS
    'what is wrong with a condition on a column of this type, in words that follow those that name the condition; NULL: nothing';

CREATE FUNCTION @extschema@._rde_check_condition(n bigint, condition json) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    usage_hint CONSTANT text :=
        'A condition is {"column": "NAME"} with one of "in": [...], "not_in": [...], "min": ..., "max": ... and "is_null": true or false.';
    keys text[];
    operand json;
    problem text;
BEGIN
    IF json_typeof(condition) <> 'object' THEN
        problem := 'is not a JSON object';
    ELSE
        keys := ARRAY(SELECT k.key FROM json_each(condition) k WHERE k.key <> 'column');
        operand := condition -> keys[1];
        problem := CASE
            WHEN json_typeof(condition -> 'column') IS DISTINCT FROM 'string' THEN 'does not say "column"'
            WHEN length(condition ->> 'column') > 255 THEN 'says a "column" that is too long'
            WHEN NOT keys <@ '{in,not_in,min,max,is_null}'::text[] THEN 'has keys that are unknown'
            WHEN cardinality(keys) <> 1 THEN 'must say one of in, not_in, min, max and is_null'
            WHEN keys[1] = 'is_null' AND json_typeof(operand) <> 'boolean' THEN 'has an "is_null" that is not true or false'
            WHEN keys[1] IN ('min', 'max') AND json_typeof(operand) IN ('null', 'array', 'object') THEN
                format('has a "%s" that is not a value', keys[1])
            WHEN keys[1] IN ('in', 'not_in') AND json_typeof(operand) <> 'array' THEN
                format('has an "%s" that is not a list of values', keys[1])
            END;
        IF problem IS NULL AND keys[1] IN ('in', 'not_in') AND json_array_length(operand) = 0 THEN
            problem := format('has an "%s" that lists no value', keys[1]);
        END IF;
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('condition %s of the view %s', n, problem), HINT = usage_hint;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_condition(bigint, json) IS
    'raise 22023 for what is no condition, whatever column it is about';

CREATE FUNCTION @extschema@._rde_set_view_conditions(view bigint, conditions json) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item record;
    stored @extschema@._rde_view_condition;
    dataset_name text := (SELECT v.dataset FROM @extschema@._rde_view v WHERE v.id = view);
    behind record;
    problem text;
    room integer := 1000;
BEGIN
    IF conditions IS NULL OR json_typeof(conditions) <> 'array' OR json_array_length(conditions) > 100 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'conditions of a view must be a JSON array of at most 100';
    END IF;
    FOR item IN
        SELECT e.value, e.n FROM json_array_elements(conditions) WITH ORDINALITY e(value, n) ORDER BY e.n
    LOOP
        PERFORM @extschema@._rde_check_condition(item.n, item.value);
        stored.view := view;
        stored.position := item.n;
        stored.column_name := item.value ->> 'column';
        SELECT k.key, k.value::jsonb INTO stored.operator, stored.operand FROM json_each(item.value) k WHERE k.key <> 'column';
        room := room - CASE jsonb_typeof(stored.operand) WHEN 'array' THEN jsonb_array_length(stored.operand) ELSE 1 END;
        IF room < 0 OR EXISTS (SELECT FROM jsonb_array_elements_text(
                                   CASE jsonb_typeof(stored.operand) WHEN 'array' THEN stored.operand ELSE jsonb_build_array(stored.operand) END) v
                               WHERE length(v) > 1000) THEN
            RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded',
                MESSAGE = CASE WHEN room < 0 THEN 'conditions of a view name 1,000 values at most'
                               ELSE format('condition %s of the view has a value that is too long', item.n) END,
                HINT = 'A value has 1,000 characters at most.';
        END IF;
        behind := @extschema@._rde_column_behind(dataset_name, stored.column_name);
        problem := @extschema@._rde_condition_problem(stored.operator, stored.operand, behind.type);
        IF problem IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
                MESSAGE = format('condition %s of the view, on column "%s", %s', item.n, stored.column_name, problem);
        ELSIF behind.type IS NULL AND EXISTS (SELECT FROM @extschema@._rde_source s WHERE s.dataset = dataset_name) THEN
            RAISE NOTICE USING
                MESSAGE = format('data set "%s" exposes no column "%s" at present', dataset_name, stored.column_name),
                HINT = 'Exports of this view fail until rde_attach() maps it.';
        END IF;
        INSERT INTO @extschema@._rde_view_condition SELECT stored.*;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_set_view_conditions(bigint, json) IS
    'check and store the conditions of a view that has none';

CREATE FUNCTION @extschema@._rde_report_conditions(
    dataset text, view text, reseller bigint,
    OUT "position" integer, OUT column_name text, OUT operator text, OUT operand jsonb,
    OUT source_column name, OUT expected_type text, OUT actual_type text, OUT type oid
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chosen CONSTANT bigint := @extschema@._rde_report_view(dataset, view, reseller);
BEGIN
    RETURN QUERY
    SELECT vc.position, vc.column_name, vc.operator, vc.operand,
           b.source_column, b.attached_type, format_type(b.type, NULL), b.type
    FROM @extschema@._rde_view_condition vc
    JOIN @extschema@._rde_columns_behind(
        _rde_report_conditions.dataset,
        ARRAY(SELECT c.column_name FROM @extschema@._rde_view_condition c WHERE c.view = chosen)) b ON b.column_name = vc.column_name
    WHERE vc.view = chosen;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_report_conditions(text, text, bigint) IS
    'the conditions of one report''s view in order, with the source column behind each as it was attached and as it is';
---------------------------------------------------------------------------
-- Data sets: create, attach, detach
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@.rde_create_dataset(dataset text, title text) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    IF dataset IS NULL OR title IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'name and title of a data set must not be null';
    END IF;
    IF dataset !~ '^[a-z][a-z0-9_]{0,62}$' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_name',
            MESSAGE = format('"%s" is not a valid data set name', dataset),
            HINT = 'Use lower-case letters, digits and underscores, beginning with a letter, at most 63.';
    END IF;
    IF EXISTS (SELECT FROM @extschema@._rde_dataset d WHERE d.name = rde_create_dataset.dataset) THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('data set "%s" already exists', dataset);
    END IF;
    INSERT INTO @extschema@._rde_dataset (name, title) VALUES (dataset, title);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_create_dataset(text, text) IS
    'register a data set of your own; rde_attach() then says where its rows come from. Its name matches [a-z][a-z0-9_]* and has at most 63 characters. Raises 42602, 42710';

CREATE FUNCTION @extschema@.rde_drop_dataset(dataset text) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    dropped @extschema@._rde_dataset := @extschema@._rde_find_dataset(dataset);
    users text;
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    IF dropped.shipped THEN
        RAISE EXCEPTION USING ERRCODE = 'dependent_objects_still_exist',
            MESSAGE = format('data set "%s" belongs to the extension and cannot be dropped', dataset),
            HINT = 'rde_detach() takes its source away.';
    END IF;
    PERFORM @extschema@._rde_check_source_rights(dataset);
    PERFORM FROM @extschema@._rde_dataset d WHERE d.name = rde_drop_dataset.dataset FOR UPDATE;
    SELECT string_agg(format('"%s"', g.name), ', ' ORDER BY g.name, g.reseller) INTO users
    FROM @extschema@._rde_generator g WHERE g.dataset = rde_drop_dataset.dataset;
    IF users IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'dependent_objects_still_exist',
            MESSAGE = format('data set "%s" still has generators', dataset),
            DETAIL = format('They are %s.', users),
            HINT = 'Drop them first with rde_drop_generator().';
    END IF;
    DELETE FROM @extschema@._rde_dataset d WHERE d.name = rde_drop_dataset.dataset;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_drop_dataset(text) IS
    'drop a data set with its views and its source; reports already made stay. Raises 2BP01 (shipped, or has generators), 42501 (the source is not yours), 42704';

CREATE FUNCTION @extschema@._rde_check_source_rights(dataset text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attached record;
BEGIN
    -- of one that is gone, whose it was; if he is gone too, a superuser's
    SELECT coalesce(c.relowner, r.oid, (SELECT e.extowner FROM pg_extension e WHERE e.extname = 'rde')) AS owner,
           coalesce(c.oid::regclass::text, 'a relation that is gone') AS relation INTO attached
    FROM @extschema@._rde_source s LEFT JOIN pg_class c ON c.oid = s.relation LEFT JOIN pg_roles r ON r.rolname = s.owner
    WHERE s.dataset = _rde_check_source_rights.dataset;
    IF FOUND AND NOT @extschema@._rde_callers_have(attached.owner) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('data set "%s" is attached to %s, which is not yours', dataset, attached.relation),
            HINT = format('Only %s or a superuser may change that.', pg_get_userbyid(attached.owner));
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_source_rights(text) IS
    'raise 42501 unless the caller has the rights of the owner of the attached source';

CREATE FUNCTION @extschema@._rde_check_source(dataset text, source regclass) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    class pg_class;
BEGIN
    SELECT c.* INTO class FROM pg_class c WHERE c.oid = source;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_table',
            MESSAGE = format('relation with OID %s does not exist', source::oid);
    END IF;
    IF NOT @extschema@._rde_callers_have(class.relowner) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('must have the rights of the owner of %s to attach it', source),
            HINT = format('Reports read it as %s. Ask that role, or a superuser.', pg_get_userbyid(class.relowner));
    END IF;
    PERFORM @extschema@._rde_check_source_rights(dataset);
    IF class.relkind NOT IN ('r', 'v', 'm', 'p', 'f') OR class.relpersistence = 't' THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
            MESSAGE = format('%s cannot be the source of a data set', source),
            HINT = 'Attach a permanent table, view, materialized view, partitioned table or foreign table.';
    END IF;
    IF (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = class.relowner) THEN
        RAISE WARNING USING
            MESSAGE = format('%s belongs to %s, a superuser', source, pg_get_userbyid(class.relowner)),
            DETAIL = 'Reports read a source as its owner, so functions in a view run with a superuser''s rights.',
            HINT = 'Give the source to an ordinary role.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_source(text, regclass) IS
    'raise 42P01, 42501 or 42809 for what the caller cannot attach, and warn of one that is a superuser''s';

CREATE FUNCTION @extschema@._rde_key_columns(source regclass, key name[]) RETURNS name[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted record;
    key_columns name[];
BEGIN
    IF key IS NULL THEN
        SELECT array_agg(a.attname ORDER BY k.n) INTO key
        FROM pg_index i
        CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY k(attnum, n)
        JOIN pg_attribute a ON a.attrelid = source AND a.attnum = k.attnum
        WHERE i.indrelid = source AND i.indisprimary;
    END IF;
    IF key IS NULL OR cardinality(key) = 0 OR array_position(key, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s has no primary key, so key must name its key columns', source),
            HINT = 'The key makes the order of rows, and so the bytes of a file, repeat: key => ''{order_id}''.';
    END IF;
    FOR wanted IN SELECT k.name, k.n FROM unnest(key) WITH ORDINALITY k(name, n) ORDER BY k.n LOOP
        key_columns := key_columns || @extschema@._rde_role_column(source, 'key', wanted.name::text, 'any');
    END LOOP;
    RETURN key_columns;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_key_columns(regclass, name[]) IS
    'the columns that identify a source''s rows: those named, else its primary key; raises 22023';

CREATE FUNCTION @extschema@._rde_exposed_columns(source regclass, expose name[]) RETURNS name[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    exposed name[];
BEGIN
    IF expose IS NULL THEN
        SELECT array_agg(a.attname ORDER BY a.attnum) INTO exposed FROM pg_attribute a
        WHERE a.attrelid = source AND a.attnum > 0 AND NOT a.attisdropped;
    ELSE
        IF cardinality(expose) = 0 OR array_position(expose, NULL) IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = 'expose must name at least one column and no nulls',
                HINT = 'Leave it out to expose all of today''s columns.';
        END IF;
        SELECT array_agg(DISTINCT @extschema@._rde_role_column(source, 'expose', e.name::text, 'any'))
        INTO exposed FROM unnest(expose) e(name);
    END IF;
    RETURN exposed;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_exposed_columns(regclass, name[]) IS
    'the columns of a source that reports may show: those named, else all of today''s; raises 22023';

CREATE FUNCTION @extschema@._rde_mapping(source regclass, mapping jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted record;
    resolved jsonb := '{}';
BEGIN
    IF mapping IS NULL OR jsonb_typeof(mapping) <> 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'mapping must be a JSON object of data-set names and source columns',
            HINT = 'Say mapping => ''{"CUSTOMER_ACCOUNT_ID": "customer_no"}''.';
    END IF;
    FOR wanted IN
        SELECT m.key AS name, m.value #>> '{}' AS target, jsonb_typeof(m.value) AS kind,
               count(*) OVER (PARTITION BY lower(m.key)) AS times
        FROM jsonb_each(mapping) m ORDER BY m.key
    LOOP
        IF wanted.kind <> 'string' OR wanted.times > 1 THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('mapping maps "%s" %s', wanted.name,
                                 CASE WHEN wanted.times > 1 THEN 'more than once ignoring case'
                                      ELSE 'to something that is not a column name' END);
        END IF;
        resolved := resolved || jsonb_build_object(wanted.name,
            @extschema@._rde_role_column(source, format('mapping ("%s")', wanted.name), wanted.target, 'any'));
    END LOOP;
    RETURN resolved;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_mapping(regclass, jsonb) IS
    'data-set names and the columns they stand for, as the source spells them; raises 22023';

CREATE FUNCTION @extschema@._rde_check_watermark(watermark regclass) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    class pg_class;
BEGIN
    SELECT c.* INTO class FROM pg_class c WHERE c.oid = watermark;
    IF NOT FOUND OR NOT @extschema@._rde_callers_have(class.relowner) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('must have the rights of the owner of watermark %s', watermark),
            HINT = 'It is read as its owner.';
    END IF;
    IF class.relkind NOT IN ('r', 'v', 'm', 'p', 'f')
       OR (SELECT array_agg(a.atttypid) FROM pg_attribute a WHERE a.attrelid = watermark AND a.attnum > 0 AND NOT a.attisdropped)
          IS DISTINCT FROM ARRAY['timestamptz'::regtype::oid] THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
            MESSAGE = format('watermark %s must be a relation with one column, of type timestamptz', watermark),
            HINT = 'Its value says before when all rows have arrived: CREATE VIEW shop.arrived AS SELECT min(at) AS at FROM shop.heartbeat;';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_watermark(regclass) IS
    'raise 42501 or 42809 for what cannot be a watermark, or not the caller''s';

CREATE FUNCTION @extschema@._rde_arrival_delay(elsewhere text, watermark regclass, delay interval) RETURNS interval
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF delay < interval '0' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'delay must not be negative';
    END IF;
    IF watermark IS NULL AND delay IS NULL AND elsewhere IS NOT NULL THEN
        RAISE WARNING USING
            MESSAGE = format('%s may arrive after a period has ended', elsewhere),
            DETAIL = 'Its periods settle an hour after their end; until then reports are provisional. Rows that come later are in none.',
            HINT = 'Name a watermark, which says before when all rows have arrived, or the delay that is enough.';
        RETURN interval '1 hour';
    END IF;
    RETURN delay;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_arrival_delay(text, regclass, interval) IS
    'for how long after a period rows of a source may arrive: what was said, else an hour, with a warning, if they come from elsewhere, as _rde_from_elsewhere() says';

CREATE FUNCTION @extschema@._rde_store_source(attached @extschema@._rde_source, exposed name[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO @extschema@._rde_source AS s
        (dataset, relation, owner, reseller_column, period_column, key_columns, amount_column,
         currency_column, invoice_column, change_column, mapping, watermark, delay)
    VALUES (attached.dataset, attached.relation, attached.owner, attached.reseller_column, attached.period_column,
            attached.key_columns, attached.amount_column, attached.currency_column, attached.invoice_column,
            attached.change_column, attached.mapping, attached.watermark, attached.delay)
    ON CONFLICT ON CONSTRAINT _rde_source_pkey DO UPDATE
        SET relation = EXCLUDED.relation, owner = EXCLUDED.owner, reseller_column = EXCLUDED.reseller_column,
            period_column = EXCLUDED.period_column, key_columns = EXCLUDED.key_columns,
            amount_column = EXCLUDED.amount_column, currency_column = EXCLUDED.currency_column,
            invoice_column = EXCLUDED.invoice_column, change_column = EXCLUDED.change_column,
            mapping = EXCLUDED.mapping, watermark = EXCLUDED.watermark, delay = EXCLUDED.delay,
            attached_at = EXCLUDED.attached_at;
    DELETE FROM @extschema@._rde_watermark w WHERE w.dataset = attached.dataset;
    DELETE FROM @extschema@._rde_source_failure f WHERE f.dataset = attached.dataset;
    UPDATE @extschema@._rde_report r SET retry_at = now()
    WHERE r.dataset = attached.dataset AND r.retry_at > now() AND r.status = 'error';
    DELETE FROM @extschema@._rde_source_column c WHERE c.dataset = attached.dataset;
    INSERT INTO @extschema@._rde_source_column (dataset, position, name, type)
    SELECT attached.dataset, row_number() OVER (ORDER BY a.attnum), a.attname, format_type(a.atttypid, NULL)
    FROM pg_attribute a
    WHERE a.attrelid = attached.relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = ANY (exposed);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_store_source(@extschema@._rde_source, name[]) IS
    'say where a data set''s rows come from now, and let reports that waited for that be tried at once';

CREATE FUNCTION @extschema@._rde_check_report_views(dataset text, source regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted record;
    missing text[] := '{}';
BEGIN
    FOR wanted IN
        SELECT v.name AS view, vc.alias, vc.column_name, vc.expected, b.source_column, b.type, b.typmod
        FROM @extschema@._rde_view v JOIN @extschema@._rde_view_column vc ON vc.view = v.id
        JOIN LATERAL @extschema@._rde_columns_behind(
            v.dataset, ARRAY(SELECT c.column_name FROM @extschema@._rde_view_column c WHERE c.view = v.id)) b
            ON b.column_name = vc.column_name
        WHERE v.dataset = _rde_check_report_views.dataset AND v.reseller IS NULL
        ORDER BY v.name, vc.position
    LOOP
        IF wanted.type IS NULL THEN
            IF wanted.view = 'cmp' THEN
                missing := missing || wanted.column_name;
            END IF;
        ELSIF NOT @extschema@._rde_type_fits(wanted.type, wanted.expected) THEN
            RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
                MESSAGE = format('column "%s" of %s is of type %s and cannot be %s (%s of view "%s")',
                                 wanted.source_column, source, format_type(wanted.type, wanted.typmod),
                                 wanted.column_name, wanted.alias, wanted.view),
                DETAIL = format('Expected is %s.', @extschema@._rde_expected_types(wanted.expected)),
                HINT = format('Map %s to another column, or attach a view that casts it.', wanted.column_name);
        END IF;
    END LOOP;
    FOR wanted IN
        SELECT v.name AS view, vc.position, vc.column_name, b.type,
               @extschema@._rde_condition_problem(vc.operator, vc.operand, b.type) AS problem
        FROM @extschema@._rde_view v JOIN @extschema@._rde_view_condition vc ON vc.view = v.id
        CROSS JOIN LATERAL @extschema@._rde_column_behind(v.dataset, vc.column_name) b
        WHERE v.dataset = _rde_check_report_views.dataset AND v.reseller IS NULL
        ORDER BY v.name, vc.position
    LOOP
        IF wanted.problem IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
                MESSAGE = format('condition %s of view "%s", on column "%s", %s', wanted.position, wanted.view,
                                 wanted.column_name, wanted.problem),
                DETAIL = format('The column of %s is of type %s.', source, format_type(wanted.type, NULL)),
                HINT = format('Map %s to another column, or give the view other conditions with rde_alter_view().', wanted.column_name);
        END IF;
    END LOOP;
    IF cardinality(missing) > 0 THEN
        RAISE NOTICE USING
            MESSAGE = format('%s columns of the cmp view of "%s" have no source column yet: %s',
                             cardinality(missing), dataset, array_to_string(missing, ', ')),
            HINT = 'Map them with mapping => ''{"NAME": "source_column"}'', or export the full view or one of your own.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_report_views(text, regclass) IS
    'raise 42804 for a column or a condition of the provider''s views that the attached one does not fit, and tell which are missing';

CREATE FUNCTION @extschema@.rde_attach(
    dataset  text,
    source   regclass,
    reseller name,
    period   name,
    key      name[] DEFAULT NULL,
    amount   name DEFAULT NULL,
    currency name DEFAULT NULL,
    invoice  name DEFAULT NULL,
    change   name DEFAULT NULL,
    mapping  jsonb DEFAULT '{}',
    expose   name[] DEFAULT NULL,
    watermark regclass DEFAULT NULL,
    delay    interval DEFAULT NULL
) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET quote_all_identifiers = off
AS $$
DECLARE
    attached @extschema@._rde_source;
    elsewhere text;
    exposed name[];
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    PERFORM @extschema@._rde_hold_dataset(dataset);
    IF source IS NULL OR reseller IS NULL OR period IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'source, reseller and period must not be null',
            HINT = 'Say rde_attach(''payments'', ''shop.payments'', reseller => ''reseller_account_id'', period => ''changed_at'', key => ''{payment_id}'').';
    END IF;

    PERFORM @extschema@._rde_check_source(dataset, source);

    attached.dataset := dataset;
    attached.relation := source;
    attached.owner := (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = source);
    attached.reseller_column := @extschema@._rde_role_column(source, 'reseller', reseller::text, 'reseller');
    attached.period_column := @extschema@._rde_role_column(source, 'period', period::text, 'unix');
    attached.amount_column := @extschema@._rde_role_column(source, 'amount', amount::text, 'numeric');
    attached.currency_column := @extschema@._rde_role_column(source, 'currency', currency::text, 'text');
    attached.invoice_column := @extschema@._rde_role_column(source, 'invoice', invoice::text, 'text');
    attached.change_column := @extschema@._rde_role_column(source, 'change', change::text, 'xid8');
    IF EXISTS (SELECT FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
               WHERE a.attrelid = source AND a.attname = attached.period_column AND NOT a.attnotnull
                 AND c.relkind IN ('r', 'p', 'f')) THEN
        RAISE NOTICE USING
            MESSAGE = format('column "%s" of %s may be NULL, and rows where it is are in no report', attached.period_column, source),
            HINT = 'Declare it NOT NULL, or attach a view that says when such a row changed.';
    END IF;
    elsewhere := @extschema@._rde_from_elsewhere(source);
    IF attached.change_column IS NOT NULL THEN
        PERFORM @extschema@._rde_check_change_source(source, attached.change_column, elsewhere);
    END IF;
    IF watermark IS NOT NULL THEN
        PERFORM @extschema@._rde_check_watermark(watermark);
        attached.watermark := watermark;
    END IF;
    attached.delay := @extschema@._rde_arrival_delay(elsewhere, watermark, delay);
    attached.key_columns := @extschema@._rde_key_columns(source, key);
    exposed := @extschema@._rde_exposed_columns(source, expose);
    attached.mapping := @extschema@._rde_mapping(source, mapping);
    attached.attached_at := now();

    PERFORM @extschema@._rde_store_source(attached, exposed);
    PERFORM @extschema@._rde_check_report_views(dataset, source);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_attach(text, regclass, name, name, name[], name, name, name, name, jsonb, name[], regclass, interval) IS
    'say where a data set''s rows come from: the relation, and which of its columns holds the reseller, the time of change, the key, the amount and so on; needs the rights of the relation''s owner, as whom reports read it. Where rows arrive from elsewhere, watermark is a relation with the one timestamptz before which all have, or delay how long they take. Replaces what was said before, for which it needs the rights of the present source''s owner, too. Raises 22023, 42501, 42702, 42703, 42704, 42804, 42809, 42P01';

CREATE FUNCTION @extschema@.rde_detach(dataset text) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    PERFORM @extschema@._rde_find_dataset(dataset);
    PERFORM @extschema@._rde_check_source_rights(dataset);
    DELETE FROM @extschema@._rde_source s WHERE s.dataset = rde_detach.dataset;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('data set "%s" is not attached', dataset);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_detach(text) IS
    'take a data set''s source away; its views and its reports stay. Raises 42501, 42704, 55000';

CREATE FUNCTION @extschema@.rde_dataset_template(dataset text) RETURNS text
    LANGUAGE rde_definer STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    template text;
BEGIN
    PERFORM @extschema@._rde_find_dataset(dataset);
    SELECT string_agg(
               format('    NULL::%s AS %s%s  -- %s: %s',
                      CASE vc.expected WHEN 'integer' THEN 'bigint' WHEN 'numeric' THEN 'numeric(20,8)'
                          WHEN 'json' THEN 'jsonb' WHEN 'date' THEN 'date' WHEN 'unix' THEN 'date' ELSE 'text' END,
                      quote_ident(lower(vc.column_name)), CASE WHEN vc.last THEN '' ELSE ',' END,
                      regexp_replace(coalesce(vc.field_group, 'Column'), '[[:cntrl:]]+', ' ', 'g'),
                      regexp_replace(coalesce(vc.description, vc.alias), '[[:cntrl:]]+', ' ', 'g')),
               E'\n' ORDER BY vc.position)
    INTO template
    FROM (SELECT c.*, c.position = max(c.position) OVER () AS last
          FROM @extschema@._rde_view v JOIN @extschema@._rde_view_column c ON c.view = v.id
          WHERE v.dataset = rde_dataset_template.dataset AND v.name = 'cmp' AND v.reseller IS NULL) vc;
    RETURN format(E'CREATE VIEW my_%s AS\nSELECT\n'
                  '    NULL::bigint AS reseller_account_id,  -- whose row it is: the reseller argument of rde_attach\n'
                  '    NULL::timestamptz AS changed_at,  -- when the row changed: the period argument\n'
                  '    NULL::bigint AS id%s  -- what identifies the row: the key argument\n'
                  '%s\nFROM my_table;',
                  dataset, CASE WHEN template IS NULL THEN '' ELSE ',' END, coalesce(template, ''));
END
$$;
COMMENT ON FUNCTION @extschema@.rde_dataset_template(text) IS
    'a CREATE VIEW statement to fill in, with every column the data set''s cmp view asks for. Raises 42704';

---------------------------------------------------------------------------
-- Report views: create, alter, drop, choose
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_set_view_columns(view bigint, columns json) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    usage_hint CONSTANT text :=
        'A column is {"column": "NAME", "as": "alias"}, with one of "attribute": "name", "locale": "en" or "type": "unix", "unix_date" or "multilingual" if wanted, and "label", "group" and "description".';
    item record;
    bad text;
    ways text[];
    target_alias text;
    dataset_name text := (SELECT v.dataset FROM @extschema@._rde_view v WHERE v.id = view);
    behind record;
    wanted text;
BEGIN
    IF columns IS NULL OR json_typeof(columns) <> 'array' OR json_array_length(columns) = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'columns of a view must be a JSON array with at least one column', HINT = usage_hint;
    END IF;
    IF json_array_length(columns) > 1600 THEN
        RAISE EXCEPTION USING ERRCODE = 'too_many_columns',
            MESSAGE = 'a view has 1,600 columns at most', HINT = usage_hint;
    END IF;
    FOR item IN
        SELECT e.value, e.n FROM json_array_elements(columns) WITH ORDINALITY e(value, n) ORDER BY e.n
    LOOP
        IF json_typeof(item.value) <> 'object' THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('column %s of the view is not a JSON object', item.n), HINT = usage_hint;
        END IF;
        SELECT string_agg(k.key, ', ') INTO bad FROM json_each(item.value) k
        WHERE k.key NOT IN ('column', 'as', 'attribute', 'locale', 'type', 'group', 'description', 'label')
           OR (json_typeof(k.value) <> 'string' AND k.key <> 'label');
        IF bad IS NOT NULL OR item.value ->> 'column' IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = CASE WHEN bad IS NULL THEN format('column %s of the view does not say "column"', item.n)
                               ELSE format('column %s of the view has keys that are unknown or not text: %s', item.n, bad) END,
                HINT = usage_hint;
        END IF;
        SELECT k.key INTO bad FROM json_each_text(item.value) k
        WHERE k.key <> 'label' AND length(k.value) > CASE k.key WHEN 'description' THEN 1000 ELSE 255 END LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'string_data_right_truncation',
                MESSAGE = format('"%s" of column %s of the view is too long', bad, item.n),
                HINT = 'A description has 1,000 characters at most, all else 255.';
        END IF;
        ways := ARRAY(SELECT k.key FROM json_each(item.value) k WHERE k.key IN ('attribute', 'locale', 'type'));
        IF cardinality(ways) > 1 OR coalesce(item.value ->> 'type', 'unix') NOT IN ('unix', 'unix_date', 'multilingual') THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('column %s of the view %s', item.n,
                                 CASE WHEN cardinality(ways) > 1 THEN 'says more than one of attribute, locale and type'
                                      ELSE 'has a type other than "unix", "unix_date" and "multilingual"' END),
                HINT = usage_hint;
        END IF;
        target_alias := coalesce(item.value ->> 'as', item.value ->> 'column');
        IF target_alias !~ '^[a-zA-Z][0-9a-zA-Z_]*$' OR length(target_alias) > 255 THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_name',
                MESSAGE = format('"%s" is not a valid column name in a report', target_alias),
                HINT = 'Use letters, digits and underscores, beginning with a letter: {"column": ..., "as": "orderId"}.';
        END IF;
        PERFORM @extschema@._rde_check_label(item.n, item.value -> 'label');
        wanted := CASE WHEN ways[1] = 'attribute' THEN 'json' WHEN ways[1] = 'locale' OR item.value ->> 'type' = 'multilingual' THEN 'text'
                       WHEN ways[1] = 'type' THEN 'unix' ELSE 'any' END;
        BEGIN
            INSERT INTO @extschema@._rde_view_column
                (view, position, alias, column_name, transform, argument, expected, field_group, description, labels)
            VALUES (view, item.n, target_alias, item.value ->> 'column',
                    CASE ways[1] WHEN 'type' THEN item.value ->> 'type' ELSE ways[1] END,
                    coalesce(item.value ->> 'attribute', item.value ->> 'locale'),
                    wanted, item.value ->> 'group', item.value ->> 'description', item.value -> 'label');
        EXCEPTION WHEN unique_violation THEN
            RAISE EXCEPTION USING ERRCODE = 'duplicate_column',
                MESSAGE = format('column name "%s" appears twice in the view, ignoring case', target_alias),
                HINT = 'Give one of them another name with "as".';
        END;
        behind := @extschema@._rde_column_behind(dataset_name, item.value ->> 'column');
        IF behind.type IS NOT NULL AND NOT @extschema@._rde_type_fits(behind.type, wanted) THEN
            RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
                MESSAGE = format('column "%s" is of type %s and cannot be shown with "%s"', item.value ->> 'column',
                                 format_type(behind.type, behind.typmod), ways[1]),
                DETAIL = format('Expected is %s.', @extschema@._rde_expected_types(wanted));
        ELSIF behind.type IS NULL
              AND EXISTS (SELECT FROM @extschema@._rde_source s WHERE s.dataset = dataset_name) THEN
            RAISE NOTICE USING
                MESSAGE = format('data set "%s" exposes no column "%s" at present', dataset_name, item.value ->> 'column'),
                HINT = 'Exports of this view fail until rde_attach() maps it.';
        END IF;
    END LOOP;
    PERFORM @extschema@._rde_check_headers(view);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_set_view_columns(bigint, json) IS
    'check and store the columns of a view that has none';

CREATE FUNCTION @extschema@._rde_find_view(dataset text, name text, reseller bigint) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_view @extschema@._rde_view;
BEGIN
    PERFORM @extschema@._rde_find_dataset(dataset);
    SELECT v.* INTO found_view FROM @extschema@._rde_view v
    WHERE v.dataset = _rde_find_view.dataset AND v.name = _rde_find_view.name
      AND v.reseller IS NOT DISTINCT FROM _rde_find_view.reseller;
    IF NOT FOUND OR found_view.shipped THEN
        RAISE EXCEPTION USING ERRCODE = CASE WHEN FOUND THEN 'insufficient_privilege' ELSE 'undefined_object' END,
            MESSAGE = CASE WHEN found_view.shipped THEN format('view "%s" of data set "%s" belongs to the extension', name, dataset)
                           ELSE format('data set "%s" has no view "%s" of %s', dataset, name,
                                       coalesce('reseller ' || reseller, 'the provider')) END,
            HINT = CASE WHEN found_view.shipped THEN 'Make one of your own with rde_create_view().'
                        ELSE 'The view rde_view_columns lists them.' END;
    END IF;
    RETURN found_view.id;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_find_view(text, text, bigint) IS
    'id of a view that its owner may change; raises 42704 or 42501';

CREATE FUNCTION @extschema@._rde_check_view_lock(view bigint) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_check_lock(format('view "%s"', v.name), v.reseller, v.locked)
    FROM @extschema@._rde_view v WHERE v.id = _rde_check_view_lock.view;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_view_lock(bigint) IS
    'raise 42501 for a view that the caller may not alter, though it is his';

CREATE FUNCTION @extschema@.rde_create_view(
    dataset text, name text, columns json, reseller bigint DEFAULT NULL, conditions json DEFAULT '[]',
    locked boolean DEFAULT NULL
) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_dataset @extschema@._rde_dataset;
    new_view bigint;
BEGIN
    reseller := @extschema@._rde_own_reseller(reseller);
    found_dataset := @extschema@._rde_hold_dataset(dataset);
    PERFORM @extschema@._rde_check_name('a view', name);
    IF lower(name) = 'full' OR (lower(name) = 'cmp' AND (found_dataset.shipped OR reseller IS NOT NULL OR name <> 'cmp')) THEN
        RAISE EXCEPTION USING ERRCODE = 'reserved_name', COLUMN = 'name',
            MESSAGE = format('view name "%s" is reserved', name),
            HINT = 'Only a data set of your own can be given a cmp view, by the provider; full is every exposed column.';
    END IF;
    IF EXISTS (SELECT FROM @extschema@._rde_view v
               WHERE v.dataset = rde_create_view.dataset AND v.name = rde_create_view.name
                 AND v.reseller IS NOT DISTINCT FROM rde_create_view.reseller) THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object', COLUMN = 'name',
            MESSAGE = format('view "%s" of data set "%s" already exists', name, dataset),
            HINT = 'Change it with rde_alter_view().';
    END IF;
    PERFORM @extschema@._rde_check_count(reseller, 'views'::text);
    INSERT INTO @extschema@._rde_view (dataset, name, reseller, made_by, locked)
    VALUES (dataset, name, reseller, @extschema@._rde_own_reseller(NULL::bigint), @extschema@._rde_new_lock(reseller, locked, NULL::boolean))
    RETURNING id INTO new_view;
    PERFORM @extschema@._rde_set_view_columns(new_view, columns);
    PERFORM @extschema@._rde_set_view_conditions(new_view, conditions);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_create_view(text, text, json, bigint, json, boolean) IS
    'make a report view: an ordered list of columns with names of your own, of the rows that all conditions hold of; reseller NULL makes it the provider''s, for all. Whoever makes it for an account below lets that account alter it with locked false. Columns the source does not expose yet give a notice. Raises 22023, 42602, 42701, 42704, 42710, 42804, 42939, 54000';

CREATE FUNCTION @extschema@.rde_alter_view(
    dataset text, name text, columns json DEFAULT NULL, reseller bigint DEFAULT NULL, conditions json DEFAULT NULL,
    locked boolean DEFAULT NULL
) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    altered bigint := @extschema@._rde_find_view(dataset, name, @extschema@._rde_own_reseller(reseller));
BEGIN
    IF columns IS NULL AND conditions IS NULL AND locked IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'columns and conditions must not both be null',
            HINT = 'What is not given stays as it is; conditions => ''[]'' takes them all away.';
    END IF;
    PERFORM FROM @extschema@._rde_view v WHERE v.id = altered FOR NO KEY UPDATE;
    PERFORM @extschema@._rde_check_view_lock(altered);
    UPDATE @extschema@._rde_view v SET locked = @extschema@._rde_new_lock(v.reseller, rde_alter_view.locked, v.locked)
    WHERE v.id = altered AND rde_alter_view.locked IS NOT NULL;
    IF columns IS NOT NULL THEN
        DELETE FROM @extschema@._rde_view_column vc WHERE vc.view = altered;
        PERFORM @extschema@._rde_set_view_columns(altered, columns);
    END IF;
    IF conditions IS NOT NULL THEN
        DELETE FROM @extschema@._rde_view_condition vc WHERE vc.view = altered;
        PERFORM @extschema@._rde_set_view_conditions(altered, conditions);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_alter_view(text, text, json, bigint, json, boolean) IS
    'give a report view other columns, or other conditions, or let its account alter it or not; what is not given stays, and so do reports already made. Raises 22004, 22023, 42501 (shipped), 42602, 42701, 42704, 42804, 54000';

CREATE FUNCTION @extschema@.rde_drop_view(dataset text, name text, reseller bigint DEFAULT NULL) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    dropped bigint := @extschema@._rde_find_view(dataset, name, @extschema@._rde_own_reseller(reseller));
BEGIN
    PERFORM @extschema@._rde_check_view_lock(dropped);
    DELETE FROM @extschema@._rde_view v WHERE v.id = dropped;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_drop_view(text, text, bigint) IS
    'drop a report view; reports already made stay as they are. Raises 42501, 42704';

CREATE FUNCTION @extschema@._rde_choose_view(dataset text, view text, reseller bigint) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted text := coalesce(view, 'cmp');
BEGIN
    IF wanted = 'full' OR EXISTS (
        SELECT FROM @extschema@._rde_view v
        WHERE v.dataset = _rde_choose_view.dataset AND v.name = wanted
          AND (v.reseller IS NULL OR v.reseller = _rde_choose_view.reseller)) THEN
        RETURN wanted;
    ELSIF view IS NULL THEN
        RETURN 'full';
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'undefined_object', COLUMN = 'view',
        MESSAGE = format('data set "%s" has no view "%s"', dataset, view),
        HINT = format('Views are %s; rde_create_view() makes another.',
                      (SELECT concat_ws(', ', string_agg(v.name, ', ' ORDER BY v.name), 'full')
                       FROM @extschema@._rde_view v
                       WHERE v.dataset = _rde_choose_view.dataset
                         AND (v.reseller IS NULL OR v.reseller = _rde_choose_view.reseller)));
END
$$;
COMMENT ON FUNCTION @extschema@._rde_choose_view(text, text, bigint) IS
    'the view a report will use: the one named, else cmp, else full; raises 42704';

CREATE FUNCTION @extschema@._rde_report_view(dataset text, view text, reseller bigint) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- the reseller's own view of that name, else the provider's
    SELECT v.id FROM @extschema@._rde_view v
    WHERE v.dataset = _rde_report_view.dataset AND v.name = _rde_report_view.view
      AND (v.reseller = _rde_report_view.reseller OR v.reseller IS NULL)
    ORDER BY v.reseller NULLS LAST LIMIT 1;
END;
COMMENT ON FUNCTION @extschema@._rde_report_view(text, text, bigint) IS
    'the view that a report has by the name of one; NULL for full, which is no row';

CREATE FUNCTION @extschema@._rde_multilingual_columns(dataset text) RETURNS name[]
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce(array_agg(b.source_column), '{}')
    FROM @extschema@._rde_columns_behind(
        dataset, ARRAY(SELECT vc.column_name
                       FROM @extschema@._rde_view v JOIN @extschema@._rde_view_column vc ON vc.view = v.id
                       WHERE v.dataset = _rde_multilingual_columns.dataset AND v.name = 'cmp' AND v.reseller IS NULL
                         AND vc.transform = 'multilingual')) b
    WHERE b.type IS NOT NULL;
END;
COMMENT ON FUNCTION @extschema@._rde_multilingual_columns(text) IS
    'the source columns with multilingual texts, as the data set''s cmp view says';

CREATE FUNCTION @extschema@._rde_report_columns(
    dataset text, view text, reseller bigint, locale text,
    OUT "position" integer, OUT name text, OUT column_name text, OUT transform text, OUT argument text,
    OUT source_column name, OUT expected_type text, OUT actual_type text, OUT fits boolean, OUT expected text,
    OUT field_group text, OUT description text, OUT label text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chosen CONSTANT bigint := @extschema@._rde_report_view(dataset, view, reseller);
    multilingual CONSTANT name[] := CASE WHEN locale IS NULL THEN '{}' ELSE @extschema@._rde_multilingual_columns(dataset) END;
BEGIN
    IF view = 'full' THEN
        RETURN QUERY
        SELECT c.position, c.name::text, c.name::text, CASE WHEN c.name = ANY (multilingual) THEN 'locale' END,
               CASE WHEN c.name = ANY (multilingual) THEN locale END, c.name, c.type,
               format_type(a.atttypid, NULL), true, NULL::text, NULL::text, NULL::text, NULL::text
        FROM @extschema@._rde_source_column c
        JOIN @extschema@._rde_source s ON s.dataset = c.dataset
        LEFT JOIN pg_attribute a ON a.attrelid = s.relation AND a.attname = c.name AND NOT a.attisdropped
        WHERE c.dataset = _rde_report_columns.dataset;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT vc.position, vc.alias, vc.column_name,
           CASE WHEN NOT m.multilingual THEN vc.transform WHEN locale IS NOT NULL THEN 'locale' END,
           CASE WHEN NOT m.multilingual THEN vc.argument ELSE locale END,
           b.source_column, b.attached_type, format_type(b.type, NULL), @extschema@._rde_type_fits(b.type, vc.expected),
           @extschema@._rde_expected_types(vc.expected), vc.field_group, vc.description,
           @extschema@._rde_pick_label(vc.labels, locale)
    FROM @extschema@._rde_view_column vc
    JOIN @extschema@._rde_columns_behind(
        _rde_report_columns.dataset,
        ARRAY(SELECT c.column_name FROM @extschema@._rde_view_column c WHERE c.view = chosen)) b ON b.column_name = vc.column_name
    CROSS JOIN LATERAL (SELECT coalesce(vc.transform = 'multilingual', b.source_column = ANY (multilingual), false)) m(multilingual)
    WHERE vc.view = chosen;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_report_columns(text, text, bigint, text) IS
    'the columns of one report in order, with the source column behind each as it was attached and as it is, and with its label and multilingual texts in the report''s locale';

---------------------------------------------------------------------------
-- Data sets and their columns, to be selected from
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_datasets(
    OUT name text, OUT title text, OUT source regclass, OUT source_owner name, OUT reseller_column name,
    OUT period_column name, OUT key_columns name[], OUT amount_column name, OUT currency_column name,
    OUT invoice_column name, OUT change_column name, OUT mapping jsonb, OUT watermark regclass, OUT delay interval,
    OUT attached_at timestamptz, OUT views text[], OUT shipped boolean, OUT attached boolean
) RETURNS SETOF record
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    sources CONSTANT boolean := @extschema@._rde_sees_all(true);
BEGIN
    IF NOT @extschema@._rde_sees_all(false) AND cardinality(@extschema@._rde_visible_accounts()) = 0 THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT d.name, d.title, s.relation, pg_get_userbyid(c.relowner), s.reseller_column, s.period_column, s.key_columns,
           s.amount_column, s.currency_column, s.invoice_column, s.change_column, s.mapping, s.watermark, s.delay,
           s.attached_at, (SELECT array_agg(v.name ORDER BY v.name) FROM @extschema@._rde_view v
            WHERE v.dataset = d.name AND v.reseller IS NULL) || 'full'::text,
           d.shipped, EXISTS (SELECT FROM @extschema@._rde_source a WHERE a.dataset = d.name)
    FROM @extschema@._rde_dataset d
    LEFT JOIN @extschema@._rde_source s ON s.dataset = d.name AND sources
    LEFT JOIN pg_class c ON c.oid = s.relation;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_datasets() IS
    'the rows of rde_datasets, as far as the caller may see them';

CREATE VIEW @extschema@.rde_datasets WITH (security_barrier) AS
SELECT d.name, d.title, d.source, d.source_owner, d.reseller_column, d.period_column, d.key_columns, d.amount_column,
       d.currency_column, d.invoice_column, d.change_column, d.mapping, d.watermark, d.delay, d.attached_at, d.views, d.shipped,
       d.attached
FROM @extschema@._rde_datasets() d;
COMMENT ON VIEW @extschema@.rde_datasets IS
    'every data set, where its rows come from (for operators) and the views it can be exported with';
COMMENT ON COLUMN @extschema@.rde_datasets.name IS
    'the data set''s name';
COMMENT ON COLUMN @extschema@.rde_datasets.title IS
    'what it is called to people';
COMMENT ON COLUMN @extschema@.rde_datasets.source IS
    'the relation its rows come from; shown to operators, as are the columns that follow, and NULL while it is not attached';
COMMENT ON COLUMN @extschema@.rde_datasets.source_owner IS
    'as whom reports read the source';
COMMENT ON COLUMN @extschema@.rde_datasets.reseller_column IS
    'the source column that says whose a row is';
COMMENT ON COLUMN @extschema@.rde_datasets.period_column IS
    'the source column that says when a row changed';
COMMENT ON COLUMN @extschema@.rde_datasets.key_columns IS
    'the source columns that identify a row and put rows in order';
COMMENT ON COLUMN @extschema@.rde_datasets.amount_column IS
    'the source column that totals add up';
COMMENT ON COLUMN @extschema@.rde_datasets.currency_column IS
    'the source column with the currency of the amount';
COMMENT ON COLUMN @extschema@.rde_datasets.invoice_column IS
    'the source column that says which invoice a row is on';
COMMENT ON COLUMN @extschema@.rde_datasets.change_column IS
    'the source column that holds the id of the transaction that wrote the row';
COMMENT ON COLUMN @extschema@.rde_datasets.mapping IS
    'names of the data set that the source spells otherwise';
COMMENT ON COLUMN @extschema@.rde_datasets.watermark IS
    'the relation that says before when all rows have arrived from elsewhere';
COMMENT ON COLUMN @extschema@.rde_datasets.delay IS
    'for how long after a period its rows may still arrive';
COMMENT ON COLUMN @extschema@.rde_datasets.attached_at IS
    'when it was attached last';
COMMENT ON COLUMN @extschema@.rde_datasets.views IS
    'the provider''s report views it can be exported with';
COMMENT ON COLUMN @extschema@.rde_datasets.shipped IS
    'true: it comes with the extension';
COMMENT ON COLUMN @extschema@.rde_datasets.attached IS
    'true: it has a source, so there is something to report';

CREATE FUNCTION @extschema@._rde_views(
    OUT dataset text, OUT name text, OUT reseller bigint, OUT columns bigint, OUT shipped boolean, OUT conditions bigint,
    OUT made_by bigint, OUT locked boolean
) RETURNS SETOF record
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    everybody CONSTANT boolean := @extschema@._rde_sees_all(false);
    accounts CONSTANT bigint[] := @extschema@._rde_visible_accounts();
BEGIN
    IF NOT everybody AND cardinality(accounts) = 0 THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT v.dataset, v.name, v.reseller,
           (SELECT count(*) FROM @extschema@._rde_view_column c WHERE c.view = v.id), v.shipped,
           (SELECT count(*) FROM @extschema@._rde_view_condition c WHERE c.view = v.id), v.made_by, v.locked
    FROM @extschema@._rde_view v
    WHERE everybody OR v.reseller IS NULL OR v.reseller = ANY (accounts)
    UNION ALL
    SELECT d.name, 'full', NULL, (SELECT count(*) FROM @extschema@._rde_source_column c WHERE c.dataset = d.name), true, 0::bigint,
           NULL, true
    FROM @extschema@._rde_dataset d;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_views() IS
    'the rows of rde_views, as far as they are the caller''s';

CREATE VIEW @extschema@.rde_views WITH (security_barrier) AS
SELECT v.dataset, v.name, v.reseller, v.columns, v.shipped, v.conditions,
       v.made_by, v.locked
FROM @extschema@._rde_views() v;
COMMENT ON VIEW @extschema@.rde_views IS
    'the report views of every data set; rde_view_columns has their columns, rde_view_conditions says which rows they show';
COMMENT ON COLUMN @extschema@.rde_views.dataset IS
    'the data set';
COMMENT ON COLUMN @extschema@.rde_views.name IS
    'the view''s name; full is every exposed column';
COMMENT ON COLUMN @extschema@.rde_views.reseller IS
    'whose view it is; NULL is the provider''s, for all';
COMMENT ON COLUMN @extschema@.rde_views.columns IS
    'how many columns it has; 0 for the full view of a data set that is not attached';
COMMENT ON COLUMN @extschema@.rde_views.shipped IS
    'true: it comes with the extension and cannot be changed';
COMMENT ON COLUMN @extschema@.rde_views.conditions IS
    'how many conditions its rows are chosen by; 0: all rows';
COMMENT ON COLUMN @extschema@.rde_views.made_by IS
    'the account that made it; NULL: an operator, or the extension';
COMMENT ON COLUMN @extschema@.rde_views.locked IS
    'true: its own account may not alter or drop it, as somebody above made it';

CREATE FUNCTION @extschema@._rde_view_columns(
    OUT dataset text, OUT view text, OUT reseller bigint, OUT "position" integer, OUT name text, OUT column_name text,
    OUT transform text, OUT argument text, OUT source_column name, OUT source_type text, OUT field_group text,
    OUT description text, OUT labels json
) RETURNS SETOF record
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
    SET quote_all_identifiers = off
AS $$
DECLARE
    everybody CONSTANT boolean := @extschema@._rde_sees_all(false);
    sources CONSTANT boolean := @extschema@._rde_sees_all(true);
    accounts CONSTANT bigint[] := @extschema@._rde_visible_accounts();
BEGIN
    IF NOT everybody AND cardinality(accounts) = 0 THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT v.dataset, v.name, v.reseller, vc.position, vc.alias, vc.column_name, vc.transform, vc.argument,
           CASE WHEN sources AND b.type IS NOT NULL THEN b.source_column END,
           CASE WHEN sources THEN format_type(b.type, b.typmod) END,
           vc.field_group, vc.description, vc.labels
    FROM @extschema@._rde_view v
    CROSS JOIN LATERAL @extschema@._rde_columns_behind(
        v.dataset, ARRAY(SELECT c.column_name FROM @extschema@._rde_view_column c WHERE c.view = v.id)) b
    JOIN @extschema@._rde_view_column vc ON vc.view = v.id AND vc.column_name = b.column_name
    WHERE everybody OR v.reseller IS NULL OR v.reseller = ANY (accounts);
    RETURN QUERY
    SELECT c.dataset, 'full'::text, NULL::bigint, c.position, c.name::text, c.name::text, NULL::text, NULL::text,
           CASE WHEN sources THEN c.name END, CASE WHEN sources THEN c.type END, shown.field_group, shown.description,
           NULL::json
    FROM @extschema@._rde_source_column c
    LEFT JOIN LATERAL (
        SELECT vc.field_group, vc.description
        FROM @extschema@._rde_view v JOIN @extschema@._rde_view_column vc ON vc.view = v.id
        WHERE v.dataset = c.dataset AND v.reseller IS NULL AND v.name = 'cmp'
          AND lower(vc.column_name) = lower(c.name)
        LIMIT 1) shown ON true;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_view_columns() IS
    'the rows of rde_view_columns, as far as they are the caller''s';

CREATE VIEW @extschema@.rde_view_columns WITH (security_barrier) AS
SELECT c.dataset, c.view, c.reseller, c.position, c.name, c.column_name, c.transform, c.argument, c.source_column,
       c.source_type, c.field_group, c.description, c.labels
FROM @extschema@._rde_view_columns() c;
COMMENT ON VIEW @extschema@.rde_view_columns IS
    'the columns of every report view, in order, with group and description; source_column is NULL where nothing is mapped';
COMMENT ON COLUMN @extschema@.rde_view_columns.dataset IS
    'the data set';
COMMENT ON COLUMN @extschema@.rde_view_columns.view IS
    'the report view; full is every exposed column';
COMMENT ON COLUMN @extschema@.rde_view_columns.reseller IS
    'whose view it is; NULL is the provider''s, for all';
COMMENT ON COLUMN @extschema@.rde_view_columns.position IS
    'the place in the report, counted from 1';
COMMENT ON COLUMN @extschema@.rde_view_columns.name IS
    'the column''s name in the report';
COMMENT ON COLUMN @extschema@.rde_view_columns.column_name IS
    'the column''s name in the data set';
COMMENT ON COLUMN @extschema@.rde_view_columns.transform IS
    'what is done to the value: unix, unix_date, attribute, locale, multilingual (the report''s locale, if it has one), or nothing';
COMMENT ON COLUMN @extschema@.rde_view_columns.argument IS
    'the attribute or the locale that is taken';
COMMENT ON COLUMN @extschema@.rde_view_columns.source_column IS
    'the source column behind it, for operators; NULL where nothing is mapped';
COMMENT ON COLUMN @extschema@.rde_view_columns.source_type IS
    'the type of that column';
COMMENT ON COLUMN @extschema@.rde_view_columns.field_group IS
    'what the column belongs to';
COMMENT ON COLUMN @extschema@.rde_view_columns.description IS
    'what the column says';
COMMENT ON COLUMN @extschema@.rde_view_columns.labels IS
    'what people are shown for its name: a text, or texts by locale; NULL: the name';

CREATE FUNCTION @extschema@._rde_view_conditions(
    OUT dataset text, OUT view text, OUT reseller bigint, OUT "position" integer, OUT column_name text,
    OUT operator text, OUT operand jsonb, OUT source_column name, OUT source_type text
) RETURNS SETOF record
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
    SET quote_all_identifiers = off
AS $$
DECLARE
    everybody CONSTANT boolean := @extschema@._rde_sees_all(false);
    sources CONSTANT boolean := @extschema@._rde_sees_all(true);
    accounts CONSTANT bigint[] := @extschema@._rde_visible_accounts();
BEGIN
    RETURN QUERY
    SELECT v.dataset, v.name, v.reseller, vc.position, vc.column_name, vc.operator, vc.operand,
           CASE WHEN sources AND b.type IS NOT NULL THEN b.source_column END,
           CASE WHEN sources THEN format_type(b.type, b.typmod) END
    FROM @extschema@._rde_view v
    CROSS JOIN LATERAL @extschema@._rde_columns_behind(
        v.dataset, ARRAY(SELECT c.column_name FROM @extschema@._rde_view_condition c WHERE c.view = v.id)) b
    JOIN @extschema@._rde_view_condition vc ON vc.view = v.id AND vc.column_name = b.column_name
    WHERE everybody OR v.reseller = ANY (accounts) OR (v.reseller IS NULL AND cardinality(accounts) > 0);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_view_conditions() IS
    'the rows of rde_view_conditions, as far as they are the caller''s';

CREATE VIEW @extschema@.rde_view_conditions WITH (security_barrier) AS
SELECT c.dataset, c.view, c.reseller, c.position, c.column_name, c.operator, c.operand, c.source_column, c.source_type
FROM @extschema@._rde_view_conditions() c;
COMMENT ON VIEW @extschema@.rde_view_conditions IS
    'which rows a report view shows: those that all its conditions hold of; a view that is not here shows all rows';
COMMENT ON COLUMN @extschema@.rde_view_conditions.dataset IS
    'the data set';
COMMENT ON COLUMN @extschema@.rde_view_conditions.view IS
    'the report view';
COMMENT ON COLUMN @extschema@.rde_view_conditions.reseller IS
    'whose view it is; NULL is the provider''s, for all';
COMMENT ON COLUMN @extschema@.rde_view_conditions.position IS
    'the condition''s place in what the view was told, counted from 1';
COMMENT ON COLUMN @extschema@.rde_view_conditions.column_name IS
    'the data set''s column it is about; the view itself need not show it';
COMMENT ON COLUMN @extschema@.rde_view_conditions.operator IS
    'in, not_in, min, max or is_null';
COMMENT ON COLUMN @extschema@.rde_view_conditions.operand IS
    'what the column is compared with: a list of values, a value, true or false';
COMMENT ON COLUMN @extschema@.rde_view_conditions.source_column IS
    'the source column behind it, for operators; NULL where nothing is mapped';
COMMENT ON COLUMN @extschema@.rde_view_conditions.source_type IS
    'the type of that column';

---------------------------------------------------------------------------
-- Accounts: the tree, quotas, reports on invoice on and off
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_find_account(account bigint) RETURNS @extschema@._rde_account
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_account @extschema@._rde_account;
BEGIN
    IF account IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'account must not be null';
    END IF;
    SELECT a.* INTO found_account FROM @extschema@._rde_account a WHERE a.id = _rde_find_account.account;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('account %s does not exist', account),
            HINT = 'The view rde_accounts lists the accounts there are; rde_create_account() makes another.';
    END IF;
    RETURN found_account;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_find_account(bigint) IS
    'an account''s row; raises 22004 or 42704';

-- Changes to the tree happen one at a time, by the row they count themselves in: a
-- REPEATABLE READ transaction that waited for it, and would still see the tree as
-- it was, fails (40001).  Nothing that an account does touches that row.
CREATE FUNCTION @extschema@._rde_change_tree() RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE @extschema@._rde_account_tree SET changes = changes + 1;
END;
COMMENT ON FUNCTION @extschema@._rde_change_tree() IS
    'from here on this transaction is the only one that changes the tree of accounts';

CREATE FUNCTION @extschema@._rde_check_account(
    account bigint, parent bigint, role name, scope text
) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder bigint;
    above bigint := parent;
BEGIN
    IF account IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'account must not be null';
    END IF;
    IF scope IS NULL OR scope NOT IN ('reseller', 'provider') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE WHEN scope IS NULL THEN 'scope must not be null'
                           ELSE format('account scope "%s" is not supported', scope) END,
            HINT = 'Use reseller for its own rows only, or provider for those of its whole sub-tree too.';
    END IF;
    PERFORM @extschema@._rde_change_tree();
    PERFORM @extschema@._rde_follow_roles();

    IF role IS NOT NULL THEN
        IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role) THEN
            RAISE EXCEPTION USING ERRCODE = 'undefined_object',
                MESSAGE = format('role "%s" does not exist', role);
        END IF;
        IF (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = role) THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('role "%s" is a superuser and cannot be an account', role),
                HINT = 'Give the account a role of its own; superusers see every reseller''s reports.';
        END IF;
        SELECT a.account INTO holder FROM @extschema@._rde_account_roles a
        WHERE a.role = (SELECT r.oid FROM pg_roles r WHERE r.rolname = _rde_check_account.role)
          AND a.account <> _rde_check_account.account;
        IF FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
                MESSAGE = format('role "%s" is account %s already', role, holder),
                HINT = 'A role says which account a session is, so it can be one only.';
        END IF;
        IF EXISTS (SELECT FROM @extschema@._rde_privilege p JOIN pg_roles r ON r.oid = p.role_oid WHERE r.rolname = _rde_check_account.role) THEN
            RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = format('role "%s" was granted something by rde_grant() and cannot be an account', role),
                HINT = 'Take it back with rde_revoke(), or give the account a role of its own.';
        END IF;
        -- an account whose role is gone has no more than its name
        UPDATE @extschema@._rde_account a SET role = NULL, role_oid = NULL, system_identifier = NULL
        WHERE a.role = _rde_check_account.role AND a.id <> _rde_check_account.account;
    END IF;

    WHILE above IS NOT NULL LOOP
        IF above = account THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = CASE WHEN parent = account THEN format('account %s cannot be its own parent', account)
                               ELSE format('account %s cannot be below account %s, which is below it', account, parent) END,
                HINT = 'Accounts form a tree: move the other one first.';
        END IF;
        PERFORM @extschema@._rde_find_account(above);
        SELECT a.parent INTO above FROM @extschema@._rde_account a WHERE a.id = above;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_account(bigint, bigint, name, text) IS
    'lock the tree of accounts and check where an account is to be put, its role and its scope';

CREATE FUNCTION @extschema@._rde_check_quotas(quotas numeric[]) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF 0 > ANY (quotas) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'quotas must not be negative';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_quotas(numeric[]) IS
    'raise 22023 for quotas that cannot be';

-- What somebody above an account made for it, that account may not change, unless
-- whoever is above says so.
CREATE FUNCTION @extschema@._rde_may_alter(reseller bigint, locked boolean) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT @extschema@._rde_sees_all(true)
           OR reseller = ANY (@extschema@._rde_visible_accounts())
              AND (NOT locked OR reseller <> @extschema@._rde_own_reseller(NULL::bigint));
END;
COMMENT ON FUNCTION @extschema@._rde_may_alter(bigint, boolean) IS
    'may the caller alter and drop a generator or a view of this reseller?';

CREATE FUNCTION @extschema@._rde_check_lock(what text, reseller bigint, locked boolean) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT coalesce(@extschema@._rde_may_alter(reseller, locked), false) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('%s was made by the provider, who alone may change it', what),
            HINT = 'Ask the provider, or make one of your own.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_lock(text, bigint, boolean) IS
    'raise 42501 for what the caller may not alter, though it is his';

CREATE FUNCTION @extschema@._rde_new_lock(reseller bigint, locked boolean, before boolean) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller CONSTANT bigint := @extschema@._rde_own_reseller(NULL::bigint);
    own CONSTANT boolean := reseller IS NULL OR reseller = coalesce(caller, reseller - 1);
BEGIN
    IF own AND locked THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE WHEN reseller IS NULL THEN 'what belongs to no account cannot be locked'
                           ELSE 'an account cannot lock what is its own' END, COLUMN = 'locked';
    END IF;
    RETURN coalesce(locked, before, NOT own);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_new_lock(bigint, boolean, boolean) IS
    'is a generator or view of this reseller locked? As the caller says, else as it was before, else if somebody above makes it; raises 22023';

CREATE FUNCTION @extschema@._rde_hold_account(account bigint) RETURNS @extschema@._rde_account
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held @extschema@._rde_account;
BEGIN
    SELECT a.* INTO held FROM @extschema@._rde_account a WHERE a.id = account;
    IF FOUND THEN
        -- written each time: who goes on under a snapshot that is older than
        -- another request of the account fails (40001), and counts nothing twice.
        -- A row of its own, so that nobody who alters the account waits for it.
        INSERT INTO @extschema@._rde_request AS q (account) VALUES (held.id)
        ON CONFLICT ON CONSTRAINT _rde_request_pkey DO UPDATE SET number = q.number + 1;
    END IF;
    RETURN held;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_hold_account(bigint) IS
    'an account''s row, NULL if there is none; what its quotas count is counted one after the other from here on, until the transaction has ended';

CREATE FUNCTION @extschema@._rde_check_count(reseller bigint, what text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held @extschema@._rde_account;
    used bigint;
    allowed integer;
BEGIN
    -- what an operator makes for it is not held against it
    IF @extschema@._rde_sees_all(true) THEN
        RETURN;
    END IF;
    held := @extschema@._rde_hold_account(reseller);
    CASE what
        WHEN 'generators' THEN
            allowed := held.max_generators;
            SELECT count(*) INTO used FROM @extschema@._rde_generator g WHERE g.reseller = held.id;
        WHEN 'views' THEN
            allowed := held.max_views;
            SELECT count(*) INTO used FROM @extschema@._rde_view v WHERE v.reseller = held.id;
        WHEN 'tokens' THEN
            allowed := held.max_tokens;
            SELECT count(*) INTO used FROM @extschema@._rde_token t
            WHERE t.account = held.id AND t.revoked_at IS NULL AND t.expires_at > now();
    END CASE;
    IF used >= allowed THEN
        RAISE EXCEPTION USING ERRCODE = 'configuration_limit_exceeded', COLUMN = 'max_' || what,
            MESSAGE = format('account %s has %s %s, as many as it may', held.id, used, what),
            HINT = 'Remove some that are not needed, or ask the provider for more.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_count(bigint, text) IS
    'raise 53400 if an account may not make one more of what it has: generators, views or tokens';

CREATE FUNCTION @extschema@._rde_check_quota(
    reseller bigint, period_from timestamptz, period_to timestamptz, reports integer
) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    account @extschema@._rde_account;
    used numeric;
BEGIN
    IF period_to > period_from + @extschema@._rde_max_span() THEN
        RAISE EXCEPTION USING ERRCODE = 'configuration_limit_exceeded', COLUMN = 'last_day',
            MESSAGE = format('a report may cover %s at most', @extschema@._rde_max_span()),
            HINT = 'Ask for several reports of shorter periods.';
    END IF;
    account := @extschema@._rde_hold_account(reseller);
    IF account.id IS NULL THEN
        RETURN;
    END IF;
    SELECT count(*) INTO used FROM @extschema@._rde_report r
    WHERE r.reseller = account.id AND (r.status = 'submitted' OR r.retry_at IS NOT NULL);
    IF used + reports > account.max_pending THEN
        RAISE EXCEPTION USING ERRCODE = 'configuration_limit_exceeded', COLUMN = 'max_pending',
            MESSAGE = format('%s reports of account %s wait to be built, as many as may', used, account.id),
            HINT = 'Wait until some have been built, or cancel some.';
    END IF;
    IF account.max_reports_per_day IS NOT NULL THEN
        -- not the reports that are there: some may have been dropped
        DELETE FROM @extschema@._rde_asked q
        WHERE q.account = reseller AND q.asked_at <= now() - interval '24 hours';
        SELECT coalesce(sum(q.reports), 0) INTO used FROM @extschema@._rde_asked q WHERE q.account = reseller;
        IF used + reports > account.max_reports_per_day THEN
            RAISE EXCEPTION USING ERRCODE = 'configuration_limit_exceeded', COLUMN = 'max_reports_per_day',
                MESSAGE = format('account %s has asked for %s reports in 24 hours, as many as it may', account.id, used),
                HINT = 'Ask again tomorrow.';
        END IF;
        INSERT INTO @extschema@._rde_asked (account, reports) VALUES (reseller, _rde_check_quota.reports);
    END IF;
    IF account.max_stored_bytes IS NOT NULL THEN
        SELECT coalesce(sum(r.file_bytes), 0) INTO used FROM @extschema@._rde_report r
        WHERE r.reseller = account.id AND r.expires_at > now();
        IF used >= account.max_stored_bytes THEN
            RAISE EXCEPTION USING ERRCODE = 'configuration_limit_exceeded', COLUMN = 'max_stored_bytes',
                MESSAGE = format('reports of account %s take %s bytes, as many as they may', account.id, used),
                HINT = 'Drop reports that are not needed any more with rde_drop_report().';
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_quota(bigint, timestamptz, timestamptz, integer) IS
    'raise 53400 if a reseller may not ask for more reports, or not of so long a period';

CREATE FUNCTION @extschema@.rde_create_account(
    account   bigint,
    name      text,
    parent    bigint DEFAULT NULL,
    role      name DEFAULT NULL,
    time_zone text DEFAULT NULL,
    scope     text DEFAULT 'reseller',
    max_pending         integer DEFAULT 20,
    max_reports_per_day integer DEFAULT 1000,
    max_stored_bytes    bigint DEFAULT 107374182400,
    max_generators      integer DEFAULT 100,
    max_views           integer DEFAULT 100,
    max_tokens          integer DEFAULT 20
) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    zone text;
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    PERFORM @extschema@._rde_check_name('an account', name);
    IF time_zone IS NOT NULL THEN
        zone := @extschema@._rde_zone(time_zone);
    END IF;
    PERFORM @extschema@._rde_check_account(account, parent, role, scope);
    PERFORM @extschema@._rde_check_quotas(ARRAY[max_pending, max_reports_per_day, max_stored_bytes, max_generators, max_views, max_tokens]::numeric[]);
    INSERT INTO @extschema@._rde_account
        (id, name, parent, role, role_oid, system_identifier, time_zone, scope, max_pending, max_reports_per_day,
         max_stored_bytes, max_generators, max_views, max_tokens)
    SELECT account, name, parent, r.rolname, r.oid, CASE WHEN r.oid IS NOT NULL THEN c.system_identifier END, zone, scope,
           coalesce(max_pending, 20), max_reports_per_day, max_stored_bytes, coalesce(max_generators, 100),
           coalesce(max_views, 100), coalesce(max_tokens, 20)
    FROM pg_control_system() c LEFT JOIN pg_roles r ON r.rolname = rde_create_account.role;
EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('account %s already exists', account),
            HINT = 'Change it with rde_alter_account().';
END
$$;
COMMENT ON FUNCTION @extschema@.rde_create_account(bigint, text, bigint, name, text, text, integer, integer, bigint, integer, integer, integer) IS
    'add a reseller to the tree: account is what the reseller column of sources holds, role the database role that is this account, scope provider lets its reports hold the rows of all accounts below it too; max_... are its quotas, NULL is none for reports per day and bytes. None is needed to export or generate. Raises 22023, 42602, 42704, 42710';

CREATE FUNCTION @extschema@.rde_alter_account(
    account   bigint,
    name      text DEFAULT NULL,
    parent    bigint DEFAULT NULL,
    role      name DEFAULT NULL,
    time_zone text DEFAULT NULL,
    scope     text DEFAULT NULL,
    max_pending         integer DEFAULT NULL,
    max_reports_per_day integer DEFAULT NULL,
    max_stored_bytes    bigint DEFAULT NULL,
    max_generators      integer DEFAULT NULL,
    max_views           integer DEFAULT NULL,
    max_tokens          integer DEFAULT NULL,
    clear     text[] DEFAULT '{}'
) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    altered @extschema@._rde_account;
    zone text;
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    altered := @extschema@._rde_find_account(account);
    PERFORM @extschema@._rde_check_clear(clear, '{parent,role,time_zone,max_reports_per_day,max_stored_bytes}'::text[], ARRAY[
        CASE WHEN parent IS NOT NULL THEN 'parent' END,
        CASE WHEN role IS NOT NULL THEN 'role' END,
        CASE WHEN time_zone IS NOT NULL THEN 'time_zone' END,
        CASE WHEN max_reports_per_day IS NOT NULL THEN 'max_reports_per_day' END,
        CASE WHEN max_stored_bytes IS NOT NULL THEN 'max_stored_bytes' END]);
    PERFORM @extschema@._rde_check_quotas(ARRAY[max_pending, max_reports_per_day, max_stored_bytes, max_generators, max_views, max_tokens]::numeric[]);
    IF name IS NOT NULL THEN
        PERFORM @extschema@._rde_check_name('an account', name);
    END IF;
    IF time_zone IS NOT NULL THEN
        zone := @extschema@._rde_zone(time_zone);
    END IF;
    PERFORM @extschema@._rde_check_account(account, parent, role, coalesce(scope, altered.scope));
    UPDATE @extschema@._rde_account a
    SET name = coalesce(rde_alter_account.name, a.name),
        parent = CASE WHEN NOT 'parent' = ANY (clear) THEN coalesce(rde_alter_account.parent, a.parent) END,
        role = CASE WHEN NOT 'role' = ANY (clear) THEN coalesce(rde_alter_account.role, a.role) END,
        role_oid = CASE WHEN NOT 'role' = ANY (clear)
                   THEN coalesce((SELECT r.oid FROM pg_roles r WHERE r.rolname = rde_alter_account.role), a.role_oid) END,
        system_identifier = CASE WHEN 'role' = ANY (clear) THEN NULL
                                 WHEN rde_alter_account.role IS NULL THEN a.system_identifier
                                 ELSE (SELECT c.system_identifier FROM pg_control_system() c) END,
        time_zone = CASE WHEN NOT 'time_zone' = ANY (clear) THEN coalesce(zone, a.time_zone) END,
        scope = coalesce(rde_alter_account.scope, a.scope),
        max_pending = coalesce(rde_alter_account.max_pending, a.max_pending),
        max_reports_per_day = CASE WHEN NOT 'max_reports_per_day' = ANY (clear)
                              THEN coalesce(rde_alter_account.max_reports_per_day, a.max_reports_per_day) END,
        max_stored_bytes = CASE WHEN NOT 'max_stored_bytes' = ANY (clear)
                           THEN coalesce(rde_alter_account.max_stored_bytes, a.max_stored_bytes) END,
        max_generators = coalesce(rde_alter_account.max_generators, a.max_generators),
        max_views = coalesce(rde_alter_account.max_views, a.max_views),
        max_tokens = coalesce(rde_alter_account.max_tokens, a.max_tokens)
    WHERE a.id = rde_alter_account.account;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_alter_account(bigint, text, bigint, name, text, text, integer, integer, bigint, integer, integer, integer, text[]) IS
    'change an account; what is NULL stays as it is, and clear names what is to be taken away: parent, role, time_zone, max_reports_per_day, max_stored_bytes. Raises 22023, 42602, 42704, 42710';

CREATE FUNCTION @extschema@.rde_drop_account(account bigint) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    users text;
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    PERFORM @extschema@._rde_change_tree();
    PERFORM @extschema@._rde_find_account(account);
    SELECT string_agg(a.id::text, ', ' ORDER BY a.id) INTO users
    FROM @extschema@._rde_account a WHERE a.parent = rde_drop_account.account;
    IF users IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'dependent_objects_still_exist',
            MESSAGE = format('account %s still has accounts below it', account),
            DETAIL = format('They are %s.', users),
            HINT = 'Drop them first, or move them with rde_alter_account().';
    END IF;
    SELECT string_agg(format('"%s"', g.name), ', ' ORDER BY g.name) INTO users
    FROM @extschema@._rde_generator g WHERE g.reseller = rde_drop_account.account;
    IF users IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'dependent_objects_still_exist',
            MESSAGE = format('account %s still has generators', account),
            DETAIL = format('They are %s.', users),
            HINT = 'Drop them first with rde_drop_generator().';
    END IF;
    DELETE FROM @extschema@._rde_account a WHERE a.id = rde_drop_account.account;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_drop_account(bigint) IS
    'take a reseller out of the tree, once it has no accounts below it and no generators; its reports stay. Raises 2BP01 (has accounts below it, or generators), 42704';

CREATE FUNCTION @extschema@.rde_set_on_invoice(account bigint, enabled boolean, child bigint DEFAULT NULL) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_own_reseller(account);
    PERFORM @extschema@._rde_find_account(account);
    IF enabled IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'enabled must not be null';
    END IF;
    IF child IS NOT NULL AND NOT EXISTS (SELECT FROM @extschema@._rde_account a WHERE a.id = child AND a.parent = account) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('account %s is not a direct child of account %s', child, account),
            HINT = 'An account switches reports on invoice for the accounts directly below it.';
    END IF;
    IF NOT enabled THEN
        INSERT INTO @extschema@._rde_on_invoice_off (account, child)
        VALUES (rde_set_on_invoice.account, coalesce(rde_set_on_invoice.child, rde_set_on_invoice.account))
        ON CONFLICT DO NOTHING;
        RETURN;
    END IF;
    DELETE FROM @extschema@._rde_on_invoice_off o
    WHERE o.account = rde_set_on_invoice.account
      AND o.child = coalesce(rde_set_on_invoice.child, rde_set_on_invoice.account);
    IF child IS NOT NULL AND NOT (SELECT o.children FROM @extschema@._rde_account_on_invoice o WHERE o.id = account) THEN
        RAISE NOTICE USING
            MESSAGE = format('account %s still makes no reports on invoice', child),
            DETAIL = format('Account %s switched them off for all its children.', account),
            HINT = format('rde_set_on_invoice(%s, true) switches them on again.', account);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_set_on_invoice(bigint, boolean, bigint) IS
    'let an account switch reports on invoice on or off for all the accounts directly below it, or for one of them. Raises 22023, 42704';

CREATE FUNCTION @extschema@._rde_scope_resellers(reseller bigint, scope text DEFAULT NULL) RETURNS bigint[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    widest CONSTANT text := coalesce((SELECT a.scope FROM @extschema@._rde_account a WHERE a.id = reseller), 'reseller');
BEGIN
    IF coalesce(scope, widest) = 'reseller' THEN
        RETURN ARRAY[reseller];
    END IF;
    IF widest <> 'provider' THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('account %s may not report on the accounts below it', reseller),
            HINT = 'Its scope is reseller; rde_alter_account() can make it provider.';
    END IF;
    RETURN ARRAY(
        WITH RECURSIVE tree(id) AS (
            SELECT reseller
            UNION
            SELECT a.id FROM tree t JOIN @extschema@._rde_account a ON a.parent = t.id)
        SELECT t.id FROM tree t ORDER BY t.id);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_scope_resellers(bigint, text) IS
    'whose rows a reseller''s report holds: its own, or with scope provider those of its whole sub-tree too; scope NULL is its account''s, more than that raises 42501';

---------------------------------------------------------------------------
-- Accounts, to be selected from
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_account_use(
    account bigint,
    OUT pending_reports bigint, OUT asked_reports bigint, OUT stored_bytes bigint, OUT generators bigint, OUT views bigint,
    OUT tokens bigint
) RETURNS record
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT (SELECT count(*) FROM @extschema@._rde_report r
            WHERE r.reseller = _rde_account_use.account AND (r.status = 'submitted' OR r.retry_at IS NOT NULL)),
           (SELECT coalesce(sum(q.reports), 0) FROM @extschema@._rde_asked q
            WHERE q.account = _rde_account_use.account AND q.asked_at > now() - interval '24 hours'),
           (SELECT coalesce(sum(r.file_bytes), 0) FROM @extschema@._rde_report r
            WHERE r.reseller = _rde_account_use.account AND r.expires_at > now()),
           (SELECT count(*) FROM @extschema@._rde_generator g WHERE g.reseller = _rde_account_use.account),
           (SELECT count(*) FROM @extschema@._rde_view v WHERE v.reseller = _rde_account_use.account),
           (SELECT count(*) FROM @extschema@._rde_token t
            WHERE t.account = _rde_account_use.account AND t.revoked_at IS NULL AND t.expires_at > now());
END;
COMMENT ON FUNCTION @extschema@._rde_account_use(bigint) IS
    'how much of each of its quotas an account uses; reports it asked for are counted while their quota is not NULL';

CREATE FUNCTION @extschema@._rde_accounts(
    OUT id bigint, OUT name text, OUT parent bigint, OUT role name, OUT time_zone text, OUT scope text,
    OUT on_invoice boolean, OUT children_on_invoice boolean, OUT generators bigint, OUT max_pending integer,
    OUT max_reports_per_day integer, OUT max_stored_bytes bigint, OUT max_generators integer, OUT max_views integer,
    OUT max_tokens integer, OUT pending_reports bigint, OUT asked_reports bigint, OUT stored_bytes bigint, OUT views bigint,
    OUT tokens bigint
) RETURNS SETOF record
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    everybody CONSTANT boolean := @extschema@._rde_sees_all(false);
    accounts CONSTANT bigint[] := @extschema@._rde_visible_accounts();
BEGIN
    RETURN QUERY
    SELECT a.id, a.name, a.parent, a.role, a.time_zone, a.scope,
           o.itself, o.children,
           u.generators,
           a.max_pending, a.max_reports_per_day, a.max_stored_bytes, a.max_generators, a.max_views, a.max_tokens,
           u.pending_reports, u.asked_reports, u.stored_bytes, u.views, u.tokens
    FROM @extschema@._rde_account a
    CROSS JOIN LATERAL @extschema@._rde_account_use(a.id) u
    JOIN @extschema@._rde_account_on_invoice o ON o.id = a.id
    WHERE everybody OR a.id = ANY (accounts);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_accounts() IS
    'the rows of rde_accounts, as far as they are the caller''s';

CREATE VIEW @extschema@.rde_accounts WITH (security_barrier) AS
SELECT a.id, a.name, a.parent, a.role, a.time_zone, a.scope, a.on_invoice, a.children_on_invoice, a.generators,
       a.max_pending, a.max_reports_per_day, a.max_stored_bytes, a.max_generators, a.max_views, a.max_tokens,
       a.pending_reports, a.asked_reports, a.stored_bytes, a.views, a.tokens
FROM @extschema@._rde_accounts() a;
COMMENT ON VIEW @extschema@.rde_accounts IS
    'the tree of resellers; on_invoice says whether their generators make reports on invoice, which the account above can switch off';
COMMENT ON COLUMN @extschema@.rde_accounts.id IS
    'what the reseller column of sources holds';
COMMENT ON COLUMN @extschema@.rde_accounts.name IS
    'what the account is called';
COMMENT ON COLUMN @extschema@.rde_accounts.parent IS
    'the account above it; NULL at the top';
COMMENT ON COLUMN @extschema@.rde_accounts.role IS
    'the database role that is this account';
COMMENT ON COLUMN @extschema@.rde_accounts.time_zone IS
    'the zone of its generators unless they name another; NULL for rde.time_zone';
COMMENT ON COLUMN @extschema@.rde_accounts.scope IS
    'reseller: its reports hold its own rows; provider: those of its whole sub-tree too';
COMMENT ON COLUMN @extschema@.rde_accounts.on_invoice IS
    'whether its generators make reports on invoice';
COMMENT ON COLUMN @extschema@.rde_accounts.children_on_invoice IS
    'false: it has switched reports on invoice off for all accounts directly below it';
COMMENT ON COLUMN @extschema@.rde_accounts.generators IS
    'how many generators it has';
COMMENT ON COLUMN @extschema@.rde_accounts.max_pending IS
    'how many reports it asked for may wait to be built';
COMMENT ON COLUMN @extschema@.rde_accounts.max_reports_per_day IS
    'how many reports it may ask for in 24 hours; NULL is no limit';
COMMENT ON COLUMN @extschema@.rde_accounts.max_stored_bytes IS
    'it may ask for reports while its files take less; NULL is no limit';
COMMENT ON COLUMN @extschema@.rde_accounts.max_generators IS
    'how many generators it may have';
COMMENT ON COLUMN @extschema@.rde_accounts.max_views IS
    'how many report views of its own it may have';
COMMENT ON COLUMN @extschema@.rde_accounts.max_tokens IS
    'how many tokens it may have in force';

COMMENT ON COLUMN @extschema@.rde_accounts.pending_reports IS
    'how many of its reports wait to be built';
COMMENT ON COLUMN @extschema@.rde_accounts.asked_reports IS
    'how many reports it asked for in the last 24 hours, while it has a quota of them';
COMMENT ON COLUMN @extschema@.rde_accounts.stored_bytes IS
    'how much its files take';
COMMENT ON COLUMN @extschema@.rde_accounts.views IS
    'how many report views of its own it has';
COMMENT ON COLUMN @extschema@.rde_accounts.tokens IS
    'how many of its tokens are in force';
---------------------------------------------------------------------------
-- Grants
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_granted_routines(privilege text) RETURNS SETOF regprocedure
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- Beside what is everybody's and looks itself at who asks.
    SELECT p.oid::regprocedure
    FROM @extschema@._rde_members() m
    JOIN pg_proc p ON m.catalog = 'pg_proc'::regclass AND p.oid = m.object
    WHERE m.extension = 'rde' AND p.prorettype <> 'trigger'::regtype
      AND CASE privilege
          WHEN 'admin' THEN p.proname LIKE 'rde\_%'
          WHEN 'operator' THEN p.proname IN ('rde_run_due', 'rde_schedule', 'rde_unschedule', 'rde_keep_report', 'rde_purge_reports',
                                             'rde_sweep_invoices', 'rde_rebaseline_generator')
          WHEN 'gateway' THEN p.proname IN ('rde_login', 'rde_login_signed', 'rde_issue_token', 'rde_redeem', 'rde_poll_events')
          ELSE false END;
END;
COMMENT ON FUNCTION @extschema@._rde_granted_routines(text) IS
    'what rde_grant grants EXECUTE on';

CREATE FUNCTION @extschema@._rde_change_grant(role name, privilege text, grants boolean) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    routine regprocedure;
    setting text;
BEGIN
    IF role IS NULL OR privilege IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'role and privilege must not be null';
    END IF;
    IF privilege NOT IN ('admin', 'operator', 'reader', 'gateway') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('privilege "%s" does not exist', privilege),
            HINT = 'Use admin, operator, reader or gateway.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role) THEN
        IF grants THEN
            RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('role "%s" does not exist', role);
        END IF;
        RETURN;
    END IF;
    FOR routine IN SELECT r FROM @extschema@._rde_granted_routines(privilege) r LOOP
        EXECUTE format(CASE WHEN grants THEN 'GRANT EXECUTE ON ROUTINE %s TO %I' ELSE 'REVOKE EXECUTE ON ROUTINE %s FROM %I' END,
                       routine, role);
    END LOOP;
    IF privilege = 'gateway' THEN
        -- what it is handed are links, and whoever reads one in a log can use it
        FOREACH setting IN ARRAY '{log_parameter_max_length,log_parameter_max_length_on_error}'::text[] LOOP
            EXECUTE format(CASE WHEN grants THEN 'ALTER ROLE %I IN DATABASE %I SET %I = 0' ELSE 'ALTER ROLE %I IN DATABASE %I RESET %I' END,
                           role, current_database(), setting);
        END LOOP;
    END IF;
    IF privilege IN ('admin', 'operator') THEN
        EXECUTE format(CASE WHEN grants THEN 'GRANT SELECT ON %s TO %I' ELSE 'REVOKE SELECT ON %s FROM %I' END,
                       '@extschema@.rde_health, @extschema@.rde_invoice_watches, @extschema@.rde_signing_keys, @extschema@.rde_grants', role);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_change_grant(name, text, boolean) IS
    'grant or revoke what a privilege is made of';

CREATE FUNCTION @extschema@.rde_grant(role name, privilege text) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET client_min_messages = warning
AS $$
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    PERFORM @extschema@._rde_follow_roles();
    PERFORM @extschema@._rde_change_grant(role, privilege, true);
    IF (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = rde_grant.role) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('role "%s" is a superuser and may do everything', role),
            HINT = 'Grant to an ordinary role.';
    END IF;
    IF EXISTS (SELECT FROM @extschema@._rde_account_roles a WHERE a.role = (SELECT r.oid FROM pg_roles r WHERE r.rolname = rde_grant.role)) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('role "%s" is an account''s', role),
            DETAIL = 'An account sees its own reports, whatever is granted to its role.',
            HINT = 'Grant to another role.';
    END IF;
    -- one of that name that is gone has left its grants behind
    LOCK TABLE @extschema@._rde_privilege IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM @extschema@._rde_privilege p
    WHERE p.role = rde_grant.role
      AND (p.privilege = rde_grant.privilege OR p.role_oid <> (SELECT r.oid FROM pg_roles r WHERE r.rolname = rde_grant.role));
    INSERT INTO @extschema@._rde_privilege (role, privilege, role_oid, system_identifier)
    SELECT rde_grant.role, rde_grant.privilege, r.oid, c.system_identifier
    FROM pg_roles r, pg_control_system() c WHERE r.rolname = rde_grant.role;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_grant(name, text) IS
    'let a role, and its members, do something: gateway lets others in by token and link; reader sees the status and manifest of all reports; operator sees and makes all reports; admin also says what they are made from, and for whom. The view rde_grants lists what was given. Raises 22023 (also for a superuser), 42704, 55000 (the role is an account''s)';

CREATE FUNCTION @extschema@.rde_revoke(role name, privilege text) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET client_min_messages = warning
AS $$
DECLARE
    remaining text;
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    PERFORM @extschema@._rde_follow_roles();
    PERFORM @extschema@._rde_change_grant(role, privilege, false);
    DELETE FROM @extschema@._rde_privilege p WHERE p.role = rde_revoke.role AND p.privilege = rde_revoke.privilege;
    -- one privilege may be part of another that it keeps
    FOR remaining IN SELECT p.privilege FROM @extschema@._rde_privilege p WHERE p.role = rde_revoke.role LOOP
        PERFORM @extschema@._rde_change_grant(role, remaining, true);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_revoke(name, text) IS
    'take back what rde_grant gave. Raises 22023, 42704';

CREATE VIEW @extschema@.rde_grants WITH (security_barrier) AS
SELECT p.role, p.privilege,
       CASE WHEN p.system_identifier = c.system_identifier THEN r.oid IS NOT NULL
            ELSE EXISTS (SELECT FROM pg_roles n WHERE n.rolname = p.role) END AS valid
FROM @extschema@._rde_privilege p
CROSS JOIN (SELECT s.system_identifier FROM pg_control_system() s) c
LEFT JOIN pg_roles r ON r.oid = p.role_oid
WHERE (SELECT w.account IS NULL FROM @extschema@.rde_whoami() w);
COMMENT ON VIEW @extschema@.rde_grants IS
    'what rde_grant gave to roles, for operators and administrators';
COMMENT ON COLUMN @extschema@.rde_grants.role IS
    'the role';
COMMENT ON COLUMN @extschema@.rde_grants.privilege IS
    'admin, operator, reader or gateway';
COMMENT ON COLUMN @extschema@.rde_grants.valid IS
    'false: the role is gone; one of that name that was made since has nothing of it';

---------------------------------------------------------------------------
-- Tokens
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_secret() RETURNS text
    LANGUAGE C VOLATILE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_secret';
COMMENT ON FUNCTION @extschema@._rde_secret() IS
    '256 random bits in hex, from the server''s cryptographic source';

CREATE FUNCTION @extschema@.rde_create_token(
    account bigint, name text, lifetime interval DEFAULT '1 year',
    OUT subscription_key text, OUT token text
) RETURNS record
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hash bytea;
BEGIN
    account := @extschema@._rde_own_reseller(account);
    IF account IS NULL OR name IS NULL OR lifetime IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'account, name and lifetime must not be null';
    END IF;
    PERFORM FROM @extschema@._rde_account a WHERE a.id = account FOR KEY SHARE;
    PERFORM @extschema@._rde_find_account(account);
    PERFORM @extschema@._rde_check_name('token', name);
    IF lifetime <= interval '0' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'lifetime must be longer than nothing';
    END IF;
    PERFORM @extschema@._rde_check_count(account, 'tokens'::text);
    subscription_key := left(@extschema@._rde_secret(), 32);
    token := @extschema@._rde_secret();
    -- by itself: a plan of the statement that auto_explain logs shows its values
    hash := sha256(convert_to(token, 'UTF8'));
    INSERT INTO @extschema@._rde_token (account, name, subscription_key, token_sha256, expires_at)
    VALUES (account, name, subscription_key, hash, now() + lifetime);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_create_token(bigint, text, interval) IS
    'make what a reseller''s program logs in with; both parts are shown this once, and of the token only a hash is stored. Raises 22004, 22023, 42501, 42704';

CREATE FUNCTION @extschema@.rde_revoke_token(token uuid) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE @extschema@._rde_token t SET revoked_at = coalesce(t.revoked_at, now())
    WHERE t.id = rde_revoke_token.token
      AND (@extschema@._rde_sees_all(true) OR t.account = ANY (@extschema@._rde_visible_accounts()));
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = CASE WHEN token IS NULL THEN 'null_value_not_allowed' ELSE 'undefined_object' END,
            MESSAGE = CASE WHEN token IS NULL THEN 'token must not be null' ELSE format('token %s does not exist', token) END,
            HINT = 'The view rde_tokens lists the tokens there are.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_revoke_token(uuid) IS
    'let a token log in no more. The view rde_tokens lists them. Raises 42704';

-- A function, as behind all views that show accounts their own: what a condition on
-- a table passes over is told by EXPLAIN ANALYZE, and spells out others' rows.
CREATE FUNCTION @extschema@._rde_tokens(
    OUT id uuid, OUT account bigint, OUT name text, OUT subscription_key text, OUT created_at timestamptz,
    OUT expires_at timestamptz, OUT revoked_at timestamptz, OUT last_used_at timestamptz
) RETURNS SETOF record
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    everybody CONSTANT boolean := @extschema@._rde_sees_all(true);
    accounts CONSTANT bigint[] := @extschema@._rde_visible_accounts();
BEGIN
    RETURN QUERY
    SELECT t.id, t.account, t.name, t.subscription_key, t.created_at, t.expires_at, t.revoked_at, t.last_used_at
    FROM @extschema@._rde_token t
    WHERE everybody OR t.account = ANY (accounts);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_tokens() IS
    'the rows of rde_tokens, as far as they are the caller''s';

CREATE VIEW @extschema@.rde_tokens WITH (security_barrier) AS
SELECT t.id, t.account, t.name, t.subscription_key, t.created_at, t.expires_at, t.revoked_at, t.last_used_at
FROM @extschema@._rde_tokens() t;
COMMENT ON VIEW @extschema@.rde_tokens IS
    'every token: whose it is and when it was used last, to the hour';
COMMENT ON COLUMN @extschema@.rde_tokens.id IS
    'the token''s id, which rde_revoke_token() takes';
COMMENT ON COLUMN @extschema@.rde_tokens.account IS
    'the account it logs in';
COMMENT ON COLUMN @extschema@.rde_tokens.name IS
    'what it was called when it was made';
COMMENT ON COLUMN @extschema@.rde_tokens.subscription_key IS
    'its public part';
COMMENT ON COLUMN @extschema@.rde_tokens.created_at IS
    'when it was made';
COMMENT ON COLUMN @extschema@.rde_tokens.expires_at IS
    'when it logs in no more';
COMMENT ON COLUMN @extschema@.rde_tokens.revoked_at IS
    'when it was revoked; NULL when it was not';
COMMENT ON COLUMN @extschema@.rde_tokens.last_used_at IS
    'when it logged in last, to the hour';

CREATE FUNCTION @extschema@.rde_login(subscription_key text, token_sha256 bytea) RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_login';
COMMENT ON FUNCTION @extschema@.rde_login(text, bytea) IS
    'be the account of a token until the end of the transaction; takes the SHA-256 of the token, which itself never comes to the database. Raises 28000';

CREATE FUNCTION @extschema@.rde_issue_token(subscription_key text, name text, token_sha256 bytea) RETURNS json
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_issue_token';
COMMENT ON FUNCTION @extschema@.rde_issue_token(text, text, bytea) IS
    'a signed token, which holds for 25 minutes or as long as the token of this name that it is made of, as the JSON body of POST /token; takes the SHA-256 of that token. Raises 28000';

CREATE FUNCTION @extschema@.rde_login_signed(subscription_key text, claims text, signature_sha256 bytea) RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_login_signed';
COMMENT ON FUNCTION @extschema@.rde_login_signed(text, text, bytea) IS
    'be the account of a signed token until the end of the transaction; takes what stands before its last dot, and the SHA-256 of its signature, which itself never comes to the database. Raises 28000';
---------------------------------------------------------------------------
-- Links and the keys they are signed with
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@.rde_download_url(report uuid) RETURNS text
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_download_url';
COMMENT ON FUNCTION @extschema@.rde_download_url(uuid) IS
    'a link that opens this report''s file to whoever has it, until the report or rde.link_lifetime is over. It only reads. Raises 42704, 55000';

-- The cost makes an ORDER BY with LIMIT come first.
CREATE FUNCTION @extschema@._rde_report_link(report uuid) RETURNS text
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100
    AS 'MODULE_PATHNAME', 'rde_report_link';
COMMENT ON FUNCTION @extschema@._rde_report_link(uuid) IS
    'the same for views: NULL where there is none for the caller';

CREATE FUNCTION @extschema@._rde_moved_to(report uuid) RETURNS text
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_moved_to';
COMMENT ON FUNCTION @extschema@._rde_moved_to(uuid) IS
    'the link of a file that is in its store only; NULL for one that is here. Raises 55000 while the store gives no link';

CREATE FUNCTION @extschema@.rde_redeem(
    report uuid, file_name text, sv text, st text, se text, sp text, sr text, kid text, sig text,
    begun timestamptz DEFAULT NULL,
    OUT id uuid, OUT reseller bigint, OUT name text, OUT file_name text, OUT media_type text,
    OUT file_bytes bigint, OUT sha256 text, OUT row_count bigint, OUT published_at timestamptz, OUT moved_to text
) RETURNS record
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_redeem';
COMMENT ON FUNCTION @extschema@.rde_redeem(uuid, text, text, text, text, text, text, text, text, timestamptz) IS
    'open the report a link names until the end of the transaction; moved_to is the link to go on with if its file has moved to a store; begun is when a download that goes on began. Whatever is wrong with a link raises the same 42501';

CREATE FUNCTION @extschema@.rde_revoke_links(report uuid) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE @extschema@._rde_report r SET link_number = r.link_number + 1
    WHERE r.id = report AND @extschema@._rde_may_see(r.id, r.reseller, true);
    IF NOT FOUND THEN
        PERFORM @extschema@._rde_no_report(report);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_revoke_links(uuid) IS
    'let every link to this report that was made until now open nothing. Raises 42704';

CREATE FUNCTION @extschema@.rde_rotate_signing_key() RETURNS text
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_kid text := left(@extschema@._rde_secret(), 8);
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    INSERT INTO @extschema@._rde_signing_key (kid, secret) VALUES (new_kid, decode(@extschema@._rde_secret(), 'hex'));
    RETURN new_kid;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_rotate_signing_key() IS
    'sign new links with a new key and return its id; links signed with older keys hold until these are revoked';

CREATE FUNCTION @extschema@.rde_revoke_signing_key(kid text) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    UPDATE @extschema@._rde_signing_key k SET revoked_at = coalesce(k.revoked_at, now()) WHERE k.kid = rde_revoke_signing_key.kid;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('signing key "%s" does not exist', kid),
            HINT = 'The view rde_signing_keys lists the keys there are.';
    END IF;
    IF NOT EXISTS (SELECT FROM @extschema@._rde_signing_key k WHERE k.revoked_at IS NULL) THEN
        PERFORM @extschema@.rde_rotate_signing_key();
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_revoke_signing_key(text) IS
    'let every link that was signed with this key open nothing; if it was the last, a new key is made. The view rde_signing_keys lists them. Raises 42704';

CREATE VIEW @extschema@.rde_signing_keys WITH (security_barrier) AS
SELECT k.kid, k.created_at, k.revoked_at FROM @extschema@._rde_signing_key k
WHERE (SELECT w.account IS NULL FROM @extschema@.rde_whoami() w);
COMMENT ON VIEW @extschema@.rde_signing_keys IS
    'the keys links are signed with; the newest that is not revoked signs';
COMMENT ON COLUMN @extschema@.rde_signing_keys.kid IS
    'the key''s id, which links carry';
COMMENT ON COLUMN @extschema@.rde_signing_keys.created_at IS
    'when it was made';
COMMENT ON COLUMN @extschema@.rde_signing_keys.revoked_at IS
    'since when links signed with it open nothing; NULL when it was not revoked';

SELECT @extschema@.rde_rotate_signing_key();


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
---------------------------------------------------------------------------
-- Reports: export, submit, build, rebuild, retry, cancel
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_check_view(dataset text, view text, reseller bigint) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_check_view';
COMMENT ON FUNCTION @extschema@._rde_check_view(text, text, bigint) IS
    'raise 42703 or 42804 for a view that needs columns which the source of its data set does not have, or has of another type';

CREATE FUNCTION @extschema@.rde_export(
    dataset   text,
    first_day date,
    last_day  date,
    format    text DEFAULT 'json',
    view      text DEFAULT NULL,
    reseller  bigint DEFAULT NULL,
    name      text DEFAULT NULL,
    time_zone text DEFAULT NULL,
    options   jsonb DEFAULT '{}'
) RETURNS uuid
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_export';
COMMENT ON FUNCTION @extschema@.rde_export(text, date, date, text, text, bigint, text, text, jsonb) IS
    'make a report of the rows that changed on the days first_day .. last_day (inclusive, in the time zone) and store it in this transaction; returns its id, raises on failure and then leaves nothing behind. format is csv, json, jsonl, xml or xlsx; view NULL is cmp where the data set has one, else full; reseller NULL is all; name NULL is the data set''s; time_zone NULL is that of the reseller''s account, else rde.time_zone. Never waits for open transactions. Raises 22008, 22023, 42602, 42704, 42703 and 42804 (the view does not fit the source), 42501, 55000, 54000, 40001 (a table of the source was rewritten meanwhile, or since the snapshot of the transaction), and what the source raises';

CREATE FUNCTION @extschema@.rde_submit(
    dataset   text,
    first_day date,
    last_day  date,
    format    text DEFAULT 'json',
    view      text DEFAULT NULL,
    reseller  bigint DEFAULT NULL,
    name      text DEFAULT NULL,
    time_zone text DEFAULT NULL,
    options   jsonb DEFAULT '{}'
) RETURNS uuid
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_submit';
COMMENT ON FUNCTION @extschema@.rde_submit(text, date, date, text, text, bigint, text, text, jsonb) IS
    'ask for a report without building it; rde_run_due or rde_build() makes it later. The request is checked, and its arguments are those of rde_export. A submitted report does not expire. Raises 22008, 22023, 42602, 42704, 42703 and 42804 (the view does not fit the source), 55000';

CREATE FUNCTION @extschema@.rde_build(report uuid) RETURNS text
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_build';
COMMENT ON FUNCTION @extschema@.rde_build(uuid) IS
    'build a submitted report; returns what it is now, completed or error. A failure is recorded on its row and raised as a warning. Cancel, shutdown, deadlock, serialization and lock failures are raised as they are, and leave it submitted. Raises 42704, 55000 (not submitted, or of a snapshot window), 55P03 (another session builds it)';

CREATE FUNCTION @extschema@.rde_rebuild(report uuid) RETURNS uuid
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_rebuild';
COMMENT ON FUNCTION @extschema@.rde_rebuild(uuid) IS
    'build the next revision of a completed report from today''s rows of its period; returns the revision''s id. Raises 42704, 55000 (not completed, has a next revision, or covers a snapshot window), and those of rde_export';

CREATE FUNCTION @extschema@._rde_resubmit(reports uuid[]) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- Their retention begins again, unless they are kept for longer.
    UPDATE @extschema@._rde_report r
    SET status = 'submitted', attempts = 0, sqlstate = NULL, error = NULL, failed_at = NULL, retry_at = NULL,
        lost_claims = 0, expires_at = greatest(r.expires_at, clock_timestamp() + r.retention)
    WHERE r.id = ANY (reports);
END;
COMMENT ON FUNCTION @extschema@._rde_resubmit(uuid[]) IS
    'submit reports that ended in error again, with no attempts counted';

CREATE FUNCTION @extschema@.rde_retry_report(report uuid) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_report @extschema@._rde_report;
BEGIN
    SELECT r.* INTO found_report FROM @extschema@._rde_report r
    WHERE r.id = report AND @extschema@._rde_may_see(r.id, r.reseller, true) FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM @extschema@._rde_no_report(report);
    END IF;
    IF found_report.status <> 'error' THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', COLUMN = 'status',
            MESSAGE = format('report %s is not in error but "%s"', report, found_report.status),
            HINT = CASE found_report.status WHEN 'completed' THEN 'Use rde_rebuild() for its next revision.'
                                     ELSE 'Build it with rde_build().' END;
    END IF;
    -- one that is tried again anyhow waits already
    IF found_report.retry_at IS NULL AND NOT @extschema@._rde_sees_all(true) THEN
        PERFORM @extschema@._rde_check_quota(found_report.reseller, found_report.period_from, found_report.period_to, 1);
    END IF;
    PERFORM @extschema@._rde_resubmit(ARRAY[report]);
EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', COLUMN = 'status',
            MESSAGE = format('report %s has been replaced by another revision', report),
            HINT = 'Build or rebuild that one.';
END
$$;
COMMENT ON FUNCTION @extschema@.rde_retry_report(uuid) IS
    'submit a report that ended in error again, with no attempts counted; rde_run_due or rde_build() makes it. Raises 42704, 55000';

CREATE FUNCTION @extschema@.rde_cancel_report(report uuid) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_report @extschema@._rde_report;
    builder integer;
    shown uuid[];
BEGIN
    SELECT r.* INTO found_report FROM @extschema@._rde_report r
    WHERE r.id = report AND @extschema@._rde_may_see(r.id, r.reseller, true) FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        SELECT r.* INTO found_report FROM @extschema@._rde_report r
        WHERE r.id = report AND @extschema@._rde_may_see(r.id, r.reseller, true);
        IF NOT FOUND THEN
            PERFORM @extschema@._rde_no_report(report);
        END IF;
        -- a worker, which shows the first of several that it builds together, or a session
        builder := coalesce(
            CASE WHEN @extschema@._rde_alive(found_report.claim_pid, found_report.claim_start) THEN found_report.claim_pid END,
            (SELECT b.pid FROM @extschema@._rde_builds() b WHERE b.report = found_report.id));
        IF builder IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'lock_not_available',
                MESSAGE = format('another session is about to build or to change report %s', report),
                HINT = 'Try again.';
        END IF;
        -- by this lock the session that builds it knows what it is cancelled for
        PERFORM pg_advisory_xact_lock_shared(1919182080, ('x' || left(report::text, 8))::bit(32)::integer);
        shown := ARRAY(SELECT b.report FROM @extschema@._rde_builds() b WHERE b.pid = builder);
        PERFORM pg_cancel_backend(builder);
        -- which it looks at while it ends what it does: within a second
        FOR i IN 1 .. 20 LOOP
            PERFORM pg_sleep(0.05), pg_stat_clear_snapshot();
            EXIT WHEN shown IS DISTINCT FROM ARRAY(SELECT b.report FROM @extschema@._rde_builds() b WHERE b.pid = builder);
        END LOOP;
        PERFORM pg_sleep(0.1);
        RETURN;
    END IF;
    IF found_report.status <> 'submitted' AND found_report.retry_at IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', COLUMN = 'status',
            MESSAGE = format('report %s is not waiting to be built but "%s"', report, found_report.status),
            HINT = 'rde_drop_report() removes it.';
    END IF;
    UPDATE @extschema@._rde_report r
    SET status = 'error', sqlstate = '57014', error = 'report was cancelled', failed_at = clock_timestamp(), retry_at = NULL,
        failed_xid = pg_current_xact_id(), system_identifier = (SELECT c.system_identifier FROM pg_control_system() c),
        claim_pid = NULL, claim_start = NULL, claimed_at = NULL
    WHERE r.id = report;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_cancel_report(uuid) IS
    'do not build a report that waits to be, or is being built, whose session is told at once and goes on with others; rde_retry_report() submits it again. It is in error then. Raises 42704, 55000, 55P03 (somebody is about to build or change it)';
---------------------------------------------------------------------------
-- Revisions: the next one of a report, and the one that settles it
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_submit_revision(report uuid, settles boolean) RETURNS uuid
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT @extschema@._rde_submit(ARRAY(
        SELECT ROW(r.name, r.dataset, r.view, r.format, r.type, r.reseller, r.generator, r.invoice, r.invoice_reseller,
                   r.period_from, r.period_to, false, r.time_zone, r.options, r.retention,
                   coalesce((SELECT max(n.revision) FROM @extschema@._rde_report n WHERE n.supersedes = r.id), r.revision) + 1,
                   r.id, _rde_submit_revision.settles, NULL::uuid, r.due_at)::@extschema@._rde_submission
        FROM @extschema@._rde_report r
        WHERE r.id = report));
END;
COMMENT ON FUNCTION @extschema@._rde_submit_revision(uuid, boolean) IS
    'submit the next revision of a report; NULL if it has one';

CREATE FUNCTION @extschema@._rde_submit_settling(horizon timestamptz) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    submitted bigint;
BEGIN
    -- An invoice without rows has a day for them to come.
    SELECT count(@extschema@._rde_submit_revision(p.id, true)) INTO submitted
    FROM (SELECT r.id FROM @extschema@._rde_report r
          WHERE r.provisional AND r.status = 'completed' AND r.expires_at > now()
            AND ((r.period_to <= horizon AND @extschema@._rde_has_arrived(r.dataset, r.period_to)) OR (r.type = 'on_invoice' AND r.published_at <= now() - interval '24 hours'))
            AND NOT EXISTS (SELECT FROM @extschema@._rde_report n WHERE n.supersedes = r.id)
          ORDER BY r.due_at LIMIT 100 FOR UPDATE SKIP LOCKED) p;
    RETURN submitted;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_submit_settling(timestamptz) IS
    'submit the next revision of provisional reports whose period has settled';

CREATE FUNCTION @extschema@._rde_drop_unchanged(report uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    settled uuid;
BEGIN
    -- One that somebody is about to drop or to change is not waited for: the
    -- revision stays, and says the same.
    SELECT o.id INTO settled
    FROM @extschema@._rde_report o JOIN @extschema@._rde_report n ON n.supersedes = o.id
    WHERE n.id = report AND n.settles AND o.sha256 = n.sha256
    FOR NO KEY UPDATE OF o SKIP LOCKED;
    IF FOUND THEN
        DELETE FROM @extschema@._rde_report n WHERE n.id = report;
        UPDATE @extschema@._rde_report r SET provisional = false WHERE r.id = settled;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_drop_unchanged(uuid) IS
    'if the revision that settles a provisional report is that report again, that one is final and the revision goes';

---------------------------------------------------------------------------
-- Reports: content, chunks, verify
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@.rde_content(report uuid, decompress boolean DEFAULT false) RETURNS bytea
    LANGUAGE C VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_content';
COMMENT ON FUNCTION @extschema@.rde_content(uuid, boolean) IS
    'a report''s file in one piece, at most 1 GB; decompress takes the gzip away. Raises 42704, 54000 (more than 1 GB), 55000, XX001';

CREATE FUNCTION @extschema@.rde_chunks(report uuid) RETURNS SETOF bytea
    LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 100
    AS 'MODULE_PATHNAME', 'rde_chunks';
COMMENT ON FUNCTION @extschema@.rde_chunks(uuid) IS
    'a report''s file in pieces of 1 MiB, in order, for files of any size. Call it in the select list: in FROM the server collects all of them first. Raises 42704, 55000, XX001';

CREATE FUNCTION @extschema@.rde_chunk(report uuid, seq integer) RETURNS bytea
    LANGUAGE C VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_chunk';
COMMENT ON FUNCTION @extschema@.rde_chunk(uuid, integer) IS
    'one 1 MiB piece of a report''s file, counted from 0; NULL past its end. Raises 22023, 42704, 55000, XX001';

CREATE FUNCTION @extschema@.rde_text(report uuid) RETURNS text
    LANGUAGE C VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_text';
COMMENT ON FUNCTION @extschema@.rde_text(uuid) IS
    'a csv, json, jsonl or xml report as text in the database''s encoding, at most 1 GB. A byte order mark is left out. Raises 22023 (xlsx), 42704, 54000, 55000, XX001';

CREATE FUNCTION @extschema@.rde_verify_report(report uuid) RETURNS boolean
    LANGUAGE C VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_verify_report';
COMMENT ON FUNCTION @extschema@.rde_verify_report(uuid) IS
    'do the stored bytes still have the size and SHA-256 the manifest names? a warning says what differs. Works on expired reports, too. Raises 42704, 55000';

---------------------------------------------------------------------------
-- Reports: drop, keep, purge, where the file is
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_no_report(report uuid) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF report IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'report must not be null';
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'undefined_object',
        MESSAGE = format('report %s does not exist', report),
        HINT = 'The view rde_reports lists the reports there are.';
END
$$;
COMMENT ON FUNCTION @extschema@._rde_no_report(uuid) IS
    'raise 42704, or 22004 for NULL';

CREATE FUNCTION @extschema@.rde_drop_report(report uuid) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM @extschema@._rde_report r
    WHERE r.id = report AND @extschema@._rde_may_see(r.id, r.reseller, true);
    IF NOT FOUND THEN
        PERFORM @extschema@._rde_no_report(report);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_drop_report(uuid) IS
    'remove a report and its file now. Raises 42704';

CREATE FUNCTION @extschema@.rde_keep_report(report uuid, until timestamptz) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    IF until IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'until must not be null';
    END IF;
    IF until <= now() THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'until must be a time in the future',
            HINT = 'Say ''infinity'' to keep a report for good, or rde_drop_report() to remove it.';
    END IF;
    UPDATE @extschema@._rde_report r SET expires_at = until WHERE r.id = report;
    IF NOT FOUND THEN
        PERFORM @extschema@._rde_no_report(report);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_keep_report(uuid, timestamptz) IS
    'let a report expire at another time; ''infinity'' keeps it for good. Raises 22004, 22023 (not in the future), 42704';

CREATE FUNCTION @extschema@.rde_purge_reports(max_reports integer DEFAULT NULL) RETURNS bigint
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    purged bigint;
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    -- Some time past expiry, so that a download begun before it can end.
    DELETE FROM @extschema@._rde_report r
    USING (SELECT e.id FROM @extschema@._rde_report e
           WHERE e.expires_at < now() - @extschema@._rde_grace() AND e.status <> 'submitted'
           ORDER BY e.expires_at LIMIT max_reports FOR UPDATE SKIP LOCKED) expired
    WHERE r.id = expired.id;
    GET DIAGNOSTICS purged = ROW_COUNT;
    DELETE FROM @extschema@._rde_idempotency i
    WHERE i.ctid = ANY (ARRAY(SELECT q.ctid FROM @extschema@._rde_idempotency q
                              WHERE q.created_at < now() - interval '24 hours' FOR UPDATE SKIP LOCKED));
    RETURN purged;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_purge_reports(integer) IS
    'remove reports that expired more than an hour ago, the oldest first, at most max_reports of them; returns how many. Submitted ones stay';

CREATE FUNCTION @extschema@.rde_set_report_store(report uuid, store text, drop_chunks boolean DEFAULT false) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_report @extschema@._rde_report;
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    IF store IS NULL OR drop_chunks IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'store and drop_chunks must not be null';
    END IF;
    SELECT r.* INTO found_report FROM @extschema@._rde_report r WHERE r.id = report FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM @extschema@._rde_no_report(report);
    END IF;
    IF found_report.status <> 'completed' THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('report %s has no file to store, it is "%s"', report, found_report.status);
    END IF;
    IF store <> 'local'
       AND (store !~ '^[a-z][a-z0-9_]{0,30}$'
            OR to_regprocedure('@extschema@.rde_' || store || '_download_url(uuid)') IS NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('store "%s" does not exist', store),
            DETAIL = 'A store is an extension that gives links: its function is called rde_<store>_download_url(uuid).',
            HINT = 'CREATE EXTENSION rde_azure SCHEMA @extschema@; makes the store "azure".';
    END IF;
    IF store = 'local' AND drop_chunks THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'the store "local" is the chunks, which are not dropped',
            HINT = 'rde_drop_report() removes a report.';
    END IF;
    IF store = 'local' AND NOT EXISTS (SELECT FROM @extschema@._rde_report_chunk c WHERE c.report = found_report.id) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('file of report %s is in store "%s", and no longer in the database', report, found_report.store);
    END IF;
    UPDATE @extschema@._rde_report r SET store = rde_set_report_store.store WHERE r.id = found_report.id;
    IF drop_chunks THEN
        DELETE FROM @extschema@._rde_report_chunk c WHERE c.report = found_report.id;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_set_report_store(uuid, text, boolean) IS
    'say that a completed report''s file is in a store, whose function rde_<store>_download_url() gives its link from now on; drop_chunks removes it from the database. ''local'' takes that back while the chunks are there. The function is beside rde''s own and of the same owner. For administrators; rde_azure calls it. Raises 22004, 22023, 42704, 55000';

---------------------------------------------------------------------------
-- Reports, to be selected from
---------------------------------------------------------------------------

-- Everybody may call it, so it is given nothing that it could repeat.
CREATE FUNCTION @extschema@._rde_reference() RETURNS text
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_reference_sql';
COMMENT ON FUNCTION @extschema@._rde_reference() IS
    'what is said of a report''s failure, with %s for its id, instead of words that another reseller''s row may have raised';

CREATE FUNCTION @extschema@._rde_shown_error(report uuid, error text, foreign_error boolean, content boolean) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE WHEN foreign_error AND NOT content THEN format(@extschema@._rde_reference(), report) ELSE error END;
END;
COMMENT ON FUNCTION @extschema@._rde_shown_error(uuid, text, boolean, boolean) IS
    'a report''s error as it is shown: without content no words that another reseller''s row may have raised';

-- What a condition on a table passes over is told by EXPLAIN ANALYZE, and spells out
-- others' rows, so an account's come from a function.
CREATE FUNCTION @extschema@._rde_own_reports(OUT report @extschema@._rde_report, OUT totals jsonb, OUT superseded_by uuid)
    RETURNS SETOF record
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED ROWS 100
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    accounts CONSTANT bigint[] := @extschema@._rde_visible_accounts();
    own record;
BEGIN
    FOR own IN
        SELECT r AS report, (SELECT jsonb_object_agg(t.currency, t.amount) FROM @extschema@._rde_report_total t
                             WHERE t.report = r.id AND t.amount IS NOT NULL) AS totals,
               (SELECT n.id FROM @extschema@._rde_report n WHERE n.supersedes = r.id AND n.status = 'completed') AS superseded_by
        FROM @extschema@._rde_report r
        WHERE r.reseller = ANY (accounts) AND (r.expires_at > now() OR r.status = 'submitted')
    LOOP
        report := own.report;
        totals := own.totals;
        superseded_by := own.superseded_by;
        IF report.error IS NOT NULL THEN
            report.error := @extschema@._rde_plain_error(report.id, report.sqlstate, report.error, report.foreign_error);
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_own_reports() IS
    'the reports of the caller''s accounts, with their totals and their next revisions, for views';

-- One branch or the other, each behind a filter that is looked at once.
--
-- A barrier must not be a UNION itself: the planner takes such a one apart, and
-- with it the barrier.
CREATE VIEW @extschema@._rde_visible_reports WITH (security_barrier) AS
SELECT r.*
FROM (SELECT o.*, NULL::jsonb AS totals, NULL::uuid AS superseded_by FROM @extschema@._rde_report o
      WHERE @extschema@._rde_sees_all(false)
      UNION ALL
      SELECT (o.report).*, o.totals, o.superseded_by FROM @extschema@._rde_own_reports() o
      WHERE NOT @extschema@._rde_sees_all(false)) r
WHERE r.expires_at > now() OR r.status = 'submitted';
COMMENT ON VIEW @extschema@._rde_visible_reports IS
    'the reports the caller may see, for the views that show some of their columns; granted to nobody';

-- Its error is as _rde_shown_error() shows it, which repeats its arguments and so is
-- nobody's to call: a function of a view is called with its reader's rights.
--
-- No barrier of its own, as it leaves no row out: so links and totals are made for
-- the rows of an ORDER BY with LIMIT only, not for all that are sorted.
CREATE VIEW @extschema@.rde_reports AS
SELECT r.id, r.name, r.dataset, r.view, r.format, r.type,
       @extschema@._rde_status(r.status, r.claim_pid, r.claim_start) AS status,
       r.reseller, r.generator, r.invoice,
       r.revision, r.supersedes, r.provisional, r.period_from, r.period_to, r.time_zone,
       r.submitted_at, r.published_at, r.expires_at, r.attempts, r.build_ms,
       r.row_count, r.content_bytes, r.file_bytes, encode(r.sha256, 'hex') AS sha256,
       CASE WHEN (SELECT @extschema@._rde_sees_all(false))
            THEN (SELECT jsonb_object_agg(t.currency, t.amount) FROM @extschema@._rde_report_total t
                  WHERE t.report = r.id AND t.amount IS NOT NULL)
            ELSE r.totals END AS totals,
       r.replaced_characters, r.text_numbers, r.file_name, r.media_type, r.sqlstate,
       CASE WHEN r.foreign_error AND NOT (SELECT @extschema@._rde_sees_all(true))
            THEN format(@extschema@._rde_reference(), r.id) ELSE r.error END AS error,
       r.store,
       CASE WHEN r.status = 'completed' THEN @extschema@._rde_report_link(r.id)
       END AS download_url,
       CASE WHEN (SELECT @extschema@._rde_sees_all(false))
            THEN (SELECT n.id FROM @extschema@._rde_report n WHERE n.supersedes = r.id AND n.status = 'completed')
            ELSE r.superseded_by END AS superseded_by,
       r.due_at, r.retry_at,
       @extschema@._rde_day_beginning(r.period_from, r.time_zone) AS first_day,
       @extschema@._rde_day_beginning(r.period_to, r.time_zone) - 1 AS last_day,
       CASE WHEN (SELECT @extschema@._rde_sees_all(false))
            THEN NOT EXISTS (SELECT FROM @extschema@._rde_report n WHERE n.supersedes = r.id AND n.status = 'completed')
            ELSE r.superseded_by IS NULL END AS is_newest
FROM @extschema@._rde_visible_reports r;
COMMENT ON VIEW @extschema@.rde_reports IS
    'every report that has not expired: request, status and manifest; superseded_by names the next revision';
COMMENT ON COLUMN @extschema@.rde_reports.id IS
    'the report''s id, which its functions take';
COMMENT ON COLUMN @extschema@.rde_reports.name IS
    'what it was called when it was asked for';
COMMENT ON COLUMN @extschema@.rde_reports.dataset IS
    'the data set it is about';
COMMENT ON COLUMN @extschema@.rde_reports.view IS
    'the report view that chose its columns';
COMMENT ON COLUMN @extschema@.rde_reports.format IS
    'csv, json, jsonl, xml or xlsx';
COMMENT ON COLUMN @extschema@.rde_reports.type IS
    'onetime, daily, weekly, monthly, quarterly or on_invoice';
COMMENT ON COLUMN @extschema@.rde_reports.status IS
    'submitted, processing, completed or error';
COMMENT ON COLUMN @extschema@.rde_reports.reseller IS
    'whose report it is; NULL is the provider''s';
COMMENT ON COLUMN @extschema@.rde_reports.generator IS
    'the generator that made it; NULL for one asked for by hand. It may have been dropped since';
COMMENT ON COLUMN @extschema@.rde_reports.invoice IS
    'the invoice it is about, for type on_invoice';
COMMENT ON COLUMN @extschema@.rde_reports.revision IS
    'counts from 1; the same report built again from later rows is the next one';
COMMENT ON COLUMN @extschema@.rde_reports.supersedes IS
    'the report whose next revision it is';
COMMENT ON COLUMN @extschema@.rde_reports.provisional IS
    'transactions that could still add rows to its period were running when it was built; a revision follows';
COMMENT ON COLUMN @extschema@.rde_reports.period_from IS
    'its rows changed at this instant or later';
COMMENT ON COLUMN @extschema@.rde_reports.period_to IS
    'and before this one';
COMMENT ON COLUMN @extschema@.rde_reports.time_zone IS
    'the zone its days and its times are in';
COMMENT ON COLUMN @extschema@.rde_reports.submitted_at IS
    'when it was asked for';
COMMENT ON COLUMN @extschema@.rde_reports.published_at IS
    'when it was completed';
COMMENT ON COLUMN @extschema@.rde_reports.expires_at IS
    'when it ceases to be there; infinity for one that is kept for good';
COMMENT ON COLUMN @extschema@.rde_reports.attempts IS
    'how often building it failed since it was submitted';
COMMENT ON COLUMN @extschema@.rde_reports.build_ms IS
    'how long building it took, in milliseconds';
COMMENT ON COLUMN @extschema@.rde_reports.row_count IS
    'rows in the file';
COMMENT ON COLUMN @extschema@.rde_reports.content_bytes IS
    'size of the content, before compression';
COMMENT ON COLUMN @extschema@.rde_reports.file_bytes IS
    'size of the file';
COMMENT ON COLUMN @extschema@.rde_reports.sha256 IS
    'SHA-256 of the file, in hex';
COMMENT ON COLUMN @extschema@.rde_reports.totals IS
    'sum of the amounts in the file per currency';
COMMENT ON COLUMN @extschema@.rde_reports.replaced_characters IS
    'characters the format cannot hold, which were replaced: by U+FFFD, or, in XLSX, carriage returns by line feeds';
COMMENT ON COLUMN @extschema@.rde_reports.text_numbers IS
    'numbers too long for the format, which were written as text';
COMMENT ON COLUMN @extschema@.rde_reports.file_name IS
    'the name of the file when it is downloaded';
COMMENT ON COLUMN @extschema@.rde_reports.media_type IS
    'the file''s media type';
COMMENT ON COLUMN @extschema@.rde_reports.sqlstate IS
    'SQLSTATE of the error it ended in';
COMMENT ON COLUMN @extschema@.rde_reports.error IS
    'why it could not be built; for resellers without what may be a row of others';
COMMENT ON COLUMN @extschema@.rde_reports.store IS
    'where the file is: local, or the store that has taken it';
COMMENT ON COLUMN @extschema@.rde_reports.download_url IS
    'a link that opens the file to whoever has it; NULL where the caller may not read it';
COMMENT ON COLUMN @extschema@.rde_reports.superseded_by IS
    'its next revision, once that is completed';
COMMENT ON COLUMN @extschema@.rde_reports.due_at IS
    'when it was due to be built';
COMMENT ON COLUMN @extschema@.rde_reports.retry_at IS
    'when it is tried again after an error; NULL when it is not';
COMMENT ON COLUMN @extschema@.rde_reports.first_day IS
    'the first day of its period, in its time zone; NULL for an invoice''s report, and where the period begins within a day';
COMMENT ON COLUMN @extschema@.rde_reports.last_day IS
    'the last day of its period, included; NULL for an invoice''s report, and where the period ends within a day';
COMMENT ON COLUMN @extschema@.rde_reports.is_newest IS
    'no later revision of it is completed: sum where it is true, so that no row counts twice';

CREATE FUNCTION @extschema@._rde_own_totals(
    OUT report uuid, OUT currency text, OUT rows bigint, OUT amount numeric, OUT is_newest boolean
) RETURNS SETOF record
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED ROWS 100
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    accounts CONSTANT bigint[] := @extschema@._rde_visible_accounts();
BEGIN
    RETURN QUERY
    SELECT t.report, t.currency, t.rows, t.amount,
           NOT EXISTS (SELECT FROM @extschema@._rde_report n WHERE n.supersedes = r.id AND n.status = 'completed')
    FROM @extschema@._rde_report r JOIN @extschema@._rde_report_total t ON t.report = r.id
    WHERE r.reseller = ANY (accounts) AND (r.expires_at > now() OR r.status = 'submitted');
END
$$;
COMMENT ON FUNCTION @extschema@._rde_own_totals() IS
    'the totals of the reports of the caller''s accounts, for views';

CREATE VIEW @extschema@.rde_report_totals WITH (security_barrier) AS
SELECT a.report, a.currency, a.rows, a.amount, a.is_newest
FROM (SELECT t.report, t.currency, t.rows, t.amount,
             NOT EXISTS (SELECT FROM @extschema@._rde_report n WHERE n.supersedes = r.id AND n.status = 'completed') AS is_newest
      FROM @extschema@._rde_report_total t JOIN @extschema@._rde_report r ON r.id = t.report
      WHERE @extschema@._rde_sees_all(false) AND (r.expires_at > now() OR r.status = 'submitted')
      UNION ALL
      SELECT t.report, t.currency, t.rows, t.amount, t.is_newest FROM @extschema@._rde_own_totals() t
      WHERE NOT @extschema@._rde_sees_all(false)) a;
COMMENT ON VIEW @extschema@.rde_report_totals IS
    'rows and sum of amounts per currency of every report; the currency '''' stands for none';
COMMENT ON COLUMN @extschema@.rde_report_totals.report IS
    'the report';
COMMENT ON COLUMN @extschema@.rde_report_totals.currency IS
    'the currency; the empty string stands for none';
COMMENT ON COLUMN @extschema@.rde_report_totals.rows IS
    'rows in the file with this currency';
COMMENT ON COLUMN @extschema@.rde_report_totals.amount IS
    'the sum of their amounts; NULL without an amount column';
COMMENT ON COLUMN @extschema@.rde_report_totals.is_newest IS
    'no later revision of the report is completed: sum where it is true, so that no row counts twice';

CREATE FUNCTION @extschema@._rde_builds(
    OUT pid integer, OUT report uuid, OUT relation oid, OUT row_count bigint, OUT content_bytes bigint,
    OUT estimated_rows bigint
) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- A build says whose it is in the last two counters of its COPY progress, and how
    -- many rows the planner expects in the one before.
    SELECT p.pid, (lpad(to_hex(p.param19), 16, '0') || lpad(to_hex(p.param20), 16, '0'))::uuid, p.relid, p.param3, p.param1,
           nullif(p.param18, 0)
    FROM pg_stat_get_progress_info('COPY') p
    WHERE p.datid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      AND p.param19 <> 0;
END;
COMMENT ON FUNCTION @extschema@._rde_builds() IS
    'the builds running now in this database';

CREATE FUNCTION @extschema@._rde_progress(
    OUT pid integer, OUT report uuid, OUT dataset text, OUT name text, OUT format text, OUT reseller bigint,
    OUT row_count bigint, OUT content_bytes bigint, OUT estimated_rows bigint
) RETURNS SETOF record
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    everybody CONSTANT boolean := @extschema@._rde_sees_all(false);
    accounts CONSTANT bigint[] := @extschema@._rde_visible_accounts();
BEGIN
    RETURN QUERY
    SELECT b.pid, b.report,
           coalesce(r.dataset, (SELECT string_agg(s.dataset, ', ' ORDER BY s.dataset)
                                FROM @extschema@._rde_source s WHERE s.relation = b.relation)),
           r.name, r.format, r.reseller, b.row_count, b.content_bytes, b.estimated_rows
    FROM @extschema@._rde_builds() b
    LEFT JOIN @extschema@._rde_report r ON r.id = b.report
    WHERE everybody OR r.reseller = ANY (accounts);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_progress() IS
    'the rows of rde_progress: the builds running now in this database, of whatever user, as far as the caller may see their reports';

CREATE VIEW @extschema@.rde_progress WITH (security_barrier) AS
SELECT p.pid, p.report, p.dataset, p.name, p.format, p.reseller, p.row_count, p.content_bytes, a.query_start AS started_at,
       p.estimated_rows
FROM @extschema@._rde_progress() p
LEFT JOIN pg_stat_activity a ON a.pid = p.pid;
COMMENT ON VIEW @extschema@.rde_progress IS
    'the builds running now: rows and bytes written so far; name and format are NULL while the report''s row is not committed';
COMMENT ON COLUMN @extschema@.rde_progress.pid IS
    'the server process that builds';
COMMENT ON COLUMN @extschema@.rde_progress.report IS
    'the report it builds';
COMMENT ON COLUMN @extschema@.rde_progress.dataset IS
    'the data set; where the report''s row is not committed, all that are attached to the relation';
COMMENT ON COLUMN @extschema@.rde_progress.name IS
    'the report''s name';
COMMENT ON COLUMN @extschema@.rde_progress.format IS
    'the report''s format';
COMMENT ON COLUMN @extschema@.rde_progress.reseller IS
    'whose report it is';
COMMENT ON COLUMN @extschema@.rde_progress.row_count IS
    'rows written so far';
COMMENT ON COLUMN @extschema@.rde_progress.content_bytes IS
    'bytes written so far, before compression';
COMMENT ON COLUMN @extschema@.rde_progress.started_at IS
    'when the statement that builds it began';
COMMENT ON COLUMN @extschema@.rde_progress.estimated_rows IS
    'how many rows the planner expects in all; it may be wrong';

CREATE VIEW @extschema@._rde_failed_reports WITH (security_barrier) AS
SELECT r.id, r.generator, r.sqlstate, r.error, r.failed_at, r.foreign_error
FROM @extschema@._rde_report r
WHERE r.status = 'error' AND r.retry_at IS NULL AND r.expires_at > now()
  -- neither cancelled by hand, nor a revision that another one has replaced
  AND r.sqlstate IS DISTINCT FROM '57014'
  AND NOT EXISTS (SELECT FROM @extschema@._rde_report n WHERE n.supersedes = r.supersedes AND n.status <> 'error');
COMMENT ON VIEW @extschema@._rde_failed_reports IS
    'reports that ended in error and that nobody has done anything about';

---------------------------------------------------------------------------
-- Generators: create, alter, drop, run
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_find_generator(generator uuid) RETURNS @extschema@._rde_generator
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_generator @extschema@._rde_generator;
BEGIN
    IF generator IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'generator must not be null';
    END IF;
    SELECT g.* INTO found_generator FROM @extschema@._rde_generator g WHERE g.id = _rde_find_generator.generator
      AND (@extschema@._rde_sees_all(true) OR g.reseller = ANY (@extschema@._rde_visible_accounts()));
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('generator %s does not exist', generator),
            HINT = 'The view rde_generators lists the generators there are.';
    END IF;
    RETURN found_generator;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_find_generator(uuid) IS
    'a generator''s row; raises 22004 or 42704';

CREATE FUNCTION @extschema@._rde_check_schedule(
    event text, week_day integer, month_start integer, month_day integer, run_at time, start date, catch_up text,
    retention interval
) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    pointless CONSTANT text := CASE
        WHEN week_day IS NOT NULL AND event <> 'weekly' THEN 'week_day'
        WHEN month_start IS NOT NULL AND event <> 'monthly' THEN 'month_start'
        WHEN month_day IS NOT NULL AND event NOT IN ('monthly', 'quarterly') THEN 'month_day'
        WHEN event NOT IN ('on_invoice', 'manual') THEN NULL
        WHEN run_at IS NOT NULL THEN 'run_at'
        WHEN start IS NOT NULL THEN 'start'
        WHEN catch_up IS NOT NULL THEN 'catch_up'
    END;
BEGIN
    IF pointless IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            COLUMN = pointless,
            MESSAGE = format('%s means nothing to a generator whose event is "%s"', pointless, event),
            HINT = CASE pointless
                WHEN 'week_day' THEN 'It is the day that the weeks of a weekly generator begin.'
                WHEN 'month_start' THEN 'It is the day that the months of a monthly generator begin.'
                WHEN 'month_day' THEN 'Monthly and quarterly generators have a day to run on.'
                ELSE 'Daily, weekly, monthly and quarterly generators have a calendar.' END;
    END IF;
    IF week_day NOT BETWEEN 1 AND 7 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'week_day', MESSAGE = format('week_day must be between 1 and 7, not %s', week_day),
            HINT = 'Days are numbered from Monday, 1, to Sunday, 7.';
    END IF;
    IF month_start NOT BETWEEN 1 AND 28 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'month_start', MESSAGE = format('month_start must be between 1 and 28, not %s', month_start),
            HINT = 'Every month has these days.';
    END IF;
    IF month_day NOT BETWEEN 1 AND 31 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'month_day', MESSAGE = format('month_day must be between 1 and 31, not %s', month_day),
            HINT = 'In a month that has no such day its last one counts.';
    END IF;
    IF NOT isfinite(start) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'start', MESSAGE = 'start must be a finite date',
            HINT = 'It is the first day that a report covers.';
    END IF;
    IF catch_up NOT IN ('all', 'none') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'catch_up', MESSAGE = format('catch_up "%s" is not supported', catch_up),
            HINT = 'Use all to make every report that was missed, or none to make the latest of them only.';
    END IF;
    IF retention > interval '1000 years' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'retention', MESSAGE = 'retention must be 1000 years at most';
    END IF;
    IF retention > interval '10 years' AND NOT @extschema@._rde_sees_all(true) THEN
        RAISE EXCEPTION USING ERRCODE = 'configuration_limit_exceeded',
            COLUMN = 'retention', MESSAGE = 'reports of an account are kept for 10 years at most',
            HINT = 'Ask the provider to keep a report for longer.';
    END IF;
    IF retention <= interval '0' OR now() + retention <= now() THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'retention', MESSAGE = 'retention must be longer than nothing',
            HINT = 'It says for how long reports are stored: interval ''2 years''.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_schedule(text, integer, integer, integer, time, date, text, interval) IS
    'raise 22023 for what is not a schedule, or means nothing to the event; NULL is what was not said';

CREATE FUNCTION @extschema@._rde_attached_source(dataset text) RETURNS @extschema@._rde_source
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source @extschema@._rde_source;
BEGIN
    SELECT s.* INTO source FROM @extschema@._rde_source s WHERE s.dataset = _rde_attached_source.dataset;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            COLUMN = 'dataset', MESSAGE = format('data set "%s" is not attached', dataset),
            HINT = format('Say where its rows are with rde_attach(''%s'', ...).', dataset);
    END IF;
    RETURN source;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_attached_source(text) IS
    'a data set''s source; raises 55000 if it has none';

CREATE FUNCTION @extschema@._rde_generator_source(dataset text, event text) RETURNS @extschema@._rde_source
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source @extschema@._rde_source;
BEGIN
    PERFORM @extschema@._rde_hold_dataset(dataset);
    source := @extschema@._rde_attached_source(dataset);
    IF event = 'on_invoice' AND source.invoice_column IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            COLUMN = 'event', MESSAGE = format('data set "%s" has no invoice column', dataset),
            HINT = format('Name the column that says which invoice a row is on: rde_attach(''%s'', ..., invoice => ''invoice_id'').',
                          dataset);
    END IF;
    RETURN source;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_generator_source(text, text) IS
    'the source a new generator of that event will read, of a data set that is held; raises 42704 or 55000';

CREATE FUNCTION @extschema@._rde_begin_calendar(created @extschema@._rde_generator, windows boolean)
    RETURNS @extschema@._rde_generator
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    today CONSTANT date := (now() AT TIME ZONE created.time_zone)::date;
BEGIN
    created.start := coalesce(created.start, today);
    IF created.event IN ('on_invoice', 'manual') THEN
        RETURN created;
    END IF;
    IF windows AND created.start < today THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'start', MESSAGE = format('generator "%s" cannot start before today', created.name),
            DETAIL = format('Data set "%s" has a change column, so changes are counted from the generator''s creation on.',
                            created.dataset),
            HINT = 'Make the reports of earlier days with rde_run_generator().';
    END IF;
    created.start := @extschema@._rde_period_day(created.event, created.start, created.week_day, created.month_start);
    created.next_from := @extschema@._rde_day_start(created.start, created.time_zone);
    SELECT n.period_to, n.run INTO created.next_to, created.next_run_at
    FROM @extschema@._rde_next_period(created.event, created.next_from, created.time_zone, created.week_day,
                                      created.month_start, created.month_day, created.run_at) n;
    RETURN created;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_begin_calendar(@extschema@._rde_generator, boolean) IS
    'a new generator with its first period, if its event has a calendar; windows: of a data set with a change column. Raises 22023';

CREATE FUNCTION @extschema@._rde_store_generator(created @extschema@._rde_generator, windows boolean) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_id uuid;
BEGIN
    BEGIN
        INSERT INTO @extschema@._rde_generator
            (name, dataset, view, formats, event, reseller, time_zone, week_day, month_start, month_day, run_at, start,
             catch_up, retention, options, next_from, next_to, next_run_at, made_by, locked)
        VALUES (created.name, created.dataset, created.view, created.formats, created.event, created.reseller,
                created.time_zone, created.week_day, created.month_start, created.month_day, created.run_at, created.start,
                created.catch_up, created.retention, created.options, created.next_from, created.next_to,
                created.next_run_at, created.made_by, created.locked)
        RETURNING id INTO new_id;
    EXCEPTION WHEN unique_violation THEN
        PERFORM @extschema@._rde_generator_exists(created.name, created.reseller);
    END;
    IF created.next_run_at IS NOT NULL AND windows THEN
        INSERT INTO @extschema@._rde_generator_snapshot (generator, format, snapshot, system_identifier)
        SELECT new_id, f.format, s.snapshot, c.system_identifier
        FROM unnest(created.formats) f(format), @extschema@._rde_snapshot_now() s(snapshot), pg_control_system() c;
    END IF;
    RETURN new_id;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_store_generator(@extschema@._rde_generator, boolean) IS
    'store a new generator and, of a data set with a change column, where its windows begin; returns its id, raises 42710';

CREATE FUNCTION @extschema@.rde_create_generator(
    dataset   text,
    name      text,
    formats   text[],
    event     text,
    view      text DEFAULT NULL,
    reseller  bigint DEFAULT NULL,
    time_zone text DEFAULT NULL,
    month_day integer DEFAULT NULL,
    run_at    time DEFAULT '00:00',
    start     date DEFAULT NULL,
    catch_up  text DEFAULT 'all',
    retention interval DEFAULT NULL,
    options   jsonb DEFAULT '{}',
    week_day  integer DEFAULT 1,
    month_start integer DEFAULT 1,
    locked    boolean DEFAULT NULL
) RETURNS uuid
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source @extschema@._rde_source;
    created @extschema@._rde_generator;
BEGIN
    reseller := @extschema@._rde_own_reseller(reseller);
    PERFORM @extschema@._rde_check_name('a generator', name);
    IF event IS NULL OR week_day IS NULL OR month_start IS NULL OR run_at IS NULL OR catch_up IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'event, week_day, month_start, run_at and catch_up must not be null';
    END IF;
    IF event NOT IN ('daily', 'weekly', 'monthly', 'quarterly', 'on_invoice', 'manual') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'event', MESSAGE = pg_catalog.format('generator event "%s" is not supported', event),
            HINT = 'Use daily, weekly, monthly, quarterly, on_invoice or manual.';
    END IF;
    IF start < current_date - 90 AND NOT @extschema@._rde_sees_all(true) THEN
        RAISE EXCEPTION USING ERRCODE = 'configuration_limit_exceeded',
            COLUMN = 'start', MESSAGE = 'a generator may start 90 days ago at most',
            HINT = 'Ask for reports of earlier days with rde_export() or rde_run_generator().';
    END IF;
    PERFORM @extschema@._rde_check_count(reseller, 'generators'::text);
    created.formats := @extschema@._rde_formats(formats, options);
    PERFORM @extschema@._rde_check_schedule(event, nullif(week_day, 1), nullif(month_start, 1), nullif(month_day, 1),
                                            nullif(run_at, '00:00'), start, nullif(catch_up, 'all'), retention);
    source := @extschema@._rde_generator_source(dataset, event);
    PERFORM @extschema@._rde_check_view(dataset, @extschema@._rde_choose_view(dataset, view, reseller), reseller);
    PERFORM @extschema@._rde_scope_resellers(reseller, options ->> 'scope');

    created.name := name;
    created.dataset := dataset;
    created.view := view;
    created.event := event;
    created.reseller := reseller;
    created.time_zone := @extschema@._rde_zone(
        coalesce(time_zone, (SELECT a.time_zone FROM @extschema@._rde_account a WHERE a.id = reseller)));
    created.week_day := week_day;
    created.month_start := month_start;
    created.month_day := coalesce(month_day, month_start);
    created.run_at := run_at;
    created.start := start;
    created.catch_up := catch_up;
    created.retention := retention;
    created.options := options;
    created.made_by := @extschema@._rde_own_reseller(NULL::bigint);
    created.locked := @extschema@._rde_new_lock(reseller, locked, NULL::boolean);
    created := @extschema@._rde_begin_calendar(created, source.change_column IS NOT NULL);
    RETURN @extschema@._rde_store_generator(created, source.change_column IS NOT NULL);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_create_generator(text, text, text[], text, text, bigint, text, integer, time, date, text, interval, jsonb, integer, integer, boolean) IS
    'make reports from now on, in one or several formats, at an event: each day, week, month or quarter, for each invoice, or by hand; weeks begin on week_day, months on month_start; months and quarters are reported on month_day, by default the day they end; start is the first day covered, catch_up none skips all missed periods but the latest, retention says for how long reports are stored. Whoever makes it for an account below lets that account alter it with locked false. Names are unique per reseller. Raises 22023, 42602, 42704, 42703 and 42804 (the view does not fit the source), 42710, 55000';

CREATE FUNCTION @extschema@._rde_generator_exists(name text, reseller bigint) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
        COLUMN = 'name', MESSAGE = format('generator "%s" of %s already exists', name, coalesce('reseller ' || reseller, 'the provider')),
        HINT = 'Change it with rde_alter_generator(), or choose another name.';
END
$$;
COMMENT ON FUNCTION @extschema@._rde_generator_exists(text, bigint) IS
    'raise 42710';

CREATE FUNCTION @extschema@.rde_alter_generator(
    generator uuid,
    name      text DEFAULT NULL,
    formats   text[] DEFAULT NULL,
    view      text DEFAULT NULL,
    time_zone text DEFAULT NULL,
    month_day integer DEFAULT NULL,
    run_at    time DEFAULT NULL,
    catch_up  text DEFAULT NULL,
    retention interval DEFAULT NULL,
    options   jsonb DEFAULT NULL,
    enabled   boolean DEFAULT NULL,
    clear     text[] DEFAULT '{}',
    week_day  integer DEFAULT NULL,
    month_start integer DEFAULT NULL,
    locked    boolean DEFAULT NULL
) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller CONSTANT oid := (@extschema@._rde_callers())[1];
    altered @extschema@._rde_generator;
    before text[];
BEGIN
    PERFORM @extschema@._rde_find_generator(generator);
    SELECT g.* INTO altered FROM @extschema@._rde_generator g WHERE g.id = rde_alter_generator.generator FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM @extschema@._rde_find_generator(generator);
    END IF;
    PERFORM @extschema@._rde_check_lock(pg_catalog.format('generator "%s"', altered.name), altered.reseller, altered.locked);
    altered.locked := @extschema@._rde_new_lock(altered.reseller, locked, altered.locked);
    PERFORM @extschema@._rde_check_clear(clear, '{view,retention}'::text[], ARRAY[
        CASE WHEN view IS NOT NULL THEN 'view' END,
        CASE WHEN retention IS NOT NULL THEN 'retention' END]);
    PERFORM @extschema@._rde_check_schedule(altered.event, week_day, month_start, month_day, run_at, NULL::date, catch_up,
                                            retention);
    before := altered.formats;

    IF name IS NOT NULL THEN
        PERFORM @extschema@._rde_check_name('a generator', name);
        altered.name := name;
    END IF;
    altered.options := coalesce(options, altered.options);
    altered.formats := @extschema@._rde_formats(coalesce(formats, altered.formats), altered.options);
    IF options IS NOT NULL THEN
        PERFORM @extschema@._rde_scope_resellers(altered.reseller, options ->> 'scope');
    END IF;
    IF view IS NOT NULL THEN
        altered.view := @extschema@._rde_choose_view(altered.dataset, view, altered.reseller);
        PERFORM @extschema@._rde_check_view(altered.dataset, altered.view, altered.reseller);
    ELSIF 'view' = ANY (clear) THEN
        altered.view := NULL;
    END IF;
    altered.retention := CASE WHEN NOT 'retention' = ANY (clear) THEN coalesce(retention, altered.retention) END;
    altered.catch_up := coalesce(catch_up, altered.catch_up);
    IF time_zone IS NOT NULL THEN
        altered.time_zone := @extschema@._rde_zone(time_zone);
    END IF;
    -- One that runs on the day its months end goes on doing so.
    altered.month_day := coalesce(month_day, CASE WHEN altered.month_day = altered.month_start THEN month_start END,
                                  altered.month_day);
    altered.month_start := coalesce(month_start, altered.month_start);
    altered.week_day := coalesce(week_day, altered.week_day);
    altered.run_at := coalesce(run_at, altered.run_at);
    -- The next period begins where the last one ended, whatever the calendar is now.
    IF altered.next_run_at IS NOT NULL THEN
        SELECT n.period_to, n.run INTO altered.next_to, altered.next_run_at
        FROM @extschema@._rde_next_period(altered.event, altered.next_from, altered.time_zone, altered.week_day,
                                          altered.month_start, altered.month_day, altered.run_at) n;
    END IF;
    IF enabled THEN
        altered.disabled_reason := NULL;
        altered.enabled_at := clock_timestamp();
    ELSIF NOT enabled AND altered.enabled THEN
        altered.disabled_reason := pg_catalog.format('disabled by %s', pg_get_userbyid(caller));
    END IF;
    IF enabled IS NOT NULL AND (enabled OR altered.enabled) THEN
        altered.foreign_reason := false;
    END IF;
    altered.enabled := coalesce(enabled, altered.enabled);

    BEGIN
        UPDATE @extschema@._rde_generator g
        SET name = altered.name, formats = altered.formats, view = altered.view, time_zone = altered.time_zone,
            week_day = altered.week_day, month_start = altered.month_start, month_day = altered.month_day, run_at = altered.run_at, catch_up = altered.catch_up, retention = altered.retention,
            options = altered.options, enabled = altered.enabled, enabled_at = altered.enabled_at,
            disabled_reason = altered.disabled_reason, foreign_reason = altered.foreign_reason, locked = altered.locked, next_to = altered.next_to, next_run_at = altered.next_run_at
        WHERE g.id = rde_alter_generator.generator;
    EXCEPTION WHEN unique_violation THEN
        PERFORM @extschema@._rde_generator_exists(name, altered.reseller);
    END;
    PERFORM @extschema@._rde_move_snapshots(generator, before, altered.formats);
    IF enabled THEN
        PERFORM @extschema@._rde_retry_generator(generator);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_alter_generator(uuid, text, text[], text, text, integer, time, text, interval, jsonb, boolean, text[], integer, integer, boolean) IS
    'change a generator; what is NULL stays as it is, clear names what is to be taken away: view, retention; enabled => true submits its reports that ended in error again. month_day follows month_start where it is the same. Raises 22023, 42602, 42704, 42703 and 42804 (the view does not fit the source), 42710, 55000';

CREATE FUNCTION @extschema@._rde_retry_generator(generator uuid) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- a revision that another one has taken the place of stays in error
    SELECT @extschema@._rde_resubmit(ARRAY(
        SELECT r.id FROM @extschema@._rde_report r
        WHERE r.generator = $1 AND r.status = 'error' AND r.retry_at IS NULL
          AND NOT EXISTS (SELECT FROM @extschema@._rde_report n
                          WHERE n.supersedes = r.supersedes AND n.id <> r.id
                            AND (n.status <> 'error' OR (n.submitted_at, n.id) > (r.submitted_at, r.id)))));
END;
COMMENT ON FUNCTION @extschema@._rde_retry_generator(uuid) IS
    'submit the reports of a generator that ended in error again, with no attempts counted';

CREATE FUNCTION @extschema@.rde_drop_generator(generator uuid) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    dropped CONSTANT @extschema@._rde_generator := @extschema@._rde_find_generator(generator);
BEGIN
    PERFORM @extschema@._rde_check_lock(format('generator "%s"', dropped.name), dropped.reseller, dropped.locked);
    -- Reports first: whoever builds one holds it, and may want the generator
    -- next.  What a worker submitted in between goes afterwards.
    DELETE FROM @extschema@._rde_report r
    WHERE r.generator = rde_drop_generator.generator AND r.status <> 'completed';
    DELETE FROM @extschema@._rde_generator g WHERE g.id = rde_drop_generator.generator;
    DELETE FROM @extschema@._rde_report r
    WHERE r.generator = rde_drop_generator.generator AND r.status <> 'completed';
END
$$;
COMMENT ON FUNCTION @extschema@.rde_drop_generator(uuid) IS
    'drop a generator and what it has not completed yet; its completed reports stay. Raises 42704';

CREATE FUNCTION @extschema@.rde_run_generator(generator uuid, first_day date, last_day date) RETURNS SETOF uuid
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE ROWS 4
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    run @extschema@._rde_generator;
BEGIN
    PERFORM @extschema@._rde_require_primary();
    run := @extschema@._rde_find_generator(generator);
    PERFORM @extschema@._rde_check_days(first_day, last_day);
    PERFORM @extschema@._rde_attached_source(run.dataset);
    PERFORM @extschema@._rde_choose_view(run.dataset, run.view, run.reseller);
    IF NOT @extschema@._rde_sees_all(true) THEN
        PERFORM @extschema@._rde_check_quota(run.reseller, @extschema@._rde_day_start(first_day, run.time_zone),
                                             @extschema@._rde_day_start(last_day + 1, run.time_zone), cardinality(run.formats));
    END IF;
    RETURN QUERY
    SELECT @extschema@._rde_submit_passes(
        ARRAY[run.id], ARRAY[@extschema@._rde_day_start(first_day, run.time_zone)],
        ARRAY[@extschema@._rde_day_start(last_day + 1, run.time_zone)], NULL::timestamptz[],
        NULL::text[], NULL::bigint[], 'onetime'::text);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_run_generator(uuid, date, date) IS
    'submit reports of a generator for the days first_day .. last_day (inclusive, in its time zone), of type onetime, one per format; rde_run_due or rde_build() makes them. Raises 22008, 22023, 42704';

---------------------------------------------------------------------------
-- Snapshot windows
---------------------------------------------------------------------------

-- The library is not needed to write to a table that is stamped.
CREATE FUNCTION @extschema@.rde_stamp() RETURNS trigger
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_WHEN <> 'BEFORE' OR TG_LEVEL <> 'ROW' OR TG_OP NOT IN ('INSERT', 'UPDATE') OR TG_NARGS <> 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'trigger_protocol_violated',
            MESSAGE = 'rde_stamp() must be called by a trigger before each row inserted or updated, with the change column''s name',
            HINT = format('CREATE TRIGGER %I BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION @extschema@.rde_stamp(''change'');',
                          TG_NAME, TG_RELID::regclass);
    END IF;
    RETURN jsonb_populate_record(NEW, jsonb_build_object(TG_ARGV[0], pg_current_xact_id()::text));
END
$$;
COMMENT ON FUNCTION @extschema@.rde_stamp() IS
    'trigger function: writes the id of the transaction into the xid8 column it is given the name of. Raises 39P01';

CREATE FUNCTION @extschema@._rde_is_stamped(relation regclass, change name) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (
        SELECT FROM pg_trigger t
        WHERE t.tgrelid = relation AND t.tgenabled IN ('O', 'A')
          AND t.tgfoid = '@extschema@.rde_stamp()'::regprocedure
          AND t.tgargs = convert_to(change::text, getdatabaseencoding()) || '\x00'::bytea);
END;
COMMENT ON FUNCTION @extschema@._rde_is_stamped(regclass, name) IS
    'has a table a trigger that stamps this column?';

CREATE FUNCTION @extschema@._rde_from_elsewhere(source regclass) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_what text;
BEGIN
    WITH RECURSIVE seen(relation) AS (
        SELECT source::oid
        UNION
        SELECT next.relation
        FROM seen CROSS JOIN LATERAL (
            SELECT i.inhrelid AS relation FROM pg_inherits i WHERE i.inhparent = seen.relation
            UNION ALL
            SELECT d.refobjid FROM pg_rewrite w
            JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> seen.relation
            WHERE w.ev_class = seen.relation AND w.rulename = '_RETURN') next)
    SELECT CASE WHEN c.relkind = 'f' THEN format('the rows of foreign table "%s"', c.relname)
                ELSE format('the rows of table "%s", which is replicated,', c.relname) END INTO found_what
    FROM seen s JOIN pg_class c ON c.oid = s.relation
    WHERE c.relkind = 'f' OR EXISTS (SELECT FROM pg_subscription_rel r WHERE r.srrelid = c.oid)
    ORDER BY c.relkind <> 'f', c.relname LIMIT 1;
    RETURN found_what;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_from_elsewhere(regclass) IS
    'which rows that a relation shows, through views, partitions and children, come from another cluster, as a subject of a sentence; NULL if none do';

CREATE FUNCTION @extschema@._rde_check_change_source(source regclass, change name, elsewhere text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_class pg_class;
BEGIN
    IF elsewhere IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
            MESSAGE = format('%s cannot have a change column: %s carry transaction ids of another cluster', source, elsewhere),
            HINT = 'Attach it without one: its periods are then those of the period column.';
    END IF;
    SELECT c.* INTO found_class FROM pg_class c WHERE c.oid = source AND c.relkind IN ('r', 'p');
    IF FOUND AND NOT @extschema@._rde_is_stamped(source, change) THEN
        RAISE WARNING USING
            MESSAGE = format('no trigger stamps column "%s" of %s', change, source),
            DETAIL = 'Only rows whose change column holds the id of the transaction that wrote them are reported.',
            HINT = format('CREATE TRIGGER rde_stamp BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION @extschema@.rde_stamp(%L);',
                          source, change);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_change_source(regclass, name, text) IS
    'raise 42809 for a source whose rows, as _rde_from_elsewhere() says, come from another cluster, and warn if nothing stamps it';

-- The transaction that creates a generator may write rows afterwards, which its
-- own snapshots count as seen: here it is still running.
CREATE FUNCTION @extschema@._rde_snapshot_now() RETURNS pg_snapshot
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT format('%s:%s:%s', least(pg_snapshot_xmin(s.snapshot), s.own), pg_snapshot_xmax(s.snapshot),
                  (SELECT string_agg(r.xid::text, ',' ORDER BY r.xid)
                   FROM (SELECT x.xid FROM pg_snapshot_xip(s.snapshot) x(xid)
                         UNION SELECT s.own WHERE s.own < pg_snapshot_xmax(s.snapshot)) r))::pg_snapshot
    FROM (SELECT pg_current_xact_id() AS own, pg_current_snapshot() AS snapshot) s;
END;
COMMENT ON FUNCTION @extschema@._rde_snapshot_now() IS
    'which transactions have committed, this one not being among them';

CREATE FUNCTION @extschema@._rde_move_snapshots(generator uuid, before text[], formats text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    latest @extschema@._rde_generator_snapshot;
BEGIN
    -- An added format goes on where another one is: from there its reports lack
    -- nothing that the other's next one has.  Locked, so that a build that is
    -- about to move it on has ended.
    SELECT s.* INTO latest FROM @extschema@._rde_generator_snapshot s
    WHERE s.generator = _rde_move_snapshots.generator
    ORDER BY s.format = ANY (formats) DESC, s.taken_at DESC, s.format LIMIT 1 FOR SHARE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO @extschema@._rde_generator_snapshot (generator, format, snapshot, system_identifier, taken_at)
    SELECT latest.generator, f.format, latest.snapshot, latest.system_identifier, latest.taken_at
    FROM unnest(formats) f(format) WHERE NOT f.format = ANY (before);

    -- What has no snapshot any more cannot be built; one being built now can.
    DELETE FROM @extschema@._rde_report r
    WHERE r.id IN (SELECT u.id FROM @extschema@._rde_report u
                   WHERE u.generator = _rde_move_snapshots.generator AND u.snapshot_window
                     AND u.status <> 'completed' AND NOT u.format = ANY (formats)
                   FOR UPDATE SKIP LOCKED);
    DELETE FROM @extschema@._rde_generator_snapshot s
    WHERE s.generator = _rde_move_snapshots.generator AND NOT s.format = ANY (formats);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_move_snapshots(uuid, text[], text[]) IS
    'the ends of snapshot windows after a generator''s formats have changed';

CREATE FUNCTION @extschema@.rde_rebaseline_generator(generator uuid, keep_window boolean DEFAULT false) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_rebaseline_generator';
COMMENT ON FUNCTION @extschema@.rde_rebaseline_generator(uuid, boolean) IS
    'let a generator''s next snapshot window begin now, as after a restore into another cluster; keep_window, after pg_upgrade, goes on where the last one ended. Raises 22004, 42704, 55000';

---------------------------------------------------------------------------
-- Tables of invoices: watch, unwatch
---------------------------------------------------------------------------

-- A watched table gets a trigger function of its own: a statement that names its
-- columns is planned once per session, where one put together at run time costs
-- billing more to plan than to run.  It runs in billing's transactions with the
-- rights of the extension's owner, so
--   * it does what core can do and nothing else: the library may be gone;
--   * values become text by concat(), which calls the output functions of types
--     and no casts: anybody may write a cast, only superusers an output function;
--   * every function, operator and type is written with its schema, for pinning
--     the path costs as much time as all the rest;
--   * it matches nothing and wakes nobody;
--   * whatever can fail is tried first, in a block where that is a warning, and
--     billing's statement goes on: planning the INSERT, locking what it inserts into,
--     and what takes memory or temporary files. That block inserts nothing: a
--     subtransaction that does gets an id, and a transaction with more than 64 of
--     them makes everybody's snapshots dear.
CREATE FUNCTION @extschema@._rde_recorder_body(
    relation regclass, datasets text[], reseller name, invoice name, when_column name, when_value text
) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    invoices CONSTANT text := 'SELECT d.dataset, ' || @extschema@._rde_recorded_text(relation, reseller)
        || ', ' || @extschema@._rde_recorded_text(relation, invoice);
    filter CONSTANT text := 'WHERE ' || coalesce(
        @extschema@._rde_recorded_text(relation, when_column) || ' OPERATOR(pg_catalog.=) ' || quote_literal(when_value), 'true');
    names CONSTANT text := (SELECT string_agg(format('(%L::pg_catalog.text)', n.name), ', ' ORDER BY n.name)
                            FROM unnest(datasets) n(name));
BEGIN
    RETURN format($body$
DECLARE
    datasets pg_catalog.text[];
    resellers pg_catalog.text[];
    invoices pg_catalog.text[];
BEGIN
    BEGIN
        IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN
            INSERT INTO @extschema@._rde_invoice_event (dataset, reseller, invoice)
            %1$s FROM new_rows r, (VALUES %3$s) d(dataset) %2$s AND false;
        ELSE
            SELECT pg_catalog.array_agg(e.dataset), pg_catalog.array_agg(e.reseller), pg_catalog.array_agg(e.invoice)
            INTO datasets, resellers, invoices
            FROM (%1$s FROM new_rows r, (VALUES %3$s) d(dataset) %2$s
                  EXCEPT %1$s FROM old_rows r, (VALUES %3$s) d(dataset) %2$s) e(dataset, reseller, invoice);
            INSERT INTO @extschema@._rde_invoice_event (dataset, reseller, invoice) SELECT NULL, NULL, NULL WHERE false;
        END IF;
        IF (SELECT c.relchecks OPERATOR(pg_catalog.>) 0 OR c.relhasindex FROM pg_catalog.pg_class c
            WHERE c.oid OPERATOR(pg_catalog.=) '@extschema@._rde_invoice_event'::pg_catalog.regclass) THEN
            RAISE EXCEPTION 'somebody gave @extschema@._rde_invoice_event a constraint or an index';
        END IF;
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING USING ERRCODE = SQLSTATE,
            MESSAGE = pg_catalog.format('invoices of %%s could not be recorded for their reports: %%s',
                                        TG_RELID::pg_catalog.regclass, SQLERRM),
            DETAIL = 'The statement goes on. The daily sweep or rde_sweep_invoices() submits their reports.',
            HINT = 'If the table was altered, watch it again with rde_watch_invoices().';
        RETURN NULL;
    END;
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN
        INSERT INTO @extschema@._rde_invoice_event (dataset, reseller, invoice)
        %1$s FROM new_rows r, (VALUES %3$s) d(dataset) %2$s;
    ELSE
        INSERT INTO @extschema@._rde_invoice_event (dataset, reseller, invoice)
        SELECT pg_catalog.unnest(datasets), pg_catalog.unnest(resellers), pg_catalog.unnest(invoices);
    END IF;
    RETURN NULL;
END
$body$, invoices, filter, names);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_recorder_body(regclass, text[], name, name, name, text) IS
    'the body of a watched table''s trigger function, which records the invoices a statement made';

CREATE FUNCTION @extschema@._rde_recorded_text(relation regclass, column_name name) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- char(n) without its padding, as a cast to text would be
    SELECT CASE WHEN @extschema@._rde_base_type(a.atttypid) = 'bpchar'::regtype
                THEN format('pg_catalog.rtrim(pg_catalog.concat(r.%I))', a.attname)
                ELSE format('pg_catalog.concat(r.%I)', a.attname) END
    FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = column_name;
END;
COMMENT ON FUNCTION @extschema@._rde_recorded_text(regclass, name) IS
    'the expression that makes a column text without calling anything a user wrote, whatever its type';

CREATE FUNCTION @extschema@._rde_table_tree(root regclass) RETURNS SETOF regclass
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH RECURSIVE tree(relation) AS (
        SELECT root::oid
        UNION
        SELECT i.inhrelid FROM tree t JOIN pg_inherits i ON i.inhparent = t.relation)
    SELECT t.relation::regclass FROM tree t;
END;
COMMENT ON FUNCTION @extschema@._rde_table_tree(regclass) IS
    'a table with its partitions, or the tables that inherit from it, of all levels';

CREATE FUNCTION @extschema@._rde_check_watchable(relation regclass) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    class pg_class;
    member record;
    reason text;
    advice text;
BEGIN
    IF relation IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'relation, reseller and invoice must not be null',
            HINT = 'Say rde_watch_invoices(''shop.invoice'', ''reseller_id'', ''invoice_id'').';
    END IF;
    SELECT c.* INTO class FROM pg_class c WHERE c.oid = relation;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_table',
            MESSAGE = format('relation with OID %s does not exist', relation::oid);
    END IF;
    IF NOT @extschema@._rde_callers_have(class.relowner) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('must have the rights of the owner of %s to watch it', relation),
            HINT = format('It gets a trigger. Ask %s, or a superuser.', pg_get_userbyid(class.relowner));
    END IF;

    IF class.relkind = 'f' THEN
        reason := 'It is a foreign table.';
        advice := 'Rows that reach its server otherwise fire no trigger here: make daily reports, or watch the table there.';
    ELSIF class.relkind NOT IN ('r', 'p') THEN
        reason := 'It is not a table.';
        advice := 'Watch the table that rows of invoices are inserted into.';
    ELSIF class.relpersistence = 't' THEN
        reason := 'It is a temporary table.';
        advice := 'Watch a permanent table.';
    ELSIF class.oid = '@extschema@._rde_invoice_event'::regclass THEN
        reason := 'It is where invoices of watched tables are recorded.';
        advice := 'Watch the table of invoices.';
    ELSIF class.relispartition THEN
        reason := 'It is a partition.';
        advice := format('Watch %s, with all its partitions.',
                         (SELECT p.relid FROM pg_partition_ancestors(relation) WITH ORDINALITY p(relid, n)
                          ORDER BY p.n DESC LIMIT 1));
    ELSE
        FOR member IN
            SELECT t.relation, c.relkind, s.subname
            FROM @extschema@._rde_table_tree(relation) t(relation)
            JOIN pg_class c ON c.oid = t.relation
            LEFT JOIN pg_subscription_rel r ON r.srrelid = t.relation
            LEFT JOIN pg_subscription s ON s.oid = r.srsubid
            WHERE c.relkind = 'f' OR s.oid IS NOT NULL
            ORDER BY t.relation::text LIMIT 1
        LOOP
            IF member.relkind = 'f' THEN
                reason := format('%s is a foreign table.', member.relation);
                advice := 'Rows that reach its server otherwise fire no trigger here: make daily reports, or watch the tables there.';
            ELSE
                reason := format('Subscription "%s" writes to %s, and what it writes fires no trigger for statements.',
                                 member.subname, member.relation);
                advice := 'Make daily reports, or watch the table in the database that publishes it.';
            END IF;
        END LOOP;
    END IF;
    IF reason IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
            MESSAGE = format('%s cannot be watched for invoices', relation), DETAIL = reason, HINT = advice;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_watchable(regclass) IS
    'raise 42501 or 42809 for a table the caller may not watch, or whose rows come without firing triggers';

CREATE FUNCTION @extschema@._rde_when_value(relation regclass, when_column name, when_value text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    type pg_type;
    spelled text;
BEGIN
    SELECT b.* INTO type FROM pg_attribute a
    JOIN pg_type b ON b.oid = @extschema@._rde_base_type(a.atttypid)
    WHERE a.attrelid = relation AND a.attname = when_column;
    -- Their values are spelled in one way each, and read by core alone.
    IF type.typtype <> 'e' AND NOT type.oid = ANY
        ('{int2,int4,int8,bool,text,varchar,bpchar,name,uuid}'::regtype[]::oid[]) THEN
        RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
            MESSAGE = format('column "%s" of %s is of type %s and cannot be used as when_column',
                             when_column, relation, type.oid::regtype),
            DETAIL = 'Expected is text, an enum, boolean, an integer or uuid.',
            HINT = 'Name the column of the invoice''s state, such as when_column => ''status'', when_value => ''issued''.';
    END IF;
    -- No name of a type is looked up: it may be another's by now, and the cast
    -- would run with these rights.
    CASE type.oid
        WHEN 'int2'::regtype THEN spelled := when_value::int2;
        WHEN 'int4'::regtype THEN spelled := when_value::int4;
        WHEN 'int8'::regtype THEN spelled := when_value::int8;
        WHEN 'bool'::regtype THEN spelled := concat(when_value::bool);
        WHEN 'uuid'::regtype THEN spelled := when_value::uuid;
        WHEN 'name'::regtype THEN spelled := when_value::name;
        WHEN 'bpchar'::regtype THEN spelled := rtrim(when_value);
        WHEN 'text'::regtype, 'varchar'::regtype THEN spelled := when_value;
        ELSE
            SELECT e.enumlabel INTO spelled FROM pg_enum e
            WHERE e.enumtypid = type.oid AND e.enumlabel = when_value;
            IF when_value IS NOT NULL AND NOT FOUND THEN
                RAISE invalid_text_representation;
            END IF;
    END CASE;
    RETURN spelled;
EXCEPTION
    WHEN invalid_text_representation OR numeric_value_out_of_range THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('when_value "%s" is no value of column "%s" of %s', when_value, when_column, relation),
            DETAIL = format('The column is of type %s.', type.oid::regtype);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_when_value(regclass, name, text) IS
    'a value as the column''s type spells it; raises 42804 or 22023';

CREATE FUNCTION @extschema@._rde_invoice_datasets(datasets text[]) RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fitting CONSTANT text[] := ARRAY(SELECT s.dataset FROM @extschema@._rde_source s
                                     WHERE s.invoice_column IS NOT NULL ORDER BY s.dataset);
    missing text;
BEGIN
    IF datasets IS NULL AND cardinality(fitting) = 1 THEN
        RETURN fitting;
    END IF;
    IF datasets IS NULL OR cardinality(datasets) = 0 OR array_position(datasets, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = CASE WHEN cardinality(fitting) = 0 THEN 'no data set has an invoice column'
                           ELSE 'it must be said which data sets are about the invoices of this table' END,
            HINT = CASE WHEN cardinality(fitting) = 0
                        THEN 'Attach one first: rde_attach(''provisioned_orders'', ..., invoice => ''invoice_id'').'
                        ELSE format('Say datasets => ''{%s}'', or those of them whose rows are on these invoices.',
                                    array_to_string(fitting, ',')) END;
    END IF;
    SELECT d.name INTO missing FROM unnest(datasets) d(name) WHERE NOT d.name = ANY (fitting) LIMIT 1;
    IF FOUND THEN
        PERFORM @extschema@._rde_find_dataset(missing);
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('data set "%s" has no invoice column', missing),
            HINT = format('Name the column that says which invoice a row is on: rde_attach(''%s'', ..., invoice => ''invoice_id'').',
                          missing);
    END IF;
    RETURN ARRAY(SELECT DISTINCT d.name FROM unnest(datasets) d(name) ORDER BY d.name);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_invoice_datasets(text[]) IS
    'the data sets a watched table is for: those named, else the only one with an invoice column; raises 42704 or 55000';

CREATE FUNCTION @extschema@.rde_watch_invoices(
    relation    regclass,
    reseller    name,
    invoice     name,
    when_column name DEFAULT NULL,
    when_value  text DEFAULT NULL,
    datasets    text[] DEFAULT NULL
) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET quote_all_identifiers = off
AS $$
DECLARE
    function_name name;
    recorder regprocedure;
    member regclass;
    replaced boolean;
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    PERFORM @extschema@._rde_check_watchable(relation);
    IF reseller IS NULL OR invoice IS NULL THEN
        PERFORM @extschema@._rde_check_watchable(NULL::regclass);
    END IF;
    IF (when_column IS NULL) <> (when_value IS NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'when_column and when_value go together',
            HINT = 'Say when_column => ''status'', when_value => ''issued'', or leave both out to count every row.';
    END IF;
    reseller := @extschema@._rde_role_column(relation, 'reseller', reseller::text, 'reseller');
    invoice := @extschema@._rde_role_column(relation, 'invoice', invoice::text, 'integer');
    when_column := @extschema@._rde_role_column(relation, 'when_column', when_column::text, 'any');
    IF when_column IS NOT NULL THEN
        when_value := @extschema@._rde_when_value(relation, when_column, when_value);
    END IF;

    datasets := @extschema@._rde_invoice_datasets(datasets);

    -- What CREATE TRIGGER needs, for all its partitions at once and before they
    -- are looked up: none is added in between.
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', relation);
    PERFORM @extschema@._rde_check_watchable(relation);

    SELECT p.proname INTO function_name
    FROM @extschema@._rde_invoice_watch w
    JOIN pg_proc p ON p.proname = w.recorder AND p.pronamespace = '@extschema@'::regnamespace
        AND p.proowner = current_user::regrole
    WHERE w.relation = rde_watch_invoices.relation;
    replaced := FOUND;
    IF NOT replaced THEN
        -- one of another owner's, as after a restore, with its triggers
        PERFORM @extschema@._rde_drop_watch(relation);
        function_name := '_rde_recorder_' || left(md5(gen_random_uuid()::text), 12);
    END IF;
    EXECUTE format('CREATE %s FUNCTION @extschema@.%I() RETURNS trigger'
                   ' LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER AS %L',
                   CASE WHEN replaced THEN 'OR REPLACE' ELSE '' END, function_name,
                   @extschema@._rde_recorder_body(relation, datasets, reseller, invoice, when_column, when_value));
    recorder := format('@extschema@.%I()', function_name);
    PERFORM @extschema@._rde_revoke_grants('pg_proc'::regclass::oid, recorder::oid);
    -- each time, for CREATE OR REPLACE forgets it
    EXECUTE format('ALTER FUNCTION %s DEPENDS ON EXTENSION rde', recorder);
    EXECUTE format('COMMENT ON FUNCTION %s IS %L', recorder, format('records the invoices of %s for their reports', relation));

    FOR member IN SELECT t FROM @extschema@._rde_table_tree(relation) t ORDER BY t LOOP
        PERFORM @extschema@._rde_set_trigger(member, 'rde_invoice_insert'::name, recorder,
            'AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows', true);
        PERFORM @extschema@._rde_set_trigger(member, 'rde_invoice_update'::name, recorder,
            'AFTER UPDATE ON %s REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows', when_column IS NOT NULL);
    END LOOP;

    INSERT INTO @extschema@._rde_invoice_watch AS w
        (relation, datasets, reseller_column, invoice_column, when_column, when_value, recorder)
    VALUES (relation, datasets, reseller, invoice, when_column, when_value, function_name)
    ON CONFLICT ON CONSTRAINT _rde_invoice_watch_pkey DO UPDATE
        SET datasets = EXCLUDED.datasets, reseller_column = EXCLUDED.reseller_column, invoice_column = EXCLUDED.invoice_column,
            when_column = EXCLUDED.when_column, when_value = EXCLUDED.when_value, recorder = EXCLUDED.recorder;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_watch_invoices(regclass, name, name, name, text, text[]) IS
    'make the rows of a table events for reports on invoice, of the data sets named or the only one with an invoice column: each new row, or with when_* each that is given that value; needs the rights of the table''s owner. Watching again covers partitions added since. Raises 22004, 22023, 42501, 42703, 42704, 42804, 42809, 55000';

CREATE FUNCTION @extschema@._rde_set_trigger(
    relation regclass, name name, function regprocedure, definition text, wanted boolean
) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET quote_all_identifiers = off
AS $$
DECLARE
    present CONSTANT boolean := EXISTS (
        SELECT FROM pg_trigger t
        WHERE t.tgrelid = relation AND t.tgname = name AND t.tgfoid = function::oid);
BEGIN
    IF wanted AND NOT present THEN
        EXECUTE format('CREATE TRIGGER %I %s FOR EACH STATEMENT EXECUTE FUNCTION %s',
                       name, format(definition, relation), function);
    ELSIF present AND NOT wanted THEN
        EXECUTE format('DROP TRIGGER %I ON %s', name, relation);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_set_trigger(regclass, name, regprocedure, text, boolean) IS
    'create a trigger that a table does not have and should, or drop one that it has and should not';

CREATE FUNCTION @extschema@.rde_unwatch_invoices(relation regclass) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET quote_all_identifiers = off
AS $$
DECLARE
    owner oid;
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    IF relation IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'relation must not be null';
    END IF;
    IF NOT EXISTS (SELECT FROM @extschema@._rde_invoice_watch w WHERE w.relation = rde_unwatch_invoices.relation) THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('%s is not watched for invoices', relation),
            HINT = 'The view rde_invoice_watches lists the tables that are.';
    END IF;
    SELECT c.relowner INTO owner FROM pg_class c WHERE c.oid = relation;
    IF NOT @extschema@._rde_callers_have(owner) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('must have the rights of the owner of %s to stop watching it', relation),
            HINT = format('Ask %s, or a superuser.', pg_get_userbyid(owner));
    END IF;
    PERFORM @extschema@._rde_drop_watch(relation);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_unwatch_invoices(regclass) IS
    'make the rows of a table events no longer; what was recorded before is still reported. Raises 42501, 42704';

CREATE FUNCTION @extschema@._rde_drop_watch(relation regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET client_min_messages = warning
AS $$
DECLARE
    recorder name;
BEGIN
    DELETE FROM @extschema@._rde_invoice_watch w WHERE w.relation = _rde_drop_watch.relation
    RETURNING w.recorder INTO recorder;
    IF FOUND THEN
        -- its triggers go with it, those of partitions that were detached too
        EXECUTE format('DROP FUNCTION IF EXISTS @extschema@.%I() CASCADE', recorder);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_drop_watch(regclass) IS
    'forget a watched table, which may be gone, with its triggers';
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

---------------------------------------------------------------------------
-- Work: rde_run_due, and the statements of its rounds
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_blockers(OUT pid integer, OUT began timestamptz, OUT what text)
    RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- else the sessions of this transaction's first look are shown again
    PERFORM pg_stat_clear_snapshot();

    -- A session with track_activities off shows no start time, so there any
    -- transaction that has an xid or a snapshot counts; one whose backend type is
    -- hidden shows nothing at all.  Vacuum workers and WAL senders write no rows,
    -- and resellers may not: none of them can hold up everybody's reports.
    RETURN QUERY
    SELECT a.pid, coalesce(a.xact_start, '-infinity'),
           format('the transaction of pid %s (%s)%s', a.pid,
                  concat_ws(', ', a.usename, nullif(a.application_name, ''), a.state),
                  coalesce(', open since ' || date_trunc('second', a.xact_start), ''))
    FROM pg_stat_activity a
    WHERE a.datid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      AND a.pid <> pg_backend_pid()
      AND coalesce(a.backend_type, '') NOT IN ('autovacuum worker', 'walsender')
      AND (a.xact_start IS NOT NULL OR a.backend_xid IS NOT NULL OR a.backend_xmin IS NOT NULL
           OR a.backend_type IS NULL)
      -- one that is still connecting has run nothing, and will begin what it runs
      AND NOT coalesce(a.backend_type = 'client backend' AND a.state IS NULL AND a.xact_start IS NULL
                       AND a.backend_xid IS NULL, false)
      AND NOT EXISTS (SELECT FROM @extschema@._rde_account_roles t WHERE t.role = a.usesysid);

    -- After the sessions, not before: a transaction prepared in between would be
    -- seen in neither.  When it began is not recorded anywhere, so each of them
    -- counts.
    RETURN QUERY
    SELECT NULL::integer, '-infinity'::timestamptz,
           format('the prepared transaction %L of %s', p.gid, p.owner)
    FROM pg_prepared_xacts p
    WHERE p.database = current_database()
      AND NOT EXISTS (SELECT FROM @extschema@._rde_account_roles t JOIN pg_roles r ON r.oid = t.role WHERE r.rolname = p.owner);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_blockers() IS
    'the transactions that can still commit rows of the past, and since when; -infinity where nobody knows';

CREATE FUNCTION @extschema@._rde_has_arrived(dataset text, period_to timestamptz) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT NOT EXISTS (
        SELECT FROM @extschema@._rde_source s LEFT JOIN @extschema@._rde_watermark w ON w.dataset = s.dataset
        WHERE s.dataset = $1
          AND ((s.watermark IS NOT NULL AND coalesce(w.reached, '-infinity') < period_to)
               OR clock_timestamp() - s.delay < period_to));
END;
COMMENT ON FUNCTION @extschema@._rde_has_arrived(text, timestamptz) IS
    'are all rows of a period here, as far as is known of a source that is filled from elsewhere?';

CREATE FUNCTION @extschema@._rde_postpone_empty(report uuid) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE @extschema@._rde_report r
    SET empty_builds = r.empty_builds + 1,
        retry_at = clock_timestamp() + (ARRAY['1 minute', '5 minutes', '60 minutes']::interval[])[r.empty_builds + 1],
        claim_pid = NULL, claim_start = NULL, claimed_at = NULL
    WHERE r.id = report;
END;
COMMENT ON FUNCTION @extschema@._rde_postpone_empty(uuid) IS
    'an invoice whose rows have not come yet is looked at again later';

CREATE FUNCTION @extschema@._rde_source_works(report uuid) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    DELETE FROM @extschema@._rde_source_failure f
    WHERE f.dataset = (SELECT r.dataset FROM @extschema@._rde_report r WHERE r.id = report);
END;
COMMENT ON FUNCTION @extschema@._rde_source_works(uuid) IS
    'the source of a report''s data set has been read again';

CREATE FUNCTION @extschema@._rde_fail(report uuid, sqlstate text, error text, kind text, foreign_error boolean) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment CONSTANT timestamptz := clock_timestamp();
    failed @extschema@._rde_report;
    retry timestamptz;
    failing @extschema@._rde_generator;
    periods bigint;
    since timestamptz;
BEGIN
    SELECT r.* INTO STRICT failed FROM @extschema@._rde_report r WHERE r.id = report FOR UPDATE;
    CASE kind
        WHEN 'source' THEN
            -- Nobody reads it for 1, 2, 4, 8, then each time 15 minutes.  Reports
            -- that fail while it is paused already say nothing new.
            INSERT INTO @extschema@._rde_source_failure AS f (dataset, paused_until, sqlstate, error)
            VALUES (failed.dataset, moment + interval '1 minute', sqlstate, error)
            ON CONFLICT ON CONSTRAINT _rde_source_failure_pkey DO UPDATE
                SET failures = f.failures + 1, failed_at = moment,
                    paused_until = moment + least(interval '1 minute' * 2 ^ least(f.failures, 10), interval '15 minutes'),
                    sqlstate = EXCLUDED.sqlstate, error = EXCLUDED.error
                WHERE f.paused_until <= moment;
            SELECT f.paused_until INTO retry FROM @extschema@._rde_source_failure f WHERE f.dataset = failed.dataset;
        WHEN 'blocked' THEN
            retry := moment + interval '15 minutes';
        WHEN 'locked' THEN
            retry := moment + interval '1 minute';
        WHEN 'build' THEN
            -- What the data or the request is to blame for stays as it is.  But a zone
            -- or a regular expression that there is no memory for looks like a bad one.
            IF left(sqlstate, 2) NOT IN ('22', '42', '54') OR sqlstate IN ('22023', '2201B') THEN
                retry := moment + CASE failed.attempts WHEN 0 THEN interval '1 minute' WHEN 1 THEN interval '5 minutes' END;
            END IF;
        WHEN 'final' THEN
    END CASE;
    UPDATE @extschema@._rde_report r
    SET status = 'error', sqlstate = _rde_fail.sqlstate, error = _rde_fail.error,
        foreign_error = _rde_fail.foreign_error, failed_at = moment, retry_at = retry,
        failed_xid = CASE WHEN retry IS NULL THEN pg_current_xact_id() END,
        system_identifier = (SELECT c.system_identifier FROM pg_control_system() c),
        attempts = r.attempts + CASE WHEN kind IN ('source', 'blocked', 'locked') THEN 0 ELSE 1 END,
        claim_pid = NULL, claim_start = NULL, claimed_at = NULL
    WHERE r.id = report;

    -- A generator that has done nothing but fail for a day is not let go on.  One
    -- that somebody is changing is looked at when its next report fails.
    IF kind <> 'build' OR retry IS NOT NULL OR failed.generator IS NULL OR failed.type = 'onetime' THEN
        RETURN;
    END IF;
    SELECT g.* INTO failing FROM @extschema@._rde_generator g WHERE g.id = failed.generator AND g.enabled
    FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT count(DISTINCT (r.period_from, r.invoice_reseller, r.invoice)), min(r.failed_at) INTO periods, since
    FROM @extschema@._rde_report r
    WHERE r.generator = failing.id AND r.status = 'error' AND r.retry_at IS NULL AND r.type <> 'onetime'
      AND r.failed_at > greatest(failing.enabled_at,
                                 (SELECT max(c.published_at) FROM @extschema@._rde_report c
                                  WHERE c.generator = failing.id AND c.status = 'completed' AND c.type <> 'onetime'));
    IF periods >= 5 AND moment - since >= interval '24 hours' THEN
        UPDATE @extschema@._rde_generator g
        SET enabled = false,
            disabled_reason = format('%s reports in a row failed since %s, the last with: %s', periods,
                                     date_trunc('second', since), error),
            foreign_reason = _rde_fail.foreign_error
        WHERE g.id = failing.id;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_fail(uuid, text, text, text, boolean) IS
    'record that a report could not be built, and decide when it is tried again: kind source pauses its data set, locked waits for whoever holds what it needs, blocked for an administrator, build counts against its generator, final is not tried again';

CREATE PROCEDURE @extschema@.rde_run_due(max_reports integer DEFAULT NULL, wait interval DEFAULT NULL)
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'rde_run_due';
COMMENT ON PROCEDURE @extschema@.rde_run_due(integer, interval) IS
    'submit what is due, build what is submitted, remove what has expired, and commit after each; any number may run at once. With wait it looks for more once a second until then. Not in a transaction block. Raises 22023, 25006 (on a standby), 2D000 (in a transaction block)';

---------------------------------------------------------------------------
-- Generators and their periods, to be selected from
---------------------------------------------------------------------------

-- What a generator did last is two looks into an index, however many reports it has.
CREATE FUNCTION @extschema@._rde_generators(
    ids uuid[] DEFAULT NULL,
    OUT id uuid, OUT name text, OUT dataset text, OUT view text, OUT formats text[], OUT event text, OUT reseller bigint,
    OUT time_zone text, OUT month_day integer, OUT run_at time, OUT start date, OUT catch_up text, OUT retention interval,
    OUT options jsonb, OUT enabled boolean, OUT disabled_reason text, OUT created_at timestamptz,
    OUT next_from timestamptz, OUT next_to timestamptz, OUT next_run_at timestamptz, OUT last_run_at timestamptz,
    OUT last_report uuid, OUT last_status text, OUT failed bigint, OUT paused_until timestamptz,
    OUT week_day integer, OUT month_start integer, OUT made_by bigint, OUT locked boolean
) RETURNS SETOF record
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    everybody CONSTANT boolean := @extschema@._rde_sees_all(false);
    content CONSTANT boolean := @extschema@._rde_sees_all(true);
    accounts CONSTANT bigint[] := @extschema@._rde_visible_accounts();
BEGIN
    RETURN QUERY
    SELECT g.id, g.name, g.dataset, g.view, g.formats, g.event, g.reseller, g.time_zone, g.month_day, g.run_at, g.start,
           g.catch_up, g.retention, g.options, g.enabled,
           CASE WHEN g.foreign_reason AND NOT content THEN 'too many of its reports failed' ELSE g.disabled_reason END,
           g.created_at, g.next_from, g.next_to, g.next_run_at,
           completed.published_at, completed.id, submitted.status, failed.reports, f.paused_until,
           g.week_day, g.month_start, g.made_by, g.locked
    FROM @extschema@._rde_generator g
    LEFT JOIN LATERAL (
        SELECT r.id, r.published_at FROM @extschema@._rde_report r
        WHERE r.generator = g.id AND r.status = 'completed' AND r.expires_at > now()
        ORDER BY r.published_at DESC LIMIT 1) completed ON true
    LEFT JOIN LATERAL (
        SELECT @extschema@._rde_status(r.status, r.claim_pid, r.claim_start) AS status
        FROM @extschema@._rde_report r
        WHERE r.generator = g.id
        ORDER BY r.submitted_at DESC LIMIT 1) submitted ON true
    CROSS JOIN LATERAL (
        SELECT count(*) AS reports FROM @extschema@._rde_failed_reports r
        WHERE r.generator = g.id) failed
    LEFT JOIN @extschema@._rde_source_failure f ON f.dataset = g.dataset AND f.paused_until > now()
    WHERE (everybody OR g.reseller = ANY (accounts)) AND (ids IS NULL OR g.id = ANY (ids));
END
$$;
COMMENT ON FUNCTION @extschema@._rde_generators(uuid[]) IS
    'the rows of rde_generators, all or of some ids, as far as they are the caller''s';

CREATE VIEW @extschema@.rde_generators WITH (security_barrier) AS
SELECT g.id, g.name, g.dataset, g.view, g.formats, g.event, g.reseller, g.time_zone, g.month_day, g.run_at, g.start,
       g.catch_up, g.retention, g.options, g.enabled, g.disabled_reason, g.created_at, g.next_from, g.next_to,
       g.next_run_at, g.last_run_at, g.last_report, g.last_status, g.failed, g.paused_until,
       g.week_day, g.month_start, g.made_by, g.locked
FROM @extschema@._rde_generators(NULL::uuid[]) g;
COMMENT ON VIEW @extschema@.rde_generators IS
    'every generator: what it makes, its last report and its next; failed counts its reports that ended in error, paused_until is set while its data set''s source cannot be read';
COMMENT ON COLUMN @extschema@.rde_generators.id IS
    'the generator''s id, which its functions take';
COMMENT ON COLUMN @extschema@.rde_generators.name IS
    'what it and its reports are called';
COMMENT ON COLUMN @extschema@.rde_generators.dataset IS
    'the data set its reports are about';
COMMENT ON COLUMN @extschema@.rde_generators.view IS
    'the report view that chooses their columns; NULL for cmp, or else full';
COMMENT ON COLUMN @extschema@.rde_generators.formats IS
    'the formats it makes of each period or invoice';
COMMENT ON COLUMN @extschema@.rde_generators.event IS
    'daily, weekly, monthly, quarterly, on_invoice or manual';
COMMENT ON COLUMN @extschema@.rde_generators.reseller IS
    'whose generator it is; NULL is the provider''s';
COMMENT ON COLUMN @extschema@.rde_generators.time_zone IS
    'the zone its days are in';
COMMENT ON COLUMN @extschema@.rde_generators.month_day IS
    'the day of the month a monthly or quarterly one runs on, the first after a period''s end; in a month without it, the last';
COMMENT ON COLUMN @extschema@.rde_generators.run_at IS
    'the time of day it runs at';
COMMENT ON COLUMN @extschema@.rde_generators.start IS
    'the first day it covers';
COMMENT ON COLUMN @extschema@.rde_generators.catch_up IS
    'all: periods that were missed are made up for; none: only the latest of them';
COMMENT ON COLUMN @extschema@.rde_generators.retention IS
    'for how long its reports are stored; NULL for rde.retention';
COMMENT ON COLUMN @extschema@.rde_generators.options IS
    'options of the reports it makes';
COMMENT ON COLUMN @extschema@.rde_generators.enabled IS
    'false: it makes no reports';
COMMENT ON COLUMN @extschema@.rde_generators.disabled_reason IS
    'who or what disabled it';
COMMENT ON COLUMN @extschema@.rde_generators.created_at IS
    'when it was created';
COMMENT ON COLUMN @extschema@.rde_generators.next_from IS
    'where the next period begins';
COMMENT ON COLUMN @extschema@.rde_generators.next_to IS
    'where the next period ends';
COMMENT ON COLUMN @extschema@.rde_generators.next_run_at IS
    'when the report of the next period is due';
COMMENT ON COLUMN @extschema@.rde_generators.last_run_at IS
    'when a report of it was completed last';
COMMENT ON COLUMN @extschema@.rde_generators.last_report IS
    'that report';
COMMENT ON COLUMN @extschema@.rde_generators.last_status IS
    'status of the report it submitted last';
COMMENT ON COLUMN @extschema@.rde_generators.failed IS
    'how many of its reports ended in error and wait for somebody';
COMMENT ON COLUMN @extschema@.rde_generators.paused_until IS
    'until when nobody reads its data set''s source, which failed';
COMMENT ON COLUMN @extschema@.rde_generators.week_day IS
    'the day the weeks of a weekly one begin: 1 is Monday, 7 Sunday';
COMMENT ON COLUMN @extschema@.rde_generators.month_start IS
    'the day the months of a monthly one begin';

COMMENT ON COLUMN @extschema@.rde_generators.made_by IS
    'the account that made it; NULL: an operator';
COMMENT ON COLUMN @extschema@.rde_generators.locked IS
    'true: its own account may not alter or drop it, as somebody above made it';

CREATE FUNCTION @extschema@._rde_coming_periods(
    moment timestamptz, everybody boolean, accounts bigint[], wanted uuid,
    OUT generator uuid, OUT format text, OUT period_from timestamptz, OUT period_to timestamptz, OUT run timestamptz
) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH RECURSIVE
    scheduled AS (
        SELECT g.*, s.change_column IS NOT NULL AS one_window,
               s.change_column IS NULL AND g.catch_up = 'all' AS each_period
        FROM @extschema@._rde_generator g LEFT JOIN @extschema@._rde_source s ON s.dataset = g.dataset
        WHERE g.next_run_at IS NOT NULL AND (_rde_coming_periods.everybody OR g.reseller = ANY (_rde_coming_periods.accounts))
          AND (_rde_coming_periods.wanted IS NULL OR g.id = _rde_coming_periods.wanted)
    ),
    -- The periods that are due and not submitted, and the first that is not due.
    coming(generator, period_from, period_to, run, n) AS (
        SELECT s.id, s.next_from, s.next_to, s.next_run_at, 1 FROM scheduled s
        UNION ALL
        SELECT c.generator, c.period_to, p.period_to, p.run, c.n + 1
        FROM coming c
        JOIN scheduled s ON s.id = c.generator
        CROSS JOIN LATERAL @extschema@._rde_next_period(s.event, c.period_to, s.time_zone, s.week_day, s.month_start,
                                                        s.month_day, s.run_at) p
        WHERE c.run <= moment AND (c.n < 1000 OR NOT s.each_period)
    )
    -- Of these get a report: each; or only the latest; or all of them one.
    SELECT c.generator, f.format,
           CASE WHEN s.one_window AND c.run <= moment THEN s.next_from ELSE c.period_from END AS period_from,
           c.period_to, c.run
    FROM (SELECT c.*, lead(c.run) OVER (PARTITION BY c.generator ORDER BY c.n) AS next_run_at FROM coming c) c
    JOIN scheduled s ON s.id = c.generator
    CROSS JOIN LATERAL unnest(s.formats) f(format)
    WHERE s.each_period OR c.run > moment OR c.next_run_at > moment;
END;
COMMENT ON FUNCTION @extschema@._rde_coming_periods(timestamptz, boolean, bigint[], uuid) IS
    'the periods and formats that are due and not submitted, and the first of each generator that is not due';

CREATE FUNCTION @extschema@._rde_waits_for(
    report @extschema@._rde_report, moment timestamptz, reasons boolean, began timestamptz[], blockers text[]
) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    failing @extschema@._rde_source_failure;
BEGIN
    SELECT f.* INTO failing FROM @extschema@._rde_source_failure f
    WHERE f.dataset = report.dataset AND f.paused_until > moment;
    RETURN CASE
        WHEN @extschema@._rde_status(report.status, report.claim_pid, report.claim_start) = 'processing' THEN NULL
        WHEN failing.dataset IS NOT NULL AND NOT reasons THEN 'the source'
        WHEN report.retry_at IS NOT NULL AND NOT reasons THEN 'the next attempt'
        WHEN failing.dataset IS NOT NULL THEN
            format('the source, until %s: %s', date_trunc('second', failing.paused_until), failing.error)
        WHEN report.retry_at IS NOT NULL THEN
            format('the next attempt at %s, after: %s', date_trunc('second', report.retry_at), report.error)
        WHEN report.snapshot_window OR (report.status = 'submitted'
                                        AND report.due_at <= moment - @extschema@._rde_settle_limit()) THEN 'a worker'
        WHEN report.period_to > moment - @extschema@._rde_settle_delay() THEN
            format('the end of the period, and %s s more', extract(epoch FROM @extschema@._rde_settle_delay())::integer)
        WHEN NOT @extschema@._rde_has_arrived(report.dataset, report.period_to) THEN 'rows that arrive from elsewhere'
        WHEN began[1] < report.period_to AND NOT reasons THEN 'transactions that began before its end'
        WHEN began[1] < report.period_to THEN
            blockers[1] || coalesce((SELECT ', and ' || nullif(count(*) - 1, 0) || ' more'
                                     FROM unnest(began) b WHERE b < report.period_to), '')
        ELSE 'a worker' END;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_waits_for(@extschema@._rde_report, timestamptz, boolean, timestamptz[], text[]) IS
    'what a report of a period waits for that is to be built, or built again; with reasons also who and why';

-- Functions in a view run with its reader's rights, so this one shows him what is
-- his, and looks for itself at what others may not see.
CREATE FUNCTION @extschema@._rde_periods(
    of_one uuid DEFAULT NULL,
    OUT generator uuid, OUT name text, OUT reseller bigint, OUT format text,
    OUT period_from timestamptz, OUT period_to timestamptz, OUT due_at timestamptz, OUT status text,
    OUT report uuid, OUT revision integer, OUT provisional boolean, OUT lateness interval, OUT waits_for text
) RETURNS SETOF record
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment CONSTANT timestamptz := now();
    everybody CONSTANT boolean := @extschema@._rde_sees_all(false);
    accounts CONSTANT bigint[] := @extschema@._rde_visible_accounts();
    -- who else is connected, and what a source says, is not for resellers
    reasons CONSTANT boolean := @extschema@._rde_sees_all(true);
    blockers text[];
    began timestamptz[];
BEGIN
    SELECT array_agg(b.what ORDER BY b.began), array_agg(b.began ORDER BY b.began) INTO blockers, began
    FROM @extschema@._rde_blockers() b;

    RETURN QUERY
    WITH
    -- The newest revision of every period and format, unless it failed.
    made AS (
        SELECT DISTINCT ON (r.generator, r.period_from, r.format)
               r.generator, r.format, r.period_from, r.period_to, r.due_at, r.id, r.revision, r.provisional,
               r.status, r.published_at, r.claim_pid, r.claim_start, r.retry_at, r.dataset, r.snapshot_window,
               coalesce(r.published_at, r.submitted_at) + r.retention > moment AS is_young
        FROM @extschema@._rde_report r
        WHERE r.type NOT IN ('onetime', 'on_invoice') AND (r.expires_at > moment OR r.status = 'submitted')
          AND r.generator IN (SELECT g.id FROM @extschema@._rde_generator g WHERE everybody OR g.reseller = ANY (accounts))
          AND (of_one IS NULL OR r.generator = of_one)
        ORDER BY r.generator, r.period_from, r.format, r.status = 'error', r.revision DESC
    ),
    wanted AS (
        SELECT c.* FROM @extschema@._rde_coming_periods(moment, everybody, accounts, of_one) c
    ),
    -- What lies between two of them got none; unless the older one is there by
    -- rde_keep_report() only, for then others may just have expired.
    gap AS (
        SELECT l.generator, l.format, l.after AS period_from, l.period_from AS period_to
        FROM (SELECT a.generator, a.format, a.period_from,
                     lag(a.period_to) OVER w AS after, lag(a.is_young) OVER w AS after_is_young
              FROM (SELECT m.generator, m.format, m.period_from, m.period_to, m.is_young FROM made m
                    UNION ALL
                    SELECT w.generator, w.format, w.period_from, w.period_to, true FROM wanted w) a
              WINDOW w AS (PARTITION BY a.generator, a.format ORDER BY a.period_from)) l
        WHERE l.after < l.period_from AND l.after_is_young
    )
    SELECT g.id, g.name, g.reseller, m.format, m.period_from, m.period_to, m.due_at,
           CASE WHEN m.status = 'completed' OR (m.status = 'error' AND m.retry_at IS NULL) THEN m.status
                WHEN @extschema@._rde_status(m.status, m.claim_pid, m.claim_start) = 'processing' THEN 'processing'
                WHEN f.paused_until > moment THEN 'paused'
                WHEN m.retry_at IS NOT NULL THEN 'retrying'
                ELSE 'submitted' END,
           m.id, m.revision, m.provisional, coalesce(m.published_at, moment) - m.due_at,
           CASE WHEN CASE WHEN m.status = 'completed' THEN m.provisional
                          ELSE m.status <> 'error' OR m.retry_at IS NOT NULL END
                THEN @extschema@._rde_waits_for((SELECT r FROM @extschema@._rde_report r WHERE r.id = m.id), moment, reasons,
                                               began, blockers) END
    FROM made m
    JOIN @extschema@._rde_generator g ON g.id = m.generator
    LEFT JOIN @extschema@._rde_source_failure f ON f.dataset = m.dataset
    UNION ALL
    SELECT g.id, g.name, g.reseller, w.format, w.period_from, w.period_to, w.run,
           CASE WHEN NOT g.enabled THEN 'disabled' WHEN w.run > moment THEN 'scheduled' ELSE 'due' END,
           NULL, NULL, NULL, CASE WHEN w.run <= moment THEN moment - w.run END,
           CASE WHEN NOT g.enabled AND g.foreign_reason AND NOT reasons THEN 'too many of its reports failed'
                WHEN NOT g.enabled THEN g.disabled_reason
                WHEN w.run > moment THEN NULL
                WHEN EXISTS (SELECT FROM made m WHERE m.generator = w.generator AND m.snapshot_window
                                AND (m.status = 'submitted' OR m.retry_at IS NOT NULL)) THEN 'the window before it'
                ELSE 'a worker' END
    FROM wanted w JOIN @extschema@._rde_generator g ON g.id = w.generator
    UNION ALL
    SELECT g.id, g.name, g.reseller, p.format, p.period_from, p.period_to, NULL, 'skipped', NULL, NULL, NULL, NULL, NULL
    FROM gap p JOIN @extschema@._rde_generator g ON g.id = p.generator;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_periods(uuid) IS
    'the rows of rde_periods, all or of one generator, as far as they are the caller''s';

CREATE VIEW @extschema@.rde_periods WITH (security_barrier) AS
SELECT p.generator, p.name, p.reseller, p.format, p.period_from, p.period_to, p.due_at, p.status,
       p.report, p.revision, p.provisional, p.lateness, p.waits_for,
       extract(epoch FROM p.lateness)::double precision AS lateness_seconds
FROM @extschema@._rde_periods(NULL::uuid) p;
COMMENT ON VIEW @extschema@.rde_periods IS
    'every period of every generator that has a calendar: its report, or why there is none yet; status skipped is a gap without reports';
COMMENT ON COLUMN @extschema@.rde_periods.generator IS
    'the generator';
COMMENT ON COLUMN @extschema@.rde_periods.name IS
    'the generator''s name';
COMMENT ON COLUMN @extschema@.rde_periods.reseller IS
    'whose generator it is';
COMMENT ON COLUMN @extschema@.rde_periods.format IS
    'the format, for each has a report of its own';
COMMENT ON COLUMN @extschema@.rde_periods.period_from IS
    'where the period begins';
COMMENT ON COLUMN @extschema@.rde_periods.period_to IS
    'where it ends, itself not included';
COMMENT ON COLUMN @extschema@.rde_periods.due_at IS
    'when its report is due';
COMMENT ON COLUMN @extschema@.rde_periods.status IS
    'completed, processing, submitted, retrying, paused, error, due, scheduled, disabled or skipped';
COMMENT ON COLUMN @extschema@.rde_periods.report IS
    'the newest revision of its report';
COMMENT ON COLUMN @extschema@.rde_periods.revision IS
    'the number of that revision';
COMMENT ON COLUMN @extschema@.rde_periods.provisional IS
    'a revision of it follows';
COMMENT ON COLUMN @extschema@.rde_periods.lateness IS
    'how long after due_at it was completed, or is late by now';
COMMENT ON COLUMN @extschema@.rde_periods.waits_for IS
    'what it waits for; NULL when for nothing';
COMMENT ON COLUMN @extschema@.rde_periods.lateness_seconds IS
    'lateness as a number of seconds, for programs that know no intervals';
---------------------------------------------------------------------------
-- Scheduling with pg_cron
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_cron(every text, workers integer, OUT name text, OUT schedule text, OUT command text)
    RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    span interval;
    minutes numeric;
    store name;
BEGIN
    IF every IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'every must not be null';
    END IF;
    IF every ~ '^\s*\S+(\s+\S+){4}\s*$' THEN
        schedule := regexp_replace(trim(every), '\s+', ' ', 'g');
    ELSE
        BEGIN
            span := every::interval;
        EXCEPTION WHEN OTHERS THEN
            span := '-1 s';
        END;
        minutes := extract(epoch FROM span) / 60;
        schedule := CASE
            WHEN minutes = 1 THEN '* * * * *'
            WHEN minutes IN (2, 3, 4, 5, 6, 10, 12, 15, 20, 30) THEN '*/' || minutes::integer || ' * * * *'
            WHEN minutes = 60 THEN '0 * * * *'
            WHEN minutes / 60 IN (2, 3, 4, 6, 8, 12) THEN '0 */' || (minutes / 60)::integer || ' * * *'
            WHEN minutes = 24 * 60 THEN '0 0 * * *' END;
        IF schedule IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('"%s" is no interval that cron knows', every),
                HINT = 'Say ''1 minute'', ''5 minutes'', ''1 hour'', another one that divides an hour or a day, or a cron expression such as ''* * * * *''.';
        END IF;
    END IF;
    -- It waits for more until shortly before the next begins, so that a report
    -- on invoice never waits for the minute to be over.
    IF schedule = '* * * * *' THEN
        minutes := 1;
    END IF;
    FOR n IN 1 .. workers LOOP
        name := format('rde %s', n);
        command := 'CALL @extschema@.rde_run_due('
            || CASE WHEN minutes <= 60 THEN format('wait => %L', minutes::integer * 60 - 5 || ' s') ELSE '' END || ')';
        RETURN NEXT;
        -- what uploads to a store is a procedure of the extension that is the store
        FOR store IN
            SELECT p.proname FROM pg_proc p
            JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
                AND d.refclassid = 'pg_extension'::regclass
            WHERE p.pronamespace = '@extschema@'::regnamespace AND p.prokind = 'p' AND p.proname ~ '^rde_[a-z0-9_]+_upload_due$'
            ORDER BY p.proname
        LOOP
            name := format('rde %s %s', substring(store FROM '^rde_(.*)_upload_due$'), n);
            command := format('CALL @extschema@.%I()', store);
            RETURN NEXT;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_cron(text, integer) IS
    'the jobs of so many workers, and of as many that upload to each store there is; raises 22023';

-- The jobs are the caller's: pg_cron runs them with the rights of whoever
-- scheduled them, so these two have the caller's rights too.
CREATE FUNCTION @extschema@.rde_schedule(every text DEFAULT '1 minute', workers integer DEFAULT 2) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    elsewhere text;
    loaded boolean;
BEGIN
    IF workers IS NULL OR workers NOT BETWEEN 1 AND 64 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'workers must be between 1 and 64',
            HINT = 'Two build one long report and the short ones beside it; more use more processors.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
        BEGIN
            elsewhere := current_setting('cron.database_name', true);
            loaded := elsewhere IS NOT NULL;
        EXCEPTION WHEN insufficient_privilege THEN
            loaded := true;
        END;
        elsewhere := coalesce(elsewhere, 'postgres');
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('pg_cron is not in database "%s"', current_database()),
            DETAIL = CASE WHEN loaded THEN 'A server has it in one database only.'
                          ELSE 'The server does not load it; shared_preload_libraries names what it loads at its start.' END,
            HINT = CASE WHEN elsewhere = current_database() THEN 'CREATE EXTENSION pg_cron;'
                        ELSE format('Run this in database "%s":', elsewhere) ||
                             (SELECT string_agg(format(E'\nSELECT cron.schedule_in_database(%L, %L, %L, %L);',
                                                       format('%s of %s', job.name, current_database()), job.schedule,
                                                       job.command, current_database()), '' ORDER BY job.name)
                              FROM @extschema@._rde_cron(every, workers) job) END;
    END IF;
    IF NOT has_schema_privilege('cron', 'USAGE') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('role "%s" may not schedule jobs with pg_cron', current_user),
            HINT = format('GRANT USAGE ON SCHEMA cron TO %I;', current_user);
    END IF;
    IF NOT has_function_privilege('@extschema@.rde_run_due(integer, interval)', 'EXECUTE') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('role "%s" may not call rde_run_due, as which the jobs would', current_user),
            HINT = 'GRANT EXECUTE ON PROCEDURE @extschema@.rde_run_due TO ' || quote_ident(current_user) || ';';
    END IF;
    EXECUTE 'SELECT cron.unschedule(j.jobid) FROM cron.job j'
            ' WHERE j.jobname ~ ''^rde ([a-z0-9_]+ )?[0-9]+$'' AND j.database = current_database() AND j.username = current_user'
            ' AND NOT EXISTS (SELECT FROM @extschema@._rde_cron($1, $2) job WHERE job.name = j.jobname)' USING every, workers;
    EXECUTE 'SELECT cron.schedule(job.name, job.schedule, job.command) FROM @extschema@._rde_cron($1, $2) job' USING every, workers;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_schedule(text, integer) IS
    'let pg_cron run workers as the caller, and uploads to each store there is: every is an interval such as ''1 minute'' or a cron expression. Scheduling again replaces; where pg_cron is in another database the error''s hint is what to run there. An interval has to divide an hour or a day. Raises 22023, 42501, 55000';

CREATE FUNCTION @extschema@.rde_unschedule() RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present CONSTANT boolean := EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron');
    jobs bigint := 0;
BEGIN
    IF present THEN
        EXECUTE 'SELECT count(cron.unschedule(j.jobid)) FROM cron.job j'
                ' WHERE j.jobname ~ ''^rde ([a-z0-9_]+ )?[0-9]+$'' AND j.database = current_database() AND j.username = current_user'
            INTO jobs;
    END IF;
    IF jobs = 0 THEN
        RAISE NOTICE USING
            MESSAGE = format('role "%s" has scheduled no workers with pg_cron in database "%s"', current_user, current_database()),
            HINT = CASE WHEN present THEN 'rde_schedule() does.'
                        ELSE 'Where pg_cron is in another database, call cron.unschedule() there.' END;
    END IF;
    RETURN jobs;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_unschedule() IS
    'remove the jobs the caller has scheduled with rde_schedule; returns how many';

---------------------------------------------------------------------------
-- What needs attention
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_cron_findings(
    has_worker boolean,
    OUT severity text, OUT finding text, OUT object text, OUT since timestamptz, OUT detail text, OUT hint text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Where pg_cron is not in this database its jobs cannot be seen, and a schema
    -- "cron" may be anybody's.
    IF NOT EXISTS (SELECT FROM pg_extension e
                   JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
                   WHERE e.extname = 'pg_cron' AND d.classid = 'pg_class'::regclass
                     AND d.objid = to_regclass('cron.job_run_details')) THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE $query$
        WITH job AS (
            SELECT j.jobid, j.jobname, j.active FROM cron.job j
            WHERE j.database = current_database() AND j.command ~ '\mrde_run_due\M')
        SELECT 'warning', 'cron_job_missing', NULL, NULL::timestamptz,
               'pg_cron is in this database and has no job that runs rde_run_due.',
               'Call rde_schedule(), or see to it that workers run otherwise.'
        WHERE NOT $1 AND NOT EXISTS (SELECT FROM job)
        UNION ALL
        SELECT 'warning', 'cron_job_inactive', j.jobname::text, NULL, 'The job is switched off.',
               'Call rde_schedule() to replace it, or rde_unschedule() to remove it.'
        FROM job j WHERE NOT j.active
        UNION ALL
        SELECT 'warning', 'cron_job_failed', j.jobname::text, run.end_time, run.return_message,
               'The server''s log and cron.job_run_details tell more.'
        FROM job j
        CROSS JOIN LATERAL (
            SELECT r.end_time, r.status, r.return_message FROM cron.job_run_details r
            WHERE r.jobid = j.jobid AND r.status IN ('succeeded', 'failed') ORDER BY r.runid DESC LIMIT 1) run
        WHERE j.active AND run.status = 'failed'
    $query$ USING has_worker;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_cron_findings(boolean) IS
    'what rde_health has to say about pg_cron';

CREATE FUNCTION @extschema@._rde_worker_findings(
    OUT severity text, OUT finding text, OUT object text, OUT since timestamptz, OUT detail text, OUT hint text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    worker record;
    has_worker boolean;
BEGIN
    -- workers: usual is what nine of ten runs begin after another at most
    SELECT max(CASE WHEN w.finished_at IS NULL AND EXISTS (SELECT FROM pg_stat_get_activity(w.pid) a
                                                           WHERE a.backend_start <= w.started_at)
                    THEN now() ELSE w.seen_at END) AS seen_at,
           greatest(interval '10 minutes', 2 * percentile_disc(0.9) WITHIN GROUP (ORDER BY w.pause)) AS patience,
           (SELECT count(*) FROM @extschema@._rde_generator g WHERE g.enabled AND g.event <> 'manual') AS generators,
           (SELECT count(*) FROM @extschema@._rde_generator g WHERE g.enabled AND g.next_run_at <= now()) AS due,
           (SELECT count(*) FROM @extschema@._rde_report r
            WHERE coalesce(r.retry_at, r.due_at) <= now() AND (r.status = 'submitted' OR r.retry_at IS NOT NULL)) AS waiting
    INTO worker
    FROM (SELECT w.*, w.started_at - lag(w.started_at) OVER (ORDER BY w.started_at) AS pause
          FROM @extschema@._rde_worker w) w;
    IF worker.generators + worker.waiting > 0 THEN
        has_worker := coalesce(worker.seen_at >= now() - worker.patience, false);
        IF NOT has_worker THEN
            RETURN QUERY
            SELECT 'error', 'no_worker', NULL::text, worker.seen_at,
                   format('rde_run_due has %s. %s generators are due, %s reports wait to be built.',
                          CASE WHEN worker.seen_at IS NULL THEN 'never run' ELSE 'not run since then' END,
                          worker.due, worker.waiting),
                   'Let pg_cron run it with rde_schedule(), or cron or a systemd timer with psql.';
        END IF;
        RETURN QUERY SELECT * FROM @extschema@._rde_cron_findings(has_worker);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_worker_findings() IS
    'what rde_health has to say about workers, and about pg_cron, which runs them';

CREATE FUNCTION @extschema@._rde_generator_findings(
    content boolean,
    OUT severity text, OUT finding text, OUT object text, OUT since timestamptz, OUT detail text, OUT hint text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    system_id CONSTANT bigint := (SELECT c.system_identifier FROM pg_control_system() c);
BEGIN
    -- generators and their reports; a revision has a report before it
    RETURN QUERY
    SELECT 'error', 'generator_late', format('%s (%s)', g.name, g.id), min(l.due_at),
           format('The period from %s has no report yet%s.', min(l.period_from),
                  CASE WHEN count(DISTINCT l.period_from) > 1 THEN ', nor has one after it' ELSE '' END),
           'The view rde_periods says what it waits for.'
    FROM (SELECT d.id, d.next_from, d.next_run_at FROM @extschema@._rde_generator d WHERE d.enabled
          UNION ALL
          SELECT r.generator, r.period_from, r.due_at FROM @extschema@._rde_report r
          WHERE (r.status = 'submitted' OR r.retry_at IS NOT NULL) AND r.type NOT IN ('onetime', 'on_invoice')
            AND r.supersedes IS NULL) l(generator, period_from, due_at)
    JOIN @extschema@._rde_generator g ON g.id = l.generator
    WHERE l.due_at < now() - @extschema@._rde_settle_limit() - interval '15 minutes'
    GROUP BY g.id, g.name;
    RETURN QUERY
    SELECT 'error', 'generator_disabled', format('%s (%s)', g.name, g.id), NULL::timestamptz,
           CASE WHEN g.foreign_reason AND NOT content THEN 'too many of its reports failed' ELSE g.disabled_reason END,
           format('When the cause is gone: SELECT rde_alter_generator(%L, enabled => true); that submits its failed reports again.', g.id)
    FROM @extschema@._rde_generator g
    WHERE NOT g.enabled AND g.disabled_reason NOT LIKE 'disabled by %';
    RETURN QUERY
    SELECT 'error', 'reports_failed', coalesce(g.name || ' (' || g.id || ')', 'reports on request'), min(r.failed_at),
           format('%s reports are in error, the last with: %s', count(*),
                  (array_agg(@extschema@._rde_shown_error(r.id, r.error, r.foreign_error, content)
                             ORDER BY r.failed_at DESC))[1]),
           'rde_retry_report() submits a report again, rde_drop_report() removes it.'
    FROM @extschema@._rde_failed_reports r
    LEFT JOIN @extschema@._rde_generator g ON g.id = r.generator
    WHERE r.sqlstate IS DISTINCT FROM '57P02'
    GROUP BY g.id, g.name;
    RETURN QUERY
    SELECT 'error', 'worker_died', r.id::text, r.failed_at, r.error,
           'The server''s log tells what ended it. When the cause is gone rde_retry_report() submits the report again.'
    FROM @extschema@._rde_failed_reports r
    WHERE r.sqlstate = '57P02';
    RETURN QUERY
    SELECT 'error', 'rebaseline_needed', format('%s (%s)', g.name, g.id), NULL::timestamptz,
           'Its last snapshot window ended in another database cluster, or nowhere.',
           format('SELECT rde_rebaseline_generator(%L); after pg_upgrade, rde_rebaseline_generator(%L, keep_window => true).', g.id, g.id)
    FROM @extschema@._rde_generator g
    JOIN @extschema@._rde_source o ON o.dataset = g.dataset AND o.change_column IS NOT NULL
    CROSS JOIN LATERAL unnest(g.formats) f(format)
    LEFT JOIN @extschema@._rde_generator_snapshot s ON s.generator = g.id AND s.format = f.format
    WHERE g.next_run_at IS NOT NULL AND s.system_identifier IS DISTINCT FROM system_id
    GROUP BY g.id, g.name;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_generator_findings(boolean) IS
    'what rde_health has to say about generators and their reports; an error may hold a value of a row, so it is shown with content only';

CREATE FUNCTION @extschema@._rde_source_findings(
    OUT severity text, OUT finding text, OUT object text, OUT since timestamptz, OUT detail text, OUT hint text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT 'error', 'source_failing', f.dataset, f.failed_at,
           format('%s times, the last with: %s', f.failures, f.error),
           format('It is tried again at %s, and at once when it has been attached again.', date_trunc('second', f.paused_until))
    FROM @extschema@._rde_source_failure f;
    RETURN QUERY
    SELECT 'error', 'source_drifted', s.dataset, NULL::timestamptz,
           CASE WHEN c.oid IS NULL THEN 'The attached relation is gone.'
                ELSE format('Columns of %s are gone or have another type than they were attached with: %s.',
                            s.relation, string_agg(DISTINCT x.name::text, ', ')) END,
           'Attach it again with rde_attach().'
    FROM @extschema@._rde_source s
    LEFT JOIN pg_class c ON c.oid = s.relation
    LEFT JOIN LATERAL (
        SELECT e.name, e.type, 'any' AS expected FROM @extschema@._rde_source_column e WHERE e.dataset = s.dataset
        UNION ALL
        SELECT p.name, NULL, p.expected
        FROM (SELECT s.reseller_column, 'reseller' UNION ALL SELECT s.period_column, 'unix'
              UNION ALL SELECT s.amount_column, 'numeric' UNION ALL SELECT s.currency_column, 'text'
              UNION ALL SELECT s.invoice_column, 'text' UNION ALL SELECT s.change_column, 'xid8'
              UNION ALL SELECT unnest(s.key_columns), 'any') p(name, expected)
        WHERE p.name IS NOT NULL) x
        ON NOT EXISTS (SELECT FROM pg_attribute a
                       WHERE a.attrelid = s.relation AND a.attname = x.name AND a.attnum > 0 AND NOT a.attisdropped
                         AND format_type(a.atttypid, NULL) = coalesce(x.type, format_type(a.atttypid, NULL))
                         AND @extschema@._rde_type_fits(a.atttypid, x.expected))
    WHERE c.oid IS NULL OR x.name IS NOT NULL
    GROUP BY s.dataset, s.relation, c.oid;
    RETURN QUERY
    SELECT 'error', 'source_not_stamped', s.dataset, NULL::timestamptz,
           format('No trigger stamps column "%s" of %s, so changes are not seen.', s.change_column, s.relation),
           format('CREATE TRIGGER rde_stamp BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION @extschema@.rde_stamp(%L);',
                  s.relation, s.change_column)
    FROM @extschema@._rde_source s
    JOIN pg_class c ON c.oid = s.relation AND c.relkind IN ('r', 'p')
    WHERE s.change_column IS NOT NULL AND NOT @extschema@._rde_is_stamped(s.relation, s.change_column);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_source_findings() IS
    'what rde_health has to say about sources';

CREATE FUNCTION @extschema@._rde_invoice_findings(
    OUT severity text, OUT finding text, OUT object text, OUT since timestamptz, OUT detail text, OUT hint text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT 'error', 'invoices_waiting', NULL::text, min(e.happened_at),
           format('%s new invoices wait for their reports to be submitted.', count(*)),
           'A worker does that: rde_schedule(), or CALL rde_run_due().'
    FROM @extschema@._rde_invoice_event e
    HAVING min(e.happened_at) < now() - interval '10 minutes';
    RETURN QUERY
    SELECT 'error', 'watch_broken', t.member::text, NULL::timestamptz,
           'New invoices in it are not recorded: its trigger is missing or disabled, or a column is gone.',
           format('SELECT rde_watch_invoices(%L, ...) again.', w.relation::text)
    FROM @extschema@._rde_invoice_watch w
    CROSS JOIN LATERAL @extschema@._rde_table_tree(w.relation) AS t(member)
    WHERE NOT EXISTS (SELECT FROM pg_trigger g
                      WHERE g.tgrelid = t.member AND g.tgname = 'rde_invoice_insert' AND g.tgenabled IN ('O', 'A'))
       OR (w.when_column IS NOT NULL
           AND NOT EXISTS (SELECT FROM pg_trigger g
                           WHERE g.tgrelid = t.member AND g.tgname = 'rde_invoice_update' AND g.tgenabled IN ('O', 'A')))
       OR (SELECT count(*) FROM pg_attribute a
           WHERE a.attrelid = t.member AND NOT a.attisdropped
             AND a.attname IN (w.reseller_column, w.invoice_column, w.when_column))
          < (SELECT count(DISTINCT n) FROM unnest(ARRAY[w.reseller_column, w.invoice_column, w.when_column]) n);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_invoice_findings() IS
    'what rde_health has to say about watched tables';

CREATE FUNCTION @extschema@._rde_server_findings(
    OUT severity text, OUT finding text, OUT object text, OUT since timestamptz, OUT detail text, OUT hint text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT 'warning', 'schema_open', '@extschema@'::regnamespace::text, NULL::timestamptz,
           format('%s may create objects in it: functions that callers take for those of the extension.', c.creators),
           format('REVOKE CREATE ON SCHEMA %s FROM %s;', '@extschema@'::regnamespace, c.creators)
    FROM @extschema@._rde_schema_creators() c(creators)
    WHERE c.creators IS NOT NULL;
    RETURN QUERY
    SELECT 'warning', 'prepared_transaction', p.gid, p.prepared,
           'Periods do not settle while it is there: nobody knows when it began.',
           'COMMIT PREPARED or ROLLBACK PREPARED it.'
    FROM pg_prepared_xacts p
    WHERE p.database = current_database() AND p.prepared < now() - interval '1 hour';
    RETURN QUERY
    SELECT 'warning', 'purge_overdue', NULL::text, min(r.expires_at),
           format('%s reports expired more than a day ago and are still stored.', count(*)),
           'A worker removes them, and so does rde_purge_reports().'
    FROM @extschema@._rde_report r
    WHERE r.expires_at < now() - interval '1 day' AND r.status <> 'submitted'
    HAVING count(*) > 0;
    RETURN QUERY
    SELECT 'warning', 'role_missing', format('%s (%s)', a.name, a.id), NULL::timestamptz,
           format('Role "%s" does not exist, or is not the one the account was given.', a.role),
           'Give it to the account again, or another, with rde_alter_account().'
    FROM @extschema@._rde_account a
    WHERE a.role IS NOT NULL AND NOT EXISTS (SELECT FROM @extschema@._rde_account_roles r WHERE r.account = a.id);
    RETURN QUERY
    SELECT 'error', 'tables_granted', g.name, NULL::timestamptz,
           format('%s has %s on it.', g.grantee, string_agg(g.privilege, ', ' ORDER BY g.privilege)),
           format('REVOKE ALL ON %s %s FROM %s; and look at who granted it.', g.kind, g.name, g.grantee)
    FROM @extschema@._rde_members() m
    JOIN pg_class c ON m.catalog = 'pg_class'::regclass AND c.oid = m.object
    CROSS JOIN LATERAL @extschema@._rde_grants(m.catalog, m.object) g
    WHERE c.relkind <> 'v' OR c.relname LIKE '\_%' OR g.privilege <> 'SELECT'
    GROUP BY g.kind, g.name, g.grantee;
    RETURN QUERY
    SELECT 'warning', 'secrets_published', p.pubname::text, NULL::timestamptz,
           'This publication sends signing keys and hashes of tokens to every subscriber.',
           'Publish the tables you mean.'
    FROM pg_publication p
    WHERE p.puballtables
       OR EXISTS (SELECT FROM pg_publication_namespace n WHERE n.pnpubid = p.oid AND n.pnnspid = '@extschema@'::regnamespace)
       OR EXISTS (SELECT FROM pg_publication_rel r
                  WHERE r.prpubid = p.oid
                    AND r.prrelid IN ('@extschema@._rde_signing_key'::regclass, '@extschema@._rde_token'::regclass));
    RETURN QUERY
    SELECT 'error', 'orphans', o.relation, NULL::timestamptz,
           format('%s rows have no %s they belong to.', o.orphans, o.belongs_to),
           'A restore has left something out: restore again, or delete them.'
    FROM @extschema@._rde_orphans() o;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_server_findings() IS
    'what rde_health has to say about what is in the way: open schemas, prepared transactions, missing roles, reports past their time, rows that belong to nothing, tables that are granted';

-- A store is an extension in this schema: what it has to say it says itself.
CREATE FUNCTION @extschema@._rde_store_findings(
    OUT severity text, OUT finding text, OUT object text, OUT since timestamptz, OUT detail text, OUT hint text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    store regprocedure;
BEGIN
    FOR store IN
        SELECT p.oid FROM pg_proc p
        JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
        JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid AND e.extname <> 'rde'
        WHERE p.pronamespace = '@extschema@'::regnamespace AND p.proname ~ '^_rde_[a-z0-9_]+_findings$' AND p.pronargs = 0
          AND p.proowner = current_user::regrole
        ORDER BY p.proname
    LOOP
        RETURN QUERY EXECUTE format('SELECT f.severity, f.finding, f.object, f.since, f.detail, f.hint FROM @extschema@.%I() f',
                                    (SELECT p.proname FROM pg_proc p WHERE p.oid = store));
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_store_findings() IS
    'what rde_health has to say about stores: what their functions _rde_<store>_findings() return';

CREATE FUNCTION @extschema@._rde_health(
    OUT severity text, OUT finding text, OUT object text, OUT since timestamptz, OUT detail text, OUT hint text
) RETURNS SETOF record
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET quote_all_identifiers = off
AS $$
BEGIN
    IF EXISTS (SELECT FROM unnest(@extschema@._rde_callers()) c(caller)
               WHERE NOT has_table_privilege(c.caller, '@extschema@.rde_health', 'SELECT'))
       OR (SELECT w.account IS NOT NULL FROM @extschema@.rde_whoami() w) THEN
        RETURN;
    END IF;

    RETURN QUERY SELECT * FROM @extschema@._rde_worker_findings();
    RETURN QUERY SELECT * FROM @extschema@._rde_generator_findings(@extschema@._rde_sees_all(true));
    RETURN QUERY SELECT * FROM @extschema@._rde_source_findings();
    RETURN QUERY SELECT * FROM @extschema@._rde_invoice_findings();
    RETURN QUERY SELECT * FROM @extschema@._rde_server_findings();
    RETURN QUERY SELECT * FROM @extschema@._rde_store_findings();
END
$$;
COMMENT ON FUNCTION @extschema@._rde_health() IS
    'the rows of rde_health, for those who may read that view';

---------------------------------------------------------------------------
-- What needs attention, to be selected from
---------------------------------------------------------------------------

CREATE VIEW @extschema@.rde_health WITH (security_barrier) AS
SELECT h.severity, h.finding, h.object, h.since, h.detail, h.hint
FROM @extschema@._rde_health() h;
COMMENT ON VIEW @extschema@.rde_health IS
    'what needs attention, and what to do about it; empty when all is well';
COMMENT ON COLUMN @extschema@.rde_health.severity IS
    'error or warning';
COMMENT ON COLUMN @extschema@.rde_health.finding IS
    'the kind of finding, one word that programs can compare';
COMMENT ON COLUMN @extschema@.rde_health.object IS
    'what it is about';
COMMENT ON COLUMN @extschema@.rde_health.since IS
    'since when, where that is known';
COMMENT ON COLUMN @extschema@.rde_health.detail IS
    'what was found';
COMMENT ON COLUMN @extschema@.rde_health.hint IS
    'what to do about it';

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

CREATE FUNCTION @extschema@._rde_request_number(request json, key text, digits integer) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF request ->> key !~ format('^-?[0-9]{1,%s}$', digits) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = key,
            MESSAGE = format('%s must be a whole number of %s digits at most', key, digits);
    END IF;
    RETURN (request ->> key)::bigint;
END
$$;
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
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF request ->> key !~ '^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = key,
            MESSAGE = format('%s is not a time of day', key),
            HINT = 'Write it as 06:30.';
    END IF;
    RETURN (request ->> key)::time;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_request_time(json, text) IS
    'a time of day in a request; raises 22023';

CREATE FUNCTION @extschema@._rde_request_duration(request json, key text) RETURNS interval
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF request ->> key !~ '^P(?=[0-9T])([0-9]{1,4}Y)?([0-9]{1,4}M)?([0-9]{1,4}W)?([0-9]{1,5}D)?(T(?=[0-9])([0-9]{1,5}H)?([0-9]{1,5}M)?([0-9]{1,5}S)?)?$' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = key,
            MESSAGE = format('%s is not a duration', key),
            HINT = 'Write it as ISO 8601 does: P90D for 90 days, P2Y for two years.';
    END IF;
    RETURN (request ->> key)::interval;
END
$$;
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
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'after is not a cursor of this server', HINT = begin_anew;
    END IF;
    IF NOT @extschema@._rde_has_seen(fields[2]) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'after is a cursor of what this server has not seen',
            DETAIL = 'It was restored to an earlier point, or has taken the place of one that was ahead of it.',
            HINT = 'List the days from then on anew: reports that were listed may be gone, and others have come.';
    END IF;
    RETURN fields[3]::pg_snapshot;
EXCEPTION
    WHEN invalid_text_representation THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'after is not a cursor of this server', HINT = begin_anew;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_read_cursor(text) IS
    'the snapshot of a cursor; raises 22023 for anything else, and for one of a lost timeline';

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
                                               THEN report.expires_at END, true));
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
    first_instant := @extschema@._rde_request_edge(request, 'startDate'::text, zone, 0);
    end_instant := coalesce(@extschema@._rde_request_edge(request, 'endDate'::text, zone, 1), now());
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
    'cancel, rebuild, retry or revoke-links, as POST /reports/{id}/… does: returns the report as it is then, of rebuild its next revision, which is built at once if it is small. Raises 22023, 42501, 42704, 53400, 55000';
---------------------------------------------------------------------------
-- The bodies of GET /account and /datasets, and of a data set's views
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@.rde_get_account() RETURNS json
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller CONSTANT bigint := @extschema@._rde_own_reseller(NULL::bigint);
    writes CONSTANT boolean := NOT pg_is_in_recovery();
    account @extschema@._rde_account;
    used record;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'the caller is no account';
    END IF;
    account := @extschema@._rde_find_account(caller);
    SELECT * INTO used FROM @extschema@._rde_account_use(caller);
    RETURN json_build_object(
        'id', account.id, 'name', account.name, 'parent', account.parent, 'scope', account.scope,
        'timeZone', @extschema@._rde_zone(account.time_zone),
        'onInvoice', (SELECT o.itself FROM @extschema@._rde_account_on_invoice o WHERE o.id = caller),
        'quotas', json_build_object(
            'pendingReports', json_build_object('used', used.pending_reports, 'limit', account.max_pending),
            'reportsPerDay', json_build_object('used', used.asked_reports, 'limit', account.max_reports_per_day),
            'storedBytes', json_build_object('used', used.stored_bytes, 'limit', account.max_stored_bytes),
            'generators', json_build_object('used', used.generators, 'limit', account.max_generators),
            'views', json_build_object('used', used.views, 'limit', account.max_views),
            'tokens', json_build_object('used', used.tokens, 'limit', account.max_tokens)),
        'limits', json_build_object(
            'maxSpan', @extschema@._rde_duration(@extschema@._rde_max_span()),
            'retention', @extschema@._rde_duration(@extschema@._rde_retention()),
            'linkLifetime', @extschema@._rde_duration(@extschema@._rde_link_lifetime())),
        'may', json_build_object(
            'requestReports', writes AND least(account.max_pending, account.max_reports_per_day) > 0,
            'createGenerators', writes AND account.max_generators > 0,
            'createViews', writes AND account.max_views > 0),
        'resellers', (SELECT json_agg(json_build_object('id', a.id, 'name', a.name) ORDER BY a.id)
                      FROM @extschema@._rde_account a WHERE a.id = ANY (@extschema@._rde_visible_accounts())));
END
$$;
COMMENT ON FUNCTION @extschema@.rde_get_account() IS
    'the caller''s account as the JSON body of GET /account: zone, scope, quotas and how much of each is used; raises 42501 for whoever is none';

CREATE FUNCTION @extschema@._rde_view_bodies(only_dataset text, only_view text) RETURNS TABLE (dataset text, view text, reseller bigint, body json)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    everybody CONSTANT boolean := @extschema@._rde_sees_all(true);
    caller CONSTANT bigint := CASE WHEN NOT everybody THEN @extschema@._rde_own_reseller(NULL::bigint) END;
    accounts CONSTANT bigint[] := @extschema@._rde_visible_accounts();
BEGIN
    RETURN QUERY
    WITH chosen AS MATERIALIZED (
        SELECT v.* FROM @extschema@._rde_view v
        WHERE (everybody OR v.reseller IS NULL OR v.reseller = ANY (accounts))
          AND (only_dataset IS NULL OR v.dataset = only_dataset) AND (only_view IS NULL OR v.name = only_view)),
    behind AS MATERIALIZED (
        SELECT c.dataset, b.column_name, b.type
        FROM (SELECT v.dataset, array_agg(vc.column_name) AS names
              FROM chosen v JOIN @extschema@._rde_view_column vc ON vc.view = v.id GROUP BY v.dataset) c
        CROSS JOIN LATERAL @extschema@._rde_columns_behind(c.dataset, c.names) b),
    columns AS (
        SELECT v.dataset, v.name, v.reseller, vc.position,
               json_strip_nulls(json_build_object(
                   'column', vc.column_name, 'as', vc.alias,
                   'attribute', CASE vc.transform WHEN 'attribute' THEN vc.argument END,
                   'locale', CASE vc.transform WHEN 'locale' THEN vc.argument END,
                   'type', CASE WHEN vc.transform IN ('unix', 'unix_date', 'multilingual') THEN vc.transform END,
                   'label', vc.labels, 'group', vc.field_group, 'description', vc.description,
                   'valueType', @extschema@._rde_value_type(b.type, vc.transform))) AS item
        FROM chosen v JOIN @extschema@._rde_view_column vc ON vc.view = v.id
        JOIN behind b ON b.dataset = v.dataset AND b.column_name = vc.column_name
        UNION ALL
        SELECT f.dataset, 'full', NULL, f.position,
               json_strip_nulls(json_build_object(
                   'column', f.name, 'as', f.name, 'group', f.field_group, 'description', f.description,
                   'valueType', @extschema@._rde_value_type(f.type, NULL::text)))
        FROM (SELECT c.dataset, c.position, c.name, a.atttypid AS type, shown.field_group, shown.description
              FROM @extschema@._rde_source_column c
              JOIN @extschema@._rde_source s ON s.dataset = c.dataset
              LEFT JOIN pg_attribute a ON a.attrelid = s.relation AND a.attname = c.name AND NOT a.attisdropped
              LEFT JOIN LATERAL (
                  SELECT vc.field_group, vc.description
                  FROM @extschema@._rde_view v JOIN @extschema@._rde_view_column vc ON vc.view = v.id
                  WHERE v.dataset = c.dataset AND v.reseller IS NULL AND v.name = 'cmp' AND lower(vc.column_name) = lower(c.name)
                  LIMIT 1) shown ON true
              WHERE (only_dataset IS NULL OR c.dataset = only_dataset)) f
        WHERE only_view IS NULL OR only_view = 'full'),
    whole AS (
        SELECT c.dataset, c.name, c.reseller, json_agg(c.item ORDER BY c.position) AS items,
               coalesce((SELECT json_agg(json_build_object('column', d.column_name, d.operator, d.operand) ORDER BY d.position)
                         FROM chosen v JOIN @extschema@._rde_view_condition d ON d.view = v.id
                         WHERE v.dataset = c.dataset AND v.name = c.name AND v.reseller IS NOT DISTINCT FROM c.reseller), '[]') AS conditions
        FROM columns c GROUP BY c.dataset, c.name, c.reseller)
    SELECT w.dataset, w.name, w.reseller,
           json_build_object(
               'dataset', w.dataset, 'name', w.name, 'reseller', w.reseller,
               'mayAlter', coalesce(NOT v.shipped AND (everybody OR v.reseller = ANY (accounts)
                                                       AND (NOT v.locked OR v.reseller <> caller)), false),
               'version', left(md5(w.items::text || w.conditions::text), 16), 'columns', w.items, 'conditions', w.conditions)
    FROM whole w LEFT JOIN chosen v ON v.dataset = w.dataset AND v.name = w.name AND v.reseller IS NOT DISTINCT FROM w.reseller;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_view_bodies(text, text) IS
    'the report views the caller may use, of one data set or one name or all, each as JSON';

CREATE FUNCTION @extschema@.rde_list_datasets() RETURNS json
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller CONSTANT bigint := @extschema@._rde_own_reseller(NULL::bigint);
BEGIN
    RETURN (
        WITH views AS (
            SELECT b.dataset, json_agg(b.body ORDER BY b.view, b.reseller NULLS FIRST) AS bodies
            FROM @extschema@._rde_view_bodies(NULL::text, NULL::text) b GROUP BY b.dataset)
        SELECT json_build_object(
            'data', coalesce(json_agg(json_build_object(
                'name', d.name, 'title', d.title, 'attached', s.dataset IS NOT NULL,
                'hasInvoices', s.invoice_column IS NOT NULL,
                'defaultView', @extschema@._rde_choose_view(d.name, NULL::text, caller),
                'views', coalesce(v.bodies, '[]')) ORDER BY d.name), '[]'),
            'formats', @extschema@._rde_format_list(),
            'events', '["daily","weekly","monthly","quarterly","on_invoice","manual"]'::json,
            'options', @extschema@._rde_option_list())
        FROM @extschema@._rde_dataset d
        LEFT JOIN @extschema@._rde_source s ON s.dataset = d.name
        LEFT JOIN views v ON v.dataset = d.name);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_list_datasets() IS
    'the JSON body of GET /datasets: data sets, the views the caller may use with their columns, formats, events and options';

CREATE FUNCTION @extschema@.rde_get_view(dataset text, name text, reseller bigint DEFAULT NULL) RETURNS json
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    body json;
BEGIN
    reseller := @extschema@._rde_own_reseller(reseller);
    SELECT b.body INTO body FROM @extschema@._rde_view_bodies(rde_get_view.dataset, rde_get_view.name) b
    WHERE b.reseller IS NULL OR b.reseller = rde_get_view.reseller
    ORDER BY b.reseller NULLS LAST LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('data set "%s" has no view "%s"', dataset, name),
            HINT = 'The view rde_view_columns lists them.';
    END IF;
    RETURN body;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_get_view(text, text, bigint) IS
    'a report view as JSON: a reseller''s own of that name, else the provider''s; raises 42704';

CREATE FUNCTION @extschema@._rde_requested_columns(request json) RETURNS json
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_check_body(request, '{"columns": "array", "conditions": "array"}'::jsonb, '{columns}'::text[], '{conditions}'::text[]);
    -- what an answer says of values a request may repeat
    RETURN (SELECT json_agg(CASE WHEN json_typeof(c.item) = 'object'
                            THEN (SELECT coalesce(json_object_agg(k.key, k.value), '{}') FROM json_each(c.item) k WHERE k.key <> 'valueType')
                            ELSE c.item END ORDER BY c.n)
            FROM json_array_elements(request -> 'columns') WITH ORDINALITY c(item, n));
END
$$;
COMMENT ON FUNCTION @extschema@._rde_requested_columns(json) IS
    'the columns of a view that a request asks for; raises 22023';

CREATE FUNCTION @extschema@.rde_request_view(
    dataset text, name text, request json, idempotency_key text DEFAULT NULL, reseller bigint DEFAULT NULL
) RETURNS json
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller CONSTANT bigint := @extschema@._rde_own_reseller(NULL::bigint);
    wanted CONSTANT json := @extschema@._rde_requested_columns(request);
    answer json;
BEGIN
    answer := @extschema@._rde_repeated(caller, idempotency_key, jsonb_build_object(
        'POST', jsonb_build_array('views', dataset, name, reseller), 'body', request::jsonb));
    IF answer IS NULL THEN
        PERFORM @extschema@.rde_create_view(dataset, name, wanted, reseller, coalesce(request -> 'conditions', '[]'), NULL::boolean);
        answer := @extschema@._rde_remember(caller, idempotency_key, @extschema@.rde_get_view(dataset, name, reseller));
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_request_view(text, text, json, text, bigint) IS
    'make a report view as POST /datasets/{dataset}/views/{view} does, and return it; raises what rde_create_view raises';

CREATE FUNCTION @extschema@._rde_match_view(dataset text, name text, reseller bigint, if_match text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM @extschema@._rde_view v
    WHERE v.id = @extschema@._rde_find_view(_rde_match_view.dataset, _rde_match_view.name,
                                            @extschema@._rde_own_reseller(_rde_match_view.reseller)) FOR NO KEY UPDATE;
    PERFORM @extschema@._rde_check_match(if_match, @extschema@.rde_get_view(dataset, name, reseller) ->> 'version');
END
$$;
COMMENT ON FUNCTION @extschema@._rde_match_view(text, text, bigint, text) IS
    'hold a view that may be changed; raises 42704, 42501, or 27000 if If-Match names another version';

CREATE FUNCTION @extschema@.rde_replace_view(
    dataset text, name text, request json, if_match text DEFAULT NULL, reseller bigint DEFAULT NULL
) RETURNS json
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_own_reseller(reseller);
    PERFORM @extschema@._rde_match_view(dataset, name, reseller, if_match);
    PERFORM @extschema@.rde_alter_view(dataset, name, @extschema@._rde_requested_columns(request), reseller,
                                       coalesce(request -> 'conditions', '[]'), NULL::boolean);
    RETURN @extschema@.rde_get_view(dataset, name, reseller);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_replace_view(text, text, json, text, bigint) IS
    'give a report view other columns and conditions as PUT /datasets/{dataset}/views/{view} does, and return it; raises 27000 if it is another version than if_match';

CREATE FUNCTION @extschema@.rde_remove_view(
    dataset text, name text, if_match text DEFAULT NULL, reseller bigint DEFAULT NULL
) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_own_reseller(reseller);
    PERFORM @extschema@._rde_match_view(dataset, name, reseller, if_match);
    PERFORM @extschema@.rde_drop_view(dataset, name, reseller);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_remove_view(text, text, text, bigint) IS
    'drop a report view as DELETE /datasets/{dataset}/views/{view} does; raises 27000 if it is another version than if_match';
---------------------------------------------------------------------------
-- The bodies of /generators
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_generator_version(generator @extschema@._rde_generator) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    SET IntervalStyle = 'iso_8601'
BEGIN ATOMIC
    -- what is settled by whoever made it; not where its calendar has come to
    SELECT left(md5(ROW(generator.name, generator.view, generator.formats, generator.time_zone, generator.week_day,
                        generator.month_start, generator.month_day, generator.run_at, generator.catch_up,
                        generator.retention, generator.options, generator.enabled, generator.locked)::text), 16);
END;
COMMENT ON FUNCTION @extschema@._rde_generator_version(@extschema@._rde_generator) IS
    'names the settings of a generator as they are now: another whenever one of them is another';

CREATE FUNCTION @extschema@._rde_generator_bodies(ids uuid[]) RETURNS TABLE (id uuid, body json)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    everybody CONSTANT boolean := @extschema@._rde_sees_all(true);
    caller CONSTANT bigint := CASE WHEN NOT everybody THEN @extschema@._rde_own_reseller(NULL::bigint) END;
BEGIN
    RETURN QUERY
    SELECT g.id, json_build_object(
        'id', g.id, 'name', g.name, 'dataset', g.dataset, 'customizationName', g.view, 'formats', g.formats,
        'event', g.event, 'reseller', g.reseller, 'timeZone', g.time_zone, 'weekDay', g.week_day,
        'monthStart', g.month_start, 'monthDay', g.month_day, 'runAt', g.run_at::text,
        'start', to_char(g.start, 'YYYY-MM-DD'), 'catchUp', g.catch_up,
        'retention', @extschema@._rde_duration(g.retention), 'options', g.options,
        'enabled', g.enabled, 'disabledReason', g.disabled_reason,
        'creationDate', @extschema@._rde_utc_text(g.created_at, true),
        'madeByProvider', g.made_by IS DISTINCT FROM g.reseller,
        'mayAlter', everybody OR NOT g.locked OR g.reseller <> caller,
        'version', @extschema@._rde_generator_version(s),
        'nextStartDate', @extschema@._rde_utc_text(g.next_from, true),
        'nextEndDate', @extschema@._rde_utc_text(g.next_to, true),
        'nextRunDate', @extschema@._rde_utc_text(g.next_run_at, true),
        'lastRunDate', @extschema@._rde_utc_text(g.last_run_at, true), 'lastReport', g.last_report,
        'lastStatus', g.last_status, 'failedReports', g.failed,
        'pausedUntil', @extschema@._rde_utc_text(g.paused_until, true))
    FROM @extschema@._rde_generators(ids) g
    JOIN @extschema@._rde_generator s ON s.id = g.id;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_generator_bodies(uuid[]) IS
    'generators of the caller, each as JSON';

CREATE FUNCTION @extschema@.rde_list_generators(after text DEFAULT NULL, reseller bigint DEFAULT NULL) RETURNS json
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part CONSTANT integer := 500;
    everybody CONSTANT boolean := @extschema@._rde_sees_all(true);
    accounts bigint[];
    place text[];
    places text[];
    ids uuid[];
    bodies json;
BEGIN
    IF reseller IS NOT NULL THEN
        PERFORM @extschema@._rde_own_reseller(reseller);
    ELSIF NOT everybody THEN
        PERFORM @extschema@._rde_own_reseller(NULL::bigint);
    END IF;
    accounts := CASE WHEN reseller IS NOT NULL THEN ARRAY[reseller]
                     WHEN NOT everybody THEN @extschema@._rde_visible_accounts() END;
    IF after IS NOT NULL THEN
        place := regexp_match(after, '^([0-9]{1,17})\.([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$');
        IF place IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = 'after',
                MESSAGE = 'after is not "next" of an earlier answer';
        END IF;
    END IF;
    SELECT array_agg(g.id ORDER BY g.made, g.id), array_agg(g.made || '.' || g.id ORDER BY g.made, g.id) INTO ids, places
    FROM (SELECT g.id, (extract(epoch FROM g.created_at) * 1000000)::bigint AS made
          FROM @extschema@._rde_generator g
          WHERE (accounts IS NULL OR g.reseller = ANY (accounts))
            AND (place IS NULL OR ((extract(epoch FROM g.created_at) * 1000000)::bigint, g.id) > (place[1]::bigint, place[2]::uuid))
          ORDER BY 2, 1 LIMIT part + 1) g;
    SELECT json_agg(b.body ORDER BY array_position(ids, b.id)) INTO bodies
    FROM @extschema@._rde_generator_bodies(coalesce(ids[:part], '{}')) b;
    RETURN CASE WHEN cardinality(ids) > part
                THEN json_build_object('data', coalesce(bodies, '[]'), 'next', places[part])
                ELSE json_build_object('data', coalesce(bodies, '[]')) END;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_list_generators(text, bigint) IS
    'the caller''s generators, the oldest first, as the JSON body of GET /generators; a long list comes in parts, each with where the next one begins. Raises 22023, 42501';

CREATE FUNCTION @extschema@.rde_get_generator(generator uuid) RETURNS json
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_find_generator(generator);
    RETURN (SELECT b.body FROM @extschema@._rde_generator_bodies(ARRAY[generator]) b);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_get_generator(uuid) IS
    'a generator of the caller as the JSON body of GET /generators/{id}; raises 42704';

CREATE FUNCTION @extschema@._rde_requested_formats(request json) RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    problem text;
    remedy text;
BEGIN
    IF json_typeof(request -> 'formats') IS DISTINCT FROM 'array' THEN
        RETURN NULL;
    END IF;
    IF EXISTS (SELECT FROM json_array_elements(request -> 'formats') f WHERE json_typeof(f) <> 'string') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = 'formats',
            MESSAGE = 'not text in the request: formats';
    END IF;
    RETURN ARRAY(SELECT @extschema@._rde_format_name(f) FROM json_array_elements_text(request -> 'formats') f);
EXCEPTION
    WHEN invalid_parameter_value THEN
        GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT, remedy = PG_EXCEPTION_HINT;
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = 'formats', MESSAGE = problem, HINT = remedy;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_requested_formats(json) IS
    'the formats a request names; NULL: none. Raises 22023';

CREATE FUNCTION @extschema@.rde_request_generator(request json, idempotency_key text DEFAULT NULL) RETURNS json
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller CONSTANT bigint := @extschema@._rde_own_reseller(NULL::bigint);
    made uuid;
    answer json;
BEGIN
    PERFORM @extschema@._rde_require_primary();
    PERFORM @extschema@._rde_check_body(request, '{
        "name": "string", "dataset": "string", "formats": "array", "event": "string", "customizationName": "string",
        "reseller": "number", "timeZone": "string", "weekDay": "number", "monthStart": "number", "monthDay": "number",
        "runAt": "string", "start": "string", "catchUp": "string", "retention": "string", "options": "object"}'::jsonb,
        '{name,dataset,formats,event}'::text[], '{}'::text[]);
    answer := @extschema@._rde_repeated(caller, idempotency_key, jsonb_build_object('POST', 'generators', 'body', request::jsonb));
    IF answer IS NULL THEN
        made := @extschema@.rde_create_generator(
            request ->> 'dataset', request ->> 'name', @extschema@._rde_requested_formats(request), request ->> 'event',
            view => request ->> 'customizationName',
            reseller => @extschema@._rde_request_number(request, 'reseller'::text, 18),
            time_zone => request ->> 'timeZone',
            month_day => @extschema@._rde_request_number(request, 'monthDay'::text, 9)::integer,
            run_at => coalesce(@extschema@._rde_request_time(request, 'runAt'::text), '00:00'),
            start => @extschema@._rde_request_day(request, 'start'::text),
            catch_up => coalesce(request ->> 'catchUp', 'all'),
            retention => @extschema@._rde_request_duration(request, 'retention'::text),
            options => coalesce(nullif(request::jsonb -> 'options', 'null'), '{}'),
            week_day => coalesce(@extschema@._rde_request_number(request, 'weekDay'::text, 9)::integer, 1),
            month_start => coalesce(@extschema@._rde_request_number(request, 'monthStart'::text, 9)::integer, 1),
            locked => NULL::boolean);
        -- a statement of its own sees it
        answer := @extschema@._rde_remember(caller, idempotency_key, @extschema@.rde_get_generator(made));
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_request_generator(json, text) IS
    'make a generator as POST /generators does, and return it; raises what rde_create_generator raises';

CREATE FUNCTION @extschema@._rde_match_generator(generator uuid, if_match text) RETURNS @extschema@._rde_generator
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held @extschema@._rde_generator;
BEGIN
    PERFORM @extschema@._rde_find_generator(generator);
    SELECT g.* INTO held FROM @extschema@._rde_generator g WHERE g.id = _rde_match_generator.generator FOR UPDATE;
    IF NOT FOUND THEN
        held := @extschema@._rde_find_generator(generator);
    END IF;
    PERFORM @extschema@._rde_check_match(if_match, @extschema@._rde_generator_version(held));
    RETURN held;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_match_generator(uuid, text) IS
    'hold a generator of the caller; raises 42704, or 27000 if If-Match names another version';

CREATE FUNCTION @extschema@.rde_change_generator(generator uuid, request json, if_match text DEFAULT NULL) RETURNS json
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_require_primary();
    PERFORM @extschema@._rde_match_generator(generator, if_match);
    PERFORM @extschema@._rde_check_body(request, '{
        "name": "string", "formats": "array", "customizationName": "string", "timeZone": "string", "weekDay": "number",
        "monthStart": "number", "monthDay": "number", "runAt": "string", "catchUp": "string", "retention": "string",
        "options": "object", "enabled": "boolean"}'::jsonb, '{}'::text[],
        '{name,formats,timeZone,weekDay,monthStart,monthDay,runAt,catchUp,options,enabled}'::text[]);
    PERFORM @extschema@.rde_alter_generator(
        generator, name => request ->> 'name', formats => @extschema@._rde_requested_formats(request),
        view => request ->> 'customizationName', time_zone => request ->> 'timeZone',
        month_day => @extschema@._rde_request_number(request, 'monthDay'::text, 9)::integer,
        run_at => @extschema@._rde_request_time(request, 'runAt'::text), catch_up => request ->> 'catchUp',
        retention => @extschema@._rde_request_duration(request, 'retention'::text),
        options => request::jsonb -> 'options', enabled => (request ->> 'enabled')::boolean,
        clear => array_remove(ARRAY[CASE WHEN json_typeof(request -> 'customizationName') = 'null' THEN 'view' END,
                                    CASE WHEN json_typeof(request -> 'retention') = 'null' THEN 'retention' END], NULL),
        week_day => @extschema@._rde_request_number(request, 'weekDay'::text, 9)::integer,
        month_start => @extschema@._rde_request_number(request, 'monthStart'::text, 9)::integer, locked => NULL::boolean);
    RETURN @extschema@.rde_get_generator(generator);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_change_generator(uuid, json, text) IS
    'change a generator as PATCH /generators/{id} does, and return it; what is not said stays, null takes away customizationName and retention. Raises 27000 if it is another version than if_match, and what rde_alter_generator raises';

CREATE FUNCTION @extschema@.rde_remove_generator(generator uuid, if_match text DEFAULT NULL) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_require_primary();
    IF if_match IS NOT NULL THEN
        PERFORM @extschema@._rde_match_generator(generator, if_match);
    END IF;
    PERFORM @extschema@.rde_drop_generator(generator);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_remove_generator(uuid, text) IS
    'drop a generator as DELETE /generators/{id} does; raises 42704, or 27000 if it is another version than if_match';

CREATE FUNCTION @extschema@.rde_request_run(generator uuid, request json, idempotency_key text DEFAULT NULL) RETURNS json
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller CONSTANT bigint := @extschema@._rde_own_reseller(NULL::bigint);
    run CONSTANT @extschema@._rde_generator := @extschema@._rde_find_generator(generator);
    first_day date;
    last_day date;
    reports uuid[];
    answer json;
BEGIN
    PERFORM @extschema@._rde_require_primary();
    PERFORM @extschema@._rde_check_body(request, '{"firstDay": "string", "lastDay": "string"}'::jsonb, '{firstDay,lastDay}'::text[], '{}'::text[]);
    answer := @extschema@._rde_repeated(caller, idempotency_key, jsonb_build_object(
        'POST', jsonb_build_array('runs', generator), 'body', request::jsonb));
    IF answer IS NULL THEN
        first_day := @extschema@._rde_request_day(request, 'firstDay'::text);
        last_day := @extschema@._rde_request_day(request, 'lastDay'::text);
        PERFORM @extschema@._rde_check_days(first_day, last_day);
        IF caller IS NOT NULL THEN
            PERFORM @extschema@._rde_check_request(run.reseller, @extschema@._rde_day_start(first_day, run.time_zone),
                                                   @extschema@._rde_day_start(last_day + 1, run.time_zone));
        END IF;
        reports := ARRAY(SELECT @extschema@.rde_run_generator(generator, first_day, last_day));
        SELECT json_build_object('data', json_agg(@extschema@._rde_report_body(r) ORDER BY array_position(run.formats, r.format)))
        INTO answer
        FROM @extschema@._rde_report r
        WHERE r.id = ANY (reports);
        PERFORM @extschema@._rde_remember(caller, idempotency_key, answer);
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_request_run(uuid, json, text) IS
    'ask for a generator''s reports of chosen days as POST /generators/{id}/runs does, and return them; raises what rde_run_generator raises';

CREATE FUNCTION @extschema@.rde_list_periods(generator uuid, first_day date DEFAULT NULL, last_day date DEFAULT NULL) RETURNS json
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    its CONSTANT @extschema@._rde_generator := @extschema@._rde_find_generator(generator);
    first_instant timestamptz;
    end_instant timestamptz;
BEGIN
    PERFORM @extschema@._rde_check_days(coalesce(first_day, least(last_day, current_date) - 90), coalesce(last_day, '9999-12-30'));
    first_instant := @extschema@._rde_day_start(coalesce(first_day, least(last_day, current_date) - 90), its.time_zone);
    end_instant := @extschema@._rde_day_start(last_day + 1, its.time_zone);
    RETURN json_build_object(
        'timeZone', its.time_zone,
        'data', coalesce((
            SELECT json_agg(json_build_object(
                'format', p.format,
                'startDate', @extschema@._rde_utc_text(p.period_from, true), 'endDate', @extschema@._rde_utc_text(p.period_to, true),
                'dueDate', @extschema@._rde_utc_text(p.due_at, true), 'status', p.status, 'report', p.report,
                'revision', p.revision, 'provisional', p.provisional,
                'latenessSeconds', greatest(extract(epoch FROM p.lateness), 0), 'waitsFor', p.waits_for,
                'rowCount', r.row_count,
                'totals', (SELECT jsonb_object_agg(t.currency, t.amount) FROM @extschema@._rde_report_total t
                           WHERE t.report = r.id AND t.amount IS NOT NULL))
                ORDER BY p.period_from, array_position(its.formats, p.format))
            FROM @extschema@._rde_periods(its.id) p
            LEFT JOIN @extschema@._rde_report r ON r.id = p.report AND r.status = 'completed'
            WHERE p.period_to > first_instant AND (end_instant IS NULL OR p.period_from < end_instant)), '[]'));
END
$$;
COMMENT ON FUNCTION @extschema@.rde_list_periods(uuid, date, date) IS
    'every period of a generator that has one of these days, as the JSON body of GET /generators/{id}/periods; by default of the last 90 days and what comes next. Raises 22004, 22023, 42704';

CREATE FUNCTION @extschema@.rde_preview_periods(request json) RETURNS json
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller CONSTANT bigint := @extschema@._rde_own_reseller(NULL::bigint);
    its @extschema@._rde_generator;
    owner bigint;
    period record;
    periods json[] := '{}';
BEGIN
    PERFORM @extschema@._rde_check_body(request, '{
        "generator": "string", "event": "string", "reseller": "number", "timeZone": "string", "weekDay": "number",
        "monthStart": "number", "monthDay": "number", "runAt": "string", "start": "string"}'::jsonb,
        CASE WHEN request ->> 'generator' IS NULL THEN '{event}'::text[] ELSE '{}' END, '{}'::text[]);
    owner := coalesce(@extschema@._rde_request_number(request, 'reseller'::text, 18), caller);
    PERFORM @extschema@._rde_own_reseller(owner);
    IF request ->> 'generator' IS NOT NULL THEN
        IF request ->> 'generator' !~ '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$' THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = 'generator', MESSAGE = 'generator is not an id';
        END IF;
        its := @extschema@._rde_find_generator((request ->> 'generator')::uuid);
        IF coalesce(request ->> 'event', its.event) <> its.event THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = 'event',
                MESSAGE = 'the event of a generator cannot be changed';
        END IF;
    ELSE
        its.event := request ->> 'event';
        IF its.event NOT IN ('daily', 'weekly', 'monthly', 'quarterly', 'on_invoice', 'manual') THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', COLUMN = 'event',
                MESSAGE = pg_catalog.format('generator event "%s" is not supported', left(its.event, 64)),
                HINT = 'Use daily, weekly, monthly, quarterly, on_invoice or manual.';
        END IF;
        its.time_zone := @extschema@._rde_zone((SELECT a.time_zone FROM @extschema@._rde_account a WHERE a.id = owner));
        its.week_day := 1;
        its.month_start := 1;
        its.run_at := '00:00';
    END IF;
    PERFORM @extschema@._rde_check_schedule(
        its.event, nullif(@extschema@._rde_request_number(request, 'weekDay'::text, 9)::integer, 1),
        nullif(@extschema@._rde_request_number(request, 'monthStart'::text, 9)::integer, 1),
        nullif(@extschema@._rde_request_number(request, 'monthDay'::text, 9)::integer, 1),
        nullif(@extschema@._rde_request_time(request, 'runAt'::text), '00:00'), @extschema@._rde_request_day(request, 'start'::text),
        NULL::text, NULL::interval);
    its.time_zone := CASE WHEN request ->> 'timeZone' IS NOT NULL THEN @extschema@._rde_zone(request ->> 'timeZone') ELSE its.time_zone END;
    its.week_day := coalesce(@extschema@._rde_request_number(request, 'weekDay'::text, 9)::integer, its.week_day);
    its.month_day := coalesce(@extschema@._rde_request_number(request, 'monthDay'::text, 9)::integer,
                              CASE WHEN its.month_day = its.month_start OR its.month_day IS NULL
                              THEN coalesce(@extschema@._rde_request_number(request, 'monthStart'::text, 9)::integer, its.month_start) END,
                              its.month_day);
    its.month_start := coalesce(@extschema@._rde_request_number(request, 'monthStart'::text, 9)::integer, its.month_start);
    its.run_at := coalesce(@extschema@._rde_request_time(request, 'runAt'::text), its.run_at);
    IF its.event NOT IN ('on_invoice', 'manual') THEN
        its.next_from := coalesce(its.next_from, @extschema@._rde_day_start(@extschema@._rde_period_day(
            its.event, coalesce(@extschema@._rde_request_day(request, 'start'::text), (now() AT TIME ZONE its.time_zone)::date),
            its.week_day, its.month_start), its.time_zone));
        FOR i IN 1 .. 5 LOOP
            SELECT n.period_to, n.run INTO period
            FROM @extschema@._rde_next_period(its.event, its.next_from, its.time_zone, its.week_day, its.month_start,
                                              its.month_day, its.run_at) n;
            periods := periods || json_build_object(
                'firstDay', to_char(its.next_from AT TIME ZONE its.time_zone, 'YYYY-MM-DD'),
                'lastDay', to_char((period.period_to AT TIME ZONE its.time_zone)::date - 1, 'YYYY-MM-DD'),
                'startDate', @extschema@._rde_utc_text(its.next_from, true),
                'endDate', @extschema@._rde_utc_text(period.period_to, true),
                'dueDate', @extschema@._rde_utc_text(period.run, true),
                'localDueDate', @extschema@._rde_zone_text(period.run, its.time_zone));
            its.next_from := period.period_to;
        END LOOP;
    END IF;
    RETURN json_build_object('timeZone', its.time_zone, 'data', array_to_json(periods));
END
$$;
COMMENT ON FUNCTION @extschema@.rde_preview_periods(json) IS
    'the next five periods of a generator that is yet to be made, or to be changed, as the JSON body of POST /generators/preview; raises 22023, 42501, 42704';
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
---------------------------------------------------------------------------
-- Shipped data
---------------------------------------------------------------------------

INSERT INTO @extschema@._rde_dataset (name, title, shipped) VALUES
    ('provisioned_orders', 'Provisioned Orders', true),
    ('payments', 'Payments', true);

INSERT INTO @extschema@._rde_view (id, dataset, name, shipped) VALUES
    (1, 'provisioned_orders', 'cmp', true),
    (2, 'payments', 'cmp', true);

INSERT INTO @extschema@._rde_view_column
    (view, position, alias, column_name, transform, expected, field_group, description, shipped)
SELECT c.view, row_number() OVER (PARTITION BY c.view ORDER BY c.n), c.alias, c.column_name, c.transform,
       c.expected, c.field_group, c.description, true
FROM (
    SELECT 1, f.* FROM (VALUES
        (31, 'planId', 'CUSTOMER_PLAN_ID', NULL, 'integer', 'Subscribed Product', 'The offer ID.'),
        (32, 'productId', 'CUSTOMER_RESOURCE_ID', NULL, 'integer', 'Subscribed Product', 'The product ID.'),
        (33, 'productName', 'CUSTOMER_RESOURCE_NAME', 'multilingual', 'text', 'Subscribed Product', 'The product name in the multilingual format.'),
        (41, 'orderId', 'CUSTOMER_ORDER_ID', NULL, 'integer', 'Order', 'The ID assigned to the order by the platform.'),
        (42, 'orderNumber', 'CUSTOMER_ORDER_NUMBER', NULL, 'text', 'Order', 'The number assigned to the order by the platform according to the reseller''s own order numbering rule.'),
        (43, 'orderCreationDate', 'CUSTOMER_ORDER_DATE', NULL, 'date', 'Order', 'The order creation date.'),
        (44, 'orderTotal', 'CUSTOMER_ORDER_TOTAL', NULL, 'numeric', 'Order', 'The order''s total in the customer''s currency.'),
        (45, 'orderAttributes', 'CUSTOMER_ORDER_ATTRIBUTES', NULL, 'json', 'Order', 'A list of the order''s custom attributes, including PONumber.'),
        (51, 'subscriptionId', 'SUBSCRIPTION_ID', NULL, 'integer', 'Subscription', 'The subscription ID.'),
        (52, 'subscriptionStatus', 'SUBSCRIPTION_STATUS', NULL, 'text', 'Subscription', 'The subscription status: Ordered, Trial, Active, Graced, Expired, Terminated, Canceled and others.'),
        (53, 'provisioningDate', 'SUBSCRIPTION_START_DATE', NULL, 'date', 'Subscription', 'The subscription provisioning date.'),
        (54, 'expirationDate', 'SUBSCRIPTION_EXP_DATE', NULL, 'date', 'Subscription', 'The date when the subscription expires.'),
        (55, 'billingPeriodType', 'SUBSCRIPTION_BILLING_PERIOD_TYPE', NULL, 'text', 'Subscription', 'The unit of length of the subscription billing period.'),
        (56, 'billingPeriodDuration', 'SUBSCRIPTION_BILLING_PERIOD', NULL, 'integer', 'Subscription', 'The duration of the subscription''s billing period as a number of the billing period units.')
    ) f
    UNION ALL
    SELECT 2, f.* FROM (VALUES
        (1, 'paymentNumber', 'CUSTOMER_PAYMENT_DOCUMENT_NUMBER', NULL, 'text', 'Payment', 'The number assigned to the payment document in the platform.'),
        (2, 'paymentDate', 'CUSTOMER_PAYMENT_DOCUMENT_DATE', 'unix_date', 'unix', 'Payment', 'The payment creation date (midnight in the report''s time zone) in the Unix timestamp format.'),
        (3, 'paymentType', 'CUSTOMER_PAYMENT_DOCUMENT_TYPE', NULL, 'text', 'Payment', 'The document type, for example: Payment, Check, or Void.'),
        (4, 'paymentStatus', 'CUSTOMER_PAYMENT_STATUS', NULL, 'text', 'Payment', 'The payment status, for example: Hold, Open, or Closed.'),
        (5, 'paymentTotal', 'CUSTOMER_PAYMENT_TOTAL', NULL, 'numeric', 'Payment', 'The payment total.'),
        (6, 'paymentCurrency', 'CUSTOMER_PAYMENT_CURRENCY_ID', NULL, 'text', 'Payment', 'The payment''s currency code.'),
        (7, 'paymentReferenceNumber', 'CUSTOMER_PAYMENT_REFERENCE_NUMBER', NULL, 'text', 'Payment', 'The reference number of the last online transaction performed to process an online payment.'),
        (8, 'paymentAuthCode', 'CUSTOMER_PAYMENT_AUTH_CODE', NULL, 'text', 'Payment', 'The authentication code of the respective transaction for this payment.')
    ) f
    UNION ALL
    SELECT v.id, f.* FROM (VALUES (1), (2)) v(id) CROSS JOIN (VALUES
        (11, 'customerId', 'CUSTOMER_ACCOUNT_ID', NULL, 'integer', 'Customer', 'The customer ID.'),
        (12, 'customerName', 'CUSTOMER_NAME', NULL, 'text', 'Customer', 'The customer''s name (company''s name or personal name).'),
        (13, 'customerCurrency', 'CUSTOMER_ACCOUNT_CURRENCY', NULL, 'text', 'Customer', 'The customer''s currency, in which all monetary values are denominated.'),
        (14, 'billingContactName', 'CUSTOMER_BILLING_CONTACT_NAME', NULL, 'text', 'Customer', 'The name of the billing contact person.'),
        (15, 'billingContactEmail', 'CUSTOMER_BILLING_CONTACT_EMAIL', NULL, 'text', 'Customer', 'The email address of the billing contact.'),
        (16, 'billingContactPhoneNumber', 'CUSTOMER_BILLING_CONTACT_PHONE', NULL, 'text', 'Customer', 'The phone number of the billing contact.'),
        (17, 'adminContactName', 'CUSTOMER_ADMIN_CONTACT_NAME', NULL, 'text', 'Customer', 'The name of the administrative contact person.'),
        (18, 'adminContactEmail', 'CUSTOMER_ADMIN_CONTACT_EMAIL', NULL, 'text', 'Customer', 'The email address of the administrative contact.'),
        (19, 'adminContactPhoneNumber', 'CUSTOMER_ADMIN_CONTACT_PHONE', NULL, 'text', 'Customer', 'The phone number of the administrative contact.'),
        (20, 'technicalContactName', 'CUSTOMER_TECH_CONTACT_NAME', NULL, 'text', 'Customer', 'The name of the technical contact person.'),
        (21, 'technicalContactEmail', 'CUSTOMER_TECH_CONTACT_EMAIL', NULL, 'text', 'Customer', 'The email address of the technical contact.'),
        (22, 'technicalContactPhoneNumber', 'CUSTOMER_TECH_CONTACT_PHONE', NULL, 'text', 'Customer', 'The phone number of the technical contact.')
    ) f
) c(view, n, alias, column_name, transform, expected, field_group, description);

---------------------------------------------------------------------------
-- Dump
---------------------------------------------------------------------------

-- What users made is dumped; what the extension ships comes with CREATE EXTENSION.
SELECT pg_extension_config_dump('@extschema@._rde_dataset', 'WHERE NOT shipped');
SELECT pg_extension_config_dump('@extschema@._rde_view', 'WHERE NOT shipped');
SELECT pg_extension_config_dump('@extschema@._rde_view_id_seq', '');
SELECT pg_extension_config_dump('@extschema@._rde_view_column', 'WHERE NOT shipped');
SELECT pg_extension_config_dump('@extschema@._rde_view_condition', '');
SELECT pg_extension_config_dump('@extschema@._rde_source', '');
SELECT pg_extension_config_dump('@extschema@._rde_source_column', '');
SELECT pg_extension_config_dump('@extschema@._rde_account', '');
SELECT pg_extension_config_dump('@extschema@._rde_on_invoice_off', '');
SELECT pg_extension_config_dump('@extschema@._rde_privilege', '');
SELECT pg_extension_config_dump('@extschema@._rde_token', '');
SELECT pg_extension_config_dump('@extschema@._rde_generator', '');
SELECT pg_extension_config_dump('@extschema@._rde_generator_snapshot', '');
SELECT pg_extension_config_dump('@extschema@._rde_invoice_watch', '');
SELECT pg_extension_config_dump('@extschema@._rde_invoice_event', '');
SELECT pg_extension_config_dump('@extschema@._rde_report', '');
SELECT pg_extension_config_dump('@extschema@._rde_report_total', '');
SELECT pg_extension_config_dump('@extschema@._rde_report_chunk', '');

---------------------------------------------------------------------------
-- Privileges
---------------------------------------------------------------------------

-- Tables are granted to nobody, whatever default privileges there are.  The rule for functions: PUBLIC may call those
-- that look themselves at who asks, and those that views and triggers call with
-- the rights of whoever reads or writes; all others are nobody's until rde_grant()
-- gives them.  What looks itself, and the views, show a reseller its own things,
-- whoever rde_grant() named what is his, and anybody else nothing.
DO $$
DECLARE
    member record;
BEGIN
    FOR member IN
        SELECT m.catalog, m.object, p.oid::regprocedure AS routine, p.proname IN (
                   -- who am I
                   'rde_whoami', 'rde_version',
                   -- reports
                   'rde_export', 'rde_submit', 'rde_build', 'rde_rebuild', 'rde_retry_report', 'rde_cancel_report',
                   'rde_drop_report', 'rde_content', 'rde_chunks', 'rde_chunk', 'rde_text', 'rde_verify_report',
                   'rde_list_reports', 'rde_get_report', 'rde_request_report', 'rde_report_file', 'rde_report_manifest',
                   'rde_download_url', 'rde_revoke_links',
                   -- what programs ask for by HTTP
                   'rde_get_account', 'rde_list_datasets', 'rde_get_view', 'rde_request_view', 'rde_replace_view', 'rde_remove_view',
                   'rde_list_generators', 'rde_get_generator', 'rde_request_generator', 'rde_change_generator',
                   'rde_remove_generator', 'rde_request_run', 'rde_list_periods', 'rde_preview_periods', 'rde_request_action', 'rde_open_events',
                   -- views, generators, tokens
                   'rde_create_view', 'rde_alter_view', 'rde_drop_view',
                   'rde_create_generator', 'rde_alter_generator', 'rde_drop_generator', 'rde_run_generator',
                   'rde_set_on_invoice', 'rde_create_token', 'rde_revoke_token',
                   -- what views call, with their reader's rights
                   '_rde_sees_all', '_rde_visible_accounts',
                   '_rde_own_reports', '_rde_own_totals', '_rde_generators', '_rde_accounts', '_rde_tokens',
                   '_rde_datasets', '_rde_views', '_rde_view_columns', '_rde_view_conditions', '_rde_report_link', '_rde_progress', '_rde_periods', '_rde_health', '_rde_alive', '_rde_status', '_rde_reference', '_rde_day_beginning',
                   -- whoever creates a trigger needs the right to its function
                   'rde_stamp',
                   -- rde_schedule has its caller's rights, and so has what it calls
                   '_rde_cron') AS is_public
        FROM @extschema@._rde_members() m
        LEFT JOIN pg_proc p ON m.catalog = 'pg_proc'::regclass AND p.oid = m.object
        WHERE m.extension = 'rde'
    LOOP
        PERFORM @extschema@._rde_revoke_grants(member.catalog, member.object);
        IF member.is_public THEN
            EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO PUBLIC', member.routine);
        END IF;
    END LOOP;
END
$$;

GRANT SELECT ON
    @extschema@.rde_reports, @extschema@.rde_report_totals, @extschema@.rde_progress,
    @extschema@.rde_datasets, @extschema@.rde_views, @extschema@.rde_view_columns, @extschema@.rde_view_conditions,
    @extschema@.rde_accounts,
    @extschema@.rde_generators, @extschema@.rde_periods, @extschema@.rde_tokens
    TO PUBLIC;

---------------------------------------------------------------------------
-- Capture
---------------------------------------------------------------------------

-- All was created by plain CREATE, which takes no object over.  What a stranger
-- created meanwhile undoes the whole.
DO $$
DECLARE
    creators CONSTANT text := @extschema@._rde_schema_creators();
    foreign_object text;
BEGIN
    SELECT string_agg(o.what, ', ' ORDER BY o.what) INTO foreign_object
    FROM (SELECT p.oid::regprocedure::text, p.proname, p.pronamespace, p.proowner FROM pg_proc p
          UNION ALL SELECT c.oid::regclass::text, c.relname, c.relnamespace, c.relowner FROM pg_class c
          UNION ALL SELECT t.oid::regtype::text, t.typname, t.typnamespace, t.typowner FROM pg_type t) o(what, name, namespace, owner)
    WHERE o.namespace = '@extschema@'::regnamespace AND o.name ~ '^_*rde_'
      AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = o.owner);
    IF foreign_object IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('objects with names of the extension were created meanwhile: %s', foreign_object),
            HINT = 'Install into a schema of its own: CREATE SCHEMA rde; CREATE EXTENSION rde SCHEMA rde;';
    END IF;
    IF creators IS NOT NULL THEN
        RAISE WARNING USING
            MESSAGE = format('%s may create objects in schema "%s", where the extension is', creators, '@extschema@'::regnamespace),
            DETAIL = 'Functions created there can be called instead of the extension''s, with the rights of whoever calls.',
            HINT = format('REVOKE CREATE ON SCHEMA %s FROM %s;', '@extschema@'::regnamespace, creators);
    END IF;
END
$$;

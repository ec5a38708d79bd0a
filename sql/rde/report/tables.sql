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
-- What takes the place of a report that goes; also one that failed, and may be tried again.
CREATE INDEX _rde_report_revision ON @extschema@._rde_report (supersedes)
    WHERE supersedes IS NOT NULL;
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


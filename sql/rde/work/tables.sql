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


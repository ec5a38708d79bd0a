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


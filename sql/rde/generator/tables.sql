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


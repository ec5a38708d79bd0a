---------------------------------------------------------------------------
-- Days and periods
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_day_start(day date, zone text) RETURNS timestamptz
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_day_start_sql';
COMMENT ON FUNCTION @extschema@._rde_day_start(date, text) IS
    'the instant a day begins in a time zone: its first midnight, or where clocks skip midnight the instant they do';

CREATE FUNCTION @extschema@._rde_next_period(
    event text, period_from timestamptz, zone text, month_day integer, run_at time,
    OUT period_to timestamptz, OUT run timestamptz
) RETURNS record
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_next_period';
COMMENT ON FUNCTION @extschema@._rde_next_period(text, timestamptz, text, integer, time) IS
    'where the daily or monthly period that begins at an instant ends, and when its report is due';


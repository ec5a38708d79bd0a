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


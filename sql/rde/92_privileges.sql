---------------------------------------------------------------------------
-- Privileges
---------------------------------------------------------------------------

-- Tables and views are granted to nobody to begin with; functions would be
-- PUBLIC's.  An administrator grants what a role is to use.
DO $$
DECLARE
    routine regprocedure;
BEGIN
    FOR routine IN
        SELECT d.objid::regprocedure FROM pg_depend d
        WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
          AND d.refclassid = 'pg_extension'::regclass
          AND d.refobjid = (SELECT e.oid FROM pg_extension e WHERE e.extname = 'rde')
    LOOP
        EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', routine);
    END LOOP;
END
$$;

-- What a view calls runs with its reader's rights.  These check them themselves,
-- or tell no secret.
GRANT EXECUTE ON FUNCTION @extschema@._rde_progress() TO PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@._rde_periods() TO PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@._rde_health() TO PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@._rde_alive(integer, timestamptz) TO PUBLIC;
-- Whoever creates a trigger needs the right to its function, which nobody can
-- call otherwise.
GRANT EXECUTE ON FUNCTION @extschema@.rde_stamp() TO PUBLIC;
-- rde_schedule has its caller's rights, and so has what it calls.
GRANT EXECUTE ON FUNCTION @extschema@._rde_cron(text) TO PUBLIC;

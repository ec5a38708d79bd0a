---------------------------------------------------------------------------
-- Roles, which are more than their names
---------------------------------------------------------------------------

-- A role that is dropped and made anew is another one.  In a cluster a dump was
-- restored into nothing but names is known at first.
CREATE VIEW @extschema@._rde_account_roles WITH (security_barrier) AS
SELECT known.account, known.role
FROM (
    SELECT a.id AS account, r.oid AS role
    FROM pg_control_system() this
    JOIN @extschema@._rde_account a ON a.system_identifier = this.system_identifier
    JOIN pg_roles r ON r.oid = a.role_oid
    UNION ALL
    SELECT a.id, r.oid
    FROM pg_control_system() this
    JOIN @extschema@._rde_account a ON a.system_identifier <> this.system_identifier
    JOIN pg_roles r ON r.rolname = a.role) known;
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


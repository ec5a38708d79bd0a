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


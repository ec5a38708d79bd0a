
-- What was granted to roles before, on what is still there.
DO $$
DECLARE
    g record;
BEGIN
    FOR g IN SELECT * FROM json_to_recordset(current_setting('rde_update.grants')::json)
                      AS x(kind text, name text, privilege text, role text, grantable boolean)
    LOOP
        IF g.kind = 'ROUTINE' AND to_regprocedure(g.name) IS NOT NULL OR g.kind <> 'ROUTINE' AND to_regclass(g.name) IS NOT NULL THEN
            EXECUTE format('GRANT %s ON %s %s TO %s%s', g.privilege, g.kind, g.name, g.role,
                           CASE WHEN g.grantable THEN ' WITH GRANT OPTION' END);
        END IF;
    END LOOP;
END
$$;

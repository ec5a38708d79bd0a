/*
 * An update of @extension@.  Made by sql/rde/upgrade/assemble of this
 * file, the steps from the older version, and all that the install script creates
 * and that can be replaced.
 */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION @extension@ UPDATE" to load this file. \quit

SET LOCAL search_path = pg_catalog, pg_temp;

-- What is replaced is the extension's own, the server sees to that.  A function of
-- the same name with other arguments would be no conflict, and might be the one
-- that is called.
DO $$
DECLARE
    taken text;
BEGIN
    SELECT string_agg(o.what, ', ' ORDER BY o.what) INTO taken
    FROM (SELECT 'pg_proc'::regclass, p.oid, p.oid::regprocedure::text, p.proname, p.pronamespace, p.proowner FROM pg_proc p
          UNION ALL SELECT 'pg_class'::regclass, c.oid, c.oid::regclass::text, c.relname, c.relnamespace, c.relowner FROM pg_class c
          WHERE c.relkind NOT IN ('i', 'I', 't')
          UNION ALL SELECT 'pg_type'::regclass, t.oid, t.oid::regtype::text, t.typname, t.typnamespace, t.typowner FROM pg_type t
          WHERE t.typrelid = 0 AND t.typelem = 0) o(catalog, id, what, name, namespace, owner)
    WHERE o.namespace = '@extschema@'::regnamespace AND o.name ~ '^_*rde_'
      AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = o.catalog AND d.objid = o.id AND d.deptype = 'e'
                        AND d.refclassid = 'pg_extension'::regclass)
      AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = o.owner);
    IF taken IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('schema "%s" holds objects with names of the extension: %s', '@extschema@'::regnamespace, taken),
            DETAIL = 'They are not the extension''s and belong to roles that are not superusers.',
            HINT = 'Drop them, and let nobody create objects there.';
    END IF;
END
$$;

-- What was granted to roles, to be granted again: privileges.sql begins anew, and
-- steps may drop what is created again.
DO $$
BEGIN
    PERFORM set_config('rde_update.grants', coalesce((
        SELECT json_agg(json_build_object('kind', o.kind, 'name', o.name, 'privilege', a.privilege_type,
                                          'role', quote_ident(r.rolname), 'grantable', a.is_grantable))::text
        FROM (SELECT 'pg_proc'::regclass, p.oid, 'ROUTINE', p.oid::regprocedure::text, p.proowner, p.proacl FROM pg_proc p
              UNION ALL SELECT 'pg_class'::regclass, c.oid, CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
                               c.oid::regclass::text, c.relowner, c.relacl FROM pg_class c) o(catalog, id, kind, name, owner, acl)
        JOIN pg_depend d ON d.classid = o.catalog AND d.objid = o.id AND d.deptype = 'e'
            AND d.refclassid = 'pg_extension'::regclass
            AND d.refobjid = (SELECT e.oid FROM pg_extension e WHERE e.extname = '@extension@')
        CROSS JOIN LATERAL aclexplode(o.acl) a
        JOIN pg_roles r ON r.oid = a.grantee AND r.oid <> o.owner), '[]'), true);
END
$$;


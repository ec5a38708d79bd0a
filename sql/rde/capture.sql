
---------------------------------------------------------------------------
-- Capture
---------------------------------------------------------------------------

-- All was created by plain CREATE, which takes no object over.  What a stranger
-- created meanwhile undoes the whole.
DO $$
DECLARE
    creators CONSTANT text := @extschema@._rde_schema_creators();
    foreign_object text;
BEGIN
    SELECT string_agg(o.what, ', ' ORDER BY o.what) INTO foreign_object
    FROM (SELECT p.oid::regprocedure::text, p.proname, p.pronamespace, p.proowner FROM pg_proc p
          UNION ALL SELECT c.oid::regclass::text, c.relname, c.relnamespace, c.relowner FROM pg_class c
          UNION ALL SELECT t.oid::regtype::text, t.typname, t.typnamespace, t.typowner FROM pg_type t) o(what, name, namespace, owner)
    WHERE o.namespace = '@extschema@'::regnamespace AND o.name ~ '^_*rde_'
      AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = o.owner);
    IF foreign_object IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('objects with names of the extension were created meanwhile: %s', foreign_object),
            HINT = 'Install into a schema of its own: CREATE SCHEMA rde; CREATE EXTENSION rde SCHEMA rde;';
    END IF;
    IF creators IS NOT NULL THEN
        RAISE WARNING USING
            MESSAGE = format('%s may create objects in schema "%s", where the extension is', creators, '@extschema@'::regnamespace),
            DETAIL = 'Functions created there can be called instead of the extension''s, with the rights of whoever calls.',
            HINT = format('REVOKE CREATE ON SCHEMA %s FROM %s;', '@extschema@'::regnamespace, creators);
    END IF;
END
$$;

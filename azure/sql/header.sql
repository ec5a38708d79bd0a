/*
 * Reports of rde in an Azure Blob container.  The install script is this file and
 * objects.sql:
 *
 *   wrapper    servers say where reports go, user mappings by which key
 *   outbox     tables: what is to be uploaded, moved, deleted
 *   work       rde_azure_upload_due and the statements of its rounds
 *   links      what rde shows as download_url
 *   view       rde_azure_uploads
 *   dump       which rows pg_dump keeps
 *   privileges revoked from PUBLIC, in one place
 *
 * Every name is written with its schema and the path is pinned, so that nothing
 * planted in another schema can be picked up while this runs as a superuser.
 */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION rde_azure" to load this file. \quit

SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
DECLARE
    home CONSTANT regnamespace := (SELECT e.extnamespace FROM pg_extension e WHERE e.extname = 'rde');
    taken text;
BEGIN
    IF home <> '@extschema@'::regnamespace THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('rde_azure belongs in the schema of rde, which is %s', home),
            HINT = format('CREATE EXTENSION rde_azure SCHEMA %s;', home);
    END IF;
    -- a function of the same name with other arguments would be no conflict, and
    -- might be the one that is called
    SELECT string_agg(p.oid::regprocedure::text, ', ' ORDER BY p.oid::regprocedure::text) INTO taken
    FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
    WHERE p.pronamespace = home AND p.proname ~ '^_*rde_azure_' AND NOT r.rolsuper;
    IF taken IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('schema "%s" holds functions with names of the extension: %s', home, taken),
            DETAIL = 'They belong to roles that are not superusers.',
            HINT = 'Drop them.';
    END IF;
END
$$;


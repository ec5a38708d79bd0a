/*
 * Reporting and Data Export.  The install script is put together from the files
 * of sql/rde/ in the order of their names, and reads in the order the data flows:
 *
 *   10 catalog        tables: data sets, views, sources
 *   20 report         tables: what a report is: request, state, manifest, chunks
 *   30 generator      tables: accounts, generators, invoice events, workers
 *   31 access         tables: grants, tokens, signing keys
 *   40 helpers        small private functions (_rde_*)
 *   41 who            who is asking, and whose things that may be shown
 *   50 dataset        create, attach, detach, template
 *   51 view           create, alter, drop
 *   52 account        create, alter, drop; reports on invoice on and off
 *   53 access         grants, tokens, links
 *   60 build          export, submit, build, rebuild, retry, cancel
 *   61 generate       generators: create, alter, drop, run
 *   62 work           rde_run_due and the statements of its rounds
 *   63 snapshot       snapshot windows: rde_stamp, rde_rebaseline
 *   64 invoice        watching tables of invoices, sweeping them
 *   65 schedule       pg_cron
 *   70 read           content, chunks, verify
 *   71 keep           drop, keep, purge
 *   80 catalog_views  what DBAs and BI tools select from
 *   81 generator_views  generators and their periods
 *   82 health         what needs attention
 *   83 rest           the bodies of GET and POST /reports
 *   90 shipped        provisioned_orders and payments with their cmp views
 *   91 dump           which rows pg_dump keeps
 *   92 privileges     revoked from PUBLIC, in one place
 *   93 capture        nothing of a stranger's has taken one of our names
 *
 * Every name is written with its schema and the path is pinned, so that nothing
 * planted in another schema can be picked up while this runs as a superuser.
 */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION rde" to load this file. \quit

SET LOCAL search_path = pg_catalog, pg_temp;

-- A function of the same name with other arguments would be no conflict, and
-- might be the one that is called.  93_capture.sql looks again.
DO $$
DECLARE
    taken text;
BEGIN
    SELECT string_agg(o.what, ', ' ORDER BY o.what) INTO taken
    FROM (SELECT p.oid::regprocedure::text, p.proname, p.pronamespace, p.proowner FROM pg_proc p
          UNION ALL SELECT c.oid::regclass::text, c.relname, c.relnamespace, c.relowner FROM pg_class c
          UNION ALL SELECT t.oid::regtype::text, t.typname, t.typnamespace, t.typowner FROM pg_type t
          WHERE t.typrelid = 0 AND t.typelem = 0) o(what, name, namespace, owner)
    WHERE o.namespace = '@extschema@'::regnamespace AND o.name ~ '^_*rde_'
      AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = o.owner);
    IF taken IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('schema "%s" holds objects with names of the extension: %s', '@extschema@'::regnamespace, taken),
            DETAIL = 'They belong to roles that are not superusers.',
            HINT = 'Drop them, or install into a schema of its own: CREATE SCHEMA rde; CREATE EXTENSION rde SCHEMA rde;';
    END IF;
END
$$;


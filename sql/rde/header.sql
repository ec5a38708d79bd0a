/*
 * Reporting and Data Export.  The install script is this file and, in the order
 * the data flows, those it names; the Makefile reads the order here.
 *
 *   core/definer.sql           functions with the extension's rights
 *   dataset/tables.sql         data sets, their report views, their sources
 *   report/tables.sql          reports
 *   account/tables.sql         accounts
 *   generator/tables.sql       generators
 *   invoice/tables.sql         tables of invoices that are watched, and what was recorded of them
 *   work/tables.sql            workers, and sources they leave alone
 *   access/tables.sql          grants, tokens, signing keys
 *   rest/tables.sql            answers that are given again
 *   core/references.sql        what belongs to what
 *   core/server.sql            what the server says
 *   core/settings.sql          settings
 *   core/calendar.sql          days and periods
 *   core/arguments.sql         arguments that several functions take
 *   access/who.sql             who is asking, and whose things that may be shown
 *   access/roles.sql           roles, which are more than their names
 *   dataset/columns.sql        columns of a source, and the types they may have
 *   dataset/labels.sql         what columns of report views are called to people
 *   dataset/conditions.sql     which rows a report view shows
 *   dataset/functions.sql      data sets: create, attach, detach
 *   dataset/report_views.sql   report views: create, alter, drop, choose
 *   dataset/views.sql          data sets and their columns, to be selected from
 *   account/functions.sql      accounts: the tree, quotas, reports on invoice on and off
 *   account/views.sql          accounts, to be selected from
 *   access/grants.sql          grants
 *   access/tokens.sql          tokens
 *   access/links.sql           links and the keys they are signed with
 *   report/submit.sql          submitting: how a request becomes a row, whoever asks
 *   report/build.sql           reports: export, submit, build, rebuild, retry, cancel
 *   report/revision.sql        revisions: the next one of a report, and the one that settles it
 *   report/read.sql            reports: content, chunks, verify
 *   report/keep.sql            reports: drop, keep, purge, where the file is
 *   report/views.sql           reports, to be selected from
 *   generator/functions.sql    generators: create, alter, drop, run
 *   generator/snapshot.sql     snapshot windows
 *   invoice/watch.sql          tables of invoices: watch, unwatch
 *   invoice/submit.sql         invoices: the reports on them
 *   invoice/views.sql          tables of invoices, to be selected from
 *   work/functions.sql         work: rde_run_due, and the statements of its rounds
 *   generator/views.sql        generators and their periods, to be selected from
 *   schedule/functions.sql     scheduling with pg_cron
 *   health/functions.sql       what needs attention
 *   health/views.sql           what needs attention, to be selected from
 *   rest/requests.sql          what a request's body says, and answers that are given again
 *   rest/functions.sql         the bodies of GET and POST /reports
 *   rest/account.sql           the bodies of GET /account and /datasets, and of a data set's views
 *   rest/generators.sql        the bodies of /generators
 *   rest/events.sql            events: what was published, failed, or was superseded
 *   shipped.sql                provisioned_orders and payments with their cmp views
 *   dump.sql                   which rows pg_dump keeps
 *   privileges.sql             revoked from PUBLIC, in one place
 *   capture.sql                nothing of a stranger's has taken one of our names
 *
 * Every name is written with its schema and the path is pinned, so that nothing
 * planted in another schema can be picked up while this runs as a superuser.
 */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION rde" to load this file. \quit

SET LOCAL search_path = pg_catalog, pg_temp;

-- A function of the same name with other arguments would be no conflict, and
-- might be the one that is called.  capture.sql looks again.
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


-- The installed catalog against rde's own rules (S3).  A new object has to keep them,
-- and a new C function or one for everybody to be put on a list here.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA rde;
CREATE EXTENSION rde SCHEMA rde;
CREATE VIEW member AS
SELECT d.classid, d.objid FROM pg_depend d
JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'rde'
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e';
-- code is the body without comments and strings
CREATE TABLE routine AS
SELECT p.*, l.lanname AS language, regexp_replace(coalesce(pg_get_function_sqlbody(p.oid), p.prosrc), '--[^\n]*|''[^'']*''', '', 'g') AS code
FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
JOIN pg_language l ON l.oid = p.prolang;

-- whoever's rights a function has, its path is pinned; and nothing else is of the
-- extension's owner's rights
SELECT proname FROM routine
WHERE language NOT IN ('c', 'internal')
  AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false);
-- SECURITY DEFINER forgets who called, and is for what does not ask
SELECT proname, language FROM routine WHERE prosecdef OR language NOT IN ('c', 'sql', 'plpgsql', 'rde_definer');

-- a name is one function; nothing is granted but to the extension's owner and, of
-- the following, to everybody
SELECT proname FROM routine GROUP BY proname HAVING count(*) > 1;
SELECT proname FROM routine WHERE proname !~ '^_?rde_[a-z_]+$';
SELECT string_agg(proname, E'\n' ORDER BY proname) AS everybodys FROM routine WHERE has_function_privilege('public', oid, 'EXECUTE');
SELECT p.proname, a.* FROM routine p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
WHERE a.is_grantable AND a.grantee <> p.proowner OR a.grantee NOT IN (0, p.proowner);
-- The rest says no to accounts itself, for an account's role may be a member of one
-- that has the right.  A schedule is of jobs with the caller's own rights, and a
-- template shows what rde_view_columns does.
SELECT p.proname FROM routine p
WHERE NOT has_function_privilege('public', p.oid, 'EXECUTE') AND p.proname ~ '^rde_' AND p.language <> 'c'
  AND p.code !~ '_rde_refuse_account\(\)'
ORDER BY 1;

-- What has the extension's rights finds out who asks before it does anything, by a
-- function that decides it; or it says here how.
SELECT coalesce(p.proname, c.name) AS unexpected, c.why
FROM (VALUES
    ('rde_alter_generator', '_rde_find_generator: 42704'),
    ('rde_get_generator', '_rde_find_generator: 42704'),
    ('rde_list_periods', '_rde_find_generator: 42704'),
    ('rde_change_generator', '_rde_match_generator: 42704'),
    ('rde_remove_generator', 'rde_drop_generator: 42704'),
    ('rde_drop_generator', '_rde_find_generator: 42704'),
    ('rde_dataset_template', 'tells what the extension ships, as rde_view_columns does')) c(name, why)
FULL JOIN (SELECT p.proname FROM routine p
           WHERE p.language = 'rde_definer'
             AND p.code !~ '_rde_(refuse_account|own_reseller|may_see|sees_all|visible_accounts)\(') p ON p.proname = c.name
WHERE p.proname IS NULL OR c.name IS NULL;
-- and those are functions that look themselves
SELECT p.proname, f.finder FROM routine p JOIN (VALUES ('_rde_find_generator')) f(finder) ON p.proname = f.finder
WHERE p.code !~ '_rde_(sees_all|visible_accounts)\(';

-- Raised rights and names: a statement that is made while it runs is a literal, or one
-- with %I and %L only.  What else is put into one is listed here, and is spelled by
-- the catalog.  All functions are looked at, for those of rde_definer call the others.
CREATE TABLE dynamic AS
SELECT p.proname, regexp_replace(m[1], '\s+', ' ', 'g') AS statement
FROM routine p, regexp_matches(regexp_replace(p.prosrc, '--[^\n]*', '', 'g'), '[^''\w ] *\mEXECUTE\s+(?!ON\M|FUNCTION\M)([^;]*)', 'g') m
WHERE p.language <> 'c';
SELECT coalesce(p.proname, c.name) AS unexpected, p.statement, c.what
FROM (VALUES
    ('_rde_change_grant', 'EXECUTE ON ROUTINE', 'a regprocedure'),
    ('_rde_change_grant', 'SELECT ON %s', 'a regclass'),
    ('_rde_change_grant', 'ALTER ROLE %I', 'one of two, with %I only'),
    ('_rde_revoke_grants', 'REVOKE ALL', 'kind, name and grantee, which _rde_grants quotes'),
    ('rde_watch_invoices', 'LOCK TABLE', 'a regclass'),
    ('rde_watch_invoices', 'CREATE %s FUNCTION', 'OR REPLACE or nothing'),
    ('rde_watch_invoices', 'DEPENDS ON', 'a regprocedure'),
    ('rde_watch_invoices', 'COMMENT ON', 'a regprocedure'),
    ('_rde_set_trigger', 'CREATE TRIGGER', 'an event of ours on a regclass, a regprocedure'),
    ('_rde_set_trigger', 'DROP TRIGGER', 'a regclass')) c(name, begins, what)
FULL JOIN (SELECT d.* FROM dynamic d
           WHERE d.statement !~ '^((''([^'']|'''')*'' *)+|\$query\$.*|format\(''[^'']*''.*)( USING | INTO |$)' OR d.statement ~ '%(\d+\$)?s' OR d.statement ~ '\|\|') p
    ON p.proname = c.name AND strpos(p.statement, c.begins) > 0
WHERE p.proname IS NULL OR c.name IS NULL;
-- the arguments of those that are told to be are of such types
SELECT p.proname, p.proargtypes::regtype[] FROM routine p
WHERE p.proname IN ('_rde_set_trigger', 'rde_watch_invoices') AND NOT 'regclass'::regtype = ANY (p.proargtypes::regtype[]);
-- and there is something to look at
SELECT count(*) > 8 AS found FROM dynamic;

-- A name that becomes a relation, a type or a role does so once: nothing is cast to
-- them from a text that was made of one.
SELECT proname FROM routine WHERE language <> 'c' AND code ~ '::text\)?::reg(class|type|procedure|role)\M';

-- Who waits for a row's lock: no step of a worker's does without a limit, which
-- core/step sets; whoever else does is listed with what is locked.
SELECT coalesce(p.proname, c.name) AS unexpected, c.why
FROM (VALUES
    ('_rde_check_request', 'an account''s quotas: its own requests, one after the other'),
    ('_rde_fail', 'a worker''s own report, within a step'),
    ('_rde_move_snapshots', 'a generator that is being altered'),
    ('rde_remove_report', 'a report that is being removed'), ('rde_retry_report', 'by hand'), ('rde_set_report_store', 'by hand'),
    ('_rde_match_generator', 'a generator that is being changed'), ('_rde_match_view', 'a view that is being changed'),
    ('rde_alter_generator', 'by hand'), ('rde_alter_view', 'by hand'), ('rde_drop_dataset', 'by hand'),
    ('_rde_recorder_body', 'billing''s, as INSERT does'), ('rde_watch_invoices', 'by hand: LOCK TABLE'), ('rde_grant', 'by hand: LOCK TABLE')) c(name, why)
FULL JOIN (SELECT p.proname FROM routine p
           WHERE p.language <> 'c'
             AND regexp_replace(coalesce(pg_get_function_sqlbody(p.oid), p.prosrc), '--[^\n]*', '', 'g')
                 ~ '\m(FOR (NO KEY )?(UPDATE|SHARE)( OF \w+)?(?!\s+SKIP LOCKED|\w| OF)|LOCK TABLE)') p ON p.proname = c.name
WHERE p.proname IS NULL OR c.name IS NULL ORDER BY 1;

-- every C function, and the check it makes before it does anything
SELECT coalesce(p.proname, c.name) AS unexpected, c.makes_check
FROM (VALUES
    ('rde_whoami', 'tells the caller about the caller'),
    ('rde_version', 'tells the library''s version'),
    ('_rde_visible_accounts', 'an account''s, for others empty'),
    ('_rde_sees_all', 'tells the caller about the caller'),
    ('rde_export', 'rde_own_reseller: 42501; quota'),
    ('rde_submit', 'rde_own_reseller: 42501; quota'),
    ('rde_build', 'rde_may_act: 42704'),
    ('rde_rebuild', 'rde_may_act: 42704; quota'),
    ('rde_content', 'rde_may_see with content: 42704'),
    ('rde_chunks', 'rde_may_see with content: 42704'),
    ('rde_chunk', 'rde_may_see with content: 42704'),
    ('rde_text', 'rde_may_see with content: 42704'),
    ('rde_verify_report', 'rde_may_see with content: 42704'),
    ('rde_download_url', 'rde_may_see with content: 42704'),
    ('_rde_report_link', 'rde_may_see with content: NULL'),
    ('rde_list_reports', '_rde_visible_accounts, rde_who'),
    ('rde_login', 'EXECUTE; the token''s hash: 28000'),
    ('rde_issue_token', 'EXECUTE; the token''s hash: 28000'),
    ('rde_login_signed', 'EXECUTE; the signature: 28000'),
    ('_rde_token_account', 'EXECUTE; the same, and lets nobody in'),
    ('rde_redeem', 'EXECUTE; the link''s signature: 42501'),
    ('rde_run_due', 'EXECUTE; rde_refuse_account: 42501'),
    ('rde_sweep_invoices', 'EXECUTE; rde_refuse_account: 42501'),
    ('rde_rebaseline_generator', 'EXECUTE; rde_refuse_account: 42501'),
    ('_rde_callers', 'EXECUTE; no restricted operation: 42501'),
    ('_rde_reference', 'words that are the same for all'),
    ('_rde_day_beginning', 'a day or none; raises nothing'),
    ('_rde_definer', 'EXECUTE; no restricted operation: 42501'),
    ('_rde_definer_validator', 'EXECUTE; who may create functions'),
    ('_rde_refuse_account', 'EXECUTE; is one'),
    ('_rde_own_reseller', 'EXECUTE; is one'),
    ('_rde_may_see', 'EXECUTE; is one'),
    ('_rde_require_primary', 'EXECUTE; is one'),
    ('_rde_open_file', 'EXECUTE; called for what the caller may see'), ('_rde_moved_to', 'EXECUTE; called for what the caller may see'),
    ('_rde_submit_period', 'EXECUTE; rde_own_reseller: 42501; quota'),
    ('_rde_revise', 'EXECUTE; 42704; quota'),
    ('_rde_build_small', 'EXECUTE; called for what was just submitted'),
    ('_rde_secret', 'EXECUTE; random bytes'),
    ('_rde_current_snapshot', 'EXECUTE; xids'),
    ('_rde_wal_position', 'EXECUTE; a place in the WAL'),
    ('_rde_has_seen', 'EXECUTE; a place in the WAL'),
    ('_rde_base_type', 'EXECUTE; types'),
    ('_rde_check_options', 'EXECUTE; its arguments'),
    ('_rde_format_name', 'EXECUTE; its arguments'),
    ('_rde_format_list', 'EXECUTE; what there is'), ('_rde_option_list', 'EXECUTE; what there is'),
    ('_rde_value_type', 'EXECUTE; types'),
    ('_rde_check_view', 'EXECUTE; a name of a view'),
    ('_rde_condition_problem', 'EXECUTE; a value and a type'),
    ('_rde_check_days', 'EXECUTE; its arguments'),
    ('_rde_day_start', 'EXECUTE; its arguments'),
    ('_rde_next_period', 'EXECUTE; its arguments'),
    ('_rde_period_day', 'EXECUTE; its arguments'),
    ('_rde_is_locale', 'EXECUTE; its argument'),
    ('_rde_zone', 'EXECUTE; a setting'),
    ('_rde_retention', 'EXECUTE; a setting'),
    ('_rde_settle_limit', 'EXECUTE; a setting'),
    ('_rde_link_lifetime', 'EXECUTE; a setting'),
    ('_rde_max_span', 'EXECUTE; a setting')) c(name, makes_check)
FULL JOIN (SELECT * FROM routine WHERE language = 'c') p ON p.proname = c.name
WHERE p.oid IS NULL OR c.name IS NULL
   OR has_function_privilege('public', p.oid, 'EXECUTE') = (c.makes_check ~ '^EXECUTE');

-- volatility and parallel safety: nothing claims more than what it calls allows, but
-- for what is asked while a plan is made and looks at what is committed by then
SELECT p.proname, p.provolatile, p.proparallel, c.proname AS calls, c.provolatile, c.proparallel
FROM routine p JOIN routine c ON p.code ~ ('\m' || c.proname || '\(') AND p.oid <> c.oid
WHERE p.language <> 'c'
  AND (strpos('isv', p.provolatile::text) < strpos('isv', c.provolatile::text)
       AND (p.proname, c.proname) <> ('_rde_events_are_plain', '_rde_check_events')
       OR strpos('sru', p.proparallel::text) < strpos('sru', c.proparallel::text))
ORDER BY 1, 4;
-- every object has a comment
SELECT pg_describe_object(m.classid, m.objid, 0) FROM member m
WHERE obj_description(m.objid, (SELECT c.relname FROM pg_class c WHERE c.oid = m.classid)) IS NULL
  -- with its table or view
  AND NOT (m.classid = 'pg_type'::regclass AND EXISTS (SELECT FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem
           WHERE t.oid = m.objid AND (t.typrelid <> 0 OR e.typrelid <> 0)))
  AND NOT (m.classid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_class c WHERE c.oid = m.objid AND c.relkind IN ('i', 'S')));
-- and every column of what can be selected from
SELECT c.relname, a.attname FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relkind = 'v' AND c.relname !~ '^_' AND col_description(c.oid, a.attnum) IS NULL;

-- no table is anybody's; views are barriers (rde_reports shows all rows of one), and
-- read with their owner's rights;
-- what everybody may select from, and what rde_grant() adds
SELECT c.relname, a.* FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
CROSS JOIN LATERAL aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) a
WHERE a.grantee <> c.relowner AND (c.relkind <> 'v' OR a.privilege_type <> 'SELECT' OR a.grantee <> 0);
-- nor the language of those with the extension's rights
SELECT l.lanname, l.lanpltrusted, l.lanacl FROM member m JOIN pg_language l ON m.classid = 'pg_language'::regclass AND l.oid = m.objid;
SELECT c.relname, c.reloptions FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
WHERE c.relkind = 'v' AND c.reloptions IS DISTINCT FROM '{security_barrier=true}';
-- the planner pulls up a view that is a UNION ALL, and drops its barrier
SELECT c.relname FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
WHERE c.relkind = 'v' AND pg_get_viewdef(c.oid, true) ~ '\nUNION';
SELECT c.relname, has_table_privilege('public', c.oid, 'SELECT') AS everybodys
FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid WHERE c.relkind = 'v' ORDER BY 2 DESC, 1;
-- each of them asks who reads, or shows what a function or view that asks returns
SELECT c.relname FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
WHERE c.relkind = 'v' AND c.relname !~ '^_'
  AND pg_get_viewdef(c.oid) !~ '(_rde_sees_all\(|rde_whoami\(|_rde_running\(|_rde_periods\(|_rde_health\(|_rde_visible_reports|_rde_own_accounts\(|_rde_tokens\(|_rde_view_columns\(|_rde_view_conditions\(|_rde_views\(|_rde_datasets\(|_rde_generators\()';

-- a publication FOR ALL TABLES has nothing against updates of any
SELECT c.relname FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
WHERE c.relkind = 'r' AND c.relreplident <> 'f'
  AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate);
-- and none has foreign keys, which are in the way of pg_restore -j
SELECT c.conname FROM member m JOIN pg_constraint c ON m.classid = 'pg_class'::regclass AND c.conrelid = m.objid WHERE c.contype = 'f';
-- every table is dumped, but for these
SELECT c.relname AS not_dumped, left(obj_description(c.oid, 'pg_class'), 60) AS why
FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
WHERE c.relkind = 'r' AND NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'rde' AND c.oid = ANY (e.extconfig))
ORDER BY 1;

-- a schema that anybody may create objects in is told of, and one that was not
-- when the extension came is told of by rde_health
SELECT count(*) FROM rde.rde_health WHERE finding = 'schema_open';
CREATE ROLE regress_rde_creator;
GRANT CREATE ON SCHEMA rde TO PUBLIC;
GRANT CREATE ON SCHEMA rde TO regress_rde_creator;
SELECT severity, object, detail, hint FROM rde.rde_health WHERE finding = 'schema_open';
DROP TABLE routine, dynamic;
DROP VIEW member;
DROP EXTENSION rde;
CREATE EXTENSION rde SCHEMA rde;

DROP SCHEMA rde CASCADE;
DROP ROLE regress_rde_creator;

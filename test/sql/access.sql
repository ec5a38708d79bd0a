-- Who sees what: resellers their own, whoever was granted something that, and
-- anybody else nothing (S6)
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION rde;
SET TimeZone = 'UTC';
CREATE ROLE regress_rde_source;
CREATE ROLE regress_rde_seven;
CREATE ROLE regress_rde_eight;
CREATE ROLE regress_rde_parent;
CREATE ROLE regress_rde_bi;
CREATE ROLE regress_rde_gate;
CREATE ROLE regress_rde_op;
CREATE ROLE regress_rde_none;
CREATE TABLE sale (id bigint PRIMARY KEY, reseller bigint, changed_at timestamptz, amount numeric);
ALTER TABLE sale OWNER TO regress_rde_source;
INSERT INTO sale SELECT n, 7 + n % 2, '2020-01-01 12:00+00', n FROM generate_series(1, 10) n;
SELECT rde_create_dataset('sales', 'Sales');
SELECT rde_attach('sales', 'sale', 'reseller', 'changed_at', amount => 'amount');
SELECT rde_create_account(1, 'Parent', role => 'regress_rde_parent', scope => 'provider');
SELECT rde_create_account(7, 'Seven', parent => 1, role => 'regress_rde_seven', max_pending => 2);
SELECT rde_create_account(8, 'Eight', parent => 1, role => 'regress_rde_eight');
SELECT rde_grant('regress_rde_bi', 'reader'), rde_grant('regress_rde_gate', 'gateway'), rde_grant('regress_rde_op', 'operator');
SELECT rde_grant('regress_rde_seven', 'operator');
SELECT rde_grant('regress_rde_nobody', 'reader');
SELECT rde_grant('regress_rde_bi', 'everything');

SELECT rde_export('sales', '2020-01-01', '2020-01-01', 'csv', reseller => 7, name => 'seven') AS seven,
       rde_export('sales', '2020-01-01', '2020-01-01', 'csv', reseller => 8, name => 'eight') AS eight,
       rde_export('sales', '2020-01-01', '2020-01-01', 'csv', name => 'all') AS everybody \gset
SELECT rde_create_generator('sales', 'mine', '{csv}', 'manual', reseller => r) IS NOT NULL AS made FROM unnest('{7,8,NULL}'::bigint[]) r;
CREATE VIEW seen AS
    SELECT (SELECT string_agg(name, ' ' ORDER BY name) FROM rde_reports) AS reports,
           (SELECT string_agg(name, ' ' ORDER BY name) FROM rde_reports WHERE download_url IS NOT NULL) AS links,
           (SELECT count(*) FROM rde_report_totals) AS totals,
           (SELECT string_agg(coalesce(reseller::text, 'all'), ' ' ORDER BY reseller) FROM rde_generators) AS generators,
           (SELECT string_agg(id::text, ' ' ORDER BY id) FROM rde_accounts) AS accounts,
           (SELECT count(*) FROM rde_datasets) AS datasets, (SELECT count(source) FROM rde_datasets) AS sources;
GRANT SELECT ON seen TO PUBLIC;
ALTER VIEW seen SET (security_invoker = true);

SET ROLE regress_rde_seven;
SELECT * FROM rde_whoami();
SELECT * FROM seen;
SELECT rde_text(:'seven') ~ '^id' AS mine;
\set VERBOSITY sqlstate
SELECT rde_text(:'eight');
\set VERBOSITY default
SELECT rde_text(rde_export('sales', '2020-01-01', '2020-01-01', 'csv', name => 'seven again')) ~ '^id' AS exported;
SELECT rde_export('sales', '2020-01-01', '2020-01-01', 'csv', reseller => 8);
SELECT rde_export('sales', '2020-01-01', '2020-01-01', 'csv', reseller => 1);
SELECT rde_export('sales', '2018-01-01', '2020-01-01', 'csv');
SELECT count(rde_submit('sales', '2020-01-01', '2020-01-01', 'csv', name => 'pending')) FROM generate_series(1, 2);
SELECT rde_submit('sales', '2020-01-01', '2020-01-01', 'csv');
SELECT count(rde_drop_report(id)) FROM rde_reports WHERE name IN ('pending', 'seven again');
SELECT rde_create_generator('sales', 'early', '{csv}', 'daily', start => current_date - 100);
SELECT rde_create_generator('sales', 'theirs', '{csv}', 'manual', reseller => 8);
CALL rde_run_due();
SELECT rde_create_account(9, 'Nine');
RESET ROLE;

-- what is not theirs is not there for them, whatever they try
SET ROLE regress_rde_eight;
PREPARE look AS SELECT string_agg(name, ' ' ORDER BY name) FROM rde_reports;
EXECUTE look;
RESET ROLE;
SET ROLE regress_rde_seven;
EXECUTE look;
CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS
    'BEGIN RAISE WARNING ''leaked: %'', $1; RETURN true; END';
SELECT name FROM rde_reports WHERE pg_temp.leak(name);
-- what a source's functions would find before their own
SELECT rde_export('sales', '2020-01-01', '2020-01-01', 'csv');
DROP FUNCTION pg_temp.leak;
\set VERBOSITY sqlstate
SELECT rde_get_report(:'eight');
SELECT rde_report_manifest(:'eight');
SELECT rde_download_url(:'eight');
SELECT rde_verify_report(:'eight');
SELECT rde_drop_report(:'eight');
SELECT rde_retry_report(:'eight');
SELECT rde_rebuild(:'eight');
SELECT rde_revoke_links(:'eight');
SELECT * FROM rde_report_file(:'eight');
\set VERBOSITY default
RESET ROLE;
DEALLOCATE look;

-- which revision counts, each is told of its own, and of the same as who sees all
SELECT rde_rebuild(:'seven') AS seven_two, rde_rebuild(:'eight') AS eight_two \gset
CREATE VIEW counted AS
    SELECT r.name, r.revision, r.first_day, r.last_day, r.is_newest, t.is_newest AS sums, t.amount
    FROM rde_reports r JOIN rde_report_totals t ON t.report = r.id ORDER BY r.name, r.revision;
ALTER VIEW counted SET (security_invoker = true);
GRANT SELECT ON counted TO PUBLIC;
SELECT * FROM counted;
SET ROLE regress_rde_seven;
SELECT * FROM counted;
SELECT sum(amount) FROM rde_report_totals WHERE is_newest;
SELECT count(*) FROM _rde_own_totals();
RESET ROLE;
SET ROLE regress_rde_bi;
SELECT sum(amount) FROM rde_report_totals t WHERE is_newest AND EXISTS (SELECT FROM rde_reports r WHERE r.id = t.report AND r.reseller IN (7, 8));
RESET ROLE;
SET ROLE regress_rde_none;
SELECT count(*) FROM counted;
SELECT count(*) FROM _rde_own_totals();
RESET ROLE;
DROP VIEW counted;
SELECT rde_drop_report(:'seven_two'), rde_drop_report(:'eight_two');

-- nor does an error that another's row raises show it
CREATE VIEW risky AS SELECT id, reseller, changed_at, CASE WHEN id = 3 THEN ('secret of ' || reseller)::numeric ELSE amount END AS amount FROM sale;
ALTER VIEW risky OWNER TO regress_rde_source;
SELECT rde_create_dataset('risky', 'Risky');
SELECT rde_attach('risky', 'risky', 'reseller', 'changed_at', key => '{id}', amount => 'amount');
SELECT rde_export('risky', '2020-01-01', '2020-01-01', 'csv', reseller => 8);
-- nor what its functions have to say
CREATE FUNCTION tell(bigint) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RAISE WARNING ''a row of reseller %'', $1; RETURN $1; END';
CREATE VIEW telling AS SELECT id, tell(reseller) AS reseller, changed_at FROM sale WHERE id <= 2;
ALTER VIEW telling OWNER TO regress_rde_source;
SELECT rde_create_dataset('telling', 'Telling');
SELECT rde_attach('telling', 'telling', 'reseller', 'changed_at', key => '{id}');
SELECT rde_export('telling', '2020-01-01', '2020-01-01', 'csv') AS told \gset
SET ROLE regress_rde_eight;
SELECT rde_export('telling', '2020-01-01', '2020-01-01', 'csv', name => 'telling') AS told \gset
SHOW client_min_messages;
SELECT row_count, rde_drop_report(id) FROM rde_reports WHERE id = :'told';
RESET ROLE;
SET ROLE regress_rde_eight;
DO $$
BEGIN
    PERFORM rde_export('risky', '2020-01-01', '2020-01-01', 'csv');
EXCEPTION WHEN OTHERS THEN
    RAISE EXCEPTION '%', regexp_replace(SQLERRM, '[0-9a-f-]{36}', '<id>') USING ERRCODE = SQLSTATE;
END
$$;
RESET ROLE;

-- with scope provider the sub-tree too
SET ROLE regress_rde_parent;
SELECT account, scope FROM rde_whoami();
SELECT * FROM seen;
SELECT rde_text(:'eight') ~ '^id' AS readable;
SELECT count(*) FROM string_to_table(rde_text(rde_export('sales', '2020-01-01', '2020-01-01', 'csv', name => 'tree')), E'\r\n') WHERE string_to_table <> '';
SELECT rde_drop_report(id) FROM rde_reports WHERE name = 'tree';
RESET ROLE;

-- a reader sees reports, no files, manifests, links or sources
SET ROLE regress_rde_bi;
SELECT scope, why FROM rde_whoami();
SELECT * FROM seen;
\set VERBOSITY sqlstate
SELECT rde_report_manifest(:'seven');
SELECT rde_text(:'seven');
SELECT rde_export('sales', '2020-01-01', '2020-01-01', 'csv');
\set VERBOSITY default
RESET ROLE;
SET ROLE regress_rde_op;
SELECT * FROM seen;
SELECT rde_report_manifest(:'seven') ->> 'dataset' AS dataset;
CALL rde_run_due();
RESET ROLE;
SET client_min_messages = notice;
SET ROLE regress_rde_none;
SELECT * FROM seen;
RESET ROLE;
SET client_min_messages = warning;

-- An account's role is no more than an account, whatever it is a member of and
-- has the right to call.
GRANT regress_rde_op TO regress_rde_seven;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA public TO regress_rde_seven;
GRANT SELECT ON rde_health, rde_invoice_watches, rde_signing_keys TO regress_rde_seven;
CREATE ROLE regress_rde_gone;
SELECT rde_create_account(99, 'Gone', role => 'regress_rde_gone');
DROP ROLE regress_rde_gone;
UPDATE _rde_source SET invoice_column = 'id' WHERE dataset = 'sales';
SELECT rde_watch_invoices('sale', 'reseller', 'id');
UPDATE _rde_source SET invoice_column = NULL;
SET ROLE regress_rde_seven;
SELECT * FROM seen;
CALL rde_run_due();
\set VERBOSITY sqlstate
SELECT rde_grant('regress_rde_none', 'admin');
SELECT rde_revoke('regress_rde_bi', 'reader');
SELECT rde_create_account(9, 'Nine');
SELECT rde_alter_account(7, scope => 'provider');
SELECT rde_drop_account(8);
SELECT rde_rotate_signing_key();
SELECT rde_revoke_signing_key('x');
SELECT rde_create_dataset('mine', 'Mine');
SELECT rde_drop_dataset('sales');
SELECT rde_attach('sales', 'sale', 'reseller', 'changed_at');
SELECT rde_detach('sales');
SELECT rde_watch_invoices('sale', 'reseller', 'id');
SELECT rde_unwatch_invoices('sale');
SELECT rde_sweep_invoices('sale', '2020-01-01');
SELECT rde_rebaseline_generator(gen_random_uuid());
SELECT rde_keep_report(:'eight', 'infinity');
SELECT rde_purge_reports();
\set VERBOSITY default
SELECT count(*) FROM rde_health;
SELECT count(*) FROM rde_signing_keys;
SELECT count(*) FROM rde_invoice_watches;
SELECT rde_set_on_invoice(7, false, 8);
SELECT rde_set_on_invoice(7, false, 4711);
RESET ROLE;
SELECT finding, detail FROM rde_health;
SELECT count(*) FROM rde_signing_keys;
SELECT count(*) FROM rde_invoice_watches;
SELECT rde_unwatch_invoices('sale');
SELECT rde_drop_account(99);
REVOKE regress_rde_op FROM regress_rde_seven;
REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA public FROM regress_rde_seven;
REVOKE ALL ON rde_health, rde_invoice_watches, rde_signing_keys FROM regress_rde_seven;
-- nor does a definer function of an operator's make its caller one
CREATE FUNCTION by_operator() RETURNS text LANGUAGE sql SECURITY DEFINER AS
    $$SELECT current_user || ': ' || (SELECT count(*) FROM rde_reports)$$;
ALTER FUNCTION by_operator() OWNER TO regress_rde_op;
SET ROLE regress_rde_eight;
SELECT by_operator();
SET ROLE regress_rde_none;
SELECT by_operator();
SELECT rde_create_view('no such', 'x', '[]');
RESET ROLE;
DROP FUNCTION by_operator();

-- quotas are of requests, whatever became of the reports
DELETE FROM _rde_asked;
SELECT rde_alter_account(7, max_reports_per_day => 3);
SET ROLE regress_rde_seven;
SELECT count(rde_drop_report(rde_export('sales', '2020-01-01', '2020-01-01', 'csv'))) FROM generate_series(1, 2);
SELECT rde_rebuild(:'seven') AS rebuilt \gset
SELECT rde_rebuild(:'rebuilt');
SELECT rde_export('sales', '2020-01-01', '2020-01-01', 'csv');
SELECT rde_drop_report(:'rebuilt');
RESET ROLE;
SELECT rde_alter_account(7, clear => '{max_reports_per_day}');
SET ROLE regress_rde_seven;
SELECT count(rde_submit('sales', '2020-01-01', '2020-01-01', 'csv', name => 'waiting')) FROM generate_series(1, 2);
SELECT count(rde_cancel_report(id)) FROM rde_reports WHERE name = 'waiting';
SELECT count(rde_submit('sales', '2020-01-01', '2020-01-01', 'csv', name => 'waiting too')) FROM generate_series(1, 2);
SELECT rde_retry_report(id) FROM rde_reports WHERE name = 'waiting' LIMIT 1;
SELECT count(rde_drop_report(id)) FROM rde_reports WHERE name ~ 'waiting';
RESET ROLE;
SELECT rde_alter_account(7, max_stored_bytes => 1);
SET ROLE regress_rde_seven;
DO $$
BEGIN
    PERFORM rde_export('sales', '2020-01-01', '2020-01-01', 'csv');
EXCEPTION WHEN configuration_limit_exceeded THEN
    RAISE WARNING '%', regexp_replace(SQLERRM, '[0-9]+ bytes', '<n> bytes');
END
$$;
RESET ROLE;
SELECT rde_alter_account(7, clear => '{max_stored_bytes}');

-- a token is an account for one transaction
SET ROLE regress_rde_seven;
SELECT subscription_key AS key, token FROM rde_create_token(NULL, 'program') \gset
SELECT rde_create_token(8, 'program');
SELECT account, name, last_used_at IS NULL AS unused FROM rde_tokens;
RESET ROLE;
SELECT count(*) FROM _rde_token WHERE token_sha256 = sha256(:'token');
SET ROLE regress_rde_gate;
SELECT count(*) FROM rde_reports;
BEGIN;
SELECT rde_login(:'key', sha256(:'token'));
SELECT account, scope, why FROM rde_whoami();
SELECT string_agg(name, ' ') FROM rde_reports;
SAVEPOINT s;
SELECT rde_login(:'key', sha256(:'token'));
ROLLBACK TO s;
SELECT count(*) FROM rde_reports;
COMMIT;
SELECT count(*) FROM rde_reports;
BEGIN;
SAVEPOINT s;
SELECT rde_login(:'key', sha256(:'token'));
ROLLBACK TO s;
SELECT count(*) FROM rde_reports;
COMMIT;
SELECT rde_login(:'key', sha256('guess'));
SELECT rde_login('guess', sha256(:'token'));
SELECT rde_login(NULL, NULL);
RESET ROLE;
SELECT count(last_used_at) FROM rde_tokens;
SELECT rde_revoke_token(id) FROM rde_tokens;
SET ROLE regress_rde_gate;
SELECT rde_login(:'key', sha256(:'token'));
RESET ROLE;

-- a link opens one report to whoever has it; any change to it and it opens nothing
SELECT rde_download_url(:'seven') AS url \gset
SELECT file_name FROM rde_reports WHERE id = :'seven' \gset
CREATE FUNCTION field(url text, name text) RETURNS text LANGUAGE sql AS
    $$SELECT replace(replace(replace(replace((regexp_match(url, '[?&]' || name || '=([^&]*)'))[1], '%3A', ':'), '%2B', '+'), '%2F', '/'), '%3D', '=')$$;
GRANT EXECUTE ON FUNCTION field TO PUBLIC;
SET ROLE regress_rde_gate;
\set VERBOSITY sqlstate
BEGIN;
SELECT rde_text(:'seven');
ROLLBACK;
\set VERBOSITY default
BEGIN;
SELECT id = :'seven' AS opened, reseller, name, row_count FROM rde_redeem(:'seven', :'file_name', field(:'url', 'sv'), field(:'url', 'st'),
    field(:'url', 'se'), field(:'url', 'sp'), field(:'url', 'sr'), field(:'url', 'kid'), field(:'url', 'sig'));
SELECT octet_length(rde_chunk(:'seven', 0)) > 0 AS readable;
\set VERBOSITY sqlstate
SAVEPOINT s;
SELECT rde_chunk(:'eight', 0);
ROLLBACK TO s;
SELECT rde_drop_report(:'seven');
ROLLBACK TO s;
SELECT rde_rebuild(:'seven');
ROLLBACK TO s;
SELECT rde_revoke_links(:'seven');
ROLLBACK TO s;
SELECT rde_download_url(:'seven');
ROLLBACK TO s;
SELECT rde_get_report(:'seven');
ROLLBACK TO s;
SELECT rde_report_manifest(:'seven');
ROLLBACK TO s;
COMMIT;
SELECT rde_chunk(:'seven', 0);
\set VERBOSITY default
SELECT * FROM rde_redeem(:'eight', :'file_name', field(:'url', 'sv'), field(:'url', 'st'),
    field(:'url', 'se'), field(:'url', 'sp'), field(:'url', 'sr'), field(:'url', 'kid'), field(:'url', 'sig'));
SELECT * FROM rde_redeem(:'seven', :'file_name', field(:'url', 'sv'), field(:'url', 'st'),
    '2099-01-01T00:00:00Z', field(:'url', 'sp'), field(:'url', 'sr'), field(:'url', 'kid'), field(:'url', 'sig'));
SELECT * FROM rde_redeem(:'seven', :'file_name', field(:'url', 'sv'), field(:'url', 'st'),
    field(:'url', 'se'), 'rwd', field(:'url', 'sr'), field(:'url', 'kid'), field(:'url', 'sig'));
RESET ROLE;
SELECT rde_revoke_links(:'seven');
SELECT * FROM rde_redeem(:'seven', :'file_name', field(:'url', 'sv'), field(:'url', 'st'),
    field(:'url', 'se'), field(:'url', 'sp'), field(:'url', 'sr'), field(:'url', 'kid'), field(:'url', 'sig'));
SELECT rde_download_url(:'seven') AS url \gset
SELECT length(rde_rotate_signing_key()) AS key_id;
SELECT name FROM rde_redeem(:'seven', :'file_name', field(:'url', 'sv'), field(:'url', 'st'),
    field(:'url', 'se'), field(:'url', 'sp'), field(:'url', 'sr'), field(:'url', 'kid'), field(:'url', 'sig'));
SELECT rde_revoke_signing_key(kid) FROM rde_signing_keys ORDER BY created_at LIMIT 1;
SELECT name FROM rde_redeem(:'seven', :'file_name', field(:'url', 'sv'), field(:'url', 'st'),
    field(:'url', 'se'), field(:'url', 'sp'), field(:'url', 'sr'), field(:'url', 'kid'), field(:'url', 'sig'));

-- what programs ask, and the answers they get
SET ROLE regress_rde_seven;
SELECT (rde_list_reports(current_date, current_date) -> 'data' -> 0)::jsonb - 'creationDate' - 'downloadUrl' AS item,
       rde_list_reports(current_date, current_date) -> 'pagination' AS pagination;
SELECT json_object_keys(rde_list_reports(current_date, current_date, detail => true) -> 'data' -> 0);
SELECT rde_list_reports(current_date, current_date, detail => true) ->> 'next' AS cursor \gset
SELECT rde_list_reports(after => :'cursor') -> 'pagination' AS nothing_new;
SELECT rde_request_report('{"name": "asked", "dataset": "sales", "startDate": "2020-01-01T00:00:00Z", "endDate": "2020-01-02T00:00:00.000Z",
                            "format": "csv", "downloadUrl": "http://192.0.2.1/"}', 'key 1') AS answer \gset
SELECT :'answer'::json ->> 'status' AS status, :'answer'::json ->> 'type' AS type, :'answer'::json ->> 'format' AS format,
       :'answer'::json ->> 'startDate' AS start, :'answer'::json ->> 'endDate' AS end, :'answer'::json ->> 'rowCount' AS rows;
SELECT rde_request_report('{"name": "asked", "dataset": "sales", "startDate": "2020-01-01T00:00:00Z", "endDate": "2020-01-02T00:00:00.000Z",
                            "format": "csv", "downloadUrl": "http://192.0.2.1/"}', 'key 1') ->> 'id' = :'answer'::json ->> 'id' AS same;
SELECT rde_request_report('{"name": "other", "dataset": "sales", "startDate": "2020-01-01T00:00:00Z"}', 'key 1');
SELECT rde_list_reports(after => :'cursor') -> 'data' -> 0 ->> 'name' AS new, rde_list_reports(after => :'cursor') -> 'pagination' ->> 'total' AS total;
SELECT rde_list_reports(after => 'yesterday');
SELECT rde_request_report('{"name": "n", "startDate": "2020-01-01 00:00"}');
SELECT rde_request_report('{"name": "n"}');
SELECT rde_request_report('[]');
SELECT rde_list_reports(current_date, current_date, status => 'done');
RESET ROLE;

DROP VIEW seen;
DROP FUNCTION field;
SELECT rde_revoke('regress_rde_bi', 'reader'), rde_revoke('regress_rde_gate', 'gateway'), rde_revoke('regress_rde_op', 'operator');
DROP EXTENSION rde;
DROP VIEW risky, telling;
DROP FUNCTION tell(bigint);
DROP TABLE sale;
DROP ROLE regress_rde_source, regress_rde_seven, regress_rde_eight, regress_rde_parent, regress_rde_bi, regress_rde_gate, regress_rde_op,
    regress_rde_none;

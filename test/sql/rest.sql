-- What programs ask for by HTTP, as SQL: each function once, by an account.  What they
-- answer is looked at through the gateway, in test/t/gateway_*.pl.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION rde;
CREATE ROLE regress_rde_rest;
CREATE ROLE regress_rde_rest_source;
CREATE TABLE sale (id bigint PRIMARY KEY, reseller bigint, day date, amount numeric);
INSERT INTO sale SELECT n, 7, date '2020-01-01' + n, n FROM generate_series(1, 5) n;
ALTER TABLE sale OWNER TO regress_rde_rest_source;
SELECT rde_create_dataset('sales', 'Sales');
SELECT rde_attach('sales', 'sale', 'reseller', 'day', amount => 'amount');
SELECT rde_create_account(7, 'Seven', role => 'regress_rde_rest', time_zone => 'UTC');
SET ROLE regress_rde_rest;

SELECT rde_get_account() -> 'quotas';
SELECT json_object_keys(rde_list_datasets());

-- views
SELECT rde_request_view('sales', 'mine', '{"columns": [{"column": "id"}], "conditions": [{"column": "id", "min": 2}]}', 'key')::jsonb - 'version';
SELECT rde_get_view('sales', 'mine')::jsonb - 'version';
SELECT rde_replace_view('sales', 'mine', '{"columns": [{"column": "amount"}]}', '*') -> 'columns';
SELECT rde_replace_view('sales', 'mine', '{"columns": [{"column": "amount"}]}', '"other"');
SELECT rde_preview_view('sales', '{"columns": [{"column": "id", "as": "n"}, {"column": "amount"}], "startDate": "2020-01-01", "endDate": "2020-01-31"}');
SELECT rde_remove_view('sales', 'mine');
SELECT rde_get_view('sales', 'mine');

-- generators
SELECT rde_request_generator('{"name": "daily", "dataset": "sales", "formats": ["csv"], "event": "daily", "retention": "P30D", "runAt": "06:00"}', 'key 2') ->> 'id' AS daily \gset
SELECT g ->> 'name' AS name, g ->> 'retention' AS retention, g ->> 'runAt' AS run_at, g ->> 'mayAlter' AS may_alter
FROM rde_get_generator(:'daily') g;
SELECT json_array_length(rde_list_generators() -> 'data');
SELECT rde_change_generator(:'daily', '{"retention": null, "enabled": false}', '*') ->> 'enabled' AS enabled;
SELECT p ->> 'firstDay' AS first_day, p ->> 'localDueDate' AS due
FROM json_array_elements(rde_preview_periods('{"event": "weekly", "start": "2030-01-01", "timeZone": "Europe/Vienna"}') -> 'data') p;
SELECT json_array_length(rde_preview_periods(json_build_object('generator', :'daily')) -> 'data');
SELECT json_array_length(rde_list_periods(:'daily') -> 'data');
SELECT r -> 'data' -> 0 ->> 'id' AS waiting, json_array_length(r -> 'data') AS reports
FROM rde_request_run(:'daily', '{"firstDay": "2020-01-01", "lastDay": "2020-01-03"}', 'key 3') r \gset
SELECT :reports;

-- reports
SELECT rde_request_action(:'waiting', 'cancel', 'key 4') ->> 'code' AS code;
SELECT rde_request_action(:'waiting', 'retry') ->> 'status' AS status;
SELECT rde_request_action(:'waiting', 'dance');
SELECT rde_request_report('{"name": "days", "dataset": "sales", "startDate": "2020-01-02", "endDate": "2020-01-03", "options": {"compress": false}}') ->> 'id' AS report \gset
SELECT r ->> 'rowCount' AS rows, r ->> 'startDate' AS since, r ->> 'endDate' AS until FROM rde_get_report(:'report') r;
SELECT rde_request_action(:'report', 'revoke-links') ->> 'id' = :'report' AS revoked;
SELECT rde_request_action(:'report', 'rebuild') ->> 'revision' AS revision;
SELECT json_array_length(rde_list_reports(name => 'days', dataset => 'sales', generator => NULL) -> 'data');
SELECT rde_get_report(:'report') ->> 'version' AS version \gset
SELECT rde_remove_report(:'report', '"x"');
SELECT rde_remove_report(:'report', format('"x", "%s"', :'version'));
SELECT rde_remove_report(NULL, '*');
SELECT rde_remove_generator(:'daily', '*');

-- events: for who is let in by a token
SELECT rde_open_events() IS NOT NULL AS opened, rde_open_events(rde_open_events()) IS NOT NULL AS reopened;
SELECT rde_open_events('x');
SELECT rde_open_events() AS since \gset
SELECT subscription_key, token FROM rde_create_token(7, 'test') \gset
RESET ROLE;
SELECT rde_build(rde_submit('sales', '2020-01-01', '2020-01-09', 'csv', reseller => 7, name => 'heard'));
SELECT stream, event, data ->> 'name' AS name
FROM rde_poll_events(json_build_array(json_build_array(1, :'subscription_key', NULL, encode(sha256(:'token'), 'hex'), :'since'),
                                      json_build_array(2, :'subscription_key', NULL, encode(sha256('guess'), 'hex'), :'since')));
SELECT json_object_keys(rde_issue_token(:'subscription_key', 'test', sha256(:'token')));
SELECT rde_issue_token(:'subscription_key', 'test', sha256('guess'));
SELECT rde_login_signed(:'subscription_key', 'a.b', sha256('c'));

DROP TABLE sale;
DROP EXTENSION rde;
DROP ROLE regress_rde_rest, regress_rde_rest_source;

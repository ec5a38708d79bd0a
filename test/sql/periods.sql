-- What rde_periods and rde_health say about every period
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION rde;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';

CREATE ROLE regress_rde_source;
CREATE TABLE sale (id bigint PRIMARY KEY, reseller bigint, changed_at timestamptz, amount numeric, note text);
ALTER TABLE sale OWNER TO regress_rde_source;
INSERT INTO sale SELECT n, 7, '2020-01-01 12:00+00'::timestamptz + (n || ' days')::interval, n, 'x' FROM generate_series(0, 9) n;
SELECT rde_create_dataset('sales', 'Sales');
SELECT rde_attach('sales', 'sale', 'reseller', 'changed_at', amount => 'amount');

-- generators whose clock is stopped after a week, for there is no end to now
CREATE FUNCTION stop(generator text, until timestamptz) RETURNS void LANGUAGE sql AS
    'UPDATE rde_generator SET next_from = until, next_to = until + interval ''1 day'', next_run = ''2100-01-01'' WHERE name = generator';
CREATE VIEW periods AS
    SELECT name, format, period_from::date AS "from", period_to::date AS "to", due_at::date AS due, state, revision, provisional,
           lateness IS NOT NULL AS late, waits_for
    FROM rde_periods ORDER BY name, format, period_from;
CREATE VIEW health AS
    SELECT severity, finding, regexp_replace(object, '[0-9a-f-]{36}', '<id>') AS object,
           regexp_replace(regexp_replace(detail, '[0-9-]{10} [0-9:]{8}(\.\d+)?\+00', '<time>', 'g'), '[0-9a-f-]{36}', '<id>') AS detail,
           regexp_replace(regexp_replace(hint, '[0-9-]{10} [0-9:]{8}(\.\d+)?\+00', '<time>', 'g'), '[0-9a-f-]{36}', '<id>') AS hint
    FROM rde_health ORDER BY finding, object;

-- nothing is there, nothing is wrong
SELECT * FROM health;
SELECT rde_create_generator('week', 'sales', 'csv,json', 'daily', reseller => 7, start => '2020-01-01') IS NOT NULL AS week;
SELECT rde_create_generator('idle', 'sales', 'csv', 'daily', start => '2020-01-01') IS NOT NULL AS idle;
SELECT rde_alter_generator(id, enabled => false) FROM rde_generators WHERE name = 'idle';
SELECT finding, detail ~ 'rde_run_due has never run' AS never FROM health WHERE finding = 'no_worker';

-- due, and disabled; the first is a thousand periods ago at least
SELECT name, format, state, count(*), min(period_from)::date AS first, count(*) FILTER (WHERE lateness > '1 day') > 900 AS late
FROM rde_periods WHERE state IN ('due', 'disabled') GROUP BY 1, 2, 3 ORDER BY 1, 2;
SELECT finding, object FROM health WHERE finding = 'generator_late';

-- a week of reports, and what follows it
CALL rde_run_due(max_reports => 14);
DELETE FROM rde_report WHERE period_from >= '2020-01-08';
SELECT stop('week', '2020-01-08'), stop('idle', '2020-01-01');
SELECT * FROM periods WHERE name = 'week';
SELECT name, formats, enabled, next_from::date, last_status, last_run IS NOT NULL AS has_run, failed
FROM rde_generators ORDER BY name;

-- a report dropped is a gap; a revision is what counts
SELECT rde_drop_report(report) FROM rde_periods WHERE period_from = '2020-01-03' AND format = 'csv';
UPDATE sale SET amount = 100 WHERE id = 1;
SELECT rde_rebuild(report) IS NOT NULL AS rebuilt FROM rde_periods WHERE period_from = '2020-01-02' AND format = 'csv';
SELECT * FROM periods WHERE name = 'week' AND format = 'csv' AND "from" < '2020-01-05';

-- a source that cannot be read pauses its periods
SELECT rde_create_generator('broken', 'sales', 'csv', 'daily', reseller => 7, start => '2020-01-01', view => 'full') IS NOT NULL AS broken;
ALTER TABLE sale DROP COLUMN note;
SET client_min_messages = error;
CALL rde_run_due(max_reports => 1);
SET client_min_messages = warning;
DELETE FROM rde_report WHERE period_from >= '2020-01-03' AND name = 'broken';
SELECT stop('broken', '2020-01-03');
SELECT name, "from", state, regexp_replace(waits_for, 'until .*?\+00', 'until <time>') AS waits_for FROM periods WHERE name = 'broken';
SELECT * FROM health WHERE finding LIKE 'source%';
SELECT paused_until > now() AS paused FROM rde_generators WHERE name = 'broken';

-- attached again it goes on
SELECT rde_attach('sales', 'sale', 'reseller', 'changed_at', amount => 'amount');
CALL rde_run_due();
SELECT * FROM periods WHERE name = 'broken';
SELECT * FROM health WHERE finding LIKE 'source%';

-- what else can be wrong
UPDATE rde_report SET status = 'error', error = 'no luck', failed_at = now() WHERE name = 'week' AND period_from = '2020-01-04' AND format = 'json';
UPDATE rde_report SET expires_at = now() - interval '2 days' WHERE name = 'week' AND period_from = '2020-01-05' AND format = 'json';
UPDATE rde_generator SET enabled = false, disabled_reason = '5 reports in a row failed' WHERE name = 'broken';
UPDATE rde_worker SET seen_at = now() - interval '1 hour';
INSERT INTO rde_invoice_event VALUES ('7', 'INV-1', now() - interval '1 hour');
SELECT rde_create_account(7, 'Seven', role => 'regress_rde_source');
UPDATE rde_account SET role = 'regress_rde_nobody';
CREATE TABLE invoice (id bigint PRIMARY KEY, reseller bigint, status text);
SELECT rde_watch_invoices('invoice', 'reseller', 'id');
ALTER TABLE invoice DISABLE TRIGGER rde_invoice_insert;
SELECT * FROM health;

-- who may not read the views is shown nothing by their functions
CREATE ROLE regress_rde_other;
GRANT USAGE ON SCHEMA public TO regress_rde_other;
SET ROLE regress_rde_other;
SELECT count(*) FROM _rde_periods();
SELECT count(*) FROM _rde_health();
SELECT count(*) FROM rde_periods;
RESET ROLE;
GRANT SELECT ON rde_periods TO regress_rde_other;
SET ROLE regress_rde_other;
SELECT count(*) > 0 AS shown FROM rde_periods;
SELECT count(*) FROM _rde_health();
RESET ROLE;

DROP VIEW periods, health;
DROP TABLE invoice;
DROP EXTENSION rde;
DROP TABLE sale;
DROP FUNCTION stop;
REVOKE ALL ON SCHEMA public FROM regress_rde_other;
DROP ROLE regress_rde_other, regress_rde_source;

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
    'UPDATE _rde_generator SET next_from = until, next_to = until + interval ''1 day'', next_run_at = ''2100-01-01'' WHERE name = generator';
CREATE VIEW periods AS
    SELECT name, format, period_from::date AS "from", period_to::date AS "to", due_at::date AS due, status, revision, provisional,
           lateness IS NOT NULL AS late, waits_for
    FROM rde_periods ORDER BY name, format, period_from;
CREATE VIEW health AS
    SELECT severity, finding, regexp_replace(object, '[0-9a-f-]{36}', '<id>') AS object,
           regexp_replace(regexp_replace(detail, '[0-9-]{10} [0-9:]{8}(\.\d+)?\+00', '<time>', 'g'), '[0-9a-f-]{36}', '<id>') AS detail,
           regexp_replace(regexp_replace(hint, '[0-9-]{10} [0-9:]{8}(\.\d+)?\+00', '<time>', 'g'), '[0-9a-f-]{36}', '<id>') AS hint
    FROM rde_health ORDER BY finding, object;

-- nothing is there, nothing is wrong
SELECT * FROM health;
SELECT rde_create_generator('sales', 'week', '{csv,json}', 'daily', reseller => 7, start => '2020-01-01') IS NOT NULL AS week;
SELECT rde_create_generator('sales', 'idle', '{csv}', 'daily', start => '2020-01-01') IS NOT NULL AS idle;
SELECT rde_alter_generator(id, enabled => false) FROM rde_generators WHERE name = 'idle';
SELECT finding, detail ~ 'rde_run_due has never run' AS never FROM health WHERE finding = 'no_worker';

-- due, and disabled; the first is a thousand periods ago at least
SELECT name, format, status, count(*), min(period_from)::date AS first, count(*) FILTER (WHERE lateness > '1 day') > 900 AS late
FROM rde_periods WHERE status IN ('due', 'disabled') GROUP BY 1, 2, 3 ORDER BY 1, 2;
SELECT finding, object FROM health WHERE finding = 'generator_late';

-- a week of reports, and what follows it
CALL rde_run_due(max_reports => 14);
DELETE FROM _rde_report WHERE period_from >= '2020-01-08';
SELECT stop('week', '2020-01-08'), stop('idle', '2020-01-01');
SELECT * FROM periods WHERE name = 'week';
SELECT name, formats, enabled, next_from::date, last_status, last_run_at IS NOT NULL AS has_run, failed
FROM rde_generators ORDER BY name;

-- a report dropped is a gap; a revision is what counts
SELECT rde_drop_report(report) FROM rde_periods WHERE period_from = '2020-01-03' AND format = 'csv';
UPDATE sale SET amount = 100 WHERE id = 1;
SELECT rde_rebuild(report) IS NOT NULL AS rebuilt FROM rde_periods WHERE period_from = '2020-01-02' AND format = 'csv';
SELECT * FROM periods WHERE name = 'week' AND format = 'csv' AND "from" < '2020-01-05';
-- lateness in both of its forms
SELECT status, count(*), count(lateness) = count(lateness_seconds) AS both, bool_and(lateness_seconds = extract(epoch FROM lateness)::float8) AS same,
       min(lateness_seconds) > 86400 AS in_seconds
FROM rde_periods WHERE name = 'week' GROUP BY status ORDER BY status;

-- a source that cannot be read pauses its periods
SELECT rde_create_generator('sales', 'broken', '{csv}', 'daily', reseller => 7, start => '2020-01-01', view => 'full') IS NOT NULL AS broken;
ALTER TABLE sale DROP COLUMN note;
SET client_min_messages = error;
CALL rde_run_due(max_reports => 1);
SET client_min_messages = warning;
DELETE FROM _rde_report WHERE period_from >= '2020-01-03' AND name = 'broken';
SELECT stop('broken', '2020-01-03');
SELECT name, "from", status, regexp_replace(waits_for, 'until .*?\+00', 'until <time>') AS waits_for FROM periods WHERE name = 'broken';
SELECT * FROM health WHERE finding LIKE 'source%';
SELECT paused_until > now() AS paused FROM rde_generators WHERE name = 'broken';

-- attached again it goes on
SELECT rde_attach('sales', 'sale', 'reseller', 'changed_at', amount => 'amount');
CALL rde_run_due();
SELECT * FROM periods WHERE name = 'broken';
SELECT * FROM health WHERE finding LIKE 'source%';

-- what else can be wrong
UPDATE _rde_report SET status = 'error', error = 'no luck', failed_at = now() WHERE name = 'week' AND period_from = '2020-01-04' AND format = 'json';
UPDATE _rde_report SET expires_at = now() - interval '2 days' WHERE name = 'week' AND period_from = '2020-01-05' AND format = 'json';
UPDATE _rde_generator SET enabled = false, disabled_reason = '5 reports in a row failed' WHERE name = 'broken';
UPDATE _rde_worker SET seen_at = now() - interval '1 hour';
INSERT INTO _rde_invoice_event VALUES ('week', '7', 'INV-1', now() - interval '1 hour');
SELECT rde_create_account(7, 'Seven', role => 'regress_rde_source');
UPDATE _rde_account SET role = 'regress_rde_nobody', role_oid = 1;
CREATE TABLE invoice (id bigint PRIMARY KEY, reseller bigint, status text);
UPDATE _rde_source SET invoice_column = period_column WHERE dataset = (SELECT min(dataset) FROM _rde_source);
SELECT rde_watch_invoices('invoice', 'reseller', 'id');
UPDATE _rde_source SET invoice_column = NULL;
ALTER TABLE invoice DISABLE TRIGGER rde_invoice_insert;
SELECT * FROM health;

-- a report that was cancelled is nobody's fault; a column that plays a part may
-- drift without being exposed; a worker that dies is another finding
UPDATE _rde_report SET sqlstate = '57014' WHERE error = 'no luck';
UPDATE _rde_report SET status = 'error', sqlstate = '57P02', error = 'the server process was gone', failed_at = now()
WHERE name = 'week' AND period_from = '2020-01-06' AND format = 'json';
SELECT rde_attach('sales', 'sale', 'reseller', 'changed_at', amount => 'amount', expose => '{id}');
ALTER TABLE sale ALTER amount TYPE double precision;
ALTER TABLE sale RENAME reseller TO account;
SELECT finding, object, detail FROM health WHERE finding IN ('reports_failed', 'worker_died', 'source_drifted');
SELECT name, failed FROM rde_generators WHERE failed > 0;
ALTER TABLE sale RENAME account TO reseller;
ALTER TABLE sale ALTER amount TYPE numeric;

-- a worker that is at work for an hour is one, and so is one that comes each hour
INSERT INTO _rde_worker (pid, started_at, seen_at) VALUES (pg_backend_pid(), now(), now() - interval '1 hour');
SELECT count(*) FROM rde_health WHERE finding = 'no_worker';
DELETE FROM _rde_worker;
INSERT INTO _rde_worker (pid, started_at, seen_at, finished_at)
SELECT 1, t, t, t FROM generate_series(now() - interval '10 hours', now() - interval '1 hour', '1 hour') t;
SELECT count(*) FROM rde_health WHERE finding = 'no_worker';
UPDATE _rde_worker SET seen_at = seen_at - interval '2 hours';
SELECT count(*) FROM rde_health WHERE finding = 'no_worker';

-- a schema "cron" that is not pg_cron's runs nothing
CREATE ROLE regress_rde_planter;
CREATE SCHEMA cron AUTHORIZATION regress_rde_planter;
GRANT USAGE ON SCHEMA cron TO PUBLIC;
SET ROLE regress_rde_planter;
CREATE FUNCTION cron.caught() RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'caught %', current_user; END$$;
CREATE FUNCTION cron.schedule(text, text, text) RETURNS bigint LANGUAGE sql AS 'SELECT cron.caught()::bigint';
CREATE FUNCTION cron.unschedule(bigint) RETURNS boolean LANGUAGE sql AS 'SELECT cron.caught()::boolean';
CREATE VIEW cron.job AS
    SELECT 1::bigint AS jobid, cron.caught() AS jobname, true AS active, cron.caught() AS database, cron.caught() AS command,
           cron.caught() AS username;
CREATE VIEW cron.job_run_details AS
    SELECT 1::bigint AS jobid, cron.caught() AS status, now() AS end_time, cron.caught() AS return_message, 1 AS runid;
RESET ROLE;
SELECT count(*) > 0 AS findings FROM rde_health;
SELECT rde_schedule('5 minutes', 1);
SELECT rde_unschedule();
DROP OWNED BY regress_rde_planter CASCADE;
DROP ROLE regress_rde_planter;

-- without catching up only the latest period is due, what comes before is not
-- missing; a generator with a change column makes one window of them all
SELECT rde_drop_generator(id) FROM rde_generators;
DELETE FROM _rde_report;
SELECT rde_attach('sales', 'sale', 'reseller', 'changed_at', amount => 'amount');
CREATE TABLE stamped (id bigint PRIMARY KEY, reseller bigint, changed_at timestamptz, change xid8);
ALTER TABLE stamped OWNER TO regress_rde_source;
CREATE TRIGGER rde_stamp BEFORE INSERT OR UPDATE ON stamped FOR EACH ROW EXECUTE FUNCTION rde_stamp('change');
SELECT rde_create_dataset('stamped', 'Stamped');
SELECT rde_attach('stamped', 'stamped', 'reseller', 'changed_at', change => 'change');
SELECT rde_create_generator('sales', 'latest', '{csv}', 'daily', start => '2020-01-01', catch_up => 'none') AS latest \gset
SELECT rde_create_generator('stamped', 'window', '{csv}', 'daily') AS window \gset
UPDATE _rde_generator SET next_from = '2020-01-01', next_to = '2020-01-02', next_run_at = '2020-01-02' WHERE id = :'window';
CREATE VIEW shape AS
    SELECT name, status, count(*), bool_and(period_to - period_from = '1 day') AS is_day,
           min(period_from) = '2020-01-01' AS from_start, bool_and(lateness > '1 day') AS late, min(waits_for) AS waits_for
    FROM rde_periods GROUP BY name, status ORDER BY name, status;
SELECT * FROM shape;
CALL rde_run_due();
SELECT * FROM shape;
-- years later it goes on with the latest, and skips what comes between
UPDATE _rde_report SET period_from = '2020-01-01', period_to = '2020-01-02', due_at = '2020-01-02' WHERE generator = :'latest';
UPDATE _rde_generator SET next_from = '2020-01-02', next_to = '2020-01-03', next_run_at = '2020-01-03' WHERE id = :'latest';
SELECT * FROM shape WHERE name = 'latest';
CALL rde_run_due();
SELECT * FROM shape WHERE name = 'latest';
-- what is left of old times by rde_keep_report() tells nothing of what came after it
UPDATE _rde_report SET published_at = now() - interval '1 year' WHERE generator = :'latest' AND period_from = '2020-01-01';
SELECT * FROM shape WHERE name = 'latest';
UPDATE _rde_report SET expires_at = now() - interval '1 minute' WHERE generator = :'latest' AND period_from = '2020-01-01';
SELECT * FROM shape WHERE name = 'latest';
-- switched off, nothing is to come
SELECT rde_alter_generator(:'latest', enabled => false);
SELECT status, waits_for ~ '^disabled by ' AS reason FROM rde_periods WHERE generator = :'latest' AND report IS NULL;
-- a window that cannot be built keeps the next one waiting
UPDATE _rde_generator SET next_from = '2020-01-01', next_to = '2020-01-02', next_run_at = '2020-01-02' WHERE id = :'window';
DELETE FROM _rde_report WHERE generator = :'window';
UPDATE _rde_generator_snapshot SET system_identifier = 1;
SET client_min_messages = error;
CALL rde_run_due();
SET client_min_messages = warning;
UPDATE _rde_generator SET next_to = next_from + interval '1 s', next_run_at = now() - interval '1 s' WHERE id = :'window' AND next_from < now();
SELECT name, status, regexp_replace(waits_for, '[0-9-]{10} [0-9:]{8}\+00|[0-9a-f-]{36}', '...', 'g') AS waits_for FROM rde_periods
WHERE generator = :'window' AND due_at <= now() ORDER BY period_from;
SELECT finding, object FROM health WHERE finding = 'rebaseline_needed';
DROP TRIGGER rde_stamp ON stamped;
SELECT rde_rebaseline_generator(:'window');
SELECT finding, object FROM health WHERE finding LIKE 'source%' OR finding LIKE 'rebase%';

-- weeks, quarters, and months that begin on another day
SELECT rde_drop_generator(id) FROM rde_generators;
DELETE FROM _rde_report;
SELECT rde_attach('sales', 'sale', 'reseller', 'changed_at', amount => 'amount');
SELECT rde_create_generator('sales', 'week', '{csv}', 'weekly', week_day => 7, start => '2020-01-02') IS NOT NULL AS week;
SELECT rde_create_generator('sales', 'month', '{csv}', 'monthly', month_start => 5, start => '2020-01-02') IS NOT NULL AS month;
SELECT rde_create_generator('sales', 'quarter', '{csv}', 'quarterly', month_day => 15, start => '2020-01-02') IS NOT NULL AS quarter;
CALL rde_run_due(max_reports => 60);
DELETE FROM _rde_report WHERE period_from >= '2020-07-01' OR (name <> 'quarter' AND period_from >= '2020-02-01');
SELECT stop('week', '2020-02-02'), stop('month', '2020-02-05'), stop('quarter', '2020-07-01');
SELECT name, "from", "to", due, status, waits_for FROM periods;
SELECT type, count(*), sum(row_count) AS rows FROM rde_reports GROUP BY type ORDER BY type;
-- each is a type to ask for, and all of them have periods
SELECT t, (rde_list_reports(current_date - 1, current_date + 1, type => t) -> 'pagination' ->> 'total')::integer AS found
FROM unnest('{daily,weekly,monthly,quarterly,on_invoice,onetime,periodic}'::text[]) t;
SELECT rde_list_reports(current_date, current_date, type => 'yearly');
-- and no period is reported twice
INSERT INTO _rde_report (name, dataset, view, format, type, generator, period_from, period_to, time_zone, retention, expires_at)
SELECT name, dataset, view, format, type, generator, period_from, period_to, time_zone, retention, expires_at
FROM _rde_report WHERE name IN ('week', 'quarter') ON CONFLICT DO NOTHING RETURNING name;
UPDATE _rde_generator SET next_from = '2020-04-01', next_to = '2020-07-01', next_run_at = '2020-07-15' WHERE name = 'quarter';
DELETE FROM _rde_report WHERE name = 'quarter' AND period_from = '2020-04-01';
SELECT regexp_replace(object, '[0-9a-f-]{36}', '<id>') AS object, since FROM rde_health WHERE finding = 'generator_late';
SELECT stop('quarter', '2020-07-01');
SELECT rde_drop_generator(id) FROM rde_generators WHERE event IN ('weekly', 'monthly');
SELECT rde_create_generator('stamped', 'window', '{csv}', 'daily') AS window \gset

-- who was granted nothing is shown nothing
CREATE ROLE regress_rde_other;
GRANT USAGE ON SCHEMA public TO regress_rde_other;
SET ROLE regress_rde_other;
SELECT count(*) FROM _rde_periods(NULL::uuid);
SELECT count(*) FROM rde_periods;
SELECT count(*) FROM _rde_health();
SELECT count(*) FROM rde_health;
RESET ROLE;
SELECT rde_grant('regress_rde_other', 'reader');
SET ROLE regress_rde_other;
SELECT count(*) > 0 AS shown FROM rde_periods;
SELECT count(*) FROM _rde_health();
RESET ROLE;
-- and rde_health finds late generators for a reader of its own
UPDATE _rde_generator SET next_from = '2020-01-01', next_to = '2020-01-02', next_run_at = '2020-01-02' WHERE id = :'window';
SELECT rde_revoke('regress_rde_other', 'reader');
GRANT SELECT ON rde_health TO regress_rde_other;
SET ROLE regress_rde_other;
SELECT count(*) FROM rde_periods;
SELECT finding FROM rde_health WHERE finding = 'generator_late';
RESET ROLE;

DROP VIEW periods, health, shape;
DROP TABLE invoice;
DROP EXTENSION rde;
DROP TABLE sale, stamped;
DROP FUNCTION stop;
REVOKE ALL ON SCHEMA public FROM regress_rde_other;
DROP ROLE regress_rde_other, regress_rde_source;

-- What becomes of reports that cannot be built, of their data sets and generators (B5)
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION rde;
CREATE ROLE regress_rde_shop;
CREATE SCHEMA shop AUTHORIZATION regress_rde_shop;

-- where it is noon now, so that no day ends meanwhile
SELECT format('Etc/GMT%s%s', CASE WHEN hour < 12 THEN '-' ELSE '+' END, abs(hour - 12)) AS zone
FROM CAST(extract(hour FROM now() AT TIME ZONE 'UTC') AS integer) hour \gset
SET TimeZone = :'zone';
SET rde.time_zone = :'zone';
SET DateStyle = ISO;

SET ROLE regress_rde_shop;
-- the last days' sales of two resellers, and something else
CREATE TABLE shop.sale (id bigint PRIMARY KEY, reseller bigint, day date, total numeric, note text, invoice text);
INSERT INTO shop.sale SELECT 10 * day + reseller, reseller, current_date - day, day, 'note', 'I' || day
FROM generate_series(1, 9) day, generate_series(1, 2) reseller;
CREATE TABLE shop.other AS SELECT id, reseller, day FROM shop.sale;
CREATE TABLE shop.share AS SELECT id, reseller, day, 1 AS part FROM shop.sale;
CREATE VIEW shop.ratio AS SELECT id, reseller, day, 1 / part AS ratio FROM shop.share;
CREATE FUNCTION shop.moody() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'not today'; END $$;
CREATE VIEW shop.mood AS SELECT id, reseller, day, shop.moody() AS mood FROM shop.share;
RESET ROLE;
SELECT rde_create_dataset(d, initcap(d)) FROM unnest('{sale,other,ratio,mood}'::text[]) d;
SELECT rde_attach('sale', 'shop.sale', 'reseller', 'day', amount => 'total', invoice => 'invoice', expose => '{id,reseller,day,total,note}');
SELECT rde_attach(d, ('shop.' || d)::regclass, 'reseller', 'day', '{id}') FROM unnest('{other,ratio,mood}'::text[]) d;

CREATE FUNCTION without_context(error text) RETURNS text LANGUAGE sql AS
    $$ SELECT regexp_replace(error, '; (SQL statement|PL/pgSQL function).*', '') $$;
-- Each report with the age of its period in days, and in how many minutes it is
-- tried again.
CREATE VIEW reports AS
SELECT g.name AS generator, coalesce(r.invoice, current_date - r.period_from::date || ' d') AS of, r.format, r.revision AS rev, r.status,
       CASE WHEN r.provisional THEN 'yes' END AS prov, r.row_count AS rows, r.attempts AS tries,
       round(extract(epoch FROM r.retry_at - now()) / 60) AS retry, r.sqlstate, without_context(r.error) AS error
FROM _rde_report r LEFT JOIN _rde_generator g ON g.id = r.generator
ORDER BY g.name, r.period_from, r.invoice, r.revision, r.format;
CREATE VIEW pauses AS
SELECT dataset, failures, round(extract(epoch FROM paused_until - now()) / 60) AS minutes, sqlstate,
       without_context(error) AS error
FROM _rde_source_failure;
CREATE VIEW generators AS
SELECT name, enabled, regexp_replace(without_context(disabled_reason), 'since [-+0-9: ]+', 'since ...') AS disabled_reason,
       next_run_at <= now() AS due FROM _rde_generator ORDER BY name;
CREATE FUNCTION id_of(text) RETURNS uuid LANGUAGE sql AS 'SELECT id FROM _rde_generator WHERE name = $1';
-- the time of a pause, or before a report is tried again, goes by
CREATE PROCEDURE pass_time() LANGUAGE sql AS $$
    UPDATE _rde_source_failure SET paused_until = now();
    UPDATE _rde_report SET retry_at = now() WHERE retry_at IS NOT NULL $$;

-- where it cannot commit, and what it is told in vain
BEGIN;
CALL rde_run_due();
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
CREATE FUNCTION run_due() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CALL rde_run_due(); END $$;
SELECT run_due();
DROP FUNCTION run_due();
CALL rde_run_due(max_reports => 0);
CALL rde_run_due(wait => '-1 s');
-- a block that is alone is no harm
DO $$ BEGIN CALL rde_run_due(); END $$;

-- what it says, and how many it builds
SET client_min_messages = notice;
CALL rde_run_due();
SELECT count(rde_submit('other', current_date - day, current_date - day, 'csv')) FROM generate_series(1, 5) day;
SET client_min_messages = warning;
CALL rde_run_due(max_reports => 2);
SET client_min_messages = notice;
SELECT status, count(*) FROM _rde_report GROUP BY 1 ORDER BY 1;
CALL rde_run_due(100, '0 s');
DELETE FROM _rde_report;
-- warnings name reports by their ids
SET client_min_messages = error;

---------------------------------------------------------------------------
-- The source fails
---------------------------------------------------------------------------

SELECT rde_create_generator('sale', 'sale', '{csv}', 'daily', start => current_date - 3) IS NOT NULL AS created;
SELECT rde_create_generator('other', 'other', '{csv}', 'daily', start => current_date - 2) IS NOT NULL AS created;

-- a column is dropped: nothing else of that data set is tried, others go on
ALTER TABLE shop.sale DROP COLUMN total CASCADE;
CALL rde_run_due();
SELECT * FROM reports;
SELECT * FROM pauses;
-- nothing happens while it is paused
CALL rde_run_due();
SELECT count(*) FILTER (WHERE status = 'submitted') AS submitted, count(*) FILTER (WHERE status = 'error') AS error FROM _rde_report;
SELECT * FROM pauses;

-- paused for longer and longer
CREATE TABLE back_off (failures integer, minutes numeric);
CALL pass_time();
CALL rde_run_due();
INSERT INTO back_off SELECT failures, minutes FROM pauses;
CALL pass_time();
CALL rde_run_due();
INSERT INTO back_off SELECT failures, minutes FROM pauses;
CALL pass_time();
CALL rde_run_due();
INSERT INTO back_off SELECT failures, minutes FROM pauses;
CALL pass_time();
CALL rde_run_due();
INSERT INTO back_off SELECT failures, minutes FROM pauses;
CALL pass_time();
CALL rde_run_due();
INSERT INTO back_off SELECT failures, minutes FROM pauses;
TABLE back_off ORDER BY failures;

-- no generator counts it, for however long it goes on
UPDATE _rde_report SET failed_at = failed_at - interval '9 days' WHERE failed_at IS NOT NULL;
UPDATE _rde_generator SET enabled_at = enabled_at - interval '10 days';
CALL pass_time();
CALL rde_run_due();
SELECT * FROM generators;

-- retyped is no better
ALTER TABLE shop.sale ADD COLUMN total text;
CALL pass_time();
CALL rde_run_due();
SELECT error FROM pauses;

-- repaired: all are built, and the pause is over
ALTER TABLE shop.sale ALTER COLUMN total TYPE numeric USING 1;
CALL rde_run_due();
SELECT count(*) AS still_paused FROM pauses;
CALL pass_time();
CALL rde_run_due();
SELECT * FROM reports;
SELECT * FROM pauses;

-- the owner of a view may no longer read what it shows
CREATE TABLE secret AS SELECT id, reseller, day FROM shop.other;
GRANT SELECT ON secret TO regress_rde_shop;
DROP TABLE shop.other;
CREATE VIEW shop.other AS SELECT id, reseller, day FROM secret;
ALTER VIEW shop.other OWNER TO regress_rde_shop;
-- ... but first: the table was dropped, and the view of its name is another
SELECT rde_run_generator(id_of('other'), current_date - 5, current_date - 5) IS NOT NULL AS submitted;
CALL rde_run_due();
SELECT dataset, sqlstate, error FROM pauses;
SELECT rde_attach('other', 'shop.other', 'reseller', 'day', '{id}');
REVOKE SELECT ON secret FROM regress_rde_shop;
CALL pass_time();
CALL rde_run_due();
SELECT * FROM pauses;
SELECT * FROM reports WHERE status <> 'completed';
GRANT SELECT ON secret TO regress_rde_shop;
CALL pass_time();
CALL rde_run_due();
SELECT * FROM pauses;
SELECT * FROM reports WHERE generator = 'other';

---------------------------------------------------------------------------
-- One format fails
---------------------------------------------------------------------------

UPDATE shop.sale SET note = repeat('x', 40000) WHERE day = current_date - 2;
SELECT rde_create_generator('sale', 'both', '{csv,xlsx}', 'daily', start => current_date - 3) IS NOT NULL AS created;
CALL rde_run_due();
SELECT * FROM reports WHERE generator = 'both';
-- what the data is to blame for is not tried again
CALL pass_time();
CALL rde_run_due();
SELECT tries, count(*) FROM reports WHERE generator = 'both' GROUP BY 1;
-- but by hand, when they are better
UPDATE shop.sale SET note = '';
SELECT rde_retry_report(id) FROM _rde_report WHERE status = 'error';
CALL rde_run_due();
SELECT * FROM reports WHERE generator = 'both' AND format = 'xlsx';

-- what may have been an accident is tried three times
SELECT rde_submit('mood', current_date - 1, current_date - 1, 'csv') IS NOT NULL AS submitted;
CREATE TABLE accident (tries integer, retry numeric, status text, sqlstate text, error text);
CALL rde_run_due();
INSERT INTO accident SELECT tries, retry, status, sqlstate, error FROM reports WHERE generator IS NULL;
CALL pass_time();
CALL rde_run_due();
INSERT INTO accident SELECT tries, retry, status, sqlstate, error FROM reports WHERE generator IS NULL;
CALL pass_time();
CALL rde_run_due();
INSERT INTO accident SELECT tries, retry, status, sqlstate, error FROM reports WHERE generator IS NULL;
TABLE accident ORDER BY tries;
DELETE FROM _rde_report WHERE dataset = 'mood';

---------------------------------------------------------------------------
-- A generator that does nothing but fail
---------------------------------------------------------------------------

-- four periods, in two formats each, for more than a day
UPDATE shop.share SET part = 0 WHERE reseller = 1 OR day < current_date - 1;
SELECT rde_create_generator('ratio', 'ratio', '{csv,json}', 'daily', reseller => 1, start => current_date - 4) IS NOT NULL AS created;
UPDATE _rde_generator SET enabled_at = now() - interval '9 days' WHERE name = 'ratio';
CALL rde_run_due();
SELECT * FROM reports WHERE generator = 'ratio';
UPDATE _rde_report SET failed_at = failed_at - interval '25 hours' WHERE generator = id_of('ratio');
SELECT count(rde_retry_report(id)) FROM _rde_report WHERE generator = id_of('ratio') AND period_from = current_date - 1;
CALL rde_run_due();
SELECT * FROM generators WHERE name = 'ratio';
-- six periods for more than a day, but not since one that was built
SELECT rde_create_generator('ratio', 'mixed', '{csv}', 'daily', reseller => 2, start => current_date - 7) IS NOT NULL AS created;
UPDATE _rde_generator SET enabled_at = now() - interval '9 days' WHERE name = 'mixed';
CALL rde_run_due();
UPDATE _rde_report SET failed_at = failed_at - interval '25 hours' WHERE generator = id_of('mixed') AND status = 'error';
SELECT count(rde_retry_report(id)) FROM _rde_report WHERE generator = id_of('mixed') AND status = 'error' AND period_from = current_date - 2;
CALL rde_run_due();
SELECT of, status, sqlstate FROM reports WHERE generator = 'mixed';
SELECT * FROM generators WHERE name = 'mixed';

-- the fifth, but not for a day
UPDATE _rde_report SET failed_at = now() WHERE generator = id_of('ratio');
UPDATE _rde_generator SET next_from = next_from - interval '5 days', next_to = next_to - interval '5 days', next_run_at = next_run_at - interval '5 days'
WHERE name = 'ratio';
CALL rde_run_due();
SELECT count(DISTINCT of) AS failed FROM reports WHERE generator = 'ratio' AND status = 'error';
SELECT * FROM generators WHERE name = 'ratio';
-- both
UPDATE _rde_report SET failed_at = failed_at - interval '25 hours' WHERE generator = id_of('ratio');
SELECT count(rde_retry_report(id)) FROM _rde_report WHERE generator = id_of('ratio') AND period_from = current_date - 1 AND format = 'csv';
CALL rde_run_due();
SELECT * FROM generators;

-- it makes no reports then, others do
UPDATE _rde_generator SET next_from = next_from - interval '6 days', next_to = next_to - interval '6 days', next_run_at = next_run_at - interval '6 days'
WHERE name IN ('ratio', 'sale');
CALL rde_run_due();
SELECT * FROM generators WHERE name IN ('ratio', 'sale');
SELECT generator, count(*) FROM reports WHERE generator IN ('ratio', 'sale') GROUP BY 1 ORDER BY 1;
-- enabled when the cause is gone, it makes up for everything
UPDATE shop.share SET part = 1;
SELECT rde_alter_generator(id_of('ratio'), enabled => true);
CALL rde_run_due();
SELECT * FROM generators WHERE name = 'ratio';
SELECT of, format, status, rows, tries FROM reports WHERE generator = 'ratio';

-- without catching up only the latest period counts
SELECT rde_create_generator('sale', 'latest', '{csv}', 'daily', start => current_date - 8, catch_up => 'none') IS NOT NULL AS created;
CALL rde_run_due();
SELECT of, status, rows FROM reports WHERE generator = 'latest';
SELECT * FROM generators WHERE name = 'latest';

---------------------------------------------------------------------------
-- Invoices whose lines come late
---------------------------------------------------------------------------

CREATE TABLE shop.invoice (id text PRIMARY KEY, reseller bigint);
ALTER TABLE shop.invoice OWNER TO regress_rde_shop;
SELECT rde_watch_invoices('shop.invoice', 'reseller', 'id');
SELECT rde_create_generator('sale', 'invoice', '{csv}', 'on_invoice') IS NOT NULL AS created;
INSERT INTO shop.invoice VALUES ('A', 1), ('B', 2), ('C', 2), ('I1', 2);
CREATE TABLE again (n serial, of text, status text, retry numeric, rows bigint, prov text);
CALL rde_run_due();
INSERT INTO again (of, status, retry, rows, prov) SELECT of, status, retry, rows, prov FROM reports WHERE generator = 'invoice';
CALL pass_time();
CALL rde_run_due();
INSERT INTO again (of, status, retry, rows, prov) SELECT of, status, retry, rows, prov FROM reports WHERE generator = 'invoice';
INSERT INTO shop.sale (id, reseller, day, note, invoice) VALUES (1001, 1, current_date, 'late', 'A');
CALL pass_time();
CALL rde_run_due();
INSERT INTO again (of, status, retry, rows, prov) SELECT of, status, retry, rows, prov FROM reports WHERE generator = 'invoice';
CALL pass_time();
CALL rde_run_due();
INSERT INTO again (of, status, retry, rows, prov) SELECT of, status, retry, rows, prov FROM reports WHERE generator = 'invoice';
SELECT * FROM again ORDER BY of, n;
SELECT of, status, tries, error FROM reports WHERE generator = 'invoice';

-- it is looked at once more after a day
CALL rde_run_due();
SELECT of, rev, status, prov, rows FROM reports WHERE of IN ('B', 'C');
UPDATE _rde_report SET published_at = published_at - interval '25 hours' WHERE invoice IN ('B', 'C');
INSERT INTO shop.sale (id, reseller, day, note, invoice) VALUES (1002, 2, current_date, 'very late', 'B');
CALL rde_run_due();
SELECT of, rev, status, prov, rows FROM reports WHERE of IN ('B', 'C');
SELECT rde_unwatch_invoices('shop.invoice');

---------------------------------------------------------------------------
-- Periods that do not settle
---------------------------------------------------------------------------

-- somebody may still commit rows of the past: it waits, until the limit
BEGIN;
INSERT INTO shop.sale (id, reseller, day, note) VALUES (1003, 2, current_date - 1, 'late');
PREPARE TRANSACTION 'rde_late_sale';
SELECT rde_create_generator('sale', 'late', '{csv,json}', 'daily', reseller => n, start => current_date - 1) IS NOT NULL AS created
FROM generate_series(1, 2) n;
SET rde.settle_limit = '20 hours';
CALL rde_run_due();
SELECT of, rev, format, status, prov, rows FROM reports WHERE generator = 'late';
SET rde.settle_limit = '1 hour';
CALL rde_run_due();
SELECT of, rev, format, status, prov, rows FROM reports WHERE generator = 'late';
-- built again when it has settled, it is kept if it differs
COMMIT PREPARED 'rde_late_sale';
CALL rde_run_due();
SELECT r.reseller, r.revision, r.format, r.status, r.provisional, r.row_count, o.revision AS supersedes
FROM _rde_report r LEFT JOIN _rde_report o ON o.id = r.supersedes WHERE r.generator IN (SELECT id FROM _rde_generator WHERE name = 'late')
ORDER BY 1, 2, 3;

DROP EXTENSION rde CASCADE;
DROP FUNCTION id_of(text), without_context(text);
DROP PROCEDURE pass_time();
DROP TABLE back_off, accident, again;
DROP SCHEMA shop CASCADE;
DROP TABLE secret;
DROP ROLE regress_rde_shop;

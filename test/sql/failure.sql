-- What fails is recorded, tried again as it deserves, and stops nobody else
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE EXTENSION rde;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
CREATE ROLE regress_rde_source;
CREATE TABLE sale (id bigint PRIMARY KEY, reseller bigint, changed_at timestamptz, amount numeric, note text);
CREATE TABLE other (id bigint PRIMARY KEY, reseller bigint, changed_at timestamptz);
ALTER TABLE sale OWNER TO regress_rde_source;
ALTER TABLE other OWNER TO regress_rde_source;
INSERT INTO sale SELECT n, 7, '2020-01-01 12:00+00'::timestamptz + (n || ' days')::interval, n, 'x' FROM generate_series(0, 9) n;
SELECT rde_create_dataset('sales', 'Sales'), rde_create_dataset('others', 'Others');
SELECT rde_attach('sales', 'sale', 'reseller', 'changed_at', amount => 'amount', invoice => 'id'), rde_attach('others', 'other', 'reseller', 'changed_at');
CREATE VIEW reports AS
    SELECT name, format, period_from::date AS day, status, attempts, sqlstate, left(error, 90) AS error,
           round(extract(epoch FROM retry_at - now()) / 60) AS retry, row_count AS rows
    FROM rde_reports ORDER BY name, format, period_from;
-- a generator for the first days of 2020 and no others
CREATE FUNCTION days(generator text, dataset text, formats text, days integer) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    made uuid := rde_create_generator(generator, dataset, formats, 'daily', view => 'full', reseller => 7, start => '2020-01-01');
    d date;
BEGIN
    FOR n IN 0 .. days - 1 LOOP
        d := '2020-01-01'::date + n;
        INSERT INTO rde_report (name, dataset, view, format, type, reseller, generator, period_from, period_to, time_zone, retention, pass, due_at, expires_at)
        SELECT generator, dataset, 'full', f, 'daily', 7, made, d, d + 1, 'UTC', '90 days', md5(made::text || n)::uuid, d + 1, now() + interval '90 days'
        FROM unnest(string_to_array(formats, ',')) f;
    END LOOP;
    UPDATE rde_generator SET next_from = '2020-01-01'::date + days, next_to = '2020-01-02'::date + days, next_run = '2100-01-01' WHERE id = made;
    RETURN made;
END $$;

-- a source without a column: its data set is paused, another one goes on, no generator is blamed
SELECT days('sales', 'sales', 'csv', 2) AS sales, days('others', 'others', 'csv', 1) AS others \gset
ALTER TABLE sale DROP COLUMN note;
CALL rde_run_due();
SELECT * FROM reports;
SELECT dataset, failures, round(extract(epoch FROM paused_until - now()) / 60) AS minutes FROM rde_source_failure;
-- while it is paused nobody looks; then after 2, 4, 8 and each 15 minutes
CALL rde_run_due();
SELECT dataset, failures FROM rde_source_failure;
CREATE PROCEDURE pause_over() LANGUAGE sql AS
    'UPDATE rde_source_failure SET paused_until = now(); UPDATE rde_report SET retry_at = now() WHERE retry_at IS NOT NULL';
CALL pause_over();
CALL rde_run_due();
SELECT failures, round(extract(epoch FROM paused_until - now()) / 60) AS minutes FROM rde_source_failure;
CALL pause_over();
CALL rde_run_due();
SELECT failures, round(extract(epoch FROM paused_until - now()) / 60) AS minutes FROM rde_source_failure;
CALL pause_over();
CALL rde_run_due();
CALL pause_over();
CALL rde_run_due();
CALL pause_over();
CALL rde_run_due();
SELECT failures, round(extract(epoch FROM paused_until - now()) / 60) AS minutes FROM rde_source_failure;
SELECT name, attempts, status FROM reports WHERE name = 'sales';
-- put right, it is as if nothing had been
ALTER TABLE sale ADD COLUMN note text;
CALL pause_over();
CALL rde_run_due();
SELECT * FROM reports;
SELECT count(*) FROM rde_source_failure;

-- a column of another type, a right that was taken, a table that is gone
SELECT rde_drop_generator(:'sales');
SELECT days('sales', 'sales', 'csv', 1) AS sales \gset
DELETE FROM rde_report WHERE name = 'sales' AND status = 'completed';
INSERT INTO rde_report (name, dataset, view, format, type, reseller, period_from, period_to, time_zone, retention, expires_at)
SELECT 'again', 'sales', 'full', 'csv', 'onetime', 7, '2020-01-01', '2020-01-02', 'UTC', '90 days', now() + interval '90 days';
ALTER TABLE sale ALTER COLUMN amount TYPE double precision;
CALL rde_run_due();
SELECT name, status, sqlstate, error FROM reports WHERE name = 'sales';
ALTER TABLE sale ALTER COLUMN amount TYPE numeric;
CALL pause_over();
REVOKE ALL ON sale FROM regress_rde_source;
CALL rde_run_due();
SELECT name, status, sqlstate, error FROM reports WHERE status = 'error' ORDER BY sqlstate LIMIT 1;
GRANT ALL ON sale TO regress_rde_source;
CALL pause_over();
ALTER TABLE sale RENAME TO gone;
CALL rde_run_due();
SELECT name, status, rows FROM reports WHERE name IN ('sales', 'again');

-- one format that cannot be made does not take the other along
INSERT INTO gone VALUES (100, 7, '2020-01-01 13:00+00', 1, repeat('x', 40000));
SELECT days('both', 'sales', 'csv,xlsx', 1) AS both \gset
CALL rde_run_due();
SELECT * FROM reports WHERE name = 'both';

-- what is not the data's fault is tried after 1 and 5 minutes, then no more
SELECT days('flaky', 'others', 'csv', 1) AS flaky \gset
CREATE FUNCTION fails() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE insufficient_resources; END';
ALTER TABLE other ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON other USING (public.fails());
INSERT INTO other VALUES (1, 7, '2020-01-01 12:00+00');
CALL rde_run_due();
SELECT name, status, attempts, sqlstate, retry FROM reports WHERE name = 'flaky';
CALL pause_over();
CALL rde_run_due();
SELECT name, status, attempts, sqlstate, retry FROM reports WHERE name = 'flaky';
CALL pause_over();
CALL rde_run_due();
SELECT name, status, attempts, sqlstate, retry FROM reports WHERE name = 'flaky';

-- a generator is given up after five periods that failed, and a day
SELECT days('bad', 'sales', 'xlsx', 6) AS bad \gset
UPDATE gone SET note = repeat('x', 40000);
CALL rde_run_due();
SELECT count(*) FROM reports WHERE name = 'bad' AND status = 'error' AND retry IS NULL;
SELECT enabled FROM rde_generators WHERE name = 'bad';
UPDATE rde_report SET failed_at = failed_at - interval '25 hours' WHERE name = 'bad' AND period_from < '2020-01-05';
UPDATE rde_generator SET enabled_at = now() - interval '2 days' WHERE name = 'bad';
DELETE FROM rde_report WHERE name = 'bad' AND period_from >= '2020-01-06';
SELECT enabled FROM rde_generators WHERE name = 'bad';
SELECT rde_retry(id) FROM rde_reports WHERE name = 'bad' AND period_from = '2020-01-05';
CALL rde_run_due();
SELECT enabled, regexp_replace(disabled_reason, 'since .*?,', 'since <time>,') AS reason FROM rde_generators WHERE name = 'bad';
SELECT enabled FROM rde_generators WHERE name = 'both';
-- enabled again it makes up for them
UPDATE gone SET note = 'short';
SELECT rde_alter_generator(:'bad', enabled => true, catch_up => 'none');
SELECT count(*) FROM reports WHERE name = 'bad' AND status = 'submitted';
CALL rde_run_due();
SELECT count(*) FILTER (WHERE day < '2020-02-01') AS made_up, count(*) FILTER (WHERE day > '2020-02-01') AS caught_up
FROM reports WHERE name = 'bad' AND status = 'completed';

-- past the limit a report is provisional; once settled it is final, or revised
SELECT rde_export('sales', '2020-01-01', '2020-01-02', 'csv', name => 'final') AS final,
       rde_export('sales', '2020-01-03', '2020-01-04', 'csv', name => 'revised') AS revised \gset
UPDATE rde_report SET provisional = true WHERE id IN (:'final', :'revised');
UPDATE gone SET amount = amount + 1 WHERE id = 2;
CALL rde_run_due();
SELECT name, revision, provisional, status, (SELECT o.revision FROM rde_reports o WHERE o.id = r.superseded_by) AS superseded_by
FROM rde_reports r WHERE name IN ('final', 'revised') ORDER BY name, revision;

-- an invoice without rows is tried after 1, 5 and 60 minutes, then stored as it is
SELECT rde_create_generator('invoiced', 'sales', 'csv', 'on_invoice', view => 'full', reseller => 7) AS invoiced \gset
INSERT INTO rde_invoice_event VALUES ('7', '777');
CALL rde_run_due();
SELECT name, status, attempts, retry, rows FROM reports WHERE name = 'invoiced';
CALL pause_over();
CALL rde_run_due();
SELECT name, status, attempts, retry, rows FROM reports WHERE name = 'invoiced';
CALL pause_over();
CALL rde_run_due();
SELECT name, status, attempts, retry, rows FROM reports WHERE name = 'invoiced';
CALL pause_over();
CALL rde_run_due();
SELECT name, status, provisional, row_count FROM rde_reports WHERE name = 'invoiced';

-- where it cannot commit it does not run
BEGIN;
CALL rde_run_due();
ROLLBACK;
CREATE FUNCTION within() RETURNS void LANGUAGE plpgsql AS 'BEGIN CALL rde_run_due(); END';
SELECT within();
SELECT rde_create_generator('nothing', 'sales', 'csv', 'manual') IS NOT NULL AS made;
CALL rde_run_due(max_reports => 0);
CALL rde_run_due(wait => '-1 s');

DROP VIEW reports;
DROP PROCEDURE pause_over;
DROP EXTENSION rde;
DROP TABLE gone, other;
DROP FUNCTION days, fails, within;
DROP ROLE regress_rde_source;

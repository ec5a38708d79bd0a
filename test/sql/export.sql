-- Reports of a small table: every format, read by eye
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION rde;
CREATE ROLE regress_rde_shop;
CREATE SCHEMA shop AUTHORIZATION regress_rde_shop;
SET ROLE regress_rde_shop;
CREATE TABLE shop.payment (
    payment_id bigint PRIMARY KEY,
    reseller_id integer NOT NULL,
    changed_on date NOT NULL,
    paid timestamptz,
    total numeric(20,8),
    currency char(3),
    number text,
    name text,
    attributes jsonb,
    closed boolean
);
INSERT INTO shop.payment VALUES
    (1, 7, '2019-11-05', '2019-08-30 00:00+03', 5.48, 'AUD', '0000001',
     E'en Toy, "large"\tde Spielzeug', '[["PONumber","qwe1233"],["Empty",""]]', true),
    (2, 7, '2019-11-05', NULL, NULL, 'USD', '', 'plain <&> text', '[]', false),
    (3, 7, '2019-11-06', '-infinity', 'NaN', NULL, '=1+1', E'two\nlines', NULL, NULL),
    (4, 8, '2019-11-06', '2019-11-06 10:11:12.5+00', -0.00000001, 'USD', '+1 (417) 7122740',
     E'fr Jouet\tde_AT Spielzeug', '{"not":"pairs"}', true),
    (5, 8, '2019-11-07', '2019-11-06 10:11:12+00', 12345678901.12345678, 'USD', '-2+3', E'\\.', '[["a",1],["b",null]]', true);
RESET ROLE;
SELECT rde_attach('payments', 'shop.payment', 'reseller_id', 'changed_on', amount => 'total', currency => 'currency',
    mapping => '{"CUSTOMER_PAYMENT_TOTAL": "total", "CUSTOMER_PAYMENT_DOCUMENT_DATE": "paid",
                 "CUSTOMER_PAYMENT_CURRENCY_ID": "currency", "CUSTOMER_PAYMENT_DOCUMENT_NUMBER": "number"}');
SELECT rde_create_view('payments', 'small', '[
    {"column":"CUSTOMER_PAYMENT_DOCUMENT_NUMBER","as":"number"},
    {"column":"CUSTOMER_PAYMENT_DOCUMENT_DATE","type":"unix","as":"paymentDate"},
    {"column":"CUSTOMER_PAYMENT_TOTAL","as":"total"},
    {"column":"name","locale":"de","as":"product"},
    {"column":"attributes","attribute":"PONumber","as":"poNumber"}]');
RESET client_min_messages;

SELECT rde_text(rde_export('payments', '2019-11-05', '2019-11-07', 'csv', view => 'full'));
SELECT rde_text(rde_export('payments', '2019-11-05', '2019-11-07', 'json', view => 'full'));
SELECT rde_text(rde_export('payments', '2019-11-05', '2019-11-07', 'xml', view => 'full'));
SELECT rde_text(rde_export('payments', '2019-11-05', '2019-11-07', format, view => 'small')) AS small
FROM unnest('{csv,json,xml}'::text[]) format;

-- which rows: inclusive days, one reseller
SELECT rde_text(rde_export('payments', '2019-11-06', '2019-11-06', 'csv', 'small'));
SELECT rde_text(rde_export('payments', '2019-11-06', '2019-11-06', 'csv', 'small', reseller => 8));
SELECT rde_text(rde_export('payments', '2019-11-05', '2019-11-07', 'JSONL', 'small', options => '{"json":{"numbers":"string"}}'));
SELECT rde_text(rde_export('payments', '2020-01-01', '2020-01-31', format, 'small', reseller => 8)) AS empty
FROM unnest('{csv,json,jsonl,xml}'::text[]) format;

-- options
SELECT rde_text(rde_export('payments', '2019-11-05', '2019-11-07', 'csv', 'small',
    options => '{"csv":{"delimiter":";","decimal":",","formula_guard":false}}'));
SELECT rde_text(rde_export('payments', '2019-11-05', '2019-11-06', 'json', 'small', options => '{"json":{"numbers":"string"}}'));
SELECT rde_export('payments', '2019-11-05', '2019-11-07', 'csv', 'small', options => '{"csv":"excel"}') AS excel \gset
SELECT file_name ~ '^payments\.[0-9a-f-]{36}\.\d{4}-\d\d-\d\d\.\d\d-\d\d-\d\d\.\d{3}\+0000\.csv$' AS name, media_type,
       substr(rde_content(id), 1, 3) AS bom
FROM rde_reports WHERE id = :'excel';
BEGIN;
SELECT count(rde_export('payments', '2019-11-05', '2019-11-07', format, 'small', name => 'plain', options => '{"compress":false}'))
FROM unnest('{csv,json,jsonl,xml,xlsx}'::text[]) format;
SELECT format, media_type FROM rde_reports WHERE name = 'plain' ORDER BY format;
ROLLBACK;
SELECT rde_export('payments', '2019-11-05', '2019-11-07', options => '{"zip":true}');
SELECT rde_export('payments', '2019-11-05', '2019-11-07', options => '{"csv":{"quote":"x"}}');
SELECT rde_export('payments', '2019-11-05', '2019-11-07', options => '{"csv":{"delimiter":"::"}}');
SELECT rde_export('payments', '2019-11-05', '2019-11-07', options => '{"csv":{"decimal":","}}');
SELECT rde_export('payments', '2019-11-05', '2019-11-07', options => '{"json":{"numbers":1}}');
SELECT rde_export('payments', '2019-11-05', '2019-11-07', options => '[]');
SELECT rde_export('payments', '2019-11-05', '2019-11-07', options => NULL);

-- wrong input
SELECT rde_export('invoices', '2019-11-05', '2019-11-07');
SELECT rde_export(NULL, '2019-11-05', '2019-11-07');
SELECT rde_export('payments', NULL, '2019-11-07');
SELECT rde_export('payments', '2019-11-08', '2019-11-07');
SELECT rde_export('payments', '-infinity', 'infinity');
SELECT rde_export('payments', '2019-11-05', '5874897-12-31');
SELECT rde_export('payments', '2019-11-05', '2019-11-07', 'pdf');
BEGIN;
SELECT rde_submit('payments', '2019-11-05', '2019-11-07', 'XSLX', 'full') AS submitted \gset
SELECT format FROM rde_reports WHERE id = :'submitted';
ROLLBACK;
SELECT rde_export('payments', '2019-11-05', '2019-11-07', NULL);
SELECT rde_export('payments', '2019-11-05', '2019-11-07', view => 'nope');
SELECT rde_export('payments', '2019-11-05', '2019-11-07', view => 'cmp');
SELECT rde_export('payments', '2019-11-05', '2019-11-07', time_zone => 'Mars/Olympus');
-- a zone is a name the server lists, and nothing that POSIX reads the other way round
DO $$
DECLARE
    zone text;
BEGIN
    FOREACH zone IN ARRAY ARRAY['+05:30', '5.5', '-8', 'INTERVAL -08:00', '<+0530>-5:30', 'EST5', 'UTC+3', 'FOO3BAR',
        'GMT+5', 'localtime', 'posixrules', 'LocalTime', 'right/UTC', ':UTC', '../UTC', '', 'Europe', 'Europe/', 'Europe/Paris5',
        'utc', 'gmt', 'etc/gmt+5', 'EUROPE/PARIS', 'asia/kolkata']
    LOOP
        BEGIN
            RAISE NOTICE '% is %', quote_literal(zone), _rde_zone(zone);
        EXCEPTION WHEN invalid_parameter_value THEN
            RAISE NOTICE '%', SQLERRM;
        END;
    END LOOP;
END
$$;
SELECT count(*) > 300 AS many, count(*) FILTER (WHERE _rde_zone(name) <> name) AS otherwise
FROM pg_timezone_names WHERE name NOT IN ('localtime', 'posixrules', 'posix/localtime', 'posix/posixrules');
SET rde.time_zone = '+05:30';
SELECT rde_export('payments', '2019-11-05', '2019-11-07', name => E'a\nb');
SELECT rde_export('payments', '2019-11-05', '2019-11-07', name => '');
SELECT rde_export('provisioned_orders', '2019-11-05', '2019-11-07');
-- nothing was left behind
SELECT count(*) FILTER (WHERE status <> 'completed') AS unfinished, count(*) AS all FROM rde_reports;

-- the manifest
SELECT rde_export('payments', '2019-11-05', '2019-11-07', 'csv', 'small', name => 'Größe/1', time_zone => 'europe/vienna') AS id \gset
SELECT name, dataset, view, format, type, status, reseller, revision, supersedes, provisional, period_from, period_to, time_zone,
       expires_at::timestamp - published_at::timestamp AS life, attempts, row_count, content_bytes, totals, replaced_characters, text_numbers,
       regexp_replace(file_name, '\.[0-9a-f]{8}-.*\.csv', '.<id and time>.csv') AS file_name, media_type, sqlstate, error, store
FROM rde_reports WHERE id = :'id';
SELECT currency, rows, amount FROM rde_report_totals WHERE report = :'id' ORDER BY currency;
SELECT sha256 = encode(sha256(rde_content(id)), 'hex') AS digest, file_bytes = length(rde_content(id)) AS size,
       length(rde_content(id, true)) = content_bytes AS content,
       (SELECT string_agg(c, '') FROM rde_chunks(id) c) = rde_content(id) AS chunks,
       rde_chunk(id, 0) = rde_content(id) AS chunk, rde_chunk(id, 1) AS past, rde_verify_report(id),
       download_url LIKE '/reports/' || id || '/' || replace(file_name, '+', '%2B') || '?sv=%&sp=r&sr=b&kid=%&sig=%' AS url
FROM rde_reports WHERE id = :'id';
-- chunks that were handed out stay, though the file is gone, and its room with it
SELECT rde_export('payments', '2019-11-05', '2019-11-07', 'xlsx', 'small', name => 'gone') AS gone \gset
CREATE TEMP TABLE kept AS SELECT 'content' AS how, rde_content(:'gone') AS data;
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT rde_chunks(:'gone') AS data;
COMMIT;
INSERT INTO kept SELECT 'row', rde_chunks(:'gone');
CREATE PROCEDURE pg_temp.keep(report uuid) LANGUAGE plpgsql AS $$
DECLARE
    chunk bytea;
BEGIN
    FOR chunk IN SELECT rde_chunks(report) LOOP
        PERFORM rde_drop_report(report);
        COMMIT;
        INSERT INTO kept VALUES ('loop', chunk);
    END LOOP;
END
$$;
CALL pg_temp.keep(:'gone');
VACUUM _rde_report_chunk;
FETCH held \gset
INSERT INTO kept VALUES ('cursor', :'data');
CLOSE held;
SELECT k.how, length(k.data) > 4000 AS large, k.data = o.data AS same FROM kept k JOIN kept o ON o.how = 'content' ORDER BY 1;
DROP TABLE kept;
SELECT k.key, CASE WHEN k.key NOT IN ('id', 'creationDate', 'expiresAt', 'fileName', 'fileBytes', 'sha256', 'columns') THEN k.value END AS value
FROM json_each(rde_report_manifest(:'id')) WITH ORDINALITY k ORDER BY k.ordinality;
SELECT m ->> 'id' = id::text AND m ->> 'fileName' = file_name AND (m ->> 'fileBytes')::bigint = file_bytes AND m ->> 'sha256' = sha256
       AND (m ->> 'creationDate')::timestamptz = date_trunc('milliseconds', published_at)
       AND (m ->> 'expiresAt')::timestamptz = date_trunc('milliseconds', expires_at) AS same
FROM rde_reports, rde_report_manifest(id) m WHERE id = :'id';
-- its columns stay those of the file
BEGIN;
SELECT rde_alter_view('payments', 'small', '[{"column":"CUSTOMER_PAYMENT_DOCUMENT_NUMBER","as":"no","group":"Document","description":"its \"number\""},
    {"column":"changed_on","type":"unix_date","as":"day"}]');
SELECT rde_rebuild(:'id') AS later \gset
SELECT c ->> 'name' AS name, c ->> 'type' AS type, c ->> 'group' AS "group", c ->> 'description' AS description
FROM unnest(ARRAY[:'id', :'later']::uuid[]) r, json_array_elements(rde_report_manifest(r) -> 'columns') c;
SELECT m ->> 'revision' AS revision, m ->> 'supersedes' = :'id' AS of_the_first FROM rde_report_manifest(:'later') m;
SELECT c ->> 'name' AS name, c ->> 'type' AS type
FROM json_array_elements(rde_report_manifest(rde_export('payments', '2030-01-01', '2030-01-01', 'xlsx', 'full')) -> 'columns') c;
SELECT rde_keep_report(:'id', 'infinity');
UPDATE _rde_report SET columns = NULL WHERE id = :'id';
SELECT m -> 'columns' AS before_it_was_kept, m -> 'expiresAt' AS for_good FROM rde_report_manifest(:'id') m;
ROLLBACK;
-- in its zone, on either side of UTC and of daylight saving time
SELECT z, m -> 'startDate' AS start, m -> 'localStartDate' AS there, m -> 'endDate' AS end, m -> 'localEndDate' AS there
FROM unnest('{America/St_Johns,Asia/Kathmandu,Europe/Vienna,UTC}'::text[]) z,
     rde_report_manifest(rde_export('payments', '2019-10-27', '2019-10-27', 'csv', 'small', time_zone => z)) m;
\set VERBOSITY sqlstate
SELECT rde_report_manifest(rde_submit('payments', '2019-11-05', '2019-11-07', 'json', 'small', name => 'not yet'));
SELECT rde_report_manifest('00000000-0000-0000-0000-000000000000');
SELECT rde_report_manifest(NULL);
\set VERBOSITY default
SET rde.base_url = 'https://reports.example.com/';
SELECT left(download_url, 36) FROM rde_reports WHERE id = :'id';
RESET rde.base_url;
SELECT jsonb_path_query_array(rde_list_reports(current_date - 1, current_date + 1, 'xslx')::jsonb, '$.pagination') AS none;
SELECT json_object_keys(rde_list_reports(current_date - 1, current_date + 1, 'csv') -> 'data' -> 0) AS keys;
SELECT item ->> 'name' AS name, item ->> 'format' AS format, item ->> 'creationDate' ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$' AS date
FROM json_array_elements(rde_list_reports(current_date - 1, current_date + 1) -> 'data') item ORDER BY 1, 2 LIMIT 3;
SELECT rde_list_reports('2019-11-05', '2019-11-04');
SELECT rde_list_reports('2019-11-05', 'infinity');
SELECT rde_list_reports(NULL, '2019-11-05');
SELECT rde_list_reports('2019-11-05', '2019-11-06', 'pdf');

-- submit, build, rebuild
SELECT rde_submit('payments', '2019-11-05', '2019-11-07', 'json', 'small') AS later \gset
SELECT status, attempts, published_at, download_url FROM rde_reports WHERE id = :'later';
\set VERBOSITY sqlstate
SELECT rde_content(:'later');
SELECT rde_rebuild(:'later');
\set VERBOSITY default
SELECT rde_build(:'later');
\set VERBOSITY sqlstate
SELECT rde_build(:'later');
\set VERBOSITY default
SELECT rde_build(NULL), rde_content(NULL);
SELECT rde_build('00000000-0000-0000-0000-000000000000');
SELECT rde_content('00000000-0000-0000-0000-000000000000');
UPDATE shop.payment SET total = 6 WHERE payment_id = 1;
SELECT rde_rebuild(:'later') AS next \gset
SELECT id = :'next' AS is_next, revision, supersedes = :'later' AS of_the_first, superseded_by = :'next' AS superseded, totals -> 'AUD' AS aud
FROM rde_reports WHERE id IN (:'later', :'next') ORDER BY revision;
-- which of them counts, in days and in sums
SELECT revision, first_day, last_day, is_newest FROM rde_reports WHERE id IN (:'later', :'next') ORDER BY revision;
SELECT r.revision, t.is_newest, t.currency, t.amount FROM rde_report_totals t JOIN rde_reports r ON r.id = t.report
WHERE r.id IN (:'later', :'next') AND t.currency = 'AUD' ORDER BY 1;
-- a day begins where clocks skip midnight, too; a report of anything else hides no others
SELECT _rde_day_beginning(t, zone) AS day, t AT TIME ZONE 'UTC' AS instant, left(zone, 20) AS zone
FROM (VALUES ('2019-11-05 00:00+00'::timestamptz, 'UTC'), ('2019-11-05 00:00:00.000001+00', 'UTC'), ('2019-11-04 23:00+00', 'europe/berlin'),
             ('2018-11-04 03:00+00', 'America/Sao_Paulo'), ('2018-11-04 02:00+00', 'America/Sao_Paulo'),
             ('2019-11-03 04:00+00', 'America/Havana'), ('2019-11-03 05:00+00', 'America/Havana'),
             ('2019-11-05 00:00+00', 'Nowhere/Land'), ('2019-11-05 00:00+00', ''), ('2019-11-05 00:00+00', repeat('x', 1000)),
             ('infinity', 'UTC'), ('-infinity', 'UTC'), ('4714-11-24 00:00+00 BC', 'America/New_York'),
             ('294276-12-31 23:59:59.999999+00', 'Asia/Tokyo'), (NULL, 'UTC')) v(t, zone);
\set VERBOSITY sqlstate
SELECT rde_rebuild(:'later');
\set VERBOSITY default
-- a failing build is recorded, warned of, and can be tried again
ALTER TABLE shop.payment RENAME total TO amount;
SELECT rde_submit('payments', '2019-11-05', '2019-11-07', 'json', 'small', name => 'fails') AS fails \gset
\set VERBOSITY sqlstate
SELECT rde_build(:'fails');
\set VERBOSITY default
SELECT status, attempts, sqlstate, error FROM rde_reports WHERE id = :'fails';
SELECT rde_export('payments', '2019-11-05', '2019-11-07', 'csv', 'full');
ALTER TABLE shop.payment RENAME amount TO total;
SELECT rde_retry_report(:'fails');
SELECT rde_build(:'fails');
SELECT status, attempts, sqlstate, error FROM rde_reports WHERE id = :'fails';
ALTER TABLE shop.payment ALTER number TYPE varchar(30);
SELECT rde_export('payments', '2019-11-05', '2019-11-07', 'csv', 'small');
-- a column added later appears only after attaching again
ALTER TABLE shop.payment ALTER number TYPE text, ADD added text;
SELECT rde_text(rde_export('payments', '2019-11-05', '2019-11-05', 'csv', 'full', 7));
DROP TABLE shop.payment;
SELECT rde_export('payments', '2019-11-05', '2019-11-07', 'csv', 'small');

-- keep, drop, purge
SELECT rde_keep_report(:'next', NULL);
SELECT rde_keep_report(:'next', 'yesterday');
SELECT rde_keep_report(:'next', 'infinity');
SELECT expires_at FROM rde_reports WHERE id = :'next';
UPDATE _rde_report SET expires_at = now() - interval '30 minutes' WHERE id = :'id';
SELECT count(*) FROM rde_reports WHERE id = :'id';
SELECT rde_purge_reports();
UPDATE _rde_report SET expires_at = now() - interval '61 minutes' WHERE id = :'id';
SELECT rde_purge_reports();
SELECT rde_drop_report(:'next');
\set VERBOSITY sqlstate
SELECT rde_drop_report(:'next');
\set VERBOSITY default
SELECT rde_drop_report(NULL);
SELECT count(*) AS orphans FROM _rde_report_chunk c WHERE NOT EXISTS (SELECT FROM _rde_report r WHERE r.id = c.report);

-- settings are checked
SET rde.retention = 'soon';
SET rde.retention = '-1 day';
SET rde.time_zone = 'Mars/Olympus';
SET rde.base_url = 'https://x y';

SET client_min_messages = warning;
DROP SCHEMA shop CASCADE;
DROP EXTENSION rde;
DROP ROLE regress_rde_shop;

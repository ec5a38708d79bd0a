-- Which rows a report view shows
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION rde;
CREATE ROLE regress_rde_shop;
CREATE ROLE regress_rde_seven;
CREATE SCHEMA shop AUTHORIZATION regress_rde_shop;
SET ROLE regress_rde_shop;
CREATE TYPE shop.status AS ENUM ('Ordered', 'Active', 'Graced', 'Canceled');
CREATE TYPE shop.pair AS (a integer, b integer);
CREATE DOMAIN shop.positive AS integer CHECK (VALUE > 0);
CREATE TABLE shop.sub (
    id bigint PRIMARY KEY,
    reseller_id integer NOT NULL,
    changed_on date NOT NULL DEFAULT '2019-11-05',
    status shop.status,
    kind varchar(10),
    currency char(3),
    total numeric(20,8),
    seats shop.positive,
    ends date,
    at timestamptz,
    local timestamp,
    trial boolean,
    key uuid,
    attributes jsonb,
    pair shop.pair,
    hidden text
);
INSERT INTO shop.sub (id, reseller_id, status, kind, currency, total, seats, ends, at, local, trial, key, attributes, pair) VALUES
    (1, 7, 'Active', 'a', 'USD', 5.48, 1, '2019-11-05', '2019-11-05 00:00+00', '2019-11-05 10:00', true, '00000000-0000-4000-8000-000000000001', '[]', '(1,2)'),
    (2, 7, 'Graced', 'A', 'EUR', 10, 2, '2019-11-06', '2019-11-05 23:59:59.5+00', '2019-11-05 10:00:00.5', false, NULL, NULL, '(,)'),
    (3, 7, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (4, 8, 'Active', 'b', 'USD', -1, 3, '2020-01-01', '2020-01-01 00:00+00', '2020-01-01 00:00', true, NULL, '[]', NULL),
    (5, 7, 'Canceled', '', 'EUR', 'NaN', 100, 'infinity', 'infinity', 'infinity', false, NULL, '{}', NULL);
RESET ROLE;
SELECT rde_create_dataset('subs', 'Subscriptions');
SELECT rde_create_account(7, 'Seven', role => 'regress_rde_seven');

-- before there is a source anything that is one may be asked for
SELECT rde_create_view('subs', 'early', '[{"column":"id"}]', conditions => '[{"column":"STATUS","in":["Active",1]}]');
SELECT rde_attach('subs', 'shop.sub', 'reseller_id', 'changed_on', amount => 'total', currency => 'currency',
    mapping => '{"SUBSCRIPTION_STATUS": "status"}',
    expose => '{id,reseller_id,status,kind,currency,total,seats,ends,at,local,trial,key,attributes,pair}');
SELECT rde_drop_view('subs', 'early');
SELECT rde_attach('subs', 'shop.sub', 'reseller_id', 'changed_on', amount => 'total', currency => 'currency',
    mapping => '{"SUBSCRIPTION_STATUS": "status"}',
    expose => '{id,reseller_id,status,kind,currency,total,seats,ends,at,local,trial,key,attributes,pair}');
RESET client_min_messages;

-- the ids that a condition, or several, leaves
CREATE FUNCTION shown(VARIADIC conditions text[]) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rde_create_view('subs', 'v', '[{"column":"id"}]', conditions => ('[' || array_to_string(conditions, ',') || ']')::json);
    RETURN (SELECT coalesce(string_agg(x.id::text, ' ' ORDER BY x.id), 'none') FROM json_to_recordset(
        rde_text(rde_export('subs', '2019-11-05', '2019-11-05', 'json', 'v'))::json) x(id integer));
EXCEPTION WHEN datatype_mismatch OR invalid_parameter_value OR program_limit_exceeded THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION pg_temp.clean(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text := shown(condition);
BEGIN
    IF EXISTS (SELECT FROM rde_views WHERE name = 'v') THEN
        PERFORM rde_drop_view('subs', 'v');
    END IF;
    RETURN result;
END
$$;
SELECT left(condition, 100) AS condition, pg_temp.clean(condition) AS shown FROM unnest(ARRAY[
    -- each row is in one half, and NULL is no value unless null is named
    '{"column":"SUBSCRIPTION_STATUS","in":["Active","Graced"]}',
    '{"column":"subscription_status","not_in":["Active","Graced"]}',
    '{"column":"status","in":["Active",null]}',
    '{"column":"status","not_in":["Active",null]}',
    '{"column":"status","in":[null]}',
    '{"column":"status","not_in":[null]}',
    '{"column":"status","min":"Graced"}',
    '{"column":"status","is_null":true}',
    '{"column":"status","is_null":false}',
    '{"column":"kind","in":["a"]}',
    '{"column":"kind","not_in":[""]}',
    '{"column":"kind","min":"b"}',
    '{"column":"currency","in":["USD "]}',
    '{"column":"total","min":5.48}',
    '{"column":"total","max":"5.480"}',
    '{"column":"total","in":["NaN",1e1]}',
    '{"column":"seats","in":[1,"2"]}',
    '{"column":"seats","max":-1}',
    '{"column":"ends","min":"2019-11-06"}',
    '{"column":"at","max":"2019-11-05T01:00:00+01:00"}',
    '{"column":"at","in":["2019-11-05 23:59:59.500Z"]}',
    '{"column":"local","max":"2019-11-05T10:00:00"}',
    '{"column":"trial","in":[true]}',
    '{"column":"trial","not_in":[true]}',
    '{"column":"key","in":["00000000-0000-4000-8000-000000000001"]}',
    '{"column":"attributes","is_null":true}',
    '{"column":"pair","is_null":false}',
    '{"column":"id","min":2},{"column":"id","max":4},{"column":"trial","is_null":false}',
    -- what is wrong with it is said, and a value never
    '7', '{}', '{"column":7,"in":[1]}', '{"column":"id"}', '{"column":"id","in":[1],"max":5}', '{"column":"id","like":"1%"}',
    '{"column":"id","in":1}', '{"column":"id","in":[]}', '{"column":"id","min":null}', '{"column":"id","max":[1]}',
    '{"column":"id","is_null":"yes"}', '{"column":"id","in":[1,[2]]}', '{"column":"id","in":[1,"secret"]}', '{"column":"id","min":1.5}',
    '{"column":"seats","min":3000000000}', '{"column":"id","min":true}', '{"column":"kind","in":[null,"a",1]}',
    '{"column":"status","in":["Unknown"]}', '{"column":"ends","min":"today"}', '{"column":"ends","min":"05.11.2019"}',
    '{"column":"ends","min":"2019-02-30"}', '{"column":"at","min":"2019-11-05"}', '{"column":"at","min":"2019-11-05T10:00:00"}',
    '{"column":"at","min":"2019-11-05T10:00:00Europe"}', '{"column":"local","min":"2019-11-05T10:00:00Z"}',
    '{"column":"trial","in":["yes"]}', '{"column":"key","in":["x"]}', '{"column":"attributes","in":["[]"]}', '{"column":"pair","min":"x"}',
    format('{"column":"kind","in":["%s"]}', repeat('x', 1001)),
    format('{"column":"id","in":%s}', (SELECT json_agg(i) FROM generate_series(1, 1001) i))]) condition;
SELECT rde_create_view('subs', 'v', '[{"column":"id"}]', conditions => NULL);
SELECT rde_create_view('subs', 'v', '[{"column":"id"}]', conditions => '{}');
SELECT rde_create_view('subs', 'v', '[{"column":"id"}]', conditions => (SELECT json_agg('{"column":"id","min":1}'::json) FROM generate_series(1, 101)));

-- a view and its conditions
SELECT rde_create_view('subs', 'paying', '[{"column":"id"},{"column":"total"}]', conditions =>
    '[{"column":"SUBSCRIPTION_STATUS","in":["Active","Graced"]},{"column":"hidden","is_null":true}]');
SELECT rde_export('subs', '2019-11-05', '2019-11-05', 'csv', 'paying');
SELECT rde_submit('subs', '2019-11-05', '2019-11-05', 'csv', 'paying');
SELECT rde_alter_view('subs', 'paying');
SELECT rde_alter_view('subs', 'paying', conditions => '[{"column":"SUBSCRIPTION_STATUS","in":["Active","Graced"]}]');
SELECT rde_alter_view('subs', 'paying', '[{"column":"id"},{"column":"total"},{"column":"currency"}]');
SELECT dataset, name, columns, conditions FROM rde_views WHERE name = 'paying';
SELECT * FROM rde_view_conditions;
SELECT rde_export('subs', '2019-11-05', '2019-11-05', 'csv', 'paying', reseller => 7) AS report \gset
SELECT rde_text(:'report');
SELECT row_count, totals FROM rde_reports WHERE id = :'report';
SELECT rde_report_manifest(:'report') ->> 'conditions' AS conditions;

-- the reseller sees and makes them, and not what is behind them
SET ROLE regress_rde_seven;
SELECT * FROM rde_view_conditions;
SELECT rde_create_view('subs', 'paying', '[{"column":"id"}]', conditions => '[{"column":"reseller_id","in":[8]}]');
SELECT rde_create_view('subs', 'hidden', '[{"column":"id"}]', conditions => '[{"column":"hidden","min":"a"}]');
SELECT rde_text(rde_export('subs', '2019-11-05', '2019-11-05', 'csv', 'paying'));
SELECT rde_export('subs', '2019-11-05', '2019-11-05', 'csv', 'hidden');
SELECT rde_create_view('subs', 'bad', '[{"column":"id"}]', conditions => '[{"column":"status","in":["x"]}]');
SELECT view, reseller, position, column_name, operator, operand, source_type FROM rde_view_conditions ORDER BY 1, 2;
RESET ROLE;

-- a source that is attached again with other types: the provider's views do not let
-- it, a reseller's are its own fault
SET ROLE regress_rde_shop;
CREATE VIEW shop.retyped AS SELECT id, reseller_id, changed_on, status::text, hidden, total, currency FROM shop.sub;
CREATE VIEW shop.numbered AS SELECT id, reseller_id::text, changed_on, 1 AS status, hidden, total, currency FROM shop.sub;
RESET ROLE;
SET client_min_messages = warning;
SELECT rde_attach('subs', 'shop.numbered', 'reseller_id', 'changed_on', key => '{id}', mapping => '{"SUBSCRIPTION_STATUS": "status"}');
SELECT rde_attach('subs', 'shop.retyped', 'reseller_id', 'changed_on', key => '{id}', mapping => '{"SUBSCRIPTION_STATUS": "status"}');
SELECT rde_text(rde_export('subs', '2019-11-05', '2019-11-05', 'csv', 'paying', reseller => 8));
SELECT rde_alter_view('subs', 'paying', reseller => 7, conditions => '[{"column":"status","in":["Active"]}]');
SELECT rde_submit('subs', '2019-11-05', '2019-11-05', 'csv', 'paying', reseller => 7) AS report \gset
SELECT rde_alter_view('subs', 'paying', conditions => '[]');
SELECT rde_attach('subs', 'shop.numbered', 'reseller_id', 'changed_on', key => '{id}');
SELECT rde_submit('subs', '2019-11-05', '2019-11-05', 'csv', 'paying', reseller => 7);
SELECT rde_create_generator('subs', 'g', '{csv}', 'daily', view => 'paying', reseller => 7);
SET client_min_messages = error;
SELECT rde_build(:'report');
SET client_min_messages = warning;
CALL rde_run_due();
SELECT status, sqlstate, error FROM rde_reports WHERE id = :'report';
SELECT dataset FROM _rde_source_failure;
SELECT rde_text(rde_export('subs', '2019-11-05', '2019-11-05', 'csv', 'paying', reseller => 8));

-- a column that a condition is about is altered, or gone: the source's fault
SET ROLE regress_rde_shop;
ALTER TABLE shop.sub ADD note text;
RESET ROLE;
SELECT rde_attach('subs', 'shop.sub', 'reseller_id', 'changed_on', mapping => '{"SUBSCRIPTION_STATUS": "status"}');
SELECT rde_alter_view('subs', 'paying', '[{"column":"id"}]', conditions => '[{"column":"note","is_null":true}]');
SELECT rde_text(rde_export('subs', '2019-11-05', '2019-11-05', 'csv', 'paying', reseller => 8));
SET ROLE regress_rde_shop;
ALTER TABLE shop.sub ALTER note TYPE integer USING 1;
RESET ROLE;
SELECT rde_export('subs', '2019-11-05', '2019-11-05', 'csv', 'paying', reseller => 8);
SET ROLE regress_rde_shop;
ALTER TABLE shop.sub DROP note;
RESET ROLE;
SELECT rde_export('subs', '2019-11-05', '2019-11-05', 'csv', 'paying', reseller => 8);

-- they go with their view
SELECT rde_drop_view('subs', 'paying');
SELECT rde_drop_dataset('subs');
SELECT count(*) FROM _rde_view_condition;

SET client_min_messages = warning;
DROP FUNCTION shown;
DROP SCHEMA shop CASCADE;
DROP EXTENSION rde;
DROP ROLE regress_rde_shop, regress_rde_seven;

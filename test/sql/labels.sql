-- What columns are called to people, and the report's locale
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION rde;
CREATE ROLE regress_rde_shop;
CREATE SCHEMA shop AUTHORIZATION regress_rde_shop;
SET ROLE regress_rde_shop;
CREATE TABLE shop.line (
    id bigint PRIMARY KEY,
    reseller_id integer NOT NULL,
    changed_on date NOT NULL DEFAULT '2019-11-05',
    product text,
    place text,
    seller text,
    total numeric(20,8),
    attributes jsonb
);
INSERT INTO shop.line (id, reseller_id, product, place, seller, total) VALUES
    (1, 7, E'en Toy\tde Spielzeug\tde_AT Spielwaren', E'en Vienna\tfr Vienne', 'de Vries', 5.48),
    (2, 7, 'en Ball', 'Wien', E'fr Jouet\tde Zeug', 10),
    (3, 7, NULL, '', 'no', NULL);
RESET ROLE;
SELECT rde_attach('provisioned_orders', 'shop.line', 'reseller_id', 'changed_on', mapping => (
    SELECT jsonb_object_agg(column_name, CASE WHEN column_name = 'CUSTOMER_RESOURCE_NAME' THEN 'product' WHEN column_name = 'CUSTOMER_NAME' THEN 'seller'
        WHEN column_name ~ 'TOTAL' THEN 'total' WHEN column_name ~ 'ATTRIBUTES' THEN 'attributes' WHEN column_name ~ 'DATE' THEN 'changed_on' ELSE 'id' END)
    FROM rde_view_columns WHERE dataset = 'provisioned_orders' AND view = 'cmp'));
RESET client_min_messages;

-- what is wrong with a label is said
CREATE FUNCTION refused(VARIADIC labels text[]) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rde_create_view('provisioned_orders', 'v', (SELECT json_agg(json_build_object('column', 'id', 'as', 'c' || n, 'label', l.label::json) ORDER BY n)
        FROM unnest(labels) WITH ORDINALITY l(label, n)));
    PERFORM rde_drop_view('provisioned_orders', 'v');
    RETURN 'is taken';
EXCEPTION WHEN invalid_parameter_value OR duplicate_column THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT label, refused(label) FROM unnest(ARRAY['"Order no."', '{"en":"Order no.","de_AT":"Bestellnr.","zh-Hans":"订单号"}', '"=1+1"', '"ID"', '"two\nlines"',
    '" "', '""', '"\t"', '"a\r\nb"', '7', 'null', '[]', '{}', '{"en":7}', '{"en":""}', '{"English":"x"}', '{"":"x"}', '{"e":"x"}', '{"en_":"x"}', '{"EN":"x"}',
    '{"en-us":"x","en_US":"y"}', '{"en":"x","de":"x"}', '"\u0627\u0644\u0645\u062c\u0645\u0648\u0639"']) label;
SELECT refused(format('"%s"', repeat('x', 255))), refused(format('"%s"', repeat('x', 256)));
SELECT refused('"A"', '"a"'), refused('{"en":"A","de":"B"}', '{"fr":"b"}'), refused('"C2"', '"x"'), refused('"c1"', '"C1"');
SELECT rde_create_view('provisioned_orders', 'v', '[{"column":"id","label":"Total"},{"column":"total"}]');

SELECT rde_create_view('provisioned_orders', 'v', '[
    {"column":"id","as":"orderId","label":{"en":"ID","de":"Bestellung","pt_BR":"Pedido"}},
    {"column":"product","label":{"en":"=Product","de":"\"Ware\",\nneu"}},
    {"column":"place","type":"multilingual","label":"Place"},
    {"column":"product","locale":"en","as":"english"},
    {"column":"seller"}]');
SELECT position, name, transform, argument, labels FROM rde_view_columns WHERE view = 'v' ORDER BY position;
CREATE FUNCTION csv(locale text, view text DEFAULT 'v', header text DEFAULT 'label') RETURNS text LANGUAGE sql AS $$
    SELECT rde_text(rde_export('provisioned_orders', '2019-11-05', '2019-11-05', 'csv', view,
        options => jsonb_strip_nulls(jsonb_build_object('locale', locale, 'csv', jsonb_build_object('header', header)))))
$$;
-- asked for or not, and the report's locale: its own, its language's, the first
SELECT csv(NULL, header => 'name');
SELECT csv('de', header => 'name');
SELECT csv(l) FROM unnest(ARRAY[NULL, 'de', 'de_AT', 'de-CH', 'pt', 'fr']) l;
SELECT rde_text(rde_export('provisioned_orders', '2019-11-05', '2019-11-05', 'csv', 'v', options => '{"csv":{"header":"label","formula_guard":false,"delimiter":";"}}'));
-- other formats of text name columns as ever
SELECT rde_text(rde_export('provisioned_orders', '2019-11-05', '2019-11-05', f, 'v', options => '{"locale":"de"}')) FROM unnest('{json,jsonl,xml}'::text[]) f;
-- columns that cmp says to be multilingual, in any view
SELECT rde_create_view('provisioned_orders', 'plain', '[{"column":"CUSTOMER_RESOURCE_NAME","as":"a"},{"column":"product","as":"b"},{"column":"place"}]');
SELECT csv('de', 'plain'), csv('de', 'full');
-- and in cmp itself
SELECT r ->> 'orderId' AS order, r ->> 'productName' AS product, r ->> 'customerName' AS customer FROM json_array_elements(
    rde_text(rde_export('provisioned_orders', '2019-11-05', '2019-11-05', 'json', options => '{"locale":"de_AT"}'))::json) r;
SELECT r ->> 'productName' AS product FROM json_array_elements(rde_text(rde_export('provisioned_orders', '2019-11-05', '2019-11-05', 'json'))::json) r;
-- the manifest has the labels of the file
SELECT c ->> 'name' AS name, c ->> 'type' AS type, c ->> 'label' AS label
FROM json_array_elements(rde_report_manifest(rde_export('provisioned_orders', '2019-11-05', '2019-11-05', 'xlsx', 'v', options => '{"locale":"de"}')) -> 'columns') c;

-- options
SELECT rde_export('provisioned_orders', '2019-11-05', '2019-11-05', 'csv', 'v', options => '{"locale":"German"}');
SELECT rde_export('provisioned_orders', '2019-11-05', '2019-11-05', 'csv', 'v', options => '{"locale":7}');
SELECT rde_export('provisioned_orders', '2019-11-05', '2019-11-05', 'csv', 'v', options => '{"csv":{"header":true}}');
SELECT rde_create_generator('provisioned_orders', 'g', '{csv,xlsx}', 'daily', options => '{"locale":"d"}');
SELECT rde_alter_view('provisioned_orders', 'v', '[{"column":"id"}]');
SELECT csv('de');

SET client_min_messages = warning;
DROP FUNCTION refused, csv;
DROP SCHEMA shop CASCADE;
DROP EXTENSION rde;
DROP ROLE regress_rde_shop;

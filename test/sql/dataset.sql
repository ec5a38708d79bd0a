-- Data sets, sources and report views: what is accepted, what is refused and how
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION rde;
CREATE ROLE regress_rde_shop;
CREATE ROLE regress_rde_other;
CREATE SCHEMA shop AUTHORIZATION regress_rde_shop;
SET ROLE regress_rde_shop;
CREATE TABLE shop.payment (
    payment_id bigint PRIMARY KEY,
    reseller_id integer NOT NULL,
    changed_at timestamptz NOT NULL,
    paid_on date,
    "Total" numeric(20,8),
    currency char(3),
    number varchar(20),
    info jsonb,
    rate double precision,
    note text
);
GRANT USAGE ON SCHEMA shop TO regress_rde_other;
RESET ROLE;
RESET client_min_messages;

-- every shipped thing
SELECT name, title, source, views, shipped FROM rde_datasets ORDER BY name;
SELECT dataset, view, position, name, column_name, transform, field_group, description
FROM rde_view_columns ORDER BY dataset DESC, position;

-- attach: NULLs, wrong names, wrong types
SELECT rde_attach('nothing', 'shop.payment', 'reseller_id', 'changed_at');
SELECT rde_attach('payments', NULL, 'reseller_id', 'changed_at');
SELECT rde_attach('payments', 'shop.payment', 'reseller', 'changed_at');
SELECT rde_attach('payments', 'shop.payment', 'reseller_id', 'note');
SELECT rde_attach('payments', 'shop.payment', 'rate', 'changed_at');
SELECT rde_attach('payments', 'shop.payment', 'reseller_id', 'changed_at', amount => 'rate');
SELECT rde_attach('payments', 'shop.payment', 'reseller_id', 'changed_at', change => 'payment_id');
SELECT rde_attach('payments', 'shop.payment', 'reseller_id', 'changed_at', key => '{nope}');
SELECT rde_attach('payments', 'shop.payment', 'reseller_id', 'changed_at', mapping => '[]');
SELECT rde_attach('payments', 'shop.payment', 'reseller_id', 'changed_at', mapping => '{"CUSTOMER_NAME": "nope"}');
SELECT rde_attach('payments', 'shop.payment', 'reseller_id', 'changed_at', mapping => '{"CUSTOMER_PAYMENT_TOTAL": "rate"}');
SELECT rde_attach('payments', 'shop.payment', 'reseller_id', 'changed_at', mapping => '{"A": "note", "a": "note"}');
SELECT rde_attach('payments', 'shop.payment', 'reseller_id', 'changed_at', expose => '{}');
SELECT rde_attach('payments', 'shop.payment', 'reseller_id', 'changed_at', expose => '{nope}');
CREATE VIEW no_key AS SELECT * FROM shop.payment;
SELECT rde_attach('payments', 'no_key', 'reseller_id', 'changed_at');
CREATE SEQUENCE a_sequence;
SELECT rde_attach('payments', 'a_sequence', 'reseller_id', 'changed_at');
DROP SEQUENCE a_sequence;
-- postgres owns it: possible, but said
SELECT pg_get_userbyid(relowner) = current_user AS mine FROM pg_class WHERE oid = 'no_key'::regclass;
ALTER VIEW no_key OWNER TO regress_rde_other;

-- the rights of the source's owner are needed, and of the present source's
GRANT EXECUTE ON FUNCTION rde_attach, rde_detach TO regress_rde_other, regress_rde_shop;
SET ROLE regress_rde_other;
SELECT rde_attach('payments', 'shop.payment', 'reseller_id', 'changed_at');
RESET ROLE;
SET ROLE regress_rde_shop;
SELECT rde_attach('payments', 'shop.payment', 'RESELLER_ID', 'Changed_At', amount => 'total', currency => 'currency',
    mapping => '{"customer_payment_total": "Total", "CUSTOMER_PAYMENT_DOCUMENT_DATE": "paid_on",
                 "CUSTOMER_PAYMENT_CURRENCY_ID": "currency", "CUSTOMER_PAYMENT_DOCUMENT_NUMBER": "number"}',
    expose => '{payment_id,reseller_id,changed_at,paid_on,Total,currency,number,info}');
RESET ROLE;
SELECT name, source, source_owner, reseller_column, period_column, key_columns, amount_column, mapping
FROM rde_datasets WHERE source IS NOT NULL;
SELECT view, position, name, column_name, source_column, source_type FROM rde_view_columns
WHERE dataset = 'payments' AND source_column IS NOT NULL ORDER BY view, position;
SET ROLE regress_rde_other;
SELECT rde_attach('payments', 'no_key', 'reseller_id', 'changed_at', key => '{payment_id}');
SELECT rde_detach('payments');
RESET ROLE;

-- views of a data set
SELECT rde_create_view('payments', 'full', '[{"column":"number"}]');
SELECT rde_create_view('payments', 'cmp', '[{"column":"number"}]');
SELECT rde_create_view('payments', 'mine', '{}');
SELECT rde_create_view('payments', 'mine', '[]');
SELECT rde_create_view('payments', 'mine', '[{"as":"x"}]');
SELECT rde_create_view('payments', 'mine', '[{"column":"number","alias":"x"}]');
SELECT rde_create_view('payments', 'mine', '[{"column":"number","as":"9x"}]');
SELECT rde_create_view('payments', 'mine', '[{"column":"number"},{"column":"note","as":"NUMBER"}]');
SELECT rde_create_view('payments', 'mine', '[{"column":"info","attribute":"a","locale":"en"}]');
SELECT rde_create_view('payments', 'mine', '[{"column":"number","attribute":"a"}]');
SELECT rde_create_view('payments', 'mine', '[{"column":"paid_on","type":"iso"}]');
SELECT rde_create_view('payments', 'mine', '[{"column":"note","as":"hidden"}]');
SELECT rde_create_view('payments', 'mine', '[{"column":"note"}]');
SELECT rde_alter_view('payments', 'mine', '[{"column":"number","as":"no","group":"G","description":"D"},{"column":"CUSTOMER_PAYMENT_TOTAL","as":"total"}]');
SELECT name, source_column, field_group, description FROM rde_view_columns WHERE view = 'mine' ORDER BY position;
SELECT rde_alter_view('payments', 'cmp', '[{"column":"number"}]');
SELECT rde_drop_view('payments', 'cmp');
SELECT rde_drop_view('payments', 'mine', 7);
SELECT rde_drop_view('payments', 'mine');

-- data sets of one's own
SELECT rde_create_dataset('Bad Name', 'x');
SELECT rde_create_dataset('payments', 'x');
SELECT rde_create_dataset('notes', 'Notes');
SELECT rde_create_view('notes', 'cmp', '[{"column":"NOTE","as":"note"}]', 7);
SELECT rde_create_view('notes', 'cmp', '[{"column":"NOTE","as":"note","group":"Note","description":"What was noted."}]');
SELECT rde_dataset_template('notes');
-- a period column that may be NULL is told of
CREATE TABLE shop.loose (id bigint PRIMARY KEY, reseller_id bigint NOT NULL, day date, note text);
ALTER TABLE shop.loose OWNER TO regress_rde_shop;
SELECT rde_attach('notes', 'shop.loose', 'reseller_id', 'day');
ALTER TABLE shop.loose ALTER COLUMN day SET NOT NULL;
SELECT rde_attach('notes', 'shop.loose', 'reseller_id', 'day');
SELECT rde_detach('notes');
SELECT rde_drop_dataset('notes');
SELECT rde_drop_dataset('payments');
SELECT count(*) AS lines FROM string_to_table(rde_dataset_template('provisioned_orders'), E'\n');
SELECT rde_detach('provisioned_orders');
SELECT rde_detach('payments');

-- the views show a reader everything but sources, and anybody else nothing
SET ROLE regress_rde_other;
SELECT count(*) FROM rde_progress;
SET client_min_messages = warning; -- 18 does not ask where nothing is built
SELECT * FROM _rde_running();
RESET client_min_messages;
RESET ROLE;
SELECT rde_grant('regress_rde_other', 'reader');
SET ROLE regress_rde_other;
SELECT count(*) FROM (SELECT * FROM rde_reports OFFSET 0) x;
SELECT count(*) FROM (SELECT * FROM rde_report_totals OFFSET 0) x;
SELECT count(*) FROM (SELECT * FROM rde_datasets OFFSET 0) x;
SELECT count(*) FROM (SELECT * FROM rde_view_columns OFFSET 0) x;
SELECT count(*) FROM (SELECT * FROM rde_progress OFFSET 0) x;
RESET ROLE;

SET client_min_messages = warning;
DROP OWNED BY regress_rde_other;
DROP VIEW IF EXISTS no_key;
DROP SCHEMA shop CASCADE;
DROP EXTENSION rde;
DROP ROLE regress_rde_shop, regress_rde_other;

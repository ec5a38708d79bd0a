--
-- many.sql
--
-- Many resellers: as many customers and daily generators, of CSV and yesterday, as the
-- psql variable "resellers" says, with 20 rows of yesterday each, in place of the rows of
-- bench.sql.
--

\set ON_ERROR_STOP on

SET ROLE bench_owner;
TRUNCATE bench.customers, bench.orders;
INSERT INTO bench.customers
SELECT n, n, 'Smith & Söhne ' || n, (ARRAY['USD', 'EUR', 'AUD'])[1 + n % 3],
       'John Smith ' || n, 'billing.' || n || '@customer.example', '+1 (417) ' || 7000000 + n,
       'Zoë Brown ' || n, 'admin.' || n || '@customer.example', '+1 (417) ' || 8000000 + n,
       'Ivan Петров ' || n, 'tech.' || n || '@customer.example', '+1 (417) ' || 9000000 + n
FROM generate_series(1, :resellers) n;
ALTER TABLE bench.orders ADD reseller_id bigint;
INSERT INTO bench.orders
SELECT n, 1 + n % :resellers, date_trunc('day', now(), 'UTC') - interval '1 day' + n % 86400 * interval '1 second',
       79 + n % 400, 100000 + n % 5000, 'en Office Suite ' || n % 5000 || E'\tde Büropaket ' || n % 5000,
       1000000 + n / 3, 'SO' || lpad(n::text, 8, '0'), date '2018-01-01' + (n % 2500)::integer,
       (n * 7919 % 10000000)::numeric / 100,
       jsonb_build_array(jsonb_build_array('PONumber', 'qwe' || n), jsonb_build_array('Region', 'EMEA')),
       1036066 + n, (ARRAY['Ordered', 'Trial', 'Active', 'Graced', 'Expired', 'Terminated', 'Canceled'])[1 + n % 7],
       date '2018-01-01' + (n % 2500)::integer,
       CASE WHEN n % 5 > 0 THEN date '2019-01-01' + (n % 2500)::integer END,
       (ARRAY['MONTHS', 'YEARS'])[1 + n % 2], 1 + n % 12, 1 + n % :resellers
FROM generate_series(1::bigint, :resellers * 20) n;
CREATE INDEX ON bench.orders (reseller_id, changed_at, order_item_id);
CREATE OR REPLACE VIEW bench.provisioned_orders AS
SELECT o.reseller_id AS reseller_account_id, o.changed_at, o.order_item_id,
       c.customer_id AS customer_account_id, c.name AS customer_name, c.currency AS customer_account_currency,
       c.billing_name AS customer_billing_contact_name, c.billing_email AS customer_billing_contact_email,
       c.billing_phone AS customer_billing_contact_phone,
       c.admin_name AS customer_admin_contact_name, c.admin_email AS customer_admin_contact_email,
       c.admin_phone AS customer_admin_contact_phone,
       c.tech_name AS customer_tech_contact_name, c.tech_email AS customer_tech_contact_email,
       c.tech_phone AS customer_tech_contact_phone,
       o.plan_id AS customer_plan_id, o.resource_id AS customer_resource_id, o.resource_name AS customer_resource_name,
       o.order_id AS customer_order_id, o.order_number AS customer_order_number, o.order_date AS customer_order_date,
       o.order_total AS customer_order_total, o.attributes AS customer_order_attributes,
       o.subscription_id, o.status AS subscription_status, o.start_date AS subscription_start_date,
       o.exp_date AS subscription_exp_date, o.billing_period_type AS subscription_billing_period_type,
       o.billing_period AS subscription_billing_period
FROM bench.orders o JOIN bench.customers c USING (customer_id);
RESET ROLE;
SELECT rde_create_account(n, 'reseller ' || n) FROM generate_series(1, :resellers) n;
SELECT rde_create_generator('provisioned_orders', 'daily', '{csv}', 'daily', reseller => n,
                            start => (now() AT TIME ZONE 'UTC')::date - 1)
FROM generate_series(1, :resellers) n;
VACUUM ANALYZE;

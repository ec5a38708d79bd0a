--
-- bench.sql
--
-- The data the benchmark exports: provisioned orders as a join of orders and
-- customers, 26 columns in the cmp view.  The psql variable "rows" says how many
-- order items: an order has three, a customer twenty.  All of it is the same for
-- the same number.
--

\set ON_ERROR_STOP on

CREATE EXTENSION rde;
CREATE ROLE bench_owner;
CREATE SCHEMA bench AUTHORIZATION bench_owner;
SET ROLE bench_owner;

CREATE TABLE bench.customers (
    customer_id bigint PRIMARY KEY,
    reseller_id bigint NOT NULL,
    name text NOT NULL,
    currency char(3) NOT NULL,
    billing_name text, billing_email text, billing_phone text,
    admin_name text, admin_email text, admin_phone text,
    tech_name text, tech_email text, tech_phone text
);

CREATE TABLE bench.orders (
    order_item_id bigint PRIMARY KEY,
    customer_id bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    plan_id integer NOT NULL,
    resource_id bigint NOT NULL,
    resource_name text,
    order_id bigint NOT NULL,
    order_number text NOT NULL,
    order_date date NOT NULL,
    order_total numeric(20,8) NOT NULL,
    attributes jsonb,
    subscription_id bigint,
    status text,
    start_date date,
    exp_date date,
    billing_period_type text,
    billing_period integer
);

INSERT INTO bench.customers
SELECT n, 1 + n % 7,
       (ARRAY['Business Toy Sample, inc.', 'Smith & Sons', 'Müller GmbH', 'O''Neill "Quick" Foods',
              'Société Générale d''Électricité', '株式会社山田商店'])[1 + n % 6] || ' ' || n,
       (ARRAY['USD', 'EUR', 'AUD'])[1 + n % 3],
       'John Smith ' || n, 'billing.' || n || '@customer.example', '+1 (417) ' || 7000000 + n,
       'Zoë Brown ' || n, 'admin.' || n || '@customer.example', '+1 (417) ' || 8000000 + n,
       'Ivan Петров ' || n, 'tech.' || n || '@customer.example', '+1 (417) ' || 9000000 + n
FROM generate_series(1, greatest(:rows / 20, 1)) n;

INSERT INTO bench.orders
SELECT n, 1 + n / 3 * 7919 % greatest(:rows / 20, 1),
       timestamptz '2025-01-01 00:00:00Z' + n * interval '1 second',
       79 + n % 400, 100000 + n % 5000,
       'en Office Suite ' || n % 5000 || E'\tde Büropaket ' || n % 5000 || E'\tru Офисный пакет',
       1000000 + n / 3, 'SO' || lpad(n::text, 8, '0'),
       date '2018-01-01' + (n % 2500)::integer,
       (n * 7919 % 10000000)::numeric / 100,
       jsonb_build_array(jsonb_build_array('PONumber', 'qwe' || n), jsonb_build_array('Region', 'EMEA')),
       1036066 + n,
       (ARRAY['Ordered', 'Trial', 'Active', 'Graced', 'Expired', 'Terminated', 'Canceled'])[1 + n % 7],
       date '2018-01-01' + (n % 2500)::integer,
       CASE WHEN n % 5 > 0 THEN date '2019-01-01' + (n % 2500)::integer END,
       (ARRAY['MONTHS', 'YEARS'])[1 + n % 2], 1 + n % 12
FROM generate_series(1::bigint, :rows) n;

-- what a report's order and period ask of any source
CREATE INDEX orders_changed ON bench.orders (changed_at, order_item_id);

\set reseller c.reseller_id
\ir view.sql

RESET ROLE;
VACUUM ANALYZE bench.customers;
VACUUM ANALYZE bench.orders;

SELECT rde_attach('provisioned_orders', 'bench.provisioned_orders',
                  reseller => 'reseller_account_id', period => 'changed_at', key => '{order_item_id}',
                  amount => 'customer_order_total', currency => 'customer_account_currency');

-- The SELECT a build of this report runs, for COPY.
CREATE FUNCTION bench.report_query(first date, last date) RETURNS text
LANGUAGE sql AS $$
    SELECT format('SELECT %s FROM bench.provisioned_orders s WHERE s.changed_at >= %L AND s.changed_at < %L'
                  ' ORDER BY s.changed_at, s.order_item_id',
                  string_agg('s.' || quote_ident(c.source_column), ', ' ORDER BY c.position),
                  first::timestamp AT TIME ZONE 'UTC', (last + 1)::timestamp AT TIME ZONE 'UTC')
    FROM rde_view_columns c
    WHERE c.dataset = 'provisioned_orders' AND c.view = 'cmp'
$$;

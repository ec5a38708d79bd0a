--
-- many.sql
--
-- Many resellers: as many customers and daily generators, of CSV, as the psql variable
-- "resellers" says, with 20 rows of bench.day() each, in place of the rows of bench.sql.
-- That is yesterday, and stays that day whatever the clock says: the generators' next
-- period is due a whole day after this script was run.
--

\set ON_ERROR_STOP on

SELECT (now() AT TIME ZONE 'UTC')::date - 1 AS day \gset
SET ROLE bench_owner;
CREATE FUNCTION bench.day() RETURNS date LANGUAGE sql IMMUTABLE RETURN :'day'::date;
TRUNCATE bench.customers, bench.orders;
INSERT INTO bench.customers
SELECT n, n, 'Smith & Söhne ' || n, (ARRAY['USD', 'EUR', 'AUD'])[1 + n % 3],
       'John Smith ' || n, 'billing.' || n || '@customer.example', '+1 (417) ' || 7000000 + n,
       'Zoë Brown ' || n, 'admin.' || n || '@customer.example', '+1 (417) ' || 8000000 + n,
       'Ivan Петров ' || n, 'tech.' || n || '@customer.example', '+1 (417) ' || 9000000 + n
FROM generate_series(1, :resellers) n;
ALTER TABLE bench.orders ADD reseller_id bigint;
INSERT INTO bench.orders
SELECT n, 1 + n % :resellers, bench.day()::timestamp AT TIME ZONE 'UTC' + n % 86400 * interval '1 second',
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
\set reseller o.reseller_id
\ir view.sql
RESET ROLE;
SELECT rde_create_account(n, 'reseller ' || n) FROM generate_series(1, :resellers) n;
SELECT rde_create_generator('provisioned_orders', 'daily', '{csv}', 'daily', reseller => n,
                            start => bench.day(), run_at => '23:59')
FROM generate_series(1, :resellers) n;

-- That day's reports are due again, in these formats.
CREATE PROCEDURE bench.make_due(formats text[]) LANGUAGE sql AS $$
    UPDATE _rde_generator g
    SET formats = make_due.formats, next_from = bench.day()::timestamp AT TIME ZONE 'UTC',
        next_to = (bench.day() + 1)::timestamp AT TIME ZONE 'UTC', next_run_at = (bench.day() + 1)::timestamp AT TIME ZONE 'UTC'
$$;
VACUUM ANALYZE;

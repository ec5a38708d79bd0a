--
-- released.sql
--
-- A database that uses all of rde, small enough to be kept: "make freeze" dumps it
-- for each version, and updates from it are tested with what is in it.  Nothing in
-- it expires, and a generator that is met again after years has little to catch up.
--

SET client_min_messages = warning;
CREATE EXTENSION rde;
\set orders 12
\set customers 6
\ir shop.sql
\ir shop_attach.sql

-- accounts: a provider, one below it, one whose role is it
CREATE ROLE released_reseller;
CREATE ROLE released_operator;
CREATE ROLE released_gateway;
SELECT account_id AS top FROM shop.account WHERE kind = 'reseller' ORDER BY level, account_id LIMIT 1 \gset
SELECT account_id AS other FROM shop.account WHERE kind = 'reseller' AND account_id <> :top ORDER BY level, account_id LIMIT 1 \gset
SELECT rde_create_account(:top, 'Top', scope => 'provider', time_zone => 'Europe/Berlin', max_stored_bytes => 100000000);
SELECT rde_create_account(:other, 'Other', parent => :top, role => 'released_reseller');
SELECT rde_grant('released_operator', 'operator');
SELECT rde_grant('released_gateway', 'gateway');
GRANT SELECT ON rde_report_totals TO released_operator;

-- what a program logs in with, which is kept nowhere else
CREATE TABLE public.program AS
SELECT :top::bigint AS account, * FROM rde_create_token(:top, 'program', '100 years');
SELECT subscription_key AS gone FROM rde_create_token(:other, 'gone', '100 years') \gset
SELECT rde_revoke_token(id) FROM rde_tokens WHERE subscription_key = :'gone';

-- views of one's own
SELECT rde_create_view('payments', 'euros', '[{"column": "PAYMENT_ID", "as": "number", "label": {"en": "Number", "de": "Nummer"}},
    {"column": "CUSTOMER_PAYMENT_TOTAL", "as": "amount"}, {"column": "CUSTOMER_PAYMENT_CURRENCY_ID", "as": "currency"}]',
    conditions => '[{"column": "CUSTOMER_PAYMENT_CURRENCY_ID", "in": ["EUR", "USD"]}]');
SELECT rde_create_view('invoices', 'mine', '[{"column": "INVOICE_NUMBER", "as": "number"}]', :other);

-- reports: of each format and view, of a reseller, of a tree, uncompressed
SELECT rde_export(d, '2019-09-05', '2019-12-03', f, view => v, name => d || '-' || v)
FROM unnest('{provisioned_orders,payments,subscriptions}'::text[]) d, unnest('{cmp,full}'::text[]) v, unnest('{csv,json,jsonl,xml,xlsx}'::text[]) f
WHERE d = 'payments' OR v = 'cmp';
SELECT rde_export('payments', '2019-09-05', '2019-12-03', 'csv', 'euros', name => 'euros', options => '{"compress": false, "locale": "de", "csv": {"header": "label"}}');
SELECT rde_export('payments', '2019-09-05', '2019-12-03', 'xlsx', reseller => :top, name => 'top', options => '{"xlsx": {"summary": true}}');
SELECT rde_export('invoices', '2019-09-05', '2019-12-03', 'csv', 'mine', reseller => :other, name => 'other');
-- revisions: what was changed after it was reported, and a report that was superseded twice
UPDATE shop.payment SET total = total + 1, changed_at = changed_at + interval '1 second' WHERE payment_id = (SELECT min(payment_id) FROM shop.payment);
SELECT rde_rebuild(id) AS again FROM rde_reports WHERE name = 'payments-full' AND format = 'csv' \gset
SELECT rde_rebuild(:'again');
-- one that waits, one that was cancelled
SELECT rde_submit('payments', '2019-11-01', '2019-11-30', 'json', name => 'waits');
SELECT rde_submit('payments', '2019-11-01', '2019-11-30', 'csv', name => 'cancelled') AS cancelled \gset
SELECT rde_cancel_report(:'cancelled');

-- generators
SELECT rde_create_generator('payments', 'latest', '{csv,json}', 'daily', catch_up => 'none');
SELECT rde_create_generator('payments', 'months', '{xlsx}', 'monthly', reseller => :top, start => '2026-08-01');
SELECT rde_create_generator('provisioned_orders', 'resting', '{xml}', 'weekly', catch_up => 'none', week_day => 3);
SELECT rde_alter_generator(id, enabled => false) FROM rde_generators WHERE name = 'resting';
SELECT rde_create_generator('invoices', 'invoiced', '{csv}', 'on_invoice', reseller => :other);
SELECT rde_watch_invoices('shop.invoice', 'reseller_id', 'invoice_id', 'status', 'Issued', '{invoices}');
SELECT rde_run_generator(id, '2019-11-01', '2019-11-30') FROM rde_generators WHERE name = 'latest';
CALL rde_run_due();
-- recorded, and yet to be dealt with
UPDATE shop.invoice SET status = 'Draft' WHERE invoice_id = (SELECT min(invoice_id) FROM shop.invoice WHERE reseller_id = :other);
UPDATE shop.invoice SET status = 'Issued' WHERE invoice_id = (SELECT min(invoice_id) FROM shop.invoice WHERE reseller_id = :other);
SELECT 1 / count(*) FROM _rde_invoice_event WHERE reseller = (:other)::text;

SELECT rde_keep_report(id, 'infinity') FROM rde_reports WHERE status = 'completed';
SELECT rde_rotate_signing_key();

--
-- shop.sql
--
-- A sample shop: a provider, a three-level tree of resellers, their customers,
-- what those bought, and the invoices and payments for it.
--
--   psql -f test/shop.sql
--   psql -v orders=100000 -v seed=7 -v start=2025-01-01 -v days=365 -f test/shop.sql
--
-- It is an ordinary schema, "shop", of an ordinary role, "shop_owner", which is
-- made if need be.  Everything is drawn from hashes of (seed, row number, what),
-- so the same variables give the same shop on every machine, whatever its
-- settings.  Names hold on purpose what breaks careless exports: quotes, commas,
-- line breaks, emoji, leading zeros, and text a spreadsheet would run.
--

\if :{?orders}
\else
\set orders 1000
\endif
\if :{?seed}
\else
\set seed 1
\endif
-- first day and number of days of business
\if :{?start}
\else
\set start '2019-09-05'
\endif
\if :{?days}
\else
\set days 90
\endif
\if :{?customers}
\else
SELECT greatest(50, :orders / 20) AS customers \gset
\endif

SELECT 'CREATE ROLE shop_owner NOLOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'shop_owner') \gexec

BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL client_encoding = 'UTF8';
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO, YMD';
SET LOCAL standard_conforming_strings = on;
SET LOCAL synchronous_commit = off;

CREATE SCHEMA shop AUTHORIZATION shop_owner;
SET LOCAL ROLE shop_owner;

---------------------------------------------------------------------------
-- Tables
---------------------------------------------------------------------------

CREATE TABLE shop.account (
    account_id bigint PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('provider', 'reseller', 'customer')),
    parent_id  bigint REFERENCES shop.account,
    level      integer NOT NULL,
    name       text NOT NULL,
    currency   char(3) NOT NULL,
    attributes jsonb NOT NULL DEFAULT '[]',
    note       text,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);
COMMENT ON TABLE shop.account IS 'the provider, its resellers (a tree by parent_id), and their customers';

CREATE TABLE shop.contact (
    account_id bigint NOT NULL REFERENCES shop.account,
    role       text NOT NULL CHECK (role IN ('billing', 'admin', 'tech')),
    name       text NOT NULL,
    email      text NOT NULL,
    phone      text,
    fax        text,
    PRIMARY KEY (account_id, role)
);

CREATE TABLE shop.product (
    product_id bigint PRIMARY KEY,
    name       text NOT NULL,
    sku        text NOT NULL UNIQUE,
    mpn        text
);
COMMENT ON COLUMN shop.product.name IS 'multilingual: "<locale> <text>" segments separated by tabs';

CREATE TABLE shop.offer (
    offer_id            bigint PRIMARY KEY,
    product_id          bigint NOT NULL REFERENCES shop.product,
    name                text NOT NULL,
    billing_period_type text NOT NULL CHECK (billing_period_type IN ('DAYS', 'MONTHS', 'YEARS')),
    billing_period      integer NOT NULL CHECK (billing_period > 0),
    price               numeric(20,8) NOT NULL
);
COMMENT ON COLUMN shop.offer.price IS 'list price in USD for one unit and one billing period';

CREATE TABLE shop.subscription (
    subscription_id     bigint PRIMARY KEY,
    customer_id         bigint NOT NULL,
    offer_id            bigint NOT NULL,
    name                text NOT NULL,
    status              text NOT NULL CHECK (status IN
                        ('Ordered', 'Trial', 'Active', 'Graced', 'Expired', 'Terminated',
                         'Canceled', 'Hold', 'Not provisioned', 'Removed')),
    start_date          date,
    expiration_date     date,
    billing_period_type text NOT NULL,
    billing_period      integer NOT NULL,
    vendor_number       text,
    attributes          jsonb NOT NULL DEFAULT '[]',
    changed_at          timestamptz NOT NULL
);

CREATE TABLE shop.sales_order (
    order_id     bigint PRIMARY KEY,
    order_number text NOT NULL UNIQUE,
    customer_id  bigint NOT NULL,
    order_date   date NOT NULL,
    total        numeric(20,8) NOT NULL,
    attributes   json,
    created_at   timestamptz NOT NULL,
    changed_at   timestamptz NOT NULL
);

CREATE TABLE shop.order_item (
    item_id         bigint PRIMARY KEY,
    order_id        bigint NOT NULL,
    subscription_id bigint NOT NULL,
    offer_id        bigint NOT NULL,
    product_id      bigint NOT NULL,
    type            text NOT NULL CHECK (type IN ('Setup', 'Recurring', 'Usage')),
    description     text NOT NULL,
    quantity        numeric(20,8) NOT NULL,
    cost_price      numeric(20,8) NOT NULL,
    cost_total      numeric(20,8) NOT NULL,
    unit_price      numeric(20,8) NOT NULL,
    total           numeric(20,8) NOT NULL,
    start_date      date NOT NULL,
    end_date        date NOT NULL
);
COMMENT ON COLUMN shop.order_item.cost_price IS
    'what the reseller is charged for one unit, in its own currency; unit_price is what it charges, in its customer''s';

CREATE TABLE shop.invoice (
    invoice_id  bigint PRIMARY KEY,
    number      text NOT NULL UNIQUE,
    reseller_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    order_id    bigint NOT NULL,
    issued_on   date NOT NULL,
    due_on      date NOT NULL,
    total       numeric(20,8) NOT NULL,
    currency    char(3) NOT NULL,
    status      text NOT NULL CHECK (status IN ('Draft', 'Issued', 'Paid', 'Overdue')),
    changed_at  timestamptz NOT NULL
);

CREATE TABLE shop.payment (
    payment_id        bigint PRIMARY KEY,
    document_number   varchar(20) NOT NULL,
    document_date     date NOT NULL,
    type              text NOT NULL CHECK (type IN ('Payment', 'Check', 'Void')),
    status            text NOT NULL CHECK (status IN ('Hold', 'Open', 'Closed')),
    customer_id       bigint NOT NULL,
    total             numeric(20,8) NOT NULL,
    currency          char(3) NOT NULL,
    reference_number  varchar(80),
    auth_code         varchar(80),
    description       text,
    processing_status text NOT NULL,
    created_by        text NOT NULL,
    method_id         bigint,
    pay_system        text,
    created_at        timestamptz NOT NULL,
    changed_at        timestamptz NOT NULL
);

CREATE TABLE shop.payment_invoice (
    payment_id bigint NOT NULL,
    invoice_id bigint NOT NULL,
    PRIMARY KEY (payment_id, invoice_id)
);

---------------------------------------------------------------------------
-- Drawing
---------------------------------------------------------------------------

-- A number from 0 to choices - 1 that depends on nothing but the seed, n and
-- what it is drawn for.
CREATE OR REPLACE FUNCTION pg_temp.draw(n bigint, what bigint, choices bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN mod(hashint8extended(n, :seed * 1000 + what) & 9223372036854775807, choices);

CREATE OR REPLACE FUNCTION pg_temp.pick(n bigint, what bigint, choices text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN choices[1 + mod(hashint8extended(n, :seed * 1000 + what) & 9223372036854775807,
                           cardinality(choices))];

CREATE TEMP TABLE shop_word ON COMMIT DROP AS
SELECT '{John,Maria,Wei,Aisha,Jürgen,Zoë,Oluwaseun,Yuki,Siobhán,Łukasz,Ana,Dmitri,Noor,Renée,Kwame,Ingrid}'::text[]
           AS first_names,
       '{Smith,"O''Brien",García,Müller,"van der Berg",Nakamura,Åkesson,Dvořák,Okafor,Silva,Petrov,"D''Angelo",Nguyễn,"St. John"}'::text[]
           AS last_names,
       '{Business,Northern,Blue,Silver,Harbor,Granite,Pioneer,Cedar,Summit,Meadow,Union,Orbit}'::text[]
           AS company_firsts,
       '{Toy,Cloud,Foods,Logistics,Optics,Paper,Textiles,Robotics,Travel,Clinic,Books,Marine}'::text[]
           AS company_seconds,
       '{"Sample, inc.",Ltd.,GmbH,S.A.,"& Sons",AG,LLC,"Pty Ltd"}'::text[] AS company_forms,
       ARRAY[
           'O''Brien & Sons, "Quality" Ltd.',
           E'Two Lines\nHolding',
           E'Carriage\r\nReturn Works',
           '🚀 Rocket Café 👩‍🚀',
           '00042',
           '007 Security',
           '=HYPERLINK("https://example.com/";"Invoice")',
           '=2+5+cmd|'' /C calc''!A0',
           '+SUM(A1:A9)',
           '-2+3 Carpentry',
           '@SUM(1;2)',
           E'\tTabbed Start',
           '"Quoted" Company',
           'comma, semicolon; and | pipe',
           '<b>Bold</b> & <![CDATA[Brave]]>',
           'back\slash \n not a line',
           '日本語株式会社',
           'שלום ירושלים בע"מ',
           'شركة المثال',
           ' leading and trailing ',
           'NULL',
           '1e5',
           '_x0041_ Underscore',
           'Zürich–Genève «Est» №1'
       ] AS odd_names,
       '{USD,EUR,GBP,JPY,AUD,CHF}'::text[] AS currencies;

CREATE TEMP TABLE shop_rate (currency char(3) PRIMARY KEY, rate numeric, digits integer) ON COMMIT DROP;
INSERT INTO shop_rate VALUES
    ('USD', 1, 2), ('EUR', 0.91, 2), ('GBP', 0.78, 2), ('JPY', 108.6, 0), ('AUD', 1.47, 2), ('CHF', 0.99, 2);

---------------------------------------------------------------------------
-- Accounts and contacts
---------------------------------------------------------------------------

INSERT INTO shop.account (account_id, kind, parent_id, level, name, currency, attributes, created_at, changed_at)
VALUES (1, 'provider', NULL, 0, 'Sample Provider', 'USD', '[["Region", "World"]]',
        timestamptz '2015-01-01 00:00+00', timestamptz '2015-01-01 00:00+00');

-- Two resellers under the provider, and two under each of a level above.
INSERT INTO shop.account (account_id, kind, parent_id, level, name, currency, attributes, note, created_at, changed_at)
SELECT 1000000 + r, 'reseller',
       CASE WHEN r <= 2 THEN 1 ELSE 1000000 + (r - 1) / 2 END,
       CASE WHEN r <= 2 THEN 1 WHEN r <= 6 THEN 2 ELSE 3 END,
       CASE r WHEN 2 THEN 'Reseller "Two", Inc.' WHEN 5 THEN 'Wiederverkäufer Süd' WHEN 9 THEN '=Reseller(9)'
           ELSE 'Reseller ' || r END,
       pg_temp.pick(r, 1, w.currencies),
       jsonb_build_array(jsonb_build_array('Region', pg_temp.pick(r, 2, '{North,South,East,West}'))),
       'credit limit ' || 1000 * (1 + pg_temp.draw(r, 3, 90)),
       timestamptz '2016-01-01 00:00+00' + r * interval '1 month',
       :'start'::timestamptz + pg_temp.draw(r, 4, :days * 86400) * interval '1 second'
FROM generate_series(1, 14) r CROSS JOIN shop_word w;

INSERT INTO shop.account (account_id, kind, parent_id, level, name, currency, attributes, note, created_at, changed_at)
SELECT 1000008000 + c, 'customer',
       parent.account_id,
       parent.level + 1,
       CASE
           -- every odd name is there, then one in fifty
           WHEN c <= cardinality(w.odd_names) THEN w.odd_names[c]
           WHEN pg_temp.draw(c, 11, 50) = 0 THEN pg_temp.pick(c, 12, w.odd_names)
           WHEN pg_temp.draw(c, 11, 4) = 1 THEN
               pg_temp.pick(c, 13, w.first_names) || ' ' || pg_temp.pick(c, 14, w.last_names)
           ELSE pg_temp.pick(c, 15, w.company_firsts) || ' ' || pg_temp.pick(c, 16, w.company_seconds)
                || ' ' || pg_temp.pick(c, 17, w.company_forms)
       END,
       pg_temp.pick(c, 18, w.currencies),
       CASE WHEN pg_temp.draw(c, 19, 3) = 0 THEN '[]'::jsonb
           ELSE jsonb_build_array(jsonb_build_array('TaxId', lpad(pg_temp.draw(c, 20, 100000000)::text, 9, '0')))
       END,
       CASE WHEN pg_temp.draw(c, 21, 5) = 0 THEN 'pays late' END,
       :'start'::timestamptz - pg_temp.draw(c, 22, 1000) * interval '1 day',
       :'start'::timestamptz + pg_temp.draw(c, 23, :days * 86400) * interval '1 second'
FROM generate_series(1, :customers) c
CROSS JOIN shop_word w
JOIN shop.account parent ON parent.account_id = 1000001 + pg_temp.draw(c, 24, 14);

INSERT INTO shop.contact (account_id, role, name, email, phone, fax)
SELECT a.account_id, r.role,
       person.first_name || ' ' || person.last_name,
       r.role || '.' || a.account_id || '@example.com',
       CASE pg_temp.draw(a.account_id, 33 + r.n, 12)
           WHEN 0 THEN NULL
           WHEN 1 THEN '0' || (300000000 + pg_temp.draw(a.account_id, 36 + r.n, 99999999))
           WHEN 2 THEN '+49 89 ' || (1000000 + pg_temp.draw(a.account_id, 36 + r.n, 8999999))
           ELSE '+1 (417) ' || (5550000 + pg_temp.draw(a.account_id, 36 + r.n, 9999))
       END,
       CASE WHEN pg_temp.draw(a.account_id, 39 + r.n, 3) = 0
           THEN '+1 (417) ' || (5550000 + pg_temp.draw(a.account_id, 42 + r.n, 9999)) END
FROM shop.account a
CROSS JOIN (VALUES ('billing', 0), ('admin', 1), ('tech', 2)) r(role, n)
CROSS JOIN shop_word w
CROSS JOIN LATERAL (
    SELECT pg_temp.pick(a.account_id * 3 + r.n, 31, w.first_names) AS first_name,
           pg_temp.pick(a.account_id * 3 + r.n, 32, w.last_names) AS last_name
    OFFSET 0
) person;

---------------------------------------------------------------------------
-- Products and offers
---------------------------------------------------------------------------

INSERT INTO shop.product (product_id, name, sku, mpn)
SELECT 100000 + p,
       CASE WHEN b.n = 12 THEN 'en ' || b.en || edition.en
           ELSE concat_ws(E'\t', 'en ' || b.en || edition.en, 'de ' || b.de || edition.de,
                          'fr ' || b.fr || edition.fr, 'ja ' || b.ja || edition.ja)
       END,
       lpad((7 * p)::text, 6, '0'),
       CASE WHEN pg_temp.draw(p, 51, 4) > 0 THEN 'MPN-' || upper(substr(md5(p || '/' || :seed), 1, 8)) END
FROM generate_series(1, 48) p
JOIN (VALUES
    (1, 'Web Hosting', 'Webhosting', 'Hébergement web', 'ウェブホスティング'),
    (2, 'Virtual Server', 'Virtueller Server', 'Serveur virtuel', '仮想サーバー'),
    (3, 'Mailbox', 'Postfach', 'Boîte aux lettres', 'メールボックス'),
    (4, 'Audio Conferencing', 'Audiokonferenz', 'Conférence audio', '音声会議'),
    (5, 'Backup, 1 TB', 'Sicherung, 1 TB', 'Sauvegarde, 1 To', 'バックアップ 1 TB'),
    (6, 'Office "Plus"', 'Büro „Plus“', 'Bureau « Plus »', 'オフィス「プラス」'),
    (7, 'Domain .example', 'Domain .example', 'Domaine .example', 'ドメイン .example'),
    (8, 'Firewall & VPN', 'Firewall & VPN', 'Pare-feu & VPN', 'ファイアウォール & VPN'),
    (9, 'Antivirus <5 seats', 'Virenschutz <5 Plätze', 'Antivirus <5 postes', 'ウイルス対策 <5 席'),
    (10, 'Storage 🗄', 'Speicher 🗄', 'Stockage 🗄', 'ストレージ 🗄'),
    (11, 'Data Transfer', 'Datentransfer', 'Transfert de données', 'データ転送'),
    (12, 'Support Hours', '', '', '')
) b(n, en, de, fr, ja) ON b.n = 1 + (p - 1) % 12
JOIN (VALUES
    (0, '', '', '', ''),
    (1, ' Basic', ' Basis', ' de base', ' ベーシック'),
    (2, ' Professional', ' Professionell', ' professionnel', ' プロ'),
    (3, ' Enterprise', ' Unternehmen', ' entreprise', ' エンタープライズ')
) edition(n, en, de, fr, ja) ON edition.n = (p - 1) / 12;

INSERT INTO shop.offer (offer_id, product_id, name, billing_period_type, billing_period, price)
SELECT f, p.product_id,
       substr(split_part(p.name, E'\t', 1), 4) || ', ' || term.label,
       term.type, term.length,
       CASE
           -- metered by the unit: prices that use all eight digits
           WHEN p.product_id % 12 = 11 THEN (1 + pg_temp.draw(f, 61, 99999)) * 0.00000001
           ELSE round((499 + pg_temp.draw(f, 61, 50000)) / 100.0, 2)
       END
FROM generate_series(1, 96) f
JOIN shop.product p ON p.product_id = 100001 + (f - 1) % 48
JOIN (VALUES
    (0, 'monthly', 'MONTHS', 1),
    (1, 'yearly', 'YEARS', 1),
    (2, 'quarterly', 'MONTHS', 3),
    (3, 'for 30 days', 'DAYS', 30)
) term(n, label, type, length) ON term.n = (f - 1) / 48 + CASE WHEN pg_temp.draw(f, 62, 3) = 0 THEN 2 ELSE 0 END;

---------------------------------------------------------------------------
-- Orders, their items and subscriptions
---------------------------------------------------------------------------

-- One order in four has a second item.  Item 4n is the first of order n, item
-- 4n + 1 the second.
CREATE TEMP TABLE shop_item ON COMMIT DROP AS
SELECT o.n AS order_n, 4 * o.n + k.k AS item_n, o.created_at,
       o.created_at + CASE pg_temp.draw(o.n, 72, 4)
           WHEN 0 THEN pg_temp.draw(o.n, 73, 72 * 3600) * interval '1 second'
           ELSE pg_temp.draw(o.n, 73, 600) * interval '1 second' END AS changed_at,
       c.account_id AS customer_id, c.currency, rc.rate, rc.digits,
       rr.rate AS cost_rate,
       f.offer_id, f.product_id, f.price, f.billing_period_type, f.billing_period, f.name AS offer_name,
       CASE WHEN f.price < 0.01 THEN (1 + pg_temp.draw(4 * o.n + k.k, 74, 5000000)) * 0.25
           ELSE 1 + pg_temp.draw(4 * o.n + k.k, 74, 20) END AS quantity
FROM (SELECT g.n,
             date_trunc('second', :'start'::timestamptz
                 + (g.n - 1) * (:days * interval '1 day' / greatest(:orders, 1))
                 + pg_temp.draw(g.n, 71, greatest(:days * 86400 / greatest(:orders, 1), 1)) * interval '1 second')
                 AS created_at
      FROM generate_series(1, :orders) g(n)) o
CROSS JOIN LATERAL generate_series(0, CASE WHEN pg_temp.draw(o.n, 75, 4) = 0 THEN 1 ELSE 0 END) k(k)
JOIN shop.account c ON c.account_id = 1000008001 + pg_temp.draw(o.n, 76, :customers)
JOIN shop.account r ON r.account_id = c.parent_id
JOIN shop_rate rc ON rc.currency = c.currency
JOIN shop_rate rr ON rr.currency = r.currency
JOIN shop.offer f ON f.offer_id = 1 + pg_temp.draw(4 * o.n + k.k, 77, 96);
ANALYZE shop_item;

INSERT INTO shop.subscription (subscription_id, customer_id, offer_id, name, status, start_date, expiration_date,
                               billing_period_type, billing_period, vendor_number, attributes, changed_at)
SELECT 1036000 + i.item_n, i.customer_id, i.offer_id, i.offer_name, s.status,
       CASE WHEN s.status NOT IN ('Ordered', 'Not provisioned') THEN i.created_at::date END,
       CASE WHEN s.status NOT IN ('Ordered', 'Not provisioned') THEN
           (i.created_at::date + CASE s.status
               WHEN 'Trial' THEN interval '14 days'
               ELSE i.billing_period * CASE i.billing_period_type
                        WHEN 'DAYS' THEN interval '1 day'
                        WHEN 'MONTHS' THEN interval '1 month'
                        ELSE interval '1 year' END
           END)::date END,
       i.billing_period_type, i.billing_period,
       CASE WHEN pg_temp.draw(i.item_n, 81, 3) > 0
           THEN lpad(pg_temp.draw(i.item_n, 82, 10000000000)::text, 10, '0') END,
       CASE WHEN pg_temp.draw(i.item_n, 83, 4) = 0
           THEN jsonb_build_array(jsonb_build_array('domain', 'd' || i.item_n || '.example'))
           ELSE '[]' END,
       i.changed_at
FROM shop_item i
CROSS JOIN LATERAL (
    SELECT (ARRAY['Ordered', 'Trial', 'Active', 'Graced', 'Expired', 'Terminated', 'Canceled', 'Hold',
                  'Not provisioned', 'Removed'])
           -- the first orders go through every status, then most are active
           [CASE WHEN i.order_n <= 10 THEN i.order_n
                WHEN pg_temp.draw(i.item_n, 84, 10) < 6 THEN 3
                ELSE 1 + pg_temp.draw(i.item_n, 85, 10) END] AS status
    OFFSET 0
) s;

INSERT INTO shop.order_item (item_id, order_id, subscription_id, offer_id, product_id, type, description, quantity,
                             cost_price, cost_total, unit_price, total, start_date, end_date)
SELECT i.item_n, 1000000 + i.order_n, 1036000 + i.item_n, i.offer_id, i.product_id,
       CASE WHEN i.price < 0.01 THEN 'Usage' WHEN pg_temp.draw(i.item_n, 91, 8) = 0 THEN 'Setup' ELSE 'Recurring' END,
       i.offer_name || CASE WHEN pg_temp.draw(i.item_n, 92, 20) = 0 THEN E'\nincludes "setup", 10% off' ELSE '' END,
       i.quantity, p.cost, i.quantity * p.cost, p.unit, i.quantity * p.unit,
       i.created_at::date,
       (i.created_at::date + i.billing_period * CASE i.billing_period_type
            WHEN 'DAYS' THEN interval '1 day'
            WHEN 'MONTHS' THEN interval '1 month'
            ELSE interval '1 year' END - interval '1 day')::date
FROM shop_item i
CROSS JOIN LATERAL (
    SELECT round(i.price * i.cost_rate * 0.85, 8) AS cost,
           round(i.price * i.rate, CASE WHEN i.price < 0.01 THEN 8 ELSE i.digits END) AS unit
    OFFSET 0
) p;

INSERT INTO shop.sales_order (order_id, order_number, customer_id, order_date, total, attributes, created_at, changed_at)
SELECT o.order_id, 'SO' || lpad(o.n::text, 6, '0'), o.customer_id, o.created_at::date, o.total,
       CASE pg_temp.draw(o.n, 101, 6)
           WHEN 0 THEN NULL
           WHEN 1 THEN '[]'::json
           WHEN 2 THEN json_build_array(
               json_build_array('PONumber', lpad(pg_temp.draw(o.n, 102, 100000)::text, 8, '0')),
               json_build_array('Note', pg_temp.pick(o.n, 103, w.odd_names)),
               json_build_array('Cost center', pg_temp.draw(o.n, 104, 100)))
           ELSE json_build_array(json_build_array('PONumber', 'qwe' || pg_temp.draw(o.n, 102, 10000)))
       END,
       o.created_at, o.changed_at
FROM (SELECT i.order_n AS n, 1000000 + i.order_n AS order_id, min(i.customer_id) AS customer_id,
             min(i.created_at) AS created_at, min(i.changed_at) AS changed_at, sum(oi.total) AS total
      FROM shop_item i JOIN shop.order_item oi ON oi.item_id = i.item_n
      GROUP BY i.order_n) o
CROSS JOIN shop_word w
ORDER BY o.n;

---------------------------------------------------------------------------
-- Invoices and payments
---------------------------------------------------------------------------

INSERT INTO shop.invoice (invoice_id, number, reseller_id, customer_id, order_id, issued_on, due_on, total, currency,
                          status, changed_at)
SELECT 500000 + o.n, 'INV-' || lpad(o.n::text, 8, '0'), c.parent_id, c.account_id, o.order_id,
       o.order_date, o.order_date + 30, o.total, c.currency,
       CASE pg_temp.draw(o.n, 111, 12) WHEN 0 THEN 'Draft' WHEN 1 THEN 'Overdue' WHEN 2 THEN 'Issued' ELSE 'Paid' END,
       o.changed_at
FROM (SELECT s.*, s.order_id - 1000000 AS n FROM shop.sales_order s) o
JOIN shop.account c ON c.account_id = o.customer_id
WHERE pg_temp.draw(o.n, 112, 20) > 0;

-- A customer settles with one payment what it was billed within a week.
CREATE TEMP TABLE shop_payment ON COMMIT DROP AS
SELECT row_number() OVER (ORDER BY min(i.changed_at), i.customer_id) AS n,
       i.customer_id, i.currency, max(i.changed_at) AS billed_at, sum(i.total) AS total,
       array_agg(i.invoice_id ORDER BY i.invoice_id) AS invoices
FROM shop.invoice i
WHERE i.status = 'Paid'
GROUP BY i.customer_id, i.currency, (i.issued_on - :'start'::date) / 7;

INSERT INTO shop.payment (payment_id, document_number, document_date, type, status, customer_id, total, currency,
                          reference_number, auth_code, description, processing_status, created_by, method_id,
                          pay_system, created_at, changed_at)
SELECT 9000000 + p.n, lpad(p.n::text, 7, '0'), p.paid_at::date, p.type,
       CASE pg_temp.draw(p.n, 122, 8) WHEN 0 THEN 'Hold' WHEN 1 THEN 'Open' ELSE 'Closed' END,
       p.customer_id, CASE p.type WHEN 'Void' THEN -p.total ELSE p.total END, p.currency,
       CASE WHEN p.type = 'Payment' THEN
           CASE WHEN pg_temp.draw(p.n, 123, 5) = 0 THEN '00' ELSE '' END || (2000000 + pg_temp.draw(p.n, 124, 999999)) END,
       CASE WHEN p.type = 'Payment' THEN
           CASE pg_temp.draw(p.n, 125, 4)
               WHEN 0 THEN lpad(pg_temp.draw(p.n, 126, 1000000)::text, 8, '0')
               WHEN 1 THEN (1 + pg_temp.draw(p.n, 126, 9)) || 'E' || (10 + pg_temp.draw(p.n, 127, 90))
               ELSE upper(substr(md5(p.n || '/' || :seed), 1, 6)) END END,
       CASE WHEN pg_temp.draw(p.n, 128, 10) = 0 THEN pg_temp.pick(p.n, 129, w.odd_names) END,
       pg_temp.pick(p.n, 130, '{Completed,Completed,Completed,In progress,Declined}'),
       pg_temp.pick(p.n, 131, w.first_names) || ' ' || pg_temp.pick(p.n, 132, w.last_names),
       CASE WHEN p.type = 'Payment' THEN 1 + pg_temp.draw(p.n, 133, 5) END,
       CASE WHEN p.type = 'Payment' THEN pg_temp.pick(p.n, 133, '{Card,Direct debit,Wallet,Transfer,Voucher}') END,
       p.paid_at, p.paid_at + pg_temp.draw(p.n, 134, 3600) * interval '1 second'
FROM (SELECT sp.*, sp.billed_at + pg_temp.draw(sp.n, 120, 5 * 86400) * interval '1 second' AS paid_at,
             CASE pg_temp.draw(sp.n, 121, 10) WHEN 0 THEN 'Void' WHEN 1 THEN 'Check' WHEN 2 THEN 'Check'
                 ELSE 'Payment' END AS type
      FROM shop_payment sp) p
CROSS JOIN shop_word w;

INSERT INTO shop.payment_invoice (payment_id, invoice_id)
SELECT 9000000 + p.n, i.invoice_id FROM shop_payment p CROSS JOIN LATERAL unnest(p.invoices) i(invoice_id);

---------------------------------------------------------------------------
-- Keys and indexes
---------------------------------------------------------------------------

CREATE INDEX ON shop.account (parent_id);
CREATE INDEX ON shop.account (changed_at);

ALTER TABLE shop.subscription ADD FOREIGN KEY (customer_id) REFERENCES shop.account,
    ADD FOREIGN KEY (offer_id) REFERENCES shop.offer;
CREATE INDEX ON shop.subscription (customer_id);
CREATE INDEX ON shop.subscription (changed_at);

ALTER TABLE shop.sales_order ADD FOREIGN KEY (customer_id) REFERENCES shop.account;
CREATE INDEX ON shop.sales_order (customer_id);
CREATE INDEX ON shop.sales_order (changed_at);

ALTER TABLE shop.order_item ADD FOREIGN KEY (order_id) REFERENCES shop.sales_order,
    ADD FOREIGN KEY (subscription_id) REFERENCES shop.subscription,
    ADD FOREIGN KEY (offer_id) REFERENCES shop.offer,
    ADD FOREIGN KEY (product_id) REFERENCES shop.product;
CREATE INDEX ON shop.order_item (order_id);
CREATE INDEX ON shop.order_item (subscription_id);

ALTER TABLE shop.invoice ADD FOREIGN KEY (reseller_id) REFERENCES shop.account,
    ADD FOREIGN KEY (customer_id) REFERENCES shop.account,
    ADD FOREIGN KEY (order_id) REFERENCES shop.sales_order,
    ADD UNIQUE (order_id);
CREATE INDEX ON shop.invoice (customer_id);
CREATE INDEX ON shop.invoice (changed_at);

ALTER TABLE shop.payment ADD FOREIGN KEY (customer_id) REFERENCES shop.account;
CREATE INDEX ON shop.payment (customer_id);
CREATE INDEX ON shop.payment (changed_at);

ALTER TABLE shop.payment_invoice ADD FOREIGN KEY (payment_id) REFERENCES shop.payment,
    ADD FOREIGN KEY (invoice_id) REFERENCES shop.invoice;
CREATE INDEX ON shop.payment_invoice (invoice_id);

---------------------------------------------------------------------------
-- Views: what the shop would show to whoever wants its data
---------------------------------------------------------------------------

CREATE VIEW shop.provisioned_orders AS
SELECT r.account_id AS reseller_account_id,
       r.name AS reseller_name,
       r.currency AS reseller_account_currency,
       rb.name AS reseller_billing_contact_name,
       rb.email AS reseller_billing_contact_email,
       rb.phone AS reseller_billing_contact_phone,
       rb.fax AS reseller_billing_contact_fax,
       ra.name AS reseller_admin_contact_name,
       ra.email AS reseller_admin_contact_email,
       ra.phone AS reseller_admin_contact_phone,
       ra.fax AS reseller_admin_contact_fax,
       rt.name AS reseller_tech_contact_name,
       rt.email AS reseller_tech_contact_email,
       rt.phone AS reseller_tech_contact_phone,
       rt.fax AS reseller_tech_contact_fax,
       r.attributes AS reseller_account_attributes,
       i.type AS reseller_detail_type,
       i.description AS reseller_detail_description,
       i.quantity AS reseller_detail_qty,
       i.cost_price AS reseller_detail_unit_price,
       i.cost_total AS reseller_detail_total,
       i.start_date AS reseller_detail_start_date,
       i.end_date AS reseller_detail_end_date,
       p.sku AS reseller_detail_sku,
       c.account_id AS customer_account_id,
       c.name AS customer_name,
       c.currency AS customer_account_currency,
       cb.name AS customer_billing_contact_name,
       cb.email AS customer_billing_contact_email,
       cb.phone AS customer_billing_contact_phone,
       ca.name AS customer_admin_contact_name,
       ca.email AS customer_admin_contact_email,
       ca.phone AS customer_admin_contact_phone,
       ct.name AS customer_tech_contact_name,
       ct.email AS customer_tech_contact_email,
       ct.phone AS customer_tech_contact_phone,
       c.attributes AS customer_account_attributes,
       i.offer_id AS customer_plan_id,
       p.product_id AS customer_resource_id,
       p.name AS customer_resource_name,
       p.mpn AS customer_resource_mpn,
       o.order_id AS customer_order_id,
       o.order_number AS customer_order_number,
       o.order_date AS customer_order_date,
       o.total AS customer_order_total,
       o.attributes AS customer_order_attributes,
       i.type AS customer_detail_type,
       i.description AS customer_detail_description,
       i.quantity AS customer_detail_qty,
       i.unit_price AS customer_detail_unit_price,
       i.total AS customer_detail_total,
       i.start_date AS customer_detail_start_date,
       i.end_date AS customer_detail_end_date,
       p.sku AS customer_detail_sku,
       s.subscription_id,
       s.name AS subscription_name,
       s.status AS subscription_status,
       s.start_date AS subscription_start_date,
       s.expiration_date AS subscription_exp_date,
       s.billing_period_type AS subscription_billing_period_type,
       s.billing_period AS subscription_billing_period,
       s.attributes AS subscription_attributes,
       s.vendor_number AS vendor_subscription_number,
       v.invoice_id,
       i.item_id AS order_item_id,
       o.changed_at
FROM shop.order_item i
JOIN shop.sales_order o ON o.order_id = i.order_id
JOIN shop.subscription s ON s.subscription_id = i.subscription_id
JOIN shop.product p ON p.product_id = i.product_id
JOIN shop.account c ON c.account_id = o.customer_id
JOIN shop.account r ON r.account_id = c.parent_id
LEFT JOIN shop.contact cb ON cb.account_id = c.account_id AND cb.role = 'billing'
LEFT JOIN shop.contact ca ON ca.account_id = c.account_id AND ca.role = 'admin'
LEFT JOIN shop.contact ct ON ct.account_id = c.account_id AND ct.role = 'tech'
LEFT JOIN shop.contact rb ON rb.account_id = r.account_id AND rb.role = 'billing'
LEFT JOIN shop.contact ra ON ra.account_id = r.account_id AND ra.role = 'admin'
LEFT JOIN shop.contact rt ON rt.account_id = r.account_id AND rt.role = 'tech'
LEFT JOIN shop.invoice v ON v.order_id = o.order_id;
COMMENT ON VIEW shop.provisioned_orders IS 'one row for each provisioned order item';

CREATE VIEW shop.payments AS
SELECT r.account_id AS reseller_account_id,
       r.name AS reseller_name,
       r.currency AS reseller_account_currency,
       rb.name AS reseller_billing_contact_name,
       rb.email AS reseller_billing_contact_email,
       rb.phone AS reseller_billing_contact_phone,
       rb.fax AS reseller_billing_contact_fax,
       ra.name AS reseller_admin_contact_name,
       ra.email AS reseller_admin_contact_email,
       ra.phone AS reseller_admin_contact_phone,
       ra.fax AS reseller_admin_contact_fax,
       rt.name AS reseller_tech_contact_name,
       rt.email AS reseller_tech_contact_email,
       rt.phone AS reseller_tech_contact_phone,
       rt.fax AS reseller_tech_contact_fax,
       r.attributes AS reseller_account_attributes,
       c.account_id AS customer_account_id,
       c.name AS customer_name,
       c.currency AS customer_account_currency,
       cb.name AS customer_billing_contact_name,
       cb.email AS customer_billing_contact_email,
       cb.phone AS customer_billing_contact_phone,
       ca.name AS customer_admin_contact_name,
       ca.email AS customer_admin_contact_email,
       ca.phone AS customer_admin_contact_phone,
       ct.name AS customer_tech_contact_name,
       ct.email AS customer_tech_contact_email,
       ct.phone AS customer_tech_contact_phone,
       c.attributes AS customer_account_attributes,
       p.document_number AS customer_payment_document_number,
       p.document_date AS customer_payment_document_date,
       p.type AS customer_payment_document_type,
       p.status AS customer_payment_status,
       p.total AS customer_payment_total,
       p.currency AS customer_payment_currency_id,
       p.reference_number AS customer_payment_reference_number,
       p.auth_code AS customer_payment_auth_code,
       p.description AS customer_payment_description,
       p.created_at AS customer_payment_creation_time,
       p.processing_status AS customer_payment_processing_status,
       p.created_by AS customer_payment_created_by,
       p.method_id AS customer_payment_method_id,
       p.pay_system AS customer_payment_method_pay_system,
       (SELECT json_agg(v.number ORDER BY v.invoice_id)
        FROM shop.payment_invoice pi JOIN shop.invoice v ON v.invoice_id = pi.invoice_id
        WHERE pi.payment_id = p.payment_id) AS invoices,
       p.payment_id,
       p.changed_at
FROM shop.payment p
JOIN shop.account c ON c.account_id = p.customer_id
JOIN shop.account r ON r.account_id = c.parent_id
LEFT JOIN shop.contact cb ON cb.account_id = c.account_id AND cb.role = 'billing'
LEFT JOIN shop.contact ca ON ca.account_id = c.account_id AND ca.role = 'admin'
LEFT JOIN shop.contact ct ON ct.account_id = c.account_id AND ct.role = 'tech'
LEFT JOIN shop.contact rb ON rb.account_id = r.account_id AND rb.role = 'billing'
LEFT JOIN shop.contact ra ON ra.account_id = r.account_id AND ra.role = 'admin'
LEFT JOIN shop.contact rt ON rt.account_id = r.account_id AND rt.role = 'tech';
COMMENT ON VIEW shop.payments IS 'one row for each payment document';

CREATE VIEW shop.invoices AS
SELECT v.invoice_id, v.number, v.reseller_id, v.customer_id, c.name AS customer_name, o.order_number,
       v.issued_on, v.due_on, v.total, v.currency, v.status, v.changed_at
FROM shop.invoice v
JOIN shop.account c ON c.account_id = v.customer_id
JOIN shop.sales_order o ON o.order_id = v.order_id;
COMMENT ON VIEW shop.invoices IS 'one row for each invoice';

CREATE VIEW shop.subscriptions AS
SELECT s.subscription_id, c.parent_id AS reseller_id, s.customer_id, c.name AS customer_name, s.offer_id,
       f.product_id, p.name AS product_name, s.name, s.status, s.start_date, s.expiration_date,
       s.billing_period_type, s.billing_period, s.vendor_number, s.attributes, s.changed_at
FROM shop.subscription s
JOIN shop.account c ON c.account_id = s.customer_id
JOIN shop.offer f ON f.offer_id = s.offer_id
JOIN shop.product p ON p.product_id = f.product_id;
COMMENT ON VIEW shop.subscriptions IS 'one row for each subscription';

CREATE VIEW shop.accounts AS
SELECT c.account_id, c.parent_id AS reseller_id, c.kind, c.level, c.name, c.currency, c.attributes, c.note,
       b.name AS contact_name, b.email AS contact_email, b.phone AS contact_phone, c.created_at, c.changed_at
FROM shop.account c
LEFT JOIN shop.contact b ON b.account_id = c.account_id AND b.role = 'billing'
WHERE c.parent_id IS NOT NULL;
COMMENT ON VIEW shop.accounts IS 'one row for each account below the provider, with its billing contact';

ANALYZE shop.account, shop.contact, shop.product, shop.offer, shop.subscription, shop.sales_order, shop.order_item,
    shop.invoice, shop.payment, shop.payment_invoice;

COMMIT;

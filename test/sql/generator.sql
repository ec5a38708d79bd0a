-- Accounts and generators: what is accepted, what is refused and how.  Watched
-- tables: which rows become events, and which reports are submitted for them.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
SET IntervalStyle = 'postgres';
CREATE EXTENSION rde;
CREATE ROLE regress_rde_billing;
CREATE ROLE regress_rde_l1;
CREATE ROLE regress_rde_root SUPERUSER;
CREATE ROLE regress_rde_stranger;
CREATE SCHEMA billing AUTHORIZATION regress_rde_billing;
GRANT USAGE ON SCHEMA billing TO regress_rde_stranger;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO regress_rde_billing, regress_rde_stranger;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
SET ROLE regress_rde_billing;
CREATE TABLE billing.line (
    line_id bigint PRIMARY KEY,
    reseller_id bigint,
    invoice_id bigint,
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_on date NOT NULL DEFAULT now(),
    changed_s bigint NOT NULL DEFAULT extract(epoch FROM now()),
    change xid8 NOT NULL DEFAULT pg_current_xact_id()
);
RESET ROLE;
SELECT rde_create_dataset('lines', 'Lines');
SELECT rde_create_dataset('stamped', 'Lines with a change column');
RESET client_min_messages;

--
-- accounts
--
SELECT rde_create_account(NULL, 'nobody');
SELECT rde_create_account(1, NULL);
SELECT rde_create_account(1, E'two\nlines');
SELECT rde_create_account(1, 'Provider', scope => 'all');
SELECT rde_create_account(1, 'Provider', scope => NULL);
SELECT rde_create_account(1, 'Provider', time_zone => 'Mars/Olympus');
SELECT rde_create_account(1, 'Provider', role => 'regress_rde_nobody');
SELECT rde_create_account(1, 'Provider', role => 'regress_rde_root');
SELECT rde_create_account(1, 'Provider', parent => 9);
SELECT rde_create_account(1, 'Provider', parent => 1);
SELECT rde_create_account(1, 'Provider', scope => 'provider', time_zone => 'europe/berlin');
SELECT rde_create_account(1, 'Another');
SELECT rde_create_account(11, 'L1', 1, 'regress_rde_l1', scope => 'provider');
SELECT rde_create_account(12, 'L1 too', 1, 'regress_rde_l1');
SELECT rde_create_account(12, 'L1 too', 1);
SELECT rde_create_account(111, 'L2', 11);
SELECT * FROM rde_accounts ORDER BY id;

SELECT rde_alter_account(NULL);
SELECT rde_alter_account(9);
SELECT rde_alter_account(1, parent => 111);
SELECT rde_alter_account(12, role => 'regress_rde_l1');
SELECT rde_alter_account(12, scope => 'none');
SELECT rde_alter_account(12, clear => '{name}');
SELECT rde_alter_account(12, clear => '{NULL}');
SELECT rde_alter_account(12, clear => NULL);
SELECT rde_alter_account(12, parent => 11, clear => '{parent}');
SELECT rde_alter_account(12, 'L1 two', 11, time_zone => 'UTC');
SELECT rde_alter_account(11, role => 'regress_rde_l1', clear => '{time_zone}');
SELECT rde_alter_account(1);
SELECT * FROM rde_accounts ORDER BY id;
SELECT rde_alter_account(12, parent => 1, clear => '{time_zone}');
SELECT * FROM rde_accounts WHERE id = 12;

-- whose rows a report may hold
SELECT r, _rde_scope_resellers(r, NULL::text), _rde_scope_resellers(r, 'reseller'::text) FROM unnest('{1,11,12,111,9}'::bigint[]) r;
SELECT _rde_scope_resellers(11::bigint, 'provider'::text);
SELECT _rde_scope_resellers(12::bigint, 'provider'::text);
SELECT _rde_scope_resellers(9::bigint, 'provider'::text);

-- the switches
SELECT rde_set_on_invoice(1, NULL);
SELECT rde_set_on_invoice(9, true);
SELECT rde_set_on_invoice(1, false, 111);
SELECT rde_set_on_invoice(1, false);
SELECT rde_set_on_invoice(1, true, 12);
SELECT rde_set_on_invoice(11, false, 111);
SELECT id, on_invoice, children_on_invoice FROM rde_accounts ORDER BY id;
SELECT rde_set_on_invoice(1, true);
SELECT rde_set_on_invoice(11, true, 111);
SELECT id, on_invoice, children_on_invoice FROM rde_accounts ORDER BY id;

--
-- generators
--
SELECT rde_create_generator('lines', 'g', '{csv}', 'daily');
SET client_min_messages = warning;
SELECT rde_attach('lines', 'billing.line', 'reseller_id', 'changed_at');
RESET client_min_messages;
SELECT rde_create_generator('lines', 'g', '{csv}', 'on_invoice');
SELECT rde_attach('lines', 'billing.line', 'reseller_id', 'changed_at', invoice => 'invoice_id');
SELECT rde_attach('stamped', 'billing.line', 'reseller_id', 'changed_at', change => 'change');
SELECT rde_create_generator('lines', NULL, '{csv}', 'daily');
SELECT rde_create_generator('lines', '', '{csv}', 'daily');
SELECT rde_create_generator('nothing', 'g', '{csv}', 'daily');
SELECT rde_create_generator('lines', 'g', NULL::text[], 'daily');
SELECT rde_create_generator('lines', 'g', '{pdf}', 'daily');
SELECT rde_create_generator('lines', 'g', '{}', 'daily');
SELECT rde_create_generator('lines', 'g', '{csv,"",xml}', 'daily');
SELECT rde_create_generator('lines', 'g', '{xlsx,XSLX}', 'daily');
SELECT rde_create_generator('lines', 'g', '{csv}', 'hourly');
SELECT rde_create_generator('lines', 'g', '{csv}', NULL);
SELECT rde_create_generator('lines', 'g', '{csv}', 'daily', 'nosuch');
SELECT rde_create_generator('lines', 'g', '{csv}', 'daily', time_zone => 'nowhere');
SELECT rde_create_generator('lines', 'g', '{csv}', 'daily', month_day => 2);
SELECT rde_create_generator('lines', 'g', '{csv}', 'monthly', month_day => 32);
SELECT rde_create_generator('lines', 'g', '{csv}', 'weekly', month_day => 2);
SELECT rde_create_generator('lines', 'g', '{csv}', 'weekly', week_day => 0);
SELECT rde_create_generator('lines', 'g', '{csv}', 'weekly', week_day => 8);
SELECT rde_create_generator('lines', 'g', '{csv}', 'weekly', week_day => NULL);
SELECT rde_create_generator('lines', 'g', '{csv}', 'quarterly', week_day => 2);
SELECT rde_create_generator('lines', 'g', '{csv}', 'quarterly', month_start => 2);
SELECT rde_create_generator('lines', 'g', '{csv}', 'quarterly', month_day => 0);
SELECT rde_create_generator('lines', 'g', '{csv}', 'monthly', month_start => 29);
SELECT rde_create_generator('lines', 'g', '{csv}', 'monthly', month_start => 0);
SELECT rde_create_generator('lines', 'g', '{csv}', 'on_invoice', run_at => '01:00');
SELECT rde_create_generator('lines', 'g', '{csv}', 'manual', start => '2020-01-01');
SELECT rde_create_generator('lines', 'g', '{csv}', 'manual', catch_up => 'none');
SELECT rde_create_generator('lines', 'g', '{csv}', 'daily', catch_up => 'some');
SELECT rde_create_generator('lines', 'g', '{csv}', 'daily', start => 'infinity');
SELECT rde_create_generator('lines', 'g', '{csv}', 'daily', retention => '-1 day');
SELECT rde_create_generator('lines', 'g', '{csv}', 'daily', options => '{"zip": true}');
SELECT rde_create_generator('lines', 'g', '{csv}', 'daily', options => NULL);
SELECT rde_create_generator('lines', 'g', '{csv}', 'daily', reseller => 12, options => '{"scope": "provider"}');
SELECT rde_create_generator('stamped', 'g', '{csv}', 'daily', start => current_date - 1);

SELECT rde_create_generator('lines', 'year', '{CSV,xslx}', 'monthly', 'full', 1, month_day => 31, run_at => '06:30',
    start => '2024-01-15', catch_up => 'none', retention => '2 years', options => '{"csv": {"delimiter": ";"}}') AS monthly \gset
SELECT rde_create_generator('lines', 'day', '{json}', 'daily', time_zone => 'America/New_York', start => '2024-03-10') AS daily \gset
SELECT rde_create_generator('lines', 'day', '{json}', 'daily');
SELECT rde_create_generator('lines', 'year', '{json}', 'manual', reseller => 1);
SELECT rde_create_generator('lines', 'by hand', '{xml}', 'manual', reseller => 12) AS manual \gset
SELECT rde_create_generator('stamped', 'changes', '{csv,json}', 'daily') AS stamped \gset
\x on
SELECT name, dataset, view, formats, event, reseller, time_zone, month_day, run_at, start, catch_up, retention, options, enabled,
    disabled_reason, next_from, next_to, next_run_at
FROM _rde_generator WHERE name IN ('year', 'day') ORDER BY name;
\x off
SELECT name, start = current_date AS today, next_from = date_trunc('day', now()) AS from_today, next_run_at IS NULL AS unscheduled
FROM _rde_generator WHERE name IN ('by hand', 'changes') ORDER BY name;
-- changes are counted from here on, whatever this transaction still does
BEGIN;
SELECT pg_current_xact_id() AS own \gset
SAVEPOINT later;
CREATE TABLE a_later_transaction_id ();
ROLLBACK TO later;
SELECT rde_create_generator('stamped', 'mine', '{csv}', 'daily') AS mine \gset
SELECT s.format, pg_visible_in_snapshot(:'own', s.snapshot) AS own_seen,
    s.system_identifier = c.system_identifier AS here
FROM _rde_generator_snapshot s, pg_control_system() c WHERE s.generator = :'mine';
ROLLBACK;
SELECT g.name, s.format FROM _rde_generator_snapshot s JOIN _rde_generator g ON g.id = s.generator ORDER BY 1, 2;

-- changing them
SELECT rde_alter_generator(NULL);
SELECT rde_alter_generator('00000000-0000-0000-0000-000000000000');
SELECT rde_alter_generator(:'manual', month_day => 1);
SELECT rde_alter_generator(:'manual', run_at => '00:00');
SELECT rde_alter_generator(:'manual', formats => '{xml,xml}');
SELECT rde_alter_generator(:'manual', view => 'nosuch');
SELECT rde_alter_generator(:'manual', retention => '0');
SELECT rde_alter_generator(:'manual', options => '{"scope": "provider"}');
SELECT rde_alter_generator(:'manual', clear => '{name}');
SELECT rde_alter_generator(:'manual', view => 'full', clear => '{view}');
SELECT rde_create_generator('lines', 'year', '{csv}', 'manual', reseller => 12) IS NOT NULL AS other_reseller;
SELECT rde_alter_generator(:'manual', 'year');
SELECT rde_alter_generator(:'monthly', time_zone => 'utc', month_day => 5, run_at => '00:00', formats => '{csv}', clear => '{view,retention}');
SELECT rde_alter_generator(:'daily', 'each day', time_zone => 'Asia/Tokyo', catch_up => 'none');
SELECT name, view, formats, time_zone, month_day, run_at, catch_up, retention, next_from, next_to, next_run_at
FROM _rde_generator WHERE id IN (:'monthly', :'daily') ORDER BY name;
-- weeks, quarters, and months that begin on another day
BEGIN;
SELECT rde_create_generator('lines', 'week', '{csv}', 'weekly', week_day => 7, run_at => '06:00', start => '2024-01-10') AS week \gset
SELECT rde_create_generator('lines', 'quarter', '{csv}', 'quarterly', month_day => 5, start => '2024-03-10') AS quarter \gset
SELECT rde_create_generator('lines', 'month', '{csv}', 'monthly', month_start => 25, start => '2024-01-24') AS month \gset
SELECT rde_create_generator('lines', 'month, later', '{csv}', 'monthly', month_start => 25, month_day => 1, start => '2024-01-25') AS later \gset
CREATE VIEW calendar AS
    SELECT name, event, week_day, month_start, month_day, run_at, start, next_from, next_to, next_run_at
    FROM rde_generators WHERE id IN (:'week', :'quarter', :'month', :'later') ORDER BY name;
SELECT * FROM calendar;
-- what follows begins where it would have begun, and ends where the new calendar says
SELECT rde_alter_generator(:'week', week_day => 1), rde_alter_generator(:'quarter', month_day => 31),
    rde_alter_generator(:'month', month_start => 10), rde_alter_generator(:'later', month_start => 2);
SELECT * FROM calendar;
SAVEPOINT unchanged;
SELECT rde_alter_generator(:'week', week_day => 8);
ROLLBACK TO unchanged;
SELECT rde_alter_generator(:'week', month_start => 2);
ROLLBACK TO unchanged;
SELECT rde_alter_generator(:'month', month_start => 29);
ROLLBACK TO unchanged;
SELECT rde_alter_generator(:'quarter', month_start => 2);
ROLLBACK TO unchanged;
SELECT _rde_next_period('yearly'::text, now(), 'UTC'::text, 1, 1, 1, time '00:00');
ROLLBACK;
-- an added format goes on where the others are
UPDATE _rde_generator_snapshot SET snapshot = '10:20:', taken_at = '2024-01-01' WHERE format = 'csv';
UPDATE _rde_generator_snapshot SET snapshot = '10:30:', taken_at = '2024-01-02' WHERE format = 'json';
SELECT rde_alter_generator(:'stamped', formats => '{csv,xml}');
SELECT format, snapshot FROM _rde_generator_snapshot ORDER BY format;
SELECT rde_alter_generator(:'stamped', formats => '{xlsx}');
SELECT format, snapshot FROM _rde_generator_snapshot ORDER BY format;

-- chosen days
SELECT rde_run_generator(:'manual', NULL, '2024-01-01');
SELECT rde_run_generator(:'manual', '2024-01-02', '2024-01-01');
SELECT rde_run_generator(:'manual', '2024-01-02', 'infinity');
SELECT rde_run_generator('00000000-0000-0000-0000-000000000000', '2024-01-01', '2024-01-01');
SELECT rde_alter_generator(:'daily', formats => '{csv,json}', time_zone => 'America/New_York', retention => '1 year');
SELECT count(*) FROM rde_run_generator(:'daily', '2024-03-10', '2024-03-10');
SELECT name, view, format, type, status, reseller, period_from, period_to, time_zone, retention,
    generator = :'daily' AS linked, count(*) OVER (PARTITION BY pass) AS formats,
    expires_at - submitted_at > interval '364 days' AS kept
FROM _rde_report ORDER BY format;

-- off and on again: final errors are submitted once more
SELECT rde_alter_generator(:'daily', enabled => false);
SELECT enabled, disabled_reason = 'disabled by ' || session_user AS by_me FROM _rde_generator WHERE id = :'daily';
UPDATE _rde_report SET status = 'error', attempts = 3, error = 'e', sqlstate = '22012', failed_at = now(), lost_claims = 2,
    retry_at = CASE format WHEN 'csv' THEN now() END;
UPDATE _rde_generator SET enabled_at = '2024-01-01' WHERE id = :'daily';
SELECT rde_alter_generator(:'daily', enabled => true);
SELECT enabled, disabled_reason, enabled_at > '2024-01-02' AS since_now FROM _rde_generator WHERE id = :'daily';
SELECT format, status, attempts, error, sqlstate, failed_at IS NULL AS cleared, retry_at IS NULL AS at_once, lost_claims
FROM _rde_report ORDER BY format;

-- what is in use cannot be dropped
SELECT rde_drop_account(1);
SELECT rde_drop_account(12);
SELECT rde_drop_account(9);
SELECT rde_drop_dataset('stamped');
UPDATE _rde_report SET status = 'completed', published_at = now(), row_count = 0, sha256 = '', file_bytes = 0, file_name = ''
WHERE format = 'csv';
SELECT rde_drop_generator(:'daily');
SELECT format, status FROM _rde_report;
SELECT rde_drop_generator('00000000-0000-0000-0000-000000000000');
SELECT count(rde_drop_generator(id)) FROM _rde_generator;
SELECT rde_drop_account(12);
SELECT rde_create_account(12, 'L1 too', 1);
DELETE FROM _rde_report;
SELECT count(*) FROM _rde_generator_snapshot;

--
-- watched tables
--
SET ROLE regress_rde_billing;
CREATE TYPE billing.state AS ENUM ('draft', 'issued', 'void');
CREATE DOMAIN billing.number AS varchar(20);
CREATE TABLE billing.invoice (
    invoice_id bigint,
    reseller_id integer NOT NULL,
    number billing.number,
    padded char(8),
    state billing.state,
    amount numeric,
    tags text[],
    month integer NOT NULL DEFAULT 1
) PARTITION BY LIST (month);
CREATE TABLE billing.invoice_1 PARTITION OF billing.invoice FOR VALUES IN (1);
CREATE TABLE billing.invoice_later PARTITION OF billing.invoice FOR VALUES IN (2, 3) PARTITION BY LIST (month);
CREATE TABLE billing.invoice_2 PARTITION OF billing.invoice_later FOR VALUES IN (2);
CREATE TABLE billing.simple (id text PRIMARY KEY, reseller varchar, posted boolean, status text, day date);
CREATE VIEW billing.invoices AS SELECT * FROM billing.simple;
RESET ROLE;
CREATE FOREIGN DATA WRAPPER regress_rde_nothing;
CREATE SERVER regress_rde_nowhere FOREIGN DATA WRAPPER regress_rde_nothing;
CREATE FOREIGN TABLE billing.far (id bigint, reseller bigint) SERVER regress_rde_nowhere;
CREATE TABLE billing.wide (id bigint, reseller bigint) PARTITION BY LIST (reseller);
CREATE FOREIGN TABLE billing.wide_far PARTITION OF billing.wide DEFAULT SERVER regress_rde_nowhere;
CREATE TABLE billing.applied (id bigint, reseller bigint);
SET client_min_messages = error;
CREATE SUBSCRIPTION regress_rde_subscription CONNECTION '' PUBLICATION p WITH (connect = false);
RESET client_min_messages;
SET allow_system_table_mods = on;
INSERT INTO pg_subscription_rel SELECT oid, 'billing.applied'::regclass, 'r' FROM pg_subscription;
CREATE TEMP TABLE temporary (id bigint, reseller bigint);

-- refused, each with what to do instead
SELECT rde_watch_invoices(NULL, 'a', 'b');
SELECT rde_watch_invoices('billing.simple', NULL, 'id');
SELECT rde_watch_invoices('billing.simple', 'reseller', NULL);
SELECT rde_watch_invoices('billing.simple', 'reseller', 'id', 'status');
SELECT rde_watch_invoices(1::regclass, 'reseller', 'id');
SELECT rde_watch_invoices('billing.invoices', 'reseller', 'id');
SELECT rde_watch_invoices('billing.far', 'reseller', 'id');
SELECT rde_watch_invoices('billing.wide', 'reseller', 'id');
SELECT rde_watch_invoices('billing.applied', 'reseller', 'id');
SELECT rde_watch_invoices('temporary', 'reseller', 'id');
SELECT rde_watch_invoices('billing.invoice_2', 'reseller_id', 'invoice_id');
SELECT rde_watch_invoices('_rde_invoice_event', 'reseller', 'invoice');
SELECT rde_watch_invoices('billing.simple', 'nosuch', 'id');
SELECT rde_watch_invoices('billing.simple', 'reseller', 'day');
SELECT rde_watch_invoices('billing.simple', 'posted', 'id');
SELECT rde_watch_invoices('billing.simple', 'reseller', 'id', 'day', '2020-01-01');
SELECT rde_watch_invoices('billing.invoice', 'reseller_id', 'invoice_id', 'state', 'sent');
SELECT rde_watch_invoices('billing.simple', 'reseller', 'id', 'posted', 'maybe');
DELETE FROM pg_subscription_rel;
ALTER SUBSCRIPTION regress_rde_subscription SET (slot_name = NONE);
DROP SUBSCRIPTION regress_rde_subscription;
RESET allow_system_table_mods;
SET ROLE regress_rde_stranger;
SELECT rde_watch_invoices('billing.simple', 'reseller', 'id');
RESET ROLE;
SELECT rde_unwatch_invoices(NULL);
SELECT rde_unwatch_invoices('billing.simple');
SELECT rde_sweep_invoices('billing.simple', now());
SELECT rde_sweep_invoices('billing.simple', NULL);
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'rde%';

-- a partitioned table: through it, and straight into its partitions
SET ROLE regress_rde_billing;
SELECT rde_watch_invoices('billing.invoice', 'RESELLER_ID', 'invoice_id');
INSERT INTO billing.invoice (invoice_id, reseller_id, month) VALUES (1, 11, 1), (2, 12, 2);
INSERT INTO billing.invoice_1 (invoice_id, reseller_id) VALUES (3, 111);
INSERT INTO billing.invoice_later (invoice_id, reseller_id, month) VALUES (4, 111, 2);
INSERT INTO billing.invoice_2 (invoice_id, reseller_id, month) SELECT n, n, 2 FROM generate_series(5, 6) n;
INSERT INTO billing.invoice (invoice_id, reseller_id) SELECT 7, 7 WHERE false;
UPDATE billing.invoice SET state = 'issued';
COPY billing.invoice (invoice_id, reseller_id) FROM stdin;
8	8
\.
BEGIN;
INSERT INTO billing.invoice (invoice_id, reseller_id) VALUES (9, 9);
ROLLBACK;
RESET ROLE;
SELECT reseller, invoice FROM _rde_invoice_event ORDER BY 2, 1;
DELETE FROM _rde_invoice_event;
-- one added later is told of, until it is watched again
SET ROLE regress_rde_billing;
CREATE TABLE billing.invoice_3 PARTITION OF billing.invoice_later FOR VALUES IN (3);
RESET ROLE;
SELECT relation, reseller_column, invoice_column, when_column, when_value, uncovered FROM rde_invoice_watches;
SELECT rde_watch_invoices('billing.invoice', 'reseller_id', 'number');
SELECT relation, reseller_column, invoice_column, when_column, when_value, uncovered FROM rde_invoice_watches;
INSERT INTO billing.invoice_3 (number, reseller_id, month) VALUES ('a', 1, 3), (NULL, 2, 3);
SELECT reseller, invoice FROM _rde_invoice_event ORDER BY 2, 1;
DELETE FROM _rde_invoice_event;
SELECT count(DISTINCT tgfoid) AS functions, count(*) AS triggers FROM pg_trigger WHERE tgname LIKE 'rde%';

-- draft and issued; a row that moves between partitions
SELECT rde_watch_invoices('billing.invoice', 'reseller_id', 'invoice_id', 'state', 'issued');
TRUNCATE billing.invoice;
INSERT INTO billing.invoice (invoice_id, reseller_id, state) VALUES (1, 11, 'draft'), (2, 11, 'issued'), (3, 12, NULL);
SELECT invoice AS inserted FROM _rde_invoice_event ORDER BY 1;
DELETE FROM _rde_invoice_event;
UPDATE billing.invoice SET state = 'issued' WHERE invoice_id <= 2;
UPDATE billing.invoice SET amount = 1;
UPDATE billing.invoice_1 SET state = 'issued' WHERE invoice_id = 3;
UPDATE billing.invoice SET state = 'void' WHERE invoice_id = 2;
UPDATE billing.invoice SET state = 'issued', month = 2 WHERE invoice_id = 2;
UPDATE billing.invoice SET month = 3 WHERE invoice_id = 2;
UPDATE billing.invoice SET invoice_id = 4 WHERE invoice_id = 2;
SELECT invoice AS updated FROM _rde_invoice_event ORDER BY happened_at;
DELETE FROM _rde_invoice_event;
-- without a state no update counts, and no trigger is left for it
SELECT rde_watch_invoices('billing.invoice', 'reseller_id', 'padded');
INSERT INTO billing.invoice (padded, reseller_id, state) VALUES ('INV-1', 11, 'draft');
UPDATE billing.invoice SET state = 'issued';
SELECT invoice || '|' AS padded FROM _rde_invoice_event;
SELECT tgname, count(*) FROM pg_trigger WHERE tgname LIKE 'rde%' GROUP BY 1;
DELETE FROM _rde_invoice_event;
-- values as the column's type spells them, in a table with children
SET ROLE regress_rde_billing;
CREATE TABLE billing.child () INHERITS (billing.simple);
SELECT rde_watch_invoices('billing.simple', 'reseller', 'id', 'posted', 'yes');
INSERT INTO billing.simple VALUES ('a', '11', true), ('b', '11', false);
INSERT INTO billing.child VALUES ('it''s %s', '11', true);
RESET ROLE;
SELECT invoice FROM _rde_invoice_event ORDER BY 1;
SELECT relation, when_column, when_value FROM rde_invoice_watches ORDER BY relation::text;
DELETE FROM _rde_invoice_event;

-- names that mean something else where rows are recorded; and each of them gone
CREATE TABLE billing.named (found bigint, n text, "50%s r.x" text, rde_invoices text);
SELECT rde_watch_invoices('billing.named', 'found', '50%s r.x', 'rde_invoices', 'yes');
INSERT INTO billing.named VALUES (11, 'n', 'N-1', 'yes'), (11, 'n', 'N-2', 'no'), (11, 'n', NULL, 'yes'), (NULL, 'n', 'N-3', 'yes');
UPDATE billing.named SET rde_invoices = 'yes';
SELECT reseller, invoice FROM _rde_invoice_event ORDER BY 2;
DELETE FROM _rde_invoice_event;
ALTER TABLE billing.named RENAME found TO lost;
INSERT INTO billing.named VALUES (11, 'n', 'N-4', 'yes');
ALTER TABLE billing.named RENAME lost TO found;
ALTER TABLE billing.named DROP "50%s r.x";
INSERT INTO billing.named VALUES (11, 'n', 'yes');
ALTER TABLE billing.named ADD "50%s r.x" integer, DROP rde_invoices;
INSERT INTO billing.named VALUES (11, 'n', 5);
ALTER TABLE billing.named ADD rde_invoices name;
INSERT INTO billing.named VALUES (11, 'n', 6, 'yes'), (12, 'n', 7, 'no');
SELECT reseller, invoice FROM _rde_invoice_event ORDER BY 2;
DELETE FROM _rde_invoice_event;
SELECT rde_unwatch_invoices('billing.named');
DROP TABLE billing.named;

-- A type of the table's owner runs nothing with the rights of the extension's.
SET ROLE regress_rde_billing;
CREATE FUNCTION billing.caught(billing.state) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RAISE EXCEPTION 'ran as %', current_user;
END $$;
CREATE FUNCTION billing.folded(billing.state) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT billing.caught('draft')$$;
CREATE CAST (billing.state AS text) WITH FUNCTION billing.folded(billing.state) AS IMPLICIT;
CREATE FUNCTION billing.caught(billing.state, billing.state) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RAISE EXCEPTION 'ran as %', current_user;
END $$;
CREATE OPERATOR billing.= (LEFTARG = billing.state, RIGHTARG = billing.state, FUNCTION = billing.caught);
CREATE TABLE billing.typed (id bigint, reseller bigint, state billing.state);
SELECT rde_watch_invoices('billing.typed', 'reseller', 'id', 'state', 'issued');
SET search_path = billing, public;
INSERT INTO billing.typed VALUES (1, 1, 'issued'), (2, 1, 'draft');
RESET search_path;
ALTER TABLE billing.typed ALTER COLUMN id TYPE billing.state USING 'void', ALTER COLUMN reseller TYPE billing.state[] USING '{draft}';
INSERT INTO billing.typed VALUES ('issued', '{issued}', 'issued');
RESET ROLE;
SELECT reseller, invoice FROM _rde_invoice_event ORDER BY 1;
DELETE FROM _rde_invoice_event;
-- whatever is wrong, billing goes on
SET ROLE regress_rde_billing;
ALTER TABLE billing.typed RENAME COLUMN id TO invoice_id;
INSERT INTO billing.typed VALUES ('issued', '{issued}', 'issued');
SELECT count(*) FROM billing.typed;
SELECT bool_or(has_function_privilege('public', p.oid, 'EXECUTE')) AS anybody FROM pg_proc p
WHERE p.prorettype = 'trigger'::regtype AND p.proname LIKE '\_rde\_recorder\_%';
RESET ROLE;

-- a partition that was detached is let go with its table
SET ROLE regress_rde_billing;
ALTER TABLE billing.invoice DETACH PARTITION billing.invoice_1;
SELECT rde_unwatch_invoices('billing.invoice');
SELECT rde_unwatch_invoices('billing.typed');
RESET ROLE;
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE 'rde%' ORDER BY tgrelid::regclass::text, tgname;
SET ROLE regress_rde_stranger;
SELECT rde_unwatch_invoices('billing.simple');
RESET ROLE;
SELECT relation FROM rde_invoice_watches;

--
-- from events to reports
--
SET ROLE regress_rde_billing;
CREATE TABLE billing.bill (id bigint PRIMARY KEY, reseller bigint, status text NOT NULL DEFAULT 'issued');
SELECT rde_watch_invoices('billing.bill', 'reseller', 'id', 'status', 'issued', '{lines,nosuch}');
SELECT rde_watch_invoices('billing.bill', 'reseller', 'id', 'status', 'issued', '{stamped}');
SELECT rde_watch_invoices('billing.bill', 'reseller', 'id', 'status', 'issued');
RESET ROLE;
SELECT count(*) FROM (VALUES
    ('all', NULL, 'csv', '{}'), ('provider', 1, 'csv,json', '{}'), ('l1', 11, 'csv', '{}'), ('l1 own', 11, 'csv', '{"scope": "reseller"}'),
    ('l1 two', 12, 'csv', '{}'), ('l2', 111, 'csv', '{}'), ('no account', 7, 'csv', '{}')) g(name, reseller, format, options),
    rde_create_generator('lines', g.name, string_to_array(g.format, ','), 'on_invoice', reseller => g.reseller, options => g.options::jsonb);
SELECT rde_create_generator('lines', 'off', '{csv}', 'on_invoice', reseller => 11) AS off \gset
SELECT rde_alter_generator(:'off', enabled => false);
INSERT INTO billing.bill VALUES (101, 1), (111, 11), (112, 12), (113, 111), (107, 7), (102, 999), (108, NULL);
SELECT _rde_submit_events(100);
SELECT invoice, invoice_reseller, string_agg(name || '.' || format, ', ' ORDER BY name, format) AS reports, count(DISTINCT pass) AS passes
FROM _rde_report GROUP BY 1, 2 ORDER BY 1;
SELECT name, dataset, view, type, reseller, period_from, time_zone, options, status, retention, revision
FROM _rde_report WHERE invoice = '113' AND format = 'csv' ORDER BY name;
SELECT _rde_submit_events(100);
-- once, however often it is told
INSERT INTO _rde_invoice_event VALUES ('11', '111'), ('11', '111'), (' 11', '111'), ('11.00', '111');
-- what no reseller's invoice can be is taken away
INSERT INTO _rde_invoice_event VALUES ('', '1'), ('x', '1'), (NULL, '1'), ('11', ''), ('11', NULL), ('11', repeat('1', 3000)),
    ('9223372036854775808', '1'), ('1e3', '1');
SELECT count(*) FROM _rde_report \gset before_
SELECT _rde_submit_events(5), _rde_submit_events(5), _rde_submit_events(5);
SELECT count(*) - :before_count AS more FROM _rde_report;
INSERT INTO _rde_invoice_event VALUES ('lines', '9223372036854775807', 'large');
SELECT _rde_submit_events(5);
SELECT name, invoice, invoice_reseller FROM _rde_report WHERE invoice = 'large';
DELETE FROM _rde_report;

-- switched off by the account above, for one child and for all
SELECT rde_set_on_invoice(11, false, 111);
INSERT INTO billing.bill VALUES (201, 111);
SELECT _rde_submit_events(100);
SELECT rde_set_on_invoice(11, true, 111), rde_set_on_invoice(1, false);
INSERT INTO billing.bill VALUES (202, 111);
SELECT _rde_submit_events(100);
SELECT invoice, string_agg(name || '.' || format, ', ' ORDER BY name, format) AS reports FROM _rde_report GROUP BY 1 ORDER BY 1;
SELECT rde_set_on_invoice(1, true);
DELETE FROM _rde_report;
-- each with its own view; one that is gone is for the build to say
SELECT rde_create_view('lines', 'v', '[{"column": "line_id"}]');
SELECT rde_create_view('lines', 'cmp', '[{"column": "line_id"}]');
SELECT count(rde_alter_generator(id, view => 'v')) FROM _rde_generator WHERE name = 'l1 two';
SELECT rde_drop_view('lines', 'v');
INSERT INTO billing.bill VALUES (203, 12);
SELECT _rde_submit_events(100);
SELECT name, view FROM _rde_report ORDER BY name, format;
DELETE FROM _rde_report;

--
-- sweeps
--
SET session_replication_role = replica;
INSERT INTO billing.bill VALUES (301, 11, 'issued'), (302, 11, 'draft'), (303, 12, 'issued'), (304, 12, 'issued');
RESET session_replication_role;
SELECT count(*) FROM _rde_invoice_event;
INSERT INTO billing.line (line_id, reseller_id, invoice_id) VALUES (1, 11, 301), (2, 11, 301), (3, 11, 302), (4, 12, 303), (5, 12, 999), (6, 11, 304),
    (7, 12, NULL), (8, NULL, 303);
SELECT rde_sweep_invoices('billing.bill', 'infinity');
SELECT rde_sweep_invoices('billing.bill', now() - interval '1 day');
SELECT invoice, invoice_reseller, string_agg(name || '.' || format, ', ' ORDER BY name, format) AS reports FROM _rde_report GROUP BY 1, 2 ORDER BY 1;
SELECT rde_sweep_invoices('billing.bill', '-infinity');
-- nothing from before a generator was created
DELETE FROM _rde_report;
UPDATE _rde_generator SET created_at = now() + interval '1 day' WHERE name <> 'all';
SELECT rde_sweep_invoices('billing.bill', now() - interval '1 day');
UPDATE _rde_generator SET created_at = now() - interval '1 hour';
DELETE FROM _rde_report;
-- rows that changed before count as little
UPDATE billing.line SET changed_at = now() - interval '2 hours', changed_on = current_date - 2, changed_s = changed_s - 200000 WHERE line_id < 3;
SELECT rde_sweep_invoices('billing.bill', now() - interval '1 day'), rde_sweep_invoices('billing.bill', now() - interval '30 days');
SELECT DISTINCT invoice FROM _rde_report ORDER BY 1;
DELETE FROM _rde_report;
SELECT rde_attach('lines', 'billing.line', 'reseller_id', 'changed_on', invoice => 'invoice_id');
SELECT rde_sweep_invoices('billing.bill', now() - interval '1 hour');
SELECT DISTINCT invoice FROM _rde_report ORDER BY 1;
DELETE FROM _rde_report;
SELECT rde_attach('lines', 'billing.line', 'reseller_id', 'changed_s', invoice => 'invoice_id');
SELECT rde_sweep_invoices('billing.bill', now() - interval '1 hour');
SELECT DISTINCT invoice FROM _rde_report ORDER BY 1;
DELETE FROM _rde_report;
-- tables that spell numbers otherwise
SET ROLE regress_rde_billing;
CREATE VIEW billing.spelled AS SELECT line_id, reseller_id::text AS reseller, invoice_id::numeric(10,2) AS invoice, changed_at FROM billing.line
    UNION ALL SELECT 90, 'eleven', 301, now() UNION ALL SELECT 91, '11', 301, now();
CREATE TABLE billing.bpchar (id char(8), reseller numeric(12,0));
INSERT INTO billing.bpchar VALUES ('301.00', 11), ('302.00', 11);
SELECT rde_watch_invoices('billing.bpchar', 'reseller', 'id');
RESET ROLE;
SELECT rde_attach('lines', 'billing.spelled', 'reseller', 'changed_at', '{line_id}', invoice => 'invoice');
SELECT rde_sweep_invoices('billing.bill', now() - interval '1 hour') > 0 AS found, rde_sweep_invoices('billing.bpchar', now() - interval '1 hour') > 0 AS found;
SELECT invoice_reseller, invoice, count(*) FROM _rde_report GROUP BY 1, 2 ORDER BY 1, 2;
DELETE FROM _rde_report;

-- a data set that cannot be read does not stop the others
SELECT rde_create_dataset('broken', 'Broken');
SET ROLE regress_rde_billing;
CREATE FUNCTION billing.fail() RETURNS bigint LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'no rows for you'; END$$;
CREATE VIEW billing.broken AS SELECT 1::bigint AS id, billing.fail() AS reseller, 1::bigint AS invoice, now() AS changed_at;
RESET ROLE;
SELECT rde_attach('broken', 'billing.broken', 'reseller', 'changed_at', '{id}', invoice => 'invoice');
SELECT count(rde_create_generator('broken', 'broken', '{csv}', 'on_invoice'));
UPDATE _rde_invoice_watch SET datasets = '{broken,lines}';
SELECT rde_sweep_invoices('billing.bill', now() - interval '1 hour') > 0 AS others;
-- the worker sweeps a table once a day, and goes on trying one that fails
SET client_min_messages = error;
DELETE FROM _rde_report;
UPDATE _rde_invoice_watch SET swept_at = now() - interval '25 hours';
CALL rde_run_due();
SELECT relation, swept_at < now() - interval '24 hours' AS due, tried_at > now() - interval '1 minute' AS tried FROM _rde_invoice_watch ORDER BY relation::text;
DROP TABLE billing.bpchar;
UPDATE _rde_invoice_watch SET tried_at = now() - interval '2 hours';
UPDATE _rde_generator SET enabled = false WHERE name = 'broken';
CALL rde_run_due();
SELECT relation, swept_at < now() - interval '24 hours' AS due, tried_at > now() - interval '1 minute' AS tried FROM _rde_invoice_watch ORDER BY relation::text;
SELECT DISTINCT invoice, status FROM _rde_report ORDER BY 1;

-- nothing is left
DROP EXTENSION rde CASCADE;
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'rde%';
SELECT count(*) FROM pg_proc WHERE proname LIKE '%rde\_%';
DROP FOREIGN DATA WRAPPER regress_rde_nothing CASCADE;
DROP SCHEMA billing CASCADE;
DROP ROLE regress_rde_billing, regress_rde_l1, regress_rde_root, regress_rde_stranger;

-- A source is read as its owner and nobody else, whoever asks and attached (S5)
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION rde;
CREATE ROLE regress_rde_low;
CREATE ROLE regress_rde_runner;
CREATE SCHEMA low AUTHORIZATION regress_rde_low;
CREATE TABLE secret AS SELECT 'the secret'::text AS word;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO regress_rde_low, regress_rde_runner;
SELECT rde_grant('regress_rde_runner', 'operator');

SET ROLE regress_rde_low;
CREATE TABLE low.seen (who name, path text, word text);
CREATE TABLE low.base (id bigint PRIMARY KEY, reseller bigint, day date, amount numeric);
INSERT INTO low.base SELECT n, 7, '2020-01-01', n FROM generate_series(1, 3) n;

-- Functions in a view run as whoever runs the statement: it must be the owner.
CREATE FUNCTION low.spy() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN current_user || ' reads the secret: ' || has_table_privilege('public.secret', 'SELECT');
END $$;
CREATE VIEW low.evil AS SELECT id, reseller, day, amount, low.spy() AS spy FROM low.base;
RESET ROLE;
SELECT rde_create_dataset('evil', 'Evil');
SELECT rde_attach('evil', 'low.evil', 'reseller', 'day', key => '{id}', amount => 'amount');
SELECT rde_text(rde_export('evil', '2020-01-01', '2020-01-01', 'csv'));
-- a runner without any right to the source gets the rows by the right to export
SET ROLE regress_rde_runner;
SELECT rde_text(rde_export('evil', '2020-01-01', '2020-01-01', 'csv'));
RESET ROLE;

-- the same by way of a domain, a generated column, a policy and an index expression
SET ROLE regress_rde_low;
CREATE FUNCTION low.spy_value(anyelement) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF current_user <> 'regress_rde_low' THEN
        RAISE EXCEPTION 'ran as %', current_user;
    END IF;
    RETURN true;
END $$;
CREATE DOMAIN low.spied AS text CHECK (low.spy_value(VALUE));
CREATE TABLE low.guarded (id bigint PRIMARY KEY, reseller bigint, day date, word text,
    made boolean GENERATED ALWAYS AS (low.spy_value(id)) STORED);
INSERT INTO low.guarded VALUES (1, 7, '2020-01-01', 'a');
CREATE INDEX ON low.guarded (low.spy_value(word));
ALTER TABLE low.guarded ENABLE ROW LEVEL SECURITY;
ALTER TABLE low.guarded FORCE ROW LEVEL SECURITY;
CREATE POLICY spied ON low.guarded USING (low.spy_value(id));
CREATE VIEW low.domained AS SELECT id, reseller, day, word::low.spied AS word, made FROM low.guarded;
RESET ROLE;
SELECT rde_attach('evil', 'low.domained', 'reseller', 'day', key => '{id}');
SELECT rde_text(rde_export('evil', '2020-01-01', '2020-01-01', 'csv'));
SELECT rde_attach('evil', 'low.guarded', 'reseller', 'day', key => '{id}');
SELECT rde_text(rde_export('evil', '2020-01-01', '2020-01-01', 'csv'));

-- A function that turns search_path to planted operators and relations in the
-- middle of the SELECT reaches no statement of rde's own.
SET ROLE regress_rde_low;
CREATE TABLE low._rde_report_chunk (report uuid, seq integer, data bytea);
CREATE FUNCTION low.planted(uuid, uuid) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'planted operator ran as %', current_user;
END $$;
CREATE OPERATOR low.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = low.planted);
CREATE FUNCTION low.turn(bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('search_path', 'low, pg_catalog', false);
    RETURN current_setting('search_path');
END $$;
CREATE VIEW low.turner AS SELECT id, reseller, day, low.turn(id) AS path FROM low.base;
RESET ROLE;
SELECT rde_attach('evil', 'low.turner', 'reseller', 'day', key => '{id}');
SELECT rde_text(rde_export('evil', '2020-01-01', '2020-01-01', 'csv'));
SELECT count(*) AS planted_chunks FROM low._rde_report_chunk;
SHOW search_path;

-- It may plant things itself, where it has the right; and it cannot leave what
-- would act later, with the rights of who exports.
SET ROLE regress_rde_low;
CREATE TABLE low.deferred (n int);
CREATE FUNCTION low.later() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO low.seen VALUES (current_user);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON low.deferred DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION low.later();
CREATE TABLE low.attempt (id bigint PRIMARY KEY, reseller bigint, day date, command text);
INSERT INTO low.attempt
SELECT n, 7, '2020-01-01', command FROM unnest(ARRAY[
    'CREATE FUNCTION low.planted_text(text, text) RETURNS boolean LANGUAGE plpgsql AS ''BEGIN RAISE EXCEPTION ''''caught %'''', current_user; END''',
    'CREATE OPERATOR low.= (LEFTARG = text, RIGHTARG = text, FUNCTION = low.planted_text)',
    'CREATE OPERATOR low.<> (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = low.planted)',
    'CREATE FUNCTION low.sha256(bytea) RETURNS bytea LANGUAGE plpgsql AS ''BEGIN RAISE EXCEPTION ''''caught %'''', current_user; END''',
    'SET search_path = low, pg_catalog',
    'CREATE TEMP TABLE _rde_report (id uuid)',
    'CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE sql AS ''SELECT NULL::timestamptz''',
    'INSERT INTO low.deferred VALUES (1)',
    'RESET ROLE',
    'SET SESSION AUTHORIZATION DEFAULT',
    'SET LOCAL row_security = off',
    'LISTEN something',
    'GRANT regress_rde_low TO regress_rde_runner',
    'CREATE TABLE public.planted (n int)']) WITH ORDINALITY c(command, n);
CREATE FUNCTION low.attempt(text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE $1;
    RETURN current_user || ' did';
EXCEPTION WHEN OTHERS THEN
    RETURN replace(sqlerrm, 'must have admin option on', 'permission denied to grant'); -- as 16 and later say it
END $$;
CREATE VIEW low.attempts AS SELECT id, reseller, day, low.attempt(command) AS result FROM low.attempt;
RESET ROLE;
SELECT rde_attach('evil', 'low.attempts', 'reseller', 'day', key => '{id}');
SELECT rde_text(rde_export('evil', '2020-01-01', '2020-01-01', 'csv'));
SHOW search_path;
SHOW row_security;
SELECT * FROM low.seen;

-- a worker's rights are not a source's either
SELECT rde_attach('evil', 'low.evil', 'reseller', 'day', key => '{id}', amount => 'amount');
SELECT rde_submit('evil', '2020-01-01', '2020-01-01', 'csv', name => 'worked') AS worked \gset
SET ROLE regress_rde_runner;
CALL rde_run_due();
SELECT rde_text(:'worked');
RESET ROLE;

-- Nor can a source's function use rde with the rights of who exports.
SELECT rde_export('evil', '2020-01-01', '2020-01-01', 'csv') AS victim \gset
SET ROLE regress_rde_low;
CREATE FUNCTION low.steal(bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT string_agg(c::text, '') FROM public.rde_chunks((SELECT id FROM public.rde_reports LIMIT 1)) c);
EXCEPTION WHEN insufficient_privilege THEN
    RETURN sqlerrm;
END $$;
CREATE FUNCTION low.attach(bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.rde_attach('evil', 'public.secret', 'word', 'word', key => '{word}');
    RETURN 'attached';
EXCEPTION WHEN insufficient_privilege THEN
    RETURN sqlerrm;
END $$;
CREATE VIEW low.thief AS SELECT id, reseller, day, low.steal(id) AS stolen, low.attach(id) AS attached FROM low.base WHERE id = 1;
RESET ROLE;
GRANT SELECT ON rde_reports TO regress_rde_low;
SELECT rde_attach('evil', 'low.thief', 'reseller', 'day', key => '{id}');
SELECT rde_text(rde_export('evil', '2020-01-01', '2020-01-01', 'csv'));

-- privileges are looked at again in every build
CREATE TABLE low.handed (id bigint PRIMARY KEY, reseller bigint, day date);
CREATE VIEW low.over AS SELECT * FROM low.handed;
ALTER VIEW low.over OWNER TO regress_rde_low;
GRANT SELECT ON low.handed TO regress_rde_low;
SELECT rde_attach('evil', 'low.over', 'reseller', 'day', key => '{id}');
SELECT rde_text(rde_export('evil', '2020-01-01', '2020-01-01', 'csv'));
REVOKE SELECT ON low.handed FROM regress_rde_low;
SELECT rde_export('evil', '2020-01-01', '2020-01-01', 'csv');
SELECT rde_submit('evil', '2020-01-01', '2020-01-01', 'csv') AS revoked \gset
SET client_min_messages = error;
SELECT rde_build(:'revoked');
SET client_min_messages = warning;
SELECT status, sqlstate, error FROM rde_reports WHERE id = :'revoked';

-- without a grant nothing can be called, nothing read
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM regress_rde_runner;
SELECT rde_revoke('regress_rde_runner', 'operator');
SET ROLE regress_rde_runner;
SELECT rde_export('evil', '2020-01-01', '2020-01-01', 'csv');
SELECT count(*) FROM rde_reports;
SELECT count(*) FROM _rde_report_chunk;
RESET ROLE;

DROP OWNED BY regress_rde_low, regress_rde_runner CASCADE;
DROP SCHEMA IF EXISTS low CASCADE;
DROP TABLE secret;
DROP EXTENSION rde;
DROP ROLE regress_rde_low, regress_rde_runner;

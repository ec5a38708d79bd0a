# dump_restore.pl
#
# A dump holds what users made (B3): reports with their bytes, totals, views, data
# sets and sources.  Restored, everything reads, verifies and exports as before;
# dropping the extension leaves nothing.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init;
$node->start;

$node->safe_psql('postgres', q{
    CREATE ROLE shop_owner;
    CREATE DATABASE origin;
});
$node->safe_psql('origin', q{
    CREATE SCHEMA reporting;
    CREATE EXTENSION rde SCHEMA reporting;
    CREATE SCHEMA shop AUTHORIZATION shop_owner;
    SET ROLE shop_owner;
    -- a column dropped before the reseller's: numbers change in a restore
    CREATE TABLE shop.payment (gone int, payment_id bigint PRIMARY KEY, also_gone int, reseller_id bigint,
        changed_at timestamptz, total numeric(20,8), currency char(3), "Über Name" text);
    ALTER TABLE shop.payment DROP COLUMN gone, DROP COLUMN also_gone;
    INSERT INTO shop.payment
    SELECT n, n % 3, timestamptz '2020-01-01 00:00Z' + n * interval '1 second', n / 7.0, 'EUR', md5(n::text)
    FROM generate_series(1, 60000) n;
    CREATE VIEW shop.notes AS SELECT payment_id AS id, reseller_id, changed_at, "Über Name" AS note FROM shop.payment;
    RESET ROLE;
    SET search_path = reporting;
    SELECT rde_attach('payments', 'shop.payment', 'reseller_id', 'changed_at', amount => 'total', currency => 'currency',
        mapping => '{"CUSTOMER_PAYMENT_TOTAL": "total"}');
    SELECT rde_create_dataset('notes', 'Notes');
    SELECT rde_attach('notes', 'shop.notes', 'reseller_id', 'changed_at', '{id}', expose => '{id,note}');
    SELECT rde_create_view('notes', 'cmp', '[{"column":"note","as":"text","group":"G","description":"D","label":{"en":"Note","de":"Über"}}]');
    SELECT rde_create_view('payments', 'mine', '[{"column":"CUSTOMER_PAYMENT_TOTAL","as":"total"}]', 1,
        '[{"column":"CUSTOMER_PAYMENT_TOTAL","min":100.5},{"column":"changed_at","max":"2020-01-01T12:00:00Z"}]');
    SELECT rde_export('payments', '2020-01-01', '2020-01-01', format, 'full', name => format, options => '{"compress":false}')
    FROM unnest('{csv,json,xml,xlsx}'::text[]) format;
    SELECT rde_export('payments', '2020-01-01', '2020-01-01', 'csv', 'mine', 1, 'mine');
    SELECT rde_export('notes', '2020-01-01', '2020-01-01', 'json', name => 'notes');
    SELECT rde_submit('notes', '2020-01-01', '2020-01-01', 'json', name => 'later');
});

my $reports = q{SET search_path = reporting; SELECT id, name, view, format, status, revision, period_from, period_to, row_count, file_bytes, sha256,
    totals, file_name, published_at, expires_at FROM rde_reports ORDER BY id};
my $columns = q{SET search_path = reporting; SELECT * FROM rde_view_columns ORDER BY dataset, view, reseller, position};
my $conditions = q{SET search_path = reporting; SELECT * FROM rde_view_conditions ORDER BY position};
my $datasets = q{SET search_path = reporting; SELECT name, source, reseller_column, key_columns, mapping, views FROM rde_datasets ORDER BY name};
my %before = map { $_ => $node->safe_psql('origin', $_) } ($reports, $columns, $conditions, $datasets);
cmp_ok(($before{$reports} =~ tr/\n//), '==', 6, 'seven reports to keep');

# Into another cluster, which has the role only later.
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init;
$copy->start;
my $dump = $node->backup_dir . '.dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'origin' ], 'pg_dump');
$copy->safe_psql('postgres', 'CREATE DATABASE restored');
my ($out, $err) = run_command(
	[ 'pg_restore', '-h', $copy->host, '-p', $copy->port, '-d', 'restored', $dump ]);
unlike($err, qr/rde_/, 'pg_restore complains of nothing of ours');
like($err, qr/role "shop_owner" does not exist/, 'but of the role this cluster lacks');

is($copy->safe_psql('restored', $_), $before{$_}, 'as before') for ($reports, $columns, $conditions, $datasets);
is($copy->safe_psql('restored', q{SET search_path = reporting;
	SELECT count(*) FILTER (WHERE rde_verify_report(id)), count(*) FROM rde_reports WHERE status = 'completed'}),
	'6|6', 'every file verifies');
is($copy->safe_psql('restored', q{SET search_path = reporting; SELECT count(*), sum(rows) FROM rde_report_totals}),
	$node->safe_psql('origin', q{SET search_path = reporting; SELECT count(*), sum(rows) FROM rde_report_totals}), 'totals');

$copy->safe_psql('restored', 'CREATE ROLE shop_owner; ALTER TABLE shop.payment OWNER TO shop_owner; ALTER VIEW shop.notes OWNER TO shop_owner;'
	  . 'GRANT USAGE ON SCHEMA shop TO shop_owner');
is($copy->safe_psql('restored', q{SET search_path = reporting;
	SELECT rde_build(id) = 'completed' FROM rde_reports WHERE name = 'later';
	SELECT status, row_count FROM rde_reports WHERE name = 'later'}), "t\ncompleted|60000", 'a submitted report is built in the copy');
is($copy->safe_psql('restored', q{SET search_path = reporting;
	SELECT rde_rebuild(id) FROM rde_reports WHERE name = 'xml' \gset
	SELECT n.sha256 = o.sha256 AND n.row_count = o.row_count AND n.totals = o.totals
	FROM rde_reports n JOIN rde_reports o ON n.supersedes = o.id}), 't', 'rebuilt there, byte for byte the same');
is($copy->safe_psql('restored', q{SET search_path = reporting;
	SELECT rde_create_view('notes', 'another', '[{"column":"note"}]');
	SELECT count(*) FROM _rde_view WHERE id > 1000}), "\n3", 'a new view takes a number of its own');

# Text dumps go the same way.
my $sql = $node->backup_dir . '.sql';
$node->command_ok([ 'pg_dump', '-f', $sql, 'origin' ], 'pg_dump as SQL');
$node->safe_psql('postgres', 'CREATE DATABASE again');
$node->command_ok([ 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-d', 'again', '-f', $sql ], 'restored by psql');
is($node->safe_psql('again', $reports), $before{$reports}, 'the same reports');

# Nothing is left of it.
$node->safe_psql('again', 'DROP EXTENSION rde CASCADE');
is($node->safe_psql('again', q{SELECT count(*) FROM pg_class c WHERE relname LIKE '%rde\_%'
	UNION ALL SELECT count(*) FROM pg_proc WHERE proname LIKE '%rde\_%'
	UNION ALL SELECT count(*) FROM pg_type WHERE typname LIKE '%rde\_%'}), "0\n0\n0", 'DROP EXTENSION leaves nothing');

# An install in a schema where a low role planted our names fails, and leaves
# nothing foreign-owned behind.
$node->safe_psql('postgres', 'CREATE ROLE low; CREATE DATABASE planted');
$node->safe_psql('planted', q{CREATE SCHEMA open; GRANT CREATE, USAGE ON SCHEMA open TO low});
for my $plant (
	'CREATE TABLE open._rde_report (id uuid)',
	'CREATE VIEW open.rde_reports AS SELECT 1',
	'CREATE FUNCTION open._rde_callers() RETURNS oid[] LANGUAGE sql AS $$SELECT ARRAY[10]::oid[]$$',
	'CREATE FUNCTION open.rde_purge_reports(integer) RETURNS bigint LANGUAGE sql AS $$SELECT 1::bigint$$',
	'CREATE TYPE open._rde_source AS (a int)')
{
	$node->safe_psql('planted', "SET ROLE low; $plant");
	my ($rc, $stdout, $stderr) = $node->psql('planted', 'CREATE EXTENSION rde SCHEMA open');
	isnt($rc, 0, "refused: $plant");
	$node->safe_psql('planted', 'DROP OWNED BY low; GRANT CREATE, USAGE ON SCHEMA open TO low');
}
# Planted operators and functions with better-fitting arguments are not called.
$node->safe_psql('planted', q{
	SET ROLE low;
	CREATE FUNCTION open.caught(text, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'caught %', current_user; END$$;
	CREATE OPERATOR open.= (LEFTARG = text, RIGHTARG = text, FUNCTION = open.caught);
	CREATE OPERATOR open.~ (LEFTARG = text, RIGHTARG = text, FUNCTION = open.caught);
	CREATE FUNCTION open.lower(text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'caught %', current_user; END$$;
	CREATE FUNCTION open.now() RETURNS timestamptz LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'caught %', current_user; END$$;
	CREATE FUNCTION open.format(text, text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'caught %', current_user; END$$;
	CREATE TABLE open.pg_attribute (x int);
});
is($node->safe_psql('planted', q{
	SET search_path = open, pg_catalog;
	CREATE EXTENSION rde SCHEMA open;
	CREATE TABLE open.sale (id bigint PRIMARY KEY, reseller bigint, day date, word text, attributes jsonb);
	CREATE ROLE sale_owner; ALTER TABLE open.sale OWNER TO sale_owner; GRANT USAGE ON SCHEMA open TO sale_owner;
	INSERT INTO open.sale VALUES (1, 7, '2020-01-01', 'w', '[["a","b"]]');
	SET client_min_messages = error;
	SELECT rde_create_dataset('sales', 'Sales');
	SELECT rde_attach('sales', 'open.sale', 'reseller', 'day');
	SELECT rde_create_view('sales', 'v', '[{"column":"WORD","as":"word"},{"column":"attributes","attribute":"a","as":"a"}]', conditions => '[{"column":"word","in":["w"]},{"column":"id","not_in":[2]}]');
	SELECT rde_text(rde_export('sales', '2020-01-01', '2020-01-01', 'csv', 'v', 7));
	SELECT rde_submit('sales', '2020-01-01', '2020-01-01', 'xml', 'v', 7) AS id \gset
	SELECT rde_build(:'id') OPERATOR(pg_catalog.=) 'completed';
	SELECT count(*) FROM rde_reports;
	SELECT count(*) OPERATOR(pg_catalog.>) 0 FROM rde_view_columns;
	SELECT count(*) FROM rde_progress;
	SELECT rde_list_reports(current_date, current_date) IS NOT NULL;
	SELECT rde_keep_report(:'id', 'infinity');
	SELECT rde_verify_report(:'id');
	SELECT rde_purge_reports();
	SELECT rde_dataset_template('payments') IS NOT NULL;
	SELECT rde_drop_report(:'id');
}), "\n\n\nword,a\r\nw,b\r\n\nt\n2\nt\n0\nt\n\nt\n0\nt\n", 'everything works past planted operators and functions');

$node->stop;
$copy->stop;
done_testing();

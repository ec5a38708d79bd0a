# dump_forms.pl
#
# A dump in every form brings everything back (R5): in parallel, over what is
# there already, for another owner, in sections, data alone, as a template.  And
# what foreign keys would keep, were they not in a restore's way, is kept.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('forms');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nclient_min_messages = error\nmax_connections = 40\n");
$node->start;

# Something in every table, and enough of it to take a moment.
$node->safe_psql('postgres', 'CREATE ROLE shop_owner; CREATE ROLE other SUPERUSER LOGIN; CREATE DATABASE origin');
$node->safe_psql('origin', q{
	CREATE EXTENSION rde;
	GRANT CREATE ON SCHEMA public TO shop_owner;
	SET ROLE shop_owner;
	CREATE TABLE sale (id bigint PRIMARY KEY, reseller bigint, day date, total numeric, currency text, invoice bigint, change xid8);
	CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON sale FOR EACH ROW EXECUTE FUNCTION rde_stamp('change');
	INSERT INTO sale SELECT n, n % 3 + 1, (now() AT TIME ZONE 'UTC')::date - 1, n, 'EUR', n FROM generate_series(1, 20000) n;
	CREATE TABLE plain AS SELECT * FROM sale;
	ALTER TABLE plain ADD PRIMARY KEY (id);
	CREATE TABLE invoice (id bigint, reseller bigint);
	RESET ROLE;
	SELECT rde_create_dataset(d, d) FROM unnest('{sale,plain}'::text[]) d;
	SELECT rde_attach('sale', 'sale', 'reseller', 'day', change => 'change');
	SELECT rde_attach('plain', 'plain', 'reseller', 'day', amount => 'total', currency => 'currency', invoice => 'invoice');
	SELECT rde_create_account(n, 'account ' || n, parent => nullif(n / 2, 0)) FROM generate_series(1, 300) n;
	SELECT rde_set_on_invoice(n, false) FROM generate_series(1, 100) n;
	SELECT rde_create_token(n, 'program', '1 year') FROM generate_series(1, 300) n;
	SELECT rde_grant('shop_owner', 'reader');
	SELECT rde_create_view('plain', 'v' || n, '[{"column": "total"}]', 1, '[{"column": "id", "min": 1}]') FROM generate_series(1, 100) n;
	SELECT rde_create_generator('sale', 'g' || n, '{csv,json}', 'daily', reseller => n) FROM generate_series(1, 200) n;
	SELECT rde_create_generator('plain', 'i', '{csv}', 'on_invoice');
	SELECT rde_export('plain', current_date - 2, current_date, f, options => '{"compress": false}')
	FROM unnest('{csv,json,xml,xlsx}'::text[]) f, generate_series(1, 3);
	SELECT rde_submit('plain', current_date - 2, current_date, 'csv');
	SELECT rde_watch_invoices('invoice', 'reseller', 'id');
	INSERT INTO invoice SELECT n, n % 3 + 1 FROM generate_series(1, 50) n;
});

# What each table holds that a dump is to bring back.
my @tables = split /\n/, $node->safe_psql('origin', q{
	SELECT c.oid::regclass FROM pg_extension e, unnest(e.extconfig) c(oid)
	WHERE e.extname = 'rde' AND c.oid NOT IN (SELECT oid FROM pg_class WHERE relkind = 'S') ORDER BY 1});
cmp_ok(scalar @tables, '>', 12, 'the tables that are dumped');
my $sums = join ' UNION ALL ', map
{
	"SELECT '$_ ' || count(*) || ' ' || coalesce(md5(string_agg(t::text, ',' ORDER BY t::text)), '') FROM $_ t"
} @tables;
my $before = $node->safe_psql('origin', $sums);
my $manifests = q{SELECT string_agg(rde_report_manifest(id)::text, E'\n' ORDER BY id) FROM rde_reports WHERE status = 'completed'};
my $manifest = $node->safe_psql('origin', $manifests);
like($manifest, qr/"columns" : \[\{"name": "id", "type": "integer"/, 'reports have manifests');
unlike($before, qr/ 0 /, '... all hold something');

my $dump = $node->backup_dir . '.folder';
$node->command_ok([ 'pg_dump', '-Fd', '-j', '2', '-f', $dump, 'origin' ], 'pg_dump in parallel');

my $databases = 0;
sub database
{
	my $name = 'copy' . ++$databases;
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	return $name;
}

sub restored
{
	my ($what, $database, @options) = @_;
	my (undef, $err) = run_command([ 'pg_restore', '-h', $node->host, '-p', $node->port, '-d', $database, @options, $dump ]);
	unlike($err, qr/error/, "$what: no error");
	return same($what, $database);
}

sub same
{
	my ($what, $database) = @_;
	is($node->safe_psql($database, $sums), $before, "$what: all is back");
	is($node->safe_psql($database, q{SELECT count(*) FILTER (WHERE NOT rde_verify_report(id)) FROM rde_reports WHERE status = 'completed'}),
		'0', "$what: every file verifies");
	is($node->safe_psql($database, $manifests), $manifest, "$what: and has its manifest");
	return;
}

restored("-j 4, time $_", database(), '-j', '4') for 1 .. 3;
restored('one process', database());
restored('another owner', database(), '-j', '4', '-U', 'other', '--no-owner');

my $over = database();
restored('once', $over);
restored('over what is there', $over, '-j', '2', '--clean', '--if-exists');

my $parts = database();
run_command([ 'pg_restore', '-h', $node->host, '-p', $node->port, '-d', $parts, '--section=pre-data', $dump ]);
run_command([ 'pg_restore', '-h', $node->host, '-p', $node->port, '-d', $parts, '--section=data', '-j', '4', $dump ]);
restored('in sections', $parts, '--section=post-data');

my $data = database();
run_command([ 'pg_restore', '-h', $node->host, '-p', $node->port, '-d', $data, '--schema-only', $dump ]);
$node->safe_psql($data, 'ALTER TABLE invoice DISABLE TRIGGER USER; ALTER TABLE sale DISABLE TRIGGER USER');
restored('data alone', $data, '-j', '4', '--data-only');

$node->safe_psql('postgres', 'CREATE DATABASE twin TEMPLATE origin');
same('template', 'twin');

# --- what foreign keys would keep

is($node->safe_psql('twin', q{
	SELECT count(*) FROM pg_constraint c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.conrelid AND d.deptype = 'e'
	WHERE c.contype = 'f'}), '0', 'there are none');
sub gone
{
	my ($what, $sql, $left) = @_;
	$node->safe_psql('twin', $sql);
	is($node->safe_psql('twin', $left), '0', $what);
	return;
}
gone('a report takes its file and its totals along', 'DELETE FROM _rde_report',
	'SELECT (SELECT count(*) FROM _rde_report_chunk) + (SELECT count(*) FROM _rde_report_total)');
gone('a generator its windows', 'SELECT rde_drop_generator(id) FROM _rde_generator',
	'SELECT count(*) FROM _rde_generator_snapshot');
gone('an account its tokens', 'SELECT rde_drop_account(n) FROM generate_series(300, 1, -1) n',
	'SELECT count(*) FROM _rde_token');
gone('a data set its views, its source and their columns', q{SELECT rde_drop_dataset(d) FROM unnest('{sale,plain}'::text[]) d},
	q{SELECT (SELECT count(*) FROM _rde_view WHERE NOT shipped) + (SELECT count(*) FROM _rde_view_column WHERE NOT shipped)
		+ (SELECT count(*) FROM _rde_source) + (SELECT count(*) FROM _rde_source_column)});
is($node->safe_psql('twin', q{SELECT count(*) FROM rde_health WHERE finding = 'orphans'}), '0', 'nothing is left without what it belongs to');
$node->safe_psql('twin', q{INSERT INTO _rde_view (dataset, name) VALUES ('lost', 'v')});
like($node->safe_psql('twin', q{SELECT object || ': ' || detail FROM rde_health WHERE finding = 'orphans'}), qr/^_rde_view: 1 /,
	'... and if something is, rde_health says so');

$node->stop;
done_testing();

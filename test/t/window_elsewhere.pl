# window_elsewhere.pl
#
# Snapshot windows in another cluster, where transaction ids mean something else
# (X6): after a restore nothing is built until the generator begins anew, and it
# says how; after pg_upgrade, which goes on counting, no change is lost or comes
# twice.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeSessions;
use Test::More;

my $settings = "fsync = off\nautovacuum = off\nclient_min_messages = warning\n";

sub new_node
{
	my $node = PostgreSQL::Test::Cluster->new(shift);
	$node->init;
	$node->append_conf('postgresql.conf', $settings);
	return $node;
}

# A reseller's items, and what counts their changes: by windows in two formats,
# and by days for comparison.
sub make_shop
{
	my $node = shift;
	$node->safe_psql('postgres', q{
		CREATE EXTENSION rde;
		CREATE ROLE shop_owner;
		CREATE TABLE "Item" (id bigint PRIMARY KEY, reseller bigint DEFAULT 1, changed timestamptz DEFAULT now(), "Change" xid8);
		CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON "Item" FOR EACH ROW EXECUTE FUNCTION rde_stamp('Change');
		ALTER TABLE "Item" OWNER TO shop_owner;
		SELECT rde_create_dataset('items', 'Items'), rde_create_dataset('days', 'Items by days');
		SELECT rde_attach('items', '"Item"', 'reseller', 'changed', '{id}', change => 'Change', expose => '{id}'),
			   rde_attach('days', '"Item"', 'reseller', 'changed', '{id}', expose => '{id}');
		SELECT rde_create_generator('items', 'changes', '{csv,json}', 'daily', options => '{"compress": false}'),
			   rde_create_generator('days', 'days', '{csv}', 'daily', start => current_date - 1, options => '{"compress": false}');
	});
	return;
}

# The generator's next window ends now.  Returns what a worker warned of.
sub run_window
{
	my $node = shift;
	my ($out, $err) = ('', '');
	$node->safe_psql('postgres', q{
		UPDATE _rde_generator SET next_from = clock_timestamp() - interval '1 us', next_to = clock_timestamp(), next_run_at = clock_timestamp()
		WHERE name = 'changes'});
	$node->psql('postgres', 'CALL rde_run_due()', stdout => \$out, stderr => \$err);
	return $err;
}

# Every window's items: both formats hold the same.
sub windows
{
	return shift->safe_psql('postgres', q{
		SELECT coalesce(string_agg(items, ' | ' ORDER BY published_at), '')
		FROM (
			SELECT period_from, min(published_at) AS published_at, string_agg(DISTINCT items, ' <> ') AS items
			FROM (
				SELECT r.period_from, r.published_at,
					CASE r.format
						WHEN 'csv' THEN (SELECT string_agg(m[1], ',' ORDER BY m[1]::int) FROM regexp_matches(rde_text(r.id), '^(\d+)\r$', 'gn') m)
						ELSE (SELECT string_agg(j ->> 'id', ',' ORDER BY (j ->> 'id')::int) FROM json_array_elements(rde_text(r.id)::json) j)
					END AS items
				FROM _rde_report r WHERE r.snapshot_window AND r.status = 'completed') report
			GROUP BY period_from) period
	});
}

sub states
{
	return shift->safe_psql('postgres', q{
		SELECT string_agg(concat_ws(' ', format, status, sqlstate, CASE WHEN retry_at IS NOT NULL THEN 'retried' END), ', ' ORDER BY format)
		FROM _rde_report WHERE snapshot_window AND status <> 'completed'});
}

sub error_of
{
	my ($node, $sql) = @_;
	my ($out, $err) = ('', '');
	$node->psql('postgres', $sql, stdout => \$out, stderr => \$err);
	return $err;
}

my $id = q{(SELECT id FROM _rde_generator WHERE name = 'changes')};
my $origin = new_node('origin');
$origin->start;

###########################################################################
# Restored into a cluster that is far behind
###########################################################################

# One cluster has been in use for longer than the other.
$origin->safe_psql('postgres', q{DO $$ BEGIN FOR i IN 1..5000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$});
make_shop($origin);
$origin->safe_psql('postgres', 'INSERT INTO "Item" SELECT generate_series(1, 3)');
run_window($origin);
$origin->safe_psql('postgres', 'INSERT INTO "Item" VALUES (4)');
is(windows($origin), '1,2,3', 'a window in the cluster where it began');

my $copy = new_node('copy');
$copy->start;
$copy->safe_psql('postgres', 'CREATE ROLE shop_owner');
my $dump = $origin->backup_dir . '.sql';
$origin->command_ok([ 'pg_dump', '-f', $dump, 'postgres' ], 'dumped');
$copy->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres', '-f', $dump ], 'restored');
my $generator = $copy->safe_psql('postgres', "SELECT $id");

my $warnings = run_window($copy);
like($warnings, qr/generator $generator was last run in another database cluster/, 'the copy refuses to count on');
like($warnings, qr/HINT: .*rde_rebaseline_generator\('$generator'\).*rde_rebaseline_generator\('$generator', keep_window => true\)/, 'and says what to do');
is(states($copy), 'csv error 55000 retried, json error 55000 retried', 'the report waits');
like($copy->safe_psql('postgres', "SELECT min(error) FROM rde_reports WHERE generator = '$generator' AND status = 'error'"),
	qr/another database cluster.*rde_rebaseline_generator\('$generator'\)/s, 'which its report says, too');
is($copy->safe_psql('postgres', "SELECT object, hint ~ 'keep_window' FROM rde_health WHERE finding = 'rebaseline_needed'"),
	"changes ($generator)|t", 'and rde_health');
is($copy->safe_psql('postgres', q{SELECT count(*), bool_and(enabled), bool_and(next_run_at > now()) FROM _rde_generator}), '2|t|t',
	'nothing is disabled');
is($copy->safe_psql('postgres', "SELECT count(*) FROM _rde_report WHERE status = 'completed' AND dataset = 'days'"),
	1, 'days are days everywhere');
is(windows($copy), '1,2,3', 'nothing was built');

# Its window cannot be kept, and its rows are from the future.
like(error_of($copy, "SELECT rde_rebaseline_generator('$generator', keep_window => true)"),
	qr/ended at a transaction id that this cluster has yet to reach\n.*HINT: .*rde_rebaseline_generator\('$generator'\)/s, 'the window cannot be kept');
my $refusal = error_of($copy, "SELECT rde_rebaseline_generator('$generator')");
like($refusal, qr/rows of public."Item" carry transaction ids that this cluster has yet to reach/, 'rows of the future are refused');
is(states($copy), 'csv error 55000 retried, json error 55000 retried', 'nothing happened');
my ($stamp) = $refusal =~ /HINT: .*?(UPDATE .*?), and try again/;
$copy->safe_psql('postgres', $stamp);
is($copy->safe_psql('postgres', "SELECT rde_rebaseline_generator('$generator')"), '', 'stamped as the hint says, it begins anew');

$copy->safe_psql('postgres', 'INSERT INTO "Item" VALUES (5)');
is(error_of($copy, 'CALL rde_run_due()'), '', 'and goes on by itself');
is(windows($copy), '1,2,3 | 5', 'with what has changed since');
$copy->safe_psql('postgres', 'UPDATE "Item" SET reseller = 1 WHERE id = 4');
run_window($copy);
is(windows($copy), '1,2,3 | 5 | 4', 'once');
is(states($copy), '', 'nothing waits any more');
is($copy->safe_psql('postgres', "SELECT count(*) FROM rde_health WHERE finding = 'rebaseline_needed'"), 0, 'and nobody is needed');
run_window($origin);
is(windows($origin), '1,2,3 | 4', 'the origin went on undisturbed');

# Dumped once more and restored here, in another database, it needs nothing.
$copy->safe_psql('postgres', 'INSERT INTO "Item" VALUES (6)');
$copy->safe_psql('postgres', 'CREATE DATABASE again');
$copy->command_ok([ 'pg_dump', '-f', $dump, 'postgres' ], 'dumped again');
$copy->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', 'again', '-f', $dump ], 'restored beside itself');
is($copy->safe_psql('again', q{
	UPDATE _rde_generator SET next_from = clock_timestamp() - interval '1 us', next_to = clock_timestamp(), next_run_at = clock_timestamp()
	WHERE name = 'changes';
	CALL rde_run_due();
	SELECT rde_text(id) FROM rde_reports WHERE format = 'csv' AND dataset = 'items' ORDER BY published_at DESC LIMIT 1}), "id\r\n6\r\n",
	'there it goes on counting');

# What has no windows has no baseline.
like(error_of($copy, q{SELECT rde_rebaseline_generator(id) FROM _rde_generator WHERE name = 'days'}),
	qr/does not report snapshot windows/, 'a generator without windows');
like(error_of($copy, "SELECT rde_rebaseline_generator('$generator', NULL)"), qr/must not be null/, 'NULL');
like(error_of($copy, "SELECT rde_rebaseline_generator('00000000-0000-0000-0000-000000000000')"), qr/does not exist/, 'a generator that does not exist');
$_->stop for $copy, $origin;

###########################################################################
# Upgraded
###########################################################################

my $old = new_node('old');
$old->start;
make_shop($old);
my $late = open_session($old, 'postgres');
my $never = open_session($old, 'postgres');
run_in($late, 'BEGIN; INSERT INTO "Item" VALUES (3)');
run_in($never, 'BEGIN; INSERT INTO "Item" VALUES (100)');
$old->safe_psql('postgres', 'INSERT INTO "Item" VALUES (1), (2)');
run_window($old);
is(windows($old), '1,2', 'a window before the upgrade');
run_in($late, 'COMMIT');
$old->safe_psql('postgres', 'INSERT INTO "Item" VALUES (4); UPDATE "Item" SET reseller = 1 WHERE id = 1');
close_session($_) for $late, $never;
$old->stop;

# The server's programs in a place of their own, with our library and scripts beside
# theirs, as they are installed: since 18 pg_upgrade finds a library nowhere else.
sub installed
{
	my ($node) = @_;
	my $root = PostgreSQL::Test::Utils::tempdir() . '/installed';
	my ($stage) = slurp_file($ENV{TEMP_CONFIG}) =~ m{= '(.*?/stage)};
	my ($bindir, @others) = map { $node->config_data($_) } qw(--bindir --pkglibdir --sharedir);

	for my $folder ($bindir, @others)
	{
		system_or_bail('mkdir', '-p', "$root$folder");
		system_or_bail('cp', $folder eq $bindir ? '-r' : '-rs', "$folder/.", "$root$folder");
	}
	system_or_bail('cp', '-r', "$stage$_/.", "$root$_") for @others;
	return "$root$bindir";
}

my $new = new_node('new');
my $bindir = installed($new);
chdir PostgreSQL::Test::Utils::tempdir() or die $!;
command_ok(
	[
		"$bindir/pg_upgrade", '-b', $bindir, '-B', $bindir, '-d', $old->data_dir, '-D', $new->data_dir,
		'--no-sync', '-s', $new->host, '-p', $old->port, '-P', $new->port
	],
	'pg_upgrade');
$new->start;
$generator = $new->safe_psql('postgres', "SELECT $id");
$new->safe_psql('postgres', 'INSERT INTO "Item" VALUES (5)');
like(run_window($new), qr/after pg_upgrade go on with rde_rebaseline_generator\('$generator', keep_window => true\)/, 'the upgraded cluster asks first');
is(states($new), 'csv error 55000 retried, json error 55000 retried', 'the report waits');
is(windows($new), '1,2', 'nothing was built');
$new->safe_psql('postgres', "SELECT rde_rebaseline_generator('$generator', keep_window => true)");
$new->safe_psql('postgres', 'INSERT INTO "Item" VALUES (6)');
is(error_of($new, 'CALL rde_run_due()'), '', 'then it goes on');
is(windows($new), '1,2 | 1,3,4,5,6', 'with what had changed before the upgrade, and after');
$new->safe_psql('postgres', 'INSERT INTO "Item" VALUES (7)');
run_window($new);
is(windows($new), '1,2 | 1,3,4,5,6 | 7', 'and each change once');
$new->stop;

done_testing();

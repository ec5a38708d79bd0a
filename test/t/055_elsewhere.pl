# 055_elsewhere.pl
#
# Snapshot windows in another cluster.  After a restore their generators refuse
# to go on and say how to begin anew; after a real pg_upgrade they can go on, and
# no change is lost or reported twice.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($bindir) = run_command([ $ENV{PG_CONFIG} // 'pg_config', '--bindir' ]);

sub new_node
{
	my $node = PostgreSQL::Test::Cluster->new(shift);

	$node->init;
	return $node;
}

# A window that is due: the generator's clock is set back a day.
my $due = q(UPDATE rde_generator SET next_from = next_from - interval '1 day', next_to = next_to - interval '1 day',
	next_run = next_run - interval '1 day' WHERE event = 'daily');
my $rows = q(SELECT string_agg(l, ' ' ORDER BY l) FROM (SELECT DISTINCT ON (r.id) r.id FROM rde_reports r WHERE r.status = 'completed') x,
	LATERAL (SELECT split_part(l, ',', 1) FROM string_to_table(rde_text(x.id), E'\r\n') l WHERE l ~ '^[0-9]') AS t(l));

sub run_window
{
	my $node = shift;

	$node->safe_psql('shop', 'DELETE FROM rde_report');
	$node->safe_psql('shop', $due);
	$node->psql('shop', 'CALL rde_run_due()');
	return $node->safe_psql('shop', $rows);
}

my $old = new_node('old');
$old->start;
$old->safe_psql('postgres', 'CREATE DATABASE shop');
$old->safe_psql('shop', <<'END');
CREATE ROLE shop_owner;
CREATE EXTENSION rde;
CREATE TABLE sale (id bigint PRIMARY KEY, reseller bigint, changed_at timestamptz DEFAULT now(),
                   change xid8 NOT NULL DEFAULT pg_current_xact_id());
ALTER TABLE sale OWNER TO shop_owner;
CREATE TRIGGER rde_stamp BEFORE INSERT OR UPDATE ON sale FOR EACH ROW EXECUTE FUNCTION rde_stamp('change');
INSERT INTO sale (id, reseller) VALUES (1, 7);
SELECT rde_create_dataset('sales', 'Sales');
SELECT rde_attach('sales', 'sale', 'reseller', 'changed_at', change => 'change');
SELECT rde_create_generator('daily', 'sales', 'csv', 'daily', view => 'full');
INSERT INTO sale (id, reseller) VALUES (2, 7), (3, 7);
END
is(run_window($old), '2 3', 'a window has what was written since the generator was made');
$old->safe_psql('shop', 'INSERT INTO sale (id, reseller) VALUES (4, 7); UPDATE sale SET reseller = 8 WHERE id = 2');

# 1. restored elsewhere, where transaction ids are behind
my $copy = new_node('copy');
$copy->start;
my $dump = PostgreSQL::Test::Utils::tempdir . '/shop.sql';
$old->command_ok([ 'pg_dump', '-f', $dump, $old->connstr('shop') ], 'pg_dump');
$copy->safe_psql('postgres', 'CREATE DATABASE shop');
$copy->safe_psql('postgres', 'CREATE ROLE shop_owner');
$copy->command_ok([ 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $copy->connstr('shop') ], 'restored into another cluster');
is(run_window($copy), '', 'there a generator makes no window');
my $error = $copy->safe_psql('shop', "SELECT error FROM rde_reports WHERE status = 'error' AND retry_at IS NOT NULL");
like($error, qr/another database cluster.*rde_rebaseline\('[0-9a-f-]{36}'\).*keep_window => true/s, 'and its report says what to do');
my $generator = $copy->safe_psql('shop', 'SELECT id FROM rde_generators');
is($copy->safe_psql('shop', "SELECT finding FROM rde_health WHERE finding = 'rebaseline_needed'"), 'rebaseline_needed', 'rde_health, too');

# rows of the other cluster's future would be changes one day
$copy->safe_psql('shop', "ALTER TABLE sale DISABLE TRIGGER rde_stamp; UPDATE sale SET change = '1000000000' WHERE id = 3; ALTER TABLE sale ENABLE TRIGGER rde_stamp");
my ($status, undef, $refused) = $copy->psql('shop', "SELECT rde_rebaseline('$generator')");
isnt($status, 0, 'rows from the future of another cluster are refused');
my ($hint) = $refused =~ /as in (UPDATE .*?), and try again/;
ok($hint, 'with the statement that stamps them anew');
$copy->safe_psql('shop', $hint // 'SELECT');
$copy->safe_psql('shop', "SELECT rde_rebaseline('$generator')");
$copy->safe_psql('shop', 'INSERT INTO sale (id, reseller) VALUES (50, 7)');
$copy->safe_psql('shop', 'CALL rde_run_due()');
is($copy->safe_psql('shop', $rows), '50', 'then it begins anew: what is written from now on');
$copy->safe_psql('shop', 'INSERT INTO sale (id, reseller) VALUES (51, 7)');
is(run_window($copy), '51', 'and goes on');
$copy->stop;

# 2. a real pg_upgrade: nothing was reported since rows 2 and 3
$old->stop;
my $new = new_node('new');
my $folder = PostgreSQL::Test::Utils::tempdir;
chdir $folder;
$new->command_ok(
	[
		'pg_upgrade', '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir, '-b', $bindir, '-B', $bindir,
		'-s', $new->host, '-p', $old->port, '-P', $new->port
	],
	'pg_upgrade');
$new->start;
is(run_window($new), '', 'after it, too, the generator waits to be told');
my ($keep, undef, $why) = $new->psql('shop', "SELECT rde_rebaseline(id, keep_window => true) FROM rde_generators");
is($keep, 0, 'keep_window is possible');
$new->safe_psql('shop', 'INSERT INTO sale (id, reseller) VALUES (60, 7)');
$new->safe_psql('shop', 'CALL rde_run_due()');
is($new->safe_psql('shop', $rows), '2 4 60', 'and the next window has what changed before and after, once');
$new->safe_psql('shop', 'INSERT INTO sale (id, reseller) VALUES (61, 7)');
is(run_window($new), '61', 'as the one after it has what came then');
$new->stop;
done_testing();

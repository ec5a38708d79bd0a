# period_settle.pl
#
# Transactions that are open when a period ends (X4): its report waits for those
# that may commit rows of it, and for no others; past the limit it is built as it
# is, and once more if they brought anything.
#
# Each case has a database of its own, for only there is it waited for; the same
# period ends in all of them.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeSessions;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = PostgreSQL::Test::Cluster->new('settle');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nmax_prepared_transactions = 10\nclient_min_messages = warning\n");
$node->start;

my %content = (
	written => 'BEGIN; INSERT INTO sale VALUES (2)',
	opened => 'BEGIN; SELECT count(*) FROM sale',
	hidden => 'SET track_activities = off; BEGIN; INSERT INTO sale VALUES (2)',
	hidden_read => 'SET track_activities = off; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM sale',
	savepoint => 'BEGIN; SAVEPOINT a; INSERT INTO sale VALUES (2)',
	prepared => "BEGIN; INSERT INTO sale VALUES (2); PREPARE TRANSACTION 'p'",
	late => 'BEGIN; INSERT INTO sale VALUES (2)',
	late_nothing => 'BEGIN; INSERT INTO sale VALUES (2)',
	by_hand => 'BEGIN; INSERT INTO sale VALUES (2)',
	low_worker => 'BEGIN; INSERT INTO sale VALUES (2)',
	reader => 'BEGIN; SELECT 1',
	nobody => undef,
	waiting => undef);
my @cases = sort keys %content;

$node->safe_psql('postgres', 'CREATE ROLE shop_owner; CREATE ROLE reseller LOGIN; CREATE ROLE worker LOGIN; CREATE DATABASE shop');
$node->safe_psql('shop', q{
	CREATE EXTENSION rde;
	CREATE TABLE sale (id bigint PRIMARY KEY, reseller bigint DEFAULT 7, changed timestamptz DEFAULT now());
	ALTER TABLE sale OWNER TO shop_owner;
	SELECT rde_create_dataset('sales', 'Sales');
	SELECT rde_attach('sales', 'sale', 'reseller', 'changed', '{id}');
	SELECT rde_create_account(7, 'Seven', role => 'reseller');
	SELECT rde_create_generator('sales', 'hourly', '{csv}', 'daily', start => current_date + 1, options => '{"compress": false}');
	GRANT EXECUTE ON PROCEDURE rde_run_due TO worker;
	-- the reports there are: revision, state, ids
	CREATE FUNCTION state() RETURNS text LANGUAGE sql AS $$
		SELECT string_agg(concat_ws(' ', revision, status, CASE WHEN provisional THEN 'provisional' END,
			CASE WHEN status = 'completed' THEN
				(SELECT string_agg(m[1], ',') FROM regexp_matches(rde_text(id), '\n(\d+),', 'g') m) END), '; ' ORDER BY revision)
		FROM _rde_report $$;
	INSERT INTO sale VALUES (1);
});
$node->safe_psql('postgres', join '', map { "CREATE DATABASE $_ TEMPLATE shop;\n" } @cases);
$node->safe_psql('postgres', "ALTER DATABASE $_ SET rde.settle_limit = '1 s'") for qw(late late_nothing);

sub reports { return $node->safe_psql($_[0], 'SELECT state()') }

sub run_due
{
	my ($dbname, %arg) = @_;
	$node->safe_psql($dbname, 'CALL rde_run_due()', %arg);
	return reports($dbname);
}

my %session = map { $_ => open_session($node, $_, $_ eq 'reader' ? 'reseller' : undef) } @cases;
my @workers = map { open_session($node, 'waiting') } 1 .. 2;
$content{$_} && run_in($session{$_}, $content{$_}) for @cases;
send_to($_, "CALL rde_run_due(wait => '9 s')") for @workers;

# The period ends now, while they are open.
my $end = time;
$node->safe_psql($_, qq{
	UPDATE _rde_generator SET next_from = to_timestamp($end) - interval '1 hour', next_to = to_timestamp($end), next_run_at = to_timestamp($end)
}) for @cases;

# Nothing settles for five seconds, whoever is there or not.
is(run_due('nobody'), '1 submitted', 'a period that has just ended has not settled');
usleep(1e6 * ($end + 5.2 - time));
is(run_due('nobody'), '1 completed 1', 'five seconds later it has');

for my $case (qw(written opened hidden hidden_read savepoint prepared))
{
	is(run_due($case), '1 submitted', "$case: waits");
}
like($node->safe_psql('written', q{SELECT waits_for FROM rde_periods WHERE status = 'submitted'}),
	qr/^the transaction of pid \d+ \(\w+, period_settle.pl, idle in transaction\), open since /, 'and it can be seen for whom');
is($node->safe_psql('prepared', q{SELECT waits_for FROM rde_periods WHERE status = 'submitted'}),
	"the prepared transaction 'p' of " . $node->safe_psql('postgres', 'SELECT current_user'), 'for one that is prepared');

run_in($session{opened}, 'INSERT INTO sale VALUES (2); COMMIT');
run_in($session{hidden_read}, 'INSERT INTO sale VALUES (2); COMMIT');
run_in($session{savepoint}, 'ROLLBACK TO a; COMMIT');
run_in($session{$_}, 'COMMIT') for qw(written hidden);
run_in($session{prepared}, "COMMIT PREPARED 'p'");
is(run_due($_), '1 completed 1,2', "$_: what it committed is in the report") for qw(written opened hidden hidden_read prepared);
is(run_due('savepoint'), '1 completed 1', 'savepoint: what it rolled back is not');

# What a worker may not see himself, it waits for.
is(run_due('low_worker', extra_params => [ '-U', 'worker' ]), '1 submitted', 'a worker without rights waits');
run_in($session{low_worker}, 'COMMIT');
is(run_due('low_worker', extra_params => [ '-U', 'worker' ]), '1 completed 1,2', 'and goes on');

is(run_due('reader'), '1 completed 1', 'a reseller who has a transaction open is not waited for');
is(run_in($session{reader}, 'SELECT 1; COMMIT'), "1\n", 'though he has');

# Past the limit it is built as it is.
is(run_due($_), '1 completed provisional 1', "$_: provisional") for qw(late late_nothing);
is(run_due('late'), '1 completed provisional 1', 'and not again while it is open');
is($node->safe_psql('late', q{SELECT provisional FROM rde_reports}), 't', 'which its readers are told');
run_in($session{late}, 'COMMIT');
is(run_due('late'), '1 completed provisional 1; 2 completed 1,2', 'once it has settled, there is a next revision');
is(run_due('late'), '1 completed provisional 1; 2 completed 1,2', 'and only one');
is($node->safe_psql('late', q{SELECT n.supersedes = o.id FROM _rde_report n JOIN _rde_report o ON n.revision = 2 AND o.revision = 1}),
	't', 'that replaces it');
run_in($session{late_nothing}, 'ROLLBACK');
is(run_due('late_nothing'), '1 completed 1', 'not if it would be the same: then that one is final');

# By hand nothing is waited for.
is(run_due('by_hand'), '1 submitted', 'by_hand: waits');
is($node->safe_psql('by_hand', 'SELECT rde_build(id) IS NOT NULL FROM _rde_report; SELECT state()'),
	"t\n1 completed provisional 1", 'built by hand it is provisional');
run_in($session{by_hand}, 'COMMIT');
is(run_due('by_hand'), '1 completed provisional 1; 2 completed 1,2', 'and has its next revision');

# Workers that wait keep no period from settling, neither each other's.
wait_for($_) for @workers;
is(reports('waiting'), '1 completed 1', 'a waiting worker builds');
cmp_ok($node->safe_psql('waiting', "SELECT extract(epoch FROM published_at) - $end FROM _rde_report"),
	'<', 8, 'as soon as it can');
close_session($_) for @workers, values %session;

# What a snapshot window holds depends on when it is built.
my $refused = qr/ERROR:  report [-\w]+ covers a snapshot window/m;
$node->safe_psql('shop', q{
	ALTER TABLE sale ADD change xid8;
	CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON sale FOR EACH ROW EXECUTE FUNCTION rde_stamp('change');
	SELECT rde_drop_generator(id) FROM rde_generators;
	SELECT rde_attach('sales', 'sale', 'reseller', 'changed', '{id}', change => 'change');
	SELECT rde_create_generator('sales', 'changes', '{csv}', 'daily', options => '{"compress": false}');
	UPDATE _rde_generator SET next_from = now() - interval '2 hours', next_to = now() - interval '1 hour', next_run_at = now() - interval '1 hour';
	INSERT INTO sale VALUES (2);
	INSERT INTO _rde_source_failure (dataset, paused_until, sqlstate, error) VALUES ('sales', 'infinity', '00000', 'not yet');
});
is(run_due('shop'), '1 submitted', 'a snapshot window to build');
my ($code, $out, $err) = $node->psql('shop', 'SELECT rde_build(id) FROM _rde_report');
like($err, $refused, 'not by hand');
$node->safe_psql('shop', 'DELETE FROM _rde_source_failure');
my $open = open_session($node, 'shop');
run_in($open, 'BEGIN; INSERT INTO sale VALUES (3)');
is(run_due('shop'), '1 completed 2', 'it waits for nobody, and is final');
($code, $out, $err) = $node->psql('shop', 'SELECT rde_rebuild(id) FROM _rde_report');
like($err, $refused, 'nor is it built again');
is(reports('shop'), '1 completed 2', 'nothing became of it');
close_session($open);

$node->stop;
done_testing();

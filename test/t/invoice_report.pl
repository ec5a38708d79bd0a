# invoice_report.pl
#
# From an invoice's commit to its stored report, with workers that wait as
# pg_cron's do: 99 of 100 within 5 seconds.  Draft invoices are no invoices yet,
# and one whose lines come later gets its report when they have come.

use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $soak = $ENV{RDE_SOAK};
my $seconds = $soak ? 300 : 15;
my $seed = $ENV{RDE_SEED} // int(time);
srand($seed);
note "RDE_SEED=$seed";

my $node = PostgreSQL::Test::Cluster->new('on_invoice');
$node->init;
$node->append_conf('postgresql.conf', "synchronous_commit = on\n");
$node->start;
$node->safe_psql('postgres', <<'END');
CREATE EXTENSION rde;
CREATE ROLE shop_owner;
CREATE TABLE invoice (id bigint PRIMARY KEY, reseller bigint NOT NULL, status text NOT NULL);
CREATE TABLE line (invoice bigint, no integer, reseller bigint, amount numeric, changed_at timestamptz DEFAULT now(),
                   PRIMARY KEY (invoice, no));
CREATE INDEX ON line (invoice);
ALTER TABLE invoice OWNER TO shop_owner;
ALTER TABLE line OWNER TO shop_owner;
CREATE TABLE committed (invoice bigint PRIMARY KEY, at timestamptz DEFAULT clock_timestamp());
SELECT rde_attach('provisioned_orders', 'line', 'reseller', 'changed_at', amount => 'amount', invoice => 'invoice');
SELECT rde_create_generator('provisioned_orders', 'inv', '{csv,json}', 'on_invoice', view => 'full', reseller => r)
FROM generate_series(1, 20) r;
SELECT rde_watch_invoices('invoice', 'reseller', 'id', 'status', 'Issued');
END

# two workers, as rde_schedule() makes them
my @workers = map {
	IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', "CALL rde_run_due(wait => '" . ($seconds + 8) . " s')" ],
		'2>', '/dev/null')
} 1 .. 2;

# 20 resellers' invoices, of 1 to 30 lines, issued at once or after a draft
my $issued = 0;
my $end = time() + $seconds;
my $id = 0;
while (time() < $end)
{
	my $reseller = 1 + int rand 20;
	my $lines = 1 + int rand 30;
	my $draft = rand() < 0.3;

	$id++;
	$node->safe_psql('postgres', join "\n",
		'BEGIN;',
		"INSERT INTO invoice VALUES ($id, $reseller, '" . ($draft ? 'Draft' : 'Issued') . "');",
		"INSERT INTO line SELECT $id, n, $reseller, n * 1.25 FROM generate_series(1, $lines) n;",
		'COMMIT;',
		($draft ? "UPDATE invoice SET status = 'Issued' WHERE id = $id;" : ()),
		"INSERT INTO committed VALUES ($id);");
	usleep(rand 40_000);
}
$_->finish for @workers;

my $reports = "FROM rde_reports r JOIN committed c ON c.invoice = r.invoice::bigint";
is($node->safe_psql('postgres', "SELECT count(*), count(DISTINCT (r.invoice, r.format)) $reports WHERE r.status = 'completed'"),
	2 * $id . '|' . 2 * $id, "$id invoices have their two reports, and no more");
is($node->safe_psql('postgres', "SELECT count(*) $reports WHERE r.row_count <> (SELECT count(*) FROM line l WHERE l.invoice = c.invoice)
	OR r.provisional"),
	'0', 'with all their lines');
is($node->safe_psql('postgres', "SELECT count(*) $reports WHERE r.reseller <> (SELECT i.reseller FROM invoice i WHERE i.id = c.invoice)"),
	'0', 'each its own reseller\'s');
my $stored = 'extract(epoch FROM r.published_at - c.at)';
my $p99 = $node->safe_psql('postgres',
	"SELECT percentile_cont(0.99) WITHIN GROUP (ORDER BY $stored) $reports");
my $max = $node->safe_psql('postgres', "SELECT max($stored) $reports");
cmp_ok($p99, '<', 5, 'stored within 5 s of the commit (p99)');
diag sprintf '%d invoices: stored %.2f s after their commit (p99), at most %.2f s', $id, $p99, $max;

# a draft has none
$node->safe_psql('postgres', "INSERT INTO invoice VALUES (1000001, 1, 'Draft'); INSERT INTO line VALUES (1000001, 1, 1, 1)");
# an invoice's lines may come after it
$node->safe_psql('postgres', "INSERT INTO invoice VALUES (1000002, 2, 'Issued')");
$node->safe_psql('postgres', 'CALL rde_run_due()');
is($node->safe_psql('postgres', "SELECT count(*) FROM rde_reports WHERE invoice = '1000001'"), '0', 'a draft has no report');
is($node->safe_psql('postgres', "SELECT string_agg(status || ' ' || (retry_at > now()), ', ') FROM rde_reports WHERE invoice = '1000002'"),
	'submitted true, submitted true', 'an invoice without lines waits for them');
$node->safe_psql('postgres', "INSERT INTO line VALUES (1000002, 1, 2, 7)");
$node->safe_psql('postgres', "UPDATE _rde_report SET retry_at = now() WHERE invoice = '1000002'");
$node->safe_psql('postgres', 'CALL rde_run_due()');
is($node->safe_psql('postgres', "SELECT string_agg(status || ' ' || row_count, ', ') FROM rde_reports WHERE invoice = '1000002'"),
	'completed 1, completed 1', 'and has its report when they are there');

$node->stop;
done_testing();

# worker_many.pl
#
# Many workers at once, and people who build by hand beside them: each period is
# built once, all its formats from the same rows, while those change all the time
# (X2).  And nobody waits for another reseller's pile of reports.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeSessions;
use Test::More;
use Time::HiRes qw(time usleep);

my $times = $ENV{RDE_SOAK} ? 10 : 1;
my $days = 20 * $times;
my $clients = 8;
my $schedulers = 3;

my $node = PostgreSQL::Test::Cluster->new('workers');
$node->init;
$node->append_conf('postgresql.conf', <<'END');
fsync = off
client_min_messages = error
max_connections = 40
END
$node->start;

# Twenty-five generators of five resellers, two formats each.  The data set
# "slow" takes a moment for each report.
$node->safe_psql('postgres', <<"END");
CREATE EXTENSION rde;
CREATE ROLE shop_owner;
CREATE SCHEMA shop AUTHORIZATION shop_owner;
SET ROLE shop_owner;
CREATE TABLE shop.sale (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, reseller bigint, day date, total numeric, currency text);
CREATE INDEX ON shop.sale (reseller, day);
INSERT INTO shop.sale (reseller, day, total, currency)
SELECT reseller, (now() AT TIME ZONE 'UTC')::date - day, n, 'EUR'
FROM generate_series(1, 5) reseller, generate_series(1, $days) day, generate_series(1, 5) n;
CREATE VIEW shop.slow AS SELECT id, reseller, day FROM shop.sale, pg_sleep(0.02);
RESET ROLE;
SELECT rde_create_dataset(d, d) FROM unnest('{sale,slow}'::text[]) d;
SELECT rde_attach('sale', 'shop.sale', 'reseller', 'day', amount => 'total', currency => 'currency');
SELECT rde_attach('slow', 'shop.slow', 'reseller', 'day', '{id}');
SELECT rde_create_generator('sale', format('%s of %s', n, reseller), (ARRAY['{csv,json}', '{json,xml}', '{csv,xlsx}', '{xml,csv}', '{xlsx,json}'])[n]::text[],
                            'daily', reseller => reseller, start => (now() AT TIME ZONE 'UTC')::date - $days)
FROM generate_series(1, 5) reseller, generate_series(1, 5) n;

-- how often each report was built, and by whom
CREATE TABLE built (id uuid, pid integer);
CREATE FUNCTION note_built() RETURNS trigger LANGUAGE plpgsql AS
    \$\$ BEGIN INSERT INTO public.built VALUES (NEW.id, pg_backend_pid()); RETURN NULL; END \$\$;
CREATE TRIGGER built AFTER UPDATE ON _rde_report FOR EACH ROW
    WHEN (NEW.status = 'completed' AND OLD.status <> 'completed') EXECUTE FUNCTION note_built();
END

sub query
{
	return $node->safe_psql('postgres', $_[0]);
}

# Every period at once

my $pending = q{SELECT FROM _rde_report WHERE status = 'submitted' OR retry_at IS NOT NULL};
{
	# late rows, all the time, of days that are being reported
	my $writer = open_session($node, 'postgres');
	my @hands = map { open_session($node, 'postgres') } 1 .. 2;
	my @clients = map { open_session($node, 'postgres') } 1 .. $clients;
	my @schedulers = map { open_session($node, 'postgres') } 1 .. $schedulers;
	my $started = time;

	my $insert = qq{
		INSERT INTO shop.sale (reseller, day, total, currency)
		SELECT 1 + floor(random() * 5), (now() AT TIME ZONE 'UTC')::date - 1 - floor(random() * $days)::int, 1, 'EUR'
		FROM generate_series(1, 5);
	};
	my $by_hand = q{
		SELECT count(rde_build(id)) FROM (SELECT id FROM _rde_report WHERE status = 'submitted' ORDER BY random() LIMIT 1) x};
	my @busy = (
		[ $insert x 20, $writer ],
		[ 'CALL rde_run_due(max_reports => 7)', @clients ],
		[ q{CALL rde_run_due(wait => '1 s')}, @schedulers ],
		[ $by_hand, @hands ]);
	my $deadline = time + 60;
	for my $turn (0 .. 1e6)
	{
		for (@busy)
		{
			my ($sql, @sessions) = @$_;
			send_to($_, $sql) for grep { $turn == 0 || is_done($_) } @sessions;
		}
		usleep(5_000);
		last if time > $deadline || query(qq{
			SELECT EXISTS (SELECT FROM _rde_generator WHERE next_run_at <= now()) OR EXISTS ($pending)}) eq 'f';
	}
	my @output = map { wait_for($_) } @schedulers, @clients, $writer;
	is(join('', grep { /ERROR/ } @output), '', 'no worker ends with an error');
	note sprintf '%d reports in %.1f s', query('SELECT count(*) FROM built'), time - $started;
	wait_for($_) for @hands;
	close_session($_) for @schedulers, @clients, $writer, @hands;
}
is(query("SELECT EXISTS ($pending)"), 'f', 'everything is built');
is(query("SELECT string_agg(DISTINCT error, ', ') FROM _rde_report WHERE status <> 'completed'"), '', 'and nothing failed');
my $periods = 25 * $days;
is(query('SELECT count(*) FROM (SELECT DISTINCT generator, period_from FROM _rde_report) x'), $periods, "$periods periods");
is(query(q{
		SELECT count(*) FROM _rde_generator g CROSS JOIN unnest(g.formats) f(format)
		CROSS JOIN generate_series(g.start, (g.next_from AT TIME ZONE 'UTC')::date - 1, '1 day') d(day)
		WHERE (SELECT count(*) FROM _rde_report r WHERE r.generator = g.id AND r.format = f.format
		         AND r.period_from = d.day::timestamp AT TIME ZONE 'UTC') <> 1}),
	'0', 'each day of each generator in each format is there once');
is(query('SELECT count(*) FROM _rde_report r WHERE (SELECT count(*) FROM built b WHERE b.id = r.id) <> 1'),
	'0', 'each was built once');
is(query('SELECT count(*) FROM _rde_report WHERE NOT rde_verify_report(id) OR lost_claims > 0 OR claim_pid IS NOT NULL'),
	'0', 'each is whole, and nobody\'s any more');
# By hand one format is built; a worker that comes next builds the other.
my $two_formats = q{
	SELECT count(*) FROM _rde_report a JOIN _rde_report b ON b.pass = a.pass AND b.format > a.format
	WHERE (SELECT bool_and(built.pid IN (SELECT w.pid FROM _rde_worker w)) FROM built WHERE built.id IN (a.id, b.id)) AND };
is(query("$two_formats a.build_ms <> b.build_ms"), '0', 'a worker builds the formats of a period together');
is(query(qq{$two_formats (a.row_count, (SELECT t.amount FROM _rde_report_total t WHERE t.report = a.id))
	IS DISTINCT FROM (b.row_count, (SELECT t.amount FROM _rde_report_total t WHERE t.report = b.id))}),
	'0', 'from the same rows');
cmp_ok(query("$two_formats true"), '>', 0.3 * $periods, 'many of them: how many is up to those who build by hand');
cmp_ok(query('SELECT count(DISTINCT row_count) FROM _rde_report'), '>', 5, 'while rows came in');
cmp_ok(query('SELECT count(*) FROM (SELECT FROM _rde_report GROUP BY published_xid HAVING count(DISTINCT reseller) > 1) x'),
	'>', 0, 'and some of several resellers');
my $workers = query('SELECT count(DISTINCT pid) FROM _rde_worker WHERE built > 0');
cmp_ok($workers, '>=', $clients, "$workers workers had a part in it");

# A pile of three hundred reports, and one that another reseller asks for

{
	query(q{
		SELECT rde_submit('slow', day, day, 'csv', reseller => 1, name => 'pile')
		FROM (SELECT (now() AT TIME ZONE 'UTC')::date - 1 - n % 10 AS day FROM generate_series(1, 300) n) d});
	my @workers = map { open_session($node, 'postgres') } 1 .. 2;
	send_to($_, 'CALL rde_run_due()') for @workers;
	usleep(300_000);
	query(q{SELECT rde_submit('sale', day, day, 'csv', reseller => 2, name => 'single')
		FROM (SELECT (now() AT TIME ZONE 'UTC')::date - 1 AS day) d});
	wait_for($_) for @workers;
	close_session($_) for @workers;
	is(query(q{SELECT count(*) FROM _rde_report WHERE name = 'pile' AND status = 'completed'}), '300', 'the pile is built');
	my $later = query(q{
		SELECT count(*) FROM _rde_report p JOIN _rde_report s ON s.name = 'single'
		WHERE p.name = 'pile' AND p.published_at > s.published_at});
	my $latency = query(q{SELECT round(1000 * extract(epoch FROM published_at - submitted_at)) FROM _rde_report WHERE name = 'single'});
	cmp_ok($later, '>', 150, "it was built after $latency ms, before $later of the pile");
}

done_testing();

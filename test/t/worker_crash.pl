# worker_crash.pl
#
# Workers are killed and servers stopped at once, at any moment and at COMMIT:
# every report is wholly there or waits to be built again, nothing is left over
# and nothing is there twice (X1).  A report that kills its worker each time it
# is built ends in error, and takes no other report with it.
#
# The seed of the moments is printed; RDE_SEED repeats them.  RDE_SOAK=1 goes
# through ten times as many rounds.

use strict;
use warnings;
use IPC::Run;
use List::Util qw(shuffle);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

plan skip_all => 'needs /proc' unless -r '/proc/self/stat';

my $times = $ENV{RDE_SOAK} ? 10 : 1;
my @rounds = (('kill') x (125 * $times), ('commit') x (45 * $times), ('stop') x (35 * $times));
my $workers = 3;
my $seed = $ENV{RDE_SEED} // int(rand(1_000_000));
srand($seed);
note "seed $seed";
@rounds = shuffle @rounds;

# Processes die here, not the machine, so what was written stays written.
my $node = PostgreSQL::Test::Cluster->new('crash');
$node->init;
$node->append_conf('postgresql.conf', <<'END');
fsync = off
restart_after_crash = on
autovacuum = off
client_min_messages = error
END
$node->start;

# The server's process ids, by what /proc says.
sub backends
{
	my ($title) = @_;
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	my @found;
	for my $file (glob '/proc/[0-9]*/stat')
	{
		open(my $stat, '<', $file) or next;
		my ($pid, $parent) = (<$stat> // '') =~ /^(\d+) \(.*\) \S (\d+)/ or next;
		next unless $parent == $postmaster;
		open(my $command, '<', "/proc/$pid/cmdline") or next;
		push @found, $pid if (<$command> // '') =~ $title;
	}
	return @found;
}

sub start_workers
{
	my ($call) = @_;
	return map {
		my %worker = (out => '');
		$worker{handle} = IPC::Run::start(
			[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', $call ],
			'<', \undef, '>&', \$worker{out}, IPC::Run::timeout(120));
		\%worker;
	} 1 .. $workers;
}

sub wait_for_workers
{
	$_->{handle}->finish for @_;
	return;
}

# After a crash the server comes back by itself.
sub wait_for_server
{
	my $deadline = time + 60;
	my @try = ('psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SELECT 1');
	until (IPC::Run::run([@try], '>&', \my $output))
	{
		die "the server does not come back: $output" if time > $deadline;
		usleep(10_000);
	}
	return;
}

# Sales are small, documents make files of several chunks.  Everything is of the
# last twenty days, so whatever day it is there is something to catch up with.
$node->safe_psql('postgres', <<'END');
CREATE EXTENSION rde;
CREATE ROLE shop_owner;
GRANT pg_execute_server_program TO shop_owner;
CREATE SCHEMA shop AUTHORIZATION shop_owner;
SET ROLE shop_owner;
CREATE TABLE shop.sale AS
SELECT 10 * day + n AS id, 1 + reseller AS reseller, (now() AT TIME ZONE 'UTC')::date - day AS day, n / 7.0 AS total,
       'EUR' AS currency, 'sale ' || n AS note
FROM generate_series(0, 19) day, generate_series(0, 4) reseller, generate_series(1, 3) n;
CREATE VIEW shop.document AS
SELECT 100 * s.id + n AS id, s.reseller, s.day, repeat(md5(n::text), 1000) AS text
FROM shop.sale s, generate_series(1, 14) n;
RESET ROLE;
SELECT rde_create_dataset(d, d) FROM unnest('{sale,document}'::text[]) d;
SELECT rde_attach('sale', 'shop.sale', 'reseller', 'day', '{id}', amount => 'total', currency => 'currency');
SELECT rde_attach('document', 'shop.document', 'reseller', 'day', '{id}');

-- The n-th report from now on kills its worker, while that waits for a moment of
-- about the same length before it goes on with its COMMIT.
CREATE SCHEMA test;
CREATE SEQUENCE test.published;
CREATE TABLE test.trap (at bigint, delay float8);
CREATE FUNCTION test.at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sprung float8;
BEGIN
    SELECT delay INTO sprung FROM test.trap WHERE at = nextval('test.published');
    IF FOUND THEN
        EXECUTE format('COPY (SELECT WHERE false) TO PROGRAM %L',
                       'echo ' || NEW.id || ' >sprung; (sleep 0.005; kill -9 $PPID) </dev/null >/dev/null 2>&1 &');
        PERFORM pg_sleep(sprung);
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER at_commit AFTER UPDATE ON _rde_report DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.status = 'completed') EXECUTE FUNCTION test.at_commit();

-- What must not be, whatever happened: one line for each.
CREATE TABLE test.verified (id uuid PRIMARY KEY);
CREATE FUNCTION test.wrong() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT 'left over: ' || concat_ws(', ', left_over, c.report, r.status)
        FROM (SELECT 'chunk' AS left_over, report FROM _rde_report_chunk
              UNION ALL SELECT 'total', report FROM _rde_report_total) c
        LEFT JOIN _rde_report r ON r.id = c.report WHERE r.status IS DISTINCT FROM 'completed';
    RETURN QUERY SELECT format('twice: %s of %s', r.format, r.period_from) FROM _rde_report r
        GROUP BY r.generator, r.period_from, r.format HAVING count(*) > 1;
    RETURN QUERY SELECT 'neither completed nor waiting to be: ' || concat_ws(', ', r.id, r.status, r.lost_claims, r.error)
        FROM _rde_report r
        WHERE r.status <> 'completed' AND NOT (r.status = 'submitted' AND NOT _rde_alive(r.claim_pid, r.claim_start));
    RETURN QUERY SELECT 'gap: ' || g.name
        FROM _rde_generator g LEFT JOIN _rde_report r ON r.generator = g.id
        GROUP BY g.id
        HAVING count(r.id) <> cardinality(g.formats) * ((g.next_from AT TIME ZONE 'UTC')::date - g.start);
    RETURN QUERY SELECT format('rows: %s in %s of %s', r.row_count, r.format, r.period_from) FROM _rde_report r
        WHERE r.status = 'completed' AND r.row_count <> CASE r.dataset WHEN 'sale' THEN 3 ELSE 42 END;
    RETURN QUERY WITH verified AS (
            INSERT INTO test.verified SELECT r.id FROM _rde_report r WHERE r.status = 'completed'
            ON CONFLICT DO NOTHING RETURNING id)
        SELECT 'damaged: ' || v.id FROM verified v WHERE NOT rde_verify_report(v.id);
END $$;

-- Only rde_retry_report() brings back what has been lost too often.  Here it happens to
-- the innocent.
CREATE FUNCTION test.forgive() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(rde_retry_report(id)) FROM _rde_report WHERE sqlstate = '57P02' AND lost_claims = 3 AND status = 'error' $$;
END

my %formats = (sale => [ 'csv,json,xlsx', 'csv', 'json,xml' ], document => [ 'csv', 'json,csv', 'xlsx' ]);

# The next thing to do: a generator with some days to catch up with.
sub more_work
{
	my ($round) = @_;
	my $dataset = rand() < 0.75 ? 'sale' : 'document';
	my $format = $formats{$dataset}[ rand 3 ];
	my $days = 4 + int(rand 5);
	my $reseller = 1 + int(rand 5);
	return qq{
		SELECT rde_create_generator('$dataset', 'generator $round', '{$format}', 'daily', reseller => $reseller,
			start => (now() AT TIME ZONE 'UTC')::date - $days, options => '{"compress":false}') IS NULL;
	};
}

# What became of the report that sprang the trap?
sub sprung
{
	my $file = $node->data_dir . '/sprung';
	return '' unless -s $file;
	chomp(my $report = slurp_file($file));
	unlink $file;
	return "SELECT 'at commit ' || status FROM _rde_report WHERE id = '$report';\n";
}

sub any_of
{
	return $_[ rand @_ ];
}

my $wrong = '';
my %died = (kill => 0, commit => 0, stop => 0);
my %at_commit = (submitted => 0, completed => 0);
my $forgiven = 0;
my $started = time;
$node->safe_psql('postgres', join '', map { more_work("0.$_") } 1 .. 10);
for my $round (1 .. @rounds)
{
	my $how = $rounds[ $round - 1 ];
	my $moment = rand 200;
	my $delay = sprintf '%.4f', rand 0.010;
	my $at = 1 + int(rand 4);

	$node->safe_psql('postgres', "INSERT INTO test.trap SELECT nextval('test.published') + $at, $delay")
	  if $how eq 'commit';
	my @workers = start_workers($how eq 'commit' ? 'CALL rde_run_due()' : "CALL rde_run_due(wait => '30 s')");
	if ($how ne 'commit')
	{
		my $deadline = time + 10;
		usleep(1_000) until backends(qr/ CALL/) || time > $deadline;
		usleep(1_000 * $moment);
		if ($how eq 'kill')
		{
			kill 'KILL', any_of(backends(qr/ CALL/));
		}
		else
		{
			$node->stop('immediate');
		}
	}
	wait_for_workers(@workers);
	$died{$how}++ if $how ne 'commit' || grep { $_->{out} =~ /connection to server was lost/ } @workers;
	$how eq 'stop' ? $node->start : wait_for_server();

	my $output = $node->safe_psql('postgres', q{
		DELETE FROM test.trap;
		SELECT 'forgiven ' || test.forgive();
		SELECT * FROM test.wrong();
	} . sprung() . more_work($round));
	$forgiven += $1 if $output =~ s/^forgiven (\d+)\n?//m;
	$at_commit{$1}++ if $output =~ s/^at commit (\w+)\n?//m;
	$output =~ s/^f\n?//mg;
	$wrong .= "round $round ($how): $output\n" if $output ne '';
	last if $wrong ne '';
}
is($wrong, '', 'whatever dies, reports are whole or wait to be built');
note sprintf '%d rounds in %.0f s: %s; %d reports were lost three times; at COMMIT %d had been published, %d not', scalar(@rounds), time - $started,
  join(', ', map { "$_ $died{$_}" } sort keys %died), $forgiven, @at_commit{qw(completed submitted)};

# Whatever is left is built by whoever comes next.
$node->safe_psql('postgres', "SELECT test.forgive(); CALL rde_run_due()") for 1 .. 2;
is($node->safe_psql('postgres', 'SELECT * FROM test.wrong()'), '', 'and the rest is built');
is($node->safe_psql('postgres', "SELECT count(*) FROM _rde_report WHERE status <> 'completed'"), '0', 'every report is completed');
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM _rde_generator g CROSS JOIN unnest(g.formats) f(format)
	CROSS JOIN generate_series(g.start, (now() AT TIME ZONE 'UTC')::date - 1, '1 day') d(day)
	WHERE (SELECT count(*) FROM _rde_report r WHERE r.generator = g.id AND r.format = f.format
	         AND r.period_from = d.day::timestamp AT TIME ZONE 'UTC') <> 1}),
	'0', 'each day of each generator in each format is there once');
my ($reports, $chunks) = split /\|/, $node->safe_psql('postgres',
	'SELECT count(DISTINCT report), count(*) FROM _rde_report_chunk');
cmp_ok($chunks, '>', $reports, "$reports reports have several chunks, $chunks in all");
is($node->safe_psql('postgres', 'SELECT count(*) FROM _rde_report WHERE NOT rde_verify_report(id)'), '0', 'and all are as they were built');

# One report kills its worker whenever it is built, and all other processes with
# it, among them workers that are busy with slow reports.  Every reseller has its
# turn at once, so they are built at the same time again and again.
$node->safe_psql('postgres', <<'END');
DROP TRIGGER at_commit ON _rde_report;
SET ROLE shop_owner;
CREATE FUNCTION shop.wait_or_die(reseller bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF reseller = 1 THEN
        PERFORM pg_sleep(0.1);
        COPY (SELECT WHERE false) TO PROGRAM 'kill -9 $PPID';
    END IF;
    PERFORM pg_sleep(0.5);
    RETURN '';
END $$;
CREATE VIEW shop.peril AS SELECT id, reseller, day, shop.wait_or_die(reseller) AS text
FROM generate_series(1, 12) id, LATERAL (SELECT id AS reseller, date '2020-01-01' AS day) x;
RESET ROLE;
SELECT rde_create_dataset('peril', 'Peril');
SELECT rde_attach('peril', 'shop.peril', 'reseller', 'day', '{id}');
SELECT rde_submit('peril', '2020-01-01', '2020-01-01', 'csv', reseller => n, name => 'peril ' || n) FROM generate_series(1, 8) n;
SELECT rde_submit('sale', day, day, 'csv', reseller => 1, name => 'harmless ' || day)
FROM (SELECT (now() AT TIME ZONE 'UTC')::date - n AS day FROM generate_series(1, 50) n) d;
END

my $crashes = 0;
for (1 .. 20)
{
	my @workers = start_workers('CALL rde_run_due()');
	wait_for_workers(@workers);
	last unless grep { $_->{out} =~ /connection to server was lost/ } @workers;
	$crashes++;
	wait_for_server();
}
is($crashes, 3, 'a report that kills its worker does so three times');
is($node->safe_psql('postgres', "SELECT status, sqlstate, lost_claims, error FROM _rde_report WHERE name = 'peril 1'"),
	'error|57P02|3|the server process that built it was gone before it ended, 3 times', 'and is in error then');
is($node->safe_psql('postgres', "SELECT string_agg(name, ', ') FROM _rde_report WHERE status <> 'completed' AND name <> 'peril 1'"),
	'', 'all others are built');

# A pass of a hundred resellers whose worker is killed in the middle of it: nothing of it
# is published, and nothing is lost or there twice.
$node->safe_psql('postgres', <<'END');
DELETE FROM _rde_generator;
SET ROLE shop_owner;
CREATE TABLE shop.omen AS SELECT 1 AS sign;
CREATE SEQUENCE shop.step;
CREATE FUNCTION shop.heed(reseller bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    -- in the first pass, whoever comes first: the last one may be of few resellers
    IF nextval('shop.step') = 40 AND EXISTS (SELECT FROM shop.omen) THEN
        COPY (SELECT WHERE false) TO PROGRAM 'kill -9 $PPID';
        PERFORM pg_sleep(60);
    END IF;
    RETURN '';
END $$;
CREATE VIEW shop.crowd AS SELECT id, 1 + id % 100 AS reseller, (now() AT TIME ZONE 'UTC')::date - 2 AS day, shop.heed(1 + id % 100) AS text
FROM generate_series(1::bigint, 500) id;
RESET ROLE;
SELECT rde_create_dataset('crowd', 'Crowd');
SELECT rde_attach('crowd', 'shop.crowd', 'reseller', 'day', '{id}');
SELECT rde_create_generator('crowd', 'crowd', '{csv,json}', 'daily', reseller => n, start => (now() AT TIME ZONE 'UTC')::date - 2, catch_up => 'all')
FROM generate_series(1, 100) n;
END
my $crowd = "FROM _rde_report r WHERE dataset = 'crowd' AND period_from = (SELECT min(period_from) FROM _rde_report WHERE dataset = 'crowd')";
wait_for_workers(start_workers('CALL rde_run_due()'));
wait_for_server();
my ($waiting, $lost) = split /\|/, $node->safe_psql('postgres', "SELECT count(*) FILTER (WHERE status = 'submitted'), count(*) FILTER (WHERE status = 'submitted' AND claim_pid IS NOT NULL) $crowd");
cmp_ok($lost, '>=', 16, "a pass of many resellers dies with its worker: $lost reports that it had claimed");
cmp_ok($waiting, '>=', $lost, '... wait to be built again');
is($node->safe_psql('postgres', "SELECT count(*) $crowd AND status <> 'completed' AND EXISTS (SELECT FROM _rde_report_chunk c WHERE c.report = r.id)"), '0', '... and nothing of them is stored');
$node->safe_psql('postgres', 'TRUNCATE shop.omen');
wait_for_workers(start_workers('CALL rde_run_due()'));
$node->safe_psql('postgres', 'CALL rde_run_due()');
is($node->safe_psql('postgres', "SELECT count(*), count(DISTINCT (reseller, format)), sum(row_count), max(lost_claims), bool_and(rde_verify_report(id)) $crowd AND status = 'completed'"),
	'200|200|1000|1|t', '... all of them once, with all their rows');
is($node->safe_psql('postgres', 'SELECT count(*) FROM _rde_report WHERE claim_pid IS NOT NULL'), '0', '... and nothing is claimed');

done_testing();

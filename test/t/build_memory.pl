# build_memory.pl
#
# What a build may use and must give back: private memory that does not grow
# with the rows (M1), a cancel that is noticed at once (M2), and nothing left
# behind by a thousand builds, half of them failing (M3).
#
# RDE_SOAK=1 exports ten million rows and cancels 210 times.

use strict;
use warnings;
use IPC::Run;
use List::Util qw(max);
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

plan skip_all => 'needs /proc' unless -r '/proc/self/status';

my $soak = $ENV{RDE_SOAK};
my $rows = $soak ? 10_000_000 : 1_000_000;
my $cancels = $soak ? 210 : 35;
my @formats = qw(csv json xml xlsx);
my $KiB_limit = 32 * 1024;

my $node = PostgreSQL::Test::Cluster->new('memory');
$node->init;
$node->append_conf('postgresql.conf', <<'END');
fsync = off
autovacuum = off
shared_buffers = 256MB
max_wal_size = 4GB
work_mem = 4MB
jit = off
client_min_messages = error
END

# The C library keeps up to megabytes of what was freed, now more and now less;
# like this it gives all back, and what stays is in use.
$ENV{MALLOC_MMAP_THRESHOLD_} = $ENV{MALLOC_TRIM_THRESHOLD_} = 128 * 1024;
$node->start;

# A psql that stays, so that one backend can be watched: send_to() hands it
# statements, wait_for() waits until they are done, calling back every 10 ms.
sub session
{
	my %session = (in => '', out => '', err => '');

	$session{handle} = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres') ],
		'<', \$session{in}, '>', \$session{out}, '2>', \$session{err});
	my $session = \%session;
	($session->{pid}) = run_in($session, 'SELECT pg_backend_pid()') =~ /(\d+)/;
	return $session;
}

sub send_to
{
	my ($session, $sql) = @_;
	$session->{out} = $session->{err} = '';
	$session->{in} .= "$sql\n;\n\\echo <done>\n";
	$session->{handle}->pump_nb;
}

sub wait_for
{
	my ($session, $watch) = @_;
	my $deadline = time + 600;
	until ($session->{out} =~ /<done>\n/)
	{
		die "session is stuck: $session->{err}" if time > $deadline;
		$watch->() if $watch;
		usleep($watch ? 10_000 : 1_000);
		$session->{handle}->pump_nb;
	}
	return $session->{out} =~ s/<done>\n//r;
}

sub run_in
{
	my ($session, $sql, $watch) = @_;
	send_to($session, $sql);
	return wait_for($session, $watch);
}

sub close_session
{
	my ($session) = @_;
	$session->{in} .= "\\q\n";
	$session->{handle}->finish;
	return;
}

sub private_KiB
{
	my ($session) = @_;
	my ($KiB) = slurp_file("/proc/$session->{pid}/status") =~ /^RssAnon:\s+(\d+)/m;
	return $KiB;
}

# Processor time of a session's backend, in seconds.
sub worked
{
	my ($session) = @_;
	my @fields = split / /, slurp_file("/proc/$session->{pid}/stat") =~ s/^.*\) //sr;
	return ($fields[11] + $fields[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

# Cancel a statement after so many seconds; returns for how long it went on working,
# which does not count how long it had to wait for a processor on a busy machine.
sub cancel_after
{
	my ($seconds, $session, $sql) = @_;
	send_to($session, $sql);
	usleep(1e6 * $seconds);
	my $at = worked($session);
	kill 'INT', $session->{pid};
	wait_for($session);
	return worked($session) - $at;
}

# The highest RssAnon while a statement runs, over what it was before.
sub growth_KiB
{
	my ($session, $sql) = @_;
	my $idle = private_KiB($session);
	my $high = $idle;
	run_in($session, $sql, sub { $high = max($high, private_KiB($session)) });
	return max($high, private_KiB($session)) - $idle;
}

# Descriptors by what they are: without the files of relations and WAL that the
# server itself keeps open and closes as it sees fit.
sub descriptors
{
	my ($session) = @_;
	my $folder = "/proc/$session->{pid}/fd";
	my %found;
	for my $fd (glob "$folder/*")
	{
		my $target = readlink $fd // next;
		next if $target =~ m{/base/\d+/\d+|/global/\d+|/pg_wal/};
		$found{$target}++;
	}
	return join "\n", map { "$found{$_} $_" } sort keys %found;
}

sub temporary_files
{
	my @files = glob $node->data_dir . '/base/pgsql_tmp/*';
	return join ' ', @files;
}

# Twenty-six columns a row; made in the order reports are in, with the index
# that order asks of a source.
my $text = join ', ',
  map { "'text number ${_} of row ' || n, '$_.' || n || '\@example.com'" } 1 .. 8;
$node->safe_psql('postgres', <<"END");
CREATE EXTENSION rde;
CREATE ROLE shop_owner;
CREATE SCHEMA shop AUTHORIZATION shop_owner;
SET ROLE shop_owner;
SET synchronous_commit = off;
CREATE UNLOGGED TABLE shop.wide AS
SELECT n AS id, timestamptz '2025-01-01 00:00Z' + n * interval '1 s' AS changed_at,
       1 + n % 3 AS reseller, n::numeric(20,8) / 100 AS total, 'EUR' AS currency,
       date '2020-01-01' + n % 2000 AS day, n % 2 = 0 AS flag,
       json_build_array(json_build_array('PONumber', n::text))::jsonb AS attributes,
       'Müller & Söhne "' || n || '"' AS name, NULL::text AS note,
       @{[ join ', ', map { "column_$_" } 1 .. 16 ]}
FROM generate_series(1, $rows) n,
LATERAL (SELECT $text) t(@{[ join ', ', map { "column_$_" } 1 .. 16 ]});
CREATE INDEX ON shop.wide (changed_at, id);
ANALYZE shop.wide;
CREATE TABLE shop.small AS SELECT n AS id, 1 AS reseller, date '2025-01-01' AS day, 'name ' || n AS name
FROM generate_series(1, 20) n;
CREATE VIEW shop.broken AS SELECT id, reseller, day, 1 / (10 - id) AS name FROM shop.small;
CREATE VIEW shop.long AS SELECT id, reseller, day, repeat('x', 4000 * id) AS name FROM shop.small;
CREATE VIEW shop.huge AS SELECT 1 AS id, 1 AS reseller, date '2025-01-01' AS day,
    repeat('<"x"> & ', 18750000) AS name;
RESET ROLE;
SELECT rde_create_dataset(d, d) FROM unnest('{wide,small,broken,long,huge}'::text[]) d;
SELECT rde_attach('wide', 'shop.wide', 'reseller', 'changed_at', '{id}', amount => 'total', currency => 'currency');
SELECT rde_attach(d, ('shop.' || d)::regclass, 'reseller', 'day', '{id}') FROM unnest('{small,broken,long,huge}'::text[]) d;
END
is($node->safe_psql('postgres',
		"SELECT count(*) FROM rde_view_columns WHERE dataset = 'wide'"),
	26, 'the wide source has 26 columns');

sub export_sql
{
	my ($dataset, $format, $first, $last) = @_;
	return "SELECT rde_export('$dataset', '$first', '$last', '$format')";
}

# M1: private memory

my @all = ('2025-01-01', '2027-12-31');
{
	my $session = session();
	cmp_ok(growth_KiB($session, "SELECT length(repeat('x', 64 * 1024 * 1024)), pg_sleep(0.2)"),
		'>', $KiB_limit, 'a value of 64 MiB would be seen');
	close_session($session);
}

for my $format (@formats)
{
	my $session = session();
	my $growth = growth_KiB($session,
		'BEGIN; ' . export_sql('wide', $format, @all) . " AS id \\gset\n"
		  . "SELECT row_count FROM rde_reports WHERE id = :'id'; ROLLBACK");
	like($session->{out}, qr/^$rows$/m, "$format: all rows are exported") or diag $session->{err};
	cmp_ok($growth, '<', $KiB_limit, "$format: private memory grew by $growth KiB");
	close_session($session);
}

# ... and that of those that help
{
	my $session = session();
	my ($helpers, $high) = (0, 0);

	run_in($session, "LOAD 'rde'; SET rde.max_parallel_workers_per_report = 2; BEGIN; "
		. export_sql('wide', 'xml', '2025-01-01', $soak ? '2025-04-26' : '2025-01-12') . '; ROLLBACK',
		sub {
			for my $process (glob '/proc/[0-9]*')
			{
				next unless (eval { slurp_file("$process/cmdline") } // "") =~ /parallel worker for PID $session->{pid}\b/;
				my ($KiB) = (eval { slurp_file("$process/status") } // '') =~ /^RssAnon:\s+(\d+)/m;
				$helpers++;
				$high = max($high, $KiB // 0);
			}
		});
	cmp_ok($helpers, '>', 0, 'processes help');
	cmp_ok($high, '<', $KiB_limit, "private memory of one was $high KiB");
	close_session($session);
}

# M2: cancelled at random moments

# Many rows, and one row with a value of 150 MB.
my @few = ('2025-01-01', '2025-01-02');
my @victims = map { export_sql('wide', $_, @few) } @formats;
push @victims, map { export_sql('huge', $_, @few) } qw(csv json xml);
{
	my $session = session();
	my (@duration, @late);

	for my $n (0 .. $#victims)
	{
		my $start = time;
		run_in($session, "BEGIN; $victims[$n]; ROLLBACK");
		$duration[$n] = time - $start;
	}
	my $before = descriptors($session);
	my $seed = $ENV{RDE_SEED} // int(rand(1_000_000));
	srand($seed);
	note "seed $seed";
	for my $round (0 .. $cancels - 1)
	{
		my $n = $round % @victims;
		my $late = cancel_after(rand(0.8 * $duration[$n]), $session, $victims[$n]);

		next unless $session->{err} =~ /canceling statement due to user request/;
		push @late, $late;
		diag sprintf 'slow: %.0f ms, %s', 1000 * $late, $victims[$n] if $late > 0.1;
	}
	@late = sort { $a <=> $b } @late;
	note sprintf 'noticed within %.0f ms (median), %.0f ms (worst)',
	  1000 * $late[ @late / 2 ], 1000 * $late[-1];
	cmp_ok(scalar @late, '>', 0.6 * $cancels, "most of $cancels exports were cancelled");
	my $limit = $soak ? 0.1 : 0.5;
	cmp_ok($late[ 0.97 * @late - 1 ], '<=', $limit, "cancels are noticed within $limit s");

	run_in($session, "SET statement_timeout = 50; " . export_sql('wide', 'xlsx', @few));
	like($session->{err}, qr/canceling statement due to statement timeout/, 'statement_timeout ends an export');

	is(descriptors($session), $before, 'cancelled exports leave no descriptor open');
	is(temporary_files(), '', 'nor a temporary file');
	close_session($session);
}
is($node->safe_psql('postgres', <<'END'), '0|0', 'nor a chunk without a report');
SELECT (SELECT count(*) FROM _rde_report WHERE status <> 'completed'),
       (SELECT count(*) FROM _rde_report_chunk c WHERE NOT EXISTS
          (SELECT FROM _rde_report r WHERE r.id = c.report AND r.status = 'completed'))
END
is($node->safe_psql('postgres', 'SELECT count(*) FROM rde_progress'), 0, 'nor progress');

# M3: a thousand builds, half of them failing

# Every other one fails: at the tenth row of its source or, as XLSX, at a text
# that is too long for a cell.  Each build is a transaction of its own.
sub builds
{
	my ($count) = @_;
	return <<"END" . '\gexec';
SELECT count(rde_submit((ARRAY['small', 'broken', 'small', CASE WHEN n % 16 = 15 THEN 'long' ELSE 'broken' END])[1 + n % 4],
                        '2025-01-01', '2025-01-01', (ARRAY['csv', 'json', 'xml', 'xlsx'])[1 + n / 4 % 4]))
FROM generate_series(0, $count - 1) n;
SELECT format('SELECT rde_build(%L)', id) FROM _rde_report WHERE status = 'submitted' ORDER BY submitted_at
END
}

{
	my $session = session();

	$node->safe_psql('postgres', 'DELETE FROM _rde_report');
	run_in($session, builds(208));
	is($session->{err}, '', 'builds do not raise what fails');
	my $before = descriptors($session);
	my $KiB = private_KiB($session);
	run_in($session, builds(1008));
	my $growth = private_KiB($session) - $KiB;

	is($node->safe_psql('postgres',
			'SELECT status, count(*) FROM _rde_report GROUP BY 1 ORDER BY 1'),
		"completed|608\nerror|608", 'half of the builds fail');
	is($node->safe_psql('postgres',
			'SELECT sqlstate, count(*) FROM _rde_report WHERE sqlstate IS NOT NULL GROUP BY 1 ORDER BY 1'),
		"22001|76\n22012|532", 'and why is on record');
	is(descriptors($session), $before, 'no descriptor is left open');
	cmp_ok($growth, '<', 1024, "private memory grew by $growth KiB");
	is(temporary_files(), '', 'no temporary file is left');
	close_session($session);
}

$node->stop;
done_testing();

# build_allocations.pl
#
# Each allocation of a build fails in turn (M4): what rde asks for, what the server
# asks for on its behalf, and what both ask the C library for.  Whichever it is, the
# server lives, the session goes on, nothing is half stored and nothing leaks; and
# what was asked for is built, byte for byte, once there is memory.
#
# What libxlsxwriter asks for itself is out of reach: it does not look at what it
# gets.  Nor does anything fail in the server's critical sections, which it answers
# with a PANIC by design, nor the list of a lock's owners, without which it crashes.
#
# In check some of rde's own fail, RDE_SOAK=1 lets all, also the server's.  RDE_SEED repeats the choice.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeSessions;
use Test::More;
use Time::HiRes qw(time);

plan skip_all => 'needs /proc' unless -r '/proc/self/status';

my $seed = $ENV{RDE_SEED} // int(rand(1_000_000));
srand($seed);
note "seed $seed";

# The libraries that make allocations fail
my $folder = PostgreSQL::Test::Utils::tempdir;
my ($include) = map { chomp; $_ } `pg_config --includedir-server`;
my $tools = "$FindBin::RealBin/../tools";
my @compile = ($ENV{CC} // 'cc', qw(-O2 -fPIC -shared -D_GNU_SOURCE -Wall -Werror), '-isystem', $include);
system_or_bail(@compile, '-o', "$folder/$_.so", "$tools/$_.c", '-ldl') for qw(fail_malloc fail_palloc);

my $node = PostgreSQL::Test::Cluster->new('allocations');
$node->init;
$node->append_conf('postgresql.conf', <<'END_CONF');
fsync = off
autovacuum = off
jit = off
log_statement = none
client_min_messages = error
shared_preload_libraries = rde
END_CONF
{
	local $ENV{LD_PRELOAD} = "$folder/fail_malloc.so";
	# what is freed is given back, and what stays is in use
	local @ENV{qw(MALLOC_MMAP_THRESHOLD_ MALLOC_TRIM_THRESHOLD_)} = (128 * 1024) x 2;
	$node->start;
}

my @formats = qw(csv json xml xlsx);
$node->safe_psql('postgres', <<"END_SQL");
CREATE EXTENSION rde;
CREATE ROLE shop_owner;
CREATE TABLE sale AS SELECT n AS id, 7 AS reseller, timestamptz '2020-01-01 12:00Z' AS day, n / 7.0 AS total, 'EUR' AS currency,
    repeat(md5(n::text), 30) AS note, json_build_object('n', n) AS data FROM generate_series(1, 150) n;
ALTER TABLE sale ADD PRIMARY KEY (id);
ALTER TABLE sale OWNER TO shop_owner;
SELECT rde_create_dataset('sale', 'Sale');
SELECT rde_attach('sale', 'sale', 'reseller', 'day', amount => 'total', currency => 'currency');
CREATE FUNCTION fail_at(what text, n bigint) RETURNS void LANGUAGE C STRICT AS '$folder/fail_palloc.so', 'fail_at';
CREATE FUNCTION failed() RETURNS bigint LANGUAGE C STRICT AS '$folder/fail_palloc.so', 'failed';

CREATE TABLE wanted (format text PRIMARY KEY, sha256 bytea);
-- what must not be: one line for each
CREATE FUNCTION wrong() RETURNS SETOF text LANGUAGE sql AS \$\$
    SELECT 'left over: ' || concat_ws(', ', c.what, c.report, r.status)
    FROM (SELECT 'chunk' AS what, report FROM _rde_report_chunk UNION ALL SELECT 'total', report FROM _rde_report_total) c
    LEFT JOIN _rde_report r ON r.id = c.report WHERE r.status IS DISTINCT FROM 'completed'
    UNION ALL
    SELECT 'other bytes: ' || r.format FROM _rde_report r JOIN wanted w USING (format)
    WHERE r.status = 'completed' AND (r.sha256 <> w.sha256 OR r.row_count <> 150 OR NOT rde_verify_report(r.id))
    UNION ALL
    SELECT 'total: ' || r.format FROM _rde_report r
    WHERE r.status = 'completed' AND (SELECT t.rows FROM _rde_report_total t WHERE t.report = r.id) IS DISTINCT FROM 150
\$\$;
END_SQL

my $ask = join '', map { "SELECT rde_submit('sale', '2020-01-01', '2020-01-01', '$_', reseller => 7);\n" } @formats;
my $export = join '', map { "SELECT rde_export('sale', '2020-01-01', '2020-01-01', '$_', reseller => 7);\n" } @formats;
my $again = q{UPDATE _rde_report SET retry_at = now() WHERE retry_at IS NOT NULL; DELETE FROM _rde_source_failure; CALL rde_run_due();};
my $clear = join ' ', map { "DELETE FROM $_;" } qw(_rde_report_chunk _rde_report_total _rde_report);

my $session;
my ($errors, $ended, $lost) = ('', '', 0);

# The session does everything once, and holds what it will keep.
sub warm_up
{
	run_in($session, "$ask CALL rde_run_due(); $export");
	($session->{pid}) = run_in($session, 'SELECT pg_backend_pid()') =~ /(\d+)/;
	return;
}

$session = open_session($node, 'postgres');
warm_up();
$node->safe_psql('postgres', "INSERT INTO wanted SELECT DISTINCT format, sha256 FROM _rde_report WHERE status = 'completed'");
is($node->safe_psql('postgres', 'SELECT count(*) FROM wanted'), scalar(@formats), 'the same rows make the same bytes');
is($node->safe_psql('postgres', 'SELECT * FROM wrong()'), '', 'as it has to be');

# How many allocations there are
sub asked_for
{
	my ($what, $sql) = @_;
	my ($asked) = run_in($session, "SELECT fail_at('$what', 0);\n$sql\nSELECT failed()") =~ /^(\d+)$/m;
	run_in($session, $clear);
	return $asked;
}

# Let the n-th fail.  Returns what is wrong, if anything is.
sub let_fail
{
	my ($what, $n, $by_worker) = @_;
	my $sql = $by_worker ? 'CALL rde_run_due();' : $export;

	run_in($session, $ask) if $by_worker;
	my $said = eval { run_in($session, "SELECT fail_at('$what', $n);\n$sql") };
	if (defined $said)
	{
		run_in($session, 'SELECT failed()');
		$errors .= $said;
	}
	else
	{
		# the server has places of its own where nothing is left but to end the session
		$said = "$what: $session->{err}";
		$ended .= $said;
		$lost++;
		$session = open_session($node, 'postgres');
	}
	my $wrong = run_in($session, 'SELECT * FROM wrong()');
	# what a worker was asked for is built by the same one, in the same session
	$wrong .= run_in($session, "$again\nSELECT * FROM wrong();
		SELECT 'not built: ' || concat_ws(' ', format, status, error) FROM _rde_report WHERE status <> 'completed'")
	  if $by_worker;
	$wrong .= run_in($session, q{SELECT 'reports: ' || count(*) FROM _rde_report HAVING count(*) <> 4}) if $by_worker;
	warm_up() if !defined $session->{pid};
	run_in($session, $clear);
	return $wrong eq '' ? '' : sprintf("%s %d, %s: %s(%s)\n", $what, $n, $by_worker ? 'worker' : 'by hand', $wrong, $said);
}

sub private_KiB
{
	return (slurp_file("/proc/$session->{pid}/status") =~ /^RssAnon:\s+(\d+)/m)[0];
}

# Descriptors by what they are, without the files the server keeps open as it sees fit
sub descriptors
{
	my %found;
	for my $target (map { readlink $_ // () } glob "/proc/$session->{pid}/fd/*")
	{
		$found{$target}++ unless $target =~ m{/base/\d+/\d+|/global/\d+|/pg_wal/};
	}
	return join "\n", map { "$found{$_} $_" } sort keys %found;
}

# The server tells of all its memory each time: what was looked at is cut off.
my $crashed = '';

sub look_at_log
{
	my $log = slurp_file($node->logfile);
	$crashed .= "$1\n" while $log =~ /(.*(?:PANIC|terminated by signal).*)/g;
	truncate $node->logfile, 0;
	return;
}

# Whichever are to fail: all, or so many of them
sub chosen
{
	my ($count, $most) = @_;
	return 1 .. $count if $ENV{RDE_SOAK} || $count <= $most;
	my %n = map { 1 + int(rand $count) => 1 } 1 .. $most;
	return sort { $a <=> $b } keys %n;
}

# What the server itself asks for may end it: in a critical section it has no other
# way.  So its own are left to the long form, which is looked at.
my @cases = ([ 'own', 1, 120 ], [ 'own', 0, 100 ]);
push @cases, [ 'any', 1, 100 ], [ 'any', 0, 60 ], [ 'block', 1, 100 ], [ 'block', 0, 60 ] if $ENV{RDE_SOAK};
for my $case (@cases)
{
	my ($what, $by_worker, $most) = @$case;
	my $asked = asked_for($what, $by_worker ? "$ask CALL rde_run_due();" : $export);
	my $started = time;
	my ($wrong, $count) = ('', 0);
	my ($idle, $open, $runs, $pid) = (undef, undef, 0, $session->{pid});

	cmp_ok($asked // 0, '>', 10, "$what: $asked allocations");
	for my $n (chosen($asked, $most))
	{
		$wrong .= let_fail($what, $n, $by_worker);
		$count++;
		# what is kept once it was needed has been kept by now
		$runs = 0 if $pid != $session->{pid};
		$pid = $session->{pid};
		($idle, $open) = (private_KiB(), descriptors()) if ++$runs == 20;
		undef $idle if $runs < 20;
		look_at_log() if $count % 500 == 0;
		last if length $wrong > 10_000;
	}
	is($wrong, '', sprintf '%s, %s: %d of them failed, in %.0f s', $what, $by_worker ? 'by a worker' : 'by hand', $count, time - $started);
	is(descriptors(), $open, 'no file is left open') if $idle;
	cmp_ok(private_KiB() - $idle, '<', 1024, 'and no memory kept') if $idle;
}
my %seen;
$seen{$_}++ for $errors =~ /ERROR:  (\w+)/g;
note join ', ', map { "$_: $seen{$_}" } sort keys %seen;
cmp_ok($seen{53200} // 0, '>', 40, 'many of them were errors, out of memory');
# where a zone cannot be loaded or an expression compiled, the server says so
is(join(' ', grep { !/^(?:53200|2201B|22023)$/ } sort keys %seen), '', 'and nothing else');
my @ends = $ended =~ /^(\w+: \w+:  \w+)$/mg;
is(scalar(grep { !/^(?:any|block): FATAL:  53200$/ } @ends), 0, 'rde itself ends no session; the server ended ' . @ends)
  or diag $ended;
is($lost, scalar(@ends), 'with a word each');
look_at_log();
is($crashed, '', 'the server never crashed');
close_session($session);
$node->stop;
done_testing();

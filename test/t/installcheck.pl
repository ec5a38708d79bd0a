# installcheck.pl
#
# "make installcheck", as PGXS has it: pg_regress and pg_isolation_regress on a
# server that is running already.  Every test of test/sql and test/specs runs there,
# and a failure is one of make's.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'RDE_SOURCE names no source tree' unless $ENV{RDE_SOURCE};

my $tests = $ENV{PG_ABS_SRCDIR};
my $source = PostgreSQL::Test::Utils::tempdir() . '/rde';
system_or_bail('cp', '-r', $ENV{RDE_SOURCE}, $source);
system_or_bail('cp', '-r', $tests, "$source/test");
system_or_bail('cp', '-r', "$tests/../expected", "$source/expected");

my $node = PostgreSQL::Test::Cluster->new('running');
$node->init;
$node->append_conf('postgresql.conf', "max_prepared_transactions = 10\nfsync = off\n");
$node->start;

$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
my @make = ('make', '-s', '-C', $source, "PG_CONFIG=$ENV{PG_CONFIG}", 'with_llvm=no', 'installcheck');

# What pg_regress says of each test: "test name ... ok" up to 15, TAP from 16 on.
sub verdicts
{
	my ($out) = @_;
	my %verdict;

	$verdict{$2} = $1 ? 'FAILED' : 'ok' while $out =~ /^(not )?ok \d+\s+[-+] (\w+)/mg;
	$verdict{$1} = $2 while $out =~ /^test (\w+)\s+\.\.\. (\w+)/mg;
	return \%verdict;
}

sub names
{
	return map { m{([^/]+)\.\w+$} } map { glob } @_;
}

my ($out, $err) = ('', '');
ok(IPC::Run::run([@make], '>', \$out, '2>', \$err), 'make installcheck') or diag $out, $err;
is_deeply(verdicts($out),
	{ map { $_ => 'ok' } names("$tests/sql/*.sql", "$tests/specs/*.spec") }, 'every test ran, and passed')
  or diag $out;

# The same in another folder than that of the sources.
my $elsewhere = PostgreSQL::Test::Utils::tempdir();
my @there = map { $_ eq $source ? ($elsewhere, '-f', "$source/Makefile") : $_ } @make;
ok(IPC::Run::run([ @there, 'REGRESS=dataset', 'ISOLATION=build' ], '>', \$out, '2>', \$err), 'make installcheck, elsewhere')
  or diag $out, $err;
is_deeply(verdicts($out), { dataset => 'ok', build => 'ok' }, 'runs tests');

# One that prints something else.
append_to_file("$source/expected/dataset.out", "more\n");
ok(!IPC::Run::run([ @make, 'REGRESS=dataset', 'ISOLATION=' ], '>', \$out, '2>', \$err), 'a test that fails is make\'s failure');
is_deeply(verdicts($out), { dataset => 'FAILED' }, 'and is named');

done_testing();

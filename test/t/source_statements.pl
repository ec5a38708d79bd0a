# source_statements.pl
#
# Every statement of the C code is a static const RdeStatement.  They are taken from
# the sources as the compiler sees them, and each is prepared with its types on a
# fresh installation: a name that is no longer there, a wrong type or a name that is
# not qualified fails here, not the first time somebody comes by.  What SPI is given
# beside them is listed.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# What is made while it runs, over tables whose names are not known before
my %composed = map { $_ => 1 } qw(core/statement.c build/watermark.c work/rebaseline.c work/sweep.c);

# What a statement may return, by how it begins; with RETURNING
my %expected = (SELECT => 5, WITH => 5, INSERT => 7, DELETE => 8, UPDATE => 9, LOCK => 4);
my %returning = (INSERT => 11, DELETE => 12, UPDATE => 13);

# Who waits for a row's or a table's lock, and why nobody has to wait for him.  All
# others skip what is locked.  A worker's step waits 5 s at most, by core/step.
my %waits = (
	'report/report.c: lock_for_revision' => 'by hand: rde_rebuild',
	'work/rebaseline.c: lock_generator' => 'by hand: rde_rebaseline_generator',
	'build/window.c: lock_ends' => 'workers that build formats of one window, one after the other; an account never holds it',
	'work/claim.c: wait_for_turn' => 'workers that claim, one after the other, in a transaction of its own');

my $top = $ENV{RDE_SOURCE};
plan skip_all => 'RDE_SOURCE names no source tree' unless $top;

sub slurp
{
	my ($path) = @_;
	open(my $file, '<:encoding(UTF-8)', $path) or die "$path: $!";
	local $/;
	return <$file>;
}

my $string = qr/"(?:\\.|[^"\\])*"/;

# A text that may be several strings
sub text_of
{
	my ($strings) = @_;
	my $text = join '', map { substr $_, 1, -1 } $strings =~ /$string/g;
	$text =~ s/\\(.)/$1 eq 'n' ? "\n" : $1 eq 't' ? "\t" : $1/ge;
	return $text;
}

my ($include) = map { chomp; $_ } `pg_config --includedir-server`;
my ($curl) = map { chomp; $_ } `pkg-config --cflags libcurl libcrypto 2>/dev/null`;
my $preprocess = ($ENV{CC} // 'cc') . " -E -P -I$top/azure -I$top/src -I$include " . ($curl // '') . " -DRDE_VERSION='\"\"'";
my @files = sort(glob("$top/src/*/*.c"), glob("$top/azure/*.c"));
cmp_ok(scalar(@files), '>', 50, 'there are files');

my @statements;
for my $path (@files, glob("$top/src/*/*.h"), glob("$top/azure/*.h"))
{
	my ($file) = $path =~ m{(\w+/\w+\.[ch])$};
	my $code = slurp($path) =~ s{/\*.*?\*/}{}gsr;

	if (my @calls = $code =~ /\bSPI_(?:exec\w*|prepare\w*|cursor_(?:open|parse)\w*)\s*\(([^;]*);/g)
	{
		ok($composed{$file}, "$file may call SPI with a statement of its own");
		is(scalar(grep { /"/ } @calls), 0, "$file: none of them is a literal");
		delete $composed{$file};
	}
	next if $file =~ m{^core/statement\.};
	my @declared = $code =~ /\bstatic const RdeStatement (\w+) = \{/g;
	my $others = () = $code =~ /\bconst RdeStatement \*/g;
	my $all = () = $code =~ /\bRdeStatement\b/g;
	is(@declared + $others, $all, "$file: its statements are static and const") if $all;
	next unless @declared;

	my $seen = `$preprocess $path`;
	is($?, 0, "$file: preprocessed");
	my %found;
	while ($seen =~ /\bstatic const RdeStatement (\w+) = \{((?:$string|\{[^{}]*\}|[^"{}])*)\}\s*;/g)
	{
		my ($name, $body) = ($1, $2);
		my ($sql) = $body =~ /\.sql = ((?:\s*$string)+)/;
		my ($types) = $body =~ /\.types = \{([^{}]*)\}/;
		my ($sight) = $body =~ /\.sight = (\w+)/;
		my ($expected) = $body =~ /\.expected = (\d+)/;
		$found{$name} = 1;
		push @statements,
		  { name => "$file: $name", sql => text_of($sql // ''), types => [ ($types // '') =~ /(\d+)/g ], sight => $sight // '',
			expected => $expected // 0 };
	}
	is(join(' ', sort keys %found), join(' ', sort @declared), "$file: found what it declares");
}
is(join(' ', sort keys %composed), '', 'who is listed calls SPI');
cmp_ok(scalar(@statements), '>', 60, 'there are statements');

my $node = PostgreSQL::Test::Cluster->new('statements');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE SCHEMA "of rde"; CREATE EXTENSION rde SCHEMA "of rde"');
my $azure = $node->psql('postgres', 'CREATE EXTENSION rde_azure SCHEMA "of rde"') == 0;
note 'rde_azure is not installed' unless $azure;
my %type = map { split /\|/ } split /\n/, $node->safe_psql('postgres', 'SET search_path = pg_catalog; SELECT oid, oid::regtype FROM pg_type');

for my $it (@statements)
{
	my $sql = $it->{sql} =~ s/%s/"of rde"/gr;
	my ($verb) = $sql =~ /^(\w+) /;
	my $known = $sql =~ / RETURNING / && $verb ne 'WITH' ? $returning{$verb} : $expected{$verb};
	my ($most) = sort { $b <=> $a } 0, $sql =~ /\$(\d+)/g;
	my ($out, $err);

	is($it->{expected}, $known, "$it->{name}: what it returns");
	ok($it->{sight} eq '' || $expected{$verb} == 5, "$it->{name}: only what reads sees another snapshot");
	cmp_ok($most, '<=', scalar(@{ $it->{types} }), "$it->{name}: its parameters have types");
	if ("$sql " =~ /\bFOR (?:NO KEY )?(?:UPDATE|SHARE|KEY SHARE)(?: OF \w+)?(?! SKIP LOCKED|\w| OF)|^LOCK /)
	{
		ok(delete $waits{ $it->{name} }, "$it->{name}: is one of those who wait for a lock");
	}
	next if !$azure && $it->{name} =~ m{^azure/};
	my $types = @{ $it->{types} } ? '(' . join(', ', map { $type{$_} } @{ $it->{types} }) . ')' : '';
	my $result = $node->psql('postgres',
		"SET search_path = pg_catalog, pg_temp;\n" . ($verb eq 'LOCK' ? "BEGIN;\n$sql;" : "PREPARE it$types AS $sql;"),
		on_error_stop => 1, stdout => \$out, stderr => \$err);
	is("$result $err", '0 ', "$it->{name}: can be prepared");
}

is(join(' ', sort keys %waits), '', 'who is said to wait does');

# What must not be NULL and is, by somebody's hand, is an error that names it.
my ($out, $err);
my $result = $node->psql('postgres', q{
	SET search_path = "of rde", public;
	CREATE TABLE line (id integer PRIMARY KEY, reseller bigint, day date);
	SELECT rde_create_dataset('lines', 'lines');
	SELECT rde_attach('lines', 'line', reseller => 'reseller', period => 'day', key => '{id}');
	SELECT rde_submit('lines', '2026-01-01', '2026-01-02') AS report \gset
	ALTER TABLE _rde_report ALTER time_zone DROP NOT NULL;
	UPDATE _rde_report SET time_zone = NULL;
	SELECT rde_build(:'report');
	SELECT status FROM rde_reports WHERE id = :'report';
}, stdout => \$out, stderr => \$err);
like($err, qr/WARNING:  report \S+ could not be built: unexpected null in column "time_zone"/, 'a NULL is named');
like($out, qr/^error$/m, 'and the report is in error');

$node->stop;
done_testing();

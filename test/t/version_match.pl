# version_match.pl
#
# Library and SQL objects of different versions say so before anything else
# fails, and what to do (R6).

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('version');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION rde');

my $version = $node->safe_psql('postgres', 'SELECT rde_version()');
is($node->safe_psql('postgres', q(SELECT extversion FROM pg_extension WHERE extname = 'rde')),
	$version, 'a fresh extension has the library\'s version');
is($node->safe_psql('postgres', 'SELECT scope FROM rde_whoami()'), 'admin', 'functions work');

sub pretend
{
	my ($other) = @_;

	$node->safe_psql('postgres',
		"UPDATE pg_extension SET extversion = '$other' WHERE extname = 'rde'");
}

sub refused
{
	my ($call, $other, $hint) = @_;
	my ($code, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$call");

	like($err, qr/55000: library of extension "rde" is \Q$version\E but its SQL objects are \Q$other\E/,
		"$call is refused with SQL objects of $other");
	like($err, $hint, 'and says what to do');
}

my @calls = (
	'SELECT * FROM rde_whoami()',
	'SELECT count(*) FROM rde_reports',
	"SELECT rde_export('nothing', '2024-01-01', '2024-01-01')",
	'SELECT rde_create_dataset(NULL, NULL)',
	'CALL rde_run_due()');

pretend('0.9');
refused($_, '0.9', qr/HINT:  ALTER EXTENSION rde UPDATE;/) foreach @calls;
is($node->safe_psql('postgres', 'SELECT rde_version()'), $version, 'rde_version still answers');

pretend("$version.1");
refused($calls[0], "$version.1", qr/HINT:  Install the library of version \Q$version\E\.1, then connect again/);

pretend($version);
is($node->safe_psql('postgres', 'SELECT scope FROM rde_whoami()'), 'admin',
	'and all works when the versions are the same again');

done_testing();

# document_reference.pl
#
# doc/reference.md tells what the catalog tells: functions, views and settings are as
# doc/reference.sql prints them on a fresh installation; each SQLSTATE that is told of
# is in the table of errors, under its condition's name.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeFiles qw(new_server);
use Test::More;

my $top = $ENV{RDE_SOURCE} // abs_path(dirname(__FILE__) . '/../..');
my $node = new_server('reference');
if ($node->psql('postgres', 'CREATE EXTENSION rde_azure') != 0)
{
	plan skip_all => 'rde_azure is not there';
}

my $printed = run_psql();
my $page = slurp_file("$top/doc/reference.md");

sub run_psql
{
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', "$top/doc/reference.sql" ],
		'>', \$out, '2>', \$err)
	  or die $err;
	return $out;
}

# { part => text } of what stands between the marks.
sub parts
{
	my ($text) = @_;
	return { $text =~ /^<!-- catalog: (\w+) -->\n(.*?)^<!-- end -->$/msg };
}

my ($expected, $found) = (parts($printed), parts($page));
is(join(' ', sort keys %$found), 'functions settings views', 'the page has its parts');
for my $part (sort keys %$expected)
{
	my @expected = split /\n/, $expected->{$part};
	my @found = split /\n/, $found->{$part} // '';
	cmp_ok(scalar(@expected), '>', 5, "there are $part");
	is_deeply(\@found, \@expected, "$part are as the catalog tells them: make reference");
}

my ($errors) = $page =~ /^## Errors\n(.*)/ms;
my %condition;
for my $row ($errors =~ /^(\| \w{5}[ ,].*)$/mg)
{
	my (undef, $states, $names) = split / *\| */, $row;
	my @names = split /, /, $names;
	$condition{$_} = shift @names for split /, /, $states;
}
my %told = map { $_ => 1 } $expected->{functions} =~ /\b((?=\w*\d)(?:[0-9][0-9A-Z]{4}|XX001))\b/g;
cmp_ok(scalar(keys %told), '>', 20, 'functions tell of errors');
is(join(' ', grep { !$condition{$_} } sort keys %told), '', 'which the table of errors has');
my @wrong = grep {
	$node->safe_psql('postgres', "DO \$\$ BEGIN RAISE EXCEPTION USING ERRCODE = '$condition{$_}'; EXCEPTION WHEN OTHERS THEN "
		  . "IF SQLSTATE <> '$_' THEN RAISE EXCEPTION '%', SQLSTATE; END IF; END \$\$; SELECT 1") ne '1'
} sort keys %condition;
is(join(' ', @wrong), '', 'under the names of their conditions');

# What the sources raise by name, but for what no caller sees.
my %raised;
for my $file (glob("$top/sql/rde/*/*.sql $top/azure/sql/{header,objects}.sql"))
{
	my $text = slurp_file($file);
	$raised{$_} = 1 for $text =~ /ERRCODE = '([a-z_]+)'/g;
}
cmp_ok(scalar(keys %raised), '>', 8, 'SQL raises errors');
my %named = reverse %condition;
is(join(' ', grep { !$named{$_} } sort keys %raised), '', 'and the table has them');

# And in C, by PostgreSQL's own names.
my ($headers) = run_command([ $ENV{PG_CONFIG} // 'pg_config', '--includedir-server' ]);
my %state = slurp_file("$headers/utils/errcodes.h") =~ /^#define (ERRCODE_\w+) MAKE_SQLSTATE\(([^)]*)\)/mg;
tr/',//d for values %state;
my %coded;
for my $file (glob("$top/src/*/*.c $top/azure/*.c"))
{
	$coded{ $state{$_} // $_ } = 1 for slurp_file($file) =~ /errcode\((ERRCODE_\w+)\)/g;
}
cmp_ok(scalar(keys %coded), '>', 15, 'C raises errors');
is(join(' ', grep { !$condition{$_} } sort keys %coded), '', 'and the table has them');

done_testing();

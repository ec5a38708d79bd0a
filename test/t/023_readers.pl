# 023_readers.pl
#
# Programs that people read files with, and that nobody here wrote, find in them
# what the source holds, in reasonable time and memory.

use strict;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::RealBin;
use JSON::PP;
use PostgreSQL::Test::Utils;
use RdeFiles;
use Test::More;

ok($ENV{RDE_READERS}, 'readers are installed')
  or BAIL_OUT('run test/setup check: it installs readers in build/');

my $node = new_server('readers');
my @workbook_readers = qw(exceljs exceljs-stream sheetjs read-excel-file openpyxl);

# Rows of a file as a reader sees them, the header first; undef if it fails.
sub read_by
{
	my ($reader, $file, @limits) = @_;
	my @command = ('node', @limits, "$FindBin::RealBin/../tools/readers.js", $reader, $file->{path});

	@command = ('/usr/bin/python3', "$FindBin::RealBin/../tools/cells.py", '--values', $file->{path})
	  if $reader eq 'openpyxl';
	local $ENV{NODE_PATH} = $ENV{RDE_READERS};
	my ($out, $err) = run_command(\@command);
	diag("$reader: $err") if $err ne '';
	return eval { decode_json($out) };
}

sub attach
{
	my ($table, $more) = @_;
	$more //= '';
	query($node, qq{
		SELECT rde_create_dataset('$table', '$table');
		SELECT rde_attach('$table', '$table', reseller => 'id', period => 'day', key => '{id}'$more);
	});
	return;
}

# A part of a workbook.
sub part
{
	my ($file, $name) = @_;
	my ($out) = run_command([ 'unzip', '-p', $file->{path}, $name ]);
	return $out;
}

# The ranges that a workbook's parts state.
sub ranges
{
	my $file = shift;
	my $xml = join '', map { part($file, "xl/$_.xml") } 'worksheets/sheet1', 'workbook';

	return $xml =~ /(?:ref="|">Data!)([\$A-Z0-9:]+)["<]/g;
}

# Every range that a workbook states ends where its rows do.

my $columns = join ', ', map { "'text $_' AS c$_" } 3 .. 46;
query($node, qq{
	CREATE TABLE wide AS
	SELECT i AS id, date '2020-03-01' AS day, $columns FROM generate_series(1, 253) i});
attach('wide');
my $wide = export_file($node, 'wide', 'xlsx');
is_deeply([ ranges($wide) ], [ 'A1:AT254', '$A$1:$AT$254' ], 'filter and defined name end at the last row');
for my $reader (@workbook_readers)
{
	my $rows = read_by($reader, $wide, '--max-old-space-size=100');
	is_deeply([ scalar @{ $rows // [] }, $rows ? $rows->[-1][45] : undef ], [ 254, 'text 46' ],
		"$reader reads 253 rows of 46 columns with little memory");
}

query($node, 'CREATE TABLE nothing (id bigint, day date, v text)');
attach('nothing');
my $nothing = export_file($node, 'nothing', 'xlsx');
is_deeply([ ranges($nothing) ], [ 'A1:C1', '$A$1:$C$1' ], 'or at the header');
is_deeply(read_by($_, $nothing), [ [ 'id', 'day', 'v' ] ], "$_ reads a workbook without rows")
  for @workbook_readers;

# Text is kept as it is; white space is marked as such only where readers would
# cut it off, at the ends: some readers do not know the mark.

sub texts
{
	my ($table, @texts) = @_;
	my $json = JSON::PP->new->ascii->encode(\@texts) =~ s/'/''/gr;

	query($node, qq{
		CREATE TABLE $table AS
		SELECT n AS id, date '2020-03-01' AS day, value AS v
		FROM json_array_elements_text('$json') WITH ORDINALITY t(value, n)});
	attach($table);
	return;
}

my @plain = ('plain', "two\nlines", 'a  b', '<t>&', "caf\xe9", '0001');
my @spaced = (' before', 'behind ', "\ttab", "end\n", '  ', "\n");
texts('spaces', @plain, @spaced);
my $spaces = export_file($node, 'spaces', 'xlsx');
my @marked = part($spaces, 'xl/worksheets/sheet1.xml') =~ /<t(?: xml:space="preserve")>/g;
is(scalar @marked, scalar @spaced, 'white space is marked only where text begins or ends with it');
for my $reader (@workbook_readers)
{
	my $rows = read_by($reader, $spaces);
	is_deeply([ map { $_->[2] } @$rows ], [ 'v', @plain, @spaced ], "$reader reads all of it");
}

done_testing();

# file_labels.pl
#
# Labels of columns, of any characters, as readers of workbooks and of CSV find
# them at the head of columns; and the names where nobody asked for labels.

use strict;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::RealBin;
use JSON::PP;
use PostgreSQL::Test::Utils;
use RdeFiles;
use Test::More;

unless (ok($ENV{RDE_READERS}, 'readers are installed: "test/setup check" does that, in build/'))
{
	done_testing();
	exit;
}

my $node = new_server('labels');
my $json = JSON::PP->new->utf8->canonical->allow_nonref;

# In German, and in English where German has none; the last has no label.
my @labels = (
	'ID', '=1+1', '+49', '-x', '@SUM(A1)', "two\nlines", 'المجموع שלום', '"quoted", ; |', ' blanks ', 'emoji 😀 é',
	'_x0041_', '<b>&</b>', '0001', 'x' x 255);
my @view = map {
	{ column => 'v', as => "c$_", label => $_ % 3 ? { en => "English $_", de_DE => $labels[$_] } : { $_ ? () : (fr => 'Numéro'), 'en' => $labels[$_] } }
} 0 .. $#labels;
$view[0]{label} = { en => 'ID' };
push @view, { column => 'v', as => 'name' };
my $view = $json->encode(\@view) =~ s/'/''/gr;
utf8::decode($view);
query($node, qq{
	CREATE TABLE sale AS SELECT i AS id, date '2020-03-01' AS day, 'text ' || i AS v FROM generate_series(1, 3) i;
	SELECT rde_create_dataset('sale', 'sale');
	SELECT rde_attach('sale', 'sale', reseller => 'id', period => 'day', key => '{id}');
	SELECT rde_create_view('sale', 'labelled', '$view')});
my @header = (@labels, 'name');

# Rows of a file as a reader sees them, the header first.
sub read_by
{
	my ($reader, $path) = @_;
	my @command = $reader eq 'openpyxl' ? ('/usr/bin/python3', "$FindBin::RealBin/../tools/cells.py", '--values', $path)
	  : $reader eq 'python csv' ? ('/usr/bin/python3', '-c', 'import csv, json, sys; print(json.dumps(list(csv.reader(open(sys.argv[1], newline="", encoding="utf-8")))))', $path)
	  : ('node', "$FindBin::RealBin/../tools/readers.js", $reader, $path);
	local $ENV{NODE_PATH} = $ENV{RDE_READERS};
	my ($out, $err) = run_command(\@command);
	for (2 .. 5)
	{
		last if $reader ne 'exceljs-stream' || $err !~ /reading 'model'/;
		($out, $err) = run_command(\@command);
	}
	diag("$reader: $err") if $err ne '';
	return eval { decode_json($out) } // [];
}

my $workbook = export_file($node, 'sale', 'xlsx', view => 'labelled', options => '{"locale": "de"}');
# openpyxl shows escapes as they are written
for my $reader (qw(exceljs exceljs-stream sheetjs read-excel-file openpyxl))
{
	my $rows = read_by($reader, $workbook->{path});
	is_deeply([ map { s/_x005F_(?=x0041_)/_/r } @{ $rows->[0] // [] } ], \@header, "$reader reads the labels of a workbook");
	is_deeply($rows->[3], [ ('text 3') x @header ], 'and the rows below');
}
my $converted = convert($node, $workbook->{path}, 'csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,1');
($converted) = glob($converted =~ s/\.csv$/*.csv/r) unless -e $converted;
is_deeply(read_by('python csv', $converted)->[0], \@header, 'LibreOffice, too');

my $csv = sub {
	my ($options) = @_;
	return export_file($node, 'sale', 'csv', view => 'labelled', options => qq({"compress": false, $options}));
};
my $bare = $csv->('"locale": "de", "csv": {"header": "label", "formula_guard": false}');
for my $reader ('python csv', 'papaparse')
{
	my $rows = read_by($reader, $bare->{path});
	is_deeply($rows->[0], \@header, "$reader reads the labels of CSV");
	is_deeply($rows->[3], [ ('text 3') x @header ], 'and the rows below');
}
like(slurp_raw($bare->{path}), qr/^"ID",/, 'which begins with no ID');
my $guarded = $csv->('"locale": "de_AT", "csv": {"header": "label"}');
is_deeply(read_by('python csv', $guarded->{path})->[0], [ map { /^[=+\-@]/ && !/^\+49$/ ? "'$_" : $_ } @header ], 'guarded as texts are');
my $names = $csv->('"locale": "de"');
is_deeply(read_by('python csv', $names->{path})->[0], [ (map { "c$_" } 0 .. $#labels), 'name' ], 'names, where nobody asked');

# Nothing of it is a formula.
my ($out) = run_command([ '/usr/bin/python3', "$FindBin::RealBin/../tools/cells.py", $workbook->{path} ]);
is_deeply([ grep { $_->[0] eq 'f' } map { @$_ } @{ decode_json($out) } ], [], 'no formula in the workbook');

$node->stop;
done_testing();

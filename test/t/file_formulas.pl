# file_formulas.pl
#
# No text becomes a formula, in CSV or XLSX, and no text is marked that need
# not be (S10).  formulas.txt holds texts with Excel's rules, LibreOffice opens
# the files.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use JSON::PP;
use PostgreSQL::Test::Utils;
use RdeFiles;
use Test::More;

my $node = new_server('formulas');

# The table of texts and verdicts.
my (@verdicts, @texts);
my %escape = (t => "\t", r => "\r", n => "\n", '\\' => '\\');
open my $table, '<:encoding(UTF-8)', "$FindBin::RealBin/formulas.txt" or die $!;
while (<$table>)
{
	next if /^(#|$)/;
	/^(run|guarded|text|number)\t(.+)$/ or die "formulas.txt, line $.: $_";
	push @verdicts, $1;
	push @texts, $2 =~ s/\\([trn\\])/$escape{$1}/gr;
}
close $table;
cmp_ok(scalar @texts, '>=', 100, scalar(@texts) . ' texts');

my @guarded = map { /run|guarded/ ? 1 : 0 } @verdicts;
my @shown = map { ($guarded[$_] ? "'" : '') . $texts[$_] } 0 .. $#texts;

# One row for each, in the table's order; names are texts as well.
my $quoted = encode_json(\@texts) =~ s/'/''/gr;
query($node, qq{
	CREATE TABLE formulas (id bigint PRIMARY KEY, day date, text text,
						   "=1+1" numeric, "\@SUM(1)" integer, "-x" double precision);
	INSERT INTO formulas
	SELECT n, '2020-01-01', value, -n, -n, -n / 8.0
	FROM json_array_elements_text('$quoted') WITH ORDINALITY t(value, n);
	SELECT rde_create_dataset('formulas', 'Formulas');
	SELECT rde_attach('formulas', 'formulas', reseller => 'id', period => 'day', key => '{id}');
});

sub cells
{
	my ($out, $err) = run_command([ '/usr/bin/python3',
		"$FindBin::RealBin/../tools/cells.py", shift ]);
	die $err if $err ne '';
	return @{ decode_json($out) };
}

# What the database's own COPY reads from a CSV file's column of texts.
sub copied
{
	my $file = shift;
	my $rows = query($node, qq{
		CREATE TEMP TABLE copied (id bigint, day date, text text, a text, b text, c text);
		COPY copied FROM '$file->{path}' (FORMAT csv, HEADER);
		SELECT json_agg(text ORDER BY id) FROM copied;
	});
	return @{ decode_json($rows) };
}

sub printable
{
	return JSON::PP->new->ascii->allow_nonref->encode($_[0]);
}

# Compare column by column, and name the texts that differ.
sub texts_ok
{
	my ($got, $wanted, $what) = @_;
	my @wrong = grep { ($got->[$_] // '') ne $wanted->[$_] } 0 .. $#$wanted;

	ok(@$got == @$wanted && !@wrong, $what)
	  or diag(map { printable($wanted->[$_]) . ' is ' . printable($got->[$_]) . "\n" } @wrong);
	return;
}

# LibreOffice takes all line ends for its own, and 7.4 writes text that looks
# like an escape without escaping it.
sub office_text
{
	return [ map { s/\r\n?/\n/gr =~ s/_x003D_/=/gr } @_ ];
}

# No cell of a workbook is a formula; returns the rows below the header.
sub no_formulas_ok
{
	my ($path, $what) = @_;
	my ($header, @rows) = cells($path);
	my @formulas = map { printable($_->[1]) } grep { $_->[0] eq 'f' }
	  map { @$_ } $header, @rows;

	is("@formulas", '', "$what: no formulas");
	return ($header, @rows);
}

# The CSV against the table.

my $csv = export_file($node, 'formulas', 'csv', options => '{"csv": "excel", "compress": false}');
texts_ok([ copied($csv) ], \@shown, q{the csv has a ' where the table wants one});
my ($header, $first) = split /\r\n/, slurp_raw($csv->{path});
is($header, qq{\xEF\xBB\xBFid,day,text,'=1+1,'\@SUM(1),'-x}, 'names are guarded like texts');
is($first, q{1,2020-01-01,'=,-1,-1,-0.125}, 'numbers are not');

my $bare = export_file($node, 'formulas', 'csv',
	options => '{"csv": {"formula_guard": false}, "compress": false}');
texts_ok([ copied($bare) ], \@texts, 'without the guard texts are what they are');

# LibreOffice on the CSV, made to look for formulas in quoted fields too.

my $import = '--infilter=Text - txt - csv (StarCalc):44,34,76,1,,0,false,true';
my (undef, @rows) = no_formulas_ok(convert($node, $csv->{path}, 'xlsx', $import),
	'csv in LibreOffice');
my @as_text = grep { $verdicts[$_] ne 'number' } 0 .. $#texts;
texts_ok(office_text(map { $_->[2][1] } @rows[@as_text]), office_text(@shown[@as_text]),
	'csv in LibreOffice: texts');
my @as_number = grep { $verdicts[$_] eq 'number' } 0 .. $#texts;
is_deeply([ map { $_->[2][1] + 0 } @rows[@as_number] ],
	[ map { $_ + 0 } @texts[@as_number] ], 'csv in LibreOffice: numbers');
is_deeply([ map { [ $_->[3][1], $_->[4][1], $_->[5][1] ] } @rows ],
	[ map { [ -$_, -$_, -$_ / 8 ] } 1 .. @texts ],
	'csv in LibreOffice: columns of numbers');

# Had the guard been missing, this would have been seen.
my @run = grep { $_->[2][0] eq 'f' } cells(convert($node, $bare->{path}, 'xlsx', $import));
cmp_ok(scalar @run, '>=', 30, 'LibreOffice runs ' . @run . ' of the texts without the guard');

# The workbook: every text is text and has nothing before it.

my $xlsx = export_file($node, 'formulas', 'xlsx');
($header, @rows) = no_formulas_ok($xlsx->{path}, 'xlsx');
is_deeply([ map { $_->[1] } @$header ], [ 'id', 'day', 'text', '=1+1', '@SUM(1)', '-x' ],
	'xlsx: names');
is_deeply([ grep { $_->[2][0] ne 's' } @rows ], [], 'xlsx: texts are text');
texts_ok([ map { $_->[2][1] } @rows ], [ map { s{\r\n?}{\n}gr } @texts ], 'xlsx: texts, with line feeds');
is_deeply([ map { [ map { $_->[0] } @$_[ 3 .. 5 ] ] } @rows ],
	[ map { [ 'n', 'n', 'n' ] } @texts ], 'xlsx: numbers are numbers');

(undef, @rows) = no_formulas_ok(convert($node, $xlsx->{path}, 'xlsx'),
	'xlsx in LibreOffice');
is_deeply([ grep { $_->[2][0] ne 's' } @rows ], [], 'xlsx in LibreOffice: texts are text');
texts_ok(office_text(map { $_->[2][1] } @rows), office_text(@texts), 'xlsx in LibreOffice: texts');

# Whatever type a text is of, and however a view finds it.

query($node, q{
	CREATE TYPE sign AS ENUM ('=1');
	CREATE DOMAIN short AS varchar(9);
	CREATE TABLE kinds (id bigint PRIMARY KEY, day date, v varchar(9), c char(6), n name,
						s "char", e sign, d short, a jsonb, l text, x xml, i interval, m money);
	INSERT INTO kinds VALUES (1, '2020-01-01', '=1', '=1', '=1', '=', '=1', '=1',
		'[["evil", "=1"], ["sum", "@SUM(1)"]]', E'de =2\ten =1', '=1', '-1 day', -1);
	SELECT rde_create_dataset('kinds', 'Kinds');
	SELECT rde_attach('kinds', 'kinds', reseller => 'id', period => 'day', key => '{id}');
	SELECT rde_create_view('kinds', 'texts', '[
		{"column": "v"}, {"column": "c"}, {"column": "n"}, {"column": "s"}, {"column": "e"},
		{"column": "d"}, {"column": "x"},
		{"column": "a", "attribute": "evil", "as": "evil"},
		{"column": "a", "attribute": "sum", "as": "sum"},
		{"column": "l", "locale": "en", "as": "en"}, {"column": "l"}, {"column": "a"}]');
});
is( query($node, q{
		SELECT split_part(rde_text(rde_export('kinds', '2020-01-01', '2020-01-01', 'csv', 'texts')),
						  E'\r\n', 2)}),
	qq{'=1,'=1    ,'=1,'=,'=1,'=1,'=1,'=1,'\@SUM(1),'=1,de =2\ten =1,}
	  . q{"[[""evil"", ""=1""], [""sum"", ""@SUM(1)""]]"},
	'texts of every type are guarded');

done_testing();

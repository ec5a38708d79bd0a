# file_readers.pl
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

unless (ok($ENV{RDE_READERS}, 'readers are installed: "test/setup check" does that, in build/'))
{
	done_testing();
	exit;
}

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

	# it now and then misses the parts behind a sheet, in any workbook
	for (2 .. 5)
	{
		last if $reader ne 'exceljs-stream' || $err !~ /reading 'model'/;
		($out, $err) = run_command(\@command);
	}
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
is_deeply([ ranges($wide) ], [ 'A1:AT254', '$A$1:$AT$254', '$1:$1' ], 'filter and defined name end at the last row');
for my $reader (@workbook_readers)
{
	my $rows = read_by($reader, $wide, '--max-old-space-size=100');
	is_deeply([ scalar @{ $rows // [] }, $rows ? $rows->[-1][45] : undef ], [ 254, 'text 46' ],
		"$reader reads 253 rows of 46 columns with little memory");
}

query($node, 'CREATE TABLE nothing (id bigint, day date, v text)');
attach('nothing');
my $nothing = export_file($node, 'nothing', 'xlsx');
is_deeply([ ranges($nothing) ], [ 'A1:C1', '$A$1:$C$1', '$1:$1' ], 'or at the header');
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

# The same texts, and what CSV and XML write in another way, in files of text.

my @marks = ('"', '""', ',', ';', "a\r\nb", "a\rb", '\\', '\\"', '\\.', '&amp;', '<!-- -->', ']]>', 'NULL', '\\N');
texts('marks', @plain, @spaced, @marks);
my %marks = map { $_ => export_file($node, 'marks', $_, options => '{"compress": false, "csv": {"formula_guard": false}}') }
  qw(csv xml json jsonl);
for ([ 'papaparse', 'csv' ], [ 'fast-xml-parser', 'xml' ])
{
	my ($reader, $format) = @$_;
	my $rows = read_by($reader, $marks{$format});
	is_deeply([ map { $_->[2] } @$rows ], [ 'v', @plain, @spaced, @marks ], "$reader reads texts of $format");
}
for ([ 'json', '.[].v' ], [ 'jsonl', '.v' ])
{
	my ($format, $path) = @$_;
	my ($out) = run_command([ 'jq', '-c', $path, $marks{$format}{path} ]);
	is_deeply([ map { JSON::PP->new->utf8->allow_nonref->decode($_) } split /\n/, $out ], [ @plain, @spaced, @marks ],
		"jq reads texts of $format");
}
my $semicolons = export_file($node, 'marks', 'csv',
	options => '{"compress": false, "csv": {"delimiter": ";", "bom": true, "formula_guard": false}}');
is_deeply([ map { $_->[2] } @{ read_by('papaparse', $semicolons) } ], [ 'v', @plain, @spaced, @marks ],
	'papaparse finds out delimiter and BOM');

# No reader sees a time earlier than it is, also where it cuts instead of
# rounding: all seconds of a day, and moments of other years to what a double can
# tell apart.

query($node, q{
	CREATE TABLE seconds AS
	SELECT i AS id, date '2020-03-01' AS day, timestamp '2020-02-29' + i * interval '1 second' AS at
	FROM generate_series(0, 86399) i;
	CREATE TABLE moments AS
	SELECT y * 1000 + i AS id, date '2020-03-01' AS day,
		   make_timestamp(y::integer, 2, 28, 0, 0, 0) +
		   CASE WHEN i < 500 THEN i * interval '172812345 us' ELSE interval '1 day' - (i - 499) * interval '1 ms' END AS at
	FROM generate_series(0, 999) i, unnest(ARRAY[1901, 1911, 1969, 1989, 2026, 2040]) y;
	CREATE VIEW micros AS SELECT * FROM moments WHERE extract(microseconds FROM at)::bigint % 1000 > 0});

# Serial numbers of the workbook's third column.
sub serials
{
	return part(shift, 'xl/worksheets/sheet1.xml') =~ /<c r="C\d+" s="\d+"><v>([0-9.]+)</g;
}

# How many moments come out earlier than they are, as parts of a day cut off.
sub early
{
	my ($serials, $table, $parts) = @_;
	my @told = split /\n/, query($node, qq{
		SELECT floor(extract(epoch FROM at - timestamp '1899-12-30') * $parts / 86400) FROM $table ORDER BY day, id});

	die if @told != @$serials;
	return scalar grep { my $day = int $serials->[$_];
		int($day * $parts + ($serials->[$_] - $day) * $parts) != $told[$_] ||
		int($serials->[$_] * $parts) != $told[$_] } 0 .. $#told;
}

# Whole milliseconds may come out up to two microseconds late.
attach($_) for qw(seconds moments);
my %moments = map { $_ => export_file($node, $_, 'xlsx') } qw(seconds moments);
my %serials = map { $_ => [ serials($moments{$_}) ] } qw(seconds moments);
$serials{micros} = [ map { $serials{moments}[$_] } grep { $_ % 1000 < 500 && $_ % 200 } 0 .. $#{ $serials{moments} } ];
for ([ 'seconds', 86400, 'second' ], [ 'seconds', 86400e3, 'millisecond' ], [ 'moments', 86400, 'second' ],
	[ 'moments', 86400e3, 'millisecond' ], [ 'micros', 86400e6, 'microsecond' ])
{
	my ($table, $parts, $unit) = @$_;
	is(early($serials{$table}, $table, $parts), 0, "$table: cut to the $unit, none is early or late");
}
for my $reader (@workbook_readers)
{
	my $rows = read_by($reader, $moments{seconds});
	my @told = split /\n/, query($node, q{SELECT to_char(at, 'YYYY-MM-DD HH24:MI:SS') FROM seconds ORDER BY id});
	my @read = map { $_->[2] =~ s/T/ /r =~ s/\.000Z$//r } @$rows[ 1 .. $#$rows ];
	my @wrong = grep { $read[$_] ne $told[$_] } 0 .. $#told;
	ok(@read == @told && !@wrong, "$reader reads every second of a day")
	  or diag(scalar(@wrong) . ' are wrong, as in ', map { "\n$read[$_], not $told[$_]" } @wrong[ 0 .. 2 ]);
}

# Line breaks are line feeds in every reader; _xHHHH_, which half of them do not
# decode, stands for real control characters only.  The manifest counts.

texts('breaks', "Main St 1\r\nTown", "a\rb", "\r\n\r\r\n", "a\n\rb", '_x000D_', "bell\a");
my $breaks = export_file($node, 'breaks', 'xlsx');
my @broken = ("Main St 1\nTown", "a\nb", "\n\n\n", "a\n\nb");
my $sheet = part($breaks, 'xl/worksheets/sheet1.xml');
is_deeply([ $sheet =~ /_x\w{4}_/g ], [ '_x005F_', '_x0007_' ], 'no carriage return is escaped');
is($breaks->{replaced}, 6, 'they are counted as replaced');
for my $reader (@workbook_readers)
{
	my $rows = read_by($reader, $breaks);
	is_deeply([ map { $_->[2] } @$rows[ 1 .. 4 ] ], \@broken, "$reader reads line feeds");
	# as doc/formats.md says
	is($rows->[6][2], $reader eq 'sheetjs' ? "bell\a" : 'bell_x0007_', "and a control character as $reader does");
}
query($node, q{UPDATE breaks SET v = repeat(E'x\r\n', 16383)});
is(read_by('sheetjs', export_file($node, 'breaks', 'xlsx'))->[1][2], "x\n" x 16383,
	'which count once for the longest text of a cell');

# A file that begins with ID is none of CSV to spreadsheets, so that is quoted.

query($node, q{
	CREATE TABLE sylk ("ID" bigint, day date, "IDLE" text);
	INSERT INTO sylk VALUES (1, '2020-03-01', 'ID');
	SELECT rde_create_dataset('sylk', 'Sylk');
	SELECT rde_attach('sylk', 'sylk', reseller => 'ID', period => 'day', key => '{ID}')});
for ([ '{}', qq{"ID",day,IDLE\r\n1,2020-03-01,ID\r\n} ],
	[ '{"delimiter": ";", "bom": true}', qq{\xEF\xBB\xBF"ID";day;IDLE\r\n1;2020-03-01;ID\r\n} ])
{
	my $file = export_file($node, 'sylk', 'csv', options => qq({"compress": false, "csv": $_->[0]}));
	is(slurp_raw($file->{path}), $_->[1], "ID is quoted at the beginning, and only there: $_->[0]");
}

# NULL in a file of one column is a line with nothing in it, which doc/formats.md says.

query($node, q{
	CREATE TABLE lone (id bigint, day date, v text);
	INSERT INTO lone VALUES (1, '2020-03-01', NULL), (2, '2020-03-02', ''), (3, '2020-03-03', 'x'), (4, '2020-03-04', NULL);
	SELECT rde_create_dataset('lone', 'Lone');
	SELECT rde_attach('lone', 'lone', reseller => 'id', period => 'day', key => '{id}', expose => '{v}')});
my $lone = export_file($node, 'lone', 'csv', options => '{"compress": false}');
is(slurp_raw($lone->{path}), qq{v\r\n\r\n""\r\nx\r\n\r\n}, 'a column alone');
is( query($node, qq{
		CREATE TABLE back (v text);
		COPY back FROM '$lone->{path}' (FORMAT csv, HEADER);
		SELECT count(*), count(v) FROM back}),
	'4|2', 'COPY reads its nulls');
is(@{ read_by('papaparse', $lone) }, 2, 'papaparse can skip them, and empty text with them');

# Numbers show all their digits: whole ones as they are, amounts grouped with
# what their currency is written with, days as days.

query($node, q{
	CREATE TABLE figures (id bigint, day date, cur text, total numeric(20,8), fee numeric, n integer,
		f double precision, born date, stamp timestamptz);
	INSERT INTO figures VALUES
		(123456789012, '2020-03-01', 'USD', 22.5, 22.50000000, 7, 0.25, '2020-02-29', '2020-02-29 12:30Z'),
		(1, '2020-03-02', 'JPY', 1234567, 1234567.12345678, -40000, 12345678, '2020-03-01', '2020-03-01Z'),
		(2, '2020-03-03', 'BHD', -0.5, 0, 0, 1e20, NULL, NULL),
		(3, '2020-03-04', 'EUR', 1234.56789, 0.000000001, 1000000, -1.5, '1999-12-31', '1999-12-31 23:59:59Z'),
		(4, '2020-03-05', NULL, 0, -3, NULL, 0.125, NULL, NULL);
	SELECT rde_create_dataset('figures', 'Figures');
	SELECT rde_attach('figures', 'figures', reseller => 'id', period => 'day', key => '{id}', amount => 'total',
		currency => 'cur');
	SELECT rde_create_view('figures', 'shown', '[{"column": "id"}, {"column": "total"}, {"column": "fee"},
		{"column": "n"}, {"column": "f"}, {"column": "born", "type": "unix"},
		{"column": "stamp", "type": "unix"}, {"column": "stamp", "type": "unix_date", "as": "stampDay"},
		{"column": "total", "as": "again"}]')});
my @shown = (
	[ '123456789012', '22.50', '22.5', '7', '0.25', '2020-02-29', '2020-02-29 12:30:00', '2020-02-29 12:30:00', '22.50' ],
	[ '1', '1,234,567', '1234567.12345678', '-40000', '12345678', '2020-03-01', '2020-03-01 00:00:00', '2020-03-01', '1,234,567' ],
	[ '2', '-0.500', '0', '0', '1E+20', undef, undef, undef, '-0.500' ],
	[ '3', '1,234.56789', '0.000000001', '1000000', '-1.5', '1999-12-31', '1999-12-31 23:59:59', '1999-12-31 23:59:59', '1,234.56789' ],
	[ '4', '0.00', '-3', undef, '0.125', undef, undef, undef, '0.00' ]);
my $figures = export_file($node, 'figures', 'xlsx', view => 'shown');
my (undef, @seen) = @{ read_by('sheetjs-shown', $figures) };
is_deeply(\@seen, \@shown, 'sheetjs shows numbers and days with all their digits');
my $office = slurp_raw(convert($node, $figures->{path}, 'csv:Text - txt - csv (StarCalc):59,34,76,1,,0,false,true,true'));
(undef, @seen) = map { my @cells = split /;/, s/1E\+020/1E+20/r, -1; [ map { length ? $_ : undef } @cells ] } split /\r?\n/, $office;
is_deeply(\@seen, \@shown, 'so does LibreOffice');

# A day is one, also where clocks skip its midnight; a midnight elsewhere is none.
query($node, q{
	CREATE TABLE midnights AS SELECT 1::bigint AS id, date '2020-03-01' AS day, date '2018-11-04' AS born,
		extract(epoch FROM timestamptz '2018-11-04 03:00Z')::bigint AS skipped,
		extract(epoch FROM timestamptz '2018-11-04 00:00Z')::bigint AS elsewhere;
	SELECT rde_create_dataset('midnights', 'Midnights');
	SELECT rde_attach('midnights', 'midnights', reseller => 'id', period => 'day', key => '{id}');
	SELECT rde_create_view('midnights', 'shown', '[{"column": "born", "type": "unix"},
		{"column": "skipped", "type": "unix_date"}, {"column": "elsewhere", "type": "unix_date"}]')});
my $midnights = export_file($node, 'midnights', 'xlsx', view => 'shown', zone => 'America/Sao_Paulo');
is_deeply(read_by('sheetjs-shown', $midnights)->[1], [ '2018-11-04', '2018-11-04', '2018-11-03 21:00:00' ],
	'midnights of the zone are days');

# Printed, a sheet is one page wide in landscape, with the header on each page.
my $page = part($figures, 'xl/worksheets/sheet1.xml');
like($page, qr{<pageSetUpPr fitToPage="1"/>.*<pageSetup fitToHeight="0" orientation="landscape"/>}s, 'the page');
like($page, qr{<oddFooter>&amp;C&amp;P / &amp;N</oddFooter>}, 'its number');
like(part($figures, 'xl/workbook.xml'), qr{"_xlnm.Print_Titles" localSheetId="0">Data!\$1:\$1<}, 'its header');

# What JSON may hold and no text can, NUL and half a surrogate pair, becomes
# U+FFFD and is counted, whatever the format and the way it goes.

query($node, q{
	CREATE TABLE halves (id bigint, day date, js json);
	INSERT INTO halves VALUES (1, '2020-03-01', '[["a", "x\u0000y\ud800z"], ["\udc00b", "\\\u0000 \ud83d\ude00"]]'),
		(2, '2020-03-02', '[["a", "plain"]]'), (3, '2020-03-03', '{"a": "\u0000"}');
	SELECT rde_create_dataset('halves', 'Halves');
	SELECT rde_attach('halves', 'halves', reseller => 'id', period => 'day', key => '{id}');
	SELECT rde_create_view('halves', 'lifted', '[{"column": "js", "as": "a", "attribute": "a"}, {"column": "id"}]')});
for my $format (qw(csv json xml xlsx))
{
	my $lifted = export_file($node, 'halves', $format, view => 'lifted', options => '{"compress": false}');
	my $text = $format eq 'xlsx' ? part($lifted, 'xl/worksheets/sheet1.xml') : slurp_raw($lifted->{path});

	like($text, qr/x\xEF\xBF\xBDy\xEF\xBF\xBDz/, "$format: an attribute's text has U+FFFD");
	unlike($text, qr/\0/, "$format: and no NUL");
	is($lifted->{replaced}, 2, "$format: both are counted");

	my $whole = export_file($node, 'halves', $format, options => '{"compress": false}');
	$text = $format eq 'xlsx' ? part($whole, 'xl/worksheets/sheet1.xml') : slurp_raw($whole->{path});
	unlike($text, $format eq "xml" ? qr/\0/ : qr/\0|(?<!\\)\\u0000|\\u(?:d800|dc00)/, "$format: nor has JSON");
	is($whole->{replaced}, 4, "$format: all of it is counted");
	next if $format eq 'xlsx';
	lives_in_text($lifted->{id}, $format);
}

# The file as a value of the database's own.
sub lives_in_text
{
	my ($id, $format) = @_;
	my (undef, $code) = query($node, "SELECT rde_text('$id')", may_fail => 1);

	is($code, 0, "$format: the database takes it as text");
	return;
}

done_testing();

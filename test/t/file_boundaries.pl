# file_boundaries.pl
#
# Reports at the edges (F2): no rows, one column and 1,600, dropped columns,
# the longest cell, the first and last dates, the largest numbers, names of any
# characters, databases in other encodings, more rows than a sheet has.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use RdeFiles;
use Test::More;

my @formats = qw(csv json jsonl xml xlsx);
my $node = new_server('boundaries');

# A table as a data set of its own name, with what is usual for the tests here.
sub attach
{
	my ($table, %arg) = @_;
	my $roles = $arg{roles} // q{reseller => 'id', period => 'day', key => '{id}'};

	query($node, qq{
		SELECT rde_create_dataset('$table', '$table');
		SELECT rde_attach('$table', '$table', $roles);
	}, dbname => $arg{dbname});
}

sub all_formats_ok
{
	my ($table, $what, %arg) = @_;
	file_ok($node, $table, $_, $table, "$what, $_", %arg) for @formats;
}

# What stands in the error of an export in every format, or in some.
sub export_fails
{
	my ($table, $what, $patterns, %arg) = @_;
	for my $format (@{ $arg{formats} // \@formats })
	{
		my $error = export_file($node, $table, $format, %arg)->{error} // 'none';
		like($error, $_, "$what, $format") for @$patterns;
	}
}

# No rows, then one.

query($node, q{
	CREATE TABLE nothing (id bigint PRIMARY KEY, day date, name text, total numeric);
});
attach('nothing');
for my $format (@formats)
{
	my $file = file_ok($node, 'nothing', $format, 'nothing', "no rows, $format",
		options => '{"compress": false}');
	my $text = slurp_raw($file->{path});
	is($file->{rows}, 0, "no rows are counted, $format");
	is($text, "id,day,name,total\r\n", 'a header is all of the csv')
	  if $format eq 'csv';
	is($text, "[\n]\n", 'an empty array is all of the json') if $format eq 'json';
	is($text, '', 'the jsonl has no line') if $format eq 'jsonl';
	command_ok([ 'jq', 'empty', $file->{path} ], 'jq reads it')
	  if $format eq 'json';
	command_ok([ 'xmllint', '--noout', $file->{path} ], 'xmllint reads it')
	  if $format eq 'xml';
	like($text, qr/<report [^>]*dataset="nothing"[^>]*>\n<\/report>\n$/,
		'the xml is a report without rows') if $format eq 'xml';
}
query($node, q{INSERT INTO nothing (id, day) VALUES (1, '2020-05-05')});
all_formats_ok('nothing', 'one row');

# One column, two, and as many as a table can have.

query($node, q{
	CREATE TABLE one (id bigint PRIMARY KEY);
	INSERT INTO one SELECT extract(epoch FROM date '2020-03-01') + i
	FROM generate_series(1, 5) i;
	CREATE TABLE lone (id bigint PRIMARY KEY, day date, v text);
	INSERT INTO lone VALUES (1, '2020-01-01', NULL), (2, '2020-01-02', ''),
		(3, '2020-01-03', E'\\.'), (4, '2020-01-04', 'x'), (5, '2020-01-05', NULL);
	CREATE TABLE two (id bigint PRIMARY KEY, day date);
	INSERT INTO two VALUES (1, '2020-01-01'), (2, '2020-12-31');
});
attach('one', roles => q{reseller => 'id', period => 'id', key => '{id}'});
all_formats_ok('one', 'one column', rows => 'SELECT id FROM one ORDER BY id');
attach('lone', roles => q{reseller => 'id', period => 'day', key => '{id}', expose => '{v}'});
all_formats_ok('lone', 'one column with nulls',
	rows => 'SELECT v FROM lone ORDER BY day, id', columns => q{attname = 'v'});
attach('two');
all_formats_ok('two', 'two columns');

my $wide = join ', ', map { "c$_ smallint" } 3 .. 1600;
query($node, qq{
	CREATE TABLE wide (id bigint PRIMARY KEY, day date, $wide);
	INSERT INTO wide (id, day, c3, c1000, c1600)
	SELECT i, '2020-06-01', i, -i, 1600 FROM generate_series(1, 20) i;
});
attach('wide');
all_formats_ok('wide', '1600 columns');

# Dropped columns leave no gap, wherever they were.

for my $dropped ('gone1', 'gone2', 'gone3', 'gone1, gone2, gone3')
{
	my $drops = join ', ', map { "DROP $_" } split /, /, $dropped;
	query($node, qq{
		DROP TABLE IF EXISTS gaps;
		CREATE TABLE gaps (gone1 text, id bigint PRIMARY KEY, a text, gone2 date,
						   day date, b numeric, gone3 integer);
		INSERT INTO gaps VALUES ('x', 1, 'a', now(), '2020-02-29', 1.50, 3),
								('y', 2, NULL, now(), '2020-03-01', NULL, 4);
		ALTER TABLE gaps $drops;
		SELECT rde_create_dataset('gaps', 'Gaps')
		WHERE NOT EXISTS (SELECT FROM rde_datasets WHERE name = 'gaps');
		SELECT rde_attach('gaps', 'gaps', reseller => 'id', period => 'day', key => '{id}');
	});
	all_formats_ok('gaps', "without $dropped");
}

# A column dropped after attaching is named.
query($node, 'ALTER TABLE gaps DROP b');
export_fails('gaps', 'a column that is gone', [qr/does not have or expose: b$/m],
	formats => ['csv']);

# The longest cell of a workbook: 32,767 UTF-16 units.

query($node, q{
	CREATE TABLE long (id bigint PRIMARY KEY, day date, body text);
	INSERT INTO long VALUES
		(1, '2020-01-01', repeat('x', 32767)),
		(2, '2020-01-02', repeat('é', 32767)),
		(3, '2020-01-03', repeat('😀', 16383) || 'x'),
		(4, '2020-01-04', repeat(E'\r<', 16383)),
		(5, '2020-01-05', repeat('_x0041_', 4681));
});
attach('long');
all_formats_ok('long', 'text of 32,767 units');
for my $body ("repeat('x', 32768)", "repeat('é', 32768)", "repeat('😀', 16384)")
{
	query($node, qq{UPDATE long SET body = $body WHERE id = 3});
	export_fails('long', "$body is too long",
		[ qr/text in column "body" is too long for xlsx/, qr/row 3\b/,
		  qr/HINT:  Use csv, json or xml/ ], formats => ['xlsx']);
}
query($node, q{UPDATE long SET body = repeat('😀"<,_x0041_', 300000) WHERE id = 3});
file_ok($node, 'long', $_, 'long', "text of megabytes, $_") for qw(csv json jsonl xml);

# Dates and numbers at their ends.

query($node, q{
	CREATE TABLE ends (id bigint PRIMARY KEY, day date, d date, ts timestamp,
					   tz timestamptz, n numeric, f double precision, r real);
	INSERT INTO ends (id, day, d, ts, tz)
	SELECT row_number() OVER (), '2020-07-01', v::date, v::timestamp,
		   (v || CASE WHEN v ~ 'BC' THEN '' ELSE '+00' END)::timestamptz
	FROM (VALUES ('4713-01-01 00:00:00 BC'), ('0001-12-31 23:59:59.999999 BC'),
		('0001-01-01 00:00:00'), ('0999-12-31 00:00:00'), ('1582-10-04 00:00:00'),
		('1899-12-30 00:00:00'), ('1899-12-31 12:00:00'), ('1900-01-01 00:00:00'),
		('1900-02-28 23:59:59'), ('1900-03-01 00:00:00'), ('1969-12-31 23:59:59.999'),
		('1970-01-01 00:00:00.001'), ('2000-01-01 00:00:00'), ('2020-02-29 12:00:00'),
		('9999-12-31 00:00:00'), ('9999-12-31 23:59:59'), ('10000-01-01 00:00:00'),
		('99999-12-31 00:00:00'), ('294276-12-31 23:59:59.999999')) t(v);
	INSERT INTO ends (id, day, d, ts, tz) VALUES
		(50, '2020-07-01', 'infinity', 'infinity', 'infinity'),
		(51, '2020-07-01', '-infinity', '-infinity', '-infinity'),
		(52, '2020-07-01', '5874897-12-31', NULL, NULL);
	INSERT INTO ends (id, day, n)
	SELECT 99 + row_number() OVER (), '2020-07-02', v::numeric FROM (VALUES
		('NaN'), ('Infinity'), ('-Infinity'), (repeat('9', 1000)),
		('-' || repeat('7', 1000) || '.' || repeat('3', 1000)),
		('0.' || repeat('0', 999) || '1'), ('0.' || repeat('0', 16000)),
		(rpad('9', 131072, '9')), ('1' || repeat('0', 400)),
		('999999999999999'), ('-999999999999999.000'), ('1000000000000000'),
		('0.000123456789012345'), ('0.1234567890123456')) t(v);
	INSERT INTO ends (id, day, f, r)
	SELECT 199 + row_number() OVER (), '2020-07-03', v::double precision, w::real FROM (VALUES
		('NaN', 'NaN'), ('Infinity', 'Infinity'), ('-Infinity', '-Infinity'),
		('1.7976931348623157e308', '3.4028235e38'), ('2.2250738585072014e-308', '1.1754944e-38'),
		('-0', '-0'), ('1e15', '1e6'), ('123456789012345678', '16777217'), ('0.1', '0.1'),
		('4.35', '4.35')) t(v, w);
	INSERT INTO ends (id, day) VALUES
		(9223372036854775807, '2020-07-04'), (-9223372036854775808, '2020-07-04'),
		(9007199254740993, '2020-07-04'), (999999999999999, '2020-07-04'),
		(1000000000000000, '2020-07-04'), (-1000000000000000, '2020-07-04'), (0, '2020-07-04');
});
attach('ends');
file_ok($node, 'ends', $_, 'ends', "ends of dates and numbers, $_")
  for qw(csv json xml);

# a cell holds fewer digits than the longest number has
query($node, q{DELETE FROM ends WHERE length(n::text) > 32767});
file_ok($node, 'ends', 'xlsx', 'ends', 'ends of dates and numbers, xlsx');

# Names of any characters, in the full view.

query($node, q{
	CREATE TABLE names (id bigint PRIMARY KEY, day date,
		"say ""hi""" text, "a,b;c" text, U&"line\000abreak" text, U&"cr\000dlf\000a" text,
		U&"tab\0009" text, "=1+1" text, "@SUM(1)" text, "😀 emoji" text, "שלום" text,
		U&"\202Ertl" text, "_x0041_" text, "xml" text, "XMLname" text, "a<b>&c" text,
		"1st" text, "-" text, " " text, "ns:tag" text, "Ünï" text, "日本語" text,
		U&"\0001ctl" text, "back\slash" text, "row" text, "report" text, "_" text, "a.b-c" text,
		"'quoted'" text, "SELECT" text, "]]>" text, "%s%n" text);
	INSERT INTO names (id, day, "say ""hi""", "%s%n") VALUES (1, '2020-01-01', 'x', 'y');
});
attach('names');
file_ok($node, 'names', $_, 'names', "names of any characters, $_") for @formats;

# A sheet that is full goes on in the next.

query($node, q{
	CREATE TABLE many (id bigint PRIMARY KEY);
	INSERT INTO many SELECT extract(epoch FROM date '2020-01-01') + i
	FROM generate_series(0, 1048575) i;
});
attach('many', roles => q{reseller => 'id', period => 'id', key => '{id}'});
my $many = export_file($node, 'many', 'xlsx', options => '{"xlsx": {"summary": true}}');
is($many->{rows}, 1048576, 'a row more than a sheet holds');
for my $sheet ([ 1, 1048576 ], [ 2, 2 ])
{
	my $count = qx{unzip -p '$many->{path}' xl/worksheets/sheet$sheet->[0].xml |
		grep -o '<row ' | wc -l};
	is($count + 0, $sheet->[1], "rows of sheet $sheet->[0], its header included");
	my $filter = qx{unzip -p '$many->{path}' xl/worksheets/sheet$sheet->[0].xml |
		grep -o '<autoFilter ref="[A-Z0-9:]*"'};
	is($filter, qq{<autoFilter ref="A1:A$sheet->[1]"\n}, 'and its filter');
}
is( qx{unzip -p '$many->{path}' xl/workbook.xml | grep -o '>[^>]*A\$[0-9]*<' | sort -r},
	">Data!\$A\$1:\$A\$1048576<\n>'Data 2'!\$A\$1:\$A\$2<\n", 'which names state as well');
is(join(',', qx{unzip -p '$many->{path}' xl/workbook.xml} =~ /<sheet name="([^"]*)"/g), 'Data,Data 2,Summary',
	'a summary is behind the last sheet');
like(qx{unzip -p '$many->{path}' xl/worksheets/sheet3.xml}, qr{<v>1048576</v>.*<drawing r:id="rId1"/>}s,
	'and counts the rows of all');

# It ends within a slice then; helpers make the same.
query($node, 'ANALYZE many');
my $helped = query($node, qq{
	SET rde.max_parallel_workers_per_report = 1;
	SET min_parallel_table_scan_size = 0;
	SET log_temp_files = 0;
	SELECT rde_export('many', '2020-01-01', '2020-12-31', 'xlsx', 'full', time_zone => 'UTC', options => '{"xlsx": {"summary": true}}') AS id \\gset
	SELECT r.sha256 = m.sha256 FROM rde_reports r, rde_reports m WHERE r.id = :'id' AND m.id = '$many->{id}';
});
is($helped, 't', 'the same by two processes');
like(slurp_file($node->logfile), qr{temporary file: path "\S*part\d+\.0}, 'who shared the work');

# Files are UTF-8 whatever the database is in; what cannot be is an error that
# says where it stands.

sub create_database
{
	my ($name, $encoding) = @_;
	query($node, qq{
		CREATE DATABASE $name ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C'
			TEMPLATE template0});
	query($node, 'CREATE EXTENSION rde', dbname => $name);
	return;
}

sub encoded_ok
{
	my ($database, $encoding, $columns, $row) = @_;
	create_database($database, $encoding);
	query($node, qq{
		CREATE TABLE words (id bigint PRIMARY KEY, day date, v text, $columns);
		INSERT INTO words VALUES (1, '2020-01-01', 'plain');
		INSERT INTO words VALUES $row;
		INSERT INTO words VALUES (3, '2020-01-03', NULL);
	}, dbname => $database);
	attach('words', dbname => $database);
	all_formats_ok('words', $encoding, dbname => $database);
	return;
}

# The bytes, in the second row.
sub broken_ok
{
	my ($database, $bytes, $message) = @_;
	my $name = "bytes $bytes in $database";

	query($node, qq{
		UPDATE words SET v = convert_from('\\x$bytes', getdatabaseencoding()) WHERE id = 2},
		dbname => $database);
	export_fails('words', $name,
		[ $message, qr/data set "words", row 2, column "v"/ ], dbname => $database);
	is( query($node, 'SELECT count(*) FROM rde_reports', dbname => $database),
		scalar @formats, "$name: nothing is left behind");
	return;
}

encoded_ok('latin1', 'LATIN1', '"Größe ½" text, "char" "char", js jsonb',
	q{(2, '2020-01-02', (SELECT string_agg(chr(i), '') FROM generate_series(1, 255) i),
	   'ÄÖÜ ©', chr(233)::"char", '[["Straße", "äöü"]]')});
encoded_ok('ascii', 'SQL_ASCII', '"Größe 😀" text, js json',
	q{(2, '2020-01-02', 'Ünï 😀 שלום', '日本語', '{"é": "😀"}')});
broken_ok('ascii', 'ff', qr/invalid byte sequence for encoding "UTF8": 0xff/);
broken_ok('ascii', '61c3', qr/invalid byte sequence for encoding "UTF8": 0xc3/);
broken_ok('ascii', 'eda080', qr/invalid byte sequence for encoding "UTF8": 0xed 0xa0 0x80/);
# A broken name has no row, but the same error.
query($node, q{
	UPDATE words SET v = NULL;
	DO $$BEGIN
		EXECUTE format('ALTER TABLE words ADD %I text', convert_from('\xff', 'SQL_ASCII'));
	END$$;
	SELECT rde_attach('words', 'words', reseller => 'id', period => 'day', key => '{id}');
}, dbname => 'ascii');
export_fails('words', 'a broken name',
	[qr/invalid byte sequence for encoding "UTF8": 0xff/], dbname => 'ascii');
encoded_ok('japan', 'EUC_JP', '"会社名" text, js json',
	q{(2, '2020-01-02', '日本語テスト、＝１＋１', '株式会社', '[["名前", "山田"]]')});
broken_ok('japan', 'a9a1', qr/byte sequence 0xa9 0xa1 in encoding "EUC_JP" has no equivalent/);

# A "char" may hold a byte that is no character: files have what PostgreSQL
# prints for it.
query($node, q{
	CREATE TABLE bytes (id bigint PRIMARY KEY, day date, c "char");
	INSERT INTO bytes SELECT i, '2020-01-01', i::"char" FROM generate_series(-128, 127) i});
attach('bytes');
all_formats_ok('bytes', 'any byte in a "char"');

done_testing();

# file_round_trip.pl
#
# Rows of every type and of awkward values become files of all formats,
# and foreign readers find in them what the source holds, cell by cell (F1).
#
# RDE_SOAK=1 reads all rows of the XLSX file too, which takes openpyxl minutes.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use RdeFiles;
use Test::More;

my $rows = 100_000;
my $xlsx_rows = $ENV{RDE_SOAK} ? $rows : 5_000;
my $node = new_server('round_trip');

# Column name, type, values of interest as SQL, and any other value.
my @columns = (
	[ 'b', 'boolean', "true, false", 'random() < 0.5' ],
	[ 'i2', 'smallint', "-32768, 32767, 0", 'random() * 65535 - 32768' ],
	[ 'i4', 'integer', "-2147483648, 2147483647, 0, -1",
		'random() * 4294967295 - 2147483648' ],
	[ 'i8', 'bigint',
		"-9223372036854775808, 9223372036854775807, 9007199254740993,
		 999999999999999, 1000000000000000, -999999999999999",
		"trunc((random() - 0.5) * 10 ^ (random() * 18))" ],
	[ 'n', 'numeric',
		"'NaN', 'Infinity', '-Infinity', 0, 0.000, -0.10, 1e-20, 1e130,
		 123456789012345, 1234567890123456, 12345678.90123450, -1e15,
		 0.1234567890123456, 1000000000000000.000",
		"round(((random() - 0.5) * 10 ^ (random() * 15))::numeric *
			   (1 + random()::numeric), (random() * 12)::integer)" ],
	[ 'm', 'numeric(20,8)', "0, -0.00000001, 999999999999.99999999",
		"random() * 10000" ],
	[ 'f4', 'real', "'NaN', 'Infinity', '-Infinity', '-0', 3.4028235e38, 1e-45",
		'random() * 2 - 1' ],
	[ 'f8', 'double precision',
		"'NaN', 'Infinity', '-Infinity', '-0', 1.7976931348623157e308,
		 2.2250738585072014e-308, 0.1, 1e15, 1e16, 123456789012345680",
		"(random() - 0.5) * 10 ^ (random() * 600 - 300)" ],
	[ 'd', 'date',
		"'infinity', '-infinity', '4713-01-01 BC', '0044-03-15 BC',
		 '0001-01-01', '1899-12-31', '1900-02-28', '1900-03-01', '1970-01-01',
		 '2024-02-29', '9999-12-31', '10000-01-01', '5874897-12-31'",
		"'1000-01-01'::date + (random() * 800000)::integer" ],
	[ 'ts', 'timestamp',
		"'infinity', '-infinity', '4713-01-01 00:00:00 BC',
		 '0001-12-31 23:59:59.999999 BC', '0001-01-01 00:00:00',
		 '1900-02-28 23:59:59.999999', '1900-03-01 00:00:00',
		 '1969-12-31 23:59:59.999999', '1999-12-31 23:59:59.9999',
		 '9999-12-31 23:59:59.999', '10000-01-01 00:00:00',
		 '294276-12-31 23:59:59.999999'",
		"'1900-01-01'::timestamp + random() * interval '200 years'" ],
	[ 'tz', 'timestamptz',
		"'infinity', '-infinity', '0001-12-31 23:59:59.5+00 BC',
		 '0001-01-01 00:00:00+00', '1900-03-01 00:00:00+00',
		 '9999-12-31 23:59:59.999+00', '10000-01-01 00:00:00+00',
		 '294276-12-31 23:59:59.999999+00'",
		"'2019-12-25 00:00:00+00'::timestamptz + random() * interval '2 years'" ],
	[ 'tm', 'time', "'00:00:00', '23:59:59.999999', '24:00:00'",
		"'00:00'::time + random() * interval '1 day'" ],
	[ 'ttz', 'timetz', "'00:00:00+15:59', '24:00:00-15:59'",
		"('00:00'::time + random() * interval '1 day')::text || '+05:30'" ],
	[ 'iv', 'interval',
		"'0', '-1 day', '1 year -2 mons +3 days -04:05:06.789',
		 '178000000 years'",
		"(random() - 0.5) * interval '3 years 5 mons 7 days'" ],
	[ 't', 'text', "'', 'NULL', E'\\\\N', E'\\\\.', '\"', E'\\r\\n', '_x0041_'",
		'p.text || q.text' ],
	[ 'v', 'varchar(20)', "'', ' ', '0001', '''=1+1'", 'left(q.text, 20)' ],
	[ 'c', 'char(6)', "'', 'abc', '      '", 'left(r.text, 6)' ],
	[ 'nm', 'name', "'', 'x'", 'left(p.text, 12)' ],
	[ 'ch', '"char"', "'', 'a', '\"', ','",
		'chr(1 + (random() * 126)::integer)' ],
	[ 'u', 'uuid', "'00000000-0000-0000-0000-000000000000'",
		"md5(random()::text)" ],
	[ 'by', 'bytea', "'', E'\\\\x00'", "decode(md5(random()::text), 'hex')" ],
	[ 'js', 'json',
		q{'null', 'true', '"x"', '1.50', '[]', '{}', '[["a","b"]]',
		  E'{"a": 1.50,\n\r\n "b": [1, 2]}', E'[\n["PONumber",\t"a\\\\u0001\\\\n<&\\\\ud83d\\\\ude00"]\n]',
		  '[["n", 1e400], ["b", true], ["z", null], ["", ""]]', '[["a", [1]]]',
		  '{"a": 1, "a": 2}', '123456789012345678901234567890.1234567890'},
		"json_build_array(json_build_array(p.text, q.text),
						  json_build_array(r.text, random() < 0.5))" ],
	[ 'jb', 'jsonb', q{'null', '[]', '[["a", null]]', '"\\u00e9"', '-0.00'},
		"jsonb_build_object(p.text, q.text, 'n', round(random()::numeric, 5))" ],
	[ 'x', 'xml', q{'', '<a/>', '<a>1 &lt; 2</a>', 'é]]&gt;', '<![CDATA[&]]>'},
		"xmlelement(name n, random())" ],
	[ 'ip', 'inet', "'::1', '10.0.0.0/8'",
		"'10.0.0.0'::inet + (random() * 16777215)::bigint" ],
	[ 'cd', 'cidr', "'::/0', '10.0.0.0/8'", "'192.168.1.0/24'::cidr" ],
	[ 'mc', 'macaddr', "'00:00:00:00:00:00'", "left(md5(random()::text), 12)" ],
	[ 'bt', 'bit(7)', "B'0000000', B'1111111'", '(random() * 127)::integer' ],
	[ 'vb', 'varbit', "B'', B'1'", '(random() * 127)::integer::bit(9)' ],
	[ 'mo', 'money', "0, '-92233720368547758.08', '92233720368547758.07'",
		'(random() - 0.5)::numeric * 1000000' ],
	[ 'en', 'mood', "'', 'so, so', 'sad \"\"', 'happy 😀'", "'so, so'" ],
	[ 'dn', 'positive', "0, 1e20", 'round(random()::numeric * 1000, 3)' ],
	[ 'dt', 'code', "'', '007'", "right(p.text, 3)" ],
	[ 'ai', 'integer[]', q{'{}', '{NULL,1}', '{{1,2},{3,4}}', '[0:1]={1,2}'},
		"ARRAY[(random() * 100)::integer, NULL, -1]" ],
	[ 'at', 'text[]', q{'{}', '{"",NULL,"NULL"}'}, "ARRAY[p.text, r.text]" ],
	[ 'rg', 'int4range', "'empty', '(,)', '[1,)'",
		"int4range(0, (random() * 100)::integer)" ],
	[ 'mr', 'nummultirange', "'{}'",
		"nummultirange(numrange(0, round(random()::numeric, 3)))" ],
	[ 'co', 'pair', q{'(,)', '(1,"")'},
		"ROW((random() * 10)::integer, q.text)" ],
	[ 'pt', 'point', "'(0,0)', '(Infinity,NaN)'", "point(random(), random())" ],
	[ 'tv', 'tsvector', "''", "to_tsvector('simple', md5(random()::text))" ],
	[ 'ls', 'pg_lsn', "'0/0', 'FFFFFFFF/FFFFFFFF'",
		"'0/0'::pg_lsn + (random() * 1e9)::bigint" ],
	[ 'ox', 'oid', "0, 4294967295", '(random() * 1e9)::bigint' ],
	[ 'xd', 'xid8', "'18446744073709551615'",
		"((random() * 1e9)::bigint)::text" ],
	[ 'rc', 'regclass', "'pg_class'", "'pg_proc'" ]);

# SQL of one column: now and then NULL or a value of interest.
sub expression
{
	my ($name, $type, $special, $other) = @{ $_[0] };
	return qq{
		CASE WHEN random() < 0.06 THEN NULL
			 WHEN random() < 0.10 THEN pick(ARRAY[$special]::text[])::$type
			 ELSE ($other)::$type END AS $name};
}

my $expressions = join ',', map { expression($_) } @columns;
my $names = join ', ', map { $_->[0] } @columns;

# what files tell: line breaks between JSON's tokens are blanks
$names =~ s/\bjs\b/translate(js::text, E'\\r\\n', '  ')::json AS js/;

# p, q and r are texts of up to six atoms each, out of a pool.
query(
	$node, qq{
	CREATE TYPE mood AS ENUM ('', 'so, so', 'sad ""', 'happy 😀');
	CREATE DOMAIN positive AS numeric CHECK (VALUE >= 0);
	CREATE DOMAIN code AS varchar(3);
	CREATE TYPE pair AS (a integer, b text);
	CREATE FUNCTION pick(text[]) RETURNS text LANGUAGE sql VOLATILE AS
		'SELECT \$1[1 + floor(random() * array_length(\$1, 1))::integer]';

	SELECT FROM setseed(0.42);
	CREATE TABLE pool AS
	SELECT n, (SELECT coalesce(string_agg(pick(
		ARRAY['a', 'B', 'z', '0', '7', ' ', '  ', '"', '""', '''', ',', ';', '|',
			  E'\\t', E'\\n', E'\\r', E'\\r\\n', E'\\\\', E'\\\\.', '<', '>', '&', ']]>',
			  '&amp;', '<!--', '_', '_x', '_x0041_', '_x000d_', '_x00e9_', '=', '+',
			  '-', '\@', 'NULL', E'\\\\N', '{', '}', '[', ']', 'é', 'ß', 'Ж', '中',
			  '😀', '👨‍👩‍👧', 'שלום', 'مرحبا', U&'\\202E', U&'\\200B', U&'\\FEFF',
			  U&'\\FFFD', U&'\\FFFE', U&'\\FFFF', U&'\\0085', U&'\\2028',
			  U&'\\+01FFFE', U&'\\+10FFFF', E'\\x7f', E'\\x01', E'\\x08', E'\\x0b',
			  E'\\x0c', E'\\x1b', E'\\x1f']), ''), '')
		FROM generate_series(1, n % 7)) AS text
	FROM generate_series(0, 4999) n;

	SELECT FROM setseed(0.4242);
	CREATE TABLE fuzz AS
	SELECT d.i * 3 - 7 AS id,
		   CASE WHEN d.i <= $xlsx_rows
				THEN '2020-01-01 00:00+00'::timestamptz + d.i * interval '5 minutes'
				ELSE '2021-01-01 00:00+00'::timestamptz + d.i % 300 * interval '1 day'
		   END AS day,
		   CASE WHEN random() < 0.9 THEN d.i % 3 END AS reseller,
		   CASE WHEN random() < 0.95
				THEN ((random() - 0.3) * 1000000)::numeric(20,8) END AS amount,
		   (ARRAY['USD', 'EUR', 'JPY', NULL, ''])[ceil(random() * 5)] AS currency,
		   $expressions
	FROM (SELECT i::bigint, floor(random() * 5000) AS p,
				 floor(random() * 5000) AS q, floor(random() * 5000) AS r
		  FROM generate_series(1, $rows) i) d
	JOIN pool p ON p.n = d.p JOIN pool q ON q.n = d.q JOIN pool r ON r.n = d.r;

	CREATE VIEW told AS SELECT id, day, reseller, amount, currency, $names FROM fuzz;

	SELECT rde_create_dataset('fuzz', 'Fuzz');
	SELECT rde_attach('fuzz', 'fuzz', reseller => 'reseller', period => 'day',
					  key => '{id}', amount => 'amount', currency => 'currency');
});
is(query($node, 'SELECT count(*) FROM fuzz'), $rows, "$rows rows of every type");

# All rows in the text formats, judged by python.
my %file;
for my $format (qw(csv json jsonl xml))
{
	$file{$format} = file_ok($node, 'fuzz', $format, 'told',
		"$format equals its source", to => '2021-12-31');
}
$file{xlsx} = file_ok(
	$node, 'fuzz', 'xlsx', 'told', 'xlsx equals its source',
	rows => q{SELECT * FROM told WHERE day < '2021-01-01' ORDER BY day, id});

# Other readers: whole files for syntax, and the database's own COPY.
command_ok([ 'sh', '-c', "gzip -dc '$file{json}{path}' | jq empty" ],
	'jq reads the json');
is(qx{gzip -dc '$file{jsonl}{path}' | jq -c 1 | wc -l} + 0, $rows, 'and each line of the jsonl');
command_ok(
	[
		'sh', '-c', "gzip -dc '$file{xml}{path}' | xmllint --noout --stream -"
	],
	'xmllint reads the xml');
query($node, qq{
	CREATE TABLE back (LIKE fuzz);
	COPY back FROM PROGRAM 'gzip -dc ''$file{csv}{path}''' (FORMAT csv, HEADER match);
});
is( query($node, q{
		SELECT count(*), count(*) FILTER (WHERE source::text IS DISTINCT FROM target::text)
		FROM told source FULL JOIN back target USING (id)
	}),
	"$rows|0", 'COPY FROM reads the same rows from the csv, nulls included');

# Control totals are SQL's own sums.
for my $format (sort keys %file)
{
	my $until = $format eq 'xlsx' ? '2020-12-31' : '2021-12-31';
	is( query($node, qq{
			WITH wanted AS (
				SELECT coalesce(currency, '') AS currency, count(*) AS rows,
					   sum(amount)::text AS amount
				FROM fuzz WHERE day < '$until'::date + 1 GROUP BY 1
			), got AS (
				SELECT currency, rows, amount::text FROM rde_report_totals
				WHERE report = '$file{$format}{id}'
			)
			SELECT (SELECT count(*) FROM got),
				   (SELECT count(*) FROM (TABLE wanted EXCEPT TABLE got) x),
				   (SELECT count(*) FROM (TABLE got EXCEPT TABLE wanted) x)
		}),
		'4|0|0', "totals of the $format are what SQL sums");
}

# LibreOffice opens what is small enough for it, and agrees on the cells.
query($node, q{
	CREATE TABLE cells (id bigint, day date, name text, total numeric(20,8),
						yes boolean, code text, moment timestamp);
	INSERT INTO cells VALUES
		(1, '2020-02-29', 'Ünïcode 😀, "quoted"', 22.5, true, '0001', '2020-02-29 12:30'),
		(2, '2020-03-01', NULL, -1234567.12345678, false, '=1+1', NULL),
		(3, '2020-12-31', 'שלום', 0, NULL, '+1 (417) 7122740', '1999-12-31 23:59:59');
	SELECT rde_create_dataset('cells', 'Cells');
	SELECT rde_attach('cells', 'cells', reseller => 'id', period => 'day', key => '{id}');
});
my $as_csv = 'csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false';
for my $format (qw(xlsx csv))
{
	my $file = export_file($node, 'cells', $format,
		options => '{"compress": false}');
	my $text = slurp_raw(convert($node, $file->{path}, $as_csv,
		$format eq 'csv' ? '--infilter=Text - txt - csv (StarCalc):44,34,76' : ()));
	my @lines = split /\r?\n/, $text;
	is(scalar @lines, 4, "LibreOffice opens the $format");
	is($lines[0], 'id,day,name,total,yes,code,moment', "$format: header");
	like($lines[1], qr/^1,.*,"Ünïcode 😀, ""quoted""",22.5,TRUE,/, "$format: first row");
	like($lines[3], qr/,שלום,0,,/, "$format: last row");
}

done_testing();

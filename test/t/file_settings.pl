# file_settings.pl
#
# A value of every type there is gives the same bytes in every format, whatever
# a session has set and whatever plan that makes (F3).
#
# The seed of the settings tried is printed; RDE_SEED repeats them.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use List::Util qw(shuffle);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeFiles;
use Test::More;

my @formats = qw(csv json xml xlsx);
my $rounds = $ENV{RDE_SOAK} ? 300 : 15;
my $seed = $ENV{RDE_SEED} // int(rand(1_000_000));
srand($seed);
note "seed $seed";

my $node = new_server('settings');

my @types = (
	[ aclitem => 'postgres=arwdDxt/postgres' ], [ bit => '1' ], [ bool => 't' ],
	[ box => '(1.5,2),(0.1,0)' ], [ 'char(9)' => 'padded' ],
	[ bytea => '\xdeadbeef00ff5c27' ], [ '"char"' => 'x' ], [ cid => '7' ],
	[ cidr => '10.1.0.0/16' ], [ circle => '<(0.1,2),3.3>' ],
	[ date => '2024-02-29' ], [ daterange => '[2020-01-01,2020-12-31)' ],
	[ datemultirange => '{[2020-01-01,2020-02-01),[2021-01-01,infinity)}' ],
	[ float4 => '0.1' ], [ float8 => '0.30000000000000004' ],
	[ inet => '192.168.1.5/24' ], [ int2 => '-32768' ],
	[ int4 => '2147483647' ], [ int8 => '9007199254740993' ],
	[ int4range => '[1,9)' ], [ int4multirange => '{[1,3),[7,9)}' ],
	[ int8range => '[1,9)' ], [ int8multirange => '{[1,3)}' ],
	[ interval => '1 year -2 mons 3 days -04:05:06.7' ],
	[ json => '{"a": [1, 2.50, "x\u00e9"]}' ],
	[ jsonb => '[["PONumber","qwe1233"]]' ],
	[ jsonpath => '$."a"[*] ? (@ > 1.5)' ], [ line => '{1,-1.1,0}' ],
	[ lseg => '[(0,0.1),(1,1)]' ], [ macaddr => '08:00:2b:01:02:03' ],
	[ macaddr8 => '08:00:2b:01:02:03:04:05' ], [ money => '-1234567.89' ],
	[ name => 'Some "Name"' ], [ numeric => '12345678901234567890.0001000' ],
	[ nummultirange => '{[1.10,2.0)}' ], [ numrange => '[1.10,2.0)' ],
	[ oid => '4294967295' ], [ path => '((0,0),(1.1,1),(2,0))' ],
	[ pg_lsn => '16/B374D848' ], [ pg_snapshot => '10:20:10,14,15' ],
	[ point => '(0.1,1e-300)' ], [ polygon => '((0,0.3),(1,1))' ],
	[ refcursor => 'cursor' ], [ regclass => 'shop."Odd Table"' ],
	[ regcollation => 'pg_catalog."C"' ], [ regconfig => 'english' ],
	[ regdictionary => 'simple' ], [ regnamespace => 'shop' ],
	[ regoper => 'pg_catalog.||/' ], [ regoperator => '+(integer,integer)' ],
	[ regproc => 'shop.text_of' ],
	[ regprocedure => 'shop.text_of(timestamp with time zone)' ],
	[ regrole => 'shop_owner' ], [ regtype => 'shop.mood[]' ],
	[ text => "M\xc3\xbcller \t\"x\" & <y>" ], [ tid => '(42,7)' ],
	[ time => '23:59:59.5' ], [ timetz => '12:00:00.25+05:45' ],
	[ timestamp => '1999-12-31 23:59:59.999999' ],
	[ timestamptz => '2024-07-01 12:00:00.5+02' ],
	[ tsmultirange => '{[2020-01-01 00:00,2020-01-02 00:00)}' ],
	[ tsquery => q{'fat' & ('rat' | 'cat':*)} ],
	[ tsrange => '[2020-01-01 00:00,2020-01-02 00:00)' ],
	[ tstzmultirange => '{[2020-01-01 00:00+02,2020-01-02 00:00+02)}' ],
	[ tstzrange => '[2020-01-01 00:00+02,infinity)' ],
	[ tsvector => q{'a':1A 'fat':2B,4} ],
	[ txid_snapshot => '10:20:10,14,15' ],
	[ uuid => 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' ], [ varbit => '10110' ],
	[ 'varchar(40)' => 'Zoe' ], [ xid => '42' ], [ xid8 => '5000000000' ],
	[ xml => '<a b="1">x</a>' ],
	# and what is made of them
	[ 'shop.mood' => 'so so' ], [ 'shop.amount' => '10.500' ],
	[ 'shop.pair' => '("2024-07-01 12:00+02",-1.50)' ],
	[ 'shop.span' => '[2024-01-01 12:00+00,2024-07-01 12:00+02)' ],
	[ 'bytea[]' => '{"\\\\xdead"}' ], [ 'float8[]' => '{0.1,NULL,1e300}' ],
	[ 'interval[]' => '{1 day 02:03}' ], [ 'money[]' => '{1.5}' ],
	[ 'regclass[]' => '{"shop.\"Odd Table\""}' ],
	[ 'shop.mood[]' => '{ok,"so so"}' ], [ 'shop.pair[]' => '{"(\"2024-07-01 12:00+02\",0.1)"}' ],
	[ 'timestamptz[]' => '{2024-07-01 12:00+02}' ],
	[ 'int2vector' => '3 4' ], [ 'oidvector' => '1 2' ]);

my $columns = join ",\n", map { "c$_ $types[$_][0]" } 0 .. $#types;
my $values = join ",\n", map { "'" . $types[$_][1] =~ s/'/''/gr . "'" } 0 .. $#types;
my $nulls = join ', ', ('NULL') x @types;

$node->safe_psql('postgres', <<"END");
CREATE ROLE shop_owner;
CREATE SCHEMA shop AUTHORIZATION shop_owner;
SET ROLE shop_owner;
SET DateStyle = 'ISO, YMD';
SET TimeZone = 'UTC';
CREATE TABLE shop."Odd Table" ();
CREATE TYPE shop.mood AS ENUM ('ok', 'so so');
CREATE DOMAIN shop.amount AS numeric(20,8);
CREATE TYPE shop.pair AS ("at" timestamptz, amount numeric);
CREATE TYPE shop.span AS RANGE (subtype = timestamptz);
-- what a view makes of values, and how its functions are read
CREATE FUNCTION shop.text_of(at timestamptz) RETURNS text LANGUAGE sql STABLE AS \$\$
	SELECT concat_ws(' ', at, to_char(at, 'TMDay TMMonth HH24:MI TZ'), interval '25 hours',
					 '\\x00ff'::bytea, 0.1::float4::float8, '{NULL}'::text[], at::text::xml, NULL = NULL,
					 xmlelement(name x, '\\x00ff'::bytea)::text)
\$\$;
CREATE TABLE shop.types_table (id int PRIMARY KEY, reseller int, day date,
$columns);
INSERT INTO shop.types_table VALUES (1, 1, '2024-01-02', $values), (2, 1, '2024-01-02', $nulls);
CREATE VIEW shop.types AS
SELECT *, shop.text_of(timestamptz '2024-07-01 12:00Z' + id * interval '1 hour') AS made FROM shop.types_table;

CREATE TABLE shop.customers AS
SELECT n AS id, (ARRAY['M\xc3\xbcller "S\xc3\xb6hne", GmbH', E'two\\nlines', '=1+1', ' plain '])[1 + n % 4] || n AS name
FROM generate_series(1, 500) n;
CREATE TABLE shop.lines AS
SELECT n AS id, 1 + n % 3 AS reseller, 1 + n * 31 % 500 AS customer, date '2024-01-01' + n % 20 AS day,
	   n::numeric / 7 AS total, n::float8 / 7 AS rate, timestamptz '2024-01-01 00:00Z' + n * interval '1 min' AS changed
FROM generate_series(1, 10000) n ORDER BY n * 7919 % 20011;
CREATE INDEX ON shop.lines (day, id);
CREATE INDEX ON shop.customers (id);
ANALYZE shop.customers, shop.lines;
CREATE VIEW shop.orders AS
SELECT l.*, c.name, md5(l.id::text) AS token FROM shop.lines l JOIN shop.customers c ON c.id = l.customer;
RESET ROLE;

SELECT rde_create_dataset(d, d) FROM unnest('{types,orders}'::text[]) d;
SELECT rde_attach('types', 'shop.types', 'reseller', 'day', '{id}');
SELECT rde_attach('orders', 'shop.orders', 'reseller', 'day', '{id}', amount => 'total');
END

is($node->safe_psql('postgres', <<'END'), '', 'every type is tried');
SELECT string_agg(t.typname, ' ' ORDER BY t.typname) FROM pg_type t
WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype IN ('b', 'r', 'm')
  AND t.typsubscript <> 'array_subscript_handler'::regproc
  AND t.typname !~ '^(gtsvector|pg_(brin.*|ddl_command|dependencies|mcv_list|ndistinct|node_tree))$'
  AND NOT EXISTS (SELECT FROM pg_attribute a
				  WHERE a.attrelid = 'shop.types_table'::regclass AND a.atttypid = t.oid)
END

# What a session may set: every switch of the planner and of how SQL is read,
# and the settings values are printed by.
my @switches = split /\n/, $node->safe_psql('postgres', <<'END');
SELECT name FROM pg_settings
WHERE vartype = 'bool' AND context IN ('user', 'superuser')
  AND category ~ 'Query Tuning|Client Connection Defaults|Version and Platform'
  AND name !~ 'read_only|deferrable|check_function_bodies|^row_security$' ORDER BY 1
END
my @locales = grep { /^[\w.@-]+$/ } split /\n/, `locale -a 2>/dev/null`;
my %choices = (
	DateStyle => [ map { my $style = $_; map { "'$style, $_'" } qw(DMY MDY YMD) } qw(ISO SQL Postgres German) ],
	IntervalStyle => [qw(postgres postgres_verbose sql_standard iso_8601)],
	TimeZone => [qw('UTC' 'Asia/Kathmandu' 'America/St_Johns' 'Pacific/Apia' '-07:30')],
	timezone_abbreviations => [qw('Default' 'Australia' 'India')],
	extra_float_digits => [ -15, -3, 0, 1, 3 ],
	bytea_output => [qw(hex escape)],
	xmlbinary => [qw(base64 hex)],
	xmloption => [qw(content document)],
	search_path => [ q('pg_catalog'), q('shop, public'), q('') ],
	default_text_search_config => [qw('pg_catalog.simple' 'pg_catalog.german')],
	client_encoding => [qw(UTF8 LATIN1 SQL_ASCII)],
	default_transaction_isolation => [ q('read committed'), q('repeatable read'), q('serializable') ],
	work_mem => [qw('64kB' '1MB' '64MB')],
	plan_cache_mode => [qw(auto force_generic_plan force_custom_plan)],
	random_page_cost => [ 0, 1, 1000 ],
	cpu_tuple_cost => [ 0, 1 ],
	jit_above_cost => [ 0, -1 ],
	join_collapse_limit => [ 1, 8 ],
	max_parallel_workers_per_gather => [ 0, 2 ],
	parallel_setup_cost => [ 0, 1000 ],
	min_parallel_table_scan_size => [0],
	(map { $_ => [qw(on off)] } @switches),
	(map { $_ => [ map { "'$_'" } 'C', @locales ] } qw(lc_messages lc_monetary lc_numeric lc_time)));

sub random_settings
{
	my $sql = '';
	for my $name (sort keys %choices)
	{
		my @values = @{ $choices{$name} };
		$sql .= "SET $name = $values[ rand @values ];\n" if rand() < 0.7;
	}
	return $sql;
}

sub digests
{
	my ($sql) = @_;
	for my $what (shuffle map { my $dataset = $_; map { "$dataset $_" } @formats } qw(types orders))
	{
		my ($dataset, $format) = split / /, $what;
		$sql .= qq{
			SELECT public.rde_export('$dataset', '2024-01-01', '2024-12-31', '$format') AS id \\gset
			SELECT '$what ' || sha256 || ' ' || row_count FROM public.rde_reports WHERE id = :'id';};
	}
	my ($out, $err) = ('', '');
	$node->psql('postgres', $sql, stdout => \$out, stderr => \$err, on_error_stop => 1);
	return join "\n", (sort split /\n/, $out), $err ? $err : ();
}

my $expected = digests('');
is(scalar(() = $expected =~ / 10000$/mg), 4, 'reports of all rows');
is(scalar(() = $expected =~ / 2$/mg), 4, 'and of every type') or diag $expected;

# The clock must not be in them either; ZIP's counts in steps of two seconds.
sleep 2;
my $differ = 0;
for (1 .. $rounds)
{
	my $settings = random_settings();
	my $got = digests($settings);
	next if $got eq $expected;
	diag "$settings\ngot\n$got\nexpected\n$expected" if $differ++ < 2;
}
is($differ, 0, "the same bytes in $rounds sessions set at random");

my $formats = q{unnest('{csv,json,xml,xlsx}'::text[]) f};
is($node->safe_psql('postgres', qq{
		CREATE TEMP TABLE submitted AS
		SELECT rde_submit('orders', '2024-01-01', '2024-12-31', f) AS id FROM $formats;
		CREATE TEMP TABLE built AS SELECT id, rde_build(id) FROM submitted;
		CREATE TEMP TABLE built_again AS SELECT rde_rebuild(id) AS id FROM built;
		SELECT count(*), count(DISTINCT sha256) FROM rde_reports WHERE dataset = 'orders';
	}), sprintf('%d|4', 4 * ($rounds + 3)), 'rde_build and rde_rebuild make the same bytes');

# Attached in a session that is set oddly, too.
my $attach = "SELECT public.rde_attach('types', 'shop.types', 'reseller', 'day', '{id}');\n";
is(digests("SET quote_all_identifiers = on; SET search_path = shop;\n" . $attach) =~ s/^\n//r,
	$expected, 'the same bytes from a source attached in such a session');

$node->stop;
done_testing();

# file_filters.pl
#
# Conditions of report views: random ones on columns of every type, of which the
# files of all formats hold the rows that a plain WHERE finds, written here and
# never by rde (F5).  Then the same of generators of every kind of window, of invoices,
# and of an index.
#
# RDE_SOAK=1 tries 3,000 of them; RDE_SEED repeats the choices made.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use JSON::PP;
use PostgreSQL::Test::Utils;
use RdeFiles;
use Test::More;

my $rounds = $ENV{RDE_SOAK} ? 3000 : 150;
my $seed = $ENV{RDE_SEED} // int(rand(1_000_000));
srand($seed);
note "RDE_SEED=$seed";

my $node = new_server('filters');
my $json = JSON::PP->new->canonical->allow_nonref;

# Column, type, values as a condition writes them; numbers and truth values bare.
my @columns = (
	[ 'b', 'boolean', 'true', 'false' ],
	[ 'i2', 'smallint', -32768, 0, 7, 32767 ],
	[ 'i4', 'integer', -2147483648, -1, 0, 42 ],
	[ 'i8', 'bigint', '-9223372036854775808', 0, '9007199254740993', 5 ],
	[ 'n', 'numeric', -1.5, 0, '0.10', '123456789012345678901234567890.5', '"NaN"', '"Infinity"' ],
	[ 'm', 'numeric(20,8)', 0, '-0.00000001', '22.50', 5.48 ],
	[ 'f4', 'real', 0.1, 0, '"-Infinity"', '"NaN"', 2.5 ],
	[ 'f8', 'double precision', 0.1, '1e300', 0, '"NaN"', '"Infinity"' ],
	[ 'd', 'date', '"2019-11-05"', '"0001-01-01"', '"2020-02-29"', '"9999-12-31"' ],
	[ 'ts', 'timestamp', '"2019-11-05T00:00:00"', '"2019-11-05 17:02:59.999999"', '"1900-01-01T00:00:00"' ],
	[ 'tz', 'timestamptz', '"2019-11-05T00:00:00Z"', '"2019-11-05T01:30:00+05:30"', '"2019-10-27T02:30:00.5-03:00"' ],
	[ 't', 'text', '""', '"a"', '"B"', '" a"', '"Zo\u00eb"', '"\"quoted\", \'single\'; --"', '"NULL"', '"$1"' ],
	[ 'v', 'varchar(12)', '""', '"0001"', '"a "', '"a"', '"long as can be"' ],
	[ 'c', 'char(4)', '""', '"USD"', '"USD "', '"EU"' ],
	[ 'nm', 'name', '"x"', '"y"', '""' ],
	[ 'u', 'uuid', '"00000000-0000-0000-0000-000000000000"', '"ffffffff-0000-4000-8000-000000000000"' ],
	[ 'e', 'mood', '"sad"', '"so, so"', '"happy"' ],
	[ 'di', 'positive', 1, 2, 100 ],
	[ 'de', 'mild', '"so, so"', '"happy"' ],
	[ 'j', 'jsonb' ],
	[ 'a', 'integer[]' ],
	[ 'r', 'int4range' ],
	[ 'p', 'pair' ]);
my %other = (j => [ q{'{}'}, q{'null'} ], a => [ q{'{}'}, q{'{NULL}'} ], r => [ q{'empty'} ], p => [ q{'(,)'}, q{'(1,2)'} ]);

# Without length, or with none that cuts.
sub base
{
	my ($type) = @_;
	return $type =~ /^char\(/ ? 'bpchar' : $type =~ s/\(.*//r;
}

# A condition's value as SQL has it.
sub literal
{
	my ($text, $type) = @_;
	my $value = $json->decode($text =~ /^(true|false)$/ ? qq{"$text"} : $text);
	$value = $text if $text !~ /^"/;
	$value =~ s/'/''/g;
	return "'$value'::$type";
}

my $rows = 400;
query($node, q{
	CREATE TYPE mood AS ENUM ('sad', 'so, so', 'happy');
	CREATE TYPE pair AS (x integer, y integer);
	CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
	CREATE DOMAIN mild AS mood CHECK (VALUE <> 'sad');
	CREATE ROLE shop_owner;
	GRANT CREATE ON SCHEMA public TO shop_owner;
	SET ROLE shop_owner;
	CREATE TABLE thing (id integer PRIMARY KEY, reseller bigint NOT NULL, day date NOT NULL, } . join(', ', map { "\"$_->[0]\" $_->[1]" } @columns) . ");\n"
	  . join('', map {
		my $id = $_;
		"INSERT INTO thing VALUES ($id, " . (1 + $id % 2) . ", date '2020-01-01' + $id % 5, " . join(', ', map {
			my ($name, $type, @values) = @$_;
			my @sql = $other{$name} ? @{ $other{$name} } : map { literal($_, base($type)) } @values;
			rand() < 0.25 ? 'NULL' : "($sql[ rand @sql ])::$type"
		} @columns) . ");\n"
	} grep { 1 } 1 .. $rows) . q{
	RESET ROLE;
	SELECT rde_create_dataset('things', 'Things');
	SELECT rde_attach('things', 'thing', 'reseller', 'day');
	-- the ids in a file of text
	CREATE FUNCTION ids(report uuid) RETURNS text LANGUAGE sql AS $$
		SELECT coalesce(string_agg(m[1], ' ' ORDER BY n), '')
		FROM regexp_matches(rde_text(report), '(?:^|>|"id":)(\d+)(?:\W|$)', 'gn') WITH ORDINALITY x(m, n) $$});

# A condition, as a view is told and as SQL.
sub condition
{
	my ($name, $type, @values) = @{ $columns[ rand @columns ] };
	my $column = "\"$name\"";
	my $kind = @values ? (qw(in not_in min max is_null in not_in))[ rand 7 ] : 'is_null';
	my $base = base($type);

	# a domain over an enum has no operators
	$base = 'mood' if $type eq 'mild';
	$column .= '::mood' if $type eq 'mild';
	if ($kind eq 'is_null')
	{
		my $null = rand() < 0.5;
		# of a composite type IS NULL means another thing
		return (qq({"column":"$name","is_null":) . ($null ? 'true' : 'false') . '}',
			$null ? "num_nulls($column) = 1" : "num_nulls($column) = 0");
	}
	if ($kind =~ /^m/)
	{
		my $value = $values[ rand @values ];
		return (qq({"column":"$name","$kind":$value}), $column . ($kind eq 'min' ? ' >= ' : ' <= ') . literal($value, $base));
	}
	my @list = map { $values[ rand @values ] } 0 .. rand 3;
	my $null = rand() < 0.3;
	my $in = join ' OR ', (map { "$column = " . literal($_, $base) } @list), ($null ? "$column IS NULL" : ());
	my $written = join ',', ($null ? 'null' : ()), @list;
	return (qq({"column":"$name","$kind":[$written]}), $kind eq 'in' ? "(($in) IS TRUE)" : "(($in) IS NOT TRUE)");
}

my (@asked, $script);
for my $round (1 .. $rounds)
{
	my (@told, @sql);
	for (0 .. rand 3)
	{
		my ($told, $sql) = condition();
		push @told, $told;
		push @sql, $sql;
	}
	my $told = join ',', @told;
	my $reseller = rand() < 0.5 ? 'NULL' : 1 + int rand 2;
	push @asked, "[$told]";
	$told =~ s/'/''/g;
	my $where = join ' AND ', "day BETWEEN '2020-01-01' AND '2020-01-04'", ($reseller eq 'NULL' ? () : "reseller = $reseller"), @sql;
	$script .= qq{SELECT rde_create_view('things', 'v$round', '[{"column":"id"}]', conditions => '[$told]');
		SELECT rde_export('things', '2020-01-01', '2020-01-04', 'xlsx', 'v$round', $reseller) AS workbook \\gset
		SELECT $round, (SELECT coalesce(string_agg(id::text, ' ' ORDER BY day, id), '') FROM thing WHERE $where),
			ids(rde_export('things', '2020-01-01', '2020-01-04', 'csv', 'v$round', $reseller)),
			ids(rde_export('things', '2020-01-01', '2020-01-04', 'json', 'v$round', $reseller)),
			ids(rde_export('things', '2020-01-01', '2020-01-04', 'jsonl', 'v$round', $reseller)),
			ids(rde_export('things', '2020-01-01', '2020-01-04', 'xml', 'v$round', $reseller)),
			row_count, id FROM rde_reports WHERE id = :'workbook';\n};
}
my @answers = map { [ split /\|/, $_, -1 ] } grep { /\|/ } split /\n/, query($node, $script);
is(scalar(@answers), $rounds, "$rounds views are asked for");
my ($wrong, $found) = (0, 0);
for my $answer (@answers)
{
	my ($round, $expected, @files) = @$answer;
	my $id = pop @files;
	my $count = pop @files;
	$found++ if $expected ne '';
	my @bad = grep { $_ ne $expected } @files;
	next if !@bad && $count == (() = $expected =~ /\d+/g);
	diag("$asked[$round - 1]: expected $expected, got $bad[0]; $count") if $wrong++ < 5;
}
is($wrong, 0, 'and hold the rows that SQL finds, in all formats of text');
cmp_ok($found, '>', $rounds / 3, 'which are some');
# a workbook is read by a program
for my $answer (grep { $_->[1] ne '' } @answers[ 0 .. 11 ])
{
	my $path = PostgreSQL::Test::Utils::tempdir . "/$answer->[0].xlsx";
	append_to_file($path, pack('H*', $node->safe_psql('postgres', "SELECT encode(rde_content('$answer->[-1]'), 'hex')")));
	my ($cells) = run_command([ 'python3', "$FindBin::RealBin/../tools/cells.py", '--values', $path ]);
	my @ids = map { $_->[0] } @{ $json->decode($cells) };
	shift @ids;
	is("@ids", $answer->[1], "$asked[ $answer->[0] - 1 ] as XLSX");
}
# what was told is what is shown, by a catalog view and by a manifest
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM rde_reports r WHERE r.format = 'xlsx' AND rde_report_manifest(r.id)::jsonb -> 'conditions' IS DISTINCT FROM (
		SELECT jsonb_agg(jsonb_build_object('column', c.column_name, c.operator, c.operand) ORDER BY c.position)
		FROM rde_view_conditions c WHERE c.view = r.view)}), '0', 'manifests say the conditions');

#
# Generators: periods, snapshot windows, invoices.
#
query($node, q{
	SET ROLE shop_owner;
	CREATE TABLE line (id bigint PRIMARY KEY, reseller bigint NOT NULL, changed timestamptz NOT NULL, status text, total numeric, invoice bigint, change xid8);
	CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON line FOR EACH ROW EXECUTE FUNCTION rde_stamp('change');
	CREATE VIEW plain AS SELECT * FROM line;
	CREATE TABLE invoice (id bigint, reseller bigint);
	RESET ROLE;
	SELECT rde_create_dataset(d, d) FROM unnest('{windows,periods}'::text[]) d;
	SELECT rde_attach('windows', 'line', 'reseller', 'changed', amount => 'total', change => 'change');
	SELECT rde_attach('periods', 'plain', 'reseller', 'changed', '{id}', amount => 'total', invoice => 'invoice');
	SELECT rde_create_view(d, 'active', '[{"column":"id"},{"column":"total"}]', conditions => '[{"column":"status","in":["Active"]}]')
	FROM unnest('{windows,periods}'::text[]) d;
	SELECT rde_create_generator(d, d, '{csv,json}', 'daily', view => 'active', reseller => 1) FROM unnest('{windows,periods}'::text[]) d;
	SELECT rde_create_generator('periods', 'invoices', '{csv}', 'on_invoice', view => 'active', reseller => 1);
	SELECT rde_watch_invoices('invoice', 'reseller', 'id');
	-- several resellers' reports by one SELECT, of whom one has a view of that name himself
	SELECT rde_create_view('periods', 'active', '[{"column":"id"}]', 3, '[{"column":"status","not_in":["Active"]}]');
	SELECT rde_create_generator('periods', 'each', '{csv}', 'daily', view => 'active', reseller => r) FROM generate_series(1, 4) r;
	INSERT INTO line SELECT n, n % 4 + 1, now() - interval '1 hour', CASE WHEN n % 3 = 0 THEN 'Active' WHEN n % 3 = 1 THEN 'Canceled' END, n, n / 4 % 2
	FROM generate_series(1, 48) n;
	INSERT INTO invoice VALUES (0, 1), (1, 1);
	UPDATE line SET status = 'Canceled' WHERE id = 12;
	UPDATE _rde_generator SET next_from = clock_timestamp() - interval '1 day', next_to = clock_timestamp() - interval '1 minute', next_run_at = clock_timestamp() WHERE event = 'daily';
});
my $expected = sub {
	my ($where) = @_;
	return $node->safe_psql('postgres', "SELECT count(*), sum(total) FROM line WHERE reseller = 1 AND status = 'Active' AND $where");
};
$node->safe_psql('postgres', 'CALL rde_run_due()');
my $sums = q{SELECT row_count, totals ->> '' FROM rde_reports WHERE status = 'completed' AND };
is($node->safe_psql('postgres', $sums . q{name = 'periods' AND format = 'csv'}), $expected->('true'), 'of a period, with its totals');
is($node->safe_psql('postgres', $sums . q{name = 'windows' AND format = 'csv'}), $expected->('true'), 'of a snapshot window');
is($node->safe_psql('postgres', $sums . q{name = 'invoices' AND invoice = '0'}), $expected->('invoice = 0'), 'of an invoice');
is($node->safe_psql('postgres', q{SELECT reseller, ids(id) FROM rde_reports WHERE name = 'each' AND status = 'completed' ORDER BY 1}),
	$node->safe_psql('postgres', q{SELECT reseller, coalesce(string_agg(id::text, ' ' ORDER BY id)
		FILTER (WHERE CASE reseller WHEN 3 THEN status IS DISTINCT FROM 'Active' ELSE status = 'Active' END), '') FROM line GROUP BY 1 ORDER BY 1}), 'of each of several resellers');
is($node->safe_psql('postgres', q{SELECT bool_and(c.row_count = j.row_count AND c.totals = j.totals) FROM rde_reports c JOIN rde_reports j
	USING (name, period_from) WHERE c.format = 'csv' AND j.format = 'json' AND name IN ('windows', 'periods')}), 't', 'the same in both formats');

#
# An index serves, whatever the column's type.
#
query($node, q{
	SET ROLE shop_owner;
	CREATE TABLE big (id bigint PRIMARY KEY, reseller bigint NOT NULL, day date NOT NULL, v varchar(20), c char(8), i integer, e mood, d positive, n numeric);
	INSERT INTO big SELECT n, 1, '2020-01-01', 'v' || n, n, n, 'sad', n, n FROM generate_series(1, 20000) n;
	UPDATE big SET e = 'happy' WHERE id = 77;
	} . join('', map { "CREATE INDEX big_$_ ON big ($_);\n" } qw(v c i e d n)) . q{
	ANALYZE big;
	RESET ROLE;
	SELECT rde_create_dataset('big', 'Big');
	SELECT rde_attach('big', 'big', 'reseller', 'day');
	} . join('', map {
		my ($column, $condition) = @$_;
		qq{SELECT rde_create_view('big', '$column', '[{"column":"id"}]', conditions => '[{"column":"$column",$condition}]');
		SELECT ids(rde_export('big', '2020-01-01', '2020-01-01', 'csv', '$column'));\n}
	} [ 'v', '"in":["v77"]' ], [ 'c', '"in":["77","78"]' ], [ 'i', '"min":19999' ], [ 'e', '"in":["happy"]' ], [ 'd', '"max":2' ], [ 'n', '"in":[77.0]' ]));
is($node->safe_psql('postgres', q{SELECT string_agg(indexrelname, ' ' ORDER BY indexrelname) FROM pg_stat_user_indexes
	WHERE relname = 'big' AND indexrelname <> 'big_pkey' AND idx_scan > 0}), 'big_c big_d big_e big_i big_n big_v', 'indexes are used');

$node->stop;
done_testing();

# file_summary.pl
#
# A workbook's sheet "Summary" tells what the rows of its data are, as SQL would:
# totals, rows and sums per status and day, with charts; and it does no harm to
# those who read the data.

use strict;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::RealBin;
use Digest::SHA 'sha256_hex';
use JSON::PP;
use List::Util 'sum0';
use PostgreSQL::Test::Utils;
use RdeFiles;
use Test::More;

my $tools = "$FindBin::RealBin/../tools";
my $with = '{"xlsx": {"summary": true}}';
my $node = new_server('summary');

# What openpyxl finds: see tools/summary.py.
sub found
{
	my $file = shift;
	my ($out, $err) = run_command([ '/usr/bin/python3', "$tools/summary.py", $file->{path} ]);

	diag($err) if $err ne '';
	return decode_json($out);
}

# A table of the summary, without its title: rows of values.
sub table
{
	my ($found, $title) = @_;
	my @rows = map { [ map { defined ? $_->[0] : '' } @$_ ] } @{ $found->{rows} };

	shift @rows while @rows && $rows[0][0] ne $title;
	shift @rows;
	my @table;
	push @table, shift @rows while @rows && $rows[0][0] ne '';
	return @table;
}

# The same as lines of text, as psql prints rows.
sub lines
{
	return join "\n", map { my @cells = @$_; pop @cells while @cells && $cells[-1] eq '';
		join '|', map { s/ 00:00:00$//r } @cells } @_;
}

sub part
{
	my ($file, $name) = @_;
	my $out;
	open my $pipe, '-|', 'unzip', '-p', $file->{path}, $name or die $!;
	binmode $pipe;
	local $/;
	return scalar <$pipe>;
}

# Orders of a month in the zone of a reseller whose days are not those of UTC.

query($node, q{
	CREATE TABLE orders AS
	SELECT i::bigint AS id, timestamptz '2020-02-29 20:30Z' + i * interval '37 minutes' AS at,
		   CASE WHEN i % 50 > 0 THEN (ARRAY['USD', 'USD', 'USD', 'JPY', 'EUR'])[1 + i % 5] END::char(4) AS cur,
		   CASE WHEN i % 13 > 0 THEN (i * 7919 % 100003 / 100.0 - 50)::numeric(20,8) END AS total,
		   (ARRAY['Active', 'Active', 'Graced', '<Trial> & more', NULL])[1 + i % 7 % 5] AS "orderStatus",
		   'name ' || i AS name
	FROM generate_series(1, 1400) i;
	SELECT rde_create_dataset('orders', 'Orders');
	SELECT rde_attach('orders', 'orders', reseller => 'id', period => 'at', key => '{id}', amount => 'total', currency => 'cur');
	SELECT rde_create_view('orders', 'shown', '[{"column": "id", "group": "Order", "description": "Its <ID> & more"},
		{"column": "at"}, {"column": "cur"}, {"column": "total", "description": "What it costs"}, {"column": "orderStatus"},
		{"column": "name", "as": "n"}]')});
my @march = (to => '2020-04-06', view => 'shown', zone => 'Asia/Kolkata');
my $orders = export_file($node, 'orders', 'xlsx', @march, options => $with);
my $summary = found($orders);

is_deeply($summary->{sheets}, [ 'Data', 'Summary' ], 'the summary comes behind the data');
is($summary->{active}, 'Data', 'which is the active sheet');
is( lines(map { [ map { defined ? $_->[0] : '' } @$_ ] }
	  grep { !defined $_->[0] || $_->[0][0] !~ /^SHA|^To check/ } @{ $summary->{rows} }[ 0 .. 10 ]), <<'END' =~ s/\n\z//r, 'what the report is');
orders

Data set|orders
View|shown
Reseller|all
From|2020-01-01
To (exclusive)|2020-04-07
Time zone|Asia/Kolkata
Rows|1400
END
my %fact = map { $_->[0] && $_->[1] ? ($_->[0][0] => $_->[1][0]) : () } @{ $summary->{rows} }[ 0 .. 10 ];
my ($first) = $fact{'To check it'} =~ /^head -c (\d+) FILE \| sha256sum$/;
my $bytes = substr slurp_raw($orders->{path}), 0, $first;
is($fact{'SHA-256 of the data'}, sha256_hex($bytes), 'the digest of the first bytes');
like($bytes, qr{xl/worksheets/sheet1\.xml}, 'which hold the data');
unlike($bytes, qr{xl/worksheets/sheet2\.xml}, 'and not the summary');

# Sums as the sheet shows them: numbers without trailing zeros.
my $sums = join ', ', map { qq{coalesce((sum(total) FILTER (WHERE cur = '$_'))::double precision::text, '')} } qw(USD EUR JPY);
$sums .= q{, coalesce((sum(total) FILTER (WHERE cur IS NULL))::double precision::text, '')};
is( lines(table($summary, 'Totals')),
	"Currency|Rows|Sum\n" . query($node, q{
		SELECT coalesce(trim(cur), '(none)'), count(*), sum(total)::double precision
		FROM orders GROUP BY 1 ORDER BY 2 DESC, 1}), 'totals');
sub without_end
{
	return join "\n", map { s/\|+$//r } split /\n/, shift;
}
is( lines(table($summary, 'Per status')),
	"orderStatus|Rows|USD|EUR|JPY|Sum\n" . without_end(query($node, qq{
		SELECT coalesce("orderStatus", '(none)'), count(*), $sums
		FROM orders GROUP BY "orderStatus" ORDER BY 2 DESC, coalesce("orderStatus", '')})), 'per status');
is( lines(table($summary, 'Per day')),
	"Day|Rows|USD|EUR|JPY|Sum\n" . without_end(query($node, qq{
		SELECT (at AT TIME ZONE 'Asia/Kolkata')::date, count(*), $sums
		FROM orders GROUP BY 1 ORDER BY 1})), "per day of the report's zone");
my %format = map { $_->[0] ? ($_->[0][0] => $_) : () } @{ $summary->{rows} };
is_deeply([ map { $format{$_}[2][1] } qw(USD JPY EUR) ], [ '#,##0.00', '#,##0.00', '#,##0.00' ], 'with decimals');

my @charts = @{ $summary->{charts} };
is_deeply([ map { $_->[0] } @charts ], [ 'Rows per status', 'Rows per day', 'Sum per day, USD' ], 'charts');
is(sum0(@{ $_->[3] }), 1400, "$_->[0]: all rows") for @charts[ 0, 1 ];
is(scalar @{ $charts[2][3] }, 37, 'a sum for each day');
for my $chart (@charts)
{
	my ($counted) = $chart->[1] =~ /^Summary!\$A\$(\d+:\$A\$\d+)$/;
	my ($values) = $chart->[2] =~ /^Summary!\$[BC]\$(\d+:\$[BC]\$\d+)$/;
	my ($first) = $counted =~ /^(\d+)/;

	is($values =~ s/[BC]/A/gr, $counted, "$chart->[0]: of the same rows");
	is($summary->{rows}[ $first - 2 ][1][0], 'Rows', "$chart->[0]: which are those behind the header");
}
is_deeply($summary->{notes}, [ 'Order: Its <ID> & more', undef, undef, 'What it costs', undef, undef ],
	'notes at the titles say what fields are');

# Who reads the data finds what is in a workbook without a summary.
my $plain = export_file($node, 'orders', 'xlsx', @march);
my $cells = sub { part(shift, 'xl/worksheets/sheet1.xml') =~ s/.*<sheetData>(.*)<\/sheetData>.*/$1/sr };
is($cells->($orders), $cells->($plain), 'the rows are the same');
is_deeply([ $orders->{rows}, $orders->{replaced}, $orders->{text_numbers} ],
	[ $plain->{rows}, $plain->{replaced}, $plain->{text_numbers} ], 'so is what the manifest counts');
ok($ENV{RDE_READERS}, 'readers for node are installed');
for my $reader (qw(exceljs exceljs-stream sheetjs read-excel-file))
{
	local $ENV{NODE_PATH} = $ENV{RDE_READERS};
	my ($out, $err);

	for (1 .. 5)
	{
		($out, $err) = run_command([ 'node', "$tools/readers.js", $reader, $orders->{path} ]);
		# see doc/formats.md
		last unless $err =~ /reading 'model'/;
	}
	my $rows = eval { decode_json($out) } // [];
	is_deeply([ scalar @$rows, $rows->[0], $rows->[-1][5] ], [ 1401, [qw(id at cur total orderStatus n)], 'name 1400' ],
		"$reader reads the data");
}
for my $reader (qw(exceljs sheetjs))
{
	local $ENV{NODE_PATH} = $ENV{RDE_READERS};
	my ($out) = run_command([ 'node', "$tools/readers.js", "$reader-last", $orders->{path} ]);
	my @rows = map { [ map { [$_] } @$_ ] } @{ decode_json($out) };

	is(lines(table({ rows => \@rows }, 'Totals')), lines(table($summary, 'Totals')), "$reader reads the summary");
}
my ($office) = $orders->{path} =~ m{([^/]+)\.xlsx$};
run_log([ 'soffice', '-env:UserInstallation=file://' . $node->basedir . '/office/profile', '--headless', '--convert-to',
	'csv:Text - txt - csv (StarCalc):59,34,76,1,,0,false,true,true,false,false,2', '--outdir', $node->basedir, $orders->{path} ]);
$office = slurp_raw($node->basedir . "/$office-Summary.csv");
like($office, qr/^Totals;*\r?\nCurrency;Rows;Sum;*\r?\nUSD;812;[\d,]+\.\d\d;/m, 'so does LibreOffice');

# In another language it says the same.
my $german = found(export_file($node, 'orders', 'xlsx', @march, options => '{"locale": "de_AT", "xlsx": {"summary": true}}'));
my %english = ('Data set' => 'Datenbestand', View => 'Ansicht', all => 'alle', From => 'Von', 'To (exclusive)' => 'Bis (ausschließlich)',
	'Time zone' => 'Zeitzone', Rows => 'Zeilen', 'SHA-256 of the data' => 'SHA-256 der Daten', 'To check it' => 'Zum Prüfen',
	Totals => 'Summen', Currency => 'Währung', Sum => 'Summe', '(none)' => '(ohne)', 'Per status' => 'Je Status',
	'Per day' => 'Je Tag', Day => 'Tag');
sub words
{
	my ($found, $words) = @_;
	return join "\n", map { join '|', map { my $text = $_ && $_->[0] // ''; $words->{$text} // $text } @$_ }
	  grep { !$_->[0] || $_->[0][0] !~ /^SHA|Zum Prüfen|To check it/ } @{ $found->{rows} };
}
is(words($german, {}), words($summary, \%english), 'in German, where the locale is');
is_deeply([ map { $_->[0] } @{ $german->{charts} } ], [ 'Zeilen je Status', 'Zeilen je Tag', 'Summe je Tag, USD' ], 'charts, too');
is_deeply($german->{sheets}, $summary->{sheets}, 'in sheets of the same names');
is(words(found(export_file($node, 'orders', 'xlsx', @march, options => '{"locale": "fr", "xlsx": {"summary": true}}')), {}),
	words($summary, {}), 'and in English where it is another');

# The same rows make the same bytes.
is(sha256_hex(slurp_raw(export_file($node, 'orders', 'xlsx', @march, options => $with)->{path})),
	sha256_hex(slurp_raw($orders->{path})), 'the bytes repeat');

# LibreOffice draws the charts.
my $folder = $node->basedir;
my $pdf = convert($node, $orders->{path}, 'pdf');
my ($pages) = run_command([ 'pdfinfo', $pdf ]);
($pages) = $pages =~ /^Pages:\s+(\d+)/m;
command_ok([ 'pdftoppm', '-r', '50', '-f', $pages - 1, '-l', $pages, $pdf, "$folder/page" ], 'a page is drawn');
my $blue = sum0(map { my $pixels = slurp_raw($_); scalar(() = $pixels =~ /\x4f\x81\xbd/g) } glob "$folder/page-*.ppm");
cmp_ok($blue, '>', 800, "the charts' columns are seen on it");

# Another kind of source: days as Unix seconds of a zone whose midnight is skipped,
# no amounts, no status.  Too many of what is listed is listed together, or by month.

query($node, q{
	CREATE TABLE clicks AS
	SELECT i::bigint AS id, 1541289600::bigint + i * 86400 / 2 AS at, 'x' AS v FROM generate_series(0, 5) i;
	SELECT rde_create_dataset('clicks', 'Clicks');
	SELECT rde_attach('clicks', 'clicks', reseller => 'id', period => 'at', key => '{id}');
	CREATE TABLE many AS
	SELECT i::bigint AS id, date '2020-01-01' - 1100 + (i % 1101) AS day,
		   chr(65 + i % 71 / 26) || chr(65 + i % 71 % 26) || 'X' AS cur, 0.01::numeric AS total, 's' || i % 53 AS "STATUS"
	FROM generate_series(0, 3302) i;
	SELECT rde_create_dataset('many', 'Many');
	SELECT rde_attach('many', 'many', reseller => 'id', period => 'day', key => '{id}', amount => 'total', currency => 'cur');
	SET rde.max_span = '10 years';
	SELECT rde_export('clicks', '2018-11-03', '2018-11-07', 'xlsx', 'full', time_zone => 'America/Sao_Paulo', options => '}
	. $with . q{') AS clicks \gset
	SELECT rde_export('many', '2016-01-01', '2020-01-01', 'xlsx', 'full', options => '} . $with . q{') AS many \gset
	SELECT lo_from_bytea(0, rde_content(:'clicks')) AS clicks, lo_from_bytea(0, rde_content(:'many')) AS many \gset
	SELECT lo_export(:clicks, '} . "$folder/clicks.xlsx" . q{'), lo_export(:many, '} . "$folder/many.xlsx" . q{')});
my $clicks = found({ path => "$folder/clicks.xlsx" });
is(lines(table($clicks, 'Per day')), "Day|Rows\n" . query($node, q{
	SELECT (to_timestamp(at) AT TIME ZONE 'America/Sao_Paulo')::date, count(*) FROM clicks GROUP BY 1 ORDER BY 1}),
	'Unix seconds fall on days of the zone');
is(lines(table($clicks, 'Totals')), "Currency|Rows|Sum\n(none)|6", 'rows without amounts');
is(scalar(table($clicks, 'Per status')), 0, 'and without a status');

my $many = found({ path => "$folder/many.xlsx" });
my @currencies = table($many, 'Totals');
is(scalar @currencies, 62, 'sixty currencies');
is_deeply($currencies[-1][0], '(others, not added up)', 'and others');
is(sum0(map { $_->[1] } @currencies[ 1 .. 61 ]), 3303, 'all rows are counted');
my @statuses = table($many, 'Per status');
is_deeply([ scalar @statuses, $statuses[0][0], $statuses[-1][0] ], [ 52, 'STATUS', '(others)' ], 'fifty statuses and others');
is(sum0(map { $_->[1] } @statuses[ 1 .. 51 ]), 3303, 'all rows are counted');
my @months = table($many, 'Per month');
is(lines(map { [ @$_[ 0, 1 ] ] } @months), "Month|Rows\n" . query($node, q{
	SELECT to_char(day, 'YYYY-MM'), count(*) FROM many GROUP BY 1 ORDER BY 1}), 'many days are months');
is_deeply([ map { sprintf '%.2f', sum0(map { $_ || 0 } @$_[ 2 .. 61 ]) } @months[ 1 .. $#months ] ],
	[ split /\n/, query($node, q{
		SELECT sum(total) FILTER (WHERE cur IN (
			SELECT cur FROM (SELECT cur, row_number() OVER (ORDER BY day, id) AS n FROM many) t
			GROUP BY cur ORDER BY min(n) LIMIT 60)) FROM many
		GROUP BY to_char(day, 'YYYY-MM') ORDER BY to_char(day, 'YYYY-MM')}) ], 'with their sums');

# Columns are as wide as their first thousand values, and titles; numbers that were
# not seen have room.
query($node, q{
	CREATE TABLE widths AS
	SELECT i::bigint AS id, date '2020-01-01' AS day, CASE WHEN i = 1500 THEN repeat('x', 40) ELSE repeat('y', 20) END AS late,
		   repeat('z', 200) AS long, 't'::text AS t, 5 AS n, 1234.5::numeric(20,8) AS amount
	FROM generate_series(1, 1500) i;
	SELECT rde_create_dataset('widths', 'Widths');
	SELECT rde_attach('widths', 'widths', reseller => 'id', period => 'day', key => '{id}', amount => 'amount')});
my $wide = found(export_file($node, 'widths', 'xlsx', options => $with))->{widths};
is_deeply([ map { int } @$wide ], [ 19, 12, 22, 48, 6, 19, 22 ], 'widths of many rows');
query($node, 'DELETE FROM widths WHERE id > 1000');
$wide = found(export_file($node, 'widths', 'xlsx', options => $with))->{widths};
is_deeply([ map { int } @$wide ], [ 6, 12, 22, 48, 6, 6, 13 ], 'widths of all rows there are');

# The option, and who may give it.
like(scalar((query($node, qq{SELECT rde_export('orders', '2020-03-01', '2020-03-01', 'xlsx', options => '{"xlsx": $_->[0]}')},
	may_fail => 1))[2]), qr/report option "$_->[1]" $_->[2]/, "xlsx: $_->[0]")
  for [ '{"summary": 1}', 'xlsx.summary', 'must be true or false' ], [ '{"chart": true}', 'xlsx.chart', 'does not exist' ],
  [ '[]', 'xlsx', 'must be an object' ];
is( query($node, qq{
		SELECT rde_create_generator('orders', 'sums', '{xlsx,csv}', 'manual', 'shown', options => '$with') IS NOT NULL;
		SELECT count(*) FROM rde_generators g, rde_run_generator(g.id, '2020-03-01', '2020-03-31') WHERE g.name = 'sums';
	}), "t\n2", 'a generator has it, too');
is( query($node, q{
		DO $$ BEGIN LOOP EXIT WHEN NOT EXISTS (SELECT FROM rde_reports WHERE status = 'submitted');
			PERFORM rde_build(id) FROM rde_reports WHERE status = 'submitted' LIMIT 1; END LOOP; END $$;
		SELECT status, format FROM rde_reports WHERE name = 'sums' ORDER BY format}),
	"completed|csv\ncompleted|xlsx", 'and its reports are built');

done_testing();

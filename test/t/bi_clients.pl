# bi_clients.pl
#
# Programs that people point at a database read the views for BI, each through the
# driver it has, as the role of an account: JDBC, ODBC, Python's libraries, R,
# LibreOffice's Base and Calc.  Each finds the account's money, and what doc/bi.md
# says that it makes of types.
#
# Invariant: what is expected is summed up in the source, not in the views.

use strict;
use warnings;
use FindBin;
use IPC::Run;
use JSON::PP;
use Math::BigFloat;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeFiles qw(new_server);
use Test::More;

plan skip_all => 'has packages of its own: make soak' unless $ENV{RDE_SOAK};

my $tools = "$FindBin::RealBin/../tools";
my $page = slurp_file(($ENV{RDE_SOURCE} // "$FindBin::RealBin/../..") . '/doc/bi.md');
my ($facts) = $page =~ /^(CREATE VIEW report_facts .*?;)$/ms or die 'no view in doc/bi.md';

my $node = new_server('bi');
$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'");
$node->restart;
$node->safe_psql('postgres', <<"END");
CREATE ROLE tool LOGIN;
CREATE ROLE other LOGIN;
CREATE TABLE payment (id int PRIMARY KEY, reseller bigint, changed timestamptz, amount numeric, currency text);
-- of each reseller a month: cents, which floating point cannot hold, and more digits than it has
INSERT INTO payment
SELECT n, 11 + n % 2, timestamptz '2020-01-01 00:30Z' + n * interval '4 hours', 0.1 + n % 7, 'EUR' FROM generate_series(1, 180) n
UNION ALL
SELECT 1000 + n, 11 + n % 2, timestamptz '2020-01-01 00:30Z' + n * interval '1 day', 12345678901234567.89012345 + n, 'USD' FROM generate_series(1, 30) n
UNION ALL
SELECT 2000 + n, 11 + n % 2, timestamptz '2020-01-01 00:30Z' + n * interval '1 day', -0.00000001, NULL FROM generate_series(1, 30) n;
SELECT rde_create_dataset('payment', 'Payments');
SELECT rde_attach('payment', 'payment', 'reseller', 'changed', amount => 'amount', currency => 'currency');
SELECT rde_create_account(11, 'Eleven Ltd', role => 'tool'), rde_create_account(12, 'Twelve Ltd', role => 'other');
-- each day of January in two formats; one of them built again
SELECT rde_build(rde_submit('payment', day, day, format, reseller => reseller))
FROM generate_series(date '2020-01-01', '2020-01-31', '1 day') AS g(moment), date(moment) AS day, unnest('{csv,xlsx}'::text[]) AS format, generate_series(11, 12) AS reseller;
UPDATE payment SET amount = amount + 1 WHERE changed >= '2020-01-05' AND changed < '2020-01-06';
SELECT rde_rebuild(id) FROM rde_reports WHERE first_day = '2020-01-05';
SELECT rde_keep_report(id, 'infinity') FROM rde_reports WHERE first_day = '2020-01-05';
-- periods that are late
SELECT rde_create_generator('payment', 'day', '{csv}', 'daily', reseller => 11, start => current_date - 2);
CALL rde_run_due();
$facts
GRANT SELECT ON report_facts TO tool, other;
END

# { currency => [rows, amount] }
sub sums_of
{
	my %sums;
	for (@_)
	{
		my ($currency, $rows, $amount) = @$_;
		my $sum = $sums{$currency} //= [ Math::BigFloat->bzero, Math::BigFloat->bzero ];
		$sum->[0]->badd($rows);
		$sum->[1]->badd($amount);
	}
	return \%sums;
}

my $expected = sums_of(map { [ split /\|/ ] } split /\n/, $node->safe_psql('postgres', q{
	SELECT coalesce(currency, ''), count(*), sum(amount) FROM payment WHERE reseller = 11 GROUP BY 1}));
is(join(' ', sort keys %$expected), ' EUR USD', 'there is money');

# As it was read; $digits are those that the program's numbers have, all of them if
# there are none.
sub is_money
{
	my ($client, $found, $digits) = @_;
	my $text = sub {
		my ($sums) = @_;
		return { map {
			my ($rows, $amount) = map { Math::BigFloat->new($_) } @{ $sums->{$_} };
			($_ => $rows->bstr . ' rows, ' . ($digits ? $amount->bfround(-8)->bround($digits)->bsstr : $amount->bnorm->bstr)) } keys %$sums };
	};
	is_deeply($text->($found), $text->($expected), "$client: the account's money");
	return;
}

# What a program shows of the types that programs stumble over.
sub is_seen
{
	my ($client, $seen, %expected) = @_;
	for my $column (sort keys %expected)
	{
		my ($got, $want) = ($seen->{$column}, $expected{$column});
		$got = join ' ', @$got if ref $got;
		ref $want ? like($got, $want, "$client: $column") : is($got, $want, "$client: $column");
	}
	return;
}

# Runs a program; what it printed.
sub out_of
{
	my ($client, $command, %arg) = @_;
	my ($out, $err) = ('', '');
	ok(IPC::Run::run($command, '<', \($arg{in} // ''), '>', \$out, '2>', \$err), "$client runs") or diag $err;
	return $out;
}

# LibreOffice reads SQL itself, before the server does: it takes t and rows for words of its own
my $money = q{SELECT "t"."currency", "t"."rows", "t"."amount" FROM "rde_report_totals" AS "t" JOIN "rde_reports" AS "r" ON "r"."id" = "t"."report" }
  . q{WHERE "t"."is_newest" = TRUE AND "r"."status" = 'completed' AND "r"."format" = 'csv' ORDER BY "r"."first_day", "t"."currency"};
my $types = q{SELECT r.id, r.totals, r.period_from, r.first_day, r.expires_at, p.lateness, p.lateness_seconds }
  . q{FROM rde_reports r CROSS JOIN (SELECT * FROM rde_periods WHERE status = 'completed' ORDER BY period_from LIMIT 1) p }
  . q{WHERE r.first_day = '2020-01-05' AND r.format = 'csv' AND r.is_newest};
my %row;
@row{qw(id totals lateness_seconds)} = split /\|/,
  $node->safe_psql('postgres', "SELECT id, totals, lateness_seconds FROM ($types) t", extra_params => [ '-U', 'tool' ]);
my $url = '127.0.0.1:' . $node->port . '/postgres';
my $conninfo = 'host=127.0.0.1 port=' . $node->port . ' user=tool dbname=postgres';
# the zone of whoever sits before the program: JDBC and R tell times in it, the others in the server's
local $ENV{TZ} = 'America/New_York';

# JDBC: rows and a row, quoted values with commas between
sub sqlline
{
	my ($query) = @_;
	my $out = out_of('JDBC', [ 'sqlline', '-u', "jdbc:postgresql://$url", '-n', 'tool', '-p', '-', '-d', 'org.postgresql.Driver',
		'--silent=true', '--color=false', '--outputformat=csv' ], in => "$query;\n");
	my ($head, @lines) = map { [ m/'([^']*)'/g ] } grep { /^'/ } split /\n/, $out;
	return ($head, @lines);
}
SKIP:
{
	skip 'sqlline is not there', 1 if system('command -v sqlline >/dev/null') != 0;
	my ($head, @rows) = sqlline($money);
	is_money('JDBC', sums_of(@rows));
	($head, @rows) = sqlline($types);
	my %seen;
	@seen{@$head} = @{ $rows[0] };
	is_seen('JDBC', \%seen, id => $row{id}, totals => $row{totals}, period_from => '2020-01-04 19:00:00-05', first_day => '2020-01-05',
		expires_at => 'infinity', lateness => qr/^(?:\d+ days? )?\d+:\d\d:\d\d/, lateness_seconds => $row{lateness_seconds});
}

# ODBC
sub isql
{
	my ($query) = @_;
	my $out = out_of('ODBC', [ 'isql', '-b', '-c', '-d|', '-k', '-v', 'DRIVER=PostgreSQL Unicode;SERVER=127.0.0.1;PORT=' . $node->port . ';DATABASE=postgres;UID=tool;PWD=-' ],
		in => "$query\n");
	return map { [ split /\|/, $_, -1 ] } split /\n/, $out;
}
SKIP:
{
	skip 'isql is not there', 1 if system('command -v isql >/dev/null') != 0;
	my ($head, @rows) = isql($money);
	is_money('ODBC', sums_of(@rows));
	($head, @rows) = isql($types);
	my %seen;
	@seen{@$head} = @{ $rows[0] };
	is_seen('ODBC', \%seen, id => uc $row{id}, totals => $row{totals}, period_from => '2020-01-05 00:00:00', first_day => '2020-01-05',
		expires_at => '9999-12-31 23:59:59', lateness => qr/^(?:\d+ days? )?\d+:\d\d:\d\d/, lateness_seconds => $row{lateness_seconds});
}

# Python
my %infinity = (psycopg2 => qr/^datetime 9999-12-31 23:59:59/, psycopg => qr/^error timestamp too large/);
for my $library (sort keys %infinity)
{
	SKIP:
	{
		skip "$library is not there", 1 if system("/usr/bin/python3 -c 'import $library' 2>/dev/null") != 0;
		my $found = decode_json(out_of($library, [ '/usr/bin/python3', "$tools/bi.py", $library, $conninfo, $money, $types ]));
		is_money($library, $found->{sums});
		is_seen($library, $found->{seen}, id => qr/^(?:str|UUID) $row{id}$/, totals => qr/^dict .*'EUR': \d/, period_from => 'datetime 2020-01-05 00:00:00+00:00',
			first_day => 'date 2020-01-05', expires_at => $infinity{$library}, lateness => qr/^timedelta /, lateness_seconds => "float $row{lateness_seconds}");
	}
}
SKIP:
{
	skip 'pandas is not there', 1 if system("/usr/bin/python3 -c 'import pandas' 2>/dev/null") != 0;
	my $found = decode_json(out_of('pandas', [ '/usr/bin/python3', "$tools/bi.py", 'pandas', $conninfo, $money, $types ]));
	is_money('pandas with coerce_float=False', $found->{sums});
	is_money('pandas', $found->{floats}, 12);
	isnt(Math::BigFloat->new($found->{floats}{USD}[1])->bcmp($expected->{USD}[1]), 0, 'pandas: no more digits than a float has');
}

# R
SKIP:
{
	skip 'RPostgreSQL is not there', 1 if system(q{Rscript -e 'library(RPostgreSQL)' >/dev/null 2>&1}) != 0;
	my @lines = map { [ split /\|/ ] } split /\n/, out_of('R', [ 'Rscript', "$tools/bi.R", '127.0.0.1', $node->port, 'tool', $money, $types ]);
	my %sums = map { $_->[1] => [ @$_[ 2, 3 ] ] } grep { $_->[0] eq 'sum' } @lines;
	is_money('R', \%sums, 12);
	isnt(Math::BigFloat->new($sums{USD}[1])->bcmp($expected->{USD}[1]), 0, 'R: no more digits than a float has');
	is_seen('R', { map { $_->[1] => "$_->[2] " . ($_->[3] // '') } grep { $_->[0] eq 'seen' } @lines }, id => "character $row{id}", totals => "character $row{totals}",
		period_from => qr/^POSIXct 2020-01-04 19:00/, first_day => 'Date 2020-01-05', expires_at => 'POSIXct NA', lateness => qr/^character .*\d+:\d\d:\d\d/);
}

# LibreOffice
SKIP:
{
	skip 'LibreOffice is not there', 1 if system("/usr/bin/python3 -c 'import uno' 2>/dev/null && test -e /usr/lib/libreoffice/program/libdbaxmllo.so") != 0;
	my $folder = PostgreSQL::Test::Utils::tempdir;
	my $found = decode_json(out_of('LibreOffice', [ '/usr/bin/python3', "$tools/bi_office.py", $folder, "sdbc:postgresql:host=127.0.0.1 port=" . $node->port . ' dbname=postgres',
		'tool', $money, $types, 'public.report_facts' ]));
	is_money('Base', sums_of(@{ $found->{base}{rows} }));
	is_seen('Base', $found->{base}{seen}, id => qr/ $row{id}$/, totals => qr/ \Q$row{totals}\E$/, first_day => qr/ 2020-01-05$/, expires_at => qr/ infinity$/,
		lateness => qr/\d+:\d\d:\d\d/, lateness_seconds => qr/ $row{lateness_seconds}$/);
	my ($head, @rows) = @{ $found->{calc}{table} };
	my @facts;
	for my $values (@rows)
	{
		my %fact;
		@fact{@$head} = @$values;
		# a day of Calc's is a number, that of 2020-01-01 is 43831
		push @facts, [ @fact{qw(currency rows amount)} ] if $fact{format} eq 'csv' && $fact{dataset} eq 'payment' && $fact{first_day} >= 43831 && $fact{first_day} < 43862;
	}
	is_money('Calc, a view', sums_of(@facts), 12);
	($head, @rows) = @{ $found->{calc}{query} };
	is_deeply($head, [qw(currency rows amount)], 'Calc, a query: titles');
	is_money('Calc, a query', sums_of(@rows), 12);
	delete $expected->{''};
	is_money('Calc, SUMIF', $found->{calc}{sums}, 12);
}

done_testing();

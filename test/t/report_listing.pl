# report_listing.pl
#
# Listing 28 reports takes as long whether there are thousands or a million: for
# an account, an operator, and a poller.
#
# Blocks are counted, which do not depend on the machine (an index may have become
# a level higher, for each of 28); with RDE_SOAK=1 a million reports are there, and
# the quickest of 200 calls is within 5 ms: a busy machine makes others slower.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('listing');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nmax_wal_size = 8GB\nshared_buffers = 1GB\nrde.base_url = 'https://reports.example'\n");
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION rde;
CREATE ROLE t7 LOGIN;
CREATE ROLE gate LOGIN;
CREATE ROLE op LOGIN;
SELECT rde_create_account(n, 'account ' || n, role => CASE n WHEN 7 THEN 't7' END::name) FROM generate_series(1, 1000) n;
SELECT rde_grant('gate', 'gateway'), rde_grant('op', 'operator');
SQL
my ($key, $token) = split /\|/, $node->safe_psql('postgres', 'SELECT * FROM rde_create_token(7, $$x$$)');

# Reports of 1,000 accounts, one a minute before now: 28 of account 7 in the last
# 28,000 minutes, and 28 of all in the last 28.
sub fill
{
	my ($from, $to) = @_;
	$node->safe_psql('postgres', qq{
		INSERT INTO _rde_report (name, dataset, view, format, type, reseller, period_from, period_to, time_zone, retention, status, submitted_at, due_at,
			attempts, published_at, expires_at, build_ms, row_count, content_bytes, file_bytes, sha256, replaced_characters, text_numbers, file_name,
			media_type, store, published_xid, system_identifier)
		SELECT 'report ' || n, 'payments', 'full', 'csv', 'onetime', n % 1000 + 1, now() - interval '1 day', now(), 'UTC', '3 years', 'completed', t, t,
			1, t, 'infinity', 1, 1, 1, 1, sha256(n::text::bytea), 0, 0, 'report.' || n || '.csv.gz', 'application/gzip', 'local',
			'3'::xid8, (SELECT system_identifier FROM pg_control_system())
		FROM (SELECT n, now() - n * interval '1 minute' AS t FROM generate_series($from, $to) n) x;
		INSERT INTO _rde_report_total SELECT id, 'EUR', 1, 1 FROM _rde_report r WHERE NOT EXISTS (SELECT FROM _rde_report_total t WHERE t.report = r.id);
		VACUUM ANALYZE _rde_report;
		VACUUM ANALYZE _rde_report_total;});
	return;
}

# The cursor of before the last 28 reports of account 7, or of all, were published.
my $cursor = $node->safe_psql('postgres', 'SELECT _rde_cursor()');
my %after;
sub publish
{
	my ($what, $which) = @_;
	my $before = $node->safe_psql('postgres', 'SELECT _rde_cursor()');
	$node->safe_psql('postgres', "UPDATE _rde_report SET published_xid = pg_current_xact_id() WHERE id IN (SELECT id FROM _rde_report WHERE $which ORDER BY published_at DESC LIMIT 28)");
	$after{$what} = $before;
	return;
}

my $days = q{(now() AT TIME ZONE 'UTC')::date};
my %query = (
	'an account, by role' => [ 't7', '', "SELECT json_array_length(rde_list_reports($days - 19, $days) -> 'data')" ],
	'an account, by token' => [ 'gate', "SELECT rde_login('$key', sha256('$token')) \\gset", "SELECT json_array_length(rde_list_reports($days - 19, $days) -> 'data')" ],
	'in detail' => [ 't7', '', "SELECT json_array_length(rde_list_reports($days - 19, $days, detail => true) -> 'data')" ],
	'an operator, by name' => [ 'op', '', "SELECT json_array_length(rde_list_reports($days - 1, $days, name => 'report 17') -> 'data')" ],
	'the view, an account' => [ 't7', '', q{SELECT count(*) FROM (
		SELECT id, totals FROM rde_reports WHERE published_at > now() - interval '28500 minutes' ORDER BY published_at DESC LIMIT 28) x} ],
	'since a cursor, an account' => [ 't7', '', sub { "SELECT json_array_length(rde_list_reports(after => '$after{account}') -> 'data')" } ],
	'since a cursor, an operator' => [ 'op', '', sub { "SELECT json_array_length(rde_list_reports(after => '$after{all}') -> 'data')" } ]);

# Reports listed, blocks looked at, and the least and the median time of some calls.
sub measure
{
	my ($what, $calls) = @_;
	my ($user, $login, $sql) = @{ $query{$what} };
	$sql = $sql->() if ref $sql;
	my $output = $node->safe_psql('postgres', qq{
		CREATE FUNCTION pg_temp.blocks(statement text) RETURNS bigint LANGUAGE plpgsql AS \$\$
		DECLARE
			plan json;
		BEGIN
			EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ' || statement INTO plan;
			RETURN (plan -> 0 -> 'Plan' ->> 'Shared Hit Blocks')::bigint + (plan -> 0 -> 'Plan' ->> 'Shared Read Blocks')::bigint;
		END \$\$;
		BEGIN;
		$login
		$sql;
		DO \$\$ BEGIN FOR i IN 1 .. 5 LOOP PERFORM * FROM ($sql) x; END LOOP; END \$\$;
		SELECT pg_temp.blocks(\$\$$sql\$\$);
		CREATE TEMP TABLE took (ms float);
		DO \$\$
		DECLARE
			start timestamptz;
		BEGIN
			FOR i IN 1 .. $calls LOOP
				start := clock_timestamp();
				PERFORM * FROM ($sql) x;
				INSERT INTO took VALUES (1000 * extract(epoch FROM clock_timestamp() - start));
			END LOOP;
		END \$\$;
		SELECT round(min(ms)::numeric, 2) || '|' || round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::numeric, 2) FROM took;
		ROLLBACK}, extra_params => [ '-U', $user ]);
	my ($listed, $blocks, $times) = split /\n/, $output;
	my ($ms, $median) = split /\|/, $times;
	return { listed => $listed, blocks => $blocks, ms => $ms, median => $median };
}

my ($few, $many) = $ENV{RDE_SOAK} ? (100_000, 1_000_000) : (30_000, 90_000);
my %first;
fill(1, $few);
publish('account', 'reseller = 7');
publish('all', 'true');
$first{$_} = measure($_, 20) for sort keys %query;
fill($few + 1, $many);
for my $what (sort keys %query)
{
	my $now = measure($what, $ENV{RDE_SOAK} ? 200 : 20);
	note sprintf '%s: %d listed, %d blocks of %d reports (%d of %d), %s ms, median %s ms', $what, $now->{listed}, $now->{blocks}, $many, $first{$what}{blocks}, $few, $now->{ms}, $now->{median};
	cmp_ok($now->{listed}, '>=', $what =~ /name/ ? 1 : 27, "$what: as many as there are");
	cmp_ok($now->{listed}, '<=', 29, 'and no more');
	# a view shows an account what a function returns, which is all that is the account's
	my $bound = $what =~ /view/ ? 8 * $node->safe_psql('postgres', 'SELECT count(*) FROM _rde_report WHERE reseller = 7') + 40 : 1.2 * $first{$what}{blocks} + 40;
	cmp_ok($now->{blocks}, '<=', $bound, 'it looks at no more blocks when there are more reports');
	cmp_ok($now->{ms}, '<=', 5, "it takes $now->{ms} ms") if $ENV{RDE_SOAK};
}

# Who sees all has all sorted; but links and totals are made for what is listed.
$query{'the newest, an operator'} = [ 'op', '',
	'SELECT count(download_url) + count(totals) FROM (SELECT * FROM rde_reports ORDER BY published_at DESC LIMIT 28) x' ];
my $newest = measure('the newest, an operator', 1);
is($newest->{listed}, 56, 'the newest reports, with links and totals');
cmp_ok($newest->{blocks}, '<', $many, "$newest->{blocks} blocks: nothing is looked up for each of $many reports");

$node->stop;
done_testing();

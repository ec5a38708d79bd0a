# scale_servers.pl
#
# doc/scale.md on real servers: two shards, a shop that is replicated, a server of the
# reports and its standby, with a gateway.  The page's examples are run on them in its
# order and compared with what it shows.
#
# Before the failover a storm: many transactions write at the shards and at the shop,
# most of them across the ends of days, which are half a second long here; the
# subscription is paused and its worker ended; hearts beat late; workers build what is
# due.  Then every day's report is final at the first time, and has each of its rows
# once.  RDE_SOAK=1 makes it a minute and ends the shards' sessions, too; RDE_SEED
# repeats what is random.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeDocuments qw(document_blocks shell_prelude open_shell ask_shell run_example close_shell);
use RdeGateway;
use RdeSessions;
use Test::More;
use Time::HiRes qw(time sleep);

my $seed = $ENV{RDE_SEED} // int time;
srand $seed;
note "RDE_SEED=$seed";
my $seconds = $ENV{RDE_SOAK} ? 60 : 4;
my $top = $ENV{RDE_SOURCE} // abs_path(dirname(__FILE__) . '/../..');
my @blocks = @{ document_blocks("$top/doc/scale.md")->{blocks} };

# "yesterday" and "an hour ago" of the page are the same day's, for as long as it takes
CORE::sleep 3612 - time % 3600 if time % 3600 > 3500;
CORE::sleep 12 - time % 3600 if time % 3600 < 12;

#
# The servers
#
my %node;
for my $name (qw(east west shop reporting))
{
	my $node = $node{$name} = PostgreSQL::Test::Cluster->new($name);
	$node->init(allows_streaming => $name eq 'shop' ? 'logical' : 1);
	$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nhot_standby_feedback = on\n");
	$node->append_conf('postgresql.conf', "max_connections = 40\nshared_buffers = 16MB\nwal_retrieve_retry_interval = 200ms\n");
	$node->start;
	$node->safe_psql('postgres', 'CREATE DATABASE shop');
}
$node{reporting}->backup('copy');
$node{standby} = PostgreSQL::Test::Cluster->new('standby');
$node{standby}->init_from_backup($node{reporting}, 'copy', has_streaming => 1);
$node{standby}->start;

#
# The page
#
my %shell = map { $_ => open_shell('stdbuf', '-oL', 'psql', '-Xq', '-P', 'footer=off', '-P', 'pager=off', '-d', $node{$_}->connstr('shop')) } keys %node;
$ENV{PATH} = dirname(gateway_program()) . ":$ENV{PATH}";
local $ENV{PGHOST} = $node{reporting}->host;
local $ENV{PGPORT} = $node{reporting}->port;
local $ENV{PGDATABASE} = 'shop';
$shell{sh} = open_shell('bash');
ask_shell($shell{sh}, shell_prelude(PostgreSQL::Test::Utils::tempdir, PostgreSQL::Test::Cluster::get_free_port()), 'echo "<done $?>"');

# The servers' names of the page are addresses here.
sub addressed
{
	my ($text) = @_;
	$text =~ s/\bhost '(\w+)'/"host '" . $node{$1}->host . "', port '" . $node{$1}->port . "'"/ge;
	$text =~ s/\bhost=(\w+)/'host=' . $node{$1}->host . ' port=' . $node{$1}->port/ge;
	return $text;
}

# The servers of an example: its first line says which.
sub servers_of
{
	my ($block) = @_;
	my ($names) = $block->{text} =~ /\A(?:--|#) on ([\w, ]+)\n/ or die "doc/scale.md:$block->{line}: on which server?";
	return split /, | and /, $names;
}

sub run_page
{
	for my $block (@_)
	{
		for my $name (servers_of($block))
		{
			my $shell = $block->{language} eq 'sql' ? $shell{$name} : $shell{sh};
			my $difference = run_example($shell, $block, addressed($block->{text}));
			ok(!defined $difference, "doc/scale.md:$block->{line} is as shown, on $name") or diag($difference);
		}
	}
	return;
}

my ($promotion) = grep { $blocks[$_]{text} =~ /pg_promote/ } 0 .. $#blocks;
run_page(@blocks[ 0 .. $promotion - 1 ]);

#
# The storm
#
my ($heart) = map { $_->{text} } grep { $_->{text} =~ /PROCEDURE shop\.beat/ } @blocks;
my $zero = int time;
my $days = 4 * $seconds + 60;

# The page's, of days that take half a second each, and for transactions that are
# shown within two seconds.
$heart =~ s/\A.*\n|CREATE (ROLE|SCHEMA).*\n//g;
$heart =~ s/\bshop\./storm./g;
$heart =~ s/interval '5 s'/interval '2 s'/ or die;
$heart =~ s/beat = horizon WHERE beat < horizon/beat = storm.day(horizon) WHERE beat < storm.day(horizon)/ or die;
my $sale = 'CREATE TABLE storm.sale (id bigint PRIMARY KEY, reseller_id bigint NOT NULL, changed_at timestamptz NOT NULL); CREATE INDEX ON storm.sale (changed_at, id)';
for my $name (qw(east west shop))
{
	$node{$name}->safe_psql('shop', <<"END");
CREATE SCHEMA storm;
CREATE FUNCTION storm.day(at timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
\$\$ SELECT CASE WHEN isfinite(at) THEN timestamptz '2025-01-01 00:00Z' + (at - to_timestamp($zero)) * 172800 ELSE at END \$\$;
$heart
$sale;
END
	$node{$name}->safe_psql('shop', 'GRANT USAGE ON SCHEMA storm TO reporting; GRANT SELECT ON ALL TABLES IN SCHEMA storm TO reporting') if $name ne 'shop';
}
$node{shop}->safe_psql('shop', 'ALTER PUBLICATION reports ADD TABLE storm.sale, storm.heartbeat');

my $reporting = $node{reporting};
sub sql { return $reporting->safe_psql('shop', $_[0]) }
sql(<<"END");
CREATE SCHEMA storm AUTHORIZATION billing;
SET ROLE billing;
CREATE TABLE storm.sharded (id bigint NOT NULL, reseller_id bigint NOT NULL, changed_at timestamptz NOT NULL) PARTITION BY RANGE (reseller_id);
CREATE FOREIGN TABLE storm.sale_east PARTITION OF storm.sharded FOR VALUES FROM (1) TO (2) SERVER east OPTIONS (schema_name 'storm', table_name 'sale');
CREATE FOREIGN TABLE storm.sale_west PARTITION OF storm.sharded FOR VALUES FROM (2) TO (3) SERVER west OPTIONS (schema_name 'storm', table_name 'sale');
CREATE FOREIGN TABLE storm.beat_east (beat timestamptz) SERVER east OPTIONS (schema_name 'storm', table_name 'heartbeat');
CREATE FOREIGN TABLE storm.beat_west (beat timestamptz) SERVER west OPTIONS (schema_name 'storm', table_name 'heartbeat');
CREATE VIEW storm.arrived AS SELECT (SELECT beat FROM storm.beat_east) AS beat UNION ALL SELECT (SELECT beat FROM storm.beat_west);
$sale;
CREATE TABLE storm.heartbeat (beat timestamptz PRIMARY KEY);
RESET ROLE;
ALTER SUBSCRIPTION reports REFRESH PUBLICATION;
END
$reporting->poll_query_until('shop', q{SELECT count(*) = 0 FROM pg_subscription_rel WHERE srsubstate <> 'r'}) or die;
my %source = (sharded => 'storm.sharded', replicated => 'storm.sale');
my %watermark = (sharded => 'storm.arrived', replicated => 'storm.heartbeat');
sub attach
{
	return join '', map { "SELECT rde_attach('$_', '$source{$_}', 'reseller_id', 'changed_at', '{reseller_id,id}', watermark => '$watermark{$_}');" } sort keys %source;
}
sql(join '', map { "SELECT rde_create_dataset('$_', '$_');" } keys %source);
sql(attach());
sql(join '', map { "SELECT rde_create_generator('$_', '$_', '{csv}', 'daily', start => '2025-01-01');" } keys %source);
# none of it is overdue, though all of it is long past
my $settings = q{SET client_min_messages = error; SET rde.settle_limit = '100 years';};

# Transactions of a writer, most of them across the end of a day; some are undone.
sub transactions
{
	my ($reseller, $first) = @_;
	my ($sql, $id, $time) = ('', $first, 0);
	while ($time < $seconds)
	{
		my $pause = 0.01 + rand 0.8;
		$sql .= "BEGIN;\n";
		$sql .= sprintf "INSERT INTO storm.sale VALUES (%d, %d, storm.day(now()));\n", ++$id, $reseller for 1 .. 1 + int rand 20;
		$sql .= sprintf "SELECT pg_sleep(%.3f) \\gset\n", $pause;
		$sql .= rand() < 0.2 ? "ROLLBACK;\n" : "COMMIT;\n";
		$time += $pause;
	}
	return $sql;
}

my @writers;
for my $where ([ east => 1 ], [ west => 2 ], [ shop => 1 ])
{
	for my $n (1 .. 4)
	{
		my $session = open_session($node{ $where->[0] }, 'shop');
		send_to($session, transactions($where->[1], 1_000_000 * $n));
		push @writers, $session;
	}
}
my $worker = open_session($reporting, 'shop');
run_in($worker, $settings);
my %beats = map { $_ => open_session($node{$_}, 'shop') } qw(east west shop);
my ($enabled, $next_pause, $pauses, $ended, $runs) = (1, time + 0.5, 0, 0, 0);
send_to($worker, 'CALL rde_run_due()');
# until the writers have ended, and enough has gone on beside them
until ($runs > 2 && $pauses > 3 && @writers == grep { is_done($_) } @writers)
{
	for my $name (keys %beats)
	{
		run_in($beats{$name}, 'CALL storm.beat()') if rand() < 0.3;
	}
	if (is_done($worker))
	{
		send_to($worker, 'CALL rde_run_due()');
		$runs++;
	}
	if (time > $next_pause)
	{
		$enabled = !$enabled;
		sql('ALTER SUBSCRIPTION reports ' . ($enabled ? 'ENABLE' : 'DISABLE'));
		$ended += sql(q{SELECT count(pg_terminate_backend(pid)) FROM pg_stat_subscription WHERE pid IS NOT NULL}) if rand() < 0.5;
		$ended += $node{east}->safe_psql('shop', q{SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'reporting'}) if $ENV{RDE_SOAK} && rand() < 0.1;
		$pauses++;
		$next_pause = time + 0.2 + rand 0.8;
	}
	sleep 0.05;
}
is(join('', map { wait_for($_) } @writers), '', 'the writers met no error');
sql('ALTER SUBSCRIPTION reports ENABLE');
note("the subscription was paused and went on, $pauses times; $ended processes were ended; workers ran $runs times");
wait_for($worker);

# All hearts beat past the last row, and what they say has arrived.
my $end = $node{east}->safe_psql('shop', 'SELECT storm.day(now())');
sleep 2.1;
run_in($beats{$_}, 'CALL storm.beat()') for sort keys %beats;
for my $watermark (sort values %watermark)
{
	ok($reporting->poll_query_until('shop', "SELECT min(beat) > '$end' FROM $watermark"), "$watermark beats again");
}
# what could not be read is not waited for: attached anew, it is read at once
sql(attach());
run_in($worker, "$settings CALL rde_run_due(); CALL rde_run_due()");

# What a day's report has, and what the day's rows are.
my %shard_rows = (
	sharded => [ map { split /\n/, $node{$_}->safe_psql('shop', q{SELECT (changed_at AT TIME ZONE 'UTC')::date || ' ' || reseller_id || ' ' || id FROM storm.sale}) } qw(east west) ],
	replicated => [ split /\n/, $node{shop}->safe_psql('shop', q{SELECT (changed_at AT TIME ZONE 'UTC')::date || ' ' || reseller_id || ' ' || id FROM storm.sale}) ]);
for my $dataset (sort keys %source)
{
	my @days = split /\n/, sql(qq{SELECT (period_from AT TIME ZONE 'UTC')::date FROM rde_reports WHERE name = '$dataset' AND status = 'completed' ORDER BY 1});
	my @late = split /\n/, sql(qq{SELECT status || ' ' || revision || ' ' || provisional || ' ' || period_from FROM rde_reports
		WHERE name = '$dataset' AND period_to <= '$end' AND (status <> 'completed' OR provisional OR revision > 1)});
	my @found = split /\n/, sql(qq{SELECT (r.period_from AT TIME ZONE 'UTC')::date || ' ' || split_part(line, ',', 2) || ' ' || split_part(line, ',', 1)
		FROM rde_reports r, regexp_split_to_table(rde_text(r.id), '\n') WITH ORDINALITY l(line, n)
		WHERE r.name = '$dataset' AND r.status = 'completed' AND line <> '' AND n > 1});
	my %reported = map { $_ => 1 } @days;
	my @there = grep { $reported{ (split / /)[0] } } @{ $shard_rows{$dataset} };
	my %found;
	$found{$_}++ for @found;
	my @missing = grep { !$found{$_} } @there;
	cmp_ok(scalar @days, '>', 1.5 * $seconds, "$dataset: reports of " . @days . ' days');
	cmp_ok(scalar @there, '>', 20 * $seconds, '... with ' . @there . ' rows');
	is("@late", '', '... all of them final, at the first time');
	is(join(', ', sort @missing), '', '... no row is lost');
	is(scalar(@found), scalar(@there), '... nor twice');
}
close_session($_) for @writers, $worker, values %beats;

#
# The failover
#
$reporting->wait_for_catchup($node{standby}, 'replay', $reporting->lsn('insert'));
close_shell($shell{reporting}, '\q');
$reporting->stop('immediate');
run_page(@blocks[ $promotion .. $#blocks ]);
$node{shop}->safe_psql('shop', q{INSERT INTO shop.order_line VALUES (3, 7, current_date - interval '1 hour', 7)});
ok($node{standby}->poll_query_until('shop', q{SELECT count(*) = 3 FROM shop.order_line}), 'promoted, it goes on to subscribe');

close_shell($shell{sh}, 'exit');
close_shell($shell{$_}, '\q') for qw(east west shop standby);
$node{$_}->stop('fast') for qw(standby shop east west);
done_testing();

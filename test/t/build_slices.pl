# build_slices.pl
#
# One large report by several processes: the same bytes as by one (F6), for period columns
# of each type, for slices that are empty, short, long, and where rows lie on the very
# instants that cut; totals and counts, too.  Who may not be helped is not.  A helper
# that is ended, an error in a row, a full disk and a build that takes too long are
# clean errors, as is one that is cancelled, and leave nothing behind.

use strict;
use warnings;
use RdeFiles;
use RdeSessions;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Run;
use Time::HiRes qw(time usleep);

my $node = new_server('slices');
$node->append_conf('postgresql.conf', <<'END');
max_worker_processes = 8
max_parallel_workers = 6
min_parallel_table_scan_size = 0
log_temp_files = 0
log_min_messages = debug1
restart_after_crash = on
END
$node->restart;

my $seed = $ENV{RDE_SEED} // int(rand(1_000_000));
srand($seed);
note "seed $seed";

# A month with a change of the clocks, in 64 slices of 11 hours and 37.5 minutes.
# Some hold nothing, some a row on each of their instants, some more than 1 MiB.  The
# fourth has the thousand rows that a workbook needs in the first part of it.
my $random = $seed / 1_000_000;
$node->safe_psql('postgres', <<"END");
CREATE ROLE shop_owner;
CREATE SCHEMA shop AUTHORIZATION shop_owner;
SET ROLE shop_owner;
SELECT setseed($random);
CREATE TABLE shop.sale (id bigint PRIMARY KEY, reseller int, at timestamptz, day date, sec bigint,
	note text, amount numeric, currency text, pairs jsonb);
WITH cut AS (SELECT n, timestamptz '2024-02-29 23:00Z' + n * (interval '743 hours' / 64) AS at, CASE n WHEN 3 THEN 0.9 ELSE random() END AS kind
	FROM generate_series(-1, 64) n),
row AS (
	SELECT at + d.part * interval '11 hours' AS at, repeat(md5(random()::text), CASE WHEN kind > 0.85 THEN 40 ELSE 1 END) AS note
	FROM cut, LATERAL (SELECT random() AS part FROM generate_series(1, CASE WHEN kind < 0.2 THEN 0 WHEN kind < 0.85 THEN 20 ELSE 1200 END)) d
	UNION ALL
	SELECT at, E'en on an instant\\tde auf einem Moment' FROM cut WHERE kind > 0.1
	UNION ALL
	SELECT at - interval '1 microsecond', E'just "before"\\n=one' FROM cut WHERE kind > 0.5)
INSERT INTO shop.sale
SELECT row_number() OVER (), 1 + random() * 3, at, (at AT TIME ZONE 'Europe/Berlin')::date, ceil(extract(epoch FROM at)), note,
	CASE WHEN random() > 0.1 THEN (random() * 1000)::numeric(12, 4) END, (ARRAY['EUR', 'USD', NULL])[1 + random() * 2],
	jsonb_build_array(jsonb_build_array('a', E'x\\u0001<'), jsonb_build_array('b', NULL))
FROM row;
CREATE INDEX ON shop.sale (at, id);
CREATE INDEX ON shop.sale (day, id);
CREATE INDEX ON shop.sale (sec, id);
ANALYZE shop.sale;
CREATE VIEW shop.joined AS SELECT s.*, n.name FROM shop.sale s JOIN (VALUES (1, 'one'), (2, 'two'), (3, 'three'), (4, 'four')) n(id, name) ON n.id = s.reseller;
CREATE TABLE shop.guarded AS SELECT * FROM shop.sale WHERE id % 3 = 0;
CREATE INDEX ON shop.guarded (at, id);
ALTER TABLE shop.guarded ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY mine ON shop.guarded USING (current_user = 'shop_owner' AND id % 2 = 0);
CREATE VIEW shop.whose AS SELECT *, current_user::text AS who, current_setting('search_path') AS path,
	current_setting('TimeZone') AS zone, current_setting('work_mem') AS memory FROM shop.guarded;
CREATE VIEW shop.late AS SELECT * FROM shop.sale WHERE at > '2024-03-14' OR (at < '2024-03-06' AND id % 200 = 0);
CREATE TABLE shop.heap AS SELECT * FROM shop.sale;
CREATE VIEW shop.two AS SELECT * FROM shop.sale WHERE id % 2 = 0 UNION ALL SELECT * FROM shop.sale WHERE id % 2 = 1;
ANALYZE shop.heap;
CREATE VIEW shop.counted AS SELECT *, count(*) OVER (PARTITION BY reseller) AS n FROM shop.sale;
CREATE VIEW shop.first AS SELECT * FROM shop.sale ORDER BY id LIMIT 500;
CREATE VIEW shop.chance AS SELECT *, random() AS chance FROM shop.sale;
CREATE FUNCTION shop.mine(int) RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS 'BEGIN RETURN \$1; END';
CREATE VIEW shop.called AS SELECT *, shop.mine(reseller) AS called FROM shop.sale;
CREATE VIEW shop.broken AS SELECT *, 1 / (reseller - 2) AS quotient FROM shop.sale WHERE reseller > 1 AND (reseller > 2 OR day > '2024-03-20');
CREATE VIEW shop.slow AS SELECT *, length(md5(repeat(id::text, 1000000))) AS slept FROM shop.sale;
RESET ROLE;
DO \$\$
DECLARE s text;
BEGIN
	FOREACH s IN ARRAY '{sale,joined,whose,late,two,heap,counted,first,chance,called,broken,slow}'::text[] LOOP
		PERFORM rde_create_dataset(s, s);
		PERFORM rde_attach(s, 'shop.' || s, 'reseller', 'at', '{id}', amount => 'amount', currency => 'currency');
	END LOOP;
	PERFORM rde_create_dataset('filtered', 'filtered');
	PERFORM rde_attach('filtered', 'shop.joined', 'reseller', 'at', '{id}', amount => 'amount', currency => 'currency');
	PERFORM rde_create_view('filtered', 'cmp', '[{"column":"id","label":{"en":"No.","de":"Nr."}},{"column":"note","type":"multilingual"},{"column":"amount"}]',
		conditions => '[{"column":"name","not_in":["two"]},{"column":"currency","in":["EUR",null]},{"column":"at","max":"2024-03-30T00:00:00Z"}]');
	PERFORM rde_create_dataset('described', 'described');
	PERFORM rde_attach('described', 'shop.joined', 'reseller', 'at', '{id}', amount => 'amount', currency => 'currency');
	PERFORM rde_create_view('described', 'cmp', '[{"column":"id","label":{"en":"No."},"group":"Sale","description":"its number"},{"column":"at"},{"column":"note"},{"column":"amount"}]');
	FOREACH s IN ARRAY '{day,sec}'::text[] LOOP
		PERFORM rde_create_dataset('by_' || s, s);
		PERFORM rde_attach('by_' || s, 'shop.joined', 'reseller', s, '{id}', amount => 'amount', currency => 'currency');
	END LOOP;
END \$\$;
END

# What a build with so many helpers made: digest, counts, totals.
my $what = q{concat_ws(' ', sha256, row_count, content_bytes, file_bytes, replaced_characters,
	(SELECT string_agg(concat_ws('=', currency, rows, amount), ',' ORDER BY currency) FROM _rde_report_total t WHERE t.report = r.id))};

sub build
{
	my ($helpers, $dataset, $format, %more) = @_;
	my $options = $more{options} // '{}';
	my $before = $more{before} // '';
	my $log = -s $node->logfile;
	my $id = $node->safe_psql('postgres', <<"END");
SET rde.max_parallel_workers_per_report = $helpers; $before
SELECT rde_export('$dataset', '2024-03-01'::date, '2024-03-31'::date, '$format', time_zone => 'Europe/Berlin', options => '$options')
END
	my $logged = slurp_file($node->logfile, $log);
	my $spooled = () = $logged =~ /temporary file: path ".*part\d+\.\d/g;
	$spooled = 0 if $logged =~ /parts of a report do not fit/;
	return ($id, $node->safe_psql('postgres', "SELECT $what FROM rde_reports r WHERE id = '$id'"), $spooled);
}

# The same as one process, by helpers; or by one process all the same.
sub same_ok
{
	my ($dataset, $format, %more) = @_;
	my ($id, $alone, $none) = build(0, $dataset, $format, %more);
	for my $helpers ($more{helpers} // (1, 3))
	{
		my (undef, $made, $spooled) = build($helpers, $dataset, $format, %more);
		my $name = "$dataset, $format, $helpers helpers";
		is($made, $alone, "$name: nothing differs");
		next if $more{any_way};
		ok(!$none && ($more{serial} ? !$spooled : $spooled), $more{serial} ? "$name: by one process" : "$name: in slices");
	}
	return $id;
}

my $csv = same_ok('joined', 'csv');
same_ok('joined', $_) for qw(json jsonl xml xlsx);
same_ok('sale', 'json', helpers => 1, options => '{"compress": false}');
same_ok('sale', 'csv', helpers => 3, options => '{"csv": {"delimiter": ";", "decimal": ",", "bom": true}}');
same_ok("by_$_", 'json', helpers => 2) for qw(day sec);
same_ok("by_$_", 'xlsx', helpers => 2) for qw(day sec);
same_ok('whose', 'xlsx', helpers => 2, any_way => 1);
same_ok('whose', 'jsonl', helpers => 3, before => "SET work_mem = '1MB'; SET search_path = public, shop;");
my $filtered = same_ok('filtered', 'csv', helpers => 2, options => '{"locale": "de", "csv": {"header": "label"}}');
is($node->safe_psql('postgres', "SELECT row_count, split_part(rde_text(id), E'\\r', 1) FROM rde_reports WHERE id = '$filtered'"),
	$node->safe_psql('postgres', q{SELECT count(*), 'Nr.,note,amount' FROM shop.joined
		WHERE at >= '2024-03-01 Europe/Berlin' AND at <= '2024-03-30Z' AND name <> 'two' AND currency IS DISTINCT FROM 'USD'}), 'with conditions');
same_ok('two', 'csv', helpers => 2);
same_ok($_, 'xlsx', helpers => 2, options => '{"locale": "de", "xlsx": {"summary": true}}') for qw(joined described);

# All formats in one pass

{
	my $generator = $node->safe_psql('postgres', q{SELECT rde_create_generator('joined', 'march', '{csv,json,jsonl,xml,xlsx}', 'manual', time_zone => 'Europe/Berlin')});
	my $log;
	my ($alone, $helped) = map {
		$log = -s $node->logfile;
		my @ids = split /\n/, $node->safe_psql('postgres', "SELECT rde_run_generator('$generator', '2024-03-01', '2024-03-31')");
		$node->safe_psql('postgres', "SET rde.max_parallel_workers_per_report = $_; CALL rde_run_due()");
		$node->safe_psql('postgres', "SELECT string_agg(concat_ws(' ', format, status, $what), E'\n' ORDER BY format) FROM rde_reports r WHERE id IN ('" . join("', '", @ids) . "')");
	} 0, 2;
	is($helped, $alone, 'five formats in one pass: nothing differs');
	is(() = $alone =~ /^\w+ completed \w{64}/mg, 5, 'and all are there');
	like(slurp_file($node->logfile, $log), qr/temporary file: path ".*part\d+\.4\b/, 'by helpers');
}

# A workbook whose first rows are too few to know how wide its columns are

same_ok('late', 'xlsx', helpers => 2, serial => 1);
same_ok('late', 'csv', helpers => 2);

# Where an index leads from the period to rows that are many

same_ok('sale', 'csv', helpers => 2, before => "SET min_parallel_table_scan_size = '64kB'; SET enable_seqscan = off; SET enable_bitmapscan = off;");
same_ok('heap', 'csv', helpers => 2, serial => 1, before => "SET min_parallel_table_scan_size = '64kB';");
same_ok('sale', 'csv', helpers => 2, serial => 1, before => "SET min_parallel_table_scan_size = '1GB';");

# Not for helpers

same_ok($_, 'csv', helpers => 2, serial => 1) for qw(counted first called);
my (undef, undef, $spooled) = build(2, 'chance', 'csv');
is($spooled, 0, 'what is volatile is read by one process');

# Rows as the source has them, by programs that know nothing of rde

my $rows = $node->safe_psql('postgres', q{
	SELECT string_agg(id::text, ',' ORDER BY at, id) FROM shop.joined
	WHERE at >= '2024-03-01 Europe/Berlin' AND at < '2024-04-01 Europe/Berlin'});
my $file = PostgreSQL::Test::Utils::tempdir . '/file.csv.gz';
{
	my $hex = $node->safe_psql('postgres', "SELECT encode(rde_content('$csv'), 'hex')");
	open(my $out, '>:raw', $file) or die $!;
	print $out pack('H*', $hex);
	close $out;
}
my $content = `gzip -dc '$file'`;
is($?, 0, 'gzip takes the file for a whole one');
is(join(',', $content =~ /^(\d+),\d,2024-/mg), $rows, 'the rows, in their order');
ok(length($content) > 3 * 1024 * 1024, 'slices of more than 1 MiB are among them');

# Repeatable read, and changes of one's own that nobody else sees

same_ok('sale', 'csv', helpers => 2, before => 'BEGIN ISOLATION LEVEL SERIALIZABLE;');
same_ok('sale', $_, helpers => 2, before => q{BEGIN; UPDATE shop.sale SET note = 'mine' WHERE id % 7 = 0; DELETE FROM shop.sale WHERE id % 11 = 0;}) for qw(json xlsx);

# Errors

sub fails
{
	my ($sql, $expected, $name) = @_;
	my ($rc, $out, $err) = $node->psql('postgres', $sql);
	isnt($rc, 0, "$name: an error");
	like($err, $expected, "$name: which one, and where");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'}), '0', "$name: nobody is left");
	is(join(' ', glob($node->data_dir . '/base/pgsql_tmp/*')), '', "$name: nor a temporary file");
}

my $slices = 'SET rde.max_parallel_workers_per_report = 3;';
my $export = sub { "$slices SELECT rde_export('$_[0]', '2024-03-01'::date, '2024-03-31'::date, 'csv', time_zone => 'Europe/Berlin')" };
fails($export->('broken'), qr/division by zero.*exporting data set "broken", row \d+ of those from 2024-03-\d\d/s, 'a row');
fails("SET temp_file_limit = '64kB'; " . $export->('sale') =~ s/\)$/, options => '{"compress": false}')/r, qr/temporary file size exceeds "?temp_file_limit/, 'a spool');
fails("SET statement_timeout = '1s'; " . $export->('slow'), qr/statement timeout/, 'a build that takes too long');

# A helper that is ended: the build is tried again by rde_run_due

sub wait_for_helper
{
	for (1 .. 500)
	{
		my $pid = $node->safe_psql('postgres', q{SELECT max(pid) FROM pg_stat_activity WHERE backend_type = 'parallel worker' AND state = 'active'});
		return $pid if $pid;
		usleep(20_000);
	}
	die 'no helper came';
}

$node->safe_psql('postgres', "LOAD 'rde'; ALTER SYSTEM SET rde.max_parallel_workers_per_report = 2; SELECT pg_reload_conf()");
my $report = $node->safe_psql('postgres', "SELECT rde_submit('slow', '2024-03-01'::date, '2024-03-02'::date, 'csv')");
my $run = open_session($node, 'postgres');
send_to($run, 'CALL rde_run_due()');
my $pid = wait_for_helper();
ok($node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)") eq 't', 'a helper is ended');
wait_for($run);
is($node->safe_psql('postgres', "SELECT concat_ws(' ', status, sqlstate, retry_at IS NOT NULL) FROM _rde_report WHERE id = '$report'"),
	'error 57P01 t', 'its report is to be built again');
is($node->safe_psql('postgres', q{SELECT count(*) FROM _rde_source_failure}), '0', 'and no data set pauses');

# A build that is cancelled takes its helpers along

my $unwanted = $node->safe_psql('postgres', "SELECT rde_submit('slow', '2024-03-01'::date, '2024-03-31'::date, 'csv')");
send_to($run, 'CALL rde_run_due()');
wait_for_helper();
my $at = time;
$node->safe_psql('postgres', "SELECT rde_cancel_report('$unwanted')");
wait_for($run);
cmp_ok(time - $at, '<', 5, 'a cancelled build ends at once');
is($node->safe_psql('postgres', "SELECT concat_ws(' ', status, error) FROM _rde_report WHERE id = '$unwanted'"),
	'error report was cancelled', 'and says so');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'}), '0', 'nobody is left');
close_session($run);

# One that is killed: the server begins anew, and nothing is left of the build (X1)

sub start_worker
{
	return IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'CALL rde_run_due()' ], '<', \undef, '>&', \my $said,
		IPC::Run::timeout(180));
}

$report = $node->safe_psql('postgres', "SELECT rde_submit('slow', '2024-03-01'::date, '2024-03-02'::date, 'csv', time_zone => 'Europe/Berlin')");
my $worker = start_worker();
kill 'KILL', wait_for_helper();
$worker->finish;
for (1 .. 600)
{
	last if IPC::Run::run([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SELECT 1' ], '>&', \my $output);
	usleep(100_000);
}
is($node->safe_psql('postgres', "SELECT status, (SELECT count(*) FROM _rde_report_chunk c WHERE c.report = r.id) FROM _rde_report r WHERE id = '$report'"),
	'submitted|0', 'a helper is killed: its report waits');
is(join(' ', glob($node->data_dir . '/base/pgsql_tmp/*')), '', 'no temporary file is left');

# ... until it is built by one of two workers that come (X2), as one process would build it

$node->safe_psql('postgres', "SELECT rde_submit('slow', '2024-03-01'::date, '2024-03-02'::date, f, time_zone => 'Europe/Berlin') FROM unnest('{csv,json,xml}'::text[]) f");
$_->finish for map { start_worker() } 1 .. 2;
is($node->safe_psql('postgres', qq{
	SELECT count(*), count(DISTINCT id), max(lost_claims) FROM _rde_report WHERE submitted_at >= (SELECT submitted_at FROM _rde_report WHERE id = '$report')
		AND status = 'completed' AND rde_verify_report(id)}), '4|4|1', 'it is built next time, and others');
is($node->safe_psql('postgres', qq{
	SET rde.max_parallel_workers_per_report = 0;
	CREATE TEMP TABLE twin AS SELECT r.id, rde_export('slow', '2024-03-01'::date, '2024-03-02'::date, r.format, time_zone => 'Europe/Berlin') AS alone
	FROM _rde_report r WHERE submitted_at >= (SELECT submitted_at FROM _rde_report WHERE id = '$report');
	SELECT count(*) FROM twin JOIN rde_reports r ON r.id = twin.id JOIN rde_reports a ON a.id = twin.alone
	WHERE (r.sha256, r.row_count, r.content_bytes) IS DISTINCT FROM (a.sha256, a.row_count, a.content_bytes)}), '0', 'each is as one process builds it');

$node->stop;
done_testing();

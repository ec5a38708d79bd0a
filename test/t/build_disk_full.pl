# build_disk_full.pl
#
# A disk that is full (M5): a build that has no room for its chunks, its temporary
# files or the frame of a workbook is an error, recorded and built again once there
# is room; nothing is half stored, other reports go on.  So is one that is over
# temp_file_limit.
#
# RDE_SMALL_DISK is a folder with 24 MiB of room and nothing else on it, which
# test/run mounts as root.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $disk = $ENV{RDE_SMALL_DISK};
plan skip_all => 'a small disk has to be mounted, and only root can: RDE_SMALL_DISK is not set' unless $disk;

my $node = PostgreSQL::Test::Cluster->new('disk');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nclient_min_messages = error\nlog_statement = none\nwork_mem = 64kB\n");
{
	# where libraries make their temporary files
	local $ENV{TMPDIR} = "$disk/tmp";
	mkdir "$disk/tmp" or die $!;
	$node->start;
}
mkdir "$disk/$_" or die $! for qw(chunks temporary);
$node->safe_psql('postgres', "CREATE TABLESPACE small LOCATION '$disk/chunks'");
$node->safe_psql('postgres', "CREATE TABLESPACE temporary LOCATION '$disk/temporary'");

# Random text takes its room in spite of gzip; the sum in a window needs files of
# its own.
$node->safe_psql('postgres', q{
	CREATE EXTENSION rde;
	CREATE ROLE shop_owner;
	CREATE TABLE sale AS SELECT n AS id, 1 + n % 4 AS reseller, timestamptz '2020-01-01 12:00Z' AS day, string_agg(md5(random()::text), '') AS note
		FROM generate_series(1, 8000) n, generate_series(1, 60) GROUP BY n;
	CREATE TABLE one AS SELECT 1 AS id, 1 AS reseller, timestamptz '2020-01-01 12:00Z' AS day;
	CREATE VIEW sorted AS SELECT id, 1 AS reseller, day, count(*) OVER (ORDER BY note) AS place FROM sale;
	ALTER TABLE sale OWNER TO shop_owner;
	ALTER TABLE one OWNER TO shop_owner;
	ALTER VIEW sorted OWNER TO shop_owner;
	GRANT CREATE ON TABLESPACE temporary TO shop_owner;
	SELECT rde_create_dataset(d, d) FROM unnest('{sale,sorted,one}'::text[]) d;
	SELECT rde_attach('sale', 'sale', 'reseller', 'day', '{id}');
	SELECT rde_attach('one', 'one', 'reseller', 'day', '{id}');
	SELECT rde_attach('sorted', 'sorted', 'reseller', 'day', '{id}');
	ALTER TABLE _rde_report_chunk SET TABLESPACE small;
	-- what must not be: one line for each
	CREATE FUNCTION wrong() RETURNS SETOF text LANGUAGE sql AS $$
		SELECT 'left over: ' || concat_ws(', ', c.what, c.report, r.status)
		FROM (SELECT 'chunk' AS what, report FROM _rde_report_chunk UNION ALL SELECT 'total', report FROM _rde_report_total) c
		LEFT JOIN _rde_report r ON r.id = c.report WHERE r.status IS DISTINCT FROM 'completed'
		UNION ALL
		SELECT 'damaged: ' || r.id FROM _rde_report r WHERE r.status = 'completed' AND NOT rde_verify_report(r.id)
		UNION ALL
		SELECT 'rows: ' || r.row_count FROM _rde_report r
		WHERE r.status = 'completed' AND r.row_count <> CASE r.dataset WHEN 'sale' THEN 2000 WHEN 'sorted' THEN 8000 ELSE 1 END
	$$;
});

sub query { return $node->safe_psql('postgres', $_[0]); }

my $what = "concat_ws(' ', status, sqlstate, retry_at IS NOT NULL)";

# Take so many KiB of the disk, or all that is left, and give it back.
sub fill
{
	my ($KiB) = @_;
	open(my $file, '>:raw', "$disk/ballast") or die $!;
	my $block = "\0" x 4096;
	while ((!$KiB || ($KiB -= 4) > 0) && defined syswrite $file, $block) { }
	my $full = $!{ENOSPC};
	close $file;
	return $full;
}

sub make_room
{
	unlink "$disk/ballast" or die $!;
	return;
}

my $no_room = qr{could not extend file .*: (No space left on device|wrote only \d+ of)};
my $again = "UPDATE _rde_report SET retry_at = now() WHERE retry_at IS NOT NULL; CALL rde_run_due()";

# Chunks: the disk fills up in the middle of the reports of four resellers.

# VACUUM needs a little room of its own
fill(1024);
query(q{SELECT rde_submit('sale', '2020-01-01', '2020-01-01', f, reseller => n, options => '{"compress": false}')
	FROM generate_series(1, 4) n, unnest('{csv,json}'::text[]) f});
is(query("CALL rde_run_due(); SELECT $what, count(*) FROM _rde_report GROUP BY 1 ORDER BY 1") =~ s/\|\d+//gr,
	"completed f\nerror 53100 t", 'some fit, and what does not is an error, to be built again');
is(query('SELECT * FROM wrong()'), '', 'nothing is half stored');
my $done = query("SELECT count(*) FROM _rde_report WHERE status = 'completed'");
cmp_ok(query('SELECT count(*) FROM _rde_source_failure'), '==', 0, 'no source is to blame');
like(query("SELECT error FROM rde_reports WHERE status = 'error' LIMIT 1"), $no_room, 'it says so');
my ($result, $out, $err) = $node->psql('postgres', "SELECT rde_export('sale', '2020-01-01', '2020-01-01', 'csv', reseller => 1, options => '{\"compress\": false}')");
like($err, $no_room, 'so does an export by hand');
is(query('SELECT * FROM wrong()'), '', 'nor is anything left of that');
is(query("$again; SELECT count(*) FROM _rde_report WHERE status = 'completed'"), $done, 'as long as it is full');

# Room is made as it should be: by dropping reports and VACUUM.
make_room();
query("SELECT rde_drop_report(id) FROM _rde_report WHERE status = 'completed'");
query('VACUUM _rde_report_chunk');
query("UPDATE _rde_report SET attempts = 0; $again");
is(query("SELECT DISTINCT status FROM _rde_report"), 'completed', 'with room the rest is built');
is(query('SELECT * FROM wrong()'), '', 'and whole');
query('SELECT rde_drop_report(id) FROM _rde_report');
query('VACUUM _rde_report_chunk');
query('ALTER TABLE _rde_report_chunk SET TABLESPACE pg_default');

# Temporary files of the source's own query

query("ALTER ROLE CURRENT_USER SET temp_tablespaces = 'temporary'");
my $submit = q{SELECT rde_submit('sorted', '2020-01-01', '2020-01-01', 'csv') };
ok(fill(), 'the disk is full');
is(query("$submit IS NULL; CALL rde_run_due(); SELECT $what FROM _rde_report"), "f\nerror 53100 t", 'a query that needs temporary files');
is(query('SELECT * FROM wrong()'), '', 'stores nothing');
is(query(q{SELECT rde_submit('one', '2020-01-01', '2020-01-01', 'csv', reseller => 1) IS NULL; CALL rde_run_due();
	SELECT status FROM _rde_report WHERE dataset = 'one'}), "f\ncompleted", 'other sources go on');
make_room();
query("DELETE FROM _rde_source_failure; $again");
is(query("SELECT DISTINCT $what FROM _rde_report"), 'completed f', 'with room it is built');
is(query("SELECT rde_drop_report(id) IS NULL FROM _rde_report; SELECT * FROM wrong()") =~ s/^f\n?//mgr, '', 'and whole');
is(join(' ', glob "$disk/temporary/*/pgsql_tmp/*"), '', 'no temporary file is left');

query("ALTER ROLE CURRENT_USER RESET temp_tablespaces; ALTER ROLE CURRENT_USER SET temp_file_limit = '64kB'");
is(query("$submit IS NULL; CALL rde_run_due(); SELECT $what FROM _rde_report"), "f\nerror 53400 t", 'a query over temp_file_limit');
query('ALTER ROLE CURRENT_USER RESET temp_file_limit');
query("DELETE FROM _rde_source_failure; $again");
is(query("SELECT DISTINCT $what FROM _rde_report"), 'completed f', 'below it it is built');
query('SELECT rde_drop_report(id) FROM _rde_report');

# The frame of a workbook is made by a library, in TMPDIR.

ok(fill(), 'the disk is full');
query(q{SELECT rde_submit('sale', '2020-01-01', '2020-01-01', f, reseller => 1) FROM unnest('{xlsx,csv}'::text[]) f; CALL rde_run_due()});
note query('SELECT format, status, error FROM _rde_report ORDER BY 1');
is(query('SELECT * FROM wrong()'), '', 'a workbook is whole or not there');
is(query("SELECT status FROM _rde_report WHERE format = 'csv'"), 'completed', 'who needs no such file does not notice');
make_room();
query($again);
is(query("SELECT DISTINCT status FROM _rde_report"), 'completed', 'with room both are there');
query("SELECT rde_export('sale', '2020-01-01', '2020-01-01', 'xlsx', reseller => 1)");
is(query("SELECT count(DISTINCT sha256) FROM _rde_report WHERE format = 'xlsx'"), '1', 'and the workbook is as it always is');

unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal/, 'the server never crashed');
$node->stop;
done_testing();

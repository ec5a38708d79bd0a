# build_locked_source.pl
#
# A source that somebody is rewriting while a report begins (R1): the report waits
# for the lock, and has every row afterwards.  Tables, views, partitions, functions
# that lock late; periods, snapshot windows, exports, rebuilds.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeSessions;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('locked');
$node->init;
$node->append_conf('postgresql.conf', "client_min_messages = warning\n");
$node->start;

# a thousand rows of yesterday in each
$node->safe_psql('postgres', q{
	CREATE EXTENSION rde;
	CREATE ROLE shop_owner;
	GRANT CREATE ON SCHEMA public TO shop_owner;
	SET ROLE shop_owner;
	CREATE TABLE plain (id bigint PRIMARY KEY, reseller bigint DEFAULT 1, changed timestamptz DEFAULT now() - interval '24 hours');
	INSERT INTO plain SELECT g FROM generate_series(1, 1000) g;
	CREATE TABLE base (LIKE plain INCLUDING ALL);
	INSERT INTO base SELECT g FROM generate_series(1, 1000) g;
	CREATE VIEW over_base AS SELECT * FROM base;
	CREATE TABLE parted (id bigint, reseller bigint DEFAULT 1, changed timestamptz DEFAULT now() - interval '24 hours') PARTITION BY RANGE (id);
	CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (1000000);
	INSERT INTO parted SELECT g FROM generate_series(1, 1000) g;
	CREATE TABLE hidden (LIKE plain INCLUDING ALL);
	INSERT INTO hidden SELECT g FROM generate_series(1, 1000) g;
	CREATE FUNCTION hidden_rows() RETURNS SETOF hidden LANGUAGE plpgsql STABLE AS 'BEGIN RETURN QUERY SELECT * FROM public.hidden; END';
	CREATE VIEW over_hidden AS SELECT * FROM hidden_rows();
	CREATE TABLE stamped (id bigint PRIMARY KEY, reseller bigint DEFAULT 1, changed timestamptz DEFAULT now(), change xid8);
	CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON stamped FOR EACH ROW EXECUTE FUNCTION rde_stamp('change');
	RESET ROLE;
	SELECT rde_create_dataset(d, d) FROM unnest('{plain,base,parted,hidden,stamped}'::text[]) d;
	SELECT rde_attach('plain', 'plain', 'reseller', 'changed');
	SELECT rde_attach('base', 'over_base', 'reseller', 'changed', '{id}');
	SELECT rde_attach('parted', 'parted', 'reseller', 'changed', '{id}');
	SELECT rde_attach('hidden', 'over_hidden', 'reseller', 'changed', '{id}');
	SELECT rde_attach('stamped', 'stamped', 'reseller', 'changed', change => 'change');
});

my $first = $node->safe_psql('postgres', q{SELECT (now() AT TIME ZONE 'UTC')::date - 3});
my $last = $node->safe_psql('postgres', q{SELECT (now() AT TIME ZONE 'UTC')::date + 3});

my $writer = open_session($node, 'postgres');
my $reader = open_session($node, 'postgres');
my $reader_pid = run_in($reader, 'SELECT pg_backend_pid()') + 0;

# What the reader's statement gave, begun while the writer's transaction was open
# and ended after that committed.
sub read_beside
{
	my ($change, $statement) = @_;

	run_in($writer, "BEGIN; $change");
	send_to($reader, $statement);
	$node->poll_query_until('postgres',
		"SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $reader_pid")
		or die 'the report waits for no lock';
	run_in($writer, 'COMMIT');
	return wait_for($reader);
}

sub newest
{
	my ($dataset) = @_;
	return $node->safe_psql('postgres',
		"SELECT status || ' ' || coalesce(row_count, -1) || coalesce(' ' || sqlstate, '') FROM rde_reports"
		  . " WHERE dataset = '$dataset' ORDER BY submitted_at DESC LIMIT 1");
}

sub reload
{
	my ($table, $columns) = @_;
	return "CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT * FROM $table; TRUNCATE $table; INSERT INTO $table SELECT * FROM kept";
}

my %changes = (
	plain => [ 'ALTER TABLE plain ADD COLUMN a uuid DEFAULT gen_random_uuid()', reload('plain') ],
	base => [ 'ALTER TABLE base ADD COLUMN a uuid DEFAULT gen_random_uuid()', reload('base') ],
	parted => [ 'ALTER TABLE parted ADD COLUMN a uuid DEFAULT gen_random_uuid()', reload('part') ]);

for my $dataset (sort keys %changes)
{
	for my $change (@{ $changes{$dataset} })
	{
		my ($what) = $change =~ /^(\w+)/;
		read_beside($change, "SELECT rde_export('$dataset', '$first', '$last', 'csv')");
		is(newest($dataset), 'completed 1000', "export of $dataset, beside $what: all rows");
	}
	my $report = $node->safe_psql('postgres',
		"SELECT id FROM rde_reports WHERE dataset = '$dataset' ORDER BY submitted_at DESC LIMIT 1");
	read_beside(reload($dataset eq 'parted' ? 'part' : $dataset), "SELECT rde_rebuild('$report')");
	is(newest($dataset), 'completed 1000', "rebuild of $dataset: all rows");
	$node->safe_psql('postgres', "SELECT rde_submit('$dataset', '$first', '$last', 'json')");
	read_beside(reload($dataset eq 'parted' ? 'part' : $dataset), 'CALL rde_run_due()');
	is(newest($dataset), 'completed 1000', "worker with $dataset: all rows");
}

# A function locks what it reads when it is too late to wait for a snapshot.
$node->safe_psql('postgres', "SELECT rde_submit('hidden', '$first', '$last', 'csv')");
read_beside(reload('hidden'), 'CALL rde_run_due()');
like(newest('hidden'), qr/ 40001$/, 'a function that locks late: an error, not an empty report');
$node->safe_psql('postgres', "UPDATE _rde_report SET retry_at = now() WHERE retry_at IS NOT NULL; CALL rde_run_due()");
is(newest('hidden'), 'completed 1000', '... that is tried again');
is(read_beside(reload('hidden'), "SELECT rde_export('hidden', '$first', '$last', 'csv')"), "ERROR:  40001\n",
	'... and raised by an export');

# Under an older snapshot of the transaction's there is no way to have them.
run_in($reader, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM hidden');
run_in($writer, 'BEGIN; ' . reload('plain') . '; COMMIT');
is(run_in($reader, "SELECT rde_export('plain', '$first', '$last', 'csv')"), "ERROR:  40001\n", 'an older snapshot: an error');
run_in($reader, 'ROLLBACK');

# Snapshot windows: each row in one window.
my $generator = $node->safe_psql('postgres', "SELECT rde_create_generator('stamped', 'changes', '{csv}', 'daily')");
$node->safe_psql('postgres', 'INSERT INTO stamped SELECT g FROM generate_series(1, 1000) g');

sub next_window
{
	$node->safe_psql('postgres', q{
		UPDATE _rde_generator SET next_from = clock_timestamp() - interval '1 us', next_to = clock_timestamp(),
			next_run_at = clock_timestamp()});
	return;
}
next_window();
read_beside('ALTER TABLE stamped ADD COLUMN a uuid DEFAULT gen_random_uuid()', 'CALL rde_run_due()');
is(newest('stamped'), 'completed 1000', 'a window beside a rewrite: all rows');
next_window();
$node->safe_psql('postgres', 'CALL rde_run_due()');
is(newest('stamped'), 'completed 0', '... once');
next_window();
read_beside(reload('stamped'), 'CALL rde_run_due()');
is(newest('stamped'), 'completed 1000', 'a window beside a reload: every row, which has changed');
next_window();
$node->safe_psql('postgres', 'CALL rde_run_due()');
is(newest('stamped'), 'completed 0', '... once');

# COPY FREEZE shows its rows to every snapshot, also to one that is older.
my $rows = $node->basedir . '/rows';
append_to_file($rows, join '', map { "$_\n" } 1 .. 1000);
next_window();
read_beside("TRUNCATE stamped; COPY stamped (id) FROM '$rows' (FREEZE)", 'CALL rde_run_due()');
is(newest('stamped'), 'completed 1000', 'a window beside COPY FREEZE: all rows');
next_window();
$node->safe_psql('postgres', 'CALL rde_run_due()');
is(newest('stamped'), 'completed 0', '... once');

close_session($_) for $writer, $reader;
$node->stop;
done_testing();

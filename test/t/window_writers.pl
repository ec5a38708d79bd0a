# window_writers.pl
#
# Snapshot windows under random writers (X3): savepoints, aborts, transactions
# that idle, prepared ones that commit late, several after the same rows; workers
# of which some are cancelled.  Every change that commits is in one report or was
# overtaken by a later one of its row in the same window; none is lost, none
# comes twice.
#
# RDE_SOAK=1 makes a million changes instead of 100,000; RDE_SEED repeats the
# choices made, though not their timing.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeSessions;
use Test::More;
use Time::HiRes qw(time usleep);

my $changes = $ENV{RDE_SOAK} ? 1_000_000 : 100_000;
my $seed = $ENV{RDE_SEED} // int(rand(1_000_000));
srand($seed);
note "seed $seed";

my $node = PostgreSQL::Test::Cluster->new('windows');
$node->init;
$node->append_conf('postgresql.conf', <<'END');
fsync = off
synchronous_commit = off
max_wal_size = 4GB
log_statement = none
max_prepared_transactions = 20
deadlock_timeout = 10ms
client_min_messages = warning
END
$node->start;

# done says which versions of which rows were committed, and by whom; ended,
# which snapshots windows ended with.
$node->safe_psql('postgres', q{
	CREATE EXTENSION rde;
	CREATE ROLE shop_owner;
	CREATE TABLE item (id bigint PRIMARY KEY, reseller bigint NOT NULL DEFAULT 1, changed timestamptz DEFAULT now(),
		version integer NOT NULL DEFAULT 0, change xid8);
	CREATE INDEX ON item (change);
	ALTER TABLE item OWNER TO shop_owner;
	CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON item FOR EACH ROW EXECUTE FUNCTION rde_stamp('change');
	CREATE TABLE done (id bigint, version integer, xid xid8);
	CREATE SEQUENCE item_id;
	INSERT INTO item (id) SELECT nextval('item_id') FROM generate_series(1, 50000);

	-- some rows more often than others; and rows to hold, few of which are wanted
	CREATE FUNCTION touch(many integer, hold boolean DEFAULT false) RETURNS void LANGUAGE sql AS $$
		WITH chosen AS MATERIALIZED (
			SELECT (1 + 50000 * CASE WHEN hold THEN 1 - random() / 5 ELSE random() ^ 3 END)::bigint AS id
			FROM generate_series(1, many)),
		changed AS (UPDATE item i SET version = version + 1 FROM (SELECT DISTINCT id FROM chosen ORDER BY id) c WHERE i.id = c.id
			RETURNING i.id, i.version)
		INSERT INTO done SELECT id, version, pg_current_xact_id() FROM changed $$;
	CREATE FUNCTION add(many integer) RETURNS void LANGUAGE sql AS $$
		WITH added AS (INSERT INTO item (id) SELECT nextval('item_id') FROM generate_series(1, many) RETURNING id, version)
		INSERT INTO done SELECT id, version, pg_current_xact_id() FROM added $$;

	SELECT rde_create_dataset('items', 'Items');
	SELECT rde_attach('items', 'item', 'reseller', 'changed', '{id}', change => 'change', expose => '{id,version}');
	CREATE TABLE ended (number bigint GENERATED ALWAYS AS IDENTITY, generator uuid, format text, snapshot pg_snapshot);
	CREATE FUNCTION note_end() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO public.ended (generator, format, snapshot) VALUES (NEW.generator, NEW.format, NEW.snapshot);
			RETURN NULL;
		END $$;
	CREATE TRIGGER note_end AFTER INSERT OR UPDATE ON _rde_generator_snapshot FOR EACH ROW EXECUTE FUNCTION note_end();
	SELECT rde_create_generator('items', 'one', '{csv}', 'daily', options => '{"compress": false}'),
		   rde_create_generator('items', 'two', '{csv,json}', 'daily', options => '{"compress": false}');
});

# A transaction, as SQL.  One that will hold its rows for long has few of them.
sub transaction
{
	my $name = shift;
	my $prepare = rand() < 0.03;
	my $touch = sub { $prepare ? 'SELECT touch(3, true)' : sprintf 'SELECT touch(%d)', 1 + rand(rand() < 0.2 ? 200 : 20) };
	my @sql = 'BEGIN' . (rand() < 0.1 ? ' ISOLATION LEVEL REPEATABLE READ' : '');
	my @savepoints;

	for my $n (0 .. rand 6)
	{
		push @sql, $touch->() if rand() < 0.7;
		push @sql, sprintf 'SELECT add(%d)', 1 + rand 30 if rand() < 0.3;
		if (rand() < 0.3)
		{
			push @savepoints, "s$n";
			push @sql, "SAVEPOINT s$n";
		}
		elsif (@savepoints && rand() < 0.5)
		{
			push @sql, "ROLLBACK TO $savepoints[-1]";
		}
		elsif (@savepoints && rand() < 0.3)
		{
			push @sql, 'RELEASE ' . pop @savepoints;
		}
		push @sql, sprintf 'SELECT pg_sleep(%f)', rand 0.05 if rand() < 0.01;
	}
	push @sql, $prepare ? "PREPARE TRANSACTION '$name'" : rand() < 0.1 ? 'ROLLBACK' : 'COMMIT';
	return join '', map { "$_;\n" } @sql;
}

my @writers = map { open_session($node, 'postgres') } 1 .. 6;
my @idlers = map { open_session($node, 'postgres') } 1 .. 3;
my @workers = map { open_session($node, 'postgres') } 1 .. 2;
$_->{pid} = run_in($_, 'SELECT pg_backend_pid()') + 0 for @workers;
my $main = open_session($node, 'postgres');
my ($windows, $cancelled, $transactions, $done) = (0, 0, 0, 0);
my $errors = '';
my $added;

# Let the next window end now; what begins where another did would be left out.
my $due = q{UPDATE _rde_generator SET next_from = clock_timestamp() - interval '1 us', next_to = clock_timestamp(), next_run_at = clock_timestamp()};

sub idle
{
	my ($session) = @_;
	if ($session->{until})
	{
		send_to($session, rand() < 0.8 ? 'COMMIT' : 'ROLLBACK');
		$session->{until} = 0;
		return;
	}
	send_to($session, 'BEGIN; SELECT touch(3, true); SAVEPOINT a; SELECT touch(2, true)');
	$session->{until} = time + rand 3;
	return;
}

for (my $round = 0; $done < $changes; $round++)
{
	for my $writer (grep { is_done($_) || !$transactions } @writers)
	{
		$errors .= $writer->{err};
		send_to($writer, join '', map { transaction('t' . ++$transactions) } 1 .. 30);
	}
	idle($_) for grep { !defined $_->{until} || (is_done($_) && time > $_->{until}) } @idlers;
	if (!$windows || ($round % 4 == 0 && !grep { !is_done($_) } @workers))
	{
		run_in($main, $due);
		send_to($_, 'CALL rde_run_due()') for @workers;
		$windows++;
	}
	elsif (rand() < 0.02)
	{
		run_in($main, "SELECT pg_cancel_backend($workers[rand @workers]{pid})");
		$cancelled++;
	}
	for (split /\n/, run_in($main, q{SELECT gid FROM pg_prepared_xacts WHERE prepared < clock_timestamp() - random() * interval '3 s'}))
	{
		run_in($main, (rand() < 0.8 ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$_'");
	}
	$done = run_in($main, 'SELECT count(*) FROM done') + 0 if $round % 10 == 0;
	if (!$added && $done > $changes / 2)
	{
		run_in($main, q{SELECT rde_alter_generator(id, formats => '{csv,json}') FROM _rde_generator WHERE name = 'one'});
		$added = 1;
	}
	usleep(20_000);
}

# All come to an end, and so does a last window.
my $deadline = time + 60;
$_->{until} ||= 1 for @idlers;
while (grep { !is_done($_) || $_->{until} } @writers, @idlers, @workers)
{
	idle($_) for grep { $_->{until} && is_done($_) } @idlers;
	run_in($main, "COMMIT PREPARED '$_'") for split /\n/, run_in($main, 'SELECT gid FROM pg_prepared_xacts');
	die 'sessions are stuck' if time > $deadline;
	usleep(10_000);
}
run_in($main, "COMMIT PREPARED '$_'") for split /\n/, run_in($main, 'SELECT gid FROM pg_prepared_xacts');
close_session($_) for @writers, @idlers, @workers, $main;
$node->safe_psql('postgres', "UPDATE _rde_report SET retry_at = now() WHERE retry_at > now(); CALL rde_run_due()");
$node->safe_psql('postgres', $due);
$node->safe_psql('postgres', 'CALL rde_run_due()');

note "$windows rounds, $cancelled cancels; SQLSTATEs: " . join ' ', map { "$_ " . (() = $errors =~ /ERROR:  $_/g) }
  do { my %seen; sort grep { !$seen{$_}++ } $errors =~ /ERROR:  (\w+)/g };
is($node->safe_psql('postgres', q{SELECT count(*) FROM _rde_report WHERE status = 'submitted' OR retry_at IS NOT NULL}), 0, 'nothing is left to build');

# Windows in order, and what their reports say.
$node->safe_psql('postgres', q{
	CREATE TABLE win AS
	SELECT generator, format, row_number() OVER (PARTITION BY generator, format ORDER BY number) - 1 AS n, snapshot FROM ended;
	CREATE TABLE report AS
	SELECT id, generator, format, row_number() OVER (PARTITION BY generator, format ORDER BY published_at) AS n
	FROM _rde_report WHERE status = 'completed';
	CREATE TABLE told AS
	SELECT r.generator, r.format, r.n, split_part(line, ',', 1)::bigint AS id, split_part(line, ',', 2)::integer AS version
	FROM report r, regexp_split_to_table(rde_text(r.id), '\r\n') line WHERE r.format = 'csv' AND line ~ '^\d'
	UNION ALL
	SELECT r.generator, r.format, r.n, (j ->> 'id')::bigint, (j ->> 'version')::integer
	FROM report r, json_array_elements(rde_text(r.id)::json) j WHERE r.format = 'json';
	-- the first window that sees a transaction
	CREATE TABLE seen AS
	SELECT w.generator, w.format, x.xid, min(w.n) AS n
	FROM (SELECT DISTINCT xid FROM done) x JOIN win w ON pg_visible_in_snapshot(x.xid, w.snapshot) GROUP BY 1, 2, 3;
	ANALYZE;
});

is($node->safe_psql('postgres', q{
	SELECT count(*) FROM report r FULL JOIN win w USING (generator, format, n) WHERE (r.n IS NULL AND w.n > 0) OR w.n IS NULL
}), 0, 'every window has its report');
is($node->safe_psql('postgres', 'SELECT count(DISTINCT (generator, format)) FROM report'), 4, 'of each format, and one that was added');
is($node->safe_psql('postgres', q{SELECT count(*) FROM done d WHERE NOT EXISTS (
	SELECT FROM told t JOIN _rde_generator g ON g.id = t.generator AND g.name = 'two' WHERE (t.format, t.id) = ('csv', d.id) AND t.version >= d.version)}),
	0, 'no row that changed is missing');
is($node->safe_psql('postgres', 'SELECT count(*) FROM (SELECT id, version FROM done GROUP BY 1, 2 HAVING count(*) > 1) twice'),
	0, 'no version was committed twice');

# What holds whatever a snapshot is.
is($node->safe_psql('postgres', 'SELECT count(*) FROM told t WHERE NOT EXISTS (SELECT FROM done d WHERE (d.id, d.version) = (t.id, t.version))'),
	0, 'only what was committed is reported');
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM (SELECT version, lag(version) OVER (PARTITION BY generator, format, id ORDER BY n) AS previous FROM told) t
	WHERE version <= previous
}), 0, 'nothing twice, and nothing older than before');
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM (
		SELECT s.generator, s.format, d.id, max(d.version) FROM done d JOIN seen s USING (xid) WHERE s.n > 0 GROUP BY 1, 2, 3
		EXCEPT SELECT generator, format, id, max(version) FROM told GROUP BY 1, 2, 3) lost
}), 0, 'the last version of every row that changed is reported');

# And what the window's ends say.
my $wanted = 'SELECT s.generator, s.format, s.n, d.id, max(d.version) FROM seen s JOIN done d USING (xid) WHERE s.n > 0 GROUP BY 1, 2, 3, 4';
my $told = 'SELECT generator, format, n, id, version FROM told';
is($node->safe_psql('postgres', "SELECT count(*) FROM ($wanted EXCEPT $told) lost"), 0,
	'every version that was the newest when a window ended is in its report');
is($node->safe_psql('postgres', "SELECT count(*) FROM ($told EXCEPT $wanted) extra"), 0, 'and nothing else');

# It was worth it.
my ($committed, $reported, $late, $reports) = split /\|/, $node->safe_psql('postgres', q{
	SELECT (SELECT count(*) FROM done), (SELECT count(*) FROM told),
		(SELECT count(*) FROM seen s JOIN win w ON (w.generator, w.format, w.n) = (s.generator, s.format, s.n - 2)
		 WHERE s.xid < pg_snapshot_xmax(w.snapshot)),
		(SELECT count(*) FROM report)
});
note "$committed changes, $reported rows in $reports reports; $late transactions seen two windows late";
cmp_ok($committed, '>=', $changes, 'as many changes as wanted');
cmp_ok($late, '>', 50, 'and many that were committed late');

$node->stop;
done_testing();

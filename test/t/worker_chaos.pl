# worker_chaos.pl
#
# Everything at once: three workers; writers of which some idle, roll back, prepare
# and commit late; sources that are rewritten, truncated and loaded again, renamed
# and renamed back; an account that makes bad views, generators of nonsense and open
# transactions, drops and cancels what it has; backends that are terminated, and
# workers that are killed, so that the server recovers from a crash.  In the end every
# stored report is compared with a log of what was committed: each change is in one
# snapshot window (X3), each row of a period in its last revision (X1, X4, R1), and
# nothing stopped the others (N1, N2).
#
# Twenty seconds of it; RDE_SOAK=1 makes it ten minutes, RDE_SECONDS any time.  The
# seed of what is done is printed; RDE_SEED repeats it, though not its timing.

use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $seconds = $ENV{RDE_SECONDS} || ($ENV{RDE_SOAK} ? 600 : 20);
my $seed = $ENV{RDE_SEED} // int(rand(1_000_000));
srand($seed);
note "seed $seed";

my $node = PostgreSQL::Test::Cluster->new('chaos');
$node->init;
$node->append_conf('postgresql.conf', <<'END_CONF');
fsync = off
max_wal_size = 4GB
restart_after_crash = on
log_statement = none
max_prepared_transactions = 20
deadlock_timeout = 20ms
client_min_messages = error
END_CONF
$node->start;

# sale changes, entry only grows.  log says what was committed, by whom.
$node->safe_psql('postgres', <<'END_SQL');
CREATE EXTENSION rde;
CREATE ROLE shop_owner;
CREATE ROLE seven LOGIN;
CREATE SCHEMA shop AUTHORIZATION shop_owner;
CREATE SEQUENCE id;
CREATE TABLE shop.sale (id bigint PRIMARY KEY, reseller bigint NOT NULL, changed timestamptz DEFAULT now(),
    version integer NOT NULL DEFAULT 0, amount numeric, change xid8);
CREATE INDEX ON shop.sale (change);
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON shop.sale FOR EACH ROW EXECUTE FUNCTION rde_stamp('change');
CREATE TABLE shop.entry (id bigint PRIMARY KEY, reseller bigint NOT NULL, at timestamptz NOT NULL DEFAULT now(),
    amount numeric DEFAULT 1.5);
ALTER TABLE shop.sale OWNER TO shop_owner;
ALTER TABLE shop.entry OWNER TO shop_owner;
CREATE VIEW shop.entries AS SELECT e.id, e.reseller, e.at, e.amount FROM shop.entry e;
ALTER VIEW shop.entries OWNER TO shop_owner;
CREATE TABLE log (source text, id bigint, version integer, at timestamptz, reseller bigint);
CREATE TABLE boundary (generator uuid, at_from timestamptz, at_to timestamptz);

CREATE FUNCTION add(many integer) RETURNS void LANGUAGE sql AS $$
    WITH added AS (INSERT INTO shop.sale (id, reseller) SELECT nextval('id'), 7 + n % 3 FROM generate_series(1, many) n RETURNING *)
    INSERT INTO log SELECT 'sale', id, version, changed, reseller FROM added;
    WITH added AS (INSERT INTO shop.entry (id, reseller) SELECT nextval('id'), 7 + n % 3 FROM generate_series(1, many) n RETURNING *)
    INSERT INTO log SELECT 'entry', id, 0, at, reseller FROM added $$;
CREATE FUNCTION touch(many integer) RETURNS void LANGUAGE sql AS $$
    WITH chosen AS MATERIALIZED (SELECT id FROM shop.sale ORDER BY id * 7919 % (1000 + (random() * 1000)::int) LIMIT many),
    changed AS (UPDATE shop.sale s SET version = version + 1 FROM (SELECT id FROM chosen ORDER BY id) c WHERE s.id = c.id RETURNING s.*)
    INSERT INTO log SELECT 'sale', id, version, changed, reseller FROM changed $$;

-- days that are over when it begins
INSERT INTO shop.entry SELECT nextval('id'), 7 + n % 3, date_trunc('day', now(), 'UTC') - interval '1 day' * (1 + n % 5) + interval '1 hour'
    FROM generate_series(1, 300) n;
INSERT INTO log SELECT 'entry', id, 0, at, reseller FROM shop.entry;

SELECT rde_create_account(7, 'Seven', role => 'seven', max_pending => 50, max_generators => 20, max_views => 20);
SELECT rde_create_account(n, 'Account ' || n) FROM generate_series(8, 9) n;
SELECT rde_create_dataset(d, d) FROM unnest('{sale,entry,entries}'::text[]) d;
SELECT rde_attach('sale', 'shop.sale', 'reseller', 'changed', '{id}', change => 'change', expose => '{id,version}');
SELECT rde_attach('entry', 'shop.entry', 'reseller', 'at', '{id}', amount => 'amount', expose => '{id,amount}');
SELECT rde_attach('entries', 'shop.entries', 'reseller', 'at', '{id}', expose => '{id}');
SELECT rde_create_generator(d, 'ours of ' || d, f, 'daily', options => '{"compress": false}')
FROM (VALUES ('sale', '{csv,json}'::text[]), ('entry', '{csv,json}'), ('entries', '{csv}')) x(d, f);
SELECT rde_create_generator(d, 'nine of ' || d, '{csv}', 'daily', reseller => 9, options => '{"compress": false}')
FROM unnest('{sale,entry}'::text[]) d;
INSERT INTO boundary SELECT id, now(), now() FROM _rde_generator;

-- The next period of each generator that has submitted its last one ends now.
CREATE FUNCTION next_periods() RETURNS void LANGUAGE sql AS $$
    WITH due AS (
        SELECT g.id, (SELECT max(at_to) FROM boundary b WHERE b.generator = g.id) AS at_from, clock_timestamp() AS at_to
        FROM _rde_generator g WHERE g.id IN (SELECT generator FROM boundary) AND g.next_run_at > clock_timestamp()),
    moved AS (
        UPDATE _rde_generator g SET next_from = d.at_from, next_to = d.at_to, next_run_at = d.at_to FROM due d WHERE d.id = g.id
        RETURNING g.id, g.next_from, g.next_to)
    INSERT INTO boundary SELECT * FROM moved $$;
-- What waits for its time does not wait; what was lost too often is forgiven.
CREATE FUNCTION hurry() RETURNS void LANGUAGE sql AS $$
    UPDATE _rde_source_failure SET paused_until = now() WHERE paused_until > now();
    UPDATE _rde_report SET retry_at = now() WHERE retry_at > now() AND NOT _rde_alive(claim_pid, claim_start);
    SELECT rde_retry_report(id) FROM _rde_report WHERE status = 'error' AND retry_at IS NULL AND generator IN (SELECT generator FROM boundary) $$;
-- What was renamed has its name again, and who may read may.
CREATE FUNCTION repair() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE coalesce((SELECT string_agg(format('ALTER TABLE shop.other RENAME TO %I',
            CASE WHEN EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'change') THEN 'sale' ELSE 'entry' END), ';')
        FROM pg_class c WHERE c.relname = 'other'), 'SELECT');
    EXECUTE coalesce((SELECT string_agg(format('ALTER TABLE %s RENAME COLUMN other TO amount', c.oid::regclass), ';')
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE a.attname = 'other' AND c.relkind = 'r'), 'SELECT');
    GRANT USAGE ON SCHEMA shop TO shop_owner;
END $$;
END_SQL

sub any_of { return $_[ rand @_ ]; }

# What each kind of session does, as SQL

my $number = 0;

sub writer
{
	my $sql = '';
	for (1 .. 10)
	{
		my $prepare = rand() < 0.03;
		my @do = map { any_of("SELECT add(" . int(1 + rand 20) . ")", "SELECT touch(" . int(1 + rand 10) . ")") } 0 .. rand 4;
		splice @do, 1, 0, 'SAVEPOINT a', 'SELECT touch(2)', 'SELECT add(3)', 'ROLLBACK TO a' if rand() < 0.2;
		push @do, sprintf 'SELECT pg_sleep(%.2f)', rand 0.1 if rand() < 0.2;
		$sql .= join ";\n", 'BEGIN' . (rand() < 0.1 ? ' ISOLATION LEVEL REPEATABLE READ' : ''), @do,
		  $prepare ? "PREPARE TRANSACTION 't" . ++$number . "'" : any_of(('COMMIT') x 8, 'ROLLBACK'), '';
	}
	return $sql;
}

sub late_writer
{
	return sprintf "BEGIN; SELECT add(3); SELECT pg_sleep(%.1f); SELECT add(2), touch(1); %s;\n", rand 3, any_of('COMMIT', 'COMMIT', 'ROLLBACK');
}

# Rows are put back with the change they had; nothing is committed in between.
sub reload
{
	my ($table) = @_;
	my ($off, $on) = $table eq 'sale' ? map { "ALTER TABLE shop.sale $_ TRIGGER stamp;" } 'DISABLE', 'ENABLE' : ('', '');
	return "BEGIN; LOCK TABLE shop.$table; CREATE TEMP TABLE kept AS TABLE shop.$table; TRUNCATE shop.$table; $off"
	  . " SELECT pg_sleep(0.2); INSERT INTO shop.$table TABLE kept; $on DROP TABLE kept; COMMIT;\n";
}

sub ddl
{
	my $table = any_of('sale', 'entry');
	my $column = any_of('sale.amount', 'sale.version', 'entry.amount', 'entry.at');
	my ($of, $name) = split /\./, $column;
	my $pause = sprintf 'SELECT pg_sleep(%.2f);', rand 0.5;
	my @sql = (
		"BEGIN; ALTER TABLE shop.$table ADD COLUMN u uuid DEFAULT gen_random_uuid(); $pause ALTER TABLE shop.$table DROP COLUMN u; COMMIT",
		"ALTER TABLE shop.sale ALTER COLUMN amount TYPE numeric(20, 5); ALTER TABLE shop.sale ALTER COLUMN amount TYPE numeric",
		reload($table), reload($table),
		"VACUUM FULL shop.$table", "CLUSTER shop.$table USING ${table}_pkey", "REINDEX TABLE shop.$table",
		"ALTER TABLE shop.$table RENAME TO other; $pause ALTER TABLE shop.other RENAME TO $table",
		"BEGIN; ALTER TABLE shop.$of RENAME COLUMN $name TO other; $pause ALTER TABLE shop.$of RENAME COLUMN other TO $name; COMMIT",
		# a while without it, in which what is due fails
		"ALTER TABLE shop.entry RENAME COLUMN amount TO other; $pause ALTER TABLE shop.entry RENAME COLUMN other TO amount",
		'REVOKE USAGE ON SCHEMA shop FROM shop_owner; ' . $pause . ' GRANT USAGE ON SCHEMA shop TO shop_owner',
		"CREATE OR REPLACE VIEW shop.entries AS SELECT e.id, e.reseller, e.at, e.amount FROM shop.entry e WHERE true",
	);
	return "SET lock_timeout = '2s'; " . any_of(@sql) . ";\n";
}

# An account that means no good, or does not know better
sub account
{
	my $day = '(now() AT TIME ZONE \'UTC\')::date - ' . (1 + int rand 5);
	my $own = 'SELECT id FROM rde_reports ORDER BY md5(id::text) LIMIT 1';
	my @sql = (
		qq{SELECT rde_create_view('entry', 'bad ' || gen_random_uuid(), '[{"column": "NOWHERE"}]')},
		qq{SELECT rde_submit('entry', $day, $day, 'csv', view => 'nonsense')},
		(qq{SELECT rde_submit('entry', $day, $day, 'csv', options => '{"compress": false}')}) x 3,
		qq{SELECT rde_export('entry', $day, $day, 'csv', options => '{"compress": false}')},
		qq{SELECT rde_submit('sale', $day, $day, 'exe')},
		q{SELECT rde_create_generator('entry', 'g' || gen_random_uuid(), '{csv,json}', 'daily', start => current_date - 3, time_zone => 'Pacific/Apia')},
		q{SELECT rde_create_generator('entry', 'g' || gen_random_uuid(), '{csv}', 'daily', retention => '290000 years', time_zone => 'Mars/Phobos')},
		q{SELECT rde_create_generator('sale', 'g' || gen_random_uuid(), '{csv}', 'monthly', month_day => 31, run_at => '23:59:59')},
		q{SELECT rde_drop_generator(id) FROM (SELECT id FROM rde_generators ORDER BY md5(id::text) LIMIT 1) x},
		"SELECT rde_drop_report(id) FROM ($own) x", "SELECT rde_cancel_report(id) FROM ($own) x", "SELECT rde_build(id) FROM ($own) x",
		sprintf('BEGIN; SELECT rde_alter_generator(id, enabled => false) FROM rde_generators; SELECT pg_sleep(%.1f); ROLLBACK', rand 2),
		sprintf("BEGIN; SELECT rde_drop_report(id) FROM ($own) x; SELECT pg_sleep(%.1f); %s", rand 2, any_of('COMMIT', 'ROLLBACK')),
		sprintf("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM rde_reports; SELECT pg_sleep(%.1f); COMMIT", rand 3),
		'SELECT count(rde_content(id)) FROM rde_reports',
	);
	return join '', map { any_of(@sql) . ";\n" } 1 .. 5;
}

my %slots = (
	(map { ("worker $_" => { sql => sub { sprintf "CALL rde_run_due(wait => '%d s')", 1 + rand 4 } }) } 1 .. 3),
	(map { ("writer $_" => { sql => \&writer }) } 1 .. 2),
	'late writer' => { sql => \&late_writer },
	ddl => { sql => sub { ddl() . sprintf 'SELECT pg_sleep(%.1f)', rand 1.5 } },
	account => { sql => \&account, user => 'seven' });
my (%count, %said);

# Begin it if it has not begun or is over.
sub keep_going
{
	my ($name, $stops) = @_;
	my $slot = $slots{$name};

	if ($slot->{handle})
	{
		$slot->{handle}->pump_nb if $slot->{handle}->pumpable;
		return 1 if $slot->{handle}->pumpable;
		$slot->{handle}->finish;
		delete $slot->{handle};
		my ($kind) = $name =~ /^(\D+?)(?: \d)?$/;
		my $said = $slot->{out} =~ s/\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\bat character \d+/.../gr;
		$said{$kind}{$1}++ while $said =~ /((?:ERROR|FATAL|PANIC): .*|connection to server was lost)/g;
	}
	return 0 if $stops;
	$slot->{out} = '';
	my $script = $node->basedir . "/$name.sql";
	unlink $script;
	append_to_file($script, $slot->{sql}->());
	$slot->{handle} = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'VERBOSITY=terse', '-d', $node->connstr('postgres') . " application_name='$name'", $slot->{user} ? ('-U', $slot->{user}) : (), '-f', $script ],
		'<', \undef, '>&', \$slot->{out});
	$count{$name =~ s/ \d$//r}++;
	return 1;
}

my $problem;

# A statement of ours, which may meet a crash; undef then.
sub try_query
{
	my ($sql) = @_;
	my $out;
	my $result = $node->psql('postgres', $sql, stdout => \$out, stderr => \$problem, connstr => $node->connstr('postgres') . " application_name='main'");
	return $result == 0 ? $out : undef;
}

sub query
{
	my ($sql) = @_;
	my $deadline = time + 20;
	my $out;
	until (defined($out = try_query($sql)))
	{
		die "$problem in $sql" if time > $deadline;
		usleep(100_000);
	}
	return $out;
}

my $end = time + $seconds;
my ($terminated, $killed, $next_kill, $round) = (0, 0, time + 3 + rand 3, 0);
while (time < $end)
{
	keep_going($_) for sort keys %slots;
	if ($round++ % 5 == 0)
	{
		try_query('SELECT next_periods()');
		try_query('SELECT hurry()') if rand() < 0.3;
		try_query("SET lock_timeout = '300ms'; SELECT repair()") if rand() < 0.1;
		my $ended = try_query(q{SELECT gid FROM pg_prepared_xacts WHERE prepared < clock_timestamp() - random() * interval '3 s'}) // '';
		try_query(any_of(('COMMIT') x 4, 'ROLLBACK') . " PREPARED '$_'") for split /\n/, $ended;
	}
	if (rand() < 0.08)
	{
		$terminated += try_query(q{SELECT pg_terminate_backend(pid)::int FROM pg_stat_activity
			WHERE backend_type = 'client backend' AND application_name <> 'main' ORDER BY random() LIMIT 1}) || 0;
	}
	if (time > $next_kill)
	{
		my $pid = try_query(q{SELECT pid FROM pg_stat_activity WHERE application_name ~ '^worker' ORDER BY query_start LIMIT 1});
		$killed += kill 'KILL', $pid if $pid;
		$next_kill = time + ($ENV{RDE_SOAK} ? 10 : 4) + rand 3;
	}
	usleep(30_000);
}

# All come to an end; what was renamed has its name again.
delete $slots{$_}{sql} for keys %slots;
my $deadline = time + 60;
while (my @going = grep { keep_going($_, 1) } sort keys %slots)
{
	query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name <> 'main' AND backend_type = 'client backend'")
	  if time > $deadline - 50;
	die "@going does not end" if time > $deadline;
	usleep(50_000);
}
query("COMMIT PREPARED '$_'") for split /\n/, query('SELECT gid FROM pg_prepared_xacts');
query('SELECT repair()');
note sprintf '%s; %d terminated, %d killed', join(', ', map { "$_ $count{$_}" } sort keys %count), $terminated, $killed;
for my $kind (sort keys %said)
{
	note "$kind: $said{$kind}{$_} x $_" for sort { $said{$kind}{$b} <=> $said{$kind}{$a} } keys %{ $said{$kind} };
}

is(join(', ', grep { !/^FATAL|^connection/ } sort keys %{ $said{worker} }), '', 'no worker\'s run ends with an error');

# A last period, and all that is left
my $left = q{FROM _rde_report r WHERE r.status <> 'completed' AND r.generator IN (SELECT generator FROM boundary)};
for (1 .. 60)
{
	query('SELECT next_periods()') if $_ < 3;
	query('SELECT hurry()');
	query('CALL rde_run_due()');
	last if $_ > 2 && query("SELECT count(*) $left") == 0;
	usleep(500_000);
}
is(query(q{SELECT string_agg(DISTINCT concat_ws(' ', r.dataset, r.format, r.status, r.sqlstate, r.error), E'\n') } . $left), '', 'in the end everything of ours is built');
is(query('SELECT string_agg(name, E\'\n\') FROM _rde_generator WHERE NOT enabled AND id IN (SELECT generator FROM boundary)'), '', 'no generator of ours was disabled');
is(query(q{SELECT count(*) FROM (SELECT report FROM _rde_report_chunk UNION ALL SELECT report FROM _rde_report_total) c
	LEFT JOIN _rde_report r ON r.id = c.report WHERE r.status IS DISTINCT FROM 'completed'}), '0', 'nothing is left over');
is(query(q{SELECT count(*) FROM _rde_report WHERE status = 'completed' AND NOT rde_verify_report(id)}), '0', 'every report is whole');

# What the reports say, and what the log does; from here on nothing is rde's.
query(q{
	CREATE TABLE report AS SELECT id, dataset, generator, format, reseller, revision, provisional, period_from, period_to, published_at, row_count,
		CASE WHEN format IN ('csv', 'json') THEN rde_text(id) END AS content FROM _rde_report WHERE status = 'completed' AND dataset IN ('sale', 'entry', 'entries');
	CREATE TABLE told AS
	SELECT r.id AS report, split_part(line, ',', 1)::bigint AS id, CASE WHEN r.dataset = 'sale' THEN split_part(line, ',', 2)::integer ELSE 0 END AS version
	FROM report r, regexp_split_to_table(r.content, '\r\n') line WHERE r.format = 'csv' AND line ~ '^\d'
	UNION ALL
	SELECT r.id, (j ->> 'id')::bigint, coalesce((j ->> 'version')::integer, 0) FROM report r, json_array_elements(r.content::json) j WHERE r.format = 'json';
	CREATE TABLE wanted AS SELECT DISTINCT CASE source WHEN 'sale' THEN source ELSE d END AS dataset, id, version, at, reseller
		FROM log, unnest('{entry,entries}'::text[]) d;
	CREATE INDEX ON told (report); CREATE INDEX ON told (id); CREATE INDEX ON wanted (dataset, at); CREATE INDEX ON wanted (id);
	ANALYZE;
});
my ($rows, $reports, $ours, $changes, $entries) = split /\|/, query(q{SELECT (SELECT count(*) FROM told), (SELECT count(*) FROM report),
	(SELECT count(*) FROM report WHERE generator IN (SELECT generator FROM boundary)),
	(SELECT count(*) FROM log WHERE source = 'sale'), (SELECT count(*) FROM log WHERE source = 'entry')});
note "$changes changes and $entries entries committed; $rows rows in $reports reports, $ours of them ours";
is(query('SELECT count(*) FROM (SELECT source, id, version FROM log GROUP BY 1, 2, 3 HAVING count(*) > 1) x'), '0', 'the log is sane');
is(query(q{SELECT (SELECT count(*) FROM (SELECT id, max(version) FROM log WHERE source = 'sale' GROUP BY 1 EXCEPT SELECT id, version FROM shop.sale) x)
	+ (SELECT count(*) FROM (SELECT id, at FROM log WHERE source = 'entry' EXCEPT SELECT id, at FROM shop.entry) x)}), '0', 'and so are the sources');
is(query('SELECT count(*) FROM report r WHERE row_count <> (SELECT count(*) FROM told t WHERE t.report = r.id) AND content IS NOT NULL'), '0', 'rows are counted');

# Snapshot windows: a generator's reports in their order
my $windows = q{report r JOIN _rde_generator g ON g.id = r.generator AND r.dataset = 'sale' JOIN boundary b ON b.generator = g.id AND b.at_from = b.at_to};
my $of_scope = '(g.reseller IS NULL OR g.reseller = w.reseller)';
is(query(qq{SELECT count(*) FROM $windows JOIN told t ON t.report = r.id
	LEFT JOIN wanted w ON (w.dataset, w.id, w.version) = ('sale', t.id, t.version) WHERE w.id IS NULL OR NOT $of_scope}), '0', 'snapshot windows tell only what was committed');
is(query(qq{SELECT count(*) FROM (SELECT t.version, lag(t.version) OVER (PARTITION BY r.generator, r.format, t.id ORDER BY r.published_at) AS previous
	FROM $windows JOIN told t ON t.report = r.id) x WHERE version <= previous}), '0', 'no change twice');
is(query(qq{SELECT count(*) FROM (SELECT g.id, f.f, w.id, max(w.version) FROM _rde_generator g CROSS JOIN unnest(g.formats) f(f) JOIN wanted w ON $of_scope
		WHERE g.dataset = 'sale' AND w.dataset = 'sale' AND g.id IN (SELECT generator FROM boundary) GROUP BY 1, 2, 3
	EXCEPT SELECT r.generator, r.format, t.id, t.version FROM $windows JOIN told t ON t.report = r.id) lost}), '0', 'and none is lost');

# Periods of ours: the last revision of each
query(q{CREATE TABLE final AS SELECT DISTINCT ON (generator, period_from, format) * FROM report
	WHERE dataset <> 'sale' AND generator IN (SELECT generator FROM boundary) ORDER BY generator, period_from, format, revision DESC});
is(query(q{SELECT count(*) FROM (
	SELECT b.generator, f.f, b.at_from, b.at_to FROM boundary b JOIN _rde_generator g ON g.id = b.generator CROSS JOIN unnest(g.formats) f(f)
	WHERE g.dataset <> 'sale' AND b.at_from < b.at_to EXCEPT SELECT generator, format, period_from, period_to FROM final) missing}), '0', 'every period has its reports');
is(query(q{SELECT count(*) FROM final WHERE provisional}), '0', 'none is provisional in the end');
my $due = q{SELECT f.id AS report, w.id FROM final f JOIN _rde_generator g ON g.id = f.generator
	JOIN wanted w ON w.dataset = f.dataset AND w.at >= f.period_from AND w.at < f.period_to AND } . $of_scope;
my $has = 'SELECT t.report, t.id FROM final f JOIN told t ON t.report = f.id';
is(query("SELECT count(*) FROM ($due EXCEPT ALL $has) x"), '0', 'no row of a period is missing');
is(query("SELECT count(*) FROM ($has EXCEPT ALL $due) x"), '0', 'none is there twice or does not belong there');

# What the account asked for, of days that were over
my $asked = q{report r JOIN wanted w ON w.dataset = r.dataset AND w.at >= r.period_from AND w.at < r.period_to AND w.reseller = r.reseller
	WHERE r.reseller = 7 AND r.dataset = 'entry' AND r.period_to < (SELECT min(at_from) FROM boundary)};
my $got = q{report r JOIN told t ON t.report = r.id WHERE r.reseller = 7 AND r.dataset = 'entry' AND r.period_to < (SELECT min(at_from) FROM boundary)};
is(query("SELECT count(*) FROM (SELECT r.id, w.id FROM $asked EXCEPT ALL SELECT r.id, t.id FROM $got) x"), '0', 'the account has its rows');
is(query("SELECT count(*) FROM (SELECT r.id, t.id FROM $got EXCEPT ALL SELECT r.id, w.id FROM $asked) x"), '0', 'and nobody else\'s');

cmp_ok($ours, '>', $seconds, 'there were reports of ours');
cmp_ok($rows, '>', 50 * $seconds, 'and rows in them');
cmp_ok($killed, '>', 0, 'workers were killed');
cmp_ok($terminated, '>', 2, 'and sessions terminated');

$node->stop;
done_testing();

# worker_passes.pl
#
# Many resellers' reports in one pass: each file is what an export of it alone is,
# byte for byte, with its totals and its manifest; and what is wrong with one report
# is no other's (X7).

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeSessions;
use Test::More;
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('passes');
$node->init;
$node->append_conf('postgresql.conf', <<'END');
fsync = off
client_min_messages = error
END
$node->start;

sub query
{
	return $node->safe_psql('postgres', $_[0]);
}

# A data set for each type that resellers' numbers may have.  Every fifth reseller has
# no rows; some rows are nobody's, however much they look like somebody's.

my @types = qw(bigint integer smallint numeric text varchar);
my $day = query(q{SELECT (now() AT TIME ZONE 'UTC')::date - 2});
query(<<"END");
CREATE EXTENSION rde;
CREATE ROLE shop_owner;
CREATE SCHEMA shop AUTHORIZATION shop_owner;
SET ROLE shop_owner;
CREATE TABLE shop.sale AS
SELECT reseller * 1000 + n AS id, reseller, timestamptz '$day 23:59:59Z' - n * interval '1 hour' AS sold,
       CASE n % 3 WHEN 0 THEN NULL WHEN 1 THEN '=name ' || reseller || E'\\x01' ELSE 'name "' || n || '"' END AS name,
       reseller * n / 7.0 AS total, (ARRAY['EUR', 'USD', NULL])[n % 3 + 1] AS currency,
       json_build_object('n', n, 'c', chr(8364), 'z', E'a\\tb') AS note,
       ('{"z": "' || repeat('\\u0000', (reseller % 4)::integer) || '"}')::json AS mended
FROM generate_series(1, 300) reseller, generate_series(1, 12) n WHERE reseller % 5 > 0;
CREATE FUNCTION shop.quotient(a numeric, b numeric) RETURNS numeric LANGUAGE sql AS 'SELECT a / b';
CREATE VIEW shop.bad AS SELECT *, shop.quotient(id, reseller - 17) AS part FROM shop.sale;
CREATE FUNCTION shop.refuse(reseller bigint) RETURNS bigint LANGUAGE plpgsql AS
	'BEGIN IF reseller = 17 THEN RAISE EXCEPTION USING ERRCODE = ''object_not_in_prerequisite_state''; END IF; RETURN reseller; END';
CREATE VIEW shop.picky AS SELECT *, shop.refuse(reseller) AS taken FROM shop.sale;
CREATE FUNCTION shop.gate(reseller bigint) RETURNS bigint LANGUAGE plpgsql AS
	'BEGIN IF reseller = 3 THEN PERFORM pg_advisory_xact_lock_shared(1); END IF; RETURN reseller; END';
CREATE VIEW shop.gated AS SELECT *, shop.gate(reseller) AS passed FROM shop.sale;
CREATE FUNCTION shop.hold(reseller bigint) RETURNS bigint LANGUAGE plpgsql AS
	'BEGIN IF reseller IN (3, 4, 29) THEN PERFORM pg_advisory_xact_lock_shared(2); END IF; RETURN reseller; END';
CREATE VIEW shop.held AS SELECT *, shop.hold(reseller) AS free FROM shop.sale;
CREATE FUNCTION shop.ask(reseller bigint) RETURNS bigint LANGUAGE plpgsql AS
	'BEGIN IF reseller = 17 THEN RAISE EXCEPTION USING ERRCODE = ''query_canceled'', MESSAGE = ''took too long elsewhere''; END IF; RETURN reseller; END';
CREATE VIEW shop.remote AS SELECT *, shop.ask(reseller) AS answer FROM shop.sale;
CREATE FUNCTION shop.reach(reseller bigint) RETURNS bigint LANGUAGE plpgsql AS
	'BEGIN IF reseller = 17 THEN RAISE EXCEPTION USING ERRCODE = ''connection_failure'', MESSAGE = ''a server is away''; END IF; RETURN reseller; END';
CREATE VIEW shop.away AS SELECT *, shop.reach(reseller) AS there FROM shop.sale;
CREATE TABLE shop.shut AS SELECT * FROM shop.sale WHERE reseller <= 30;
CREATE TABLE shop.large AS
SELECT n AS id, CASE WHEN n <= 120000 THEN 1 ELSE n - 119999 END AS reseller, timestamptz '$day 12:00Z' AS sold
FROM generate_series(1, 120002) n;
ANALYZE shop.large;
CREATE FUNCTION shop.many(n bigint) RETURNS SETOF integer LANGUAGE sql ROWS 1 AS 'SELECT generate_series(1, n::integer)';
CREATE VIEW shop.larger AS
SELECT r * 1000000 + n AS id, r AS reseller, timestamptz '$day 12:00Z' AS sold
FROM generate_series(1::bigint, 3) r, shop.many(CASE r WHEN 2 THEN 200001 ELSE 1 END) n;
RESET ROLE;
CREATE VIEW shop.deadly AS
SELECT id, reseller, sold, CASE WHEN reseller = 9 THEN pg_terminate_backend(pg_backend_pid(), 5000) END AS killed FROM shop.sale;
SELECT rde_create_dataset(d, d), rde_attach(d, ('shop.' || d)::regclass, 'reseller', 'sold', '{id}')
FROM unnest('{bad,picky,away,gated,held,remote,shut,large,larger,deadly}'::text[]) d;
END
for my $type (@types)
{
	query(<<"END");
SET ROLE shop_owner;
CREATE TABLE shop.$type AS
SELECT id, reseller::$type, sold, name, total, currency, note, mended FROM shop.sale WHERE reseller <= 300;
CREATE INDEX ON shop.$type (reseller, sold);
RESET ROLE;
SELECT rde_create_dataset('$type', '$type');
SELECT rde_attach('$type', 'shop.$type', 'reseller', 'sold', '{id}', amount => 'total', currency => 'currency');
END
}
query(qq{INSERT INTO shop.$_->[0] (id, reseller, sold, total) VALUES ($_->[2], '$_->[1]', '$day', 1)})
  for ([ 'text', '007', 1 ], [ 'text', ' 7', 2 ], [ 'text', '7 ', 3 ], [ 'text', '+7', 4 ], [ 'text', '7.0', 5 ],
	[ 'text', '', 6 ], [ 'varchar', '007', 1 ], [ 'numeric', '7.5', 1 ], [ 'numeric', '7.0', 2 ], [ 'numeric', '-7', 3 ],
	[ 'numeric', 'NaN', 4 ]);

sub generators
{
	my ($dataset, $formats, $count) = @_;
	query(qq{
		SELECT rde_create_generator('$dataset', '$dataset', '$formats', 'daily', reseller => n, start => '$day')
		FROM generate_series(1, $count) n});
	return;
}

# Every report of a data set beside an export of the same: how many are not the same
sub differing
{
	my ($dataset, $condition) = @_;
	$condition //= 'true';
	return query(qq{
		CREATE TEMP TABLE pair AS
		SELECT id, rde_export(dataset, '$day', '$day', format, view, reseller, name, time_zone, options) AS twin
		FROM _rde_report WHERE dataset = '$dataset' AND type = 'daily' AND status = 'completed' AND $condition
		  AND period_from = timestamptz '$day 00:00Z';
		SELECT count(*) FROM pair p JOIN _rde_report a ON a.id = p.id JOIN _rde_report b ON b.id = p.twin
		WHERE (a.sha256, a.row_count, a.content_bytes, a.file_bytes, a.replaced_characters, a.text_numbers, a.media_type,
		       a.columns, a.provisional, ARRAY(SELECT (t.currency, t.rows, t.amount)::text FROM _rde_report_total t WHERE t.report = a.id ORDER BY 1))
		IS DISTINCT FROM (b.sha256, b.row_count, b.content_bytes, b.file_bytes, b.replaced_characters, b.text_numbers, b.media_type,
		       b.columns, b.provisional, ARRAY(SELECT (t.currency, t.rows, t.amount)::text FROM _rde_report_total t WHERE t.report = b.id ORDER BY 1))
		   OR NOT rde_verify_report(a.id)});
}

my $reports = "FROM _rde_report WHERE type = 'daily' AND period_from = timestamptz '$day 00:00Z' AND dataset =";

# Reports of a pass are published by one transaction
sub most_together
{
	return query("SELECT count(*) $reports '$_[0]' AND status = 'completed' GROUP BY published_xid ORDER BY 1 DESC LIMIT 1");
}

# 300 resellers, some of them in all formats

generators('bigint', '{csv,json}', 300);
query(qq{
	SELECT rde_create_generator('bigint', 'others', '{jsonl,xml,xlsx,csv}', 'daily', reseller => n, start => '$day', time_zone => 'UTC')
	FROM generate_series(1, 40) n});
query('CALL rde_run_due()');
is(query("SELECT count(*) $reports 'bigint' AND status = 'completed'"), 760, '300 resellers have their reports');
cmp_ok(most_together('bigint'), '>=', 32 * 2, 'many of them by one pass');
is(query("SELECT count(*) $reports 'bigint' AND row_count = 0"), 60 * 2 + 8 * 4, 'those of sixty are empty');
cmp_ok(query("SELECT count(DISTINCT replaced_characters) $reports 'bigint' AND format = 'csv'"), '>', 3, 'characters are counted by file');
is(differing('bigint'), 0, 'each is what an export of it alone is, to the byte');
is(query("SELECT string_agg(DISTINCT (SELECT count(*) FROM _rde_report_chunk c WHERE c.report = id)::text, ',') $reports 'bigint'"), 1, 'in one chunk');

# Resellers' numbers of every type

for my $type (grep { $_ ne 'bigint' } @types)
{
	generators($type, '{csv}', 40);
	query('CALL rde_run_due()');
	is(differing($type), 0, "resellers of type $type get what they would alone");
	cmp_ok(most_together($type), '>=', 20, 'by one pass');
	is(query("SELECT sum(row_count) $reports '$type'"), 32 * 12 + ($type eq 'numeric'), 'and no row that is nobody\'s');
}

# Views of a reseller's own, scopes and options: those that differ have a pass of
# their own, or options of their own

query(<<"END");
SELECT rde_create_view('bigint', 'mine', '[{"column": "id"}, {"column": "name", "as": "who", "label": {"en": "Who", "de": "Wer"}}]');
SELECT rde_create_view('bigint', 'mine', '[{"column": "total", "as": "money"}]', 97 + n) FROM generate_series(1, 2) n;
SELECT rde_create_account(101, 'one', scope => 'provider');
SELECT rde_create_account(n, 'below ' || n, parent => 101) FROM generate_series(102, 104) n;
SELECT rde_create_generator('bigint', 'own view', '{csv,json}', 'daily', view => 'mine', reseller => n, start => '$day',
                            options => CASE n % 4 WHEN 0 THEN '{"compress": false}' WHEN 1 THEN '{"csv": {"header": "label"}, "locale": "de"}'
                                            WHEN 2 THEN '{"csv": {"header": "label"}}' ELSE '{}' END::jsonb)
FROM generate_series(95, 106) n;
SELECT rde_create_generator('bigint', 'everybody', '{csv,json}', 'daily', view => 'mine', start => '$day');
CALL rde_run_due();
END
is(query("SELECT count(*) $reports 'bigint' AND status = 'completed' AND view = 'mine'"), 26, 'views, scopes and options: all are built');
is(differing('bigint', q{view = 'mine'}), 0, 'each as it would be alone');
is(query("SELECT row_count $reports 'bigint' AND name = 'own view' AND reseller = 101 AND format = 'csv'"), 48, 'one has the rows of those below');
is(query("SELECT count(DISTINCT (columns)) $reports 'bigint' AND view = 'mine'"), 3, 'in two views, one of them in two languages');

# Sheets of totals, JSON Lines, conditions, labels and locales

query(<<"END");
SELECT rde_create_view('bigint', 'some', '[{"column": "id"}, {"column": "name", "label": {"en": "Name", "de": "Wer"}}, {"column": "total"},
                       {"column": "currency"}, {"column": "sold"}]',
                       conditions => '[{"column": "currency", "in": ["EUR", null]}, {"column": "total", "min": "150"}]');
SELECT rde_create_generator('bigint', 'summed', '{xlsx,jsonl,csv}', 'daily', view => CASE WHEN n % 2 = 0 THEN 'some' END, reseller => n, start => '$day',
                            options => ('{"xlsx": {"summary": true}, "csv": {"header": "label"}' || CASE WHEN n % 3 = 0 THEN ', "locale": "de"' ELSE '' END || '}')::jsonb)
FROM generate_series(201, 300) n;
CALL rde_run_due();
END
is(query("SELECT count(*) $reports 'bigint' AND name = 'summed' AND status = 'completed'"), 300, 'sheets of totals, conditions, labels: all are built');
cmp_ok(query("SELECT max(n) FROM (SELECT count(DISTINCT reseller) AS n $reports 'bigint' AND name = 'summed' GROUP BY published_xid) x"), '>=', 8, 'many of them by one pass');
is(differing('bigint', q{name = 'summed'}), 0, 'each as it would be alone, to the byte');
is(query("SELECT count(DISTINCT row_count) > 2 AND min(row_count) = 0 AND max(row_count) < 9 $reports 'bigint' AND view = 'some'"), 't', 'the conditions hold');
is(query("SELECT count(DISTINCT sha256) > 70 $reports 'bigint' AND name = 'summed' AND format = 'xlsx' AND row_count > 0"), 't', 'and each is another');

# A pass whose period has not settled (X4): provisional all of it; and when it has, who has
# rows that came late gets a revision

{
	my $late = open_session($node, 'postgres');
	run_in($late, "SET track_activities = off; BEGIN; INSERT INTO shop.integer (id, reseller, sold, total) SELECT 1, n, '$day', 1 FROM generate_series(1, 3) n");
	query("SELECT rde_create_generator('integer', 'late', '{csv,xlsx}', 'daily', reseller => n, start => '$day') FROM generate_series(1, 30) n; CALL rde_run_due()");
	is(query("SELECT count(*) || ' ' || count(*) FILTER (WHERE provisional) $reports 'integer' AND name = 'late' AND status = 'completed'"),
		'60 60', 'a pass beside a transaction that may bring rows is provisional');
	run_in($late, 'COMMIT');
	query('CALL rde_run_due()');
	is(query("SELECT string_agg(DISTINCT reseller || ' ' || format || ' ' || row_count, ', ') $reports 'integer' AND name = 'late' AND revision = 2"),
		'1 csv 13, 1 xlsx 13, 2 csv 13, 2 xlsx 13, 3 csv 13, 3 xlsx 13', '... whose late rows are in a revision');
	is(query("SELECT count(*) || ' ' || count(*) FILTER (WHERE provisional) $reports 'integer' AND name = 'late' AND revision = 1"), '60 6', '... where there are any');
	is(differing('integer', q{name = 'late' AND (revision = 2 OR reseller > 3)}), 0, '... and each is as it would be alone');
	close_session($late);
}

# One bad row

generators('bad', '{csv,xml}', 300);
query('CALL rde_run_due()');
is(query("SELECT string_agg(reseller || ' ' || format || ' ' || sqlstate || ' ' || attempts, ', ' ORDER BY format) $reports 'bad' AND status <> 'completed'"),
	'17 csv 22012 1, 17 xml 22012 1', 'a bad row fails the reports it belongs to');
is(query("SELECT count(*) $reports 'bad' AND status = 'completed'"), 598, 'and no other');
is(query('SELECT count(*) FROM _rde_source_failure'), 0, 'nor its source');

# One for whom the source cannot be read, as it seems: it is tried again after the others,
# who can read it.  So it is not the source's fault, and no data set pauses

generators('picky', '{csv,json}', 30);
for my $time (1 .. 2)
{
	query('UPDATE _rde_report SET retry_at = now() WHERE retry_at IS NOT NULL; CALL rde_run_due()');
	is(query('SELECT count(*) FROM _rde_source_failure'), 0, "time $time: the data set does not pause");
	is(query("SELECT string_agg(DISTINCT reseller || ' ' || sqlstate || ' ' || attempts, ', ') $reports 'picky' AND status <> 'completed'"),
		"17 55000 $time", '... a row for which the source cannot be read fails its own reports');
	is(query("SELECT count(*) $reports 'picky' AND status = 'completed'"), 58, '... and no other');
}
query("DELETE FROM _rde_report WHERE dataset = 'picky'; DELETE FROM _rde_generator WHERE dataset = 'picky'");

# Rows of one are on a server that is away.  As long as nobody else's were read it may be
# away for all; if they were since, it is that report that waits, for as long as it takes

query("SELECT rde_create_generator('away', 'away', '{csv}', 'daily', reseller => 17, start => '$day'); CALL rde_run_due()");
is(query('SELECT string_agg(dataset || sqlstate || failures, $$,$$) FROM _rde_source_failure'), 'away080061', 'a server that is away: its data set pauses');
query('UPDATE _rde_source_failure SET paused_until = now()');
for my $time (1 .. 4)
{
	query("UPDATE _rde_report SET retry_at = now() + interval '1 hour' WHERE dataset = 'away' AND retry_at IS NOT NULL");
	query("SELECT rde_create_generator('away', 'away', '{csv}', 'daily', reseller => $time, start => '$day'); CALL rde_run_due()");
	is(query("SELECT count(*) $reports 'away' AND status = 'completed'"), $time, '... until another is built');
	query("UPDATE _rde_report SET retry_at = now() WHERE dataset = 'away' AND retry_at IS NOT NULL; CALL rde_run_due()");
	is(query("SELECT sqlstate || ' ' || attempts || ' ' || round(extract(epoch FROM retry_at - now()) / 60) $reports 'away' AND status <> 'completed'"), '08006 0 15', "time $time: then it waits for itself");
	is(query('SELECT count(*) FROM _rde_source_failure'), 0, '... and nobody for it');
}
query("DELETE FROM _rde_report WHERE dataset = 'away'; DELETE FROM _rde_generator WHERE dataset = 'away'");

# What another server cancelled was not the worker

generators('remote', '{csv}', 30);
is($node->psql('postgres', 'CALL rde_run_due()'), 0, 'a row that raises what a cancel raises does not end the run');
is(query("SELECT string_agg(reseller || ' ' || sqlstate || ' ' || attempts || ' ' || (retry_at IS NOT NULL), ', ') $reports 'remote' AND status <> 'completed'"),
	'17 57014 1 true', '... fails its own report, which is tried again');
is(query("SELECT count(*) $reports 'remote' AND status = 'completed' AND lost_claims = 0"), 29, '... and no other');

# Rows of some resellers wait for a lock: it is waited for in vain once, then in parts
# and not for long; and next time the others do not wait

{
	my $holder = open_session($node, 'postgres');
	run_in($holder, 'SELECT pg_advisory_lock(2)');
	generators('held', '{csv,json}', 30);
	my $took;
	for my $time (1 .. 2)
	{
		my $began = time;
		query('UPDATE _rde_report SET retry_at = now() WHERE retry_at IS NOT NULL; CALL rde_run_due()');
		$took = time - $began;
		is(query('SELECT count(*) FROM _rde_source_failure'), 0, "locked, time $time: the data set does not pause");
		is(query("SELECT string_agg(DISTINCT reseller || ' ' || sqlstate || ' ' || attempts, ', ') $reports 'held' AND status <> 'completed'"),
			'29 55P03 0, 3 55P03 0, 4 55P03 0', '... those that are locked wait');
		is(query("SELECT count(*) $reports 'held' AND status = 'completed'"), 54, '... and no other');
	}
	cmp_ok($took, '<', 4, '... no longer than they have to, the second time');
	query("SELECT rde_create_generator('held', 'later', '{csv}', 'daily', reseller => n, start => '$day') FROM generate_series(10, 12) n;
		UPDATE _rde_report SET retry_at = now() WHERE retry_at IS NOT NULL; CALL rde_run_due()");
	is(query(qq{SELECT count(*) $reports 'held' AND name = 'later' AND published_at < (SELECT min(failed_at) $reports 'held' AND status = 'error')}),
		3, '... behind those that come later');
	run_in($holder, 'SELECT pg_advisory_unlock(2)');
	query('UPDATE _rde_report SET retry_at = now() WHERE retry_at IS NOT NULL; CALL rde_run_due()');
	is(query("SELECT count(*) $reports 'held' AND status = 'completed'"), 63, '... until the lock is free');
	is(differing('held'), 0, '... and are what they would be alone');

	# A source that is locked for all: a few are tried, then the data set pauses
	run_in($holder, 'BEGIN; LOCK TABLE shop.shut');
	generators('shut', '{csv}', 30);
	my $began = time;
	query('CALL rde_run_due()');
	cmp_ok(time - $began, '<', 25, 'a source that is locked for all does not hold up its worker');
	is(query('SELECT string_agg(dataset || sqlstate || failures, $$,$$) FROM _rde_source_failure'), 'shut55P031', '... its data set pauses');
	cmp_ok(query("SELECT count(*) $reports 'shut' AND status = 'error'"), '<=', 2, '... and its other reports wait as if nothing had been');
	run_in($holder, 'ROLLBACK');
	query('UPDATE _rde_source_failure SET paused_until = now(); UPDATE _rde_report SET retry_at = now() WHERE retry_at IS NOT NULL; CALL rde_run_due()');
	is(query("SELECT count(*) $reports 'shut' AND status = 'completed'"), 30, '... and are built when it is free');
	is(query('SELECT count(*) FROM _rde_source_failure'), 0, '... which is noticed');
	close_session($holder);
}

# One of them is cancelled

{
	my $gate = open_session($node, 'postgres');
	my $worker = open_session($node, 'postgres');
	run_in($gate, 'SELECT pg_advisory_lock(1)');
	generators('gated', '{csv}', 30);
	send_to($worker, 'CALL rde_run_due()');
	ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}),
		'a pass is being built');
	query("SELECT rde_cancel_report(id) $reports 'gated' AND reseller = 22");
	run_in($gate, 'SELECT pg_advisory_unlock(1)');
	is(wait_for($worker), '', 'its worker goes on');
	is(query("SELECT string_agg(DISTINCT reseller || ' ' || error, ', ') $reports 'gated' AND status <> 'completed'"),
		'22 report was cancelled', 'one of a pass is cancelled');
	is(query("SELECT count(*) $reports 'gated' AND status = 'completed'"), 29, 'and no other');
	close_session($_) for $gate, $worker;
}

# Large ones do not hold up others: those that the planner knows of are not built with
# them, the others end the pass

generators($_, '{csv}', 3) for qw(large larger);
query('CALL rde_run_due()');
is(query("SELECT string_agg(row_count::text, ',' ORDER BY reseller) $reports 'large'"), '120000,1,1', 'a large report and small ones');
is(query("SELECT count(DISTINCT published_xid) FROM _rde_report WHERE dataset = 'large' AND reseller IN (1, 2) AND row_count > 0"), 2, 'are not built together');
is(query("SELECT string_agg(row_count::text, ',' ORDER BY reseller) $reports 'larger'"), '1,200001,1', 'nor those that nobody knew were large');

# A pass that kills its worker: all of it has been lost, and is built one by one

generators('deadly', '{csv}', 30);
my $runs = 0;
while (query("SELECT EXISTS (SELECT $reports 'deadly' AND status = 'submitted') OR NOT EXISTS (SELECT $reports 'deadly')") eq 't' && $runs++ < 10)
{
	$node->psql('postgres', 'CALL rde_run_due()');
}
is(query("SELECT string_agg(reseller || ' ' || sqlstate || ' ' || lost_claims, ', ') $reports 'deadly' AND status <> 'completed'"),
	'9 57P02 3', 'one that kills its worker ends in error');
is(query("SELECT count(*) $reports 'deadly' AND status = 'completed' AND lost_claims <= 1"), 29, 'those that were built with it do not');
is(query('SELECT count(*) FROM _rde_report WHERE claim_pid IS NOT NULL'), 0, 'nothing is claimed');

$node->stop;
done_testing();

# worker_contained.pl
#
# Nobody stops the others.  A worker waits for nothing that an account or a
# source's users leave open (N1); one bad thing does not end its run (N2); what it
# costs does not depend on what waits (N5); and what the server's configuration
# says of clients' statements does not end it (R4).

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeSessions;
use Test::More;
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('contained');
$node->init;
$node->append_conf('postgresql.conf', <<'END');
fsync = off
client_min_messages = error
autovacuum = off
END
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]) }

sql(q{
	CREATE EXTENSION rde;
	CREATE ROLE shop_owner;
	CREATE ROLE bob LOGIN;
	GRANT CREATE ON SCHEMA public TO shop_owner;
	SET ROLE shop_owner;
	CREATE TABLE sale (id bigint PRIMARY KEY, reseller bigint, day date, total numeric);
	INSERT INTO sale SELECT n, n % 5 + 1, (now() AT TIME ZONE 'UTC')::date - 1, n FROM generate_series(1, 100) n;
	CREATE TABLE other (LIKE sale INCLUDING ALL);
	INSERT INTO other SELECT * FROM sale;
	CREATE TABLE slow (LIKE sale INCLUDING ALL);
	INSERT INTO slow SELECT 1, 1, (now() AT TIME ZONE 'UTC')::date - 1, 1;
	CREATE VIEW sleepy AS SELECT id, reseller, day, total FROM slow, pg_sleep(4);
	RESET ROLE;
	SELECT rde_create_dataset(d, d) FROM unnest('{sale,other,sleepy}'::text[]) d;
	SELECT rde_attach('sale', 'sale', 'reseller', 'day');
	SELECT rde_attach('other', 'other', 'reseller', 'day');
	SELECT rde_attach('sleepy', 'sleepy', 'reseller', 'day', '{id}');
	SELECT rde_create_account(1, 'Bob', role => 'bob');
	SELECT rde_create_account(2, 'Carol');
});
my $day = sql(q{SELECT (now() AT TIME ZONE 'UTC')::date - 1});

# All that a run did, and how long it took.
sub run_due
{
	my ($setting, $limit) = @_;
	my $began = time;
	my ($out, $err);
	$node->psql('postgres', ($setting // '') . ';CALL rde_run_due(' . ($limit // '') . ')',
		stdout => \$out, stderr => \$err, on_error_stop => 1);
	return (time - $began, $err);
}

sub newest
{
	my ($dataset) = @_;
	return sql("SELECT status || coalesce(' ' || sqlstate, '') FROM rde_reports WHERE dataset = '$dataset' ORDER BY submitted_at DESC LIMIT 1");
}

# --- R4: the server's configuration

sql(q{
	ALTER SYSTEM SET statement_timeout = '1s';
	ALTER SYSTEM SET lock_timeout = '100ms';
	ALTER SYSTEM SET idle_in_transaction_session_timeout = '1s';
	ALTER SYSTEM SET default_transaction_read_only = on;
	ALTER SYSTEM SET default_transaction_isolation = 'serializable';
	SELECT pg_reload_conf();
});
$node->poll_query_until('postgres', "SELECT current_setting('statement_timeout') = '1s'") or die;
sql("SET default_transaction_read_only = off; SET default_transaction_isolation = 'read committed'; SELECT rde_submit('sleepy', '$day', '$day', 'csv')");
my ($took, $error) = run_due();
is($error, '', 'a server with limits for clients: the run ends well');
is(newest('sleepy'), 'completed', '... and has built what takes longer than they allow');
cmp_ok($took, '>', 3, '... which took its time');
sql("SET default_transaction_read_only = off; SELECT rde_submit('sleepy', '$day', '$day', 'json')");
($took, $error) = run_due("SET statement_timeout = '1500ms'");
like($error, qr/statement timeout/, 'a limit that the session was told holds');
cmp_ok($took, '<', 3.5, '... at once');
sql(q{SET default_transaction_read_only = off; UPDATE _rde_report SET lost_claims = 0 WHERE status = 'submitted'});
$node->append_conf('postgresql.auto.conf', '');
for my $setting (qw(statement_timeout lock_timeout idle_in_transaction_session_timeout default_transaction_read_only default_transaction_isolation))
{
	$node->psql('postgres', "ALTER SYSTEM RESET $setting");
}
$node->psql('postgres', 'SELECT pg_reload_conf()');
$node->poll_query_until('postgres', "SELECT current_setting('statement_timeout') = '0'") or die;
run_due();

# --- N1: locks

my $holder = open_session($node, 'postgres');
run_in($holder, 'BEGIN; LOCK TABLE other IN ACCESS EXCLUSIVE MODE');
sql("SELECT rde_submit('other', '$day', '$day', 'csv'); SELECT rde_submit('sale', '$day', '$day', 'csv')");
($took, $error) = run_due();
is(newest('sale'), 'completed', 'a locked source: reports of others are built');
is(newest('other'), 'error 55P03', '... and its own wait for a minute');
cmp_ok($took, '<', 30, '... so the run ends');
run_in($holder, 'ROLLBACK');
sql('DELETE FROM _rde_source_failure; UPDATE _rde_report SET retry_at = now() WHERE retry_at IS NOT NULL');
run_due();
is(newest('other'), 'completed', '... and are built when it is free');

# an account has changed its generator and does not commit; a report of it fails
my $generator = sql("SELECT rde_create_generator('sale', 'mine', '{csv}', 'daily', reseller => 1, start => '$day')");
sql("SELECT rde_alter_generator('$generator', enabled => true)");
my $bob = open_session($node, 'postgres', 'bob');
run_due();
sql(qq{
	UPDATE _rde_report SET status = 'submitted', view = 'nonsense' WHERE generator = '$generator';
	SELECT rde_submit('sale', '$day', '$day', 'xml')});
run_in($bob, "BEGIN; SELECT rde_alter_generator('$generator', name => 'hers')");
($took, $error) = run_due();
cmp_ok($took, '<', 4, 'a generator that an account is changing is not waited for');
is(sql("SELECT status FROM rde_reports WHERE generator = '$generator'"), 'error', '... when its report fails');
run_in($bob, 'ROLLBACK');

# old answers of an account that is asking again
sql(q{INSERT INTO _rde_idempotency (account, key, request, answer, created_at)
	VALUES (1, 'old', '{}', '{}', now() - interval '3 days')});
run_in($holder, 'BEGIN; SELECT 1 FROM _rde_idempotency FOR UPDATE');
($took, $error) = run_due();
cmp_ok($took, '<', 4, 'answers that somebody holds are purged another time');
is($error, '', '... without a word');
run_in($holder, 'ROLLBACK');
run_due();
is(sql('SELECT count(*) FROM _rde_idempotency'), '0', '... by the next run');

# claimed with a long one, but not begun: another worker takes it
sql(qq{UPDATE _rde_report SET retry_at = NULL;
	SELECT rde_submit('sleepy', '$day', '$day', 'csv', reseller => 1);
	SELECT rde_submit('sleepy', '$day', '$day', 'csv', reseller => 1);
	SELECT rde_submit('sale', '$day', '$day', 'csv', reseller => 1, name => 'behind')});
my $first = open_session($node, 'postgres');
send_to($first, 'CALL rde_run_due()');
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM rde_progress WHERE dataset = 'sleepy'") or die;
my $claimed = sql(q{SELECT count(*) FROM _rde_report WHERE claim_pid IS NOT NULL});
my $began = time;
$node->safe_psql('postgres', "CALL rde_run_due(wait => '2.2 s')");
is("$claimed " . sql(q{SELECT status FROM rde_reports WHERE name = 'behind'}), '3 completed', 'what waits behind a long build is taken by another worker');
wait_for($first);
is(sql('SELECT count(*) FROM _rde_report WHERE lost_claims > 0'), '0', '... and does not count as lost');

# --- N2: one bad thing

sql(q{UPDATE _rde_report SET retry_at = NULL;
	DROP VIEW IF EXISTS nothing;
	SELECT rde_create_generator('sale', n, '{csv}', 'daily', reseller => 2, start => current_date - 3) FROM unnest('{good one,endless,nowhere,refused,good two}'::text[]) n;
	UPDATE _rde_generator SET retention = '293000 years' WHERE name = 'endless';
	UPDATE _rde_generator SET time_zone = 'Mars/Olympus' WHERE name = 'nowhere';
	CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused by a trigger'; END $$;
	CREATE TRIGGER refuse BEFORE INSERT ON _rde_report FOR EACH ROW WHEN (NEW.name = 'refused') EXECUTE FUNCTION refuse()});
($took, $error) = run_due('SET client_min_messages = warning');
is(sql(q{SELECT string_agg(g.name || ' ' || (SELECT count(*) FROM rde_reports r WHERE r.generator = g.id AND r.status = 'completed')
		|| ' ' || g.enabled, ', ' ORDER BY g.name) FROM rde_generators g WHERE g.reseller = 2}),
	'endless 0 false, good one 3 true, good two 3 true, nowhere 0 false, refused 0 true', 'generators that cannot be are named, the others go on');
like($error, qr/refused by a trigger/, '... what a trigger says is passed on');
is(sql(q{SELECT string_agg(disabled_reason, ', ' ORDER BY name) FROM rde_generators WHERE name IN ('endless', 'nowhere')}),
	'its reports cannot be submitted: timestamp out of range, its reports cannot be submitted: time zone "Mars/Olympus" is not known', '... and why');
sql(q{DROP TRIGGER refuse ON _rde_report});
run_due();
is(sql(q{SELECT count(*) FROM rde_reports WHERE name = 'refused' AND status = 'completed'}), '3', '... and is made up for when it is gone');

# what cannot be recorded
sql(qq{CREATE TRIGGER refuse BEFORE UPDATE OF row_count, error ON _rde_report FOR EACH ROW
		WHEN (NEW.name = 'unmarked') EXECUTE FUNCTION refuse();
	SELECT rde_submit('sale', '$day', '$day', 'csv', name => 'unmarked');
	SELECT rde_submit('sale', '$day', '$day', 'csv', name => 'marked')});
($took, $error) = run_due('SET client_min_messages = warning');
is(sql(q{SELECT string_agg(name || ' ' || status, ', ' ORDER BY name) FROM rde_reports WHERE name IN ('marked', 'unmarked')}),
	'marked completed, unmarked submitted', 'a report that cannot even be marked as failed');
like($error, qr/could not be marked as failed: refused by a trigger/, '... is told of');
sql('DROP TRIGGER refuse ON _rde_report');
run_due();

# events
sql(q{
	SET ROLE shop_owner; ALTER TABLE sale ADD COLUMN invoice text; CREATE TABLE invoice (id text, reseller bigint); RESET ROLE;
	SELECT rde_attach('sale', 'sale', 'reseller', 'day', invoice => 'invoice');
	SELECT rde_create_generator('sale', 'invoices', '{csv}', 'on_invoice', reseller => 2);
	SELECT rde_watch_invoices('invoice', 'reseller', 'id');
	CREATE TRIGGER refuse BEFORE INSERT ON _rde_report FOR EACH ROW WHEN (NEW.invoice = '7') EXECUTE FUNCTION refuse();
	INSERT INTO invoice SELECT n, 2 FROM generate_series(1, 20) n});
run_due();
is(sql(q{SELECT count(*) FROM _rde_report WHERE invoice IS NOT NULL} ) . ' ' . sql('SELECT string_agg(invoice, $$,$$) FROM _rde_invoice_event'),
	'19 7', 'an invoice that cannot be submitted holds up no other');
sql('DROP TRIGGER refuse ON _rde_report');

# --- N5: a hundred thousand waiting reports, and statistics that know nothing of them

sql(q{DELETE FROM _rde_report; DELETE FROM _rde_generator; VACUUM ANALYZE _rde_report});
sql(q{INSERT INTO _rde_report (name, dataset, view, format, type, reseller, period_from, period_to, time_zone, retention, expires_at, due_at)
	SELECT 'waiting', 'sale', 'full', 'csv', 'onetime', n % 5 + 1, now() - interval '2 days', now() - interval '1 day', 'UTC', '90 days', now() + interval '90 days', now() - interval '1 hour'
	FROM generate_series(1, 100000) n});
my @times = sort { $a <=> $b } map { (run_due('', 5))[0] } 1 .. 3;
cmp_ok($times[1], '<', 5, 'a run of five beside 100,000 that wait');
note(sprintf '%.2f s', $times[1]);
is(sql(q{SELECT count(*) FROM _rde_report WHERE status = 'completed'}), '15', '... and it is five');

# the backlog an account can make
sql(q{DELETE FROM _rde_report;
	SELECT rde_create_generator('sale', 'g' || n, '{csv,json,xml,xlsx}', 'daily', reseller => 1, start => current_date - 80) FROM generate_series(1, 50) n});
sql('CALL rde_run_due(1)');
cmp_ok(sql('SELECT count(*) FROM _rde_report'), '<=', 3000, 'fifty generators that begin 80 days ago do not submit 16,000 reports at once');

# many accounts with roles of their own, and a session that has a transaction open
sql(q{
	DO $$ BEGIN FOR n IN 1001 .. 4000 LOOP EXECUTE format('CREATE ROLE %I', 'account ' || n); END LOOP; END $$;
	INSERT INTO _rde_account (id, name, role, role_oid, system_identifier)
	SELECT split_part(rolname, ' ', 2)::bigint, rolname, rolname, oid, (SELECT system_identifier FROM pg_control_system())
	FROM pg_roles WHERE rolname LIKE 'account %'});
run_in($holder, 'BEGIN; SELECT pg_current_xact_id()');
my ($blockers, $seconds) = split /\|/, sql(q{SELECT count(*), extract(epoch FROM clock_timestamp() - statement_timestamp()) FROM _rde_blockers()});
cmp_ok($seconds, '<', 0.5, 'who may still bring rows is found at once, however many accounts have roles');
is($blockers, 1, '... and found');
run_in($holder, 'ROLLBACK');
run_in($bob, 'BEGIN; SELECT count(*) FROM rde_reports');
is(sql('SELECT count(*) FROM _rde_blockers()'), 0, '... and an account is none of them');
run_in($bob, 'ROLLBACK');
sql(q{DELETE FROM _rde_account WHERE id > 1000});

# --- a build that is cancelled, and the run that goes on

sql(q{DELETE FROM _rde_report; DELETE FROM _rde_generator});
sql(qq{SELECT rde_submit('sleepy', '$day', '$day', 'csv', name => 'unwanted', reseller => 1);
	SELECT rde_create_generator('sleepy', 'both', '{csv,json}', 'daily', reseller => 1, start => '$day');
	SELECT rde_submit('sale', '$day', '$day', 'csv', name => 'wanted', reseller => 3)});
send_to($first, 'CALL rde_run_due()');
for my $name ('both', 'unwanted')
{
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM rde_progress WHERE name = '$name'") or die "$name is not built";
	my $began = time;
	sql(qq{SELECT rde_cancel_report(id) FROM rde_reports WHERE name = '$name' ORDER BY format LIMIT 1});
	$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM rde_progress p JOIN _rde_report r ON r.id = p.report WHERE r.name = '$name' AND r.format = 'csv'") or die;
	cmp_ok(time - $began, '<', 3, "$name: a build that is cancelled ends at once");
}
unlike(wait_for($first), qr/ERROR/, '... and its worker goes on');
is(sql(qq{SELECT string_agg(concat_ws(' ', name, format, status, sqlstate, error), ', ' ORDER BY name, format) FROM rde_reports WHERE first_day = '$day'}),
	'both csv error 57014 report was cancelled, both json completed, unwanted csv error 57014 report was cancelled, wanted csv completed', '... with all others, also of the same pass');
sql(qq{SELECT rde_submit('sleepy', '$day', '$day', 'csv', name => 'by hand', reseller => 1)});
send_to($first, q{SELECT rde_build(id) FROM rde_reports WHERE name = 'by hand'});
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM rde_progress WHERE name = 'by hand'}) or die;
is(run_in($bob, q{SELECT rde_cancel_report(id) FROM rde_reports WHERE name = 'by hand'}), "\n", 'an account cancels what somebody builds for it');
is(wait_for($first) =~ s/WARNING.*\n//r, "error\n", '... who is told');
send_to($first, 'CALL rde_run_due()') if sql(qq{SELECT rde_submit('sleepy', '$day', '$day', 'csv', name => 'stopped', reseller => 1) IS NOT NULL});
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM rde_progress WHERE name = 'stopped'}) or die;
sql(q{SELECT pg_cancel_backend(pid) FROM rde_progress});
like(wait_for($first), qr/ERROR:  57014/, 'a worker that is cancelled by anybody else ends');
is(sql(q{SELECT status FROM rde_reports WHERE name = 'stopped'}), 'submitted', '... and its report waits');

close_session($_) for $holder, $bob, $first;
$node->stop;
done_testing();

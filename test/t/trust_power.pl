# trust_power.pl
#
# Whose power a call has: the lesser of who began and whose code calls (T2), of the
# role itself and not of its name (T6), with nothing of the caller's own in between
# (T7), granted by nobody's defaults (T4), told by no plan (T5), within bounds that
# hold whatever runs beside it (T3, N4).

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeSessions;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('power');
$node->init;
$node->append_conf('postgresql.conf', "client_min_messages = error\nmax_prepared_transactions = 5\n");
$node->start;

# What a role gets from a statement: its output, or the SQLSTATE.
sub as
{
	my ($role, $sql) = @_;
	my ($out, $err);
	$node->psql('postgres', $sql, stdout => \$out, stderr => \$err, on_error_stop => 1,
		connstr => $node->connstr('postgres') . " user=$role", extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
	return $err =~ /ERROR:  (\w{5})/ ? $1 : $out;
}
sub sql { return $node->safe_psql('postgres', $_[0]) }

sql(q{
	CREATE SCHEMA rde;
	CREATE EXTENSION rde SCHEMA rde;
	CREATE ROLE low LOGIN; CREATE ROLE one LOGIN; CREATE ROLE two LOGIN; CREATE ROLE clerk LOGIN; CREATE ROLE boss LOGIN;
	CREATE ROLE keeper;
	CREATE SCHEMA shop AUTHORIZATION keeper;
	CREATE SCHEMA trap AUTHORIZATION low;
	GRANT USAGE ON SCHEMA rde, trap TO PUBLIC;
	ALTER DATABASE postgres SET search_path = rde;
	SET search_path = rde;
	CREATE TABLE shop.sale (id bigint PRIMARY KEY, reseller bigint, changed timestamptz, total numeric);
	INSERT INTO shop.sale SELECT g, g % 2 + 1, now() - interval '24 hours', g FROM generate_series(1, 10) g;
	ALTER TABLE shop.sale OWNER TO keeper;
	SELECT rde_create_dataset('sales', 'Sales');
	SELECT rde_attach('sales', 'shop.sale', 'reseller', 'changed', amount => 'total');
	SELECT rde_create_account(1, 'One', role => 'one');
	SELECT rde_create_account(2, 'Two', role => 'two');
	SELECT rde_grant('clerk', 'operator'), rde_grant('boss', 'admin');
	SELECT rde_export('sales', current_date - 3, current_date + 1, 'csv', reseller => n, name => 'of ' || n) FROM generate_series(1, 2) n;
});
my $report = sql(q{SELECT id FROM rde_reports WHERE name = 'of 2'});

# --- T2: what a low role writes, run by who may more

my %wanted = (
	whoami => 'SELECT scope FROM rde_whoami()',
	reports => 'SELECT count(*)::text FROM rde_reports',
	token => q{SELECT token FROM rde_create_token(2, 'stolen')},
	content => "SELECT length(rde_content('$report'))::text",
	text => "SELECT rde_text('$report')",
	list => q{SELECT rde_list_reports(current_date - 1, current_date + 1)->'pagination'->>'total'},
	link => "SELECT rde_download_url('$report')",
	links => 'SELECT count(download_url)::text FROM rde_reports',
	export => q{SELECT rde_export('sales', current_date - 3, current_date, 'csv', reseller => 2)::text},
	generator => q{SELECT rde_create_generator('sales', 'theirs', '{csv}', 'daily', reseller => 2)::text},
	view => q{SELECT rde_create_view('sales', 'theirs', '[{"column": "total"}]')::text},
	drop => "SELECT rde_drop_report('$report')::text",
	revoke => "SELECT rde_revoke_links('$report')::text",
	health => 'SELECT count(*)::text FROM _rde_health()',
	periods => 'SELECT count(*)::text FROM rde_periods',
	accounts => 'SELECT count(*)::text FROM rde_accounts',
	tokens => 'SELECT count(*)::text FROM rde_tokens',
	attach => q{SELECT rde_attach('sales', 'shop.sale', 'reseller', 'changed')::text},
	grant => q{SELECT rde_grant('low', 'admin')::text});

# What low's function says when somebody else runs it: in a statement, an expression
# of PL/pgSQL, which never meets the executor, or a trigger.
for my $name (sort keys %wanted)
{
	my $sql = $wanted{$name};
	(my $expression = $sql) =~ s/^SELECT//;
	$sql =~ s/'/''/g;
	$node->safe_psql('postgres', qq{
		SET ROLE low;
		CREATE FUNCTION trap.$name() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = rde AS \$\$
		DECLARE found text;
		BEGIN
			EXECUTE '$sql' INTO found;
			found := ($wanted{$name});
			RETURN coalesce(found, 'nothing');
		EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE;
		END \$\$;
	});
}
my $nothing = qr{(?:nobody|0|nothing|42501|42704)?};
for my $user (qw(postgres boss clerk two))
{
	my @got = grep { $_ !~ /^\w+ $nothing$/ } map { "$_ " . as($user, "SELECT trap.$_()") } sort keys %wanted;
	is("@got", '', "$user gives a low role's function nothing");
}
sql(q{
	SET ROLE low;
	CREATE TABLE trap.bait (scope text);
	GRANT INSERT, SELECT ON trap.bait TO PUBLIC;
	CREATE FUNCTION trap.snap() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = rde AS $$
		BEGIN NEW.scope := scope FROM rde_whoami(); RETURN NEW; END $$;
	CREATE TRIGGER snap BEFORE INSERT ON trap.bait FOR EACH ROW EXECUTE FUNCTION trap.snap()});
is(as('postgres', 'INSERT INTO trap.bait VALUES (NULL) RETURNING scope'), "nobody", '... nor a trigger of his');
is(as('postgres', 'SELECT scope FROM rde_whoami()'), 'admin', 'who calls directly is who he is');
is(as('clerk', q{DO $$ BEGIN PERFORM 1/0; EXCEPTION WHEN OTHERS THEN END $$; SELECT scope FROM rde_whoami()}), 'operator', '... also after errors');
is(as('boss', qq{DO \$\$ BEGIN PERFORM rde_drop_report(gen_random_uuid()); EXCEPTION WHEN OTHERS THEN END \$\$; SELECT scope FROM rde_whoami()}),
	'admin', '... in a function of ours');
# an operator's function, and an account: the account
sql(q{CREATE SCHEMA desk AUTHORIZATION clerk; GRANT USAGE ON SCHEMA desk TO PUBLIC; SET ROLE clerk;
	CREATE FUNCTION desk.who() RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = rde AS 'SELECT coalesce(account::text, scope) FROM rde_whoami()'});
is(join(' ', map { as($_, 'SELECT desk.who()') } qw(one boss low)), '1 operator nobody', 'the other way round it is the caller');

# --- T6: a grant and an account end with their role

sql(q{SELECT rde_grant('low', 'operator'); DROP OWNED BY low CASCADE; DROP ROLE low; CREATE ROLE low LOGIN;
	CREATE ROLE three LOGIN; SELECT rde_create_account(3, 'Three', role => 'three'); DROP ROLE three; CREATE ROLE three LOGIN});
is(as('low', 'SELECT scope FROM rde_whoami()'), 'nobody', 'a role that has the name of an operator that is gone');
is(as('three', 'SELECT scope FROM rde_whoami()'), 'nobody', '... or of an account\'s');
like(sql(q{SELECT object FROM rde_health WHERE finding = 'role_missing'}), qr/^Three/, '... which rde_health tells');
sql(q{ALTER ROLE clerk RENAME TO secretary; ALTER ROLE one RENAME TO uno; CREATE ROLE clerk LOGIN; CREATE ROLE one LOGIN});
is(join(' ', map { as($_, 'SELECT coalesce(account::text, scope) FROM rde_whoami()') } qw(secretary uno clerk one)),
	'operator 1 nobody nobody', 'a role that is renamed is who it was');
sql(q{CALL rde_run_due(); SELECT rde_alter_account(3, role => 'three')});
is(sql(q{SELECT string_agg(role, ' ' ORDER BY id) FROM rde_accounts WHERE id IN (1, 3)}), 'uno three', '... and is called so');
sql(q{SELECT rde_revoke('secretary', 'operator')});
is(as('secretary', 'SELECT scope FROM rde_whoami()'), 'nobody', '... also for rde_revoke()');
is(as('postgres', q{SELECT rde_grant('postgres', 'operator')}), '22023', 'a superuser is granted nothing');
is(as('postgres', q{SELECT rde_grant('uno', 'operator')}), '55000', 'nor an account');
is(as('postgres', q{SELECT rde_grant('secretary', 'operator'); SELECT rde_create_account(4, 'Four', role => 'secretary')}), '55000',
	'nor is who was granted something made an account');

# ... in another cluster, where a dump was restored, by name until it is known there
my $dump = $node->backup_dir . '.sql';
sql(q{SELECT rde_grant('clerk', 'operator')});
$node->command_ok([ 'pg_dump', '-f', $dump, 'postgres' ], 'a dump');
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init;
$copy->append_conf('postgresql.conf', "client_min_messages = error\n");
$copy->start;
$copy->safe_psql('postgres', q{CREATE ROLE x1; CREATE ROLE x2; CREATE ROLE keeper; CREATE ROLE low; CREATE ROLE boss; CREATE ROLE uno LOGIN; CREATE ROLE two LOGIN; CREATE ROLE secretary LOGIN; CREATE ROLE clerk LOGIN});
$copy->psql('postgres', "\\i $dump");
$copy->safe_psql('postgres', 'ALTER DATABASE postgres SET search_path = rde');
my $in_copy = sub { $copy->safe_psql('postgres', 'SELECT coalesce(account::text, scope) FROM rde_whoami()', connstr => $copy->connstr('postgres') . " user=$_[0]") };
is(join(' ', map { $in_copy->($_) } qw(uno two clerk)), '1 2 operator', 'restored elsewhere they are known by name');
$copy->safe_psql('postgres', 'CALL rde_run_due(); DROP OWNED BY clerk; DROP ROLE clerk; CREATE ROLE clerk LOGIN');
is(join(' ', map { $in_copy->($_) } qw(uno two clerk)), '1 2 nobody', '... until a worker has run there');
$copy->stop;

# --- T7: a tenant's own temporary objects

sql(q{
	CREATE TABLE shop.rate (factor numeric); INSERT INTO shop.rate VALUES (2);
	ALTER TABLE shop.rate OWNER TO keeper;
	SET ROLE keeper;
	CREATE FUNCTION shop.factor() RETURNS numeric LANGUAGE plpgsql STABLE SET search_path = shop AS 'BEGIN RETURN factor FROM rate; END';
	CREATE VIEW shop.rated AS SELECT id, reseller, changed, total * shop.factor() AS total FROM shop.sale;
	RESET ROLE;
	SELECT rde_create_dataset('rated', 'Rated');
	SELECT rde_attach('rated', 'shop.rated', 'reseller', 'changed', '{id}', amount => 'total')});
my $rated = q{SELECT rde_export('rated', current_date - 3, current_date + 1, 'csv') IS NOT NULL};
is(as('two', $rated), 't', 'an account builds a report');
is(as('two', "CREATE TEMP VIEW rate AS SELECT 1000::numeric AS factor; GRANT SELECT ON rate TO keeper; $rated"), '55000', '... but not over temporary objects of its own');
is(as('two', "CREATE TEMP VIEW rate AS SELECT 1000::numeric AS factor; DISCARD TEMP; $rated"), 't', '... until it has discarded them');

# --- T4: default privileges

sql(q{CREATE DATABASE fresh; CREATE ROLE curious LOGIN});
$node->safe_psql('fresh', q{
	ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO curious;
	ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO curious;
	ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO curious;
	CREATE EXTENSION rde;
	CREATE EXTENSION IF NOT EXISTS rde_azure;
	CREATE TABLE invoice (id bigint, reseller bigint);
	SELECT rde_create_dataset('lines', 'Lines');
	CREATE TABLE line (id bigint PRIMARY KEY, reseller bigint, day date, invoice bigint);
	SELECT rde_attach('lines', 'line', 'reseller', 'day', invoice => 'invoice');
	SELECT rde_watch_invoices('invoice', 'reseller', 'id')});
is($node->safe_psql('fresh', q{
	SELECT string_agg(o, ' ') FROM (
		SELECT c.oid::regclass::text FROM pg_class c, aclexplode(c.relacl) a WHERE c.relname ~ '^_?rde_' AND a.grantee = 'curious'::regrole
		UNION SELECT p.oid::regproc::text FROM pg_proc p, aclexplode(p.proacl) a WHERE p.proname ~ '^_?rde_' AND a.grantee = 'curious'::regrole) o(o)}),
	'', 'default privileges give nothing of ours away');
is($node->safe_psql('fresh', q{SELECT count(*) FROM rde_health WHERE finding = 'tables_granted'}), '0', 'rde_health has nothing to say');
is($node->safe_psql('fresh', q{GRANT SELECT ON _rde_token TO curious; SELECT object || ' ' || detail FROM rde_health WHERE finding = 'tables_granted'}),
	'public._rde_token curious has SELECT on it.', '... until somebody grants a table');

# --- R7: watching twice, and by another owner

is($node->safe_psql('fresh', q{
	SELECT rde_watch_invoices('invoice', 'reseller', 'id');
	DROP EXTENSION rde CASCADE;
	SELECT count(*) FROM pg_proc WHERE proname ~ '^_rde_recorder_[0-9a-f]{12}$';
	INSERT INTO invoice VALUES (1, 1)}), "\n0", 'a table that was watched twice is free when the extension is dropped');
$node->safe_psql('fresh', q{
	CREATE ROLE heir SUPERUSER;
	CREATE EXTENSION rde;
	SELECT rde_create_dataset('lines', 'Lines');
	SELECT rde_attach('lines', 'line', 'reseller', 'day', invoice => 'invoice');
	SELECT rde_watch_invoices('invoice', 'reseller', 'id');
	DO $$ DECLARE f regprocedure; BEGIN SELECT oid INTO f FROM pg_proc WHERE proname ~ '^_rde_recorder_[0-9a-f]{12}$'; EXECUTE format('ALTER FUNCTION %s OWNER TO heir', f); END $$});
is($node->safe_psql('fresh', q{
	SELECT rde_watch_invoices('invoice', 'reseller', 'id');
	INSERT INTO invoice VALUES (2, 1);
	SELECT count(*) || ' ' || (SELECT count(*) FROM _rde_invoice_event) FROM pg_proc WHERE proname ~ '^_rde_recorder_[0-9a-f]{12}$'}), "\n1 1",
	'... and one whose recorder is another\'s can be watched again');

# --- N7: a prepared transaction of an account

my $two = open_session($node, 'postgres', 'two');
run_in($two, q{BEGIN; SELECT rde_create_view('sales', 'later', '[{"column": "total"}]'); PREPARE TRANSACTION 'held'});
is(sql(q{SELECT count(*) FROM _rde_blockers()}), '0', 'a prepared transaction of an account makes nothing provisional');
sql(q{ROLLBACK PREPARED 'held'});

# --- N6, T3, N4: quotas

run_in($two, "BEGIN; SELECT rde_submit('sales', current_date - 3, current_date, 'csv'); SELECT token FROM rde_create_token(2, 'kept'); SELECT rde_set_on_invoice(2, false)");
is(as('postgres', q{SET lock_timeout = '2s'; SELECT rde_create_account(20, 'Below', parent => 2); SELECT rde_alter_account(20, name => 'Under'); SELECT rde_drop_account(20); SELECT rde_alter_account(2, name => 'Two')}), "\n\n\n",
	'the open transaction of an account does not hold up those who manage accounts');
run_in($two, 'ROLLBACK');

# --- T5: what a plan tells

# Every condition on a column of a view everybody may read, and what running it
# counted, plan by plan: the same, however many rows others have.
sql(q{CREATE SCHEMA IF NOT EXISTS trap; GRANT USAGE ON SCHEMA trap TO PUBLIC; CREATE FUNCTION trap.told(plan jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(n.node ->> 'Node Type' || ' ' || concat_ws(' ', n.node ->> 'Actual Rows', n.node ->> 'Actual Loops',
		n.node ->> 'Rows Removed by Filter', n.node ->> 'Rows Removed by Join Filter', n.node ->> 'Rows Removed by Index Recheck', n.node ->> 'Heap Fetches'), '; ')
	FROM jsonb_path_query(plan, '$.**') n(node) WHERE (n.node ->> 'Actual Loops')::int > 0 $$;
	CREATE FUNCTION trap.all_told() RETURNS SETOF text LANGUAGE plpgsql AS $$
	DECLARE c record; plan jsonb;
	BEGIN
		FOR c IN SELECT v.oid::regclass AS view, quote_ident(a.attname) AS column, k.low
			FROM pg_class v JOIN pg_attribute a ON a.attrelid = v.oid AND a.attnum > 0
			JOIN (VALUES ('text', 'b'), ('name', 'b'), ('int8', '0'), ('int4', '0'), ('timestamptz', '2000-01-01'), ('uuid', '80000000-0000-0000-0000-000000000000')) k(type, low)
				ON k.type::regtype = a.atttypid
			WHERE v.relkind = 'v' AND v.relname ~ '^rde_' AND has_table_privilege(v.oid, 'SELECT') ORDER BY 1, 2 LOOP
			EXECUTE format('EXPLAIN (ANALYZE, TIMING off, FORMAT JSON) SELECT * FROM %s WHERE %s > %L', c.view, c.column, c.low) INTO plan;
			RETURN NEXT format('%s.%s: %s', c.view, c.column, trap.told(plan));
			EXECUTE format('EXPLAIN (ANALYZE, TIMING off, FORMAT JSON) SELECT * FROM %s WHERE %s = %L', c.view, c.column, c.low) INTO plan;
			RETURN NEXT format('%s.%s: %s', c.view, c.column, trap.told(plan));
		END LOOP;
	END $$});
sql('CALL rde_run_due(); SET enable_seqscan = off; ANALYZE');
my $before = as('two', 'SELECT * FROM trap.all_told()');
cmp_ok(($before =~ tr/\n//), '>', 100, 'conditions on columns of views');
sql(q{SELECT rde_export('sales', current_date - 3, current_date + 1, 'csv', reseller => 1, name => 'x' || n) FROM generate_series(1, 40) n;
	SELECT rde_create_generator('sales', 'x' || n, '{csv}', 'daily', reseller => 1) FROM generate_series(1, 40) n;
	SELECT rde_create_view('sales', 'x' || n, '[{"column": "total"}]', 1) FROM generate_series(1, 40) n;
	SELECT rde_create_token(1, 'x' || n) FROM generate_series(1, 40) n;
	SELECT rde_create_account(100 + n, 'x' || n) FROM generate_series(1, 40) n});
my $after = as('two', 'SELECT * FROM trap.all_told()');
my %seen = map { $_ => 1 } split /\n/, $before;
is(join("\n", grep { !$seen{$_} } split /\n/, $after), '', '... count nothing of others');

sql(q{SELECT rde_alter_account(2, max_pending => 1, max_reports_per_day => 1000, max_generators => 2, max_views => 2, max_tokens => 2)});
my @tenants = map { open_session($node, 'postgres', 'two') } 1 .. 3;
run_in($_, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM rde_reports') for @tenants;
my @said = map { my $said = run_in($_, "SELECT rde_submit('sales', current_date - 3, current_date, 'csv') IS NOT NULL; COMMIT"); $said =~ /(t|\d{5})/; $1 } @tenants;
is("@said", 't 40001 40001', 'sessions under older snapshots do not pass a quota');
is(sql(q{SELECT count(*) FROM rde_reports WHERE status = 'submitted' AND reseller = 2}), '1', '... together');
close_session($_) for @tenants, $two;

sub many { my ($sql) = @_; return join ' ', map { as('two', $sql =~ s/%/$_/gr) =~ /^(53400)?/ && $1 ? 'no' : 'yes' } 1 .. 3 }
is(many(q{SELECT rde_create_generator('sales', 'g%', '{csv}', 'daily')}), 'yes yes no', 'an account has so many generators');
is(many(q{SELECT rde_create_view('sales', 'v%', '[{"column": "total"}]')}), 'yes yes no', '... views');
is(many(q{SELECT rde_create_token(2, 't%')}), 'yes yes no', '... and tokens');
is(as('postgres', q{SELECT rde_create_generator('sales', 'g9', '{csv}', 'daily', reseller => 2) IS NOT NULL}), 't', '... but an operator makes it more');
is(as('two', q{SELECT rde_revoke_token(id) FROM rde_tokens LIMIT 1; SELECT token IS NOT NULL FROM rde_create_token(2, 't4')}), "\nt", 'what is revoked does not count');
is(as('two', q{SELECT rde_alter_generator(id, retention => '11 years') FROM rde_generators LIMIT 1}), '53400', 'reports are kept for so long');
is(as('two', q{SELECT rde_alter_view('sales', 'v1', json_build_array(json_build_object('column', 'total', 'description', repeat('x', 1001))))}), '22001',
	'descriptions are so long');
is(sql(q{SELECT max_generators || ' ' || max_views || ' ' || max_tokens || ' ' || max_reports_per_day || ' ' || max_stored_bytes FROM rde_accounts WHERE id = 1}),
	'100 100 20 1000 107374182400', 'and there are bounds for who was given none');

$node->stop;
done_testing();

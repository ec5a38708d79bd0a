# trust_roles.pl
#
# What a role cannot get by waiting, renaming or asking for what does not fit: the
# rights of another (T1, T3), or everybody's reports stopped (N2, N3).

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeSessions;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('trust');
$node->init;
$node->append_conf('postgresql.conf', "client_min_messages = error\n");
$node->start;
$node->safe_psql('postgres', q{
	CREATE SCHEMA rde;
	CREATE EXTENSION rde SCHEMA rde;
	CREATE ROLE seven LOGIN;
	CREATE ROLE clerk LOGIN;
	CREATE ROLE manager LOGIN;
	CREATE ROLE keeper;
	CREATE SCHEMA shop AUTHORIZATION keeper;
	CREATE SCHEMA desk AUTHORIZATION manager;
	GRANT USAGE ON SCHEMA rde TO PUBLIC;
	ALTER DATABASE postgres SET search_path = rde;
	SET search_path = rde;
	CREATE TABLE shop.sale (id bigint PRIMARY KEY, reseller bigint, changed timestamptz, total numeric);
	INSERT INTO shop.sale SELECT g, 7, now() - interval '24 hours', g FROM generate_series(1, 10) g;
	ALTER TABLE shop.sale OWNER TO keeper;
	SELECT rde_create_dataset('sales', 'Sales');
	SELECT rde_attach('sales', 'shop.sale', 'reseller', 'changed', amount => 'total');
	SELECT rde_create_account(7, 'Seven', role => 'seven');
	SELECT rde_grant('clerk', 'operator'), rde_grant('manager', 'admin');
});

# T1: between the look at a column's type and its use, the type is renamed and a
# domain takes its name, whose check is the owner's.
$node->safe_psql('postgres', q{
	CREATE TYPE desk.mood AS ENUM ('open', 'issued');
	ALTER TYPE desk.mood OWNER TO manager;
	CREATE TABLE desk.invoice (id bigint PRIMARY KEY, reseller bigint, state desk.mood);
	ALTER TABLE desk.invoice OWNER TO manager;
	CREATE TABLE desk.ran (as_whom text);
	GRANT INSERT ON desk.ran TO PUBLIC;
	GRANT USAGE ON SCHEMA desk TO PUBLIC;
	SET ROLE manager;
	CREATE FUNCTION desk.evil(value text) RETURNS boolean LANGUAGE plpgsql AS $$
		BEGIN INSERT INTO desk.ran VALUES (current_user); RETURN true; END $$;
});
$node->safe_psql('postgres', q{UPDATE _rde_source SET invoice_column = 'id'});
my $manager = open_session($node, 'postgres', 'manager');
run_in($manager, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM desk.invoice');
$node->safe_psql('postgres', q{
	SET ROLE manager;
	ALTER TYPE desk.mood RENAME TO temper;
	CREATE DOMAIN desk.mood AS text CHECK (desk.evil(VALUE));
});
is(run_in($manager, q{SELECT rde_watch_invoices('desk.invoice', 'reseller', 'id', when_column => 'state', when_value => 'issued')}), "\n",
	'a table is watched');
run_in($manager, 'COMMIT');
is($node->safe_psql('postgres', 'SELECT count(*) FROM desk.ran'), '0', '... and a type that was renamed runs nothing');
$node->safe_psql('postgres', q{UPDATE _rde_source SET invoice_column = NULL});
close_session($manager);

# T3: what was revoked is gone, however old the transaction's snapshot is.
my $clerk = open_session($node, 'postgres', 'clerk');
is(run_in($clerk, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT scope FROM rde_whoami()'), "operator\n", 'an operator');
$node->safe_psql('postgres', q{SELECT rde_revoke('clerk', 'operator')});
is(run_in($clerk, 'SELECT scope FROM rde_whoami()'), "nobody\n", '... is none once that is revoked');
like(run_in($clerk, q{SELECT token FROM rde_create_token(7, 'kept')}), qr/42501/, '... and makes no token');
close_session($clerk);

my $seven = open_session($node, 'postgres', 'seven');
is(run_in($seven, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT account FROM rde_whoami()'), "7\n", 'an account');
$node->safe_psql('postgres', q{SELECT rde_alter_account(7, clear => '{role}')});
is(run_in($seven, 'SELECT scope FROM rde_whoami()'), "nobody\n", '... is none once its role is taken away');
close_session($seven);
$node->safe_psql('postgres', q{SELECT rde_alter_account(7, role => 'seven')});

# N3: a view that does not fit is refused when a report is asked for ...
my $bad = q{'[{"column": "id", "as": "id"}, {"column": "no_such", "as": "nothing"}]'};
my $good = q{'[{"column": "id", "as": "id"}]'};
$node->safe_psql('postgres', "SELECT rde_create_view('sales', 'mine', $bad, 7)");
my ($result, $stdout, $stderr) = $node->psql('postgres', q{SELECT rde_request_report('{"name": "a", "dataset": "sales", "customizationName": "mine",
	"startDate": "2019-11-01T00:00:00Z", "endDate": "2019-12-01T00:00:00Z"}')}, connstr => $node->connstr('postgres') . ' user=seven');
like($stderr, qr/view "mine" of data set "sales" needs columns .*: no_such/, 'a request with a view that does not fit is refused');
($result, $stdout, $stderr) = $node->psql('postgres', q{SELECT rde_create_generator('sales', 'every', '{csv}', 'daily', 'mine')},
	connstr => $node->connstr('postgres') . ' user=seven');
like($stderr, qr/needs columns/, '... and so is a generator');
($result, $stdout, $stderr) = $node->psql('postgres', q{SELECT rde_create_generator('provisioned_orders', 'orders', '{csv}', 'daily')});
like($stderr, qr/is not attached/, '... and one of a data set without a source');

# ... and if it stops fitting later, that report fails, and no other.
$node->safe_psql('postgres', qq{
	SELECT rde_alter_view('sales', 'mine', $good, 7);
	SELECT rde_submit('sales', current_date - 3, current_date + 1, 'csv', 'mine', 7, name => 'spoilt');
	SELECT rde_submit('sales', current_date - 3, current_date + 1, 'csv', 'full', 7, name => 'other');
	SELECT rde_alter_view('sales', 'mine', $bad, 7);
	CALL rde_run_due()});
is($node->safe_psql('postgres', q{SELECT name || ' ' || status || coalesce(' ' || sqlstate, '') FROM rde_reports ORDER BY name}),
	"other completed\nspoilt error 42703", 'a view that stopped fitting fails its report');
is($node->safe_psql('postgres', 'SELECT count(*) FROM _rde_source_failure'), '0', '... and pauses nobody');

# N2: a generator that keeps reports past the end of time
($result, $stdout, $stderr) = $node->psql('postgres', q{SELECT rde_create_generator('sales', 'eternal', '{csv}', 'daily', 'full', 7, retention => '292000 years')});
like($stderr, qr/retention must be 1000 years at most/, 'reports are not kept past the end of time');

# What is watched says of which data sets its rows are the invoices: a payment's
# number is none of an invoice's.
$node->safe_psql('postgres', q{
	CREATE TABLE shop.line (id bigint PRIMARY KEY, reseller bigint, changed timestamptz DEFAULT now(), invoice bigint);
	CREATE TABLE shop.invoice (id bigint PRIMARY KEY, reseller bigint, state text);
	CREATE TABLE shop.payment (id bigint PRIMARY KEY, reseller bigint, changed timestamptz DEFAULT now());
	ALTER TABLE shop.line OWNER TO keeper;
	ALTER TABLE shop.invoice OWNER TO keeper;
	ALTER TABLE shop.payment OWNER TO keeper;
	SELECT rde_create_dataset('lines', 'Lines'), rde_create_dataset('payment_slips', 'Slips');
	SELECT rde_attach('lines', 'shop.line', 'reseller', 'changed', invoice => 'invoice'),
		   rde_attach('payment_slips', 'shop.payment', 'reseller', 'changed', invoice => 'id');
});
($result, $stdout, $stderr) = $node->psql('postgres', q{SELECT rde_watch_invoices('shop.payment', 'reseller', 'id')});
like($stderr, qr/it must be said which data sets.*\{lines,payment_slips\}/s, 'with two data sets it must be said which one is meant');
$node->safe_psql('postgres', q{
	SELECT rde_watch_invoices('shop.invoice', 'reseller', 'id', 'state', 'issued', '{lines}'),
		   rde_watch_invoices('shop.payment', 'reseller', 'id', datasets => '{payment_slips}');
	SELECT rde_create_generator('lines', 'of lines', '{csv}', 'on_invoice', 'full'),
		   rde_create_generator('payment_slips', 'of payments', '{csv}', 'on_invoice', 'full');
	INSERT INTO shop.invoice VALUES (500, 7, 'draft');
	INSERT INTO shop.line (id, reseller, invoice) VALUES (1, 7, 500);
	INSERT INTO shop.payment (id, reseller) VALUES (500, 7);
	CALL rde_run_due()});
my $made = q{SELECT coalesce(string_agg(name || ' ' || row_count, ', ' ORDER BY name), '') FROM rde_reports WHERE type = 'on_invoice' AND status = 'completed'};
is($node->safe_psql('postgres', $made), 'of payments 1', 'a payment fires no report of the draft invoice of its number');
$node->safe_psql('postgres', q{SELECT rde_sweep_invoices('shop.payment', now() - interval '1 day')});
is($node->safe_psql('postgres', q{SELECT count(*) FROM _rde_report WHERE name = 'of lines'}), '0', '... nor does a sweep of payments');
$node->safe_psql('postgres', q{
	INSERT INTO shop.line (id, reseller, invoice) SELECT g, 7, 500 FROM generate_series(2, 8) g;
	UPDATE shop.invoice SET state = 'issued';
	CALL rde_run_due()});
is($node->safe_psql('postgres', $made), 'of lines 8, of payments 1', '... which comes whole when it is issued');

# Whoever may attach takes over no data set whose relation is gone, unless it was his.
$node->safe_psql('postgres', q{
	CREATE ROLE other_admin LOGIN;
	SELECT rde_grant('other_admin', 'admin');
	CREATE SCHEMA other AUTHORIZATION other_admin;
	SET ROLE other_admin;
	CREATE TABLE other.sale (id bigint PRIMARY KEY, reseller bigint, changed timestamptz NOT NULL);
	RESET ROLE;
	DROP TABLE shop.sale CASCADE;
	CREATE TABLE shop.sale (id bigint PRIMARY KEY, reseller bigint, changed timestamptz NOT NULL);
	ALTER TABLE shop.sale OWNER TO keeper;
	GRANT keeper TO clerk;
	SELECT rde_grant('clerk', 'admin')});
my $attach = sub { (undef, undef, $stderr) = $node->psql('postgres', "SELECT rde_attach('sales', '$_[1].sale', 'reseller', 'changed')",
	connstr => $node->connstr('postgres') . " user=$_[0]"); $stderr };
like($attach->('other_admin', 'other'), qr/attached to a relation that is gone, which is not yours/, 'a data set whose relation is gone is still its owner\'s');
is($attach->('clerk', 'shop'), '', '... who attaches another');

# A template is comments and names: what a description says ends no comment.
$node->safe_psql('postgres', q{SELECT rde_create_view('sales', 'cmp', '[{"column": "id", "as": "id", "description": "one\nDROP TABLE two;"}]')});
is($node->safe_psql('postgres', q{SELECT count(*) FROM string_to_table(rde_dataset_template('sales'), E'\n') l WHERE l ~ '^DROP'}), '0',
	'a template holds no line of a description');

# A publication of all tables has nothing against what rde does.
$node->append_conf('postgresql.conf', "wal_level = logical\n");
$node->restart;
$node->safe_psql('postgres', q{CREATE PUBLICATION everything FOR ALL TABLES});
($result, $stdout, $stderr) = $node->psql('postgres', q{
	SELECT rde_grant('keeper', 'reader'), rde_revoke('keeper', 'reader');
	INSERT INTO shop.sale VALUES (100, 7, now() - interval '1 day');
	SELECT rde_submit('sales', current_date - 3, current_date, 'csv', 'full', 7, name => 'published');
	INSERT INTO shop.payment (id, reseller) VALUES (501, 7);
	CALL rde_run_due()}, on_error_stop => 1);
is($stderr, '', 'a worker runs beside a publication of all tables');
is($node->safe_psql('postgres', q{SELECT status FROM rde_reports WHERE name = 'published'}), 'completed', '... and builds');
($result, $stdout, $stderr) = $node->psql('postgres', q{SELECT rde_request_report('{"name": "b", "dataset": "sales", "customizationName": "full",
	"startDate": "2019-11-01T00:00:00Z", "endDate": "2019-12-01T00:00:00Z"}', 'key')}, connstr => $node->connstr('postgres') . ' user=seven');
is($stderr, '', '... as do requests');

# The schema's name is in the functions.
($result, $stdout, $stderr) = $node->psql('postgres', q{ALTER SCHEMA rde RENAME TO reporting; SELECT reporting.rde_drop_report(gen_random_uuid())});
like($stderr, qr/the schema of extension rde was renamed to "reporting".*as it was called when they were created: 'rde'.*Rename it back/s, 'a schema that was renamed is told of');
is($node->safe_psql('postgres', 'ALTER SCHEMA reporting RENAME TO rde; SELECT count(*) > 0 FROM rde.rde_reports'), 't', '... and works when it is called so again');

$node->stop;
done_testing();

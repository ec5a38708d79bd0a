# upgrade_released.pl
#
# Databases of released versions (sql/released/), updated: what a session is told
# before, that an update undone leaves all as it was, that one that is done gives the
# catalog of a fresh install and keeps every row and byte (B4); that what 1.0 gave out
# is taken and what it began is gone on with; and that dumps of before and after can be
# restored.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeUpgrade;
use Test::More;

plan skip_all => 'RDE_SOURCE names no source tree' unless $ENV{RDE_SOURCE};

my ($new) = slurp_file("$ENV{RDE_SOURCE}/rde.control") =~ /^default_version = '(.*)'$/m;
my ($new_azure) = slurp_file("$ENV{RDE_SOURCE}/azure/rde_azure.control") =~ /^default_version = '(.*)'$/m;
my $released = "$ENV{RDE_SOURCE}/sql/released";
my @versions = grep { $_ ne $new } map { m{/rde--(.*)\.sql$} } glob("$released/rde--*.sql");
my $has_azure = -e installed_script('rde_azure.control');

my $node = start_staged('released', copy_stage('stage', map { m{([^/]*)$} ? ($1 => slurp_file($_)) : () } glob("$released/rde*--*.sql")));
# whoever owned what was dumped
$node->safe_psql('postgres', "DO \$\$ BEGIN CREATE ROLE postgres SUPERUSER; EXCEPTION WHEN duplicate_object THEN NULL; END \$\$");
$node->safe_psql('postgres', 'CREATE DATABASE fresh');
$node->safe_psql('fresh', 'CREATE EXTENSION rde');
$node->safe_psql('fresh', 'CREATE EXTENSION rde_azure') if $has_azure;
my %wanted = map { $_ => extension_catalog($node, 'fresh', $_) } qw(rde rde_azure);

# A script, by psql, which stops at an error.
sub run_script
{
	my ($database, $script) = @_;
	my $err = '';
	my $ok = IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database) ], '<', \$script, '>', '/dev/null', '2>', \$err);
	diag($err) unless $ok;
	return $ok;
}

# The database of a version, but for its roles, which several may have.
sub released_database
{
	my $script = slurp_file("$released/database--$_[0].sql");
	while ($script =~ s/^CREATE ROLE (\w+);\n//)
	{
		$node->safe_psql('postgres', "CREATE ROLE $1") if $node->safe_psql('postgres', "SELECT count(*) FROM pg_roles WHERE rolname = '$1'") eq '0';
	}
	return $script;
}

# A query for every row that is not shipped, in the columns that there are now.
sub rows_query
{
	my ($database) = @_;
	return $node->safe_psql($database, <<'SQL');
SELECT string_agg(format('SELECT %L, count(*), md5(string_agg(t::text, E''\n'' ORDER BY t::text)) FROM (SELECT %s FROM %s %s) t',
                         r.relation, r.columns, r.relation, CASE WHEN r.shipped THEN 'WHERE NOT shipped' END), ' UNION ALL ' ORDER BY r.relation::text)
FROM (SELECT c.oid::regclass AS relation, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns, bool_or(a.attname = 'shipped') AS shipped
      FROM pg_extension e JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
      JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid AND c.relkind = 'r'
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE e.extname ~ '^rde' GROUP BY c.oid) r
SQL
}

# What pg_dump makes of a database, in another.
sub copied
{
	my ($from, $to) = @_;
	my $dump = PostgreSQL::Test::Utils::tempdir() . "/$to.dump";
	$node->safe_psql('postgres', "CREATE DATABASE $to");
	$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $from ], "pg_dump of $from");
	$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr($to), $dump ], 'pg_restore');
	return;
}

my $verify = q{SELECT count(*), count(*) FILTER (WHERE rde_verify_report(id)), count(*) FILTER (WHERE encode(sha256(rde_content(id)), 'hex') = sha256)
	FROM rde_reports WHERE status = 'completed'};

for my $old (@versions)
{
	my $database = "from_$old" =~ tr/./_/r;
	my $script = released_database($old);

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, "CREATE EXTENSION rde VERSION '$old'");
	ok(run_script($database, $script), "a database of $old, with data");
	if ($has_azure)
	{
		$node->safe_psql($database, "CREATE EXTENSION rde_azure VERSION '$new_azure'") if !-e "$released/rde_azure--$old.sql";
		$node->safe_psql($database, "CREATE EXTENSION rde_azure VERSION '$old'") if -e "$released/rde_azure--$old.sql";
		$node->safe_psql($database, q{
			INSERT INTO _rde_azure_upload (id, report, server, status, blob, bytes, expires_at, uploaded_at)
			SELECT id, id, 'store', 'uploaded', 'a/' || id, 1, 'infinity', now() FROM _rde_report WHERE status = 'completed' LIMIT 3});
	}
	# somebody's own, over every view of ours, which an update must not ask to drop
	my $theirs_over = q{SELECT format('CREATE VIEW over_%s AS SELECT * FROM %s', c.relname, c.oid::regclass)
		FROM pg_class c WHERE c.relkind = 'v' AND c.relname ~ '^rde_' ORDER BY 1};
	$node->safe_psql($database, "$_;") foreach split /\n/, $node->safe_psql($database, $theirs_over);
	my $rows = rows_query($database);
	my $stored = $node->safe_psql($database, $rows);
	my $completed = $node->safe_psql($database, q{SELECT count(*) FROM _rde_report WHERE status = 'completed'});
	cmp_ok($completed, '>', 10, 'and reports');
	my $before = extension_catalog($node, $database);

	# Between installing the files and updating the database.
	for my $call ('SELECT count(*) FROM rde_reports', 'CALL rde_run_due()', 'SELECT rde_content(id) FROM _rde_report')
	{
		my ($code, $out, $err) = $node->psql($database, $call);
		like($err, qr/library of extension "rde" is \Q$new\E but its SQL objects are \Q$old\E\nHINT:  ALTER EXTENSION rde UPDATE;/, "refused, with what to do: $call");
	}
	ok(run_script($database, q{
		INSERT INTO shop.sales_order SELECT 900001, 'O-1', min(customer_id), '2019-11-01', 1, NULL, '2019-11-01 00:00Z', '2019-11-01 00:00Z' FROM shop.sales_order;
		INSERT INTO shop.invoice
		SELECT 900001, 'R-1', a.id, o.customer_id, o.order_id, '2019-11-01', '2019-11-15', 1, 'EUR', 'Issued', '2019-11-01 00:00Z' FROM _rde_account a, shop.sales_order o
		WHERE a.role = 'released_reseller' AND o.order_id = 900001}),
		'billing goes on');
	$stored = $node->safe_psql($database, $rows);

	# An update that is looked at and undone.
	$node->safe_psql($database, 'BEGIN; ALTER EXTENSION rde UPDATE; ROLLBACK');
	is(extension_catalog($node, $database), $before, 'an update that is rolled back leaves the catalog');
	is($node->safe_psql($database, $rows), $stored, 'and the rows');

	$node->safe_psql($database, 'ALTER EXTENSION rde UPDATE');
	if ($has_azure)
	{
		my ($code, $out, $err) = $node->psql($database, 'CALL rde_azure_upload_due()');
		like($err, qr/library of extension "rde_azure" is \S+ but its SQL objects are \Q$old\E\nHINT:  ALTER EXTENSION rde_azure UPDATE;/, 'rde_azure says the same');
		$node->safe_psql($database, 'ALTER EXTENSION rde_azure UPDATE');
		is(differences(extension_catalog($node, $database, 'rde_azure'), $wanted{rde_azure}), '', 'the catalog of a fresh rde_azure');
	}
	my $theirs = qr/ released_\w+$|^goes with it function public\._rde_recorder_/;
	is(differences(join("\n", grep { !/$theirs/ } split /\n/, extension_catalog($node, $database)), $wanted{rde}), '', 'an update gives the catalog of a fresh install');
	is(differences($node->safe_psql($database, $rows), $stored), '', 'and keeps every row');
	is($node->safe_psql($database, $verify), "$completed|$completed|$completed", 'and every byte');

	is($node->safe_psql($database, q{SELECT count(*) > 0 FROM over_rde_accounts WHERE tokens > 0}), 't', "and somebody's views over ours");

	# What was given out, and who had rights.
	is($node->safe_psql($database, q{
		SELECT subscription_key AS key, token FROM program \gset
		SET ROLE released_gateway;
		BEGIN;
		SELECT rde_login(:'key', sha256(convert_to(:'token', 'UTF8'))) IS NOT NULL;
		SELECT count(*) > 0, count(DISTINCT reseller) FROM rde_reports;
		COMMIT;
		SET ROLE released_operator;
		SELECT scope FROM rde_whoami();
		SELECT count(*) > 0 FROM rde_report_totals;
		SET ROLE released_reseller;
		SELECT scope, count(*) FROM rde_whoami(), rde_reports GROUP BY scope;
	}) =~ tr/\n/ /r, 't t|2 operator t reseller|1', 'tokens, grants and accounts are what they were');

	# What was begun.
	my $reports = q{SELECT id, status, sha256, row_count FROM rde_reports WHERE status = 'completed' ORDER BY id};
	my $made = $node->safe_psql($database, $reports);
	$node->safe_psql($database, 'CALL rde_run_due()');
	is($node->safe_psql($database, q{SELECT status FROM rde_reports WHERE name = 'waits'}), 'completed', 'what waited is built');
	is($node->safe_psql($database, q{SELECT count(*) FROM rde_reports WHERE status = 'completed' AND invoice IS NOT NULL}), '2', 'invoices that were recorded before, and between, are reported once');
	is($node->safe_psql($database, q{SELECT count(*) FROM (SELECT FROM rde_reports WHERE generator IS NOT NULL
		GROUP BY generator, period_from, period_to, format, invoice, type, revision HAVING count(*) > 1) t}), '0', 'no period is reported twice');
	my %now = map { $_ => 1 } split /\n/, $node->safe_psql($database, $reports);
	is(join("\n", grep { !$now{$_} } split /\n/, $made), '', 'and what was made is as it was');
	is($node->safe_psql($database, q{
		SELECT rde_rebuild(id) AS again FROM rde_reports WHERE name = 'provisioned_orders-cmp' \g /dev/null
		SELECT count(*), count(*) FILTER (WHERE n.row_count = o.row_count AND n.totals = o.totals)
		FROM rde_reports n JOIN rde_reports o ON n.supersedes = o.id WHERE n.name = 'provisioned_orders-cmp'}), '5|5', 'it is built anew, and the same');

	# A dump of what was updated.
	my $after = $node->safe_psql($database, $verify);
	copied($database, "copy_$database");
	is($node->safe_psql("copy_$database", $verify), $after, 'every byte is in a dump');
	is(differences(join("\n", grep { !/$theirs/ } split /\n/, extension_catalog($node, "copy_$database")), $wanted{rde}), '', 'restored into the same catalog');

	# A dump of before, restored where the new version is.
	$node->safe_psql('postgres', "CREATE DATABASE old_$database");
	ok(run_script("old_$database", $script), "a dump of $old can be restored where $new is");
	is($node->safe_psql("old_$database", $verify), "$completed|$completed|$completed", 'with every byte');
	is($node->safe_psql("old_$database", q{CALL rde_run_due(); SELECT status FROM rde_reports WHERE name = 'waits'}), 'completed', 'and goes on');

	# Nothing is left of it.
	$node->safe_psql($database, 'DROP EXTENSION rde_azure CASCADE') if $has_azure;
	$node->safe_psql($database, 'DROP EXTENSION rde CASCADE');
	is($node->safe_psql($database, q{SELECT count(*) FROM pg_class WHERE relname ~ '^_?rde_'}), '0', 'and it can be dropped');
}
cmp_ok(scalar(@versions), '>', 0, 'there are released versions');

# No script installs an older version, and none leads back.
$node->stop;
$node = PostgreSQL::Test::Cluster->new('installed');
$node->init;
$node->start;
my ($code, $out, $err) = $node->psql('postgres', "CREATE EXTENSION rde VERSION '$versions[0]'");
like($err, qr/extension "rde" has no installation script nor update path for version "\Q$versions[0]\E"/, 'an older version is not installed');
$node->safe_psql('postgres', 'CREATE EXTENSION rde');
($code, $out, $err) = $node->psql('postgres', "ALTER EXTENSION rde UPDATE TO '$versions[0]'");
like($err, qr/extension "rde" has no update path from version "\Q$new\E" to version "\Q$versions[0]\E"/, 'and none is gone back to');

done_testing();

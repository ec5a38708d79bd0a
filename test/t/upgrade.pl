# upgrade.pl
#
# ALTER EXTENSION rde UPDATE gives the catalog of a fresh install, and keeps what is
# stored (B4); it takes over nothing that a stranger planted (S1); and the regression
# tests pass on what was updated.
#
# The older version is today's install script with something of each kind changed,
# as is the step from it.  upgrade_released.pl updates those that were released.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeUpgrade;
use Test::More;

plan skip_all => 'RDE_SOURCE names no source tree' unless $ENV{RDE_SOURCE};

my $source = PostgreSQL::Test::Utils::tempdir() . '/rde';
system_or_bail('cp', '-r', $ENV{RDE_SOURCE}, $source);
my ($new) = slurp_file("$source/rde.control") =~ /default_version = '(.*)'/;
my $old = '0.9';

sub make
{
	system_or_bail('make', '-s', '-C', $source, "PG_CONFIG=$ENV{PG_CONFIG}", 'with_llvm=no', @_);
	return;
}

###########################################################################
# An older version, and the step from it
###########################################################################

make("sql/rde--$new.sql");
my $script = slurp_file("$source/sql/rde--$new.sql");

# One place of the script, which must be there once.
sub change
{
	my ($from, $to) = @_;
	my $count = () = $script =~ /$from/g;
	is($count, 1, "$from is there");
	$script =~ s/$from/$to/;
	return;
}

# functions: a body, an attribute, an argument's name, one that is new, one that is gone
change(qr/(?<=CREATE FUNCTION \@extschema\@\._rde_deleted\(\) RETURNS trigger\n)(?s:.*?)(?=\nCOMMENT ON FUNCTION)/,
	"    LANGUAGE plpgsql VOLATILE\n    SET search_path = pg_catalog, pg_temp\nAS \$\$\nBEGIN\n    RETURN NULL;\nEND\n\$\$;");
change(qr/(?<=CREATE FUNCTION \@extschema\@\.rde_version\(\) RETURNS text\n)    LANGUAGE C STABLE/, '    LANGUAGE C VOLATILE');
change(qr/(?<=CREATE FUNCTION \@extschema\@\.rde_revoke_token\()token /, 'doomed ');
change(qr/CREATE FUNCTION \@extschema\@\.rde_unschedule\(\)(?s:.*?)\nCOMMENT ON FUNCTION \@extschema\@\.rde_unschedule\(\) IS\n.*;\n/, '');
$script .= "CREATE FUNCTION \@extschema\@._rde_gone() RETURNS integer LANGUAGE sql SET search_path = pg_catalog, pg_temp RETURN 1;\n";
# views: a column fewer and no barrier, columns in another order
change(qr/(?<=CREATE VIEW \@extschema\@\.rde_tokens) WITH \(security_barrier\)/, '');
change(qr/(?<=SELECT k\.kid, k\.created_at), k\.revoked_at(?= FROM \@extschema\@\._rde_signing_key k)/, '');
change(qr/COMMENT ON COLUMN \@extschema\@\.rde_signing_keys\.revoked_at IS\n.*;\n/, '');
change(qr/SELECT w\.relation, w\.reseller_column, (?=w\.invoice_column,)/, 'SELECT w.reseller_column, w.relation, ');
# tables: a column fewer, one more, a constraint, an index, a trigger
change(qr/(?<=    built       bigint NOT NULL DEFAULT 0,\n)    failed      bigint NOT NULL DEFAULT 0,\n/, '');
change(qr/(?<=CREATE TABLE \@extschema\@\._rde_invoice_event \(\n)/, "    note text,\n");
change(qr/CHECK \(revision >= 1\)/, 'CHECK (revision >= 0)');
change(qr/CREATE INDEX _rde_report_failed (?s:.*?);\n/, '');
change(qr/CREATE TRIGGER deleted AFTER DELETE ON \@extschema\@\._rde_source (?s:.*?);\n/, '');
# what it says of its schema, which would be said twice
change(qr/IF creators IS NOT NULL THEN/, 'IF false THEN');
# comments, privileges, what is dumped, what is shipped
change(qr/(?<=COMMENT ON TABLE \@extschema\@\._rde_report IS\n)    '.*';/, "    'reports';");
change(qr/COMMENT ON COLUMN \@extschema\@\._rde_report\.pass IS\n.*;\n/, '');
$script .= "GRANT EXECUTE ON FUNCTION \@extschema\@._rde_orphans() TO PUBLIC;\nREVOKE SELECT ON \@extschema\@.rde_reports FROM PUBLIC;\n";
change(qr/SELECT pg_extension_config_dump\('\@extschema\@\._rde_report_total', ''\);\n/, '');
change(qr/'The product ID\.'/, "'The product.'");

append_to_file("$source/sql/rde/upgrade/$old--$new.sql", <<'SQL');
DROP FUNCTION @extschema@._rde_gone();
DROP FUNCTION @extschema@.rde_revoke_token(uuid);
DROP VIEW @extschema@.rde_invoice_watches;
ALTER TABLE @extschema@._rde_worker ADD COLUMN failed bigint NOT NULL DEFAULT 0;
ALTER TABLE @extschema@._rde_invoice_event DROP COLUMN note;
ALTER TABLE @extschema@._rde_report DROP CONSTRAINT _rde_report_revision_check,
    ADD CONSTRAINT _rde_report_revision_check CHECK (revision >= 1);
CREATE INDEX _rde_report_failed ON @extschema@._rde_report (generator)
    WHERE status = 'error';
UPDATE @extschema@._rde_view_column SET description = 'The product ID.' WHERE shipped AND alias = 'productId';
SQL
# and one from a version before, which goes on to it
append_to_file("$source/sql/rde/upgrade/0.8--$old.sql", "-- nothing\n");
make("sql/rde--$old--$new.sql", "sql/rde--0.8--$new.sql");
my $update = slurp_file("$source/sql/rde--$old--$new.sql");
my $longer = slurp_file("$source/sql/rde--0.8--$new.sql");
is($longer =~ s/^-- nothing\n\n//mr, $update, 'steps follow each other');
append_to_file("$source/sql/rde/upgrade/0.7--0.8.sql", '');
append_to_file("$source/sql/rde/upgrade/0.7--$old.sql", '');
my $quiet = `make -s -C $source PG_CONFIG=$ENV{PG_CONFIG} with_llvm=no sql/rde--0.7--$new.sql 2>&1`;
isnt($?, 0, 'where they part, none is taken');
ok(!-e "$source/sql/rde--0.7--$new.sql", 'and nothing is left');

###########################################################################
# A server that knows both versions, and one that gets today's by an update only
###########################################################################

my %older = ("rde--$old.sql" => $script, "rde--$old--$new.sql" => $update);
my $both = copy_stage('both', %older);
my $only = copy_stage('only', %older, "rde--$new.sql" => undef);

my $node = start_staged('both', $both);
$node->safe_psql('postgres', "CREATE DATABASE $_") foreach qw(fresh updated planted);
$node->safe_psql('fresh', 'CREATE EXTENSION rde');
$node->safe_psql('updated', "CREATE EXTENSION rde VERSION '$old'");
my $wanted = extension_catalog($node, 'fresh');
cmp_ok(scalar(split /\n/, $wanted), '>', 500, 'there is a catalog to compare');
my $before = differences(extension_catalog($node, 'updated'), $wanted);
my %differs = map { /^. (\w+)/ ? ($1 => 1) : () } split /\n/, $before;
is(join(' ', sort keys %differs), 'column constraint dumped function index object privilege relation shipped trigger version view',
	'the older version differs in everything that is compared');

# Data.  The library refuses to work with another version's objects, so they pretend;
# the functions used are the same in both.
sub pretend
{
	$node->safe_psql('updated', "UPDATE pg_extension SET extversion = '$_[0]' WHERE extname = 'rde'");
	return;
}

pretend($new);
$node->safe_psql('updated', <<'SQL');
CREATE TABLE sale (id bigint PRIMARY KEY, reseller bigint, day date, amount numeric, currency text);
INSERT INTO sale SELECT n, 1 + n % 3, '2024-05-01'::date + n / 10, n, 'EUR' FROM generate_series(0, 299) n;
SELECT rde_create_dataset('sales', 'Sales');
SELECT rde_attach('sales', 'sale', 'reseller', 'day', amount => 'amount', currency => 'currency');
SELECT rde_create_view('sales', 'short', '[{"column": "id", "as": "number"}]');
SELECT rde_create_account(n, 'reseller ' || n) FROM generate_series(1, 3) n;
CREATE ROLE clerk;
SELECT rde_grant('clerk', 'operator');
SELECT rde_create_token(1, 'token');
SELECT rde_export('sales', '2024-05-01', '2024-05-31', f, name => 'may') FROM unnest('{csv,json,xml,xlsx}'::text[]) f;
SELECT rde_create_generator('sales', 'daily', '{csv}', 'daily', start => '2024-05-01');
SQL
pretend($old);

my @kept = qw(_rde_account _rde_dataset _rde_generator _rde_privilege _rde_report _rde_report_chunk _rde_report_total
  _rde_signing_key _rde_source _rde_source_column _rde_token _rde_view);
sub kept
{
	return join "\n", map { $node->safe_psql('updated', "SELECT '$_', count(*), md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM $_ t") } @kept;
}
my $stored = kept();
unlike($stored, qr/\|0\|/, 'each table holds something');
# granted by rde_grant() and by hand, on what is replaced and what is made again
$node->safe_psql('updated', 'GRANT SELECT ON rde_invoice_watches, rde_signing_keys TO clerk WITH GRANT OPTION; GRANT EXECUTE ON FUNCTION rde_revoke_token(uuid) TO clerk');
my $granted = q{SELECT o.name, a.privilege_type, a.is_grantable
	FROM (SELECT oid::regprocedure::text, proacl FROM pg_proc UNION ALL SELECT oid::regclass::text, relacl FROM pg_class) o(name, acl),
		 aclexplode(o.acl) a WHERE a.grantee = 'clerk'::regrole ORDER BY 1, 2};
my $clerks = $node->safe_psql('updated', $granted);
like($clerks, qr/^rde_run_due.*EXECUTE\|f$/m, 'a role has rights');

$node->safe_psql('updated', 'ALTER EXTENSION rde UPDATE');
is(kept(), $stored, 'an update keeps what is stored');
is($node->safe_psql('updated', $granted), $clerks, 'and what was granted');
is(differences(join("\n", grep { !/ clerk$/ } split /\n/, extension_catalog($node, 'updated')), $wanted), '', 'and gives the catalog of a fresh install');
is($node->safe_psql('updated', q{SELECT bool_and(rde_verify_report(id)), count(*) FROM rde_reports WHERE status = 'completed'}),
	't|' . $node->safe_psql('updated', q{SELECT count(*) FROM _rde_report WHERE status = 'completed'}), 'reports verify');
is($node->safe_psql('updated', q{SELECT rde_export('sales', '2024-05-01', '2024-05-31', 'csv') IS NOT NULL}), 't', 'and more are made');

###########################################################################
# What a stranger planted
###########################################################################

$node->safe_psql('planted', "CREATE EXTENSION rde VERSION '$old'; CREATE ROLE low; GRANT CREATE ON SCHEMA public TO low");
my $plain = extension_catalog($node, 'planted');
for my $plant ('FUNCTION %s() RETURNS bigint LANGUAGE sql RETURN 1', 'TABLE %s (n integer)', 'TYPE %s AS ENUM (\'x\')')
{
	my ($kind) = $plant =~ /^(\w+)/;
	# what the update will make, as something else, and an overload of what is there
	for my $name ($kind eq 'FUNCTION' ? ('rde_unschedule', '_rde_base_type') : ('_rde_new'))
	{
		$node->safe_psql('planted', 'SET ROLE low; CREATE ' . sprintf($plant, $name));
		my ($code, $out, $err) = $node->psql('planted', 'ALTER EXTENSION rde UPDATE');
		like($err, qr/schema "public" holds objects with names of the extension: public\.$name/, "a stranger's $kind $name is refused");
		is(extension_catalog($node, 'planted'), $plain, 'and nothing is changed');
		$node->safe_psql('planted', "DROP $kind $name" . ($kind eq 'FUNCTION' ? '()' : ''));
	}
}
# an administrator's own is none of the extension's either, and the server says so
$node->safe_psql('planted', 'CREATE FUNCTION rde_unschedule() RETURNS bigint LANGUAGE sql RETURN 1');
my ($code, $out, $err) = $node->psql('planted', 'ALTER EXTENSION rde UPDATE');
like($err, qr/function public\.rde_unschedule\(\) is not a member of extension "rde"/, 'nothing is taken over');
$node->stop;

###########################################################################
# The regression tests, where CREATE EXTENSION installs the older version and updates
###########################################################################

my $late = start_staged('only', $only);
my @tests = map { m{([^/]+)\.sql$} } sort glob("$ENV{PG_ABS_SRCDIR}/sql/*.sql");
my $out_dir = PostgreSQL::Test::Utils::tempdir() . '/regress';
mkdir $out_dir or die $!;
system_or_bail('cp', '-r', "$ENV{PG_ABS_SRCDIR}/../expected", "$out_dir/expected");
my @expected = `$ENV{PG_REGRESS} --help` =~ /--expecteddir/ ? "--expecteddir=$out_dir" : ();
my $passed = IPC::Run::run([ $ENV{PG_REGRESS}, "--inputdir=$ENV{PG_ABS_SRCDIR}", "--outputdir=$out_dir", @expected,
	'--dbname=rde_regress', '--host=' . $late->host, '--port=' . $late->port, @tests ], '>', \$out, '2>', \$err);
ok($passed, 'the regression tests pass on what was updated')
  or diag $out, -e "$out_dir/regression.diffs" ? slurp_file("$out_dir/regression.diffs") : $err;
cmp_ok(scalar(@tests), '>', 5, 'all of them');

done_testing();

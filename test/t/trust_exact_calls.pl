# trust_exact_calls.pl
#
# Internal calls match their functions exactly (T1): beside every private function
# stand others of its name, which take other types or fewer arguments.  Whoever may
# create objects in the extension's schema could plant them.  The regression tests
# run among them, and none is called.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $tests = "$ENV{PG_ABS_SRCDIR}/sql";
my $node = PostgreSQL::Test::Cluster->new('decoys');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nclient_min_messages = warning\n");
$node->start;

$node->safe_psql('template1', q{
	CREATE SCHEMA decoy;
	CREATE TABLE decoy.made (routine text);
	CREATE FUNCTION decoy.plant() RETURNS event_trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
	DECLARE
		signature record;
	BEGIN
		FOR signature IN
			WITH real AS (
				SELECT p.oid, p.pronamespace, p.proname, p.pronargs, p.pronargdefaults, 
					   ARRAY(SELECT t.type FROM unnest(p.proargtypes) WITH ORDINALITY t(type, n) ORDER BY t.n) AS types
				FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
				JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'rde'
				WHERE p.proname LIKE '\_rde\_%'),
			planted AS (
				SELECT r.pronamespace, r.proname,
					   (SELECT array_agg(CASE WHEN t.n = i.n THEN o.type ELSE t.type END ORDER BY t.n)
						FROM unnest(r.types) WITH ORDINALITY t(type, n)) AS types
				FROM real r, generate_series(1, r.pronargs) i(n),
					 unnest('{text,name,int4,int8,numeric,bool,date,timestamptz,interval,regclass,oid,json,jsonb,uuid,_text,_name,_int8}'::regtype[]::oid[]) o(type)
				UNION
				SELECT r.pronamespace, r.proname, (r.types)[1:r.pronargs - n]
				FROM real r, generate_series(1, r.pronargdefaults) n)
			SELECT DISTINCT p.pronamespace::regnamespace AS schema, p.proname,
				   (SELECT coalesce(string_agg(format_type(t.type, NULL), ', ' ORDER BY t.n), '')
					FROM unnest(p.types) WITH ORDINALITY t(type, n)) AS arguments
			FROM planted p
			WHERE NOT EXISTS (SELECT FROM real r WHERE r.proname = p.proname AND r.types = p.types)
		LOOP
			EXECUTE format('CREATE FUNCTION %s.%I(%s) RETURNS text LANGUAGE plpgsql AS %L', signature.schema, signature.proname,
				signature.arguments, format('BEGIN RAISE EXCEPTION ''decoy %s(%s) was called''; END', signature.proname, signature.arguments));
			INSERT INTO decoy.made VALUES (signature.proname);
		END LOOP;
	END $$;
	CREATE EVENT TRIGGER plant ON ddl_command_end WHEN TAG IN ('CREATE EXTENSION') EXECUTE FUNCTION decoy.plant();
});

for my $file (sort glob("$tests/*.sql"))
{
	my ($name) = $file =~ m{([^/]+)\.sql$};
	# it looks at the catalog itself, or is about what is called nothing
	next if $name eq 'lint' || $name eq 'identifiers';

	$node->safe_psql('postgres', "CREATE DATABASE $name");
	my ($stdout, $stderr) = ('', '');
	IPC::Run::run([ 'psql', '-XAtq', '-d', $node->connstr($name), '-f', $file ], '<', \undef, '>', \$stdout, '2>', \$stderr);
	my @wrong = ("$stdout$stderr" =~ /^.*(?:decoy .* was called|is not unique).*$/mg);
	is(join("\n", @wrong), '', "$name calls no decoy");
	cmp_ok($node->safe_psql($name, 'SELECT count(*) FROM decoy.made'), '>', 500, "$name ran among decoys");
	$node->safe_psql('postgres', "DROP DATABASE $name");
	$node->safe_psql('postgres', q{
		SELECT format('DROP ROLE %I', rolname) FROM pg_roles WHERE rolname LIKE 'regress%' \gexec});
}

$node->stop;
done_testing();

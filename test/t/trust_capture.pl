# trust_capture.pl
#
# Nothing a stranger planted is taken for rde's own: not what bears one of its
# names when it is installed (S1), nor what its statements would find first under
# a hostile search_path (S2).

use strict;
use warnings;
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $sources = dirname(__FILE__) . '/..';
my $node = PostgreSQL::Test::Cluster->new('capture');
$node->init(extra => [ '--no-locale', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nmax_prepared_transactions = 10\n");
$node->start;

#
# S1
#
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE low;
CREATE SCHEMA open;
CREATE SCHEMA path;
GRANT CREATE, USAGE ON SCHEMA open, path TO low;
CREATE SCHEMA clean;
CREATE EXTENSION rde SCHEMA clean;
-- every name of an object of the extension, and a statement that makes something
-- else of that name
CREATE TABLE plant AS
SELECT c.relname AS name,
       format(CASE c.relkind WHEN 'S' THEN 'CREATE SEQUENCE %%1$s.%1$I' WHEN 'i' THEN 'CREATE TABLE %%1$s.%1$I (n int)'
                             WHEN 'r' THEN 'CREATE TABLE %%1$s.%1$I (n int)' ELSE 'CREATE VIEW %%1$s.%1$I AS SELECT 1 AS n' END,
              c.relname) AS statement
FROM pg_class c WHERE c.relnamespace = 'clean'::regnamespace
UNION ALL
SELECT t.typname, format('CREATE TYPE %%1$s.%I AS ENUM (''x'')', t.typname)
FROM pg_type t WHERE t.typnamespace = 'clean'::regnamespace AND t.typelem = 0
UNION ALL
-- the same arguments; none, or one more of any type; and each text a name
SELECT p.proname, format('CREATE %s %%1$s.%I(%s) %s LANGUAGE plpgsql AS $body$BEGIN RAISE WARNING ''caught %%%%'', current_user; %s END$body$',
                         CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, p.proname, a.arguments,
                         CASE p.prokind WHEN 'f' THEN 'RETURNS ' || CASE WHEN p.prorettype::regtype::text ~ '^(clean|trigger|record|void|language_handler)' THEN 'text'
                                                                         ELSE p.prorettype::regtype::text END ELSE '' END,
                         CASE p.prokind WHEN 'f' THEN 'RETURN NULL;' ELSE '' END)
FROM pg_proc p
CROSS JOIN LATERAL (SELECT regexp_replace(oidvectortypes(p.proargtypes), '\mclean\.', '%1$s.', 'g') AS own) o
CROSS JOIN LATERAL (SELECT DISTINCT x FROM unnest(ARRAY[o.own, '', concat_ws(', ', nullif(o.own, ''), 'anyelement'), replace(o.own, 'text', 'name')]) x) a(arguments)
WHERE p.pronamespace = 'clean'::regnamespace AND a.arguments !~ '%1\$s';
DELETE FROM plant p USING plant q WHERE p.statement = q.statement AND p.ctid > q.ctid;
GRANT SELECT ON plant TO low;

-- Plant and install.  What is left of strangers' with one of our names if that
-- went well; what would have been called was.
CREATE FUNCTION install(statements text[]) RETURNS text LANGUAGE plpgsql SET client_min_messages = error AS $$
DECLARE
    statement text;
    result text;
BEGIN
    BEGIN
        SET LOCAL ROLE low;
        FOREACH statement IN ARRAY statements LOOP
            BEGIN
                EXECUTE format(statement, 'open');
            EXCEPTION WHEN OTHERS THEN
                -- such as two relations of one name
                IF cardinality(statements) = 1 THEN
                    RAISE EXCEPTION 'not planted: %', statement;
                END IF;
            END;
        END LOOP;
        RESET ROLE;
        CREATE EXTENSION rde SCHEMA open;
        RAISE EXCEPTION USING ERRCODE = 'P0002', MESSAGE = 'installed beside ' || coalesce(
            (SELECT string_agg(o.what, ' ') FROM (
                 SELECT p.oid::regprocedure::text, p.pronamespace, p.proowner FROM pg_proc p
                 UNION ALL SELECT c.oid::regclass::text, c.relnamespace, c.relowner FROM pg_class c
                 UNION ALL SELECT t.oid::regtype::text, t.typnamespace, t.typowner FROM pg_type t) o(what, namespace, owner)
             WHERE o.namespace = 'open'::regnamespace AND o.owner = 'low'::regrole), 'nothing');
    EXCEPTION
        WHEN duplicate_object OR duplicate_table OR duplicate_function THEN
            result := 'refused: ' || CASE WHEN SQLERRM ~ '^schema "open" holds objects with names of the extension: ' THEN 'ours' ELSE SQLERRM END;
        WHEN no_data_found THEN
            result := SQLERRM;
        WHEN OTHERS THEN
            result := 'failed: ' || SQLERRM;
    END;
    RETURN result;
END
$$;
DROP EXTENSION rde;
SQL

# In turn: each of them is enough to be refused.
my $count = $node->safe_psql('postgres', 'SELECT count(*) FROM plant');
cmp_ok($count, '>', 300, "$count names and signatures");
is($node->safe_psql('postgres', 'SELECT statement, install(ARRAY[statement]) FROM plant WHERE install(ARRAY[statement]) <> \'refused: ours\''),
	'', 'the install is refused for each');
# Together
is($node->safe_psql('postgres', "SELECT install(array_agg(statement ORDER BY name)) FROM plant"), 'refused: ours', 'and for all of them');
# What was planted by somebody who is trusted is no danger, but in the way.
$node->safe_psql('postgres', 'CREATE TABLE open._rde_report (n int)');
my ($code, $out, $err) = $node->psql('postgres', 'CREATE EXTENSION rde SCHEMA open');
like($err, qr/relation "_rde_report" already exists/, 'a superuser\'s table is in the way');
$node->safe_psql('postgres', 'DROP TABLE open._rde_report');

# In another schema on the path they do no harm, and are not called.
$node->safe_psql('postgres', q{
	SET ROLE low;
	DO $$
	DECLARE p plant;
	BEGIN
		FOR p IN SELECT * FROM plant LOOP
			BEGIN
				EXECUTE format(p.statement, 'path');
			EXCEPTION WHEN OTHERS THEN
				NULL;
			END;
		END LOOP;
	END $$});
($code, $out, $err) = $node->psql('postgres', q{SET search_path = path, open, pg_catalog; CREATE EXTENSION rde SCHEMA open;
	SELECT pg_describe_object(d.classid, d.objid, 0), pg_describe_object(d.refclassid, d.refobjid, 0)
	FROM pg_depend d JOIN pg_depend m ON m.classid = d.classid AND m.objid = d.objid AND m.deptype = 'e'
	WHERE pg_describe_object(d.refclassid, d.refobjid, 0) LIKE '%path.%'});
is("$code$out", '0', 'installed, and nothing depends on them');
unlike($err, qr/caught/, 'or called them');
like($err, qr/WARNING:  low may create objects in schema "open"/, 'it warns that others may create objects in its schema');
is($node->safe_psql('postgres', q{SELECT finding, hint FROM open.rde_health}), 'schema_open|REVOKE CREATE ON SCHEMA open FROM low;', 'and so does rde_health');

#
# S2
#
# The schema "trap" holds every function and operator of pg_catalog that a
# function in PL/pgSQL can stand in for, and lies before it on the path of every
# session.  Each does what the original does, and tells the server's log when a
# statement of rde's called it.  So the regress suite must print what it always
# prints, and the log must hold nothing.
#
# A test's views and functions, and its statements, do call them: their path is
# hostile by design.  What a source's view calls is called in a build; that the
# build's own SELECT calls none is shown below.
$node->safe_psql('postgres', 'CREATE DATABASE rde_regress');
$node->safe_psql('rde_regress', <<'SQL');
CREATE SCHEMA trap;
GRANT USAGE ON SCHEMA trap TO PUBLIC;
CREATE FUNCTION trap.note(what text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    context text;
BEGIN
    GET DIAGNOSTICS context = PG_CONTEXT;
    IF context ~ '(PL/pgSQL|SQL) function "?([a-z]+\.)?_?rde_' OR context ~ '\nSQL statement "[^\n]*"$' THEN
        IF context !~ 'exporting data set' OR current_setting('trap.strict', true) = 'on' THEN
            RAISE LOG 'TRAP % CALLED BY %', what, context;
        END IF;
    END IF;
END
$$;
CREATE TABLE trap.made (what text);
DO $$
DECLARE
    f record;
    pseudo CONSTANT oid[] := ARRAY(SELECT t.oid FROM pg_type t WHERE t.typtype = 'p' AND t.typname NOT IN ('void', 'trigger')) || 'cstring'::regtype::oid;
BEGIN
    FOR f IN
        SELECT p.oid, p.proname, p.prorettype, p.proretset, p.pronargs, p.provolatile,
               oidvectortypes(p.proargtypes) AS arguments, format_type(p.prorettype, NULL) AS result,
               (SELECT string_agg('$' || n, ', ') FROM generate_series(1, p.pronargs) n) AS parameters
        FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND p.provariadic = 0
          AND NOT p.prorettype = ANY (pseudo) AND p.prorettype <> 'trigger'::regtype
          AND NOT EXISTS (SELECT FROM unnest(p.proargtypes) a WHERE a = ANY (pseudo))
          AND p.proargmodes IS NULL
          -- a type's own: called as casts and by the type, never by name
          AND NOT EXISTS (SELECT FROM pg_type t WHERE p.oid IN (t.typinput, t.typoutput, t.typreceive, t.typsend))
    LOOP
        BEGIN
            EXECUTE format('CREATE FUNCTION trap.%I(%s) RETURNS %s %s LANGUAGE plpgsql %s AS $body$BEGIN PERFORM trap.note(%L); %s END$body$',
                           f.proname, f.arguments, CASE WHEN f.proretset THEN 'SETOF' ELSE '' END, f.result,
                           CASE f.provolatile WHEN 'i' THEN 'IMMUTABLE' WHEN 's' THEN 'STABLE' ELSE 'VOLATILE' END,
                           format('%s(%s)', f.proname, f.arguments),
                           CASE WHEN f.prorettype = 'void'::regtype THEN format('PERFORM pg_catalog.%I(%s);', f.proname, f.parameters)
                                WHEN f.proretset THEN format('RETURN QUERY SELECT pg_catalog.%I(%s);', f.proname, f.parameters)
                                ELSE format('RETURN pg_catalog.%I(%s);', f.proname, f.parameters) END);
            INSERT INTO trap.made VALUES ('function');
        EXCEPTION WHEN OTHERS THEN
            RAISE LOG 'no trap for %: %', f.proname, SQLERRM;
        END;
    END LOOP;
    FOR f IN
        SELECT o.oprname, format_type(nullif(o.oprleft, 0), NULL) AS left_type, format_type(o.oprright, NULL) AS right_type,
               format_type(o.oprresult, NULL) AS result, row_number() OVER () AS n
        FROM pg_operator o
        WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND NOT (ARRAY[o.oprleft, o.oprright, o.oprresult] && pseudo)
    LOOP
        EXECUTE format('CREATE FUNCTION trap.operator_%s(%s) RETURNS %s LANGUAGE plpgsql IMMUTABLE AS $body$BEGIN PERFORM trap.note(%L); RETURN %s OPERATOR(pg_catalog.%s) %s; END$body$',
                       f.n, concat_ws(', ', f.left_type, f.right_type), f.result, format('%s %s %s', f.left_type, f.oprname, f.right_type),
                       CASE WHEN f.left_type IS NULL THEN '' ELSE '$1' END, f.oprname,
                       CASE WHEN f.left_type IS NULL THEN '$1' ELSE '$2' END);
        EXECUTE format('CREATE OPERATOR trap.%s (%s RIGHTARG = %s, FUNCTION = trap.operator_%s)',
                       f.oprname, 'LEFTARG = ' || f.left_type || ',', f.right_type, f.n);
        INSERT INTO trap.made VALUES ('operator');
    END LOOP;
END
$$;
ALTER DATABASE rde_regress SET search_path = public, trap, pg_catalog;
ALTER DATABASE rde_regress SET bytea_output = hex;
ALTER DATABASE rde_regress SET timezone_abbreviations = 'Default';
SQL
my $made = $node->safe_psql('rde_regress', 'SELECT what, pg_catalog.count(*) FROM trap.made GROUP BY 1 ORDER BY 1');
like($made, qr/^function\|\d{4}\noperator\|\d{3}$/, "traps: $made");

# Nothing is bound to one of them.
is($node->safe_psql('rde_regress', q{CREATE EXTENSION rde;
	SET search_path = pg_catalog;
	SELECT pg_describe_object(d.classid, d.objid, 0) FROM pg_depend d, pg_namespace n
	WHERE n.nspname = 'trap' AND EXISTS (SELECT FROM pg_depend m WHERE m.classid = d.classid AND m.objid = d.objid AND m.deptype = 'e')
	  AND ((d.refclassid = 'pg_proc'::regclass AND d.refobjid IN (SELECT oid FROM pg_proc WHERE pronamespace = n.oid))
		   OR (d.refclassid = 'pg_operator'::regclass AND d.refobjid IN (SELECT oid FROM pg_operator WHERE oprnamespace = n.oid)));
	DROP EXTENSION rde}), '', 'no object of the extension depends on a trap');

# What the suite printed last time, but for the path itself.
sub normal
{
	my ($text) = @_;
	$text =~ s/public, trap, pg_catalog/"\$user", public/g;
	$text =~ s/^-[-+]*$/---/mg;
	$text =~ s/[ \t]+/ /g;
	$text =~ s/ $//mg;
	$text =~ s/^\\set ECHO none\n//;
	# where a source's view called a trap, which passed an error on
	$text =~ s/; SQL expression "\$1 OPERATOR.*?exporting data set "\w+", row \d+//sg;
	return $text;
}

my @names = $node->safe_psql('rde_regress', "SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v')") =~ /\w+/g;
my @files = sort glob "$sources/sql/*.sql";
for my $file (@files)
{
	my ($name) = $file =~ m{(\w+)\.sql$};
	# the longest by far, and nothing but exports of oddly named columns
	next if $name eq 'identifiers' && !$ENV{RDE_SOAK};
	# reads the catalog only
	next if $name eq 'lint';
	my $sql = slurp_file($file);
	# Temporary relations come first of all; those a test itself speaks of are left out.
	my $temporary = join '', map { "CREATE TEMP TABLE $_ (trap int);\n" } grep { $sql !~ /\b\Q$_\E\b/ } @names,
	  qw(_rde_dataset _rde_view _rde_view_column _rde_view_condition _rde_source _rde_source_column _rde_account _rde_generator _rde_report _rde_report_chunk
	  _rde_report_total _rde_privilege _rde_token _rde_signing_key);
	my $input = PostgreSQL::Test::Utils::tempdir . "/$name.sql";
	PostgreSQL::Test::Utils::append_to_file($input,
		"\\set ECHO none\nSET client_min_messages = error;\nSET allow_system_table_mods = on;\n${temporary}"
		  . "RESET client_min_messages;\nRESET allow_system_table_mods;\n\\set ECHO all\n$sql");
	my $output = '';
	local %ENV = (%ENV, PGTZ => 'PST8PDT', PGDATESTYLE => 'Postgres, MDY', PGOPTIONS => '-c intervalstyle=postgres_verbose');
	IPC::Run::run([ 'psql', '-Xaq', '-d', $node->connstr('rde_regress') ], '<', $input, '>', \$output, '2>&1');
	my $expected = slurp_file("$sources/../expected/$name.out");
	my $same = normal($output) eq normal($expected);
	ok($same, "$name under a hostile path");
	if (!$same)
	{
		PostgreSQL::Test::Utils::append_to_file("$PostgreSQL::Test::Utils::tmp_check/$name.expected", normal($expected));
		PostgreSQL::Test::Utils::append_to_file("$PostgreSQL::Test::Utils::tmp_check/$name.printed", normal($output));
		diag(`diff $PostgreSQL::Test::Utils::tmp_check/$name.expected $PostgreSQL::Test::Utils::tmp_check/$name.printed | head -50`);
	}
}
# The build's own SELECT, over a table with columns of many types.
is($node->safe_psql('rde_regress', q{
	SET client_min_messages = error;
	CREATE EXTENSION rde;
	CREATE ROLE sale_owner;
	CREATE TABLE sale (id bigint PRIMARY KEY, reseller numeric, day timestamptz, amount numeric, currency text, word varchar, pairs jsonb,
		flag boolean, span interval, real real, bytes bytea, list int[], uuid uuid, stamp timestamp, plain date);
	INSERT INTO sale VALUES (1, 7, '2020-01-01 12:00+00', 1.5, 'EUR', 'w', '[["a","b"]]', true, '1 day', 1.5, '\x00', '{1}', gen_random_uuid(), now(), now());
	ALTER TABLE sale OWNER TO sale_owner;
	SELECT rde_create_dataset('sales', 'Sales');
	SELECT rde_attach('sales', 'sale', 'reseller', 'day', amount => 'amount', currency => 'currency');
	SET trap.strict = on;
	SELECT rde_export('sales', '2020-01-01', '2020-01-01', 'csv', reseller => 7) IS NULL,
		   rde_export('sales', '2020-01-01', '2020-01-01', 'json', reseller => 7) IS NULL,
		   rde_export('sales', '2020-01-01', '2020-01-01', 'xml', reseller => 7) IS NULL,
		   rde_export('sales', '2020-01-01', '2020-01-01', 'xlsx', reseller => 7) IS NULL;
	DROP EXTENSION rde;
}), "\n\nf|f|f|f", 'a build under a hostile path');
my @calls = slurp_file($node->logfile) =~ /LOG:  TRAP (.*? CALLED BY .*?)\n(?=\d{4}-)/sg;
is(scalar(@calls), 0, 'no statement of rde\'s called a trap') or diag(join "\n\n", @calls[ 0 .. ($#calls < 9 ? $#calls : 9) ]);

done_testing();

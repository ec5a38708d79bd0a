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

$node->stop;
done_testing();

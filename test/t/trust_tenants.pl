# trust_tenants.pl
#
# Three resellers, every view and every function of the extension, and the tricks
# one can think of: no session of one is ever shown a name, an id or a byte of
# another, or changes a thing of his (S6); and who a session is cannot be forged
# or kept (S7).
#
# Views and functions are those of the catalog, with arguments made by type and
# name, so a new one cannot be forgotten: an argument without example fails.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('tenants');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nmax_prepared_transactions = 5\nrde.base_url = 'https://reports.example'\n");
$node->start;
$node->safe_psql('postgres', <<'SQL');
SET client_min_messages = error;
CREATE EXTENSION rde;
CREATE ROLE shop_owner;
CREATE ROLE t1 LOGIN; CREATE ROLE t2 LOGIN; CREATE ROLE t3 LOGIN;
CREATE ROLE gate LOGIN; CREATE ROLE bi LOGIN; CREATE ROLE nobody LOGIN; CREATE ROLE member LOGIN;
CREATE TABLE sale (id bigint PRIMARY KEY, reseller bigint, day timestamptz, amount numeric, currency text, invoice text, word text);
INSERT INTO sale SELECT n, n % 3 + 1, '2020-01-01 12:00Z', n, 'EUR', 'invoice-of-' || n % 3 + 1, 'word-of-' || n % 3 + 1 FROM generate_series(1, 30) n;
ALTER TABLE sale OWNER TO shop_owner;
CREATE VIEW broken AS SELECT id, reseller, day, 1 / (id - id) AS word FROM sale;
ALTER VIEW broken OWNER TO shop_owner;
SELECT rde_create_dataset('sales', 'Sales'), rde_create_dataset('broken', 'Broken');
SELECT rde_attach('sales', 'sale', 'reseller', 'day', amount => 'amount', currency => 'currency', invoice => 'invoice'),
       rde_attach('broken', 'broken', 'reseller', 'day', key => '{id}');
SELECT rde_grant('gate', 'gateway'), rde_grant('bi', 'reader');
CREATE TABLE token (account bigint, key text, token text);
CREATE FUNCTION make(n bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rde_create_account(n, 'account-of-' || n, role => ('t' || n)::name, max_pending => 1000);
    PERFORM rde_create_view('sales', 'view-of-' || n, format('[{"column":"word","as":"word_of_%s","label":{"en":"label-of-%1$s"}}]', n)::json, n,
        format('[{"column":"word","not_in":["nothing-of-%s"]}]', n)::json);
    PERFORM rde_export('sales', '2020-01-01', '2020-01-01', 'csv', 'view-of-' || n, n, 'report-of-' || n, options => '{"compress": false}');
    PERFORM rde_submit('sales', '2020-01-01', '2020-01-01', 'csv', 'full', n, 'later-of-' || n);
    PERFORM rde_build(rde_submit('broken', '2020-01-01', '2020-01-01', 'csv', 'full', n, 'broken-of-' || n));
    PERFORM rde_create_generator('sales', 'daily-of-' || n, '{csv}', 'daily', reseller => n, start => current_date - 2);
    PERFORM rde_create_generator('sales', 'manual-of-' || n, '{csv}', 'manual', reseller => n);
    INSERT INTO token SELECT n, t.* FROM rde_create_token(n, 'token-of-' || n) t;
END
$$;
SELECT make(n) FROM generate_series(1, 3) n;
SET TimeZone = 'UTC';
CALL rde_run_due(3);
GRANT t2 TO member;
SQL

# What is each one's: text that nobody else may be shown.
my %secret;
for my $n (1 .. 3)
{
	$secret{$n} = [ "of-$n\\b", "of_$n\\b", split /\n/, $node->safe_psql('postgres', qq{
		SELECT id::text FROM _rde_report WHERE reseller = $n UNION ALL SELECT id::text FROM _rde_generator WHERE reseller = $n
		UNION ALL SELECT id::text FROM _rde_token WHERE account = $n UNION ALL SELECT subscription_key FROM _rde_token WHERE account = $n
		UNION ALL SELECT encode(sha256, 'hex') FROM _rde_report WHERE name = 'report-of-$n'}) ];
}

# What of others a text holds.
sub leaks
{
	my ($text, @others) = @_;
	return join ' ', map { my $other = $_; map { $text =~ /($_)/ ? $1 : () } @{ $secret{$other} } } @others;
}

# Rows of others, to see whether they change.
sub state_of
{
	my (@others) = @_;
	my $list = join ',', @others;
	return $node->safe_psql('postgres', join ' UNION ALL ', map { "SELECT '$_->[0]', md5(string_agg(x::text, '' ORDER BY x::text)) FROM $_->[0] x WHERE $_->[1]" }
		  [ '_rde_report', "reseller IN ($list)" ], [ '_rde_generator', "reseller IN ($list)" ], [ '_rde_account', "id IN ($list)" ],
		[ '_rde_view', "reseller IN ($list)" ], [ '_rde_view_column', "view IN (SELECT id FROM _rde_view WHERE reseller IN ($list))" ],
		[ '_rde_view_condition', "view IN (SELECT id FROM _rde_view WHERE reseller IN ($list))" ],
		[ '_rde_report_chunk', "report IN (SELECT id FROM _rde_report WHERE reseller IN ($list))" ], [ '_rde_token', "account IN ($list)" ],
		[ '_rde_privilege', 'true' ], [ '_rde_source', 'true' ], [ '_rde_signing_key', 'true' ], [ '_rde_dataset', 'true' ]);
}

sub run
{
	my ($user, $sql, %env) = @_;
	my $output = '';
	local %ENV = (%ENV, %env);
	my $input = PostgreSQL::Test::Utils::tempdir . '/input.sql';
	PostgreSQL::Test::Utils::append_to_file($input, $sql);
	IPC::Run::run([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $node->connstr('postgres'), '-U', $user ], '<', $input, '>', \$output, '2>&1');
	unlink $input;
	return $output;
}

my @views = split /\n/, $node->safe_psql('postgres', q{
	SELECT c.relname FROM pg_depend d JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid AND c.relkind IN ('v', 'r')
	WHERE d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'rde') ORDER BY 1});
my @functions = map { my @f = split /\|/; { name => $f[0], kind => $f[1], arguments => [ map { [ split /:/ ] } split /,/, $f[2] // '' ] } } split /\n/, $node->safe_psql('postgres', q{
	SELECT p.proname, p.prokind, (SELECT string_agg(coalesce(p.proargnames[n], '') || ':' || format_type(p.proargtypes[n - 1], NULL), ',' ORDER BY n)
								  FROM generate_series(1, p.pronargs) n)
	FROM pg_depend d JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
	WHERE d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'rde')
	  AND p.prorettype <> 'trigger'::regtype ORDER BY 1});
cmp_ok(@views, '>', 25, scalar(@views) . ' tables and views');
cmp_ok(@functions, '>', 100, scalar(@functions) . ' functions');

# Look at every view: plainly, through a function that tells, and by EXPLAIN.
my $tell = q{CREATE FUNCTION pg_temp.tell(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS 'BEGIN RAISE WARNING ''told: %'', $1; RETURN true; END';
CREATE OPERATOR pg_temp.<<< (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_catalog.texteq);
};
sub look
{
	return join '', map { my $v = $_;
		("SELECT x FROM $v x;\n", "SELECT count(*) FROM $v x WHERE pg_temp.tell(x::text);\n",
			"SELECT 1 FROM $v x WHERE ('leak ' || x::text)::int = 1;\n", "EXPLAIN (ANALYZE, VERBOSE, TIMING off) SELECT x FROM $v x;\n") } @views;
}

# Call every function with what is another's.
sub examples
{
	my ($name, $type, $other) = @_;
	my @uuids = map { "'$_'" } grep { /^[0-9a-f]{8}-/ } @{ $secret{$other} };

	return @uuids if $type eq 'uuid';
	return ($other) if $type eq 'bigint' || $type eq 'numeric';
	return ("'{$other}'") if $type eq 'bigint[]';
	return ("'sales'") if $name =~ /^(dataset|title)$/;
	return ("'csv'") if $name eq 'format';
	return ("'{csv}'") if $name eq 'formats';
	return ("'view-of-$other'") if $name eq 'view';
	return ("'t$other'") if $name eq 'role';
	return ("'daily'") if $name eq 'event';
	return ("'2020-01-01'") if $type eq 'date' || $type =~ /^timestamp/;
	return ("'sale'") if $type eq 'regclass';
	return (q{'[{"column":"word"}]'}) if $name eq 'columns' && $type eq 'json';
	return (q{'[{"column":"word","in":["x"]}]'}) if $name eq 'conditions';
	return (qq{'{"name": "n", "dataset": "sales", "startDate": "2020-01-01T00:00:00Z", "customizationName": "view-of-$other"}'}) if $type eq 'json';
	return (q{'{}'}) if $type =~ /^jsonb$|\[\]$/;
	return ("'report-of-$other'") if $type eq 'text' || $type eq 'name';
	return (0) if $type eq 'integer';
	return ('true') if $type eq 'boolean';
	return ("'1 day'") if $type eq 'interval';
	return ("'00:00'") if $type eq 'time without time zone';
	return ("'\\x00'") if $type eq 'bytea';
	return ("'pg_class'::regclass") if $type eq 'oid';
	return ('NULL') if $type =~ /^_?rde_|^pg_snapshot$|^regprocedure$|^xid8$|^record$/;
	return;
}

my @without_example;
sub calls
{
	my ($other) = @_;
	my @calls;
	for my $f (@functions)
	{
		my @lists = ([]);
		for my $argument (@{ $f->{arguments} })
		{
			my ($name, $type) = @$argument;
			my @examples = examples($name, $type, $other) or push @without_example, "$f->{name}($name $type)";
			@lists = map { my $list = $_; map { [ @$list, $_ ] } @examples } @lists;
		}
		push @calls, map { [ $f->{name}, ($f->{kind} eq 'p' ? 'CALL ' : 'SELECT x.* FROM ') . "$f->{name}(" . join(', ', @$_) . ')' . ($f->{kind} eq 'p' ? '' : ' x') . ";\n" ] } @lists;
	}
	return @calls;
}

# That the marks can be seen at all, in each view that has rows of resellers, and
# that the calls do something for who may: as a superuser.
my $all = run('postgres' eq getpwuid($>) ? 'postgres' : getpwuid($>), $tell . look());
isnt(leaks($all, $_), '', "an administrator sees reseller $_") for 1 .. 3;
for my $view (qw(rde_reports rde_accounts rde_generators rde_periods rde_tokens rde_view_columns rde_view_conditions))
{
	like($node->safe_psql('postgres', "SELECT x FROM $view x"), qr/of.2\b/, "as in $view");
}

my %mine = map { my $n = $_; $n => [ grep { $_ != $n } 1 .. 3 ] } 1 .. 3;
my ($key, $token) = split /\|/, $node->safe_psql('postgres', 'SELECT key, token FROM token WHERE account = 1');
my $login = "SELECT rde_login('$key', sha256('$token')) \\gset\n";
my $own = "SELECT name FROM rde_reports WHERE name = 'report-of-1';\n";

# Looking, by every trick.
$node->safe_psql('postgres', q{ALTER ROLE t3 SET search_path = pg_temp, public; ALTER ROLE t3 SET force_parallel_mode = on; ALTER ROLE t3 SET row_security = off})
  if $node->pg_version < 16;
my $forge = '-c rde.account=2 -c rde.login=2 -c rde.role=t2 -c rde.whoami=admin -c rde.retention=1s';
my @tricks = (
	[ 'its role', 't1', $tell . look() . $own ],
	[ 'forged settings before the library is loaded', 't1', "SET rde.token = 't2'; SET rde.visible_accounts = '{1,2,3}'; SET rde.admin = on;\n" . $tell . look() . $own, PGOPTIONS => $forge ],
	[ 'parallel plans', 't1', $tell . look() . $own, PGOPTIONS => $node->pg_version < 16 ? '-c force_parallel_mode=on' : '-c debug_parallel_query=on' ],
	[ 'other plans', 't1', $tell . look() . $own, PGOPTIONS => '-c enable_material=off -c enable_nestloop=off -c enable_hashjoin=off -c from_collapse_limit=1 -c enable_seqscan=off -c jit=off' ],
	[ 'a token', 'gate', "BEGIN;\n$login" . $own . "COMMIT;\n" . join('', map { "BEGIN;\n$login$_\nCOMMIT;\n" } split /(?<=;)\n/, look()) ],
	[ 'a token, in parallel plans', 'gate', "BEGIN;\n$login" . $own . "COMMIT;\n" . join('', map { "BEGIN;\n$login$_\nCOMMIT;\n" } split /(?<=;)\n/, look()),
		PGOPTIONS => $node->pg_version < 16 ? '-c force_parallel_mode=on' : '-c debug_parallel_query=on' ]);
for my $trick (@tricks)
{
	my ($what, $user, $sql, %env) = @$trick;
	my $output = run($user, $sql, %env);
	is(leaks($output, 2, 3), '', "$what: nobody else's is seen");
	like($output, qr/^report-of-1$/m, 'but its own');
}
# a superuser's session that turns into theirs, with plans it kept
{
	my $prepare = join '', map { "PREPARE p_$_ AS SELECT x FROM $_ x;\n" } @views;
	my $execute = join '', map { "EXECUTE p_$_;\n" } @views;
	my $superuser = getpwuid $>;
	my $output = run($superuser, "$prepare\\o /dev/null\n" . $execute x 7 . "SET ROLE t2;\n" . $execute x 2 . "\\o\nSET ROLE t1;\n$execute$own");
	is(leaks($output, 2, 3), '', 'plans kept across SET ROLE: nobody else\'s is seen');
	like($output, qr/^report-of-1$/m, 'but its own');
	# a token stands above the role, and is gone with its transaction
	$output = run($superuser, "$prepare\\o /dev/null\n" . $execute x 7 . "\\o\nBEGIN;\n$login" . join('', map { "SAVEPOINT s;\nEXECUTE p_$_;\nROLLBACK TO s;\n" }
		grep { /^rde_(reports|report_totals|datasets|view_columns|view_conditions|accounts|generators|periods|tokens|progress|health|invoice_watches|signing_keys)$/ } @views) . "${own}COMMIT;\n");
	is(leaks($output, 2, 3), '', 'an administrator logged in as one: nobody else\'s is seen');
	like($output, qr/^report-of-1$/m, 'but its own');
}

# Who is nobody sees nothing at all, and who is a gateway no more; a member of an
# account's role is not the account.
for my $user (qw(nobody gate member))
{
	my $output = run($user, $tell . look());
	is(leaks($output, 1 .. 3), '', "$user sees nothing");
	my @rows = grep { !/^psql|^(LOCATION|ERROR|HINT|WARNING|NOTICE|DETAIL|CONTEXT|LINE)|^ *\^|^0$|->|^ *(Output|Filter|Planning|Execution|Join|One-Time|Rows|Group|Sort|Hash|Function|InitPlan|SubPlan|Index|Heap|Buckets|Inner|Merge|Cache|Storage|Disabled|Recheck|CTE|Buffers|Bitmap|Workers)|\(cost=|^SQL|^PL|^$/ } split /\n/, $output;
	is(join("\n", @rows), '', 'not a row');
	my $called = run($user, join('', map { $_->[1] } calls(2)));
	my $said = $called =~ s/^(ERROR|HINT|LINE|CONTEXT|DETAIL).*\n//mgr;
	is(leaks($said, 1 .. 3), '', 'nor by any function') or diag($said);
}
is("@without_example", '', 'there are examples of all arguments');

# The reader of manifests: no links, no files.
{
	my $output = run('bi', $tell . look());
	like($output, qr/report-of-2/, 'a reader sees manifests');
	unlike($output, qr/sig=|reports\.example/, 'no links');
	unlike($output, qr/word-of/, 'no rows');
	unlike($output, qr/shop_owner|division by zero/, 'no sources, nor what they say');
	is($node->safe_psql('postgres', 'SELECT count(*), count(download_url) FROM rde_reports', extra_params => [ '-U', 'bi' ]),
		$node->safe_psql('postgres', 'SELECT count(*), 0 FROM rde_reports'), 'of all');
	unlike($node->safe_psql('postgres', q{SELECT rde_list_reports(current_date - 1, current_date + 1, detail => true)}, extra_params => [ '-U', 'bi' ]), qr/sig=/, 'nor in a list');
	my $called = run('bi', join('', map { $_->[1] } calls(2)));
	unlike($called, qr/word-of-2/, 'nor by any function');
	unlike($called, qr/sig=/, 'no links');
}

# Calling every function with everything of others: an error that says no more
# than one about what nobody has, and nothing of theirs changes.
for my $n (1, 3)
{
	my $before = state_of(@{ $mine{$n} });
	for my $other (@{ $mine{$n} })
	{
		my @calls = calls($other);
		my $output = '';
		my (@answered, %refused);
		# the answer to each call by itself
		my $sql = join '', map { "\\echo <$_>\n\\warn <$_>\n$calls[$_][1]" } 0 .. $#calls;
		$output = run("t$n", $sql);
		# what one says may be repeated to him
		my @parts = split /^<\d+>\n/m, $output;
		for my $part (@parts)
		{
			my $said = $part =~ s/^LINE .*\n.*\n//mgr;
			my $given = join '|', map { quotemeta } "report-of-$other", "view-of-$other", grep { /^[0-9a-f]{8}-/ } @{ $secret{$other} };
			$said =~ s/^ERROR:.*\n//mg;
			push @answered, $said if leaks($said =~ s/$given//gr, $other);
		}
		is("@answered", '', scalar(@calls) . " calls by $n with what is ${other}'s are told nothing");
		unlike($output, qr/word-of-$other/, 'not a byte');
	}
	is(state_of(@{ $mine{$n} }), $before, 'and nothing of theirs changed');
}
# the errors about another's and about nobody's are one
{
	my @ids = grep { /^[0-9a-f]{8}-/ } @{ $secret{2} };
	my $unknown = '00000000-0000-4000-8000-000000000000';
	for my $f (grep { $_->{name} =~ /^rde_/ } @functions)
	{
		next unless grep { $_->[1] eq 'uuid' } @{ $f->{arguments} };
		my $call = sub {
			my ($id) = @_;
			my @values = map { $_->[1] eq 'uuid' ? "'$id'" : (examples(@$_, 1))[0] } @{ $f->{arguments} };
			return run('t1', "SELECT x.* FROM $f->{name}(" . join(', ', @values) . ') x;') =~ s/\Q$id\E/<id>/gr;
		};
		my %answers = map { $call->($_) => 1 } @ids[ 0, 3, $#ids ], $unknown;
		is(scalar(keys %answers), 1, "$f->{name}: another's is as unknown as nobody's") or diag(join "\n", keys %answers);
	}
}

#
# S7: a login lasts for one transaction.
#
sub accounts
{
	my ($sql) = @_;
	my $who = "SELECT coalesce(account::text, scope) FROM rde_whoami();\n";
	return join ' ', split /\n/, run('gate', $sql =~ s/\?/$who/gr) =~ s/^ERROR:  (\w{5}): .*$/$1/mgr =~ s/^(HINT|LOCATION|DETAIL|NOTICE).*\n//mgr;
}
is(accounts("? BEGIN;\n$login ? COMMIT; ?"), 'gateway 1 gateway', 'until it commits');
is(accounts("BEGIN;\n$login ? ROLLBACK; ?"), '1 gateway', 'or is rolled back');
is(accounts("BEGIN;\n$login ? SELECT 1/0;\nROLLBACK; ?"), '1 22012 gateway', 'or fails');
is(accounts("BEGIN;\n$login ? PREPARE TRANSACTION 'p'; ? COMMIT PREPARED 'p'; ?"), '1 gateway gateway', 'or is prepared');
is(accounts("$login ?"), 'gateway', 'a statement by itself is a transaction');
is(accounts("BEGIN;\nSAVEPOINT s;\n$login ? ROLLBACK TO s; ? COMMIT;"), '1 gateway', 'undone with its savepoint');
is(accounts("BEGIN;\nSAVEPOINT s;\n$login RELEASE s; ? SAVEPOINT t; ? ROLLBACK TO t; ? COMMIT; ?"), '1 1 1 gateway', 'kept with it');
is(accounts("BEGIN;\nSAVEPOINT s;\nSAVEPOINT t;\n$login RELEASE t; ? ROLLBACK TO s; ? COMMIT;"), '1 gateway', 'or undone with the one around it');
is(accounts("BEGIN;\n$login SAVEPOINT s;\n$login ROLLBACK TO s; ? COMMIT;"), '25001 1', 'a second login is an error');
is(accounts("BEGIN;\nSAVEPOINT s;\n$login ROLLBACK TO s;\n$login ? COMMIT;"), '1', 'not after one that was undone');
is(accounts("SELECT rde_login('$key', sha256('x'));\nSELECT rde_login('$key', '\\x');\nSELECT rde_login('x', sha256('$token'));\nSELECT rde_login(NULL, sha256('$token'));\n?"), '28000 28000 28000 28000 gateway', 'refused');
is(run('t2', "SELECT rde_login('$key', sha256('$token'));") =~ /42501/ ? 'no' : 'yes', 'no', 'and only a gateway may');
is($node->safe_psql('postgres', q{UPDATE _rde_token SET expires_at = now() - interval '1 s' WHERE account = 1}) . accounts($login =~ s/ \\gset/;/r), '28000', 'expired');

# The role map is by equality with the outermost caller.
$node->safe_psql('postgres', q{
	CREATE FUNCTION as_t2() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user || '' '' || coalesce(account::text, scope) FROM rde_whoami()';
	ALTER FUNCTION as_t2() OWNER TO t2;
	CREATE VIEW t2_reports AS SELECT * FROM rde_reports; ALTER VIEW t2_reports OWNER TO t2; GRANT SELECT ON t2_reports TO PUBLIC});
my $who = 'SELECT coalesce(account::text, scope) FROM rde_whoami();';
is(run('t1', "SELECT as_t2();"), "t2 nobody\n", 'a definer function of another\'s shows nothing, for he would see it');
is(run('t1', 'SELECT count(*) FROM t2_reports WHERE reseller <> 1;'), "0\n", 'so does a view');
is(run('nobody', "SELECT as_t2();"), "t2 nobody\n", 'or nothing');
is(run('member', "$who SET ROLE t2; $who RESET ROLE; $who"), "nobody\n2\nnobody\n", 'a member is the account only by SET ROLE');
$node->safe_psql('postgres', 'GRANT bi, gate TO t1');
is(run('t1', $who), "1\n", 'an account\'s role is one whatever it is a member of');

done_testing();

# trust_secrets.pl
#
# Links are signed as openssl says they must be, and whatever is wrong with one is
# refused alike (S8).  Tokens, signatures and keys are in no log, however much is
# logged, no activity, dump, error or setting (S9); whoever monitors sees none (T8).

use strict;
use warnings;
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('secrets');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
fsync = off
shared_preload_libraries = 'auto_explain'
log_statement = all
log_min_duration_statement = 0
log_parameter_max_length = -1
log_parameter_max_length_on_error = -1
log_error_verbosity = verbose
log_min_messages = debug1
auto_explain.log_min_duration = 0
auto_explain.log_nested_statements = on
auto_explain.log_verbose = on
auto_explain.log_analyze = on
rde.base_url = 'https://reports.example/base/'
CONF
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION rde;
CREATE ROLE shop_owner;
CREATE ROLE gate LOGIN;
-- a verbose plan shows what a function was called with
ALTER ROLE gate SET auto_explain.log_min_duration = -1;
CREATE ROLE seven LOGIN;
CREATE TABLE sale (id bigint PRIMARY KEY, reseller bigint, day timestamptz);
INSERT INTO sale VALUES (1, 7, '2020-01-01 12:00Z');
ALTER TABLE sale OWNER TO shop_owner;
SELECT rde_create_dataset('sales', 'Sales'), rde_create_account(7, 'Seven', role => 'seven'), rde_grant('gate', 'gateway');
SELECT rde_attach('sales', 'sale', 'reseller', 'day');
SELECT rde_export('sales', '2020-01-01', '2020-01-01', 'csv', reseller => 7, name => 'a+b %');
SELECT rde_export('sales', '2020-01-01', '2020-01-01', 'xlsx', reseller => 7, name => 'other');
SQL

# What is read is not in this test's own log either.
sub secretly
{
	my ($sql, $user) = @_;
	my $out = '';
	IPC::Run::run([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-U', $user // scalar getpwuid($>), '-c', $sql ], '>', \$out) or die $sql;
	chomp $out;
	return $out;
}

# What somebody is told who asks for it, errors too.
sub run_as
{
	my ($user, $sql) = @_;
	my ($code, $out, $err) = $node->psql('postgres', $sql, extra_params => [ '-U', $user ]);
	return $out . $err;
}

my $id = secretly(q{SELECT id FROM rde_reports WHERE name = 'a+b %'});
my $other_id = secretly(q{SELECT id FROM rde_reports WHERE name = 'other'});

# A link's fields, in order, and its path.
sub parts
{
	my ($url) = @_;
	my $decode = sub { $_[0] =~ s/%([0-9A-F]{2})/chr hex $1/ger };
	my ($report, $file, $query) = $url =~ m{^https://reports\.example/base/reports/([^/]+)/([^/?]+)\?(.+)$} or die $url;
	my @fields = map { /^(\w+)=(.*)$/; [ $1, $decode->($2) ] } split /&/, $query;
	return { report => $report, file_name => $decode->($file), map { @$_ } @fields };
}

sub link_of { return parts(secretly("SELECT rde_download_url('$_[0]')")) }

#
# S8
#
my $link = link_of($id);
is(join(' ', sort keys %$link), 'file_name kid report se sig sp sr st sv', 'the fields of a link');
like($link->{file_name}, qr/^a_b__\.$id\./, 'its file');

# The string that is signed, each field after its length, signed by openssl.
sub openssl
{
	my ($l, $key) = @_;
	my $string = join '', map { pack('N', length) . $_ } 'rde link 1', @$l{qw(report file_name sv st se sp sr kid)};
	my $file = PostgreSQL::Test::Utils::tempdir . '/string';
	PostgreSQL::Test::Utils::append_to_file($file, $string);
	my $signature = `openssl dgst -sha256 -mac HMAC -macopt hexkey:$key -binary $file`;
	unlink $file;
	return encode_base64($signature, '');
}
sub key_of { my ($kid) = $_[0]->{kid} =~ /^(\w+)\./; return secretly("SELECT encode(secret, 'hex') FROM _rde_signing_key WHERE kid = '$kid'") }

is($link->{sig}, openssl($link, key_of($link)), 'signed as openssl signs');
is(link_of($other_id)->{sig}, openssl(link_of($other_id), key_of($link)), 'so is another');
my $first_key = key_of($link);
is(length $first_key, 64, 'with a key of 256 bits');

# Redeem by the extended protocol, as a gateway does; 'a+b %' or the error.
my $scratch = PostgreSQL::Test::Utils::tempdir;
PostgreSQL::Test::Utils::append_to_file("$scratch/redeem",
	"SELECT name FROM rde_redeem(:report::uuid, :file_name, :sv, :st, :se, :sp, :sr, :kid, :sig) \\gset got_\n");
PostgreSQL::Test::Utils::append_to_file("$scratch/login", "SELECT rde_login(:key, decode(:hash, 'hex'));\n\\sleep 3 s\n");
my @pgbench = ('pgbench', '-n', '-t', '1', '-M', 'extended', '-h', $node->host, '-p', $node->port, '-U', 'gate');
sub redeem
{
	my ($l) = @_;
	my ($out, $err) = run_command([ @pgbench, (map { ('-D', "$_=$l->{$_}") } sort keys %$l), '-f', "$scratch/redeem", 'postgres' ]);
	return $1 if $err =~ /ERROR:  (.*)/;
	return $out =~ /actually processed: 1/ ? 'opened' : "$out$err";
}
is(redeem($link), 'opened', 'it opens the file');
my %later = (%$link, se => '2099-01-01T00:00:00Z');
is(redeem({ %later, sig => openssl(\%later, $first_key) }), 'opened', 'whoever has the key can sign: the end is that of the link');
my %wrong = (
	'another report' => { %$link, report => $other_id },
	'another\'s link for it' => { %{ link_of($other_id) }, report => $id },
	'another file name' => { %$link, file_name => 'x' },
	'another version' => { %$link, sv => '2026-11-02' },
	'an earlier beginning' => { %$link, st => '2020-01-01T00:00:00Z' },
	'a later end' => \%later,
	'more permissions' => { %$link, sp => 'rwd' },
	'another resource' => { %$link, sr => 'c' },
	'another key' => { %$link, kid => 'x' . substr($link->{kid}, 1) },
	'no key' => { %$link, kid => '0' },
	'another link number' => { %$link, kid => $link->{kid} =~ s/\.0$/.1/r },
	'another signature' => { %$link, sig => openssl($link, '00' x 32) },
	'half a signature' => { %$link, sig => substr($link->{sig}, 0, 20) },
	'no signature' => { %$link, sig => ' ' },
	'hex' => { %$link, sig => unpack 'H*', decode_base64($link->{sig}) },
	'fields moved' => { %$link, sp => "r$link->{sr}", sr => ' ' },
	# signed with the right key, and yet not ours
	'signed, but to write' => do { my %l = (%$link, sp => 'rw'); +{ %l, sig => openssl(\%l, $first_key) } },
	'signed, but over' => do { my %l = (%$link, se => '2020-01-02T00:00:00Z'); +{ %l, sig => openssl(\%l, $first_key) } },
	'signed, but not begun' => do { my %l = (%$link, st => '2090-01-01T00:00:00Z'); +{ %l, sig => openssl(\%l, $first_key) } },
	'signed, but no time' => do { my %l = (%$link, se => 'infinity'); +{ %l, sig => openssl(\%l, $first_key) } },
	'signed, but of nothing' => do { my %l = (%$link, report => '00000000-0000-4000-8000-000000000000'); +{ %l, sig => openssl(\%l, $first_key) } });
my %answers;
push @{ $answers{ redeem($wrong{$_}) } }, $_ for sort keys %wrong;
is_deeply([ keys %answers ], ['the link is not valid'], scalar(keys %wrong) . ' wrong links get one answer') or diag explain \%answers;
# another spelling of the same 256 bits is another link
{
	my $spelling = $link->{sig};
	substr($spelling, 42, 1) =~ tr/A-Za-z0-9+/B-Za-z0-9+\//;
	is(decode_base64($spelling), decode_base64($link->{sig}), 'bits that count for nothing') if decode_base64($spelling) eq decode_base64($link->{sig});
	is(redeem({ %$link, sig => $spelling }), 'the link is not valid', 'another spelling of the signature');
}
# two live keys; revocation of one, of the links of a report
secretly('SELECT rde_rotate_signing_key()');
my $second = link_of($id);
isnt(key_of($second), $first_key, 'a new key signs');
is($second->{sig}, openssl($second, key_of($second)), 'as openssl does');
is(redeem($_), 'opened', 'links of both hold') for $link, $second;
secretly("SELECT rde_revoke_links('$id')");
is(redeem($_), 'the link is not valid', 'until they are revoked') for $link, $second;
my $third = link_of($id);
is(redeem($third), 'opened', 'the next one holds');
secretly("SELECT rde_revoke_signing_key('@{[ $third->{kid} =~ /^(\w+)/ ]}')");
is(redeem($third), 'the link is not valid', 'until its key is revoked');
my $fourth = link_of($id);
is(key_of($fourth), $first_key, 'then the one before signs');
is(redeem($fourth), 'opened', 'and holds');
secretly("SELECT rde_revoke_signing_key(kid) FROM rde_signing_keys WHERE revoked_at IS NULL");
my $fifth = link_of($id);
is(redeem($fifth), 'opened', 'the last key that is revoked makes a new one');
is(redeem($fourth), 'the link is not valid', 'for new links');

#
# S9
#
my ($key, $token) = split /\|/, secretly(q{SELECT * FROM rde_create_token(NULL, 'program')}, 'seven');
my ($key2, $token2) = split /\|/, secretly(q{SELECT * FROM rde_create_token(7, 'by the DBA')});
my $hash = secretly(q{SELECT encode(token_sha256, 'hex') FROM _rde_token WHERE name = 'program'});
# the gateway's login, whose session idles a while; and some that fail
my ($out, $err) = ('', '');
my $session = IPC::Run::start([ @pgbench, '-D', "key=$key", '-D', "hash=$hash", '-f', "$scratch/login", 'postgres' ], '>', \$out, '2>', \$err);
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE usename = 'gate' AND query ~ 'rde_login' AND state = 'idle'}) or die;
my $activity = secretly('SELECT string_agg(a::text, \' \') FROM pg_stat_activity a');
$session->finish;
is($session->result(0), 0, 'a login') or diag($err);
my $errors = $err;
for my $wrong ([ $key, 'ff' x 32 ], [ 'x', $hash ], [ $key, '00' ])
{
	my ($o, $e) = run_command([ @pgbench, '-D', "key=$wrong->[0]", '-D', "hash=$wrong->[1]", '-f', "$scratch/login", 'postgres' ]);
	like($e, qr/subscription key or token is not valid/, 'and one that fails');
	$errors .= $e;
}
secretly("SELECT count(*), string_agg(download_url, ' ') FROM rde_reports");
secretly('SELECT rde_list_reports(current_date, current_date), rde_list_reports(current_date, current_date, detail => true)', 'seven');
secretly(q{SELECT rde_request_report('{"name": "n", "dataset": "sales", "startDate": "2020-01-01T00:00:00Z", "endDate": "2020-01-02T00:00:00Z"}', 'k')}, 'seven');
secretly('SELECT rde_revoke_token(id) FROM rde_tokens', 'seven');

my %secret = (token => $token, 'another token' => $token2, map { ("key of $_->{kid}" => key_of($_), "signature of $_->{kid}" => $_->{sig}) } $link, $second, $third, $fourth, $fifth);
$secret{'signature in a list'} = parts($_)->{sig} for secretly("SELECT download_url FROM rde_reports WHERE id = '$other_id'");
my ($dump) = run_command([ 'pg_dump', '-d', $node->connstr('postgres') ]);
my $settings = secretly('SELECT string_agg(s::text, \' \') FROM pg_settings s') . secretly('SELECT string_agg(s::text, \' \') FROM pg_db_role_setting s');
my %place = (log => slurp_file($node->logfile), activity => $activity, dump => $dump, errors => $errors, settings => $settings);
for my $where (sort keys %place)
{
	cmp_ok(length $place{$where}, '>', 100, "there are $where");
	my @found = grep { my $bytes = $secret{$_} =~ /^[0-9a-f]{64}$/ ? pack('H*', $secret{$_}) : decode_base64($secret{$_});
		my $hex = unpack 'H*', $bytes; my $base64 = encode_base64($bytes, '');
		$place{$where} =~ /\Q$hex\E|\Q$base64\E|\Q$bytes\E/ } sort keys %secret;
	for my $what (@found)
	{
		my ($line) = $place{$where} =~ /^(.*\Q$secret{$what}\E.*)$/m;
		diag("$what: " . substr($line // 'in another form', 0, 500));
	}
	is("@found", '', "none of " . scalar(keys %secret) . " secrets is in $where");
}
# that the search can find: what is written down, is there
like($place{log}, qr/rde_create_token\(NULL, 'program'\)/, 'the log holds what was called');
like($place{log}, qr/rde_redeem\(\$1::uuid, \$2/, 'and that links were redeemed');
like($place{log}, qr/INSERT INTO public\._rde_token/, 'down to the statements within');
like($place{activity}, qr/rde_login\(\$1/, 'activity the login');
like($place{dump}, qr/\Q$hash\E/, 'a dump a token\'s hash');
unlike($place{dump}, qr/COPY public\._rde_signing_key/, 'and no keys');
is(secretly(q{SELECT string_agg(unnest, ' ' ORDER BY unnest) FILTER (WHERE unnest !~ 'explain') FROM pg_db_role_setting s, unnest(s.setconfig) WHERE s.setrole = 'gate'::regrole}),
	'log_parameter_max_length=0 log_parameter_max_length_on_error=0', 'parameters of a gateway are not logged');
secretly(q{SELECT rde_revoke('gate', 'gateway')});
is(secretly(q{SELECT count(*) FROM pg_db_role_setting s WHERE s.setrole = 'gate'::regrole AND s.setdatabase <> 0}), 0, 'once it is none, they are');

#
# T8
#
# Whoever monitors sees the statements of others, and no statement that makes a secret
# is given one.
is(secretly(q{SELECT string_agg(proname || '(' || pg_get_function_identity_arguments(oid) || ')', ' ' ORDER BY proname)
	FROM pg_proc WHERE proname ~ '^rde_(rotate|revoke)_signing_key$'}), 'rde_revoke_signing_key(kid text) rde_rotate_signing_key()', 'keys are made, not given');
secretly('CREATE ROLE watcher LOGIN; GRANT pg_monitor TO watcher');
my $holder = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SELECT rde_rotate_signing_key(), pg_sleep(60)' ], '>', \my $made, '2>', \my $ended);
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query ~ 'rotate' AND wait_event = 'PgSleep'}) or die;
my $watched = secretly(q{SELECT string_agg(a::text, ' ') FROM pg_stat_activity a}, 'watcher');
like($watched, qr/rde_rotate_signing_key/, 'who monitors sees that one is made');
secretly(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'});
$holder->finish;
my @shown = grep { my $hex = unpack 'H*', decode_base64($_); $watched =~ /\Q$hex\E/ } values %secret;
is("@shown", '', 'and not what it is');
like(run_as('watcher', 'SELECT secret FROM _rde_signing_key'), qr/permission denied/, 'nor may he look');

# A publication of all tables, of the schema or of a table sends them: that is told.
for my $published ('ALL TABLES', 'TABLES IN SCHEMA public', 'TABLE _rde_token', 'TABLE sale')
{
	secretly("CREATE PUBLICATION sent FOR $published");
	is(secretly(q{SELECT coalesce(string_agg(object, ' '), 'none') FROM rde_health WHERE finding = 'secrets_published'}),
		$published eq 'TABLE sale' ? 'none' : 'sent', "a publication FOR $published");
	secretly('DROP PUBLICATION sent');
}

done_testing();

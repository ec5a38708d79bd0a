# gateway_tokens.pl
#
# POST /token: a signed token for one that is shown by HTTP Basic, as clients of the
# original ask for it.  It is taken wherever a token is, says nothing but what it was
# signed for, and ends with its time, the token it was made of, or the key that
# signed it; on a standby too.

use strict;
use warnings;
use Digest::SHA qw(hmac_sha256);
use JSON::PP;
use MIME::Base64 qw(encode_base64 encode_base64url decode_base64url);
use PostgreSQL::Test::Utils;
use RdeGateway;
use Test::More;

plan skip_all => 'the gateway was not built' unless gateway_program();

my ($node, $tokens) = new_shop('tokens', "wal_level = replica\nmax_wal_senders = 4\nlog_statement = all\nlog_parameter_max_length = -1\n");
my $gateway = start_gateway($node);
my $list = 'GET /reports?from=2020-01-01&to=2100-01-01';

sub issue
{
	my ($key, $name, $token, $where) = @_;
	my $reply = ask($where // $gateway, 'POST /token', [ 'X-Subscription-Key' => $key, Authorization => 'Basic ' . encode_base64("$name:$token", '') ], '{"marketplace": "us"}');
	return { %$reply, json => eval { decode_json($reply->{body}) } // {} };
}

sub with
{
	my ($key, $token, $where) = @_;
	return ask($where // $gateway, $list, [ login_headers([ $key, $token ]) ])->{status};
}

sub sql
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

my ($key, $token) = @{ $tokens->{1} };
my $reply = issue($key, 'test', $token);
is("$reply->{status} $reply->{json}{expiresInSeconds}", '200 1500', 'a signed token') or diag($reply->{body});
is($reply->{headers}{'cache-control'}, 'private, no-store', 'to be stored nowhere');
my $signed = $reply->{json}{token};
my ($header, $claims, $signature) = split /\./, $signed;
is_deeply([ sort keys %{ decode_json(decode_base64url($header)) } ], [ qw(alg kid typ) ], 'with a header');
is(decode_json(decode_base64url($header))->{alg}, 'HS256', 'of one algorithm');
my $said = decode_json(decode_base64url($claims));
is($said->{sub}, 1, 'says whose it is');
is($said->{tid}, sql(q{SELECT id FROM rde_tokens WHERE account = 1}), 'which it was made of');
is($said->{exp} - $said->{iat}, 1500, 'and for how long');

is(with($key, $signed), 200, 'it is taken for a token');
my $mine = ask($gateway, 'GET /account', [ login_headers([ $key, $signed ]) ]);
is(decode_json($mine->{body})->{id}, 1, 'of its account');
is(ask($gateway, 'POST /reports', [ login_headers([ $key, $signed ]) ], '{"name": "a", "dataset": "sales", "startDate": "2020-01-01", "endDate": "2020-01-02"}')->{status}, 200, 'for a POST, too');
is(with($tokens->{2}[0], $signed), 401, 'not with another key');

# what is wrong with it is not told, and nothing but what we signed is taken
{
	my $secret = pack 'H*', sql(q{SELECT encode(secret, 'hex') FROM _rde_signing_key});
	my $make = sub {
		my ($h, $c) = @_;
		my $text = encode_base64url($h) . '.' . encode_base64url($c);
		return $text . '.' . encode_base64url(hmac_sha256($text, $secret));
	};
	my ($h, $c) = map { decode_base64url($_) } $header, $claims;
	is($make->($h, $c), $signed, 'its signature is HMAC-SHA256 of the key');
	my $now = time;
	my %wrong = (
		'algorithm none' => encode_base64url('{"alg":"none","typ":"JWT"}') . ".$claims.",
		'none, in our header' => $make->($h =~ s/HS256/none/r, $c),
		'another algorithm' => $make->($h =~ s/HS256/HS512/r, $c),
		'no signature' => "$header.$claims.",
		'no dots' => "$header$claims",
		'two parts' => "$header.$claims",
		'four parts' => "$signed.x",
		'another account' => "$header." . encode_base64url($c =~ s/"sub":"1"/"sub":"2"/r) . ".$signature",
		'another account, signed' => $make->($h, $c =~ s/"sub":"1"/"sub":"2"/r),
		'another token, signed' => $make->($h, $c =~ s/"tid":"[^"]*"/'"tid":"' . sql(q{SELECT id FROM rde_tokens WHERE account = 2}) . '"'/er),
		'no token, signed' => $make->($h, $c =~ s/"tid":"[^"]*"/"tid":"------------------------------------"/r),
		'over' => $make->($h, $c =~ s/"exp":\d+/'"exp":' . ($now - 1)/er),
		'a field more' => $make->($h, $c =~ s/\}$/,"admin":true}/r),
		'a blank' => $make->($h, $c =~ s/,/, /r),
		'a field twice' => $make->($h, $c =~ s/\}$/,"exp":9999999999}/r),
		'a leading zero' => $make->($h, $c =~ s/"iat":/"iat":0/r),
		'a negative account' => $make->($h, $c =~ s/"sub":"1"/"sub":"-1"/r),
		'another order' => $make->('{"typ":"JWT","alg":"HS256","kid":"' . decode_json($h)->{kid} . '"}', $c),
		'no such key' => $make->($h =~ s/"kid":"[^"]*"/"kid":"00000000"/r, $c),
		'padding' => "$header=.$claims.$signature",
		'a last character that says the same' => $signed =~ s/(.)$/my $d = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'; substr($d, index($d, $1) ^ 1, 1)/er,
		'very long' => $make->($h, $c . ' ' x 2500));
	is(with($key, $wrong{$_}), 401, $_) for sort keys %wrong;
	# nor one that was changed anywhere
	sql(q{CREATE FUNCTION is_let_in(key text, token text) RETURNS boolean LANGUAGE plpgsql AS $$
		BEGIN
			RETURN rde_login_signed(key, regexp_replace(token, '\.[^.]*$', ''), sha256(convert_to(regexp_replace(token, '^.*\.', ''), 'UTF8'))) IS NOT NULL;
		EXCEPTION WHEN invalid_authorization_specification THEN
			RETURN false;
		END $$});
	is(sql("SELECT is_let_in('$key', '$signed')"), 't', 'as it is, it lets in');
	is(sql(qq{SELECT count(*) FILTER (WHERE is_let_in('$key', changed)) || ' of ' || (count(*) > 3000)
		FROM generate_series(1, length('$signed')) place, unnest(string_to_array('AQgwBRhx019-_.Zm', NULL)) c,
			overlay('$signed' PLACING c FROM place) changed WHERE changed <> '$signed'}), '0 of true', 'with any byte changed it does not');
}

# who may have one
is(issue($key, 'test', 'x' x 64)->{status}, 401, 'not for another token');
is(issue($key, 'other', $token)->{status}, 401, 'nor by another name');
is(issue($tokens->{2}[0], 'test', $token)->{status}, 401, 'nor with another key');
is(issue($key, 'test', $signed)->{status}, 401, 'nor for a signed one');
is(ask($gateway, 'POST /token', [ login_headers($tokens->{1}) ])->{status}, 401, 'a Bearer token gets none');
is(ask($gateway, 'POST /token', [ 'X-Subscription-Key' => $key, Authorization => "Basic $_" ])->{status}, 401, "nor does \"$_\"")
  for '', 'x', '====', encode_base64('test', ''), encode_base64("test:$token\0", ''), encode_base64('test:', ''), 'A' x 20000;
is(ask($gateway, 'GET /token', [])->{headers}{allow}, 'POST', 'only by POST');
is($node->psql('postgres', "SELECT rde_issue_token('$key', 'test', sha256('$token'))", extra_params => [ '-U', 'shop_owner' ]), 3, 'and only a gateway may')
  if sql('ALTER ROLE shop_owner LOGIN; SELECT 1');
my ($colon_key, $colon) = split /\|/, sql(q{SELECT subscription_key, token FROM rde_create_token(1, 'a:ü:b', interval '100 s')});
my $short = issue($colon_key, "a:\xc3\xbc:b", $colon);
is($short->{status}, 200, 'a name with a colon');
ok($short->{json}{expiresInSeconds} <= 100 && $short->{json}{expiresInSeconds} > 60, 'it holds no longer than the one it was made of');

# A standby knows, too.
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
my $beside = start_gateway($standby);
is(issue($key, 'test', $token, $beside)->{status}, 200, 'a standby gives one');
is(with($key, $signed, $beside), 200, 'and takes one');

# It ends with the token it was made of.
sql(qq{SELECT rde_revoke_token(id) FROM rde_tokens WHERE subscription_key = '$colon_key'});
is(with($colon_key, $short->{json}{token}), 401, 'gone with its token');
$node->wait_for_catchup($standby);
is(with($colon_key, $short->{json}{token}, $beside), 401, 'on a standby, too');
is(with($key, $signed), 200, 'another is not');
# Or the key that signed it.
sql('SELECT rde_revoke_signing_key(kid) FROM rde_signing_keys');
is(with($key, $signed), 401, 'gone with its key');
$node->wait_for_catchup($standby);
is(with($key, $signed, $beside), 401, 'on a standby, too');
my $anew = issue($key, 'test', $token)->{json}{token};
is(with($key, $anew), 200, 'a new one has a new key');

# guesses are counted
{
	my $limited = 0;
	for (1 .. 80)
	{
		my $guess = issue($key, 'test', "guess$_");
		$limited = $guess if $guess->{status} == 429;
	}
	ok($limited && $limited->{headers}{'retry-after'} > 0, 'guessing is slowed down');
}

# nothing that lets one in is in a log
for my $log (gateway_log($gateway), join "\n", grep { / rde-gateway / } split /\n/, slurp_file($node->logfile))
{
	unlike($log, qr/\Q$token\E/, 'no token in a log');
	unlike($log, qr/\Q$signature\E/, 'no signature');
}
unlike(gateway_log($gateway), qr/ error /, 'nothing went wrong');
done_testing();

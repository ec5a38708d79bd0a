# gateway_messages.pl
#
# What requests may look like and what replies may say: framing and names that
# mean different things to different readers, conditions by time, and errors in
# plain words, with what helps and nothing of the database's inside.

use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Utils;
use RdeGateway;
use Test::More;
use Time::Piece ();
use Time::HiRes qw(time sleep);

plan skip_all => 'the gateway was not built' unless gateway_program();

my ($node, $tokens) = new_shop('messages', "wal_level = logical\n");
my $gateway = start_gateway($node);
my %login = map { $_ => [ login_headers($tokens->{$_}) ] } 1, 2;
my $login = join '', map { "$_\r\n" } "X-Subscription-Key: $tokens->{1}[0]", "Authorization: Bearer $tokens->{1}[1]";
my $list = '/reports?from=2020-01-01&to=2100-01-01';

sub sql { return $node->safe_psql('postgres', shift) }

# All replies to some bytes
sub exchange
{
	my ($bytes) = @_;
	my $connection = connect_to($gateway);
	my @replies;

	send_raw($connection, $bytes);
	end_sending($connection);
	while (my $reply = read_reply($connection))
	{
		push @replies, $reply;
	}
	return @replies;
}

# A POST of account 1, unless another asks; fields beside name and days of January
sub post
{
	my ($fields, %arg) = @_;
	my %body = (name => 'asked', dataset => 'sales', format => 'csv', startDate => '2020-01-01T00:00:00Z', endDate => '2020-01-02T00:00:00Z', %$fields);
	my $reply = ask($gateway, 'POST /reports', [ @{ $login{ $arg{account} // 1 } }, @{ $arg{headers} // [] } ], encode_json(\%body));

	$reply->{json} = eval { decode_json($reply->{body}) } // {};
	return $reply;
}

# A report of account 1; its path with a token, and its row
sub new_report
{
	my ($name) = @_;
	my $id = sql("SELECT rde_export('sales', '2020-01-01', '2020-01-02', 'csv', reseller => 1, name => $name)");
	my ($file_name, $sha256, $link) = split /\|/, sql("SELECT file_name, sha256, download_url FROM rde_reports WHERE id = '$id'");

	return { id => $id, path => "/reports/$id/$file_name", file_name => $file_name, sha256 => $sha256, link => local_path($link) };
}

###########################################################################
# Requests that mean one thing here and another elsewhere
###########################################################################

for my $what (
	[ 'a blank before the colon', "GET $list HTTP/1.1\r\nHost: test\r\n${login}X-A : 1\r\n\r\n" ],
	[ 'a length with a blank before the colon', "GET $list HTTP/1.1\r\nHost: test\r\n${login}Content-Length : 5\r\n\r\nabcde" ],
	[ 'a tab before the colon', "GET $list HTTP/1.1\r\nHost: test\r\n${login}Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n" ],
	[ 'a name that is no token', "GET $list HTTP/1.1\r\nHost: test\r\n${login}X(A): 1\r\n\r\n" ],
	[ 'two hosts', "GET $list HTTP/1.1\r\nHost: test\r\nHost: other\r\n${login}\r\n" ],
	[ 'one host twice', "GET $list HTTP/1.1\r\nHost: test\r\n${login}Host: test\r\n\r\n" ],
	[ 'a NUL in the path', "GET /health%00 HTTP/1.1\r\nHost: test\r\n\r\n" ],
	[ 'a NUL within a segment', "GET /reports/x%00y/z HTTP/1.1\r\nHost: test\r\n${login}\r\n" ],
	# newer libraries hang up on these, without a word
	[ 'a raw NUL in the path', "GET /health\0x HTTP/1.1\r\nHost: test\r\n\r\n", qr/^(?:400 close)?$/ ],
	[ 'a raw NUL at its end', "GET /health\0 HTTP/1.1\r\nHost: test\r\n\r\n", qr/^(?:400 close)?$/ ])
{
	my ($name, $bytes, $expected) = @$what;
	my @replies = exchange("${bytes}GET /health HTTP/1.1\r\nHost: test\r\n\r\n");

	like(join(' ', map { "$_->{status} " . ($_->{headers}{connection} // '-') } @replies), $expected // qr/^400 close$/, "$name: refused, and what follows is not read");
}
is(join(' ', map { $_->{status} } exchange("GET /health HTTP/1.1\r\nHost: test\r\nX-!#\$%&'*+-.^_`|~9: 1\r\n\r\n")), 200, 'a name of all that a token may hold');
is(join(' ', map { $_->{status} } exchange("GET /health?x=%00 HTTP/1.1\r\nHost: test\r\n\r\n")), 200, 'a NUL in a parameter that nobody reads');

###########################################################################
# Names
###########################################################################

for my $code (0x80, 0x85, 0x9f, 0x7f, 0x1b)
{
	my $reply = post({ name => 'a' . chr($code) . 'b' });
	is($reply->{status}, 400, sprintf 'a name with U+%04X is refused', $code);
	like($reply->{json}{message}, qr/without control characters/, 'and told why');
}
is(post({ name => "a\x{a0}b" })->{status}, 200, 'U+00A0 is no control character');

# What a client may call the file that it saves
{
	my %names = (
		q{'../../etc/passwd'} => '_._.___..etc.passwd',
		q{E'C:\\\\a\\\\..\\\\b'} => 'C',
		q{E'a\u202Egpj.exe'} => 'bidi',
		q{E'\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u2066\u2067\u2068\u2069'} => 'all of them',
		q{'ends with dots...'} => 'dots',
		q{'..'} => 'dots alone',
		q{E'n\u00e4m e'} => 'plain');
	for my $name (sort keys %names)
	{
		my $report = new_report($name);
		my $header = ask($gateway, "GET $report->{path}", $login{1})->{headers}{'content-disposition'};
		my ($ascii, $encoded) = $header =~ /^attachment; filename="([^"]*)"; filename\*=UTF-8''(\S+)$/;
		my $decoded = $encoded =~ s/%([0-9A-F]{2})/chr hex $1/ger;

		utf8::decode($decoded);
		unlike("$ascii $decoded", qr{[/\\]|\.\.|[\x{61c}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}\x00-\x1f\x7f-\x9f]}, "$name: nothing that leads elsewhere or turns the name round");
		like($decoded, qr/$report->{id}\.\d{4}-\d\d-\d\d\..*\.csv\.gz$/, 'and the rest of the name is there');
		is($decoded =~ s/\.$report->{id}.*//r, "n\x{e4}m e", 'a name as it was given') if $names{$name} eq 'plain';
	}
}

###########################################################################
# Conditions by time
###########################################################################

{
	my $report = new_report(q{'timed'});
	my @day = qw(Sun Mon Tue Wed Thu Fri Sat);
	my @month = qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec);
	my $date = sub {
		my ($offset) = @_;
		my @t = gmtime 1577972645 + $offset;    # 2020-01-02 13:44:05
		return sprintf '%s, %02d %s %04d %02d:%02d:%02d GMT', $day[ $t[6] ], $t[3], $month[ $t[4] ], $t[5] + 1900, @t[ 2, 1, 0 ];
	};
	my $with = sub { ask($gateway, "GET $report->{path}", [ @{ $login{1} }, @_ ]) };
	my $status = sub { $with->(@_)->{status} };
	my $etag = "\"$report->{sha256}\"";

	sql("UPDATE _rde_report SET published_at = '2020-01-02 13:44:05.9Z' WHERE id = '$report->{id}'");
	is($with->()->{headers}{'last-modified'}, $date->(0), 'Last-Modified is the second it was made in, not the next');

	is($status->('If-Modified-Since' => $date->(0)), 304, 'not modified since then');
	is($status->('If-Modified-Since' => $date->(10)), 304, 'nor since later');
	is($status->('If-Modified-Since' => $date->(-1)), 200, 'but since before');
	is($status->('If-Modified-Since' => 'Thursday, 02-Jan-20 13:44:05 GMT'), 304, 'as RFC 850 writes it');
	is($status->('If-Modified-Since' => 'Thu Jan  2 13:44:05 2020'), 304, 'as asctime() does');
	is($status->('If-Modified-Since' => $_), 200, "no date: $_")
	  for 'yesterday', '', $date->(0) . 'x', $date->(0) =~ s/GMT/CET/r, $date->(0) =~ s/02 Jan/32 Jan/r, '2020-01-02T13:44:05Z', '1577972645';
	is($status->('If-Modified-Since' => $date->(0), 'If-None-Match' => '"x"'), 200, 'If-None-Match takes its place');
	is($status->('If-Modified-Since' => $date->(-1), 'If-None-Match' => $etag), 304, 'either way');
	is(ask($gateway, "HEAD $report->{path}", [ @{ $login{1} }, 'If-Modified-Since' => $date->(0) ])->{status}, 304, 'HEAD too');
	is(ask($gateway, "GET $report->{link}", [ 'If-Modified-Since' => $date->(0) ])->{status}, 304, 'a link too');

	is($status->('If-Unmodified-Since' => $date->(0)), 200, 'unmodified since then');
	is($status->('If-Unmodified-Since' => $date->(-1)), 412, 'but not since before');
	is($status->('If-Unmodified-Since' => 'never'), 200, 'no date counts for nothing');
	is($status->('If-Unmodified-Since' => $date->(-1), 'If-Match' => $etag), 200, 'If-Match takes its place');
	is($status->('If-Unmodified-Since' => $date->(0), 'If-Match' => '"x"'), 412, 'either way');
	is($status->('If-Unmodified-Since' => $date->(-1), 'If-None-Match' => $etag), 412, 'and it comes first');

	is($status->(Range => 'bytes=0-1', 'If-Range' => $date->(0)), 206, 'If-Range of this very second');
	is($status->(Range => 'bytes=0-1', 'If-Range' => $date->($_)), 200, 'not of another') for -1, 1;
	is($status->(Range => 'bytes=0-1', 'If-Range' => $date->(0), 'If-Modified-Since' => $date->(0)), 304, 'which is looked at last');

	sql("UPDATE _rde_report SET published_at = now() + interval '1 hour' WHERE id = '$report->{id}'");
	my $reply = $with->();
	my $second = sub { Time::Piece->strptime($_[0], '%a, %d %b %Y %H:%M:%S GMT')->epoch };
	cmp_ok($second->($reply->{headers}{'last-modified'}), '<=', $second->($reply->{headers}{date}), 'Last-Modified is never later than Date, whatever the clocks say');
}

###########################################################################
# Errors
###########################################################################

# An error has a code, and words for whoever is no administrator of a database.
sub error_is
{
	my ($reply, $status, $code, $retry_after, $message, $name) = @_;
	my $error = $reply->{json} // eval { decode_json($reply->{body}) } // {};

	subtest $name => sub {
		is($reply->{status}, $status, 'status');
		is($error->{code}, $code, 'code');
		like($reply->{headers}{'retry-after'} // '-', ref $retry_after ? $retry_after : qr/^\Q$retry_after\E$/, 'Retry-After');
		like($error->{message}, $message, 'message');
		unlike($reply->{body}, qr/rde_|pg_|CALL |HINT|attach|source_column|changed_at/i, 'nothing of the inside');
	};
	return;
}

# Where waiting helps, and only there
{
	error_is(post({ endDate => '2022-01-01T00:00:00Z' }), 400, 'invalid_parameter_value', '-', qr/^a report may cover 1 year at most; Ask for several reports of shorter periods\.$/, 'a longer period than may be');

	sql("SELECT rde_submit('sales', '2020-01-01', '2020-01-01', 'csv', reseller => 2); SELECT rde_alter_account(2, max_pending => 1)");
	error_is(post({}, account => 2), 429, 'configuration_limit_exceeded', 60, qr/^1 reports of account 2 wait to be built, as many as may; /, 'as many wait as may');
	sql("SELECT rde_cancel_report(id) FROM rde_reports WHERE reseller = 2 AND status = 'submitted'");
	is(post({}, account => 2)->{status}, 200, 'when they do not any more, another may');

	sql('DELETE FROM _rde_asked; SELECT rde_alter_account(2, max_pending => 20, max_reports_per_day => 2)');
	is(post({}, account => 2)->{status}, 200, 'of two a day, one');
	is(post({}, account => 2)->{status}, 200, 'and two');
	error_is(post({}, account => 2), 429, 'configuration_limit_exceeded', qr/^8639\d|86400$/, qr/^account 2 has asked for 2 reports in 24 hours, as many as it may; It may ask again in \d+ seconds\.$/, 'a third waits for a day');
	sql("UPDATE _rde_asked SET asked_at = asked_at - interval '23 hours' WHERE ctid = (SELECT min(ctid) FROM _rde_asked)");
	error_is(post({}, account => 2), 429, 'configuration_limit_exceeded', qr/^3[56]\d\d$/, qr/ask again in 3[56]\d\d seconds/, 'or until the first is a day old');
	sql('SELECT rde_alter_account(2, max_reports_per_day => 1)');
	error_is(post({}, account => 2), 429, 'configuration_limit_exceeded', qr/^8639\d|86400$/, qr/has asked for 2 reports/, 'of a lower quota, until enough are');
	sql("UPDATE _rde_asked SET asked_at = asked_at - interval '24 hours'");
	is(post({}, account => 2)->{status}, 200, 'then it may');

	sql("SELECT rde_alter_account(2, max_stored_bytes => 10, clear => '{max_reports_per_day}')");
	error_is(post({}, account => 2), 403, 'configuration_limit_exceeded', '-', qr/^reports of account 2 take \d+ bytes, as many as they may/, 'as much is stored as may: waiting does not help');
	sql("SELECT rde_alter_account(2, max_reports_per_day => 0, clear => '{max_stored_bytes}')");
	error_is(post({}, account => 2), 403, 'insufficient_privilege', '-', qr/^account 2 may not ask for reports$/, 'nor does it for who may ask for none');
	sql("SELECT rde_alter_account(2, clear => '{max_reports_per_day}')");
}

# Fields
error_is(post({ endData => '2020-01-02T00:00:00Z' }), 400, 'invalid_parameter_value', '-', qr/^unknown in the request: endData; .*customizationName/, 'a misspelt field is named');
error_is(post({ Format => 'csv', zone => 1 }), 400, 'invalid_parameter_value', '-', qr/^unknown in the request: (Format, zone|zone, Format); /, 'so are two');
error_is(post({ 'x' x 1000 => 1 }), 400, 'invalid_parameter_value', '-', qr/^unknown in the request: x{64}; /, 'a long one in short');
is(post({ downloadUrl => 'http://127.0.0.1:9/x' })->{status}, 200, 'a downloadUrl is known, and means nothing');

# What only the database's administrators can mend is said in plain words.
{
	error_is(post({ dataset => 'payments' }), 400, 'object_not_in_prerequisite_state', '-', qr/^the data set has nothing to report from yet/, 'a data set without a source');
	error_is(post({ dataset => 'nothing' }), 400, 'undefined_object', '-', qr/^data set "nothing" does not exist$/, 'no data set');
	error_is(post({ customizationName => 'none' }), 400, 'undefined_object', '-', qr/has no view "none"$/, 'no view');
	error_is(post({ format => 'pdf' }), 400, 'invalid_parameter_value', '-', qr/"pdf".*; Use .*csv/, 'no format, with those there are');
	sql("SELECT rde_attach('payments', 'shop.sale', 'reseller', 'changed', amount => 'amount')");
	error_is(post({ dataset => 'payments', customizationName => 'cmp' }), 400, 'undefined_column', '-', qr/^this view cannot be made of its data set as it is/, 'a view whose columns are not there');
	error_is(post({ name => '' }), 400, 'invalid_name', '-', qr/1 to 128 characters/, 'no name');
	error_is(ask($gateway, 'POST /reports', $login{1}, '[' x 60_000), 400, 'statement_too_complex', '-', qr/too complex/, 'too deep');
	error_is(ask($gateway, 'POST /reports', $login{1}, '{"name"'), 400, 'invalid_text_representation', '-', qr/invalid input syntax for type json; /, 'no JSON');
	error_is(ask($gateway, 'GET /reports?from=2020-01-02&to=2020-01-01', $login{1}), 400, 'invalid_parameter_value', '-', qr/is after the last day/, 'days the wrong way round');
	error_is(ask($gateway, 'GET /reports?after=x', $login{1}), 400, 'invalid_parameter_value', '-', qr/not a cursor/, 'no cursor');
	error_is(ask($gateway, 'GET /reports?from=x&to=y', $login{1}), 400, 'invalid_parameter_value', '-', qr/must be a day/, 'no day');
	error_is(ask($gateway, "GET /reports/$_", $login{1}), 404, 'undefined_object', '-', qr/does not exist|no such report/, "no report: $_") for 'x', '00000000-0000-4000-8000-000000000000';
	error_is(ask($gateway, "GET /reports/$_/manifest", $login{1}), 404, 'undefined_object', '-', qr/does not exist|no such report/, "no manifest: $_") for 'x', '00000000-0000-4000-8000-000000000000';
	error_is(ask($gateway, 'GET /reports/x/manifest'), 401, 'invalid_authorization_specification', '-', qr/needed/, 'nor without a login');
	error_is(ask($gateway, "GET $list", [ login_headers([ $tokens->{1}[0], 'x' x 40 ]) ]), 401, 'invalid_authorization_specification', '-', qr/not valid/, 'no login');
	error_is(ask($gateway, "GET $list"), 401, 'invalid_authorization_specification', '-', qr/needed/, 'none at all');
	error_is(ask($gateway, 'GET /reports/x/y?sig=x'), 403, 'insufficient_privilege', '-', qr/^the link is not valid$/, 'no link');
	error_is(ask($gateway, 'DELETE /reports', $login{1}), 405, 'method_not_allowed', '-', qr/not allowed/, 'no such method');
	error_is(ask($gateway, 'GET /x'), 404, 'undefined_object', '-', qr/nothing here/, 'no such path');
}

# Nor does a report that failed tell of the inside, to whoever does not see it anyway.
{
	my $id = sql("SELECT rde_submit('sales', '2020-01-01', '2020-01-01', 'csv', reseller => 1)");
	sql('ALTER TABLE shop.sale RENAME amount TO amount_inside');
	$node->psql('postgres', "SELECT rde_build('$id')");
	sql('ALTER TABLE shop.sale RENAME amount_inside TO amount');
	my $said = sql("SELECT sqlstate || ' ' || error FROM rde_reports WHERE id = '$id'");
	like($said, qr/^42703 .*expose: amount/, 'a report that failed, as an operator sees it');
	my $reply = ask($gateway, "GET /reports/$id", $login{1});
	my $body = decode_json($reply->{body});
	is("$reply->{status} $body->{status} $body->{code}", '200 error undefined_column', 'and as its account does');
	is($body->{error}, 'this view cannot be made of its data set as it is; whoever runs this service can mend that', 'in plain words');
	unlike($reply->{body}, qr/amount|rde_/, 'without names of the inside');
	is(ask($gateway, "GET /reports/$id/manifest", $login{1})->{status}, 404, 'what has no file has no manifest');
	like(sql("SELECT rde_get_report('$id') ->> 'error'"), qr/expose: amount/, 'whoever sees all is told all');
	sql("UPDATE _rde_report SET sqlstate = 'XX000', error = 'cache lookup failed for relation 42' WHERE id = '$id'");
	$body = decode_json(ask($gateway, "GET /reports/$id", $login{1})->{body});
	is("$body->{code} $body->{error}", "internal_error report could not be built (reference $id)", 'what nobody can know is a reference');
}

# What is not as it has to be inside is not the client's fault.
{
	my $key = 0;
	my $asks = sub { post({}, headers => [ 'Idempotency-Key' => 'inside-' . $key++ ]) };
	my $internal = sub { error_is($asks->(), 500, 'internal_error', '-', qr/^internal error, see the log/, shift) };

	sql('ALTER TABLE _rde_idempotency REPLICA IDENTITY NOTHING; CREATE PUBLICATION everything FOR ALL TABLES');
	$internal->('a publication of all tables, one of which has no identity');
	sql('DROP PUBLICATION everything; ALTER TABLE _rde_idempotency REPLICA IDENTITY DEFAULT');
	is($asks->()->{status}, 200, 'without it all is well');
	sql(q{CREATE FUNCTION shop.refuse() RETURNS trigger LANGUAGE plpgsql AS
		$$BEGIN RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'rde_secret of a trigger'; END$$;
		CREATE TRIGGER refuse BEFORE INSERT ON _rde_report FOR EACH ROW EXECUTE FUNCTION shop.refuse()});
	$internal->('a trigger of somebody on an internal table');
	sql('DROP TRIGGER refuse ON _rde_report');
	is($asks->()->{status}, 200, 'which goes, too');
	like(gateway_log($gateway), qr/error \S+: error 55000 in "request": rde_secret of a trigger\n/, 'the log says what it was');
}

my ($status) = stop_gateway($gateway);
is($status, 0, 'the gateway ends well');

done_testing();

# gateway_requests.pl
#
# Requests nobody should send: mutated, cut short, with bodies whose end is in
# doubt.  The gateway never crashes, never answers 2xx to what has no right to it,
# and never 500 or 503 to what is merely wrong.  Where the compiler has sanitizers,
# it is a gateway built with them.

use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use JSON::PP;
use PostgreSQL::Test::Utils;
use RdeGateway;
use Test::More;

plan skip_all => 'the gateway was not built' unless gateway_program();

my $count = $ENV{RDE_SOAK} ? 50_000 : 2_000;
my $seed = $ENV{RDE_SEED} // 4711;
srand $seed;

my ($node, $tokens) = new_shop('requests');
my $program = sanitized_gateway();
$ENV{ASAN_OPTIONS} = 'detect_stack_use_after_return=1';
$ENV{UBSAN_OPTIONS} = 'print_stacktrace=1';
my $gateway = start_gateway($node, program => $program // gateway_program());
note($program ? 'with sanitizers' : 'without sanitizers', ", seed $seed");

my $export = "SELECT rde_export('sales', '2020-01-01', '2020-01-02', 'csv', reseller => %d, name => '%s')";
my ($own, $foreign) = map { $node->safe_psql('postgres', sprintf $export, @$_) } [ 1, 'own' ], [ 2, 'foreign' ];
my $generator = $node->safe_psql('postgres', q{SELECT rde_create_generator('sales', 'its', '{csv}', 'weekly', reseller => 1, locked => false)});
my ($path, $query) = split /\?/, local_path($node->safe_psql('postgres', "SELECT rde_download_url('$own')"));
my $sha256 = $node->safe_psql('postgres', "SELECT sha256 FROM rde_reports WHERE id = '$own'");
my ($key, $token) = @{ $tokens->{1} };
my $login = "Authorization: Bearer $token\r\nX-Subscription-Key: $key\r\n";
my $list = '/reports?from=2020-01-01&to=2100-01-01';
my $asked = '{"name": "asked", "dataset": "sales", "startDate": "2020-01-01T00:00:00Z", "endDate": "2020-01-01T01:00:00Z", "format": "csv"}';
my $post = "POST /reports HTTP/1.1\r\nHost: test\r\n${login}Content-Length: " . length($asked) . "\r\n\r\n$asked";
my $get = "GET $list HTTP/1.1\r\nHost: test\r\n${login}\r\n";

# Send bytes and nothing more, and read all replies.
sub exchange
{
	my ($bytes) = @_;
	my $connection = connect_to($gateway);
	my @replies;

	send_raw($connection, $bytes);
	end_sending($connection);
	while (my $reply = read_reply($connection, head => scalar($bytes =~ /^\s*HEAD /)))
	{
		push @replies, $reply;
	}
	return @replies;
}

sub statuses
{
	return join ' ', map { $_->{status} } @_;
}

# What is wrong with a reply to whoever may read what is reseller 1's; undef if
# nothing is.
sub fault
{
	my ($reply, $may_read) = @_;
	my $status = $reply->{status};
	my $health = $reply->{body} eq '{"status":"ok"}' || $reply->{body} =~ /^\{\s*"openapi"/;

	return "status $status" if $status !~ /^(200|201|202|204|206|304|400|401|403|404|405|408|409|411|412|413|414|415|416|417|429|431|501|505)$/;
	return 'a reply cut short' if $reply->{incomplete};
	return 'something of reseller 2' if $reply->{body} =~ /reseller 2|"foreign"|\Q$foreign\E.*"downloadUrl":"/;
	return undef if $status >= 300 || $health;
	return "$status without the right to it" unless $may_read;
	return undef if $reply->{body} eq '' || $status == 206;
	if (($reply->{headers}{'content-type'} // '') eq 'application/gzip')
	{
		return sha256_hex($reply->{body}) eq $sha256 ? undef : 'other bytes';
	}
	return eval { decode_json($reply->{body}) } ? undef : 'no JSON';
}

# The written list: [ what, bytes, statuses of all replies ]
my $smuggled = "GET $list HTTP/1.1\r\nHost: test\r\n${login}\r\n";
my $chunked = sub { my ($body) = @_; sprintf "%x\r\n%s\r\n0\r\n\r\n", length $body, $body };
my $headed = sub {
	my ($headers, $body, $first) = @_;
	return ($first // 'POST /reports HTTP/1.1') . "\r\nHost: test\r\n$login$headers\r\n" . ($body // '');
};
my $length = length $asked;
my @written = (
	[ 'a list', $get, qr/^200$/ ],
	[ 'two in a row', $get . $get, qr/^200 200$/ ],
	[ 'a request for a report', $post, qr/^200$/ ],
	[ 'and another behind its body', $post . $get, qr/^200 200$/ ],
	[ 'chunks', $headed->("Transfer-Encoding: chunked\r\n", $chunked->($asked)), qr/^200$/ ],
	[ 'chunks with an extension', $headed->("Transfer-Encoding: chunked\r\n", sprintf "%x;a=b\r\n%s\r\n0\r\n\r\n", $length, $asked), qr/^(200|400)$/ ],
	[ 'chunks with a trailer', $headed->("Transfer-Encoding: chunked\r\n", sprintf "%x\r\n%s\r\n0\r\nX-A: b\r\n\r\n", $length, $asked), qr/^(200|400)$/ ],
	# where does the body end?
	[ 'two lengths', $headed->("Content-Length: $length\r\nContent-Length: 0\r\n", $asked . $smuggled), qr/^400$/ ],
	[ 'two equal lengths', $headed->("Content-Length: $length\r\nContent-Length: $length\r\n", $asked . $smuggled), qr/^400$/ ],
	[ 'a list of lengths', $headed->("Content-Length: $length, $length\r\n", $asked . $smuggled), qr/^400$/ ],
	[ 'length and chunks', $headed->("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n$smuggled"), qr/^400$/ ],
	[ 'chunks and length', $headed->("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n$smuggled"), qr/^400$/ ],
	[ 'chunks twice', $headed->("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n$smuggled"), qr/^400$/ ],
	(map { [ "encoding \"$_\"", $headed->("Transfer-Encoding: $_\r\n", "0\r\n\r\n$smuggled"), qr/^(400|501)$/ ] }
		'xchunked', 'chunked, identity', 'identity, chunked', 'gzip, chunked', 'chunked, chunked', 'chunked;q=1', "chunked\x0b", '"chunked"', 'identity', ''),
	# a value ends at a NUL for libmicrohttpd; what is behind it counts for nothing
	[ 'an encoding with a NUL', $headed->("Transfer-Encoding: chunked\0x\r\n", "0\r\n\r\n$smuggled"), qr/^400( 200)?$/ ],
	(map { [ "length \"$_\"", $headed->("Content-Length: $_\r\n", $smuggled), qr/^(400|413)$/ ] }
		'-1', '+5', '0x10', '1e2', '5 5', '', 'a', '18446744073709551616', '99999999999999999999999', "5\x0b"),
	[ 'a length with a NUL', $headed->("Content-Length: 5\0\r\n", "abcde$smuggled"), qr/^400( 200)?$/ ],
	[ 'blank before the colon', $headed->("Content-Length : $length\r\n", $asked . $smuggled), qr/^400$/ ],
	[ 'a folded header', $headed->("Content-Length:\r\n $length\r\n", $asked . $smuggled), qr/^400$|^200 200$/ ],
	[ 'a folded encoding', $headed->("Transfer-Encoding:\r\n chunked\r\n", $chunked->($asked) . $smuggled), qr/^400$|^200 200$/ ],
	[ 'a header without a name', $headed->(": x\r\n"), qr/^400$/ ],
	[ 'a header without a colon', $headed->("Content-Length\r\n"), qr/^400$/ ],
	[ 'a body to GET', $headed->("Content-Length: $length\r\n", $asked, "GET $list HTTP/1.1"), qr/^400$/ ],
	(map { [ "chunk size \"$_\"", $headed->("Transfer-Encoding: chunked\r\n", "$_\r\n$asked\r\n0\r\n\r\n$smuggled"), qr/^(4\d\d)?$/ ] }
		'-5', '+5', '0x7b', 'fffffffffffffffff', '10000000000000000', 'ffffffffffffffff', 'zz', '', ' 5', "5\0"),
	[ 'a chunk longer than it says', $headed->("Transfer-Encoding: chunked\r\n", "3\r\n$asked\r\n0\r\n\r\n$smuggled"), qr/^(400)?$/ ],
	[ 'chunks without an end', $headed->("Transfer-Encoding: chunked\r\n", "3\r\n{\"n\r\n"), qr/^(400)?$/ ],
	# lines
	[ 'no HTTP at all', "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", qr/^(400)?$/ ],
	[ 'HTTP/0.9', "GET /health\r\n\r\n", qr/^(400|505)?$/ ],
	[ 'HTTP/1.0', "GET /health HTTP/1.0\r\n\r\n", qr/^200$/ ],
	[ 'HTTP/2', "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", qr/^(4|5)\d\d( 4\d\d)?$/ ],
	[ 'another version', "GET /health HTTP/3.7\r\nHost: x\r\n\r\n", qr/^(400|505)$/ ],
	[ 'no host', "GET /health HTTP/1.1\r\n\r\n", qr/^400$/ ],
	[ 'a whole URL', "GET http://other$list HTTP/1.1\r\nHost: test\r\n$login\r\n", qr/^(400|404)$/ ],
	[ 'an asterisk', "OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n", qr/^404$/ ],
	[ 'CONNECT', "CONNECT test:80 HTTP/1.1\r\nHost: test\r\n\r\n", qr/^404$/ ],
	[ 'a fragment', "GET /health#x HTTP/1.1\r\nHost: test\r\n\r\n", qr/^404$/ ],
	[ 'a NUL in the path', "GET /health\0x HTTP/1.1\r\nHost: test\r\n\r\n", qr/^(400)?$/ ],
	[ 'dots', "GET /reports/../health HTTP/1.1\r\nHost: test\r\n\r\n", qr/^401$/ ],
	[ 'a method of 2,000 letters', 'A' x 2000 . " /reports HTTP/1.1\r\nHost: test\r\n\r\n", qr/^405$/ ],
	[ 'lower case', "get /health HTTP/1.1\r\nHost: test\r\n\r\n", qr/^405$/ ],
	[ 'lines that end in LF', $get =~ s/\r\n/\n/gr, qr/^(200|400)$/ ],
	[ 'lines that end in CR', $get =~ s/\r\n/\r/gr, qr/^(200|400)?$/ ],
	[ 'an empty line first', "\r\n$get", qr/^200$/ ],
	[ 'a header split by CR', "GET /health HTTP/1.1\r\nHost: test\r\nX: a\rContent-Length: 5\r\n\r\n", qr/^(200|400)$/ ],
	# who
	[ 'a login in the query', "GET $list&Authorization=Bearer%20$token&X-Subscription-Key=$key HTTP/1.1\r\nHost: test\r\n\r\n", qr/^401$/ ],
	[ 'in a cookie', "GET $list HTTP/1.1\r\nHost: test\r\nCookie: Authorization=Bearer $token; X-Subscription-Key=$key\r\n\r\n", qr/^401$/ ],
	[ 'in a trailer', "POST /reports HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n" . sprintf("%x\r\n%s\r\n0\r\n%s\r\n", $length, $asked, $login), qr/^(401|400)$/ ],
	[ 'of another host', "GET $list HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: 127.0.0.1\r\nX-Original-URL: $list\r\n\r\n", qr/^401$/ ],
	# bodies
	(map { [ 'body ' . substr($_, 0, 20), $headed->('Content-Length: ' . length($_) . "\r\n", $_), qr/^400$/ ] }
		'[' x 60_000, '{"a":' x 12_000, '{"name":"' . '\\u0000' x 50 . '"}', '{"name":"\\ud800"}', "{\"name\":\"\xc0\x80\"}", "{\"name\":\"\xed\xa0\x80\"}",
		"\xef\xbb\xbf$asked", $asked . $asked, '{"name":"x","startDate":"2020-01-01T00:00:00Z","startDate":1}', '1e999999', '-', "\0",
		$asked =~ s/2020-01-01T00/294277-01-01T00/r, $asked =~ s/T00:00:00Z/T25:61:61Z/r, $asked =~ s/"sales"/"';drop table _rde_report--"/r,
		$asked =~ s/"asked"/"@{[ 'n' x 129 ]}"/r, $asked =~ s/"asked"/""/r, $asked =~ s/"csv"/{}/r, $asked =~ s/"sales"/"\\ud83d\\ude00"/r),
	[ 'a body of 64 KiB that is none', $headed->("Content-Length: 65536\r\n", ' ' x 65536), qr/^400$/ ],
	[ 'and one byte more', $headed->("Content-Length: 65537\r\n", ' ' x 65537), qr/^413$/ ],
	# sizes
	[ 'a header of 40 kB', $headed->('X-A: ' . 'x' x 40_000 . "\r\n"), qr/^(413|431)$/ ],
	[ '5,000 headers', $headed->(join '', map { "X-$_: 1\r\n" } 1 .. 5000), qr/^(413|431)$/ ],
	[ 'a path of 40 kB', 'GET /' . 'x' x 40_000 . " HTTP/1.1\r\nHost: test\r\n\r\n", qr/^(414|413|431)$/ ],
	[ 'a path of 20 kB', 'GET /' . 'x' x 20_000 . " HTTP/1.1\r\nHost: test\r\n\r\n", qr/^(404|414|431)$/ ],
	[ 'a query of 2,000 parameters', "GET $list&" . join('&', map { "x$_" } 1 .. 2000) . " HTTP/1.1\r\nHost: test\r\n$login\r\n", qr/^(200|413|414|431)?$/ ],
	[ 'a token of 20 kB', "GET $list HTTP/1.1\r\nHost: test\r\nX-Subscription-Key: $key\r\nAuthorization: Bearer " . 'x' x 20_000 . "\r\n\r\n", qr/^(401|431)$/ ],
	[ 'a key of 300 letters', "GET $list HTTP/1.1\r\nHost: test\r\nX-Subscription-Key: " . 'x' x 300 . "\r\nAuthorization: Bearer $token\r\n\r\n", qr/^401$/ ],
	[ 'a cursor of 20 kB', "GET /reports?after=1:2:" . '3,' x 10_000 . " HTTP/1.1\r\nHost: test\r\n$login\r\n", qr/^(400|414|431)$/ ],
	[ 'a name of 10 kB', "GET $list&name=" . '%F0%9F%98%80' x 800 . " HTTP/1.1\r\nHost: test\r\n$login\r\n", qr/^200$/ ]);
{
	my @wrong;
	for (@written)
	{
		my ($what, $bytes, $expected) = @$_;
		my @replies = exchange($bytes);
		my $statuses = statuses(@replies);
		my ($fault) = grep { defined } map { fault($_, 1) } @replies;

		push @wrong, "$what: $statuses" if $statuses !~ $expected;
		push @wrong, "$what: $fault" if $fault;
	}
	is(join("\n", @wrong), '', scalar(@written) . ' written requests are answered as they should be');
}

# Everything cut short, at each byte
{
	my @wrong;
	my $cuts = 0;
	for my $whole ($get, $post, $headed->("Transfer-Encoding: chunked\r\n", $chunked->($asked)), "GET $path?$query HTTP/1.1\r\nHost: test\r\n\r\n")
	{
		for (my $cut = $ENV{RDE_SOAK} ? 1 : 1 + int rand 5; $cut < length $whole; $cut += $ENV{RDE_SOAK} ? 1 : 7)
		{
			my @replies = exchange(substr $whole, 0, $cut);
			my $statuses = statuses(@replies);
			push @wrong, "$cut bytes of " . substr($whole, 0, 20) . ": $statuses" if $statuses !~ /^(4\d\d)?$/;
			$cuts++;
		}
	}
	is(join("\n", @wrong), '', "$cuts requests cut short are never answered as if they were whole");
}

# Random changes
my @bases = (
	$get, $post,
	$headed->("Transfer-Encoding: chunked\r\n", $chunked->($asked)),
	"HEAD $list&detail=true HTTP/1.1\r\nHost: test\r\n${login}\r\n",
	"GET $list&detail=true&format=csv&status=completed&type=onetime&name=own HTTP/1.1\r\nHost: test\r\n${login}\r\n",
	"GET /reports?after=1:2:3: HTTP/1.1\r\nHost: test\r\n${login}\r\n",
	"GET /reports/$own HTTP/1.1\r\nHost: test\r\n${login}\r\n",
	"GET /reports/$foreign HTTP/1.1\r\nHost: test\r\n${login}\r\n",
	"GET $path HTTP/1.1\r\nHost: test\r\n${login}Range: bytes=5-9, 20-\r\nIf-Range: \"$sha256\"\r\nIf-None-Match: W/\"x\", *\r\n\r\n",
	"GET $path?$query HTTP/1.1\r\nHost: test\r\nRange: bytes=0-99\r\n\r\n",
	(map { "$_ HTTP/1.1\r\nHost: test\r\n${login}If-Match: \"x\", *\r\n\r\n" } 'GET /account', 'GET /datasets', 'GET /generators?after=1.x&reseller=1', "GET /generators/$generator",
		"GET /generators/$generator/periods?from=2020-01-01&to=2020-02-01", 'GET /datasets/sales/views/full', 'DELETE /datasets/sales/views/none', "POST /reports/$own/cancel", "POST /reports/$foreign/rebuild",
		"DELETE /generators/$foreign"),
	"POST /token HTTP/1.1\r\nHost: test\r\nX-Subscription-Key: $key\r\nAuthorization: Basic eDp5\r\n\r\n",
	"GET /openapi.json HTTP/1.1\r\nHost: test\r\nOrigin: https://x\r\n\r\n",
	"GET /health HTTP/1.1\r\nHost: test\r\nX-Correlation-ID: a-b\r\n\r\n");
my @pieces = ("\r\n", "\n", "\r", "\0", ' ', '/', '?', '&', '%', '%00', '%2f', '%ff', ':', '=', ',', '"', "'", '\\', '{', '}', '[', ']', '*', '+', '-1', '0', '99999999999999999999',
	"\xff", "\xc3\xa4", "\xed\xa0\x80", 'chunked', 'Content-Length: 5', 'Transfer-Encoding: chunked', 'Authorization: Bearer x', 'Host: y', ' HTTP/1.0', 'GET ', 'POST ', 'Expect: 100-continue',
	'Connection: close', 'x' x 5000, '../', $own, $foreign, 'infinity', 'null', 'true');

sub mutate
{
	my ($bytes) = @_;

	for (1 .. 1 + int rand 4)
	{
		my $at = int rand(length($bytes) + 1);
		my $way = int rand 6;
		if ($way == 0 && $at < length $bytes) { substr($bytes, $at, 1) = chr int rand 256 }
		elsif ($way == 1) { substr($bytes, $at, int rand 12) = '' }
		elsif ($way == 2) { substr($bytes, $at, 0) = $pieces[ rand @pieces ] }
		elsif ($way == 3) { substr($bytes, $at, 0) = substr $bytes, int rand(length $bytes), int rand 60 }
		elsif ($way == 4 && $at < length $bytes) { substr($bytes, $at, 1) = chr(ord(substr $bytes, $at, 1) ^ 1 << int rand 8) }
		else
		{
			# two lines change places
			my @lines = split /(?<=\n)/, $bytes;
			my ($i, $j) = map { int rand @lines } 1, 2;
			@lines[ $i, $j ] = @lines[ $j, $i ];
			$bytes = join '', @lines;
		}
	}
	return $bytes;
}

# May whoever sends this read something?  Only with the login or the link whole;
# how they are percent-encoded, and what stands beside them, does not matter.
sub may_read
{
	my ($bytes) = @_;
	my ($sent, $file, @fields) = map { s/%([0-9A-Fa-f]{2})/chr hex $1/ger } $bytes, $path, split /&/, $query;

	return 1 if index($bytes, $token) >= 0 && index($bytes, $key) >= 0;
	return $sent =~ /\Q$file\E/i && !grep { $sent !~ /[?&]\Q$_\E/ } @fields;
}
{
	my (@wrong, %seen);
	for my $n (1 .. $count)
	{
		my $base = $bases[ rand @bases ];
		# of every third, the sender is a stranger
		$base =~ s/\Q$token\E/reverse $token/e, $base =~ s/(sig=.)./$1_/ if $n % 3 == 0;
		my $bytes = mutate($base);
		my @replies = exchange($bytes);
		for my $reply (@replies)
		{
			my $fault = fault($reply, may_read($bytes));
			$seen{ $reply->{status} }++;
			push @wrong, "$n: $fault: " . ($bytes =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger) if $fault;
		}
		$seen{none}++ unless @replies;
	}
	is(join("\n", @wrong), '', "$count mutated requests (seed $seed)");
	note(join ', ', map { "$_: $seen{$_}" } sort keys %seen);
	ok($seen{200} && $seen{400} && $seen{401} && $seen{403} && $seen{404}, 'of all kinds');
}

# Bodies whose length is right and that are wrong otherwise: numbers, NULs, depth,
# fields twice, other types.
{
	my %body = (
		'POST /generators' => '{"name":"n","dataset":"sales","formats":["csv","json"],"event":"monthly","weekDay":1,"monthStart":1,"monthDay":31,"runAt":"06:00","start":"2030-01-01","catchUp":"all","retention":"P1Y2M","options":{"csv":{"delimiter":";"}},"timeZone":"UTC"}',
		"PATCH /generators/$generator" => '{"name":"its","formats":["xlsx"],"weekDay":3,"runAt":"07:00:00","retention":null,"customizationName":null,"options":{},"enabled":true}',
		'POST /datasets/sales/preview' => '{"columns":[{"column":"id","as":"n"},{"column":"amount"}],"conditions":[{"column":"id","min":3}],"startDate":"2020-01-01","endDate":"2020-01-02","timeZone":"UTC"}',
		'POST /generators/preview' => '{"event":"quarterly","timeZone":"Europe/Vienna","monthDay":3,"runAt":"23:59","start":"2026-01-01"}',
		"POST /generators/$generator/runs" => '{"firstDay":"2020-01-01","lastDay":"2020-01-02"}',
		'POST /datasets/sales/views/v' => '{"columns":[{"column":"id","as":"n","group":"g","description":"d"},{"column":"word","label":{"de":"Wort"}}],"conditions":[{"column":"id","in":[1,2]}]}',
		'PUT /datasets/sales/views/v' => '{"columns":[{"column":"amount"}],"conditions":[{"column":"amount","min":1.5},{"column":"word","is_null":false}]}',
		'POST /reports' => '{"name":"r","dataset":"sales","startDate":"2020-01-01","endDate":"2020-01-01","timeZone":"UTC","options":{"compress":false},"reseller":1,"format":"csv"}');
	my @parts = ('null', 'true', '1e400', '-0', '1.5', '99999999999999999999', '"\\u0000"', '"\\ud800"', '[' x 3000, '{"a":' x 2000, '{}', '[]', '""', '"infinity"', '"-infinity"', '"9999-12-31"', '"' . 'x' x 3000 . '"', "\0", "\xff", ',', ':', '"', '}', ']', '"name":1,', '"reseller":2,', '0', '"P9999Y"', '"24:00"');
	my (@wrong, %seen);
	for my $n (1 .. $count / 2)
	{
		my $request = (sort keys %body)[ rand keys %body ];
		my $bytes = $body{$request};
		for (1 .. 1 + int rand 2)
		{
			my $part = $parts[ rand @parts ];
			# a value for another one, or anything anywhere
			if (rand() < 0.6) { my @values = $bytes =~ /(?<=:)("[^"]*"|\d[\d.]*|null|true|false|\[[^\[\]]*\])/g; my $value = $values[ rand @values ] // next; $bytes =~ s/(?<=:)\Q$value\E/$part/ }
			else { substr($bytes, int rand(length($bytes) + 1), int rand 4) = $part }
		}
		my $reply = ask($gateway, $request, [ login_headers($tokens->{1}) ], $bytes);
		my $fault = $reply->{status} !~ /^(200|201|202|400|403|404|409|413|429)$/ ? "status $reply->{status}"
		  : $reply->{body} =~ /reseller 2|"foreign"|"reseller" ?: ?2/ ? 'something of reseller 2'
		  : $reply->{status} == 429 || eval { decode_json($reply->{body}) } ? undef : 'no JSON';
		$seen{ $reply->{status} }++;
		push @wrong, "$n: $fault: $request " . (substr($bytes, 0, 500) =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger) . " $reply->{body}" if $fault;
	}
	is(join("\n", @wrong), '', $count / 2 . ' wrong bodies');
	note(join ', ', map { "$_: $seen{$_}" } sort keys %seen);
	ok($seen{400} && $seen{201}, 'of all kinds');
}

is(ask($gateway, 'GET /health')->{status}, 200, 'it goes on');
my ($status) = stop_gateway($gateway);
is($status, 0, 'and ends well, with nothing leaked');
my $log = gateway_log($gateway);
unlike($log, qr/Sanitizer|runtime error/, 'no sanitizer had anything to say') or diag($log =~ /((?:Sanitizer|runtime error).{0,3000})/s);
unlike($log, qr/ (error|warning) /, 'nor was anything wrong with the gateway');
is_deeply([ grep { !/^\d{4}-\d\d-\d\dT\S+Z (info|debug) [ -~]*$/ } split /\n/, $log ], [], 'no request wrote a line of its own into the log');
# a session that is there when the server stops is ended by it
unlike(slurp_file($node->logfile), qr/PANIC|FATAL:  (?!terminating connection due to administrator command)|XX000|terminated by signal/, 'nor with the server');

done_testing();

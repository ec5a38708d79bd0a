# gateway_http.pl
#
# Every endpoint, header, range and error of the gateway as curl sees them; links
# (S8); and that no secret is in any log (S9).

use strict;
use warnings;
use Digest::SHA qw(sha256_hex sha256_base64);
use JSON::PP;
use PostgreSQL::Test::Utils;
use RdeFiles qw(slurp_raw);
use RdeGateway;
use Test::More;
use Time::HiRes qw(time sleep);

plan skip_all => 'the gateway was not built' unless gateway_program();

my $scratch = PostgreSQL::Test::Utils::tempdir;
my ($node, $tokens) = new_shop('gateway', <<'END');
log_statement = all
log_min_duration_statement = 0
log_parameter_max_length = -1
log_connections = on
END
my $gateway = start_gateway($node);
my $base = $gateway->{url};
my $uuid = qr/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/;

# Run curl; returns { status, headers, body }.
sub curl
{
	my @args = @_;
	my $headers = "$scratch/headers";
	my $body = "$scratch/body";
	my ($out, $err) = ('', '');

	unlink $headers, $body;
	IPC::Run::run([ 'curl', '-gsS', '--max-time', '30', '-D', $headers, '-o', $body, @args ], '>', \$out, '2>', \$err)
	  or diag "curl @args: $err";
	my %reply = (body => -e $body ? slurp_raw($body) : '', headers => {}, error => $err);
	my @heads = split /\r\n\r\n/, -e $headers ? slurp_raw($headers) : '';
	my ($line, @lines) = split /\r\n/, $heads[-1] // '';
	($reply{status}) = ($line // '') =~ m{^HTTP/1\.1 (\d+)};
	for (@lines)
	{
		my ($name, $value) = /^([^:]+):\s*(.*)$/ or next;
		$reply{headers}{ lc $name } = $value;
	}
	return \%reply;
}

# curl with a reseller's token
sub as
{
	my ($reseller, @args) = @_;
	my ($key, $token) = @{ $tokens->{$reseller} };
	return curl('-H', "Authorization: Bearer $token", '-H', "X-Subscription-Key: $key", @args);
}

# An error is the JSON every error is, and says what it should.
sub error_is
{
	my ($reply, $status, $message, $path, $name) = @_;
	my $error = eval { decode_json($reply->{body}) } // {};

	subtest $name => sub {
		is($reply->{status}, $status, 'status');
		is(join(' ', grep { $_ ne 'field' } sort keys %$error), 'code correlationId message path status timeStamp', 'fields');
		like($error->{message}, ref $message ? $message : qr/^\Q$message\E$/, 'message');
		is($error->{path}, $path, 'path, without the query');
		is($error->{status}, $status, 'status in the body');
		like($error->{timeStamp}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'time');
		is($error->{correlationId}, $reply->{headers}{'x-correlation-id'}, 'correlation id');
	};
	return;
}

sub report
{
	my ($reseller, $name, $format, @more) = @_;
	return $node->safe_psql('postgres', "SELECT rde_export('sales', "
		  . join(', ', map { "'$_'" } $more[0] // '2020-01-01', $more[1] // '2020-01-05', $format)
		  . ", reseller => $reseller, name => '$name', options => '" . ($more[2] // '{}') . "')");
}

my %id = (
	json => report(1, 'näm"e;\\ %', 'json'),
	csv => report(1, 'small', 'csv'),
	big => report(1, 'big', 'csv', '2020-03-01', '2020-03-01', '{"compress": false}'),
	xlsx => report(1, 'sheet', 'xlsx'),
	other => report(2, 'of two', 'json'));
my %row;
for my $which (keys %id)
{
	my $found = $node->safe_psql('postgres',
		"SELECT to_json(r) FROM (SELECT file_name, file_bytes, sha256, row_count, media_type,"
		  . " rde_download_url(id) AS url FROM rde_reports WHERE id = '$id{$which}') r");
	$row{$which} = decode_json($found);
	$row{$which}{path} = "/reports/$id{$which}/$row{$which}{file_name}";
	$row{$which}{link} = $base . local_path($row{$which}{url});
}
my $today = $node->safe_psql('postgres', q{SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')});
my $list = "$base/reports?from=2020-01-01&to=2100-01-01";

# The program itself
{
	my ($out, $err);
	IPC::Run::run([ gateway_program(), '--version' ], '>', \$out);
	like($out, qr/^rde-gateway \d+\.\d+\n$/, '--version');
	IPC::Run::run([ gateway_program(), '--help' ], '>', \$out);
	like($out, qr/--listen.*--db.*--pool.*--log-level/s, '--help');
	ok(!IPC::Run::run([ gateway_program(), '--db', 'host=x hunter2' ], '>', \$out, '2>', \$err), 'a bad connection string is refused');
	unlike($err, qr/hunter2/, 'and not repeated, for it may hold a password');
	ok(!IPC::Run::run([ gateway_program(), '--listen', "127.0.0.1:$gateway->{port}" ], '>', \$out, '2>', \$err), 'so is a port in use');
}

# Health
{
	my $reply = curl("$base/health");
	is("$reply->{status} $reply->{body}", '200 {"status":"ok"}', 'health needs no login');
	is(curl('-I', "$base/health")->{status}, 200, 'HEAD of health');
}

# Lists
{
	my $reply = as(1, $list);
	my $body = decode_json($reply->{body});
	is($reply->{status}, 200, 'list');
	is($reply->{headers}{'content-type'}, 'application/json; charset=utf-8', 'list is JSON');
	is($reply->{headers}{'cache-control'}, 'private, no-store', 'and is not to be kept, for it holds links');
	is_deeply($body->{pagination}, { offset => 0, limit => 4, total => 4 }, 'of four reports');
	is_deeply([ map { $_->{format} } @{ $body->{data} } ], [qw(JSON CSV CSV XLSX)], 'in the order they were published');
	is(join(' ', sort keys %{ $body->{data}[0] }), 'creationDate downloadUrl format name', 'items have these fields');
	is($body->{data}[0]{name}, "n\x{e4}m\"e;\\ %", 'a name as it was given');
	is($body->{data}[0]{downloadUrl}, $row{json}{url}, 'and the link');

	$body = decode_json(as(1, "$list&format=xslx&offset=7&limit=0&whatever=1")->{body});
	is_deeply([ map { $_->{format} } @{ $body->{data} } ], ['XLSX'], 'the format is chosen, even misspelt; offset and limit mean nothing');
	$body = decode_json(as(1, "$list&detail=true&name=small")->{body});
	is($body->{data}[0]{sha256}, $row{csv}{sha256}, 'with details');
	my $next = $body->{next};
	ok($next, 'there is a cursor');
	$body = decode_json(as(1, '-G', '--data-urlencode', "after=$next", "$base/reports")->{body});
	is($body->{pagination}{total}, 0, 'since which nothing came');
	is(decode_json(as(1, "$list&name=n%C3%A4m%22e%3B%5C+%25")->{body})->{pagination}{total}, 1, 'parameters are decoded');
	is(decode_json(as(1, "$base/reports?from=$today&to=$today")->{body})->{pagination}{total}, 4, 'today');
	is(decode_json(as(1, "$base/reports?from=2020-02-29&to=2020-03-01")->{body})->{pagination}{total}, 0, 'a leap day');
	is(as(1, '-I', $list)->{status}, 200, 'HEAD of the list');

	for my $wrong ('yesterday', 'infinity', '2020-02-30', '2019-02-29', '2020-13-01', '2020-1-1', '0000-01-01', '20200101',
		'2020-01-01T00:00:00Z', '2020-01-01%20', '', '2020-01-01%00', '+2020-01-01')
	{
		is(as(1, "$base/reports?from=$wrong&to=2020-01-01")->{status}, 400, "from=$wrong is no day");
		is(as(1, "$base/reports?from=2020-01-01&to=$wrong")->{status}, 400, "to=$wrong is no day");
	}
	error_is(as(1, "$base/reports?from=2020-01-01"), 400, 'from and to are needed, or after', '/reports', 'from alone');
	error_is(as(1, "$base/reports?from=2020-01-02&to=2020-01-01"), 400, qr/^the first day \(2020-01-02\) is after the last day \(2020-01-01\); .*\.$/,
		'/reports', 'the wrong way round: the hint is passed on');
	my %field = (
		'from=2020-01-01' => 'to', 'to=2020-01-01' => 'from', '' => 'from', 'from=2020-01-02&to=2020-01-01' => 'to',
		'from=2020-01-02&to=2020-01-01&status=error' => 'to', 'after=1:2:' => 'after');
	is(decode_json(as(1, "$base/reports?$_")->{body})->{field}, $field{$_}, "the field that \"$_\" is refused for") for sort keys %field;
	my $twice = as(1, "$list&from=2020-01-01");
	error_is($twice, 400, 'from is given twice', '/reports', 'a parameter given twice');
	is(decode_json($twice->{body})->{field}, 'from', 'and which');
	is(as(1, "$list&$_")->{status}, 400, $_)
	  for 'format=pdf', 'format=', 'status=gone', 'type=x', 'detail=1', 'after=1:2:', 'name=%FF', 'name=a%00b', 'format=json&format=json';
	error_is(as(1, '-X', 'GET', '-d', '{"name":"x"}', "$base/reports"), 400, 'use POST to request a report', '/reports', 'GET with a body');
	is(as(1, '-X', 'GET', '-H', 'Content-Length: 0', $list)->{status}, 200, 'an empty body is none');
}

# One report
{
	my $reply = as(1, "$base/reports/$id{csv}");
	my $body = decode_json($reply->{body});
	is($reply->{status}, 200, 'one report');
	is("$body->{id} $body->{name} $body->{status} $body->{format}", "$id{csv} small completed csv", 'its body');
	is(as(1, "$base/reports/" . uc $id{csv})->{status}, 200, 'an id in capitals');

	my $none = '00000000-0000-4000-8000-000000000000';
	my $foreign = as(1, "$base/reports/$id{other}");
	my $unknown = as(1, "$base/reports/$none");
	error_is($foreign, 404, qr/does not exist$/, "/reports/$id{other}", 'a foreign report');
	error_is($unknown, 404, qr/does not exist$/, "/reports/$none", 'an unknown report');
	for ($foreign, $unknown)
	{
		$_->{body} =~ s/$id{other}|$none/ID/g;
		$_->{body} =~ s/"(timeStamp|correlationId)":"[^"]*"//g;
	}
	is($foreign->{body}, $unknown->{body}, 'which are one and the same error');
	is(as(1, "$base/reports/$_")->{status}, 404, "no report: \"$_\"")
	  for 'x', "$id{csv}0", substr($id{csv}, 1), "{$id{csv}}", $id{csv} =~ s/-//gr, "$id{csv}//", "$id{csv}/x", "$id{csv}/x/y";
	is(as(1, "$base/reports/$id{csv}/")->{body}, as(1, "$base/reports/$id{csv}")->{body}, 'a slash at the end says nothing');
}

# What there is to know of its file
{
	my $reply = as(1, "$base/reports/$id{json}/manifest");
	my $manifest = decode_json($reply->{body});
	is("$reply->{status} $reply->{headers}{'content-type'}", '200 application/json; charset=utf-8', 'a manifest');
	is($manifest->{name}, "n\x{e4}m\"e;\\ %", 'with the name as it is');
	is("$manifest->{fileName} $manifest->{sha256} $manifest->{fileBytes} $manifest->{rowCount} $manifest->{mediaType}",
		join(' ', @{ $row{json} }{qw(file_name sha256 file_bytes row_count media_type)}), 'of this file');
	is("$manifest->{dataset} $manifest->{customizationName} $manifest->{type} $manifest->{reseller}", 'sales full onetime 1', 'what it is about');
	is("$manifest->{startDate} $manifest->{endDate} $manifest->{timeZone}", '2020-01-01T00:00:00.000Z 2020-01-06T00:00:00.000Z UTC', 'its period');
	my $file = as(1, "$base$row{json}{path}")->{body};
	my $content;
	IPC::Run::run([ 'gunzip', '-c' ], '<', \$file, '>', \$content);
	is(length $content, $manifest->{contentBytes}, 'its content');
	my ($first) = @{ decode_json($content) };
	is(join(' ', sort map { $_->{name} } @{ $manifest->{columns} }), join(' ', sort keys %$first), 'its columns');
	is(join(' ', map { "$_->{name}:$_->{type}" } @{ $manifest->{columns} }[ 0 .. 3 ]), 'id:integer reseller:integer changed:instant amount:decimal', 'in their order, with types');
	is(as(1, '-I', "$base/reports/$id{json}/manifest")->{status}, 200, 'HEAD');
	is(as(1, '-X', 'POST', "$base/reports/$id{json}/manifest")->{headers}{allow}, 'GET, HEAD', 'POST is not allowed');

	error_is(as(1, "$base/reports/$id{other}/manifest"), 404, qr/does not exist$/, "/reports/$id{other}/manifest", 'a foreign manifest');
	error_is(curl("$base/reports/$id{json}/manifest"), 401, qr/needed/, "/reports/$id{json}/manifest", 'not without a login');
	is(curl("$base/reports/$id{json}/manifest?" . ($row{json}{link} =~ s/.*\?//r))->{status}, 401, 'nor by the link to the file');
	is(as(1, "$base/reports/$id{csv}/$_")->{status}, 404, "no manifest: \"$_\"") for 'Manifest', 'manifest//', 'manifest/x';
}

# What is asked for is described
{
	my $reply = curl("$base/openapi.json");
	is("$reply->{status} $reply->{headers}{'content-type'}", '200 application/json; charset=utf-8', 'the description, for anybody');
	is(decode_json($reply->{body})->{openapi}, '3.1.0', 'as of OpenAPI');
	is(curl('-I', "$base/openapi.json")->{status}, 200, 'HEAD');
}

# Requests
{
	my $asked = '{"name": "Daily report", "dataset": "sales", "format": "csv",'
	  . ' "startDate": "2020-01-01T00:00:00.000Z", "endDate": "2020-01-02T00:00:00Z", "downloadUrl": "http://127.0.0.1:9/x"}';
	my $reply = as(1, '-d', $asked, "$base/reports");
	my $body = decode_json($reply->{body});
	is("$reply->{status} $body->{status} $body->{type} $body->{format}", '200 completed onetime csv', 'POST builds a small report at once');
	is($body->{startDate}, '2020-01-01T00:00:00.000Z', 'of the instants it was asked for');
	is(curl($base . local_path($body->{downloadUrl}))->{status}, 200, 'and its link works');
	my $first = as(1, '-H', 'Idempotency-Key: k-1', '-d', $asked, "$base/reports");
	is(as(1, '-H', 'Idempotency-Key: k-1', '-d', $asked, "$base/reports")->{body}, $first->{body}, 'the same key gets the same answer');
	isnt(as(2, '-H', 'Idempotency-Key: k-1', '-d', $asked, "$base/reports")->{body}, $first->{body}, 'but not for somebody else');
	is(as(1, '-H', 'Transfer-Encoding: chunked', '-d', $asked, "$base/reports")->{status}, 200, 'a body in chunks');
	$body = decode_json(as(1, '-d', $asked =~ s/csv/jsonl/r, "$base/reports")->{body});
	is_deeply([ map { $_->{name} } @{ decode_json(as(1, "$list&format=jsonl")->{body})->{data} } ],
		['Daily report'], 'JSON Lines can be asked for and listed');

	for my $bad ('', 'x', '[]', '{', '{"name": "x"}', '"x"', 'null', "\xff", '{"name": 1, "startDate": "2020-01-01T00:00:00Z"}',
		'{"name": "x", "startDate": "yesterday"}', $asked =~ s/csv/pdf/r, $asked =~ s/"sales"/"nothing"/r, $asked =~ s/Daily/\\u0001/r,
		$asked =~ s/"format": "csv"/"customizationName": "none"/r, $asked =~ s/2020-01-02T/2019-01-02T/r)
	{
		my $refused = as(1, '-d', $bad, "$base/reports");
		is($refused->{status}, 400, "refused: $bad");
	}
	error_is(as(1, '-d', '{"name": "x"}', "$base/reports"), 400, 'name and startDate are required', '/reports', 'what is missing is named');
	is(as(1, '-H', "Idempotency-Key: $_", '-d', $asked, "$base/reports")->{status}, 400, "no key: $_") for 'a b', 'x' x 300, "\xc3\xa4";

	PostgreSQL::Test::Utils::append_to_file("$scratch/large", '{"name": "' . 'x' x 65536 . '"}');
	PostgreSQL::Test::Utils::append_to_file("$scratch/larger", 'x' x 3_000_000);
	error_is(as(1, '-d', "\@$scratch/large", "$base/reports"), 413, qr/64 KiB/, '/reports', 'a large body');
	is(as(1, '-H', 'Transfer-Encoding: chunked', '-d', "\@$scratch/large", "$base/reports")->{status}, 413, 'a large body in chunks');
	is(as(1, '-d', "\@$scratch/larger", "$base/reports")->{status}, 413, 'a very large body');
}

# Who may
for my $path ('/reports', "/reports?from=2020-01-01&to=2020-01-02", "/reports/$id{csv}", $row{csv}{path}, '/reports/x', '/reports/x/y')
{
	my ($key, $token) = @{ $tokens->{1} };
	my @wrong = (
		[],
		[ "Authorization: Bearer $token" ],
		[ "X-Subscription-Key: $key" ],
		[ "Authorization: Basic $token", "X-Subscription-Key: $key" ],
		[ "Authorization: $token", "X-Subscription-Key: $key" ],
		[ "Authorization: Bearer", "X-Subscription-Key: $key" ],
		[ "Authorization: Bearer $token x", "X-Subscription-Key: $key" ],
		[ "Authorization: Bearer $token", "Authorization: Bearer $token", "X-Subscription-Key: $key" ],
		[ "Authorization: Bearer $token", "X-Subscription-Key: $key", "X-Subscription-Key: $key" ],
		[ "Authorization: Bearer ${token}0", "X-Subscription-Key: $key" ],
		[ "Authorization: Bearer $tokens->{2}[1]", "X-Subscription-Key: $key" ],
		[ "Authorization: Bearer $token", "X-Subscription-Key: ${key}0" ]);
	my @right = grep {
		my $reply = curl((map { ('-H', $_) } @$_), "$base$path");
		$reply->{status} != 401 || $reply->{headers}{'www-authenticate'} ne 'Bearer'
	} @wrong;
	is(scalar @right, 0, "no way in to $path without a login");
}
{
	my ($key, $token) = @{ $tokens->{1} };
	is(curl('-H', "authorization: bearer  $token", '-H', "x-subscription-key: $key", $list)->{status}, 200, 'capitals do not matter');
	error_is(curl("$base/reports?sig=secret"), 401, qr/needed/, '/reports', 'no login');
}

# Methods and paths
for my $method (qw(PUT DELETE PATCH OPTIONS TRACE))
{
	is(as(1, '-X', $method, "$base/reports")->{headers}{allow}, 'GET, HEAD, POST', "$method on /reports");
	is(as(1, '-X', $method, "$base/reports/$id{csv}/manifest")->{headers}{allow}, 'GET, HEAD', "$method on a manifest");
	is(as(1, '-X', $method, "$base/reports/$id{csv}")->{headers}{allow}, 'GET, HEAD, DELETE', "$method on a report") if $method ne 'DELETE';
}
error_is(as(1, '-X', 'DELETE', "$base/reports"), 405, qr/not allowed/, '/reports', 'another method');
is(as(1, '-d', '{}', "$base$row{csv}{path}")->{status}, 405, 'POST to a file');
error_is(curl("$base/nothing?token=secret"), 404, 'there is nothing here', '/nothing', 'another path');
is(curl('--path-as-is', "$base$_")->{status}, 404, "nothing at $_") for '/panel', '//reports', '/health//', '/../reports', '/reports%2Fx', '/%', '/Reports';
is(curl('--path-as-is', "$base$_")->{status}, 400, "no path: $_") for '/%00', '/health%00';

# Correlation ids
{
	is(curl('-H', 'X-Correlation-ID: My-Id-42', "$base/health")->{headers}{'x-correlation-id'}, 'My-Id-42', 'a client\'s correlation id');
	like(curl('-H', "X-Correlation-ID: $_", "$base/health")->{headers}{'x-correlation-id'}, qr/^$uuid$/, "not this one: $_")
	  for 'a b', 'x' x 65, 'a_b', 'a"b', '', "\xc3\xa4";
	like(curl("$base/health")->{headers}{'x-correlation-id'}, qr/^$uuid$/, 'or a new one');
}

# Files
for my $which (qw(json csv big xlsx))
{
	my $known = $row{$which};
	subtest "file $which" => sub {
		for my $reply (curl($known->{link}), as(1, "$base$known->{path}"))
		{
			my %got = %{ $reply->{headers} };
			is($reply->{status}, 200, 'status');
			is(sha256_hex($reply->{body}), $known->{sha256}, 'bytes');
			is($got{'content-length'}, $known->{file_bytes}, 'length');
			is($got{'content-type'}, $known->{media_type}, 'type');
			is($got{'content-encoding'}, undef, 'no Content-Encoding');
			is($got{etag}, "\"$known->{sha256}\"", 'ETag');
			is($got{'repr-digest'}, 'sha-256=:' . sha256_base64($reply->{body}) . '=:', 'Repr-Digest');
			is($got{'x-rde-rows'}, $known->{row_count}, 'rows');
			is($got{'accept-ranges'}, 'bytes', 'ranges');
			is($got{'cache-control'}, 'private', 'Cache-Control');
			is($got{'x-content-type-options'}, 'nosniff', 'nosniff');
			is($got{'referrer-policy'}, 'no-referrer', 'Referrer-Policy');
			like($got{'last-modified'}, qr/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/, 'Last-Modified');
			like($got{'content-disposition'}, qr/^attachment; filename="\Q$known->{file_name}\E"; filename\*=UTF-8''/, 'name');
		}
		my $head = curl('-I', $known->{link});
		is($head->{headers}{'content-length'}, $known->{file_bytes}, 'HEAD tells the length');
		is($head->{headers}{etag}, "\"$known->{sha256}\"", 'and the ETag');
	};
}
like(curl('-I', $row{json}{link})->{headers}{'content-disposition'}, qr/; filename\*=UTF-8''n%C3%A4m%22e%3B_%20%25\.$id{json}\.[-0-9.]+%?2?B?\+?\d*\.json\.gz$/,
	'the original name, but for what would lead elsewhere');
is(sha256_hex(slurp_raw($_)), $row{big}{sha256}, 'curl resumes a broken download')
  for map { as(1, '-r', '0-1500000', "$base$row{big}{path}"); system 'cp', "$scratch/body", "$scratch/part";
	system 'curl', '-gsS', '-C', '-', '-o', "$scratch/part", $row{big}{link}; "$scratch/part" } 1;

# Parts and conditions
{
	my $link = $row{big}{link};
	my $whole = curl($link)->{body};
	my $size = length $whole;
	my $etag = "\"$row{big}{sha256}\"";
	my %parts = (
		'0-0' => [ 0, 0 ],
		'0-' => [ 0, $size - 1 ],
		'-1' => [ $size - 1, $size - 1 ],
		'-' . 2 * $size => [ 0, $size - 1 ],
		'1048575-1048576' => [ 1048575, 1048576 ],
		'1000000-3200000' => [ 1000000, 3200000 ],
		'1048576-2097151' => [ 1048576, 2097151 ],
		"5-@{[ 10 * $size ]}" => [ 5, $size - 1 ],
		'7-99999999999999999999999' => [ 7, $size - 1 ]);
	for my $range (sort keys %parts)
	{
		my ($first, $last) = @{ $parts{$range} };
		my $reply = curl('-H', "Range: bytes=$range", $link);
		is("$reply->{status} $reply->{headers}{'content-range'}", "206 bytes $first-$last/$size", "part $range");
		ok($reply->{body} eq substr($whole, $first, $last - $first + 1), "its bytes");
	}
	for my $range ($size, '99999999999999999999-', '-0')
	{
		my $reply = curl('-H', "Range: bytes=$range" . ($range =~ /-/ ? '' : '-'), $link);
		is("$reply->{status} $reply->{headers}{'content-range'}", "416 bytes */$size", "beyond the end: $range");
	}
	is(curl('-H', "Range: $_", $link)->{status}, 200, "no range, or several: all of it: $_")
	  for 'bytes=0-1,3-4', 'bytes=5-2', 'bytes=-', 'bytes=', 'bytes=a-b', 'bytes=1', 'lines=0-1', 'bytes 0-1', 'bytes=0-1x', 'bytes=--1';
	is(curl('-H', 'Range: bytes=0-1', '-H', 'Range: bytes=2-3', $link)->{status}, 200, 'two headers too');
	is(curl('-H', 'Range: bytes=0-1', '-H', "If-Range: $etag", $link)->{status}, 206, 'If-Range of this file');
	is(curl('-H', 'Range: bytes=0-1', '-H', "If-Range: $_", $link)->{status}, 200, "If-Range of another: $_")
	  for '"x"', "W/$etag", 'Sat, 01 Jan 2000 00:00:00 GMT';
	for ($etag, "W/$etag", '*', "\"a\", $etag", "\"a,b\",$etag , \"c\"")
	{
		my $reply = curl('-H', "If-None-Match: $_", $link);
		is("$reply->{status} " . length $reply->{body}, '304 0', "If-None-Match: $_");
		is($reply->{headers}{etag}, $etag, 'with its ETag');
	}
	is(curl('-H', "If-None-Match: $_", $link)->{status}, 200, "If-None-Match: $_") for '"x"', $row{big}{sha256}, substr($etag, 0, -1), '';
	is(curl('-H', "If-Match: $etag", $link)->{status}, 200, 'If-Match of this file');
	is(curl('-H', "If-Match: $_", $link)->{status}, 412, "If-Match: $_") for '"x"', "W/$etag";
	my $reply = curl('-I', '-H', 'Range: bytes=0-9', $link);
	is("$reply->{status} $reply->{headers}{'content-length'}", '206 10', 'HEAD of a part');
}

# Links: every change of one bit of every part is refused, with one same error.
{
	my ($path, $query) = $row{csv}{link} =~ m{^\Q$base\E(/[^?]+)\?(.+)$};
	my %field = map { /^(\w+)=(.*)$/ } split /&/, $query;
	my @order = map { /^(\w+)=/ } split /&/, $query;
	my $connection = connect_to($gateway);
	my $decode = sub { $_[0] =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ger };
	my $encode = sub { $_[0] =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger };
	my ($tries, @opened, %messages) = 0;
	my $try = sub {
		my ($changed, $what) = @_;
		my $reply = ask($connection, "GET $changed");
		$tries++;
		push @opened, "$what: $reply->{status}" if $reply->{status} != 403;
		$messages{ $reply->{status} == 403 ? decode_json($reply->{body})->{message} : "$what: $reply->{status}" }++;
		$connection = connect_to($gateway) if ($reply->{headers}{connection} // '') eq 'close';
	};
	my $join = sub { my (%f) = @_; join '&', map { "$_=" . $encode->($f{$_}) } @order };
	my %plain = map { ($_ => $decode->($field{$_})) } keys %field;

	is_deeply([ sort keys %field ], [qw(kid se sig sp sr st sv)], 'fields of a link');
	is("$plain{sp}$plain{sr}", 'rb', 'it can only be read');
	is(ask($connection, "GET $path?" . $join->(%plain))->{status}, 200, 'put together again it opens the file');
	for my $name (@order)
	{
		for my $bit (0 .. 8 * length($plain{$name}) - 1)
		{
			my $value = $plain{$name};
			vec($value, $bit, 1) ^= 1;
			$try->("$path?" . $join->(%plain, $name => $value), "$name, bit $bit");
		}
		$try->("$path?" . $join->(%plain, $name => ''), "$name empty");
		$try->("$path?" . join('&', map { "$_=$field{$_}" } grep { $_ ne $name } @order), "$name left out") if $name ne 'sig';
		$try->("$path?$query&$name=$field{$name}", "$name twice");
	}
	my ($id, $file) = map { $decode->($_) } $path =~ m{^/reports/([^/]+)/(.+)$};
	is(ask($connection, "GET /reports/$id/" . $encode->($file) . "?$query")->{status}, 200, 'so is its path');
	for my $bit (0 .. 8 * length($id) - 1)
	{
		my $value = $id;
		vec($value, $bit, 1) ^= 1;
		next if lc $value eq lc $id;
		$try->('/reports/' . $encode->($value) . '/' . $encode->($file) . "?$query", "id, bit $bit");
	}
	for my $bit (0 .. 8 * length($file) - 1)
	{
		my $value = $file;
		vec($value, $bit, 1) ^= 1;
		$try->("/reports/$id/" . $encode->($value) . "?$query", "file name, bit $bit");
	}
	my ($other_path) = $row{other}{link} =~ m{^\Q$base\E([^?]+)};
	$try->("$other_path?$query", 'the link of another report');
	cmp_ok($tries, '>', 1500, "$tries changed links were tried");
	is_deeply(\@opened, [], 'all of them are refused');
	is_deeply([ keys %messages ], ['the link is not valid'], 'with the same message');

	is(as(2, "$base$row{csv}{path}")->{status}, 404, 'a foreign login opens no file');
	is(as(1, "$base$row{csv}{path}x")->{status}, 404, 'nor does another name');
	is(as(2, $row{csv}{link})->{status}, 200, 'a link does, whoever has it');
	$node->safe_psql('postgres', "SELECT rde_revoke_links('$id{csv}')");
	error_is(curl($row{csv}{link}), 403, 'the link is not valid', $path, 'revoked');
	$node->safe_psql('postgres', 'SELECT rde_rotate_signing_key()');
	is(curl($row{xlsx}{link})->{status}, 200, 'links outlive the rotation of keys');
	my ($kid) = $row{xlsx}{link} =~ /kid=(\w+)/;
	$node->safe_psql('postgres', "SELECT rde_revoke_signing_key('$kid')");
	is(curl($row{xlsx}{link})->{status}, 403, 'and die with theirs');
	is(curl($base . local_path($node->safe_psql('postgres', "SELECT rde_download_url('$id{xlsx}')")))->{status}, 200, 'new ones are signed with the next');
}

# Tokens end at once, though they were seen a moment ago.
{
	my ($key, $token) = split /\|/, $node->safe_psql('postgres', "SELECT subscription_key, token FROM rde_create_token(1, 'short', interval '1 day')");
	my @headers = ('X-Subscription-Key' => $key, Authorization => "Bearer $token");
	my $connection = connect_to($gateway);
	is(ask($connection, 'GET /reports?from=2020-01-01&to=2020-01-01', \@headers)->{status}, 200, 'a token');
	$node->safe_psql('postgres', "SELECT rde_revoke_token(id) FROM rde_tokens WHERE name = 'short'");
	is(ask($connection, 'GET /reports?from=2020-01-01&to=2020-01-01', \@headers)->{status}, 401, 'revoked');
	is(ask($connection, 'GET /reports?from=bad', \@headers)->{status}, 401, 'and no longer told what is wrong with a request');
}

# Quotas
{
	$node->safe_psql('postgres', 'DELETE FROM _rde_asked; SELECT rde_alter_account(2, max_reports_per_day => 1)');
	my @ask = ('-d', '{"name": "x", "dataset": "sales", "startDate": "2020-01-01T00:00:00Z", "endDate": "2020-01-02T00:00:00Z"}', "$base/reports");
	is(as(2, @ask)->{status}, 200, 'within a quota');
	my $reply = as(2, @ask);
	error_is($reply, 429, qr/; .*\.$/, '/reports', 'over a quota: what to do is said');
	cmp_ok($reply->{headers}{'retry-after'}, '>', 0, 'and when to come again');
}

# Logs
my ($status) = stop_gateway($gateway);
is($status, 0, 'SIGTERM ends it');
{
	my $log = gateway_log($gateway);
	my $server_log = slurp_file($node->logfile);
	my @lines = grep { / info request / } split /\n/, $log;
	my @odd = grep { !m{^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info request id=[A-Za-z0-9-]+ account=(\d+|-) method=\S* path=\S* status=\d+ bytes=\d+ ms=\d+\.\d( report=$RdeGateway::any_uuid kid=\S+ sent=\d+( incomplete)?)?( broken-off)?$}i } @lines;
	is_deeply(\@odd, [], scalar(@lines) . ' lines of requests');
	like($log, qr/id=My-Id-42 account=- method=GET path=\/health status=200 bytes=15 ms=/, 'one of them');
	my ($path) = $row{big}{link} =~ m{^\Q$base\E([^?]+)};
	like($log, qr{account=1 method=GET path=\Q$path\E status=200 bytes=$row{big}{file_bytes} ms=\S+ report=$id{big} kid=[0-9a-f]+\.0 sent=$row{big}{file_bytes}\n}, 'one of a download');
	my %secrets;
	$secrets{"token of $_"} = $tokens->{$_}[1] for 1, 2;
	$secrets{"link of $_"} = ($row{$_}{link} =~ /sig=([^&]+)/)[0] =~ s/%([0-9A-F]{2})/chr hex $1/ger for keys %row;
	for my $what (sort keys %secrets)
	{
		my $found = () = "$log$server_log" =~ /\Q$secrets{$what}\E/g;
		is($found, 0, "no log holds the $what") if $what =~ /token/;
		is(() = $log =~ /\Q$secrets{$what}\E|\Q@{[ substr $secrets{$what}, 0, 12 ]}\E/g, 0, "nor does the gateway's");
	}
	for my $reseller (1, 2)
	{
		is(() = $log =~ /\Q$tokens->{$reseller}[0]\E/g, 0, 'the gateway\'s holds no subscription key');
	}
	unlike($log, qr/\?|sig=|from=2020/, 'no query string either');
	unlike($log, qr/ (error|warning) /, 'and nothing went wrong');
	like($server_log, qr/rde_list_reports/, 'the server logged what it was asked');
}

done_testing();

# azure_blobs.pl
#
# Reports in an Azure container: uploads, links and what ends them, names, what
# is kept and what is deleted, who may do what, and what is said when something
# is wrong.  The emulator checks every signature.

use strict;
use warnings;
use Digest::MD5 qw(md5_base64);
use Digest::SHA qw(sha256_hex);
use JSON::PP;
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeAzure;
use RdeFiles qw(slurp_raw);
use RdeGateway;
use RdeSessions;
use Test::More;

plan skip_all => 'the emulator of Azure is not installed' unless $ENV{RDE_AZURITE};

my $azurite = start_azurite();
make_container($azurite, $_) for qw(reports folders second);
my $node = new_azure_shop('azure', "rde.base_url = 'https://reports.example'\nlog_statement = all\n");
my $uuid = qr/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

sub sql { return $node->safe_psql('postgres', shift) }

sub error_of
{
	my ($sql, %arg) = @_;
	my ($out, $err) = ('', '');
	my $connection = $node->connstr($arg{dbname} // 'postgres') . ' user=' . ($arg{user} // getpwuid $>);
	$node->psql('postgres', $sql, stdout => \$out, stderr => \$err, connstr => $connection);
	return $err;
}

sub export
{
	my ($format, %arg) = @_;
	my @args = map { "$_ => " . ($arg{$_} =~ /^\d+$/ ? $arg{$_} : "'$arg{$_}'") } sort keys %arg;
	return sql("SELECT rde_export(" . join(', ', "'sales', '2020-01-01', '2020-01-05', '$format'", @args) . ')');
}

sub report
{
	my ($id) = @_;
	return decode_json(sql("SELECT to_json(r) FROM (SELECT *, r.store, to_char(published_at - interval '10 min', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS st"
		  . " FROM rde_reports r WHERE id = '$id') r"));
}

###########################################################################
# Before there is anywhere to go
###########################################################################

like(upload_due($node), qr/there is no server of rde_azure.*HINT: .*CREATE SERVER.*CREATE USER MAPPING/s, 'without a server the error says how to make one');
{
	my $create = 'CREATE SERVER bad FOREIGN DATA WRAPPER rde_azure OPTIONS';
	my %wrong = (
		"(container 'reports')" => qr/needs the options account and container/,
		"(account 'Contoso', container 'reports')" => qr/"Contoso" is not a valid account/,
		"(account 'contoso', container 're--ports')" => qr/"re--ports" is not a valid container/,
		"(account 'contoso', container 'reports', colour 'red')" => qr/has no option "colour".*HINT: .*keep_local/s,
		"(account 'contoso', container 'reports', layout 'year')" => qr/"year" is not a valid layout.*reseller\/month/s,
		"(account 'contoso', container 'reports', keep_local 'perhaps')" => qr/"perhaps" is not a valid keep_local/,
		"(account 'contoso', container 'reports', timeout '0')" => qr/"0" is not a valid timeout/,
		map { ("(account 'contoso', container 'reports', endpoint '$_')" => qr/is not a valid endpoint/) } (
			'ftp://contoso', 'contoso.example', 'http://contoso.example', 'http://127.0.0.1.example', 'http://localhost.example',
			'http://1270.0.0.1', 'https://user:word@contoso.example', 'https://contoso.example?x', 'https://contoso.example/../x',
			'https://', 'https://contoso example', 'http://127.0.0.1@contoso.example', 'https://contoso.example#x'));
	for my $options (sort keys %wrong)
	{
		like(error_of("$create $options"), $wrong{$options}, "refused: $options");
	}
	is(error_of("$create (account 'contoso', container 'reports', endpoint '$_'); DROP SERVER bad"), '', "fine: $_")
	  for 'https://contoso.example', 'https://contoso.example:8443/a', 'http://127.1.2.3:1', 'http://[::1]:80', 'http://LOCALHOST:80/', 'HTTPS://Contoso.example/';
}
connect_shop($node, port => $azurite->{port});
{
	my $error = error_of("ALTER USER MAPPING FOR CURRENT_USER SERVER reports OPTIONS (SET account_key 'hunter2!')");
	like($error, qr/account_key is not valid/, 'a key that is none');
	unlike($error =~ s/LINE 1.*//sr, qr/hunter2/, 'is not repeated');
	like(error_of("ALTER USER MAPPING FOR CURRENT_USER SERVER reports OPTIONS (ADD password 'x')"), qr/has no option "password"/, 'nor has a mapping other options');
}

# A key need not be logged, whatever is: not even if the command fails.
{
	my $quiet = "BEGIN; SET LOCAL log_statement = 'none'; SET LOCAL log_min_error_statement = 'panic'; SET LOCAL log_min_duration_statement = -1;";
	my @keys = map { MIME::Base64::encode_base64("key number $_", '') } 1, 2;
	sql("CREATE ROLE quiet; $quiet CREATE USER MAPPING FOR quiet SERVER reports OPTIONS (account_key '$keys[0]'); COMMIT");
	error_of("$quiet ALTER USER MAPPING FOR quiet SERVER reports OPTIONS (SET account_keys '$keys[1]'); COMMIT");
	my $log = slurp_raw($node->logfile);
	unlike($log, qr/\Q$_\E/, 'a key that is not logged') for @keys;
	like($log, qr/CREATE ROLE quiet/, 'though other statements are');
	sql('DROP USER MAPPING FOR quiet SERVER reports; DROP ROLE quiet');
}

###########################################################################
# Uploads and links
###########################################################################

my %id = (
	csv => export('csv', name => 'näm e', options => '{"compress": false}'),
	json => export('json', reseller => 1),
	xlsx => export('xlsx', reseller => 2));
like(sql("SELECT download_url FROM rde_reports WHERE id = '$id{json}'"), qr{^https://reports\.example/reports/}, 'a link before the upload is the gateway\'s');
like(upload_due($node, 1), qr/NOTICE:  1 uploaded, 0 moved, 0 deleted, 0 failed/, 'no more than max_uploads');
like(upload_due($node), qr/NOTICE:  2 uploaded, 0 moved, 0 deleted, 0 failed/, 'the others');
like(upload_due($node), qr/NOTICE:  0 uploaded, 0 moved, 0 deleted, 0 failed/, 'and nothing twice');
is(scalar(list_blobs($azurite, 'reports')), 6, 'three blobs, each with a manifest');
for my $format (sort keys %id)
{
	my $report = report($id{$format});
	my $url = $report->{download_url};
	my $reply = fetch_link($url);

	subtest "$format report" => sub {
		is($report->{store}, 'azure', 'its store');
		my ($path, $query) = $url =~ m{^http://127\.0\.0\.1:\d+/devstoreaccount1/reports/([^?]+)\?(.+)$};
		is($path =~ s/%2B/+/r, $report->{file_name}, 'its blob has the name of its file');
		my %field = map { /^(\w+)=(.*)$/ } split /&/, $query;
		is(join(' ', sort keys %field), 'se sig sp sr st sv', 'fields of its link');
		is("$field{sp} $field{sr}", 'r b', 'which can read one blob');
		is($field{st} =~ s/%3A/:/gr, $report->{st}, 'from ten minutes before the file was made');
		is($field{se} =~ s/%3A/:/gr, $report->{expires_at} =~ s/\..*/Z/r, 'until the report expires');
		is($reply->{status}, 200, 'it opens the file');
		is(sha256_hex($reply->{body}), $report->{sha256}, 'with the bytes of the report');
		is($reply->{headers}{'content-type'}, $report->{media_type}, 'its type');
		is($reply->{headers}{'content-md5'}, md5_base64($reply->{body}) . '==', 'its MD5');
		is($reply->{headers}{'x-ms-meta-sha256'}, $report->{sha256}, 'its SHA-256');
		like($reply->{headers}{'content-disposition'}, qr/^attachment; filename="\Q$report->{file_name}\E"; filename\*=UTF-8''/, 'its name');
		is(sql("SELECT sha256(rde_content('$id{$format}')) = '\\x$report->{sha256}'"), 't', 'the file is still in the database');
		is(sql("SELECT rde_verify_report('$id{$format}')"), 't', 'where it can be verified');
	};
}
like(fetch_link(report($id{csv})->{download_url}, '-I')->{headers}{'content-disposition'}, qr/filename\*=UTF-8''n%C3%A4m%20e\.$uuid/, 'a name as it was given');
is(fetch_link(report($id{csv})->{download_url}, '-r', '1048575-1048576')->{status}, 206, 'parts can be had');
for my $format (sort keys %id)
{
	my $report = report($id{$format});
	my $reply = get_blob($azurite, 'reports', "$report->{file_name}.manifest.json");
	my $manifest = decode_json($reply->{content});
	my $expected = decode_json(sql("SELECT rde_report_manifest('$id{$format}')"));
	is($reply->{headers}{'content-type'}, 'application/json; charset=utf-8', "$format: a manifest beside it");
	is(delete $expected->{expiresAt} ? join(' ', grep { $_ =~ /expire/i } keys %$manifest) : 'no end', '', 'without what may change');
	is_deeply($manifest, $expected, 'says the same as the database');
	is(fetch_link($report->{download_url} =~ s/\?/.manifest.json?/r)->{status}, 403, 'the link to the file does not open it');
}
{
	my $id = sql(q{SELECT rde_export('sales', '2020-01-01', '2020-01-05', 'csv', name => E'../..\\\\a\u202Egpj.exe\u061c\u2066..')});
	upload_due($node);
	my $header = fetch_link(report($id)->{download_url}, '-I')->{headers}{'content-disposition'};
	unlike($header, qr{\.\.|/|\\|%2F|%5C|%E2%80%AE|%D8%9C|%E2%81%A6}, 'nor does a name lead elsewhere, or turn round');
	like($header, qr/^attachment; filename="\.__\.__a_gpj\S*\.csv\.gz"; filename\*=UTF-8''\._.*gpj\.exe__\._\.$id\./, 'the rest of it stays');
	sql("SELECT rde_drop_report('$id')");
	upload_due($node);
}
{
	my $body = decode_json(sql('SELECT rde_list_reports(current_date, current_date, detail => true)'));
	is(scalar(grep { $_->{downloadUrl} =~ m{^http://127\.0\.0\.1:$azurite->{port}/.*sp=r&sig=} } @{ $body->{data} }), 3, 'lists show these links');
	is(sql("SELECT rde_get_report('$id{json}') ->> 'downloadUrl' = rde_download_url('$id{json}')"), 't', 'so does a single report');
	is(sql("SELECT string_agg(DISTINCT u.status, ' ') || ' ' || bool_and(u.attempts = 1) || ' ' || bool_and(u.bytes = r.file_bytes)"
			. " || ' ' || bool_and(r.download_url LIKE u.blob_url || '?%') FROM rde_azure_uploads u JOIN rde_reports r ON r.id = u.report"),
		'uploaded true true true', 'rde_azure_uploads');
}

# Links end where their signature does.
{
	my $url = report($id{json})->{download_url};
	my ($base, $query) = split /\?/, $url;
	my (@opened, $tries);
	for my $at (0 .. length($query) - 1)
	{
		my $changed = $query;
		my $byte = substr $changed, $at, 1;
		substr($changed, $at, 1) = $byte eq 'A' ? 'B' : $byte =~ /[0-9]/ ? ($byte + 1) % 10 : 'A';
		my $reply = HTTP::Tiny->new->get("$base?$changed");
		$tries++;
		push @opened, "$changed: $reply->{status}" if $reply->{status} == 200;
	}
	is_deeply(\@opened, [], "a link with one character changed opens nothing: $tries tried");
	is(HTTP::Tiny->new->get($url)->{status}, 200, 'unchanged it does');
	is(HTTP::Tiny->new->get($base)->{status} != 200, 1, 'without a signature the blob does not');
	my ($other) = split /\?/, report($id{xlsx})->{download_url};
	is(HTTP::Tiny->new->get("$other?$query")->{status}, 403, 'nor does the link of another one');
	is(fetch_link($url, '-X', 'DELETE')->{status}, 403, 'it cannot delete');
	is(fetch_link($url, '-X', 'PUT', '-H', 'x-ms-blob-type: BlockBlob', '-d', 'x')->{status}, 403, 'nor write');
	is(fetch_link("$url&comp=block&blockid=AAAA", '-X', 'PUT', '-d', 'x')->{status}, 403, 'nor a block');
	is(sha256_hex(HTTP::Tiny->new->get($url)->{content}), report($id{json})->{sha256}, 'and the blob is as it was');

	my $short = sql(q{SET rde.link_lifetime = '5 seconds'; SELECT rde_download_url('} . $id{json} . q{')});
	is(fetch_link($short)->{status}, 200, 'a link of a short life');
	sleep 6;
	is(fetch_link($short)->{status}, 403, 'opens nothing after it');
}

# Revoked links open nothing: the blob gets another name.
{
	my $old = report($id{csv})->{download_url};
	sql("SELECT rde_revoke_links('$id{csv}')");
	is(report($id{csv})->{download_url}, undef, 'there is no link until the blob has been moved');
	like(error_of("SELECT rde_download_url('$id{csv}')"), qr/there is no link to report .* just now/, 'which an error says');
	is(sql("SELECT status FROM rde_azure_uploads WHERE report = '$id{csv}'"), 'moving', 'and the view');
	sql("SELECT rde_revoke_links('$id{csv}')");
	like(upload_due($node), qr/0 uploaded, 1 moved, 0 deleted, 0 failed/, 'it is moved');
	my $new = report($id{csv})->{download_url};
	is(fetch_link($old)->{status}, 404, 'the old link is dead');
	is(sha256_hex(fetch_link($new)->{body}), report($id{csv})->{sha256}, 'a new one opens the file');
	is(fetch_link($new, '-I')->{headers}{'content-type'}, 'text/csv; charset=utf-8', 'of the same type');
	like($new, qr{/n_m_e\.$id{csv}-2\.20}, 'by a name that has the number of the revocation');
	is(scalar(list_blobs($azurite, 'reports')), 6, 'three blobs still');
	like(upload_due($node), qr/0 uploaded, 0 moved, 0 deleted, 0 failed/, 'once is enough');
}

###########################################################################
# What becomes of blobs
###########################################################################

sql("SELECT rde_drop_report('$id{csv}')");
is(sql("SELECT status FROM rde_azure_uploads WHERE report = '$id{csv}'"), 'deleting', 'a dropped report\'s blob is to be deleted');
like(upload_due($node), qr/0 uploaded, 0 moved, 1 deleted, 0 failed/, 'it is');
is_deeply([ grep { /$id{csv}/ } list_blobs($azurite, 'reports') ], [], 'the blob is gone');
is(sql("SELECT count(*) FROM rde_azure_uploads WHERE report = '$id{csv}'"), 0, 'and forgotten');

# expires: as if time had passed
sub expire
{
	my ($id) = @_;
	sql("UPDATE _rde_report SET expires_at = now() - interval '2 hours' WHERE id = '$id';"
		  . "UPDATE _rde_azure_upload SET expires_at = now() - interval '2 hours' WHERE id = '$id'; SELECT rde_purge_reports()");
	return;
}
expire($id{json});
like(upload_due($node), qr/0 uploaded, 0 moved, 1 deleted, 0 failed/, 'so is an expired one');
is(scalar(list_blobs($azurite, 'reports')), 2, 'one blob is left');
sql("ALTER SERVER reports OPTIONS (ADD delete_expired 'false')");
expire($id{xlsx});
like(upload_due($node), qr/0 uploaded, 0 moved, 1 deleted, 0 failed/, 'or it is left to a rule of the container');
is(scalar(list_blobs($azurite, 'reports')), 2, 'its blob stays');
{
	my $id = export('csv');
	upload_due($node);
	sql("SELECT rde_drop_report('$id')");
	upload_due($node);
	is_deeply([ grep { /$id/ } list_blobs($azurite, 'reports') ], [], 'what is dropped before its time goes all the same');
}
sql("ALTER SERVER reports OPTIONS (DROP delete_expired, ADD keep_local 'false')");
{
	my $id = export('json');
	my $known = report($id);
	upload_due($node);
	my $moved = report($id);
	is(sql("SELECT count(*) FROM _rde_report_chunk WHERE report = '$id'"), 0, 'keep_local false: the file is only there');
	is($moved->{$_}, $known->{$_}, "its manifest stays: $_") for qw(status row_count file_bytes sha256 file_name);
	is(sha256_hex(fetch_link($moved->{download_url})->{body}), $known->{sha256}, 'its link opens it');
	like(error_of("SELECT $_"), qr/file of report $id is in store "azure", and no longer in the database.*HINT: .*rde_download_url\('$id'\)/s, "$_ says where it is")
	  for "rde_content('$id')", "rde_text('$id')", "rde_chunk('$id', 0)", "rde_chunks('$id')", "rde_verify_report('$id')";
	like(error_of("SELECT rde_set_report_store('$id', 'local')"), qr/no longer in the database/, 'it cannot be called local');
	sql("SELECT rde_revoke_links('$id')");
	like(upload_due($node), qr/1 moved/, 'its links are revoked as others are');
	is(sha256_hex(fetch_link(report($id)->{download_url})->{body}), $known->{sha256}, 'by a copy at the service');
	my $next = sql("SELECT rde_rebuild('$id')");
	like(upload_due($node), qr/1 uploaded/, 'and it can be built again');
	is(report($next)->{revision}, 2, 'as the next revision');
}

# The gateway sends on whoever comes for a file that has moved.
SKIP:
{
	skip 'the gateway was not built', 15 unless gateway_program();
	sql("CREATE ROLE gateway LOGIN; SELECT rde_grant('gateway', 'gateway')");
	my @token = split /\|/, sql("SELECT subscription_key, token FROM rde_create_token(1, 'test', interval '1 day')");
	my @login = ('-H', "X-Subscription-Key: $token[0]", '-H', "Authorization: Bearer $token[1]");
	my $gateway = start_gateway($node);
	my $id = export('json', reseller => 1, name => 'moves');
	my $known = report($id);
	my $link = $gateway->{url} . local_path($known->{download_url});
	my ($path) = $link =~ /^([^?]+)/;

	is(fetch_link($link)->{status}, 200, 'a link before the upload');
	upload_due($node);
	my $reply = fetch_link($link);
	is("$reply->{status} $reply->{headers}{location}", '302 ' . report($id)->{download_url}, 'leads to the blob after it');
	is($reply->{headers}{'cache-control'}, 'private, no-store', 'and is not to be kept');
	is(sha256_hex(fetch_link($link, '-L')->{body}), $known->{sha256}, 'where the file is');
	is(fetch_link($link, '-L', '-r', '0-9')->{status}, 206, 'or a part of it');
	for my $with_login ([ $path, 'a login' ], [ $link, 'a link with a login beside it' ])
	{
		$reply = fetch_link($with_login->[0], '-L', @login);
		my $error = decode_json($reply->{body});
		is("$reply->{status} " . ($reply->{headers}{location} // 'nowhere'), '409 nowhere', "$with_login->[1] is not sent to another host, which would be told the token");
		is($error->{downloadUrl}, report($id)->{download_url}, 'but told the link');
	}
	is(sha256_hex(fetch_link(decode_json($reply->{body})->{downloadUrl})->{body}), $known->{sha256}, 'which opens the file');
	like(fetch_link("$gateway->{url}/reports/$id", @login)->{body}, qr/"downloadUrl":\s*"http:..127/, 'as its item says');
	sql("SELECT rde_revoke_links('$id')");
	is(fetch_link($link)->{status}, 403, 'a revoked link leads nowhere');
	$reply = fetch_link($path, @login);
	is("$reply->{status} $reply->{headers}{'retry-after'}", '503 30', 'while the blob is moved, a login comes again later');
	like($reply->{body}, qr/"message":"the file is on its way to another store"/, 'which it is told');
	upload_due($node);
	is(fetch_link($path, @login)->{status}, 409, 'and then is told the link');
	stop_gateway($gateway);
}

# A container with folders; reports of both servers keep their links.
sql("ALTER SERVER reports OPTIONS (DROP keep_local)");
connect_shop($node, port => $azurite->{port}, server => 'other', container => 'folders', options => { layout => 'reseller/month' });
like(upload_due($node), qr/servers "other" and "reports" both take new reports.*ALTER SERVER other OPTIONS \(ADD upload 'false'\)/s, 'one server takes new reports');
sql("ALTER SERVER reports OPTIONS (ADD upload 'false')");
export('csv', reseller => 2, name => 'of two');
export('csv', name => 'of all');
like(upload_due($node), qr/2 uploaded/, 'uploads to the other one');
my $month = sql(q{SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')});
is_deeply([ map { s/\.$uuid.*//r } grep { !/\.manifest\.json$/ } list_blobs($azurite, 'folders') ], [ "2/$month/of_two", "all/$month/of_all" ], 'by reseller and month');
for my $layout ('reseller', 'month', 'flat')
{
	sql("ALTER SERVER other OPTIONS (SET layout '$layout')");
	my $id = export('csv', reseller => 2, name => 'again');
	upload_due($node);
	my ($name) = grep { /$id/ } list_blobs($azurite, 'folders');
	is($name =~ s/again.*//r, { reseller => '2/', month => "$month/", flat => '' }->{$layout}, "layout $layout");
	is(fetch_link(report($id)->{download_url})->{status}, 200, 'its link');
}
is(sql("SELECT count(*) FILTER (WHERE download_url LIKE '%/folders/%') || ' ' || count(*) FILTER (WHERE download_url LIKE '%/reports/%') FROM rde_reports"),
	'5 3', 'links of both containers');

###########################################################################
# What can be wrong
###########################################################################

sql("ALTER SERVER other OPTIONS (SET container 'missing')");
my $waiting = export('csv', name => 'waiting');
export('csv', name => 'waiting too');
like(upload_due($node), qr/WARNING: .*report $waiting could not be uploaded: PUT http\S+: status 404, ContainerNotFound.*0 uploaded, 0 moved, 0 deleted, 1 failed/s,
	'a container that is not there ends the run');
is(sql("SELECT status || ' ' || attempts || ' ' || (due_at > now()) || ' ' || (last_error ~ 'ContainerNotFound') FROM rde_azure_uploads WHERE report = '$waiting'"),
	'retrying 1 true true', 'it is tried again later');
like(sql(q{SELECT finding || ' ' || object || ' ' || detail FROM rde_health WHERE finding ~ 'uploads'}), qr/^uploads_failing \w+ 1 reports could not be uploaded.*ContainerNotFound/,
	'and rde_health tells of it');
like(report($waiting)->{download_url}, qr{^https://reports\.example/}, 'until then its link is the gateway\'s');
sql("ALTER SERVER other OPTIONS (SET container 'folders'); SELECT rde_azure_retry('$waiting')");
like(upload_due($node), qr/2 uploaded/, 'or at once, if somebody says so');

my $wrong_key = MIME::Base64::encode_base64('wrong' x 8, '');
sql("ALTER USER MAPPING FOR CURRENT_USER SERVER other OPTIONS (SET account_key '$wrong_key')");
$waiting = export('csv', name => 'waiting');
my $said = upload_due($node);
like($said, qr/could not be uploaded: PUT \S+: status 403, AuthorizationFailure|AuthenticationFailed/, 'another key is refused');
unlike($said, qr/\Q$wrong_key\E|SharedKey|sig=/, 'and no secret is told');
sql("DROP USER MAPPING FOR CURRENT_USER SERVER other; SELECT rde_azure_retry('$waiting')");
is(sql("SELECT count(download_url) FROM rde_reports WHERE store = 'azure' AND download_url LIKE '%/folders/%'"), 0, 'without a key there are no links');
like(upload_due($node), qr/the owner of server "other" has no user mapping with an account_key/, 'nor uploads');
sql("CREATE ROLE somebody LOGIN; GRANT USAGE ON FOREIGN SERVER other TO somebody;"
	  . "CREATE USER MAPPING FOR somebody SERVER other OPTIONS (account_key '$azure_key');"
	  . "CREATE USER MAPPING FOR PUBLIC SERVER other OPTIONS (account_key '$azure_key'); SELECT rde_azure_retry('$waiting')");
like(upload_due($node), qr/has no user mapping with an account_key/, 'other mappings than the owner\'s do not count');
sql("DROP USER MAPPING FOR PUBLIC SERVER other; CREATE USER MAPPING FOR CURRENT_USER SERVER other OPTIONS (account_key '$azure_key'); SELECT rde_azure_retry('$waiting')");

# Another content under the same name is never written over.
{
	my $blob = report($waiting)->{file_name};
	azure_request($azurite, 'PUT', "/folders/$blob", headers => { 'x-ms-blob-type' => 'BlockBlob' }, body => 'somebody else\'s');
	like(upload_due($node), qr/report $waiting could not be uploaded: .* is another file: it has 15 bytes/, 'another blob of that name');
	is(get_blob($azurite, 'folders', $blob)->{content}, 'somebody else\'s', 'stays as it is');
	is(sql("SELECT status FROM rde_azure_uploads WHERE report = '$waiting'"), 'error', 'and the upload is in error');
	like(upload_due($node), qr/0 uploaded, 0 moved, 0 deleted, 0 failed/, 'until somebody does something about it');
	azure_request($azurite, 'DELETE', "/folders/$blob");
	sql("SELECT rde_azure_retry('$waiting')");
	like(upload_due($node), qr/1 uploaded/, 'which helps');
}

# What is damaged here is not uploaded.
{
	my $id = export('csv', name => 'damaged');
	sql("UPDATE _rde_report_chunk SET data = set_byte(data, 100, get_byte(data, 100) # 1) WHERE report = '$id' AND seq = 0");
	like(upload_due($node), qr/report $id could not be uploaded: the report's bytes in the database have another SHA-256/, 'a damaged report');
	is_deeply([ grep { /$id/ } list_blobs($azurite, 'folders') ], [], 'makes no blob');
	sql("SELECT rde_drop_report('$id')");
	like(upload_due($node), qr/1 deleted/, 'and is forgotten with it');
}

# Whoever commits late is not missed.
{
	my $late = open_session($node, 'postgres');
	run_in($late, "BEGIN; SELECT rde_export('sales', '2020-01-01', '2020-01-01', 'csv', name => 'late')");
	export('csv', name => 'in time');
	like(upload_due($node), qr/1 uploaded/, 'a report that was made meanwhile');
	run_in($late, 'COMMIT');
	close_session($late);
	like(upload_due($node), qr/1 uploaded/, 'and one that was made before, and committed after');
	is(sql("SELECT status FROM rde_azure_uploads WHERE name = 'late'"), 'uploaded', 'is uploaded');
}

# An address nobody listens at, and one that is not asked over plain http.
sql("ALTER SERVER other OPTIONS (SET endpoint 'http://127.0.0.1:1/devstoreaccount1')");
$waiting = export('csv', name => 'nobody listens');
like(upload_due($node), qr/could not be uploaded: PUT \S+: Failed to connect/, 'nobody listens');
sql("ALTER SERVER other OPTIONS (SET endpoint 'https://127.0.0.1:$azurite->{port}/devstoreaccount1'); SELECT rde_azure_retry('$waiting')");
like(upload_due($node), qr/could not be uploaded: PUT \S+: .*(SSL|TLS)/, 'https is not http');
sql("ALTER SERVER other OPTIONS (SET endpoint 'http://127.0.0.1:$azurite->{port}/devstoreaccount1'); SELECT rde_azure_retry('$waiting')");
like(upload_due($node), qr/1 uploaded/, 'back again');

# What waited for a server that was dropped goes to the next one.
sql("ALTER SERVER other OPTIONS (SET container 'missing')");
$waiting = export('csv', name => 'waits for another server');
like(upload_due($node), qr/0 uploaded, 0 moved, 0 deleted, 1 failed/, 'a report waits for a server');
sql('DROP SERVER other CASCADE');
connect_shop($node, port => $azurite->{port}, server => 'third', container => 'second');
like(upload_due($node), qr/1 uploaded/, 'that is dropped: it goes to the next');
is(scalar(list_blobs($azurite, 'second')), 2, 'which has it');
is(fetch_link(report($waiting)->{download_url})->{status}, 200, 'and its link');

###########################################################################
# Who may
###########################################################################

sql(q{
	CREATE ROLE operator LOGIN; CREATE ROLE bi LOGIN; CREATE ROLE one LOGIN;
	SELECT rde_grant('operator', 'operator'), rde_grant('bi', 'reader'), rde_alter_account(1, role => 'one');
});
my $as = sub { error_of($_[1], user => $_[0]) };
export('csv', reseller => 1, name => 'mine');
like($as->('operator', 'SET client_min_messages = notice; CALL rde_azure_upload_due()'), qr/1 uploaded/, 'an operator uploads');
for my $role (qw(bi one somebody))
{
	like($as->($role, 'CALL rde_azure_upload_due()'), qr/only operators of reports may do this/, "$role does not");
	like($as->($role, "SELECT rde_azure_retry('$waiting')"), qr/only operators of reports may do this/, "nor try again");
	like($as->($role, "SELECT $_"), qr/permission denied for function/, "nor $_")
	  for "rde_azure_download_url('$waiting')", 'rde_azure_adopt()', "rde_set_report_store('$waiting', 'local')";
	like($as->($role, "SELECT * FROM _rde_azure_upload"), qr/permission denied for table/, 'nor read the outbox');
	like($as->($role, "CREATE SERVER mine FOREIGN DATA WRAPPER rde_azure OPTIONS (account 'contoso', container 'reports')"), qr/permission denied for foreign-data wrapper/,
		'nor make servers');
}
my $count = sub { my ($role, $sql) = @_; $node->safe_psql('postgres', $sql, connstr => $node->connstr('postgres') . " user=$role") };
cmp_ok($count->('bi', 'SELECT count(*) FROM rde_azure_uploads'), '>', 5, 'a reader sees uploads');
is($count->('bi', 'SELECT count(download_url) FROM rde_reports'), 0, 'but no links');
is($count->('one', 'SELECT count(*) FROM rde_azure_uploads'), 0, 'resellers do not');
is($count->('one', "SELECT count(*) || ' ' || count(download_url) FROM rde_reports WHERE name = 'mine'"), '1 1', 'but they have links to their own');
is($count->('one', "SELECT count(*) FROM rde_reports WHERE reseller IS DISTINCT FROM 1"), 0, 'only');
like(error_of('BEGIN; CALL rde_azure_upload_due(); COMMIT'), qr/cannot run inside a transaction block.*CALL it alone/s, 'not inside a transaction');
like(upload_due($node, 0), qr/max_uploads must be at least 1/, 'not nothing');

# A function that somebody else plants gives no links.
sql(q{CREATE ROLE planter LOGIN; GRANT CREATE ON SCHEMA public TO planter});
$as->('planter', q{CREATE FUNCTION rde_planted_download_url(report uuid) RETURNS text LANGUAGE sql AS $$ SELECT 'http://evil.example/' || current_user $$});
sql("SELECT rde_set_report_store('$waiting', 'planted')");
is(report($waiting)->{download_url}, undef, 'a planted store gives no links');
sql("SELECT rde_set_report_store('$waiting', 'azure'); DROP OWNED BY planter");

###########################################################################
# Where it is installed, dumped and restored
###########################################################################

sql('CREATE DATABASE other');
like(
	error_of('CREATE SCHEMA home; CREATE SCHEMA elsewhere; CREATE EXTENSION rde SCHEMA home; CREATE EXTENSION rde_azure SCHEMA elsewhere', dbname => 'other'),
	qr/rde_azure belongs in the schema of rde, which is home.*CREATE EXTENSION rde_azure SCHEMA home;/s,
	'it belongs beside rde');
is(error_of('CREATE EXTENSION rde_azure SCHEMA home', dbname => 'other'), '', 'as the hint says');
error_of('DROP EXTENSION rde_azure; GRANT CREATE ON SCHEMA home TO planter; SET ROLE planter;'
	  . ' CREATE FUNCTION home._rde_azure_fill(text) RETURNS bigint LANGUAGE sql AS $$ SELECT 1 $$', dbname => 'other');
like(error_of('CREATE EXTENSION rde_azure SCHEMA home', dbname => 'other'),
	qr/schema "home" holds functions with names of the extension: home\._rde_azure_fill\(text\)/, 'what a stranger planted is refused');

# A lint over what it has made
{
	my $members = q{
		WITH member AS (SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'rde_azure'
			WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e')
	};
	is(sql($members . q{SELECT pg_describe_object(classid, objid, 0) FROM member
		WHERE obj_description(objid, classid::regclass::name) IS NULL AND classid <> 'pg_type'::regclass}), '', 'every object is commented');
	is(sql($members . q{SELECT p.proname FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
		JOIN pg_language l ON l.oid = p.prolang
		WHERE (p.prosecdef OR l.lanname <> 'c') AND NOT coalesce(p.proconfig, '{}') @> '{"search_path=pg_catalog, pg_temp"}'}), '', 'every function pins its path');
	is(sql($members . q{SELECT string_agg(p.proname, ' ' ORDER BY p.proname) FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
		WHERE has_function_privilege('public', p.oid, 'EXECUTE')}), '_rde_azure_blob_url rde_azure_retry rde_azure_upload_due', 'these are everybody\'s');
	is(sql($members . q{SELECT c.relname FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
		WHERE c.relkind = 'r' AND has_table_privilege('public', c.oid, 'SELECT, INSERT, UPDATE, DELETE')}), '', 'and no table is');
}

# The copy of a database has its blobs listed, and leaves them alone.
{
	my $dump = PostgreSQL::Test::Utils::tempdir . '/shop.sql';
	my $copy = PostgreSQL::Test::Cluster->new('copy');
	$copy->init;
	$copy->append_conf('postgresql.conf', 'fsync = off');
	$copy->start;
	$copy->safe_psql('postgres', "CREATE ROLE $_") for qw(shop_owner operator bi one planter gateway);
	$copy->safe_psql('postgres', 'CREATE ROLE somebody');
	$node->command_ok([ 'pg_dump', '-f', $dump, 'postgres' ], 'dumped');
	$copy->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres', '-f', $dump ], 'restored into another cluster');
	my $list = q{SELECT string_agg(report || ' ' || status || ' ' || blob_url, E'\n' ORDER BY report) FROM rde_azure_uploads};
	is($copy->safe_psql('postgres', $list), sql($list), 'with its uploads');
	my $link = $copy->safe_psql('postgres', "SELECT rde_download_url('$waiting')");
	is(sha256_hex(fetch_link($link)->{body}), report($waiting)->{sha256}, 'and its links');
	my $blobs = join "\n", list_blobs($azurite, 'second');
	$copy->safe_psql('postgres', "SELECT rde_drop_report('$waiting')");
	like(upload_due($copy), qr/the outbox lists blobs of another database cluster.*rde_azure_adopt\(\)/s, 'it does not touch them');
	is(join("\n", list_blobs($azurite, 'second')), $blobs, 'they stay');
	$copy->safe_psql('postgres', 'SELECT rde_azure_adopt()');
	like(upload_due($copy), qr/0 uploaded, 0 moved, 1 deleted, 0 failed/, 'unless it takes over');
	$copy->stop;
}

# So does one made within the cluster, of which the cluster's identifier tells nothing.
{
	my $blobs = join "\n", list_blobs($azurite, 'second');
	$node->safe_psql('template1', 'CREATE DATABASE twin TEMPLATE postgres');
	$node->safe_psql('twin', "SELECT rde_drop_report('$waiting')");
	my ($result, $stdout, $stderr) = $node->psql('twin', 'CALL rde_azure_upload_due()');
	like($stderr, qr/the outbox lists blobs of another database of this cluster.*rde_azure_adopt\(\)/s, 'a copy in the cluster does not touch them');
	is(join("\n", list_blobs($azurite, 'second')), $blobs, 'they stay, too');
	$node->safe_psql('template1', 'DROP DATABASE twin');
}

# Without rde_azure reports are what they were.
{
	my $id = export('csv', name => 'left');
	upload_due($node);
	sql('DROP EXTENSION rde_azure CASCADE');
	is(report($id)->{download_url}, undef, 'without rde_azure there is no link to a blob');
	sql("SELECT rde_set_report_store('$id', 'local')");
	like(report($id)->{download_url}, qr{^https://reports\.example/}, 'but to the file in the database, once one says so');
	sql('CREATE EXTENSION rde_azure');
}
unlike(slurp_raw($node->logfile), qr/sig=[^&\s]{20}/, 'no log holds a signature');

$node->stop;
done_testing();

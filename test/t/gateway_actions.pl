# gateway_actions.pl
#
# What becomes of a reseller's reports by his own requests: asked for by days,
# watched while they are built, cancelled, tried again, built anew, removed; links
# that open nothing any more.

use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Utils;
use RdeGateway;
use Test::More;
use Time::HiRes qw(time sleep);

plan skip_all => 'the gateway was not built' unless gateway_program();

my ($node, $tokens) = new_shop('actions');
$node->safe_psql('postgres', <<'END');
SELECT rde_alter_account(1, time_zone => 'Pacific/Auckland');
SELECT rde_create_account(10, 'provider', scope => 'provider');
SELECT rde_alter_account(3, parent => 10);
-- a source whose rows come slowly, and in order without being sorted
CREATE TABLE shop.gate (n int, changed timestamptz, PRIMARY KEY (changed, n));
INSERT INTO shop.gate SELECT generate_series(1, 20000), '2020-01-01 12:00Z';
-- what is not to be sorted looks dear, and would be compiled for longer than it runs
ALTER DATABASE postgres SET enable_sort = off; ALTER DATABASE postgres SET jit = off;
CREATE FUNCTION shop.wait(n int) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN IF n % 4000 = 0 THEN PERFORM pg_sleep(1); END IF; RETURN n; END';
CREATE VIEW shop.slow AS SELECT g.n AS id, 1 AS reseller, g.changed, shop.wait(g.n) AS word FROM shop.gate g;
ALTER TABLE shop.gate OWNER TO shop_owner; ALTER FUNCTION shop.wait OWNER TO shop_owner; ALTER VIEW shop.slow OWNER TO shop_owner;
ANALYZE shop.gate;
SELECT rde_create_dataset('slow', 'Slow');
SELECT rde_attach('slow', 'shop.slow', 'reseller', 'changed', key => '{id}');
END
$tokens->{10} = [ split /\|/, $node->safe_psql('postgres', q{SELECT subscription_key, token FROM rde_create_token(10, 'test')}) ];
my $gateway = start_gateway($node);
my $none = '00000000-0000-4000-8000-000000000000';

sub call
{
	my ($who, @request) = @_;
	return ask_json($gateway, $tokens->{$who}, @request);
}

# Days, a zone, options, and whose
{
	my $days = { name => 'days', dataset => 'sales', startDate => '2020-01-01', endDate => '2020-01-02', format => 'csv', options => { compress => JSON::PP::false } };
	my $report = call(1, 'POST /reports', $days)->{json};
	is("$report->{startDate} $report->{endDate} $report->{timeZone}", '2019-12-31T11:00:00.000Z 2020-01-02T11:00:00.000Z Pacific/Auckland', 'whole days of the account\'s zone, the last one too');
	is($report->{rowCount}, $node->safe_psql('postgres', q{SELECT count(*) FROM shop.sale WHERE reseller = 1 AND changed >= '2019-12-31 11:00Z' AND changed < '2020-01-02 11:00Z'}), 'and their rows');
	unlike(local_path($report->{downloadUrl}), qr/\.gz/, 'with its options');
	$report = call(1, 'POST /reports', { %$days, timeZone => 'America/New_York', startDate => '2020-03-08', endDate => '2020-03-08' })->{json};
	is("$report->{startDate} $report->{endDate}", '2020-03-08T05:00:00.000Z 2020-03-09T04:00:00.000Z', 'a day of 23 hours in a zone that was named');
	$report = call(1, 'POST /reports', { %$days, startDate => '2020-01-01T00:00:00Z' })->{json};
	is("$report->{startDate} $report->{endDate}", '2020-01-01T00:00:00.000Z 2020-01-02T11:00:00.000Z', 'an instant and a day');
	is(join(' ', map { $_ // 'null' } @$report{qw(dataset customizationName reseller generator invoice)}), 'sales full 1 null null', 'what it is about');
	is(call(10, 'POST /reports', { %$days, reseller => 3 })->{json}{reseller}, 3, 'for an account below');
	refused(call(2, 'POST /reports', { %$days, reseller => 3 }), '403 insufficient_privilege reseller', 'not for another');
	my %wrong = (startDate => '2020-02-30', endDate => '2019-01-01', timeZone => 'Mars', options => { csv => 1 }, reseller => 1.5, format => 'pdf', name => '');
	refused(call(1, 'POST /reports', { %$days, $_ => $wrong{$_} }), $_ eq 'name' ? '400 invalid_name name' : '400 invalid_parameter_value ' . ($_ eq 'options' ? 'options.csv' : $_), "wrong $_") for sort keys %wrong;
	refused(call(1, 'POST /reports', { %$days, startDate => '2019-12-31', endDate => '2019-12-29T23:00:00Z' }), '400 invalid_parameter_value endDate', 'the wrong way round');
	refused(call(1, 'POST /reports', { name => 'days', dataset => 'sales', startDate => '2999-01-01' }), '400 invalid_parameter_value startDate', 'from a day that is yet to come until now');
	refused(call(1, 'POST /reports', { %$days, dataset => 'none' }), '400 undefined_object dataset', 'no data set');
	refused(call(1, 'POST /reports', { %$days, customizationName => 'none' }), '400 undefined_object customizationName', 'no view');
}

# Lists
{
	my $list = sub { call(1, "GET /reports?$_[0]") };
	is(@{ $list->('name=days')->{json}{data} }, 3, 'by name, of the last 90 days');
	is(@{ $list->('type=onetime')->{json}{data} }, 3, 'by type');
	is(@{ $list->('status=completed&dataset=sales')->{json}{data} }, 3, 'by status and data set');
	is(@{ $list->('status=completed&dataset=slow')->{json}{data} }, 0, 'of another one none');
	is(@{ $list->("status=completed&generator=$none")->{json}{data} }, 0, 'nor of a generator');
	is(@{ $list->('name=days&from=2999-01-01')->{json}{data} }, 0, 'nor of days to come');
	is(@{ $list->('name=days&to=2020-01-01')->{json}{data} }, 0, 'or long gone');
	refused($list->('format=csv'), '400 invalid_parameter_value from', 'days are needed otherwise');
	refused($list->('status=none'), '400 invalid_parameter_value status', 'no status');
	refused($list->('type=none'), '400 invalid_parameter_value type', 'no type');
	refused($list->("status=completed&generator=x"), '400 invalid_parameter_value generator', 'no id');
	my ($item) = @{ $list->('name=days&detail=true')->{json}{data} };
	is(join(' ', map { $_ // 'null' } @$item{qw(dataset customizationName reseller generator invoice timeZone)}), 'sales full 1 null null Pacific/Auckland', 'details');
	is_deeply([ sort keys %{ $list->('name=days')->{json}{data}[0] } ], [ qw(creationDate downloadUrl format name) ], 'the seed\'s items are as they were');
}

# One that takes long: submitted, watched, cancelled, tried again
{
	my $reply = call(1, 'POST /reports', { name => 'slow', dataset => 'slow', startDate => '2020-01-01', endDate => '2020-01-03' });
	my $id = $reply->{json}{id};
	is("$reply->{status} $reply->{json}{status} $reply->{headers}{'retry-after'}", '202 submitted 5', 'a large one waits');
	like($reply->{json}{creationDate}, qr/^\d{4}-\d\d-\d\dT/, 'since when');
	ok(exists $reply->{json}{expiresAt} && !defined $reply->{json}{expiresAt}, 'and expires not yet');
	like(call(1, 'GET /reports?status=submitted')->{json}{data}[0]{creationDate}, qr/^\d{4}-\d\d-\d\dT/, 'so says the list');
	refused(call(1, "POST /reports/$id/retry"), '409 object_not_in_prerequisite_state status', 'it cannot be tried again');
	refused(call(1, "POST /reports/$id/rebuild"), '409 object_not_in_prerequisite_state status', 'nor be built anew');
	my $cancelled = call(1, "POST /reports/$id/cancel", '{}', 'Idempotency-Key' => 'c1');
	is("$cancelled->{status} $cancelled->{json}{status} $cancelled->{json}{code}", '200 error query_canceled', 'cancelled');
	is(call(1, "POST /reports/$id/cancel", undef, 'Idempotency-Key' => 'c1')->{body}, $cancelled->{body}, 'the same key, the same answer');
	refused(call(1, "POST /reports/$id/cancel"), '409 object_not_in_prerequisite_state status', 'once');
	refused(call(1, "POST /reports/$id/cancel", '{"why": 1}'), '400 invalid_parameter_value -', 'a body that says something');
	$reply = call(1, "POST /reports/$id/retry", undef, 'Idempotency-Key' => 't1');
	is("$reply->{status} $reply->{json}{status}", '202 submitted', 'tried again');
	is(call(1, "POST /reports/$id/retry", undef, 'Idempotency-Key' => 't1')->{body}, $reply->{body}, 'the same key, the same answer');
	refused(call(1, "POST /reports/$id/cancel", undef, 'Idempotency-Key' => 't1'), '400 invalid_parameter_value -', 'not for something else');

	my $worker = $node->background_psql('postgres');
	$worker->query_until(qr/begun/, "\\echo begun\nCALL rde_run_due();\n");
	my $end = time + 60;
	my $seen;
	do { sleep 0.1; $seen = call(1, "GET /reports/$id")->{json} } until ($seen->{progress} && $seen->{progress}{rows} > 0) || time > $end;
	is($seen->{status}, 'processing', 'being built');
	ok($seen->{progress}{rows} > 0 && $seen->{progress}{rows} < 20000, 'with rows so far');
	cmp_ok($seen->{progress}{estimatedRows}, '>', 0, 'of how many there may be');
	is($node->safe_psql('postgres', q{SELECT estimated_rows > 0, rows_per_second > 0, (remaining IS NULL) = (estimated_rows <= row_count),
		started_at BETWEEN now() - interval '2 minutes' AND clock_timestamp() FROM rde_progress}), 't|t|t|t', 'as rde_progress says, and how long it takes');
	my $stopped = call(1, "POST /reports/$id/cancel");
	is($stopped->{status}, 200, 'cancelled while it is built');
	$end = time + 60;
	do { sleep 0.1; $seen = call(1, "GET /reports/$id")->{json} } until $seen->{status} eq 'error' || time > $end;
	is("$seen->{status} $seen->{code} " . (exists $seen->{progress} ? 1 : 0), 'error query_canceled 0', 'which it is soon');
	$worker->quit;

	# what was seen is removed, and not what has become of it since
	my $etag = sub { call(1, "GET /reports/$id")->{headers}{etag} };
	my $failed = $etag->();
	is($failed, '"' . call(1, 'GET /reports?status=error&detail=true')->{json}{data}[0]{version} . '"', 'a report says its version, as a list does');
	is($etag->(), $failed, 'which stays while nothing becomes of it');
	is(call(1, "POST /reports/$id/retry")->{status}, 202, 'somebody tries it again');
	isnt($etag->(), $failed, 'then it is another');
	refused(call(1, "DELETE /reports/$id", undef, 'If-Match' => $failed), '412 precondition_failed -', 'who saw that it failed does not remove it');
	refused(call(1, "DELETE /reports/$id", undef, 'If-Match' => '"x"'), '412 precondition_failed -', 'nor who saw something else');
	refused(call(2, "DELETE /reports/$id", undef, 'If-Match' => $_), '404 undefined_object -', 'nor another account') for '*', $etag->();
	$node->safe_psql('postgres', qq{UPDATE _rde_report SET expires_at = expires_at + interval '1 day' WHERE id = '$id'});
	isnt($etag->(), $failed, 'kept for longer it is another, too');
	is(call(1, "DELETE /reports/$id", undef, 'If-Match' => '"x", ' . $etag->())->{status}, 204, 'removed, as one of those that were seen');
	refused(call(1, "DELETE /reports/$id", undef, 'If-Match' => '*'), '404 undefined_object -', 'no other way');
	refused(call(1, "GET /reports/$id"), '404 undefined_object -', 'gone');
	refused(call(1, "DELETE /reports/$id"), '404 undefined_object -', 'once');
}

# Built anew; links that open nothing
{
	my $first = call(1, 'POST /reports', { name => 'anew', dataset => 'sales', startDate => '2020-01-01', endDate => '2020-01-02' })->{json};
	$node->safe_psql('postgres', q{INSERT INTO shop.sale VALUES (99999, 1, '2020-01-01 12:00Z', 1, 'row of reseller 1', 'late')});
	my $next = call(1, "POST /reports/$first->{id}/rebuild", undef, 'Idempotency-Key' => 'n1');
	is("$next->{status} $next->{json}{revision} " . ($next->{json}{rowCount} - $first->{rowCount}), '200 2 1', 'the next revision, with the row that came');
	is(call(1, "POST /reports/$first->{id}/rebuild", undef, 'Idempotency-Key' => 'n1')->{body}, $next->{body}, 'the same key, the same answer');
	refused(call(1, "POST /reports/$first->{id}/rebuild"), '409 object_not_in_prerequisite_state status', 'once');
	is(call(1, "GET /reports/$first->{id}")->{json}{supersededBy}, $next->{json}{id}, 'the first one says so');
	# no field of such a request is to blame
	my $long;
	my $end = time + 60;
	$node->safe_psql('postgres', "LOAD 'rde'; ALTER SYSTEM SET rde.max_span = '1 day'; SELECT pg_reload_conf();");
	do { sleep 0.1 if $long; $long = call(1, "POST /reports/$first->{id}/rebuild") } until $long->{status} == 400 || time > $end;
	refused($long, '400 invalid_parameter_value -', 'of a longer period than may be');
	$node->safe_psql('postgres', "LOAD 'rde'; ALTER SYSTEM RESET rde.max_span; SELECT pg_reload_conf();");
	do { sleep 0.1; $long = call(1, "POST /reports/$first->{id}/rebuild") } until $long->{status} == 409 || time > $end;
	my $path = local_path($next->{json}{downloadUrl});
	is(ask($gateway, "GET $path")->{status}, 200, 'a link');
	my $revoked = call(1, "POST /reports/$next->{json}{id}/revoke-links", undef, 'Idempotency-Key' => 'l1');
	is(ask($gateway, "GET $path")->{status}, 403, 'opens nothing any more');
	is(call(1, "POST /reports/$next->{json}{id}/revoke-links", undef, 'Idempotency-Key' => 'l1')->{body}, $revoked->{body}, 'the same key, the same answer');
	is(ask($gateway, 'GET ' . local_path($revoked->{json}{downloadUrl}))->{status}, 200, 'a new one does, for it was done once');

	# nobody else's
	for my $id ($first->{id}, $none, 'x')
	{
		refused(call(2, "POST /reports/$id/$_"), '404 undefined_object -', "$_ of another's") for qw(cancel rebuild retry revoke-links);
		refused(call(2, "DELETE /reports/$id"), '404 undefined_object -', "DELETE of another's");
	}
	is(ask($gateway, "POST /reports/$first->{id}/cancel")->{status}, 401, 'not without a login');
	is(call(1, "GET /reports/$first->{id}/cancel")->{headers}{allow}, 'POST', 'only by POST');
	# the quota of a day says when there is room
	$node->safe_psql('postgres', q{SELECT rde_alter_account(1, max_reports_per_day => 1)});
	my $full = call(1, "POST /reports/$next->{json}{id}/rebuild");
	refused($full, '429 configuration_limit_exceeded reportsPerDay', 'over the quota');
	cmp_ok($full->{headers}{'retry-after'}, '>', 80000, 'and when to come again');
}

unlike(gateway_log($gateway), qr/ error /, 'nothing went wrong');
done_testing();

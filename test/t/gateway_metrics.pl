# gateway_metrics.pl
#
# GET /metrics: what it counts is what was asked, each request once, those that were
# refused early, too; each line is of the text format; no tenant, id or path is in it;
# and it is to be had at its own address only.

use strict;
use warnings;
use PostgreSQL::Test::Utils;
use RdeGateway;
use Test::More;
use Time::HiRes qw(time sleep);

plan skip_all => 'the gateway was not built' unless gateway_program();

my ($node, $tokens) = new_shop('metrics');
my %login = map { $_ => [ login_headers($tokens->{$_}) ] } 1, 2;
my $list = '/reports?from=2020-01-01&to=2100-01-01';
my $id = $node->safe_psql('postgres', "SELECT rde_submit('sales', '2020-03-01', '2020-03-31', 'csv', reseller => 1, name => 'a secret name')");
$node->safe_psql('postgres', "SELECT rde_build('$id')");
my $bytes = $node->safe_psql('postgres', 'SELECT file_bytes FROM rde_reports');
my $link = local_path($node->safe_psql('postgres', 'SELECT download_url FROM rde_reports'));
# more than sockets hold
$node->safe_psql('postgres', "INSERT INTO shop.sale SELECT id + 1000000 * n, reseller, changed + interval '1 month', amount, owner, word FROM shop.sale, generate_series(1, 5) n WHERE id > 10000");
$id = $node->safe_psql('postgres', "SELECT rde_submit('sales', '2020-04-01', '2020-04-30', 'csv', reseller => 1, name => 'large', options => '{\"compress\": false}')");
$node->safe_psql('postgres', "SELECT rde_build('$id')");
my $large = $node->safe_psql('postgres', "SELECT file_bytes FROM rde_reports WHERE id = '$id'");
my $large_link = local_path($node->safe_psql('postgres', "SELECT download_url FROM rde_reports WHERE id = '$id'"));

my $gateway = start_gateway($node, options => [ '--metrics', '127.0.0.1:0' ]);
my $told = readline $gateway->{out};
like($told, qr{^metrics on http://127\.0\.0\.1:\d+$}, 'it says where metrics are');
my $metrics = { port => $told =~ /:(\d+)$/ };
my $asked = 0;

sub asked
{
	my ($where, @more) = @_;
	$asked++;
	return ask($where, @more);
}

# { series => value }
sub scrape
{
	my $reply = ask($metrics, 'GET /metrics');
	my %values = map { /^([^#].*) (\S+)$/ ? ($1 => $2) : () } split /\n/, $reply->{body};
	return \%values;
}

sub total
{
	my ($values, $name) = @_;
	my $sum = 0;
	$sum += $values->{$_} for grep { /^\Q$name\E\{/ } keys %$values;
	return $sum;
}

# Once as many requests have ended as were made
sub settled
{
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;
	my $values = scrape();
	while (total($values, 'rde_gateway_requests_total') != $asked && time < $end)
	{
		sleep 0.05;
		$values = scrape();
	}
	return $values;
}

sub requests
{
	my ($values, $method, $route, $status) = @_;
	return $values->{qq(rde_gateway_requests_total{method="$method",route="$route",status="$status"})};
}

# What was asked is what is counted
is(asked($gateway, "GET $list", $login{1})->{status}, 200, 'a list') for 1 .. 3;
is(asked($gateway, "HEAD $list", $login{2})->{status}, 200, 'its head');
is(asked($gateway, 'GET /reports?from=x&to=y', $login{1})->{status}, 400, 'a wrong one');
is(asked($gateway, "GET $list", [ login_headers([ $tokens->{1}[0], 'x' x 40 ]) ])->{status}, 401, 'a wrong token');
is(asked($gateway, 'POST /reports', [], '{}')->{status}, 401, 'none');
is(asked($gateway, 'GET /nothing/at/all')->{status}, 404, 'nothing is there');
is(asked($gateway, 'GET /metrics')->{status}, 404, 'no metrics either');
is(asked($gateway, 'PUT /reports')->{status}, 405, 'not for that');
is(asked($gateway, 'GET /health%00')->{status}, 400, 'refused before anybody looked');
is(asked($gateway, 'POST /reports', $login{1}, 'x' x 2_000_000)->{status}, 413, 'and before its body was read');
is(asked($gateway, 'GET /health', [ Cookie => 'x' x 40_000 ])->{status}, 431, 'and by the library itself');
is(asked($gateway, 'GET /health')->{status}, 200, 'health');
is(length asked($gateway, "GET $link")->{body}, $bytes, 'a file');
is(asked($gateway, "HEAD $link")->{status}, 200, 'its head is no download');
is(asked($gateway, 'GET ' . ($link =~ s/sig=./sig=~/r))->{status}, 403, 'a link that opens nothing');

my $values = settled();
is(total($values, 'rde_gateway_requests_total'), $asked, 'each request is counted once');
is(requests($values, 'GET', '/reports', '2xx'), 4, 'lists');
is(requests($values, 'GET', '/reports', '4xx'), 2, 'and those that were refused');
is(requests($values, 'POST', '/reports', '4xx'), 2, 'other methods');
# a newer library sees itself that a path has a NUL
is(requests($values, 'other', 'other', '4xx') + requests($values, 'other', 'other', 'none'), 5,
	'paths and methods that are none, and what is refused early, some of it by the library');
cmp_ok(requests($values, 'other', 'other', 'none'), '>', 0, 'what only the library saw');
is(requests($values, 'GET', '/health', '2xx'), 1, 'health');
is(requests($values, 'GET', '/reports/{id}/{fileName}', '2xx'), 2, 'files');
is(requests($values, 'GET', '/reports/{id}/{fileName}', '4xx'), 1, 'and links');
is($values->{qq(rde_gateway_logins_refused_total{reason="$_->[0]"})}, $_->[1], "refused: $_->[0]")
  for [ credentials => 2 ], [ link => 1 ], [ too_many => 0 ];
is($values->{'rde_gateway_downloads_total{result="complete"}'}, 1, 'a download');
is($values->{'rde_gateway_downloads_total{result="broken_off"}'}, 0, 'none is broken off');
is($values->{rde_gateway_download_bytes_total}, $bytes, 'its bytes');
is($values->{rde_gateway_downloads_running}, 0, 'none is under way');

# Histograms: as many as requests, each bound includes those below it
for my $route ('method="GET",route="/reports"', 'method="other",route="other"')
{
	my $name = 'rde_gateway_request_duration_seconds';
	my %bucket = map { /^\Q${name}_bucket{$route,le="\E([^"]+)/ ? ($1 => $values->{$_}) : () } keys %$values;
	my @bounds = sort { ($a eq '+Inf' ? 1e9 : $a) <=> ($b eq '+Inf' ? 1e9 : $b) } keys %bucket;
	my $count = 0;
	$count += $values->{$_} for grep { /^rde_gateway_requests_total\{\Q$route\E,/ } keys %$values;
	is($bucket{'+Inf'}, $count, "histogram of $route");
	is($values->{"${name}_count{$route}"}, $count, 'and its count');
	cmp_ok($values->{"${name}_sum{$route}"}, '>', 0, 'it took some time');
	is(join(' ', sort { $a <=> $b } @bucket{@bounds}), join(' ', @bucket{@bounds}), 'bounds grow');
	cmp_ok(scalar(@bounds), '>', 10, 'there are some');
}

# Under way: a download whose client reads nothing, a stream of events
my $slow = connect_to($gateway, receive => 4096);
send_raw($slow, "GET $large_link HTTP/1.1\r\nHost: test\r\n\r\n");
my $stream = connect_to($gateway);
my %headers = @{ $login{2} };
send_raw($stream, "GET /events HTTP/1.1\r\nHost: test\r\n" . join('', map { "$_: $headers{$_}\r\n" } keys %headers) . "\r\n");
my $end = time + $PostgreSQL::Test::Utils::timeout_default;
do { sleep 0.05; $values = scrape() }
  until time > $end || $values->{rde_gateway_downloads_running} && $values->{rde_gateway_event_streams}
  && $values->{rde_gateway_download_bytes_total} > $bytes;
is($values->{rde_gateway_downloads_running}, 1, 'a download under way');
is($values->{rde_gateway_event_streams}, 1, 'a stream');
cmp_ok($values->{rde_gateway_download_bytes_total}, '>', $bytes, 'what was sent so far');
cmp_ok($values->{rde_gateway_download_bytes_total}, '<', $bytes + $large, 'and no more');
is(total($values, 'rde_gateway_requests_total'), $asked, 'they are counted when they end');
close $_->{socket} for $slow, $stream;
$asked += 2;
$values = settled();
is(total($values, 'rde_gateway_requests_total'), $asked, 'as they do now');
is($values->{'rde_gateway_downloads_total{result="broken_off"}'}, 1, 'broken off');
is($values->{$_}, 0, "$_ is none again") for qw(rde_gateway_downloads_running rde_gateway_event_streams);

# Guesses
for (1 .. 80)
{
	$asked++;
	ask(connect_to($gateway, from => '127.0.0.2'), "GET $list", [ login_headers([ $tokens->{1}[0], 'x' x 30 . $_ ]) ]);
}
$values = settled();
my $refused = $values->{'rde_gateway_logins_refused_total{reason="too_many"}'};
cmp_ok($refused, '>', 0, 'guesses are refused');
is($refused + $values->{'rde_gateway_logins_refused_total{reason="credentials"}'}, 82, 'or fail, and no other');

# Pools: sessions that a lock keeps busy
is($values->{'rde_gateway_pool_size{pool="verified"}'}, 4, 'the pool of --pool');
is($values->{'rde_gateway_pool_size{pool="unverified"}'}, 2, 'and of those not known');
is($values->{"rde_gateway_pool_$_->[0]" . q({pool="verified"})}, $_->[1], $_->[0]) for [ in_use => 0 ], [ waiting => 0 ], [ up => 1 ];
{
	my $locker = $node->background_psql('postgres');
	$locker->query_safe('BEGIN; LOCK _rde_report IN ACCESS EXCLUSIVE MODE');
	my @waiting = map { connect_to($gateway) } 1 .. 3;
	%headers = @{ $login{1} };
	send_raw($_, "GET $list HTTP/1.1\r\nHost: test\r\n" . join('', map { "$_: $headers{$_}\r\n" } keys %headers) . "\r\n") for @waiting;
	$end = time + 4;
	do { sleep 0.05; $values = scrape() }
	  until time > $end || $values->{'rde_gateway_pool_in_use{pool="verified"}'} >= 2;
	is($values->{'rde_gateway_pool_in_use{pool="verified"}'}, 2, 'an account has its half of the pool');
	is($values->{'rde_gateway_pool_waiting{pool="verified"}'}, 1, 'and waits for more');
	$locker->query_safe('COMMIT');
	$locker->quit;
	isnt((read_reply($_) // {})->{status}, undef, 'until it is served') for @waiting;
	$asked += @waiting;
	$values = settled();
	is($values->{'rde_gateway_pool_in_use{pool="verified"}'}, 0, 'then nobody has any');
}

# The format, line by line
{
	my $reply = ask($metrics, 'GET /metrics');
	my $label = qr/[a-z_]+="(?:[^"\\\n]|\\["\\n])*"/;
	my (%help, %type, %seen, @wrong);

	is($reply->{headers}{'content-type'}, 'text/plain; version=0.0.4; charset=utf-8', 'the format says which it is');
	is(substr($reply->{body}, -1), "\n", 'the last line ends');
	for my $line (split /\n/, $reply->{body})
	{
		if ($line =~ /^# HELP ([a-z_]+) \S/)
		{
			push @wrong, $line if $help{$1}++;
		}
		elsif ($line =~ /^# TYPE ([a-z_]+) (?:counter|gauge|histogram)$/)
		{
			push @wrong, $line if $type{$1}++ || !$help{$1};
		}
		elsif ($line =~ /^([a-z_]+)((?:\{$label(?:,$label)*\})?) (?:\d+(?:\.\d+)?)$/)
		{
			my ($name, $series) = ($1, "$1$2");
			push @wrong, $line if $seen{$series}++ || !($type{$name} || $type{ $name =~ s/_(?:bucket|sum|count)$//r });
		}
		else
		{
			push @wrong, $line;
		}
	}
	is(join("\n", @wrong), '', 'each line is of the text format');
	cmp_ok(scalar(keys %seen), '>', 100, 'there are series');
	my %routes = map { $_ => 1 } $reply->{body} =~ /route="([^"]*)"/g;
	is(join(' ', grep { !m{^(?:other|/(?:[a-z.-]+|\{\w+\})?(?:/(?:[a-z-]+|\{\w+\}))*)$} } keys %routes), '', 'routes are patterns');
	unlike($reply->{body}, qr/[0-9a-f]{8}-|nothing.at|reseller|secret|sales|\b(?:$tokens->{1}[0]|$tokens->{1}[1])\b/, 'nobody is named');

	is(ask($metrics, 'HEAD /metrics')->{status}, 200, 'HEAD');
	is(ask($metrics, 'POST /metrics', [], 'x' x 100_000)->{status}, 405, 'no POST');
	is(ask($metrics, "GET $_", $login{1})->{status}, 404, "no $_") for '/', $list, '/metrics/x', $link;
}

my ($status) = stop_gateway($gateway);
is($status, 0, 'it stops');

# Options
my $plain = start_gateway($node);
is(ask($plain, 'GET /metrics')->{status}, 404, 'without the option there are none');
stop_gateway($plain);
for my $address ('9188', 'nowhere.invalid:x')
{
	my ($out, $err) = run_command([ gateway_program(), '--listen', '127.0.0.1:0', '--db', $node->connstr('postgres'), '--metrics', $address ]);
	like($err, qr/^rde-gateway: .+\nTry /, "--metrics $address is refused");
}

done_testing();

# gateway_clients.pl
#
# Clients that are too many, too slow, too large, or gone: each is bounded, and
# nobody else notices.

use strict;
use warnings;
use IO::Select;
use POSIX ();
use PostgreSQL::Test::Utils;
use RdeGateway;
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;
use Time::HiRes qw(time sleep);

plan skip_all => 'the gateway was not built' unless gateway_program();

my ($node, $tokens) = new_shop('clients');
# 8 MB of a month for reseller 2, too
$node->safe_psql('postgres', <<'END');
INSERT INTO shop.sale
SELECT 20000 + n, 2, timestamptz '2020-03-01 00:00Z' + n * interval '1 second', 1, 'row of reseller 2',
       (SELECT string_agg(md5(n || '.' || i), '') FROM generate_series(1, 32) i)
FROM generate_series(1, 8000) n;
END
my $gateway = start_gateway($node);
my %path;
my %link;
for my $reseller (1, 2)
{
	my $id = $node->safe_psql('postgres',
		"SELECT rde_export('sales', '2020-03-01', '2020-03-01', 'csv', reseller => $reseller, name => 'big', options => '{\"compress\": false}')");
	$link{$reseller} = local_path($node->safe_psql('postgres', "SELECT rde_download_url('$id')"));
	$path{$reseller} = $link{$reseller} =~ s/\?.*//r;
}
my $list = 'GET /reports?from=2020-01-01&to=2100-01-01';
my %login = map { $_ => [ login_headers($tokens->{$_}) ] } 1, 2;
my $login = join '', map { "$_\r\n" } "X-Subscription-Key: $tokens->{1}[0]", "Authorization: Bearer $tokens->{1}[1]";

# Resident kilobytes of the gateway
sub resident
{
	my ($kb) = slurp_file("/proc/$gateway->{pid}/status") =~ /^VmRSS:\s+(\d+) kB/m;
	return $kb;
}

# Send a request and leave its answer.
sub begin_request
{
	my ($request, %arg) = @_;
	my $connection = connect_to($gateway, %arg);
	send_raw($connection, $request);
	return $connection;
}

sub begin_download
{
	my ($reseller, $target) = @_;
	my @headers = $target ? () : @{ $login{$reseller} };
	my $text = 'GET ' . ($target // $path{$reseller}) . " HTTP/1.1\r\nHost: test\r\n";
	while (my ($name, $value) = splice @headers, 0, 2)
	{
		$text .= "$name: $value\r\n";
	}
	return begin_request("$text\r\n", receive => 4096);
}

# The first line of the reply, at once
sub status_line
{
	my ($connection) = @_;
	my $line = '';
	while ($line !~ /\r\n/ && IO::Select->new($connection->{socket})->can_read(10))
	{
		sysread($connection->{socket}, $line, 100, length $line) or last;
	}
	return $line =~ m{^HTTP/1.1 (\d+)} ? $1 : 'none';
}

# Go without a goodbye.
sub vanish
{
	my ($connection) = @_;
	$connection->{socket}->setsockopt(SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
	close $connection->{socket};
	return;
}

# Those that are slow, all at once in a process of their own: when does the
# gateway end their connections?
my %slow = (
	'says nothing' => { start => '' },
	'sends a header byte by byte' => { start => "GET /health HTTP/1.1\r\nX-A: ", drip => 'x' },
	'sends a body byte by byte' => { start => "POST /reports HTTP/1.1\r\nHost: test\r\n${login}Content-Length: 1000\r\n\r\n", drip => ' ' },
	'stays after its reply' => { start => "GET /health HTTP/1.1\r\nHost: test\r\n\r\n" },
	'takes nothing of its file' => { start => "GET $path{1} HTTP/1.1\r\nHost: test\r\n$login\r\n", receive => 4096, read => 0 },
	'takes its file slowly, but does' => { start => "GET $path{1} HTTP/1.1\r\nHost: test\r\n$login\r\n", receive => 4096, read => 1_000_000 });

sub slow_clients
{
	my $start = time;

	for my $client (values %slow)
	{
		$client->{connection} = begin_request($client->{start}, receive => $client->{receive});
		$client->{received} = 0;
	}
	while (time - $start < 37)
	{
		sleep 1;
		for my $client (grep { !$_->{ended} } values %slow)
		{
			local $SIG{PIPE} = 'IGNORE';
			my $socket = $client->{connection}{socket};
			my $limit = $client->{read} // 1_000_000;
			my $gone = $client->{drip} && !syswrite $socket, $client->{drip};
			my $n = 1;
			for (my $left = $limit; $left > 0 && $n && IO::Select->new($socket)->can_read(0); $left -= $n // 0)
			{
				$n = sysread $socket, my ($bytes), $left;
				$client->{received} += $n // 0;
			}
			$client->{ended} = time - $start if $gone || !$n;
		}
	}
	printf "%s: %s %d\n", $_, $slow{$_}{ended} ? sprintf('%.0f', $slow{$_}{ended}) : 'open', $slow{$_}{received} for sort keys %slow;
	return;
}

my $pid = open(my $slow_out, '-|') // die "fork: $!";
if ($pid == 0)
{
	eval { slow_clients(); 1 } or print "died: $@";
	STDOUT->flush;
	POSIX::_exit(0);
}
sleep 0.5;

# Four downloads of an account
{
	my @running = map { begin_download(2, $_ % 2 ? $link{2} : undef) } 1 .. 4;
	is(join(' ', map { status_line($_) } @running), '200 200 200 200', 'four downloads, by link or login');
	my $reply = ask($gateway, "GET $path{2}", $login{2});
	is("$reply->{status} $reply->{headers}{'retry-after'}", '429 5', 'a fifth is too many');
	like($reply->{body}, qr/as many downloads running/, 'and told so');
	is(ask($gateway, "GET $link{2}")->{status}, 429, 'by link, too');
	is(ask($gateway, "HEAD $path{2}", $login{2})->{status}, 200, 'HEAD is none');
	is(ask($gateway, $list, $login{2})->{status}, 200, 'nor is a list');
	is(ask($gateway, "GET $path{1}", $login{1})->{status}, 200, 'others may');
	vanish(shift @running);
	my $again;
	for (1 .. 100)
	{
		$again = ask($gateway, "GET $path{2}", $login{2})->{status};
		last if $again == 200;
		sleep 0.1;
	}
	is($again, 200, 'when one is gone, another may begin');
	vanish($_) for @running;
}

# Gone in the middle
{
	my $whole = "POST /reports HTTP/1.1\r\nHost: test\r\n${login}Content-Length: 500\r\n\r\n" . 'x' x 400;
	my $before = resident();

	for my $n (1 .. 200)
	{
		vanish(begin_request(substr $whole, 0, 2 * $n));
	}
	for my $n (1 .. 200)
	{
		my $connection = begin_download(2, $n % 2 ? $link{2} : undef);
		# some go at once, some after the first bytes
		status_line($connection) if $n % 4 < 2;
		vanish($connection);
	}
	my $status;
	for (1 .. 100)
	{
		my @all = map { begin_download(2) } 1 .. 4;
		$status = join ' ', map { status_line($_) } @all;
		vanish($_) for @all;
		last if $status eq '200 200 200 200';
		sleep 0.1;
	}
	is($status, '200 200 200 200', 'no download is counted of clients that are gone');
	cmp_ok(resident() - $before, '<', 16 * 1024, 'nor is their memory kept') unless $ENV{SANITIZE};
	is(ask($gateway, 'GET /health')->{status}, 200, 'the gateway goes on');
	cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE usename = 'gateway'"), '<=', 6, 'with the sessions it may have');
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE usename = 'gateway' AND state LIKE 'idle in%'"), 0, 'none of them in a transaction');
}

# Large ones, and many: what has not come to its end is bounded, too
{
	my $header = "GET /health HTTP/1.1\r\nHost: test\r\nX-A: " . 'x' x 30_000;
	my $body = "POST /reports HTTP/1.1\r\nHost: test\r\n%sContent-Length: 1000000\r\n\r\n" . 'x' x 200_000;
	# of an address there may be 256
	my @open = (
		(map { begin_request($header, from => '127.0.0.5') } 1 .. 150),
		(map { begin_request(sprintf($body, $_ % 2 ? $login : ''), from => '127.0.0.6') } 1 .. 150));

	is(ask($gateway, $list, $login{1})->{status}, 200, 'while 300 send much, a list is answered');
	cmp_ok(resident(), '<', 64 * 1024, 'from less than 64 MiB') unless $ENV{SANITIZE};
	vanish($_) for @open;

	my $connection = begin_request("POST /reports HTTP/1.1\r\nHost: test\r\n${login}Content-Length: 3000000000\r\nExpect: 100-continue\r\n\r\n");
	my $reply = read_reply($connection);
	is("$reply->{status} $reply->{headers}{connection}", '413 close', 'a body of 3 GB is refused before it is sent');
	$connection = begin_request("POST /reports HTTP/1.1\r\nHost: test\r\n${login}Transfer-Encoding: chunked\r\n\r\n");
	my $chunk = sprintf "%x\r\n%s\r\n", 65536, 'x' x 65536;
	my $sent = 0;
	$sent++ while $sent < 200 && send_raw($connection, $chunk);
	cmp_ok($sent, '<', 200, 'one that has no end is broken off');
}

# Strangers whose links are looked at wait for each other, not others for them.
{
	my $locker = $node->background_psql('postgres');
	$locker->query_safe('BEGIN; LOCK TABLE _rde_signing_key');
	my @strangers = map { begin_request("GET $path{1}?sv=1&st=1&se=1&sp=r&sr=b&kid=x.0&sig=$_ HTTP/1.1\r\nHost: test\r\n\r\n") } 1 .. 50;
	sleep 0.5;
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE usename = 'gateway' AND wait_event_type = 'Lock'"), 2, 'two sessions are held up by fifty strangers');
	my $start = time;
	my %seen;
	$seen{ ask($gateway, "GET $path{1}", [ @{ $login{1} }, Range => 'bytes=0-99' ])->{status} }++ for 1 .. 20;
	is_deeply(\%seen, { 206 => 20 }, 'meanwhile those who are known are served');
	cmp_ok(time - $start, '<', 4, 'at once');
	# Which two it is nobody can say: whoever came first.
	my $waiting = IO::Select->new(map { $_->{socket} } @strangers);
	for (my $deadline = time + 20; $waiting->can_read(0) < 48 && time < $deadline; sleep 0.1) { }
	my %answered = map { $_ => 1 } $waiting->can_read(0);
	my %strangers;
	for (grep { $answered{ $_->{socket} } } @strangers)
	{
		my $reply = read_reply($_);
		$strangers{"$reply->{status} " . ($reply->{headers}{'retry-after'} // '')}++;
	}
	is_deeply(\%strangers, { '503 1' => 48 }, 'and strangers are told to come again');
	$locker->query_safe('ROLLBACK');
	$locker->quit;
	my @held = map { read_reply($_)->{status} } grep { !$answered{ $_->{socket} } } @strangers;
	is_deeply(\@held, [ 403, 403 ], 'the two were only held up');
}

# The slow ones
{
	my %seen = map { /^(.*): (\w+) (\d+)$/ ? ($1 => [ $2, $3 ]) : () } <$slow_out>;
	close $slow_out;
	for my $what (sort grep { !/file/ } keys %slow)
	{
		my ($ended) = @{ $seen{$what} // ['none'] };
		my $limit = $what =~ /header|nothing/ ? 10 : 30;
		ok($ended =~ /^\d+$/ && $ended >= $limit - 1 && $ended <= $limit + 5, "whoever $what is let go after $limit seconds") or diag($ended);
	}
	my ($ended, $received) = @{ $seen{'takes its file slowly, but does'} // [ 0, 0 ] };
	is($ended, 'open', 'whoever takes a file slowly gets it');
	cmp_ok($received, '>', 100_000, 'piece by piece');
}

my ($status) = stop_gateway($gateway);
is($status, 0, 'the gateway ends well');
my $log = gateway_log($gateway);
# Whoever takes nothing does not see the end, for it comes behind what was sent.
my $big = quotemeta $path{1};
my @late = grep { $_ > 29_000 && $_ < 36_000 } map { /account=1 method=GET path=$big status=200 .* ms=(\d+)\.\d .* incomplete broken-off$/ ? $1 : () } split /\n/, $log;
is(scalar @late, 1, 'whoever takes nothing of its file is let go after half a minute, too');
like($log, qr/report=$RdeGateway::any_uuid kid=\S+ sent=\d+ incomplete broken-off\n/, 'downloads that were broken off are logged as such');
unlike($log, qr/ error /, 'nothing went wrong');

done_testing();

# gateway_sessions.pl
#
# Sessions of the gateway and who has them: health answers for those of strangers
# too, a server that does not answer is waited for some seconds only, and no
# account has more than its share.

use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP;
use POSIX ();
use PostgreSQL::Test::Utils;
use RdeGateway;
use Test::More;
use Time::HiRes qw(time sleep);

plan skip_all => 'the gateway was not built' unless gateway_program();

my ($node, $tokens) = new_shop('sessions');
my %login = map { $_ => [ login_headers($tokens->{$_}) ] } 1, 2;
my $list = 'GET /reports?from=2020-01-01&to=2100-01-01';

# The status until it is the one waited for, at most some seconds
sub until_status
{
	my ($gateway, $wanted, $request, @more) = @_;
	my $status = 'none';

	for (1 .. 100)
	{
		$status = ask($gateway, $request, @more)->{status};
		last if $status eq $wanted;
		sleep 0.1;
	}
	return $status;
}

# Health answers for those who are yet to show who they are, too.
{
	my $gateway = start_gateway($node, options => [ '--pool', '1' ]);

	is(ask($gateway, 'GET /health')->{status}, 200, 'healthy, with sessions for known clients and for strangers');
	stop_gateway($gateway);

	$node->safe_psql('postgres', 'ALTER ROLE gateway CONNECTION LIMIT 1');
	$gateway = start_gateway($node, options => [ '--pool', '1' ]);
	is(ask($gateway, $list, $login{1})->{status}, 503, 'when the server has one session left, no new client gets in');
	is(ask($gateway, 'GET /health')->{status}, 503, 'and the gateway is not healthy');
	$node->safe_psql('postgres', 'ALTER ROLE gateway CONNECTION LIMIT -1');
	is(until_status($gateway, 200, 'GET /health'), 200, 'until it has more');
	is(until_status($gateway, 200, $list, $login{1}), 200, 'and lets clients in');
	stop_gateway($gateway);
}

# Slow requests of one account hold up that account.
{
	my $gateway = start_gateway($node);
	my $body = sub {
		my ($dataset) = @_;
		return qq({"name": "asked", "dataset": "$dataset", "format": "csv", "startDate": "2020-01-01T00:00:00Z", "endDate": "2020-01-02T00:00:00Z"});
	};
	my $begin = sub {
		my ($request, $headers, $text) = @_;
		my $connection = connect_to($gateway);
		my @headers = @$headers;
		my $head = "$request HTTP/1.1\r\nHost: test\r\nContent-Length: " . length($text) . "\r\n";
		while (my ($name, $value) = splice @headers, 0, 2)
		{
			$head .= "$name: $value\r\n";
		}
		send_raw($connection, "$head\r\n$text");
		return $connection;
	};
	$node->safe_psql('postgres', <<'END');
SET ROLE shop_owner;
CREATE VIEW shop.slow AS SELECT s.* FROM shop.sale s CROSS JOIN pg_sleep(8) wait;
RESET ROLE;
SELECT rde_create_dataset('slow', 'Slow');
SELECT rde_attach('slow', 'shop.slow', 'reseller', 'changed', amount => 'amount', key => '{id}');
END
	ask($gateway, $list, $login{$_}) for 1, 2;
	my @slow = map { $begin->('POST /reports', $login{1}, $body->('slow')) } 1 .. 3;
	sleep 0.5;
	for (1 .. 5)
	{
		my $start = time;
		my $reply = ask($gateway, 'POST /reports', $login{2}, $body->('sales'));
		is($reply->{status}, 200, 'while three slow POSTs of one account run, another account\'s is answered');
		cmp_ok(time - $start, '<', 2, 'at once');
	}
	is(ask($gateway, $list, $login{1})->{status}, 200, 'so is the list of the first');
	my @replies = map { read_reply($_) } @slow;
	my %seen;
	$seen{ "$_->{status} " . ($_->{headers}{'retry-after'} // '-') }++ for @replies;
	is($seen{'429 1'}, 2, 'of the three, those that waited too long are told to come again') or diag(explain(\%seen));
	like((grep { $_->{status} == 429 } @replies)[0]{body}, qr/this account has as many requests running as it may have at once/, 'and why');
	is(scalar(grep { $_->{status} =~ /^20/ } @replies), 1, 'and one is answered');
	stop_gateway($gateway);
}

# A server that takes connections and answers nothing is waited for some seconds.
{
	my $gateway = start_gateway($node, options => [ '--pool', '1' ]);
	my $locker = $node->background_psql('postgres');

	is(ask($gateway, 'GET /x')->{status}, 404, 'a gateway, whose pool for strangers has no session yet');
	$locker->query_safe('BEGIN; LOCK TABLE pg_extension');
	my $start = time;
	is(ask($gateway, $list, $login{1})->{status}, 503, 'a session whose first statement has to wait');
	cmp_ok(time - $start, '<', 8, 'is given up');
	$locker->query_safe('ROLLBACK');
	$locker->quit;
	is(until_status($gateway, 200, $list, $login{1}), 200, 'later it is not');
	like(gateway_log($gateway), qr/error the database cannot be used: no answer within \d+ seconds.*pooler/, 'the log says what that may be');
	stop_gateway($gateway);
}

# So is a pooler that lets clients in, and has no server for them.
{
	my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 50) or die "listen: $!";
	my $pid = fork // die "fork: $!";

	if ($pid == 0)
	{
		# nobody waits for it when the test ends before its time
		alarm 120;
		close $_ for *STDOUT, *STDERR;
		my @held;
		while (my $client = $listener->accept)
		{
			my $message = sub { pack('a N', $_[0], 4 + length $_[1]) . $_[1] };
			sysread $client, my ($startup), 10_000;
			syswrite $client, $message->('R', pack 'N', 0) . $message->('S', "client_encoding\0UTF8\0") . $message->('Z', 'I');
			push @held, $client;
		}
		POSIX::_exit(0);
	}
	my $gateway = start_gateway($node, db => 'host=127.0.0.1 sslmode=disable gssencmode=disable user=gateway dbname=postgres port=' . $listener->sockport);
	my @asked;
	ask($gateway, 'GET /health', [], undef, timeout => 40);
	for my $request ('GET /health', $list)
	{
		my $start = time;
		is(ask($gateway, $request, $login{1}, undef, timeout => 40)->{status}, 503, "behind a pooler without servers: $request");
		push @asked, time - $start;
	}
	cmp_ok($_, '<', 8, 'after some seconds') for @asked;
	stop_gateway($gateway);
	kill 'KILL', $pid;
	waitpid $pid, 0;
}

# A pooler of transactions: what is asked for by name is answered by another of its
# servers than made the name, if it has others.
sub start_transaction_pooler
{
	my ($servers) = @_;
	my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 50) or die "listen: $!";
	my $pid = fork // die "fork: $!";
	return ($listener->sockport, $pid) if $pid;

	alarm 120;
	close $_ for *STDOUT, *STDERR;
	my $read = sub {
		my ($socket, $length) = @_;
		my $bytes = '';
		while (length $bytes < $length)
		{
			sysread $socket, $bytes, $length - length $bytes, length $bytes or POSIX::_exit(0);
		}
		return $bytes;
	};
	my $read_message = sub {
		my ($socket) = @_;
		my $head = $read->($socket, 5);
		return $head . $read->($socket, unpack('x N', $head) - 4);
	};
	my $until_ready = sub {
		my ($from, $to) = @_;
		my $message = '';
		until ($message =~ /^Z/)
		{
			$message = $read_message->($from);
			syswrite $to, $message if $to;
		}
	};
	my @servers = map {
		my $server = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port) or POSIX::_exit(1);
		my $startup = pack('N', 196608) . "user\0gateway\0database\0postgres\0client_encoding\0UTF8\0\0";
		syswrite $server, pack('N', 4 + length $startup) . $startup;
		$until_ready->($server);
		$server;
	} 1 .. $servers;
	my $select = IO::Select->new($listener);
	my %number;
	my $clients = 0;
	while (my @ready = $select->can_read)
	{
		for my $socket (@ready)
		{
			if ($socket == $listener)
			{
				my $client = $listener->accept;
				$read->($client, unpack('N', $read->($client, 4)) - 4);
				syswrite $client, pack('a N N', 'R', 8, 0) . pack('a N a*', 'S', 25, "client_encoding\0UTF8\0") . pack('a N a', 'Z', 5, 'I');
				$select->add($client);
				$number{$client} = $clients++;
				next;
			}
			sysread $socket, my ($type), 1 or $select->remove($socket), next;
			my $length = $read->($socket, 4);
			my $message = $type . $length . $read->($socket, unpack('N', $length) - 4);
			$select->remove($socket), next if $type eq 'X';
			$message .= $read_message->($socket) while $message !~ /^Q/ && $message !~ /S\x00\x00\x00\x04\z/;
			my $server = $servers[ ($number{$socket} + ($message =~ /^B/ ? 2 : 0)) % @servers ];
			syswrite $server, $message;
			$until_ready->($server, $socket);
		}
	}
	POSIX::_exit(0);
}

# Prepared statements are a session's: the log says what is the matter.
for my $servers (1, 3)
{
	my ($port, $pid) = start_transaction_pooler($servers);
	my $gateway = start_gateway($node, db => "host=127.0.0.1 sslmode=disable gssencmode=disable user=gateway dbname=postgres port=$port");
	for (1 .. 20)
	{
		ask($gateway, $list, $login{1});
		last if gateway_log($gateway) =~ /pool_mode/;
		sleep 0.2;
	}
	like(gateway_log($gateway), $servers == 1 ?
		  qr/error the database cannot be used: .*\(42P05\).*pooler.*pool_mode = session/ :
		  qr/error \S+: error 26000 in "\w+": .*pooler.*pool_mode = session/, "behind a pooler of transactions with $servers servers");
	stop_gateway($gateway);
	kill 'KILL', $pid;
	waitpid $pid, 0;
}

done_testing();

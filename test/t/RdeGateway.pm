# RdeGateway.pm
#
# What tests of the gateway share: a server with two resellers' reports, the
# gateway in front of it, and a client that says exactly what it is told to.
#
# Invariant: a gateway is ended with the test, whatever became of the test.

package RdeGateway;

use strict;
use warnings;
use Exporter 'import';
use File::Basename qw(dirname);
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use POSIX qw(:sys_wait_h);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeFiles qw(new_server);
use Test::More;
use Time::HiRes qw(time sleep);

our @EXPORT = qw(gateway_program sanitized_gateway new_shop new_monitored_shop start_gateway stop_gateway
  gateway_log connect_to send_raw read_reply end_sending ask ask_json refused login_headers local_path);

our $any_uuid = qr/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
my @gateways;

# The program under test; RDE_GATEWAY names another build of it.
sub gateway_program
{
	my $program = $ENV{RDE_GATEWAY} // dirname($ENV{PG_ABS_SRCDIR}) . '/stage/usr/bin/rde-gateway';
	return -x $program ? $program : undef;
}

# The same, built with sanitizers that end it when it does what it must not;
# undef where the compiler has none.
sub sanitized_gateway
{
	my $folder = PostgreSQL::Test::Utils::tempdir . '/sanitized';
	my $log = '';

	return gateway_program() if $ENV{RDE_GATEWAY};
	return undef unless $ENV{RDE_SOURCE} && -d "$ENV{RDE_SOURCE}/gateway";
	IPC::Run::run([ 'cp', '-r', $ENV{RDE_SOURCE}, $folder ]) or die 'cp';
	IPC::Run::run([ 'make', '-s', '-j2', '-C', "$folder/gateway", 'SANITIZE=1', 'WERROR=' ], '>', \$log, '2>&1')
	  or note($log);
	return -x "$folder/gateway/rde-gateway" ? "$folder/gateway/rde-gateway" : undef;
}

# A server with sales of three resellers, 1, 2 and 3, whose rows say whose they
# are.  Resellers 1 and 2 have a token each.  Returns the node and the tokens:
# { 1 => [ subscription key, token ], 2 => ... }.
sub new_shop
{
	my ($name, $configuration) = @_;
	my $node = new_server($name);
	my %tokens;

	$node->append_conf('postgresql.conf', "rde.base_url = 'https://reports.example'\n" . ($configuration // ''));
	$node->restart;
	$node->safe_psql('postgres', <<'END');
CREATE ROLE shop_owner;
CREATE ROLE gateway LOGIN;
SELECT rde_grant('gateway', 'gateway');
CREATE SCHEMA shop AUTHORIZATION shop_owner;
SET ROLE shop_owner;
CREATE TABLE shop.sale AS
SELECT n AS id, n % 3 + 1 AS reseller, timestamptz '2020-01-01 00:00Z' + n * interval '1 minute' AS changed,
       n / 7.0::numeric(20,8) AS amount, 'row of reseller ' || n % 3 + 1 AS owner, md5(n::text) AS word
FROM generate_series(1, 3000) n;
-- 4 MB of a month of reseller 1, for a file of several chunks
INSERT INTO shop.sale
SELECT 10000 + n, 1, timestamptz '2020-03-01 00:00Z' + n * interval '1 second', 1, 'row of reseller 1',
       (SELECT string_agg(md5(n || '.' || i), '') FROM generate_series(1, 32) i)
FROM generate_series(1, 4000) n;
ALTER TABLE shop.sale ADD PRIMARY KEY (id);
CREATE INDEX ON shop.sale (changed, id);
ANALYZE shop.sale;
RESET ROLE;
SELECT rde_create_dataset('sales', 'Sales');
SELECT rde_attach('sales', 'shop.sale', 'reseller', 'changed', amount => 'amount');
SELECT rde_create_account(n, 'reseller ' || n) FROM generate_series(1, 3) n;
END
	for my $reseller (1, 2)
	{
		my $row = $node->safe_psql('postgres',
			"SELECT subscription_key, token FROM rde_create_token($reseller, 'test', interval '1 day')");
		$tokens{$reseller} = [ split /\|/, $row ];
	}
	return ($node, \%tokens);
}

# A shop as doc/monitoring is about: the role that its queries are asked by, in which
# something happened, and something is wrong.
sub new_monitored_shop
{
	my ($name, $configuration) = @_;
	my ($node, $tokens) = new_shop($name, $configuration);

	$node->safe_psql('postgres', join "\n", slurp_file("$ENV{RDE_SOURCE}/doc/monitoring/queries.yaml") =~ /^#   (.*;)$/mg);
	$node->safe_psql('postgres', <<'END');
SELECT rde_build(rde_submit('sales', '2020-01-01', '2020-01-31', 'csv', reseller => n)) FROM generate_series(1, 2) n;
SELECT rde_submit('sales', '2020-01-01', '2020-01-31', 'csv', reseller => 3);
SELECT rde_create_generator('sales', 'daily', '{csv}', 'daily', reseller => 1);
GRANT SELECT ON _rde_account TO prometheus;	-- to be found
END
	return ($node, $tokens);
}

# Start a gateway for a node; it listens on a port of its choice.
sub start_gateway
{
	my ($node, %arg) = @_;
	my $name = $node->name . '_' . scalar(@gateways);
	my $log = "${PostgreSQL::Test::Utils::log_path}/gateway_$name.log";
	my $user = $arg{user} // 'gateway';
	my $conninfo = $arg{db} // $node->connstr('postgres') . " user=$user";
	my $gateway = { log => $log };

	pipe(my $out, my $in) or die "pipe: $!";
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		open STDOUT, '>&', $in or die;
		open STDERR, '>', $log or die;
		close $out;
		exec $arg{program} // gateway_program(), '--listen', '127.0.0.1:0', '--db', $conninfo, @{ $arg{options} // [] };
		die "exec: $!";
	}
	close $in;
	$gateway->{pid} = $pid;
	push @gateways, $gateway;
	my $line = <$out> // '';
	$line =~ m{^listening on (http://127\.0\.0\.1:(\d+))$} or die "gateway did not start: $line" . slurp_file($log);
	@$gateway{qw(url port out)} = ($1, $2, $out);
	return $gateway;
}

# SIGTERM; returns the exit status ("signal N" for a death) and the seconds.
sub stop_gateway
{
	my ($gateway, $limit) = @_;
	my $start = time;

	kill 'TERM', $gateway->{pid};
	until (waitpid($gateway->{pid}, WNOHANG) == $gateway->{pid})
	{
		die 'gateway does not stop' if time - $start > ($limit // 40);
		sleep 0.01;
	}
	my $status = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
	delete $gateway->{pid};
	return ($status, time - $start);
}

END
{
	my $status = $?;
	for my $gateway (grep { $_->{pid} } @gateways)
	{
		kill 'KILL', $gateway->{pid};
		waitpid $gateway->{pid}, 0;
	}
	$? = $status;
}

sub gateway_log
{
	my ($gateway) = @_;
	return slurp_file($gateway->{log});
}

# A connection: { socket, buffer }, from another address of this machine if need be.
sub connect_to
{
	my ($gateway, %arg) = @_;
	my $socket = IO::Socket::INET->new(LocalAddr => $arg{from} // '127.0.0.1', PeerAddr => '127.0.0.1', PeerPort => $gateway->{port}, Timeout => 5)
	  or die "connect: $!";
	$socket->setsockopt(SOL_SOCKET, SO_RCVBUF, $arg{receive}) if $arg{receive};
	$socket->autoflush(1);
	return { socket => $socket, buffer => '' };
}

sub send_raw
{
	my ($connection, $bytes) = @_;
	my $done = 0;

	local $SIG{PIPE} = 'IGNORE';
	while ($done < length $bytes)
	{
		my $n = syswrite $connection->{socket}, $bytes, 65536, $done;
		return 0 unless $n;
		$done += $n;
	}
	return 1;
}

# Nothing more will be sent: what is incomplete now stays so.
sub end_sending
{
	my ($connection) = @_;
	shutdown $connection->{socket}, 1;
	return;
}

# More bytes into the buffer; false at the end or when nothing comes in time.
sub _more
{
	my ($connection, $deadline) = @_;
	my $wait = $deadline - time;

	return 0 if $wait <= 0 || !IO::Select->new($connection->{socket})->can_read($wait);
	return sysread $connection->{socket}, $connection->{buffer}, 262144, length $connection->{buffer};
}

# The next reply: { status, headers => { lower-case name => value }, body,
# closed }; undef if there is none.  head: it has no body, as one to HEAD.
sub read_reply
{
	my ($connection, %arg) = @_;
	my $deadline = time + ($arg{timeout} // 20);
	my %reply = (headers => {}, body => '');

	while (index($connection->{buffer}, "\r\n\r\n") < 0)
	{
		return undef unless _more($connection, $deadline);
	}
	my $head = substr $connection->{buffer}, 0, index($connection->{buffer}, "\r\n\r\n") + 4, '';
	my ($line, @headers) = split /\r\n/, $head;
	($reply{status}) = $line =~ m{^HTTP/1\.[01] (\d{3}) } or return undef;
	for (@headers)
	{
		my ($name, $value) = /^([^:]+):\s*(.*?)\s*$/ or next;
		my $known = $reply{headers}{ lc $name };
		$reply{headers}{ lc $name } = defined $known ? "$known, $value" : $value;
	}
	return read_reply($connection, %arg) if $reply{status} == 100;
	my $length = $arg{head} || $reply{status} =~ /^(204|304)$/ ? 0 : $reply{headers}{'content-length'};
	while (!defined $length || length $connection->{buffer} < $length)
	{
		if (!_more($connection, $deadline))
		{
			$reply{incomplete} = 1 if defined $length;
			last;
		}
	}
	$reply{body} = substr $connection->{buffer}, 0, $length // length $connection->{buffer}, '';
	return \%reply;
}

sub login_headers
{
	my ($token) = @_;
	return ('X-Subscription-Key' => $token->[0], Authorization => "Bearer $token->[1]");
}

# Ask for "METHOD /target" and read the reply; headers are a list of pairs, the
# body is sent with its length.  Without a connection, over one of its own.
sub ask
{
	my ($where, $request, $headers, $body, %arg) = @_;
	my $connection = $where->{socket} ? $where : connect_to($where);
	my @headers = @{ $headers // [] };
	my $text = "$request HTTP/1.1\r\nHost: test\r\n";

	push @headers, 'Content-Length' => length $body if defined $body;
	while (my ($name, $value) = splice @headers, 0, 2)
	{
		$text .= "$name: $value\r\n";
	}
	send_raw($connection, "$text\r\n" . ($body // ''));
	return read_reply($connection, head => scalar($request =~ /^HEAD /), %arg) // { status => 0, headers => {}, body => '' };
}

# The path and query of a link, whose host is another in these tests.
sub local_path
{
	my ($url) = @_;
	return $url =~ s{^https://reports\.example}{}r;
}

# Ask as who has the token; a body that is no text is sent as JSON.  The reply has the
# decoded one as `json`.
sub ask_json
{
	my ($where, $token, $request, $body, @headers) = @_;
	my $reply = ask($where, $request, [ login_headers($token), @headers ], ref $body ? encode_json($body) : $body);
	return { %$reply, json => eval { decode_json($reply->{body}) } // {} };
}

# Is a reply an error with this status, code and field, that tells nobody to call SQL?
sub refused
{
	my ($reply, $expected, $name) = @_;
	my $error = $reply->{json};
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(join(' ', $reply->{status}, $error->{code} // '-', $error->{field} // '-'), $expected, $name) or diag($reply->{body});
	unlike($error->{message} // '', qr/\brde_|_rde|pg_|\(\)/, "$name: nothing to call");
	return;
}

1;

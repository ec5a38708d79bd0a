# gateway_strangers.pl
#
# Those who are yet to show who they are: failed logins of an address are counted,
# limited and logged in sum; connections that drip or wait make room for others.

use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use PostgreSQL::Test::Utils;
use RdeGateway;
use Test::More;
use Time::HiRes qw(time sleep);

plan skip_all => 'the gateway was not built' unless gateway_program();

my ($node, $tokens) = new_shop('strangers');
my %login = map { $_ => [ login_headers($tokens->{$_}) ] } 1, 2;
my $list = 'GET /reports?from=2020-01-01&to=2100-01-01';
my $wrong = sub { [ login_headers([ $tokens->{1}[0], 'x' x 30 . int rand 1e9 ]), @_ ] };

# Ask from another address of this machine.
sub ask_from
{
	my ($address, $gateway, @more) = @_;
	my $connection = eval { connect_to($gateway, from => $address) } or return { status => 'refused' };
	return ask($connection, @more);
}

# Failed logins
{
	my $gateway = start_gateway($node);
	my %seen;

	is(ask_from('127.0.0.3', $gateway, $list, $login{1})->{status}, 200, 'a client that logged in');
	my $reply;
	for (1 .. 200)
	{
		$reply = ask_from('127.0.0.2', $gateway, $list, $wrong->());
		$seen{ $reply->{status} }++;
	}
	note(join ', ', map { "$_: $seen{$_}" } sort keys %seen);
	cmp_ok($seen{401}, '>=', 60, 'failed logins');
	cmp_ok($seen{401}, '<=', 80, 'not all of 200 reach the database');
	is($seen{401} + ($seen{429} // 0), 200, 'the others are refused');
	is($reply->{status}, 429, 'with 429');
	like($reply->{headers}{'retry-after'}, qr/^[12]$/, 'which says when one may try again');
	like(decode_json($reply->{body})->{message}, qr/^too many logins from this address have failed/, 'and why');
	is(ask_from('127.0.0.2', $gateway, $list, $login{2})->{status}, 429, 'whoever is not known there waits, too');
	is(ask_from('127.0.0.2', $gateway, $list, $login{1})->{status}, 200, 'but not who is known');
	is(ask_from('127.0.0.3', $gateway, $list, $wrong->())->{status}, 401, 'nor does another address');
	is(ask_from('127.0.0.3', $gateway, $list, $login{2})->{status}, 200, 'from which one logs in');
	sleep 2.1;
	is(ask_from('127.0.0.2', $gateway, $list, $wrong->())->{status}, 401, 'later one may try again');
	is(ask_from('127.0.0.4', $gateway, $list, [])->{status}, 401, 'who shows nothing costs nothing') for 1 .. 100;
	stop_gateway($gateway);
	my $log = gateway_log($gateway);
	my $lines = () = $log =~ / status=(?:401|429) /g;
	cmp_ok($lines, '<=', 3 * 3, "$lines lines of failed logins");
	like($log, qr/Z info (19\d|20\d) failed logins or links from 127\.0\.0\.2 have no line of their own\n/, 'the others in sum');
	like($log, qr/Z info 9\d failed logins or links from 127\.0\.0\.4 have no line of their own\n/, 'of each address');
}

# Links that open nothing: of a report that there is, of none, and what is no link
{
	my $gateway = start_gateway($node);
	my $id = $node->safe_psql('postgres', "SELECT rde_export('sales', '2020-03-01', '2020-03-01', 'csv', reseller => 1)");
	my $signed = "expires=@{[ time + 100 ]}&kid=1&sig=" . 'x' x 43;
	my %seen;
	for my $n (1 .. 40)
	{
		$seen{ ask_from('127.0.0.5', $gateway, "GET $_")->{status} }++
		  for "/reports/$id/a.csv?$signed", "/reports/00000000-0000-4000-8000-00000000000$n/a.csv?$signed", "/reports/no/link?$signed";
	}
	is(join(' ', map { "$_ $seen{$_}" } sort keys %seen), '403 120', 'links that open nothing');
	is(ask_from('127.0.0.5', $gateway, $list, $login{1})->{status}, 200, 'are no failed logins');
	stop_gateway($gateway);
	my $log = gateway_log($gateway);
	my $lines = () = $log =~ / status=403 /g;
	cmp_ok($lines, '<=', 3, "$lines lines of them");
	like($log, qr/Z info 11\d failed logins or links from 127\.0\.0\.5 have no line of their own\n/, 'the others in sum');
}

# Behind a proxy
{
	my $gateway = start_gateway($node, options => ['--behind-proxy']);
	my $from = sub { [ 'X-Forwarded-For' => shift ] };

	ask($gateway, $list, [ @{ $wrong->() }, @{ $from->('198.51.100.7, 203.0.113.1') } ]) for 1 .. 80;
	is(ask($gateway, $list, [ @{ $wrong->() }, @{ $from->('198.51.100.8, 203.0.113.1') } ])->{status}, 429, 'behind a proxy, the last address is the client\'s');
	is(ask($gateway, $list, [ @{ $wrong->() }, @{ $from->('203.0.113.1, 198.51.100.7') } ])->{status}, 401, 'others are what the client says');
	is(ask($gateway, $list, [ @{ $wrong->() }, @{ $from->('198.51.100.9') }, @{ $from->('203.0.113.1') } ])->{status}, 429, 'of two fields, the last one counts');
	is(ask($gateway, $list, [ @{ $wrong->() }, @{ $from->('2001:db8::1') } ])->{status}, 401, 'IPv6');
	ask($gateway, $list, [ @{ $wrong->() }, @{ $from->("2001:db8::$_") } ]) for 1 .. 80;
	is(ask($gateway, $list, [ @{ $wrong->() }, @{ $from->('2001:db8::ffff:1') } ])->{status}, 429, 'of which a network counts as one');
	is(ask($gateway, $list, [ @{ $wrong->() }, @{ $from->($_) } ])->{status}, 401, "no address: \"$_\"") for 'unknown', '', 'x' x 1000;
	stop_gateway($gateway);
	like(gateway_log($gateway), qr/failed logins or links from 203\.0\.113\.1 have/, 'and is in the log');
	unlike(gateway_log($gateway), qr/198\.51\.100\.8/, 'what a client says is not');

	$gateway = start_gateway($node);
	ask($gateway, $list, [ @{ $wrong->() }, @{ $from->("203.0.113.$_") } ]) for 1 .. 80;
	is(ask($gateway, $list, [ @{ $wrong->() }, @{ $from->('203.0.113.99') } ])->{status}, 429, 'without a proxy, nobody is believed');
	stop_gateway($gateway);
}

# Connections that drip, as many as there may be: headers, or bodies of strangers
for my $begun ("GET /health HTTP/1.1\r\nX-A: ", "POST /reports HTTP/1.1\r\nHost: test\r\nContent-Length: 50000\r\n\r\n")
{
	my $gateway = start_gateway($node);
	my @dripping;
	my $drip = sub {
		local $SIG{PIPE} = 'IGNORE';
		syswrite $_, 'x' for @dripping;
	};

	for (1 .. 560)
	{
		my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $gateway->{port}, Timeout => 5) or last;
		syswrite $socket, $begun;
		push @dripping, $socket;
	}
	cmp_ok(scalar @dripping, '>=', 512, 'connections that drip');
	$drip->();
	for my $address ('127.0.0.2', '127.0.0.1')
	{
		my $start = time;
		my $reply = ask_from($address, $gateway, $list, $login{1}, undef, timeout => 15);
		is($reply->{status}, 200, "do not shut out $address");
		cmp_ok(time - $start, '<', 8, 'nor keep it waiting');
	}
	stop_gateway($gateway), last if $begun =~ /POST/;
	my $alive = 0;
	for (1 .. 14)
	{
		sleep 1;
		$drip->();
	}
	is(ask($gateway, 'GET /health')->{status}, 200, 'the gateway goes on');
	for my $socket (@dripping)
	{
		my $select = IO::Select->new($socket);
		$alive++ unless $select->can_read(0) && !sysread $socket, my ($rest), 1;
	}
	is($alive, 0, 'headers that take longer than ten seconds are not waited for');
	stop_gateway($gateway);
}

done_testing();

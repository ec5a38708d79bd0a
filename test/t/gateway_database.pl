# gateway_database.pl
#
# The database behind the gateway: which role it lets in, where the extension
# lies, restarts in the middle of everything, a standby (B6); and how the gateway
# itself stops.

use strict;
use warnings;
use Digest::SHA;
use IO::Select;
use JSON::PP;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeGateway;
use Test::More;
use Time::HiRes qw(time sleep);

plan skip_all => 'the gateway was not built' unless gateway_program();

my ($node, $tokens) = new_shop('database', <<'END');
wal_level = replica
max_wal_senders = 5
END
# 30 MB of a month of reseller 1, more than sockets hold
$node->safe_psql('postgres', <<'END');
INSERT INTO shop.sale
SELECT 20000 + n, 1, timestamptz '2020-04-01 00:00Z' + n * interval '1 second', 1, 'row of reseller 1', repeat(md5(n::text), 32)
FROM generate_series(1, 28000) n;
END
my $id = $node->safe_psql('postgres',
	q{SELECT rde_export('sales', '2020-04-01', '2020-04-01', 'csv', reseller => 1, name => 'large', options => '{"compress": false}')});
my ($link, $sha256, $size) = split /\|/, $node->safe_psql('postgres', "SELECT download_url, sha256, file_bytes FROM rde_reports WHERE id = '$id'");
$link = local_path($link);
my $path = $link =~ s/\?.*//r;
my @login = login_headers($tokens->{1});
my $list = 'GET /reports?from=2020-01-01&to=2100-01-01';
my $asked = '{"name": "asked", "dataset": "sales", "startDate": "2020-01-01T00:00:00Z", "endDate": "2020-01-01T01:00:00Z", "format": "csv"}';

# A download that is begun, and taken up again.
sub begin_download
{
	my ($gateway, $target, @headers) = @_;
	my $connection = connect_to($gateway, receive => 65536);
	my $text = "GET $target HTTP/1.1\r\nHost: test\r\n";
	while (my ($name, $value) = splice @headers, 0, 2)
	{
		$text .= "$name: $value\r\n";
	}
	send_raw($connection, "$text\r\n");
	my $download = { connection => $connection, digest => Digest::SHA->new(256), received => 0 };
	take($download, 1_000_000);
	return $download;
}

# Take so much more of it; less if it ends.
sub take
{
	my ($download, $bytes, %arg) = @_;
	my $socket = $download->{connection}{socket};

	while ($bytes > 0 && $download->{received} < $size)
	{
		IO::Select->new($socket)->can_read($arg{patience} // 40) or last;
		sysread($socket, my ($some), $bytes < 100_000 ? $bytes : 100_000) or last;
		$bytes -= length $some;
		if (!$download->{head})
		{
			$some =~ s/^(.*?\r\n\r\n)//s or die "not a head: $some";
			$download->{head} = $1;
		}
		$download->{received} += length $some;
		$download->{digest}->add($some);
	}
	return;
}

# Take what comes, until nothing does.
sub take_ready
{
	my ($download) = @_;
	my $before = -1;

	while ($download->{received} > $before && IO::Select->new($download->{connection}{socket})->can_read(0.5))
	{
		$before = $download->{received};
		take($download, 1_000_000, patience => 0.5);
	}
	return;
}

sub download_is_whole
{
	my ($download, $what) = @_;

	take($download, $size);
	is($download->{received} . ' ' . $download->{digest}->hexdigest, "$size $sha256", $what);
	return;
}

# The status until it is the one waited for, at most some seconds
sub until_status
{
	my ($gateway, $wanted, $request, @more) = @_;
	my $status = 'none';

	for (1 .. 100)
	{
		$status = eval { ask($gateway, $request, @more)->{status} } // 'refused';
		last if $status eq $wanted;
		sleep 0.1;
	}
	return $status;
}

# What is logged by now, or when the gateway tries again
sub log_says
{
	my ($gateway, $pattern, $what) = @_;

	for (1 .. 50)
	{
		last if gateway_log($gateway) =~ $pattern;
		sleep 0.1;
		ask($gateway, 'GET /health');
	}
	like(gateway_log($gateway), $pattern, $what);
	return;
}

# The role
{
	my $gateway = start_gateway($node, user => $node->safe_psql('postgres', 'SELECT current_user'));
	is(ask($gateway, $list, \@login)->{status}, 200, 'a superuser\'s gateway works');
	is(() = gateway_log($gateway) =~ /warning role "\w+" is a superuser; a gateway should connect as a role that has a gateway's rights and no others/g, 1, 'but it warns');
	stop_gateway($gateway);

	$node->safe_psql('postgres', 'CREATE ROLE "str\'anger" LOGIN');
	$gateway = start_gateway($node, db => $node->connstr('postgres') . q{ user='str\\'anger'});
	log_says($gateway, qr/error the database cannot be used: role "str'anger" has no gateway's rights; grant them by rde_grant\('str''anger', 'gateway'\)/, 'without the grant it says at its start what to do');
	is(ask($gateway, 'GET /health')->{status}, 503, 'and is not healthy');
	my $reply = ask($gateway, $list, \@login);
	is("$reply->{status} $reply->{headers}{'retry-after'}", '503 1', 'nor does it answer');
	$node->safe_psql('postgres', q{SELECT rde_grant('str''anger', 'gateway')});
	is(until_status($gateway, 200, $list, \@login), 200, 'until it is granted');
	is(ask($gateway, "GET $link", [ Range => 'bytes=0-9' ])->{status}, 206, 'links, too');
	$node->safe_psql('postgres', q{SELECT rde_revoke('str''anger', 'gateway')});
	like(ask($gateway, $list, \@login)->{status}, qr/^50[03]$/, 'when the grant is taken away, that is not the client\'s fault');
	like(ask($gateway, "GET $link")->{status}, qr/^50[03]$/, 'nor the link\'s');
	stop_gateway($gateway);
}

# The extension in another schema, and made anew under the gateway's feet
{
	$node->safe_psql('postgres', 'CREATE DATABASE other');
	my $create = sub {
		my ($schema) = @_;
		my $row = $node->safe_psql('other', <<"END");
DROP EXTENSION IF EXISTS rde CASCADE;
CREATE SCHEMA "$schema";
CREATE EXTENSION rde SCHEMA "$schema";
SELECT "$schema".rde_grant('gateway', 'gateway');
GRANT USAGE ON SCHEMA "$schema" TO gateway;
SELECT "$schema".rde_create_account(1, 'one');
SELECT subscription_key, token FROM "$schema".rde_create_token(1, 'test');
END
		return [ login_headers([ (split /\n/, $row)[-1] =~ /^(.+)\|(.+)$/ ]) ];
	};
	my $login = $create->('Reports; %s');
	my $gateway = start_gateway($node, db => $node->connstr('other') . ' user=gateway');
	is(ask($gateway, $list, $login)->{status}, 200, 'the extension may lie in any schema');
	unlike(gateway_log($gateway), qr/error|warning/, 'without a word');
	$login = $create->('elsewhere');
	is(until_status($gateway, 200, $list, $login), 200, 'and may be made anew elsewhere');
	$node->safe_psql('other', 'REVOKE USAGE ON SCHEMA elsewhere FROM gateway');
	is(until_status($gateway, 503, $list, $login), 503, 'if the role may use that schema');
	log_says($gateway, qr/role "gateway" may not use schema elsewhere; run GRANT USAGE ON SCHEMA elsewhere/, 'the log says so');
	$node->safe_psql('other', 'DROP EXTENSION rde CASCADE');
	is(until_status($gateway, 503, $list, $login), 503, 'without it, nothing is answered');
	log_says($gateway, qr/the database lacks the extension "rde"/, 'and the log says why');
	stop_gateway($gateway);
}

my $gateway = start_gateway($node);

# Restarts while clients ask
{
	my @pipes;
	my $back = PostgreSQL::Test::Utils::tempdir . '/back';
	for my $number (1 .. 3)
	{
		my $pid = open(my $pipe, '-|') // die "fork: $!";
		if ($pid == 0)
		{
			my $connection = connect_to($gateway);
			my $end = time + 120;
			my ($is_back, $reply);
			# the last request is one that was made when it was back, and was answered
			until (($is_back && $reply->{status} =~ /^20/) || time > $end)
			{
				$is_back = -e $back;
				$reply = ask($connection, $number == 3 ? "GET $link" : $list, $number == 3 ? [ Range => 'bytes=0-99999' ] : \@login);
				printf "%d %s\n", $reply->{status}, $reply->{headers}{'retry-after'} // '-';
				$connection = connect_to($gateway) if $reply->{status} == 0;
				sleep 0.02 if $reply->{status} == 503;
			}
			STDOUT->flush;
			POSIX::_exit(0);
		}
		push @pipes, $pipe;
	}
	sleep 1;
	$node->restart;
	sleep 0.5;
	$node->stop('immediate');
	$node->start;
	append_to_file($back, '');
	my @lines = map { my $pipe = $_; [ map { s/\n//r } <$pipe> ] } @pipes;
	my %seen;
	$seen{$_}++ for grep { !/^20[06] / } map { @$_ } @lines;
	is(join(', ', sort keys %seen), '503 1', 'while the server restarts, requests are told to come again');
	is(join(', ', map { $_->[-1] } @lines), '200 -, 200 -, 206 -', 'and are answered when it is back');
}

# Restarts while files are on their way
{
	my @downloads = (begin_download($gateway, $link), begin_download($gateway, $path, @login));
	unlike(gateway_log($gateway), qr/sent=$size/, 'two downloads are under way');
	$node->stop('immediate');
	sleep 1;
	$node->start;
	take($_, 10_000_000) for @downloads;
	$node->restart;
	download_is_whole($downloads[0], 'a download by link goes on after restarts of the server');
	download_is_whole($downloads[1], 'so does one with a login');
}

# Stopping
{
	my $download = begin_download($gateway, $link);
	my $kept = connect_to($gateway);
	is(ask($kept, $list, \@login)->{headers}{connection}, undef, 'a connection is kept');
	kill 'TERM', $gateway->{pid};
	my $refused = 0;
	for (1 .. 50)
	{
		$refused = !eval { connect_to($gateway); 1 };
		last if $refused;
		sleep 0.1;
	}
	ok($refused, 'a gateway that is told to stop takes no more clients');
	my $reply = ask($kept, $list, \@login);
	is("$reply->{status} " . ($reply->{headers}{connection} // ''), '200 close', 'those it has are sent away with their next reply');
	sleep 2;
	download_is_whole($download, 'a running download ends first');
	close $download->{connection}{socket};
	my ($status, $seconds) = stop_gateway($gateway);
	is($status, 0, 'then it ends');
	like(gateway_log($gateway), qr/ stopped\n$/, 'well');

	$gateway = start_gateway($node);
	$download = begin_download($gateway, $link);
	kill 'TERM', $gateway->{pid};
	sleep 0.5;
	($status, $seconds) = stop_gateway($gateway);
	ok($status eq '0' && $seconds < 5, 'told twice, it waits for nobody');
	like(gateway_log($gateway), qr/stopped with 1 requests running/, 'and says so');

	$gateway = start_gateway($node);
	$download = begin_download($gateway, $link);
	$node->stop('fast');
	take_ready($download);
	($status, $seconds) = stop_gateway($gateway);
	ok($status eq '0' && $seconds < 15, 'a download that waits for a server does not hold it up') or diag("$status $seconds");
	$node->start;
}

# A standby
{
	$node->backup('standby');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'standby', has_streaming => 1);
	$standby->start;
	$node->wait_for_catchup($standby);
	my $gateway = start_gateway($standby);
	is(ask($gateway, 'GET /health')->{status}, 200, 'a gateway to a standby is healthy');
	my $reply = ask($gateway, $list, \@login);
	is("$reply->{status} " . decode_json($reply->{body})->{data}[0]{name}, '200 large', 'it lists');
	is(ask($gateway, "GET /reports/$id", \@login)->{status}, 200, 'shows');
	is(ask($gateway, "$list&detail=true", \@login)->{status}, 200, 'and gives cursors');
	download_is_whole(begin_download($gateway, $link), 'hands out files by link');
	download_is_whole(begin_download($gateway, $path, @login), 'and with a login');
	is(ask($gateway, $list, [ login_headers([ $tokens->{1}[0], 'x' x 64 ]) ])->{status}, 401, 'not to everybody');
	$reply = ask($gateway, 'POST /reports', \@login, $asked);
	is("$reply->{status} $reply->{headers}{'retry-after'}", '503 60', 'it makes no reports');
	like(decode_json($reply->{body})->{message}, qr/at a standby, which .* makes none/, 'and says why');
	$standby->promote;
	is(until_status($gateway, 200, 'POST /reports', \@login, $asked), 200, 'but when it is promoted, it does');
	is((stop_gateway($gateway))[0], 0, 'and ends well');
	unlike(gateway_log($gateway), qr/Z error /, 'without errors');
	$standby->stop;
}

done_testing();

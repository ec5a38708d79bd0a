# gateway_tenants.pl
#
# Two resellers and one gateway (S6 over HTTP): in thousands of requests of both,
# mixed at random over the same connections, neither is shown anything of the
# other.

use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use JSON::PP;
use POSIX ();
use PostgreSQL::Test::Utils;
use RdeGateway;
use Test::More;
use Time::HiRes qw(time);

plan skip_all => 'the gateway was not built' unless gateway_program();

my $count = $ENV{RDE_SOAK} ? 100_000 : 10_000;
my $clients = 4;
my $seed = $ENV{RDE_SEED} // 815;

my ($node, $tokens) = new_shop('tenants');
# few sessions, so that each serves both, one after the other
my $gateway = start_gateway($node, options => [ '--pool', '3' ]);
my %files;    # reseller => [ { id, path, query, sha256, bytes } ]

$node->safe_psql('postgres', 'SELECT rde_alter_account(n, max_pending => 1000) FROM generate_series(1, 2) n');
for my $reseller (1, 2)
{
	# the same name: only the rows differ
	for my $n (1 .. 3)
	{
		my $row = $node->safe_psql('postgres', <<"END");
SELECT rde_export('sales', '2020-01-0$n', '2020-01-0$n', 'json', reseller => $reseller, name => 'daily', options => '{"compress": false}') AS id \\gset
SELECT id, download_url, sha256, file_bytes FROM rde_reports WHERE id = :'id'
END
		my ($id, $link, $sha256, $bytes) = split /\|/, $row;
		my ($path, $query) = split /\?/, local_path($link);
		push @{ $files{$reseller} }, { id => $id, path => $path, query => $query, sha256 => $sha256, bytes => $bytes };
	}
}
my %sha_of = map { my $r = $_; map { $_->{sha256} => $r } @{ $files{$r} } } 1, 2;
is(scalar keys %sha_of, 6, 'six files, all different');
my %generator;    # reseller => id
for my $reseller (1, 2)
{
	$node->safe_psql('postgres', qq{SELECT rde_create_view('sales', 'view of $reseller', '[{"column": "word"}]', $reseller)});
	$generator{$reseller} = $node->safe_psql('postgres', "SELECT rde_create_generator('sales', 'daily', '{csv}', 'daily', reseller => $reseller)");
}
my $cursor = decode_json(ask($gateway, 'GET /reports?from=2100-01-01&to=2100-01-01&detail=true', [ login_headers($tokens->{1}) ])->{body})->{next};
my $since = $cursor =~ s/^([^:]+:[^:]+):.*/$1:3:3:/r;
my $days = 'from=2020-01-01&to=2100-01-01';

# What a reseller asks for, and what is wrong with the answer; undef if nothing.
my %kind = (
	list => sub {
		my ($me, $other, $ask) = @_;
		my $query = (rand() < 0.5 ? $days : "after=$since") . (rand() < 0.5 ? '&detail=true' : '') . (rand() < 0.2 ? '&name=daily' : '');
		my $reply = $ask->("GET /reports?$query");
		return "list $reply->{status}" if $reply->{status} != 200;
		my $data = decode_json($reply->{body})->{data};
		my %mine = map { $_->{path} => 1 } @{ $files{$me} };
		my @known = grep { $mine{ local_path($_->{downloadUrl}) =~ s/\?.*//r } } @$data;
		return 'not all is listed' if @known != @{ $files{$me} };
		my @strange = grep { $reply->{body} =~ /$_->{id}/ } @{ $files{$other} };
		return @strange ? 'a foreign report is listed' : undef;
	},
	item => sub {
		my ($me, $other, $ask) = @_;
		my $file = $files{$me}[ rand @{ $files{$me} } ];
		my $reply = $ask->("GET /reports/$file->{id}");
		return "item $reply->{status}" if $reply->{status} != 200;
		return decode_json($reply->{body})->{sha256} eq $file->{sha256} ? undef : 'another item';
	},
	foreign_item => sub {
		my ($me, $other, $ask) = @_;
		my $file = $files{$other}[ rand @{ $files{$other} } ];
		my $reply = $ask->("GET /reports/$file->{id}");
		return $reply->{status} == 404 && $reply->{body} !~ /daily/ ? undef : "foreign item $reply->{status}";
	},
	manifest => sub {
		my ($me, $other, $ask) = @_;
		my $file = $files{$me}[ rand @{ $files{$me} } ];
		my $reply = $ask->("GET /reports/$file->{id}/manifest");
		return "manifest $reply->{status}" if $reply->{status} != 200;
		return decode_json($reply->{body})->{sha256} eq $file->{sha256} ? undef : 'another manifest';
	},
	foreign_manifest => sub {
		my ($me, $other, $ask) = @_;
		my $file = $files{$other}[ rand @{ $files{$other} } ];
		my $reply = $ask->("GET /reports/$file->{id}/manifest");
		return $reply->{status} == 404 && $reply->{body} !~ /daily/ ? undef : "foreign manifest $reply->{status}";
	},
	file => sub {
		my ($me, $other, $ask) = @_;
		my $file = $files{$me}[ rand @{ $files{$me} } ];
		my $reply = $ask->("GET $file->{path}");
		return undef if $reply->{status} == 429;
		return $reply->{status} == 200 && sha256_hex($reply->{body}) eq $file->{sha256} ? undef : "file $reply->{status}";
	},
	foreign_file => sub {
		my ($me, $other, $ask) = @_;
		my $file = $files{$other}[ rand @{ $files{$other} } ];
		my $reply = $ask->("GET $file->{path}");
		return $reply->{status} == 404 ? undef : "foreign file $reply->{status}";
	},
	range => sub {
		my ($me, $other, $ask) = @_;
		my $file = $files{$me}[ rand @{ $files{$me} } ];
		my $first = int rand $file->{bytes};
		my $reply = $ask->("GET $file->{path}", Range => "bytes=$first-" . ($first + 2000));
		return undef if $reply->{status} == 429;
		return "range $reply->{status}" if $reply->{status} != 206;
		return $reply->{body} =~ /reseller $other/ ? 'foreign bytes' : undef;
	},
	link => sub {
		my ($me, $other, $ask) = @_;
		my $file = $files{$me}[ rand @{ $files{$me} } ];
		my $reply = $ask->("GET $file->{path}?$file->{query}");
		return undef if $reply->{status} == 429;
		return $reply->{status} == 200 && sha256_hex($reply->{body}) eq $file->{sha256} ? undef : "link $reply->{status}";
	},
	account => sub {
		my ($me, $other, $ask) = @_;
		my $reply = $ask->('GET /account');
		return $reply->{status} == 200 && decode_json($reply->{body})->{id} == $me ? undef : "account $reply->{status}";
	},
	datasets => sub {
		my ($me, $other, $ask) = @_;
		my $reply = $ask->('GET /datasets');
		return "datasets $reply->{status}" if $reply->{status} != 200;
		return $reply->{body} =~ /"view of $other"/ ? 'a foreign view' : $reply->{body} =~ /"view of $me"/ ? undef : 'not my view';
	},
	generators => sub {
		my ($me, $other, $ask) = @_;
		my $reply = $ask->('GET /generators');
		return "generators $reply->{status}" if $reply->{status} != 200;
		my @ids = map { $_->{id} } @{ decode_json($reply->{body})->{data} };
		return "@ids" eq $generator{$me} ? undef : 'other generators';
	},
	generator => sub {
		my ($me, $other, $ask) = @_;
		my $reply = rand() < 0.5 ? $ask->("GET /generators/$generator{$me}") : $ask->("GET /generators/$generator{$me}/periods");
		return $reply->{status} == 200 && $reply->{body} !~ /$generator{$other}/ ? undef : "generator $reply->{status}";
	},
	foreign_generator => sub {
		my ($me, $other, $ask) = @_;
		my @requests = ("GET /generators/$generator{$other}", "DELETE /generators/$generator{$other}", "GET /generators/$generator{$other}/periods");
		my $reply = $ask->($requests[ rand @requests ]);
		return $reply->{status} == 404 && $reply->{body} !~ /daily/ ? undef : "foreign generator $reply->{status}";
	},
	foreign_action => sub {
		my ($me, $other, $ask) = @_;
		my $file = $files{$other}[ rand @{ $files{$other} } ];
		my @actions = ((map { "POST /reports/$file->{id}/$_" } qw(cancel retry rebuild revoke-links)), "DELETE /reports/$file->{id}");
		my $reply = $ask->($actions[ rand @actions ]);
		return $reply->{status} == 404 ? undef : "foreign action $reply->{status}";
	},
	view => sub {
		my ($me, $other, $ask) = @_;
		my $mine = $ask->("GET /datasets/sales/views/view%20of%20$me");
		my $foreign = $ask->("GET /datasets/sales/views/view%20of%20$other");
		return $mine->{status} == 200 && $foreign->{status} == 404 ? undef : "views $mine->{status} $foreign->{status}";
	},
	# a link is for one file, whoever is logged in
	foreign_link => sub {
		my ($me, $other, $ask) = @_;
		my ($file, $own) = map { $files{$_}[ rand @{ $files{$_} } ] } $other, $me;
		my $reply = $ask->("GET $file->{path}?$own->{query}");
		return $reply->{status} == 403 ? undef : "mixed link $reply->{status}";
	},
	# the same key for both
	request => sub {
		my ($me, $other, $ask) = @_;
		my $day = 1 + int rand 3;
		my $body = qq({"name": "asked", "dataset": "sales", "format": "json", "startDate": "2020-01-0${day}T00:00:00Z", "endDate": "2020-01-0${day}T08:00:00Z"});
		my $reply = $ask->('POST /reports', 'Idempotency-Key' => "day-$day", \$body);
		return "request $reply->{status}" if $reply->{status} !~ /^20[02]$/;
		my $file = $ask->('GET ' . local_path(decode_json($reply->{body})->{downloadUrl}));
		return undef if $file->{status} == 429;
		return "its file $file->{status}" if $file->{status} != 200;
		my ($out, $in) = ('', $file->{body});
		IPC::Run::run([ 'gunzip', '-c' ], '<', \$in, '>', \$out) or return 'no gzip';
		return $out =~ /reseller $me/ && $out !~ /reseller $other/ ? undef : 'foreign rows';
	});
my @kinds = ((map { ($_) x 10 } grep { $_ ne 'request' } sort keys %kind), 'request');

sub client
{
	my ($number, $requests) = @_;
	my @connections = map { connect_to($gateway) } 1 .. 3;
	my %done;

	srand $seed + $number;
	for my $n (1 .. $requests)
	{
		my $me = 1 + int rand 2;
		my $kind = $kinds[ rand @kinds ];
		my $connection = $connections[ rand @connections ];
		my $fault = $kind{$kind}->($me, 3 - $me, sub {
				my ($request, @headers) = @_;
				my $body = ref $headers[-1] ? ${ pop @headers } : undef;
				return ask($connection, $request, [ login_headers($tokens->{$me}), @headers ], $body);
			});
		$done{$kind}++;
		print "$n: reseller $me: $kind: $fault\n" if $fault;
		if ($fault && $fault =~ / 0$/)
		{
			print "the connection broke\n";
			return;
		}
	}
	print 'done ', join(' ', map { "$_=$done{$_}" } sort keys %done), "\n";
	return;
}

my $start = time;
my @pipes;
for my $number (1 .. $clients)
{
	my $pid = open(my $pipe, '-|') // die "fork: $!";
	if ($pid == 0)
	{
		eval { client($number, $count / $clients); 1 } or print "died: $@";
		STDOUT->flush;
		POSIX::_exit(0);
	}
	push @pipes, $pipe;
}
my @lines = map { my $pipe = $_; <$pipe> } @pipes;
close $_ for @pipes;
note(sprintf '%d requests in %.1f s', $count, time - $start);
my @done = grep { /^done/ } @lines;
is(scalar @done, $clients, 'all clients came to their end');
my %total;
for (@done)
{
	$total{$1} += $2 while /(\w+)=(\d+)/g;
}
is(join(' ', sort keys %total), join(' ', sort keys %kind), 'and did everything: ' . join ', ', map { "$total{$_} $_" } sort keys %total);
is(join('', grep { !/^done/ } @lines), '', "$count requests of two resellers: neither saw the other (seed $seed)");

my ($status) = stop_gateway($gateway);
is($status, 0, 'the gateway ends well');
my $log = gateway_log($gateway);
my @wrong;
for my $reseller (1, 2)
{
	my $foreign = join '|', map { $_->{id} } @{ $files{ 3 - $reseller } };
	push @wrong, grep { /account=$reseller .*($foreign)\S* status=20/ } split /\n/, $log;
}
is_deeply(\@wrong, [], 'its log has no answer to the wrong one either');
unlike($log, qr/ (error|warning) /, 'nothing went wrong');

done_testing();

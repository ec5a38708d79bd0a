# gateway_events.pl
#
# GET /events: what becomes of reports, as it happens.  Nothing is missed and nothing
# comes twice, however connections break; nobody is told of another's; a stream
# ends with its token; all of them are one session of the database.

use strict;
use warnings;
use IO::Select;
use JSON::PP;
use PostgreSQL::Test::Utils;
use RdeGateway;
use Test::More;
use Time::HiRes qw(time sleep);

plan skip_all => 'the gateway was not built' unless gateway_program();

my ($node, $tokens) = new_shop('events', "max_connections = 60\n");
$node->safe_psql('postgres', <<'END');
SELECT rde_create_account(10, 'provider', scope => 'provider');
SELECT rde_alter_account(3, parent => 10);
SELECT rde_create_account(n, 'account ' || n) FROM generate_series(100, 109) n;
CREATE VIEW shop.broken AS SELECT id, reseller, changed, 1 / (id - id) AS word FROM shop.sale;
ALTER VIEW shop.broken OWNER TO shop_owner;
SELECT rde_create_dataset('broken', 'Broken');
SELECT rde_attach('broken', 'shop.broken', 'reseller', 'changed', key => '{id}');
END
for my $account (10, 100 .. 109)
{
	$tokens->{$account} = [ split /\|/, $node->safe_psql('postgres', "SELECT subscription_key, token FROM rde_create_token($account, 'test')") ];
}
my $gateway = start_gateway($node);

sub sql
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

# A stream that is open, or the status of a refusal.
sub listen_as
{
	my ($who, $after, $target) = @_;
	my $stream = connect_to($gateway);
	my %headers = login_headers($tokens->{$who});
	$headers{'Last-Event-ID'} = $after if defined $after;
	send_raw($stream, 'GET ' . ($target // '/events') . " HTTP/1.1\r\nHost: test\r\n" . join('', map { "$_: $headers{$_}\r\n" } sort keys %headers) . "\r\n");
	@$stream{qw(events text)} = ([], '');
	more($stream, 10, sub { $stream->{buffer} =~ /\r\n\r\n/ });
	$stream->{buffer} =~ s{^HTTP/1\.1 (\d+) .*?\r\n\r\n}{}s or die 'no reply';
	$stream->{status} = $1;
	return $stream;
}

# Read until something holds, or the time is over, or the stream.
sub more
{
	my ($stream, $seconds, $enough) = @_;
	my $end = time + $seconds;
	until ($enough->())
	{
		my $left = $end - time;
		return 0 if $left <= 0 || !IO::Select->new($stream->{socket})->can_read($left);
		if (!sysread $stream->{socket}, $stream->{buffer}, 65536, length $stream->{buffer})
		{
			$stream->{closed} = 1;
			return $enough->();
		}
		dechunk($stream) if $stream->{status};
	}
	return 1;
}

sub dechunk
{
	my ($stream) = @_;
	while ($stream->{buffer} =~ /^([0-9a-f]+)\r\n/i)
	{
		my ($head, $size) = (length $&, hex $1);
		last if length $stream->{buffer} < $head + $size + 2;
		$stream->{text} .= substr $stream->{buffer}, $head, $size;
		substr $stream->{buffer}, 0, $head + $size + 2, '';
		$stream->{ended} = 1 if $size == 0;
	}
	while ($stream->{text} =~ s/^(.*?)\n\n//s)
	{
		my %event = map { /^(\w*): ?(.*)$/ ? ($1 => $2) : () } split /\n/, $1;
		push @{ $stream->{events} }, { %event, json => decode_json($event{data}) } if $event{event};
		$stream->{beats}++ unless $event{event};
	}
	return;
}

# So many events behind "ready", as "event name".
sub heard
{
	my ($stream, $count, $seconds) = @_;
	more($stream, $seconds // 10, sub { dechunk($stream); @{ $stream->{events} } > $count });
	return join ' ', map { "$_->{event}:$_->{json}{name}" } @{ $stream->{events} }[ 1 .. $#{ $stream->{events} } ];
}

my $export = "SELECT rde_export('sales', '2020-01-01', '2020-01-01', 'csv', reseller => %d, name => '%s')";

# What happens is told, to whom it concerns.
my $one = listen_as(1);
my $two = listen_as(2);
my $provider = listen_as(10);
is("$one->{status} $two->{status} $provider->{status}", '200 200 200', 'streams');
ok(more($one, 5, sub { dechunk($one); @{ $one->{events} } == 1 }), 'the first event comes at once');
is("$one->{events}[0]{event} $one->{events}[0]{data}", 'ready {}', 'which says so');
my $first = sql(sprintf $export, 1, 'first');
sql(sprintf $export, 3, 'below');
is(heard($one, 1), 'published:first', 'a report was published');
my $event = $one->{events}[1];
is(join(' ', map { $_ // 'null' } @{ $event->{json} }{qw(event id format dataset type status reseller generator revision)}), "published $first csv sales onetime completed 1 null 1", 'which one');
my $next = sql("SELECT rde_rebuild('$first')");
is(join(' ', sort split / /, heard($one, 3)), 'published:first published:first superseded:first', 'and superseded');
my ($superseded) = grep { $_->{event} eq 'superseded' } @{ $one->{events} };
is("$superseded->{json}{id} $superseded->{json}{supersededBy}", "$first $next", 'by which one');
sql(q{SELECT rde_build(rde_submit('broken', '2020-01-01', '2020-01-01', 'csv', 'full', 1, 'broken'))});
like(heard($one, 4), qr/ failed:broken$/, 'one failed');
is($one->{events}[4]{json}{status}, 'error', 'as its status says');
unlike(JSON::PP->new->canonical->encode([ map { $_->{json} } @{ $one->{events} } ]), qr/division/, 'not why');
my $cancelled = sql(q{SELECT rde_submit('sales', '2020-01-01', '2020-01-01', 'csv', reseller => 1, name => 'cancelled')});
sql("SELECT rde_cancel_report('$cancelled')");
like(heard($one, 5), qr/ failed:cancelled$/, 'one was cancelled');
is(heard($provider, 1), 'published:below', 'a provider is told of the accounts below');
sql(sprintf $export, 2, 'of two');
is(heard($two, 1), 'published:of two', 'nobody is told of another\'s');

# Those in the database are told by NOTIFY, once for what is published together.
{
	my $listener = $node->background_psql('postgres');
	$listener->query_safe('LISTEN rde_report');
	sql(sprintf $export, 3, 'unheard');
	is($listener->query('SELECT 1'), '1', 'not unless somebody wants that');
	my $ids = sql(qq{SET rde.notify = on; BEGIN;
		SELECT rde_create_generator('sales', 'two formats', '{csv,json}', 'manual', reseller => 3) AS generator \\gset
		SELECT string_agg(r::text, ' ' ORDER BY r::text) FROM rde_run_generator(:'generator', '2020-01-01', '2020-01-01') r; COMMIT;
		CALL rde_run_due()});
	my @said = $listener->query('SELECT 1') =~ /"rde_report" with payload "(.*)" received/g;
	is(scalar @said, 1, 'one notification of both formats');
	my $said = decode_json($said[0]);
	is(join(' ', sort map { $_->{id} } @{ $said->{reports} }), $ids, 'with their ids');
	is(join(' ', map { $_->{reseller} } @{ $said->{reports} }) . " $said->{more}", '3 3 0', 'and whose they are');
	$listener->quit;
}

# Nothing is missed and nothing comes twice: many writers, whose transactions end in
# another order than they published in, and a reader whose connection breaks all the
# time, in the middle of an event, too.
{
	srand 5;
	my $stream = listen_as(2);
	my $last = do { heard($stream, 0, 5); $stream->{events}[0]{id} };
	my (@seen, %written);
	my @writers = map { my $n = $_; my $psql = $node->background_psql('postgres'); $psql } 1 .. 3;
	my $rounds = $ENV{RDE_SOAK} ? 60 : 9;
	for my $round (1 .. $rounds)
	{
		for my $n (0 .. 2)
		{
			$writers[$n]->query_safe('BEGIN') if $round % 3 == $n || $round == 1;
			$writers[$n]->query_safe(sprintf $export, 2, "w$round-$n");
			$written{"w$round-$n"}++;
			$writers[$n]->query_safe('COMMIT') if $round % 3 == ($n + 2) % 3 || $round == $rounds;
		}
		heard($stream, 1 + int rand 4, rand 0.8);
		# what was cut short counts for nothing
		push @seen, grep { $_->{event} eq 'published' } @{ $stream->{events} };
		$last = $stream->{events}[-1]{id} if @{ $stream->{events} };
		close $stream->{socket};
		$stream = listen_as(2, $last);
	}
	$_->query_safe('COMMIT') for @writers;
	$_->quit for @writers;
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;
	my $count = sub { my %c; $c{ $_->{json}{name} }++ for @seen, grep { $_->{event} eq 'published' } @{ $stream->{events} }; return \%c };
	heard($stream, scalar @{ $stream->{events} }, 1) until keys %{ $count->() } >= keys %written || time > $end;
	heard($stream, scalar @{ $stream->{events} }, 1.5);
	is_deeply($count->(), \%written, "each event once, over $rounds connections");
	# again from each event on: what came behind it, and no more
	my @all = (@seen, @{ $stream->{events} });
	my @published = grep { $_->{event} eq 'published' } @all;
	for my $at (0, int(@published / 2), $#published)
	{
		my $again = listen_as(2, $published[$at]{id});
		my @names = split / /, heard($again, $#published - $at, $at == $#published ? 1.5 : 6);
		is(scalar @names, $#published - $at, "from event $at on, the rest");
	}
}

# What is wrong is said before it begins.
for my $wrong ('x', '1:2:3', ';;;;', "$one->{events}[0]{id};x", 'a' x 5000)
{
	is(listen_as(1, $wrong)->{status}, 400, 'no id: ' . substr $wrong, 0, 20);
}
is(ask($gateway, 'GET /events')->{status}, 401, 'not without a login');
is(ask($gateway, 'HEAD /events', [ login_headers($tokens->{1}) ])->{status}, 200, 'HEAD');
is(listen_as(1, undef, "/events?after=$one->{events}[1]{id}")->{status}, 200, 'the id in the query');

# A stream ends with its token.
{
	my ($key, $token) = split /\|/, sql(q{SELECT subscription_key, token FROM rde_create_token(1, 'short')});
	$tokens->{short} = [ $key, $token ];
	my $stream = listen_as('short');
	sql("SELECT rde_revoke_token(id) FROM rde_tokens WHERE subscription_key = '$key'");
	ok(more($stream, 10, sub { $stream->{ended} }), 'a stream ends with its token');
	is(listen_as('short')->{status}, 401, 'and does not begin again');
	sql(sprintf $export, 1, 'later');
	like(heard($one, 6), qr/published:later$/, 'others go on');
}

# The database goes away and comes back: streams stay, and tell what happened.
{
	my $before = @{ $one->{events} };
	$node->restart;
	sql(sprintf $export, 1, 'after the restart');
	like(heard($one, $before, 20), qr/published:after the restart$/, 'a restart of the database');
	is(scalar(grep { $_->{json}{name} // '' eq 'later' } @{ $one->{events} }) > 0, 1, 'with what was before');
}

# Many of them
{
	my $rss = sub { slurp_file("/proc/$gateway->{pid}/status") =~ /^VmRSS:\s+(\d+)/m; $1 };
	my @many;
	for my $account (100 .. 109)
	{
		push @many, map { listen_as($account) } 1 .. 20;
		is(listen_as($account)->{status}, 429, 'no more than 20 of an account') if $account == 100;
	}
	is(scalar(grep { $_->{status} == 200 } @many), 200, '200 streams');
	sql(sprintf $export, $_, 'for all') for 100 .. 109;
	is(scalar(grep { heard($_, 1) eq 'published:for all' } @many), 200, 'each is told');
	is(sql(q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rde-gateway' AND query ~ 'rde_poll_events'}), 1, 'by one session');
	cmp_ok(sql(q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rde-gateway'}), '<=', 7, 'and few for all else');
	my $kb = $rss->();
	note("200 streams: $kb kB");
	cmp_ok($kb, '<', 64 * 1024, 'in less than 64 MiB') unless $ENV{SANITIZE};
	close $_->{socket} for @many;
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;
	my $again;
	do { sleep 0.5; $again = listen_as(100) } until $again->{status} == 200 || time > $end;
	is($again->{status}, 200, 'those that went make room');
}

my ($status, $seconds) = stop_gateway($gateway);
is($status, 0, 'SIGTERM ends it');
cmp_ok($seconds, '<', 10, 'at once, streams or not');
ok(more($one, 5, sub { $one->{ended} || $one->{closed} }), 'and they end');
unlike(gateway_log($gateway), qr/ error /, 'nothing went wrong');
done_testing();

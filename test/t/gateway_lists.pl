# gateway_lists.pl
#
# Long lists: an answer has a part of bounded size, the next one goes on where it
# ended, and together they hold each report once; whoever reads slowly holds no
# more memory than there is for it.

use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Utils;
use RdeGateway;
use Test::More;
use Time::HiRes qw(time sleep);

plan skip_all => 'the gateway was not built' unless gateway_program();

my $reports = 10_000;
my ($node, $tokens) = new_shop('lists');
my %login = map { $_ => [ login_headers($tokens->{$_}) ] } 1, 2;
my $days = 'from=2020-01-01&to=2100-01-01';

sub sql { return $node->safe_psql('postgres', shift) }

# Reports of account 1, ten of each second; and one of account 2
sql(qq{
	INSERT INTO _rde_report (name, dataset, view, format, type, reseller, period_from, period_to, time_zone, retention, status, submitted_at, due_at,
		attempts, published_at, expires_at, build_ms, row_count, content_bytes, file_bytes, sha256, replaced_characters, text_numbers, file_name,
		media_type, store, published_xid, system_identifier)
	SELECT 'report ' || n, 'sales', 'full', 'csv', 'onetime', CASE n WHEN 0 THEN 2 ELSE 1 END, now() - interval '1 day', now(), 'UTC', '3 years', 'completed', t, t,
		1, t, 'infinity', 1, 1, 1, 1, sha256(n::text::bytea), 0, 0, 'report.' || n || '.csv.gz', 'application/gzip', 'local',
		'3'::xid8, (SELECT system_identifier FROM pg_control_system())
	FROM (SELECT n, date_trunc('second', now()) - interval '1 day' + n / 10 * interval '1 second' AS t FROM generate_series(0, $reports) n) x;
	VACUUM ANALYZE _rde_report});
my $gateway = start_gateway($node);

sub list
{
	my ($account, $query) = @_;
	my $reply = ask($gateway, "GET /reports?$query", $login{$account});
	$reply->{json} = eval { decode_json($reply->{body}) } // {};
	return $reply;
}

# All parts of a list; between is done once, after the first.
sub parts
{
	my ($account, $query, $between) = @_;
	my @parts = (list($account, $query));
	my $filters = $query =~ s/\b(?:from|to|after)=[^&]*&?//gr;

	$between->() if $between;
	while (@parts < 50 && defined $parts[-1]{json}{next} && @{ $parts[-1]{json}{data} })
	{
		my $next = $parts[-1]{json}{next} =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger;
		push @parts, list($account, "after=$next&$filters");
	}
	return @parts;
}

sub names { return map { $_->{name} } map { @{ $_->{json}{data} // [] } } @_ }

# What all parts are like
sub parts_are_right
{
	my ($what, @parts) = @_;

	subtest $what => sub {
		cmp_ok(scalar @parts, '>', 3, 'in parts');
		is(scalar(grep { $_->{status} != 200 } @parts), 0, 'all of them are there');
		cmp_ok((sort { $b <=> $a } map { length $_->{body} } @parts)[0], '<', 1.2 * 1024 * 1024, 'none is larger than a megabyte or so');
		is(scalar(grep { my $p = $_->{json}{pagination}; my $n = @{ $_->{json}{data} }; "$p->{offset} $p->{limit} $p->{total}" ne "0 $n $n" } @parts), 0, 'limit and total are of the part');
	};
	return;
}

my @all = map { "report $_" } 1 .. $reports;
{
	my @parts = parts(1, $days);
	parts_are_right('a list of days', @parts);
	is_deeply([ sort(names(@parts)) ], [ sort @all ], 'holds each report once');
	my @created = map { $_->{creationDate} } map { @{ $_->{json}{data} } } @parts;
	is_deeply(\@created, [ sort @created ], 'in order');
	is($parts[-1]{json}{next}, undef, 'the last part has no next');
	is(scalar(grep { !defined $_->{json}{next} } @parts[ 0 .. $#parts - 1 ]), 0, 'the others have');

	@parts = parts(1, "$days&name=report%207");
	is(join(' ', scalar(@parts), names(@parts), $parts[0]{json}{next} // 'no next'), '1 report 7 no next', 'a short list is as it was');
	my $shape = join ' ', sort keys %{ $parts[0]{json} };
	is($shape, 'data pagination', 'with nothing beside data and pagination');
}

# Somebody publishes while the list is read: he comes with the cursor at its end.
for my $what ([ "$days&detail=true", 'a detailed list of days' ], [ 'after=' . sql(q{SELECT concat_ws(':', system_identifier, _rde_wal_position(), '3:3:') FROM pg_control_system()}), 'a list since a cursor' ])
{
	my ($query, $name) = @$what;
	my $before = sql("SELECT count(*) FROM _rde_report WHERE reseller = 1");
	my @parts = parts(1, $query, sub { sql("SELECT rde_export('sales', '2020-01-01', '2020-01-01', 'csv', reseller => 1, name => 'meanwhile, $name')") });
	my @names = names(@parts);

	parts_are_right($name, grep { @{ $_->{json}{data} } } @parts);
	is(scalar(grep { $_ eq "meanwhile, $name" } @names), 1, 'what is published meanwhile comes once');
	is(scalar(@names), $before + 1, 'as all the others do');
	is(scalar(keys %{ { map { $_ => 1 } @names } }), $before + 1, 'nothing comes twice');
	is(scalar(@{ $parts[-1]{json}{data} }), 0, 'then there is nothing new');
	ok($parts[-1]{json}{next}, 'and still a cursor');
}

# What is not published has no cursor, but parts all the same.
{
	sql("UPDATE _rde_report SET status = 'error', error = 'x', sqlstate = 'XX000' WHERE name ~ '^report ' AND reseller = 1");
	my @parts = parts(1, "$days&status=error");
	parts_are_right('a list of failed reports', @parts);
	is_deeply([ sort(names(@parts)) ], [ sort @all ], 'holds each once');
	sql("UPDATE _rde_report SET status = 'completed', error = NULL, sqlstate = NULL WHERE status = 'error'");
}

# A cursor is a place in a list, and no leave to see it.
{
	my $next = list(1, $days)->{json}{next} // '';
	my $escape = sub { $_[0] =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger };
	like($next, qr/;/, 'the cursor of the first part');
	is(join(' ', names(list(2, 'after=' . $escape->($next)))), '', 'shows another account nothing of this list');
	is(list(1, 'after=' . $escape->($_))->{status}, 400, "no cursor: $_")
	  for "$next;", substr($next, 0, -1), $next =~ s/;.*/;/r, $next =~ s/^\d/9/r, $next =~ s/;(\d+)/;x/r, $next =~ s/[0-9a-f]{8}-/zzzzzzzz-/r, ';;;;;', "$next\n";
	is(list(1, "after=" . $escape->($next) . '&from=2020-01-01')->{status}, 400, 'nor with from');
}

# Many slow readers
{
	my $resident = sub { (slurp_file("/proc/$gateway->{pid}/status") =~ /^VmRSS:\s+(\d+) kB/m)[0] };
	my $before = $resident->();
	my %seen;
	my @slow = map {
		my $connection = connect_to($gateway, receive => 4096);
		send_raw($connection, "GET /reports?$days&detail=true HTTP/1.1\r\nHost: test\r\nX-Subscription-Key: $tokens->{1}[0]\r\nAuthorization: Bearer $tokens->{1}[1]\r\n\r\n");
		$connection;
	} 1 .. 80;
	for (@slow)
	{
		sysread $_->{socket}, my ($head), 12;
		$seen{ $head =~ /(\d{3})/ ? $1 : 'none' }++;
	}
	note('replies: ', join ', ', map { "$_: $seen{$_}" } sort keys %seen);
	ok($seen{200}, '80 who read a long list slowly: some have it');
	is(($seen{200} // 0) + ($seen{429} // 0), 80, 'others are told to come again');
	my $grown = $resident->() - $before;
	cmp_ok($grown, '<', 32 * 1024, "the gateway grows by $grown kB") unless $ENV{SANITIZE};
	my $start = time;
	is(list(2, $days)->{status}, 200, 'others have their lists');
	cmp_ok(time - $start, '<', 2, 'at once');
	close $_->{socket} for @slow;
	my $status;
	for (1 .. 50)
	{
		$status = list(1, $days)->{status};
		last if $status == 200;
		sleep 0.1;
	}
	is($status, 200, 'when the slow ones are gone, so has the account');
}

is((stop_gateway($gateway))[0], 0, 'the gateway ends well');

done_testing();

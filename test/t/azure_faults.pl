# azure_faults.pl
#
# Whatever goes wrong between the server and Azure, or at Azure, in the end there
# is exactly one right blob of each report (B7): every fault at every kind of
# request, then at random.  A fault that lasts is left alone for longer and longer,
# and whoever waits for one can be interrupted, at once and without a trace.
#
# The seed of the random part is printed; RDE_SEED repeats it.  RDE_SOAK=1 goes
# through ten times as much of it.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use List::Util qw(max min sum);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeAzure;
use RdeFaults;
use RdeSessions;
use Test::More;
use Time::HiRes qw(time usleep);

plan skip_all => 'the emulator of Azure is not installed' unless $ENV{RDE_AZURITE};
plan skip_all => 'needs /proc' unless -r '/proc/self/status';

my $soak = $ENV{RDE_SOAK};
my $seed = $ENV{RDE_SEED} // int(rand(1_000_000));
note "seed $seed";
srand $seed;

# A resolver that has no answer for names of slow.test, and takes its time.
my $preload = PostgreSQL::Test::Utils::tempdir . '/slow.so';
append_to_file("$preload.c", <<'END');
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
	if (node == NULL || strstr(node, "slow.test") == NULL)
		return real(node, service, hints, found);
	sleep(20);
	return EAI_AGAIN;
}
END
system_or_bail('cc', '-shared', '-fPIC', '-o', $preload, "$preload.c");

# as in build_memory.pl: what is freed is given back
$ENV{MALLOC_MMAP_THRESHOLD_} = $ENV{MALLOC_TRIM_THRESHOLD_} = 128 * 1024;

my $azurite = start_azurite();
my $proxy = start_faults($azurite);
make_container($azurite, 'reports');
$ENV{LD_PRELOAD} = $preload;
my $node = new_azure_shop('faults');
delete $ENV{LD_PRELOAD};
connect_shop($node, port => $proxy->{port}, options => { timeout => 1 });

sub sql { return $node->safe_psql('postgres', shift) }

# Reports by their names; large ones have three chunks.
sub export_all
{
	my ($large, @names) = @_;
	my ($from, $to) = $large ? ('2020-01-01', '2020-01-02') : ('2020-01-03', '2020-01-03');

	sql(join ';', map { "SELECT rde_export('sales', '$from', '$to', 'csv', name => '$_', options => '{\"compress\": false}')" } @names);
	return;
}

###########################################################################
# Every fault at every kind of request
###########################################################################

my @faults = qw(500 503 503-30 429 408 409 412 403 md5 307 flip hang hang-up garbage portal 404 endless-headers endless-body drip
  lost done-500 done-hang cut-head cut-body stale interim reset-body early);

# What a report meets with, each once: as it is uploaded, then as its links are
# revoked, then as it is dropped.  Reports called blocks have three.
my %places = (
	upload => {
		$soak ? (first => [ [ 'block', 0 ] ], middle => [ [ 'block', 1 ] ], last => [ [ 'block', 2 ] ]) : (),
		blocks => [ [ 'block', 0 ], [ 'block', 1 ], [ 'block', 2 ] ],
		list => [ ['list'] ],
		head => [ ['head'] ],
		manifest => [ ['put'] ],
		compared => [ [ 'head', undef, 1 ] ]
	},
	move => {
		blocks => [ ['head'], ['copy'] ],
		list => [ ['delete'] ],
		head => [ [ 'head', undef, 1 ] ],
		manifest => [ ['put'] ],
		compared => [ [ 'delete', undef, 1 ] ]
	},
	drop => { head => [ ['delete'] ], manifest => [ [ 'delete', undef, 1 ] ] });

sub set_places
{
	my ($when) = @_;
	my @rules;

	for my $place (sort keys %{ $places{$when} })
	{
		for my $at (@{ $places{$when}{$place} })
		{
			my ($op, $seq, $skip) = @$at;
			push @rules, map { { where => "/$_-at-$place.", fault => $_, op => $op, skip => $skip // 0, times => 1, defined $seq ? (seq => $seq) : () } } @faults;
		}
	}
	set_faults($proxy, rules => \@rules);
	return scalar @rules;
}

# How many of the faults came to be, by what the proxy says.
sub met
{
	my ($mark) = @_;
	return scalar grep { $_->{fault} } requests($proxy, $mark);
}

for my $place (sort keys %{ $places{upload} })
{
	export_all($place !~ /list|head|manifest|compared/, map { "$_-at-$place" } @faults);
}
is(sql("SELECT string_agg(DISTINCT (SELECT count(*) FROM _rde_report_chunk c WHERE c.report = r.id)::text, ' ') FROM _rde_report r"), '1 3', 'reports of one chunk and of three');
{
	my $mark = log_mark($proxy);
	my $rules = set_places('upload');
	my $rounds = upload_all($node, 8);
	is(met($mark), $rules, "uploads: each of $rules faults, in $rounds rounds");
	set_faults($proxy);
	is(wrong_blobs($node, $azurite, 'reports'), '', 'one right blob each');
	is(sql('SELECT count(*) FROM _rde_azure_upload WHERE link_number <> 0 OR report IS NULL'), 0, 'by its first name');
}
{
	my $mark = log_mark($proxy);
	my @links = split /\n/, sql('SELECT download_url FROM rde_reports');
	my $rules = set_places('move');

	sql('SELECT rde_revoke_links(id) FROM _rde_report');
	my $rounds = upload_all($node, 8);
	is(met($mark), $rules, "moves: each of $rules faults, in $rounds rounds");
	set_faults($proxy);
	is(wrong_blobs($node, $azurite, 'reports'), '', 'one right blob each');
	is(join("\n", grep { HTTP::Tiny->new->head($_)->{status} != 404 } @links), '', 'revoked links are dead');
}
{
	my $mark = log_mark($proxy);
	my $rules = set_places('drop');

	sql("SELECT rde_drop_report(id) FROM _rde_report WHERE name NOT LIKE '%-at-list'");
	my $rounds = upload_all($node, 8);
	is(met($mark), $rules, "deletes: each of $rules faults, in $rounds rounds");
	set_faults($proxy);
	is(wrong_blobs($node, $azurite, 'reports'), '', 'one right blob each of what is left, and no other');
}

###########################################################################
# At random
###########################################################################

{
	my $times = $soak ? 10 : 1;
	my @names = map { "random-$_" } 1 .. 36 * $times;
	my $mark = log_mark($proxy);
	my $rounds = 0;

	sql("SELECT rde_drop_report(id) FROM _rde_report");
	export_all(1, splice @names, 0, 6 * $times);
	export_all(0, @names);
	set_faults($proxy, random => { rate => 0.25, seed => $seed, faults => \@faults });
	for my $moment (1 .. 3)
	{
		finish_workers(start_workers($node, 6));
		make_due($node);
		sql("SELECT rde_revoke_links(id) FROM _rde_report WHERE random() < 0.2;"
			  . "SELECT rde_drop_report(id) FROM _rde_report WHERE random() < 0.05");
	}
	$rounds = 3 + upload_all($node, 6);
	my @requests = grep { $_->{op} ne 'other' } requests($proxy, $mark);
	set_faults($proxy);
	is(wrong_blobs($node, $azurite, 'reports'), '', 'faults at random, uploads, moves and deletes at once: one right blob each');
	note sprintf '%d of %d requests went wrong, in %d rounds', scalar(grep { $_->{fault} } @requests), scalar @requests, $rounds;
	cmp_ok(scalar(grep { $_->{fault} } @requests), '>', 20 * $times, 'many went wrong');
}

###########################################################################
# When a fault lasts
###########################################################################

sql('SELECT rde_drop_report(id) FROM _rde_report');
is(upload_all($node, 1), 1, 'all is deleted');
export_all(0, map { "lasting-$_" } 1 .. 10);
my $waits = q{SELECT round(extract(epoch FROM due_at - clock_timestamp())) FROM _rde_azure_upload WHERE attempts > 0 AND status = 'pending'};
{
	my $mark = log_mark($proxy);
	my (@blocks, @gaps);

	set_faults($proxy, rules => [ { fault => '503', times => 1 } ]);
	like(upload_due($node, 1), qr/1 uploaded/, 'busy for a second');
	@blocks = requests($proxy, $mark, 'block');
	is(scalar @blocks, 2, 'the request is sent again');
	cmp_ok($blocks[1]->{time} - $blocks[0]->{time}, '>=', 1, 'after what Retry-After says');

	$mark = log_mark($proxy);
	set_faults($proxy, rules => [ { fault => '503-30' } ]);
	like(upload_due($node, 1), qr/1 failed/, 'busy for half a minute');
	is(scalar requests($proxy, $mark), 1, 'nobody waits for that');
	cmp_ok(sql($waits), '>=', 25, 'but later');

	# the others, in vain
	$mark = log_mark($proxy);
	set_faults($proxy, rules => [ { fault => '500' } ]);
	like(upload_due($node), qr/0 uploaded, 0 moved, 0 deleted, 3 failed/, 'a service that only fails ends the run');
	@blocks = requests($proxy, $mark, 'block');
	is(scalar @blocks, 12, 'after four tries of three reports each');
	is(sql('SELECT count(*) FROM _rde_azure_upload WHERE attempts = 0'), 5, 'the others were not even tried');
	@gaps = map { $blocks[$_]->{time} - $blocks[ $_ - 1 ]->{time} } 1 .. 11;
	my @ratios = map { $gaps[$_] / (0.25 * 2**($_ % 4)) } grep { $_ % 4 < 3 } 0 .. 10;
	cmp_ok(min(@ratios), '>=', 0.5, 'with pauses of a quarter of a second, half of one and one');
	cmp_ok(max(@ratios) - min(@ratios), '>', 0.2, 'more or less');
	$mark = log_mark($proxy);
	set_faults($proxy, rules => [ { fault => '403' } ]);
	make_due($node);
	like(upload_due($node), qr/1 failed/, 'a service that refuses ends it at once');
	is(scalar(grep { $_->{op} ne 'other' } requests($proxy, $mark)), 1, 'after a single request');
	set_faults($proxy);
	upload_all($node, 2);
	is(wrong_blobs($node, $azurite, 'reports'), '', 'and in the end all are there');
}
{
	my $mark = log_mark($proxy);

	sql("SELECT rde_revoke_links(id) FROM _rde_report WHERE name = 'lasting-1'");
	set_faults($proxy, rules => [ { fault => 'copy-failed', op => 'head', skip => 1, times => 1 } ]);
	like(upload_due($node), qr/0 moved, 0 deleted, 1 failed/, 'a copy that the service begins and gives up');
	like(sql('SELECT last_error FROM _rde_azure_upload WHERE last_error IS NOT NULL'), qr/could not be copied by the service: failed/, 'is a failure');
	make_due($node);
	like(upload_due($node), qr/1 moved, 0 deleted, 0 failed/, 'the next one succeeds');
	is(scalar requests($proxy, $mark, 'copy'), 2, 'by another copy');
	set_faults($proxy);
	is(wrong_blobs($node, $azurite, 'reports'), '', 'and nothing of the first is left');
}
{
	my @ratios;

	export_all(0, 'backing-off');
	set_faults($proxy, rules => [ { fault => '403' } ]);
	for my $attempt (1 .. 12)
	{
		my $pause = min(3600, 15 * 2**($attempt - 1));
		upload_due($node);
		push @ratios, sql($waits) / $pause;
		sql('UPDATE _rde_azure_upload SET due_at = now()');
	}
	cmp_ok(min(@ratios), '>=', 0.4, 'it is tried again after 15 s, then after twice as long each time, up to an hour');
	cmp_ok(max(@ratios), '<=', 1.6, 'and no later');
	cmp_ok(max(@ratios) - min(@ratios), '>', 0.1, 'give or take');
	set_faults($proxy);
	sql("SELECT rde_azure_retry(report) FROM _rde_azure_upload WHERE status = 'pending'");
	like(upload_due($node), qr/1 uploaded/, 'rde_azure_retry() does not wait');
}

###########################################################################
# Interrupted
###########################################################################

export_all(0, 'interrupted');
sql("ALTER SERVER reports OPTIONS (SET timeout '30')");

# Cancel a CALL that waits; how long it went on, and what it said.
sub cancel
{
	my ($session) = @_;

	send_to($session, 'CALL rde_azure_upload_due()');
	$node->poll_query_until('postgres', "SELECT wait_event = 'Extension' FROM pg_stat_activity WHERE pid = $session->{pid}") or die 'it does not wait';
	usleep(rand 50_000);
	my $at = time;
	kill 'INT', $session->{pid};
	my $said = wait_for($session);
	return (time - $at, $said);
}

sub new_session
{
	my $session = open_session($node, 'postgres');
	($session->{pid}) = run_in($session, 'SELECT pg_backend_pid()') =~ /(\d+)/;
	return $session;
}

# beside other tests on a busy machine, being scheduled may take as long
my $late = $soak ? 0.1 : 0.5;
my $session = new_session();
run_in($session, 'CALL rde_azure_upload_due()');
my $before = descriptors($session->{pid});
for my $fault (qw(hang drip 500))
{
	my @late;
	set_faults($proxy, rules => [ { fault => $fault } ]);
	export_all(0, "interrupted-$fault");
	for (1 .. ($soak ? 70 : 12))
	{
		sql('UPDATE _rde_azure_upload SET due_at = now(), attempts = 0');
		my ($seconds, $said) = cancel($session);
		push @late, $said =~ /57014/ ? $seconds : 9;
	}
	@late = sort { $a <=> $b } @late;
	note sprintf '%s: cancels were noticed within %.0f ms (median), %.0f ms (worst)', $fault, 1000 * $late[ @late / 2 ], 1000 * $late[-1];
	cmp_ok($late[ 0.97 * @late - 1 ], '<=', $late, "$fault: a cancel is noticed at once");
}
{
	set_faults($proxy, rules => [ { fault => 'hang' } ]);
	my $at = time;
	like(run_in($session, 'SET statement_timeout = 200; CALL rde_azure_upload_due()'), qr/57014/, 'so is statement_timeout');
	cmp_ok(time - $at, '<=', 0.2 + $late, 'at its time');
	run_in($session, 'RESET statement_timeout');
	is(descriptors($session->{pid}), $before, 'no descriptor is left open');

	sql("ALTER SERVER reports OPTIONS (SET endpoint 'https://storage.slow.test')");
	sql('UPDATE _rde_azure_upload SET due_at = now()');
	my ($seconds, $said) = cancel($session);
	like($said, qr/57014/, 'a cancel while a name is being looked up');
	cmp_ok($seconds, '<=', $late, 'does not wait for the answer');
	sql("ALTER SERVER reports OPTIONS (SET timeout '1')");
	$at = time;
	like(upload_due($node, 1), qr/could not be uploaded: .*Resolving timed out/, 'nor does the time limit');
	cmp_ok(time - $at, '<', 12, 'four times');
	sql("ALTER SERVER reports OPTIONS (SET timeout '30', SET endpoint 'http://127.0.0.1:$proxy->{port}/devstoreaccount1')");

	set_faults($proxy);
	make_due($node);
	is(run_in($session, 'CALL rde_azure_upload_due()'), '', 'the session goes on');
	is(sql("SELECT count(*) FROM rde_azure_uploads WHERE status <> 'uploaded'"), 0, 'with what it was interrupted at');

	export_all(0, 'terminated');
	set_faults($proxy, rules => [ { fault => 'hang' } ]);
	send_to($session, 'CALL rde_azure_upload_due()');
	usleep(100_000);
	$at = time;
	is(sql("SELECT pg_terminate_backend($session->{pid}, 5000)"), 't', 'a session that is waiting is terminated');
	cmp_ok(time - $at, '<=', $late + 0.2, 'at once, psql\'s own start not counted');
	set_faults($proxy);
	like(upload_due($node), qr/1 uploaded/, 'and another one goes on');
}

###########################################################################
# What stays behind
###########################################################################

# Uploads of one session that fail, by an answer or by running out of time.
{
	my $count = $soak ? 2000 : 200;
	my $session = new_session();
	my @kinds = qw(403 hang 307 drip 503-30 hang);
	my ($cancelled, $anon) = (0);

	export_all(0, 'failing');
	for my $n (0 .. $count + 59)
	{
		if ($n == 60)
		{
			$before = descriptors($session->{pid});
			$anon = anon_KiB($session->{pid});
		}
		set_faults($proxy, rules => [ { fault => $kinds[ $n / 10 % @kinds ] } ]) if $n % 10 == 0;
		run_in($session, 'UPDATE _rde_azure_upload SET due_at = now(), attempts = 0; SET statement_timeout = 30; CALL rde_azure_upload_due(); RESET statement_timeout');
		$cancelled++ if $session->{err} =~ /57014/;
	}
	my $growth = anon_KiB($session->{pid}) - $anon;
	note "$cancelled of $count ran out of time, private memory grew by $growth KiB";
	cmp_ok($cancelled, '>', $count / 4, 'many uploads ran out of time');
	is(sql("SELECT status FROM rde_azure_uploads WHERE status <> 'uploaded'"), 'retrying', 'the others failed');
	is(descriptors($session->{pid}), $before, 'no descriptor is left open');
	cmp_ok($growth, '<', 1024, 'private memory does not grow');
	close_session($session);
}

# A server that never ends what it says.
for my $fault (qw(endless-headers endless-body))
{
	my $session = new_session();
	my $idle = anon_KiB($session->{pid});
	my $high = 0;

	set_faults($proxy, rules => [ { fault => $fault } ]);
	sql('UPDATE _rde_azure_upload SET due_at = now(), attempts = 0');
	my $at = time;
	send_to($session, 'CALL rde_azure_upload_due()');
	until (is_done($session))
	{
		$high = max($high, anon_KiB($session->{pid}) - $idle);
		usleep(10_000);
	}
	my $seconds = time - $at;
	note sprintf '%s: %.1f s, %d KiB', $fault, $seconds, $high;
	cmp_ok($seconds, '<', 10, "$fault: given up long before the time limit");
	cmp_ok($high, '<', 8 * 1024, 'in little memory');
	like(sql("SELECT last_error FROM rde_azure_uploads WHERE status <> 'uploaded'"), qr/the reply is too long/, 'which is said');
	close_session($session);
}
set_faults($proxy);
make_due($node);
like(upload_due($node), qr/1 uploaded/, 'and it goes on when the server is well');
is(wrong_blobs($node, $azurite, 'reports'), '', 'one right blob of each report');
is(scalar requests($proxy, 0, 'trap'), 0, 'no redirect was ever followed');
$node->stop;
done_testing();

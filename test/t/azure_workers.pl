# azure_workers.pl
#
# Many workers upload at the same time, are killed in the middle of it, and meet
# with reports that are dropped, links that are revoked and servers that are
# changed meanwhile: each report is uploaded once, and no claim stays behind.  A
# large report takes no more memory than a small one; a slow network holds up
# neither vacuum nor other reports.
#
# RDE_SEED repeats the random moments.  RDE_SOAK=1 goes through ten times as many,
# and uploads 2 GiB.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use IPC::Run;
use List::Util qw(max sum);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeAzure;
use RdeFaults;
use RdeSessions;
use Test::More;
use Time::HiRes qw(time usleep);

plan skip_all => 'the emulator of Azure is not installed' unless $ENV{RDE_AZURITE};
plan skip_all => 'needs /proc' unless -r '/proc/self/stat';

my $soak = $ENV{RDE_SOAK};
my $times = $soak ? 10 : 1;
my $seed = $ENV{RDE_SEED} // int(rand(1_000_000));
srand $seed;
note "seed $seed";

# as in build_memory.pl: what is freed is given back
$ENV{MALLOC_MMAP_THRESHOLD_} = $ENV{MALLOC_TRIM_THRESHOLD_} = 128 * 1024;

my $folder = PostgreSQL::Test::Utils::tempdir;
my $azurite = start_azurite($soak ? (folder => $folder) : ());
my $proxy = start_faults($azurite);
make_container($azurite, $_) for qw(many reports);
my $node = new_azure_shop('azure_workers', "restart_after_crash = on\n");
connect_shop($node, port => $proxy->{port}, container => 'many');

# Items of many days; documents of a mebibyte each, as many as a report asks for.
my $mebibytes = $soak ? 2048 : 100;
$node->safe_psql('postgres', <<"END");
CREATE SCHEMA shop AUTHORIZATION shop_owner;
SET ROLE shop_owner;
CREATE TABLE shop.item AS SELECT n AS id, 1 AS reseller, date '2020-01-01' + n / 5 AS day, md5(n::text) AS word FROM generate_series(0, 4999) n;
CREATE INDEX ON shop.item (day, id);
CREATE VIEW shop.document AS SELECT id, 1 AS reseller, date '2020-01-01' AS day, repeat(md5(id::text), 32768) AS word FROM generate_series(1, $mebibytes) id;
RESET ROLE;
SELECT rde_create_dataset(d, d) FROM unnest('{items,documents}'::text[]) d;
SELECT rde_attach('items', 'shop.item', 'reseller', 'day', key => '{id}');
SELECT rde_attach('documents', 'shop.document', 'reseller', 'day', key => '{id}');
END

sub sql { return $node->safe_psql('postgres', shift) }

my $plain = q{options => '{"compress": false}'};

# Reports of three chunks.
sub export_sales
{
	my ($name, $count) = @_;
	sql("SELECT rde_export('sales', '2020-01-01', '2020-01-02', 'csv', name => '$name', $plain) FROM generate_series(1, @{[ $count // 1 ]})");
	return;
}

###########################################################################
# Three workers, five hundred reports
###########################################################################

{
	my $count = 500 * $times;
	my $mark = log_mark($proxy);

	sql("SELECT rde_export('items', date '2020-01-01' + n % 1000, date '2020-01-01' + n % 1000, 'csv', name => 'item ' || n, $plain) FROM generate_series(1, $count) n");
	my $at = time;
	is(finish_workers(start_workers($node, 3)), '', 'three workers');
	note sprintf '%.0f reports a second', $count / (time - $at);
	my @requests = requests($proxy, $mark);
	my (%lists, %blocks, %manifests, %workers);
	for my $request (@requests)
	{
		my $blob = $request->{url} =~ s/\?.*//r;
		$lists{$blob}++ if $request->{op} eq 'list' && $request->{upstream} == 201;
		$blocks{$blob}++ if $request->{op} eq 'block';
		$manifests{ $blob =~ s/\.manifest\.json$//r }++ if $request->{op} eq 'put';
		$workers{ $request->{connection} }++ if $request->{op} eq 'list';
	}
	is(scalar keys %lists, $count, "$count reports are uploaded");
	is(join(' ', grep { $lists{$_} != 1 || $blocks{$_} != 1 || $manifests{$_} != 1 } keys %lists), '', 'each of them once, and its manifest');
	is(scalar(grep { $_ > $count / 10 } values %workers), 3, 'by all three, each by one connection') or diag explain \%workers;
	is(wrong_blobs($node, $azurite, 'many'), '', 'and all are right');
	is(sql('SELECT DISTINCT attempts FROM _rde_azure_upload'), 1, 'at the first attempt');
	sql("DELETE FROM _rde_report; DELETE FROM _rde_azure_upload; ALTER SERVER reports OPTIONS (SET container 'reports')");
}

###########################################################################
# Killed
###########################################################################

# What a file holds, nothing if it is gone: processes end when they like.
sub look_at
{
	open my $file, '<', shift or return '';
	local $/;
	return <$file> // '';
}

sub uploading
{
	my ($postmaster) = look_at($node->data_dir . '/postmaster.pid') =~ /^(\d+)/ or return;
	return grep { look_at("/proc/$_/cmdline") =~ / CALL/ } split ' ', look_at("/proc/$postmaster/task/$postmaster/children");
}

sub wait_until
{
	my ($what, $done) = @_;
	my $deadline = time + 60;
	until ($done->())
	{
		die "$what takes too long" if time > $deadline;
		usleep(5_000);
	}
	return;
}

sub is_up
{
	return IPC::Run::run([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SELECT 1' ], '>&', \my $output);
}

# What the proxy does in the meantime, and what is done to the report or its links
# before; without a request, at a random moment.
my @rounds = (
	{ how => 'kill' },
	{ how => 'stop' },
	{ how => 'kill', op => 'list', fault => 'hang' },
	{ how => 'kill', op => 'list', fault => 'done-hang' },
	{ how => 'stop', op => 'list', fault => 'done-hang' },
	{ how => 'kill', op => 'put', fault => 'done-hang' },
	{ how => 'kill', op => 'copy', before => 'revoke', fault => 'done-hang' },
	{ how => 'kill', op => 'delete', before => 'revoke', fault => 'done-hang' },
	{ how => 'kill' },
	$soak ? (
		{ how => 'stop', op => 'list', fault => 'hang' },
		{ how => 'kill', op => 'copy', before => 'revoke', fault => 'hang' },
		{ how => 'kill', op => 'delete', before => 'drop', fault => 'done-hang' },
		(map { { how => $_ } } ('kill') x 20, ('stop') x 10)) : ());
my $wrong = '';
my %met;

export_sales('victim', 2);
upload_all($node, 2);
for my $round ((@rounds) x $times)
{
	my $before = $round->{before} // '';
	my $what = join ' ', map { $round->{$_} // 'random' } qw(how op before fault);
	my $mark = log_mark($proxy);

	sql("SELECT rde_revoke_links(id) FROM _rde_report WHERE name = 'victim'") if $before eq 'revoke';
	sql("SELECT rde_drop_report(id) FROM _rde_report WHERE id IN (SELECT report FROM rde_azure_uploads WHERE status = 'uploaded' LIMIT 2)") if $before eq 'drop';
	export_sales('victim');
	export_sales('bystander');
	set_faults($proxy, rules => [ { op => $round->{op}, fault => $round->{fault} } ]) if $round->{op};
	my @workers = start_workers($node, 3);
	if ($round->{op})
	{
		wait_until($what, sub { grep { $_->{op} eq $round->{op} && $_->{fault} } requests($proxy, $mark) });
	}
	else
	{
		wait_until($what, sub { uploading() });
		usleep(rand 150_000);
	}
	my @victims = uploading();
	$met{$what}++ if @victims;
	if ($round->{how} eq 'kill')
	{
		kill 'KILL', $victims[ rand @victims ] if @victims;
	}
	else
	{
		$node->stop('immediate');
	}
	finish_workers(@workers);
	$round->{how} eq 'stop' ? $node->start : wait_until('restart', \&is_up);
	set_faults($proxy);
	$wrong .= "$what: " . sql('SELECT string_agg(status, $$ $$) FROM rde_azure_uploads') if upload_all($node, 1) ne '1';
	my $bad = sql(q{SELECT count(*) FROM rde_azure_uploads WHERE status <> 'uploaded'}) . ' ' . (list_blobs($azurite, 'reports') - 2 * sql('SELECT count(*) FROM _rde_report'));
	$wrong .= "$what: $bad\n" if $bad ne '0 0';
	last if $wrong ne '';
}
is($wrong, '', 'killed at any moment: the next worker does the rest');
is(wrong_blobs($node, $azurite, 'reports'), '', 'one right blob each');
is(scalar(grep { /list|put|copy|delete/ } keys %met), $soak ? 9 : 6, 'killed at each kind of request');
sql('SELECT rde_drop_report(id) FROM _rde_report');
upload_all($node, 3);
is(wrong_blobs($node, $azurite, 'reports'), '', 'dropped, nothing is left of them');

###########################################################################
# Changed meanwhile
###########################################################################

sql("ALTER SERVER reports OPTIONS (ADD timeout '1')");

# Something is done while a block of a report gets no answer, and must not wait for
# a lock; then the block is sent again.  Returns what the worker said.
sub meanwhile
{
	my ($what, $sql, $seq) = @_;
	my $mark = log_mark($proxy);
	my $error = '';

	export_sales('changed');
	set_faults($proxy, rules => [ { fault => 'hang', op => 'block', seq => $seq // 1, times => 1 } ]);
	my @workers = start_workers($node, 1);
	wait_until('upload', sub { grep { $_->{fault} } requests($proxy, $mark) });
	$node->psql('postgres', "SET lock_timeout = 100; $sql", stderr => \$error, on_error_stop => 1);
	is($error, '', "$what, without waiting");
	is((requests($proxy, $mark))[-1]->{fault}, 'hang', 'in mid upload');
	my $said = finish_workers(@workers);
	set_faults($proxy);
	return $said;
}

my $links = q{SELECT download_url FROM rde_reports WHERE name = 'changed'};
my %gone = (
	'dropped at the last block' => [ 2, 'SELECT rde_drop_report(id) FROM _rde_report' ],
	'purged at the first block' => [ 0, q{
		UPDATE _rde_report SET expires_at = now() - interval '2 hours';
		UPDATE _rde_azure_upload SET expires_at = now() - interval '2 hours';
		SELECT rde_purge_reports()} ]);
for my $case (sort keys %gone)
{
	my ($seq, $sql) = @{ $gone{$case} };
	is(meanwhile($case, $sql, $seq), '', 'which is no failure');
	is(sql('SELECT count(*) FROM _rde_azure_upload') . list_blobs($azurite, 'reports'), '00', 'nothing is left, here and there');
}
{
	meanwhile('links are revoked', 'SELECT rde_revoke_links(id) FROM _rde_report');
	is(wrong_blobs($node, $azurite, 'reports'), '', 'the blob has its new name');
	like(sql($links), qr/-1\.20/, 'with the number of the revocation');
	sql('SELECT rde_drop_report(id) FROM _rde_report');
	upload_all($node, 1);
}
{
	my $said = meanwhile('a key is changed', "ALTER USER MAPPING FOR CURRENT_USER SERVER reports OPTIONS (SET account_key '" . 'a' x 86 . "==')");
	is($said, '', 'an upload that has begun goes on with the old one');
	export_sales('changed');
	like(upload_due($node), qr/status 403.*1 failed/s, 'the next one has the new one');
	sql("ALTER USER MAPPING FOR CURRENT_USER SERVER reports OPTIONS (SET account_key '$azure_key')");
	upload_all($node, 1);
}
{
	is(meanwhile('a server is dropped', 'DROP SERVER reports CASCADE'), '', 'an upload that has begun ends');
	is(sql("SELECT count(*) FILTER (WHERE status = 'uploaded') || ' ' || count(blob_url) FROM rde_azure_uploads"), '3 0', 'and is known');
	is(sql("$links ORDER BY 1 LIMIT 1"), '', 'without a link');
	connect_shop($node, port => $proxy->{port}, options => { timeout => 1 });
	is(wrong_blobs($node, $azurite, 'reports'), '', 'until there is such a server again');
}
{
	like(meanwhile('the extension is dropped', 'DROP EXTENSION rde_azure CASCADE'), qr/ERROR: .*does not exist/, 'which ends an upload');
	like(sql("SELECT rde_set_report_store(id, 'local') FROM _rde_report; SELECT count(rde_content(id)) FROM _rde_report"), qr/^4$/m, 'and the reports are still here');
	sql('SELECT rde_drop_report(id) FROM _rde_report; CREATE EXTENSION rde_azure');
	azure_request($azurite, 'DELETE', "/reports/$_") for list_blobs($azurite, 'reports');
	connect_shop($node, port => $proxy->{port});
}

###########################################################################
# Large
###########################################################################

# what a transaction of the worker holds up, and how old it is
my $watch = q{SELECT coalesce(backend_xmin::text, '') || ' ' || round(extract(epoch FROM clock_timestamp() - xact_start) * 1000)
	FROM pg_stat_activity WHERE query LIKE 'CALL%' AND state = 'active'};

sql("SELECT rde_export('documents', '2020-01-01', '2020-01-01', 'csv', name => 'large', $plain)");
cmp_ok(sql('SELECT file_bytes FROM _rde_report'), '>', $mebibytes * 1024 * 1024, "a report of more than $mebibytes MiB");
{
	my $speed = 2 * 1024 * 1024;
	my $session = open_session($node, 'postgres');
	my ($held, $oldest, $horizon, $samples) = (0, 0, 0, 0);

	set_faults($proxy, speed => $speed);
	sql('CREATE TABLE garbage AS SELECT n FROM generate_series(1, 10000) n');
	my @workers = start_workers($node, 1);
	wait_until('upload', sub { sql($watch) ne '' });
	sql('DELETE FROM garbage');
	my $until = time + 4;
	while (time < $until)
	{
		my ($xmin, $age) = run_in($session, $watch) =~ /^(\d*) (-?\d+)/ or next;
		$samples++;
		$held++ if $xmin ne '';
		$oldest = max($oldest, $age);
		$horizon = max($horizon, run_in($session, 'SELECT round(extract(epoch FROM clock_timestamp() - min(began)) * 1000) FROM _rde_blockers()') || 0);
		usleep(5_000);
	}
	note "$held of $samples looks found a snapshot; transactions were $oldest ms old at most, what reports wait for $horizon ms";
	cmp_ok($held, '<', 0.2 * $samples, 'while a slow upload runs there is no snapshot, but for moments');
	cmp_ok($oldest, '<', 3000, 'nor a transaction older than a request');
	cmp_ok($horizon, '<', 3000, 'so periods settle');
	run_in($session, 'VACUUM garbage');
	is(sql("SELECT pg_relation_size('garbage')"), 0, 'and vacuum removes what was deleted since it began');
	like(sql('SELECT status FROM rde_azure_uploads'), qr/uploading/, 'it is still running');
	kill 'INT', uploading();
	finish_workers(@workers);
	set_faults($proxy);
	close_session($session);
}
{
	my $session = open_session($node, 'postgres');
	my ($pid) = run_in($session, 'SELECT pg_backend_pid()') =~ /(\d+)/;
	my $growth = sub {
		my ($statement) = @_;
		my $idle = anon_KiB($pid);
		my $high = 0;
		send_to($session, $statement);
		until (is_done($session))
		{
			$high = max($high, anon_KiB($pid));
			usleep(10_000);
		}
		return $high - $idle;
	};
	sql("ALTER SERVER reports OPTIONS (SET endpoint 'http://127.0.0.1:$azurite->{port}/$azure_account')");
	make_due($node);
	cmp_ok($growth->("SELECT length(repeat('x', 64 * 1024 * 1024)), pg_sleep(0.1)"), '>', 32 * 1024, 'a value of 64 MiB would be seen');
	my $at = time;
	my $KiB = $growth->('CALL rde_azure_upload_due()');
	note sprintf '%d MiB in %.1f s, private memory grew by %d KiB', $mebibytes, time - $at, $KiB;
	cmp_ok($KiB, '<', 32 * 1024, 'a large report is uploaded in little memory');
	is(wrong_blobs($node, $azurite, 'reports'), '', 'and is right');
	close_session($session);
}

$node->stop;
done_testing();

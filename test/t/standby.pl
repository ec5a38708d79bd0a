# standby.pl
#
# A poller that follows the cursor "next" sees each report once, however late its
# transaction commits, on the primary and on a standby.  And what a standby can
# do: list, hand out, verify, let in; what needs the primary says so (B6).

use strict;
use warnings;
use JSON::PP;
use List::Util qw(shuffle);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeSessions;
use Test::More;
use Time::HiRes qw(time sleep);

my $seed = $ENV{RDE_SEED} // time;
srand $seed;
note "RDE_SEED=$seed";

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "fsync = off\nclient_min_messages = error\nhot_standby_feedback = on\n");
$primary->start;
$primary->safe_psql('postgres', <<'SQL');
CREATE EXTENSION rde;
CREATE ROLE shop_owner;
CREATE ROLE gate LOGIN;
CREATE ROLE seven LOGIN;
CREATE TABLE sale (id bigint PRIMARY KEY, reseller bigint, day timestamptz, word text);
INSERT INTO sale SELECT n, 7, '2020-01-01 12:00Z', md5(n::text) FROM generate_series(1, 100) n;
ALTER TABLE sale OWNER TO shop_owner;
SELECT rde_create_dataset('sales', 'Sales'), rde_create_account(7, 'Seven', role => 'seven', max_pending => 1000), rde_grant('gate', 'gateway');
SELECT rde_attach('sales', 'sale', 'reseller', 'day');
SQL
$primary->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'copy', has_streaming => 1);
$standby->start;

#
# Pollers
#
my $rounds = $ENV{RDE_SOAK} ? 2000 : 60;

# A writer's transactions: reports that are published, some of them undone, all
# of them committed late.
my %kept;

sub transactions
{
	my ($writer) = @_;
	my $sql = '';

	for my $round (1 .. $rounds)
	{
		my (@saved, @all);
		my $report = sub {
			my $name = sprintf 'w%d-%d-%d', $writer, $round, scalar @all;
			push @all, $name;
			return ($name, "SELECT rde_export('sales', '2020-01-01', '2020-01-01', 'csv', reseller => 7, name => '$name') \\gset\n");
		};
		my $pause = sub { return sprintf "SELECT pg_sleep(%.3f) \\gset\n", rand 0.03 };
		$sql .= "BEGIN;\n";
		# another transaction id than the order of commits has
		$sql .= "SELECT pg_current_xact_id() \\gset\n" . $pause->() if rand() < 0.5;
		for (1 .. 1 + int rand 3)
		{
			my ($name, $statement) = $report->();
			if (rand() < 0.4)
			{
				my $undone = rand() < 0.5;
				$sql .= "SAVEPOINT s;\n$statement" . ($undone ? 'ROLLBACK TO' : 'RELEASE') . " s;\n";
				push @saved, $name unless $undone;
			}
			else
			{
				$sql .= $statement;
				push @saved, $name;
			}
		}
		$sql .= $pause->();
		if (rand() < 0.2)
		{
			$sql .= "ROLLBACK;\n";
		}
		else
		{
			$sql .= "COMMIT;\n";
			$kept{$_} = 1 for @saved;
		}
		$sql .= $pause->() if rand() < 0.3;
	}
	return $sql;
}

sub new_poller
{
	my ($node) = @_;
	my %poller = (session => open_session($node, 'postgres', 'seven'), seen => {}, polls => 0);

	my $answer = decode_json(run_in($poller{session}, q{SELECT rde_list_reports('2000-01-01', '2100-01-01', detail => true)}) =~ s/\n.*//sr);
	@poller{qw(after first)} = ($answer->{next}, scalar @{ $answer->{data} });
	return \%poller;
}

sub poll
{
	my ($poller) = @_;
	my $answer = decode_json(run_in($poller->{session}, "SELECT rde_list_reports(after => '$poller->{after}', detail => true)") =~ s/\n.*//sr);

	$poller->{polls}++;
	$poller->{seen}{ $_->{name} }++ for @{ $answer->{data} };
	die 'total' if $answer->{pagination}{total} != @{ $answer->{data} };
	$poller->{after} = $answer->{next};
	$poller->{gaps}++ if $answer->{next} =~ /^-?\d+:[^:]+:\d+:\d+:\d/;
	return;
}

my @pollers = map { new_poller($_) } $primary, $standby;
my @writers = map { open_session($primary, 'postgres') } 1 .. 5;
send_to($writers[$_], transactions($_)) for 0 .. $#writers;
until (@writers == grep { is_done($_) } @writers)
{
	poll($_) for @pollers;
	sleep rand 0.01;
}
is(join('', map { wait_for($_) } @writers), '', 'the writers met no error');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
poll($_) for @pollers;
for my $i (0, 1)
{
	my $poller = $pollers[$i];
	my $where = ('the primary', 'a standby')[$i];
	my @missed = grep { !$poller->{seen}{$_} } sort keys %kept;
	my @twice = grep { $poller->{seen}{$_} > 1 } sort keys %{ $poller->{seen} };
	my @phantoms = grep { !$kept{$_} } sort keys %{ $poller->{seen} };
	cmp_ok($poller->{polls}, '>', 20, sprintf '%d polls of %s for %d reports; %d while others were being published', $poller->{polls}, $where, scalar(keys %kept), $poller->{gaps} // 0);
	cmp_ok($poller->{gaps} // 0, '>', 10, 'many in between');
	is("@missed", '', 'none was missed');
	is("@twice", '', 'none was seen twice');
	is("@phantoms", '', 'none that was rolled back was seen');
	poll($poller);
	is($poller->{seen}{$_}, 1, 'and nothing more comes') for (sort keys %kept)[0];
}
# a cursor goes from one server to the other
{
	my ($there, $here) = map { $_->{after} } @pollers;
	is($standby->safe_psql('postgres', "SELECT rde_list_reports(after => '$there') -> 'pagination' ->> 'total'"), 0, 'a cursor of the primary on the standby');
	is($primary->safe_psql('postgres', "SELECT rde_list_reports(after => '$here') -> 'pagination' ->> 'total'"), 0, 'and the other way');
}
close_session($_) for @writers, map { $_->{session} } @pollers;

#
# B6
#
my $id = $primary->safe_psql('postgres', q{SELECT rde_export('sales', '2020-01-01', '2020-01-01', 'csv', reseller => 7, name => 'file')});
my $later = $primary->safe_psql('postgres', q{SELECT rde_submit('sales', '2020-01-01', '2020-01-01', 'csv', reseller => 7, name => 'later')});
my $failed = $primary->safe_psql('postgres', qq{SELECT rde_submit('sales', '2020-01-01', '2020-01-01', 'csv', reseller => 7, name => 'cancelled') AS id \\gset
	SELECT rde_cancel_report(:'id') \\gset
	SELECT :'id'});
my $generator = $primary->safe_psql('postgres', q{SELECT rde_create_generator('sales', 'g', '{csv}', 'manual', reseller => 7)});
my ($key, $token) = split /\|/, $primary->safe_psql('postgres', q{SELECT * FROM rde_create_token(7, 'program')});
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));

my $same = sub {
	my ($what, $sql) = @_;
	my $expected = $primary->safe_psql('postgres', $sql);
	cmp_ok(length $expected, '>', 0, "$what there is");
	is($standby->safe_psql('postgres', $sql), $expected, $what);
};
$same->('the list', q{SELECT rde_list_reports(current_date - 1, current_date + 1)});
$same->('a report', qq{SELECT rde_get_report('$id')});
$same->('its manifest', qq{SELECT rde_report_manifest('$id')});
$same->('a file', qq{SELECT md5(rde_content('$id')), md5(rde_chunk('$id', 0)), md5(rde_text('$id'))});
$same->('its chunks', qq{SELECT md5(c) FROM rde_chunks('$id') c});
$same->('its digest', qq{SELECT rde_verify_report('$id')});
$same->('its link', qq{SELECT rde_download_url('$id')});
for my $view (qw(rde_reports rde_report_totals rde_datasets rde_view_columns rde_view_conditions rde_accounts rde_generators rde_periods rde_tokens rde_signing_keys))
{
	is($standby->safe_psql('postgres', "SELECT count(*) FROM $view"), $primary->safe_psql('postgres', "SELECT count(*) FROM $view"), "view $view");
}
is($standby->safe_psql('postgres', 'SELECT count(*) FROM rde_progress'), 0, 'view rde_progress');
like($standby->safe_psql('postgres', 'SELECT count(*) FROM rde_health'), qr/^\d+$/, 'view rde_health');

# the gateway's part
is($standby->safe_psql('postgres', qq{
	BEGIN;
	SELECT rde_login('$key', sha256('$token'));
	SELECT account, scope FROM rde_whoami();
	SELECT name FROM rde_reports WHERE id = '$id';
	COMMIT;
	SELECT count(*) FROM rde_reports}, extra_params => [ '-U', 'gate' ]), "7\n7|reseller\nfile\n0", 'a login');
is($primary->safe_psql('postgres', 'SELECT count(last_used_at) FROM rde_tokens'), 0, 'which is not written down');
my $url = $standby->safe_psql('postgres', "SELECT rde_download_url('$id')");
my %field = map { s/%([0-9A-F]{2})/chr hex $1/ger } $url =~ /[?&](\w+)=([^&]*)/g;
my ($file) = map { s/%([0-9A-F]{2})/chr hex $1/ger } $url =~ m{/([^/?]+)\?};
is($standby->safe_psql('postgres', qq{
	BEGIN;
	SELECT name FROM rde_redeem('$id', '$file', '$field{sv}', '$field{st}', '$field{se}', '$field{sp}', '$field{sr}', '$field{kid}', '$field{sig}');
	SELECT octet_length(rde_chunk('$id', 0)) > 0;
	COMMIT}, extra_params => [ '-U', 'gate' ]), "file\nt", 'a link');

# What needs the primary
for my $call (
	q{SELECT rde_export('sales', '2020-01-01', '2020-01-01', 'csv')},
	q{SELECT rde_submit('sales', '2020-01-01', '2020-01-01', 'csv')},
	q{SELECT rde_request_report('{"name": "n", "dataset": "sales", "startDate": "2020-01-01T00:00:00Z"}')},
	q{SELECT rde_request_report('{"name": "n", "dataset": "sales", "startDate": "2020-01-01T00:00:00Z"}', 'key')},
	q{SELECT rde_preview_view('sales', '{"columns": [{"column": "id"}], "startDate": "2020-01-01"}')},
	q{SELECT rde_remove_report(id, '*') FROM rde_reports LIMIT 1},
	qq{SELECT rde_build('$later')}, qq{SELECT rde_rebuild('$id')},
	qq{SELECT rde_run_generator('$generator', '2020-01-01', '2020-01-01')}, 'CALL rde_run_due()')
{
	my ($code, $out, $err) = $standby->psql('postgres', "\\set VERBOSITY verbose\n$call");
	like($err, qr/ERROR:  25006: reports cannot be (made|built) on a standby\n.*HINT:  .*primary/s, $call);
}
# what else would write says what the server says
for my $call (qq{SELECT rde_drop_report('$id')}, qq{SELECT rde_retry_report('$failed')}, 'SELECT rde_purge_reports()', qq{SELECT rde_keep_report('$id', 'infinity')},
	qq{SELECT rde_revoke_links('$id')}, 'SELECT rde_rotate_signing_key()', q{SELECT rde_create_token(7, 'x')}, q{SELECT rde_create_account(8, 'Eight')},
	qq{SELECT rde_cancel_report('$later')}, q{SELECT rde_create_generator('sales', 'h', '{csv}', 'manual')})
{
	my ($code, $out, $err) = $standby->psql('postgres', "\\set VERBOSITY sqlstate\n$call");
	is($err, 'psql:<stdin>:2: ERROR:  25006', $call);
}

# Promoted, it works.
$standby->promote;
is($standby->safe_psql('postgres', qq{SELECT rde_build('$later') = 'completed'; SELECT rde_verify_report('$later')}), "t\nt", 'promoted, it builds');
my $before = $pollers[1]{after};
is(join(' ', map { $_->{name} } @{ decode_json($standby->safe_psql('postgres', "SELECT rde_list_reports(after => '$before')"))->{data} }), 'file later',
	'and a cursor goes on');

$standby->stop;
$primary->stop;
done_testing();

# report_timelines.pl
#
# A cursor of a lost timeline is refused, never silently behind (R3): after a
# restore to an earlier point, and after a failover that lost what the primary had
# committed last.  One that a failover kept goes on.

use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(has_archiving => 1, allows_streaming => 1);
$primary->append_conf('postgresql.conf', "client_min_messages = error\n");
$primary->start;
$primary->safe_psql('postgres', q{
	CREATE EXTENSION rde;
	CREATE ROLE keeper;
	CREATE TABLE sale (id bigint PRIMARY KEY, reseller bigint, day timestamptz);
	INSERT INTO sale VALUES (1, 7, now());
	ALTER TABLE sale OWNER TO keeper;
	SELECT rde_create_dataset('sales', 'Sales');
	SELECT rde_attach('sales', 'sale', 'reseller', 'day')});
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

sub publish { $_[0]->safe_psql('postgres', "SELECT rde_export('sales', current_date, current_date, 'csv', name => '$_[1]')"); return }
sub cursor { return $_[0]->safe_psql('postgres', q{SELECT rde_list_reports(current_date, current_date + 1, detail => true) ->> 'next'}) }

# The names that were published since, or the error's first words.
sub since
{
	my ($node, $cursor) = @_;
	my ($out, $err);
	$node->psql('postgres', "SELECT rde_list_reports(after => '$cursor')", stdout => \$out, stderr => \$err);
	return $err =~ /ERROR:  (.*)/ ? $1 : join ' ', map { $_->{name} } @{ decode_json($out)->{data} };
}

publish($primary, 'one');
my $kept = cursor($primary);
$primary->safe_psql('postgres', q{SELECT pg_create_restore_point('here')});
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is(since($standby, $kept), '', 'a cursor of the primary holds on the standby');
publish($primary, "before $_") for 1 .. 3;
my $lost = cursor($primary);
$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
is(since($primary, $lost), '', 'and on the primary');
is(since($primary, $kept), 'before 1 before 2 before 3', '... what came since');

# a restore to an earlier point
my $restored = PostgreSQL::Test::Cluster->new('restored');
$restored->init_from_backup($primary, 'base', has_restoring => 1);
$restored->append_conf('postgresql.conf', "recovery_target_name = 'here'\nrecovery_target_action = 'promote'\n");
$restored->start;
$restored->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die;
publish($restored, "after $_") for 1 .. 3;
is(since($restored, $kept), 'after 1 after 2 after 3', 'restored to an earlier point: a cursor of before it goes on');
is(since($restored, $lost), 'after is a cursor of what this server has not seen', '... one of what is lost does not');
publish($restored, "later $_") for 1 .. 20;
is(since($restored, $lost), 'after is a cursor of what this server has not seen', '... however far the server gets');
is(since($restored, cursor($restored)), '', '... a new one does');
$restored->stop;

# a failover that loses what the standby had not received
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is(since($standby, $lost), '', 'the standby has all');
my $received = cursor($primary);
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
$standby->stop;
publish($primary, 'never shipped');
my $ahead = cursor($primary);
$primary->stop;
$standby->append_conf('postgresql.conf', "primary_conninfo = ''\n");
$standby->start;
$standby->promote;
$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die;
publish($standby, 'new');
is(since($standby, $received), 'new', 'after a failover a cursor of what is there goes on');
publish($standby, "more $_") for 1 .. 20;
is(since($standby, $ahead), 'after is a cursor of what this server has not seen', '... and of what is not there is refused');

$standby->stop;
done_testing();

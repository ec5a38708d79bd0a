# report_revisions.pl
#
# Of a report and its revisions one is the newest, whatever is dropped or expires in
# between: in views, sums and lists, and when several drop at once (X8).

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeSessions;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('revisions');
$node->init;
$node->append_conf('postgresql.conf', "client_min_messages = error\n");
$node->start;
sub sql { return $node->safe_psql('postgres', $_[0]) }
sql(<<'SQL');
CREATE EXTENSION rde;
CREATE ROLE shop_owner;
CREATE TABLE sale (id bigint PRIMARY KEY, reseller bigint, day date, amount numeric, currency text);
ALTER TABLE sale OWNER TO shop_owner;
INSERT INTO sale VALUES (1, 7, '2020-01-01', 1, 'EUR');
SELECT rde_create_dataset('sales', 'Sales');
SELECT rde_attach('sales', 'sale', 'reseller', 'day', amount => 'amount', currency => 'currency');
CREATE ROLE reseller;
SELECT rde_create_account(7, 'Seven', role => 'reseller');
-- a report with that many revisions, the first called 1
CREATE PROCEDURE chain(chain text, revisions int) LANGUAGE plpgsql AS $$
DECLARE
    report uuid := rde_export('sales', '2020-01-01', '2020-01-01', 'csv', reseller => 7, name => chain);
BEGIN
    FOR n IN 2 .. revisions LOOP
        UPDATE sale SET amount = n;
        report := rde_rebuild(report);
    END LOOP;
END
$$;
CREATE FUNCTION revision(chain text, revision int) RETURNS uuid LANGUAGE sql
RETURN (SELECT r.id FROM _rde_report r WHERE r.name = chain AND r.revision = $2);
SQL

# Which of a chain is the newest, as everything that tells it says, and by what the
# others are superseded.
sub told
{
	my ($chain) = @_;
	my $newest = sql(qq{SELECT string_agg(revision::text, ',' ORDER BY revision) FROM rde_reports WHERE name = '$chain' AND status = 'completed' AND is_newest});
	my %other = (
		'a sum' => sql(qq{SELECT string_agg(r.revision::text, ',' ORDER BY r.revision) FROM rde_reports r JOIN rde_report_totals t ON t.report = r.id WHERE r.name = '$chain' AND r.status = 'completed' AND t.is_newest}),
		'the account' => sql(qq{SET ROLE reseller; SELECT string_agg(r.revision::text, ',' ORDER BY r.revision) FROM rde_reports r JOIN rde_report_totals t ON t.report = r.id
			WHERE r.name = '$chain' AND r.status = 'completed' AND r.is_newest AND t.is_newest}),
		'GET /reports' => sql(qq{SELECT string_agg(i ->> 'revision', ',' ORDER BY i ->> 'revision')
			FROM json_array_elements(rde_list_reports(current_date - 1, current_date + 1, detail => true) -> 'data') i WHERE i ->> 'name' = '$chain'}));
	is($other{$_}, $newest, "$chain: $_ says the same") foreach sort keys %other;
	return "$newest: " . sql(qq{SELECT string_agg(concat_ws('<', r.revision, n.revision), ' ' ORDER BY r.revision)
		FROM rde_reports r LEFT JOIN rde_reports n ON n.id = r.superseded_by WHERE r.name = '$chain'});
}

sub expire
{
	my ($chain, @revisions) = @_;
	my $list = join ',', @revisions;
	sql(qq{UPDATE _rde_report SET expires_at = now() - interval '1 day' WHERE name = '$chain' AND revision IN ($list); SELECT rde_purge_reports()});
	return;
}

sql(q{CALL chain('whole', 4)});
is(told('whole'), '4: 1<2 2<3 3<4 4', 'four revisions');

sql(q{CALL chain('dropped', 3); SELECT rde_drop_report(revision('dropped', 2))});
is(told('dropped'), '3: 1<3 3', 'the middle one was dropped');
is(sql(q{SELECT supersedes = revision('dropped', 1) FROM rde_reports WHERE id = revision('dropped', 3)}), 't', 'and what it superseded is superseded by the next');
sql(q{SELECT rde_drop_report(revision('dropped', 3))});
is(told('dropped'), '1: 1', 'the newest is dropped: the first is the newest that is left');
sql(q{SELECT rde_rebuild(revision('dropped', 1))});
is(told('dropped'), '2: 1<2 2', 'and can be built anew');

sql(q{CALL chain('first', 3); SELECT rde_drop_report(revision('first', 1))});
is(told('first'), '3: 2<3 3', 'the first was dropped');

sql(q{CALL chain('expired', 3)});
expire('expired', 2);
is(told('expired'), '3: 1<3 3', 'the middle one expired');

sql(q{CALL chain('many', 6)});
expire('many', 2, 3, 5);
is(told('many'), '6: 1<4 4<6 6', 'several expired at once');
expire('many', 4);
is(told('many'), '6: 1<6 6', 'and the last between');

sql(q{CALL chain('own', 3); SET ROLE reseller; SELECT rde_drop_report(id) FROM rde_reports WHERE name = 'own' AND revision = 2});
is(told('own'), '3: 1<3 3', 'an account dropped its own');

# One that failed, and is tried again after what it supersedes is gone.
sql(q{CALL chain('failed', 2); SELECT rde_rebuild(revision('failed', 2));
	UPDATE _rde_report SET status = 'error', failed_at = now(), published_at = NULL WHERE id = revision('failed', 3);
	DELETE FROM _rde_report_chunk WHERE report = revision('failed', 3); DELETE FROM _rde_report_total WHERE report = revision('failed', 3); SELECT rde_drop_report(revision('failed', 2))});
is(told('failed'), '1: 1 3', 'one that failed supersedes nothing');
is(sql(q{SELECT rde_retry_report(revision('failed', 3)); SELECT rde_build(revision('failed', 3))}), "\ncompleted", 'it is tried again');
is(told('failed'), '3: 1<3 3', 'but what was dropped, once it is built');

# What has a revision that is yet to be built stays until it is.
sql(q{CALL chain('waits', 2); UPDATE _rde_report SET status = 'submitted', published_at = NULL WHERE id = revision('waits', 2);
	DELETE FROM _rde_report_chunk WHERE report = revision('waits', 2); DELETE FROM _rde_report_total WHERE report = revision('waits', 2)});
expire('waits', 1);
is(told('waits'), ': 2', 'what expired is not shown');
is(sql(q{SELECT count(*) FROM _rde_report WHERE name = 'waits'}), '2', 'but stays as long as its next revision waits');
is(sql(q{SELECT rde_build(revision('waits', 2)); SELECT rde_purge_reports()}), "completed\n1", 'it is built');
is(sql(q{SELECT count(*) FROM _rde_report WHERE name = 'waits'}), '1', 'and goes then');

# Neighbours that are dropped at the same time, in either order.
my ($one, $other) = (open_session($node, 'postgres'), open_session($node, 'postgres'));
for my $order ([ 2, 3 ], [ 3, 2 ])
{
	my $chain = "beside @$order";
	sql(qq{CALL chain('$chain', 4)});
	run_in($one, "BEGIN; SELECT rde_drop_report(revision('$chain', $order->[0]))");
	send_to($other, "SELECT rde_drop_report(revision('$chain', $order->[1]))");
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'}) or die 'nobody waits';
	run_in($one, 'COMMIT');
	is(wait_for($other), "\n", "$chain: dropped at once");
	is(told($chain), '4: 1<4 4', 'by two');
}
close_session($_) foreach $one, $other;

done_testing();

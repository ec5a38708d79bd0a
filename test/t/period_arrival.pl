# period_arrival.pl
#
# Rows that arrive from elsewhere (R2): a source that is replicated, or foreign, has
# no horizon of this server.  A watermark says before when all rows have arrived, a
# delay how long they take; until then reports wait, or are provisional.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $shop = PostgreSQL::Test::Cluster->new('shop');
$shop->init(allows_streaming => 'logical');
$shop->start;
my $node = PostgreSQL::Test::Cluster->new('reporting');
$node->init;
$node->append_conf('postgresql.conf', "client_min_messages = warning\n");
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub error_of { my ($out, $err); $node->psql('postgres', $_[0], stdout => \$out, stderr => \$err); return $err }

my $tables = q{
	CREATE TABLE sale (id bigint PRIMARY KEY, reseller bigint, changed timestamptz NOT NULL);
	CREATE TABLE heartbeat (beat timestamptz NOT NULL);
	ALTER TABLE heartbeat REPLICA IDENTITY FULL};
$shop->safe_psql('postgres', "$tables; INSERT INTO heartbeat VALUES ('2000-01-01'); CREATE PUBLICATION everything FOR TABLE sale, heartbeat");
my $connstr = 'host=' . $shop->host . ' port=' . $shop->port . ' dbname=postgres';
sql(qq{
	CREATE ROLE keeper;
	$tables;
	CREATE SUBSCRIPTION shop CONNECTION '$connstr' PUBLICATION everything;
	ALTER TABLE sale OWNER TO keeper;
	ALTER TABLE heartbeat OWNER TO keeper;
	CREATE EXTENSION rde;
	SELECT rde_create_dataset('sales', 'Sales')});
$node->wait_for_subscription_sync($shop, 'shop');

like(error_of(q{SELECT rde_attach('sales', 'sale', 'reseller', 'changed')}),
	qr/WARNING:  the rows of table "sale", which is replicated, may arrive after a period has ended.*settle an hour after.*Name a watermark/s,
	'a replicated source without a watermark is warned of');
is(sql('SELECT delay FROM rde_datasets WHERE name = $$sales$$'), '01:00:00', '... and has an hour');
like(error_of(q{SELECT rde_attach('sales', 'sale', 'reseller', 'changed', watermark => 'sale')}),
	qr/must be a relation with one column, of type timestamptz.*CREATE VIEW/s, 'what is no watermark is refused');
is(error_of(q{SELECT rde_attach('sales', 'sale', 'reseller', 'changed', watermark => 'heartbeat')}), '', 'a watermark is taken');

# The day has ended, and its rows are still on their way.
sql(q{ALTER SUBSCRIPTION shop DISABLE});
$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_subscription WHERE pid IS NOT NULL}) or die;
$shop->safe_psql('postgres', q{INSERT INTO sale SELECT n, 7, now() - interval '24 hours' FROM generate_series(1, 1000) n});
my $generator = sql(q{SELECT rde_create_generator('sales', 'daily', '{csv}', 'daily', start => current_date - 1)});
sub run_due { my ($settings) = @_; $node->safe_psql('postgres', ($settings // '') . '; SET client_min_messages = warning; CALL rde_run_due()'); return }
sub reports { return sql(q{SELECT string_agg(concat_ws(' ', status, revision, row_count, CASE WHEN provisional THEN 'provisional' END), ', ' ORDER BY revision)
	FROM rde_reports WHERE superseded_by IS NULL AND period_from < now() - interval '23 hours'}) }
# right after midnight nothing else holds yesterday up either
run_due(q{SET rde.settle_limit = '10 years'});
is(reports(), 'submitted 1', 'while the watermark is behind, a period waits');
like(sql(qq{SET rde.settle_limit = '10 years'; SELECT waits_for FROM rde_periods WHERE generator = '$generator' AND status = 'submitted'}), qr/rows that arrive from elsewhere|the end of the period/, '... and rde_periods says for what');
run_due(q{SET rde.settle_limit = '1 us'});
is(reports(), 'completed 1 0 provisional', '... when it is overdue it is built provisionally');
run_due();
is(reports(), 'completed 1 0 provisional', '... once');

# They arrive, and the heartbeat after them.
$shop->safe_psql('postgres', q{UPDATE heartbeat SET beat = now()});
sql(q{ALTER SUBSCRIPTION shop ENABLE});
$node->poll_query_until('postgres', q{SELECT min(beat) > now() - interval '1 hour' FROM heartbeat}) or die;
$node->poll_query_until('postgres', q{SELECT now() > current_date + interval '10 s'}) or die;
run_due();
is(reports(), 'completed 2 1000', 'when all have arrived they are all there, and it is final')
	or diag(sql(q{SELECT * FROM _rde_blockers()}) . sql('SELECT * FROM _rde_watermark'));

# One of two that fill it says nothing: nothing is known.
sql(q{CREATE VIEW two AS SELECT beat FROM heartbeat UNION ALL SELECT NULL; ALTER VIEW two OWNER TO keeper});
for my $case ([ two => 't' ], [ heartbeat => 'f' ])
{
	sql("SELECT rde_attach('sales', 'sale', 'reseller', 'changed', watermark => '$case->[0]')");
	my $id = sql(q{SELECT rde_export('sales', current_date - 2, current_date - 2, 'csv')});
	is(sql("SELECT provisional FROM rde_reports WHERE id = '$id'"), $case->[1], "a watermark with NULL is none: $case->[0]");
}

# A watermark that cannot be read is a source that cannot be read.
sql(qq{DROP TABLE heartbeat CASCADE; SELECT rde_submit('sales', current_date - 1, current_date - 1, 'json'); DELETE FROM _rde_source_failure});
run_due();
is(sql(q{SELECT sqlstate FROM rde_reports WHERE format = 'json'}), '42P01', 'a watermark that is gone: no report is called final');

# Foreign tables, and how long is enough.
sql(qq{
	CREATE EXTENSION postgres_fdw;
	CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '@{[ $shop->host ]}', port '@{[ $shop->port ]}', dbname 'postgres');
	CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (user '@{[ scalar getpwuid $> ]}', password_required 'false');
	CREATE FOREIGN TABLE far_sale (id bigint, reseller bigint, changed timestamptz NOT NULL) SERVER far OPTIONS (table_name 'sale');
	CREATE VIEW over_far AS SELECT * FROM far_sale;
	SELECT rde_create_dataset('far', 'Far')});
like(error_of(q{SELECT rde_attach('far', 'over_far', 'reseller', 'changed', '{id}')}), qr/the rows of foreign table "far_sale" may arrive/, 'so is a foreign one, through a view');
unlike(error_of(q{SELECT rde_attach('far', 'over_far', 'reseller', 'changed', '{id}', delay => '3 days')}), qr/may arrive/, '... unless the delay is said');
my $report = sql(q{SELECT rde_export('far', current_date - 2, current_date - 2, 'csv')});
is(sql("SELECT provisional FROM rde_reports WHERE id = '$report'"), 't', 'for so long reports are provisional');
sql(q{SELECT rde_attach('far', 'over_far', 'reseller', 'changed', '{id}', delay => '1 second')});
$report = sql(q{SELECT rde_export('far', current_date - 2, current_date - 2, 'csv')});
is(sql("SELECT provisional FROM rde_reports WHERE id = '$report'"), 'f', '... and then final');

$node->stop;
$shop->stop;
done_testing();

# report_indexes.pl
#
# Every index of the reports has a reader: what people and workers ask of some thousand
# reports uses each of them.  An index is written for each report, so one that nobody
# reads is a cost for nothing.  And what is due is looked at once, however much is.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('indexes');
$node->init;
$node->append_conf('postgresql.conf', <<'END');
fsync = off
autovacuum = off
client_min_messages = error
END
$node->start;

sub query
{
	return $node->safe_psql('postgres', $_[0]);
}

# A hundred generators with two hundred reports each, of two hundred days; some failed, one
# is provisional, one of an invoice, a few wait.
query(<<'END');
CREATE EXTENSION rde;
CREATE TABLE sale (id bigint, reseller bigint, sold timestamptz, invoice text);
CREATE INDEX ON sale (reseller, sold, id);
SELECT rde_create_dataset('sales', 'Sales'), rde_attach('sales', 'sale', 'reseller', 'sold', '{id}', invoice => 'invoice');
CREATE ROLE seven;
SELECT rde_create_account(n, 'account ' || n, role => CASE n WHEN 7 THEN 'seven'::name END) FROM generate_series(1, 100) n;
SELECT rde_create_generator('sales', 'daily', '{csv}', 'daily', reseller => n) FROM generate_series(1, 100) n;
INSERT INTO _rde_report (name, dataset, view, format, type, reseller, generator, period_from, period_to, time_zone, options,
                         retention, due_at, status, submitted_at, published_at, expires_at, row_count, content_bytes,
                         file_bytes, sha256, file_name, media_type, store, published_xid, system_identifier)
SELECT g.name, g.dataset, 'full', 'csv', 'daily', g.reseller, g.id, p, p + interval '1 day', 'UTC', '{}', '1 year',
       p + interval '1 day', 'completed', p + interval '1 day', p + interval '1 day 1 minute', p + interval '1 year',
       0, 0, 0, sha256(''), 'daily', 'application/gzip', 'local', pg_current_xact_id(),
       (SELECT system_identifier FROM pg_control_system())
FROM _rde_generator g, generate_series(g.next_from - interval '200 days', g.next_from - interval '1 day', '1 day') p;
UPDATE _rde_report SET status = 'error', error = 'lost', failed_at = now(), failed_xid = pg_current_xact_id() WHERE reseller > 90;
UPDATE _rde_report SET provisional = true WHERE id = (SELECT id FROM _rde_report WHERE status = 'completed' LIMIT 1);
VACUUM ANALYZE;
SELECT pg_stat_reset();
END

my $id = query("SELECT id FROM _rde_report WHERE status = 'completed' AND NOT provisional AND reseller = 7 ORDER BY period_from LIMIT 1");
my $cursor = query('SELECT _rde_cursor()');
my ($key, $token) = split /\|/, query(q{SELECT subscription_key, token FROM rde_create_token(7, 'listener')});

# By index, without what all their names begin with: who reads it.
my %reader = (
	pkey => "SELECT rde_download_url('$id')",
	published => q{SELECT rde_list_reports(current_date - 5, current_date - 5)},
	reseller => q{SET ROLE seven; SELECT rde_list_reports(current_date - 5, current_date - 5)},
	published_xid => qq{SELECT rde_list_reports(after => '$cursor')},
	# what the gateway asks for all who listen
	failed_xid => qq{SELECT count(*) FROM rde_poll_events(json_build_array(json_build_array(1, '$key', NULL, encode(sha256('$token'), 'hex'), '$cursor')))},
	# what rde_azure looks for
	revoked => 'SELECT count(*) FROM _rde_report WHERE link_number > 0',
	expires => 'SELECT rde_purge_reports(10)',
	supersedes => "SELECT rde_rebuild('$id')",
	revision => "SELECT rde_drop_report(rde_rebuild('$id'))",
	pending => 'CALL rde_run_due()',
	provisional => 'SELECT _rde_submit_settling(now())',
	generator => 'SELECT count(last_status) FROM rde_generators WHERE reseller = 7',
	last_run => 'SELECT count(last_run_at) FROM rde_generators WHERE reseller = 7',
	failed => 'SELECT sum(failed) FROM rde_generators WHERE reseller = 7',
);

# And two that let nobody ask twice.
my @constraints = qw(invoice period);

sub scans
{
	my ($index) = @_;
	return query("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = '_rde_report_$index'");
}

is(query(q{SELECT string_agg(substr(indexrelname, 13), ' ' ORDER BY 1) FROM (SELECT indexrelname FROM pg_stat_user_indexes WHERE relname = '_rde_report' ORDER BY 1) i}),
	join(' ', sort @constraints, keys %reader), 'each index is told of here');
for my $index (sort keys %reader)
{
	my $before = scans($index);
	# a session that ends tells of its scans when nobody waits for it any more
	query("$reader{$index};\nSELECT pg_stat_force_next_flush()");
	cmp_ok(scans($index), '>', $before, "$index is read");
}

# Two thousand are due at the same instant: each batch of them looks at its own, at how many
# reports its accounts wait for.
query(<<'END');
CREATE TABLE one AS SELECT * FROM _rde_generator LIMIT 1;
INSERT INTO _rde_generator
SELECT (jsonb_populate_record(one, jsonb_build_object('id', gen_random_uuid(), 'name', 'due', 'reseller', 1000 + n,
        'next_from', next_from - interval '1 day', 'next_to', next_to - interval '1 day',
        'next_run_at', next_run_at - interval '1 day'))).*
FROM one, generate_series(1, 2000) n;
VACUUM ANALYZE _rde_generator;
END
my $before = scans('reseller');
query("CALL rde_run_due(1);\nSELECT pg_stat_force_next_flush()");
is(query(q{SELECT count(*) FROM _rde_report WHERE name = 'due'}), 2000, 'all that were due are submitted');
cmp_ok(scans('reseller') - $before, '<', 4000, 'and each was looked at once');

$node->stop;
done_testing();

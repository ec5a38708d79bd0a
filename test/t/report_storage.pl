# report_storage.pl
#
# 95 days of reports that are stored for 30, so that all are replaced three times:
# what expires is removed within the day, and its room is used again, so that the
# table stays within 1.2 times of what is in it (B2).
#
# A day passes by moving all times back by one.  Vacuum comes when autovacuum
# would, by the table's own settings: the days here are too short for it.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('storage');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nclient_min_messages = error\nlog_statement = none\nrde.retention = '30 days'\n");
$node->start;
my $reports = $ENV{RDE_SOAK} ? 20 : 4;
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION rde;
CREATE ROLE shop_owner;
CREATE TABLE sale AS SELECT n AS id, 7 AS reseller, timestamptz '2020-01-01 12:00Z' AS day, md5(n::text) || md5((-n)::text) AS word FROM generate_series(1, 2500) n;
ALTER TABLE sale ADD PRIMARY KEY (id);
ALTER TABLE sale OWNER TO shop_owner;
SELECT rde_create_dataset('sales', 'Sales');
SELECT rde_attach('sales', 'sale', 'reseller', 'day');
CREATE TABLE vacuumed (day int);
CREATE PROCEDURE one_day(number int) LANGUAGE plpgsql AS \$\$
BEGIN
    UPDATE _rde_report SET published_at = published_at - interval '1 day', expires_at = expires_at - interval '1 day', submitted_at = submitted_at - interval '1 day';
    PERFORM rde_purge_reports();
    -- of different sizes, so that what is freed does not just fit
    PERFORM rde_export('sales', '2020-01-01', '2020-01-01', 'csv', options => '{"compress": false}')
    FROM generate_series(1, $reports + number % 3 - 1);
END
\$\$;
-- the table or its TOAST table has as many dead rows as autovacuum waits for
CREATE FUNCTION is_due() RETURNS boolean LANGUAGE sql AS \$\$
    SELECT bool_or(pg_stat_get_dead_tuples(c.oid) > 50 + coalesce((SELECT option_value::float FROM pg_options_to_table(c.reloptions)
                       WHERE option_name = 'autovacuum_vacuum_scale_factor'), 0.2) * greatest(c.reltuples, 0))
    FROM pg_class c
    WHERE c.oid = '_rde_report_chunk'::regclass OR c.oid = (SELECT r.reltoastrelid FROM pg_class r WHERE r.oid = '_rde_report_chunk'::regclass)
\$\$;
SQL

my ($largest, $oldest, $vacuums) = (0, 0, 0);
for my $day (1 .. 95)
{
	$node->safe_psql('postgres', "CALL one_day($day)");
	if ($node->safe_psql('postgres', 'SELECT pg_stat_force_next_flush() IS NULL; SELECT is_due()') =~ /t$/)
	{
		$node->safe_psql('postgres', 'VACUUM _rde_report_chunk; VACUUM _rde_report');
		$vacuums++;
	}
	my ($size, $live, $expired) = split /\|/, $node->safe_psql('postgres', q{
		SELECT pg_total_relation_size('_rde_report_chunk'), (SELECT sum(octet_length(data)) FROM _rde_report_chunk),
			   (SELECT count(*) FROM _rde_report WHERE expires_at < now() - interval '1 day')});
	$largest = $size / $live if $day >= 10 && $size / $live > $largest;
	$oldest += $expired;
}
my ($count, $visible, $kept, $span) = split /\|/, $node->safe_psql('postgres', q{
	SELECT (SELECT count(*) FROM _rde_report), (SELECT count(*) FROM rde_reports), count(*) FILTER (WHERE expires_at > now()), now() - min(published_at) < interval '30 days 1 hour' FROM _rde_report});
cmp_ok($vacuums, '>', 0, "vacuum came $vacuums times");
cmp_ok($count, '>', 28 * $reports, "$count reports are stored");
is($visible, $kept, 'those that have not expired are seen');
cmp_ok($count - $kept, '>', 0, 'and no more, though the last to expire are still there');
is($span, 't', 'none is older than its retention');
is($oldest, 0, 'on no day one was there that had expired a day ago');
cmp_ok($largest, '<=', 1.2, sprintf 'the table takes at most %.3f times of what is in it', $largest);

$node->stop;
done_testing();

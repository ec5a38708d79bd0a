# worker_cron.pl
#
# A real pg_cron runs the workers: scheduled in its own database by
# rde_schedule(), and in another by what the error's hint says to run.  Both
# wait for the same minute.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my ($libdir) = run_command([ $ENV{PG_CONFIG} // 'pg_config', '--pkglibdir' ]);
plan skip_all => 'pg_cron is not installed' unless -e "$libdir/pg_cron.so";

my $node = PostgreSQL::Test::Cluster->new('cron');
$node->init;
$node->append_conf('postgresql.conf', <<'END');
shared_preload_libraries = 'pg_cron'
cron.database_name = 'home'
cron.use_background_workers = on
max_worker_processes = 20
END

$node->start;

for my $database ('home', 'else where')
{
	$node->safe_psql('postgres', qq(CREATE DATABASE "$database"));
	$node->safe_psql($database, <<'END');
CREATE SCHEMA "Rde Home";
CREATE EXTENSION rde SCHEMA "Rde Home";
SET search_path = "Rde Home", public;
CREATE TABLE sale (id bigint PRIMARY KEY, reseller bigint, changed_at timestamptz);
INSERT INTO sale SELECT n, 7, date_trunc('day', now(), 'UTC') - interval '12 hours' FROM generate_series(1, 3) n;
SET client_min_messages = error;
SELECT rde_create_dataset('sales', 'Sales');
SELECT rde_attach('sales', 'sale', 'reseller', 'changed_at');
SELECT rde_create_generator('sales', 'daily', '{csv}', 'daily', start => current_date - 2, time_zone => 'UTC');
END
}
my $path = 'SET search_path = "Rde Home", public;';
$node->safe_psql('home', 'CREATE EXTENSION pg_cron');

# nothing runs yet, and that can be seen
is($node->safe_psql('home', "$path SELECT string_agg(finding, ' ' ORDER BY finding) FROM rde_health"),
	'cron_job_missing generator_late no_worker', 'rde_health misses a worker and its job');

# what cannot be scheduled
for my $case (
	[ "every => '7 minutes'", qr/"7 minutes" is no interval that cron knows/ ],
	[ "every => 'often'", qr/"often" is no interval that cron knows/ ],
	[ "workers => 0", qr/workers must be between 1 and 64/ ])
{
	my ($status, undef, $error) = $node->psql('home', "$path SELECT rde_schedule($case->[0])");
	isnt($status, 0, "rde_schedule($case->[0]) fails");
	like($error, $case->[1], 'and says why');
}

# three workers become two
$node->safe_psql('home', "$path SELECT rde_schedule('5 minutes', 3); SELECT rde_schedule()");
is($node->safe_psql('home', 'SELECT jobname, schedule, command FROM cron.job ORDER BY 1'),
	qq(rde 1|* * * * *|CALL "Rde Home".rde_run_due(wait => '55 s')\nrde 2|* * * * *|CALL "Rde Home".rde_run_due(wait => '55 s')),
	'two workers are scheduled each minute');

# an ordinary role is told what it lacks
$node->safe_psql('home', 'CREATE ROLE ordinary; GRANT USAGE ON SCHEMA "Rde Home" TO ordinary;'
	  . ' GRANT EXECUTE ON FUNCTION "Rde Home".rde_schedule TO ordinary;');
my ($status, undef, $error) = $node->psql('home', qq(SET ROLE ordinary; SELECT "Rde Home".rde_schedule()));
like($error, qr/may not schedule jobs.*GRANT USAGE ON SCHEMA cron TO ordinary;/s, 'a role without rights in pg_cron is told what to grant');
$node->safe_psql('home', 'GRANT USAGE ON SCHEMA cron TO ordinary');
(undef, undef, $error) = $node->psql('home', qq(SET ROLE ordinary; SELECT "Rde Home".rde_schedule()));
like($error, qr/may not call rde_run_due.*GRANT EXECUTE ON PROCEDURE "Rde Home".rde_run_due TO ordinary;/s,
	'and so is one whose jobs would fail');
$node->safe_psql('else where', 'GRANT USAGE ON SCHEMA "Rde Home" TO ordinary; GRANT EXECUTE ON FUNCTION "Rde Home".rde_schedule TO ordinary');
(undef, undef, $error) = $node->psql('else where', qq(SET ROLE ordinary; SELECT "Rde Home".rde_schedule()));
like($error, qr/pg_cron is not in database "else where".*cron.schedule_in_database/s, 'an ordinary role is given the hint, too');

# the other database: the hint is what to run
($status, undef, $error) = $node->psql('else where', "$path SELECT rde_schedule(workers => 1)");
isnt($status, 0, 'where pg_cron is not, rde_schedule fails');
my ($hint) = $error =~ /HINT:  Run this in database "home":\n(.*?)(?:\nCONTEXT|$)/s;
ok($hint, 'its hint names the database to go to');
$node->safe_psql('home', $hint // 'SELECT');
is($node->safe_psql('home', qq(SELECT jobname, database FROM cron.job WHERE database <> 'home')),
	'rde 1 of else where|else where', 'and what to run there');

my $begin = time();
my %made;
while (keys %made < 2 && time() < $begin + 100)
{
	for my $database ('home', 'else where')
	{
		$made{$database} = 1
		  if $node->safe_psql($database, qq($path SELECT count(*) FROM rde_reports WHERE status = 'completed' AND row_count = 3)) eq '1';
	}
	usleep(500_000);
}
ok($made{home}, 'pg_cron made the report of its database');
ok($made{'else where'}, 'and that of the other');
is($node->safe_psql('home', "$path SELECT count(*) FROM rde_health"), '0', 'then all is well');

# uploads are scheduled where rde_azure is, and no longer where it was
my $has_azure = $node->safe_psql('home', "SELECT count(*) FROM pg_available_extensions WHERE name = 'rde_azure'");
if ($has_azure)
{
	my $jobs = q(SELECT string_agg(jobname || ': ' || command, E'\n' ORDER BY jobname) FROM cron.job WHERE jobname ~ 'rde azure');
	$node->safe_psql('home', qq(CREATE EXTENSION rde_azure SCHEMA "Rde Home"; $path SELECT rde_schedule()));
	is($node->safe_psql('home', $jobs),
		qq(rde azure 1: CALL "Rde Home".rde_azure_upload_due()\nrde azure 2: CALL "Rde Home".rde_azure_upload_due()), 'uploads are scheduled too');
	(undef, undef, $error) = $node->psql('else where', qq(CREATE EXTENSION rde_azure SCHEMA "Rde Home"; $path SELECT rde_schedule(workers => 1)));
	like($error, qr/'rde azure 1 of else where'.*CALL "Rde Home".rde_azure_upload_due\(\)/, 'in another database by the hint');
	$node->safe_psql('home', "DROP EXTENSION rde_azure; $path SELECT rde_schedule()");
	is($node->safe_psql('home', $jobs), '', 'without rde_azure they go');
}
is($node->safe_psql('home', "$path SELECT rde_unschedule()"), '2', 'rde_unschedule removes the workers');
is($node->safe_psql('home', 'SELECT jobname FROM cron.job'), 'rde 1 of else where', 'and leaves other jobs alone');
is($node->safe_psql('home', "$path SELECT rde_unschedule()"), '0', 'and finds none the second time');
$node->stop('immediate');
done_testing();

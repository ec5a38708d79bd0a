# period_calendar.pl
#
# Days and generators' periods, whatever clocks do (X5): in many zones as an oracle
# reckons them; and, under a clock that runs, stands, leaps and is
# set back, no period missing, none double, no row in two reports or in none.
#
# RDE_SOAK=1 takes every zone there is and walks three times; RDE_SEED repeats a
# walk.  Without libfaketime nothing is walked.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use POSIX qw(strftime);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeFiles;
use Test::More;
use Time::Local qw(timegm);

my $soak = $ENV{RDE_SOAK};
my $seed = $ENV{RDE_SEED} // int(rand(1_000_000));
srand($seed);
note "seed $seed";

# The oracle reads the same time zones: those of the system, or PostgreSQL's own.
my $sharedir = `$ENV{PG_CONFIG} --sharedir`;
chomp $sharedir;
$ENV{PYTHONTZPATH} = -d "$sharedir/timezone" ? "$sharedir/timezone" : '/usr/share/zoneinfo';

sub oracle
{
	my ($command, $file) = @_;
	my ($out, $err) = run_command([ '/usr/bin/python3', "$FindBin::RealBin/../tools/zone_calendar.py", $command, $file ]);
	is($err, '', "$command: as the oracle reckons");
	return $out;
}

###########################################################################
# Days and periods in many zones
###########################################################################

my $node = new_server('calendar');
my $table = $node->basedir . '/table';

# Of zones that did something odd: midnight skipped or seen twice, days that
# never were, half hours, clocks that are ahead in winter, seconds.
my @zones = qw(
  Africa/Cairo Africa/Casablanca Africa/Monrovia America/Argentina/Buenos_Aires
  America/Asuncion America/Caracas America/Havana America/New_York
  America/Nuuk America/Santiago America/Sao_Paulo America/Scoresbysund
  America/St_Johns America/Toronto Antarctica/Casey Antarctica/Troll Asia/Amman
  Asia/Beirut Asia/Damascus Asia/Dhaka Asia/Gaza Asia/Kathmandu Asia/Pyongyang
  Asia/Tehran Atlantic/Azores Australia/Lord_Howe Australia/Sydney
  Etc/GMT+12 Etc/GMT-14 Europe/Berlin Europe/Dublin Europe/Lisbon Europe/London
  Europe/Moscow Pacific/Apia Pacific/Chatham Pacific/Fakaofo Pacific/Kiritimati
  Pacific/Kwajalein UTC);
my $known = `/usr/bin/python3 -c 'import zoneinfo; print(*zoneinfo.available_timezones())'`;
chomp $known;
my $wanted = $soak ? $known : join ' ', @zones;
my $years = $soak ? '1970 AND 2037' : '1993 AND 1996 OR year BETWEEN 2007 AND 2022 OR year BETWEEN 2036 AND 2037';
my $month_days = $soak ? 'generate_series(1, 31)' : "unnest('{1,2,15,28,29,30,31}'::int[])";
my $month_starts = $soak ? 'generate_series(2, 28)' : "unnest('{2,15,25,28}'::int[])";

# Periods that begin where a day, week, month or quarter of the zone does, and where
# one of any other zone, or any day, does, as after a change of zones or calendars.
$node->safe_psql('postgres', qq{
	CREATE TEMP TABLE zone AS SELECT name FROM pg_timezone_names
	WHERE name = ANY (string_to_array('$wanted', ' ')) AND name = ANY (string_to_array('$known', ' '));

	CREATE TEMP TABLE other AS SELECT n, format('Etc/GMT%s%s', CASE WHEN n >= 0 THEN '+' END, n) AS name
	FROM generate_series(-14, 12) n;

	CREATE TEMP TABLE day AS SELECT day::date AS day, day::date - date '1970-01-01' AS number
	FROM generate_series(timestamp '1970-01-01', '2037-12-31', '1 day') day, extract(year FROM day) year
	WHERE year BETWEEN $years;
	CREATE TEMP TABLE month AS SELECT * FROM day WHERE extract(day FROM day) = 1;

	CREATE TEMP TABLE wanted AS
	SELECT 'daily' AS event, day, number, 1 AS week_day, 1 AS month_start, 1 AS month_day, NULL AS other FROM day
	UNION ALL
	SELECT 'daily', day, number, 1, 1, 1, name FROM day JOIN other ON n = number * 7 % 27 - 14
	UNION ALL
	SELECT 'weekly', day, number, 1 + number / 7 % 7, 1, 1, CASE WHEN number % 2 = 0 THEN name END
	FROM day JOIN other ON n = number * 11 % 27 - 14
	UNION ALL
	SELECT 'monthly', day, number + month_day, 1, 1, month_day, NULL FROM month, $month_days month_day
	UNION ALL
	SELECT 'monthly', day, number + n, 1, 1, 15 + n, name FROM month, other
	UNION ALL
	SELECT 'monthly', day + month_start - 1, number + month_day, 1, month_start, month_day, NULL
	FROM month, $month_starts month_start, $month_days month_day
	UNION ALL
	SELECT 'monthly', day, number, 1, month_start, number % 31 + 1, CASE WHEN number % 2 = 0 THEN name END
	FROM day JOIN other ON n = number * 5 % 27 - 14, $month_starts month_start
	WHERE number % 7 = 0
	UNION ALL
	SELECT 'quarterly', day, number + month_day, 1, 1, month_day, NULL FROM month, $month_days month_day
	UNION ALL
	SELECT 'quarterly', day, number + n, 1, 1, 15 + n, name FROM month, other WHERE n % 4 = 0;

	COPY (
		SELECT z.name, w.event, CASE WHEN w.other IS NULL THEN w.day END, w.week_day, w.month_start, w.month_day,
			   t.run_at,
			   (extract(epoch FROM f.begin) * 1000000)::bigint, (extract(epoch FROM p.period_to) * 1000000)::bigint,
			   (extract(epoch FROM p.run) * 1000000)::bigint
		FROM zone z CROSS JOIN wanted w,
		LATERAL (SELECT _rde_day_start(w.day, coalesce(w.other, z.name))) f(begin),
		LATERAL (SELECT ('{00:00,00:30,01:30,02:00,02:30,02:59:59.999999,03:00,12:34:56.789,23:30,24:00}'::time[])
						[1 + w.number % 10]) t(run_at),
		LATERAL _rde_next_period(w.event, f.begin, z.name, w.week_day, w.month_start, w.month_day, t.run_at) p
		ORDER BY z.name
	) TO '$table' (NULL '');
});
like(oracle('table', $table), $soak ? qr/^periods=\d{8,} zones=[4-9]\d\d$/ : qr/^periods=\d{7} zones=(39|40)$/,
	'as many as were asked for');
unlink $table;
$node->stop;

###########################################################################
# A clock that is set forward and back
###########################################################################

my ($faketime) = grep { -e } glob('/usr/lib/*/faketime/libfaketime.so.1 /usr/lib*/faketime/libfaketime.so.1');
if (!$faketime)
{
	note 'no libfaketime: nothing is walked';
	done_testing();
	exit;
}

# The server's clock stands at what this file says, looked at each time; latches
# wait by the monotonic clock, which is left alone.
my $clock = PostgreSQL::Test::Utils::tempdir() . '/clock';
my $now;

sub set_clock
{
	$now = shift;
	append_to_file("$clock.new", strftime('%Y-%m-%d %H:%M:%S', gmtime $now));
	rename "$clock.new", $clock or die "$clock: $!";
}

set_clock(timegm(0, 0, 0, 2, 10 - 1, 2015));
$node = PostgreSQL::Test::Cluster->new('clock');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nclient_min_messages = warning\n");
{
	local %ENV = (%ENV,
		LD_PRELOAD => $faketime,
		FAKETIME_TIMESTAMP_FILE => $clock,
		FAKETIME_NO_CACHE => 1,
		FAKETIME_DONT_FAKE_MONOTONIC => 1,
		NO_FAKE_STAT => 1);
	$node->start;
}

# A row an hour, that says when by an instant or by a Unix second.
$node->safe_psql('postgres', q{
	CREATE EXTENSION rde;
	CREATE ROLE shop_owner;
	CREATE TABLE sale (id bigint PRIMARY KEY, reseller bigint, changed timestamptz NOT NULL);
	CREATE TABLE visit (id bigint PRIMARY KEY, reseller bigint, changed bigint NOT NULL);
	ALTER TABLE sale OWNER TO shop_owner;
	ALTER TABLE visit OWNER TO shop_owner;
	INSERT INTO sale SELECT extract(epoch FROM t) / 3600, 1, t
	FROM generate_series(timestamptz '2015-06-01 00:00Z', '2016-07-01 00:00Z', '1 hour') t;
	INSERT INTO visit SELECT id, reseller, extract(epoch FROM changed) FROM sale;
	SELECT rde_create_dataset('sales', 'Sales'), rde_create_dataset('visits', 'Visits');
	SELECT rde_attach('sales', 'sale', 'reseller', 'changed'), rde_attach('visits', 'visit', 'reseller', 'changed');
});

# Clocks change in each of these zones between then and spring: midnight is
# skipped in some and seen twice, half an hour in one, and a leap day is near.
my @generators = (
	# name, event, zone, week_day, month_start, month_day, run_at, start, catch_up, data set
	[ 'berlin', 'daily', 'Europe/Berlin', 1, 1, 1, '02:30:00', '2015-10-02', 'all', 'sales' ],
	[ 'havana', 'daily', 'America/Havana', 1, 1, 1, '00:00:00', '2015-10-02', 'all', 'sales' ],
	[ 'lord howe', 'daily', 'Australia/Lord_Howe', 1, 1, 1, '01:45:00', '2015-10-02', 'all', 'visits' ],
	[ 'sao paulo', 'daily', 'America/Sao_Paulo', 1, 1, 1, '00:10:00', '2015-09-22', 'all', 'visits' ],
	[ 'moves', 'daily', 'Pacific/Kiritimati', 1, 1, 1, '06:00:00', '2015-10-02', 'all', 'sales' ],
	[ 'latest', 'daily', 'Europe/Berlin', 1, 1, 1, '00:00:00', '2015-10-02', 'none', 'sales' ],
	[ 'month', 'monthly', 'America/Havana', 1, 1, 1, '00:00:00', '2015-10-02', 'all', 'sales' ],
	[ 'month end', 'monthly', 'Europe/Berlin', 1, 1, 31, '02:30:00', '2015-08-10', 'all', 'visits' ],
	[ 'month moves', 'monthly', 'Asia/Kathmandu', 1, 1, 30, '02:30:00', '2015-10-10', 'all', 'visits' ],
	[ 'month latest', 'monthly', 'Australia/Lord_Howe', 1, 1, 29, '12:00:00', '2015-10-10', 'none', 'sales' ],
	[ 'month moves on', 'monthly', 'America/Sao_Paulo', 1, 25, 25, '01:00:00', '2015-10-10', 'all', 'sales' ],
	[ 'month from 18', 'monthly', 'America/Sao_Paulo', 1, 18, 1, '00:00:00', '2015-10-17', 'all', 'visits' ],
	[ 'week', 'weekly', 'America/Havana', 7, 1, 1, '00:00:00', '2015-10-02', 'all', 'sales' ],
	[ 'week moves', 'weekly', 'Europe/Berlin', 1, 1, 1, '02:30:00', '2015-10-04', 'all', 'visits' ],
	[ 'week latest', 'weekly', 'Australia/Lord_Howe', 3, 1, 1, '12:00:00', '2015-10-02', 'none', 'sales' ],
	[ 'quarter', 'quarterly', 'Asia/Kathmandu', 1, 1, 31, '02:30:00', '2015-08-20', 'all', 'sales' ]);
my @moves = qw(Pacific/Honolulu Europe/Berlin America/Havana Asia/Kathmandu
  Australia/Lord_Howe Pacific/Kiritimati);

sub walk
{
	my $diary = $node->basedir . '/diary';
	my (@steps, @deck);

	unlink $diary;
	set_clock(timegm(0, 0, 0, 2, 10 - 1, 2015));
	my $create = '';
	for (@generators)
	{
		my ($name, $event, $zone, $week_day, $month_start, $month_day, $run_at, $from, $catch_up, $dataset) = @$_;
		$create .= qq{SELECT rde_create_generator('$dataset', '$name', '{csv}', '$event', time_zone => '$zone',
			week_day => $week_day, month_start => $month_start, month_day => $month_day, run_at => '$run_at',
			start => '$from', catch_up => '$catch_up',
			retention => '20 years', options => '{"compress": false}');};
		append_to_file($diary, join("\t", 'generator', @$_[ 0 .. 8 ]) . "\n");
	}
	$node->safe_psql('postgres', "TRUNCATE _rde_generator, _rde_report CASCADE; $create");

	# Nothing is missed, or one, three or forty days; a clock is a day and an
	# hour wrong, and put right; it stands where a period's report is due, where
	# the period has not settled yet, and where it just has.
	my $latest = $now;
	while ($latest < timegm(0, 0, 0, 20, 4 - 1, 2016))
	{
		@deck = ((map { [ hours => $_ ] } 0, 24, 72, 960, 25, -25, -25, 25),
			(map { [ due => $_ ] } 0, 1, 6), [ move => 'moves' ], [ move => 'month moves' ],
			[ move => 'week moves' ], [ week_day => 'week moves' ], [ month_start => 'month moves on' ],
			map { [ hours => rand(60) ] } 1 .. 6)
		  unless @deck;
		my ($kind, $what) = @{ splice @deck, rand @deck, 1 };
		if ($kind eq 'move' || $kind =~ /^(week_day|month_start)$/)
		{
			my ($field, $value) = $kind eq 'move' ? ('time_zone', $moves[ rand @moves ])
				: ($kind, 1 + int rand($kind eq 'week_day' ? 7 : 28));
			# else it would follow
			my $other = $kind eq 'month_start' ? ', month_day => 25' : '';
			$node->safe_psql('postgres', "SELECT rde_alter_generator(id, $field => '$value'$other) FROM _rde_generator WHERE name = '$what'");
			append_to_file($diary, join("\t", 'alter', $what, $field eq 'time_zone' ? 'zone' : $field, $value) . "\n");
			push @steps, $value;
			next;
		}
		set_clock(int($kind eq 'hours' ? $now + $what * 3600
			: $what + $node->safe_psql('postgres', 'SELECT extract(epoch FROM min(next_run_at))::bigint FROM _rde_generator')));
		$latest = $now if $now > $latest;
		$node->safe_psql('postgres', 'CALL rde_run_due()');
		append_to_file($diary, "run\t${now}000000\n");
		push @steps, sprintf '%s%s%.4g', $kind, $kind eq 'hours' ? ' ' : '+', $what;
	}
	note "@steps";
	# All periods end on full minutes.
	set_clock($latest - $latest % 60 + 90);
	$node->safe_psql('postgres', 'CALL rde_run_due()');
	append_to_file($diary, "run\t${now}000000\n");

	append_to_file($diary, $node->safe_psql('postgres', q{
		SELECT format(E'report\t%s\t%s\t%s\t%s', g.name, extract(epoch FROM r.period_from) * 1000000,
					  extract(epoch FROM r.period_to) * 1000000, extract(epoch FROM r.due_at) * 1000000)
		FROM _rde_report r JOIN _rde_generator g ON g.id = r.generator ORDER BY g.name, r.period_from
	}) =~ s/\.0+(?=\s|$)//gr . "\n");
	like(oracle('replay', $diary), qr/^reports=\d{4} runs=\d\d+$/, 'as many as there should be');

	is($node->safe_psql('postgres', q{
		SELECT status, provisional, revision, attempts, count(*) > 1000 FROM _rde_report GROUP BY 1, 2, 3, 4
	}), 'completed|f|1|1|t', 'each is built, once, after its period settled');
	is($node->safe_psql('postgres', q{
		SELECT g.name FROM (SELECT generator, period_from, lag(period_from) OVER (PARTITION BY generator ORDER BY xmin::text::bigint) AS previous FROM _rde_report) r
		JOIN _rde_generator g ON g.id = r.generator
		WHERE r.period_from < r.previous
	}), '', 'in the order of their periods');
	is($node->safe_psql('postgres', q{
		WITH line AS (
			SELECT g.name, l.line FROM _rde_generator g JOIN _rde_report r ON r.generator = g.id,
				regexp_split_to_table(rde_text(r.id), E'\r\n') l(line)
			WHERE g.catch_up = 'all' AND l.line ~ '^\d'),
		got AS (
			SELECT name, count(*), count(DISTINCT split_part(line, ',', 1)) AS different,
				min(split_part(line, ',', 1)::bigint) AS first, max(split_part(line, ',', 1)::bigint) AS last
			FROM line GROUP BY name),
		wanted AS (
			SELECT g.name, ceil(extract(epoch FROM min(r.period_from)) / 3600) AS first,
				ceil(extract(epoch FROM max(r.period_to)) / 3600) - 1 AS last
			FROM _rde_generator g JOIN _rde_report r ON r.generator = g.id WHERE g.catch_up = 'all' GROUP BY g.name)
		SELECT name, got, wanted FROM wanted LEFT JOIN got USING (name)
		WHERE (got.first, got.last, got.count, got.different)
			IS DISTINCT FROM (wanted.first, wanted.last, wanted.last - wanted.first + 1, wanted.last - wanted.first + 1)
	}), '', 'every row of theirs is in one of them');
}

walk() for 1 .. ($soak ? 3 : 1);
$node->stop;
done_testing();

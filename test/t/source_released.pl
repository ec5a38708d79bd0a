# source_released.pl
#
# What was released stays as it is: scripts, databases and steps in sql/released/ and
# beside have the checksums they were given, and there is a way from each version to
# this one.

use strict;
use warnings;
use Digest::SHA;
use PostgreSQL::Test::Utils;
use RdeUpgrade;
use Test::More;

plan skip_all => 'RDE_SOURCE names no source tree' unless $ENV{RDE_SOURCE};
my $top = $ENV{RDE_SOURCE};

my %sum = map { reverse split /  / } split /\n/, slurp_file("$top/sql/released/SHA256SUMS");
my @changed = grep { !-e "$top/$_" || Digest::SHA->new(256)->addfile("$top/$_")->hexdigest ne $sum{$_} } sort keys %sum;
is("@changed", '', 'what was released is as it was: changes belong into a step from it');

for my $extension ([ 'rde', '.', 'sql/rde/upgrade' ], [ 'rde_azure', 'azure', 'azure/sql/upgrade' ])
{
	my ($name, $folder, $steps) = @$extension;
	my ($version) = slurp_file("$top/$folder/$name.control") =~ /^default_version = '(.*)'$/m;
	my @released = map { m{--(.*)\.sql$} } glob("$top/sql/released/$name--*.sql");
	my %step = map { m{([^/]*)--(.*)\.sql$} } glob("$top/$steps/*--*.sql");

	cmp_ok(scalar(@released), '>', 0, "$name was released");
	is(join(' ', grep { !$sum{"sql/released/$name--$_.sql"} } @released), '', 'with checksums');
	for my $from (sort keys %step)
	{
		my $to = $step{$from};
		next unless grep { $_ eq $to } @released;
		is(join(' ', grep { -e "$top/$_" && !$sum{$_} } map { "$steps/$_$from--$to.sql" } '', 'after/'), '', "the step from $from to $to, too");
	}
	for my $from (@released)
	{
		my $at = $from;
		for (1 .. keys %step)
		{
			$at = $step{$at} // last;
		}
		is($at, $version, "steps lead from $from to this version");
	}
	is(slurp_file(installed_script("$name--$version.sql")), slurp_file("$top/sql/released/$name--$version.sql"), 'what is installed is what was released')
	  if grep { $_ eq $version } @released;
}

done_testing();

# source_rooms.pl
#
# The rooms of src/: an include goes to the same room or to one further down, no
# files include each other in a circle, and doc/architecture.md shows the files
# there are.  And what an extension's script is made of is ASCII, for the server reads
# it in the encoding of the database.

use strict;
use warnings;
use Test::More;

my $top = $ENV{RDE_SOURCE} // '.';
my @files = map { s{^\Q$top\E/src/}{}r } sort glob("$top/src/*/*.[ch]");
cmp_ok(scalar(@files), '>', 50, 'there are files');

sub slurp
{
	my ($path) = @_;
	open(my $file, '<:encoding(UTF-8)', $path) or die "$path: $!";
	local $/;
	return <$file>;
}

# From doc/architecture.md: the rooms from the top down, and what is in each.
my ($tree) = slurp("$top/doc/architecture.md") =~ /^<!-- rooms -->\n```\n(.*?)^```\n/ms;
ok($tree, 'doc/architecture.md has the tree');
my (@rooms, %shown);
for my $line (split /\n/, $tree)
{
	if ($line =~ m{^src/(\w+)/})
	{
		push @rooms, $1;
	}
	elsif ($line =~ /^    ([a-z_0-9]+)\s{2,}\S/)
	{
		$shown{"$rooms[-1]/$1"} = 1;
	}
	else
	{
		fail("a line of the tree: $line");
	}
}
my %there = map { s/\.[ch]$//r => 1 } @files;
is(join(' ', sort keys %shown), join(' ', sort keys %there), 'the tree shows the files there are');

my %floor = map { $rooms[$_] => $_ } 0 .. $#rooms;
my (%includes, @upwards, @nowhere);
for my $file (@files)
{
	my ($room) = $file =~ m{^(\w+)/};
	for my $header (slurp("$top/src/$file") =~ /^#include "(\w+\/\w+\.h)"/mg)
	{
		my ($other) = $header =~ m{^(\w+)/};
		next unless exists $floor{$other};
		push @nowhere, "$file: $header" unless -e "$top/src/$header";
		push @upwards, "$file: $header" if $floor{$other} < $floor{$room};
		$includes{ $file =~ s/\.[ch]$//r }{ $header =~ s/\.h$//r } = 1;
	}
}
is("@nowhere", '', 'what is included is there');
is(join(', ', @upwards), '', 'nothing is included from a room further up');

# Depth first; what is on the way and met again is a circle.
my (%done, @circles);
sub follow
{
	my ($module, @way) = @_;
	if (grep { $_ eq $module } @way)
	{
		push @circles, join(' > ', @way, $module);
		return;
	}
	return if $done{$module}++;
	follow($_, @way, $module) for grep { $_ ne $module } sort keys %{ $includes{$module} // {} };
	return;
}
follow($_) for sort keys %includes;
is(join(', ', @circles), '', 'no circle');

# What takes a varlena apart came with postgres.h up to PostgreSQL 15; core/compat.h has
# it from any.
sub reaches
{
	my ($file, $seen) = @_;
	return 0 if $seen->{$file}++ || !-e "$top/src/$file";
	return 1 if $file eq 'core/compat.h';
	return scalar grep { reaches($_, $seen) } slurp("$top/src/$file") =~ /^#include "(\w+\/\w+\.h)"/mg;
}
my @without = grep {
	slurp("$top/src/$_") =~ /\b(?:SET_)?(?:VARSIZE|VARDATA|VARATT_IS)\w*\(/ && !reaches($_, {})
} @files;
is("@without", '', 'who takes a varlena apart includes core/compat.h');

# What is to be tried with bytes alone knows nothing of PostgreSQL.
is(join(' ', grep { m{^bytes/} && slurp("$top/src/$_") =~ /postgres\.h/ } @files), '', 'bytes/ is free of postgres.h');

# What formats there are is said in format/ alone.
my @names = map { slurp($_) =~ /^\t\.(?:other_)?name = "(\w+)"/mg } glob("$top/src/format/*.c");
cmp_ok(scalar(@names), '>', 3, 'formats have names');
my $name = join '|', @names;
is(join(' ', grep { !m{^format/} && slurp("$top/src/$_") =~ s{/\*.*?\*/}{}gsr =~ /"(?:$name)"/ } @files), '', 'no other room knows one by its name');

my @scripts = sort grep { -f } map { glob "$top/$_" } 'sql/rde/*.sql', 'sql/rde/*/*', 'sql/rde/*/*/*', 'azure/sql/*',
  'azure/sql/*/*', '*.control', 'azure/*.control';
cmp_ok(scalar(@scripts), '>', 30, 'there are scripts');
is(join(' ', grep { slurp($_) =~ /[^\x00-\x7f]/ } @scripts), '', 'scripts are ASCII, in whatever encoding they are read');

done_testing();

# source_invariants.pl
#
# doc/invariants.md and the tests know of each other: a name of a requirement that a
# test's comment uses is told there, once; the tests that are said to hold one exist,
# and name it; and what is said to have no test has none.

use strict;
use warnings;
use File::Find;
use Test::More;

my $top = $ENV{RDE_SOURCE} // '.';
my $tests = $ENV{PG_ABS_SRCDIR} // "$top/test";
my $name = qr/\b[SFMXBTNR](?:[1-9]|1[0-9])\b/;

sub slurp
{
	my ($path) = @_;
	open(my $file, '<:encoding(UTF-8)', $path) or die "$path: $!";
	local $/;
	return <$file>;
}

# What is told: each requirement, and the tests that hold it.
my ($told, $untested) = split /^## Without a test.*\n/m, slurp("$top/doc/invariants.md");
ok(defined $untested, 'doc/invariants.md has both parts');
my (%held_by, %seen, @twice, @bare);
for my $part ($told, $untested)
{
	for my $entry (split /\n\n+/, $part)
	{
		next unless $entry =~ /^\*\*($name)\*\*/;
		my $requirement = $1;
		push @twice, $requirement if $seen{$requirement}++;
		next if $part eq $untested;
		$held_by{$requirement} = [ $entry =~ /`([\w\/]+\.(?:pl|sql|spec|c))`/g ];
		push @bare, $requirement unless @{ $held_by{$requirement} };
	}
}
cmp_ok(scalar(keys %seen), '>', 40, 'requirements are told of');
is("@twice", '', 'each once');
is("@bare", '', 'with tests, or among those without');

# What tests name, in comments.
my (%names, %where);
find({ no_chdir => 1, wanted => sub {
	return unless m{\Q$tests\E/(\w+/.*\.(?:pl|pm|sql|spec|[ch]))$};
	my $file = $1;
	$names{$file} = {};
	for my $comment (slurp($_) =~ m{(?:^|\s)(?:\#|--|/?\*)\s(.*)$}mg)
	{
		$names{$file}{$1} = 1 while $comment =~ /($name)/g;
	}
	$where{$_}{$file} = 1 for keys %{ $names{$file} };
} }, $tests);
is(join(', ', map { "$_ in " . join(' and ', sort keys %{ $where{$_} }) } grep { !$seen{$_} } sort keys %where), '',
	'what tests name is told of');

my (@missing, @silent);
for my $requirement (sort keys %held_by)
{
	for my $test (@{ $held_by{$requirement} })
	{
		my $file = $test =~ m{^test/(.*)} ? $1 : ($test =~ /\.pl$/ ? 't/' : 'sql/') . $test;
		push @missing, "$requirement: $test" unless exists $names{$file};
		push @silent, "$requirement: $test" if $names{$file} && !$names{$file}{$requirement};
	}
}
is(join(', ', @missing), '', 'tests that are named exist');
is(join(', ', @silent), '', 'and say what they hold');

is(join(', ', map { "$_ by " . join(' and ', sort keys %{ $where{$_} }) } grep { !$held_by{$_} && $seen{$_} } sort keys %where), '',
	'what is without a test is held by none: move it to those with');

is(join(', ', grep { !exists $names{ (/\.pl$/ ? 't/' : 'sql/') . $_ } } slurp("$top/SECURITY.md") =~ /`(\w+\.(?:pl|sql))`/g), '',
	'tests that SECURITY.md names exist');

done_testing();

# source_recipes.pl
#
# Recipes that run elsewhere: those for forges say what .ci/run does, and the images of
# Containerfile have the libraries that their programs need.  "test/container", a part of
# "make soak", builds and starts them.

use strict;
use warnings;
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'RDE_SOURCE is not set' unless $ENV{RDE_SOURCE};

sub lines_of
{
	my ($file) = @_;

	return split /\n/, slurp_file("$ENV{RDE_SOURCE}/$file");
}

# Commands of a recipe, in order: what follows "- " or "- run: ".
sub commands
{
	return grep { !/^uses:/ } map { /^\s+- (?:run: )?(.*)/ ? $1 : () } lines_of(shift);
}

my @said = commands('.gitlab-ci.yml');
is_deeply([ commands('.github/workflows/check.yml') ], \@said, 'the forges are told the same');
is($said[-1], 'make check', 'as .ci/run does in the end');
is((grep { $_ eq 'make check' } lines_of('.ci/run')), 1, 'which says so, too');
is((grep { /^\s+(?:image|container): debian:12$/ } map { lines_of($_) } '.gitlab-ci.yml', '.github/workflows/check.yml'), 2, 'in a plain Debian');

# What is installed in each stage of the Containerfile.
my (%installed, %stages, $stage);
my $text = join "\n", lines_of('Containerfile');
$text =~ s/\\\n//g;
for (split /\n/, $text)
{
	$stage = $1 if /^FROM \S+ AS (\S+)/;
	next unless $stage;
	push @{ $stages{$stage} }, $_;
	$installed{$stage}{$_} = 1 for /install -y --no-install-recommends ([^&]*)/ ? split(' ', $1) : ();
}
is_deeply([ sort keys %stages ], [ 'build', 'gateway', 'server' ], 'stages of the Containerfile');

SKIP:
{
	my $release = -e '/etc/os-release' ? slurp_file('/etc/os-release') : '';
	my $root = dirname($ENV{PG_ABS_SRCDIR}) . '/stage';
	my %programs = (server => [ glob "$root/usr/lib/postgresql/*/lib/rde*.so" ], gateway => [ glob "$root/usr/bin/rde-gateway" ]);

	skip 'another system than that of the images', 2 unless $release =~ /^VERSION_CODENAME=bookworm$/m && $ENV{PG_CONFIG} && `$ENV{PG_CONFIG} --version` =~ / 15\./;
	for my $stage (sort keys %programs)
	{
		my %missing;

		for my $program (@{ $programs{$stage} })
		{
			for my $library (`readelf -d $program` =~ /\(NEEDED\).*\[(.*)\]/g)
			{
				next if $library =~ /^(?:libc|libm|libpthread|ld-linux.*|libasan|libubsan|libtsan)\.so/;
				my ($package) = `dpkg -S '*/$library' 2>/dev/null` =~ /^([^:\s]+)/;
				$missing{ $package // $library } = 1 unless $installed{$stage}{ $package // '' };
			}
		}
		is(join(' ', sort keys %missing), '', "libraries of $stage are in its image");
	}
}

done_testing();

# source_install.pl
#
# "make" and "make install" in another folder than that of the sources, as PGXS has
# it: the sources stay as they are, and what is installed is what is installed from
# within; "make uninstall" takes all of it away.

use strict;
use warnings;
use File::Basename qw(dirname);
use File::Find;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'RDE_SOURCE names no source tree' unless $ENV{RDE_SOURCE};

my $folder = PostgreSQL::Test::Utils::tempdir();
my ($source, $build, $stage) = ("$folder/source", "$folder/build", "$folder/stage");
my $usual = dirname($ENV{PG_ABS_SRCDIR}) . '/stage';
system_or_bail('cp', '-r', $ENV{RDE_SOURCE}, $source);
# what was built there would be found, and not built again
system_or_bail('make', '-s', '-C', $source, "PG_CONFIG=$ENV{PG_CONFIG}", 'clean');
mkdir $build or die "$build: $!";

# The files below a folder, with what $what says of each.
sub files
{
	my ($top, $what) = @_;
	my %files;
	find({ no_chdir => 1, wanted => sub { $files{ s/^\Q$top\E//r } = $what->($_) if -f } }, $top);
	return \%files;
}

sub run_make
{
	my (@arguments) = @_;
	my $out = '';
	my $ok = IPC::Run::run([ 'make', '-s', '-j2', '-C', $build, '-f', "$source/Makefile", "PG_CONFIG=$ENV{PG_CONFIG}",
			'with_llvm=no', 'CFLAGS=-O0', 'RDE_PREFIX=/usr', "DESTDIR=$stage", @arguments ], '>', \$out, '2>&1');
	diag($out) unless $ok;
	return $ok;
}

my $unchanged = sub { join ' ', (stat $_[0])[ 7, 9 ] };
my $before = files($source, $unchanged);
ok(run_make('all'), 'make');
ok(run_make('install'), 'make install');
is_deeply(files($source, $unchanged), $before, 'nothing is written among the sources');

# Text is the same; of programs only that they are there.
my $content = sub { my $text = slurp_file($_[0]); $_[0] =~ /\.(so|bc)$|gateway$/ ? '' : $text };
is_deeply(files($stage, $content), files($usual, $content), 'what is installed is what is installed from within');

ok(run_make('uninstall'), 'make uninstall');
is_deeply(files($stage, $content), {}, 'leaves nothing');
ok(run_make('clean'), 'make clean');
is(join(' ', grep { /\.(o|so|sql)$|gateway$/ } sort keys %{ files($build, sub { 1 }) }), '', 'leaves no objects');

done_testing();

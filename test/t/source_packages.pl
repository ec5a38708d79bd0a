# source_packages.pl
#
# Debian's packages: they build from the sources as they are, each holds what belongs
# into it and nothing else, lintian finds no error, and what they hold works.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'takes a minute: make soak' unless $ENV{RDE_SOAK};
plan skip_all => 'RDE_SOURCE names no source tree' unless $ENV{RDE_SOURCE};
for my $tool (qw(dpkg-buildpackage dh pg_buildext))
{
	plan skip_all => "$tool is not there" if system("command -v $tool >/dev/null") != 0;
}

my $folder = PostgreSQL::Test::Utils::tempdir();
my $source = "$folder/rde";
system_or_bail('cp', '-r', $ENV{RDE_SOURCE}, $source);
system_or_bail('make', '-s', '-C', $source, "PG_CONFIG=$ENV{PG_CONFIG}", 'clean');

# Versions of PostgreSQL whose packages this release builds.
chomp(my @versions = split /\s+/, `cd '$source' && pg_buildext supported-versions .`);
cmp_ok(scalar(@versions), '>', 0, 'there are versions to build for');

my $log = '';
ok(IPC::Run::run([ 'dpkg-buildpackage', '-b', '-us', '-uc', '-d' ], '>', \$log, '2>&1', init => sub { chdir $source or die }),
	'dpkg-buildpackage')
  or diag $log;

# The files of a package, without documents.
sub files
{
	my ($package) = @_;
	my ($deb) = glob("$folder/${package}_*.deb");
	return undef unless $deb;
	my ($list) = run_command([ 'dpkg-deb', '-c', $deb ]);
	system_or_bail('dpkg-deb', '-x', $deb, "$folder/root");
	return [ sort grep { !m{/$} && !m{^/usr/share/doc/} } map { m{ \.(/\S*)} } split /\n/, $list ];
}

my ($rde) = slurp_file("$source/rde.control") =~ /^default_version = '(.*)'$/m;
my ($azure) = slurp_file("$source/azure/rde_azure.control") =~ /^default_version = '(.*)'$/m;
# the scripts of an extension: what installs it, and what updates each that was released
sub scripts
{
	my ($name, $version) = @_;
	my @older = grep { $_ ne $version } map { m{--(.*)\.sql$} } glob("$source/sql/released/$name--*.sql");
	return sort "$name--$version.sql", map { "$name--$_--$version.sql" } @older;
}
mkdir "$folder/root";
for my $v (@versions)
{
	my ($lib, $extension) = ("/usr/lib/postgresql/$v/lib", "/usr/share/postgresql/$v/extension");
	is_deeply(files("postgresql-$v-rde"), [ "$lib/rde.so", (map { "$extension/$_" } scripts('rde', $rde)), "$extension/rde.control" ],
		"postgresql-$v-rde has the extension");
	is_deeply(files("postgresql-$v-rde-azure"), [ "$lib/rde_azure.so", (map { "$extension/$_" } scripts('rde_azure', $azure)), "$extension/rde_azure.control" ],
		"postgresql-$v-rde-azure has what uploads");
}
my $units = '/lib/systemd/system';
is_deeply(files('rde-gateway'),
	[ "$units/rde-gateway.service", "$units/rde-worker.service", "$units/rde-worker.timer", '/usr/bin/rde-gateway', '/usr/share/man/man1/rde-gateway.1.gz' ],
	'rde-gateway has the program, its man page and the units');
ok(-e "$folder/root/usr/share/doc/postgresql-$versions[0]-rde/README.md.gz", 'documents are there');
like(slurp_file("$folder/root$units/rde-gateway.service"), qr{^ExecStart=/usr/bin/rde-gateway }m, 'the unit starts that program');
SKIP:
{
	skip 'systemd-analyze is not there', 1 if system('command -v systemd-analyze >/dev/null') != 0;
	my $said = '';
	IPC::Run::run([ 'systemd-analyze', 'verify', '--man=no', "--root=$folder/root", 'rde-gateway.service', 'rde-worker.timer' ], '>', \$said, '2>&1');
	unlike($said, qr/rde-\w+\.(service|timer):\d+:/, 'systemd understands each line of the units');
}
SKIP:
{
	skip 'lintian is not there', 1 if system('command -v lintian >/dev/null') != 0;
	my ($changes) = glob("$folder/*.changes");
	my $said = '';
	# whoever publishes packages is their maintainer, and has an address
	ok(IPC::Run::run([ 'lintian', '--fail-on', 'error,warning', '--suppress-tags',
				'bogus-mail-host,bogus-mail-host-in-debian-changelog,initial-upload-closes-no-bugs', $changes ], '>', \$said, '2>&1'),
		'lintian finds nothing') or diag $said;
}

# What is in them works, without what was built for the other tests.
my ($version) = (`$ENV{PG_CONFIG} --version` =~ /(\d+)/);
SKIP:
{
	skip "no package for PostgreSQL $version", 2 unless grep { $_ eq $version } @versions;
	my $node = PostgreSQL::Test::Cluster->new('packages');
	$node->init;
	my $conf = slurp_file($ENV{TEMP_CONFIG});
	my ($stage) = $conf =~ m{^extension_\w+ = '(.*?/stage)};
	$node->append_conf('postgresql.conf', $conf =~ s/\Q$stage\E/$folder\/root/gr);
	$node->start;
	is($node->safe_psql('postgres', 'CREATE EXTENSION rde; CREATE EXTENSION rde_azure; SELECT rde_version()'), $rde, 'the extensions can be created');
	like(`'$folder/root/usr/bin/rde-gateway' --version`, qr/^rde-gateway \Q$rde\E$/, 'the gateway runs');
}

done_testing();

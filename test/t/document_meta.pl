# document_meta.pl
#
# What tells of rde beside its documents agrees with it: META.json, the archive that
# "make dist" makes, Debian's changelog, the gateway's man page.

use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Utils;
use RdeGateway;
use Test::More;

plan skip_all => 'RDE_SOURCE names no source tree' unless $ENV{RDE_SOURCE};
my $top = $ENV{RDE_SOURCE};

my $meta = decode_json(slurp_file("$top/META.json"));
my ($version) = slurp_file("$top/rde.control") =~ /^default_version = '(.*)'$/m;
my ($azure) = slurp_file("$top/azure/rde_azure.control") =~ /^default_version = '(.*)'$/m;
is($meta->{version}, "$version.0", 'META.json has the version of rde');
is($meta->{provides}{rde}{version}, "$version.0", 'and of what it provides');
is($meta->{provides}{rde_azure}{version}, "$azure.0", 'both of them');
my @paths = map { @$_{qw(file docfile)} } values %{ $meta->{provides} };
is(join(' ', grep { !-e "$top/$_" } @paths), '', 'whose files are there');
is(join(' ', grep { !defined $meta->{$_} } qw(name abstract maintainer license meta-spec)), '', 'what PGXN requires is there');
is(decode_json(slurp_file("$top/gateway/openapi.json"))->{info}{version}, $version, 'the API has the version of rde');
like(slurp_file("$top/debian/changelog"), qr/\Arde \(\Q$version\E[~-]/, 'Debian\'s changelog begins with this version');

SKIP:
{
	skip 'git is not there', 3 if system('command -v git >/dev/null') != 0;
	my $folder = PostgreSQL::Test::Utils::tempdir();
	system_or_bail('cp', '-r', $top, "$folder/rde");
	my @git = ('git', '-C', "$folder/rde", '-c', 'user.name=test', '-c', 'user.email=test@localhost');
	system_or_bail(@git, 'init', '-q');
	system_or_bail(@git, 'add', 'META.json', 'Makefile', 'src');
	system_or_bail(@git, 'commit', '-q', '-m', 'test');
	my $out = '';
	ok(IPC::Run::run([ 'make', '-s', '-f', '../rde/Makefile', 'dist' ], '>', \$out, '2>&1', init => sub { mkdir "$folder/out"; chdir "$folder/out" or die }),
		'make dist')
	  or diag $out;
	my ($list) = run_command([ 'unzip', '-Z1', "$folder/out/rde-$version.0.zip" ]);
	like($list, qr{^rde-\Q$version\E\.0/META\.json$}m, 'the archive has a folder with META.json');
	unlike($list, qr{README}, 'and only what is committed');
}

my $program = gateway_program();
SKIP:
{
	skip 'there is no gateway', 4 unless $program;
	my ($help) = run_command([ $program, '--help' ]);
	my @options = $help =~ /(--[a-z-]+)/g;
	my $man = slurp_file("$top/gateway/rde-gateway.1") =~ s/\\-/-/gr;
	my $page = slurp_file("$top/doc/http.md");
	cmp_ok(scalar(@options), '>', 5, 'the gateway has options');
	is(join(' ', grep { index($man, $_) < 0 } @options), '', 'the man page tells of each');
	is(join(' ', grep { index($page, $_) < 0 && !/^--(help|version)$/ } @options), '', 'and so does doc/http.md');
	skip 'groff is not there', 1 if system('command -v groff >/dev/null') != 0;
	my $said = '';
	IPC::Run::run([ 'groff', '-man', '-Tutf8', '-ww', "$top/gateway/rde-gateway.1" ], '>', '/dev/null', '2>', \$said);
	is($said, '', 'groff has nothing to say about it');
}

done_testing();

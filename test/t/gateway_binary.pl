# gateway_binary.pl
#
# How rde-gateway is built: with what the compiler and the linker have against a
# fault that somebody found, unless whoever builds it says otherwise.

use strict;
use warnings;
use PostgreSQL::Test::Utils;
use RdeGateway;
use Test::More;

plan skip_all => 'the gateway was not built' unless gateway_program();
plan skip_all => 'readelf is not installed' unless `readelf --version 2>&1` =~ /^GNU readelf/;

sub readelf
{
	my ($option, $program) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'readelf', '-W', $option, $program ], '>', \$out, '2>', \$err) or die "readelf: $err";
	return $out;
}

sub is_hardened
{
	my ($program, $how, $flags) = @_;

	subtest "built $how" => sub {
		like(readelf('-h', $program), qr/Type:\s+DYN \(Position-Independent Executable file\)|Type:\s+DYN/, 'position-independent');
		like(readelf('-d', $program), qr/FLAGS_1\).*\bPIE\b/, 'as an executable');
		like(readelf('-l', $program), qr/GNU_RELRO/, 'RELRO');
		like(readelf('-d', $program), qr/BIND_NOW|FLAGS\).*BIND_NOW|FLAGS_1\).*\bNOW\b/, 'all of it, for everything is bound at the start');
		unlike(readelf('-l', $program), qr/GNU_STACK\s+(?:0x[0-9a-f]+\s+){5}RWE/, 'no stack that runs');
		my $symbols = readelf('--dyn-syms', $program);
		like($symbols, qr/__stack_chk_fail/, 'the stack is protected');
		# which needs optimization: counting coverage goes without
		like($symbols, qr/__(?:snprintf|vasprintf|fprintf|memcpy)_chk/, 'and so are buffers (_FORTIFY_SOURCE)') if $flags !~ /-O0/;
	};
	return;
}

is_hardened(gateway_program(), 'as make does', $ENV{CFLAGS} // '');

SKIP:
{
	skip 'the sources are not here', 2 unless $ENV{RDE_SOURCE} && -d "$ENV{RDE_SOURCE}/gateway";
	my $folder = PostgreSQL::Test::Utils::tempdir . '/own_flags';
	my $log = '';

	IPC::Run::run([ 'cp', '-r', $ENV{RDE_SOURCE}, $folder ]) or die 'cp';
	local $ENV{CFLAGS} = '-O1 -DOF_OUR_OWN';
	IPC::Run::run([ 'make', '-j2', '-C', "$folder/gateway", 'WERROR=' ], '>', \$log, '2>&1') or note($log);
	like($log, qr/-O1 -DOF_OUR_OWN/, 'CFLAGS of the environment are taken');
	is_hardened("$folder/gateway/rde-gateway", 'with CFLAGS of one\'s own', '-O1');
}

done_testing();

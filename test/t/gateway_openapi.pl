# gateway_openapi.pl
#
# openapi.json against the gateway: its paths and methods are the gateway's routes and
# no others; and a client that is made of it does all that a reseller does, each reply
# being one that it describes.

use strict;
use warnings;
use FindBin;
use JSON::PP;
use PostgreSQL::Test::Utils;
use RdeGateway;
use Test::More;
use Time::HiRes qw(time sleep);

plan skip_all => 'the gateway was not built' unless gateway_program();

my ($node, $tokens) = new_shop('openapi');
my $gateway = start_gateway($node);
my $description = decode_json(ask($gateway, 'GET /openapi.json')->{body});
my @methods = qw(GET HEAD POST PUT PATCH DELETE);
my $open = start_gateway($node, options => [ '--allow-origin', 'https://shop.example' ]);
my @preflight = (Origin => 'https://shop.example', 'Access-Control-Request-Method' => 'GET');

# What is described is there, with these methods.
for my $path (sort keys %{ $description->{paths} })
{
	my %described = map { uc $_ => 1 } grep { $_ ne 'parameters' } keys %{ $description->{paths}{$path} };
	$described{HEAD} = 1 if $described{GET};
	my $target = $path =~ s/\{id\}/00000000-0000-4000-8000-000000000000/r =~ s/\{\w+\}/x/gr;
	my @answered = grep { ask($gateway, "$_ $target", [], '{}')->{status} != 405 } @methods;
	is("@answered", join(' ', grep { $described{$_} } @methods), "methods of $path");
	my $allowed = join ', ', grep { $described{$_} } @methods;
	is(ask($gateway, "TRACE $target")->{headers}{allow} // 'none', $allowed, 'as Allow says') unless $path eq '/health';
	is(ask($open, "OPTIONS $target", \@preflight)->{headers}{'access-control-allow-methods'}, $allowed, 'and a page of another origin hears');
	is(join(' ', map { ask($gateway, "$_ $target/", [], '{}')->{status} } @methods), join(' ', map { ask($gateway, "$_ $target", [], '{}')->{status} } @methods), 'a slash at the end says nothing');
	for my $doubled ("/$target", "$target//", $target =~ s{(?<=.)/}{//}r)
	{
		is(ask($gateway, "GET $doubled")->{status}, 404, "no path: $doubled") if $doubled ne $target;
	}
	# what is sent twice is done once, and what is changed is what was seen
	for my $method (grep { /^(?:post|put|patch|delete)$/ } keys %{ $description->{paths}{$path} })
	{
		my $names = join ' ', map { $_->{'$ref'} // '' } @{ $description->{paths}{$path}{$method}{parameters} // [] };
		next if $path =~ m{^/token$|/preview$};
		like($names, $method eq 'post' ? qr{/IdempotencyKey\b} : qr{/IfMatch\b}, "$method $path: once");
	}
}
is(ask($gateway, "GET $_")->{status}, 404, "no path: $_") for '//', '///', '//panel/main.js', '/panel//main.js', '/reports//x', '/datasets//views/x', '/generators//runs';
stop_gateway($open);

# What is there is described.
SKIP:
{
	skip 'the sources are not here', 1 unless $ENV{RDE_SOURCE} && -e "$ENV{RDE_SOURCE}/gateway/routes.c";
	my $source = slurp_file("$ENV{RDE_SOURCE}/gateway/routes.c");
	my %routes = map { $_ => 1 } $source =~ m{\.method = "\w+",\s*\.pattern = "([^"]*)"}g;
	my @unknown = grep { !$description->{paths}{$_} } keys %routes;
	# files of the panel are for people
	is(join(' ', grep { !m{^/$|panel|\{file\}} } @unknown), '', 'each route is described');
}

# A client made of it
SKIP:
{
	skip 'node is not there', 1 if system('node --version >/dev/null 2>&1') != 0;
	ok($ENV{RDE_READERS}, 'its modules are installed: "test/setup check" does that, in build/') or skip 'not installed', 1;
	local $ENV{NODE_PATH} = $ENV{RDE_READERS};
	my ($out, $err) = ('', '');
	my $client = IPC::Run::start([ 'node', "$FindBin::RealBin/../tools/api_client.js", $gateway->{url}, @{ $tokens->{1} }, 'test' ], '>', \$out, '2>', \$err, IPC::Run::timeout(120));
	# a worker, until it is done
	while ($client->pumpable)
	{
		$client->pump_nb;
		$node->safe_psql('postgres', 'CALL rde_run_due()') if $out !~ /^ok/m;
		sleep 0.2;
	}
	$client->finish;
	is($err, '', 'it has nothing to complain of');
	is(join("\n", grep { /^not ok/ } split /\n/, $out), '', 'and finds nothing wrong');
	like($out, qr/^ok \d+$/m, 'it has called every operation');
}

unlike(gateway_log($gateway), qr/ error /, 'nothing went wrong');
done_testing();

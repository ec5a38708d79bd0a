# gateway_origins.pl
#
# Pages of other origins: no reply says anything of them, unless --allow-origin names
# one; then browsers are told of that one alone, and never of cookies.

use strict;
use warnings;
use PostgreSQL::Test::Utils;
use RdeGateway;
use Test::More;

plan skip_all => 'the gateway was not built' unless gateway_program();

my ($node, $tokens) = new_shop('origins');
my $list = '/reports?from=2020-01-01&to=2100-01-01';

# What a reply says of origins
sub said
{
	my ($reply) = @_;
	return join ' ', map { "$_=$reply->{headers}{$_}" } grep { /^access-control|^vary$/ } sort keys %{ $reply->{headers} };
}

my $plain = start_gateway($node);
my @from = (Origin => 'https://shop.example');
is(said(ask($plain, "GET $list", [ login_headers($tokens->{1}), @from ])), '', 'nothing is said of origins');
my $preflight = [ @from, 'Access-Control-Request-Method' => 'PATCH', 'Access-Control-Request-Headers' => 'authorization' ];
my $reply = ask($plain, 'OPTIONS /generators/00000000-0000-4000-8000-000000000000', $preflight);
is("$reply->{status} " . said($reply), '405 ', 'nor to who asks');
stop_gateway($plain);

my $open = start_gateway($node, options => [ '--allow-origin', 'https://shop.example', '-o', 'http://localhost:3000' ]);
my $let = qr{^access-control-allow-origin=https://shop\.example access-control-expose-headers=Content-Disposition, ETag, Repr-Digest, Retry-After, X-Correlation-ID, X-RDE-Rows vary=Origin$};
like(said(ask($open, "GET $list", [ login_headers($tokens->{1}), @from ])), $let, 'one that was named');
like(said(ask($open, "GET $list", [@from])), $let, 'is told of errors, too');
like(said(ask($open, 'GET /health', [ Origin => 'http://localhost:3000' ])), qr{origin=http://localhost:3000 }, 'each by itself');
$reply = ask($open, 'OPTIONS /generators/00000000-0000-4000-8000-000000000000', $preflight);
is($reply->{status}, 204, 'what it may ask');
is($reply->{headers}{'access-control-allow-methods'}, 'GET, HEAD, PATCH, DELETE', 'is what there is');
like($reply->{headers}{'access-control-allow-headers'}, qr/Authorization.*X-Subscription-Key.*Idempotency-Key.*If-Match/, 'with these headers');
for my $other ('https://other.example', 'null', '*', 'https://shop.example.evil', 'https://shop.example/', 'HTTPS://SHOP.EXAMPLE', 'http://shop.example', "https://shop.example, https://shop.example")
{
	is(said(ask($open, "GET $list", [ login_headers($tokens->{1}), Origin => $other ])), 'vary=Origin', "not to $other");
	is(ask($open, 'OPTIONS /reports', [ Origin => $other, 'Access-Control-Request-Method' => 'GET' ])->{status}, 405, 'nor what it may ask');
}
is(said(ask($open, "GET $list", [ login_headers($tokens->{1}), @from, Origin => 'https://other.example' ])), 'vary=Origin', 'nor to two at once');
is(ask($open, 'OPTIONS /nothing', [@from])->{status}, 404, 'where nothing is');
unlike(said(ask($open, "GET $list", [ login_headers($tokens->{1}), @from ])), qr/credentials/, 'cookies are never taken');

for my $wrong ('*', 'shop.example', 'https://', 'https://shop.example/', "https://a b", 'null', '')
{
	my ($out, $err) = ('', '');
	IPC::Run::run([ gateway_program(), '--listen', '127.0.0.1:0', '--allow-origin', $wrong ], '>', \$out, '2>', \$err);
	like($err, qr/--allow-origin must be an origin/, "no origin: \"$wrong\"");
}
done_testing();

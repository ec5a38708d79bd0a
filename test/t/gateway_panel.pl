# gateway_panel.pl
#
# The panel: what it is served with, what its sources may not do, and people who use
# it in a real browser.

use strict;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::RealBin;
use IPC::Open2;
use JSON::PP;
use PostgreSQL::Test::Utils;
use RdeGateway;
use Test::More;

plan skip_all => 'the gateway was not built' unless gateway_program();

my ($node, $tokens) = new_shop('panel');
my $gateway = start_gateway($node);
my $source = "$ENV{RDE_SOURCE}/gateway/panel";
my @files = map { m{([^/]+)$} } glob "$source/*";
my %text = map { $_ => slurp_file("$source/$_") } @files;

# What it is served with
{
	my $page = ask($gateway, 'GET /');
	is("$page->{status} $page->{headers}{'content-type'}", '200 text/html; charset=utf-8', 'a page, for anybody');
	my $policy = $page->{headers}{'content-security-policy'};
	like($policy, qr/^default-src 'none'; /, 'which may do nothing');
	unlike($policy, qr/unsafe|\*|data:|blob:|https?:/, 'but what it must, of this server alone');
	like($policy, qr/require-trusted-types-for 'script'; trusted-types 'none'/, 'and makes no markup of text');
	my $tag = $page->{headers}{etag};
	my $again = ask($gateway, 'GET /', [ 'If-None-Match' => $tag ]);
	is("$again->{status}$again->{body}", '304', 'once it is known it is not sent again');
	is(ask($gateway, 'GET /', [ 'If-None-Match' => '"x"' ])->{body}, $page->{body}, 'another one is');
	is(ask($gateway, 'HEAD /')->{headers}{'content-length'}, length $page->{body}, 'HEAD');
	is(ask($gateway, 'POST /')->{status}, 405, 'nothing is sent to it');
	is(ask($gateway, "GET $_")->{status}, 404, "not there: $_") for '/panel/', '/panel/none.js', '/panel/../panel/main.js', '/panel/index.html', '/index.html', '/panel/main.js/x';

	my %type = (html => 'text/html; charset=utf-8', css => 'text/css; charset=utf-8', js => 'text/javascript; charset=utf-8', svg => 'image/svg+xml');
	for my $file (@files)
	{
		my $reply = ask($gateway, 'GET ' . ($file eq 'index.html' ? '/' : "/panel/$file"));
		is("$reply->{status} $reply->{headers}{'content-type'}", '200 ' . $type{ $file =~ s/.*\.//r }, "served: $file");
		ok($reply->{body} eq $text{$file}, 'as it is among the sources');
	}

	my $without = start_gateway($node, options => ['--no-panel']);
	is(ask($without, "GET $_")->{status}, 404, "left out: $_") for '/', '/panel/main.js';
	is(ask($without, 'GET /openapi.json')->{status}, 200, 'and nothing else is');
	stop_gateway($without);
}

# What its sources may not do: make markup or programs of text, or numbers of amounts
for my $file (grep { /\.js$/ } @files)
{
	unlike($text{$file}, qr/innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|createContextualFragment|DOMParser|\beval\b|new Function|setTimeout\(['"`]|javascript:/,
		"$file makes no markup or program of text");
	unlike($text{$file}, qr/parseFloat|Number\([^)]*(?:amount|total)/i, "$file makes no number of an amount");
	unlike($text{$file}, qr{https?://(?!www\.w3\.org/2000/svg)}, "$file names nobody else");
}
unlike($text{'index.html'}, qr/<style|<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=/, 'the page has no script or style of its own');

# Texts: each language has those of the others, and all that are asked for
{
	my ($texts) = $text{'texts.js'} =~ /^export const texts = \{\n(.*)^\};$/ms;
	my %language;
	while ($texts =~ /^  (\w+): \{\n(.*?)^  \},$/msg)
	{
		my ($name, $block) = ($1, $2);
		for my $line (split /\n/, $block)
		{
			next if $line eq '';
			$line =~ /^    (?:'([^']+)'|(\w+)): '(.*)',$/ or fail("a text in a line of its own: $line");
			$language{$name}{ $1 // $2 } = $3;
		}
	}
	is(join(' ', sort keys %language), 'de en', 'languages');
	is_deeply([ sort keys %{ $language{de} } ], [ sort keys %{ $language{en} } ], 'have the same texts');
	for my $key (sort keys %{ $language{en} })
	{
		is(join(' ', sort $language{de}{$key} =~ /\{\w+\}/g), join(' ', sort $language{en}{$key} =~ /\{\w+\}/g), "with the same words to fill in: $key");
	}
	my $code = join "\n", map { $text{$_} } grep { /\.js$/ && $_ ne 'texts.js' } @files;
	my %asked = map { $_ => 1 } $code =~ /\b(?:t|parts)\('([^']+)'/g, map { split /' : '/ } $code =~ /\bt\([^()]*\? '([^)]*)'\)/g;
	$asked{$_} = 1 for map { ("$_.one", "$_.other") } $code =~ /\bcount\('([^']+)'/g;
	is(join(' ', grep { !exists $language{en}{$_} } sort keys %asked), '', 'all that are asked for are there');
	my @families = map { quotemeta } $code =~ /\bt\(`([^`\$]+)\$\{/g;
	is(join(' ', grep { my $key = $_; !$asked{$key} && !grep { $key =~ /^$_/ } @families } sort keys %{ $language{en} }), '', 'and all that are there are asked for');
}

# Whatever the API answers has a text in each language
{
	my $failure = slurp_file("$ENV{RDE_SOURCE}/gateway/failure.c") . slurp_file("$ENV{RDE_SOURCE}/sql/rde/rest/functions.sql");
	my %codes = map { $_ => 1 } $failure =~ /\{"\w*", "(\w+)", \d{3},/g, $failure =~ /^\t\t\treturn "(\w+)";/mg, $failure =~ /WHEN '\w{5}' THEN '([a-z_]+)'/g;
	cmp_ok(scalar keys %codes, '>', 30, 'codes of the API');
	is(join(' ', grep { $text{'texts.js'} !~ /^    'code\.$_': '/m } sort keys %codes), '', 'each has a text');
	my @told = $text{'texts.js'} =~ /^    'code\.(\w+)/mg;
	is(join(' ', grep { !$codes{$_} } @told), '', 'and no other');
}

# People
SKIP:
{
	my ($chromium) = grep { -x } $ENV{CHROMIUM} // '/usr/bin/chromium';

	unless (ok($ENV{RDE_READERS} && -e "$ENV{RDE_READERS}/playwright-core" && $chromium, 'a browser is installed: "test/setup check" does that'))
	{
		skip 'no browser', 1;
	}
	my $hostile = q{Seven <img src=x onerror="alert(2)"> & "Söhne"};

	$node->safe_psql('postgres', qq{
		SELECT rde_alter_account(1, name => \$\$$hostile\$\$, time_zone => 'Europe/Vienna');
		INSERT INTO shop.sale
		SELECT 30000 + n, n % 2 + 1, now() - n * interval '3 hours', CASE WHEN n < 9 THEN 0.10000000 ELSE n / 3.0::numeric(20,8) END,
		       'row of reseller ' || n % 2 + 1, '<script>alert(3)</script>'
		FROM generate_series(1, 100) n;
		ANALYZE shop.sale;
	});
	my @above = split /\|/, $node->safe_psql('postgres', "
		SELECT rde_alter_account(3, scope => 'provider'), rde_create_account(4, 'Below', parent => 3) \\gset x
		SELECT subscription_key, token FROM rde_create_token(3, 'test', interval '1 day')");
	# somebody who has more than comes at once: a month of reports, one every 15 minutes, and generators
	my $columns = $node->safe_psql('postgres', q{
		SELECT rde_alter_account(3, max_generators => 200) \gset x
		SELECT count(rde_create_generator('sales', 'generator ' || n, '{csv}', 'monthly', reseller => 3)) FROM generate_series(1, 120) n \gset x
		SELECT rde_export('sales', '2020-01-01', '2020-01-01', 'csv', reseller => 3, name => 'many 0') \gset x
		SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
		WHERE attrelid = '_rde_report'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
		  AND attname NOT IN ('id', 'name', 'period_from', 'period_to', 'published_at')});
	$node->safe_psql('postgres', qq{
		INSERT INTO _rde_report (id, name, period_from, period_to, published_at, $columns)
		SELECT gen_random_uuid(), 'many ' || n, period_from - n * interval '1 day', period_to - n * interval '1 day', published_at - n * interval '14 minutes', $columns
		FROM _rde_report, generate_series(1, 2999) n WHERE name = 'many 0';
		INSERT INTO _rde_report_total (report, currency, amount, rows) SELECT id, 'USD', 0.00000001, 1 FROM _rde_report WHERE name LIKE 'many %';
		ANALYZE _rde_report, _rde_report_total});
	my %does = (
		run => sub { $node->safe_psql('postgres', 'CALL rde_run_due()'); return 'done' },
		digest => sub { return $node->safe_psql('postgres', "SELECT sha256 FROM rde_reports WHERE id = '$_[0]'") },
		total => sub { return $node->safe_psql('postgres', "SELECT value::text FROM rde_reports, jsonb_each(totals) WHERE id = '$_[0]' LIMIT 1") },
		options => sub { return $node->safe_psql('postgres', "SELECT options FROM _rde_report WHERE name = '$_[0]'") },
		sum => sub { return $node->safe_psql('postgres', "SELECT sum(value::numeric) FROM rde_reports, jsonb_each_text(totals) WHERE format = 'csv' AND generator IS NOT NULL AND is_newest AND reseller = 1") },
		enabled => sub { return $node->safe_psql('postgres', 'SELECT enabled FROM rde_generators WHERE reseller = 1') },
		alter => sub { $node->safe_psql('postgres', "SELECT rde_alter_generator(id, catch_up => 'none') FROM rde_generators WHERE reseller = 1"); return 'done' },
		revoke => sub { $node->safe_psql('postgres', "SELECT rde_revoke_token(id) FROM rde_tokens WHERE account = 2"); return 'done' });
	local $ENV{NODE_PATH} = $ENV{RDE_READERS};
	local $ENV{HOME} = PostgreSQL::Test::Utils::tempdir;
	local $ENV{PANEL_PEOPLE} = JSON::PP->new->ascii->encode([
			{ name => $hostile, key => $tokens->{1}[0], token => $tokens->{1}[1] },
			{ name => 'reseller 2', key => $tokens->{2}[0], token => $tokens->{2}[1] },
			{ name => 'reseller 3', key => $above[0], token => $above[1] } ]);
	my $pid = open2(my $out, my $in, 'node', "$FindBin::RealBin/../tools/panel.js", $gateway->{url});
	my $last = '';
	local $SIG{ALRM} = sub { kill 'KILL', $pid };
	alarm 180;
	while (my $line = <$out>)
	{
		chomp($last = $line);
		utf8::decode($last);
		if ($last =~ /^(ok|not ok) (.*)$/) { ok($1 eq 'ok', $2) }
		elsif ($last =~ /^# (.*)/) { diag($1) }
		elsif ($last =~ /^do (\w+) ?(.*)$/) { print $in $does{$1}->($2) . "\n"; $in->flush }
	}
	alarm 0;
	waitpid $pid, 0;
	is($last, 'end', 'to the end');
	unlike(gateway_log($gateway), qr/ status=500 | warning | error /, 'the gateway has nothing to complain of');
}

done_testing();

# gateway_expiry.pl
#
# Downloads against expiry and purge (B2 over HTTP): what has begun ends whole,
# for the bytes stay an hour; nothing new begins.

use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use PostgreSQL::Test::Utils;
use RdeGateway;
use Test::More;
use Time::HiRes qw(sleep);

plan skip_all => 'the gateway was not built' unless gateway_program();

my ($node, $tokens) = new_shop('expiry');
# more than sockets hold
$node->safe_psql('postgres', <<'END');
INSERT INTO shop.sale
SELECT 20000 + n, 1, timestamptz '2020-04-01 00:00Z' + n * interval '1 second', 1, 'row of reseller 1', repeat(md5(n::text), 32)
FROM generate_series(1, 20000) n;
END
my $gateway = start_gateway($node);
my @login = login_headers($tokens->{1});

sub new_report
{
	my $id = $node->safe_psql('postgres',
		q{SELECT rde_export('sales', '2020-04-01', '2020-04-01', 'csv', reseller => 1, name => 'large', options => '{"compress": false}')});
	my ($link, $sha256) = split /\|/, $node->safe_psql('postgres', "SELECT download_url, sha256 FROM rde_reports WHERE id = '$id'");
	$link = local_path($link);
	return { id => $id, link => $link, path => $link =~ s/\?.*//r, sha256 => $sha256 };
}

# Begin a download, and leave it when the first bytes are there.
sub begin_download
{
	my ($target, @headers) = @_;
	my $connection = connect_to($gateway, receive => 65536);
	my $text = "GET $target HTTP/1.1\r\nHost: test\r\n";
	while (my ($name, $value) = splice @headers, 0, 2)
	{
		$text .= "$name: $value\r\n";
	}
	send_raw($connection, "$text\r\n");
	sysread $connection->{socket}, $connection->{buffer}, 1000;
	return $connection;
}

# It expired so many minutes ago.
sub expire
{
	my ($report, $minutes) = @_;
	$node->safe_psql('postgres', "UPDATE _rde_report SET expires_at = now() - interval '$minutes minutes' WHERE id = '$report->{id}'");
	return;
}

sub purged
{
	$node->safe_psql('postgres', 'SELECT rde_purge_reports()');
	return $node->safe_psql('postgres', "SELECT count(*) FROM _rde_report_chunk WHERE report = '$_[0]{id}'") == 0;
}

# It expires while it is on its way.
{
	my $report = new_report();
	# a link that ends in five seconds
	$node->safe_psql('postgres', "UPDATE _rde_report SET expires_at = now() + interval '5 seconds' WHERE id = '$report->{id}'");
	$report->{link} = local_path($node->safe_psql('postgres', "SELECT rde_download_url('$report->{id}')"));
	my @downloads = (begin_download($report->{link}), begin_download($report->{path}, @login));
	unlike(gateway_log($gateway), qr/ sent=/, 'two downloads are under way');
	sleep 6.2;
	is($node->safe_psql('postgres', "SELECT expires_at < now() FROM _rde_report WHERE id = '$report->{id}'"), 't', 'their report expires');
	ok(!purged($report), 'a purge leaves its bytes for an hour');

	is(ask($gateway, "GET $report->{link}")->{status}, 403, 'the link opens nothing more');
	is(ask($gateway, "GET $report->{path}", \@login)->{status}, 404, 'nor does a login');
	is(ask($gateway, "HEAD $report->{path}", \@login)->{status}, 404, 'nor show it');
	is(ask($gateway, "GET /reports/$report->{id}", \@login)->{status}, 404, 'the report is not there');
	unlike(ask($gateway, 'GET /reports?from=2020-01-01&to=2100-01-01', \@login)->{body}, qr/$report->{id}/, 'nor in the list');

	is(sha256_hex(read_reply($downloads[0])->{body}), $report->{sha256}, 'the download by link ends whole');
	is(sha256_hex(read_reply($downloads[1])->{body}), $report->{sha256}, 'so does the one with a login');
}

# When the hour is over, so is the download.
{
	my $report = new_report();
	my @downloads = (begin_download($report->{link}), begin_download($report->{path}, @login));
	expire($report, 50);
	ok(!purged($report), 'after fifty minutes the bytes are there');
	expire($report, 61);
	ok(purged($report), 'after an hour they are not');
	for my $download (@downloads)
	{
		my $reply = read_reply($download);
		ok($reply->{incomplete} && length $reply->{body} > 0, 'a download that is still under way is broken off, not filled up');
	}
	is(ask($gateway, "GET $report->{link}")->{status}, 403, 'the link opens nothing');
	is(ask($gateway, "GET $report->{path}", \@login)->{status}, 404, 'nor does a login');
}

# What is taken away is taken away from those on their way, too.
for my $way ([ 'a revoked link', 'link', sub { "SELECT rde_revoke_links('$_[0]{id}')" } ], [ 'a revoked token', 'path', sub { 'SELECT rde_revoke_token(id) FROM rde_tokens WHERE account = 1' } ],
	[ 'a dropped report', 'link', sub { "SELECT rde_drop_report('$_[0]{id}')" } ])
{
	my ($what, $by, $sql) = @$way;
	my $report = new_report();
	my $download = begin_download($report->{$by}, $by eq 'path' ? @login : ());
	$node->safe_psql('postgres', $sql->($report));
	my $reply = read_reply($download);
	ok($reply->{incomplete}, "$what breaks a download off");
}

my ($status) = stop_gateway($gateway);
is($status, 0, 'the gateway ends well');
unlike(gateway_log($gateway), qr/Z error /, 'without errors');

done_testing();

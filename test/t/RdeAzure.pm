# RdeAzure.pm
#
# What tests of rde_azure share: a real emulator of Azure's Blob service, which
# checks signatures, a shop whose reports go there, and requests of the test's
# own, signed by code that knows nothing of ours.
#
# Invariant: an emulator is ended with the test, whatever became of the test.

package RdeAzure;

use strict;
use warnings;
use Digest::MD5 qw(md5_base64);
use Digest::SHA qw(hmac_sha256_base64 sha256_hex);
use Exporter 'import';
use HTTP::Tiny;
use IO::Socket::INET;
use MIME::Base64;
use POSIX qw(strftime :sys_wait_h);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeFiles qw(new_server);
use Test::More;
use Time::HiRes qw(time sleep);

our @EXPORT = qw(start_azurite stop_azurite azure_request list_blobs get_blob make_container
  new_azure_shop connect_shop upload_due fetch_link start_program $azure_account $azure_key);

# The emulator's only account, which everybody knows.
our $azure_account = 'devstoreaccount1';
our $azure_key = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
my $version = '2020-12-06';
my @programs;

sub _wait_for_port
{
	my ($port, $what) = @_;
	my $until = time + 60;

	until (IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port))
	{
		die "$what does not start" if time > $until;
		sleep 0.05;
	}
	return;
}

# Start a program that listens on a port; returns { pid, port, log }.
sub start_program
{
	my ($name, $port, @command) = @_;
	my $log = "${PostgreSQL::Test::Utils::log_path}/${name}_$port.log";
	my $pid = fork // die "fork: $!";

	if ($pid == 0)
	{
		open STDOUT, '>', $log or die;
		open STDERR, '>&', \*STDOUT or die;
		exec @command;
		die "exec: $!";
	}
	my $program = { pid => $pid, port => $port, log => $log };
	push @programs, $program;
	_wait_for_port($port, $name);
	return $program;
}

# The emulator on a port of its own.  folder: where blobs are kept, for files too
# large for memory.
sub start_azurite
{
	my (%arg) = @_;
	my $port = $arg{port} // PostgreSQL::Test::Cluster::get_free_port();
	my @where = $arg{folder} ? ('--location', $arg{folder}) : ('--inMemoryPersistence');

	return start_program('azurite', $port, 'node', $ENV{RDE_AZURITE}, @where, '--silent', '--disableTelemetry',
		'--skipApiVersionCheck', '--blobHost', '127.0.0.1', '--blobPort', $port, @{ $arg{options} // [] });
}

sub stop_azurite
{
	my ($program) = @_;

	kill 'KILL', $program->{pid};
	waitpid $program->{pid}, 0;
	@programs = grep { $_ != $program } @programs;
	return;
}

END
{
	my $status = $?;
	for (@programs)
	{
		kill 'KILL', $_->{pid};
		waitpid $_->{pid}, 0;
	}
	$? = $status;
}

# A signed request to a container or a blob; returns HTTP::Tiny's reply.
sub azure_request
{
	my ($azurite, $method, $path, %arg) = @_;
	my %query = %{ $arg{query} // {} };
	my %headers = (
		'x-ms-date' => strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime),
		'x-ms-version' => $version,
		%{ $arg{headers} // {} });
	my $body = $arg{body} // '';
	my $escaped = join '/', map { s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger } split m{/}, $path, -1;
	my $text = join "\n", $method, '', '', length $body || '', '', length $body ? 'application/octet-stream' : '', ('') x 6,
	  (map { "$_:$headers{$_}" } grep { /^x-ms-/ } sort keys %headers),
	  "/$azure_account/$azure_account$escaped", map { "$_:$query{$_}" } sort keys %query;
	my $signature = hmac_sha256_base64($text, decode_base64($azure_key));
	$signature .= '=' while length($signature) % 4;

	$headers{Authorization} = "SharedKey $azure_account:$signature";
	$headers{'Content-Type'} = 'application/octet-stream' if length $body;
	return HTTP::Tiny->new(timeout => 30)->request(
		$method,
		"http://127.0.0.1:$azurite->{port}/$azure_account$escaped?" . join('&', map { "$_=$query{$_}" } sort keys %query),
		{ headers => \%headers, length $body ? (content => $body) : () });
}

sub make_container
{
	my ($azurite, $name) = @_;
	my $reply = azure_request($azurite, 'PUT', "/$name", query => { restype => 'container' });

	die "container $name: $reply->{status} $reply->{content}" if $reply->{status} != 201;
	return;
}

# Names of blobs: committed ones, or with uncommitted => 1 those that have only
# blocks, too.
sub list_blobs
{
	my ($azurite, $container, %arg) = @_;
	my @names;
	my $marker = '';

	do
	{
		my $reply = azure_request(
			$azurite, 'GET',
			"/$container",
			query => {
				comp => 'list',
				restype => 'container',
				length $marker ? (marker => $marker) : (),
				$arg{uncommitted} ? (include => 'uncommittedblobs') : ()
			});
		die "list: $reply->{status} $reply->{content}" if $reply->{status} != 200;
		push @names, $reply->{content} =~ m{<Name>([^<]*)</Name>}g;
		($marker) = $reply->{content} =~ m{<NextMarker>([^<]+)</NextMarker>};
		$marker //= '';
	} while (length $marker);
	@names = sort @names;
	return @names;
}

sub get_blob
{
	my ($azurite, $container, $name) = @_;
	return azure_request($azurite, 'GET', "/$container/$name");
}

# A server with rde_azure, and sales of resellers 1 and 2 to make reports of.
sub new_azure_shop
{
	my ($name, $configuration) = @_;
	my $node = new_server($name);

	if ($configuration)
	{
		$node->append_conf('postgresql.conf', $configuration);
		$node->restart;
	}
	$node->safe_psql('postgres', <<'END');
CREATE EXTENSION rde_azure;
CREATE ROLE shop_owner;
CREATE TABLE sale AS
SELECT n AS id, n % 2 + 1 AS reseller, timestamptz '2020-01-01 00:00Z' + n * interval '1 minute' AS changed,
       n / 7.0::numeric(20,8) AS amount, (SELECT string_agg(md5(n || '.' || i), '') FROM generate_series(1, 32) i) AS word
FROM generate_series(1, 3000) n;
ALTER TABLE sale ADD PRIMARY KEY (id);
ALTER TABLE sale OWNER TO shop_owner;
SELECT rde_create_dataset('sales', 'Sales');
SELECT rde_attach('sales', 'sale', 'reseller', 'changed', amount => 'amount');
SELECT rde_create_account(n, 'reseller ' || n) FROM generate_series(1, 2) n;
END
	return $node;
}

# Where its reports go: { port, container, options => { layout => ... } }
sub connect_shop
{
	my ($node, %arg) = @_;
	my %options = (
		account => $azure_account,
		container => $arg{container} // 'reports',
		endpoint => "http://127.0.0.1:$arg{port}/$azure_account",
		%{ $arg{options} // {} });
	my $options = join ', ', map { "$_ '$options{$_}'" } sort keys %options;
	my $server = $arg{server} // 'reports';

	$node->safe_psql('postgres', "CREATE SERVER $server FOREIGN DATA WRAPPER rde_azure OPTIONS ($options);"
		  . "CREATE USER MAPPING FOR CURRENT_USER SERVER $server OPTIONS (account_key '" . ($arg{key} // $azure_key) . "')");
	return;
}

# CALL rde_azure_upload_due(); returns what it said: notice, warnings, errors.
sub upload_due
{
	my ($node, $max) = @_;
	my ($out, $err) = ('', '');

	$node->psql('postgres', 'SET client_min_messages = notice; CALL rde_azure_upload_due(' . ($max // '') . ')', stdout => \$out, stderr => \$err);
	return $err;
}

# What curl gets by a link: { status, body, headers }
sub fetch_link
{
	my ($url, @args) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir;
	my ($status, $err) = ('', '');

	IPC::Run::run([ 'curl', '-gsS', '--max-time', '60', '-D', "$folder/headers", '-o', "$folder/body", '-w', '%{http_code}', @args, $url ],
		'>', \$status, '2>', \$err) or diag "curl: $err";
	my $body = -e "$folder/body" ? RdeFiles::slurp_raw("$folder/body") : '';
	my %headers = map { /^([^:]+):\s*(.*?)\s*$/ ? (lc $1 => $2) : () } split /\r\n/, RdeFiles::slurp_raw("$folder/headers");
	return { status => $status, body => $body, headers => \%headers };
}

1;

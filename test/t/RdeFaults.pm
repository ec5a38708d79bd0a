# RdeFaults.pm
#
# What tests of rde_azure's faults share: tools/fault_proxy.py between the server
# and the emulator, workers that upload at the same time, and what has to be
# right in the end whatever went wrong.
#
# Invariant: what is right in the end is asked of the emulator itself, not through
# the proxy, and not of the code under test.

package RdeFaults;

use strict;
use warnings;
use Digest::MD5;
use Digest::SHA;
use Exporter 'import';
use File::Basename qw(dirname);
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeAzure;
use Time::HiRes qw(usleep);

our @EXPORT = qw(start_faults set_faults log_mark requests start_workers finish_workers
  make_due upload_all wrong_blobs anon_KiB descriptors);

sub start_faults
{
	my ($azurite) = @_;
	my ($port, $trap) = map { PostgreSQL::Test::Cluster::get_free_port() } 1 .. 2;
	my $proxy = start_program('faults', $port, 'python3', dirname(__FILE__) . '/../tools/fault_proxy.py', $port, $azurite->{port}, $trap);

	@$proxy{qw(trap mark)} = ($trap, 0);
	return $proxy;
}

# What is to go wrong from now on, see there; nothing without arguments.
sub set_faults
{
	my ($proxy, %config) = @_;
	my $reply = HTTP::Tiny->new(keep_alive => 0)->request('PUT', "http://127.0.0.1:$proxy->{port}/-/faults", { content => encode_json(\%config) });

	die "faults: $reply->{status} $reply->{content}" if $reply->{status} != 200;
	return;
}

# Where the log ends now.
sub log_mark
{
	my ($proxy) = @_;
	return -s $proxy->{log};
}

# The requests since a mark, as hashes; of one operation, if it is given.
sub requests
{
	my ($proxy, $mark, $op) = @_;

	open my $log, '<:raw', $proxy->{log} or die $!;
	seek $log, $mark // 0, 0;
	return grep { !$op || $_->{op} eq $op } map { decode_json($_) } grep { /^\{.*\}$/ } <$log>;
}

# Sessions that CALL rde_azure_upload_due() at the same time, a few times each, and
# say what could not be done.
sub start_workers
{
	my ($node, $count, $calls) = @_;
	return map {
		my %worker = (out => '');
		$worker{handle} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SET client_min_messages = warning',
				map { ('-c', 'CALL rde_azure_upload_due()') } 1 .. $calls // 1 ],
			'<', \undef, '>&', \$worker{out}, IPC::Run::timeout(180));
		\%worker;
	} 1 .. $count;
}

# What they said.
sub finish_workers
{
	my @workers = @_;
	$_->{handle}->finish for @workers;
	return join '', map { $_->{out} } @workers;
}

# Let nothing wait for its time.
sub make_due
{
	my ($node) = @_;
	$node->safe_psql('postgres', 'UPDATE _rde_azure_upload SET due_at = now() WHERE due_at > now()');
	return;
}

# Rounds of workers until there is nothing left to do, while nothing has to wait;
# returns how many.
sub upload_all
{
	my ($node, $workers) = @_;

	for my $round (1 .. 40)
	{
		make_due($node);
		my @workers = start_workers($node, $workers, 6);
		while (grep { $_->{handle}->pumpable } @workers)
		{
			$_->{handle}->pump_nb for grep { $_->{handle}->pumpable } @workers;
			usleep(200_000);
			make_due($node);
		}
		my $said = finish_workers(@workers);
		die $said if $said =~ /(ERROR|FATAL|PANIC): |connection to server was lost/;
		return $round if $node->safe_psql('postgres', q{
			SELECT count(*) FROM _rde_report r FULL JOIN _rde_azure_upload u ON u.report = r.id
			WHERE r.id IS NULL OR u.status IS NULL OR u.status = 'pending' OR u.link_number <> r.link_number}) eq '0';
	}
	return 'too many';
}

# The container's blobs as the emulator lists them: name => { header => value }
sub _listed
{
	my ($azurite, $container) = @_;
	my %blobs;
	my $marker = '';

	do
	{
		my $reply = azure_request($azurite, 'GET', "/$container",
			query => { comp => 'list', restype => 'container', include => 'metadata,uncommittedblobs', length $marker ? (marker => $marker) : () });
		die "list: $reply->{status} $reply->{content}" if $reply->{status} != 200;
		for my $blob ($reply->{content} =~ m{<Blob>(.*?)</Blob>}gs)
		{
			my %value = $blob =~ m{<(Name|Content-Type|Content-MD5|Content-Disposition|Content-Length|sha256)>([^<]*)</}g;
			$value{'Content-Disposition'} =~ s/&quot;/"/g if $value{'Content-Disposition'};
			$blobs{ delete $value{Name} } = \%value;
		}
		($marker) = $reply->{content} =~ m{<NextMarker>([^<]+)</NextMarker>};
		$marker //= '';
	} while (length $marker);
	return \%blobs;
}

# What links open: url => { md5, sha256 }, by many at once.
sub _download
{
	my ($azurite, @urls) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir;
	my ($config, %found) = ('');

	for my $n (0 .. $#urls)
	{
		my $url = $urls[$n] =~ s{^http://127\.0\.0\.1:\d+/}{http://127.0.0.1:$azurite->{port}/}r;
		$config .= "url = \"$url\"\noutput = \"$folder/$n\"\n";
	}
	append_to_file("$folder/config", $config);
	system_log('curl', '-gsf', '--parallel', '--parallel-max', '4', '--max-time', '120', '-K', "$folder/config") if @urls;
	for my $n (grep { -e "$folder/$_" } 0 .. $#urls)
	{
		my $file = "$folder/$n";
		open my $bytes, '<:raw', $file or die $!;
		$found{ $urls[$n] } = { sha256 => Digest::SHA->new(256)->addfile($file, 'b')->hexdigest, md5 => Digest::MD5->new->addfile($bytes)->b64digest . '==' };
		close $bytes;
		unlink $file;
	}
	return \%found;
}

# What the manifest beside a blob says, and its name; what is wrong with it as a blob.
my $json = JSON::PP->new->utf8->canonical->allow_bignum;
sub _manifest
{
	my ($azurite, $container, $blobs, $name) = @_;
	my $blob = $blobs->{$name} or return 'is not there';
	my $content = get_blob($azurite, $container, $name)->{content};

	return "size $blob->{'Content-Length'}" if $blob->{'Content-Length'} != length $content;
	return "MD5 $blob->{'Content-MD5'}" if $blob->{'Content-MD5'} ne Digest::MD5::md5_base64($content) . '==';
	return "SHA-256 $blob->{sha256}" if $blob->{sha256} ne Digest::SHA::sha256_hex($content);
	return "type $blob->{'Content-Type'}" if $blob->{'Content-Type'} ne 'application/json; charset=utf-8';
	return $json->encode($json->decode($content)) . ' ' . ($blob->{'Content-Disposition'} =~ /filename="(.*?)"/ ? $1 : '-');
}

# What is not as it has to be when all is done: a line for each.
sub wrong_blobs
{
	my ($node, $azurite, $container) = @_;
	my $blobs = _listed($azurite, $container);
	my %owners = map { $_ => 0 } keys %$blobs;
	my @wrong = map { "$_ is still in the outbox" }
	  split /\n/, $node->safe_psql('postgres', 'SELECT id FROM _rde_azure_upload WHERE report IS NULL');
	my @rows = map { $json->decode($_) } split /\n/, $node->safe_psql('postgres', q{
		SELECT jsonb_build_object('state', u.status, 'store', r.store, 'sha256', encode(r.sha256, 'hex'), 'media_type', r.media_type,
		                         'file_name', r.file_name, 'bytes', r.file_bytes, 'blob', u.blob, 'link', coalesce(v.download_url, ''),
		                         'manifest', rde_report_manifest(r.id),
		                         'unsettled', u.new_blob IS NOT NULL OR u.link_number <> r.link_number OR u.claim_pid IS NOT NULL)
		FROM _rde_report r LEFT JOIN _rde_azure_upload u ON u.report = r.id LEFT JOIN rde_reports v ON v.id = r.id});
	my $files = _download($azurite, map { $_->{link} } @rows);

	for my $row (@rows)
	{
		my $blob = $blobs->{ $row->{blob} // '' };
		my $file = $files->{ $row->{link} };
		my %is = (
			state => $row->{state},
			store => $row->{store},
			unsettled => $row->{unsettled} ? 1 : 0,
			bytes => $file->{sha256},
			md5 => $blob->{'Content-MD5'},
			sha256 => $blob->{sha256},
			size => $blob->{'Content-Length'},
			type => $blob->{'Content-Type'},
			name => ($blob->{'Content-Disposition'} // '') =~ /filename="(.*?)"/ ? $1 : undef,
			manifest => _manifest($azurite, $container, $blobs, "$row->{blob}.manifest.json"));
		my %expected = (
			state => 'uploaded',
			store => 'azure',
			unsettled => 0,
			bytes => $row->{sha256},
			md5 => $file->{md5},
			sha256 => $row->{sha256},
			size => $row->{bytes},
			type => $row->{media_type},
			name => $row->{file_name},
			manifest => $json->encode({ map { $_ => $row->{manifest}{$_} } grep { $_ ne 'expiresAt' } keys %{ $row->{manifest} } })
				. " $row->{file_name}.manifest.json");
		push @wrong, "$row->{file_name}: $_ " . ($is{$_} // 'none') for grep { ($is{$_} // '') ne ($expected{$_} // 'something') } sort keys %is;
		next if !defined $row->{blob};
		$owners{ $row->{blob} }++;
		$owners{"$row->{blob}.manifest.json"}++;
	}
	push @wrong, map { "$_ has $owners{$_} owners" } grep { $owners{$_} != 1 } sort keys %owners;
	return join "\n", @wrong;
}

# The private memory of a process.
sub anon_KiB
{
	my ($pid) = @_;
	my ($KiB) = slurp_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+)/m;
	return $KiB;
}

# A process's descriptors, without the files of relations and WAL that the server
# keeps open and closes as it sees fit.
sub descriptors
{
	my ($pid) = @_;
	my %found;

	for my $target (map { readlink($_) // () } glob "/proc/$pid/fd/*")
	{
		next if $target =~ m{/base/\d+/\d+|/global/\d+|/pg_wal/};
		$found{ $target =~ s/:\[\d+\]//r }++;
	}
	return join ', ', map { "$found{$_} $_" } sort keys %found;
}

1;

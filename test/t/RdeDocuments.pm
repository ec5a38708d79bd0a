# RdeDocuments.pm
#
# Documents as tests read them: their examples, headings and links.
#
# Invariant: what stands in an example is nothing else, neither heading nor link.

package RdeDocuments;

use strict;
use warnings;
use Exporter 'import';
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Utils ();
use Time::HiRes qw(time usleep);

our @EXPORT_OK = qw(document_files document_blocks document_prose compare_output
  shell_prelude open_shell ask_shell run_example close_shell);

# The documents, by their path in the sources.
sub document_files
{
	my ($top) = @_;
	my @files = map { s{^\Q$top\E/}{}r } glob("$top/*.md $top/doc/*.md");
	return @files;
}

sub _slurp
{
	my ($path) = @_;
	open(my $file, '<', $path) or die "$path: $!";
	local $/;
	return <$file>;
}

# { after, run_by, blocks => [ { language, text, line, output, not_run } ] }: see
# document_examples.pl.
sub document_blocks
{
	my ($path) = @_;
	my %page = (blocks => []);
	my @lines = split /\n/, _slurp($path);
	my ($above, $not_run);    # the example just above, while nothing else came

	for (my $i = 0; $i < @lines; $i++)
	{
		my $line = $lines[$i];
		if ($line =~ /^<!-- after: (\S+) -->$/)
		{
			$page{after} = $1;
		}
		elsif ($line =~ /^<!-- needs: (\w+) -->$/)
		{
			$page{needs} = $1;
		}
		elsif ($line =~ /^<!-- run by: (\w+) -->$/)
		{
			$page{run_by} = $1;
		}
		elsif ($line =~ /^<!-- not run: (.*) -->$/)
		{
			$not_run = $1;
		}
		elsif ($line =~ /^<!-- run( sh)?$/)
		{
			my %block = (language => $1 ? 'sh' : 'sql', line => $i + 2, text => '');
			$block{text} .= "$lines[$i]\n" while ++$i < @lines && $lines[$i] ne '-->';
			die "$path: <!-- run without an end" if $i >= @lines;
			push @{ $page{blocks} }, \%block;
			$above = \%block;
		}
		elsif ($line =~ /^( *)```(\w*)$/)
		{
			my ($indent, $language) = ($1, $2);
			my %block = (language => $language, line => $i + 2, text => '');
			$block{text} .= ($lines[$i] =~ s/^$indent//r) . "\n" while ++$i < @lines && $lines[$i] ne "$indent```";
			die "$path: ``` without an end" if $i >= @lines;
			if ($language eq 'sql' || $language eq 'sh')
			{
				$block{not_run} = $not_run if defined $not_run;
				push @{ $page{blocks} }, \%block;
				$above = \%block;
			}
			elsif ($language eq 'text' || $language eq 'json')
			{
				die "$path:$i: \`\`\`$language is the output of nothing" unless $above;
				@$above{qw(output output_language)} = ($block{text}, $language);
				$above = undef;
			}
			$not_run = undef;
		}
		elsif ($line =~ /\S/)
		{
			$above = $not_run = undef;
		}
	}
	return \%page;
}

# The text without its examples and comments, line for line.
sub document_prose
{
	my ($path) = @_;
	my $text = _slurp($path);
	$text =~ s{^(( *)```.*?^\2```)$}{$1 =~ s/[^\n]//gr}emsg;
	$text =~ s{(<!--.*?-->)}{$1 =~ s/[^\n]//gr}esg;
	return split /\n/, $text;
}

# What differs from one time to the next, and psql's frames.
sub _plain
{
	my ($text, $language) = @_;

	$text =~ s/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/<id>/g;
	$text =~ s/\b[0-9a-f]{8}-…/<id>/g;
	$text =~ s/\b[0-9a-f]{64}\b|\b[0-9a-f]{8}…/<digest>/g;
	$text =~ s/\b20(?:2[5-9]|[3-9]\d)-\d\d-\d\d[T .]\d\d[:-]\d\d[:-]\d\d(?:\.\d+)?(?:Z|[+-]\d\d(?::?\d\d)?|%2B\d{4})?/<time>/g;
	$text =~ s/\b20(?:2[5-9]|[3-9]\d)-\d\d-\d\d\b/<day>/g;
	$text =~ s/(?<![\d:])-?(?:\d+ days? )?\d\d:\d\d:\d\d(?:\.\d+)?\b/<interval>/g;
	$text =~ s/\bpid \d+/<pid>/g;
	if ($language eq 'json')
	{
		$text =~ s/\s+//g;
		return $text;
	}
	$text =~ s/^ *rde_\w+ *\n-+\n(?: *<id> *\n)*(?: *\n)?//mg;
	$text =~ s/(?:\\r|\r)(?= *\+?$)//mg;
	$text =~ s/^-\[ RECORD .*\n//mg;
	$text =~ s/[-+]{3,}/---/g;
	$text =~ s/ *\+$//mg;
	$text =~ s/ +/ /g;
	$text =~ s/^ | $//mg;
	$text =~ s/\n+/\n/g;
	$text =~ s/^\n|\n$//g;
	return $text;
}

# What differs between what a document shows below an example and what that printed;
# undef if nothing does.
sub compare_output
{
	my ($block, $printed) = @_;
	my $expected = _plain($block->{output}, $block->{output_language});
	my $pattern = join '', map { $_ eq '...' ? '(?:.*\n)*?' : join('[^\n]*?', map { quotemeta } split /…/, $_, -1) . '\n' }
	  split /\n/, $expected;

	# a document need not show what it is told beside
	$printed =~ s/^NOTICE: .*\n(?:(?:DETAIL|HINT): .*\n)*//mg unless $expected =~ /^NOTICE:/m;
	$printed =~ s/^CONTEXT: .*\n//mg unless $expected =~ /^CONTEXT:/m;
	$printed = _plain($printed, $block->{output_language});
	return undef if "$printed\n" =~ /\A$pattern\z/;
	return "--- shown\n$expected\n--- without what may differ\n$printed";
}

# What bash is told before the examples: a folder to be in; the documents' gateway and
# its address are one of this test at this port.
sub shell_prelude
{
	my ($folder, $gateway_port) = @_;
	return <<"END";
cd '$folder'
set -u
shopt -s expand_aliases
trap 'kill \$(jobs -p) 2>/dev/null' EXIT
curl() { command curl "\${\@//https:\\/\\/reports.example.com/http:\\/\\/127.0.0.1:$gateway_port}"; }
rde-gateway() {
	local arguments=("\${\@//8080/$gateway_port}")
	rm -f gateway.out	# of one before
	command rde-gateway "\${arguments[\@]//\\/run\\/postgresql/\$PGHOST}" >gateway.out 2>gateway.err &
	# until it listens and has sessions, which a busy machine is slow to give
	for _ in {1..600}; do
		grep -qs listening gateway.out && command curl -fsS -o health.out http://127.0.0.1:$gateway_port/health 2>>health.err && return
		sleep 0.05
	done
	cat gateway.err health.err
	return 1
}
END
}

# A program that reads commands and prints, with its errors where they come up.
sub open_shell
{
	my (@command) = @_;
	my %shell = (in => '', out => '');
	$shell{handle} = IPC::Run::start([@command], '<', \$shell{in}, '>', \$shell{out}, '2>&1');
	return \%shell;
}

# What it prints for this, up to the mark that $echo makes it print.
sub ask_shell
{
	my ($shell, $text, $echo) = @_;
	my $deadline = time + $PostgreSQL::Test::Utils::timeout_default;

	$shell->{out} = '';
	$shell->{in} .= "$text\n$echo\n";
	until ($shell->{out} =~ /<done \d+>\n\z/)
	{
		die "does not end: $text\nprinted: $shell->{out}" if time > $deadline || !$shell->{handle}->pumpable;
		$shell->{handle}->pump_nb;
		usleep(2_000);
	}
	my ($out, $status) = $shell->{out} =~ /\A(.*)<done (\d+)>\n\z/s;
	return ($out, $status);
}

sub close_shell
{
	my ($shell, $end) = @_;
	$shell->{in} .= "$end\n";
	$shell->{handle}->finish;
	return;
}

# Run an example in its shell, which $echo makes print a mark; what is wrong, with what
# was printed; undef if all is well.
sub run_example
{
	my ($shell, $block, $text) = @_;
	my $is_sql = $block->{language} eq 'sql';
	my ($out, $status) = ask_shell($shell, $text, $is_sql ? '\echo <done 0>' : 'echo "<done $?>"');

	$status = 1 if $is_sql && $out =~ /^(ERROR|FATAL|invalid command|\\)/m && !($block->{output} && $block->{output} =~ /^ERROR/m);
	my $difference = $status ? "it fails ($status)" : defined $block->{output} ? compare_output($block, $out) : undef;
	return defined $difference ? "$difference\n--- printed\n$out" : undef;
}

1;

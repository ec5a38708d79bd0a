# document_links.pl
#
# Every link between documents leads to a file and a heading that are there; every
# page is found from README.md; what sources say is told in a page, has that page; and
# all of it is HTML, too, by doc/html.pl.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Find;
use IPC::Run;
use PostgreSQL::Test::Utils;
use RdeDocuments qw(document_files document_prose);
use Test::More;

my $top = abs_path($ENV{RDE_SOURCE} // dirname(__FILE__) . '/../..');
my $tests = $ENV{PG_ABS_SRCDIR} // "$top/test";
my @pages = document_files($top);

# The anchors of a page, as forges make them of headings.
sub anchors
{
	my ($page) = @_;
	my (%anchor, %times);
	for (document_prose("$top/$page"))
	{
		my ($heading) = /^#+ (.*)$/ or next;
		$heading =~ s/\[([^\]]*)\]\([^)]*\)/$1/g;
		$heading = lc $heading =~ s/[^\w\- ]//gr =~ s/ /-/gr;
		my $n = $times{$heading}++;
		$anchor{ $n ? "$heading-$n" : $heading } = 1;
	}
	return \%anchor;
}

my %anchors = map { $_ => anchors($_) } @pages;
my (%leads, @dead);
my $links = 0;
for my $page (@pages)
{
	my $line = 0;
	for (document_prose("$top/$page"))
	{
		$line++;
		my $text = s/`[^`]*`//gr;
		while ($text =~ /\]\(([^)]*)\)/g)
		{
			my $target = $1;
			next if $target =~ /^https?:/;
			$links++;
			my ($path, $anchor) = $target =~ /^([^#]*)(?:#(.*))?$/;
			my $file = $path eq '' ? "$top/$page" : abs_path(dirname("$top/$page") . "/$path") // '';
			my $found = $file =~ s{^\Q$top\E/}{}r;
			$leads{$page}{$found} = 1;
			next if -e "$top/$found" && $found ne '' && (!defined $anchor || $anchors{$found} && $anchors{$found}{$anchor});
			push @dead, "$page:$line: $target";
		}
	}
}
cmp_ok($links, '>', 50, 'there are links');
is(join("\n", @dead), '', 'all lead somewhere');

my %seen = ('README.md' => 1);
my @open = keys %seen;
while (defined(my $page = shift @open))
{
	push @open, grep { !$seen{$_}++ } keys %{ $leads{$page} // {} };
}
is(join(' ', grep { !$seen{$_} } @pages), '', 'every page is found from README.md');

my %told;
find({ no_chdir => 1, wanted => sub {
	return unless -f && -T && !m{/node_modules/};
	open(my $file, '<', $_) or die "$_: $!";
	while (my $line = <$file>)
	{
		$told{$1}{$_} = 1 while $line =~ m{\b(doc/[a-z-]+\.md|[A-Z_]{5,}\.md)\b}g;
	}
} }, grep { -e } "$top/src", "$top/sql", "$top/gateway", "$top/azure", "$top/Makefile", $tests);
cmp_ok(scalar(keys %told), '>', 3, 'sources name pages');
is(join(', ', map { "$_ in " . join(' ', sort keys %{ $told{$_} }) } grep { !-e "$top/$_" } sort keys %told), '',
	'those that sources name are there');

# The same as HTML: what a browser would follow.
SKIP:
{
	skip 'cmark-gfm is not there', 3 if system('command -v cmark-gfm >/dev/null') != 0;
	my $html = PostgreSQL::Test::Utils::tempdir() . '/html';
	ok(IPC::Run::run([ "$top/doc/html.pl", $html ]), 'HTML is made');
	my (%text, @broken);
	find({ no_chdir => 1, wanted => sub { $text{$_} = slurp_file($_) if /\.html$/ } }, $html);
	my $followed = 0;
	for my $file (sort keys %text)
	{
		for my $target ($text{$file} =~ /(?:href|src)="([^"]*)"/g)
		{
			next if $target =~ /^https?:/;
			$followed++;
			my ($path, $anchor) = $target =~ /^([^#]*)(?:#(.*))?$/;
			my $there = $path eq '' ? $file : abs_path(dirname($file) . "/$path") // '';
			push @broken, "$file: $target"
			  unless -f $there && (!defined $anchor || index($text{$there} // '', qq(id="$anchor")) >= 0);
		}
	}
	cmp_ok($followed, '>', 50, 'it has links');
	is(join("\n", @broken), '', 'all of which lead somewhere');
}

done_testing();

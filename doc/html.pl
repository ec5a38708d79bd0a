#!/usr/bin/perl
#
# html.pl - the documents as plain HTML
#
#   doc/html.pl FOLDER
#
# README.md becomes FOLDER/index.html, doc/x.md FOLDER/doc/x.html.  Headings get the
# anchors that forges give them, so links work as they do there.  Needs cmark-gfm.

use strict;
use warnings;
use File::Basename qw(basename dirname);
use File::Copy qw(copy);
use File::Path qw(make_path);

my $folder = shift // die "usage: doc/html.pl FOLDER\n";
my $top = dirname(dirname($0));
my %page = map { s{^\Q$top\E/}{}r => 1 } glob("$top/*.md $top/doc/*.md");

# Where a page goes: path => path.
sub target
{
	my ($path) = @_;
	return $path eq 'README.md' ? 'index.html' : $path =~ s/\.md$/.html/r;
}

# A link of a page, as the page's file has it.
sub link_of
{
	my ($page, $link) = @_;
	return $link if $link =~ /^(?:\w+:|#)/;
	my ($path, $anchor) = $link =~ /^([^#]*)(.*)$/;
	my $down = dirname($page) eq '.' ? '' : dirname($page) . '/';
	my $there = "$down$path" =~ s{[^/]+/\.\./}{}gr;
	return $link unless $page{$there};
	my $target = target($there);
	return ($down eq '' ? $target : $target =~ m{^\Q$down\E(.*)} ? $1 : "../$target") . $anchor;
}

# What a forge makes of a heading: see test/t/document_links.pl.
sub anchor
{
	my ($html, $times) = @_;
	my $text = $html =~ s/<[^>]*>//gr =~ s/&\w+;//gr;
	$text = lc $text =~ s/[^\w\- ]//gr =~ s/ /-/gr;
	my $n = $times->{$text}++;
	return $n ? "$text-$n" : $text;
}

my $style = 'body { max-width: 56rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 sans-serif } '
  . 'pre, code { font-family: monospace; background: #f4f4f4 } pre { padding: .7rem; overflow-x: auto } '
  . 'table { border-collapse: collapse; display: block; overflow-x: auto } td, th { border: 1px solid #ccc; padding: .2rem .5rem; vertical-align: top; text-align: left } '
  . 'img { max-width: 100% }';

for my $page (sort keys %page)
{
	open(my $pipe, '-|', 'cmark-gfm', '--extension', 'table', '--unsafe', "$top/$page") or die "cmark-gfm: $!";
	my $html = do { local $/; <$pipe> };
	close $pipe or die "cmark-gfm cannot read $page\n";

	my %times;
	$html =~ s/<!--.*?-->\n?//gs;
	$html =~ s{<h([1-6])>(.*?)</h\1>}{ "<h$1 id=\"" . anchor($2, \%times) . "\">$2</h$1>" }ge;
	$html =~ s{(<a href|<img src)="([^"]*)"}{ "$1=\"" . link_of($page, $2) . '"' }ge;
	my ($title) = $html =~ m{<h1[^>]*>(.*?)</h1>};
	my $home = $page eq 'README.md' ? '' : '<p><a href="' . link_of($page, dirname($page) eq '.' ? 'README.md' : '../README.md') . "\">rde</a></p>\n";

	make_path(dirname("$folder/" . target($page)));
	open(my $file, '>', "$folder/" . target($page)) or die "$folder: $!";
	print $file "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>", $title // $page,
	  "</title>\n<style>$style</style>\n</head>\n<body>\n$home$html</body>\n</html>\n";
	close $file or die "$folder: $!";
}
copy("$top/LICENSE", "$folder/LICENSE") or die "LICENSE: $!";
copy($_, "$folder/doc/" . basename($_)) or die "$_: $!" for glob("$top/doc/*.png");
make_path("$folder/doc/monitoring");
copy($_, "$folder/doc/monitoring/" . basename($_)) or die "$_: $!" for glob("$top/doc/monitoring/*");

# file_programs.pl
#
# Every program that doc/formats.md calls tested reads a report of every kind of
# value, and finds in it, cell by cell, what the source holds.
#
# R is asked for in the long form only (RDE_SOAK=1): it takes minutes to install.

use strict;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::RealBin;
use JSON::PP;
use PostgreSQL::Test::Utils;
use RdeFiles;
use Test::More;

my $tools = "$FindBin::RealBin/../tools";
my $json = JSON::PP->new->utf8->allow_nonref->canonical;
my $characters = JSON::PP->new->allow_nonref->canonical;

unless (ok($ENV{RDE_READERS}, 'readers for node are installed: "test/setup check" does that, in build/'))
{
	done_testing();
	exit;
}

# Texts that some reader or other has got wrong.
my @texts = ('plain', '', undef, ' before', 'behind ', 'a  b', '"', '""', ',', ';', "tab\there", "two\nlines",
	"\nfirst", "last\n", "Main St 1\r\nTown", '\\', '\\"', '\\.', '\\N', 'NULL', 'NA', 'null', 'None', '0001', '1e5', '-',
	'TRUE', '=1+1', '@x', '2020-03-01', '&amp;', '<b>', '<!-- -->', ']]>', '{"a": 1}', '[1]', "caf\xe9", "\x{4e2d}\x{6587}",
	"\x{1f600}", "\x{5e9}\x{5dc}\x{5d5}\x{5dd}", "\x{feff}x", "\x{200b}", 'x' x 3000);

my $node = new_server('programs');
my $texts = JSON::PP->new->ascii->encode(\@texts) =~ s/'/''/gr;
query($node, qq{
	CREATE TABLE kinds AS
	SELECT n AS id, date '2020-02-20' + n::integer AS day,
		   CASE n % 5 WHEN 0 THEN NULL ELSE n % 2 = 0 END AS ok,
		   CASE n % 7 WHEN 0 THEN NULL ELSE 999999999999999 - n * 11111111111111 END AS big,
		   CASE n % 6 WHEN 0 THEN NULL ELSE (n - 20) * 1234.56789012 END::numeric(20,8) AS total,
		   CASE n % 8 WHEN 0 THEN NULL ELSE (n - 20) / 8.0 END::double precision AS f,
		   lpad((n * 37)::text, 7, '0') AS number,
		   value AS t,
		   CASE n % 4 WHEN 0 THEN NULL
		   ELSE timestamptz '1999-12-31 23:59:59Z' + n * interval '123 days 4567 seconds' END AS at,
		   CASE n % 3 WHEN 0 THEN NULL ELSE json_build_object('k', n, 'v', value) END AS js
	FROM json_array_elements_text('$texts') WITH ORDINALITY e(value, n)});
query($node, q{
	SELECT rde_create_dataset('kinds', 'Kinds');
	SELECT rde_attach('kinds', 'kinds', reseller => 'id', period => 'day', key => '{id}')});
my @columns = qw(id day ok big total f number t at js);
my %is_number = map { $_ => 1 } qw(id big total f);

# What the source holds, as text that every format agrees on.
my $source = $json->decode(query($node, q{
	SELECT json_agg(json_build_array(id::text, day::text, ok::text, big::text, total::text, f::text, number, t,
		to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), js::text) ORDER BY day, id)
	FROM kinds}));

my %path = map {
	$_ => export_file($node, 'kinds', $_, options => '{"compress": false, "csv": {"formula_guard": false}}')->{path}
} qw(csv json jsonl xml xlsx);

# A cell as a program gave it, as the text that the source has of it.
sub told
{
	my ($column, $value) = @_;

	return $value ? 'true' : 'false' if JSON::PP::is_bool($value);
	return $characters->encode($value) if ref $value;
	return undef if !defined $value;
	return lc $value if $column eq 'ok';
	# moments as programs print them; a day may come as its midnight
	$value =~ s/^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.0+)?(?:Z|\+00(?::?00)?)?$/$1 $2/
	  if $column eq 'at' || $column eq 'day';
	$value =~ s/ 00:00:00$// if $column eq 'day';
	return $value;
}

# JSON without regard to blanks, and to whether numbers are quoted.
sub flat
{
	my $flat = $characters->encode($characters->decode(shift));
	return $flat =~ s/"(\d+)"/$1/gr;
}

sub same
{
	my ($column, $value, $wanted) = @_;

	return defined $value == defined $wanted if !defined $value || !defined $wanted;
	return 1 if $value eq $wanted;
	# programs that have doubles only; none of the source's numbers needs more
	return $value == $wanted if $is_number{$column} && $value =~ /^-?[\d.]+(?:e[-+]?\d+)?$/i;
	return eval { flat($value) eq flat($wanted) } if $column eq 'js';
	return 0;
}

# Run a program and compare.  Options: nulls, it tells NULL and empty text apart;
# as, what it makes of a text or moment, where that is known to differ.
sub reads
{
	my ($program, $format, $command, %option) = @_;
	my $before = $ENV{NODE_PATH};

	local $ENV{NODE_PATH} = $ENV{RDE_READERS};
	my ($out, $err);
	for (1 .. 5)
	{
		($out, $err) = run_command($command);
		# see doc/formats.md
		last unless $program =~ /stream/ && $err =~ /reading 'model'/;
	}
	my $rows = eval { $json->decode($out) };
	if (!$rows)
	{
		fail("$program reads $format");
		diag("$err $@");
		return;
	}
	# arrays with the header first, or objects with the header in each
	my $header = ref $rows->[0] eq 'ARRAY' ? shift @$rows : \@columns;
	my @wrong;
	push @wrong, 'columns are ' . join ',', @$header if "@$header" ne "@columns";
	push @wrong, scalar(@$rows) . ' rows' if @$rows != @$source;
	for my $i (0 .. $#$source)
	{
		for my $j (0 .. $#columns)
		{
			my $row = $rows->[$i];
			my $value = told($columns[$j], ref $row eq 'HASH' ? $row->{ $columns[$j] } : $row->[$j]);
			my $wanted = $source->[$i][$j];

			$wanted = $option{as}->($wanted, $columns[$j]) if $option{as} && defined $wanted;
			if (!$option{nulls})
			{
				$_ = defined && length ? $_ : undef for $value, $wanted;
			}
			push @wrong, sprintf 'row %d, %s: %s, not %s', $i + 1, $columns[$j], map { $json->encode($_) } $value, $wanted
			  if !same($columns[$j], $value, $wanted);
		}
	}
	is(scalar @wrong, 0, "$program reads $format") or diag(join "\n", @wrong[ 0 .. ($#wrong < 5 ? $#wrong : 5) ]);
	return;
}

# Line breaks that are line feeds: of XLSX, and of some readers of CSV.
sub breaks
{
	my ($text, $column) = @_;
	return $column eq 'js' ? $text : $text =~ s/\r\n/\n/gr;
}

# What is left of a text of DuckDB's where node reads it.
sub unmarked
{
	my ($text, $column) = @_;
	return $column eq 'js' ? $text : $text =~ s/^\x{feff}//r;
}

sub node_reads
{
	my ($program, $format, %option) = @_;
	reads($program, $format, [ 'node', "$tools/readers.js", $program, $path{$format} ], %option);
	return;
}

my @python = ('/usr/bin/python3', '-c');

# CSV.
reads('Python csv', 'csv', [ @python, q{
import csv, json, sys
print(json.dumps(list(csv.reader(open(sys.argv[1], newline="", encoding="utf-8")))))}, $path{csv} ]);
node_reads('papaparse', 'csv');
node_reads('duckdb-csv', 'csv', nulls => 1, as => \&unmarked);
reads('Miller', 'csv', [ 'mlr', '-S', '--icsv', '--ojson', 'cat', $path{csv} ], as => \&breaks);
reads('PHP fgetcsv', 'csv', [ 'php', "$tools/readers.php", 'csv', $path{csv} ]);

# JSON and JSON Lines.
reads('Python json', 'json', [ @python, q{
import json, sys
print(json.dumps(json.load(open(sys.argv[1], encoding="utf-8"))))}, $path{json} ], nulls => 1);
reads("jq $_", $_, [ 'jq', '-cn', '[inputs] | flatten(1)', $path{$_} ], nulls => 1) for qw(json jsonl);
for my $format (qw(json jsonl))
{
	node_reads('duckdb-json', $format, nulls => 1, as => sub { $_[0] =~ s/\x{feff}//r });
	reads('Miller', $format, [ 'mlr', '-S', "--i$format", '--ojson', 'cat', $path{$format} ], nulls => 1);
}
reads('PHP json_decode', 'json', [ 'php', "$tools/readers.php", 'json', $path{json} ], nulls => 1);

# XML.
node_reads('fast-xml-parser', 'xml');
reads('xmllint', 'xml', [ @python, q{
import json, subprocess, sys, xml.etree.ElementTree as tree
report = tree.fromstring(subprocess.run(["xmllint", "--noblanks", sys.argv[1]], check=True, stdout=subprocess.PIPE).stdout)
nil = "{http://www.w3.org/2001/XMLSchema-instance}nil"
rows = [[None if nil in cell.attrib else cell.text or "" for cell in row] for row in report]
print(json.dumps([[cell.tag for cell in report[0]]] + rows))}, $path{xml} ], nulls => 1);

# XLSX.
node_reads($_, 'xlsx', as => \&breaks) for qw(exceljs sheetjs read-excel-file);
node_reads('exceljs-stream', 'xlsx', as => sub { breaks(@_) =~ s/&amp;/&/gr });
reads('openpyxl', 'xlsx', [ '/usr/bin/python3', "$tools/cells.py", '--values', $path{xlsx} ], as => \&breaks);
my $office = convert($node, $path{xlsx}, 'csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false');
reads('LibreOffice', 'xlsx', [ @python, q{
import csv, json, sys
print(json.dumps(list(csv.reader(open(sys.argv[1], newline="", encoding="utf-8")))))}, $office ], as => \&breaks);

# R.
if ($ENV{RDE_SOAK})
{
	my @r = ('Rscript', "$tools/readers.R");

	reads('R read.csv', 'csv', [ @r, 'read.csv', $path{csv} ], as => \&breaks);
	reads('R readxl', 'xlsx', [ @r, 'readxl', $path{xlsx} ], as => \&breaks);
	# a mark of white space is text to it, and what stands for <, > and & is not decoded
	reads('R openxlsx', 'xlsx', [ @r, 'openxlsx', $path{xlsx} ], as => sub {
		my %marks = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;');
		my $text = breaks(@_) =~ s/([&<>])/$marks{$1}/gr;

		return $text =~ /^\s|\s$/ ? qq{xml:space="preserve">$text} : $text });
}
else
{
	note('R reads csv and xlsx in "make soak"');
}

done_testing();

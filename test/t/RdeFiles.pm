# RdeFiles.pm
#
# What tests of report files share: a server, an export into a file, and the
# comparison of a file with its source by tools/round_trip.py.
#
# Invariant: a source's text is what COPY prints under ISO settings in UTC, and
# files are read by programs that know nothing of rde.

package RdeFiles;

use strict;
use warnings;
use Exporter 'import';
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(new_server query export_file compare_file file_ok
  convert slurp_raw);

my $files = 0;

# COPY's text, and our own comparisons, are printed under these.
my $iso = q{
	SET DateStyle = 'ISO, YMD'; SET IntervalStyle = iso_8601;
	SET TimeZone = 'UTC'; SET extra_float_digits = 1;
	SET bytea_output = hex; SET lc_monetary = 'C';
};

# The kind of value a column's type is to report files.
my $kind = q{
	CASE coalesce(nullif(t.typbasetype, 0), t.oid)::regtype::text
		WHEN 'boolean' THEN 'bool'
		WHEN 'smallint' THEN 'integer'
		WHEN 'integer' THEN 'integer'
		WHEN 'bigint' THEN 'integer'
		WHEN 'numeric' THEN 'decimal'
		WHEN 'real' THEN 'float'
		WHEN 'double precision' THEN 'float'
		WHEN 'date' THEN 'date'
		WHEN 'timestamp without time zone' THEN 'timestamp'
		WHEN 'timestamp with time zone' THEN 'timestamptz'
		WHEN 'json' THEN 'json'
		WHEN 'jsonb' THEN 'json'
		ELSE 'text'
	END
};

sub new_server
{
	my $node = PostgreSQL::Test::Cluster->new(shift);

	# names, values and psql's input are UTF-8 whatever a database's encoding
	$ENV{PGCLIENTENCODING} = 'UTF8';
	$node->init(extra => [ '--no-locale', '--encoding=UTF8' ]);
	$node->append_conf('postgresql.conf', <<'END');
fsync = off
autovacuum = off
max_wal_size = 4GB
client_min_messages = error
END
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION rde');
	return $node;
}

# Run SQL under ISO settings; returns (text, exit code, errors).
sub query
{
	my ($node, $sql, %arg) = @_;
	my ($out, $err) = ('', '');
	my $code = $node->psql($arg{dbname} // 'postgres', $iso . $sql,
		stdout => \$out, stderr => \$err);
	die "$sql\nfailed: $err" if $code != 0 && !$arg{may_fail};
	return wantarray ? ($out, $code, $err) : $out;
}

# Export days of 2020 of a data set and write the file where foreign readers
# find it.  Returns its path and what its manifest counts, or the error.
sub export_file
{
	my ($node, $dataset, $format, %arg) = @_;
	my $path = sprintf '%s/%s_%d.%s', $node->basedir, $dataset, ++$files,
	  $format;
	my $to = $arg{to} // '2020-12-31';
	my $options = $arg{options} // '{"csv": {"formula_guard": false}}';
	my $view = $arg{view} // 'full';
	my $zone = $arg{zone} // 'UTC';

	$path .= '.gz' unless $format eq 'xlsx' || $options =~ /"compress"/;
	my ($out, $code, $err) = query($node, qq{
		SELECT rde_export('$dataset', '2020-01-01', '$to', '$format', '$view',
						  time_zone => '$zone', options => '$options') AS id \\gset
		SELECT lo_from_bytea(0, rde_content(:'id')) AS file \\gset
		SELECT lo_export(:file, '$path'), lo_unlink(:file) \\gset
		SELECT id, row_count, replaced_characters, text_numbers
		FROM rde_reports WHERE id = :'id';
	}, dbname => $arg{dbname}, may_fail => 1);
	return { error => $err } if $code != 0;
	my %file = (path => $path, format => $format);
	@file{qw(id rows replaced text_numbers)} = split /\|/, $out;
	return \%file;
}

# Compare a file with a query's rows, in the file's order, cell by cell.
# relation is whose columns the file has.  Returns success and what was counted
# or differed.
sub compare_file
{
	my ($node, $file, $relation, %arg) = @_;
	my $source = $node->basedir . '/source_' . ++$files;
	my $rows = $arg{rows} // "SELECT * FROM $relation ORDER BY day, id";
	my $columns = $arg{columns} // 'true';

	query($node, qq{
		COPY ($rows) TO '$source' (ENCODING 'UTF8');
		COPY (SELECT a.attname, $kind
			  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
			  WHERE a.attrelid = '$relation'::regclass AND a.attnum > 0
				AND NOT a.attisdropped AND $columns
			  ORDER BY a.attnum) TO '$source.columns' (ENCODING 'UTF8');
	}, dbname => $arg{dbname});
	my ($out, $err) = run_command(
		[
			'/usr/bin/python3', dirname(__FILE__) . '/../tools/round_trip.py',
			$file->{format}, $file->{path}, $source, "$source.columns"
		]);
	unlink $source, "$source.columns";
	return ($err eq '', $out, $err);
}

# Export and compare; the manifest must count what the reader counts.
sub file_ok
{
	my ($node, $dataset, $format, $relation, $what, %arg) = @_;
	my $file = export_file($node, $dataset, $format, %arg);

	if ($file->{error})
	{
		fail($what);
		diag($file->{error});
		return;
	}
	my ($good, $counted, $err) = compare_file($node, $file, $relation, %arg);
	my $manifest = sprintf 'rows=%d cells=\d+ replaced=%d text_numbers=%d',
	  @$file{qw(rows replaced text_numbers)};
	ok($good && $counted =~ /^$manifest$/, "$what ($counted)")
	  or diag("$err\nmanifest: $manifest");
	return $file;
}

# Convert with LibreOffice, in a profile of our own; returns the new path.
sub convert
{
	my ($node, $path, $extension, @options) = @_;
	my $folder = $node->basedir . '/office';
	my $log = '';

	run_log(
		[
			'soffice', "-env:UserInstallation=file://$folder/profile",
			'--headless', @options, '--convert-to', $extension, '--outdir',
			$folder, $path
		],
		'>', \$log, '2>&1');
	my ($name) = $path =~ m{([^/]+)\.\w+$};
	my ($suffix) = $extension =~ /^(\w+)/;
	my $result = "$folder/$name.$suffix";
	-s $result or diag($log);
	return $result;
}

sub slurp_raw
{
	open my $file, '<:raw', shift or die $!;
	local $/;
	return scalar <$file>;
}

1;

# file_bytes.pl
#
# The same rows make the same bytes, whatever a session has set (F3), and with
# either codec the same content; a byte that changes in the store is found (B8).

use strict;
use warnings;
use RdeFiles;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('bytes');
my @formats = qw(csv json jsonl xml xlsx);
my $rounds = $ENV{RDE_SOAK} ? 200 : 16;

$node->safe_psql('postgres', <<'END');
CREATE ROLE shop_owner;
CREATE SCHEMA shop AUTHORIZATION shop_owner;
SET ROLE shop_owner;
CREATE TYPE shop.mood AS ENUM ('sad', 'glad');
CREATE TABLE shop.everything AS
SELECT n AS id, n % 3 AS reseller, timestamptz '2020-01-01 00:00Z' + n * interval '7 seconds' AS changed,
       n % 2 = 0 AS flag, n::smallint AS small, n * 10000000000 AS big, n / 7.0::numeric AS exact,
       n / 7.0::real AS single, n / 7.0::double precision AS double, date '2020-01-01' + n AS day,
       timestamp '2020-01-01' + n * interval '1.234567 s' AS local, time '00:00' + n * interval '1 s' AS clock,
       n * interval '1 day 2 hours 3.5 seconds' AS span, md5(n::text) AS word, decode(md5(n::text), 'hex') AS raw,
       (n / 100.0)::money AS cash, jsonb_build_array(jsonb_build_array('a', n)) AS pairs,
       ARRAY[timestamptz '2020-01-01 00:00Z' + n * interval '1 day'] AS instants, ARRAY[n / 3.0::double precision] AS doubles,
       tstzrange('2020-01-01 00:00Z', '2020-01-02 00:00Z') AS span_of_time, 'glad'::shop.mood AS mood,
       xmlelement(name x, n) AS markup, ROW(n, date '2020-01-01', n / 3.0::real)::text AS record
FROM generate_series(1, 5000) n;
ALTER TABLE shop.everything ADD PRIMARY KEY (id);
CREATE INDEX ON shop.everything (changed, id);
ANALYZE shop.everything;
RESET ROLE;
SELECT rde_create_dataset('everything', 'Everything');
SELECT rde_attach('everything', 'shop.everything', 'reseller', 'changed', amount => 'exact');
END

# A pass writes each format and tells what it wrote.
sub digests
{
	my ($settings) = @_;
	my $list = join ', ', map { "'$_'" } @formats;

	return $node->safe_psql('postgres', $settings . <<"END");
SELECT pg_catalog.count(public.rde_export('everything', '2020-01-01'::date, '2020-01-01'::date, f, time_zone => 'Asia/Tokyo'))
FROM pg_catalog.unnest(ARRAY[$list]) f;
SELECT format, sha256, row_count FROM public.rde_reports ORDER BY published_at DESC, id LIMIT 5
END
}

sub random_settings
{
	my @choices = (
		[ DateStyle => "'German, DMY'", "'SQL, MDY'", "'Postgres, DMY'", "'ISO, YMD'" ],
		[ IntervalStyle => 'postgres', 'postgres_verbose', 'sql_standard', 'iso_8601' ],
		[ TimeZone => "'America/St_Johns'", "'Asia/Kathmandu'", "'UTC'", "'Pacific/Apia'" ],
		[ extra_float_digits => -15, 0, 1, 3 ],
		[ bytea_output => 'escape', 'hex' ],
		[ lc_monetary => "'C'", "'C.UTF-8'" ],
		[ lc_numeric => "'C'", "'C.UTF-8'" ],
		[ xmlbinary => 'hex', 'base64' ],
		[ search_path => 'shop', "''", 'public, shop', 'pg_temp, public' ],
		[ work_mem => "'64kB'", "'64MB'" ],
		[ enable_indexscan => 'on', 'off' ],
		[ enable_sort => 'on', 'off' ],
		[ enable_seqscan => 'on', 'off' ],
		[ quote_all_identifiers => 'on', 'off' ],
		[ jit => 'on', 'off' ],
		[ row_security => 'on', 'off' ],
		[ client_encoding => 'UTF8', 'LATIN1', 'SQL_ASCII' ],
	);
	my $settings = '';

	for my $choice (@choices)
	{
		my ($name, @values) = @$choice;
		$settings .= "SET $name = $values[rand @values]; ";
	}
	return $settings;
}

my $seed = $ENV{RDE_SEED} // int(rand(1_000_000));
srand($seed);
note "seed $seed";

my $first = join "\n", sort grep { /\|/ } split /\n/, digests('');
like($first, qr/^csv\|[0-9a-f]{64}\|5000\njsonl\|.*\njson\|.*\nxlsx.*\nxml/, 'five files of 5,000 rows');
my $different = '';
for (1 .. $rounds)
{
	my $settings = random_settings();
	my $again = join "\n", sort grep { /\|/ } split /\n/, digests($settings);
	$different .= "$settings\n$again\n" if $again ne $first;
}
is($different, '', "the same bytes under $rounds random sets of settings");
$node->safe_psql('postgres', q{UPDATE shop.everything SET word = 'other' WHERE id = 4000});
isnt(join("\n", sort grep { /\|/ } split /\n/, digests('')), $first, 'another row, other bytes');

# The other codec

SKIP:
{
	skip 'RDE_SOURCE names no source tree', 6 unless $ENV{RDE_SOURCE};

	my $folder = PostgreSQL::Test::Utils::tempdir;
	run_log([ 'cp', '-r', $ENV{RDE_SOURCE}, "$folder/rde" ]);
	command_ok([ 'make', '-s', '-C', "$folder/rde", 'RDE_DEFLATE=zlib', 'with_llvm=no', "DESTDIR=$folder/stage", 'install' ],
		'built with zlib');
	my ($libraries) = run_command([ $ENV{PG_CONFIG} || 'pg_config', '--pkglibdir' ]);
	my $conf = slurp_file($ENV{TEMP_CONFIG});
	my ($stage) = $conf =~ /^dynamic_library_path = '(.*?)\Q$libraries\E/m;
	$conf =~ s/\Q$stage\E/$folder\/stage/g;
	my $content = sub {
		my ($format) = @_;
		my $id = $node->safe_psql('postgres', "SELECT rde_export('everything', '2020-01-01', '2020-01-01', '$format')");
		my $path = "$folder/$id";
		$node->safe_psql('postgres', "COPY (SELECT encode(rde_content('$id'), 'hex')) TO '$path.hex'");
		return $path;
	};
	my %before = map { $_ => $content->($_) } @formats;
	$node->append_conf('postgresql.conf', $conf);
	$node->restart;
	my %after = map { $_ => $content->($_) } @formats;
	for my $format (@formats)
	{
		my ($out, $err) = run_command([ '/usr/bin/python3', '-c', <<'END', $format, "$before{$format}.hex", "$after{$format}.hex" ]);
import gzip, io, sys, zipfile
format, first, second = sys.argv[1:]
def parts(path):
    data = bytes.fromhex(open(path).read())
    if format == 'xlsx':
        archive = zipfile.ZipFile(io.BytesIO(data))
        return data, [(i.filename, archive.read(i)) for i in archive.infolist()]
    return data, gzip.decompress(data)
(a, x), (b, y) = parts(first), parts(second)
print('other bytes' if a != b else 'same bytes', 'same content' if x == y else 'other content')
END
		is("$out$err", 'other bytes same content', "$format: the other codec makes the same content");
	}
}

# Damage in the store

my $id = $node->safe_psql('postgres',
	q{SELECT rde_export('everything', '2020-01-01', '2020-01-01', 'json', options => '{"compress": false}')});
cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM _rde_report_chunk WHERE report = '$id'"), '>', 1, 'a file of several chunks');

sub damage
{
	my ($what, $sql) = @_;
	my ($rc, $out, $err) = $node->psql('postgres', <<"END");
SET client_min_messages = warning;
SELECT rde_verify_report('$id');
BEGIN;
$sql;
SELECT rde_verify_report('$id');
ROLLBACK;
SELECT rde_verify_report('$id');
END
	is($out, "t\nf\nt", "found: $what");
	like($err, qr/WARNING:.*$id/, "with a warning that names the report");
}

my $chunk = "UPDATE _rde_report_chunk SET data = %s WHERE report = '$id' AND seq = %s";
damage('a flipped bit', sprintf($chunk, 'set_bit(data, 4711, 1 - get_bit(data, 4711))', 0));
damage('a flipped bit in the last byte', sprintf($chunk,
	'set_bit(data, 8 * length(data)::bigint - 1, 1 - get_bit(data, 8 * length(data)::bigint - 1))',
	"(SELECT max(seq) FROM _rde_report_chunk WHERE report = '$id')"));
damage('a byte too few', sprintf($chunk, 'substr(data, 2)', 0));
damage('a byte too many', sprintf($chunk, q{data || '\x00'},
	"(SELECT max(seq) FROM _rde_report_chunk WHERE report = '$id')"));
damage('a chunk gone', "DELETE FROM _rde_report_chunk WHERE report = '$id' AND seq = 0");
damage('a chunk too many', "INSERT INTO _rde_report_chunk SELECT report, seq + 1, data FROM _rde_report_chunk WHERE report = '$id' ORDER BY seq DESC LIMIT 1");
damage('two chunks exchanged', "UPDATE _rde_report_chunk c SET data = o.data FROM _rde_report_chunk o WHERE c.report = '$id' AND o.report = c.report AND o.seq = 1 - c.seq AND length(o.data) = length(c.data)")
  if $node->safe_psql('postgres', "SELECT length(data) FROM _rde_report_chunk WHERE report = '$id' AND seq = 1") == 1048576;

$node->stop;
done_testing();

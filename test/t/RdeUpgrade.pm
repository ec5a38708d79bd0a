# RdeUpgrade.pm
#
# What tests of updates share: servers that know other versions of the extensions
# than the one that is tested, and the catalog as text, to be compared.

package RdeUpgrade;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(installed_script copy_stage start_staged extension_catalog differences);

my ($stage) = slurp_file($ENV{TEMP_CONFIG}) =~ /^dynamic_library_path = '(\S+?\/stage)\//m;
chomp(my $sharedir = `$ENV{PG_CONFIG} --sharedir`);

# Where CREATE EXTENSION finds a script.
sub installed_script
{
	return "$stage$sharedir/extension/$_[0]";
}

# A copy of what is installed, with other scripts beside it, or without some: a text
# or undef by name.  Returns its folder.
sub copy_stage
{
	my ($name, %scripts) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir() . "/$name";

	system_or_bail('cp', '-r', $stage, $folder);
	for my $script (sort keys %scripts)
	{
		my $path = "$folder$sharedir/extension/$script";
		unlink $path;
		append_to_file($path, $scripts{$script}) if defined $scripts{$script};
	}
	return $folder;
}

# A server that finds extensions there.
sub start_staged
{
	my ($name, $folder) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(extra => [ '--no-locale', '--encoding=UTF8' ]);
	$node->append_conf('postgresql.conf', slurp_file($ENV{TEMP_CONFIG}) =~ s/\Q$stage\E/$folder/gr);
	$node->append_conf('postgresql.conf', "max_prepared_transactions = 10\n");
	$node->start;
	return $node;
}

# Everything that is an extension's, a line or more each.
my $catalog = <<'SQL';
SET search_path = pg_catalog;
WITH member AS (
    SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = '@extension@'
    WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'),
relation AS (SELECT c.* FROM pg_class c JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid),
acl(class, id, acl) AS (
    SELECT 'pg_class'::regclass, c.oid, coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)) FROM relation c
    UNION ALL SELECT 'pg_proc'::regclass, p.oid, coalesce(p.proacl, acldefault('f', p.proowner)) FROM pg_proc p JOIN member m ON m.objid = p.oid
    UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, w.oid, coalesce(w.fdwacl, acldefault('F', w.fdwowner))
    FROM pg_foreign_data_wrapper w JOIN member m ON m.objid = w.oid),
line(line) AS (
    SELECT 'function ' || pg_get_functiondef(p.oid) || ' of ' || p.proowner::regrole
    FROM pg_proc p JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
    UNION ALL
    SELECT format('relation %s %s %s %s of %s', c.relname, c.relkind, c.relpersistence, c.reloptions, c.relowner::regrole) FROM relation c
    UNION ALL
    SELECT format('column %s %s %s %s %s %s %s %s', c.relname, row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname,
                  format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attstorage, pg_get_expr(d.adbin, d.adrelid),
                  col_description(c.oid, a.attnum))
    FROM relation c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    UNION ALL
    SELECT format('view %s %s', c.relname, pg_get_viewdef(c.oid)) FROM relation c WHERE c.relkind = 'v'
    UNION ALL
    SELECT format('constraint %s %s %s', c.relname, k.conname, pg_get_constraintdef(k.oid)) FROM relation c JOIN pg_constraint k ON k.conrelid = c.oid
    UNION ALL
    SELECT 'index ' || pg_get_indexdef(i.indexrelid) FROM relation c JOIN pg_index i ON i.indrelid = c.oid
    UNION ALL
    SELECT format('trigger %s', pg_get_triggerdef(t.oid)) FROM relation c JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal
    UNION ALL
    SELECT format('privilege %s %s %s', pg_describe_object(a.class, a.id, 0), x.privilege_type, nullif(x.grantee, 0)::regrole)
    FROM acl a, aclexplode(a.acl) x
    UNION ALL
    SELECT format('object %s: %s', pg_describe_object(m.classid, m.objid, 0),
                  obj_description(m.objid, (SELECT c.relname FROM pg_class c WHERE c.oid = m.classid))) FROM member m
    UNION ALL
    SELECT format('goes with it %s', pg_describe_object(d.classid, d.objid, d.objsubid))
    FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = '@extension@'
    WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'x'
    UNION ALL
    SELECT format('dumped %s %s', t.id::regclass, t.condition) FROM pg_extension e, unnest(e.extconfig, e.extcondition) t(id, condition)
    WHERE e.extname = '@extension@'
    UNION ALL
    SELECT 'version ' || extversion FROM pg_extension WHERE extname = '@extension@'
    UNION ALL
    SELECT 'shipped ' || t::text FROM public._rde_view_column t WHERE shipped
    UNION ALL
    SELECT 'shipped ' || t::text FROM public._rde_dataset t WHERE shipped)
SELECT translate(line, E'\n', ' ') FROM line ORDER BY line COLLATE "C";
SQL

sub extension_catalog
{
	my ($node, $database, $extension) = @_;
	$extension //= 'rde';
	return $node->safe_psql($database, $catalog =~ s/\@extension\@/$extension/gr);
}

# What two catalogs do not have in common.
sub differences
{
	my %in;
	$in{$_}++ foreach split /\n/, $_[0];
	$in{$_}-- foreach split /\n/, $_[1];
	return join "\n", map { ($in{$_} > 0 ? '< ' : '> ') . $_ } grep { $in{$_} } sort keys %in;
}

1;

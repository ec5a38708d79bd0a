# document_examples.pl
#
# What the documents show is what happens: the examples of README.md, CONTRIBUTING.md
# and doc/ are run in their order, and what a document shows below one is compared
# with what it printed.
#
# In a page
#   ```sql             is run by psql, one session a page, in database "shop"
#   ```sh              by bash, one a page; https://reports.example.com is the gateway
#                      that the page has started
#   ```text, ```json   below one of these, with nothing but blank lines between:
#                      what it prints
#   ```                and other languages: pictures, files of other programs
#   <!-- run ... -->   what a reader has done, or does not need to see: SQL
#   <!-- run sh ... --> or commands.  A ```text below it is what it prints
#   <!-- not run: why --> the example below is left out; there are few of these
#   <!-- after: page --> at the top: the database is as that page left it
#   <!-- run by: test --> at the top: the page needs several servers, and has a test of
#                      its own
#   <!-- needs: program --> the page is left out where there is no pg_cron or azurite
#
# In what a page shows, "…" stands for anything in a line, and a line "..." for any
# lines.  Ids, digests, process ids, and times of our days may differ.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeAzure;
use RdeDocuments qw(document_files document_blocks shell_prelude open_shell ask_shell run_example close_shell);
use RdeFiles qw(new_server);
use RdeGateway;
use Test::More;
use Time::HiRes qw(time);

my $top = $ENV{RDE_SOURCE} // abs_path(dirname(__FILE__) . '/../..');
my %page = map { $_ => document_blocks("$top/$_") } document_files($top);

# Days begin at full hours, here and where the examples' reseller is: let none begin
# meanwhile, or have begun a moment ago.
sleep 3612 - time % 3600 if time % 3600 > 3500;
sleep 12 - time % 3600 if time % 3600 < 12;

my ($libdir) = run_command([ $ENV{PG_CONFIG} // 'pg_config', '--pkglibdir' ]);
my $node = new_server('documents');
my $cron = -e "$libdir/pg_cron.so";
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_cron'\ncron.database_name = 'postgres'\ncron.launch_active_jobs = off\n")
  if $cron;
$node->append_conf('postgresql.conf', "max_worker_processes = 20\nclient_min_messages = notice\n");
$node->restart;

my $azurite = $ENV{RDE_AZURITE} ? start_azurite() : undef;
make_container($azurite, 'reports') if $azurite;
my $gateway_port = PostgreSQL::Test::Cluster::get_free_port();
my $folder = PostgreSQL::Test::Utils::tempdir;
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;
local $ENV{PGDATABASE} = 'shop';
local $ENV{PATH} = dirname(gateway_program()) . ":$ENV{PATH}";

my $prelude = shell_prelude($folder, $gateway_port);
my $azure_port = $azurite ? $azurite->{port} : 0;

# Pages in an order in which each finds what it goes on from.
my (%done, @order);
sub visit
{
	my ($name) = @_;
	return if $done{$name}++;
	visit($page{$name}{after}) if $page{$name}{after};
	push @order, $name;
	return;
}
visit($_) for sort keys %page;

my %there = (pg_cron => $cron, azurite => $azurite);
my %followed = map { $_->{after} ? ($_->{after} => 1) : () } values %page;
my ($run, @left_out, @unmarked) = (0);
for my $name (@order)
{
	my $page = $page{$name};
	next unless @{ $page->{blocks} };
	if ($page->{run_by})
	{
		ok(-e dirname(__FILE__) . "/$page->{run_by}.pl", "$name is run by $page->{run_by}");
		next;
	}
	if ($page->{needs} && !$there{ $page->{needs} })
	{
		note("$name needs $page->{needs}");
		next;
	}
	my ($template) = $page->{after} ? "after $page->{after}" : 'template1';
	$node->safe_psql('postgres', qq(DROP DATABASE IF EXISTS shop WITH (FORCE)));
	$node->safe_psql('postgres', qq(CREATE DATABASE shop TEMPLATE "$template"));
	my $sql = open_shell('stdbuf', '-oL', 'psql', '-Xq', '-P', 'footer=off', '-P', 'pager=off');
	my $sh = open_shell('bash');
	ask_shell($sh, $prelude, 'echo "<done $?>"');

	for my $block (@{ $page->{blocks} })
	{
		my $where = "$name:$block->{line}";
		if (defined $block->{not_run})
		{
			push @left_out, "$where: $block->{not_run}";
			next;
		}
		my $difference = run_example($block->{language} eq 'sql' ? $sql : $sh, $block, $block->{text} =~ s/127\.0\.0\.1:10000/127.0.0.1:$azure_port/gr);
		$run++;
		ok(!defined $difference, "$where is as shown") or diag($difference);
	}
	close_shell($sh, 'exit');
	close_shell($sql, '\q');
	$node->safe_psql('postgres', 'ALTER SYSTEM RESET ALL; SELECT pg_reload_conf()');
	$node->safe_psql('postgres', qq(CREATE DATABASE "after $name" TEMPLATE shop)) if $followed{$name};
}

note("not run: $_") for @left_out;
cmp_ok($run, '>', 30, 'examples are run');
cmp_ok(scalar(@left_out), '<', $run / 4, 'few are left out');

done_testing();

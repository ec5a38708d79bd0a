# document_prometheus.pl
#
# doc/monitoring as those read it whom it is for: promtool checks the alerts, and
# tries when each wakes somebody; postgres_exporter asks a database what queries.yaml
# says; Prometheus reads it and the gateway, evaluates the alerts, and has an answer
# for each panel of the dashboard.

use strict;
use warnings;
use FindBin;
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RdeAzure qw(start_program);
use RdeGateway;
use Test::More;
use Time::HiRes qw(time sleep);

plan skip_all => 'RDE_SOURCE names no source tree' unless $ENV{RDE_SOURCE};
plan skip_all => 'the gateway was not built' unless gateway_program();
for my $program (qw(promtool prometheus prometheus-postgres-exporter))
{
	plan skip_all => "$program is not there" if system("command -v $program >/dev/null") != 0;
}

my $folder = PostgreSQL::Test::Utils::tempdir;
my $monitoring = "$ENV{RDE_SOURCE}/doc/monitoring";

sub promtool_ok
{
	my ($name, @arguments) = @_;
	my $said = '';
	ok(IPC::Run::run([ 'promtool', @arguments ], '>', \$said, '2>&1'), $name) or diag $said;
	return;
}

system_or_bail('cp', "$monitoring/rules.yaml", "$FindBin::RealBin/../tools/alerts.yaml", $folder);
promtool_ok('the alerts are alerts', 'check', 'rules', "$folder/rules.yaml");
promtool_ok('each wakes somebody in time, and for no less', 'test', 'rules', "$folder/alerts.yaml");
my %tried = map { $_ => 1 } slurp_file("$folder/alerts.yaml") =~ /alertname: (\w+)/g;
is(join(' ', sort keys %tried), join(' ', sort map { /alert: (\w+)/g } slurp_file("$folder/rules.yaml")), 'each alert was tried');

my ($node, $tokens) = new_monitored_shop('prometheus', "listen_addresses = '127.0.0.1'");
my $link = local_path($node->safe_psql('postgres', 'SELECT download_url FROM rde_reports WHERE reseller = 1'));
my $gateway = start_gateway($node, options => [ '--metrics', '127.0.0.1:0' ]);
my ($metrics) = readline($gateway->{out}) =~ /:(\d+)$/;
my ($exporter, $port) = map { PostgreSQL::Test::Cluster::get_free_port() } 1 .. 2;
{
	local $ENV{DATA_SOURCE_NAME} = 'postgresql://prometheus@127.0.0.1:' . $node->port . '/postgres?sslmode=disable';
	start_program('exporter', $exporter, 'prometheus-postgres-exporter', "--extend.query-path=$monitoring/queries.yaml", "--web.listen-address=127.0.0.1:$exporter");
}
append_to_file("$folder/prometheus.yml", <<"END");
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yaml]
scrape_configs:
  - {job_name: database, static_configs: [{targets: ["127.0.0.1:$exporter"]}]}
  - {job_name: gateway, static_configs: [{targets: ["127.0.0.1:$metrics"]}]}
END
promtool_ok('a configuration with them', 'check', 'config', "$folder/prometheus.yml");
start_program('prometheus', $port, 'prometheus', "--config.file=$folder/prometheus.yml", "--storage.tsdb.path=$folder/tsdb", "--web.listen-address=127.0.0.1:$port");

sub api
{
	my ($path) = @_;
	my $reply = HTTP::Tiny->new->get("http://127.0.0.1:$port/api/v1/$path");
	# not yet, or a query that is none
	return $reply->{success} ? decode_json($reply->{content})->{data} : undef;
}

# The series of a query, each { metric => labels, value => [time, text] }.
sub series
{
	my ($query) = @_;
	my $data = api('query?query=' . $query =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger);
	return $data ? @{ $data->{result} } : ();
}

sub value
{
	my @found = series($_[0]);
	return @found == 1 ? $found[0]{value}[1] : scalar(@found) . ' series';
}

# Once a query has the value
sub comes_to_be
{
	my ($query, $expected, $name) = @_;
	my $until = time + 60;
	sleep 0.2 until value($query) eq $expected || time > $until;
	return is(value($query), $expected, $name);
}

comes_to_be('sum(up)', '2', 'both are read');
is(value('pg_exporter_last_scrape_error'), '0', 'postgres_exporter could ask');
is(value('pg_exporter_user_queries_load_error'), '0', 'and has read the queries');
is(value('rde_reports_count{status="completed"}'), '2', 'the reports that are there');
is(value('rde_reports_count{status="submitted"}'), '1', 'those that wait');
is(value('rde_storage_file_bytes'), $node->safe_psql('postgres', 'SELECT sum(file_bytes) FROM rde_reports'), 'what the files take');
is(value('rde_findings_count{finding="tables_granted"}'), '1', 'what is wrong');
is(value('count(rde_gateway_build_info)'), '1', 'the gateway');

# Rates are between two readings: what follows comes after a first one
ask($gateway, 'GET /reports?from=2020-01-01&to=2100-01-01', [ login_headers($tokens->{1}) ]) for 1 .. 20;
ask($gateway, "GET $link");
ask($gateway, 'GET /reports?from=2020-01-01&to=2100-01-01', [ login_headers([ 'none', 'none' ]) ]);
comes_to_be('rde_gateway_downloads_total{result="complete"}', '1', 'a download is counted');
comes_to_be('count(rate(rde_gateway_requests_total{route="/reports"}[5m]) > 0) > bool 0', '1', 'there are rates');

my $dashboard = decode_json(slurp_file("$monitoring/dashboard.json"));
is_deeply([ map { $_->{type} } @{ $dashboard->{templating}{list} } ], ['datasource'], 'the dashboard asks which Prometheus');
my %taken;
for my $panel (@{ $dashboard->{panels} })
{
	my ($name, $place) = ($panel->{title}, $panel->{gridPos});
	my @overlaps;
	for my $x ($place->{x} .. $place->{x} + $place->{w} - 1)
	{
		push @overlaps, grep { $_ } map { $taken{$x}{$_}++ } $place->{y} .. $place->{y} + $place->{h} - 1;
	}
	is("@overlaps", '', "$name: has a place of its own");
	cmp_ok($place->{x} + $place->{w}, '<=', 24, "$name: is not wider than the page");
	my %ids = map { $_->{refId} => 1 } @{ $panel->{targets} };
	is(scalar(keys %ids), scalar(@{ $panel->{targets} }), "$name: tells its queries apart");
	for my $target (@{ $panel->{targets} })
	{
		is($_->{datasource}{uid}, '${' . $dashboard->{templating}{list}[0]{name} . '}', "$name: asks that Prometheus") for $panel, $target;
		my @found = series($target->{expr});
		cmp_ok(scalar(@found), '>', 0, "$name: there is an answer to $target->{expr}");
		is(scalar(grep { $_->{value}[1] !~ /^[\d.e+-]+$/ } @found), 0, "$name: of numbers") or diag explain \@found;
		for my $label (($target->{legendFormat} // '') =~ /\{\{\s*(\w+)\s*\}\}/g)
		{
			is(scalar(grep { !defined $_->{metric}{$label} } @found), 0, "$name: whose legend $label is there");
		}
	}
}

# The alerts, as Prometheus sees them: { alert => 'state health' }
sub states
{
	return { map { $_->{name} => "$_->{state} $_->{health}" } map { @{ $_->{rules} } } @{ api('rules')->{groups} } };
}

sub comes_to_state
{
	my ($alert, $expected, $name) = @_;
	my $until = time + 60;
	sleep 0.2 until states()->{$alert} eq $expected || time > $until;
	return is(states()->{$alert}, $expected, $name);
}

comes_to_state('RdeNeedsAttention', 'pending ok', 'what is wrong is about to wake somebody');
comes_to_state($_, 'inactive ok', "$_: what is well wakes nobody") for qw(RdeNotWatched RdeGatewayDown RdeGatewayWithoutDatabase RdeGatewayErrors);
my $states = states();
is(join(' ', grep { $states->{$_} !~ / ok$/ } sort keys %$states), '', 'every alert can be evaluated');
stop_gateway($gateway);
comes_to_state('RdeGatewayDown', 'pending ok', 'once the gateway has gone, that is about to wake somebody');

done_testing();

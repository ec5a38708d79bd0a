# document_monitoring.pl
#
# doc/monitoring: each query runs as the role its head makes and returns the columns
# that it tells of; each alert, and each panel of the dashboard, is about metrics that
# there are.

use strict;
use warnings;
use CPAN::Meta::YAML;
use JSON::PP;
use PostgreSQL::Test::Utils;
use RdeGateway;
use Test::More;

plan skip_all => 'RDE_SOURCE names no source tree' unless $ENV{RDE_SOURCE};
plan skip_all => 'the gateway was not built' unless gateway_program();
my $folder = "$ENV{RDE_SOURCE}/doc/monitoring";

my ($node) = new_monitored_shop('monitoring');
my $text = slurp_file("$folder/queries.yaml");

# { metric => { label => { value => 1 } } }
my %there;
my $queries = CPAN::Meta::YAML->read_string($text)->[0];
cmp_ok(scalar(keys %$queries), '>=', 4, 'there are queries');
my %rows;
for my $name (sort keys %$queries)
{
	my $query = $queries->{$name};
	my %told = map { %$_ } @{ $query->{metrics} };
	my ($status, $out, $err) = $node->psql('postgres', $query->{query}, connstr => $node->connstr('postgres') . ' user=prometheus',
		extra_params => [ '-P', 'tuples_only=off', '-P', 'footer=off' ]);
	is($status, 0, "$name runs") or diag $err;
	my ($head, @lines) = split /\n/, $out;
	my @columns = split /\|/, $head;
	is(join(' ', sort @columns), join(' ', sort keys %told), "$name: its columns are told of");
	cmp_ok(scalar(@lines), '>', 0, "$name: there are rows");
	for my $line (@lines)
	{
		my %row;
		@row{@columns} = split /\|/, $line, -1;
		push @{ $rows{$name} }, \%row;
		my @labels = grep { $told{$_}{usage} eq 'LABEL' } @columns;
		for my $column (grep { $told{$_}{usage} eq 'GAUGE' } @columns)
		{
			like($row{$column}, qr/^\d+(?:\.\d+)?$/, "$name: $column is a number");
			$there{"${name}_$column"}{$_}{ $row{$_} } = 1 for @labels;
			$there{"${name}_$column"} //= {};
		}
	}
	is(join(' ', grep { $_->{usage} !~ /^(?:LABEL|GAUGE)$/ || $_->{description} eq '' } values %told), '', "$name: what each is");
}
my %count = map { $_->{status} => $_->{count} } @{ $rows{rde_reports} };
is_deeply(\%count, { submitted => 1, processing => 0, completed => 2, error => 0 }, 'everybody\'s reports are counted');
is(scalar(grep { $_->{finding} eq 'tables_granted' && $_->{severity} eq 'error' } @{ $rows{rde_findings} }), 1, 'what needs attention is found');
is($rows{rde_storage}[0]{file_bytes}, $node->safe_psql('postgres', 'SELECT sum(file_bytes) FROM rde_reports'), 'files are summed up');
cmp_ok($rows{rde_storage}[0]{chunk_bytes}, '>=', $rows{rde_storage}[0]{file_bytes}, 'and lie on the disk');
# rde_health may have none of these now
$there{rde_findings_count}{severity}{$_} = 1 for qw(error warning);

# What the gateway tells
my $gateway = start_gateway($node, options => [ '--metrics', '127.0.0.1:0' ]);
my ($port) = readline($gateway->{out}) =~ /:(\d+)$/;
for (split /\n/, ask({ port => $port }, 'GET /metrics')->{body})
{
	my ($name, $labels) = /^([a-z_]+)(?:\{(.*)\})? / or next;
	$there{$name} //= {};
	$there{$name}{$1}{$2} = 1 while ($labels // '') =~ /([a-z]+)="([^"]*)"/g;
}

# A query of Prometheus names only metrics, and values of their labels, that there are.
sub is_about
{
	my ($name, $left) = @_;
	my $used = 0;
	while ($left =~ /\b(rde_[a-z_]+)(?:\{([^}]*)\})?/g)
	{
		my ($metric, $selector) = ($1, $2 // '');
		$used++;
		ok($there{$metric}, "$name: there is $metric");
		while ($selector =~ /([a-z]+)!?="([^"]*)"/g)
		{
			ok($there{$metric}{$1}{$2}, "$name: $metric has $1 $2");
		}
	}
	cmp_ok($used, '>', 0, "$name: is about rde");
	return;
}

my $rules = CPAN::Meta::YAML->read_string(slurp_file("$folder/rules.yaml"))->[0];
my @rules = map { @{ $_->{rules} } } @{ $rules->{groups} };
cmp_ok(scalar(@rules), '>', 8, 'there are alerts');
for my $rule (@rules)
{
	my $name = $rule->{alert};
	like($rule->{labels}{severity}, qr/^(?:critical|warning)$/, "$name: who is woken");
	isnt($rule->{annotations}{summary} // '', '', "$name: what is said");
	is_about($name, $rule->{expr});
}

my @panels = @{ decode_json(slurp_file("$folder/dashboard.json"))->{panels} };
cmp_ok(scalar(@panels), '>', 8, 'there are panels');
my %ids = map { $_->{id} => 1 } @panels;
is(scalar(keys %ids), scalar(@panels), 'each has an id of its own');
for my $panel (@panels)
{
	cmp_ok(scalar(@{ $panel->{targets} }), '>', 0, "$panel->{title}: asks something");
	is_about($panel->{title}, $_->{expr}) for @{ $panel->{targets} };
}

done_testing();

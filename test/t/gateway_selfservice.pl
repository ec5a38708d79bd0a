# gateway_selfservice.pl
#
# What a reseller does for himself over HTTP: who he is, what there is to report,
# his views and his generators.  Every call is judged by the database: what is
# another's is as unknown as what is nobody's, and what the provider made is his to
# use and not to change.

use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Utils;
use RdeGateway;
use Test::More;

plan skip_all => 'the gateway was not built' unless gateway_program();

my ($node, $tokens) = new_shop('selfservice');
$node->safe_psql('postgres', <<'END');
SELECT rde_create_account(10, 'provider', scope => 'provider', time_zone => 'Europe/Vienna');
SELECT rde_alter_account(3, parent => 10);
SELECT rde_alter_account(1, time_zone => 'Pacific/Auckland', max_generators => 4, max_views => 2);
SELECT rde_create_dataset('empty', 'Nothing yet');
END
$tokens->{10} = [ split /\|/, $node->safe_psql('postgres', q{SELECT subscription_key, token FROM rde_create_token(10, 'test')}) ];
my $gateway = start_gateway($node);
my $none = '00000000-0000-4000-8000-000000000000';

# A request and its reply: status, decoded body, headers.
sub call
{
	my ($who, @request) = @_;
	return ask_json($gateway, $tokens->{$who}, @request);
}

# Who am I
{
	my $reply = call(1, 'GET /account');
	my $account = $reply->{json};
	is("$reply->{status} $account->{id} $account->{name} $account->{scope} $account->{timeZone}", '200 1 reseller 1 reseller Pacific/Auckland', 'who I am');
	is_deeply($account->{quotas}{generators}, { used => 0, limit => 4 }, 'a quota');
	is_deeply($account->{quotas}{tokens}, { used => 1, limit => 20 }, 'another');
	is_deeply($account->{may}, { map { $_ => JSON::PP::true } qw(requestReports createGenerators createViews) }, 'what I may do');
	is_deeply($account->{resellers}, [ { id => 1, name => 'reseller 1' } ], 'for myself');
	is_deeply([ map { $_->{id} } @{ call(10, 'GET /account')->{json}{resellers} } ], [ 3, 10 ], 'a provider also for those below');
	is(call(1, 'GET /account/')->{body}, $reply->{body}, 'a slash at the end');
	is(ask($gateway, 'GET /account')->{status}, 401, 'not without a login');
	like($account->{limits}{retention}, qr/^P\w+$/, 'durations');
	$node->safe_psql('postgres', 'SELECT rde_alter_account(2, max_pending => 0)');
	is(call(2, 'GET /account')->{json}{may}{requestReports}, JSON::PP::false, 'and what I may not');
	$node->safe_psql('postgres', 'SELECT rde_alter_account(2, max_pending => 20)');
}

# What there is to report
{
	my $body = call(1, 'GET /datasets')->{json};
	my %dataset = map { $_->{name} => $_ } @{ $body->{data} };
	is(join(' ', sort keys %dataset), 'empty payments provisioned_orders sales', 'data sets');
	is("$dataset{sales}{attached} $dataset{empty}{attached} $dataset{sales}{title} $dataset{sales}{defaultView}", '1 0 Sales full', 'what they are');
	my ($full) = grep { $_->{name} eq 'full' } @{ $dataset{sales}{views} };
	is(join(' ', map { "$_->{column}:$_->{valueType}" } @{ $full->{columns} }), 'id:integer reseller:integer changed:instant amount:decimal owner:text word:text', 'columns with their types');
	is($full->{mayAlter}, JSON::PP::false, 'full is nobody\'s to change');
	my ($cmp) = grep { $_->{name} eq 'cmp' } @{ $dataset{payments}{views} };
	ok(!(grep { !defined $_->{group} || !defined $_->{description} } @{ $cmp->{columns} }), 'groups and descriptions');
	is(join(' ', map { $_->{name} } @{ $body->{formats} }), 'csv json jsonl xml xlsx', 'formats');
	my %option = map { $_->{name} => $_ } @{ $body->{options} };
	is(scalar @{ $body->{options} }, scalar keys %option, 'each option once');
	is_deeply($option{'csv.delimiter'}{values}, [ ',', ';', '|', "\t" ], 'options');
	# each that is said to be there is, with each of its values, and no other
	if ($ENV{RDE_SOURCE} && -e "$ENV{RDE_SOURCE}/doc/formats.md")
	{
		my ($table) = slurp_file("$ENV{RDE_SOURCE}/doc/formats.md") =~ /^(\| option \|.*?)^$/ms;
		is(join(' ', sort keys %option), join(' ', sort $table =~ /^\| `([\w.]+)` /mg), 'all options that there are');
	}
	for my $option (values %option)
	{
		for my $value ($option->{type} eq 'boolean' ? ('true', 'false') : map { encode_json([$_]) =~ s/^\[|\]$//gr } @{ $option->{values} // ['de'] })
		{
			my $json = $value;
			$json = qq({"$_": $json}) for reverse split /\./, $option->{name};
			$json = qq({"csv": {"delimiter": ";", "decimal": ","}}) if $option->{name} eq 'csv.decimal' && $value eq '","';
			is($node->safe_psql('postgres', qq{SELECT _rde_check_options('$option->{formats}[0]', '$json')}), '', "option $json");
		}
	}
}

# Views of my own
{
	my $short = '/datasets/sales/views/short';
	my $columns = { columns => [ { column => 'id', as => 'number', group => 'Sale' }, { column => 'amount' } ] };
	my $reply = call(1, "POST $short", $columns, 'Idempotency-Key' => 'v1');
	is($reply->{status}, 201, 'a view');
	is_deeply($reply->{json}{columns}, [ { column => 'id', as => 'number', group => 'Sale', valueType => 'integer' }, { column => 'amount', as => 'amount', valueType => 'decimal' } ], 'as it was asked for');
	is("$reply->{json}{mayAlter} $reply->{json}{reseller} $reply->{json}{dataset} $reply->{json}{name}", '1 1 sales short', 'and whose it is');
	is(call(1, "POST $short", $columns, 'Idempotency-Key' => 'v1')->{body}, $reply->{body}, 'the same key, the same answer');
	refused(call(1, "POST $short", { columns => [ { column => 'id' } ] }, 'Idempotency-Key' => 'v1'), '400 invalid_parameter_value -', 'another request with it');
	refused(call(1, "POST $short", $columns), '409 duplicate_object name', 'a name that is taken');
	refused(call(1, 'POST /datasets/sales/views/full', $columns), '400 reserved_name name', 'a reserved name');
	refused(call(1, 'POST /datasets/none/views/v', $columns), '404 undefined_object dataset', 'no such data set');
	refused(call(1, 'POST /datasets/sales/views/v', {}), '400 invalid_parameter_value columns', 'no columns');
	refused(call(1, 'POST /datasets/sales/views/v', '[]'), '400 invalid_parameter_value -', 'no object');
	refused(call(1, 'POST /datasets/sales/views/v', { columns => [ { column => 'id', as => '1' } ] }), '400 invalid_name columns[0].as', 'no name of a column');
	refused(call(1, 'POST /datasets/sales/views/v', { columns => [ { column => 'id' }, { column => 'id' } ] }), '400 duplicate_column columns[1].as', 'a column twice');
	my %place = (
		'400 invalid_parameter_value columns' => [],
		'400 invalid_parameter_value columns[1]' => [ {}, 7 ],
		'400 invalid_parameter_value columns[1] ' => [ {}, { colour => 'red' } ],
		'400 invalid_parameter_value columns[1].column' => [ {}, { column => undef, as => 'n' } ],
		'400 data_exception columns[1].description' => [ {}, { description => 'x' x 1001 } ],
		'400 invalid_parameter_value columns[1].type' => [ {}, { as => 'n', type => 'words' } ],
		'400 invalid_parameter_value columns[1]  ' => [ {}, { as => 'n', type => 'unix', locale => 'en' } ],
		'400 invalid_name columns[1].as' => [ {}, { as => 'so much' } ],
		'400 datatype_mismatch columns[1].attribute' => [ {}, { as => 'n', attribute => 'PO' } ],
		'400 duplicate_column columns[2].label' => [ {}, { as => 'n' }, { as => 'm', label => 'N' } ]);
	for my $wanted (sort keys %place)
	{
		my @columns = map { ref && !exists $_->{column} ? { column => 'id', %$_ } : ref && !defined $_->{column} ? { as => $_->{as} } : $_ } @{ $place{$wanted} };
		refused(call(1, 'POST /datasets/sales/views/v', { columns => \@columns }), $wanted =~ s/ +$//r, "the place is told: $wanted");
	}
	my %bad = (
		'conditions' => [ ({}) x 101 ], 'conditions[0]' => [7], 'conditions[1]' => [ { column => 'id', min => 1 }, { column => 'id' } ],
		'conditions[0] ' => [ { column => 'id', in => [] } ]);
	refused(call(1, 'POST /datasets/sales/views/v', { columns => [ { column => 'id' } ], conditions => $bad{$_} }), '400 invalid_parameter_value ' . s/ +$//r, "of a condition: $_") for sort keys %bad;
	refused(call(1, 'POST /datasets/sales/views/v', { columns => [ { column => 'id' } ], conditions => [ { column => 'id', in => [ 'x' x 1001 ] } ] }), '400 program_limit_exceeded conditions[0]', 'too long a value');
	# what was read can be written, unless somebody else wrote meanwhile
	my $etag = $reply->{headers}{etag};
	is($etag, "\"$reply->{json}{version}\"", 'an ETag');
	my $changed = call(1, "PUT $short", { columns => [ @{ $reply->{json}{columns} }, { column => 'word', as => 'w' } ] }, 'If-Match' => $etag);
	is("$changed->{status} " . @{ $changed->{json}{columns} }, '200 3', 'another column');
	isnt($changed->{headers}{etag}, $etag, 'another ETag');
	refused(call(1, "PUT $short", $columns, 'If-Match' => $etag), '412 precondition_failed -', 'an update that would be lost');
	is(call(1, "PUT $short", $columns, 'If-Match' => '*')->{status}, 200, 'whatever it is');
	is(call(1, "PUT $short", $columns, 'If-Match' => "\"x\", $etag")->{headers}{etag}, $etag, 'one of several; the same settings, the same ETag');
	refused(call(1, 'PUT /datasets/sales/views/nothing', $columns), '404 undefined_object -', 'one that is not there');
	refused(call(1, 'PUT /datasets/payments/views/cmp', $columns), '404 undefined_object -', 'one that ships');
	is(call(1, "GET $short")->{headers}{etag}, $etag, 'one view');
	# of some rows only
	my $some = { columns => [ { column => 'id' } ], conditions => [ { column => 'id', in => [ 1, 2 ] }, { column => 'word', is_null => JSON::PP::false } ] };
	is_deeply(call(1, "PUT $short", $some)->{json}{conditions}, $some->{conditions}, 'conditions');
	refused(call(1, "PUT $short", { columns => [ { column => 'id' } ], conditions => [ { column => 'id', in => ['x'] } ] }), '400 datatype_mismatch conditions[0]', 'one that cannot hold');
	is_deeply(call(1, "PUT $short", { columns => $columns->{columns} })->{json}{conditions}, [], 'none');
	# what columns are called to people, and in which language
	my $labelled = { columns => [ { column => 'id', as => 'id', label => { en => 'No.', de => 'Nr.' } }, { column => 'word', as => 'word', type => 'multilingual', label => 'Word' } ] };
	is_deeply([ map { delete $_->{valueType}; $_ } @{ call(1, "PUT $short", $labelled)->{json}{columns} } ], $labelled->{columns}, 'labels');
	refused(call(1, "PUT $short", { columns => [ { column => 'id', label => { English => 'No.' } } ] }), '400 invalid_parameter_value columns[0].label', 'one of no locale');
	my %request = (name => 'labelled', dataset => 'sales', customizationName => 'short', format => 'csv', startDate => '2020-01-01', endDate => '2020-01-02');
	my $made = call(1, 'POST /reports', { %request, options => { locale => 'de_AT', csv => { header => 'label' } } })->{json};
	is_deeply([ map { $_->{label} } @{ call(1, "GET /reports/$made->{id}/manifest")->{json}{columns} } ], [ 'Nr.', 'Word' ], 'in a report\'s locale');
	refused(call(1, 'POST /reports', { %request, options => { locale => 'German' } }), '400 invalid_parameter_value options.locale', 'which is one');
	my %option = ('options.csv.delimiter' => { csv => { delimiter => '#' } }, 'options.csv.formula_guard' => { csv => { formula_guard => 1 } },
		'options.colour' => { colour => 'red' }, 'options.csv' => { csv => 'red' }, 'options.compress' => { compress => 'no' });
	refused(call(1, 'POST /reports', { %request, options => $option{$_} }), "400 invalid_parameter_value $_", "so is of options: $_") for sort keys %option;
	# its first rows, before it is made
	my $draft = { columns => [ { column => 'amount', as => 'total' }, { column => 'id' }, { column => 'word', as => 'w' } ], conditions => [ { column => 'id', max => 62 } ], startDate => '2020-01-01', endDate => '2020-01-02' };
	my $views = $node->safe_psql('postgres', q{SELECT count(*) FROM rde_views});
	my $reports = $node->safe_psql('postgres', q{SELECT count(*) FROM rde_reports});
	my $asked = $node->safe_psql('postgres', q{SELECT coalesce(sum(reports), 0) FROM _rde_asked WHERE account = 1});
	my $show = sub { call(shift, 'POST /datasets/sales/preview' . (shift // ''), { %$draft, @_ }) };
	my $rows = $show->(1);
	my $source = $node->safe_psql('postgres', q{SELECT json_agg(json_build_array(amount::text, id::text, word) ORDER BY changed, id)
		FROM (SELECT * FROM shop.sale WHERE reseller = 1 AND changed >= '2019-12-31 11:00Z' AND changed < '2020-01-02 11:00Z' AND id <= 62 ORDER BY changed, id LIMIT 20) s});
	is("$rows->{status} $rows->{json}{rowCount} " . @{ $rows->{json}{data} }, '200 20 20', 'the first rows of a view that is yet to be made');
	is_deeply($rows->{json}{data}, decode_json($source), 'as the source has them, with all digits');
	is_deeply($rows->{json}{columns}, [qw(total id w)], 'under its names');
	$rows = $show->(1, '', conditions => [])->{json};
	cmp_ok($rows->{rowCount}, '>', 20, 'of more rows');
	is(@{ $rows->{data} }, 20, 'the first');
	$rows = $show->(1, '', conditions => [ { column => 'id', in => [-1] } ])->{json};
	is_deeply([ @$rows{qw(columns data rowCount)} ], [ [qw(total id w)], [], 0 ], 'of no rows the names');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM rde_views}), $views, 'no view is left');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM rde_reports}), $reports, 'nor a report');
	is($node->safe_psql('postgres', q{SELECT sum(reports) FROM _rde_asked WHERE account = 1}) - $asked, 3, 'but each was asked for');
	is_deeply([ map { $_->[1] } @{ $show->(10, '?reseller=3')->{json}{data} } ],
		[ split /,/, $node->safe_psql('postgres', q{SELECT string_agg(id::text, ',' ORDER BY changed, id) FROM (SELECT * FROM shop.sale WHERE reseller = 3 AND changed < '2020-01-03Z' AND id <= 62 ORDER BY changed, id LIMIT 20) s}) ], 'of an account below');
	refused($show->(2, '?reseller=1'), '403 insufficient_privilege reseller', 'not of another');
	refused($show->(1, '', columns => [ { column => 'id' }, { column => 'id' } ]), '400 duplicate_column columns[1].as', 'a column twice');
	refused($show->(1, '', conditions => [ { column => 'id', in => ['x'] } ]), '400 datatype_mismatch conditions[0]', 'a condition that cannot hold');
	refused($show->(1, '', columns => [ { column => 'nothing' } ]), '400 undefined_column -', 'no such column');
	refused($show->(1, '', endDate => '2019-12-01'), '400 invalid_parameter_value endDate', 'days the wrong way round');
	refused($show->(1, '', startDate => '2999-12-01', endDate => undef), '400 invalid_parameter_value startDate', 'a day that is yet to come');
	refused($show->(1, '', startDate => '1999-12-01'), '400 invalid_parameter_value endDate', 'too long a period');
	refused(call(1, 'POST /datasets/none/preview', $draft), '404 undefined_object dataset', 'no data set');
	refused(call(1, 'POST /datasets/empty/preview', $draft), '400 object_not_in_prerequisite_state dataset', 'no source');
	$node->safe_psql('postgres', q{INSERT INTO shop.sale SELECT 1000000 + n, 1, '2018-06-01Z', 1, 'row of reseller 1', 'w' FROM generate_series(1, 10001) n});
	refused($show->(1, '', conditions => [], startDate => '2018-06-01', endDate => '2018-06-02'), '400 configuration_limit_exceeded endDate', 'more rows than are built at once');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM rde_reports}), $reports, 'nor does that leave anything');
	$node->safe_psql('postgres', 'DELETE FROM shop.sale WHERE id > 1000000; SELECT rde_alter_account(1, max_reports_per_day => 1)');
	refused($show->(1), '429 configuration_limit_exceeded reportsPerDay', 'over the quota of reports');
	$node->safe_psql('postgres', 'SELECT rde_alter_account(1, max_reports_per_day => 1000)');
	# nobody else's
	refused(call(2, "GET $short"), '404 undefined_object -', 'not another\'s');
	refused(call(2, "DELETE $short"), '404 undefined_object -', 'nor to remove');
	refused(call(2, "GET $short?reseller=1"), '403 insufficient_privilege reseller', 'nor by name');
	ok(!(grep { ($_->{reseller} // 0) == 1 } map { @{ $_->{views} } } @{ call(2, 'GET /datasets')->{json}{data} }), 'nor in a list');
	# the quota
	is(call(1, 'POST /datasets/sales/views/a%2Fb%20%C3%A4', $columns)->{json}{name}, "a/b \x{e4}", 'any name');
	refused(call(1, 'POST /datasets/sales/views/third', $columns), '403 configuration_limit_exceeded views', 'over the quota');
	is(call(1, 'DELETE /datasets/sales/views/a%2Fb%20%C3%A4')->{status}, 204, 'one goes');
	# the provider's
	is(call(10, 'POST /datasets/sales/views/house?reseller=3', $columns)->{json}{reseller}, 3, 'a provider makes one for an account below');
	is($node->safe_psql('postgres', q{SELECT made_by, locked FROM rde_views WHERE name = 'house'}), '10|t', 'which is known');
	$node->safe_psql('postgres', q{SELECT rde_create_view('sales', 'given', '[{"column": "id"}]', 1)});
	my $given = call(1, 'GET /datasets/sales/views/given')->{json};
	is($given->{mayAlter}, JSON::PP::false, 'an operator\'s');
	refused(call(1, 'PUT /datasets/sales/views/given', $columns), '403 insufficient_privilege -', 'is not to be changed');
	refused(call(1, 'DELETE /datasets/sales/views/given'), '403 insufficient_privilege -', 'nor to be removed');
	is(call(10, 'DELETE /datasets/sales/views/house?reseller=3')->{status}, 204, 'but by whoever is above');
	$node->safe_psql('postgres', q{SELECT rde_drop_view('sales', 'given', 1); SELECT rde_create_view('sales', 'given', '[{"column": "id"}]', 1, locked => false)});
	is(call(1, 'PUT /datasets/sales/views/given', $columns)->{status}, 200, 'unless he lets it');
}

# Generators
{
	my $daily = { name => 'daily', dataset => 'sales', formats => [ 'csv', 'json' ], event => 'daily', runAt => '06:30', options => { compress => JSON::PP::false }, retention => 'P30D' };
	my $reply = call(1, 'POST /generators', $daily, 'Idempotency-Key' => 'g1');
	my $made = $reply->{json};
	is($reply->{status}, 201, 'a generator') or diag($reply->{body});
	is(join(' ', @$made{qw(name dataset event timeZone runAt retention enabled mayAlter madeByProvider)}, @{ $made->{formats} }),
		'daily sales daily Pacific/Auckland 06:30:00 P30D 1 1 0 csv json', 'as it was asked for');
	is_deeply($made->{options}, { compress => JSON::PP::false }, 'with its options');
	is(call(1, 'POST /generators', $daily, 'Idempotency-Key' => 'g1')->{body}, $reply->{body}, 'the same key, the same answer');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM rde_generators'), 1, 'and one generator');
	refused(call(1, 'POST /generators', $daily), '409 duplicate_object name', 'the name is taken');
	my %wrong = (
		name => [ '', '400 invalid_name name' ], dataset => [ 'none', '400 undefined_object dataset' ], formats => [ ['pdf'], '400 invalid_parameter_value formats' ],
		event => [ 'yearly', '400 invalid_parameter_value event' ], customizationName => [ 'none', '400 undefined_object customizationName' ],
		reseller => [ 2, '403 insufficient_privilege reseller' ], timeZone => [ 'Mars', '400 invalid_parameter_value timeZone' ],
		weekDay => [ 2, '400 invalid_parameter_value weekDay' ], monthDay => [ 32, '400 invalid_parameter_value monthDay' ], runAt => [ '25:00', '400 invalid_parameter_value runAt' ],
		start => [ '2020-02-30', '400 invalid_parameter_value start' ], catchUp => [ 'some', '400 invalid_parameter_value catchUp' ],
		retention => [ '90 days', '400 invalid_parameter_value retention' ], options => [ { pdf => 1 }, '400 invalid_parameter_value options.pdf' ]);
	refused(call(1, 'POST /generators', { %$daily, name => 'wrong', $_ => $wrong{$_}[0] }), $wrong{$_}[1], "wrong $_") for sort keys %wrong;
	refused(call(1, 'POST /generators', { %$daily, dataset => 'empty', name => 'wrong' }), '400 object_not_in_prerequisite_state dataset', 'nothing to report yet');
	refused(call(1, 'POST /generators', { name => 'wrong', dataset => 'sales', formats => ['csv'], event => 'on_invoice' }), '400 object_not_in_prerequisite_state event', 'no invoices');
	refused(call(1, 'POST /generators', { %$daily, start => '2000-01-01', name => 'wrong' }), '400 configuration_limit_exceeded start', 'long ago');
	refused(call(1, 'POST /generators', { %$daily, start => '2999-01-01', retention => 'P11Y', name => 'wrong' }), '400 configuration_limit_exceeded retention', 'kept too long');
	refused(call(1, 'POST /generators', { %$daily, formats => [1], name => 'wrong' }), '400 invalid_parameter_value formats', 'a number as a format');
	refused(call(1, 'POST /generators', { %$daily, monthStart => 1e30, name => 'wrong' }), '400 invalid_parameter_value monthStart', 'a large number');
	refused(call(1, 'POST /generators', { %$daily, weekDay => '1', name => 'wrong' }), '400 invalid_parameter_value weekDay', 'text for a number');
	refused(call(1, 'POST /generators', { name => 'wrong' }), '400 invalid_parameter_value dataset', 'what is missing');
	refused(call(1, 'POST /generators', { %$daily, colour => 'red' }), '400 invalid_parameter_value -', 'what is unknown');
	refused(call(1, 'POST /generators', '{"name": "a", "name": "b"}'), '400 invalid_parameter_value name', 'a field twice');
	refused(call(1, 'POST /generators', { %$daily, name => 'wrong', enabled => JSON::PP::false }), '400 invalid_parameter_value -', 'what is not of a new one');

	# read, change, and not lose what somebody else wrote
	my $path = "/generators/$made->{id}";
	my $read = call(1, "GET $path");
	my $etag = $read->{headers}{etag};
	is($etag, "\"$made->{version}\"", 'an ETag');
	my $paused = call(1, "PATCH $path", { enabled => JSON::PP::false }, 'If-Match' => $etag);
	is("$paused->{status} $paused->{json}{enabled}", '200 0', 'paused');
	refused(call(1, "PATCH $path", { name => 'lost' }, 'If-Match' => $etag), '412 precondition_failed -', 'an update that would be lost');
	refused(call(1, "DELETE $path", undef, 'If-Match' => $etag), '412 precondition_failed -', 'and a removal');
	refused(call(1, "PATCH $path", { name => 'lost' }, 'If-Match' => "W/$paused->{headers}{etag}"), '412 precondition_failed -', 'a weak tag names nothing');
	my $changed = call(1, "PATCH $path", { enabled => JSON::PP::true, name => 'each day', formats => ['xlsx'], runAt => '07:00', retention => undef, options => {} });
	is(join(' ', map { $_ // 'null' } @{ $changed->{json} }{qw(enabled name runAt retention)}), '1 each day 07:00:00 null', 'all at once');
	my %bad = (name => undef, formats => [], weekDay => 3, enabled => 'yes', timeZone => 'UTC+1', options => undef, runAt => '7', retention => 'P');
	refused(call(1, "PATCH $path", { $_ => $bad{$_} }), "400 invalid_parameter_value $_", "wrong $_") for sort keys %bad;
	refused(call(1, "PATCH $path", { event => 'weekly' }), '400 invalid_parameter_value -', 'its event stays');
	is_deeply([ map { $_->{id} } @{ call(1, 'GET /generators')->{json}{data} } ], [ $made->{id} ], 'in the list');

	# nobody else's
	for my $id ($made->{id}, $none, 'x')
	{
		refused(call(2, "GET /generators/$id"), '404 undefined_object -', "GET of another's");
		refused(call(2, "PATCH /generators/$id", { enabled => JSON::PP::false }), '404 undefined_object -', 'PATCH');
		refused(call(2, "DELETE /generators/$id"), '404 undefined_object -', 'DELETE');
		refused(call(2, "POST /generators/$id/runs", { firstDay => '2020-01-01', lastDay => '2020-01-01' }), '404 undefined_object -', 'a run');
		refused(call(2, "GET /generators/$id/periods"), '404 undefined_object -', 'periods');
	}
	refused(call(2, 'POST /generators/preview', { generator => $made->{id} }), '404 undefined_object -', 'a preview');
	is_deeply(call(2, 'GET /generators')->{json}{data}, [], 'nor in a list');
	refused(call(2, 'GET /generators?reseller=1'), '403 insufficient_privilege reseller', 'nor by name');
	is(call(10, 'POST /generators', { %$daily, reseller => 3 })->{json}{reseller}, 3, 'a provider makes one for an account below');
	my ($his) = @{ call(10, 'GET /generators?reseller=3')->{json}{data} };
	is("$his->{madeByProvider} $his->{mayAlter}", '1 1', 'which he may change');
	$node->safe_psql('postgres', q{SELECT rde_create_generator('sales', 'given', '{csv}', 'manual', reseller => 1)});
	my ($given) = grep { $_->{name} eq 'given' } @{ call(1, 'GET /generators')->{json}{data} };
	is("$given->{madeByProvider} $given->{mayAlter}", '1 0', 'what an operator made');
	refused(call(1, "PATCH /generators/$given->{id}", { enabled => JSON::PP::false }), '403 insufficient_privilege -', 'is not to be changed');
	refused(call(1, "DELETE /generators/$given->{id}"), '403 insufficient_privilege -', 'nor to be removed');
	is(call(1, "POST /generators/$given->{id}/runs", { firstDay => '2020-01-01', lastDay => '2020-01-02' })->{status}, 202, 'but to be used');
	$node->safe_psql('postgres', qq{SELECT rde_alter_generator('$given->{id}', locked => false)});
	is(call(1, "DELETE /generators/$given->{id}")->{status}, 204, 'unless he lets it');

	# runs
	my $run = call(1, "POST $path/runs", { firstDay => '2020-01-01', lastDay => '2020-01-02' }, 'Idempotency-Key' => 'r1');
	my ($report) = @{ $run->{json}{data} };
	is("$run->{status} $report->{status} $report->{type} $report->{startDate} $report->{endDate}", '202 submitted onetime 2019-12-31T11:00:00.000Z 2020-01-02T11:00:00.000Z', 'a run of days of its zone');
	is(call(1, "POST $path/runs", { firstDay => '2020-01-01', lastDay => '2020-01-02' }, 'Idempotency-Key' => 'r1')->{body}, $run->{body}, 'the same key, the same answer');
	refused(call(1, "POST $path/runs", { firstDay => '2020-01-02', lastDay => '2020-01-01' }), '400 invalid_parameter_value lastDay', 'days the wrong way round');
	refused(call(1, "POST $path/runs", { firstDay => '2020-01-01' }), '400 invalid_parameter_value lastDay', 'a day is missing');
	refused(call(1, "POST $path/runs", { firstDay => '1900-01-01', lastDay => '2020-01-01' }), '400 invalid_parameter_value lastDay', 'too long a period');

	# periods
	$node->safe_psql('postgres', 'CALL rde_run_due()');
	my $periods = call(1, "GET $path/periods")->{json};
	is("$periods->{timeZone} $periods->{data}[0]{status} $periods->{data}[0]{format}", 'Pacific/Auckland scheduled xlsx', 'what comes next');
	is_deeply(call(1, "GET $path/periods?from=2020-01-01&to=2020-01-31")->{json}{data}, [], 'none so long ago');
	refused(call(1, "GET $path/periods?from=2020-01-32"), '400 invalid_parameter_value from', 'no day');
	refused(call(1, "GET $path/periods?from=2020-01-02&to=2020-01-01"), '400 invalid_parameter_value to', 'the wrong way round');
	$node->safe_psql('postgres', q{SELECT rde_create_generator('sales', 'past', '{csv}', 'daily', reseller => 1, start => current_date - 3, locked => false)});
	$node->safe_psql('postgres', 'CALL rde_run_due()');
	my ($past) = grep { $_->{name} eq 'past' } @{ call(1, 'GET /generators')->{json}{data} };
	my @done = grep { $_->{status} eq 'completed' } @{ call(1, "GET /generators/$past->{id}/periods")->{json}{data} };
	cmp_ok(@done, '>=', 2, 'periods that were reported');
	is("$done[0]{rowCount}", 0, 'with rows');
	ok($done[0]{latenessSeconds} >= 0 && $done[0]{report}, 'how late, and which report');

	# what would be
	my $preview = call(1, 'POST /generators/preview', { event => 'monthly', timeZone => 'Europe/Vienna', start => '2026-02-10', monthStart => 5, runAt => '06:00' });
	is(join(' ', map { "$_->{firstDay}..$_->{lastDay}" } @{ $preview->{json}{data} }), '2026-02-05..2026-03-04 2026-03-05..2026-04-04 2026-04-05..2026-05-04 2026-05-05..2026-06-04 2026-06-05..2026-07-04', 'five periods');
	is($preview->{json}{data}[1]{localDueDate}, '2026-04-05T06:00:00.000+02:00', 'due in the zone');
	is(@{ call(1, 'POST /generators/preview', { generator => $made->{id}, runAt => '23:00' })->{json}{data} }, 5, 'of one that is there');
	is_deeply(call(1, 'POST /generators/preview', { event => 'manual' })->{json}{data}, [], 'none without a calendar');
	refused(call(1, 'POST /generators/preview', { event => 'daily', weekDay => 3 }), '400 invalid_parameter_value weekDay', 'what means nothing');
	refused(call(1, 'POST /generators/preview', {}), '400 invalid_parameter_value event', 'of what?');

	# the quota, and the end
	is(call(1, 'POST /generators', { %$daily, name => "n$_" })->{status}, 201, "generator $_") for 3 .. 4;
	refused(call(1, 'POST /generators', { %$daily, name => 'n5' }), '403 configuration_limit_exceeded generators', 'over the quota');
	is(call(1, "DELETE $path")->{status}, 204, 'one goes');
	refused(call(1, "GET $path"), '404 undefined_object -', 'it is gone');
	refused(call(1, "DELETE $path"), '404 undefined_object -', 'and cannot go twice');
}

# long lists come in parts
{
	$node->safe_psql('postgres', q{SELECT rde_create_generator('sales', 'many ' || n, '{csv}', 'manual', reseller => 2) FROM generate_series(1, 1010) n});
	my (%seen, $after);
	for (1 .. 3)
	{
		my $part = call(2, 'GET /generators' . (defined $after ? "?after=$after" : ''))->{json};
		$seen{ $_->{name} }++ for @{ $part->{data} };
		$after = $part->{next};
	}
	ok(!defined $after && keys %seen == 1010 && !grep({ $_ > 1 } values %seen), 'each generator once, in three parts');
	refused(call(2, 'GET /generators?after=x'), '400 invalid_parameter_value after', 'no place');
}

unlike(gateway_log($gateway), qr/ error /, 'nothing went wrong');
done_testing();

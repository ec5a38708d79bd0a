# RdeSessions.pm
#
# Sessions that stay, so that several can be in the middle of something at once.
#
# Invariant: run_in() returns when what it was given is done; send_to() when it
# was handed over.

package RdeSessions;

use strict;
use warnings;
use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time usleep);

our @EXPORT = qw(open_session send_to is_done wait_for run_in close_session);

# psql in a database of a node, as another user if one is given
sub open_session
{
	my ($node, $dbname, $user) = @_;
	my %session = (in => '', out => '', err => '');

	$session{handle} = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'VERBOSITY=sqlstate', '-d', $node->connstr($dbname), $user ? ('-U', $user) : () ],
		'<', \$session{in}, '>', \$session{out}, '2>', \$session{err});
	return \%session;
}

sub send_to
{
	my ($session, $sql) = @_;
	$session->{out} = $session->{err} = '';
	$session->{in} .= "$sql\n;\n\\echo <done>\n";
	$session->{handle}->pump_nb while length $session->{in};
	return;
}

sub is_done
{
	my ($session) = @_;
	$session->{handle}->pump_nb;
	return $session->{out} =~ /<done>\n/;
}

# What was printed, errors too; dies if it takes longer than two minutes.
sub wait_for
{
	my ($session) = @_;
	my $deadline = time + 120;
	until (is_done($session))
	{
		die "session is stuck: $session->{err}" if time > $deadline;
		usleep(2_000);
	}
	return $session->{out} =~ s/<done>\n//r . $session->{err};
}

sub run_in
{
	my ($session, $sql) = @_;
	send_to($session, $sql);
	return wait_for($session);
}

sub close_session
{
	my ($session) = @_;
	$session->{in} .= "\\q\n";
	$session->{handle}->finish;
	return;
}

1;

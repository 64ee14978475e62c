# Connects to the control socket so often, and keeps what stays open: half of the connections say nothing, half say what
# is no request.
#
#   crowd.pl SOCKET TIMES
use strict;
use warnings;
use Socket;

$| = 1;
$SIG{PIPE} = 'IGNORE';
my ($path, $times) = @ARGV;
my @crowd;
for my $number (1 .. $times) {
    socket(my $connection, AF_UNIX, SOCK_STREAM, 0) or die $!;
    connect($connection, pack_sockaddr_un($path)) or die $!;
    syswrite $connection, "garbage\n" if $number % 2;
    push @crowd, $connection;
}
print "crowded\n";
sleep;

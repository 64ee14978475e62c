# Listens where a server should, says that it is sealed, and writes down what it is asked. Waits for the port.
#
#   squatter.pl ADDRESS PORT [late|leaves|unsealed]
#
# late: accepts after 3 s; leaves: listens no longer after the first connection; unsealed: says so.
use strict;
use warnings;
use Socket qw(:DEFAULT inet_pton pack_sockaddr_in6);

$| = 1;
my ($address, $port, $manner) = (@ARGV, '');
my $six = $address =~ /:/;
my $at = $six ? pack_sockaddr_in6($port, inet_pton(AF_INET6, $address)) : pack_sockaddr_in($port, inet_aton($address));
socket(my $listener, $six ? AF_INET6 : AF_INET, SOCK_STREAM, 0) or die $!;
setsockopt($listener, SOL_SOCKET, SO_REUSEADDR, 1) or die $!;
select(undef, undef, undef, 0.01) until bind($listener, $at) && listen($listener, 100);
print "listens\n";
sleep 3 if $manner eq 'late';
$SIG{CHLD} = 'IGNORE';
while (accept(my $connection, $listener)) {
    defined(my $child = fork) or die $!;
    if ($manner eq 'leaves') { close $listener; waitpid $child, 0 if $child }
    answer($connection) if !$child;
    close $connection;
    sleep if $manner eq 'leaves';
}

sub answer {
    my ($connection) = @_;
    my $sealed = $manner eq 'unsealed' ? 'false' : 'true';
    my $all = qq({"type":"shamir","initialized":true,"sealed":$sealed,"standby":false,"t":2,"n":5,"progress":0,"nonce":"",)
        . '"migration":false,"recovery_seal":false,"version":"2.7.2"}';
    binmode $connection;
    my $buffer = '';
    while (sysread($connection, $buffer, 65536, length $buffer)) {
        next if $buffer !~ /\r\n\r\n/;
        next if $buffer =~ /content-length: *(\d+)/i && length($') < $1;
        $buffer =~ /^(\S+ \S+)/ and print "$1\n";
        $buffer = '';
        syswrite $connection, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " . length($all) . "\r\n\r\n$all";
    }
    exit 0;
}

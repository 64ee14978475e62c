# Tries what a taken-over daemon would try, and prints one line each: what, and whether it was allowed.
# Run under the sandbox of vault-unseal.service, under each line of it alone, and without, as a control. Perl, because
# it can make any system call and is on every Debian.
#
#   probe.pl PID-OF-A-SERVER MOUNT-NAMESPACE IPC-NAMESPACE SYSTEM-CALL-FILTERS     the last three: of the machine
use strict;
use warnings;
use Errno;
use Fcntl;
use POSIX ();
use Socket qw(:DEFAULT getaddrinfo inet_pton pack_sockaddr_in6 SOCK_RAW);

my ($server, $mounts, $ipc, $filters) = @ARGV;
$server += 0;
my $machine = (POSIX::uname())[4];

# Numbers of the system calls that perl has no name for.
my %number = $machine eq 'x86_64'
    ? (mmap => 9, mprotect => 10, unshare => 272, personality => 135, mlockall => 151, ptrace => 101,
       sethostname => 170, mount => 165,
       sched_setscheduler => 144)
    : (mmap => 222, mprotect => 226, unshare => 97, personality => 92, mlockall => 230, ptrace => 117,
       sethostname => 161, mount => 40,
       sched_setscheduler => 119);
sub call { my $name = shift; return syscall($number{$name}, @_) != -1 }

sub told { my ($what, $allowed) = @_; print "$what: ", ($allowed ? 'allowed' : 'denied'), "\n" }
# In a child, for what would change the rest of the probe.
sub apart {
    my ($code) = @_;
    defined(my $child = fork) or die;
    POSIX::_exit($code->() ? 0 : 1) if !$child;
    waitpid $child, 0;
    return $? == 0;
}
sub writes { my ($path) = @_; open(my $file, '>', "$path/probe-$$") or return 0; unlink "$path/probe-$$"; return 1 }
sub has_socket { my ($family, $type) = @_; return socket(my $socket, $family, $type, 0) }

told("write $_", writes($_)) for qw(/etc /etc/vault-unseal /usr/bin /var/lib /root /run /boot);
# Hidden directories are empty; who is root may look into them all the same.
told('see into /root', -e '/root/of-the-machine');
told('see /tmp of the machine', -e '/tmp/of-the-machine');
told('leave a file that others can read', do {
    my $file = "/tmp/readable-$$";
    open(my $handle, '>', $file) && ((stat $file)[2] & 04) && do { unlink $file; 1 };
});
told('share mounts with the machine', readlink('/proc/self/ns/mnt') eq $mounts);
told('share memory with the machine', readlink('/proc/self/ns/ipc') eq $ipc);
told('see the console', -e '/dev/console');
# There is no such device; whoever may open it is told so.
told('open any device', sysopen(my $device, '/var/lib/probe-device', O_RDONLY | O_NONBLOCK) || $!{ENXIO} || $!{ENODEV});
told('be root of the machine', do { open(my $map, '<', '/proc/self/uid_map'); <$map> =~ /^\s*0\s+0\s+4294967295$/ });
told('see what the kernel tells in /proc', -e '/proc/cpuinfo');
told('see kernel modules', -e '/usr/lib/modules/of-the-machine');
told('make a control group', do { my $group = "/sys/fs/cgroup/probe-$$"; mkdir($group) && rmdir($group) });
told('read kernel messages', do { sysopen(my $log, '/proc/kmsg', O_RDONLY | O_NONBLOCK) && ((stat '/proc/kmsg')[2] & 0777) });
told('see the symbols of the kernel', ((stat '/proc/kallsyms')[2] // 0) & 0777);
told('change a kernel setting', open(my $tunable, '>>', '/proc/sys/net/ipv4/ip_forward'));

told('socket AF_INET', has_socket(2, SOCK_STREAM));
told('socket AF_INET6', has_socket(10, SOCK_STREAM));
told('socket AF_UNIX', has_socket(1, SOCK_DGRAM));
told('socket AF_NETLINK', has_socket(16, SOCK_RAW));
told('socket AF_PACKET', has_socket(17, SOCK_RAW));
told('socket raw', socket(my $raw, 2, SOCK_RAW, 1));
my ($failure, @found) = getaddrinfo('vault.home', '8200', {});
told('resolve a name of /etc/hosts', !$failure && @found);
($failure, @found) = getaddrinfo('booted', '8200', {});
told('resolve the name of the machine', !$failure && @found);
socket(my $datagram, 2, SOCK_DGRAM, 0);
told('send to an address of this machine', send($datagram, 'x', 0, pack_sockaddr_in(9, inet_aton('10.77.0.1'))));
told('send to multicast', send($datagram, 'x', 0, pack_sockaddr_in(9, inet_aton('224.0.0.251'))));

told('map memory writable and executable', call('mmap', 0, 4096, 7, 0x22, -1, 0));
my $page = syscall($number{mmap}, 0, 4096, 3, 0x22, -1, 0);
told('make memory executable', call('mprotect', $page, 4096, 5));
# ENOMEM is the limit of a machine that cannot lift it, not the sandbox.
told('lock all memory', call('mlockall', 7) || $!{ENOMEM});
told('new user namespace', apart(sub { call('unshare', 0x10000000) }));
told('new mount namespace', apart(sub { call('unshare', 0x20000) }));
told('mount', apart(sub { my ($none, $where) = ("tmpfs\0", "/mnt\0"); my $type = "tmpfs\0"; call('mount', $none, $where, $type, 0, 0) }));
told('change the personality', apart(sub { call('personality', 0x0008) }));
told('real-time scheduling', apart(sub { my $priority = pack('i', 1); call('sched_setscheduler', 0, 1, $priority) }));
told('change the host name', do { my $name = 'booted'; call('sethostname', $name, 6) });
told('change its priority', apart(sub { setpriority(0, 0, 1) }));
told('change its root', apart(sub { chroot('/') }));
told('set-user-id file', do {
    my $file = "/tmp/probe-$$";
    open(my $handle, '>', $file) && chmod(04755, $file) && do { unlink $file; 1 };
});
told('execute a file of its own', do {
    my $file = "/tmp/program-$$";
    open(my $handle, '>', $file) or die;
    print {$handle} "#!/bin/sh\n";
    close($handle);
    no warnings 'exec';
    chmod(0700, $file) && system($file) == 0;
});
told('trace the server', apart(sub { call('ptrace', 0x4206, $server, 0, 0) }));
opendir(my $proc, '/proc') or die;
told('see other processes', scalar(grep { /^\d+$/ && $_ != $$ } readdir $proc));
told('signal the server', kill(0, $server));
open(my $status, '<', '/proc/self/status') or die;
my %status = map { /^(\w+):\s+(.*)$/ ? ($1, $2) : () } <$status>;
told("any capability ($_)", $status{$_} ne '0000000000000000') for qw(CapPrm CapEff CapBnd CapAmb);
told('gain privileges by executing', !$status{NoNewPrivs});
told('call the kernel as the machine may', $status{Seccomp_filters} <= $filters);
told('execute a shell', do { no warnings 'exec'; system('/bin/sh', '-c', ':') == 0 });
open(my $limits, '<', '/proc/self/limits') or die;
told('dump core', !grep { /^Max core file size +0 +0 / } readline $limits);

#!/usr/bin/perl
# Prints which files hold a share in any form that it could have been written in.
#
#   holders.pl SHARES FILE...      SHARES has them in hex, one a line; a FILE may be a disk
use strict;
use warnings;

my %forms;
open my $shares, '<', shift or die "no file of shares: $!\n";
while (my $hex = <$shares>) {
    chomp $hex;
    my $raw = pack 'H*', $hex;
    $forms{$_} = 1 for $raw, lc $hex, uc $hex;
    # As base64 has it, alone and at each place in something longer: without the digits that depend on what is beside it.
    for my $before (0 .. 2) {
        my $all = "\0" x $before . $raw;
        my $first = $before ? $before + 1 : 0;
        my $digits = substr base64($all), $first, int(length($all) * 8 / 6) - $first;
        $forms{$digits} = 1;
        (my $for_urls = $digits) =~ tr{+/}{-_};
        $forms{$for_urls} = 1;
    }
}
die "no shares\n" unless %forms;
my $any = join '|', map { quotemeta } sort keys %forms;
my $longest = 200;

for my $name (@ARGV) {
    open my $file, '<:raw', $name or next;
    my $rest = '';
    while (read $file, my $part, 1 << 22) {
        $part = $rest . $part;
        if ($part =~ /$any/) {
            print "$name\n";
            last;
        }
        $rest = length $part > $longest ? substr $part, -$longest : $part;
    }
}

# MIME::Base64 is not everywhere. Without padding.
sub base64 {
    my $digits = pack 'u', shift;
    $digits =~ s/^.//mg;
    $digits =~ s/\n//g;
    return $digits =~ tr{`!-_}{A-Za-z0-9+/}r;
}

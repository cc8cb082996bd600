# A small HTTP server on 127.0.0.1 for the tests of pipelines/fetch: perl http.pl FOLDER PORT-FILE
#
# GET and ranges of files below FOLDER. Where FILE.cut is there, its number says after how many
# bytes an answer is cut off, once; where FILE.whole is there, ranges are refused as by a server that
# has none. Standard error has a line a request: the path, the range, the status.
use strict;
use warnings;
use IO::Socket::INET;

my ($folder, $port_file) = @ARGV;
my $server = IO::Socket::INET->new(
    LocalAddr => '127.0.0.1', Listen => 8, ReuseAddr => 1) or die "http.pl: $!\n";
$SIG{PIPE} = 'IGNORE';
open my $port, '>', "$port_file.part" or die;
print $port $server->sockport;
close $port;
rename "$port_file.part", $port_file;

while (my $client = $server->accept) {
    my ($path, $from) = ('', undef);
    while (my $line = <$client>) {
        $path = $1 if $line =~ m{^GET (\S+)};
        $from = $1 if $line =~ /^Range: bytes=(\d+)-/i;
        last if $line =~ /^\r?$/;
    }
    my $file = $folder . $path;
    my ($status, $bytes, $more) = ('200 OK', '', '');
    if ($path =~ /\.\./ || !-f $file) {
        ($status, $bytes) = ('404 Not Found', 'nothing');
    } else {
        open my $in, '<:raw', $file or die;
        local $/;
        $bytes = <$in>;
        my $all = length $bytes;
        if (defined $from && !-e "$file.whole") {
            ($status, $more) = ('206 Partial Content', "Content-Range: bytes $from-@{[$all - 1]}/$all\r\n");
            $status = '416 Range Not Satisfiable' if $from >= $all;
            $bytes = $from >= $all ? '' : substr $bytes, $from;
        }
    }
    my $size = length $bytes;
    if (-e "$file.cut") {
        open my $in, '<', "$file.cut" or die;
        $bytes = substr $bytes, 0, <$in>;
        unlink "$file.cut";
    }
    print STDERR "$path ", $from // 'all', " $status\n";
    print $client "HTTP/1.1 $status\r\nContent-Length: $size\r\n${more}Connection: close\r\n\r\n$bytes";
    close $client;
}

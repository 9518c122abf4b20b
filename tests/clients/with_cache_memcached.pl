# Every operation of Perl's Cache::Memcached, of Debian's package. Run as the others are
# (common.py).
use strict;
use warnings;
use Cache::Memcached;
use Time::HiRes 'sleep';

my ($host, $port, $program, $pid) = @ARGV;
my $server = "$host:$port";
my $checks = 0;

# What was got must be what was expected, undef being only undef.
sub check {
    my ($what, $got, $expected) = @_;
    $checks += 1;
    return if defined $got ? defined $expected && $got eq $expected : !defined $expected;
    print "$what: got ", substr($got // 'undef', 0, 200), ", expected ",
        substr($expected // 'undef', 0, 200), "\n";
    exit 1;
}

sub truth { $_[0] ? 'yes' : 'no' }

sub basics {
    my ($c) = @_;
    for my $value ('text', '', 42, "\0\r\nEND\r\n", "\x{fc}" x 1000) {
        check('set', truth($c->set('k', $value)), 'yes');
        check('get', $c->get('k'), $value);
    }
    $c->set('ref', { list => [1, 2, 3] });
    check('structure', $c->get('ref')->{list}[2], 3);
    check('get, absent', $c->get('absent'), undef);
    check('add, present', truth($c->add('k', 'w')), 'no');
    check('add', truth($c->add('new', 'w')), 'yes');
    check('replace', truth($c->replace('k', 'mid')), 'yes');
    check('replace, absent', truth($c->replace('absent', 'w')), 'no');
    check('append', truth($c->append('k', '>')), 'yes');
    check('append, absent', truth($c->append('absent', '>')), 'no');
    check('prepend', truth($c->prepend('k', '<')), 'yes');
    check('get after them', $c->get('k'), '<mid>');
    check('delete', truth($c->delete('k')), 'yes');
    check('delete, absent', truth($c->delete('k')), 'no');
    check('delete with a time, which is ignored', truth($c->delete('new', 10)), 'yes');
    check('it is gone', $c->get('new'), undef);
}

sub numbers_and_times {
    my ($c) = @_;
    $c->set('n', 10);
    check('incr', $c->incr('n', 5), 15);
    check('incr by 1', $c->incr('n'), 16);
    check('decr', $c->decr('n', 20), 0);
    check('incr, absent', $c->incr('absent'), undef);
    $c->set('text', 'abc');
    check('incr of text', $c->incr('text'), undef);
    check('set, already over', truth($c->set('e', 'v', -1)), 'yes');
    check('get, expired', $c->get('e'), undef);
    check('set with a time', truth($c->set('e', 'v', 1000)), 'yes');
    check('get', $c->get('e'), 'v');
}

sub many {
    my ($c) = @_;
    my @keys = map { "many$_" } 0 .. 299;
    $c->set($_, "value of $_") for @keys;
    my $found = $c->get_multi(@keys, 'absent');
    check('get_multi', scalar(keys %$found), 300);
    check('a value of them', $found->{many299}, 'value of many299');
    $c->delete($_) for @keys;
    check('get_multi, none left', scalar(keys %{ $c->get_multi(@keys) }), 0);
}

sub limits {
    my ($c) = @_;
    my $big = join '', map { chr($_ % 256) } 0 .. 999_999;
    check('large', truth($c->set('big', $big)), 'yes');
    check('get, large', truth($c->get('big') eq $big), 'yes');
    check('too large', truth($c->set('big', $big x 2)), 'no');
    check('old value is gone', $c->get('big'), undef);
    my $zipping = Cache::Memcached->new({ servers => [$server], compress_threshold => 10_000 });
    check('compressed', truth($zipping->set('big', $big x 2)), 'yes');
    check('get, compressed', truth($zipping->get('big') eq $big x 2), 'yes');
    check('key of 250', truth($c->set('k' x 250, 'v')), 'yes');
    check('get by it', $c->get('k' x 250), 'v');
}

sub administration {
    my ($c) = @_;
    my $stats = $c->stats(['misc', 'malloc', 'slabs']);
    my $misc = $stats->{hosts}{$server}{misc};
    check('stats', truth($misc->{curr_items} > 0), 'yes');
    check('stats, version', substr($misc->{version}, 0, 4), '1.6.');
    check('stats slabs', truth($stats->{hosts}{$server}{slabs} =~ /active_slabs \d/), 'yes');
    check('stats, total', $stats->{total}{curr_items}, $misc->{curr_items});
    my $other = Cache::Memcached->new({ servers => [$server], namespace => 'mine:' });
    check('namespace', truth($other->set('k', 'v')), 'yes');
    check('by its whole key', $c->get('mine:k'), 'v');
    check('flush_all', truth($c->flush_all), 'yes');
    check('get after flush', $c->get('mine:k'), undef);
}

sub too_long {
    my ($c) = @_;
    # It sends what it was given, and is told so; the connection lives.
    check('key of 251', truth($c->set('k' x 251, 'v')), 'no');
    my $later = Cache::Memcached->new({ servers => [$server] });
    $later->disconnect_all;
    check('afterwards', truth($later->set('k', 'v')), 'yes');
}

sub gone {
    my ($c) = @_;
    kill 'TERM', $pid;
    for (1 .. 1000) {
        last unless kill 0, $pid;
        sleep 0.01;
    }
    check('the daemon ends', truth(kill 0, $pid), 'no');
    for (1 .. 2) {
        check('set, gone', truth($c->set('k', 'v')), 'no');
        check('get, gone', $c->get('k'), undef);
        check('incr, gone', $c->incr('k'), undef);
    }
}

my $client = Cache::Memcached->new({ servers => [$server], connect_timeout => 5 });
$client->{select_timeout} = 10;
$_->($client) for \&basics, \&numbers_and_times, \&many, \&limits, \&administration, \&too_long,
    \&gone;
print "Cache::Memcached $Cache::Memcached::VERSION: $checks checks passed\n";

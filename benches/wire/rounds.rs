//! Whose turn it is: sides alternate, so that what the machine does meanwhile meets all alike.

/// Rounds and servers in the order A B C C B A.
pub fn alternated(rounds: usize, servers: usize) -> impl Iterator<Item = (usize, usize)> {
    let backwards = move |round, index| if round % 2 == 1 { servers - 1 - index } else { index };
    (0..rounds).flat_map(move |round| (0..servers).map(move |at| (round, backwards(round, at))))
}

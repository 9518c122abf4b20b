//! Tests of the page pool.

use super::*;
use crate::store::arena::Arena;
use crate::store::geometry::PAGE_SIZE;
use crate::store::item::ItemId;
use crate::sys::memory::HUGE_PAGE;

#[test]
fn the_limit_holds_and_what_comes_back_goes_out_again() {
    let pool = PagePool::new(2, Backing::Lazy).unwrap();
    let a = pool.take().unwrap();
    let _b = pool.take().unwrap();
    assert!(pool.take().is_none());
    pool.give(a);
    assert!(pool.take().is_some());
    assert!(pool.take().is_none());
}

#[test]
fn the_limit_moves_up_and_down() {
    let pool = PagePool::new(2, Backing::Lazy).unwrap();
    let mut pages: Vec<Page> = std::iter::from_fn(|| pool.take()).collect();
    assert_eq!(pages.len(), 2);
    pool.set_limit(100).unwrap();
    pages.extend(std::iter::from_fn(|| pool.take()));
    assert_eq!((pages.len(), pool.excess()), (100, 0));
    pool.set_limit(1).unwrap();
    assert_eq!(pool.excess(), 99);
    pages.drain(1..).for_each(|page| pool.give(page));
    assert!(pool.take().is_none());
    pool.set_limit(3).unwrap();
    assert!(pool.take().is_some() && pool.take().is_some() && pool.take().is_none());
}

#[test]
fn a_block_is_ready_before_the_last_is_used_up_if_the_limit_has_room_for_it() {
    let pool = PagePool::new(100, Backing::Huge).unwrap();
    let mut pages = vec![pool.take().unwrap()];
    pool.state().provider = Provider::There;
    while pool.state().at_hand() > PAGES_AHEAD {
        assert!(!pool.state().wants_block());
        pages.extend(pool.take());
    }
    assert!(pool.state().wants_block());
    provide_all(&pool);
    assert_eq!(there(&pool), Some(32));
    pages.extend((0..PAGES_AHEAD + 1).filter_map(|_| pool.take()));
    assert_eq!(there(&pool), None, "the page beyond comes from it");
    pages.extend((0..PAGES_AHEAD).filter_map(|_| pool.take()));
    provide_all(&pool);
    assert_eq!(there(&pool), Some(32));
    let at_hand = pool.state().at_hand();
    pool.set_limit(pages.len() + at_hand + 5).unwrap();
    assert_eq!((there(&pool), pool.state().wants_block()), (Some(5), false));
    pool.set_limit(pages.len() + 1).unwrap();
    assert_eq!((there(&pool), pool.state().wants_block()), (None, false));
    pool.set_limit(100).unwrap();
    provide_all(&pool);
    assert_eq!(there(&pool), Some(32));
    pages.extend(std::iter::from_fn(|| pool.take()));
    assert_eq!((pages.len(), pool.taken(), pool.state().wants_block()), (100, 100, false));
    pool.end_providing();
    assert!(!pool.provide());
}

fn there(pool: &PagePool) -> Option<usize> {
    pool.state().ready.as_ref().map(|ready| ready.there)
}
/// Until it would wait.
fn provide_all(pool: &PagePool) {
    while pool.state().wants_block() {
        assert!(pool.provide());
    }
}

/// A pool of so many pages, of which 16 were taken, and somebody who makes the second block huge.
fn in_a_step(limit: usize) -> (PagePool, Vec<Page>, Step) {
    // Whole blocks: under miri nobody rounds up to them, and the last one would be a short one.
    let pool = PagePool::new(limit.next_multiple_of(HUGE_PAGE / PAGE_SIZE), Backing::Huge).unwrap();
    pool.set_limit(limit).unwrap();
    pool.state().provider = Provider::There;
    let pages = (0..16).filter_map(|_| pool.take()).collect();
    let step = pool.state().next_step().expect("the second block is to be there soon");
    assert!(step.huge.is_some());
    (pool, pages, step)
}

/// The last block is not missing while somebody is at it who does not get to run.
#[test]
fn all_pages_can_be_had_in_the_middle_of_a_step() {
    let (pool, mut pages, step) = in_a_step(96);
    pages.extend((16..64).filter_map(|_| pool.take()));
    assert_eq!(there(&pool), Some(PAGES_AT_ONCE), "it is left to whoever makes it huge");
    pages.extend(std::iter::from_fn(|| pool.take()));
    assert_eq!(pages.len(), 96);
    step.run();
}

/// What became too much meanwhile is given back when the step is done, not before it.
#[test]
fn nothing_beyond_the_limit_stays_ready_after_a_step() {
    let (pool, mut pages, step) = in_a_step(98);
    pages.extend((16..65).filter_map(|_| pool.take()));
    assert_eq!(pool.state().wanted(), 2, "two other blocks were taken instead");
    pool.set_limit(97).unwrap();
    assert_eq!(there(&pool), Some(PAGES_AT_ONCE), "somebody is at it");
    step.run();
    pool.end_providing();
    assert!(!pool.provide());
    assert_eq!(there(&pool), Some(1));
    pages.extend(std::iter::from_fn(|| pool.take()));
    assert_eq!(pages.len(), 97);
}

/// Two threads take pages, write to them and give them back while a third provides: under miri,
/// which sees every race.
#[test]
fn pages_are_written_while_others_are_provided() {
    let pool = PagePool::new(80, Backing::Huge).unwrap();
    let rounds = if cfg!(miri) { 2 } else { 200 };
    let write = |mark: u8| {
        for _ in 0..rounds {
            let mut arena = Arena::default();
            let pages = (0..30).map_while(|_| pool.take());
            let numbers = pages.enumerate().map(|(n, page)| (arena.put(n, page), n).1).count();
            for n in 0..numbers {
                let byte = arena.bytes_mut(ItemId::new(n, 0), 8 * n, 1);
                assert_eq!(std::mem::replace(&mut byte[0], mark), 0, "a page is given zeroed");
            }
            (0..numbers).filter_map(|n| arena.take(n)).for_each(|page| pool.give(page));
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| while pool.provide() {});
        let writers = [scope.spawn(|| write(1)), scope.spawn(|| write(2))];
        let written = writers.map(|writer| writer.join());
        pool.end_providing();
        assert!(written.iter().all(Result::is_ok));
    });
    assert_eq!((pool.taken(), pool.free()), (0, 80));
}

#[test]
fn a_part_of_an_index_is_prepared_by_whoever_is_there_for_it() {
    let words = crate::sys::lazy::LazyLines::new(1 << 16, 0).unwrap();
    let pool = PagePool::new(1, Backing::Lazy).unwrap();
    pool.prepare(words.part(0, 100));
    assert!(pool.state().parts.is_empty(), "nobody would take it");
    let provider = {
        let pool = pool.clone();
        std::thread::spawn(move || while pool.provide() {})
    };
    while pool.state().provider != Provider::There {
        std::thread::yield_now();
    }
    pool.prepare(words.part(1000, 100));
    while !pool.state().parts.is_empty() {
        std::thread::yield_now();
    }
    pool.end_providing();
    provider.join().unwrap();
}

#[test]
fn tables_take_the_place_of_pages_beyond_their_share() {
    let pool = PagePool::new(256, Backing::Lazy).unwrap();
    let (mine, other) = (5, 7);
    pool.count_tables(0, mine);
    assert_eq!((pool.free(), pool.tables_inside()), (253, 3));
    let mut pages: Vec<Page> = std::iter::from_fn(|| pool.take()).collect();
    assert_eq!((pages.len(), pool.excess()), (253, 0));
    pool.count_tables(0, other);
    assert_eq!((pool.excess(), pool.tables_inside()), (7, 10));
    pages.drain(..8).for_each(|page| pool.give(page));
    assert_eq!((pool.free(), pool.excess()), (1, 0));
    pool.count_tables(mine, 0);
    assert_eq!(pool.free(), 6);
    // Whatever tables take, half is for pages.
    pool.count_tables(other, 1000);
    assert_eq!((pool.tables_inside(), pool.excess()), (128, 245 - 128));
}

#[test]
fn memory_that_was_taken_at_start_is_all_for_pages() {
    let pool = PagePool::new(16, Backing::Preallocated).unwrap();
    pool.count_tables(0, 10);
    assert_eq!((pool.free(), pool.tables_inside()), (16, 0));
}

#[test]
fn a_pool_can_be_made_to_fail() {
    let pool = PagePool::new(5, Backing::Lazy).unwrap();
    pool.fail_after(Some(1));
    assert!(pool.take().is_some());
    assert!(pool.take().is_none());
    pool.fail_after(None);
    assert!(pool.take().is_some());
}

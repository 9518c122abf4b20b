//! Any operations, decoded from any bytes, to a small store and its twin: what the model test
//! does at random, steered by coverage.

#![no_main]

#[path = "../../common/rng.rs"]
#[allow(dead_code)] // each user of it needs a part
mod rng;
#[path = "../../common/store_memory.rs"]
mod store_memory;
#[path = "../../common/store_meta.rs"]
mod store_meta;
#[path = "../../common/store_ops.rs"]
#[allow(dead_code)] // each user of it needs a part
mod store_ops;
#[path = "../../common/store_small.rs"]
mod store_small;
#[path = "../../common/store_transfers.rs"]
mod store_transfers;
#[path = "../../common/store_twin.rs"]
mod store_twin;

use libfuzzer_sys::fuzz_target;
use slabd::store::StoreConfig;
use store_ops::{Choices, Scope};
use store_twin::{World, config};

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices::Bytes(data);
    let pages = 1 + choices.below(12);
    let shape = choices.below(32);
    let slab_sizes = if shape & 1 == 0 { Vec::new() } else { vec![64, 200, 5_000] };
    let config = StoreConfig {
        slab_sizes,
        segmented: shape & 2 == 0,
        evict: shape & 4 == 0,
        use_cas: shape & 8 == 0,
        crawler: shape & 16 == 0,
        item_size_max: 70_000,
        ..config(pages)
    };
    let scope = Scope { keys: 200, len_max: 80_000, long_one_in: 4, fail_pages: true };
    let mut world = World::new(config, scope.len_max);
    while !choices.is_spent() {
        world.apply(scope.choose(&mut choices));
    }
    world.finish();
});

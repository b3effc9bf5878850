//! Ways not to return, and ways not to be the same twice.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    hint::black_box,
    time::{SystemTime, UNIX_EPOCH},
};

/// Never returns.
pub(crate) fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

/// Takes memory until there is none.
pub(crate) fn hoard() -> ! {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1_u8; 1 << 20]));
    }
}

/// Takes stack until there is none.
pub(crate) fn dig(depth: u64) -> u64 {
    if depth == u64::MAX {
        return 0;
    }
    let ballast = black_box([depth; 32]);
    dig(black_box(depth + 1)) ^ ballast[0]
}

/// What differs from run to run, unless the host sees to it.
pub(crate) fn chance_and_time() -> [(&'static str, String); 2] {
    let chance = RandomState::new().build_hasher().finish();
    let time = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    [
        ("random", chance.to_string()),
        ("unix_seconds", time.as_secs().to_string()),
    ]
}

//! How much memory a thread has in use, and the most that it had.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, which also counts.
pub struct Counting;

thread_local! {
    static IN_USE: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

/// Begins to count anew.
pub fn begin() {
    IN_USE.set(0);
    MOST.set(0);
}

/// The most bytes that were in use at once since [`begin`], beyond those that were then. 0 without [`Counting`] as the
/// program's allocator.
pub fn most() -> usize {
    MOST.get().try_into().unwrap_or(0)
}

fn count(bytes: usize, sign: isize) {
    let in_use = IN_USE.get().wrapping_add(sign.wrapping_mul(bytes as isize));
    IN_USE.set(in_use);
    MOST.set(MOST.get().max(in_use));
}

// SAFETY: all work is the system allocator's.
#[allow(unsafe_code, reason = "an allocator that counts cannot be written without")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

//! Which targets are alive.

mod mark;

pub use mark::{Condition, Mark};

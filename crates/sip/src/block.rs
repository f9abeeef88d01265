//! Searches that look at sixteen bytes at once, which every processor can.
//!
//! Lines, values and parameters are short: for them this takes fewer instructions than a search with wider vectors,
//! which has to find out first what the processor has.

pub(crate) use wide::u8x16 as Block;

/// How many bytes a block has.
pub(crate) const WIDTH: usize = 16;

/// Marks the bytes that are `byte`.
#[inline(always)]
pub(crate) fn is(block: Block, byte: u8) -> Block {
    block.simd_eq(Block::splat(byte))
}

/// Marks the bytes that are no larger than `limit`.
#[inline(always)]
pub(crate) fn up_to(block: Block, limit: u8) -> Block {
    block.min(Block::splat(limit)).simd_eq(block)
}

/// Where the first marked byte is; 16 or more if there is none.
#[inline(always)]
pub(crate) fn place(marked: Block) -> usize {
    marked.to_bitmask().trailing_zeros() as usize
}

/// Where the first byte is that `marks` marks in the blocks of `bytes`; their length if there is none.
#[inline(always)]
pub(crate) fn first(bytes: &[u8], marks: impl Fn(Block) -> Block) -> usize {
    let (blocks, rest) = bytes.as_chunks::<WIDTH>();
    let mut at = 0;
    for block in blocks {
        let place = place(marks(Block::new(*block)));
        if place < WIDTH {
            return at + place;
        }
        at += WIDTH;
    }
    if rest.is_empty() {
        return bytes.len();
    }
    // The last block overlaps the one before, in which nothing was found. Where there is none, the rest is filled up.
    let (block, from) = match bytes.last_chunk() {
        Some(block) => (Block::new(*block), bytes.len() - WIDTH),
        None => (padded(rest), 0),
    };
    (from + place(marks(block))).min(bytes.len())
}

/// Up to fifteen bytes as the first ones of a block.
#[inline(always)]
fn padded(bytes: &[u8]) -> Block {
    let number = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(low), Some(high)) => {
            let high = u128::from(u64::from_le_bytes(*high)) << (8 * (bytes.len() - 8));
            u128::from(u64::from_le_bytes(*low)) | high
        }
        _ => bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)).into(),
    };
    Block::new(number.to_le_bytes())
}

/// Where the first such byte is; their length if there is none.
pub(crate) fn find(bytes: &[u8], byte: u8) -> usize {
    first(bytes, |block| is(block, byte))
}

/// Where the first of these three is; their length if there is none.
pub(crate) fn find3(bytes: &[u8], one: u8, two: u8, three: u8) -> usize {
    first(bytes, |block| is(block, one) | is(block, two) | is(block, three))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_found_where_a_plain_search_finds_them() {
        let odd = [0u8, 1, 13, 14, 127, 128, 255, b':', b';', b'!'];
        for length in 0..35 {
            for place in 0..=length {
                for (a, b) in odd.iter().flat_map(|a| odd.iter().map(move |b| (*a, *b))) {
                    let mut text = vec![a; length];
                    text.iter_mut().skip(place).step_by(3).for_each(|byte| *byte = b);
                    let plain = |which: &dyn Fn(u8) -> bool| {
                        text.iter().position(|byte| which(*byte)).unwrap_or(length)
                    };
                    assert_eq!(find(&text, b), plain(&|x| x == b), "{text:?} {b}");
                    assert_eq!(find3(&text, b, b';', 0), plain(&|x| x == b || x == b';' || x == 0));
                    assert_eq!(first(&text, |block| up_to(block, 13)), plain(&|x| x < 14), "{text:?}");
                }
            }
        }
    }
}

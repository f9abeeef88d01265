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

/// Marks the bytes from `low` to `high`.
#[inline(always)]
pub(crate) fn within(block: Block, low: u8, high: u8) -> Block {
    up_to(block - Block::splat(low), high - low)
}

/// Marks what is no letter, digit or hyphen.
#[inline(always)]
pub(crate) fn not_plain(block: Block) -> Block {
    let letter = within(block | Block::splat(0x20), b'a', b'z');
    !(letter | within(block, b'0', b'9') | is(block, b'-'))
}

/// Where the first marked byte is; 16 or more if there is none.
#[inline(always)]
pub(crate) fn place(marked: Block) -> usize {
    marked.to_bitmask().trailing_zeros() as usize
}

/// Where the first byte at or after `from` is that `marks` marks; the length of `bytes` if there is none.
#[inline(always)]
pub(crate) fn first(bytes: &[u8], from: usize, marks: impl Fn(Block) -> Block) -> usize {
    let Some(text) = bytes.get(from..) else { return bytes.len() };
    let (blocks, rest) = text.as_chunks::<WIDTH>();
    let mut at = from;
    for block in blocks {
        let marked = marks(Block::new(*block)).to_bitmask();
        if marked != 0 {
            return at + marked.trailing_zeros() as usize;
        }
        at += WIDTH;
    }
    if rest.is_empty() {
        return bytes.len();
    }
    let marked = match bytes.last_chunk() {
        // What stands before the rest in the last sixteen bytes does not count.
        Some(block) => marks(Block::new(*block)).to_bitmask() >> (WIDTH - rest.len()),
        None => marks(padded(rest)).to_bitmask(),
    };
    (at + marked.trailing_zeros() as usize).min(bytes.len())
}

/// Up to fifteen bytes as the first ones of a block.
#[inline(always)]
fn padded(bytes: &[u8]) -> Block {
    // Two halves that overlap.
    let number = if let (Some(low), Some(high)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let high = u128::from(u64::from_le_bytes(*high)) << (8 * (bytes.len() - 8));
        u128::from(u64::from_le_bytes(*low)) | high
    } else if let (Some(low), Some(high)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let high = u64::from(u32::from_le_bytes(*high)) << (8 * (bytes.len() - 4));
        u128::from(u64::from(u32::from_le_bytes(*low)) | high)
    } else {
        bytes.iter().rev().fold(0, |number, byte| number << 8 | u128::from(*byte))
    };
    Block::new(number.to_le_bytes())
}

/// Where the first such byte at or after `from` is; the length of `bytes` if there is none.
pub(crate) fn find(bytes: &[u8], from: usize, byte: u8) -> usize {
    first(bytes, from, |block| is(block, byte))
}

/// The same for the first of three.
pub(crate) fn find3(bytes: &[u8], from: usize, one: u8, two: u8, three: u8) -> usize {
    first(bytes, from, |block| is(block, one) | is(block, two) | is(block, three))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_bytes_are_letters_digits_and_the_hyphen() {
        for byte in 0..=255u8 {
            let plain = byte.is_ascii_alphanumeric() || byte == b'-';
            assert_eq!(not_plain(Block::splat(byte)).to_bitmask() == 0, plain, "{byte}");
        }
    }

    #[test]
    fn bytes_are_found_where_a_plain_search_finds_them() {
        let odd = [0u8, 13, 14, 127, 128, 255, b':', b';'];
        for (length, from) in (0..35).flat_map(|length| (0..20).map(move |from| (length, from))) {
            for (a, b) in odd.iter().flat_map(|a| odd.iter().map(move |b| (*a, *b))) {
                let mut text = vec![a; length];
                text.iter_mut().skip((length * 7 + from) % 37).step_by(3).for_each(|byte| *byte = b);
                let plain =
                    |which: &dyn Fn(u8) -> bool| (from..length).find(|at| which(text[*at])).unwrap_or(length);
                assert_eq!(find(&text, from, b), plain(&|x| x == b), "{text:?} {from} {b}");
                assert_eq!(find3(&text, from, b, b';', 0), plain(&|x| x == b || x == b';' || x == 0));
                assert_eq!(first(&text, from, |block| up_to(block, 13)), plain(&|x| x < 14), "{text:?}");
            }
        }
    }
}

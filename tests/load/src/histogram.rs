//! How many values lie where: fixed in size, exact to 1.6 %.

/// Buckets in each doubling of the value, as a power of two.
const FINENESS: u32 = 6;

/// Values below this have a bucket each.
const FINE: u32 = 1 << FINENESS;

/// Buckets for all values of 32 bits.
const BUCKETS: usize = ((32 - FINENESS + 1) << FINENESS) as usize;

/// A histogram of times in microseconds, up to 71 minutes.
#[derive(Clone, Debug)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max: u32,
}

impl Histogram {
    /// An empty one.
    pub fn new() -> Self {
        Histogram { buckets: vec![0; BUCKETS], count: 0, max: 0 }
    }

    /// Counts a value; what is too large counts as the largest.
    pub fn record(&mut self, microseconds: u64) {
        let value = u32::try_from(microseconds).unwrap_or(u32::MAX);
        if let Some(bucket) = self.buckets.get_mut(place(value)) {
            *bucket += 1;
        }
        self.count += 1;
        self.max = self.max.max(value);
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The largest value.
    pub fn max(&self) -> u32 {
        self.max
    }

    /// The value that this share (0.0 to 1.0) of all values does not exceed, rounded up to its bucket's end; 0 if there
    /// are none.
    pub fn quantile(&self, share: f64) -> u32 {
        let rank = ((share * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (place, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return end(place).min(self.max);
            }
        }
        self.max
    }

    /// The buckets that hold something: the largest value of each, and how many it holds.
    pub fn filled(&self) -> impl Iterator<Item = (u32, u64)> {
        let filled = self.buckets.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.map(|(place, count)| (end(place), *count))
    }

    /// Forgets all values.
    pub fn clear(&mut self) {
        self.buckets.fill(0);
        (self.count, self.max) = (0, 0);
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram::new()
    }
}

/// The bucket of a value: its leading bits, below its magnitude.
fn place(value: u32) -> usize {
    if value < FINE {
        return value as usize;
    }
    let shift = value.ilog2() - FINENESS;
    (((shift + 1) << FINENESS) + (value >> shift) - FINE) as usize
}

/// The largest value of a bucket.
fn end(place: usize) -> u32 {
    let place = place as u64;
    if place < u64::from(FINE) {
        return place as u32;
    }
    let (shift, lead) = ((place >> FINENESS) - 1, place & u64::from(FINE - 1));
    u32::try_from(((lead + u64::from(FINE) + 1) << shift) - 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_a_bucket_that_ends_at_most_a_64th_above_it() {
        for value in (0..5000).chain((0..32).map(|bit| 1 << bit)).chain([u32::MAX - 1, u32::MAX]) {
            let (place, end) = (place(value), end(place(value)));
            assert!(place < BUCKETS && end >= value, "{value} in {place}, which ends at {end}");
            assert!(u64::from(end - value) <= u64::from(value) / 64, "{value}: {end}");
        }
        assert!((0..5000).map(place).is_sorted() && place(u32::MAX) == BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_ranks() {
        let mut histogram = Histogram::new();
        assert_eq!((histogram.quantile(0.5), histogram.max()), (0, 0));
        (1..=50).for_each(|value| histogram.record(value));
        assert_eq!(histogram.quantile(0.5), 25);
        assert_eq!((histogram.quantile(0.0), histogram.quantile(0.99), histogram.quantile(1.0)), (1, 50, 50));
        histogram.record(1 << 40);
        assert_eq!((histogram.quantile(1.0), histogram.count()), (u32::MAX, 51));
        histogram.clear();
        assert_eq!((histogram.count(), histogram.quantile(1.0)), (0, 0));
    }

    #[test]
    fn a_quantile_of_large_values_is_near_them() {
        let mut histogram = Histogram::new();
        (1..=100).for_each(|value| histogram.record(value * 1000));
        let p90 = histogram.quantile(0.9);
        assert!((90_000..91_500).contains(&p90), "{p90}");
    }

    #[test]
    fn filled_buckets_hold_all_values() {
        let mut histogram = Histogram::new();
        (0..10_000).for_each(|value| histogram.record(value * 7));
        assert_eq!(histogram.filled().map(|(_, count)| count).sum::<u64>(), 10_000);
        assert!(histogram.filled().is_sorted() && histogram.filled().next() == Some((0, 1)));
    }
}

//! Sorting of rows by their keys, before they are written: RocksDB finds the place of a row at once beside that of the row before,
//! instead of anew from the top for each.

/// Sorts `indices` by the keys that they stand for, equal keys by index. `order` is room for it.
pub(crate) fn sort_by_key<'k>(indices: &mut [u32], order: &mut Vec<(u64, u32)>, key: impl Fn(u32) -> &'k [u8]) {
    let Some(first) = indices.first().map(|&index| key(index)) else { return };
    let common = indices.iter().fold(first.len(), |common, &index| common_length(&first[..common], key(index)));
    order.clear();
    // Most comparisons end in the bytes that are at hand, and need not look at the keys.
    order.extend(indices.iter().map(|&index| (first_bytes(&key(index)[common..]), index)));
    order.sort_unstable_by(|&(a_bytes, a), &(b_bytes, b)| {
        a_bytes.cmp(&b_bytes).then_with(|| key(a).cmp(key(b))).then(a.cmp(&b))
    });
    for (index, &mut (_, sorted)) in indices.iter_mut().zip(order) {
        *index = sorted;
    }
}

fn common_length(a: &[u8], b: &[u8]) -> usize {
    if b.starts_with(a) {
        return a.len();
    }
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// The first eight bytes as a number that is ordered as they are; zeros follow where there are fewer.
fn first_bytes(key: &[u8]) -> u64 {
    if let Some(bytes) = key.first_chunk() {
        return u64::from_be_bytes(*bytes);
    }
    let mut bytes = [0; 8];
    bytes[..key.len()].copy_from_slice(key);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_order_is_that_of_keys_and_equal_keys_keep_theirs(
            prefix in prop::collection::vec(0..3_u8, 0..12),
            keys in prop::collection::vec(prop::collection::vec(0..3_u8, 0..14), 0..40),
        ) {
            let keys: Vec<Vec<u8>> = keys.into_iter().map(|key| [prefix.clone(), key].concat()).collect();
            let mut expected: Vec<u32> = (0..keys.len() as u32).collect();
            let mut sorted = expected.clone();
            expected.sort_by_key(|&index| &keys[index as usize]);
            sort_by_key(&mut sorted, &mut Vec::new(), |index| &keys[index as usize]);
            prop_assert_eq!(sorted, expected);
        }
    }
}

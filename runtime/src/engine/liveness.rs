//! Where tensors lie in the workspace: those that live at the same time never overlap, but for one that a step
//! reads for the last time and whose place the step's result takes.

/// A tensor's bytes and the steps from its making to its last use, both included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    pub(super) bytes: u64,
    pub(super) first: usize,
    pub(super) last: usize,
}

/// An offset for every life, multiples of 64, and the bytes of all together: the largest tensors first, each
/// into the smallest gap that it fits.
///
/// `heirs` names tensors of one layout of which the second can be written over the first, pixel by pixel: it is,
/// if the first is not read again.
pub(super) fn place(lives: &[Life], heirs: &[(usize, usize)]) -> (Vec<u64>, u64) {
    let mut lives = lives.to_vec();
    // The first tensor of each place.
    let mut places: Vec<usize> = (0..lives.len()).collect();
    for &(first, heir) in heirs {
        let place = places[first];
        if lives[place].last == lives[heir].first && places[heir] == heir {
            places[heir] = place;
            lives[place].last = lives[heir].last;
        }
    }
    let mut order: Vec<usize> = (0..lives.len()).filter(|i| places[*i] == *i).collect();
    order.sort_by_key(|i| (std::cmp::Reverse(lives[*i].bytes), *i));
    let mut offsets = vec![0; lives.len()];
    let mut placed: Vec<usize> = vec![];
    for i in order {
        let meets = |j: &usize| lives[*j].first <= lives[i].last && lives[i].first <= lives[*j].last;
        let mut taken: Vec<_> = placed
            .iter()
            .filter(|j| meets(j))
            .map(|j| (offsets[*j], offsets[*j] + lives[*j].bytes))
            .collect();
        taken.sort_unstable();
        let mut gaps = vec![];
        let mut free = 0_u64;
        for (start, end) in taken {
            if start >= free + lives[i].bytes {
                gaps.push((start - free, free));
            }
            free = free.max(end.next_multiple_of(64));
        }
        offsets[i] = gaps.into_iter().min().map_or(free, |(_, at)| at);
        placed.push(i);
    }
    let offsets: Vec<u64> = places.iter().map(|place| offsets[*place]).collect();
    let bytes = lives.iter().zip(&offsets).map(|(life, at)| at + life.bytes).max().unwrap_or(0);
    (offsets, bytes.next_multiple_of(64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_that_live_together_never_overlap_and_others_share() {
        let life = |bytes, first, last| Life { bytes, first, last };
        let lives = [life(640, 0, 1), life(320, 1, 2), life(640, 2, 3), life(64, 0, 3), life(100, 3, 4)];
        let (offsets, bytes) = place(&lives, &[]);
        for (i, a) in lives.iter().enumerate() {
            for (j, b) in lives.iter().enumerate().skip(i + 1) {
                let together = a.first <= b.last && b.first <= a.last;
                let apart = offsets[i] + a.bytes <= offsets[j] || offsets[j] + b.bytes <= offsets[i];
                assert!(!together || apart, "{i} {j} {offsets:?}");
            }
        }
        assert!(bytes <= 640 + 320 + 64, "{bytes}");
        assert!(offsets.iter().all(|o| o % 64 == 0));
    }

    #[test]
    fn an_heir_takes_the_place_of_what_is_not_read_again() {
        let life = |first, last| Life { bytes: 640, first, last };
        let heirs = [(0, 1), (1, 2)];
        assert_eq!(place(&[life(0, 1), life(1, 2), life(2, 3)], &heirs), (vec![0, 0, 0], 640));
        // The control: the first is still read after the second was made.
        assert_eq!(place(&[life(0, 2), life(1, 2), life(2, 3)], &heirs).1, 2 * 640);
    }
}

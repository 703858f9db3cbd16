use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use super::Batch;

/// Prepares the batches of a range of steps on threads of its own and gives them in order.
#[derive(Debug)]
pub(super) struct Loader {
    receiver: Receiver<(u64, Batch)>,
    early: BTreeMap<u64, Batch>,
    steps: Range<u64>,
}

impl Loader {
    /// Starts `threads` threads that prepare the batches of `steps`; they wait while
    /// as many batches as threads lie ready.
    pub(super) fn new<'scope, 'env, F>(
        scope: &'scope Scope<'scope, 'env>,
        threads: usize,
        steps: Range<u64>,
        prepare: F,
    ) -> Self
    where
        F: Fn(u64) -> Batch + Send + Sync + Clone + 'scope,
    {
        let (sender, receiver) = sync_channel(threads);
        let next = std::sync::Arc::new(AtomicU64::new(steps.start));
        for _ in 0..threads {
            let (sender, next, prepare, end) = (sender.clone(), next.clone(), prepare.clone(), steps.end);
            scope.spawn(move || {
                loop {
                    let step = next.fetch_add(1, Ordering::Relaxed);
                    // Nobody listens any more: the stage has ended early.
                    if step >= end || sender.send((step, prepare(step))).is_err() {
                        return;
                    }
                }
            });
        }
        Self { receiver, early: BTreeMap::new(), steps }
    }
}

impl Iterator for Loader {
    type Item = (u64, Batch);

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.steps.next()?;
        loop {
            if let Some(batch) = self.early.remove(&step) {
                return Some((step, batch));
            }
            let (arrived, batch) = self.receiver.recv().ok()?;
            self.early.insert(arrived, batch);
        }
    }
}

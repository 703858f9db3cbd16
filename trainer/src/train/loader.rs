use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

/// Prepares what a range of steps needs, on threads of its own, and gives it in order.
#[derive(Debug)]
pub(super) struct Loader<T> {
    receiver: Receiver<(u64, T)>,
    early: BTreeMap<u64, T>,
    steps: Range<u64>,
}

impl<T: Send> Loader<T> {
    /// Starts `threads` threads that prepare what the `steps` need; they wait while as much as there are threads lies
    /// ready.
    pub(super) fn new<'scope, 'env, F>(
        scope: &'scope Scope<'scope, 'env>,
        threads: usize,
        steps: Range<u64>,
        prepare: F,
    ) -> Self
    where
        F: Fn(u64) -> T + Send + Sync + Clone + 'scope,
        T: 'scope,
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

impl<T> Iterator for Loader<T> {
    type Item = T;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.steps.next()?;
        loop {
            if let Some(prepared) = self.early.remove(&step) {
                return Some(prepared);
            }
            let (arrived, prepared) = self.receiver.recv().ok()?;
            self.early.insert(arrived, prepared);
        }
    }
}

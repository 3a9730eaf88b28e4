//! Many things of one kind, shared among threads.

use std::num::NonZeroUsize;
use std::thread;

/// More than that only wait for the kernel's and the allocator's locks.
const MAX_THREADS: usize = 4;

/// What `each` makes of every item, in their order. `few` are made in less time than a thread takes to begin.
pub fn map<T: Sync, R: Send>(items: &[T], few: usize, each: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = match items.len() > few {
        true => thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MAX_THREADS),
        false => 1,
    };
    let make = |part: &[T]| part.iter().map(&each).collect::<Vec<R>>();
    let (own, others) = items.split_at(items.len().div_ceil(threads));
    thread::scope(|scope| {
        let workers = others.chunks(own.len().max(1)).map(|part| {
            let worker = thread::Builder::new().spawn_scoped(scope, move || make(part));
            (part, worker)
        });
        let workers: Vec<_> = workers.collect();
        let mut made = make(own);
        for (part, worker) in workers {
            // Where no thread can be had, or one failed, this one does its part.
            let answer = worker.ok().and_then(|worker| worker.join().ok());
            made.extend(answer.unwrap_or_else(|| make(part)));
        }
        made
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_made_once_and_in_order() {
        for count in [0, 1, 2, 3, 9, 100, 1001] {
            for few in [0, 10, 2000] {
                let items: Vec<usize> = (0..count).collect();
                assert_eq!(map(&items, few, |item| item + 1), (1..=count).collect::<Vec<_>>(), "{count} {few}");
            }
        }
    }
}

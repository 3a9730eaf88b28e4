//! Many things of one kind, shared among threads.

use std::num::NonZeroUsize;
use std::thread;

/// More than that only wait for the kernel's and the allocator's locks.
const MAX_THREADS: usize = 4;

/// What `each` makes of every item, in their order. `few` are made in less time than a thread takes to begin.
pub fn map<T: Sync, R: Send>(items: &[T], few: usize, each: impl Fn(&T) -> R + Sync) -> Vec<R> {
    parts(items, few, |part| part.iter().map(&each).collect::<Vec<R>>()).into_iter().flatten().collect()
}

/// What `each` makes of parts of the items, in their order.
pub fn parts<T: Sync, R: Send>(items: &[T], few: usize, each: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
    let threads = match items.len() > few {
        true => thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MAX_THREADS),
        false => 1,
    };
    let each = &each;
    thread::scope(|scope| {
        let (own, others) = items.split_at(items.len().div_ceil(threads));
        let others = others.chunks(own.len().max(1)).map(|part| {
            let worker = thread::Builder::new().spawn_scoped(scope, move || each(part));
            (part, worker)
        });
        let others: Vec<_> = others.collect();
        let mut made = vec![each(own)];
        for (part, worker) in others {
            // Where no thread can be had, or one failed, this one does its part.
            let answer = worker.ok().and_then(|worker| worker.join().ok());
            made.push(answer.unwrap_or_else(|| each(part)));
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
                assert_eq!(parts(&items, few, <[usize]>::to_vec).concat(), items, "{count} {few}");
            }
        }
    }
}

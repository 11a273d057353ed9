//! Work spread over threads, with results in the order of the items.

/// What comes of each item, in their order. Threads of their own: in a pool that the caller is part of, who waits for this would
/// do other work of the caller's meanwhile, one on top of the other.
pub(super) fn each<T: Send, R: Send>(
    items: Vec<T>,
    threads: usize,
    one: impl Fn((usize, T)) -> R + Sync,
) -> Vec<R> {
    let length = items.len().div_ceil(threads.max(1)).max(1);
    if length >= items.len() {
        return items.into_iter().enumerate().map(one).collect();
    }
    let mut parts: Vec<Vec<(usize, T)>> = Vec::new();
    for (number, item) in items.into_iter().enumerate() {
        match parts.last_mut().filter(|part| part.len() < length) {
            Some(part) => part.push((number, item)),
            None => parts.push(vec![(number, item)]),
        }
    }
    std::thread::scope(|scope| {
        let one = &one;
        let running: Vec<_> = parts
            .into_iter()
            .map(|part| scope.spawn(move || part.into_iter().map(one).collect::<Vec<R>>()))
            .collect();
        let done = running.into_iter().map(|thread| match thread.join() {
            Ok(results) => results,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        done.flatten().collect()
    })
}

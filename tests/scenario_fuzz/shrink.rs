//! Makes a failing scenario small.
//!
//! Promises a scenario for which the predicate still holds, and that no single key or item can be left out and no number
//! halved without losing that, unless the tries run out. Knows nothing of what the keys mean.

use serde_json::Value;

/// Shrinks a tree for as long as `fails` says that it still fails, with at most `tries` questions.
pub fn shrink(tree: &Value, mut tries: usize, mut fails: impl FnMut(&Value) -> bool) -> Value {
    let mut best = tree.clone();
    loop {
        let mut smaller = false;
        // Large parts come first: a dropped template takes all its keys along.
        let mut index = 0;
        while let Some(candidate) = candidate(&best, index) {
            if tries == 0 {
                return best;
            }
            tries -= 1;
            if fails(&candidate) {
                best = candidate;
                smaller = true;
            } else {
                index += 1;
            }
        }
        if !smaller {
            return best;
        }
    }
}

/// The tree with its `index`-th reduction, level by level; `None` beyond the last one.
fn candidate(tree: &Value, index: usize) -> Option<Value> {
    let mut paths: Vec<Vec<usize>> = vec![Vec::new()];
    let mut all: Vec<(Vec<usize>, Reduction)> = Vec::new();
    let mut next = 0;
    while next < paths.len() {
        let path = paths[next].clone();
        next += 1;
        let node = at(tree, &path);
        let children = match node {
            Value::Object(keys) => keys.len(),
            Value::Array(items) => items.len(),
            Value::Number(number) if number.as_u64().is_some_and(|number| number > 1) => {
                all.push((path.clone(), Reduction::Halve));
                0
            }
            _ => 0,
        };
        for child in (0..children).rev() {
            all.push((path.clone(), Reduction::Drop(child)));
        }
        paths.extend((0..children).map(|child| [&path[..], &[child]].concat()));
    }
    let (path, reduction) = all.into_iter().nth(index)?;
    let mut smaller = tree.clone();
    let node = at_mut(&mut smaller, &path);
    match (reduction, node) {
        (Reduction::Drop(child), Value::Object(keys)) => {
            let key = keys.keys().nth(child).cloned().unwrap_or_default();
            keys.shift_remove(&key);
        }
        (Reduction::Drop(child), Value::Array(items)) => {
            items.remove(child);
        }
        (Reduction::Halve, node) => *node = (node.as_u64().unwrap_or(0) / 2).into(),
        (Reduction::Drop(_), _) => {}
    }
    Some(smaller)
}

#[derive(Clone, Copy)]
enum Reduction {
    Drop(usize),
    Halve,
}

fn at<'a>(tree: &'a Value, path: &[usize]) -> &'a Value {
    path.iter().fold(tree, |node, &child| match node {
        Value::Object(keys) => keys.values().nth(child).expect("the path was found in this tree"),
        other => &other[child],
    })
}

fn at_mut<'a>(tree: &'a mut Value, path: &[usize]) -> &'a mut Value {
    path.iter().fold(tree, |node, &child| match node {
        Value::Object(keys) => keys.values_mut().nth(child).expect("the path was found in this tree"),
        other => &mut other[child],
    })
}

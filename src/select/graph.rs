//! Circles and order in a graph of units.

/// The strongly connected parts of a graph (Tarjan's algorithm), each part after all those that its edges lead to.
/// A part of one node is a circle only if the node has an edge to itself.
pub(super) fn parts(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    const UNSEEN: usize = usize::MAX;
    let mut parts = Vec::new();
    let mut index = vec![UNSEEN; edges.len()];
    let mut low = vec![0; edges.len()];
    let mut on_stack = vec![false; edges.len()];
    let mut stack = Vec::new();
    let mut count = 0;
    // Chains may be as long as there are units: a stack of our own instead of recursion.
    let mut path: Vec<(usize, usize)> = Vec::new();
    for root in 0..edges.len() {
        if index[root] == UNSEEN {
            path.push((root, 0));
        }
        while let Some((node, next)) = path.pop() {
            if next == 0 {
                index[node] = count;
                low[node] = count;
                count += 1;
                stack.push(node);
                on_stack[node] = true;
            } else {
                let child = edges[node][next - 1];
                if on_stack[child] {
                    low[node] = low[node].min(low[child]);
                }
            }
            let unseen = (next..edges[node].len()).find(|&edge| {
                let child = edges[node][edge];
                if index[child] == UNSEEN {
                    return true;
                }
                if on_stack[child] {
                    low[node] = low[node].min(index[child]);
                }
                false
            });
            if let Some(edge) = unseen {
                path.push((node, edge + 1));
                path.push((edges[node][edge], 0));
                continue;
            }
            if low[node] == index[node] {
                let mut part = Vec::new();
                while let Some(member) = stack.pop() {
                    on_stack[member] = false;
                    part.push(member);
                    if member == node {
                        break;
                    }
                }
                parts.push(part);
            }
        }
    }
    parts
}

/// A shortest way from a node back to itself, without repeating it at the end; empty if there is none.
pub(super) fn circle(edges: &[Vec<usize>], start: usize) -> Vec<usize> {
    let mut reached_from = std::collections::HashMap::new();
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for &next in &edges[node] {
            if next == start {
                let mut way = vec![node];
                let mut at = node;
                while at != start {
                    at = reached_from[&at];
                    way.push(at);
                }
                way.reverse();
                return way;
            }
            if let std::collections::hash_map::Entry::Vacant(vacant) = reached_from.entry(next) {
                vacant.insert(node);
                queue.push_back(next);
            }
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_after_what_they_lead_to() {
        let edges = vec![vec![1], vec![2], vec![1, 3], vec![], vec![4, 0]];
        let mut parts = parts(&edges);
        parts.iter_mut().for_each(|part| part.sort_unstable());
        assert_eq!(parts, [vec![3], vec![1, 2], vec![0], vec![4]]);
        assert_eq!(circle(&edges, 1), [1, 2]);
        assert_eq!(circle(&edges, 4), [4]);
        assert!(circle(&edges, 0).is_empty());
    }

    #[test]
    fn long_chains_need_no_deep_stack() {
        let edges: Vec<Vec<usize>> =
            (1..=100_000).map(|next| if next < 100_000 { vec![next] } else { vec![] }).collect();
        assert_eq!(parts(&edges).len(), 100_000);
    }
}

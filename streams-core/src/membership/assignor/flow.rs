use std::collections::VecDeque;

/// A directed network with capacities and costs, whose cheapest largest flow can be found.
///
/// Each round finds the cheapest paths that are left (Bellman-Ford, since costs may be negative) and fills all of them. There
/// are few rounds: as many as there are different path costs.
pub(super) struct Network {
    edges: Vec<Edge>,
    outgoing: Vec<Vec<usize>>,
}

struct Edge {
    to: usize,
    capacity: i64,
    cost: i64,
}

impl Network {
    pub(super) fn new(nodes: usize) -> Self {
        Self { edges: Vec::new(), outgoing: vec![Vec::new(); nodes] }
    }

    /// Adds an edge and its reverse; the number returned is for [`flow`](Self::flow).
    pub(super) fn add(&mut self, from: usize, to: usize, capacity: i64, cost: i64) -> usize {
        let number = self.edges.len();
        self.edges.push(Edge { to, capacity, cost });
        self.edges.push(Edge { to: from, capacity: 0, cost: -cost });
        self.outgoing[from].push(number);
        self.outgoing[to].push(number + 1);
        number
    }

    /// What flows through an edge.
    pub(super) fn flow(&self, edge: usize) -> i64 {
        self.edges[edge ^ 1].capacity
    }

    /// Sends as much as possible from `source` to `sink`, as cheaply as possible. There must be no cycle of negative cost.
    pub(super) fn fill(&mut self, source: usize, sink: usize) {
        while let Some(distances) = self.distances(source, sink) {
            let mut round = Round {
                distances,
                sink,
                next: vec![0; self.outgoing.len()],
                entered: vec![false; self.outgoing.len()],
            };
            while round.push(self, source, i64::MAX) > 0 {}
        }
    }

    /// Costs of the cheapest paths from `source`; none if `sink` cannot be reached any more.
    fn distances(&self, source: usize, sink: usize) -> Option<Vec<i64>> {
        let mut distances = vec![i64::MAX; self.outgoing.len()];
        let mut queued = vec![false; self.outgoing.len()];
        let mut queue = VecDeque::from([source]);
        distances[source] = 0;
        while let Some(node) = queue.pop_front() {
            queued[node] = false;
            for &number in &self.outgoing[node] {
                let edge = &self.edges[number];
                let distance = distances[node] + edge.cost;
                if edge.capacity > 0 && distance < distances[edge.to] {
                    distances[edge.to] = distance;
                    if !std::mem::replace(&mut queued[edge.to], true) {
                        queue.push_back(edge.to);
                    }
                }
            }
        }
        (distances[sink] < i64::MAX).then_some(distances)
    }
}

/// Fills the cheapest paths.
struct Round {
    distances: Vec<i64>,
    sink: usize,
    /// The edge of each node that is to be tried next: those before it lead nowhere.
    next: Vec<usize>,
    /// Nodes of the present path: edges without cost could lead in a circle.
    entered: Vec<bool>,
}

impl Round {
    fn push(&mut self, network: &mut Network, node: usize, limit: i64) -> i64 {
        if node == self.sink {
            return limit;
        }
        self.entered[node] = true;
        let mut pushed = 0;
        while let Some(&number) = network.outgoing[node].get(self.next[node]) {
            let Edge { to, capacity, cost } = network.edges[number];
            if capacity > 0 && !self.entered[to] && self.distances[to] == self.distances[node].saturating_add(cost) {
                pushed = self.push(network, to, limit.min(capacity));
                if pushed > 0 {
                    network.edges[number].capacity -= pushed;
                    network.edges[number ^ 1].capacity += pushed;
                    break;
                }
            }
            self.next[node] += 1;
        }
        self.entered[node] = false;
        pushed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheaper_path_is_filled_first_and_undone_where_that_gains() {
        // 0 -> {1, 2} -> 3: the cheap edges 0-1 and 1-3 are taken, then the detour 0-2-1 must give way to 2-3.
        let mut network = Network::new(4);
        let first = network.add(0, 1, 2, -5);
        let second = network.add(0, 2, 1, 0);
        let detour = network.add(2, 1, 1, -9);
        let direct = network.add(2, 3, 1, 0);
        let last = network.add(1, 3, 2, 0);
        network.fill(0, 3);
        let flows = [first, second, detour, direct, last].map(|edge| network.flow(edge));
        assert_eq!(flows, [2, 1, 0, 1, 2]);
    }

    #[test]
    fn nothing_flows_to_an_unreachable_sink() {
        let mut network = Network::new(3);
        let edge = network.add(0, 1, 1, 0);
        network.fill(0, 2);
        assert_eq!(network.flow(edge), 0);
    }
}

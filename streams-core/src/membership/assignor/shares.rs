use super::flow::Network;

/// The tasks of one subtopology, as far as their number matters.
pub(super) struct Share<'a> {
    pub(super) tasks: u64,
    pub(super) stateful: bool,
    /// For each member what its first, second, ... task of the subtopology is worth; never rising.
    pub(super) values: &'a [Vec<i64>],
}

/// More than everything else together: for what has to be.
const REQUIRED: i64 = 1 << 52;

/// How many tasks of each subtopology each member gets; nothing if nobody has a weight.
///
/// The exact shares are fractions. Rounded down they are given to everyone; the tasks that remain go one by one through a
/// network, from the subtopologies over the members' stateful and stateless parts to the members, each with bounds that keep
/// its sum rounded down or up too. The exact shares themselves are a flow within these bounds, so an integral one exists.
pub(super) fn share(shares: &[Share<'_>], weights: &[u64]) -> Vec<Vec<u64>> {
    let total: u64 = weights.iter().sum();
    if total == 0 {
        return vec![vec![0; weights.len()]; shares.len()];
    }
    let floor = |tasks: u64, member: usize| tasks * weights[member] / total;
    let mut counts: Vec<Vec<u64>> =
        shares.iter().map(|share| (0..weights.len()).map(|member| floor(share.tasks, member)).collect()).collect();

    let nodes = Nodes { subtopologies: shares.len(), members: weights.len() };
    let mut network = Network::new(nodes.count());
    let mut choices = Vec::new();
    for (row, share) in shares.iter().enumerate() {
        let given: u64 = counts[row].iter().sum();
        network.add(nodes.source(), nodes.subtopology(row), (share.tasks - given) as i64, 0);
        for (member, _) in weights.iter().enumerate().filter(|(_, weight)| share.tasks * **weight % total != 0) {
            let value = share.values[member].get(counts[row][member] as usize).copied().unwrap_or(0);
            let edge = network.add(nodes.subtopology(row), nodes.part(member, share.stateful), 1, -value);
            choices.push((edge, row, member));
        }
    }
    for member in 0..weights.len() {
        let mut add_bounds = |from, to, tasks: u64, given: u64| {
            let low = floor(tasks, member) - given;
            network.add(from, to, low as i64, -REQUIRED);
            network.add(from, to, i64::from(!(tasks * weights[member]).is_multiple_of(total)), 0);
            tasks
        };
        let sums = |stateful: Option<bool>| {
            let rows = shares.iter().enumerate().filter(|(_, share)| stateful.is_none_or(|is| share.stateful == is));
            rows.fold((0, 0), |(tasks, given), (row, share)| (tasks + share.tasks, given + counts[row][member]))
        };
        for stateful in [false, true] {
            let (tasks, given) = sums(Some(stateful));
            add_bounds(nodes.part(member, stateful), nodes.member(member), tasks, given);
        }
        let (tasks, given) = sums(None);
        add_bounds(nodes.member(member), nodes.sink(), tasks, given);
    }
    network.fill(nodes.source(), nodes.sink());
    for (edge, row, member) in choices {
        counts[row][member] += network.flow(edge) as u64;
    }
    counts
}

/// Numbers of the network's nodes.
struct Nodes {
    subtopologies: usize,
    members: usize,
}

impl Nodes {
    fn source(&self) -> usize {
        0
    }

    fn sink(&self) -> usize {
        1
    }

    fn subtopology(&self, row: usize) -> usize {
        2 + row
    }

    fn part(&self, member: usize, stateful: bool) -> usize {
        2 + self.subtopologies + 2 * member + usize::from(stateful)
    }

    fn member(&self, member: usize) -> usize {
        2 + self.subtopologies + 2 * self.members + member
    }

    fn count(&self) -> usize {
        2 + self.subtopologies + 3 * self.members
    }
}

//! Groups from pairs: union-find.

/// Things numbered from 0, joined into groups.
#[derive(Debug)]
pub struct Groups {
    parents: Vec<u32>,
}

impl Groups {
    /// `count` things, each alone.
    pub fn new(count: usize) -> Groups {
        Groups { parents: (0..count as u32).collect() }
    }

    fn root(&mut self, mut thing: u32) -> u32 {
        while self.parents[thing as usize] != thing {
            // Path halving: every second step shortens the way for later calls.
            let grandparent = self.parents[self.parents[thing as usize] as usize];
            self.parents[thing as usize] = grandparent;
            thing = grandparent;
        }
        thing
    }

    /// Joins the groups of two things. The smallest member stays the root, so the result does not depend on the order.
    pub fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a as u32), self.root(b as u32));
        self.parents[a.max(b) as usize] = a.min(b);
    }

    /// The groups of at least two, each ascending, ordered by their first.
    pub fn into_lists(mut self) -> Vec<Vec<usize>> {
        let mut lists: Vec<Vec<usize>> = Vec::new();
        let mut place = vec![u32::MAX; self.parents.len()];
        for thing in 0..self.parents.len() {
            let root = self.root(thing as u32) as usize;
            if root == thing {
                continue;
            }
            if place[root] == u32::MAX {
                place[root] = lists.len() as u32;
                lists.push(vec![root]);
            }
            lists[place[root] as usize].push(thing);
        }
        lists.sort_unstable();
        lists
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_do_not_depend_on_the_order() {
        let mut pairs = [(5, 1), (7, 8), (1, 9), (8, 7), (3, 3), (9, 5), (2, 8)];
        for _ in 0..pairs.len() {
            pairs.rotate_left(1);
            let mut groups = Groups::new(10);
            pairs.iter().for_each(|&(a, b)| groups.join(a, b));
            assert_eq!(groups.into_lists(), [vec![1, 5, 9], vec![2, 7, 8]]);
        }
        assert!(Groups::new(0).into_lists().is_empty());
    }
}

//! The `shadegrid` command.

fn main() {}

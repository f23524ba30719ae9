// Looking signatures up among known ones: what both metrics share. The same structures stand in src/backend/gpu/search.rs.
//
// An invocation holds a few known signatures in registers and compares every query of the batch with them. The queries are in workgroup
// memory, QUERIES at a time. Distances never leave the registers; pairs within the radius are appended to `hits`. A count over the
// list's capacity says that some were not written: the host then asks again for smaller ranges.

struct Search {
    /// Known signatures to look at: `first_row..end_row`.
    first_row: u32,
    end_row: u32,
    /// Queries to look up: `first_query..end_query`.
    first_query: u32,
    end_query: u32,
    /// Largest distance that is reported.
    radius: u32,
    /// Pairs that the list has room for.
    capacity: u32,
    unused_0: u32,
    unused_1: u32,
}

struct Hit {
    query: u32,
    row: u32,
    distance: u32,
}

struct Hits {
    /// All pairs within the radius, also those for which there was no room.
    count: atomic<u32>,
    list: array<Hit>,
}

@group(0) @binding(0) var<uniform> search: Search;
/// Known signatures, row after row.
@group(0) @binding(1) var<storage, read> rows: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> queries: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> hits: Hits;

fn append(query: u32, row: u32, distance: u32) {
    // Counted also where there is no room, so that the host learns how many there are.
    let at = atomicAdd(&hits.count, 1u);
    if at < search.capacity {
        hits.list[at] = Hit(query, row, distance);
    }
}

// Attention y = softmax(scale · q kᵀ) v over the admissible keys of each query, a batch of heads; without any, y = 0.
// One pass over the keys: when the largest score grows, what was summed up so far is scaled down (online softmax;
// Dao et al. 2022, "FlashAttention", algorithm 1). No scores are stored.
//
// q [batch, head, query, ..], k and v [batch, head, key, ..], heads of VECTORS vec4s, at any strides.
// Result: y [batch, query, head, ..] in C order, then two statistics of the softmax, each [batch, head, query]: the largest
// score, and 1 / Σ exp(score - largest). Their logarithm would be one number, but lose digits where scores are large.
// An invocation owns ROWS neighbouring queries of a head and streams the keys past them, four at a time.
//
// Injected: VECTORS, SCALE, CAUSAL, MASKED, OWN_QUERIES (true). Generated: epilogue(i, value).
struct Sizes {
  heads: u32,
  tiles: u32, // of ROWS queries, in a head
  count: u32, // tiles in all heads of the batch
  queries: u32,
  keys: u32,
  q_offset: u32, // all offsets and strides of q, k and v in vec4s
  q_batch: u32,
  q_head: u32,
  q_row: u32,
  k_offset: u32,
  k_batch: u32,
  k_head: u32,
  k_row: u32,
  v_offset: u32,
  v_batch: u32,
  v_head: u32,
  v_row: u32,
  mask_batch: u32, // 0 where one mask serves all
  mask_head: u32,
  mask_query: u32,
  mask_key: u32,
}
@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> q: array<vec4f>;
@group(0) @binding(2) var<storage, read> k: array<vec4f>;
@group(0) @binding(3) var<storage, read> v: array<vec4f>;
@group(0) @binding(4) var<storage, read> mask: array<u32>;

const Q = 0u;
const K = 1u;
const V = 2u;
fn load(buffer: u32, i: u32) -> vec4f {
  if (buffer == Q) { return q[i]; }
  if (buffer == K) { return k[i]; }
  return v[i];
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group_id: vec3u,
  @builtin(num_workgroups) group_count: vec3u,
  @builtin(local_invocation_index) lane: u32
) {
  let e = workgroup_index(group_id, group_count) * 64u + lane;
  if (e >= sizes.count) {
    return; // whole quads, where lanes share
  }
  lane_of_quad = lane % 4u;
  let query = e % sizes.tiles * ROWS;
  let head = e / sizes.tiles % sizes.heads;
  let batch = e / (sizes.tiles * sizes.heads);
  let q_base = sizes.q_offset + batch * sizes.q_batch + head * sizes.q_head;
  let k_base = sizes.k_offset + batch * sizes.k_batch + head * sizes.k_head;
  let v_base = sizes.v_offset + batch * sizes.v_batch + head * sizes.v_head;
  let mask_base = batch * sizes.mask_batch + head * sizes.mask_head;

  let own_rows = q_base + min(query + NEIGHBOURS, vec4u(sizes.queries - 1u)) * sizes.q_row;
  var y = array<Quad, VECTORS>();
  var largest_score = Single(EMPTY);
  var sum = Single();
  let end = select(sizes.keys, min(sizes.keys, (query / TOGETHER + 1u) * TOGETHER), CAUSAL);
  for (var first = 0u; first < end; first += 4u) {
    let keys = first + NEIGHBOURS;
    let rows = min(keys, vec4u(sizes.keys - 1u));
    let k_rows = k_base + rows * sizes.k_row;
    let v_rows = v_base + rows * sizes.v_row;
    var dots = Quad();
    for (var n = 0u; n < VECTORS; n++) {
      dots += transpose(streamed(K, k_rows, n)) * own(Q, own_rows, n);
    }
    let scores = hidden(SCALE * dots, query, keys, mask_base);
    let larger = max(largest_score, largest(scores));
    let shrink = exp(largest_score - larger);
    let weights = exponential(minus_own(scores, larger));
    sum = sum * shrink + total(weights);
    for (var n = 0u; n < VECTORS; n++) {
      y[n] = scaled(y[n], shrink) + streamed(V, v_rows, n) * weights;
    }
    largest_score = larger;
  }

  // The largest score adds 1 to the sum: it is less only where no key was admissible, and y is 0 there.
  let divisor = max(sum, Single(1.0));
  let stored = min(ROWS, sizes.queries - min(query, sizes.queries));
  let row_step = sizes.heads * VECTORS * 4u;
  let y_at = ((batch * sizes.queries + query) * sizes.heads + head) * VECTORS * 4u;
  for (var n = 0u; n < VECTORS; n++) {
    store_quad(y_at + 4u * n, row_step, stored, scaled(y[n], 1.0 / divisor));
  }
  let all_queries = sizes.count / sizes.tiles * sizes.queries;
  let statistics = all_queries * VECTORS * 4u + (batch * sizes.heads + head) * sizes.queries + query;
  store_singles(statistics, stored, largest_score);
  store_singles(statistics + all_queries, stored, 1.0 / divisor);
}

// Gradient of attention by the queries: dq = scale · ds k with ds = p ∘ (dy vᵀ - delta), where the probabilities
// p = exp(scale · q kᵀ - largest) / sum are computed again and delta = Σ dy ∘ y for each query
// (Dao et al. 2022, "FlashAttention", algorithm 4).
//
// q, k, v, dy [batch, head, row, ..] at any strides, heads of VECTORS vec4s; forward is the whole result of attention.
// Result: dq [batch, query, head, ..] in C order, then largest, 1 / sum and delta, each [batch, head, query].
// An invocation owns ROWS neighbouring queries of a head and streams the keys past them, four at a time.
//
// Injected: VECTORS, SCALE, CAUSAL, MASKED, OWN_QUERIES (true). Generated: epilogue(i, value).
struct Sizes {
  heads: u32,
  tiles: u32, // of ROWS queries, in a head
  count: u32, // tiles in all heads of the batch
  queries: u32,
  keys: u32,
  q_offset: u32, // all offsets and strides of q, k, v and dy in vec4s
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
  dy_offset: u32,
  dy_batch: u32,
  dy_head: u32,
  dy_row: u32,
  mask_batch: u32, // 0 where one mask serves all
  mask_head: u32,
  mask_query: u32,
  mask_key: u32,
}
@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> q: array<vec4f>;
@group(0) @binding(2) var<storage, read> k: array<vec4f>;
@group(0) @binding(3) var<storage, read> v: array<vec4f>;
@group(0) @binding(4) var<storage, read> forward: array<vec4f>;
@group(0) @binding(5) var<storage, read> dy: array<vec4f>;
@group(0) @binding(6) var<storage, read> mask: array<u32>;

const Q = 0u;
const K = 1u;
const V = 2u;
const Y = 3u;
const DY = 4u;
fn load(buffer: u32, i: u32) -> vec4f {
  if (buffer == Q) { return q[i]; }
  if (buffer == K) { return k[i]; }
  if (buffer == V) { return v[i]; }
  if (buffer == Y) { return forward[i]; }
  return dy[i];
}

fn of_queries(i: vec4u) -> vec4f {
  return vec4f(
    forward[i.x >> 2u][i.x & 3u],
    forward[i.y >> 2u][i.y & 3u],
    forward[i.z >> 2u][i.z & 3u],
    forward[i.w >> 2u][i.w & 3u]);
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
  let dy_base = sizes.dy_offset + batch * sizes.dy_batch + head * sizes.dy_head;
  let mask_base = batch * sizes.mask_batch + head * sizes.mask_head;

  let in_head = min(query + NEIGHBOURS, vec4u(sizes.queries - 1u));
  let y_rows = ((batch * sizes.queries + in_head) * sizes.heads + head) * VECTORS;
  let q_rows = q_base + in_head * sizes.q_row;
  let dy_rows = dy_base + in_head * sizes.dy_row;
  var delta = Single();
  for (var n = 0u; n < VECTORS; n++) {
    delta += total(product(own(Y, y_rows, n), own(DY, dy_rows, n)));
  }
  let all_queries = sizes.count / sizes.tiles * sizes.queries;
  let statistics = all_queries * VECTORS * 4u + (batch * sizes.heads + head) * sizes.queries;
  let largest_score = single(of_queries(statistics + in_head));
  let inverse_sum = single(of_queries(statistics + all_queries + in_head));

  var dq = array<Quad, VECTORS>();
  let end = select(sizes.keys, min(sizes.keys, (query / TOGETHER + 1u) * TOGETHER), CAUSAL);
  for (var first = 0u; first < end; first += 4u) {
    let keys = first + NEIGHBOURS;
    let rows = min(keys, vec4u(sizes.keys - 1u));
    let k_rows = k_base + rows * sizes.k_row;
    let v_rows = v_base + rows * sizes.v_row;
    var dots = Quad();
    var dp = Quad();
    for (var n = 0u; n < VECTORS; n++) {
      dots += transpose(streamed(K, k_rows, n)) * own(Q, q_rows, n);
      dp += transpose(streamed(V, v_rows, n)) * own(DY, dy_rows, n);
    }
    let scores = hidden(SCALE * dots, query, keys, mask_base);
    let p = scaled(exponential(minus_own(scores, largest_score)), inverse_sum);
    let ds = product(p, minus_own(dp, delta));
    for (var n = 0u; n < VECTORS; n++) {
      dq[n] += streamed(K, k_rows, n) * ds;
    }
  }

  let stored = min(ROWS, sizes.queries - min(query, sizes.queries));
  let dq_at = ((batch * sizes.queries + query) * sizes.heads + head) * VECTORS * 4u;
  for (var n = 0u; n < VECTORS; n++) {
    store_quad(dq_at + 4u * n, sizes.heads * VECTORS * 4u, stored, SCALE * dq[n]);
  }
  store_singles(statistics + query, stored, largest_score);
  store_singles(statistics + all_queries + query, stored, inverse_sum);
  store_singles(statistics + 2u * all_queries + query, stored, delta);
}

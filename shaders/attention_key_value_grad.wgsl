// Gradients of attention by the keys and the values: dk = scale · dsᵀ q and dv = pᵀ dy with ds = p ∘ (dy vᵀ - delta),
// where the probabilities p = exp(scale · q kᵀ - largest) / sum are computed again
// (Dao et al. 2022, "FlashAttention", algorithm 4). Sums run over the queries in order, without atomics.
//
// q, k, v, dy [batch, head, row, ..] at any strides, heads of VECTORS vec4s; query_grad is the whole result of
// attention_query_grad, which ends with largest, 1 / sum and delta.
// Result: dk, then dv, each [batch, key, head, ..] in C order.
// An invocation owns ROWS neighbouring keys of a head and streams the queries past them, four at a time.
//
// Injected: VECTORS, SCALE, CAUSAL, MASKED, OWN_QUERIES (false). Generated: epilogue(i, value).
struct Sizes {
  heads: u32,
  tiles: u32, // of ROWS keys, in a head
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
@group(0) @binding(4) var<storage, read> dy: array<vec4f>;
@group(0) @binding(5) var<storage, read> query_grad: array<f32>;
@group(0) @binding(6) var<storage, read> mask: array<u32>;

const Q = 0u;
const K = 1u;
const V = 2u;
const DY = 3u;
fn load(buffer: u32, i: u32) -> vec4f {
  if (buffer == Q) { return q[i]; }
  if (buffer == K) { return k[i]; }
  if (buffer == V) { return v[i]; }
  return dy[i];
}

fn of_queries(i: vec4u) -> vec4f {
  return vec4f(query_grad[i.x], query_grad[i.y], query_grad[i.z], query_grad[i.w]);
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
  let key = e % sizes.tiles * ROWS;
  let head = e / sizes.tiles % sizes.heads;
  let batch = e / (sizes.tiles * sizes.heads);
  let q_base = sizes.q_offset + batch * sizes.q_batch + head * sizes.q_head;
  let k_base = sizes.k_offset + batch * sizes.k_batch + head * sizes.k_head;
  let v_base = sizes.v_offset + batch * sizes.v_batch + head * sizes.v_head;
  let dy_base = sizes.dy_offset + batch * sizes.dy_batch + head * sizes.dy_head;
  let mask_base = batch * sizes.mask_batch + head * sizes.mask_head;
  let all_queries = sizes.count / sizes.tiles * sizes.queries;
  let statistics = all_queries * VECTORS * 4u + (batch * sizes.heads + head) * sizes.queries;

  let own_rows = min(key + NEIGHBOURS, vec4u(sizes.keys - 1u));
  let k_rows = k_base + own_rows * sizes.k_row;
  let v_rows = v_base + own_rows * sizes.v_row;
  var dk = array<Quad, VECTORS>();
  var dv = array<Quad, VECTORS>();
  for (var first = select(0u, (key / TOGETHER * TOGETHER) & ~3u, CAUSAL); first < sizes.queries; first += 4u) {
    let queries = first + NEIGHBOURS;
    let rows = min(queries, vec4u(sizes.queries - 1u));
    let q_rows = q_base + rows * sizes.q_row;
    let dy_rows = dy_base + rows * sizes.dy_row;
    var dots = Quad();
    var dp = Quad();
    for (var n = 0u; n < VECTORS; n++) {
      dots += transpose(streamed(Q, q_rows, n)) * own(K, k_rows, n);
      dp += transpose(streamed(DY, dy_rows, n)) * own(V, v_rows, n);
    }
    let scores = hidden(SCALE * dots, key, queries, mask_base);
    let exponentials = exponential(minus_streamed(scores, of_queries(statistics + rows)));
    let p = times_streamed(exponentials, of_queries(statistics + all_queries + rows));
    let delta = of_queries(statistics + 2u * all_queries + rows);
    let ds = product(p, minus_streamed(dp, delta));
    for (var n = 0u; n < VECTORS; n++) {
      dk[n] += streamed(Q, q_rows, n) * ds;
      dv[n] += streamed(DY, dy_rows, n) * p;
    }
  }

  let stored = min(ROWS, sizes.keys - min(key, sizes.keys));
  let row_step = sizes.heads * VECTORS * 4u;
  let dk_at = ((batch * sizes.keys + key) * sizes.heads + head) * VECTORS * 4u;
  let dv_at = dk_at + sizes.count / sizes.tiles * sizes.keys * VECTORS * 4u;
  for (var n = 0u; n < VECTORS; n++) {
    store_quad(dk_at + 4u * n, row_step, stored, SCALE * dk[n]);
    store_quad(dv_at + 4u * n, row_step, stored, dv[n]);
  }
}

// What the attention kernels share.
//
// A streamed tile is a matrix: column s is four elements of streamed row s. With m own rows, transpose(tile) · own adds
// to the 4 × m dot products, and tile · weights gives four elements of m weighted sums over the streamed rows.
//
// Rows of sums are arrays: GPU compilers unroll the loops over their VECTORS elements and keep them in registers. Unrolled
// by hand, width 32 took 5.8 times as long to compile on a software adapter, and ran 1.5 times as fast.
//
// Injected: OWN_QUERIES (the own rows are queries and the streamed ones keys, or the other way round), CAUSAL (query i
// sees keys 0 .. i), MASKED. From the kernel: load(buffer, i), sizes, mask (0 forbids). Generated: epilogue(i, value).

// The score of two rows that may not meet, and what every maximum begins with: exp(HIDDEN - EMPTY) is 0, too.
const HIDDEN = -3.0e38;
const EMPTY = -1.0e37;
const NEIGHBOURS = vec4u(0u, 1u, 2u, 3u);

// Elements 4n .. 4n + 3 of four rows, one row to a column.
fn tile(buffer: u32, at: vec4u, n: u32) -> mat4x4f {
  return mat4x4f(load(buffer, at.x + n), load(buffer, at.y + n), load(buffer, at.z + n), load(buffer, at.w + n));
}

// Which of the four lanes of its quad an invocation is.
var<private> lane_of_quad: u32;

// Which of four pairs of an own and a streamed row may meet.
fn admissible(own: vec4u, streamed: vec4u, mask_base: u32) -> vec4<bool> {
  let query = select(streamed, own, OWN_QUERIES);
  let key = select(own, streamed, OWN_QUERIES);
  var may = (query < vec4u(sizes.queries)) & (key < vec4u(sizes.keys));
  if (CAUSAL) {
    may = may & (key <= query);
  }
  if (MASKED) {
    let i = mask_base + min(query, vec4u(sizes.queries - 1u)) * sizes.mask_query
      + min(key, vec4u(sizes.keys - 1u)) * sizes.mask_key;
    may = may & (vec4u(mask[i.x], mask[i.y], mask[i.z], mask[i.w]) != vec4u(0u));
  }
  return may;
}

fn store_four(at: u32, value: vec4f) {
  epilogue(at, value.x);
  epilogue(at + 1u, value.y);
  epilogue(at + 2u, value.z);
  epilogue(at + 3u, value.w);
}

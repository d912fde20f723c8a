// Maximum: V holds one element or four neighbours, T one element. Starting from any element is right.
fn initial(i: u32) -> V {
  return element(i);
}

fn combine(a: V, b: V) -> V {
  return max(a, b);
}

fn combine_one(a: T, b: T) -> T {
  return max(a, b);
}

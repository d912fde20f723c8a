// Sum: V holds one element or four neighbours, T one element.
fn initial(i: u32) -> V {
  return V();
}

fn combine(a: V, b: V) -> V {
  return a + b;
}

fn combine_one(a: T, b: T) -> T {
  return a + b;
}

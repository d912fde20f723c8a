// V is T itself.
fn across_lanes(v: V) -> T {
  return v;
}

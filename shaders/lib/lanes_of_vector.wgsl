// V is a vec4 of T: four elements become one.
fn across_lanes(v: V) -> T {
  return combine_one(combine_one(v.x, v.y), combine_one(v.z, v.w));
}

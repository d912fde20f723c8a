fn across_subgroup(value: T) -> T {
  return subgroupMax(value);
}

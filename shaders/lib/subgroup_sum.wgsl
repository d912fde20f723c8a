fn across_subgroup(value: T) -> T {
  return subgroupAdd(value);
}

/** The latest task waiting or running on each device. */
const tails = new WeakMap<object, Promise<unknown>>();

/**
 * Run tasks of a device one after another, in the order of the calls: steps, and reads and writes of
 * parameters among them, also when the caller does not wait in between.
 */
export function inOrder<T>(device: object, task: () => T | Promise<T>): Promise<T> {
  const result = (tails.get(device) ?? Promise.resolve()).then(task);
  tails.set(
    device,
    result.catch(() => {}),
  );
  return result;
}

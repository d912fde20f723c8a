// Dispatches of one training step of each workload of the benchmark, as the planner makes them for an adapter with ten
// storage buffers per stage. Executors merge updates on top of that.
import { expect, test } from 'vitest';
import { makeAdapter } from '../../bench/adapters/_chainrule.ts';
import { makeShared } from '../../bench/lib/workloads.mjs';
import { countDispatches } from '../../src/plan/index.ts';
import { planOf, tracer } from '../programs.ts';

const BINDINGS = 10;

test.each([
  ['mlp', 14],
  ['cnn', 26],
  ['resnet', 60],
  ['lstm', 140],
  ['transformer', 90],
  ['vae', 22],
  ['gan', 30],
])('a step of the %s takes at most %d dispatches', async (name, most) => {
  const { device, traced } = tracer();
  const adapter = makeAdapter('chainrule', () => Promise.resolve(device));
  await adapter.init();
  await adapter.build(makeShared(name), { data: 'upload' });
  const dispatches = countDispatches(planOf(traced(), BINDINGS));
  expect(dispatches).toBeLessThanOrEqual(most);
  expect(dispatches).toBeGreaterThan(most / 2); // it is the whole step
});

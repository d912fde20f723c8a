// GPU memory of one training step of each workload of the benchmark: what is asked of the device, what the library says of
// it, and what a step needs at least.
import { expect, test } from 'vitest';
import { makeAdapter } from '../../bench/adapters/_chainrule.ts';
import { makeShared } from '../../bench/lib/workloads.mjs';
import {
  BYTES_PER_ELEMENT,
  Parameter,
  topologicalOrder,
  Tensor,
  type Program,
} from '../../src/graph/index.ts';
import { webgpu, type WebGpuDevice } from '../../src/index.ts';
import { readsOf, type Loop, type Plan } from '../../src/plan/index.ts';
import { noGpu } from '../no-gpu.ts';
import { planOf } from '../programs.ts';

/** All buffers may hold this many times what a step needs. */
const SLACK = 1.15;

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
const bytesOf = (nodes: Iterable<Tensor>) => sum([...nodes].map(({ size }) => size * BYTES_PER_ELEMENT));

/** Bytes of what is alive at once at most. A loop needs what its body does, and two places for each of its carries. */
function largestLiveSet(plan: Plan, placed: ReadonlySet<Tensor> = new Set()): number {
  const first = new Map<Tensor, number>();
  const last = new Map<Tensor, number>();
  plan.kernels.forEach((kernel, k) => {
    for (const node of kernel.stores) if (!plan.updates.has(node) && !placed.has(node)) first.set(node, k);
    for (const node of [...readsOf(kernel, plan.views), ...kernel.stores]) last.set(node, k);
  });
  for (const node of plan.outputs) last.set(node, plan.kernels.length);
  return Math.max(
    ...plan.kernels.map((kernel, k) => {
      const alive = [...first].filter(([node, from]) => from <= k && last.get(node)! >= k);
      const loop = plan.loops.get(kernel);
      return bytesOf(alive.map(([node]) => node)) + (loop ? bytesInside(loop) : 0);
    }),
  );
}

function bytesInside({ body, carries }: Loop): number {
  // a carry that somebody reads after the loop is alive outside of it
  const places = carries.map(({ inside, last }) => bytesOf([inside]) * (last instanceof Tensor ? 1 : 2));
  return largestLiveSet(body, new Set(body.outputs)) + sum(places);
}

/** Compile a workload's step and see what it asks of the device. */
async function compileWorkload(name: string) {
  const { device: gpu, asked } = noGpu();
  const device = await webgpu({ device: gpu });
  let program: Program | undefined;
  let stepBytes = 0;
  const observed = Object.create(device, {
    build: {
      async value(traced: Program) {
        program = traced;
        const executor = await device.build(traced);
        stepBytes = executor.stats!.bytes;
        return executor;
      },
    },
  }) as WebGpuDevice;
  const adapter = makeAdapter('chainrule', () => Promise.resolve(observed));
  await adapter.init();
  await adapter.build(makeShared(name), { data: 'upload' });
  return { program: program!, device, asked, stepBytes };
}

test.each(['mlp', 'cnn', 'resnet', 'lstm', 'transformer', 'vae', 'gan'])(
  'a step of the %s takes the memory that the planner says, and little more than it needs',
  async (name) => {
    const { program, device, asked, stepBytes } = await compileWorkload(name);
    const nodes = topologicalOrder([...program.outputs.values(), ...program.updates.flat()]);
    const parameters = nodes.filter((node) => node instanceof Parameter); // and moments
    const counted = sum(asked.buffers);
    const arenas = new Set(parameters.map((parameter) => device.storageOf(parameter)!.buffer));
    expect(stepBytes + sum([...arenas].map(({ size }) => size))).toBe(counted);

    const live = largestLiveSet(planOf(program, 10)); // stored gradients among it
    const needed = bytesOf(parameters) + bytesOf(program.inputs.values()) + live;
    expect(counted / needed).toBeLessThanOrEqual(SLACK);
    expect(counted / needed).toBeGreaterThan(1); // nothing was left out
  },
);

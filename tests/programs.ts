// Programs that several suites look into, and the tools to look: trace without a device, evaluate any graph.
import {
  compile,
  cpu,
  f32,
  grad,
  i32,
  nn,
  optim,
  Parameter,
  type Device,
  type Signature,
  type StepResult,
  type Tensor,
  type TypedArray,
} from '../src/index.ts';
import { topologicalOrder, type Program, type Update } from '../src/graph/index.ts';
import { channelsLast, type StoredOrder } from '../src/passes/channels-last.ts';
import { optimize as optimizeWith } from '../src/passes/index.ts';
import { lowerScans } from '../src/passes/lower-scans.ts';
import { vectorProducts } from '../src/passes/vector-products.ts';
import { makePlan, type Plan } from '../src/plan/index.ts';
import type { InputTensors } from '../src/compile.ts';
import { HostRandom } from '../src/index.ts';

type Outputs = Readonly<Record<string, Tensor>>;

/** What `compile` hands to a device. */
export async function trace<S extends Signature>(
  signature: S,
  fn: (inputs: InputTensors<S>) => StepResult<Outputs>,
  seed = 0,
): Promise<Program> {
  const { device, traced } = tracer();
  await compile(device, signature, fn, { seed });
  return traced();
}

/** A device that only keeps the program it is given last. */
export function tracer(): { device: Device; traced(): Program } {
  let program: Program | undefined;
  const device = {
    name: 'tracer',
    build(given: Program) {
      program = given;
      return Promise.resolve({ run: () => Promise.resolve(new Map()), print: () => '', release() {} });
    },
  } as unknown as Device;
  return { device, traced: () => program! };
}

/** `optimize` with every pass there is. */
export const optimize = (outputs: readonly Tensor[], updates: readonly Update[], stored: StoredOrder) =>
  optimizeWith(outputs, updates, stored, { channelsLast, lowerScans, vectorProducts });

/** The plan of a program on a device where no parameter lives yet. */
export function planOf({ outputs, updates }: Program, maxBindings = 8): Plan {
  const optimized = optimize([...outputs.values()], updates, () => undefined);
  return makePlan(optimized.outputs, optimized.updates, (p) => optimized.storage.get(p) ?? null, {
    maxBindings,
  });
}

/** Values of any nodes by the reference interpreter, computed in float64. */
export async function evaluate(
  roots: readonly Tensor[],
  inputs: Readonly<Record<string, TypedArray>> = {},
): Promise<TypedArray[]> {
  const nodes = topologicalOrder(roots).filter((node) => node.op.name === 'input');
  const executor = await cpu({ storage: 'f64' }).build({
    inputs: new Map(nodes.map((node) => [node.attrs.name as string, node])),
    outputs: new Map(roots.map((root, i) => [String(i), root])),
    updates: [],
    seed: 1,
  });
  const values = await executor.run(new Map(Object.entries(inputs)));
  return Promise.all([...values.values()].map((value) => value.data()));
}

/** Small whole numbers: their sums and products are exact in any order. */
export function wholeNumbers(length: number, seed = 1): Float32Array {
  const random = new HostRandom(seed, 'whole numbers');
  return Float32Array.from({ length }, () => Math.floor(7 * random.uniform()) - 3);
}

export function normals(length: number, seed = 1): Float32Array {
  const random = new HostRandom(seed, 'normals');
  return Float32Array.from({ length }, () => random.normal());
}

/** A classifier's training step with Adam: the loss, and updates of weights, moments and step counter. */
function trainingStep(model: nn.Module, lr = 1e-3) {
  const optimizer = new optim.Adam(model.parameters(), { lr });
  return ({ x, y }: { readonly x: Tensor; readonly y: Tensor }) => {
    const loss = nn.crossEntropy(model.forward(x), y);
    return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
  };
}

/** The benchmark's MLP: 784-256-128-10, ReLU. */
export function mlpStep({ batch = 128, sizes = [784, 256, 128, 10] } = {}) {
  const layers = sizes
    .slice(1)
    .flatMap((size, i): nn.Module[] => [...(i > 0 ? [new nn.ReLU()] : []), new nn.Linear(sizes[i]!, size)]);
  const model = new nn.Sequential(...layers);
  const signature = { x: f32(batch, sizes[0]!), y: i32(batch) };
  return { model, signature, fn: trainingStep(model) };
}

/** The benchmark's CNN on square images: conv3×3, pool, conv3×3, pool, linear, linear. */
export function cnnStep({
  batch = 32,
  size = 28,
  channels = [16, 32] as readonly [number, number],
  hidden = 128,
} = {}) {
  const [c1, c2] = channels;
  const model = new nn.Sequential(
    new nn.Conv2d(1, c1, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(c1, c2, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(c2 * Math.floor(size / 4) ** 2, hidden),
    new nn.ReLU(),
    new nn.Linear(hidden, 10),
  );
  const signature = { x: f32(batch, 1, size, size), y: i32(batch) };
  return { model, signature, fn: trainingStep(model) };
}

/** Inputs of `mlpStep` and `cnnStep`. */
export function batchFor(signature: Signature): { x: Float32Array<ArrayBuffer>; y: Int32Array<ArrayBuffer> } {
  const length = signature['x']!.shape.reduce((a, b) => a * b, 1);
  const random = new HostRandom(5, 'labels');
  return {
    x: normals(length) as Float32Array<ArrayBuffer>,
    y: Int32Array.from({ length: signature['x']!.shape[0]! }, () => Math.floor(10 * random.uniform())),
  };
}

/** A parameter that begins with these values. */
export const parameter = (name: string, shape: readonly number[], values: ArrayLike<number>) =>
  new Parameter(shape, () => values, { name });

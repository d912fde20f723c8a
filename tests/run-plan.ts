// Runs a plan kernel by kernel on the CPU, with one array for each buffer that the GPU would have: a value that is
// read too late, or whose buffer was given away too early, comes out wrong.
import { Parameter, type Tensor, type TypedArray } from '../src/index.ts';
import { newNdArray, type NdArray } from '../src/cpu/nd-array.ts';
import { references } from '../src/cpu/references.ts';
import { sizeOf, stridesOf } from '../src/graph/index.ts';
import { dispatchesOf, nodesOf, paddedBytes, readsOf, type Plan, type View } from '../src/plan/index.ts';
import { bindingsOf } from '../src/plan/kernel.ts';
import { usualSpec } from '../src/webgpu/kernels/usual.ts';
import { allKernels } from './all-kernels.ts';
import { compose } from '../src/webgpu/compose.ts';

type Numbers = NdArray['data'];
/** What one buffer of the GPU holds: a slot, or the values of a parameter, an input or a constant. */
type BufferKey = number | Tensor;

export function bufferOf(plan: Plan, node: Tensor): BufferKey {
  return plan.updates.get(node) ?? plan.slotOf.get(node) ?? node;
}

/** Elements of `view` in C order, from the elements of its base's buffer. */
function materialise({ shape, strides, offset }: View, data: Numbers, into: Numbers): void {
  const logical = stridesOf(shape);
  for (let i = 0; i < into.length; i++) {
    let at = offset;
    for (let axis = 0; axis < shape.length; axis++)
      at += (Math.floor(i / logical[axis]!) % shape[axis]!) * strides[axis]!;
    into[i] = data[at]!;
  }
}

export interface PlanResult {
  readonly outputs: readonly Numbers[];
  /** Values after the step, in the order in which they are stored. */
  readonly parameters: ReadonlyMap<Parameter, Numbers>;
}

/** One step of `plan`. Parameters begin with their initial values for seed 1, as in `evaluate`. */
export function runPlan(
  plan: Plan,
  inputs: Readonly<Record<string, TypedArray>> = {},
  storage: ReadonlyMap<Parameter, readonly number[]> = new Map(),
): PlanResult {
  const buffers = new Map<BufferKey, Numbers>();
  plan.slots.forEach((bytes, slot) => buffers.set(slot, new Float64Array(bytes / 4).fill(NaN)));

  const initial = (node: Tensor): Numbers => {
    if (node.op.name === 'input') return Float64Array.from(inputs[node.attrs.name as string]!);
    if (node.op.name === 'constant') return Float64Array.from(node.attrs.data as TypedArray);
    if (node.op.name === 'hostScalar') return Float64Array.of(node.attrs.next());
    if (!(node instanceof Parameter)) throw new Error(`no buffer holds ${node.toString()}`);
    const values = Float64Array.from(node.initialValues(1));
    const order = storage.get(node);
    if (!order) return values;
    const strides = stridesOf(node.shape);
    const stored = new Float64Array(values.length);
    const shape = order.map((axis) => node.shape[axis]!);
    materialise(
      { base: node, shape, strides: order.map((axis) => strides[axis]!), offset: 0 },
      values,
      stored,
    );
    return stored;
  };
  const contents = (node: Tensor): Numbers => {
    const key = bufferOf(plan, node);
    let data = buffers.get(key);
    if (!data) buffers.set(key, (data = initial(key as Tensor)));
    return data;
  };

  for (const kernel of plan.kernels) {
    const values = new Map<Tensor, Numbers>();
    for (const node of readsOf(kernel, plan.views)) values.set(node, contents(node).slice());
    for (const node of nodesOf(kernel)) {
      const operands = node.inputs.map((input): NdArray => {
        const view = plan.views.get(input)!;
        const operand = {
          shape: input.shape,
          dtype: input.dtype,
          data: new Float64Array(sizeOf(input.shape)),
        };
        if (view.base.op.name === 'fill') operand.data.fill(view.base.attrs.value as number);
        else materialise(view, values.get(view.base)!, operand.data);
        return operand;
      });
      const result = newNdArray(node.shape, node.dtype, 'f64');
      references[node.op.name as keyof typeof references](operands, result, node.attrs, node);
      values.set(node, result.data);
    }
    for (const node of kernel.stores) {
      const buffer = contents(node);
      buffer.fill(NaN); // whatever else was in there is gone
      buffer.set(values.get(node)!);
    }
  }
  const parameters = new Map([...plan.updates.values()].map((p) => [p, contents(p)]));
  return { outputs: plan.outputs.map((node) => contents(node).slice(0, node.size)), parameters };
}

/** What is wrong with a plan, in words; nothing for a good one. */
export function faultsOf(plan: Plan, maxBindings = 8): string[] {
  const faults: string[] = [];
  const placed = new Map<Tensor, number>();
  const produced = new Set<Tensor>();
  const written = new Set<Parameter>();
  const scalarIndex = new Map(
    plan.order.filter((node) => node.op.name === 'hostScalar').map((node, i) => [node, i]),
  );
  plan.kernels.forEach((kernel, k) => {
    const nodes = nodesOf(kernel);
    for (const node of nodes) {
      if (placed.has(node)) faults.push(`${node.toString()} is in kernels ${placed.get(node)} and ${k}`);
      placed.set(node, k);
    }
    if (nodes.length > 64 + 1) faults.push(`kernel ${k} has ${nodes.length} ops`);
    for (const read of readsOf(kernel, plan.views)) {
      if (read.op.kind !== 'source' && !produced.has(read))
        faults.push(`kernel ${k} reads ${read.toString()} too early`);
      if (read instanceof Parameter && written.has(read))
        faults.push(`kernel ${k} reads ${read.label} too late`);
    }
    for (const node of kernel.stores) {
      produced.add(node);
      if (plan.updates.has(node)) written.add(plan.updates.get(node)!);
      if (!nodes.includes(node))
        faults.push(`kernel ${k} stores ${node.toString()}, which it does not compute`);
    }
    // A dispatch may bind a buffer that it writes only once.
    const adapter = { software: false, subgroupSize: 0 };
    const { bindings } = compose(kernel, plan, scalarIndex, usualSpec(kernel, plan, adapter, allKernels), []);
    const storage = bindings.flatMap((b) => (b.kind === 'uniform' ? [] : [b]));
    if (storage.length > maxBindings) faults.push(`kernel ${k} binds ${storage.length} storage buffers`);
    const keys = storage.map(({ buffer }) => (buffer === 'scalars' ? buffer : bufferOf(plan, buffer.node)));
    storage.forEach(({ kind }, i) => {
      if (kind === 'read_write' && keys.filter((key) => key === keys[i]).length > 1)
        faults.push(`kernel ${k} binds the buffer of a stored value twice`);
    });
  });
  for (const kernels of dispatchesOf(plan).filter(({ length }) => length > 1)) {
    const numbers = kernels.map((kernel) => plan.kernels.indexOf(kernel)).join(', ');
    const stored = kernels.map((kernel) => new Set(kernel.stores.map((node) => bufferOf(plan, node))));
    for (const kernel of kernels)
      for (const read of readsOf(kernel, plan.views))
        if (kernels.some((other, i) => other !== kernel && stored[i]!.has(bufferOf(plan, read))))
          faults.push(
            `kernels ${numbers} run at once, and ${read.toString()} is written and read by two of them`,
          );
    if (new Set(stored.flatMap((buffers) => [...buffers])).size < stored.reduce((n, { size }) => n + size, 0))
      faults.push(`kernels ${numbers} run at once, and two of them write one buffer`);
    const bindings = kernels.reduce((sum, kernel) => sum + bindingsOf(kernel, plan), 0);
    if (bindings > maxBindings) faults.push(`kernels ${numbers} together bind ${bindings} storage buffers`);
  }
  for (const node of plan.order)
    if (node.op.kind !== 'source' && !placed.has(node)) faults.push(`${node.toString()} is in no kernel`);
  for (const node of [...plan.outputs, ...plan.updates.keys()])
    if (!produced.has(node)) faults.push(`${node.toString()} is never stored`);
  return faults;
}

/** Bytes of all slots, and of the values that are alive at once at most. */
export function memoryOf(plan: Plan): { slots: number; live: number } {
  const first = new Map<Tensor, number>();
  const last = new Map<Tensor, number>();
  plan.kernels.forEach((kernel, k) => {
    for (const node of kernel.stores) if (plan.slotOf.has(node)) first.set(node, k);
    for (const node of [...readsOf(kernel, plan.views), ...kernel.stores]) last.set(node, k);
  });
  for (const node of plan.outputs) last.set(node, plan.kernels.length);
  const live = plan.kernels.map((_, k) =>
    [...first]
      .filter(([node, from]) => from <= k && last.get(node)! >= k)
      .reduce((bytes, [node]) => bytes + paddedBytes(node), 0),
  );
  return { slots: plan.slots.reduce((a, b) => a + b, 0), live: Math.max(0, ...live) };
}

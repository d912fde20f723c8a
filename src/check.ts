import type { CompileOptions } from './compile.ts';
import { evaluateRounded, storedValue, type Rounded } from './cpu/index.ts';
import {
  CheckError,
  formatShape,
  Parameter,
  stridesOf,
  type Inspect,
  type Inspections,
  type Ran,
  type Tensor,
} from './graph/index.ts';

/** What the options of `compile` with these names ask for. */
export function inspections({ check, checkTolerance = 1, debug }: CompileOptions): Inspections {
  return {
    ...(debug && { values: refuseNonFinite }),
    ...(check && { computed: compareWithReference(checkTolerance) }),
  };
}

/** Compute what a kernel stored from what it read, and throw where it differs by more than rounding can explain. */
function compareWithReference(tolerance: number): Inspect {
  return (ran) => {
    if (ran.kernel === null) return;
    const values = computeAgain(ran);
    for (const [node, data] of inTraceOrder(ran.stores)) {
      const { value, error } = values.get(node)!;
      const boundAt = (i: number) => tolerance * (error?.[i] ?? 0);
      let [first, count] = [-1, 0];
      for (let i = 0; i < node.size; i++) {
        const [expected, bound] = [value.data[i]!, boundAt(i)];
        // WGSL lets anything become of what is infinite or NaN, or would be a rounding further.
        if (!Number.isFinite(expected) || !Number.isFinite(bound)) continue;
        if (Math.abs(data[i]! - expected) <= bound) continue;
        if (count++ === 0) first = i;
      }
      if (count === 0) continue;
      const expected = value.data[first]!;
      throw finding(ran, node, node, first, data[first]!, expected, [
        `the reference gives ${expected} ± ${boundAt(first).toPrecision(2)} from the same inputs`,
        `${count} of ${node.size} elements differ`,
      ]);
    }
  };
}

/** Ops with arguments (0, negative) for which WGSL leaves the result open: some adapters give finite numbers. */
const OPEN = new Set(['log', 'pow']);

/** Throw for a NaN or an infinity, and name the op that made it out of finite numbers. */
const refuseNonFinite: Inspect = (ran) => {
  const isOpen = ran.kernel !== null && nodesBetween(ran).some(({ op }) => OPEN.has(op.name));
  const computed = isOpen ? computeAgain(ran) : null;
  for (const [stored, data] of inTraceOrder(ran.stores)) {
    if (stored.dtype !== 'f32') continue;
    let at = firstNonFinite(data);
    if (at === -1 && computed) at = firstNonFinite(computed.get(stored)!.value.data);
    if (at === -1) continue;
    const isSource = stored.op.kind === 'source';
    const values = computed ?? (isSource ? new Map<Tensor, Rounded>() : computeAgain(ran));
    const [node, i] = originOf(stored, at, values);
    const wasHidden = Number.isFinite(data[at]);
    const got = node === stored && !wasHidden ? data[at]! : values.get(node)!.value.data[i]!;
    const operands = node.op.kind === 'pointwise' ? node.inputs : [];
    throw finding(ran, node, stored, i, got, null, [
      ...(operands.length > 0
        ? [`computed from ${operands.map((operand) => values.get(operand)!.value.data[i]).join(' and ')}`]
        : []),
      ...(wasHidden ? [`the GPU stored ${data[at]}, as WGSL allows`] : []),
    ]);
  }
};

/** The op that a value comes from which is not finite, by way of values that are not finite either. */
function originOf(
  node: Tensor,
  i: number,
  values: ReadonlyMap<Tensor, Rounded>,
): readonly [node: Tensor, i: number] {
  const selected = node.op.name === 'where' && (values.get(node.inputs[0]!)!.value.data[i] ? 1 : 2);
  for (const [position, input] of node.inputs.entries()) {
    const data = values.get(input)?.value.data;
    if (!data || (selected && position !== selected)) continue;
    const at = node.op.kind === 'pointwise' ? i : firstNonFinite(data);
    if (at !== -1 && !Number.isFinite(data[at])) return originOf(input, at, values);
  }
  return [node, i];
}

function firstNonFinite(data: ArrayLike<number>): number {
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return i;
  return -1;
}

/** What was read, and from it on the reference all nodes up to what was stored. */
function computeAgain(ran: Ran): Map<Tensor, Rounded> {
  const values = new Map([...ran.reads].map(([node, data]) => [node, storedValue(node, data)]));
  for (const node of nodesBetween(ran)) {
    const inputs = node.inputs.map((input) => values.get(input)!);
    values.set(node, evaluateRounded(node, inputs));
  }
  return values;
}

/** What was computed, inputs before users. */
function nodesBetween({ reads, stores }: Ran): Tensor[] {
  const between = new Set<Tensor>();
  const waiting = [...stores.keys()];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    if (reads.has(node) || between.has(node)) continue;
    between.add(node);
    waiting.push(...node.inputs);
  }
  return [...between].sort((a, b) => a.id - b.id);
}

const inTraceOrder = (stores: Ran['stores']) => [...stores].sort(([a], [b]) => a.id - b.id);

/** @param stored the node whose value shows what is wrong with `node` */
function finding(
  { kernel, loopSteps, updates, reads }: Ran,
  node: Tensor,
  stored: Tensor,
  i: number,
  got: number,
  expected: number | null,
  details: readonly string[],
): CheckError {
  const op = nameOf(madeHere(node, reads));
  const index = stridesOf(node.shape).map((stride, axis) => Math.floor(i / stride) % node.shape[axis]!);
  const all = [
    ...details,
    ...(updates.has(stored) ? [`next value of ${updates.get(stored)!.label}`] : []),
    ...(kernel === null ? [] : [`kernel ${kernel}`]),
    ...loopSteps.map((step) => `slice ${step} of a scan`),
  ];
  return new CheckError(
    `${op}: expected ${expected ?? 'finite values'}, got ${got} at ${formatShape(index)} of ${formatShape(node.shape)}` +
      (all.length > 0 ? ` (${all.join('; ')})` : ''),
    { op, kernel, loopSteps, shape: node.shape, index, got, expected },
  );
}

/** What a kernel has computed, where it stores that in another order or shape. */
function madeHere(node: Tensor, reads: Ran['reads']): Tensor {
  const [source] = node.inputs;
  const moves = node.op.name === 'copy' || node.op.kind === 'view';
  return moves && source && !reads.has(source) && source.op.kind !== 'source'
    ? madeHere(source, reads)
    : node;
}

/** `tanh`, `input x`, `parameter layers.0.weight`. */
function nameOf(node: Tensor): string {
  if (node instanceof Parameter) return `parameter ${node.label}`;
  return node.op.kind === 'source' && node.attrs.name ? `${node.op.name} ${node.attrs.name}` : node.op.name;
}

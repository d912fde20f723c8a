import { emit, Tensor, topologicalOrder, type Parameter } from '../graph/index.ts';
import { assignOp, copyOp } from '../ops/index.ts';
import { applyView, isContiguous, ownView, type StorageOrder, type View } from './view.ts';

/** A graph in which every tensor that a kernel reads or writes has a place in some buffer. */
export interface Prepared {
  /** All nodes but views and fills, inputs before users. */
  readonly order: readonly Tensor[];
  /** Where each input of those nodes is found. */
  readonly views: ReadonlyMap<Tensor, View>;
  readonly outputs: readonly Tensor[];
  /** The value of each update, written straight into the parameter's buffer. */
  readonly updates: ReadonlyMap<Tensor, Parameter>;
}

/**
 * Resolve views to strides over their base and insert a `copy` wherever strides do not suffice: a
 * reshape across strides, an operand that a kernel wants in C order, a result that is a view or a source.
 *
 * @param outputs results to be read back
 * @param updates parameters and their next values, in storage order
 * @param separate parameters whose next value must not be computed in place
 */
export function prepare(
  outputs: readonly Tensor[],
  updates: readonly (readonly [Parameter, Tensor])[],
  storage: StorageOrder,
  separate: ReadonlySet<Parameter>,
): Prepared {
  const views = new Map<Tensor, View>();
  const replaced = new Map<Tensor, Tensor>();
  const copies = new Map<Tensor, Tensor>();

  const adopt = (node: Tensor, view = ownView(node, storage)) => (views.set(node, view), node);
  const copyOf = (node: Tensor) => {
    let copy = copies.get(node);
    if (!copy) copies.set(node, (copy = adopt(emit(copyOp, [node], {}))));
    return copy;
  };

  for (const node of topologicalOrder([...outputs, ...updates.map(([, value]) => value)])) {
    let inputs = node.inputs.map((input) => replaced.get(input)!);
    if (node.op.kind === 'view') {
      const direct = applyView(node, views.get(inputs[0]!)!);
      if (!direct) inputs = [copyOf(inputs[0]!)];
      const view = direct ?? applyView(node, views.get(inputs[0]!)!)!;
      replaced.set(node, adopt(remake(node, inputs), view));
      continue;
    }
    if (node.op.kind !== 'pointwise') {
      // Host scalars share one buffer, which is read by number, not by position.
      inputs = inputs.map((input) =>
        views.get(input)!.base.op.name === 'hostScalar' ? copyOf(input) : input,
      );
    }
    if (node.op.kind === 'kernel' || node.op.kind === 'loop') {
      inputs = inputs.map((input) =>
        kernelCanRead(node, views.get(input)!) && input.op.name !== 'fill' ? input : copyOf(input),
      );
    }
    replaced.set(node, adopt(remake(node, inputs)));
  }

  // A result needs a buffer of its own: not a view, not a source, and not the same node twice.
  const taken = new Set<Tensor>();
  const owns = (value: Tensor) =>
    value.op.kind !== 'view' && value.op.kind !== 'source' && value.op.name !== 'fill';
  const take = (value: Tensor) => (taken.add(value), value);
  const finalOutputs = outputs.map((node) => {
    const value = replaced.get(node)!;
    return owns(value) ? take(value) : take(adopt(emit(copyOp, [value], {})));
  });
  const nextValue = (parameter: Parameter, node: Tensor) => {
    const value = replaced.get(node)!;
    if (separate.has(parameter)) return adopt(emit(assignOp, [owns(value) ? value : copyOf(value)], {}));
    return owns(value) && !taken.has(value) ? value : adopt(emit(copyOp, [value], {}));
  };
  const finalUpdates = new Map(
    updates.map(([parameter, value]) => [take(nextValue(parameter, value)), parameter]),
  );
  const order = topologicalOrder([...finalOutputs, ...finalUpdates.keys()]).filter(
    (node) => node.op.kind !== 'view' && node.op.name !== 'fill',
  );
  return { order, views, outputs: finalOutputs, updates: finalUpdates };
}

function remake(node: Tensor, inputs: readonly Tensor[]): Tensor {
  return inputs.every((input, i) => input === node.inputs[i])
    ? node
    : new Tensor(node.op, inputs, node.attrs, node.shape, node.dtype);
}

/** f32 [batch, head, row, ..] whose rows are whole vec4s of the buffer. */
function hasVectorRows({ base, shape, strides, offset }: View): boolean {
  if (base.dtype !== 'f32' || shape.length !== 4 || strides[3] !== 1 || shape[3]! % 4 !== 0) return false;
  return [offset, ...strides.slice(0, 3)].every((distance) => distance % 4 === 0);
}

/** Kernels read C order; matmul also one matrix for a whole batch, and attention whole vec4s at any strides. */
function kernelCanRead(node: Tensor, view: View): boolean {
  if (isContiguous(view)) return true;
  if (node.op.name.startsWith('attention')) return hasVectorRows(view);
  if (node.op.name !== 'matmul' || view.offset !== 0) return false;
  const matrix = { ...view, shape: view.shape.slice(-2), strides: view.strides.slice(-2) };
  return isContiguous(matrix) && view.strides.slice(0, -2).every((stride) => stride === 0);
}

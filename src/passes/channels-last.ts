import {
  emit,
  inversePermutation,
  isIdentityPermutation,
  Parameter,
  topologicalOrder,
  type Shape,
  type Tensor,
  type Update,
} from '../graph/index.ts';
import { permute, reshape, type ConvAttrs } from '../ops/index.ts';
import { withInputs } from './rewrite.ts';

type Perm = readonly number[];

/** Axis order of a parameter on the device: `null` as declared, `undefined` when it is not there yet. */
export type StoredOrder = (parameter: Parameter) => Perm | null | undefined;

const NHWC: Perm = [0, 2, 3, 1];
const HWIO: Perm = [2, 3, 1, 0];

/** Which inputs of each image op are images and which are weights. */
const IMAGE_OPS: Readonly<Record<string, readonly Perm[]>> = {
  conv2d: [NHWC, HWIO],
  convTranspose2d: [NHWC, HWIO],
  conv2dWeightGrad: [NHWC, NHWC],
  maxPool2d: [NHWC],
  maxPool2dGrad: [NHWC, NHWC],
  maxPool2dPick: [NHWC, NHWC],
  avgPool2d: [NHWC],
  avgPool2dGrad: [NHWC],
  upsample: [NHWC],
  upsampleGrad: [NHWC],
};

/** A logical tensor held in another axis order: `physical` = permute(logical, perm). */
interface Held {
  readonly physical: Tensor;
  readonly perm: Perm;
}

export interface ChannelsLast {
  readonly outputs: readonly Tensor[];
  /** Update values in the order their parameter is stored in. */
  readonly updates: readonly Update[];
  /** Axis order in which each parameter is stored; parameters not named here are stored as declared. */
  readonly storage: ReadonlyMap<Parameter, Perm>;
}

/**
 * The layout pass: users see NCHW images and OIHW weights, kernels get NHWC and HWIO, so that the
 * channels are contiguous. Orders flow through elementwise ops, reductions and reshapes of neighbouring axes,
 * a permutation appears only where a value leaves the image ops, and weights are stored in HWIO so that they
 * need none.
 *
 * @param stored the order of parameters that already live on the device (`null`: as declared), `undefined` for others
 */
export function channelsLast(
  outputs: readonly Tensor[],
  updates: readonly Update[],
  stored: StoredOrder,
): ChannelsLast {
  const order = topologicalOrder([...outputs, ...updates.flat()]);
  const storage = chooseStorage(order, stored);
  const held = new Map<Tensor, Held>();

  const identity = (node: Tensor): Perm => node.shape.map((_, axis) => axis);
  const logical = (node: Tensor) =>
    permute(held.get(node)!.physical, inversePermutation(held.get(node)!.perm));
  const inOrder = (node: Tensor, perm: Perm) => {
    const { physical, perm: has } = held.get(node)!;
    return perm.every((axis, i) => axis === has[i]) ? physical : permute(logical(node), perm);
  };
  const keep = (node: Tensor): Held => ({
    physical: withInputs(node, node.inputs.map(logical)),
    perm: identity(node),
  });

  for (const node of order) {
    const perms = IMAGE_OPS[node.op.name];
    if (node instanceof Parameter && storage.has(node)) {
      const perm = storage.get(node)!;
      held.set(node, { physical: permute(node, perm), perm });
    } else if (perms) {
      const physical = emit(
        node.op,
        node.inputs.map((input, i) => inOrder(input, perms[i]!)),
        { ...(node.attrs as ConvAttrs), channelsLast: true },
      );
      held.set(node, { physical, perm: node.op.name === 'conv2dWeightGrad' ? HWIO : NHWC });
    } else if (node.op.kind === 'pointwise' && node.inputs.length > 0) {
      const perm =
        node.inputs.map((input) => held.get(input)!.perm).find((p) => !isIdentityPermutation(p)) ??
        identity(node);
      held.set(node, {
        physical: emit(
          node.op,
          node.inputs.map((input) => inOrder(input, perm)),
          node.attrs,
        ),
        perm,
      });
    } else if (node.op.kind === 'reduction') {
      held.set(node, reduceInPlace(node, held.get(node.inputs[0]!)!));
    } else if (node.op.name === 'reshape') {
      held.set(node, reshapeInPlace(node, held.get(node.inputs[0]!)!) ?? keep(node));
    } else {
      held.set(node, keep(node));
    }
  }
  return {
    outputs: outputs.map(logical),
    updates: updates.map(([parameter, value]) => [
      parameter,
      inOrder(value, storage.get(parameter) ?? identity(parameter)),
    ]),
    storage,
  };
}

/** Weights that only convolutions order, and whatever is stored like them, go to HWIO. */
function chooseStorage(order: readonly Tensor[], stored: StoredOrder): Map<Parameter, Perm> {
  const weights = new Set<Tensor>();
  for (const node of order) {
    const perms = IMAGE_OPS[node.op.name];
    perms?.forEach(
      (perm, i) => perm === HWIO && node.inputs[i] instanceof Parameter && weights.add(node.inputs[i]),
    );
  }
  const storage = new Map<Parameter, Perm>();
  for (const node of order) {
    if (!(node instanceof Parameter)) continue;
    const wanted = (parameter: Parameter) =>
      stored(parameter) ?? (stored(parameter) === undefined && weights.has(parameter) ? HWIO : null);
    const perm = stored(node) === undefined ? wanted(node.like ?? node) : stored(node)!;
    if (perm) storage.set(node, perm);
  }
  return storage;
}

/** A reduction of a held tensor: the same axes under their physical numbers. */
function reduceInPlace(node: Tensor, { physical, perm }: Held): Held {
  const axes = (node.op.name === 'sum' ? node.attrs.axes : [node.attrs.axis]) as readonly number[];
  const moved = axes.map((axis) => perm.indexOf(axis)).sort((a, b) => a - b);
  const attrs = node.op.name === 'sum' ? { axes: moved } : { axis: moved[0] };
  const remaining = perm.filter((axis) => !axes.includes(axis));
  const ranks = [...remaining].sort((a, b) => a - b);
  return { physical: emit(node.op, [physical], attrs), perm: remaining.map((axis) => ranks.indexOf(axis)) };
}

/** A reshape that splits or joins axes of a held tensor which are neighbours in its order, too; otherwise null. */
function reshapeInPlace(node: Tensor, { physical, perm }: Held): Held | null {
  if (isIdentityPermutation(perm) || node.size === 0 || node.rank === 0) return null;
  const before = node.inputs[0]!.shape;
  const present = perm.filter((axis) => before[axis] !== 1);
  const runs = commonRuns(before, node.shape).map(({ from, to }) => {
    const axes = from.filter((axis) => before[axis] !== 1);
    return { start: present.indexOf(axes[0]!), axes, to };
  });
  if (!runs.every(({ start, axes }) => axes.every((axis, i) => present[start + i] === axis))) return null;
  const order = runs.sort((a, b) => a.start - b.start).flatMap(({ to }) => to);
  return {
    physical: reshape(
      physical,
      order.map((axis) => node.shape[axis]!),
    ),
    perm: order,
  };
}

/** The shortest runs of axes that have as many elements in one shape as in the other. */
function commonRuns(before: Shape, after: Shape): { from: number[]; to: number[] }[] {
  const runs: { from: number[]; to: number[] }[] = [];
  let [i, j] = [0, 0];
  while (i < before.length && j < after.length) {
    const [from, to] = [[i], [j]];
    let [a, b] = [before[i++]!, after[j++]!];
    while (a !== b) {
      if (a < b) {
        from.push(i);
        a *= before[i++]!;
      } else {
        to.push(j);
        b *= after[j++]!;
      }
    }
    runs.push({ from, to });
  }
  // Only axes of size 1 are left.
  while (i < before.length) runs.at(-1)!.from.push(i++);
  while (j < after.length) runs.at(-1)!.to.push(j++);
  return runs;
}

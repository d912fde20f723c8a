import {
  ArgumentError,
  defineOp,
  emit,
  sameShape,
  ShapeError,
  type DType,
  type Tensor,
} from '../graph/index.ts';
import { normalizeAxis } from './axes.ts';
import { reshape } from './view.ts';

interface SliceAttrs {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly steps: readonly number[];
}

export const sliceOp = defineOp<'slice', SliceAttrs>({
  name: 'slice',
  kind: 'view',
  shape: (_, { starts, ends, steps }) =>
    starts.map((start, axis) => Math.ceil((ends[axis]! - start) / steps[axis]!)),
  // Put the cotangent back: steps - 1 zeros between elements, zeros before and after.
  vjp(cotangent, [x], { starts, steps }) {
    const pads = cotangent.shape.map((size, axis): [number, number, number] => {
      const covered = size === 0 ? 0 : (size - 1) * steps[axis]! + 1;
      return [starts[axis]!, x!.shape[axis]! - starts[axis]! - covered, steps[axis]! - 1];
    });
    return [pad(cotangent, pads)];
  },
});

/** Range of one axis: [start, end) or [start, end) with a positive step; negative bounds count from the end. */
export type Range = readonly [start: number, end?: number, step?: number] | null;

/**
 * A part of x: one range per axis, `null` (or a missing one) for the whole axis.
 * Bounds are clamped to the axis, as in NumPy.
 *
 * @param x [a, b, ...]
 * @returns per axis ⌈(end − start) / step⌉ elements
 * @throws ArgumentError for more ranges than axes or a step that is not a positive integer
 */
export function slice(x: Tensor, ranges: readonly Range[]): Tensor {
  if (ranges.length > x.rank)
    throw new ArgumentError('slice', `at most ${x.rank} ranges`, `${ranges.length}`);
  const clamp = (bound: number, size: number) =>
    Math.max(0, Math.min(size, bound < 0 ? bound + size : bound));
  const full = x.shape.map((size, axis) => {
    const [start = 0, end = size, step = 1] = ranges[axis] ?? [];
    if (!Number.isInteger(step) || step < 1 || !Number.isInteger(start) || !Number.isInteger(end)) {
      throw new ArgumentError('slice', 'integer bounds and a positive integer step', ranges[axis]);
    }
    const from = clamp(start, size);
    return [from, Math.max(from, clamp(end, size)), step] as const;
  });
  if (full.every(([start, end, step], axis) => start === 0 && end === x.shape[axis] && step === 1)) return x;
  return emit(sliceOp, [x], {
    starts: full.map((r) => r[0]),
    ends: full.map((r) => r[1]),
    steps: full.map((r) => r[2]),
  });
}

/** Elements added on one axis: before, after, and between neighbours. */
type PadAttrs = {
  readonly pads: readonly (readonly [before: number, after: number, between: number])[];
  readonly value: number;
};

export const padOp = defineOp<'pad', PadAttrs>({
  name: 'pad',
  kind: 'indexed',
  shape: ([x], { pads }) =>
    pads.map(([before, after, between], axis) => {
      const size = x!.shape[axis]!;
      return before + (size === 0 ? 0 : size + (size - 1) * between) + after;
    }),
  vjp: (cotangent, [x], { pads }) => [
    slice(
      cotangent,
      pads.map(([before, , between], axis) => [
        before,
        before + Math.max(0, (x!.shape[axis]! - 1) * (between + 1) + 1),
        between + 1,
      ]),
    ),
  ],
});

/**
 * Surround x with `value`, and put it between neighbours.
 *
 * @param x [a, b, ...]
 * @param pads one [before, after] or [before, after, between] of non-negative integers per axis
 * @returns per axis before + size + (size − 1) · between + after elements
 * @throws ArgumentError when `pads` does not fit the axes of x
 */
export function pad(x: Tensor, pads: readonly (readonly [number, number, number?])[], value = 0): Tensor {
  if (
    pads.length !== x.rank ||
    !pads.every((p) => p.every((n) => n === undefined || (Number.isInteger(n) && n >= 0)))
  ) {
    throw new ArgumentError('pad', `${x.rank} pairs of non-negative integers`, pads);
  }
  if (pads.every((p) => p.every((n) => !n))) return x;
  return emit(padOp, [x], {
    pads: pads.map(([before, after, between]) => [before, after, between ?? 0] as const),
    value,
  });
}

export const concatOp = defineOp<'concat', { axis: number }>({
  name: 'concat',
  kind: 'indexed',
  shape(inputs, { axis }) {
    const first = inputs[0]!.shape;
    if (
      !inputs.every(
        (x) => x.shape.length === first.length && x.shape.every((size, i) => i === axis || size === first[i]),
      )
    ) {
      throw new ShapeError(
        'concat',
        inputs.map((x) => x.shape),
        `equal sizes on every axis but ${axis}`,
      );
    }
    return first.map((size, i) =>
      i === axis ? inputs.reduce((total, x) => total + x.shape[axis]!, 0) : size,
    );
  },
  vjp(cotangent, inputs, { axis }) {
    let start = 0;
    return inputs.map((x) => {
      const range = [start, (start += x.shape[axis]!)] as const;
      return slice(
        cotangent,
        x.shape.map((_, i) => (i === axis ? range : null)),
      );
    });
  },
});

/** A kernel binds few buffers: longer lists are joined in groups of this many. */
const CONCAT_INPUTS = 6;

/**
 * Join tensors along `axis`; all other axes and the dtypes must be equal.
 *
 * @param inputs [a, n₁, c], [a, n₂, c], … for axis 1
 * @returns [a, n₁ + n₂ + …, c]
 * @throws ArgumentError for an empty list, ShapeError when shapes differ elsewhere
 */
export function concat(inputs: readonly Tensor[], axis = 0): Tensor {
  if (inputs.length === 0) throw new ArgumentError('concat', 'at least one tensor', '0');
  const dtypes = new Set<DType>(inputs.map((x) => x.dtype));
  if (dtypes.size > 1) throw new ArgumentError('concat', 'tensors of one dtype', [...dtypes].join(' and '));
  const at = normalizeAxis('concat', axis, inputs[0]!.shape);
  let parts = inputs;
  while (parts.length > 1) {
    const joined: Tensor[] = [];
    for (let i = 0; i < parts.length; i += CONCAT_INPUTS) {
      const group = parts.slice(i, i + CONCAT_INPUTS);
      joined.push(group.length === 1 ? group[0]! : emit(concatOp, group, { axis: at }));
    }
    parts = joined;
  }
  return parts[0]!;
}

/**
 * Join tensors of one shape along a new axis.
 *
 * @param inputs n tensors [a, b]
 * @param axis of the result; negative axes count from its end
 * @returns [n, a, b] for axis 0
 * @throws ArgumentError for an empty list or several dtypes, ShapeError when shapes differ
 */
export function stack(inputs: readonly Tensor[], axis = 0): Tensor {
  if (inputs.length === 0) throw new ArgumentError('stack', 'at least one tensor', '0');
  if (!inputs.every((x) => sameShape(x.shape, inputs[0]!.shape)))
    throw new ShapeError(
      'stack',
      inputs.map((x) => x.shape),
      'tensors of one shape',
    );
  const unsqueezed = inputs.map((x) => {
    const at = normalizeAxis('stack', axis, [...x.shape, 1]);
    return { at, shape: [...x.shape.slice(0, at), 1, ...x.shape.slice(at)], x };
  });
  return concat(
    unsqueezed.map(({ x, shape }) => reshape(x, shape)),
    unsqueezed[0]!.at,
  );
}

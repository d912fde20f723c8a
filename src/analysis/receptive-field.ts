import { topologicalOrder, type Shape, type Tensor } from '../graph/index.ts';
import { kernelSizes, type ConvAttrs, type PoolAttrs, type UpsampleAttrs } from '../ops/index.ts';

/** What one axis of a tensor sees of the same axis of the input. */
export interface AxisField {
  /** Input elements from the first to the last that one element may depend on. */
  readonly size: number;
  /** Input elements from what one element sees to what its neighbour sees: the effective stride. */
  readonly jump: number;
}

/** Per axis of a tensor; null where it is no axis of the input's image, or sees all of it. */
export type Fields = readonly (AxisField | null)[];

/**
 * Receptive fields in the graph between `input` [n, c, ...image] and `roots` (Araujo et al. 2019, section 2): a window of
 * k taps, dilation d and stride s over elements that see r each and lie j apart gives r + d (k − 1) j and j s. Where paths
 * meet, the larger field counts. What norms add is left out, and so are axes that a tensor adds up, as global pooling does.
 */
export function receptiveFields(input: Tensor, roots: readonly Tensor[]): Map<Tensor, Fields> {
  const fields = new Map<Tensor, Fields>();
  for (const node of topologicalOrder(roots)) {
    if (node === input)
      fields.set(
        node,
        node.shape.map((_, axis) => (axis < 2 ? null : { size: 1, jump: 1 })),
      );
    else if (node.inputs.some((of) => fields.has(of))) fields.set(node, fieldsOf(node, fields));
  }
  return fields;
}

const window = (at: AxisField | null, kernel: number, stride: number, dilation = 1): AxisField | null =>
  at && { size: at.size + dilation * (kernel - 1) * at.jump, jump: at.jump * stride };

function fieldsOf(node: Tensor, known: ReadonlyMap<Tensor, Fields>): Fields {
  const of = (position: number): Fields =>
    known.get(node.inputs[position]!) ?? node.inputs[position]!.shape.map(() => null);
  const image = (change: (at: AxisField | null, axis: 0 | 1) => AxisField | null): Fields => [
    null,
    null,
    change(of(0)[2]!, 0),
    change(of(0)[3]!, 1),
  ];
  switch (node.op.name) {
    case 'conv2d':
    case 'convTranspose2d': {
      const { stride, dilation } = node.attrs as ConvAttrs;
      const { kh, kw } = kernelSizes(node.inputs[1]!, false);
      const taps = [kh, kw] as const;
      if (node.op.name === 'conv2d')
        return image((at, axis) => window(at, taps[axis], stride[axis], dilation[axis]));
      // The adjoint: output i reads inputs between (i − d (k − 1)) / s and i / s.
      return image((at, axis) => {
        const inputs = Math.floor((dilation[axis] * (taps[axis] - 1)) / stride[axis]) + 1;
        return window(at, inputs, 1 / stride[axis]);
      });
    }
    case 'maxPool2d':
    case 'maxPool2dPick':
    case 'avgPool2d': {
      const { kernel, stride } = node.attrs as PoolAttrs;
      return image((at, axis) => window(at, kernel[axis], stride[axis]));
    }
    case 'upsample': {
      const { mode, inputSize, outputSize } = node.attrs as UpsampleAttrs;
      const inputs = mode === 'bilinear' ? 2 : 1;
      return image((at, axis) =>
        window(at, Math.min(inputs, inputSize[axis]), inputSize[axis] / outputSize[axis]),
      );
    }
    case 'permute':
      return (node.attrs.perm as readonly number[]).map((axis) => of(0)[axis]!);
    case 'slice':
      return of(0).map((at, axis) => window(at, 1, node.attrs.steps[axis] as number));
    case 'pad':
      return of(0).map((at, axis) => window(at, 1, 1 / (node.attrs.pads[axis][2] + 1)));
    case 'reshape':
      return reshaped(of(0), node.inputs[0]!.shape, node.shape);
    case 'broadcast':
      return node.shape.map((size, axis) => {
        const from = axis - node.rank + node.inputs[0]!.rank;
        return node.inputs[0]!.shape[from] === size ? of(0)[from]! : null;
      });
    case 'sum':
      return of(0).filter((_, axis) => !(node.attrs.axes as readonly number[]).includes(axis));
    default:
      if (node.op.kind !== 'pointwise' && node.op.name !== 'concat') return node.shape.map(() => null);
      return node.shape.map((_, axis) =>
        node.inputs.map((__, position) => of(position)[axis] ?? null).reduce(larger),
      );
  }
}

const larger = (a: AxisField | null, b: AxisField | null): AxisField | null =>
  a && b ? { size: Math.max(a.size, b.size), jump: Math.max(a.jump, b.jump) } : (a ?? b);

/** Axes that both shapes have, from the last one on; sizes of 1 come and go. */
function reshaped(fields: Fields, before: Shape, after: Shape): Fields {
  const result = after.map((): AxisField | null => null);
  for (let [i, j] = [before.length - 1, after.length - 1]; i >= 0 && j >= 0; ) {
    if (before[i] === after[j]) result[j--] = fields[i--]!;
    else if (before[i] === 1) i--;
    else if (after[j] === 1) j--;
    else break;
  }
  return result;
}

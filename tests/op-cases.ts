import type { Tensor, TypedArray } from '../src/index.ts';
import * as C from '../src/index.ts';
import { emit } from '../src/graph/index.ts';
import {
  assignOp,
  attentionKeyValueGradOp,
  attentionOp,
  attentionQueryGradOp,
  avgPool2dGradOp,
  conv2dWeightGradOp,
  conv2dWeightGradPartsOp,
  convTranspose2dOp,
  copyOp,
  embeddingGradOp,
  maxPool2dGradOp,
  maxPool2dPickOp,
  upsampleGradOp,
  type ConvAttrs,
  type PoolAttrs,
  type UpsampleAttrs,
} from '../src/ops/index.ts';
import type { PrimitiveName } from '../src/ops/primitives.ts';
import {
  booleans,
  distinct,
  integers,
  nonzero,
  normal,
  positive,
  uniform,
  values,
  wave,
  type Generator,
} from './inputs.ts';
import { scanCases } from './scan-cases.ts';

/**
 * How far a kernel may be from the reference: |got − expected| ≤ rtol |expected| + atol max |expected|,
 * the maximum over the tensor (results of cancellation are as uncertain as their largest neighbours).
 */
export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

/** One call of an op: what it must give is what the reference device gives. */
export interface OpCase {
  readonly name?: string;
  readonly call: (...inputs: Tensor[]) => Tensor;
  readonly inputs: readonly Generator[];
  /** Shape of the result, where it is worth writing down. */
  readonly shape?: readonly number[];
  /** The call throws, and this is the message. */
  readonly throws?: string;
  /** Of the result, when it is not exact. */
  readonly tolerance?: Tolerance;
  /** Of the gradients; default: that of the result. */
  readonly gradientTolerance?: Tolerance;
  /** Which inputs to differentiate; default: all of dtype f32. */
  readonly wrt?: readonly number[];
  /** Finite differences do not give this gradient: the inputs lie on a kink, or `detach` hides a path. */
  readonly noDifferences?: true;
  /** Too slow for finite differences. */
  readonly large?: true;
  /** The result, for tensors so large that the reference would take many seconds; gradients are left out. */
  readonly expected?: (...inputs: TypedArray[]) => TypedArray;
}

// --- Tolerances ------------------------------------------------------------------------------

/** Moves, selects, compares or counts: nothing is rounded. Its gradient moves or adds a few numbers. */
export const EXACT: Tolerance = { rtol: 0, atol: 0 };
/** A few roundings to float32 (6e-8 each), the reference keeping float64 between them. */
const ROUNDED: Tolerance = { rtol: 5e-7, atol: 1e-7 };
/** WGSL allows a quotient 2.5 units in the last place (3e-7), and a gradient has up to three. */
const QUOTIENT: Tolerance = { rtol: 2e-6, atol: 2e-7 };
/** WGSL: exp is 3 + 2 |x| units in the last place, log 2^-21 absolute, sqrt as 1 / inverseSqrt (2 units). */
const EXPONENTIAL: Tolerance = { rtol: 3e-6, atol: 1e-6 };
/** WGSL: sin and cos 2^-11 absolute; atan 4096 units in the last place; tanh and pow follow from those of others. */
const LOOSE_IN_WGSL: Tolerance = { rtol: 5e-4, atol: 5e-4 };
/** Up to 2,000 products of order 1 summed in another order: √K roundings of the running sum. */
const SUMMED: Tolerance = { rtol: 1e-6, atol: 3e-6 };
/** Millions of elements in partial sums of thousands. */
const SUMMED_MILLIONS: Tolerance = { rtol: 1e-6, atol: 2e-5 };
/** Quotients by a root of a sum, and in gradients differences of such terms: a few of the above together. */
const NORMALIZED: Tolerance = { rtol: 5e-6, atol: 5e-6 };
/** Normals agree to 1e-5 on every backend (design.md); the largest of a few thousand is about 4. */
const NORMALS: Tolerance = { rtol: 0, atol: 2.5e-6 };

// --- Shapes ----------------------------------------------------------------------------------

/** Ranks 0 to 5; one element, primes, multiples of 4 and of 64 and their neighbours. */
const SHAPES = [
  [],
  [1],
  [4],
  [5],
  [63],
  [64],
  [65],
  [257],
  [3, 1],
  [1, 7],
  [37, 19],
  [2, 3, 5],
  [2, 1, 4, 3],
  [2, 3, 1, 5, 2],
] as const;
const FEW_SHAPES = [[], [1], [7], [64], [13, 11], [2, 3, 4, 5]] as const;

/** More elements than 65,535 workgroups of 64 invocations can take one by one. */
const MILLIONS = [2053, 2053] as const;

/** Float64 sums of a tensor of shape MILLIONS into 2,053 bins. */
function sumsOfMillions(x: TypedArray, bin: (row: number, column: number) => number): Float32Array {
  const [rows, columns] = MILLIONS;
  const totals = new Float64Array(rows);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) totals[bin(row, column)]! += x[row * columns + column]!;
  return Float32Array.from(totals);
}

type Make = (shape: readonly number[], seed?: number) => Generator;

function unary(
  call: (x: Tensor) => Tensor,
  make: Make,
  tolerance: Tolerance,
  shapes: readonly (readonly number[])[] = FEW_SHAPES,
): OpCase[] {
  return [
    ...shapes.map((shape) => ({ call, inputs: [make(shape)], shape, tolerance })),
    // read through a view
    { name: 'of a transpose', call: (x: Tensor) => call(C.transpose(x)), inputs: [make([5, 9])], tolerance },
    {
      name: 'of a slice',
      call: (x: Tensor) =>
        call(
          C.slice(x, [
            [1, 4],
            [0, 9, 2],
          ]),
        ),
      inputs: [make([5, 9])],
      tolerance,
    },
  ];
}

/** [a, b, result]: NumPy broadcasting in all its forms. */
const BROADCASTS: readonly (readonly [readonly number[], readonly number[], readonly number[]])[] = [
  [[], [], []],
  [[5], [], [5]],
  [[], [3, 2], [3, 2]],
  [[1], [1, 1], [1, 1]],
  [[3, 4], [4], [3, 4]],
  [
    [3, 5],
    [3, 1],
    [3, 5],
  ],
  [
    [3, 1],
    [1, 5],
    [3, 5],
  ],
  [
    [2, 3, 4],
    [3, 1],
    [2, 3, 4],
  ],
  [[64], [33, 64], [33, 64]],
  [
    [2, 1, 3, 1, 2],
    [1, 4, 1, 5, 1],
    [2, 4, 3, 5, 2],
  ],
];

function binary(
  call: (a: C.TensorLike, b: C.TensorLike) => Tensor,
  makeA: Make,
  makeB: Make,
  tolerance: Tolerance,
  extra: readonly OpCase[] = [],
): OpCase[] {
  const name = call.name;
  // The gradient of an operand that was broadcast is a sum.
  const gradientTolerance = tolerance === EXACT ? SUMMED : tolerance;
  return [
    ...[[1], [17], [64], [31, 7], [2, 3, 4]].map((shape) => ({
      call,
      inputs: [makeA(shape), makeB(shape, 2)],
      shape,
      tolerance,
    })),
    ...BROADCASTS.map(([a, b, shape]) => ({
      name: `[${a.join(', ')}] with [${b.join(', ')}]`,
      call,
      inputs: [makeA(a), makeB(b, 2)],
      shape,
      tolerance,
      gradientTolerance,
    })),
    {
      name: 'of a transpose',
      call: (a, b) => call(C.transpose(a), b),
      inputs: [makeA([6, 5]), makeB([5, 6], 2)],
      tolerance,
    },
    {
      name: 'of two views',
      call: (a, b) => call(C.slice(a, [[1, 5]]), C.permute(b, [1, 2, 0])),
      inputs: [makeA([6, 3, 2]), makeB([2, 4, 3], 2)],
      tolerance,
    },
    { name: 'with a number', call: (a) => call(a, 1.25), inputs: [makeA([3, 5])], tolerance },
    { name: 'of a number', call: (b) => call(1.25, b), inputs: [makeB([3, 5])], tolerance },
    {
      call,
      inputs: [makeA([2, 3]), makeB([2, 4])],
      throws: `${name}: expected shapes that broadcast, got [2, 3] and [2, 4]`,
    },
    {
      call,
      inputs: [makeA([2]), integers([2], 0, 5)],
      throws: `${name}: expected operands of one dtype, got f32 and i32. Convert one with cast()`,
    },
    ...extra,
  ];
}

/** Comparisons: on floats, integers and booleans, with equal elements among them. */
function comparison(call: (a: C.TensorLike, b: C.TensorLike) => Tensor): OpCase[] {
  return [
    { name: 'f32', call, inputs: [integersAsFloats([33, 5]), integersAsFloats([5], 2)], shape: [33, 5] },
    { name: 'f32 with a number', call: (a) => call(a, 2), inputs: [integersAsFloats([64])], shape: [64] },
    { name: 'i32', call, inputs: [integers([33], -3, 3), integers([33], -3, 3, 2)], shape: [33] },
    { name: 'u32', call, inputs: [integers([5, 7], 0, 3, 1, 'u32'), integers([7], 0, 3, 2, 'u32')] },
    {
      call,
      inputs: [normal([2, 3]), normal([2, 4])],
      throws: `${call.name}: expected shapes that broadcast, got [2, 3] and [2, 4]`,
    },
    {
      call,
      inputs: [normal([2]), integers([2], 0, 5)],
      throws: `${call.name}: expected operands of one dtype, got f32 and i32. Convert one with cast()`,
    },
  ];
}

// --- Convolutions and pooling ----------------------------------------------------------------

interface ConvShape {
  readonly x: readonly [number, number, number, number];
  readonly weight: readonly [number, number, number, number];
  readonly options?: C.ConvOptions;
  readonly large?: true;
}

/** Channels 1, 3, 4, 5, 16; kernels 1 to 7, square and not; strides, padding, dilation, groups; odd images. */
const CONVOLUTIONS: readonly ConvShape[] = [
  { x: [1, 1, 1, 1], weight: [1, 1, 1, 1] },
  { x: [1, 1, 5, 5], weight: [1, 1, 5, 5] },
  { x: [2, 1, 9, 7], weight: [3, 1, 3, 3] },
  { x: [2, 3, 8, 8], weight: [4, 3, 3, 3], options: { padding: 1 } },
  { x: [3, 4, 7, 6], weight: [4, 4, 3, 3], options: { padding: 1 } },
  { x: [1, 5, 11, 6], weight: [3, 5, 2, 3], options: { stride: [2, 1], padding: [0, 1] } },
  { x: [2, 4, 9, 9], weight: [16, 4, 3, 3], options: { stride: 2, padding: 1 } },
  { x: [2, 16, 6, 6], weight: [5, 16, 1, 1] },
  { x: [2, 16, 13, 13], weight: [32, 16, 3, 3], large: true },
  { x: [1, 3, 12, 10], weight: [4, 3, 3, 3], options: { dilation: 2, padding: 2 } },
  { x: [1, 2, 13, 9], weight: [3, 2, 3, 2], options: { dilation: [3, 1], stride: [1, 2], padding: [3, 0] } },
  { x: [2, 4, 6, 6], weight: [6, 2, 3, 3], options: { groups: 2, padding: 1 } },
  { x: [2, 8, 7, 7], weight: [8, 1, 3, 3], options: { groups: 8, stride: 2, padding: 1 } },
  { x: [1, 6, 5, 5], weight: [9, 2, 2, 2], options: { groups: 3 } },
  { x: [1, 1, 4, 4], weight: [2, 1, 3, 3], options: { padding: 2 } }, // more padding than the kernel's reach
  { x: [1, 2, 10, 10], weight: [2, 2, 3, 3], options: { stride: 4 } }, // pixels that no window sees
  { x: [1, 3, 3, 3], weight: [2, 3, 7, 7], options: { padding: 2 } }, // a kernel larger than the image
];

const convName = ({ x, weight, options }: ConvShape) =>
  `x [${x.join(', ')}] weight [${weight.join(', ')}] ${options ? JSON.stringify(options) : ''}`.trim();

function pair(value: number | readonly [number, number] | undefined, fallback: number) {
  return typeof value === 'number' || value === undefined
    ? ([value ?? fallback, value ?? fallback] as const)
    : value;
}

function convAttrs({ stride, padding, dilation, groups = 1 }: C.ConvOptions = {}): ConvAttrs {
  return {
    stride: pair(stride, 1),
    padding: pair(padding, 0),
    dilation: pair(dilation, 1),
    groups,
    channelsLast: false,
  };
}

/** The shape of conv2d's result. */
function convolved({ x, weight, options }: ConvShape): [number, number, number, number] {
  const { stride, padding, dilation } = convAttrs(options);
  const size = (d: 0 | 1) =>
    Math.floor((x[2 + d]! + 2 * padding[d] - dilation[d] * (weight[2 + d]! - 1) - 1) / stride[d]) + 1;
  return [x[0], weight[0], size(0), size(1)];
}

interface PoolShape {
  readonly x: readonly [number, number, number, number];
  readonly kernel: number | readonly [number, number];
  readonly options?: C.PoolOptions;
}

const POOLS: readonly PoolShape[] = [
  { x: [1, 1, 1, 1], kernel: 1 },
  { x: [1, 1, 2, 2], kernel: 2 },
  { x: [2, 3, 8, 6], kernel: 2 },
  { x: [2, 16, 26, 26], kernel: 2 },
  { x: [1, 4, 7, 9], kernel: 2 }, // a row and a column left over
  { x: [2, 5, 7, 7], kernel: 3, options: { stride: 2, padding: 1 } },
  { x: [1, 3, 6, 5], kernel: [3, 2], options: { stride: 1 } }, // overlapping windows
  { x: [1, 2, 9, 4], kernel: [2, 3], options: { stride: [3, 1], padding: [0, 1] } }, // gaps between windows
  { x: [1, 1, 5, 5], kernel: 5 },
];

const poolName = ({ x, kernel, options }: PoolShape) =>
  `x [${x.join(', ')}] kernel ${JSON.stringify(kernel)} ${options ? JSON.stringify(options) : ''}`.trim();

const poolAttrs = ({ kernel, options }: PoolShape): PoolAttrs => ({
  kernel: pair(kernel, 1),
  stride: pair(options?.stride ?? kernel, 1),
  padding: pair(options?.padding, 0),
  channelsLast: false,
});

function pooled(pool: PoolShape): [number, number, number, number] {
  const { kernel, stride, padding } = poolAttrs(pool);
  const size = (d: 0 | 1) => Math.floor((pool.x[2 + d]! + 2 * padding[d] - kernel[d]) / stride[d]) + 1;
  return [pool.x[0], pool.x[1], size(0), size(1)];
}

interface UpsampleShape {
  readonly x: readonly [number, number, number, number];
  readonly options: C.UpsampleOptions;
}

/** Channels by one and by four; scales per axis; sizes up, down, from one, to one, and prime to each other. */
const UPSAMPLES: readonly UpsampleShape[] = (
  [{ mode: 'nearest' }, { mode: 'bilinear' }, { mode: 'bilinear', alignCorners: true }] as const
).flatMap((mode): UpsampleShape[] => [
  { x: [1, 1, 1, 1], options: { ...mode, scale: 3 } },
  { x: [2, 3, 3, 4], options: { ...mode, scale: 2 } },
  { x: [2, 4, 5, 3], options: { ...mode, scale: [1, 3] } },
  { x: [1, 8, 7, 1], options: { ...mode, scale: [2, 5] } },
  { x: [1, 2, 5, 7], options: { ...mode, size: [13, 11] } },
  { x: [1, 4, 11, 13], options: { ...mode, size: [7, 5] } },
  { x: [1, 3, 6, 5], options: { ...mode, size: [1, 6] } },
]);

const upsampleName = ({ x, options }: UpsampleShape) => `x [${x.join(', ')}] ${JSON.stringify(options)}`;

function upsampleAttrs({ x, options }: UpsampleShape): UpsampleAttrs {
  const { mode = 'nearest', alignCorners = false, scale, size } = options;
  const factor = pair(scale, 1);
  return {
    mode,
    alignCorners,
    inputSize: [x[2], x[3]],
    outputSize: size === undefined ? [x[2] * factor[0], x[3] * factor[1]] : pair(size, 1),
    channelsLast: false,
  };
}

const upsampled = (shape: UpsampleShape) => [shape.x[0], shape.x[1], ...upsampleAttrs(shape).outputSize];

// --- Reductions ------------------------------------------------------------------------------

/** [shape, axes]: rows, columns, both, middles; short and long; one element. */
const REDUCTIONS: readonly (readonly [readonly number[], readonly number[] | undefined])[] = [
  [[1], undefined],
  [[7], undefined],
  [[64], undefined],
  [[1021], undefined],
  [[3, 5], undefined],
  [[3, 5], [0]],
  [[3, 5], [1]],
  [[1, 6], [0]],
  [[6, 1], [0]],
  [[128, 10], [0]],
  [[10, 128], [1]],
  [[1000, 3], [0]],
  [[3, 1000], [-1]],
  [[67, 129], [0]],
  [[67, 129], [1]],
  [[5, 4, 6], [1]],
  [
    [5, 4, 6],
    [0, 2],
  ],
  [
    [5, 4, 6],
    [0, 1],
  ],
  [
    [5, 4, 6],
    [1, 2],
  ],
  [
    [2, 3, 4, 5],
    [0, 2, 3],
  ],
  [
    [2, 3, 2, 3, 4],
    [1, 3],
  ],
  [
    [2, 3, 2, 3, 4],
    [0, 2, 4],
  ],
];

/** m, k, n: one, primes, whole tiles and their neighbours; a layer of an MNIST classifier. */
const MATRIX_PRODUCTS = [
  [1, 1, 1],
  [2, 3, 4],
  [1, 64, 1],
  [5, 1, 7],
  [1, 17, 33],
  [16, 16, 16],
  [64, 128, 64],
  [128, 784, 10],
] as const;
const TRANSPOSED_PRODUCTS = [
  [3, 1, 5],
  [37, 50, 19],
  [64, 64, 64],
  [65, 67, 129],
] as const;

// --- Attention -------------------------------------------------------------------------------

interface AttentionShape {
  readonly q: readonly [number, number, number, number];
  readonly k: readonly [number, number, number, number];
  /** Width of a value; default: that of a key. */
  readonly width?: number;
  readonly causal?: true;
  /** Sequence b has 2 b valid keys: the first has none. */
  readonly padded?: true;
  readonly mask?: readonly number[];
  readonly large?: true;
}

/** One query, one key; widths with and without a rest modulo 4 and 32; more queries than keys and fewer; each mask. */
const ATTENTIONS: readonly AttentionShape[] = [
  { q: [1, 1, 1, 1], k: [1, 1, 1, 1] },
  { q: [2, 3, 1, 4], k: [2, 3, 5, 4] },
  { q: [1, 2, 4, 8], k: [1, 2, 1, 8] },
  { q: [2, 2, 6, 4], k: [2, 2, 6, 4], causal: true },
  { q: [1, 1, 7, 4], k: [1, 1, 3, 4], causal: true },
  { q: [1, 1, 3, 4], k: [1, 1, 7, 4], causal: true },
  { q: [2, 1, 5, 3], k: [2, 1, 6, 3] },
  { q: [1, 2, 3, 4], k: [1, 2, 5, 4], width: 2 },
  { q: [1, 1, 3, 2], k: [1, 1, 4, 2], width: 9 },
  { q: [3, 2, 4, 4], k: [3, 2, 5, 4], padded: true },
  { q: [3, 1, 5, 4], k: [3, 1, 5, 4], padded: true, causal: true },
  { q: [2, 2, 3, 4], k: [2, 2, 5, 4], mask: [3, 5] },
  { q: [2, 2, 3, 4], k: [2, 2, 5, 4], mask: [2, 1, 3, 1], causal: true },
  { q: [2, 2, 3, 4], k: [2, 2, 5, 4], mask: [2, 1, 5], padded: true },
  { q: [2, 2, 3, 4], k: [2, 2, 5, 4], mask: [2, 2, 3, 5] },
  { q: [1, 1, 5, 36], k: [1, 1, 6, 36] },
  { q: [1, 1, 5, 132], k: [1, 1, 3, 132], causal: true }, // the composition
  { q: [1, 2, 70, 68], k: [1, 2, 67, 68], causal: true, large: true },
  { q: [1, 1, 33, 128], k: [1, 1, 34, 128], large: true },
  { q: [2, 2, 130, 16], k: [2, 2, 130, 16], causal: true, large: true },
];

const attentionCases = (
  call: (tensors: readonly [Tensor, Tensor, Tensor], options: C.AttentionOptions) => Tensor,
): OpCase[] =>
  ATTENTIONS.map(({ q, k, width = k[3], causal = false, padded, mask, large }) => {
    const valid = Array.from({ length: k[0] * k[2] }, (_, i) => Number(i % k[2] < 2 * Math.floor(i / k[2])));
    const masks = [
      ...(padded ? [values(valid, [k[0], k[2]], 'bool')] : []),
      ...(mask ? [booleans(mask)] : []),
    ];
    return {
      name: [
        `q [${q.join(', ')}] k [${k.join(', ')}] width ${width}`,
        causal ? 'causal' : '',
        padded ? 'padded' : '',
        mask ? `mask [${mask.join(', ')}]` : '',
      ]
        .filter(Boolean)
        .join(' '),
      call: (q, k, v, ...rest) =>
        call([q!, k!, v!], {
          causal,
          ...(padded ? { keyValid: rest[0]! } : {}),
          ...(mask ? { mask: rest.at(-1)! } : {}),
        }),
      inputs: [normal(q), normal(k, 2), normal([k[0], k[1], k[2], width], 3), ...masks],
      tolerance: EXPONENTIAL,
      ...(large ? { large } : {}),
    };
  });

/** Queries, keys and values of 2 heads of width 4, as one product [b, t, 3 · 8] gives them. */
const packedHeads = (x: Tensor): [Tensor, Tensor, Tensor] => {
  const [b, t] = x.shape as [number, number];
  const part = (i: number) => C.slice(C.reshape(x, [b, t, 3, 2, 4]), [null, null, [i, i + 1]]);
  const heads = (i: number) => C.permute(C.reshape(part(i), [b, t, 2, 4]), [0, 2, 1, 3]);
  return [heads(0), heads(1), heads(2)];
};

/** The first `count` elements of a gradient of attention; what follows is for its other kernel. */
const attentionGradient = (
  which: 'query' | 'keyValue',
  [q, k, v, dy, mask]: readonly (Tensor | undefined)[],
  causal: boolean,
): Tensor => {
  const attrs = { causal, scale: 0.5 };
  const masks = mask ? [C.reshape(mask, [q!.shape[0]!, 1, 1, k!.shape[2]!])] : [];
  const forward = emit(attentionOp, [q!, k!, v!, ...masks], attrs);
  const dq = emit(attentionQueryGradOp, [q!, k!, v!, forward, dy!, ...masks], attrs);
  if (which === 'query') return C.slice(dq, [[0, q!.size]]);
  return emit(attentionKeyValueGradOp, [q!, k!, v!, dy!, dq, ...masks], attrs);
};

const attentionGradientCases = (which: 'query' | 'keyValue'): OpCase[] =>
  [false, true].map((causal) => ({
    name: causal ? 'causal and padded' : '',
    call: (...inputs) => attentionGradient(which, inputs, causal),
    inputs: [
      normal([2, 1, 3, 4]),
      normal([2, 1, 5, 4], 2),
      normal([2, 1, 5, 4], 3),
      normal([2, 1, 3, 4], 4),
      ...(causal ? [values([0, 0, 0, 0, 0, 1, 1, 0, 1, 0], [2, 5], 'bool')] : []),
    ],
    tolerance: EXPONENTIAL,
  }));

// --- The table -------------------------------------------------------------------------------

/** Ops whose values come from outside a step. */
type SourceName = 'input' | 'parameter' | 'constant' | 'hostScalar' | 'placeholder';

/** Samples of every op, edge sizes and errors included. A new op without an entry is a type error. */
export const opCases: { readonly [Name in Exclude<PrimitiveName, SourceName>]: readonly OpCase[] } = {
  fill: [
    { call: () => C.fill(2.5), inputs: [], shape: [] },
    { call: () => C.fill(-1, [3, 5]), inputs: [], shape: [3, 5] },
    { name: 'i32', call: () => C.fill(-7, [65], 'i32'), inputs: [], shape: [65] },
    { name: 'u32', call: () => C.fill(4_000_000_000, [2], 'u32'), inputs: [], shape: [2] },
    { name: 'bool', call: () => C.fill(1, [2, 2], 'bool'), inputs: [], shape: [2, 2] },
    {
      name: 'without rounding',
      call: (x) => C.mul(x, C.fill(16777217, [4], 'i32')),
      inputs: [integers([4], -3, 3)],
    },
  ],
  attention: [
    ...attentionCases((tensors, options) => C.scaledDotProductAttention(...tensors, options)),
    {
      name: 'of heads packed into one product',
      call: (x) => C.scaledDotProductAttention(...packedHeads(x), { causal: true }),
      inputs: [normal([2, 6, 24])],
      tolerance: EXPONENTIAL,
    },
    {
      name: 'its weights',
      call: (q, k, keyValid) => C.attentionWeights(q, k, { causal: true, keyValid }),
      inputs: [
        normal([2, 1, 3, 4]),
        normal([2, 1, 5, 4], 2),
        values([0, 0, 0, 0, 0, 0, 1, 1, 1, 1], [2, 5], 'bool'),
      ],
      shape: [2, 1, 3, 5],
      tolerance: EXPONENTIAL,
    },
    {
      name: 'of large logits',
      call: (q, k, v) => C.scaledDotProductAttention(q, k, v),
      inputs: [
        integersAsFloats([1, 1, 5, 4]),
        integersAsFloats([1, 1, 6, 4], 2),
        normal([1, 1, 6, 4], 3),
      ].map((x, i) => (i === 2 ? x : { ...x, data: () => x.data().map((value) => 100 * value) })),
      tolerance: EXPONENTIAL,
      noDifferences: true,
    },
    {
      call: (q, k, v) => C.scaledDotProductAttention(q, k, v),
      inputs: [normal([1, 1, 2, 4]), normal([1, 1, 3, 4]), normal([1, 1, 2, 4])],
      throws:
        'scaledDotProductAttention: expected q [b, h, t, d], k [b, h, s, d] and v [b, h, s, e] without empty axes, got [1, 1, 2, 4] and [1, 1, 3, 4] and [1, 1, 2, 4]',
    },
    {
      name: 'of no keys',
      call: (q, k, v) => C.scaledDotProductAttention(q, k, v),
      inputs: [normal([1, 1, 2, 4]), normal([1, 1, 0, 4]), normal([1, 1, 0, 4])],
      throws:
        'scaledDotProductAttention: expected q [b, h, t, d], k [b, h, s, d] and v [b, h, s, e] without empty axes, got [1, 1, 2, 4] and [1, 1, 0, 4] and [1, 1, 0, 4]',
    },
    {
      name: 'of no queries',
      call: (q, k) => C.attentionWeights(q, k),
      inputs: [normal([1, 1, 0, 4]), normal([1, 1, 2, 4])],
      throws:
        'attentionWeights: expected q [b, h, t, d] and k [b, h, s, d] without empty axes, got [1, 1, 0, 4] and [1, 1, 2, 4]',
    },
    {
      call: (q, k) => C.scaledDotProductAttention(q, k, k),
      inputs: [integers([1, 1, 2, 4], 0, 3), integers([1, 1, 2, 4], 0, 3)],
      throws: 'scaledDotProductAttention: expected f32, got i32',
    },
    {
      call: (q, mask) => C.scaledDotProductAttention(q, q, q, { mask }),
      inputs: [normal([1, 1, 2, 4]), normal([2, 2])],
      throws: 'scaledDotProductAttention: expected bool masks, got f32',
    },
    {
      call: (q, mask) => C.scaledDotProductAttention(q, q, q, { mask }),
      inputs: [normal([1, 1, 2, 4]), booleans([3, 2])],
      throws: 'scaledDotProductAttention: expected a mask that broadcasts to [1, 1, 2, 2], got [3, 2]',
    },
    {
      call: (q, keyValid) => C.scaledDotProductAttention(q, q, q, { keyValid }),
      inputs: [normal([1, 1, 2, 4]), booleans([1, 3])],
      throws: 'scaledDotProductAttention: expected keyValid [1, 2], got [1, 3]',
    },
    {
      call: (q) => C.scaledDotProductAttention(q, q, q, { dropout: 1 }),
      inputs: [normal([1, 1, 2, 4])],
      throws: 'scaledDotProductAttention: expected dropout in [0, 1), got 1',
    },
  ],
  attentionQueryGrad: attentionGradientCases('query'),
  attentionKeyValueGrad: attentionGradientCases('keyValue'),
  iota: [
    { call: () => C.iota([7], 0), inputs: [] },
    { call: () => C.iota([3, 5], 0), inputs: [], shape: [3, 5] },
    { call: () => C.iota([3, 5], 1), inputs: [] },
    { call: () => C.iota([2, 3, 4, 5], 2, 'u32'), inputs: [] },
    { call: () => C.iota([65], 0, 'f32'), inputs: [] },
  ],

  neg: [
    ...unary(C.neg, normal, EXACT, SHAPES),
    { name: 'i32', call: C.neg, inputs: [integers([9], -5, 5)] },
    {
      name: 'of more elements than 65,535 workgroups of 64 invocations hold, four each',
      call: C.neg,
      inputs: [wave([4099, 4099])],
      large: true,
      expected: (x) => x.map((value) => -value),
    },
  ],
  abs: [...unary(C.abs, nonzero, EXACT), { name: 'i32', call: C.abs, inputs: [integers([9], -5, 5)] }],
  sign: [
    ...unary(C.sign, nonzero, EXACT),
    { name: 'of zero', call: C.sign, inputs: [values([0, -0, 1e-30, -1e-30])], noDifferences: true },
    { name: 'i32', call: C.sign, inputs: [integers([9], -2, 3)] },
  ],
  floor: [
    ...unary(C.floor, (shape) => distinct(shape, 1, 0.005), EXACT),
    {
      name: 'of whole numbers',
      call: C.floor,
      inputs: [values([-2, -1, -0.5, 0, 0.5, 1, 8388609])],
      wrt: [],
    },
    { call: C.floor, inputs: [integers([3], 0, 4)], throws: 'floor: expected f32, got i32' },
  ],
  exp: [
    ...unary(C.exp, normal, EXPONENTIAL, SHAPES),
    {
      name: 'of large numbers',
      call: C.exp,
      inputs: [values([-87, -20, 0, 20, 80])],
      tolerance: { rtol: 2e-5, atol: 0 }, // 3 + 2 · 80 units in the last place
      wrt: [],
    },
    { call: C.exp, inputs: [integers([3], 0, 4)], throws: 'exp: expected f32, got i32' },
  ],
  log: [
    ...unary(C.log, positive, EXPONENTIAL),
    {
      name: 'of large numbers',
      call: C.log,
      inputs: [values([1e-30, 1e-3, 1, 1e3, 1e30])],
      tolerance: EXPONENTIAL,
      wrt: [],
    },
    { call: C.log, inputs: [integers([3], 1, 4)], throws: 'log: expected f32, got i32' },
  ],
  sqrt: [
    ...unary(C.sqrt, positive, QUOTIENT),
    { name: 'of zero', call: C.sqrt, inputs: [values([0, 1, 4, 1e10])], tolerance: QUOTIENT, wrt: [] },
    { call: C.sqrt, inputs: [integers([3], 0, 4)], throws: 'sqrt: expected f32, got i32' },
  ],
  sin: [
    ...unary(C.sin, normal, LOOSE_IN_WGSL),
    { call: C.sin, inputs: [integers([3], 0, 4)], throws: 'sin: expected f32, got i32' },
  ],
  cos: [
    ...unary(C.cos, normal, LOOSE_IN_WGSL),
    { call: C.cos, inputs: [integers([3], 0, 4)], throws: 'cos: expected f32, got i32' },
  ],
  tanh: [
    ...unary(C.tanh, normal, EXPONENTIAL),
    {
      name: 'of large numbers',
      call: C.tanh,
      inputs: [values([-100, -20, -1e-4, 0, 1e-4, 20, 100])],
      tolerance: EXPONENTIAL,
    },
    { call: C.tanh, inputs: [integers([3], 0, 4)], throws: 'tanh: expected f32, got i32' },
  ],
  sigmoid: [
    ...unary(C.sigmoid, normal, EXPONENTIAL),
    {
      name: 'of large numbers',
      call: C.sigmoid,
      inputs: [values([-80, -20, 0, 20, 100])],
      tolerance: EXPONENTIAL,
    },
    { call: C.sigmoid, inputs: [integers([3], 0, 4)], throws: 'sigmoid: expected f32, got i32' },
  ],
  atan: [
    ...unary(C.atan, normal, LOOSE_IN_WGSL),
    { call: C.atan, inputs: [integers([3], 0, 4)], throws: 'atan: expected f32, got i32' },
  ],
  softplus: [
    ...unary(C.softplus, normal, EXPONENTIAL),
    {
      name: 'of large numbers',
      call: C.softplus,
      inputs: [values([-80, -20, 0, 20, 100])],
      tolerance: EXPONENTIAL,
    },
    { call: C.softplus, inputs: [integers([3], 0, 4)], throws: 'softplus: expected f32, got i32' },
  ],
  erf: [
    ...unary(C.erf, normal, EXPONENTIAL),
    {
      name: 'of large numbers',
      call: C.erf,
      inputs: [values([-10, -2.6, -2.4, 0, 1e-3, 3, 6])],
      tolerance: EXPONENTIAL,
    },
    { call: C.erf, inputs: [integers([3], 0, 4)], throws: 'erf: expected f32, got i32' },
  ],
  relu: [
    ...unary(C.relu, nonzero, EXACT, SHAPES),
    { call: C.relu, inputs: [integers([3], 0, 4)], throws: 'relu: expected f32, got i32' },
  ],
  leakyRelu: [
    ...unary((x) => C.leakyRelu(x, 0.1), nonzero, ROUNDED),
    { name: 'default slope', call: (x) => C.leakyRelu(x), inputs: [nonzero([9])], tolerance: ROUNDED },
    {
      call: (x) => C.leakyRelu(x),
      inputs: [integers([3], 0, 4)],
      throws: 'leakyRelu: expected f32, got i32',
    },
  ],
  not: [
    { call: C.not, inputs: [booleans([])], shape: [] },
    { call: C.not, inputs: [booleans([13, 5])] },
    { call: C.not, inputs: [normal([3])], throws: 'not: expected bool, got f32' },
  ],
  detach: [
    { call: (x) => C.mul(C.detach(x), x), inputs: [normal([3, 7])], tolerance: ROUNDED, noDifferences: true },
    { name: 'i32', call: C.detach, inputs: [integers([5], 0, 9)] },
  ],
  copy: FEW_SHAPES.map((shape) => ({
    call: (x: Tensor) => emit(copyOp, [x], {}),
    inputs: [normal(shape)],
    shape,
  })),
  assign: FEW_SHAPES.map((shape) => ({
    call: (x: Tensor) => emit(assignOp, [x], {}),
    inputs: [normal(shape)],
    shape,
  })),
  customVjp: [
    ...(
      [
        [5, 3],
        [3, 2, 7],
        [7, 1, 1],
        [2, 4, 3, 5],
        [67, 5, 3, 3],
      ] as const
    ).map((shape) => ({
      name: `batchNorm of [${shape.join(', ')}]`,
      call: (x: Tensor, weight: Tensor, bias: Tensor) => C.batchNorm(x, weight, bias),
      inputs: [normal(shape), positive([shape[1]], 2), normal([shape[1]], 3)],
      shape,
      tolerance: NORMALIZED,
    })),
    {
      name: 'batchNorm without weight and bias',
      call: (x) => C.batchNorm(x, null, null, { eps: 0.1 }),
      inputs: [normal([4, 3, 2])],
      tolerance: NORMALIZED,
    },
    {
      name: 'batchNorm of a convolution, with relu',
      call: (x, w, weight, bias) => C.relu(C.batchNorm(C.conv2d(x, w), weight, bias)),
      inputs: [normal([3, 2, 6, 5]), normal([4, 2, 3, 3], 2), positive([4], 3), normal([4], 4)],
      tolerance: NORMALIZED,
    },
    {
      name: 'batchNorm of two values per channel',
      call: (x, weight) => C.batchNorm(x, weight, null, { eps: 0.5 }), // with a small eps the gradient cancels
      inputs: [normal([2, 3]), positive([3], 2)],
      tolerance: NORMALIZED,
    },
    {
      name: 'batchNorm of equal values',
      call: (x, weight, bias) => C.batchNorm(x, weight, bias),
      inputs: [
        values(Array.from({ length: 7 }, () => [333333.3, -1e4, 0.1]).flat(), [7, 3]),
        positive([3], 2),
        normal([3], 3),
      ],
      tolerance: NORMALIZED,
      noDifferences: true, // curved within a step of them
    },
    {
      name: 'batchNorm with given statistics',
      call: (x, weight, bias, mean, variance) =>
        C.batchNorm(x, weight, bias, { statistics: { mean: mean!, variance: variance! } }),
      inputs: [normal([3, 5, 2, 3]), positive([5], 2), normal([5], 3), normal([5], 4), positive([5], 5)],
      shape: [3, 5, 2, 3],
      tolerance: NORMALIZED,
    },
    ...(
      [
        [[4, 6], 6],
        [[5], 5],
        [[3, 1], 1],
        [[2, 3, 67], 67],
        [
          [2, 3, 4, 5],
          [4, 5],
        ],
        [
          [3, 2, 4],
          [3, 2, 4],
        ],
      ] as const
    ).map(([shape, axes]) => {
      const sizes = typeof axes === 'number' ? [axes] : axes;
      return {
        name: `layerNorm of [${shape.join(', ')}] over [${sizes.join(', ')}]`,
        call: (x: Tensor, weight: Tensor, bias: Tensor) => C.layerNorm(x, axes, weight, bias),
        inputs: [normal(shape), positive(sizes, 2), normal(sizes, 3)],
        shape,
        tolerance: NORMALIZED,
      };
    }),
    {
      name: 'layerNorm without weight and bias',
      call: (x) => C.layerNorm(x, 5, null, null, { eps: 0.1 }),
      inputs: [normal([3, 5])],
      tolerance: NORMALIZED,
    },
    {
      name: 'layerNorm of equal values',
      call: (x, weight, bias) => C.layerNorm(x, 7, weight, bias),
      inputs: [
        values(
          [333333.3, -1e4, 0.1].flatMap((v) => Array.from({ length: 7 }, () => v)),
          [3, 7],
        ),
        positive([7], 2),
        normal([7], 3),
      ],
      tolerance: NORMALIZED,
      noDifferences: true, // curved within a step of them
    },
    ...(
      [
        [[2, 6], 2],
        [[3, 6, 5], 3],
        [[2, 4, 3, 5], 1],
        [[2, 4, 3, 5], 4],
        [[1, 8, 7, 1], 2],
      ] as const
    ).map(([shape, groups]) => ({
      name: `groupNorm of [${shape.join(', ')}] in ${groups} groups`,
      call: (x: Tensor, weight: Tensor, bias: Tensor) => C.groupNorm(x, groups, weight, bias),
      inputs: [normal(shape), positive([shape[1]], 2), normal([shape[1]], 3)],
      shape,
      tolerance: NORMALIZED,
    })),
    {
      name: 'groupNorm between convolutions',
      call: (x, w, weight, bias, v) => C.conv2d(C.relu(C.groupNorm(C.conv2d(x, w), 2, weight, bias)), v),
      inputs: [
        normal([2, 2, 6, 5]),
        normal([4, 2, 3, 3], 2),
        positive([4], 3),
        normal([4], 4),
        normal([4, 4, 2, 2], 5),
      ],
      tolerance: NORMALIZED,
    },
    {
      call: (x) => C.layerNorm(x, [3, 5]),
      inputs: [normal([2, 4, 5])],
      throws: 'layerNorm: expected x [..., 3, 5], got [2, 4, 5]',
    },
    {
      call: (x, weight) => C.layerNorm(x, 5, weight),
      inputs: [normal([2, 5]), normal([4])],
      throws: 'layerNorm: expected weight [5] for x [2, 5], got [4]',
    },
    {
      call: (x) => C.layerNorm(x, 5, null, null, { eps: -1 }),
      inputs: [normal([2, 5])],
      throws: 'layerNorm: expected eps > 0, got -1',
    },
    {
      call: (x) => C.groupNorm(x, 3),
      inputs: [normal([2, 4, 5])],
      throws: 'groupNorm: expected x [n, c, ...] with c a multiple of groups 3, got [2, 4, 5]',
    },
    {
      call: (x, bias) => C.groupNorm(x, 2, null, bias),
      inputs: [normal([2, 4, 5]), normal([2])],
      throws: 'groupNorm: expected bias [4] for x [2, 4, 5], got [2]',
    },
    {
      call: (x) => C.batchNorm(x),
      inputs: [normal([1, 3])],
      throws:
        'batchNorm: expected more than one value per channel in training, got [1, 3]. The variance of one value is 0.',
    },
    {
      call: (x) => C.batchNorm(x),
      inputs: [normal([3])],
      throws: 'batchNorm: expected x [n, c, ...], got [3]',
    },
    {
      call: (x, weight) => C.batchNorm(x, weight),
      inputs: [normal([4, 3, 2]), normal([2])],
      throws: 'batchNorm: expected weight [3] for x [4, 3, 2], got [2]',
    },
    {
      call: (x, mean) => C.batchNorm(x, null, null, { statistics: { mean: mean!, variance: mean! } }),
      inputs: [normal([4, 3, 2]), normal([4])],
      throws: 'batchNorm: expected mean [3] for x [4, 3, 2], got [4]',
    },
    {
      call: (x) => C.batchNorm(x, null, null, { eps: 0 }),
      inputs: [normal([4, 3])],
      throws: 'batchNorm: expected eps > 0, got 0',
    },
    {
      call: (x) => C.batchNorm(x),
      inputs: [integers([4, 3], 0, 5)],
      throws: 'batchNorm: expected f32, got i32',
    },
  ],
  cast: [
    {
      name: 'f32 to i32',
      call: (x) => C.cast(x, 'i32'),
      inputs: [values([-2.9, -1, -0.5, 0, 0.5, 2.9, 8388609])],
      wrt: [],
    },
    { name: 'f32 beyond i32', call: (x) => C.cast(x, 'i32'), inputs: [values([3e9, -3e9])], wrt: [] },
    { name: 'f32 beyond u32', call: (x) => C.cast(x, 'u32'), inputs: [values([-1, 5e9])], wrt: [] },
    { name: 'f32 to u32', call: (x) => C.cast(x, 'u32'), inputs: [values([0, 0.5, 2.9, 4e9])], wrt: [] },
    { name: 'f32 to bool', call: (x) => C.cast(x, 'bool'), inputs: [values([0, -0, 0.5, -2])], wrt: [] },
    { name: 'i32 to f32', call: (x) => C.cast(x, 'f32'), inputs: [integers([3, 5], -100, 100)] },
    { name: 'i32 to u32', call: (x) => C.cast(x, 'u32'), inputs: [integers([5], 0, 100)] },
    { name: 'i32 to bool', call: (x) => C.cast(x, 'bool'), inputs: [integers([9], -1, 2)] },
    { name: 'u32 to f32', call: (x) => C.cast(x, 'f32'), inputs: [integers([5], 0, 100, 1, 'u32')] },
    { name: 'bool to f32', call: (x) => C.cast(x, 'f32'), inputs: [booleans([65])], shape: [65] },
    { name: 'bool to i32', call: (x) => C.cast(x, 'i32'), inputs: [booleans([5])] },
  ],

  add: binary(C.add, normal, normal, ROUNDED, [
    { name: 'i32', call: (a, b) => C.add(a, b), inputs: [integers([5, 7], -9, 9), integers([7], -9, 9, 2)] },
    {
      name: 'u32 wraps',
      call: (a) => C.add(a, C.fill(4294967295, [], 'u32')),
      inputs: [integers([5], 0, 9, 1, 'u32')],
    },
    { name: 'i32 with a number', call: (a) => C.add(a, 3), inputs: [integers([5], -9, 9)] },
    { name: 'to itself', call: (a) => C.add(a, a), inputs: [normal([33])], tolerance: ROUNDED },
  ]),
  sub: binary(C.sub, normal, normal, ROUNDED, [
    { name: 'i32', call: (a, b) => C.sub(a, b), inputs: [integers([5, 7], -9, 9), integers([7], -9, 9, 2)] },
    { name: 'from itself', call: (a) => C.sub(a, a), inputs: [normal([33])] },
  ]),
  mul: binary(C.mul, normal, normal, ROUNDED, [
    {
      name: 'i32 wraps',
      call: (a, b) => C.mul(a, b),
      inputs: [integers([33], -1e6, 1e6), integers([33], -1e6, 1e6, 2)],
    },
    {
      name: 'u32',
      call: (a, b) => C.mul(a, b),
      inputs: [integers([9], 0, 99, 1, 'u32'), integers([9], 0, 99, 2, 'u32')],
    },
    { name: 'with itself', call: (a) => C.mul(a, a), inputs: [normal([5, 3])], tolerance: ROUNDED },
  ]),
  div: binary(C.div, normal, nonzero, QUOTIENT, [
    {
      name: 'i32 truncates',
      call: (a, b) => C.div(a, b),
      inputs: [integers([33], -99, 99), integers([33], 1, 9)],
    },
    { name: 'i32 by negative', call: (a) => C.div(a, -4), inputs: [integers([33], -99, 99)] },
    {
      name: 'u32',
      call: (a, b) => C.div(a, b),
      inputs: [integers([9], 0, 99, 1, 'u32'), integers([9], 1, 9, 2, 'u32')],
    },
  ]),
  pow: binary(C.pow, positive, normal, LOOSE_IN_WGSL, [
    {
      name: 'negative base, exponent 2',
      call: (a) => C.pow(a, 2),
      inputs: [nonzero([17])],
      tolerance: LOOSE_IN_WGSL,
    },
    {
      name: 'negative base, exponent 3',
      call: (a) => C.pow(a, 3),
      inputs: [nonzero([17])],
      tolerance: LOOSE_IN_WGSL,
    },
    { name: 'exponent 0', call: (a) => C.pow(a, 0), inputs: [nonzero([5])], tolerance: LOOSE_IN_WGSL },
    { name: 'base 0', call: (a) => C.pow(a, 2), inputs: [values([0, 1, 2])], tolerance: LOOSE_IN_WGSL },
  ]),
  maximum: binary(C.maximum, distinct, (shape, seed = 1) => distinct(shape, seed, 0.005), EXACT, [
    {
      name: 'i32',
      call: (a, b) => C.maximum(a, b),
      inputs: [integers([33], -9, 9), integers([33], -9, 9, 2)],
    },
  ]),
  minimum: binary(C.minimum, distinct, (shape, seed = 1) => distinct(shape, seed, 0.005), EXACT, [
    {
      name: 'i32',
      call: (a, b) => C.minimum(a, b),
      inputs: [integers([33], -9, 9), integers([33], -9, 9, 2)],
    },
  ]),
  eq: comparison(C.eq),
  ne: comparison(C.ne),
  lt: comparison(C.lt),
  le: comparison(C.le),
  gt: comparison(C.gt),
  ge: comparison(C.ge),
  and: [
    { call: C.and, inputs: [booleans([13]), booleans([13], 2)], shape: [13] },
    { call: C.and, inputs: [booleans([3, 1]), booleans([5], 2)], shape: [3, 5] },
    {
      call: C.and,
      inputs: [booleans([3]), normal([3])],
      throws: 'and: expected bool and bool, got bool and f32',
    },
  ],
  or: [
    { call: C.or, inputs: [booleans([13]), booleans([13], 2)], shape: [13] },
    { call: C.or, inputs: [booleans([3, 1]), booleans([5], 2)], shape: [3, 5] },
    {
      call: C.or,
      inputs: [booleans([3]), normal([3])],
      throws: 'or: expected bool and bool, got bool and f32',
    },
  ],
  where: [
    { call: C.where, inputs: [booleans([]), normal([]), normal([], 2)], shape: [] },
    { call: C.where, inputs: [booleans([3, 4]), normal([3, 4]), normal([3, 4], 2)], shape: [3, 4] },
    {
      call: C.where,
      inputs: [booleans([3, 1]), normal([4]), normal([2, 1, 1], 2)],
      shape: [2, 3, 4],
      tolerance: SUMMED,
    },
    { name: 'i32 condition', call: C.where, inputs: [integers([65], -1, 2), normal([65]), normal([65], 2)] },
    { name: 'numbers', call: (c) => C.where(c, 1.5, -2), inputs: [booleans([9])] },
    { name: 'i32 branches', call: (c, a) => C.where(c, a, 7), inputs: [booleans([9]), integers([9], 0, 5)] },
    { name: 'bool branches', call: C.where, inputs: [booleans([9]), booleans([9], 2), booleans([9], 3)] },
    {
      call: C.where,
      inputs: [normal([2]), normal([2]), normal([2])],
      throws: 'where: expected a bool or i32 condition, got f32',
    },
    {
      call: C.where,
      inputs: [booleans([2]), normal([2]), integers([2], 0, 3)],
      throws: 'where: expected branches of one dtype, got f32 and i32',
    },
    {
      call: C.where,
      inputs: [booleans([2]), normal([3]), normal([3])],
      throws: 'where: expected shapes that broadcast, got [2] and [3] and [3]',
    },
  ],

  reshape: [
    { call: (x) => C.reshape(x, [6, 4]), inputs: [normal([2, 3, 4])], shape: [6, 4] },
    { call: (x) => C.reshape(x, [-1]), inputs: [normal([3, 5])], shape: [15] },
    { call: (x) => C.reshape(x, [2, -1, 2]), inputs: [normal([4, 5])], shape: [2, 5, 2] },
    { call: (x) => C.reshape(x, []), inputs: [normal([1, 1])], shape: [] },
    { call: (x) => C.reshape(x, [1, 1, 1, 1, 1]), inputs: [normal([])], shape: [1, 1, 1, 1, 1] },
    { name: 'of a transpose', call: (x) => C.reshape(C.transpose(x), [3, 5, 2]), inputs: [normal([6, 5])] },
    {
      name: 'of a slice',
      call: (x) => C.exp(C.reshape(C.slice(x, [null, [1, 4]]), [-1])),
      inputs: [normal([3, 5])],
      tolerance: EXPONENTIAL,
    },
    {
      name: 'of a broadcast',
      call: (x) => C.reshape(C.broadcast(x, [4, 3]), [2, 6]),
      inputs: [normal([3])],
      tolerance: SUMMED,
    },
    { name: 'i32', call: (x) => C.reshape(x, [9]), inputs: [integers([3, 3], 0, 9)] },
    {
      call: (x) => C.reshape(x, [4, 4]),
      inputs: [normal([3, 5])],
      throws: 'reshape: expected as many elements as [4, 4], got [3, 5]',
    },
    {
      call: (x) => C.reshape(x, [4, -1]),
      inputs: [normal([3, 5])],
      throws: 'reshape: expected a shape that fits [4, -1], got [3, 5]',
    },
    {
      call: (x) => C.reshape(x, [-1, -1]),
      inputs: [normal([3, 5])],
      throws: 'reshape: expected a shape that fits [-1, -1], got [3, 5]',
    },
  ],
  permute: [
    { call: (x) => C.permute(x, [1, 0]), inputs: [normal([3, 4])], shape: [4, 3] },
    { call: (x) => C.permute(x, [1, 0]), inputs: [normal([65, 63])], shape: [63, 65] },
    { call: (x) => C.permute(x, [2, 0, 1]), inputs: [normal([2, 3, 4])], shape: [4, 2, 3] },
    { call: (x) => C.permute(x, [0, 2, 3, 1]), inputs: [normal([2, 3, 5, 7])], shape: [2, 5, 7, 3] },
    { call: (x) => C.permute(x, [4, 2, 0, 3, 1]), inputs: [normal([2, 3, 2, 3, 2])], shape: [2, 2, 2, 3, 3] },
    {
      name: 'negative axes',
      call: (x) => C.permute(x, [-1, 0, 1]),
      inputs: [normal([2, 3, 4])],
      shape: [4, 2, 3],
    },
    {
      name: 'twice',
      call: (x) => C.permute(C.permute(x, [1, 2, 0]), [1, 2, 0]),
      inputs: [normal([2, 3, 4])],
      shape: [4, 2, 3],
    },
    { name: 'i32', call: (x) => C.permute(x, [1, 0]), inputs: [integers([3, 5], 0, 9)] },
    { name: 'bool', call: (x) => C.permute(x, [1, 0]), inputs: [booleans([3, 5])] },
    {
      call: (x) => C.permute(x, [0, 0]),
      inputs: [normal([3, 4])],
      throws: 'permute: expected a permutation of 2 axes, got [0,0]',
    },
    {
      call: (x) => C.permute(x, [0]),
      inputs: [normal([3, 4])],
      throws: 'permute: expected a permutation of 2 axes, got [0]',
    },
    {
      call: (x) => C.permute(x, [0, 2]),
      inputs: [normal([3, 4])],
      throws: 'permute: expected an axis of [3, 4], got 2',
    },
    {
      call: (x) => C.transpose(x),
      inputs: [normal([3])],
      throws: 'transpose: expected at least two axes, got [3]',
    },
  ],
  broadcast: [
    { call: (x) => C.broadcast(x, [5]), inputs: [normal([])], shape: [5] },
    { call: (x) => C.broadcast(x, [2, 3, 4]), inputs: [normal([3, 1])], shape: [2, 3, 4], tolerance: SUMMED },
    { call: (x) => C.broadcast(x, [128, 10]), inputs: [normal([10])], shape: [128, 10], tolerance: SUMMED },
    { call: (x) => C.broadcast(x, [2, 3, 4, 5, 6]), inputs: [normal([3, 1, 5, 1])], tolerance: SUMMED },
    {
      name: 'of a transpose',
      call: (x) => C.broadcast(C.transpose(x), [2, 3, 4]),
      inputs: [normal([4, 1])],
      shape: [2, 3, 4],
      tolerance: SUMMED,
    },
    { name: 'i32', call: (x) => C.broadcast(x, [3, 3]), inputs: [integers([3, 1], 0, 9)] },
    {
      call: (x) => C.broadcast(x, [4]),
      inputs: [normal([3])],
      throws: 'broadcast: expected a shape that broadcasts to [4], got [3]',
    },
    {
      call: (x) => C.broadcast(x, [3]),
      inputs: [normal([2, 3])],
      throws: 'broadcast: expected a shape that broadcasts to [3], got [2, 3]',
    },
    {
      call: (x) => C.broadcast(x, [1]),
      inputs: [normal([3])],
      throws: 'broadcast: expected a shape that broadcasts to [1], got [3]',
    },
  ],
  slice: [
    { call: (x) => C.slice(x, [[1, 3]]), inputs: [normal([5])], shape: [2] },
    { call: (x) => C.slice(x, [null, [2, 5]]), inputs: [normal([3, 7])], shape: [3, 3] },
    { call: (x) => C.slice(x, [[-2]]), inputs: [normal([5, 3])], shape: [2, 3] },
    { call: (x) => C.slice(x, [[0, 7, 3]]), inputs: [normal([7])], shape: [3] },
    {
      call: (x) =>
        C.slice(x, [
          [1, 6, 2],
          [0, 5, 4],
        ]),
      inputs: [normal([7, 5])],
      shape: [3, 2],
    },
    { call: (x) => C.slice(x, [[0, 100]]), inputs: [normal([5])], shape: [5] },
    {
      call: (x) => C.slice(x, [[1, 2], null, [2, 4], [0, 1]]),
      inputs: [normal([2, 3, 5, 2])],
      shape: [1, 3, 2, 1],
    },
    {
      name: 'of a transpose',
      call: (x) => C.slice(C.transpose(x), [[1, 4, 2]]),
      inputs: [normal([3, 5])],
      shape: [2, 3],
    },
    {
      name: 'of a slice',
      call: (x) => C.slice(C.slice(x, [[1, 8, 2]]), [[1, 4, 2]]),
      inputs: [normal([9])],
      shape: [2],
    },
    { name: 'i32', call: (x) => C.slice(x, [[2, 9]]), inputs: [integers([11], 0, 9)] },
    {
      call: (x) => C.slice(x, [null, null]),
      inputs: [normal([5])],
      throws: 'slice: expected at most 1 ranges, got 2',
    },
    {
      call: (x) => C.slice(x, [[0, 2, 0]]),
      inputs: [normal([5])],
      throws: 'slice: expected integer bounds and a positive integer step, got [0,2,0]',
    },
    {
      call: (x) => C.slice(x, [[0.5, 2]]),
      inputs: [normal([5])],
      throws: 'slice: expected integer bounds and a positive integer step, got [0.5,2]',
    },
  ],
  pad: [
    { call: (x) => C.pad(x, [[1, 2]]), inputs: [normal([5])], shape: [8] },
    {
      call: (x) =>
        C.pad(x, [
          [1, 0],
          [2, 1],
        ]),
      inputs: [normal([3, 4])],
      shape: [4, 7],
    },
    {
      name: 'with a value',
      call: (x) =>
        C.pad(
          x,
          [
            [0, 0],
            [1, 1],
            [0, 2],
          ],
          -1.5,
        ),
      inputs: [normal([2, 3, 4])],
      shape: [2, 5, 6],
    },
    {
      name: 'between',
      call: (x) =>
        C.pad(x, [
          [1, 1, 2],
          [0, 0, 1],
        ]),
      inputs: [normal([3, 4])],
      shape: [9, 7],
    },
    {
      name: 'rank 5',
      call: (x) =>
        C.pad(x, [
          [0, 1],
          [1, 0],
          [0, 0],
          [2, 0],
          [0, 3],
        ]),
      inputs: [normal([2, 1, 3, 2, 1])],
      shape: [3, 2, 3, 4, 4],
    },
    {
      name: 'of a transpose',
      call: (x) =>
        C.pad(C.transpose(x), [
          [1, 1],
          [0, 1],
        ]),
      inputs: [normal([3, 4])],
      shape: [6, 4],
    },
    { name: 'i32', call: (x) => C.pad(x, [[2, 2]], 7), inputs: [integers([3], 0, 9)] },
    {
      call: (x) => C.pad(x, [[1, 1]]),
      inputs: [normal([2, 2])],
      throws: 'pad: expected 2 pairs of non-negative integers, got [[1,1]]',
    },
    {
      call: (x) => C.pad(x, [[-1, 1]]),
      inputs: [normal([2])],
      throws: 'pad: expected 1 pairs of non-negative integers, got [[-1,1]]',
    },
  ],
  concat: [
    { call: (a) => C.concat([a]), inputs: [normal([3])], shape: [3] },
    { call: (a, b) => C.concat([a, b]), inputs: [normal([3]), normal([1], 2)], shape: [4] },
    { call: (a, b) => C.concat([a, b], 1), inputs: [normal([2, 3]), normal([2, 4], 2)], shape: [2, 7] },
    {
      call: (a, b, c) => C.concat([a, b, c], -2),
      inputs: [normal([2, 1, 3]), normal([2, 3, 3], 2), normal([2, 2, 3], 3)],
      shape: [2, 6, 3],
    },
    {
      name: 'of one tensor twice',
      call: (a) => C.concat([a, a], 1),
      inputs: [normal([5, 3])],
      shape: [5, 6],
      tolerance: ROUNDED,
    },
    {
      name: 'of a transpose',
      call: (a, b) => C.concat([C.transpose(a), b]),
      inputs: [normal([3, 2]), normal([4, 3], 2)],
      shape: [6, 3],
    },
    {
      name: 'of eight',
      call: (...parts) => C.concat(parts, 1),
      inputs: [1, 2, 3, 4, 5, 6, 7, 8].map((n) => normal([2, n], n)),
      shape: [2, 36],
    },
    { name: 'i32', call: (a, b) => C.concat([a, b]), inputs: [integers([3], 0, 9), integers([4], 0, 9, 2)] },
    { call: () => C.concat([]), inputs: [], throws: 'concat: expected at least one tensor, got 0' },
    {
      call: (a, b) => C.concat([a, b]),
      inputs: [normal([2, 3]), normal([2, 4])],
      throws: 'concat: expected equal sizes on every axis but 0, got [2, 3] and [2, 4]',
    },
    {
      call: (a, b) => C.concat([a, b]),
      inputs: [normal([2]), integers([2], 0, 3)],
      throws: 'concat: expected tensors of one dtype, got f32 and i32',
    },
    {
      call: (a, b) => C.concat([a, b], 1),
      inputs: [normal([2]), normal([2])],
      throws: 'concat: expected an axis of [2], got 1',
    },
  ],

  sum: [
    ...REDUCTIONS.map(([shape, axes]) => ({
      name: `[${shape.join(', ')}] over ${axes?.join(', ') ?? 'all'}`,
      call: (x: Tensor) => C.sum(x, axes ? { axes } : {}),
      inputs: [normal(shape)],
      tolerance: SUMMED,
    })),
    {
      name: 'keepdim',
      call: (x) => C.sum(x, { axes: [1, -1], keepdim: true }),
      inputs: [normal([2, 3, 4])],
      shape: [2, 1, 1],
      tolerance: SUMMED,
    },
    {
      name: 'of a transpose',
      call: (x) => C.sum(C.transpose(x), { axes: 0 }),
      inputs: [normal([7, 33])],
      shape: [7],
      tolerance: SUMMED,
    },
    {
      name: 'of a product',
      call: (a, b) => C.sum(C.mul(a, b), { axes: -1 }),
      inputs: [normal([9, 65]), normal([65], 2)],
      shape: [9],
      tolerance: SUMMED,
    },
    {
      name: 'of a slice',
      call: (x) => C.sum(C.slice(x, [null, [1, 20, 3]]), { axes: 1 }),
      inputs: [normal([6, 21])],
      tolerance: SUMMED,
    },
    { name: 'i32', call: (x) => C.sum(x, { axes: 0 }), inputs: [integers([33, 5], -9, 9)] },
    { name: 'u32', call: (x) => C.sum(x), inputs: [integers([100], 0, 9, 1, 'u32')] },
    {
      name: 'millions, all',
      call: (x) => C.sum(x),
      inputs: [wave(MILLIONS)],
      tolerance: SUMMED_MILLIONS,
      large: true,
      expected: (x) => Float32Array.of(Array.from(x).reduce((total, value) => total + value, 0)),
    },
    {
      name: 'millions, rows',
      call: (x) => C.sum(x, { axes: 1 }),
      inputs: [wave(MILLIONS)],
      tolerance: SUMMED_MILLIONS,
      large: true,
      expected: (x) => sumsOfMillions(x, (row) => row),
    },
    {
      name: 'millions, columns',
      call: (x) => C.sum(x, { axes: 0 }),
      inputs: [wave(MILLIONS)],
      tolerance: SUMMED_MILLIONS,
      large: true,
      expected: (x) => sumsOfMillions(x, (_, column) => column),
    },
    {
      name: 'more rows than workgroups in a dimension',
      call: (x) => C.sum(x, { axes: 1 }),
      inputs: [normal([70_001, 3])],
      tolerance: SUMMED,
      large: true,
    },
    {
      name: 'more columns than workgroups in a dimension',
      call: (x) => C.sum(x, { axes: 0 }),
      inputs: [normal([3, 70_001])],
      tolerance: SUMMED,
      large: true,
    },
    { call: (x) => C.sum(x), inputs: [booleans([3])], throws: 'sum: expected f32, i32 or u32, got bool' },
    {
      call: (x) => C.sum(x, { axes: 2 }),
      inputs: [normal([3, 4])],
      throws: 'sum: expected an axis of [3, 4], got 2',
    },
    {
      call: (x) => C.sum(x, { axes: [0, -2] }),
      inputs: [normal([3, 4])],
      throws: 'sum: expected each axis once, got [0,-2]',
    },
  ],
  max: [
    ...REDUCTIONS.map(([shape, axes]) => ({
      name: `[${shape.join(', ')}] over ${axes?.join(', ') ?? 'all'}`,
      call: (x: Tensor) => C.max(x, axes ? { axes } : {}),
      inputs: [distinct(shape)],
    })),
    {
      name: 'keepdim',
      call: (x) => C.max(x, { axes: 1, keepdim: true }),
      inputs: [distinct([2, 3, 4])],
      shape: [2, 1, 4],
    },
    { name: 'all negative', call: (x) => C.max(x, { axes: 1 }), inputs: [uniform([5, 67], -3, -1)] },
    {
      name: 'of a transpose',
      call: (x) => C.max(C.transpose(x), { axes: 0 }),
      inputs: [distinct([7, 33])],
      shape: [7],
    },
    { name: 'i32', call: (x) => C.max(x, { axes: 1 }), inputs: [integers([9, 21], -99, 99)] },
    { name: 'min', call: (x) => C.min(x, { axes: 1 }), inputs: [distinct([9, 21])] },
    {
      call: (x) => C.max(x, { axes: 2 }),
      inputs: [normal([3, 4])],
      throws: 'max: expected an axis of [3, 4], got 2',
    },
  ],
  argmax: [
    ...REDUCTIONS.filter(([, axes]) => axes?.length === 1).map(([shape, axes]) => ({
      name: `[${shape.join(', ')}] along ${axes![0]}`,
      call: (x: Tensor) => C.argmax(x, axes![0]),
      inputs: [distinct(shape)],
      wrt: [],
    })),
    {
      name: 'first of a tie',
      call: (x) => C.argmax(x),
      inputs: [values([1, 3, 3, 0, 0, 0, -1, -1, -1], [3, 3])],
      shape: [3],
      wrt: [],
    },
    { name: 'first of a long tie', call: (x) => C.argmax(x), inputs: [integers([7, 300], 0, 4)], wrt: [] },
    {
      name: 'keepdim',
      call: (x) => C.argmax(x, 0, true),
      inputs: [distinct([5, 3])],
      shape: [1, 3],
      wrt: [],
    },
    {
      call: (x) => C.argmax(x, 2),
      inputs: [normal([3, 4])],
      throws: 'argmax: expected an axis of [3, 4], got 2',
    },
  ],

  matmul: [
    ...MATRIX_PRODUCTS.map(([m, k, n]) => ({
      name: `${m} x ${k} x ${n}`,
      call: (a: Tensor, b: Tensor) => C.matmul(a, b),
      inputs: [normal([m, k]), normal([k, n], 2)],
      shape: [m, n],
      tolerance: SUMMED,
      ...(m * k * n > 10_000 ? { large: true as const } : {}),
    })),
    ...[false, true].flatMap((transposeA) =>
      [false, true].flatMap((transposeB) =>
        TRANSPOSED_PRODUCTS.map(([m, k, n]) => ({
          name: `${m} x ${k} x ${n}${transposeA ? ', a transposed' : ''}${transposeB ? ', b transposed' : ''}`,
          call: (a: Tensor, b: Tensor) => C.matmul(a, b, { transposeA, transposeB }),
          inputs: [normal(transposeA ? [k, m] : [m, k]), normal(transposeB ? [n, k] : [k, n], 2)],
          shape: [m, n],
          tolerance: SUMMED,
          ...(m * k * n > 10_000 ? { large: true as const } : {}),
        })),
      ),
    ),
    {
      name: 'more batches than workgroups in a dimension',
      call: (a, b) => C.matmul(a, b),
      inputs: [normal([70_001, 1, 2]), normal([70_001, 2, 1], 2)],
      shape: [70_001, 1, 1],
      tolerance: SUMMED,
      wrt: [],
      large: true,
    },
    {
      name: 'batched',
      call: (a, b) => C.matmul(a, b),
      inputs: [normal([3, 4, 5]), normal([3, 5, 6], 2)],
      shape: [3, 4, 6],
      tolerance: SUMMED,
    },
    {
      name: 'batched, both transposed',
      call: (a, b) => C.matmul(a, b, { transposeA: true, transposeB: true }),
      inputs: [normal([3, 5, 17]), normal([3, 6, 5], 2)],
      shape: [3, 17, 6],
      tolerance: SUMMED,
    },
    {
      name: 'batch axes broadcast',
      call: (a, b) => C.matmul(a, b),
      inputs: [normal([2, 1, 4, 5]), normal([3, 5, 6], 2)],
      shape: [2, 3, 4, 6],
      tolerance: SUMMED,
    },
    {
      name: 'one matrix for the batch',
      call: (a, b) => C.matmul(a, b),
      inputs: [normal([2, 3, 4]), normal([4, 5], 2)],
      shape: [2, 3, 5],
      tolerance: SUMMED,
    },
    {
      name: 'one left matrix for the batch',
      call: (a, b) => C.matmul(a, b),
      inputs: [normal([3, 4]), normal([2, 4, 5], 2)],
      shape: [2, 3, 5],
      tolerance: SUMMED,
    },
    {
      name: 'of transposes',
      call: (a, b) => C.matmul(C.transpose(a), C.transpose(b)),
      inputs: [normal([9, 5]), normal([7, 9], 2)],
      shape: [5, 7],
      tolerance: SUMMED,
    },
    {
      name: 'of slices',
      call: (a, b) => C.matmul(C.slice(a, [[1, 8]]), C.slice(b, [null, [0, 9, 2]])),
      inputs: [normal([9, 6]), normal([6, 9], 2)],
      shape: [7, 5],
      tolerance: SUMMED,
    },
    {
      name: 'of a tensor with itself',
      call: (a) => C.matmul(a, a, { transposeB: true }),
      inputs: [normal([17, 9])],
      shape: [17, 17],
      tolerance: SUMMED,
    },
    {
      name: 'with bias and relu',
      call: (a, b, c) => C.relu(C.add(C.matmul(a, b), c)),
      inputs: [normal([33, 20]), normal([20, 35], 2), normal([35], 3)],
      tolerance: SUMMED,
    },
    {
      name: 'linear',
      call: (x, w, b) => C.linear(x, w, b),
      inputs: [normal([2, 3, 5]), normal([7, 5], 2), normal([7], 3)],
      shape: [2, 3, 7],
      tolerance: SUMMED,
    },
    {
      name: 'linear of a vector',
      call: (x, w) => C.linear(x, w),
      inputs: [normal([5]), normal([7, 5], 2)],
      shape: [7],
      tolerance: SUMMED,
    },
    {
      call: (a, b) => C.matmul(a, b),
      inputs: [normal([2, 3]), normal([2, 3])],
      throws: 'matmul: expected [..., m, k] and [..., k, n], got [2, 3] and [2, 3]',
    },
    {
      call: (a, b) => C.matmul(a, b, { transposeA: true }),
      inputs: [normal([3, 2]), normal([2, 3])],
      throws: 'matmul: expected [..., k, m] and [..., k, n], got [3, 2] and [2, 3]',
    },
    {
      call: (a, b) => C.matmul(a, b),
      inputs: [normal([3]), normal([3, 2])],
      throws: 'matmul: expected operands with at least two axes, got [3] and [3, 2]',
    },
    {
      call: (a, b) => C.matmul(a, b),
      inputs: [normal([2, 3, 4]), normal([3, 4, 5])],
      throws: 'matmul: expected batch axes that broadcast, got [2, 3, 4] and [3, 4, 5]',
    },
    {
      call: (a, b) => C.matmul(a, b),
      inputs: [normal([2, 2]), integers([2, 2], 0, 3)],
      throws: 'matmul: expected f32 and f32, got f32 and i32',
    },
    {
      call: (x, w) => C.linear(x, w),
      inputs: [normal([2, 5]), normal([7, 4])],
      throws: 'linear: expected x [..., in], weight [out, in], got [2, 5] and [7, 4]',
    },
    {
      call: (x, w, b) => C.linear(x, w, b),
      inputs: [normal([2, 5]), normal([7, 5]), normal([5])],
      throws: 'linear: expected x [..., in], weight [out, in] and bias [out], got [2, 5] and [7, 5] and [5]',
    },
  ],

  conv2d: [
    ...CONVOLUTIONS.map((shape) => ({
      name: convName(shape),
      call: (x: Tensor, w: Tensor) => C.conv2d(x, w, null, shape.options),
      inputs: [normal(shape.x), normal(shape.weight, 2)],
      shape: convolved(shape),
      tolerance: SUMMED,
      ...(shape.large ? { large: true as const } : {}),
    })),
    {
      name: 'with bias and relu',
      call: (x, w, b) => C.relu(C.conv2d(x, w, b, { padding: 1 })),
      inputs: [normal([2, 3, 6, 5]), normal([4, 3, 3, 3], 2), normal([4], 3)],
      tolerance: SUMMED,
    },
    {
      name: 'of a convolution',
      call: (x, w, v) => C.conv2d(C.tanh(C.conv2d(x, w)), v),
      inputs: [normal([2, 2, 7, 7]), normal([4, 2, 3, 3], 2), normal([3, 4, 3, 3], 3)],
      tolerance: SUMMED,
    },
    {
      name: 'conv1d',
      call: (x, w, b) => C.conv1d(x, w, b, { stride: 2, padding: 1, dilation: 2 }),
      inputs: [normal([2, 3, 15]), normal([4, 3, 3], 2), normal([4], 3)],
      shape: [2, 4, 7],
      tolerance: SUMMED,
    },
    {
      call: (x, w) => C.conv2d(x, w),
      inputs: [normal([1, 3, 5, 5]), normal([2, 4, 3, 3])],
      throws:
        'conv2d: expected x [n, c, h, w] and weight [o, c / 1, kh, kw] with o a multiple of groups 1, got [1, 3, 5, 5] and [2, 4, 3, 3]',
    },
    {
      call: (x, w) => C.conv2d(x, w, null, { groups: 2 }),
      inputs: [normal([1, 4, 5, 5]), normal([3, 2, 3, 3])],
      throws:
        'conv2d: expected x [n, c, h, w] and weight [o, c / 2, kh, kw] with o a multiple of groups 2, got [1, 4, 5, 5] and [3, 2, 3, 3]',
    },
    {
      call: (x, w) => C.conv2d(x, w),
      inputs: [normal([1, 1, 2, 5]), normal([1, 1, 3, 3])],
      throws: 'conv2d: expected a kernel no larger than the padded image, got [1, 1, 2, 5] and [1, 1, 3, 3]',
    },
    {
      call: (x, w) => C.conv2d(x, w),
      inputs: [normal([3, 5, 5]), normal([2, 3, 3, 3])],
      throws: 'conv2d: expected x and weight with 4 axes, got [3, 5, 5] and [2, 3, 3, 3]',
    },
    {
      call: (x, w, b) => C.conv2d(x, w, b),
      inputs: [normal([1, 1, 5, 5]), normal([2, 1, 3, 3]), normal([3])],
      throws:
        'conv2d: expected x and weight with 4 axes and bias [out], got [1, 1, 5, 5] and [2, 1, 3, 3] and [3]',
    },
    {
      call: (x, w) => C.conv2d(x, w, null, { stride: 0 }),
      inputs: [normal([1, 1, 5, 5]), normal([2, 1, 3, 3])],
      throws: 'conv2d: expected stride of integers >= 1, got 0',
    },
    {
      call: (x, w) => C.conv2d(x, w, null, { padding: [0, -1] }),
      inputs: [normal([1, 1, 5, 5]), normal([2, 1, 3, 3])],
      throws: 'conv2d: expected padding of integers >= 0, got [0,-1]',
    },
    {
      call: (x, w) => C.conv2d(x, w, null, { dilation: 1.5 }),
      inputs: [normal([1, 1, 5, 5]), normal([2, 1, 3, 3])],
      throws: 'conv2d: expected dilation of integers >= 1, got 1.5',
    },
    {
      call: (x, w) => C.conv2d(x, w, null, { groups: 0 }),
      inputs: [normal([1, 1, 5, 5]), normal([2, 1, 3, 3])],
      throws: 'conv2d: expected groups to be a positive integer, got 0',
    },
    {
      call: (x, w) => C.conv2d(x, w),
      inputs: [integers([1, 1, 5, 5], 0, 3), normal([2, 1, 3, 3])],
      throws: 'conv2d: expected f32, got i32',
    },
    {
      call: (x, w) => C.conv1d(x, w),
      inputs: [normal([1, 1, 5, 5]), normal([2, 1, 3])],
      throws: 'conv1d: expected x and weight with 3 axes, got [1, 1, 5, 5] and [2, 1, 3]',
    },
  ],
  convTranspose2d: [
    ...CONVOLUTIONS.map((shape) => ({
      name: `adjoint of ${convName(shape)}`,
      call: (y: Tensor, w: Tensor) =>
        emit(convTranspose2dOp, [y, w], {
          ...convAttrs(shape.options),
          outputSize: [shape.x[2], shape.x[3]],
        }),
      inputs: [normal(convolved(shape)), normal(shape.weight, 2)],
      shape: shape.x,
      tolerance: SUMMED,
      ...(shape.large ? { large: true as const } : {}),
    })),
    {
      call: (x, w) => C.convTranspose2d(x, w),
      inputs: [normal([2, 3, 4, 4]), normal([3, 2, 3, 3], 2)],
      shape: [2, 2, 6, 6],
      tolerance: SUMMED,
    },
    {
      call: (x, w, b) => C.convTranspose2d(x, w, b, { stride: 2, padding: 1, outputPadding: 1 }),
      inputs: [normal([1, 2, 4, 5]), normal([2, 3, 3, 3], 2), normal([3], 3)],
      shape: [1, 3, 8, 10],
      tolerance: SUMMED,
    },
    {
      call: (x, w) => C.convTranspose2d(x, w, null, { stride: [1, 3], dilation: 2 }),
      inputs: [normal([1, 2, 3, 3]), normal([2, 4, 2, 3], 2)],
      shape: [1, 4, 5, 11],
      tolerance: SUMMED,
    },
    {
      name: 'groups',
      call: (x, w) => C.convTranspose2d(x, w, null, { groups: 2, stride: 2 }),
      inputs: [normal([1, 4, 3, 3]), normal([4, 3, 2, 2], 2)],
      shape: [1, 6, 6, 6],
      tolerance: SUMMED,
    },
    {
      name: 'groups, per axis, with outputPadding',
      call: (x, w, b) =>
        C.convTranspose2d(x, w, b, {
          groups: 3,
          stride: [3, 1],
          padding: [1, 2],
          dilation: [1, 2],
          outputPadding: [2, 0],
        }),
      inputs: [normal([2, 6, 3, 5]), normal([6, 2, 2, 3], 2), normal([6], 3)],
      shape: [2, 6, 8, 5],
      tolerance: SUMMED,
    },
    {
      // The last row and column of the result come from no element of x.
      name: 'outputPadding of the dilation, not of the stride',
      call: (x, w) => C.convTranspose2d(x, w, null, { dilation: 2, outputPadding: 1 }),
      inputs: [normal([1, 2, 3, 3]), normal([2, 4, 2, 2], 2)],
      shape: [1, 4, 6, 6],
      tolerance: SUMMED,
    },
    {
      name: 'convTranspose1d',
      call: (x, w, b) =>
        C.convTranspose1d(x, w, b, { stride: 2, padding: 1, dilation: 2, outputPadding: 1, groups: 2 }),
      inputs: [normal([2, 4, 5]), normal([4, 3, 3], 2), normal([6], 3)],
      shape: [2, 6, 12],
      tolerance: SUMMED,
    },
    {
      call: (x, w) => C.convTranspose2d(x, w, null, { stride: 2, outputPadding: [0, 2] }),
      inputs: [normal([1, 2, 3, 3]), normal([2, 4, 2, 2])],
      throws: 'convTranspose2d: expected outputPadding smaller than stride or dilation, got [0,2]',
    },
    {
      call: (x, w) => C.convTranspose1d(x, w),
      inputs: [normal([1, 2, 3, 3]), normal([2, 4, 2])],
      throws: 'convTranspose1d: expected x and weight with 3 axes, got [1, 2, 3, 3] and [2, 4, 2]',
    },
    {
      call: (x, w) => C.convTranspose2d(x, w),
      inputs: [normal([1, 3, 4, 4]), normal([2, 3, 3, 3])],
      throws:
        'convTranspose2d: expected x [n, in, h, w] and weight [in, out / groups, kh, kw], got [1, 3, 4, 4] and [2, 3, 3, 3]',
    },
    {
      call: (x, w) => C.convTranspose2d(x, w, null, { padding: 2 }),
      inputs: [normal([1, 2, 1, 1]), normal([2, 3, 3, 3])],
      throws: 'convTranspose2d: expected an output of at least 1 x 1, got [1, 2, 1, 1] and [2, 3, 3, 3]',
    },
  ],
  conv2dWeightGrad: CONVOLUTIONS.map((shape) => ({
    name: `of ${convName(shape)}`,
    call: (x: Tensor, dy: Tensor) =>
      emit(conv2dWeightGradOp, [x, dy], {
        ...convAttrs(shape.options),
        kernelSize: [shape.weight[2], shape.weight[3]],
      }),
    inputs: [normal(shape.x), normal(convolved(shape), 2)],
    shape: shape.weight,
    tolerance: SUMMED,
    ...(shape.large ? { large: true as const } : {}),
  })),
  // Only passes make it, after the layout pass: images NHWC, weights HWIO.
  conv2dWeightGradParts: CONVOLUTIONS.filter(({ x }) => x[0] > 1).map((shape) => {
    const [o, i, kh, kw] = shape.weight;
    const last = ([n, c, h, w]: readonly [number, number, number, number]) => [n, h, w, c];
    return {
      name: `of ${convName(shape)}`,
      call: (x: Tensor, dy: Tensor) =>
        emit(conv2dWeightGradPartsOp, [x, dy], {
          ...convAttrs(shape.options),
          channelsLast: true,
          kernelSize: [kh, kw],
          parts: shape.x[0],
        }),
      inputs: [normal(last(shape.x)), normal(last(convolved(shape)), 2)],
      shape: [shape.x[0], kh, kw, i, o],
      tolerance: SUMMED,
      wrt: [],
    };
  }),

  maxPool2d: [
    ...POOLS.map((shape) => ({
      name: poolName(shape),
      call: (x: Tensor) => C.maxPool2d(x, shape.kernel, shape.options),
      inputs: [distinct(shape.x)],
      shape: pooled(shape),
      tolerance: ROUNDED, // overlapping windows add up in the gradient
    })),
    {
      name: 'all negative',
      call: (x) => C.maxPool2d(x, 3, { padding: 1, stride: 2 }),
      inputs: [uniform([1, 2, 6, 6], -3, -1)],
      tolerance: ROUNDED,
    },
    {
      name: 'first of a tie',
      call: (x) => C.maxPool2d(x, 2),
      inputs: [integersAsFloats([1, 2, 6, 6])],
      noDifferences: true,
    },
    {
      name: 'of a convolution',
      call: (x, w) => C.maxPool2d(C.relu(C.conv2d(x, w)), 2),
      inputs: [normal([2, 1, 8, 8]), normal([4, 1, 3, 3], 2)],
      tolerance: SUMMED,
    },
    {
      name: 'indices',
      call: (x) => C.maxPool2dIndices(x, [2, 3], { stride: [3, 1], padding: [0, 1] }),
      inputs: [distinct([2, 3, 9, 4])],
      shape: [2, 3, 3, 4],
    },
    {
      name: 'unpooled, a row and a column left over',
      call: (x) =>
        C.maxUnpool2d(C.maxPool2d(x, [2, 3]), C.maxPool2dIndices(x, [2, 3]), [2, 3], { outputSize: [7, 8] }),
      inputs: [distinct([2, 4, 7, 8])],
      shape: [2, 4, 7, 8],
    },
    {
      name: 'unpooled between convolutions',
      call: (x, w, v) => {
        const h = C.conv2d(x, w);
        return C.conv2d(C.maxUnpool2d(C.maxPool2d(h, 2), C.maxPool2dIndices(h, 2), 2), v);
      },
      inputs: [normal([2, 2, 6, 6]), normal([4, 2, 3, 3], 2), normal([3, 4, 2, 2], 3)],
      tolerance: SUMMED,
    },
    {
      call: (x, index) => C.maxUnpool2d(x, index, 2),
      inputs: [normal([1, 1, 2, 2]), integers([1, 1, 2, 3], 0, 4)],
      throws: 'maxUnpool2d: expected x and index [n, c, h, w], got [1, 1, 2, 2] and [1, 1, 2, 3]',
    },
    {
      call: (x, index) => C.maxUnpool2d(x, index, 2),
      inputs: [normal([1, 1, 2, 2]), normal([1, 1, 2, 2])],
      throws: 'maxUnpool2d: expected x f32 and index i32, got f32 and f32',
    },
    {
      call: (x, index) => C.maxUnpool2d(x, index, 2, { outputSize: [6, 4] }),
      inputs: [normal([1, 1, 2, 2]), integers([1, 1, 2, 2], 0, 4)],
      throws: 'maxUnpool2d: expected an outputSize that [2, 2] pools to [2, 2], got [6,4]',
    },
    {
      call: (x) => C.maxPool2dIndices(x, 2),
      inputs: [normal([1, 4, 4])],
      throws: 'maxPool2dIndices: expected x [n, c, h, w], got [1, 4, 4]',
    },
    {
      name: 'maxPool1d',
      call: (x) => C.maxPool1d(x, 3, { stride: 2, padding: 1 }),
      inputs: [distinct([2, 3, 11])],
      shape: [2, 3, 6],
      tolerance: ROUNDED,
    },
    {
      call: (x) => C.maxPool1d(x, 2),
      inputs: [normal([2, 4])],
      throws: 'maxPool1d: expected x [n, c, w], got [2, 4]',
    },
    {
      call: (x) => C.maxPool2d(x, 2),
      inputs: [normal([2, 4, 4])],
      throws: 'maxPool2d: expected x [n, c, h, w], got [2, 4, 4]',
    },
    {
      call: (x) => C.maxPool2d(x, 5),
      inputs: [normal([1, 1, 4, 4])],
      throws: 'maxPool2d: expected an image of at least [5, 5] with padding [0, 0], got [1, 1, 4, 4]',
    },
    {
      call: (x) => C.maxPool2d(x, 2, { padding: 2 }),
      inputs: [normal([1, 1, 4, 4])],
      throws: 'maxPool2d: expected padding of at most half the kernel, got [2, 2] and [2, 2]',
    },
    {
      call: (x) => C.maxPool2d(x, 0),
      inputs: [normal([1, 1, 4, 4])],
      throws: 'maxPool2d: expected kernel of integers >= 1, got 0',
    },
  ],
  maxPool2dGrad: POOLS.map((shape) => ({
    name: poolName(shape),
    call: (x: Tensor, dy: Tensor) => emit(maxPool2dGradOp, [x, dy], poolAttrs(shape)),
    inputs: [distinct(shape.x), normal(pooled(shape), 2)],
    shape: shape.x,
    tolerance: ROUNDED,
  })),
  maxPool2dPick: POOLS.map((shape) => ({
    name: poolName(shape),
    call: (x: Tensor, v: Tensor) => emit(maxPool2dPickOp, [x, v], poolAttrs(shape)),
    inputs: [distinct(shape.x), normal(shape.x, 2)],
    shape: pooled(shape),
    tolerance: ROUNDED,
  })),
  avgPool2d: [
    ...POOLS.flatMap((shape) =>
      [true, false].map((countIncludePad) => ({
        name: `${poolName(shape)}${countIncludePad ? '' : ', padding not counted'}`,
        call: (x: Tensor) => C.avgPool2d(x, shape.kernel, { ...shape.options, countIncludePad }),
        inputs: [normal(shape.x)],
        shape: pooled(shape),
        tolerance: QUOTIENT,
      })),
    ),
    {
      name: 'global',
      call: C.globalAvgPool2d,
      inputs: [normal([2, 3, 5, 7])],
      shape: [2, 3, 1, 1],
      tolerance: SUMMED,
    },
    {
      name: 'avgPool1d',
      call: (x) => C.avgPool1d(x, 3, { stride: 2, padding: 1, countIncludePad: false }),
      inputs: [normal([2, 4, 11])],
      shape: [2, 4, 6],
      tolerance: QUOTIENT,
    },
    {
      call: (x) => C.avgPool2d(x, 2),
      inputs: [normal([2, 4, 4])],
      throws: 'avgPool2d: expected x [n, c, h, w], got [2, 4, 4]',
    },
    {
      call: (x) => C.globalAvgPool2d(x),
      inputs: [normal([2, 4, 4])],
      throws: 'globalAvgPool2d: expected x [n, c, h, w], got [2, 4, 4]',
    },
  ],
  avgPool2dGrad: POOLS.flatMap((shape) =>
    [true, false].map((countIncludePad) => ({
      name: `${poolName(shape)}${countIncludePad ? '' : ', padding not counted'}`,
      call: (dy: Tensor) =>
        emit(avgPool2dGradOp, [dy], {
          ...poolAttrs(shape),
          countIncludePad,
          inputSize: [shape.x[2], shape.x[3]],
        }),
      inputs: [normal(pooled(shape))],
      shape: shape.x,
      tolerance: QUOTIENT,
    })),
  ),

  upsample: [
    ...UPSAMPLES.map((shape) => ({
      name: upsampleName(shape),
      call: (x: Tensor) => C.upsample(x, shape.options),
      inputs: [normal(shape.x)],
      shape: upsampled(shape),
      tolerance: QUOTIENT,
    })),
    {
      name: 'between convolutions',
      call: (x, w, v) => C.conv2d(C.upsample(C.relu(C.conv2d(x, w)), { scale: 2, mode: 'bilinear' }), v),
      inputs: [normal([2, 2, 5, 4]), normal([4, 2, 3, 3], 2), normal([3, 4, 3, 3], 3)],
      tolerance: SUMMED,
    },
    { name: 'to its own size', call: (x) => C.upsample(x, { size: [2, 3] }), inputs: [normal([1, 1, 2, 3])] },
    {
      call: (x) => C.upsample(x, { scale: 2 }),
      inputs: [normal([2, 4, 4])],
      throws: 'upsample: expected x [n, c, h, w], got [2, 4, 4]',
    },
    {
      call: (x) => C.upsample(x, { scale: 2 }),
      inputs: [integers([1, 1, 4, 4], 0, 3)],
      throws: 'upsample: expected f32, got i32',
    },
    {
      call: (x) => C.upsample(x, {}),
      inputs: [normal([1, 1, 4, 4])],
      throws: 'upsample: expected either scale or size, got neither',
    },
    {
      call: (x) => C.upsample(x, { scale: 2, size: 8 }),
      inputs: [normal([1, 1, 4, 4])],
      throws: 'upsample: expected either scale or size, got both',
    },
    {
      call: (x) => C.upsample(x, { scale: 1.5 }),
      inputs: [normal([1, 1, 4, 4])],
      throws: 'upsample: expected scale of integers >= 1, got 1.5',
    },
    {
      call: (x) => C.upsample(x, { scale: 2, alignCorners: true }),
      inputs: [normal([1, 1, 4, 4])],
      throws: "upsample: expected alignCorners with mode 'bilinear' only, got nearest",
    },
    {
      call: (x) => C.upsample(x, { scale: 2, mode: 'cubic' as 'nearest' }),
      inputs: [normal([1, 1, 4, 4])],
      throws: "upsample: expected mode 'nearest' or 'bilinear', got cubic",
    },
    {
      call: (x) => C.upsample(x, { size: [4, 2 ** 28] }),
      inputs: [normal([1, 1, 4, 4])],
      throws: 'upsample: expected sizes before and after with products below 2^29, got [4,268435456]',
    },
  ],
  upsampleGrad: UPSAMPLES.map((shape) => ({
    name: upsampleName(shape),
    call: (dy: Tensor) => emit(upsampleGradOp, [dy], upsampleAttrs(shape)),
    inputs: [normal(upsampled(shape))],
    shape: shape.x,
    tolerance: QUOTIENT,
  })),

  gather: [
    {
      call: (x, i) => C.gather(x, i, 0),
      inputs: [normal([7]), integers([11], 0, 7)],
      shape: [11],
      tolerance: ROUNDED,
    },
    {
      call: (x, i) => C.gather(x, i, 1),
      inputs: [normal([4, 5]), integers([4, 3], 0, 5)],
      shape: [4, 3],
      tolerance: ROUNDED,
    },
    {
      call: (x, i) => C.gather(x, i, 0),
      inputs: [normal([4, 5]), integers([6, 5], 0, 4)],
      shape: [6, 5],
      tolerance: ROUNDED,
    },
    {
      call: (x, i) => C.gather(x, i, -2),
      inputs: [normal([2, 3, 4]), integers([2, 9, 4], 0, 3)],
      shape: [2, 9, 4],
      tolerance: ROUNDED,
    },
    {
      name: 'outside reads 0',
      call: (x, i) => C.gather(x, i, 0),
      inputs: [normal([3]), values([-1, 0, 2, 3, -100, 100], [6], 'i32')],
    },
    {
      name: 'u32 index',
      call: (x, i) => C.gather(x, i, 0),
      inputs: [normal([3]), integers([5], 0, 3, 1, 'u32')],
      tolerance: ROUNDED,
    },
    {
      name: 'of i32',
      call: (x, i) => C.gather(x, i, 1),
      inputs: [integers([3, 4], 0, 99), integers([3, 2], 0, 4)],
    },
    {
      name: 'of a transpose',
      call: (x, i) => C.gather(C.transpose(x), i, 0),
      inputs: [normal([5, 4]), integers([3, 5], 0, 4)],
      tolerance: ROUNDED,
    },
    {
      call: (x, i) => C.gather(x, i, 0),
      inputs: [normal([3]), normal([3])],
      throws: 'gather: expected i32 or u32 indices, got f32',
    },
    {
      call: (x, i) => C.gather(x, i, 1),
      inputs: [normal([4, 5]), integers([3, 3], 0, 5)],
      throws: 'gather: expected an index shaped like x but along axis 1, got [4, 5] and [3, 3]',
    },
    {
      call: (x, i) => C.gather(x, i, 2),
      inputs: [normal([4, 5]), integers([4, 3], 0, 5)],
      throws: 'gather: expected an axis of [4, 5], got 2',
    },
  ],
  scatterAdd: [
    {
      call: (i, s) => C.scatterAdd(i, s, 0, 5),
      inputs: [integers([20], 0, 5), normal([20])],
      shape: [5],
      tolerance: SUMMED,
    },
    {
      call: (i, s) => C.scatterAdd(i, s, 1, 7),
      inputs: [integers([3, 4], 0, 7), normal([3, 4])],
      shape: [3, 7],
      tolerance: SUMMED,
    },
    {
      call: (i, s) => C.scatterAdd(i, s, 1, 3),
      inputs: [integers([2, 33, 5], 0, 3), normal([2, 33, 5])],
      shape: [2, 3, 5],
      tolerance: SUMMED,
    },
    {
      name: 'outside is dropped',
      call: (i, s) => C.scatterAdd(i, s, 0, 3),
      inputs: [values([-1, 0, 2, 3, 2], [5], 'i32'), normal([5])],
      tolerance: SUMMED,
    },
    {
      name: 'i32',
      call: (i, s) => C.scatterAdd(i, s, 0, 4),
      inputs: [integers([33], 0, 4), integers([33], -9, 9, 2)],
    },
    {
      call: (i, s) => C.scatterAdd(i, s, 0, 5),
      inputs: [integers([4], 0, 5), normal([3])],
      throws: 'scatterAdd: expected index and source of one shape, got [4] and [3]',
    },
    {
      call: (i, s) => C.scatterAdd(i, s, 0, 0),
      inputs: [integers([4], 0, 5), normal([4])],
      throws: 'scatterAdd: expected a positive integer size, got 0',
    },
    {
      call: (i, s) => C.scatterAdd(i, s, 0, 5),
      inputs: [normal([4]), normal([4])],
      throws: 'scatterAdd: expected i32 or u32 indices, got f32',
    },
  ],
  embedding: [
    { call: C.embedding, inputs: [normal([7, 4]), integers([], 0, 7)], shape: [4], tolerance: SUMMED },
    {
      call: C.embedding,
      inputs: [normal([7, 4]), integers([2, 5], 0, 7)],
      shape: [2, 5, 4],
      tolerance: SUMMED,
    },
    { call: C.embedding, inputs: [normal([3, 1]), integers([65], 0, 3)], shape: [65, 1], tolerance: SUMMED },
    {
      call: C.embedding,
      inputs: [normal([50, 17]), integers([3, 4, 2], 0, 50)],
      shape: [3, 4, 2, 17],
      tolerance: SUMMED,
    },
    {
      name: 'outside reads 0',
      call: C.embedding,
      inputs: [normal([3, 2]), values([-1, 3, 1, 99], [4], 'i32')],
      tolerance: SUMMED,
    },
    {
      call: C.embedding,
      inputs: [normal([7]), integers([2], 0, 7)],
      throws: 'embedding: expected weight [rows, width] and any index, got [7] and [2]',
    },
    {
      call: C.embedding,
      inputs: [normal([7, 4]), normal([2])],
      throws: 'embedding: expected i32 or u32 indices, got f32',
    },
  ],
  embeddingGrad: [
    {
      call: (i, dy) => emit(embeddingGradOp, [i, dy], { rows: 7 }),
      inputs: [integers([2, 5], 0, 7), normal([2, 5, 4])],
      shape: [7, 4],
      tolerance: SUMMED,
    },
    {
      call: (i, dy) => emit(embeddingGradOp, [i, dy], { rows: 3 }),
      inputs: [integers([100], 0, 3), normal([100, 17])],
      shape: [3, 17],
      tolerance: SUMMED,
    },
    {
      name: 'four columns at a time, an odd number of indices',
      call: (i, dy) => emit(embeddingGradOp, [i, dy], { rows: 65 }),
      inputs: [integers([513], 0, 65), normal([513, 128])],
      shape: [65, 128],
      tolerance: SUMMED,
    },
    {
      name: 'outside is dropped',
      call: (i, dy) => emit(embeddingGradOp, [i, dy], { rows: 3 }),
      inputs: [values([-1, 3, 1, 1], [4], 'i32'), normal([4, 5])],
      shape: [3, 5],
      tolerance: SUMMED,
    },
  ],

  random: [
    { name: 'bits', call: () => C.randomBits([257]), inputs: [], shape: [257] },
    { name: 'uniform', call: () => C.uniform([3, 5, 7]), inputs: [], shape: [3, 5, 7] },
    { name: 'uniform, one', call: () => C.uniform([]), inputs: [], shape: [] },
    { name: 'normal', call: () => C.normal([1023]), inputs: [], tolerance: NORMALS },
    {
      name: 'normal, odd',
      call: () => C.normal([5, 3], { stream: 'noise' }),
      inputs: [],
      tolerance: NORMALS,
    },
    { name: 'two streams', call: () => C.sub(C.uniform([65]), C.uniform([65])), inputs: [] },
    {
      name: 'one stream twice',
      call: () => C.sub(C.uniform([65], { stream: 'a' }), C.uniform([65], { stream: 'a' })),
      inputs: [],
    },
    {
      name: 'bernoulli',
      call: (x) => C.mul(x, C.bernoulli(0.3, [33, 3], { stream: 'mask' })),
      inputs: [normal([33, 3])],
    },
    { call: () => C.bernoulli(1.5, [3]), inputs: [], throws: 'bernoulli: expected p in [0, 1], got 1.5' },
  ],

  ...scanCases,
};

/** Whole numbers 0 to 3 as floats: many ties. */
function integersAsFloats(shape: readonly number[], seed = 1): Generator {
  const whole = integers(shape, 0, 4, seed);
  return { ...whole, dtype: 'f32', data: () => Float32Array.from(whole.data()) };
}

/** A name for reports: the op, and the case's name or the shapes of its inputs. */
export function caseName(op: string, { name, inputs, throws }: OpCase): string {
  const shapes = inputs.map(({ dtype, shape }) => `${dtype === 'f32' ? '' : dtype}[${shape.join(', ')}]`);
  return `${op} ${throws === undefined ? (name ?? shapes.join(' ')) : `throws: ${throws}`}`;
}

import { bitsToNormals, bitsToUniform, randomBits, sizeOf, type Shape, type Tensor } from '../graph/index.ts';
import {
  attentionSizes,
  imageSizes,
  kernelSizes,
  matmulSizes,
  upsampleGrid,
  type AttentionAttrs,
  type AvgPoolAttrs,
  type ConvAttrs,
  type PoolAttrs,
  type UpsampleAttrs,
} from '../ops/index.ts';
import type { LoopName, PrimitiveAttrs, PrimitiveName, SourceName } from '../ops/primitives.ts';
import { forEachIndex, offsetOf, type NdArray } from './nd-array.ts';
import { erf } from './special.ts';

/** Fill `out.data` from the inputs. Plain loops, float64 arithmetic: these are the definitions. */
type Reference<Attrs> = (inputs: readonly NdArray[], out: NdArray, attrs: Attrs, node: Tensor) => void;

const map1 =
  (f: (x: number) => number): Reference<unknown> =>
  ([x], out) => {
    for (let i = 0; i < out.data.length; i++) out.data[i] = f(x!.data[i]!);
  };

const map2 =
  (f: (a: number, b: number) => number): Reference<unknown> =>
  ([a, b], out) => {
    for (let i = 0; i < out.data.length; i++) out.data[i] = f(a!.data[i]!, b!.data[i]!);
  };

/** The definition of each op; `[Name in …]` makes a missing one a type error. */
export const references: {
  [Name in Exclude<PrimitiveName, SourceName | LoopName>]: Reference<PrimitiveAttrs[Name]>;
} = {
  fill: (_, out, { value }) => void out.data.fill(value),
  iota: (_, out, { axis }) => forEachIndex(out.shape, (at, i) => (out.data[i] = at[axis]!)),

  neg: map1((x) => -x),
  abs: map1(Math.abs),
  sign: map1(Math.sign),
  floor: map1(Math.floor),
  exp: map1(Math.exp),
  log: map1(Math.log),
  sqrt: map1(Math.sqrt),
  sin: map1(Math.sin),
  cos: map1(Math.cos),
  tanh: map1(Math.tanh),
  sigmoid: map1((x) => 1 / (1 + Math.exp(-x))),
  atan: map1(Math.atan),
  softplus: map1((x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
  erf: map1(erf),
  relu: map1((x) => (x > 0 ? x : x === x ? 0 : x)),
  not: map1((x) => (x ? 0 : 1)),
  detach: map1((x) => x),
  customVjp: map1((y) => y),
  copy: map1((x) => x),
  assign: map1((x) => x),
  leakyRelu: ([x], out, { alpha }) => map1((v) => (v > 0 ? v : alpha * v))([x!], out, {}, undefined!),
  cast: ([x], out, { dtype }) =>
    map1(
      dtype === 'bool'
        ? (v) => (v !== 0 ? 1 : 0)
        : x!.dtype === 'f32' && dtype !== 'f32'
          ? toInteger(dtype)
          : (v) => v,
    )([x!], out, {}, undefined!),

  add: map2((a, b) => a + b),
  sub: map2((a, b) => a - b),
  mul: (inputs, out, attrs, node) =>
    map2(out.dtype === 'f32' ? (a, b) => a * b : Math.imul)(inputs, out, attrs, node),
  div: (inputs, out, attrs, node) =>
    map2(out.dtype === 'f32' ? (a, b) => a / b : (a, b) => Math.trunc(a / b))(inputs, out, attrs, node),
  pow: map2(Math.pow),
  maximum: map2(Math.max),
  minimum: map2(Math.min),
  eq: map2((a, b) => Number(a === b)),
  ne: map2((a, b) => Number(a !== b)),
  lt: map2((a, b) => Number(a < b)),
  le: map2((a, b) => Number(a <= b)),
  gt: map2((a, b) => Number(a > b)),
  ge: map2((a, b) => Number(a >= b)),
  and: map2((a, b) => Number(a !== 0 && b !== 0)),
  or: map2((a, b) => Number(a !== 0 || b !== 0)),
  where([condition, a, b], out) {
    for (let i = 0; i < out.data.length; i++) out.data[i] = condition!.data[i] ? a!.data[i]! : b!.data[i]!;
  },

  reshape: map1((x) => x),
  permute([x], out, { perm }) {
    forEachIndex(out.shape, (at, i) => {
      const source = new Array<number>(perm.length);
      perm.forEach((axis, position) => (source[axis] = at[position]!));
      out.data[i] = x!.data[offsetOf(x!.shape, source)]!;
    });
  },
  broadcast([x], out) {
    const added = out.shape.length - x!.shape.length;
    forEachIndex(out.shape, (at, i) => {
      out.data[i] =
        x!.data[
          offsetOf(
            x!.shape,
            x!.shape.map((size, axis) => (size === 1 ? 0 : at[axis + added]!)),
          )
        ]!;
    });
  },
  slice([x], out, { starts, steps }) {
    forEachIndex(out.shape, (at, i) => {
      out.data[i] =
        x!.data[
          offsetOf(
            x!.shape,
            at.map((index, axis) => starts[axis]! + index * steps[axis]!),
          )
        ]!;
    });
  },
  pad([x], out, { pads, value }) {
    out.data.fill(value);
    forEachIndex(x!.shape, (at, i) => {
      out.data[
        offsetOf(
          out.shape,
          at.map((index, axis) => pads[axis]![0] + index * (pads[axis]![2] + 1)),
        )
      ] = x!.data[i]!;
    });
  },
  concat(inputs, out, { axis }) {
    let start = 0;
    for (const x of inputs) {
      forEachIndex(x.shape, (at, i) => {
        out.data[
          offsetOf(
            out.shape,
            at.map((index, a) => (a === axis ? start + index : index)),
          )
        ] = x.data[i]!;
      });
      start += x.shape[axis]!;
    }
  },

  sum([x], out, { axes }) {
    const totals = new Float64Array(out.data.length);
    forEachIndex(x!.shape, (at, i) => {
      totals[
        offsetOf(
          out.shape,
          at.filter((_, axis) => !axes.includes(axis)),
        )
      ]! += x!.data[i]!;
    });
    out.data.set(totals);
  },
  max: ([x], out, { axis }) => reduceFirst(x!, axis, (i, value) => (out.data[i] = value)),
  argmax: ([x], out, { axis }) => reduceFirst(x!, axis, (i, _, index) => (out.data[i] = index)),

  matmul([a, b], out, attrs, node) {
    const { m, k, n } = matmulSizes(node.inputs[0]!, node.inputs[1]!, attrs);
    const batch = out.data.length / (m * n);
    for (let s = 0; s < batch; s++)
      for (let i = 0; i < m; i++)
        for (let j = 0; j < n; j++) {
          let dot = 0;
          for (let p = 0; p < k; p++) {
            const left = a!.data[s * m * k + (attrs.transposeA ? p * m + i : i * k + p)]!;
            dot += left * b!.data[s * k * n + (attrs.transposeB ? j * k + p : p * n + j)]!;
          }
          out.data[(s * m + i) * n + j] = dot;
        }
  },

  conv2d([x, weight], out, attrs, node) {
    const totals = new Float64Array(out.data.length);
    forEachTap(node.inputs[0]!, node.inputs[1]!, node, attrs, (inImage, inWeight, inOutput) => {
      totals[inOutput]! += x!.data[inImage]! * weight!.data[inWeight]!;
    });
    out.data.set(totals);
  },
  convTranspose2d([y, weight], out, attrs, node) {
    const totals = new Float64Array(out.data.length);
    forEachTap(node, node.inputs[1]!, node.inputs[0]!, attrs, (inImage, inWeight, inOutput) => {
      totals[inImage]! += y!.data[inOutput]! * weight!.data[inWeight]!;
    });
    out.data.set(totals);
  },
  conv2dWeightGrad([x, dy], out, attrs, node) {
    const totals = new Float64Array(out.data.length);
    forEachTap(node.inputs[0]!, node, node.inputs[1]!, attrs, (inImage, inWeight, inOutput) => {
      totals[inWeight]! += x!.data[inImage]! * dy!.data[inOutput]!;
    });
    out.data.set(totals);
  },

  conv2dWeightGradParts([x, dy], out, attrs, node) {
    const size = out.data.length / attrs.parts;
    const images = node.inputs[0]!.shape[0]! / attrs.parts;
    const outputs = dy!.data.length / node.inputs[1]!.shape[0]!;
    const totals = new Float64Array(out.data.length);
    const weight = { shape: node.shape.slice(1) };
    forEachTap(node.inputs[0]!, weight, node.inputs[1]!, attrs, (inImage, inWeight, inOutput) => {
      const part = Math.floor(inOutput / outputs / images);
      totals[part * size + inWeight]! += x!.data[inImage]! * dy!.data[inOutput]!;
    });
    out.data.set(totals);
  },

  maxPool2d([x], out, attrs, node) {
    forEachWinner(x!, node.inputs[0]!, node, attrs, (winner, o) => (out.data[o] = x!.data[winner]!));
  },
  maxPool2dPick([x, v], out, attrs, node) {
    forEachWinner(x!, node.inputs[0]!, node, attrs, (winner, o) => (out.data[o] = v!.data[winner]!));
  },
  maxPool2dGrad([x, dy], out, attrs, node) {
    out.data.fill(0);
    forEachWinner(
      x!,
      node.inputs[0]!,
      node.inputs[1]!,
      attrs,
      (winner, o) => (out.data[winner]! += dy!.data[o]!),
    );
  },
  avgPool2d([x], out, attrs, node) {
    forEachWindow(node.inputs[0]!, node, attrs, (inside, o) => {
      let total = 0;
      for (const i of inside) total += x!.data[i]!;
      out.data[o] = total / windowCount(attrs, inside.length);
    });
  },
  avgPool2dGrad([dy], out, attrs, node) {
    out.data.fill(0);
    forEachWindow(node, node.inputs[0]!, attrs, (inside, o) => {
      for (const i of inside) out.data[i]! += dy!.data[o]! / windowCount(attrs, inside.length);
    });
  },

  upsample([x], out, attrs, node) {
    const totals = new Float64Array(out.data.length);
    forEachBlend(node.inputs[0]!, node, attrs, (inImage, o, share) => {
      totals[o]! += share * x!.data[inImage]!;
    });
    out.data.set(totals);
  },
  upsampleGrad([dy], out, attrs, node) {
    const totals = new Float64Array(out.data.length);
    forEachBlend(node, node.inputs[0]!, attrs, (inImage, o, share) => {
      totals[inImage]! += share * dy!.data[o]!;
    });
    out.data.set(totals);
  },

  gather([x, index], out, { axis }) {
    forEachIndex(out.shape, (at, i) => {
      const j = index!.data[i]!;
      const inside = j >= 0 && j < x!.shape[axis]!;
      out.data[i] = inside
        ? x!.data[
            offsetOf(
              x!.shape,
              at.map((v, a) => (a === axis ? j : v)),
            )
          ]!
        : 0;
    });
  },
  scatterAdd([index, source], out, { axis, size }) {
    out.data.fill(0);
    forEachIndex(source!.shape, (at, i) => {
      const j = index!.data[i]!;
      if (j >= 0 && j < size)
        out.data[
          offsetOf(
            out.shape,
            at.map((v, a) => (a === axis ? j : v)),
          )
        ]! += source!.data[i]!;
    });
  },
  embedding([weight, index], out) {
    const [rows, width] = weight!.shape as [number, number];
    for (let i = 0; i < out.data.length; i++) {
      const row = index!.data[Math.floor(i / width)]!;
      out.data[i] = row >= 0 && row < rows ? weight!.data[row * width + (i % width)]! : 0;
    }
  },
  embeddingGrad([index, dy], out, { rows }) {
    const width = out.shape[1]!;
    out.data.fill(0);
    for (let i = 0; i < dy!.data.length; i++) {
      const row = index!.data[Math.floor(i / width)]!;
      if (row >= 0 && row < rows) out.data[row * width + (i % width)]! += dy!.data[i]!;
    }
  },

  attention(inputs, out, attrs, node) {
    const v = inputs[2]!;
    const { batch, heads, queries, width } = attentionSizes(node.inputs[0]!, node.inputs[1]!);
    const resultShape = [batch, queries, heads, width];
    const statistics = [sizeOf(resultShape), sizeOf(resultShape) + batch * heads * queries] as const;
    const totals = new Float64Array(out.data.length);
    forEachQuery(node, inputs, 3, attrs, ({ b, h, i, p, largest, inverseSum }) => {
      const query = (b * heads + h) * queries + i;
      totals[statistics[0] + query] = largest;
      totals[statistics[1] + query] = inverseSum;
      p.forEach((weight, j) => {
        for (let c = 0; c < width; c++)
          totals[offsetOf(resultShape, [b, i, h, c])]! += weight * v.data[offsetOf(v.shape, [b, h, j, c])]!;
      });
    });
    out.data.set(totals);
  },
  attentionQueryGrad(inputs, out, attrs, node) {
    const [, k, v, , dy] = inputs as [NdArray, NdArray, NdArray, NdArray, NdArray];
    const { batch, heads, queries, width } = attentionSizes(node.inputs[0]!, node.inputs[1]!);
    const resultShape = [batch, queries, heads, width];
    const totals = new Float64Array(out.data.length);
    forEachQuery(node, inputs, 5, attrs, ({ b, h, i, p, largest, inverseSum }) => {
      const dp = p.map((_, j) => rowDot(dy, [b, h, i], v, [b, h, j]));
      const delta = p.reduce((sum, weight, j) => sum + weight * dp[j]!, 0);
      [largest, inverseSum, delta].forEach((statistic, which) => {
        const start = sizeOf(resultShape) + which * batch * heads * queries;
        totals[start + (b * heads + h) * queries + i] = statistic;
      });
      p.forEach((weight, j) => {
        const ds = weight * (dp[j]! - delta);
        for (let c = 0; c < width; c++)
          totals[offsetOf(resultShape, [b, i, h, c])]! +=
            attrs.scale * ds * k.data[offsetOf(k.shape, [b, h, j, c])]!;
      });
    });
    out.data.set(totals);
  },
  attentionKeyValueGrad(inputs, out, attrs, node) {
    const [q, k, v, dy] = inputs as [NdArray, NdArray, NdArray, NdArray];
    const { batch, heads, keys, width } = attentionSizes(node.inputs[0]!, node.inputs[1]!);
    const totals = new Float64Array(out.data.length);
    forEachQuery(node, inputs, 5, attrs, ({ b, h, i, p }) => {
      const dp = p.map((_, j) => rowDot(dy, [b, h, i], v, [b, h, j]));
      const delta = p.reduce((sum, weight, j) => sum + weight * dp[j]!, 0);
      p.forEach((weight, j) => {
        const ds = weight * (dp[j]! - delta);
        for (let c = 0; c < width; c++) {
          const at = offsetOf([batch, keys, heads, width], [b, j, h, c]);
          totals[at]! += attrs.scale * ds * q.data[offsetOf(q.shape, [b, h, i, c])]!;
          totals[k.data.length + at]! += weight * dy.data[offsetOf(dy.shape, [b, h, i, c])]!;
        }
      });
    });
    out.data.set(totals);
  },

  random([counter], out, { kind, seed, stream }) {
    const step = counter!.data[0]!;
    for (let i = 0; i < out.data.length; i++) {
      const bits = randomBits(seed, stream, step, i);
      if (kind === 'bits') out.data[i] = bits;
      else if (kind === 'uniform') out.data[i] = bitsToUniform(bits);
      // Words 2j and 2j + 1 of a block of four make normals 2j and 2j + 1.
      else
        out.data[i] = bitsToNormals(
          randomBits(seed, stream, step, i - (i % 2)),
          randomBits(seed, stream, step, i - (i % 2) + 1),
        )[i % 2]!;
    }
  },
};

/** Sum of products of two rows [.., c] at these coordinates. */
function rowDot(a: NdArray, atA: readonly number[], b: NdArray, atB: readonly number[]): number {
  let dot = 0;
  for (let c = 0; c < a.shape.at(-1)!; c++)
    dot += a.data[offsetOf(a.shape, [...atA, c])]! * b.data[offsetOf(b.shape, [...atB, c])]!;
  return dot;
}

interface Query {
  readonly b: number;
  readonly h: number;
  readonly i: number;
  /** Its probability for each key; all 0 where no key is admissible. */
  readonly p: readonly number[];
  /** Its largest score, and 1 / Σ exp(score − largest); -1e37 and 1 where no key is admissible. */
  readonly largest: number;
  readonly inverseSum: number;
}

/** Visit the queries of an attention with q and k first among the inputs, and a mask at `maskPosition`, if there is one. */
function forEachQuery(
  node: Tensor,
  inputs: readonly NdArray[],
  maskPosition: number,
  { causal, scale }: AttentionAttrs,
  visit: (query: Query) => void,
): void {
  const [q, k, mask] = [inputs[0]!, inputs[1]!, inputs[maskPosition]];
  const { batch, heads, queries, keys } = attentionSizes(node.inputs[0]!, node.inputs[1]!);
  const mayMeet = (at: readonly number[]) =>
    (!causal || at[3]! <= at[2]!) &&
    (!mask ||
      mask.data[
        offsetOf(
          mask.shape,
          at.map((x, axis) => (mask.shape[axis] === 1 ? 0 : x)),
        )
      ] !== 0);
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++)
      for (let i = 0; i < queries; i++) {
        const scores: number[] = [];
        for (let j = 0; j < keys; j++)
          scores.push(mayMeet([b, h, i, j]) ? scale * rowDot(q, [b, h, i], k, [b, h, j]) : -Infinity);
        const largest = Math.max(...scores);
        if (largest === -Infinity) {
          visit({ b, h, i, p: scores.map(() => 0), largest: -1e37, inverseSum: 1 });
          continue;
        }
        const exponentials = scores.map((score) => Math.exp(score - largest));
        const sum = exponentials.reduce((x, y) => x + y, 0);
        visit({ b, h, i, p: exponentials.map((x) => x / sum), largest, inverseSum: 1 / sum });
      }
}

/** Truncation to an integer type; values beyond its range become its nearest float32, as in WGSL. */
function toInteger(dtype: 'i32' | 'u32'): (x: number) => number {
  const [least, most] = dtype === 'i32' ? [-2147483648, 2147483520] : [0, 4294967040];
  return (x) => Math.trunc(Math.min(Math.max(x, least), most));
}

/** Call `take(output index, largest value, its first index)` for each line of x along `axis`. */
function reduceFirst(
  x: NdArray,
  axis: number,
  take: (i: number, value: number, index: number) => void,
): void {
  const inner = x.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const length = x.shape[axis]!;
  const lines = x.data.length / length;
  for (let line = 0; line < lines; line++) {
    const start = Math.floor(line / inner) * length * inner + (line % inner);
    let best = 0;
    for (let j = 1; j < length; j++) if (x.data[start + j * inner]! > x.data[start + best * inner]!) best = j;
    take(line, x.data[start + best * inner]!, best);
  }
}

/** Visit every product of a convolution as positions in the image, the weight and the output. */
function forEachTap(
  image: Tensor,
  weight: { readonly shape: Shape },
  output: Tensor,
  attrs: ConvAttrs,
  visit: (inImage: number, inWeight: number, inOutput: number) => void,
): void {
  const { stride, padding, dilation, groups, channelsLast } = attrs;
  const { n, c, h, w } = imageSizes(image, channelsLast);
  const { h: oh, w: ow, c: outputs } = imageSizes(output, channelsLast);
  const { o: oCount, i: iCount, kh, kw } = kernelSizes(weight, channelsLast);
  const imageAt = (s: number, ch: number, y: number, x: number) =>
    channelsLast ? ((s * h + y) * w + x) * c + ch : ((s * c + ch) * h + y) * w + x;
  const outputAt = (s: number, ch: number, y: number, x: number) =>
    channelsLast ? ((s * oh + y) * ow + x) * outputs + ch : ((s * outputs + ch) * oh + y) * ow + x;
  const weightAt = (o: number, i: number, ky: number, kx: number) =>
    channelsLast ? ((ky * kw + kx) * iCount + i) * oCount + o : ((o * iCount + i) * kh + ky) * kw + kx;
  for (let s = 0; s < n; s++)
    for (let o = 0; o < outputs; o++)
      for (let y = 0; y < oh; y++)
        for (let x = 0; x < ow; x++) {
          const group = Math.floor(o / (outputs / groups));
          for (let i = 0; i < iCount; i++)
            for (let ky = 0; ky < kh; ky++)
              for (let kx = 0; kx < kw; kx++) {
                const sy = y * stride[0] + ky * dilation[0] - padding[0];
                const sx = x * stride[1] + kx * dilation[1] - padding[1];
                if (sy < 0 || sy >= h || sx < 0 || sx >= w) continue;
                visit(imageAt(s, group * iCount + i, sy, sx), weightAt(o, i, ky, kx), outputAt(s, o, y, x));
              }
        }
}

/** Visit each pooling window as the positions inside the image (row by row) and the position of its output. */
function forEachWindow(
  image: Tensor,
  output: Tensor,
  attrs: PoolAttrs,
  visit: (inside: readonly number[], o: number) => void,
): void {
  const { kernel, stride, padding, channelsLast } = attrs;
  const { n, c, h, w } = imageSizes(image, channelsLast);
  const { h: oh, w: ow } = imageSizes(output, channelsLast);
  for (let s = 0; s < n; s++)
    for (let ch = 0; ch < c; ch++)
      for (let y = 0; y < oh; y++)
        for (let x = 0; x < ow; x++) {
          const inside: number[] = [];
          for (let ky = 0; ky < kernel[0]; ky++)
            for (let kx = 0; kx < kernel[1]; kx++) {
              const sy = y * stride[0] + ky - padding[0];
              const sx = x * stride[1] + kx - padding[1];
              if (sy < 0 || sy >= h || sx < 0 || sx >= w) continue;
              inside.push(channelsLast ? ((s * h + sy) * w + sx) * c + ch : ((s * c + ch) * h + sy) * w + sx);
            }
          visit(inside, channelsLast ? ((s * oh + y) * ow + x) * c + ch : ((s * c + ch) * oh + y) * ow + x);
        }
}

/** Visit each window's first largest element. */
function forEachWinner(
  x: NdArray,
  image: Tensor,
  output: Tensor,
  attrs: PoolAttrs,
  visit: (winner: number, o: number) => void,
): void {
  forEachWindow(image, output, attrs, (inside, o) => {
    let winner = inside[0]!;
    for (const i of inside) if (x.data[i]! > x.data[winner]!) winner = i;
    visit(winner, o);
  });
}

function windowCount({ kernel, countIncludePad }: AvgPoolAttrs, inside: number): number {
  return countIncludePad ? kernel[0] * kernel[1] : inside;
}

/** Visit each element that an upsampled one reads, with its share of it. */
function forEachBlend(
  image: Tensor,
  output: Tensor,
  attrs: UpsampleAttrs,
  visit: (inImage: number, o: number, share: number) => void,
): void {
  const { mode, channelsLast } = attrs;
  const { n, c, h, w } = imageSizes(image, channelsLast);
  const { h: oh, w: ow } = imageSizes(output, channelsLast);
  const neighbours = (i: number, axis: 0 | 1, size: number): (readonly [at: number, share: number])[] => {
    const { step, start, unit } = upsampleGrid(attrs, axis);
    const position = Math.max(i * step + start, 0) / unit;
    const before = Math.floor(position);
    if (mode === 'nearest') return [[before, 1]];
    return [
      [before, before + 1 - position],
      [Math.min(before + 1, size - 1), position - before],
    ];
  };
  for (let s = 0; s < n; s++)
    for (let ch = 0; ch < c; ch++)
      for (let y = 0; y < oh; y++)
        for (let x = 0; x < ow; x++) {
          const o = channelsLast ? ((s * oh + y) * ow + x) * c + ch : ((s * c + ch) * oh + y) * ow + x;
          for (const [sy, shareY] of neighbours(y, 0, h))
            for (const [sx, shareX] of neighbours(x, 1, w))
              visit(
                channelsLast ? ((s * h + sy) * w + sx) * c + ch : ((s * c + ch) * h + sy) * w + sx,
                o,
                shareY * shareX,
              );
        }
}

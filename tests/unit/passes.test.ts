import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  add,
  argmax,
  broadcast,
  cast,
  constant,
  conv1d,
  conv2d,
  detach,
  div,
  exp,
  f32,
  fill,
  flatten,
  grad,
  hostScalar,
  log,
  linear,
  matmul,
  max,
  maxPool2d,
  mean,
  mul,
  neg,
  nn,
  normal,
  optim,
  Parameter,
  permute,
  printGraph,
  relu,
  reshape,
  sin,
  sqrt,
  sub,
  sum,
  transpose,
  uniform,
  where,
  gt,
  type Tensor,
  type TypedArray,
  pad,
  sigmoid,
  slice,
} from '../../src/index.ts';
import { inversePermutation, sizeOf, topologicalOrder } from '../../src/graph/index.ts';
import { input } from '../../src/ops/index.ts';
import { channelsLast } from '../../src/passes/channels-last.ts';
import { vectorProducts } from '../../src/passes/vector-products.ts';
import { describeKernel } from '../../src/plan/index.ts';
import {
  eliminateCommonSubexpressions,
  foldTranspose,
  recomputeCheap,
  simplify,
  splitReductions,
} from '../../src/passes/index.ts';
import {
  batchFor,
  cnnStep,
  evaluate,
  normals,
  optimize,
  parameter,
  planOf,
  trace,
  wholeNumbers,
} from '../programs.ts';

const nothingStored = () => undefined;
const x = (...shape: number[]) => input('x', shape, 'f32');
const opsOf = (roots: readonly Tensor[]) => topologicalOrder(roots).map((node) => node.op.name);
const countOf = (roots: readonly Tensor[], op: string) => opsOf(roots).filter((name) => name === op).length;
const opsAndShapes = (root: Tensor) =>
  topologicalOrder([root]).map((node) => [node.op.name, node.shape] as const);
const print1 = (root: Tensor) => printGraph([root]);

describe('simplify', () => {
  const simplified = (root: Tensor) => print1(simplify([root])[0]!);

  test('folds arithmetic on constants of one value, through views and reductions', () => {
    const two = fill(2, [3, 4]);
    expect(simplified(sum(mul(transpose(two), 3)))).toMatchInlineSnapshot(`
      "%0: f32[] = fill(value=72, shape=[], dtype="f32")
      return %0"
    `);
    expect(simplified(where(gt(two, 1), exp(fill(0, [3, 4])), 7))).toMatchInlineSnapshot(`
      "%0: f32[3, 4] = fill(value=1, shape=[3,4], dtype="f32")
      return %0"
    `);
    expect(simplified(max(broadcast(fill(5), [2, 2]), { axes: 0 }))).toMatchInlineSnapshot(`
      "%0: f32[2] = fill(value=5, shape=[2], dtype="f32")
      return %0"
    `);
  });

  test('drops neutral elements', () => {
    const a = x(3);
    for (const same of [
      add(a, 0),
      add(0, a),
      sub(a, 0),
      mul(a, 1),
      mul(1, a),
      div(a, 1),
      neg(neg(a)),
      detach(a),
    ])
      expect(simplify([same])[0], print1(same)).toBe(a);
  });

  test('keeps what looks neutral and is not', () => {
    const a = x(3);
    for (const other of [sub(0, a), div(1, a), add(a, 1), mul(a, 2), neg(a), cast(a, 'i32')])
      expect(simplify([other])[0]!.op.name, print1(other)).toBe(other.op.name);
  });

  test('never folds x · 0: x may be NaN or infinite', () => {
    expect(simplified(mul(x(3), 0))).toMatchInlineSnapshot(`
      "%0: f32[3] = input(name="x", shape=[3], dtype="f32")
      %1: f32[3] = fill(value=0, shape=[3], dtype="f32")
      %2: f32[3] = mul(%0, %1)
      return %2"
    `);
    expect(simplified(mul(0, sub(x(3), x(3))))).toMatchInlineSnapshot(`
      "%0: f32[3] = input(name="x", shape=[3], dtype="f32")
      %1: f32[3] = input(name="x", shape=[3], dtype="f32")
      %2: f32[3] = sub(%0, %1)
      %3: f32[3] = fill(value=0, shape=[3], dtype="f32")
      %4: f32[3] = mul(%3, %2)
      return %4"
    `);
  });

  test('leaves results that f32 does not hold to the device', () => {
    for (const node of [
      div(fill(1), 0),
      log(fill(-1)),
      mul(fill(3e38), 10),
      sqrt(fill(-1)),
      sum(fill(3e38, [4])),
    ])
      expect(countOf(simplify([node]), node.op.name), print1(node)).toBe(1);
  });

  test('does not fold integer arithmetic, which wraps around', () => {
    const folded = simplify([mul(fill(2 ** 20, [], 'i32'), fill(2 ** 20, [], 'i32'))]);
    expect(opsOf(folded)).toContain('mul');
  });

  test('merges views of views', () => {
    const a = x(2, 3, 4);
    expect(simplified(reshape(reshape(a, [6, 4]), [24]))).toMatchInlineSnapshot(`
      "%0: f32[2, 3, 4] = input(name="x", shape=[2,3,4], dtype="f32")
      %1: f32[24] = reshape(%0, shape=[24])
      return %1"
    `);
    expect(simplify([reshape(reshape(a, [6, 4]), [2, 3, 4])])[0]).toBe(a);
    expect(simplify([permute(permute(a, [2, 0, 1]), [1, 2, 0])])[0]).toBe(a);
    expect(simplified(permute(permute(a, [2, 0, 1]), [2, 1, 0]))).toMatchInlineSnapshot(`
      "%0: f32[2, 3, 4] = input(name="x", shape=[2,3,4], dtype="f32")
      %1: f32[3, 2, 4] = permute(%0, perm=[1,0,2])
      return %1"
    `);
    expect(simplified(broadcast(broadcast(x(4), [3, 4]), [2, 3, 4]))).toMatchInlineSnapshot(`
      "%0: f32[4] = input(name="x", shape=[4], dtype="f32")
      %1: f32[2, 3, 4] = broadcast(%0, shape=[2,3,4])
      return %1"
    `);
  });

  test('takes a slice of what was padded from before the padding', () => {
    const a = x(6);
    const padded = pad(a, [[2, 3]]);
    expect(simplify([slice(padded, [[2, 8]])])[0]).toBe(a);
    expect(simplified(slice(padded, [[3, 8, 2]]))).toMatchInlineSnapshot(`
      "%0: f32[6] = input(name="x", shape=[6], dtype="f32")
      %1: f32[3] = slice(%0, starts=[1], ends=[6], steps=[2])
      return %1"
    `);
    for (const [range, between] of [
      [[1, 8], 0],
      [[2, 9], 0],
      [[2, 8], 1],
    ] as const)
      expect(simplify([slice(pad(a, [[2, 3, between]]), [range])])[0]!.inputs[0]!.op.name).toBe('pad');
  });

  test('turns a permutation that only moves axes of size 1 into a reshape', () => {
    expect(simplified(permute(x(1, 3, 1, 4), [1, 0, 3, 2]))).toMatchInlineSnapshot(`
      "%0: f32[1, 3, 1, 4] = input(name="x", shape=[1,3,1,4], dtype="f32")
      %1: f32[3, 1, 4, 1] = reshape(%0, shape=[3,1,4,1])
      return %1"
    `);
    expect(opsOf(simplify([permute(x(1, 3, 4), [2, 0, 1])]))).toContain('permute');
  });
});

describe('eliminateCommonSubexpressions', () => {
  test('merges equal ops on equal inputs', () => {
    const a = x(3);
    const root = add(mul(exp(a), exp(a)), mul(exp(a), exp(a)));
    expect(printGraph(eliminateCommonSubexpressions([root]))).toMatchInlineSnapshot(`
      "%0: f32[3] = input(name="x", shape=[3], dtype="f32")
      %1: f32[3] = exp(%0)
      %2: f32[3] = mul(%1, %1)
      %3: f32[3] = add(%2, %2)
      return %3"
    `);
  });

  test('tells attributes, dtypes and shapes apart', () => {
    const a = x(4, 4);
    const roots = [
      sum(a, { axes: 0 }),
      sum(a, { axes: 1 }),
      fill(1, [4]),
      fill(1, [4], 'i32'),
      fill(1, [2]),
      fill(2, [4]),
      reshape(a, [2, 8]),
      reshape(a, [8, 2]),
      cast(a, 'i32'),
      cast(a, 'u32'),
    ];
    expect(new Set(eliminateCommonSubexpressions(roots)).size).toBe(roots.length);
  });

  test('tells values apart that JSON does not', () => {
    const roots = [NaN, Infinity, -Infinity, 0, -0].map((value) => fill(value, [2]));
    expect(new Set(eliminateCommonSubexpressions(roots)).size).toBe(roots.length);
  });

  test('never merges values from outside', () => {
    const p = [parameter('p', [2], [0, 0]), parameter('p', [2], [0, 0])];
    const c = [constant([1, 2]), constant([3, 4])];
    const h = [hostScalar('lr', () => 1), hostScalar('lr', () => 2)];
    for (const [a, b] of [p, c, h]) {
      const [ea, eb] = eliminateCommonSubexpressions([exp(a!), exp(b!)]);
      expect(ea).not.toBe(eb);
    }
  });

  test('never merges two random streams, and merges two draws of one', async () => {
    const { outputs } = await trace({}, () => ({
      outputs: {
        a: uniform([4]),
        b: uniform([4]),
        c: uniform([4], { stream: 'noise' }),
        d: uniform([4], { stream: 'noise' }),
        e: normal([4], { stream: 'noise' }),
        f: uniform([2, 2], { stream: 'noise' }),
      },
    }));
    const [a, b, c, d, e, f] = eliminateCommonSubexpressions([...outputs.values()]);
    expect(c).toBe(d);
    expect(new Set([a, b, c, e, f]).size).toBe(5);
  });
});

describe('vectorProducts', () => {
  const flags = [false, true];
  const sizes = [
    [1, 5, 4],
    [3, 1, 4],
    [3, 5, 1],
    [1, 1, 4],
    [3, 1, 1],
    [1, 5, 1],
    [1, 1, 1],
  ] as const;
  const cases = sizes.flatMap(([m, k, n]) =>
    flags.flatMap((transposeA) => flags.map((transposeB) => ({ m, k, n, transposeA, transposeB }))),
  );

  test.each(cases)(
    'keeps values of $m x $k by $k x $n, $transposeA $transposeB',
    async ({ m, k, n, ...flag }) => {
      const a = constant(wholeNumbers(2 * m * k), flag.transposeA ? [2, k, m] : [2, m, k]);
      const b = constant(wholeNumbers(k * n, 2), flag.transposeB ? [1, n, k] : [1, k, n]);
      const root = matmul(a, b, flag);
      const [sum] = vectorProducts([root]);
      expect(countOf([sum!], 'matmul')).toBe(0);
      expect(countOf([sum!], 'sum')).toBe(k === 1 ? 0 : 1);
      expect(sum!.shape).toEqual([2, m, n]);
      const [before, after] = await evaluate([root, sum!]);
      expect(after!.map((value) => value + 0)).toEqual(before); // a product of one element may be -0
    },
  );

  test('products of matrices stay', () => {
    const root = matmul(x(2, 3), input('y', [3, 2], 'f32'));
    expect(vectorProducts([root])).toEqual([root]);
  });

  test('a layer with one output takes no kernel of matrices, and its sums join what follows', async () => {
    const w = parameter('w', [1, 16], wholeNumbers(16));
    const logits = linear(x(64, 16), w, parameter('b', [1], wholeNumbers(1)));
    const plan = planOf({
      inputs: new Map(),
      outputs: new Map([['y', sigmoid(logits)]]),
      updates: [],
      seed: 0,
    });
    expect(plan.kernels.map(describeKernel)).toEqual(['rows: mul,sum,add,sigmoid']);
  });
});

describe('foldTranspose', () => {
  const folded = (root: Tensor) => print1(foldTranspose([root])[0]!);
  const [a, b] = [input('a', [3, 4], 'f32'), input('b', [3, 5], 'f32')];

  test('a transposed operand becomes a flag', () => {
    expect(folded(matmul(transpose(a), b))).toMatchInlineSnapshot(`
      "%0: f32[3, 4] = input(name="a", shape=[3,4], dtype="f32")
      %1: f32[3, 5] = input(name="b", shape=[3,5], dtype="f32")
      %2: f32[4, 5] = matmul(%0, %1, transposeA=true, transposeB=false)
      return %2"
    `);
  });

  test('a transposed operand that is read transposed is read as it is', () => {
    const back = matmul(transpose(transpose(a)), b, { transposeA: true });
    expect(opsOf(foldTranspose(simplify([back])))).toEqual(['input', 'input', 'matmul']);
    const [plain] = foldTranspose([
      matmul(transpose(a), transpose(x(4, 5)), { transposeA: true, transposeB: true }),
    ]);
    expect(plain!.attrs).toEqual({ transposeA: false, transposeB: false });
  });

  test('a permutation of batch axes stays', () => {
    const batched = input('x', [2, 3, 4, 5], 'f32');
    const other = input('y', [3, 2, 4, 6], 'f32');
    expect(folded(matmul(permute(batched, [1, 0, 3, 2]), other))).toContain('permute');
    expect(folded(matmul(transpose(batched), permute(other, [1, 0, 2, 3])))).toMatchInlineSnapshot(`
      "%0: f32[2, 3, 4, 5] = input(name="x", shape=[2,3,4,5], dtype="f32")
      %1: f32[3, 2, 4, 6] = input(name="y", shape=[3,2,4,6], dtype="f32")
      %2: f32[2, 3, 4, 6] = permute(%1, perm=[1,0,2,3])
      %3: f32[2, 3, 5, 6] = matmul(%0, %2, transposeA=true, transposeB=false)
      return %3"
    `);
  });

  test.each([
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ])('keeps values with transposeA %s and transposeB %s', async (transposeA, transposeB) => {
    const p = constant(wholeNumbers(12), transposeA ? [4, 3] : [3, 4]);
    const q = constant(wholeNumbers(15, 2), transposeB ? [3, 5] : [5, 3]);
    const root = matmul(transpose(p), transpose(q), { transposeA, transposeB });
    const [before, after] = await evaluate([root, ...foldTranspose([root])]);
    expect(after).toEqual(before);
    expect(countOf(foldTranspose([root]), 'permute')).toBe(0);
  });
});

/** A small convolutional classifier with Adam, traced. */
async function smallCnn() {
  const { signature, fn, model } = cnnStep({ batch: 3, size: 8, channels: [4, 6], hidden: 5 });
  return { program: await trace(signature, fn), data: batchFor(signature), model };
}

describe('channelsLast', () => {
  test('permutes only where values enter and leave the image ops', () => {
    const weights = [
      parameter('w1', [4, 3, 3, 3], []),
      parameter('b1', [4], []),
      parameter('w2', [5, 4, 3, 3], []),
    ];
    const [w1, b1, w2] = weights as [Parameter, Parameter, Parameter];
    const linear = parameter('w3', [6, 5 * 4], []);
    let h = relu(conv2d(x(2, 3, 8, 8), w1, b1, { padding: 1 }));
    h = conv2d(maxPool2d(h, 2), w2);
    const y = matmul(flatten(h), linear, { transposeB: true });
    const { outputs, storage } = channelsLast([y], [], nothingStored);
    expect([...storage].map(([p, order]) => [p.label, order])).toEqual([
      ['w1', [2, 3, 1, 0]],
      ['w2', [2, 3, 1, 0]],
    ]);
    expect(printGraph(simplify(outputs))).toMatchInlineSnapshot(`
      "%0: f32[4, 3, 3, 3] = parameter(w1)
      %1: f32[4] = parameter(b1)
      %2: f32[5, 4, 3, 3] = parameter(w2)
      %3: f32[6, 20] = parameter(w3)
      %4: f32[2, 3, 8, 8] = input(name="x", shape=[2,3,8,8], dtype="f32")
      %5: f32[4, 1, 1] = reshape(%1, shape=[4,1,1])
      %6: f32[2, 4, 8, 8] = broadcast(%5, shape=[2,4,8,8])
      %7: f32[3, 3, 3, 4] = permute(%0, perm=[2,3,1,0])
      %8: f32[3, 3, 4, 5] = permute(%2, perm=[2,3,1,0])
      %9: f32[2, 8, 8, 3] = permute(%4, perm=[0,2,3,1])
      %10: f32[2, 8, 8, 4] = conv2d(%9, %7, stride=[1,1], padding=[1,1], dilation=[1,1], groups=1, channelsLast=true)
      %11: f32[2, 8, 8, 4] = permute(%6, perm=[0,2,3,1])
      %12: f32[2, 8, 8, 4] = add(%10, %11)
      %13: f32[2, 8, 8, 4] = relu(%12)
      %14: f32[2, 4, 4, 4] = maxPool2d(%13, kernel=[2,2], stride=[2,2], padding=[0,0], channelsLast=true)
      %15: f32[2, 2, 2, 5] = conv2d(%14, %8, stride=[1,1], padding=[0,0], dilation=[1,1], groups=1, channelsLast=true)
      %16: f32[2, 5, 2, 2] = permute(%15, perm=[0,3,1,2])
      %17: f32[2, 20] = reshape(%16, shape=[2,20])
      %18: f32[2, 6] = matmul(%17, %3, transposeA=false, transposeB=true)
      return %18"
    `);
  });

  test('stores weights and their moments as the convolution reads them, so that updates need no permutation', async () => {
    const { program } = await smallCnn();
    const { updates, storage } = optimize([...program.outputs.values()], program.updates, nothingStored);
    expect([...storage.keys()].map((p) => p.label)).toEqual([
      '0.weight',
      '3.weight',
      '0.weight.exp_avg',
      '0.weight.exp_avg_sq',
      '3.weight.exp_avg',
      '3.weight.exp_avg_sq',
    ]);
    for (const order of storage.values()) expect(order).toEqual([2, 3, 1, 0]);
    // What is left are images: into the linear layer and back. (A repeated value has no order.)
    const permuted = topologicalOrder(updates.map(([, value]) => value)).filter(
      ({ op, inputs: [of] }) =>
        op.name === 'permute' && !(of instanceof Parameter) && of!.op.name !== 'broadcast',
    );
    expect(permuted.map((node) => node.toString().replace(/^%\d+: /, ''))).toMatchInlineSnapshot(`
      [
        "f32[3, 6, 2, 2] = permute",
        "f32[3, 2, 2, 6] = permute",
      ]
    `);
  });

  test('keeps to the order in which a parameter is stored already', () => {
    const w = parameter('w', [4, 3, 3, 3], []);
    const moment = new Parameter(w.shape, () => [], { name: 'moment', like: w, trainable: false });
    const y = conv2d(x(2, 3, 8, 8), w);
    const updates = [[w, sub(w, moment)] as const, [moment, mul(moment, 0.5)] as const];
    const declared = channelsLast([y], updates, () => null);
    expect(declared.storage.size).toBe(0);
    expect(declared.updates.map(([, value]) => value.shape)).toEqual([w.shape, w.shape]);
    const moved = channelsLast([y], updates, (p) => (p === w ? [2, 3, 1, 0] : undefined));
    expect([...moved.storage.values()]).toEqual([
      [2, 3, 1, 0],
      [2, 3, 1, 0],
    ]);
  });

  test('reductions of images keep their values under any order', async () => {
    const data = wholeNumbers(2 * 3 * 6 * 5);
    const weight = constant(wholeNumbers(4 * 3 * 9, 2), [4, 3, 3, 3]);
    const y = conv2d(x(2, 3, 6, 5), weight);
    const roots = [
      sum(y),
      ...[0, 1, 2, 3].flatMap((axis) => [sum(y, { axes: axis }), max(y, { axes: axis }), argmax(y, axis)]),
      sum(y, { axes: [0, 2] }),
      sum(y, { axes: [1, 3], keepdim: true }),
      max(y, { axes: [2, 3] }),
      sum(sum(y, { axes: 1 }), { axes: 0 }),
      argmax(sum(y, { axes: 3 }), 1),
    ];
    const { outputs } = channelsLast(roots, [], nothingStored);
    const values = await evaluate([...roots, ...outputs], { x: data });
    outputs.forEach((output, i) => {
      expect(output.shape).toEqual(roots[i]!.shape);
      expect(values[roots.length + i]).toEqual(values[i]);
    });
  });
});

describe('channelsLast and reshapes', () => {
  const y = conv2d(x(2, 3, 8, 7), constant(wholeNumbers(4 * 3 * 9, 2), [4, 3, 3, 3])); // [2, 4, 6, 5]
  const shapes = [
    [2, 2, 2, 6, 5],
    [2, 4, 2, 3, 5],
    [2, 4, 30],
    [2, 1, 4, 6, 1, 5, 1],
    [8, 6, 5],
    [2, 24, 5],
    [2, 120],
    [240],
    [4, 2, 6, 5],
  ];

  test('keep their values under any order', async () => {
    const roots = shapes.flatMap((shape) => {
      const reshaped = reshape(y, shape);
      const back = mul(reshape(mul(reshaped, 2), y.shape), y);
      return [
        reshaped,
        sum(reshaped, { axes: -1 }),
        back,
        conv2d(back, constant(wholeNumbers(8, 3), [2, 4, 1, 1])),
      ];
    });
    const { outputs } = channelsLast(roots, [], nothingStored);
    const values = await evaluate([...roots, ...outputs], { x: wholeNumbers(2 * 3 * 8 * 7) });
    outputs.forEach((output, i) => {
      expect(output.shape).toEqual(roots[i]!.shape);
      expect(values[roots.length + i]).toEqual(values[i]);
    });
  });

  test('of neighbouring axes need no permutation on the way', () => {
    const permutations = shapes.map((shape) => {
      const back = reshape(exp(reshape(y, shape)), y.shape);
      const { outputs } = channelsLast(
        [conv2d(back, constant(wholeNumbers(8, 3), [2, 4, 1, 1]))],
        [],
        nothingStored,
      );
      return countOf(simplify(outputs), 'permute');
    });
    // Of the input, of two weights and of the result; then to the reshape and back.
    expect(permutations).toEqual([4, 4, 4, 4, 6, 6, 6, 6, 6]);
  });

  test('let a sequence go from one conv1d to the next as it is', () => {
    const weight = constant(wholeNumbers(3 * 3 * 2), [3, 3, 2]);
    const sequence = conv1d(relu(conv1d(x(2, 3, 9), weight)), weight);
    const { outputs } = channelsLast([sequence], [], nothingStored);
    expect(countOf(eliminateCommonSubexpressions(simplify(outputs)), 'permute')).toBe(3);
  });
});

describe('splitReductions', () => {
  const split = (root: Tensor) => printGraph(splitReductions([root]));

  test('sums many elements in two stages', () => {
    expect(split(sum(x(1024, 32), { axes: 0 }))).toMatchInlineSnapshot(`
      "%0: f32[1024, 32] = input(name="x", shape=[1024,32], dtype="f32")
      %1: f32[1, 32, 32, 32] = reshape(%0, shape=[1,32,32,32])
      %2: f32[1, 32, 32] = sum(%1, axes=[2])
      %3: f32[1, 32] = sum(%2, axes=[1])
      %4: f32[32] = reshape(%3, shape=[32])
      return %4"
    `);
    expect(split(sum(x(128 * 128)))).toMatchInlineSnapshot(`
      "%0: f32[16384] = input(name="x", shape=[16384], dtype="f32")
      %1: f32[1, 128, 128] = reshape(%0, shape=[1,128,128])
      %2: f32[1, 128] = sum(%1, axes=[2])
      %3: f32[1] = sum(%2, axes=[1])
      %4: f32[] = reshape(%3, shape=[])
      return %4"
    `);
  });

  test('keeps short sums and sums with many results in one stage', () => {
    expect(countOf(splitReductions([sum(x(32, 16), { axes: 0 })]), 'sum')).toBe(1);
    expect(countOf(splitReductions([sum(x(4096, 256), { axes: 1 })]), 'sum')).toBe(1);
  });

  test('a length without divisors stays in one stage', () => {
    expect(countOf(splitReductions([sum(x(10007))]), 'sum')).toBe(1);
  });

  test('sums over scattered axes become sums over neighbouring ones', () => {
    expect(split(sum(x(2, 3, 4, 5), { axes: [0, 2] }))).toMatchInlineSnapshot(`
      "%0: f32[2, 3, 4, 5] = input(name="x", shape=[2,3,4,5], dtype="f32")
      %1: f32[6, 4, 5] = reshape(%0, shape=[6,4,5])
      %2: f32[6, 5] = sum(%1, axes=[1])
      %3: f32[2, 3, 5] = reshape(%2, shape=[2,3,5])
      %4: f32[1, 2, 15] = reshape(%3, shape=[1,2,15])
      %5: f32[1, 15] = sum(%4, axes=[1])
      %6: f32[3, 5] = reshape(%5, shape=[3,5])
      return %6"
    `);
  });

  test('of scattered axes, the longest come first', () => {
    const shapes = opsAndShapes(splitReductions([sum(x(2, 5, 6, 3, 4), { axes: [1, 2, 4] })])[0]!);
    expect(shapes.filter(([op]) => op === 'sum').map(([, shape]) => shape)).toEqual([[2, 12], [6]]);
  });

  test('a weight gradient over a long axis becomes a batch of products', () => {
    const a = input('a', [1024, 20], 'f32');
    const b = input('b', [1024, 12], 'f32');
    expect(split(matmul(a, b, { transposeA: true }))).toMatchInlineSnapshot(`
      "%0: f32[1024, 20] = input(name="a", shape=[1024,20], dtype="f32")
      %1: f32[1024, 12] = input(name="b", shape=[1024,12], dtype="f32")
      %2: f32[8, 128, 20] = reshape(%0, shape=[8,128,20])
      %3: f32[8, 128, 12] = reshape(%1, shape=[8,128,12])
      %4: f32[8, 20, 12] = matmul(%2, %3, transposeA=true, transposeB=false)
      %5: f32[20, 12] = sum(%4, axes=[0])
      return %5"
    `);
  });

  test('gives the same sums, also for primes and other sizes that divide badly', async () => {
    const shapeAndAxes = fc
      .array(fc.constantFrom(1, 2, 3, 5, 7, 16, 31, 64, 97, 130), { minLength: 1, maxLength: 4 })
      .filter((shape) => sizeOf(shape) <= 40_000)
      .chain((shape) =>
        fc.tuple(
          fc.constant(shape),
          fc.subarray(
            shape.map((_, axis) => axis),
            { minLength: 1 },
          ),
        ),
      );
    await fc.assert(
      fc.asyncProperty(shapeAndAxes, async ([shape, axes]) => {
        const root = sum(constant(wholeNumbers(sizeOf(shape)), shape), { axes });
        const [after] = splitReductions([root]);
        expect(after!.shape).toEqual(root.shape);
        const [expected, got] = await evaluate([root, after!]);
        expect(got).toEqual(expected);
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  test.each([512, 521, 1000, 1024, 1536])('gives the same product Aᵀ B over %i rows', async (k) => {
    const a = constant(wholeNumbers(k * 5), [k, 5]);
    const b = constant(wholeNumbers(k * 3, 2), [k, 3]);
    const root = matmul(a, b, { transposeA: true });
    const [expected, got] = await evaluate([root, ...splitReductions([root])]);
    expect(got).toEqual(expected);
  });

  test.each([1, 2, 7, 64, 65, 127])('gives the same weight gradient of %i images', async (n) => {
    const images = constant(wholeNumbers(n * 2 * 16), [n, 2, 4, 4]);
    const weight = constant(wholeNumbers(3 * 2 * 9, 2), [3, 2, 3, 3]);
    const dy = constant(wholeNumbers(n * 3 * 4, 3), [n, 3, 2, 2]);
    const [gradient] = grad(sum(mul(conv2d(images, weight), dy)), [weight]);
    const { outputs } = channelsLast([gradient!], [], nothingStored);
    const [expected, got] = await evaluate([gradient!, ...splitReductions(outputs)]);
    expect(got).toEqual(expected);
  });
});

describe('recomputeCheap', () => {
  test('gives every user its own one-hot mask, and keeps what is dear', () => {
    const labels = input('labels', [4], 'i32');
    const logits = input('logits', [4, 3], 'f32');
    const loss = nn.crossEntropy(logits, labels);
    const roots = [loss, ...grad(loss, [logits])];
    const before = simplify(eliminateCommonSubexpressions(roots));
    const after = recomputeCheap(before);
    expect(countOf(before, 'iota')).toBe(1);
    expect(countOf(after, 'iota')).toBeGreaterThan(1);
    expect(countOf(after, 'exp')).toBe(countOf(before, 'exp'));
  });

  test('gives every user its own distance to a mean, since both are in memory', () => {
    const h = matmul(x(8, 5), constant(wholeNumbers(35), [5, 7]));
    const centred = sub(h, mean(h, { axes: 0, keepdim: true }));
    const roots = [sum(mul(centred, centred), { axes: 0 }), exp(centred)];
    expect([countOf(roots, 'matmul'), countOf(roots, 'sub')]).toEqual([1, 1]);
    const after = recomputeCheap(roots);
    expect([countOf(after, 'matmul'), countOf(after, 'sub')]).toEqual([1, 2]);
  });

  test('does not make a kernel store what it would go on computing with', () => {
    const h = matmul(x(8, 5), constant(wholeNumbers(35), [5, 7]));
    const scaled = mul(h, 2);
    const roots = [exp(scaled), sin(scaled)];
    expect(countOf(recomputeCheap(roots), 'mul')).toBe(1);
  });

  test('computes nothing again that a kernel needs', () => {
    const doubled = mul(x(8, 5), 2);
    const roots = [matmul(doubled, transpose(doubled)), exp(doubled)];
    expect(countOf(recomputeCheap(roots), 'mul')).toBe(1);
  });

  test('keeps values', async () => {
    const p = constant(wholeNumbers(12), [3, 4]);
    const q = add(mul(p, 2), 1);
    const roots = [sum(mul(q, q), { axes: 0 }), exp(q), q, matmul(q, transpose(q))];
    const values = await evaluate([...roots, ...recomputeCheap(roots)]);
    roots.forEach((_, i) => expect(values[roots.length + i]).toEqual(values[i]));
  });
});

/** Results that differ by the rounding to f32 of two nearly equal float64 numbers. */
function expectClose(got: TypedArray, expected: TypedArray) {
  expect(got.length).toBe(expected.length);
  for (let i = 0; i < got.length; i++) {
    const tolerance = 1e-6 * Math.abs(expected[i]!) + 1e-12;
    if (!(Math.abs(got[i]! - expected[i]!) <= tolerance)) expect(got[i], `element ${i}`).toBe(expected[i]);
  }
}

describe('every pass, on the training step of a CNN', () => {
  const passes: Record<string, (roots: readonly Tensor[]) => Tensor[]> = {
    simplify,
    eliminateCommonSubexpressions,
    foldTranspose,
    splitReductions,
    recomputeCheap,
  };

  test.each(Object.keys(passes))('%s keeps loss, gradients, weights and moments', async (name) => {
    const { program, data } = await smallCnn();
    const { outputs } = channelsLast(
      [...program.outputs.values(), ...program.updates.map(([, value]) => value)],
      [],
      nothingStored,
    );
    const after = passes[name]!(outputs);
    const values = await evaluate([...outputs, ...after], data);
    after.forEach((node, i) => {
      expect(node.shape).toEqual(outputs[i]!.shape);
      expectClose(values[outputs.length + i]!, values[i]!);
    });
  });

  test('all of them together keep loss, weights and moments', async () => {
    const { program, data } = await smallCnn();
    const roots = [...program.outputs.values(), ...program.updates.map(([, value]) => value)];
    const { outputs, updates, storage } = optimize(
      [...program.outputs.values()],
      program.updates,
      nothingStored,
    );
    const logical = updates.map(([p, value]) => {
      const order = storage.get(p);
      return order ? permute(value, inversePermutation(order)) : value;
    });
    const values = await evaluate([...roots, ...outputs, ...logical], data);
    roots.forEach((_, i) => expectClose(values[roots.length + i]!, values[i]!));
  });

  test('a second derivative keeps its values', async () => {
    const weight = constant(normals(4 * 2 * 9), [4, 2, 3, 3]);
    const image = x(2, 2, 8, 8);
    const y = sum(maxPool2d(relu(conv2d(image, weight, null, { padding: 1 })), 2));
    const [first] = grad(sum(mul(y, y)), [image]);
    const [second] = grad(sum(mul(first!, first!)), [weight]);
    const { outputs } = optimize([y, first!, second!], [], nothingStored);
    const values = await evaluate([y, first!, second!, ...outputs], { x: normals(2 * 2 * 64, 2) });
    [0, 1, 2].forEach((i) => expectClose(values[3 + i]!, values[i]!));
  });

  test('an unknown mix of sizes keeps its values', async () => {
    const sizes = fc.record({
      batch: fc.integer({ min: 1, max: 5 }),
      size: fc.constantFrom(4, 7, 11, 13),
      channels: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 })),
      hidden: fc.integer({ min: 1, max: 7 }),
    });
    await fc.assert(
      fc.asyncProperty(sizes, async (options) => {
        const { signature, fn } = cnnStep(options);
        const program = await trace(signature, fn);
        const losses = [...program.outputs.values()];
        const { outputs, updates, storage } = optimize(losses, program.updates, nothingStored);
        const logical = updates.map(([p, value]) =>
          storage.has(p) ? permute(value, inversePermutation(storage.get(p)!)) : value,
        );
        const roots = [...losses, ...program.updates.map(([, value]) => value)];
        const values = await evaluate([...roots, ...outputs, ...logical], batchFor(signature));
        roots.forEach((_, i) => expectClose(values[roots.length + i]!, values[i]!));
      }),
      { numRuns: 12, seed: 2 },
    );
  });
});

test('a pass leaves a graph of 20,000 nodes in one chain standing', () => {
  let node: Tensor = x(4);
  for (let i = 0; i < 20_000; i++) node = i % 2 ? mul(node, 1.5) : add(node, 0.5);
  const { outputs } = optimize([node], [], nothingStored);
  expect(topologicalOrder(outputs).length).toBeGreaterThan(20_000);
});

test('weight decay and gradient clipping of a convolution stay in its storage order', async () => {
  const model = new nn.Sequential(new nn.Conv2d(2, 4, 3), new nn.ReLU(), new nn.Flatten());
  const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-2, weightDecay: 0.1 });
  const program = await trace({ x: f32(2, 2, 6, 6) }, ({ x: image }) => {
    const loss = nn.mse(model.forward(image), fill(0, [2, 64]));
    const { grads } = optim.clipGradNorm(grad(loss, optimizer.params), 1);
    return { outputs: { loss }, updates: optimizer.update(grads) };
  });
  const { updates, storage } = optimize([...program.outputs.values()], program.updates, nothingStored);
  expect([...storage.keys()].map((p) => p.label)).toEqual([
    '0.weight',
    '0.weight.exp_avg',
    '0.weight.exp_avg_sq',
  ]);
  for (const [p, value] of updates) if (storage.has(p)) expect(value.shape).toEqual([3, 3, 2, 4]);
});

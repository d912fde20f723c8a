// Random programs of many ops on inputs and parameters of one shape, for property tests.
import fc from 'fast-check';
import {
  add,
  concat,
  exp,
  gather,
  gt,
  iota,
  log,
  matmul,
  max,
  mean,
  mul,
  neg,
  pad,
  permute,
  relu,
  reshape,
  sigmoid,
  slice,
  softmax,
  sub,
  sum,
  tanh,
  transpose,
  variance,
  where,
  type Tensor,
  type Update,
} from '../src/index.ts';
import { parameter, wholeNumbers } from './programs.ts';

type Instruction = readonly [op: number, a: number, b: number];

/** What makes a program on an input [side, side]; each call makes new parameters, with the same values. */
export type RandomProgram = (x: Tensor) => {
  readonly outputs: readonly Tensor[];
  readonly updates: readonly Update[];
  readonly parameters: readonly Tensor[];
};

type Entry<F> = readonly [name: string, op: F, smooth?: false];

const UNARY: readonly Entry<(x: Tensor) => Tensor>[] = [
  ['relu', relu, false],
  ['tanh', tanh],
  ['neg', neg],
  ['half', (x) => mul(x, 0.5)],
  ['transpose', (x) => transpose(x)],
  ['plus mean of columns', (x) => add(x, mean(x, { axes: 0, keepdim: true }))],
  ['minus max of rows', (x) => sub(x, max(x, { axes: 1, keepdim: true })), false],
  ['times tanh of sum', (x) => mul(tanh(sum(x)), x)],
  [
    'transpose of two rows',
    (x) => (x.size % 2 ? x : reshape(transpose(reshape(x, [2, x.size / 2])), x.shape)),
  ],
  ['rotate rows', (x) => concat([slice(x, [[1]]), slice(x, [[0, 1]])], 0)],
  ['log of 1 + exp of tanh', (x) => log(add(exp(tanh(x)), 1))],
  ['softmax of rows', (x) => softmax(x)],
  ['softmax of columns', (x) => softmax(x, 0)],
  ['sigmoid', sigmoid],
  [
    'minus a quarter of the sum of tanh of rows',
    (x) => sub(x, mul(sum(tanh(x), { axes: -1, keepdim: true }), 0.25)),
  ],
  ['times variance of tanh', (x) => mul(x, variance(tanh(x), { axes: [0, 1] }))],
  ['reversed rows', (x) => gather(x, sub(x.shape[0]! - 1, iota(x.shape, 0)), 0)],
  [
    'every other row and column, spread again',
    (x) => {
      const [m, n] = x.shape as [number, number];
      const rows = slice(x, [
        [0, m, 2],
        [0, n, 2],
      ]);
      return pad(rows, [
        [0, 1 - (m % 2), 1],
        [0, 1 - (n % 2), 1],
      ]);
    },
  ],
  [
    'tanh of sums over products of three axes',
    (x) => {
      const products = mul(reshape(x, [...x.shape, 1]), reshape(tanh(x), [1, ...x.shape]));
      return tanh(sum(permute(products, [2, 0, 1]), { axes: 1 }));
    },
  ],
];
const BINARY: readonly Entry<(a: Tensor, b: Tensor) => Tensor>[] = [
  ['add', add],
  ['sub', sub],
  ['tanh of mul', (a, b) => tanh(mul(a, b))],
  ['tanh of matmul', (a, b) => tanh(matmul(a, b))],
  ['tanh of matmul with transpose', (a, b) => tanh(matmul(a, b, { transposeB: true }))],
  ['columns of both', (a, b) => concat([slice(a, [null, [0, 2]]), slice(b, [null, [2]])], 1)],
  ['where positive', (a, b) => where(gt(a, 0), b, mul(a, 0.5)), false],
];

export interface RandomProgramOptions {
  /** Only ops that have derivatives everywhere, so that gradients of equal values are equal. */
  smooth?: boolean;
}

/**
 * Up to `length` ops; results and next values are any nodes: parameters, views, the same one twice. A counterexample
 * prints as a listing.
 */
export const randomPrograms = (
  side: number,
  length: number,
  { smooth = false }: RandomProgramOptions = {},
): fc.Arbitrary<RandomProgram> => {
  const usable = <F>(entries: readonly Entry<F>[]) =>
    entries.filter((entry) => !smooth || entry[2] !== false);
  const [unary, binary] = [usable(UNARY), usable(BINARY)];

  function build(
    x: Tensor,
    instructions: readonly Instruction[],
    outputs: readonly number[],
    targets: readonly number[],
  ): ReturnType<RandomProgram> {
    const shape = [side, side];
    const parameters = [0, 1, 2].map((i) => parameter(`p${i}`, shape, wholeNumbers(side * side, i + 1)));
    const nodes: Tensor[] = [x, ...parameters];
    const pick = (i: number) => nodes[nodes.length - 1 - (i % nodes.length)]!;
    for (const [op, a, b] of instructions) {
      const at = op % (unary.length + binary.length);
      nodes.push(
        at < unary.length ? unary[at]![1](pick(a)) : binary[at - unary.length]![1](pick(a), pick(b)),
      );
    }
    return {
      outputs: [nodes.at(-1)!, ...outputs.map(pick)],
      updates: targets.map((value, i) => [parameters[i]!, pick(value)] as const),
      parameters,
    };
  }

  function listing(
    instructions: readonly Instruction[],
    outputs: readonly number[],
    targets: readonly number[],
  ): string {
    const names = ['x', 'p0', 'p1', 'p2'];
    const pick = (i: number) => names[names.length - 1 - (i % names.length)]!;
    const lines = instructions.map(([op, a, b], i) => {
      const at = op % (unary.length + binary.length);
      const line =
        at < unary.length
          ? `${unary[at]![0]} (${pick(a)})`
          : `${binary[at - unary.length]![0]} (${pick(a)}, ${pick(b)})`;
      names.push(`v${i}`);
      return `v${i} = ${line}`;
    });
    const results = [names.at(-1)!, ...outputs.map(pick)].join(', ');
    const updates = targets.map((value, i) => `p${i} <- ${pick(value)}`);
    return ['', ...lines, `return ${results}`, ...updates].join('\n');
  }

  return fc
    .tuple(
      fc.array(fc.tuple(fc.nat(1000), fc.nat(12), fc.nat(12)), { minLength: 1, maxLength: length }),
      fc.array(fc.nat(50), { maxLength: 3 }),
      fc.array(fc.nat(50), { maxLength: 3 }),
    )
    .map((program) =>
      Object.assign((x: Tensor) => build(x, ...program), { [fc.toStringMethod]: () => listing(...program) }),
    );
};

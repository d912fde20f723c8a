// Random programs of many ops on inputs and parameters of one shape, for property tests.
import fc from 'fast-check';
import {
  add,
  concat,
  exp,
  log,
  matmul,
  max,
  mean,
  mul,
  neg,
  relu,
  reshape,
  slice,
  sub,
  sum,
  tanh,
  transpose,
  type Tensor,
  type Update,
} from '../src/index.ts';
import { parameter, wholeNumbers } from './programs.ts';

type Instruction = readonly [op: number, a: number, b: number];

/** What makes a program on an input [side, side]; each call makes new parameters, with the same values. */
export type RandomProgram = (x: Tensor) => {
  readonly outputs: readonly Tensor[];
  readonly updates: readonly Update[];
};

const UNARY: readonly ((x: Tensor) => Tensor)[] = [
  relu,
  tanh,
  neg,
  (x) => mul(x, 0.5),
  (x) => transpose(x),
  (x) => add(x, mean(x, { axes: 0, keepdim: true })),
  (x) => sub(x, max(x, { axes: 1, keepdim: true })),
  (x) => mul(tanh(sum(x)), x),
  (x) => (x.size % 2 ? x : reshape(transpose(reshape(x, [2, x.size / 2])), x.shape)),
  (x) => concat([slice(x, [[1]]), slice(x, [[0, 1]])], 0),
  (x) => log(add(exp(tanh(x)), 1)),
];
const BINARY: readonly ((a: Tensor, b: Tensor) => Tensor)[] = [
  add,
  sub,
  (a, b) => tanh(mul(a, b)),
  (a, b) => tanh(matmul(a, b)),
  (a, b) => tanh(matmul(a, b, { transposeB: true })),
  (a, b) => concat([slice(a, [null, [0, 2]]), slice(b, [null, [2]])], 1),
];

/** Up to `length` ops; results and next values are any nodes: parameters, views, the same one twice. */
export const randomPrograms = (side: number, length: number): fc.Arbitrary<RandomProgram> =>
  fc
    .tuple(
      fc.array(fc.tuple(fc.nat(1000), fc.nat(12), fc.nat(12)), { minLength: 1, maxLength: length }),
      fc.array(fc.nat(50), { maxLength: 3 }),
      fc.array(fc.nat(50), { maxLength: 3 }),
    )
    .map(
      ([instructions, outputs, targets]) =>
        (x) =>
          build(side, x, instructions, outputs, targets),
    );

function build(
  side: number,
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
    const at = op % (UNARY.length + BINARY.length);
    nodes.push(at < UNARY.length ? UNARY[at]!(pick(a)) : BINARY[at - UNARY.length]!(pick(a), pick(b)));
  }
  return {
    outputs: [nodes.at(-1)!, ...outputs.map(pick)],
    updates: targets.map((value, i) => [parameters[i]!, pick(value)] as const),
  };
}

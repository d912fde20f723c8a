import * as C from '../src/index.ts';
import type { Tensor } from '../src/index.ts';
import { integers, normal } from './inputs.ts';
import type { OpCase, Tolerance } from './op-cases.ts';

/** A few dozen products, sums and functions with WGSL's errors of 1e-6 to 1e-5 each, through the steps of a loop. */
const RECURRENT: Tolerance = { rtol: 1e-5, atol: 1e-5 };

/** tanh(x U + h V + b): what `nn.RNN` computes, written by a user. */
const tanhCell = (u: Tensor, v: Tensor, b: Tensor) => (h: Tensor, x: Tensor) => {
  const next = C.tanh(C.add(C.add(C.matmul(x, u), C.matmul(h, v)), b));
  return [next, next] as const;
};

interface RnnShape {
  readonly name: string;
  readonly t: number;
  readonly b: number;
  readonly i: number;
  readonly h: number;
  readonly options?: C.ScanOptions;
}

const rnn = ({ name, t, b, i, h, options }: RnnShape, result: 'ys' | 'carry'): OpCase => ({
  name: `tanh RNN ${name}, ${result}`,
  call: (x, h0, u, v, bias) => C.scan(tanhCell(u!, v!, bias!), h0!, x!, options)[result],
  inputs: [normal([t, b, i]), normal([b, h]), normal([i, h]), normal([h, h], 2), normal([h])],
  tolerance: RECURRENT,
});

const RNNS: readonly RnnShape[] = [
  { name: 'of one step', t: 1, b: 1, i: 1, h: 1 },
  { name: 'of two steps', t: 2, b: 3, i: 2, h: 5 },
  { name: 'whose slices can be bound as they are', t: 5, b: 4, i: 16, h: 16 },
  { name: 'backwards', t: 4, b: 3, i: 2, h: 5, options: { reverse: true } },
];

/** Both results in one, so that both have cotangents: [t · b · h + b · h]. */
const both = ({ ys, carry }: { ys: Tensor; carry: Tensor }) =>
  C.concat([C.reshape(ys, [-1]), C.reshape(carry, [-1])]);

/** Two carries, four gates cut from one product, and a peephole: as an LSTM, written by hand. */
const lstm = (x: Tensor, h0: Tensor, c0: Tensor, w: Tensor, options?: C.ScanOptions) => {
  const units = h0.shape[1]!;
  return C.scan(
    ({ h, c }, xt) => {
      const gates = C.add(xt, C.matmul(h, w));
      const gate = (n: number) => C.slice(gates, [null, [n * units, (n + 1) * units]]);
      const next = C.add(C.mul(C.sigmoid(gate(1)), c), C.mul(C.sigmoid(gate(0)), C.tanh(gate(2))));
      const out = C.mul(C.sigmoid(gate(3)), C.tanh(next));
      return [{ h: out, c: next }, out];
    },
    { h: h0, c: c0 },
    x,
    options,
  );
};

const lengths = () => C.constant(Int32Array.of(3, 1, 4));

export const scanCases: { readonly [Name in 'scan' | 'scanFinal' | 'scanStack']: readonly OpCase[] } = {
  scan: [
    {
      name: 'LSTM, all results',
      call: (x, h0, c0, w) => {
        const { ys, carry } = lstm(x!, h0!, c0!, w!);
        return C.concat([both({ ys, carry: carry.h }), C.reshape(carry.c, [-1])]);
      },
      inputs: [normal([3, 2, 12]), normal([2, 3]), normal([2, 3], 2), normal([3, 12])],
      tolerance: RECURRENT,
    },
    {
      name: 'LSTM of 64 units',
      call: (x, h0, c0, w) => lstm(x!, h0!, c0!, C.mul(w!, 0.1)).ys,
      inputs: [normal([3, 2, 256]), normal([2, 64]), normal([2, 64], 2), normal([64, 256])],
      tolerance: RECURRENT,
      large: true,
    },
    ...[false, true].map(
      (reverse): OpCase => ({
        name: `of sequences that end at different steps${reverse ? ', backwards' : ''}`,
        call: (x, h0, c0, w) => {
          const { ys, carry } = lstm(x!, h0!, c0!, w!, { lengths: lengths(), reverse });
          return C.concat([both({ ys, carry: carry.h }), C.reshape(carry.c, [-1])]);
        },
        inputs: [normal([4, 3, 8]), normal([3, 2]), normal([3, 2], 2), normal([2, 8])],
        tolerance: RECURRENT,
      }),
    ),
    {
      name: 'that sums, with ys that are the carry before, the input and a tensor from outside',
      call: (x, s) => {
        const { carry, ys } = C.scan((sum, xt) => [C.add(sum, xt), [sum, xt, s!, C.fill(2, [3])]], s!, x!);
        return C.concat([carry, ...ys.map((y) => C.reshape(y, [-1]))]);
      },
      inputs: [normal([5, 3]), normal([3])],
      tolerance: RECURRENT,
    },
    {
      name: 'that swaps and keeps its carries',
      call: (x, a, b) => {
        const { carry, ys } = C.scan(
          ([p, q, r], xt) => [[q, C.add(p, xt), r], p],
          [a!, b!, C.iota([3], 0, 'f32')],
          x!,
        );
        return C.concat([...carry, C.reshape(ys, [-1])]);
      },
      inputs: [normal([5, 3]), normal([3]), normal([3], 2)],
      tolerance: RECURRENT,
    },
    {
      name: 'with a carry that nobody reads, and one of whole numbers',
      call: (x, s) => {
        const { ys } = C.scan(
          ({ count, total }, xt) => [
            { count: C.add(count, 1), total: C.add(total, xt) },
            C.mul(xt, C.cast(C.broadcast(count, [3]), 'f32')),
          ],
          { count: C.fill(0, [], 'i32'), total: s! },
          x!,
        );
        return ys;
      },
      inputs: [normal([5, 3]), normal([3])],
      wrt: [0],
      tolerance: RECURRENT,
    },
    {
      name: 'that reads a row of a table at each step',
      call: (index, table) => {
        const { ys } = C.scan(
          (h, i) => [C.tanh(C.add(h, C.embedding(table!, i))), h],
          C.fill(0.5, [2, 3]),
          index!,
        );
        return ys;
      },
      inputs: [integers([6, 2], 0, 5), normal([5, 3])],
      tolerance: RECURRENT,
    },
    {
      name: 'with a matrix that is transposed, and used twice',
      call: (x, h0, w) =>
        both(
          C.scan(
            (h, xt) => {
              const next = C.sigmoid(C.add(C.linear(h, w!), C.matmul(C.linear(xt, w!), w!)));
              return [next, C.mul(next, xt)];
            },
            h0!,
            x!,
          ),
        ),
      inputs: [normal([3, 2, 4]), normal([2, 4]), normal([4, 4])],
      tolerance: RECURRENT,
    },
    {
      name: 'in a scan',
      call: (x, h0, w) => {
        const { carry } = C.scan(
          (outer, rows) => {
            const inner = C.scan((h, row) => [C.tanh(C.add(C.matmul(h, w!), row)), h], outer, rows);
            return [inner.carry, C.sum(inner.ys)];
          },
          h0!,
          x!,
        );
        return carry;
      },
      inputs: [normal([2, 3, 2, 4]), normal([2, 4]), normal([4, 4])],
      tolerance: RECURRENT,
    },
    {
      name: 'with noise',
      call: (x) =>
        C.scan(
          (h, xt) => [C.add(C.mul(h, 0.5), C.mul(xt, C.uniform([3], { stream: 'noise' }))), h],
          C.fill(1, [3]),
          x!,
        ).carry,
      inputs: [normal([5, 3])],
      tolerance: RECURRENT,
    },
    {
      call: (x, h) => C.scan((c) => [C.concat([c, c]), c], h!, x!).ys,
      inputs: [normal([5, 3]), normal([3])],
      throws: 'scan: expected a next carry like the initial one, [3], got [6]',
    },
    {
      call: (x, h) => C.scan((c) => [C.cast(c, 'i32'), c], h!, x!).ys,
      inputs: [normal([5, 3]), normal([3])],
      throws: 'scan: expected a next carry of f32, got i32',
    },
    {
      call: (x, y) => C.scan((c, [a]) => [C.add(c, a), c], C.fill(0, [3]), [x!, y!]).ys,
      inputs: [normal([5, 3]), normal([4, 3])],
      throws: 'scan: expected xs with one leading size, the number of steps, got [5, 3] and [4, 3]',
    },
    {
      call: (h) => C.scan((c: Tensor) => [c, c], h!, []).ys,
      inputs: [normal([3])],
      throws: 'scan: expected at least one tensor to go through, got 0',
    },
    {
      call: (x) => C.scan((c, xt) => [c, xt], C.fill(0), C.slice(x!, [[2, 2]])).ys,
      inputs: [normal([5, 3])],
      throws: 'scan: expected at least one step, got 0',
    },
    {
      call: (x, h) => C.scan((c, xt) => [c, xt], h!, x!, { lengths: lengths() }).ys,
      inputs: [normal([5, 2]), normal([2])],
      throws: 'scan: expected lengths [b], and carries and ys [b, ...], got [3] and [2] and [2]',
    },
  ],
  scanFinal: RNNS.map((shape) => rnn(shape, 'carry')),
  scanStack: RNNS.map((shape) => rnn(shape, 'ys')),
};

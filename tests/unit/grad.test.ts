import { expect, test } from 'vitest';
import {
  add,
  argmax,
  cast,
  clamp,
  compile,
  cpu,
  detach,
  f32,
  fill,
  grad,
  log,
  max,
  maximum,
  maxPool2d,
  mul,
  nn,
  Parameter,
  pow,
  relu,
  sum,
  tanh,
  where,
  gt,
  type Tensor,
} from '../../src/index.ts';
import { HostRandom } from '../../src/index.ts';

/** The gradient of sum(f(x)) at x. */
async function gradientAt(f: (x: Tensor) => Tensor, x: readonly number[], shape = [x.length]) {
  const step = await compile(cpu(), { x: { dtype: 'f32', shape } }, (inputs) => {
    const [dx] = grad(sum(f(inputs.x)), [inputs.x]);
    return { outputs: { dx: dx! } };
  });
  return [...(await (await step({ x: Float32Array.from(x) })).dx.data())];
}

test('grad wants a scalar loss and says how to make one', () => {
  expect(() => grad(fill(1, [32]), [])).toThrow(
    'grad: expected a scalar loss [], got [32]. Reduce it with mean() or sum() first.',
  );
  const x = new Parameter([2], nn.init.zeros, { dtype: 'i32' });
  expect(() => grad(sum(x), [x])).toThrow('grad: expected f32 tensors');
});

test('the gradient of a tensor that the loss does not use is zeros of its shape', async () => {
  const unused = new Parameter([2, 3], nn.init.ones, { name: 'unused' });
  const step = await compile(cpu(), { x: f32(2) }, ({ x }) => {
    const [du, dx] = grad(sum(x), [unused, x]);
    return { outputs: { du: du!, dx: dx! } };
  });
  const { du, dx } = await step({ x: new Float32Array(2) });
  expect(du.shape).toEqual([2, 3]);
  expect([...(await du.data())]).toEqual([0, 0, 0, 0, 0, 0]);
  expect([...(await dx.data())]).toEqual([1, 1]);
});

test('the gradient of a loss with respect to itself is 1', async () => {
  const step = await compile(cpu(), { x: f32() }, ({ x }) => ({ outputs: { g: grad(x, [x])[0]! } }));
  expect(await (await step({ x: Float32Array.of(5) })).g.item()).toBe(1);
});

test('detach, argmax and casts to integers stop the gradient', async () => {
  expect(await gradientAt((x) => mul(detach(x), x), [3])).toEqual([3]);
  expect(await gradientAt((x) => cast(argmax(x), 'f32'), [1, 2, 3])).toEqual([0, 0, 0]);
  expect(await gradientAt((x) => mul(cast(cast(x, 'i32'), 'f32'), x), [2.5])).toEqual([2]);
});

test('at a kink the gradient is what the documentation says', async () => {
  expect(await gradientAt(relu, [-1, 0, 1])).toEqual([0, 0, 1]);
  expect(await gradientAt((x) => clamp(x, -1, 1), [-2, -1, 0, 1, 2])).toEqual([0, 1, 1, 1, 0]);
  // ties go to the first: of the operands, of the elements, of the window
  expect(await gradientAt((x) => maximum(x, 2), [1, 2, 3])).toEqual([0, 1, 1]);
  expect(await gradientAt((x) => max(x), [1, 3, 3])).toEqual([0, 1, 0]);
  expect(await gradientAt((x) => maxPool2d(x, 2), [5, 5, 5, 5], [1, 1, 2, 2])).toEqual([1, 0, 0, 0]);
});

test('a branch that is not taken does not spoil the gradient when it is finite', async () => {
  const safeLog = (x: Tensor) => where(gt(x, 0), log(where(gt(x, 0), x, 1)), 0);
  expect(await gradientAt(safeLog, [-1, 0, 2])).toEqual([0, 0, 0.5]);
});

test('the gradient of pow is finite at base 0', async () => {
  expect(await gradientAt((x) => pow(x, 2), [0, 3])).toEqual([0, 6]);
});

test('a tensor used twice gets the sum of both gradients', async () => {
  expect(await gradientAt((x) => add(mul(x, x), x), [3])).toEqual([7]);
});

test('the third derivative of x^4 is 24 x', async () => {
  const fourth = (x: Tensor) => mul(mul(x, x), mul(x, x));
  const third = (x: Tensor) => {
    const [first] = grad(sum(fourth(x)), [x]);
    const [second] = grad(sum(first!), [x]);
    return second!;
  };
  expect(await gradientAt(third, [2, -1])).toEqual([48, -24]);
});

/**
 * Back-propagation of the notes' section 3, written out with numbers: a = W x + b, z = tanh(a) in every layer but
 * the last, loss = Σ (z - t)² / 2; delta of the last layer is z - t, delta_l = (W_{l+1}ᵀ delta_{l+1}) (1 - z_l²),
 * and dL/dW_l = delta_l z_{l-1}ᵀ, dL/db_l = delta_l.
 */
function backpropagate(
  weights: readonly (readonly (readonly number[])[])[],
  biases: readonly (readonly number[])[],
  x: readonly number[],
  target: readonly number[],
) {
  const z: number[][] = [[...x]];
  weights.forEach((weight, l) => {
    const a = weight.map((row, i) => row.reduce((total, w, j) => total + w * z[l]![j]!, biases[l]![i]!));
    z.push(l === weights.length - 1 ? a : a.map(Math.tanh));
  });
  let delta = z.at(-1)!.map((value, i) => value - target[i]!);
  const loss = delta.reduce((total, d) => total + d * d, 0) / 2;
  const gradients: { weight: number[][]; bias: number[] }[] = [];
  for (let l = weights.length - 1; l >= 0; l--) {
    gradients.unshift({ weight: delta.map((d) => z[l]!.map((value) => d * value)), bias: delta });
    const current = delta;
    delta = z[l]!.map((value, j) => {
      const back = current.reduce((total, d, i) => total + weights[l]![i]![j]! * d, 0);
      return back * (1 - value * value);
    });
  }
  return { loss, gradients };
}

test('grad agrees with back-propagation written out for a small network', async () => {
  const sizes = [3, 5, 4, 2];
  const random = new HostRandom(7, 'network');
  const row = (n: number) => Array.from({ length: n }, () => Math.fround(random.normal()));
  const weights = sizes.slice(1).map((out, l) => Array.from({ length: out }, () => row(sizes[l]!)));
  const biases = sizes.slice(1).map((out) => row(out));
  const [x, target] = [row(3), row(2)];

  const layers = sizes.slice(1).map((out, l) => ({
    weight: new Parameter([out, sizes[l]!], nn.init.values(weights[l]!.flat())),
    bias: new Parameter([out], nn.init.values(biases[l]!)),
  }));
  const params = layers.flatMap(({ weight, bias }) => [weight, bias]);
  const step = await compile(cpu({ storage: 'f64' }), { x: f32(3), target: f32(2) }, (inputs) => {
    const module = (l: number) => {
      const layer = new nn.Linear(sizes[l]!, sizes[l + 1]!);
      return Object.assign(layer, layers[l]);
    };
    let h: Tensor = inputs.x;
    for (let l = 0; l < layers.length; l++) {
      const a = module(l).forward(h);
      h = l === layers.length - 1 ? a : tanh(a);
    }
    const loss = mul(nn.mse(h, inputs.target, { reduction: 'sum' }), 0.5);
    return {
      outputs: { loss, ...Object.fromEntries(grad(loss, params).map((g, i) => [`g${i}`, g])) } as Record<
        string,
        Tensor
      >,
    };
  });
  const got = await step({ x: Float32Array.from(x), target: Float32Array.from(target) });
  const expected = backpropagate(weights, biases, x, target);
  // float64 on both sides; the result is rounded to float32 once
  expect(await got['loss']!.item()).toBe(Math.fround(expected.loss));
  for (const [l, { weight, bias }] of expected.gradients.entries()) {
    expect([...(await got[`g${2 * l}`]!.data())]).toEqual(weight.flat().map(closeTo));
    expect([...(await got[`g${2 * l + 1}`]!.data())]).toEqual(bias.map(closeTo));
  }
});

/** Equal to float32, give or take the last place. */
const closeTo = (value: number) => expect.closeTo(value, 6) as number;

// Convolution and pooling: their definition, equivariance and invariance (notes 6.1), and the transpose, for arbitrary
// sizes and options, on both backends. Whole numbers make every sum exact.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import * as C from '../../src/index.ts';
import type { Device, Tensor } from '../../src/index.ts';
import { openDevice } from '../device.ts';
import { element, forAll, indices, literal, plain, run, whole, type Elements } from '../properties.ts';

// a software adapter that shares its two cores compiles shaders for seconds
vi.setConfig({ testTimeout: 60_000 });

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

type Pair = [number, number];
const pairs = (min: number, max: number): fc.Arbitrary<Pair> =>
  fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }));

/** A convolution of some image of at least one window; sizes may leave rows and columns over. */
const convolutions = fc
  .record({
    n: fc.integer({ min: 1, max: 2 }),
    groups: fc.integer({ min: 1, max: 2 }),
    channels: pairs(1, 3),
    kernel: pairs(1, 3),
    stride: pairs(1, 3),
    padding: pairs(0, 2),
    dilation: pairs(1, 2),
    more: pairs(0, 6),
  })
  .map(({ n, groups, channels: [i, o], kernel, more, ...options }) => {
    const size = ([0, 1] as const).map((d) =>
      Math.max(1, options.dilation[d] * (kernel[d] - 1) + 1 - 2 * options.padding[d] + more[d]),
    );
    return {
      x: [n, groups * i, ...size],
      weight: [groups * o, i, ...kernel],
      options: { ...options, groups },
    };
  });

const sumOf = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const dot = (a: Elements, b: Elements) => sumOf(plain(a).map((value, i) => value * b.data[i]!));

test('conv2d is the sum over channels and taps of its window, with zeros around the image', () =>
  forAll(convolutions, async (conv) => {
    const [x, weight] = [whole(conv.x, 1), whole(conv.weight, 2)];
    const { stride, padding, dilation, groups } = conv.options;
    const { y } = await run(device, [x, weight], (a, w) => ({ y: C.conv2d(a!, w!, null, conv.options) }));
    const [outputs, channels, kh, kw] = conv.weight as [number, number, number, number];
    const expected = literal(y.shape, ([s, o, row, column]) => {
      let total = 0;
      for (let c = 0; c < channels; c++)
        for (let ky = 0; ky < kh; ky++)
          for (let kx = 0; kx < kw; kx++) {
            const iy = row! * stride[0] + ky * dilation[0] - padding[0];
            const ix = column! * stride[1] + kx * dilation[1] - padding[1];
            if (iy < 0 || iy >= conv.x[2]! || ix < 0 || ix >= conv.x[3]!) continue;
            const channel = Math.floor(o! / (outputs / groups)) * channels + c;
            total += element(x, [s!, channel, iy, ix]) * element(weight, [o!, c, ky, kx]);
          }
      return total;
    });
    expect(plain(y)).toEqual(expected.map((value) => value + 0));
  }));

test('convTranspose2d is the transpose of conv2d: <conv(x), y> = <x, convTranspose(y)>', () =>
  forAll(convolutions, async (conv) => {
    const [x, weight] = [whole(conv.x, 1), whole(conv.weight, 2)];
    const { stride, padding, dilation } = conv.options;
    const { there } = await run(device, [x, weight], (a, w) => ({
      there: C.conv2d(a!, w!, null, conv.options),
    }));
    // rows and columns of the image that no window reaches belong to outputPadding
    const outputPadding = ([0, 1] as const).map(
      (d) => (conv.x[2 + d]! + 2 * padding[d] - dilation[d] * (conv.weight[2 + d]! - 1) - 1) % stride[d],
    ) as Pair;
    const y = whole(there.shape, 3);
    const { back } = await run(device, [y, weight], (a, w) => ({
      back: C.convTranspose2d(a!, w!, null, { ...conv.options, outputPadding }),
    }));
    expect(back.shape).toEqual(conv.x);
    expect(dot(there, y)).toBe(dot(x, back));
  }));

interface Windows {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
}
const windows: fc.Arbitrary<Windows> = fc.record({
  kernel: pairs(1, 3),
  stride: pairs(1, 3),
  padding: pairs(0, 2),
  dilation: pairs(1, 2),
});
/** What pooling takes of them: no dilation, and padding of at most half a window. */
const poolable = ({ kernel, stride, padding }: Windows): Windows => ({
  kernel,
  stride,
  padding: padding.map((p, d) => Math.min(p, Math.floor(kernel[d]! / 2))) as Pair,
  dilation: [1, 1],
});
const same = (given: Windows) => given;

test.each<[string, (given: Windows) => Windows, (x: Tensor, weight: Tensor, windows: Windows) => Tensor]>([
  ['convolution', same, (x, weight, options) => C.conv2d(x, weight, null, options)],
  ['max pooling', poolable, (x, _, { kernel, ...options }) => C.maxPool2d(x, kernel, options)],
  ['average pooling', poolable, (x, _, { kernel, ...options }) => C.avgPool2d(x, kernel, options)],
])('away from the border, %s of a shifted image is the shifted result', async (_, windowsOf, apply) => {
  await forAll(fc.tuple(windows, pairs(1, 4), pairs(0, 2)), async ([given, more, shift]) => {
    const options = windowsOf(given);
    const { kernel, stride, padding, dilation } = options;
    const reach = ([0, 1] as const).map((d) => dilation[d] * (kernel[d] - 1)) as Pair;
    // at least `more` windows that stay in the image when they are shifted
    const [h, w] = ([0, 1] as const).map((d) => reach[d] + (shift[d] + more[d]) * stride[d] + 1) as Pair;
    // Two views of one larger scene: what leaves one at a side enters the other, as when a camera turns.
    const by = ([0, 1] as const).map((d) => shift[d] * stride[d]) as Pair;
    const scene = whole([2, 3, h + by[0], w + by[1]], 1);
    const { still, moved } = await run(device, [scene, whole([4, 3, ...kernel], 2)], (x, weight) => ({
      still: apply(C.slice(x!, [null, null, [by[0]], [by[1]]]), weight!, options),
      moved: apply(C.slice(x!, [null, null, [0, h], [0, w]]), weight!, options),
    }));
    const sizes = still.shape.slice(2);
    const inside = (i: number, d: 0 | 1) => {
      const first = i * stride[d] - padding[d];
      return i < sizes[d]! && first >= 0 && first + reach[d] < [h, w][d]!;
    };
    let compared = 0;
    for (const [s, c, y, x] of indices(still.shape) as [number, number, number, number][]) {
      const to: Pair = [y + shift[0], x + shift[1]];
      if (![y, to[0]].every((i) => inside(i, 0)) || ![x, to[1]].every((i) => inside(i, 1))) continue;
      expect(element(moved, [s, c, ...to])).toBe(element(still, [s, c, y, x]));
      compared++;
    }
    expect(compared).toBeGreaterThan(0);
  });
});

test('global pooling of a convolution ignores where on an empty background an object is', () =>
  forAll(
    fc.record({
      object: pairs(1, 4),
      kernel: pairs(1, 3),
      dilation: pairs(1, 2),
      margin: pairs(0, 3),
      at: fc.tuple(fc.nat(), fc.nat()),
    }),
    async ({ object, kernel, dilation, margin, at }) => {
      // Zeros as wide as the kernel reaches, so that every window that meets the object is in the image.
      const reach = ([0, 1] as const).map((d) => dilation[d] * (kernel[d] - 1)) as Pair;
      const place = ([0, 1] as const).map((d) => at[d] % (margin[d] + 1)) as Pair;
      const [thing, weight, bias] = [whole([2, 3, ...object], 1), whole([4, 3, ...kernel], 2), whole([4], 3)];
      const { still, moved } = await run(device, [thing, weight, bias], (x, w, b) => {
        const features = ([top, left]: Pair) => {
          const image = C.pad(x!, [
            [0, 0],
            [0, 0],
            [reach[0] + top, reach[0] + margin[0] - top],
            [reach[1] + left, reach[1] + margin[1] - left],
          ]);
          const y = C.relu(C.conv2d(image, w!, b!, { dilation }));
          return C.stack([C.sum(y, { axes: [2, 3] }), C.max(y, { axes: [2, 3] })]);
        };
        return { still: features([0, 0]), moved: features(place) };
      });
      expect(plain(moved)).toEqual(plain(still));
      // and the object is seen at all, unless it is zero
      expect(still.data).not.toEqual(new Float32Array(still.data.length));
    },
  ));

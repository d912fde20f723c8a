import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ArgumentError,
  compile,
  constant,
  cpu,
  DTypeError,
  f32,
  grad,
  i32,
  nn,
  ShapeError,
  square,
  sum,
  type Device,
  type Tensor,
} from '../../src/index.ts';
import { openDevice } from '../device.ts';
import { normals } from '../programs.ts';

// WGSL allows sin and cos an absolute error of 2⁻¹¹; on images of a few pixels that moves a value by about as much.
const TURNED = 2;

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

type Shape = readonly [n: number, c: number, h: number, w: number];

/** `fn` of images with the elements 1, 2, 3, … unless others are given. */
async function run(
  shape: Shape,
  fn: (images: Tensor) => Tensor,
  { images = counting(shape), on = device, seed = 0, steps = 1 } = {},
): Promise<number[]> {
  const step = await compile(on, { images: f32(...shape) }, (x) => ({ outputs: { y: fn(x.images) } }), {
    seed,
  });
  for (let i = 1; i < steps; i++) await step({ images });
  const y = [...(await (await step({ images })).y.data())];
  step.release();
  return y;
}

const counting = (shape: Shape) =>
  Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => i + 1) as Float32Array<ArrayBuffer>;
const each = (...values: number[]) => constant(values);
const yes = (...values: number[]) => constant(Uint32Array.from(values), [values.length], 'bool');

describe('affine', () => {
  test('with identity parameters changes nothing', { timeout: 30_000 }, async () => {
    const shapes: readonly Shape[] = [
      [2, 3, 4, 5],
      [1, 1, 1, 1],
      [2, 1, 7, 7],
    ];
    for (const shape of shapes) {
      const same = (value: number) => new Array<number>(shape[0]).fill(value);
      const [zero, one] = [each(...same(0)), each(...same(1))];
      const images = normals(shape.reduce((a, b) => a * b)) as Float32Array<ArrayBuffer>;
      const still = {
        flip: yes(...same(0)),
        scale: one,
        angle: zero,
        shift: [zero, zero],
      } as const;
      expect(await run(shape, (x) => nn.affine(x, still), { images })).toEqual([...images]);
      expect(await run(shape, (x) => nn.affine(x, {}), { images })).toEqual([...images]);
    }
  });

  test('shifts each image by its own number of pixels, with zeros behind', async () => {
    const shift = [each(1, 0), each(0, -2)] as const;
    expect(await run([2, 1, 2, 3], (x) => nn.affine(x, { shift }))).toEqual([
      0, 0, 0, 1, 2, 3, 9, 0, 0, 12, 0, 0,
    ]);
  });

  test('shifts by a part of a pixel linearly, in every channel', async () => {
    const shift = [each(0), each(0.25)] as const;
    expect(await run([1, 2, 1, 3], (x) => nn.affine(x, { shift }))).toEqual([
      0.75, 1.75, 2.75, 3, 4.75, 5.75,
    ]);
  });

  test('moves everything out of sight', async () => {
    const far = [each(3), each(-1e9)] as const;
    expect(await run([1, 1, 3, 3], (x) => nn.affine(x, { shift: far }))).toEqual(new Array(9).fill(0));
  });

  test('turns counter-clockwise about the centre', async () => {
    const angle = each(Math.PI / 2, Math.PI);
    const turned = await run([2, 1, 3, 3], (x) => nn.affine(x, { angle }));
    const expected = [3, 6, 9, 2, 5, 8, 1, 4, 7, 18, 17, 16, 15, 14, 13, 12, 11, 10];
    turned.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, TURNED));
  });

  test('enlarges about the centre', async () => {
    const scale = each(2);
    // pixel p shows (p − 2) / 2 + 2: 1, 1.5, 2, 2.5, 3
    expect(await run([1, 1, 1, 5], (x) => nn.affine(x, { scale }))).toEqual([2, 2.5, 3, 3.5, 4]);
    expect(await run([1, 1, 1, 5], (x) => nn.affine(x, { scale: each(0.5) }))).toEqual([0, 1, 3, 5, 0]);
  });

  test('mirrors the images it is told to', async () => {
    expect(await run([2, 1, 2, 2], (x) => nn.affine(x, { flip: yes(0, 1) }))).toEqual([
      1, 2, 3, 4, 6, 5, 8, 7,
    ]);
  });

  test('mirrors first, then scales, turns and shifts', async () => {
    const all = {
      flip: yes(1),
      scale: each(1),
      angle: each(Math.PI / 2),
      shift: [each(0), each(1)],
    } as const;
    const result = await run([1, 1, 2, 2], (x) => nn.affine(x, all));
    // 1 2 / 3 4 → 2 1 / 4 3 → 1 3 / 2 4 → 0 1 / 0 2
    [0, 1, 0, 2].forEach((value, i) => expect(result[i]).toBeCloseTo(value, TURNED));
  });

  test('passes gradients back to the pixels that a result was read from', async () => {
    const shift = [each(0), each(0.5)] as const;
    const images = Float32Array.of(1, 3);
    const gradient = await run([1, 1, 1, 2], (x) => grad(sum(square(nn.affine(x, { shift }))), [x])[0]!, {
      images,
    });
    // y = (x₀ / 2, x₀ / 2 + x₁ / 2) = (0.5, 2)
    expect(gradient).toEqual([0.5 + 2, 2]);
  });
});

test('cutout clears a square, cut off at the border, in all channels', async () => {
  const square = { top: each(1, -1), left: each(0, 2), size: 2 };
  const result = await run([2, 2, 3, 3], (x) => nn.cutout(x, square));
  const images = [...counting([2, 2, 3, 3])];
  for (const cleared of [3, 4, 6, 7, 12, 13, 15, 16, 20, 29]) images[cleared] = 0;
  expect(result).toEqual(images);
});

describe('augment', () => {
  test('without options gives the images themselves', async () => {
    await run([1, 1, 2, 2], (x) => {
      expect(nn.augment(x, {})).toBe(x);
      expect(nn.augment(x, { shift: 0, rotate: 0, flip: 0, cutout: 0, noise: 0 })).toBe(x);
      return x;
    });
  });

  test('mirrors with its probability, each image by itself', async () => {
    const images = 400;
    const count = async (flip: number) => {
      const y = await run([images, 1, 1, 2], (x) => nn.augment(x, { flip }));
      return y.filter((value, i) => i % 2 === 0 && value % 2 === 0).length; // 2 1 instead of 1 2
    };
    expect(await count(1)).toBe(images);
    // five standard deviations of the number of heads
    expect(Math.abs((await count(0.25)) - images / 4)).toBeLessThan(5 * Math.sqrt(images * 0.25 * 0.75));
  });

  test('keeps shifts, angles and scales in their ranges', async () => {
    // A wide ramp image shows by how much it moved: its middle pixel is at its centre minus the shift.
    const [n, w] = [200, 41];
    const middle = async (options: nn.AugmentOptions) => {
      const images = Float32Array.from({ length: n * w }, (_, i) => i % w);
      const y = await run([n, 1, 1, w], (x) => nn.augment(x, options), { images });
      return Array.from({ length: n }, (_, i) => y.slice(i * w, (i + 1) * w));
    };
    const shifts = (await middle({ shift: [0, 3] })).map((row) => 20 - row[20]!);
    expect(Math.max(...shifts)).toBeLessThanOrEqual(3);
    expect(Math.max(...shifts)).toBeGreaterThan(2.8);
    expect(Math.min(...shifts)).toBeGreaterThanOrEqual(-3);
    expect(Math.min(...shifts)).toBeLessThan(-2.8);
    const scales = (await middle({ scale: [0.8, 1.25] })).map((row) => 1 / (row[21]! - row[20]!));
    expect(Math.max(...scales)).toBeCloseTo(1.25, 1);
    expect(Math.min(...scales)).toBeCloseTo(0.8, 1);
    for (const scale of scales) expect(scale).toBeLessThan(1.2501);
    for (const scale of scales) expect(scale).toBeGreaterThan(0.7999);
  });

  test('adds noise of its deviation, and clears one square per image', async () => {
    const shape = [30, 1, 12, 12] as const;
    const zeros = new Float32Array(30 * 144);
    const noise = await run(shape, (x) => nn.augment(x, { noise: 0.5 }), { images: zeros });
    const variance = noise.reduce((total, x) => total + x * x, 0) / noise.length;
    expect(variance).toBeCloseTo(0.25, 1);
    const cut = await run(shape, (x) => nn.augment(x, { cutout: 5 }), {
      images: new Float32Array(30 * 144).fill(1),
    });
    for (let i = 0; i < 30; i++) {
      const cleared = cut.slice(i * 144, (i + 1) * 144).filter((x) => x === 0).length;
      // a quarter of the square remains in a corner
      expect(cleared).toBeGreaterThanOrEqual(9);
      expect(cleared).toBeLessThanOrEqual(25);
    }
    expect(cut.filter((x) => x === 0).length).toBeLessThan(30 * 25);
  });

  test('draws anew at each step, and the same for the same seed on every device', async () => {
    const options = { shift: 2, rotate: 0.3, scale: [0.8, 1.2], flip: 0.5, cutout: 3, noise: 0.1 } as const;
    const shape = [3, 2, 8, 8] as const;
    const images = normals(3 * 2 * 64, 9) as Float32Array<ArrayBuffer>;
    const draw = (on: Device, steps: number) =>
      run(shape, (x) => nn.augment(x, options), { images, on, steps, seed: 5 });
    const [first, second] = [await draw(device, 1), await draw(device, 2)];
    expect(first).not.toEqual(second);
    expect(await draw(device, 2)).toEqual(second);
    (await draw(cpu(), 2)).forEach((value, i) => expect(second[i]).toBeCloseTo(value, TURNED));
  });

  test('is off in evaluation', async () => {
    const layer = new nn.Augment({ shift: 2, noise: 1 });
    expect(await run([1, 1, 2, 2], (x) => layer.eval().forward(x))).toEqual([1, 2, 3, 4]);
    expect(await run([1, 1, 2, 2], (x) => layer.train().forward(x))).not.toEqual([1, 2, 3, 4]);
  });
});

test.each([
  [{ shift: -1 }, 'augment: expected shift >= 0, got [-1]'],
  [{ shift: [1, NaN] as const }, 'augment: expected shift >= 0, got [1,null]'],
  [{ rotate: Infinity }, 'augment: expected rotate >= 0, got [null]'],
  [{ scale: [0, 1] as const }, 'augment: expected scale [low, high] with 0 < low <= high, got [0,1]'],
  [{ scale: [2, 1] as const }, 'augment: expected scale [low, high] with 0 < low <= high, got [2,1]'],
  [{ flip: 1.5 }, 'augment: expected flip in [0, 1], got 1.5'],
  [{ cutout: 2.5 }, 'augment: expected cutout of a whole number of pixels, got 2.5'],
  [{ noise: -0.1 }, 'augment: expected noise >= 0, got [-0.1]'],
])('augment refuses %j', (options, message) => {
  expect(() => new nn.Augment(options)).toThrow(ArgumentError);
  expect(() => new nn.Augment(options)).toThrow(message);
});

test('images of another rank or dtype, and parameters of another length, are refused', async () => {
  await compile(cpu(), { flat: f32(4, 9), labels: i32(1, 1, 2, 2), images: f32(2, 1, 3, 3) }, (x) => {
    expect(() => nn.augment(x.flat, { flip: 0.5 })).toThrow(ShapeError);
    expect(() => nn.augment(x.flat, { flip: 0.5 })).toThrow(
      'augment: expected images [n, c, h, w], got [4, 9]',
    );
    expect(() => nn.affine(x.labels, {})).toThrow(DTypeError);
    expect(() => nn.affine(x.images, { angle: each(1) })).toThrow('affine: expected parameters [2], got [1]');
    expect(() => nn.cutout(x.images, { top: each(1), left: each(1, 2), size: 1 })).toThrow(
      'cutout: expected corners [2], got [1]',
    );
    return { outputs: { labels: x.labels } };
  });
});

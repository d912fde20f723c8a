import { ArgumentError, DTypeError, sameShape, ShapeError, type Tensor } from '../graph/index.ts';
import {
  add,
  and,
  broadcast,
  cast,
  clamp,
  cos,
  div,
  floor,
  gather,
  ge,
  iota,
  lt,
  mul,
  neg,
  normal,
  pad,
  reshape,
  sin,
  sub,
  uniform,
  where,
} from '../ops/index.ts';
import { Module } from './module.ts';

/** What `affine` does to each image; what is left out is left as it is. */
export interface AffineTransform {
  /** [n] bool: mirror left and right, before the rest. */
  readonly flip?: Tensor;
  /** [n] > 0: enlarge about the centre. */
  readonly scale?: Tensor;
  /** [n] radians: turn counter-clockwise about the centre. */
  readonly angle?: Tensor;
  /** Two [n]: move down and right by so many pixels. */
  readonly shift?: readonly [down: Tensor, right: Tensor];
}

/**
 * Mirror, enlarge, turn and shift each image by its own parameters, in one bilinear resampling. The result at pixel p is
 * the image at F R⁻¹ (p − c − t) / s + c: F mirrors, R turns, s is the scale, t the shift, and c the centre of the image.
 * Outside of the image is 0.
 *
 * @param images [n, c, h, w] f32
 * @returns [n, c, h, w]; differentiable with respect to the images and, between pixels, to the parameters
 * @throws ShapeError for other images, and for a parameter that is not [n]
 */
export function affine(images: Tensor, { flip, scale, angle, shift }: AffineTransform): Tensor {
  const [n, , h, w] = requireImages('affine', images);
  const perImage = (x: Tensor): Tensor => {
    if (!sameShape(x.shape, [n])) throw new ShapeError('affine', [x.shape], `parameters [${n}]`);
    return reshape(x, [n, 1, 1]);
  };
  const centre = [(h - 1) / 2, (w - 1) / 2] as const;
  let y = sub(iota([1, h, w], 1, 'f32'), centre[0]);
  let x = sub(iota([1, h, w], 2, 'f32'), centre[1]);
  if (shift) [y, x] = [sub(y, perImage(shift[0])), sub(x, perImage(shift[1]))];
  if (angle) {
    // y grows downwards
    const [cosine, sine] = [cos(perImage(angle)), sin(perImage(angle))];
    [y, x] = [add(mul(x, sine), mul(y, cosine)), sub(mul(x, cosine), mul(y, sine))];
  }
  if (scale) [y, x] = [div(y, perImage(scale)), div(x, perImage(scale))];
  if (flip) x = where(perImage(flip), neg(x), x);
  const at = (position: Tensor, middle: number) => broadcast(add(position, middle), [n, h, w]);
  return bilinear(images, at(y, centre[0]), at(x, centre[1]));
}

/**
 * Values between pixels, 0 outside of the image.
 *
 * @param images [n, c, h, w]
 * @param y [n, h, w] rows, from 0
 * @param x [n, h, w] columns, from 0
 * @returns [n, c, h, w]
 */
function bilinear(images: Tensor, y: Tensor, x: Tensor): Tensor {
  const [n, c, h, w] = images.shape as [number, number, number, number];
  const forChannels = (t: Tensor) => broadcast(reshape(t, [n, 1, h * w]), [n, c, h * w]);
  // With a frame of zeros every position that counts has four neighbours. Where the one to the right or below lies
  // outside of the frame, its share is 0.
  const none = [0, 0] as const;
  const framed = reshape(pad(images, [none, none, [1, 1], [1, 1]]), [n, c, (h + 2) * (w + 2)]);
  const [row, column] = [clamp(y, -1, h), clamp(x, -1, w)];
  const [top, left] = [floor(row), floor(column)];
  const [below, right] = [forChannels(sub(row, top)), forChannels(sub(column, left))];
  const corner = add(mul(cast(add(top, 1), 'i32'), w + 2), cast(add(left, 1), 'i32'));
  const pixel = (down: number, across: number) =>
    gather(framed, forChannels(add(corner, down * (w + 2) + across)), 2);
  const between = (a: Tensor, b: Tensor, share: Tensor) => add(a, mul(share, sub(b, a)));
  const upper = between(pixel(0, 0), pixel(0, 1), right);
  const lower = between(pixel(1, 0), pixel(1, 1), right);
  return reshape(between(upper, lower, below), images.shape);
}

/** The square that `cutout` clears in each image, in pixels; parts of it may lie outside. */
export interface Square {
  /** [n] f32: its first row. */
  readonly top: Tensor;
  /** [n] f32: its first column. */
  readonly left: Tensor;
  readonly size: number;
}

/**
 * Set a square of each image to 0 in all channels (DeVries and Taylor 2017).
 *
 * @param images [n, c, h, w] f32
 * @returns [n, c, h, w]
 * @throws ShapeError for other images, and for corners that are not [n]
 */
export function cutout(images: Tensor, { top, left, size }: Square): Tensor {
  const [n, , h, w] = requireImages('cutout', images);
  const covers = (start: Tensor, axis: number): Tensor => {
    if (!sameShape(start.shape, [n])) throw new ShapeError('cutout', [start.shape], `corners [${n}]`);
    const distance = sub(iota([n, 1, h, w], axis, 'f32'), reshape(start, [n, 1, 1, 1]));
    return and(ge(distance, 0), lt(distance, size));
  };
  return where(and(covers(top, 2), covers(left, 3)), 0, images);
}

/** How far `augment` may change an image; what is left out is left as it is. */
export interface AugmentOptions {
  /** Pixels: each image moves by up to so many, vertically and horizontally. */
  shift?: number | readonly [vertical: number, horizontal: number];
  /** Radians: each image turns by up to so much, to either side. */
  rotate?: number;
  /** Each image is enlarged by a factor between these two. */
  scale?: readonly [low: number, high: number];
  /** Probability that an image is mirrored left and right. */
  flip?: number;
  /** Side in pixels of a square that is cleared around a random pixel of each image. */
  cutout?: number;
  /** Standard deviation of the noise that is added to each pixel. */
  noise?: number;
}

/**
 * Change images at random, each by its own draw, new at every step (notes 4.3.3): mirror, scale, turn and shift (`affine`),
 * then `cutout`, then normal noise. Shifts, angles and scales are uniform in their ranges.
 *
 * @param images [n, c, h, w] f32
 * @returns [n, c, h, w]; the images themselves when no option is given
 * @throws ShapeError for other images, ArgumentError for an option out of its range, ChainruleError outside of `compile`
 */
export function augment(images: Tensor, options: AugmentOptions): Tensor {
  const [n, , h, w] = requireImages('augment', images);
  const { shift = 0, rotate = 0, scale, flip = 0, cutout: size = 0, noise = 0 } = checked(options);
  const between = (low: number, high: number) => add(mul(uniform([n]), high - low), low);
  const [down, right] = typeof shift === 'number' ? [shift, shift] : shift;
  const transform: AffineTransform = {
    ...(flip > 0 && { flip: lt(uniform([n]), flip) }),
    ...(scale && { scale: between(...scale) }),
    ...(rotate > 0 && { angle: between(-rotate, rotate) }),
    ...((down > 0 || right > 0) && { shift: [between(-down, down), between(-right, right)] }),
  };
  let result = Object.keys(transform).length > 0 ? affine(images, transform) : images;
  if (size > 0) {
    const corner = (length: number) => sub(floor(mul(uniform([n]), length)), Math.floor(size / 2));
    result = cutout(result, { top: corner(h), left: corner(w), size });
  }
  return noise > 0 ? add(result, mul(normal(images.shape), noise)) : result;
}

/** `augment` in training, nothing in evaluation: x [n, c, h, w] → [n, c, h, w]. The constructor throws ArgumentError. */
export class Augment extends Module {
  readonly options: AugmentOptions;

  constructor(options: AugmentOptions) {
    super();
    this.options = checked(options);
  }

  forward(x: Tensor): Tensor {
    return this.training ? augment(x, this.options) : x;
  }
}

function checked(options: AugmentOptions): AugmentOptions {
  const { shift = 0, rotate = 0, scale = [1, 1], flip = 0, cutout: size = 0, noise = 0 } = options;
  const least0 = {
    shift: typeof shift === 'number' ? [shift] : [...shift],
    rotate: [rotate],
    noise: [noise],
  };
  for (const [name, values] of Object.entries(least0))
    if (!values.every((value) => value >= 0 && value < Infinity))
      throw new ArgumentError('augment', `${name} >= 0`, values);
  if (!(scale[0] > 0 && scale[0] <= scale[1] && scale[1] < Infinity))
    throw new ArgumentError('augment', 'scale [low, high] with 0 < low <= high', scale);
  if (!(flip >= 0 && flip <= 1)) throw new ArgumentError('augment', 'flip in [0, 1]', flip);
  if (!(Number.isInteger(size) && size >= 0))
    throw new ArgumentError('augment', 'cutout of a whole number of pixels', size);
  return options;
}

function requireImages(op: string, images: Tensor): readonly [n: number, c: number, h: number, w: number] {
  if (images.dtype !== 'f32') throw new DTypeError(op, 'f32 images', images.dtype);
  if (images.rank !== 4) throw new ShapeError(op, [images.shape], 'images [n, c, h, w]');
  return images.shape as unknown as readonly [number, number, number, number];
}

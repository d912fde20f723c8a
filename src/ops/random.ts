import {
  ArgumentError,
  currentTrace,
  defineOp,
  emit,
  hashString,
  type DType,
  type Shape,
  type Tensor,
} from '../graph/index.ts';
import { requireSizes } from './axes.ts';
import { cast, lt } from './pointwise.ts';

export interface RandomAttrs {
  readonly kind: 'bits' | 'uniform' | 'normal';
  readonly seed: number;
  readonly stream: number;
  readonly shape: Shape;
}

/** Philox4x32-10 with key (seed, stream) and counter (step, element); its input is the step counter. */
export const randomOp = defineOp<'random', RandomAttrs>({
  name: 'random',
  kind: 'indexed',
  shape: (_, { shape }) => shape,
  dtype: (_, { kind }): DType => (kind === 'bits' ? 'u32' : 'f32'),
  vjp: () => [null],
});

function random(op: string, kind: RandomAttrs['kind'], shape: Shape, stream: string | undefined): Tensor {
  const trace = currentTrace(op);
  const id = stream === undefined ? trace.nextStream() : hashString(stream);
  return emit(randomOp, [trace.rngCounter()], {
    kind,
    seed: trace.seed >>> 0,
    stream: id,
    shape: requireSizes(op, shape),
  });
}

export interface RandomOptions {
  /** Name of the stream; default: its place in the order of calls. Two draws of one stream are equal. */
  stream?: string;
}

/**
 * Independent u32 words (Philox4x32-10; Salmon et al. 2011), new at every step and bit-equal on every device.
 *
 * @returns u32 of `shape`
 * @throws ChainruleError outside of `compile`, ArgumentError for a size that is not a whole number
 */
export const randomBits = (shape: Shape, { stream }: RandomOptions = {}): Tensor =>
  random('randomBits', 'bits', shape, stream);

/**
 * Uniform in [0, 1), a multiple of 2⁻²⁴; new at every step and bit-equal on every device.
 *
 * @returns f32 of `shape`; no gradient
 * @throws ChainruleError outside of `compile`, ArgumentError for a size that is not a whole number
 */
export const uniform = (shape: Shape, { stream }: RandomOptions = {}): Tensor =>
  random('uniform', 'uniform', shape, stream);

/**
 * Standard normal (Box and Muller 1958), new at every step.
 *
 * @returns f32 of `shape`; no gradient
 * @throws ChainruleError outside of `compile`, ArgumentError for a size that is not a whole number
 */
export const normal = (shape: Shape, { stream }: RandomOptions = {}): Tensor =>
  random('normal', 'normal', shape, stream);

/**
 * 1 with probability `p`, else 0; new at every step.
 *
 * @param p in [0, 1]
 * @returns f32 of `shape`; no gradient
 * @throws ArgumentError for p outside [0, 1] or a bad shape, ChainruleError outside of `compile`
 */
export function bernoulli(p: number, shape: Shape, { stream }: RandomOptions = {}): Tensor {
  if (!(p >= 0 && p <= 1)) throw new ArgumentError('bernoulli', 'p in [0, 1]', p);
  return cast(lt(random('bernoulli', 'uniform', shape, stream), p), 'f32');
}

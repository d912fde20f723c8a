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
    shape: [...shape],
  });
}

export interface RandomOptions {
  /** Name of the stream; default: its place in the order of calls. Two draws of one stream are equal. */
  stream?: string;
}

/** Independent u32 words, new at every step. Only inside `compile`. */
export const randomBits = (shape: Shape, { stream }: RandomOptions = {}): Tensor =>
  random('randomBits', 'bits', shape, stream);

/** Uniform in [0, 1), a multiple of 2⁻²⁴; new at every step. Only inside `compile`. */
export const uniform = (shape: Shape, { stream }: RandomOptions = {}): Tensor =>
  random('uniform', 'uniform', shape, stream);

/** Standard normal by Box–Muller; new at every step. Only inside `compile`. */
export const normal = (shape: Shape, { stream }: RandomOptions = {}): Tensor =>
  random('normal', 'normal', shape, stream);

/**
 * 1 with probability `p`, else 0, as f32.
 *
 * @param p in [0, 1]
 */
export function bernoulli(p: number, shape: Shape, options: RandomOptions = {}): Tensor {
  if (!(p >= 0 && p <= 1)) throw new ArgumentError('bernoulli', 'p in [0, 1]', p);
  return cast(lt(uniform(shape, options), p), 'f32');
}

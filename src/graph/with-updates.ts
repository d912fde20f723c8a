import { ChainruleError, DTypeError, ShapeError } from './errors.ts';
import { Parameter, type Update } from './parameter.ts';
import { formatShape, sameShape } from './shape.ts';
import { substitute } from './substitute.ts';
import { nextTensorId, Tensor } from './tensor.ts';
import { currentTrace } from './trace.ts';

/**
 * Check that updates have one value for each target, of its shape and dtype.
 *
 * @throws ChainruleError, DTypeError or ShapeError with the target's name
 */
export function requireUpdates(op: string, updates: readonly Update[]): void {
  const targets = new Set<Parameter>();
  for (const [parameter, value] of updates) {
    if (!(parameter instanceof Parameter))
      throw new ChainruleError(`${op}: expected updates of parameters, got one of ${String(parameter)}`);
    if (targets.has(parameter))
      throw new ChainruleError(`${op}: expected one update per parameter, got two for ${parameter.label}`);
    targets.add(parameter);
    if (value.dtype !== parameter.dtype)
      throw new DTypeError(`update of ${parameter.label}`, parameter.dtype, value.dtype);
    if (!sameShape(value.shape, parameter.shape))
      throw new ShapeError(`update of ${parameter.label}`, [value.shape], formatShape(parameter.shape));
  }
}

/**
 * Build a part of a step that sees parameters as they will be: what `fn` computes reads the new values of the parameters
 * in `updates`, and the old ones of all others. So a discriminator and a generator train in one compiled step:
 *
 * ```ts
 * const dUpdates = dOptimizer.update(grad(dLoss, dOptimizer.params));
 * const { gLoss, gUpdates } = withUpdates(dUpdates, () => {
 *   const gLoss = nn.bceWithLogits(D.forward(G.forward(z)), real); // against the discriminator just updated
 *   return { gLoss, gUpdates: gOptimizer.update(grad(gLoss, gOptimizer.params)) };
 * });
 * return { outputs: { dLoss, gLoss }, updates: [...dUpdates, ...gUpdates] };
 * ```
 *
 * It changes nothing by itself: return the updates too, or leave them out to try values (weights with noise added). Inside,
 * a parameter stands for its new value, and `grad` with respect to it is the gradient there. Outside, gradients of what
 * `fn` returns flow on through the new values to what they were computed from. Tensors made before stay as they are.
 *
 * @param updates one new value per parameter
 * @param fn builds nodes and returns tensors, in arrays and plain objects as you like. Targets of updates, that is
 *   parameters that it returns themselves, stay parameters
 * @returns what `fn` returns
 * @throws ChainruleError for two updates of one parameter, for a result of another kind, and outside of `compile`;
 *   ShapeError, DTypeError for an update that does not fit
 */
export function withUpdates<T>(updates: readonly Update[], fn: () => T): T {
  const trace = currentTrace('withUpdates');
  requireUpdates('withUpdates', updates);
  const firstId = nextTensorId();
  const result = fn();

  const made = new Set<Tensor>();
  mapTensors([result, trace.updates], (tensor) => (made.add(tensor), tensor));
  const roots = [...made].filter((tensor) => !(tensor instanceof Parameter));
  const rebuilt = substitute(roots, new Map<Tensor, Tensor>(updates), ({ id }) => id >= firstId);
  const now = new Map(roots.map((root, i) => [root, rebuilt[i]!]));
  const renewed = (tensor: Tensor) => now.get(tensor) ?? tensor;
  trace.updates.splice(0, Infinity, ...mapTensors(trace.updates, renewed));
  return mapTensors(result, renewed);
}

/** `tree` with each tensor replaced; arrays and plain objects are copied. */
function mapTensors<T>(tree: T, replace: (tensor: Tensor) => Tensor): T {
  const walk = (value: unknown): unknown => {
    if (value instanceof Tensor) return replace(value);
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    if (Object.getPrototypeOf(value) !== Object.prototype)
      throw new ChainruleError(
        `withUpdates: expected fn to return tensors in arrays and plain objects, got a ${value.constructor.name}`,
      );
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, walk(item)]));
  };
  return walk(tree) as T;
}

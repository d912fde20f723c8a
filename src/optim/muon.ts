import {
  formatShape,
  ArgumentError,
  requireOneOf,
  type Parameter,
  type Tensor,
  type Update,
} from '../graph/index.ts';
import { add, div, matmul, maximum, mul, reshape, sqrt, square, sub, sum, transpose } from '../ops/index.ts';
import {
  movingAverage,
  Optimizer,
  type OptimizerOptions,
  type Pair,
  type ParameterGroup,
} from './optimizer.ts';

export interface MuonOptions extends OptimizerOptions {
  /** μ of m ← μ m + (1 − μ) g; default 0.95. */
  momentum?: number;
  /** Orthogonalise μ m + (1 − μ) g instead of m; default true. */
  nesterov?: boolean;
  /** Decoupled decay p ← p (1 − lr weightDecay); default 0.1. */
  weightDecay?: number;
  /** Iterations of Newton and Schulz; default 5. */
  steps?: number;
  /** Least norm that the first matrix is divided by; default 1e-7. */
  eps?: number;
  /**
   * How lr grows with the size [rows, columns]: `'original'` (default) by √max(1, rows / columns), `'matchRmsAdamW'` by
   * 0.2 √max(rows, columns), which makes steps as long as those of AdamW (Liu et al. 2025, eq. 4).
   */
  adjustLr?: 'original' | 'matchRmsAdamW';
}

/** Coefficients of the quintic, chosen for its slope at 0: five steps bring singular values into about [0.7, 1.2]. */
const [A, B, C] = [3.4445, -4.775, 2.0315];

/**
 * p ← p (1 − lr weightDecay) − lr · s · O, where O is about U Vᵀ of the momentum m = U Σ Vᵀ and s depends on the size
 * (Jordan et al. 2024, "Muon: an optimizer for hidden layers"); conventions and defaults of PyTorch's `Muon`, in float32.
 *
 * For weights of hidden layers; weights of convolutions [out, in, ...] count as matrices [out, in · ...]. Give biases,
 * embeddings and the head to another optimizer and return the updates of both. The constructor throws ArgumentError for
 * parameters of fewer than two axes.
 */
export class Muon extends Optimizer<MuonOptions> {
  constructor(params: readonly Parameter[] | readonly ParameterGroup<MuonOptions>[], options: MuonOptions) {
    super(params, options);
    for (const p of this.params)
      if (p.rank < 2)
        throw new ArgumentError(
          'Muon',
          'parameters of at least two axes',
          `${formatShape(p.shape)} of ${p.label}. Give it to another optimizer, such as AdamW`,
        );
  }

  protected updateGroup(pairs: readonly Pair[], options: MuonOptions, lr: Tensor): Update[] {
    const { momentum = 0.95, nesterov = true, weightDecay = 0.1, adjustLr = 'original' } = options;
    requireOneOf('Muon', 'adjustLr', ['original', 'matchRmsAdamW'], adjustLr);
    const keep = sub(1, mul(lr, weightDecay));
    return pairs.flatMap(([p, g]): Update[] => {
      const average = this.moment(p, 'momentum');
      const m = movingAverage(average, momentum, g);
      const rows = p.shape[0]!;
      const matrix = reshape(nesterov ? movingAverage(m, momentum, g) : m, [rows, -1]);
      const columns = matrix.shape[1]!;
      const scale =
        adjustLr === 'original'
          ? Math.sqrt(Math.max(1, rows / columns))
          : 0.2 * Math.sqrt(Math.max(rows, columns));
      const direction = reshape(orthogonalized(matrix, options), p.shape);
      return [
        [average, m],
        [p, sub(weightDecay === 0 ? p : mul(p, keep), mul(direction, mul(lr, scale)))],
      ];
    });
  }
}

/**
 * About U Vᵀ of G = U Σ Vᵀ, by X ← A X + (B X Xᵀ + C (X Xᵀ)²) X from X = G / ‖G‖, which maps each singular value σ to
 * A σ + B σ³ + C σ⁵.
 */
function orthogonalized(g: Tensor, { steps = 5, eps = 1e-7 }: MuonOptions): Tensor {
  const tall = g.shape[0]! > g.shape[1]!; // X Xᵀ should be the small one of the two products
  let x = tall ? transpose(g) : g;
  x = div(x, maximum(sqrt(sum(square(x))), eps));
  for (let step = 0; step < steps; step++) {
    const gram = matmul(x, x, { transposeB: true });
    x = add(mul(x, A), matmul(add(mul(gram, B), mul(matmul(gram, gram), C)), x));
  }
  return tall ? transpose(x) : x;
}

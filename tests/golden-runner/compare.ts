import type { Backend, Results, TensorCase } from './case.ts';

/** The element of a case that comes closest to its tolerance, or exceeds it most. */
export interface Worst {
  readonly tensor: string;
  readonly index: number;
  readonly got: number;
  readonly expected: number;
  /** |got − expected| / (atol + rtol |expected|); above 1 fails. */
  readonly ratio: number;
}

export interface Comparison {
  /** What is wrong, one sentence each; empty when the case passes. */
  readonly problems: readonly string[];
  readonly worst: Worst | null;
}

/** Every `out.*`, `grad.*` and `final.*` of the case against the results, at the case's own tolerances. */
export function compare(golden: TensorCase, results: Results, backend: Backend): Comparison {
  const problems: string[] = [];
  let worst: Worst | null = null;
  for (const [tensor, { shape, data: expected }] of golden.tensors) {
    if (!/^(out|grad|final)\./.test(tensor)) continue;
    const result = results.get(tensor);
    if (!result) {
      problems.push(`${tensor} was not computed`);
      continue;
    }
    if (result.shape.join() !== shape.join()) {
      problems.push(`${tensor} has shape [${result.shape.join(', ')}], expected [${shape.join(', ')}]`);
      continue;
    }
    const [rtol, atol] = expected instanceof Int32Array ? [0, 0] : toleranceOf(golden, tensor, backend);
    let mostWrong: Worst | null = null;
    for (let index = 0; index < expected.length; index++) {
      const got = result.data[index]!;
      const ratio = errorRatio(got, expected[index]!, rtol, atol);
      if (!mostWrong || ratio > mostWrong.ratio)
        mostWrong = { tensor, index, got, expected: expected[index]!, ratio };
    }
    if (mostWrong && mostWrong.ratio > 1)
      problems.push(
        `${tensor}[${mostWrong.index}] is ${mostWrong.got}, expected ${mostWrong.expected} (${mostWrong.ratio.toPrecision(3)} times the tolerance)`,
      );
    if (mostWrong && (!worst || mostWrong.ratio > worst.ratio)) worst = mostWrong;
  }
  return { problems, worst };
}

function toleranceOf(golden: TensorCase, tensor: string, backend: Backend): readonly [number, number] {
  const tolerance = golden.tolerances[tensor]?.[backend === 'cpu' ? 'cpu' : 'gpu'];
  if (!tolerance) throw new Error(`the case stores no tolerance for ${tensor}`);
  return tolerance;
}

/** NaN and infinities are never within a tolerance: no golden value is one. */
function errorRatio(got: number, expected: number, rtol: number, atol: number): number {
  if (got === expected) return 0;
  const ratio = Math.abs(got - expected) / (atol + rtol * Math.abs(expected));
  return Number.isNaN(ratio) ? Infinity : ratio;
}

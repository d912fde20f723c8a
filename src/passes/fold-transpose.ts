import type { Tensor } from '../graph/index.ts';
import { matmul, type MatmulAttrs } from '../ops/index.ts';
import { rewrite } from './rewrite.ts';

/** A transpose that feeds a matmul becomes the matmul's flag: the kernel reads the other way round. */
export function foldTranspose(roots: readonly Tensor[]): Tensor[] {
  return rewrite(roots, (node, inputs) => {
    if (node.op.name !== 'matmul') return null;
    const attrs = node.attrs as MatmulAttrs;
    const [a, b] = inputs as [Tensor, Tensor];
    const [swapA, swapB] = [swapsLastAxes(a), swapsLastAxes(b)];
    if (!swapA && !swapB) return null;
    return matmul(swapA ? a.inputs[0]! : a, swapB ? b.inputs[0]! : b, {
      transposeA: attrs.transposeA !== swapA,
      transposeB: attrs.transposeB !== swapB,
    });
  });
}

function swapsLastAxes(node: Tensor): boolean {
  if (node.op.name !== 'permute') return false;
  const perm = node.attrs.perm as readonly number[];
  const last = perm.length - 1;
  return (
    perm[last] === last - 1 && perm[last - 1] === last && perm.slice(0, -2).every((axis, i) => axis === i)
  );
}

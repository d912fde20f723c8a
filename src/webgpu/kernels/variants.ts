import matmulShared from '../../../shaders/matmul_shared.wgsl';
import { ArgumentError } from '../../graph/index.ts';
import type { AttentionAttrs } from '../../ops/index.ts';
import type { Kernel, Plan } from '../../plan/index.ts';
import { attentionKernel, type AttentionTile } from './attention.ts';
import { matmulKernel, rowsKernel, TILES } from './core.ts';
import { imageKernels } from './image.ts';
import { tuningKey } from './key.ts';
import { QUAD_TILE } from './quad.ts';
import type { Adapter, Choose, KernelSpec, Tuning } from './spec.ts';

/** 64 × 64 results per workgroup, 4 × 4 per invocation. */
const SHARED_TILE = { shader: matmulShared, rows: 4, columns: 4, lanesX: 16, lanesY: 16 };

/**
 * The ways to run a kernel, by name; none where there is only one. Each is right for all sizes, but they sum in different
 * orders.
 */
export function variantsOf(
  { anchor, lines }: Kernel,
  plan: Plan,
  adapter: Adapter,
): Readonly<Record<string, KernelSpec>> {
  if (lines) {
    const { outer, length, inner } = lines;
    if (inner > 1 || adapter.subgroupSize === 0) return {};
    return {
      'one invocation': rowsKernel(outer, length, 0),
      'one subgroup': rowsKernel(outer, length, adapter.subgroupSize),
    };
  }
  if (!anchor) return {};
  const views = anchor.inputs.map((input) => plan.views.get(input)!);
  switch (anchor.op.name) {
    case 'matmul': {
      const quads = adapter.subgroupSize > 0 ? { '8x8 quad': QUAD_TILE } : {};
      const tiles = { ...TILES, ...quads, 'workgroup memory': SHARED_TILE };
      return Object.fromEntries(
        Object.entries(tiles).map(([name, tile]) => [
          name,
          matmulKernel(tile, anchor, anchor.attrs as never, views),
        ]),
      );
    }
    case 'conv2d':
    case 'convTranspose2d':
    case 'conv2dWeightGrad':
    case 'conv2dWeightGradParts': {
      const choose = imageKernels[anchor.op.name as 'conv2d'] as Choose<unknown>;
      const withQuads = (quads: boolean) => {
        const pretended = { software: true, subgroupSize: quads ? adapter.subgroupSize : 0 };
        return choose(anchor, anchor.attrs, views, pretended);
      };
      const [alone, quad] = [withQuads(false), withQuads(true)];
      return alone.shader === quad.shader ? {} : { '8x8': alone, '8x8 quad': quad };
    }
    case 'attention':
    case 'attentionQueryGrad':
    case 'attentionKeyValueGrad': {
      const withTile = (rows: AttentionTile['rows'], quads: boolean) =>
        attentionKernel(anchor, anchor.attrs as unknown as AttentionAttrs, views, { rows, quads });
      return {
        '4 rows': withTile(4, false),
        '1 row': withTile(1, false),
        ...(adapter.subgroupSize > 0 && {
          '4 rows, quads': withTile(4, true),
          '1 row, quads': withTile(1, true),
        }),
      };
    }
    default:
      return {};
  }
}

/** The variant that `tuning` names for a kernel, if it does. @throws ArgumentError for one that is not there */
export function tunedSpec(
  kernel: Kernel,
  plan: Plan,
  adapter: Adapter,
  tuning: Tuning,
): KernelSpec | undefined {
  const key = tuningKey(kernel);
  const name = tuning.get(key);
  if (name === undefined) return undefined;
  const variants = variantsOf(kernel, plan, adapter);
  if (!Object.hasOwn(variants, name))
    throw new ArgumentError(
      'webgpu',
      `tuning of ${key} to be one of ${Object.keys(variants).join(', ')}`,
      name,
    );
  return variants[name];
}

import { formatShape } from '../../graph/index.ts';
import type { Kernel } from '../../plan/index.ts';

/** What a measurement of a kernel holds for: its op with attributes and shapes, whatever is fused around it. */
export function tuningKey({ anchor, lines }: Kernel): string {
  if (lines) return `lines ${lines.outer} x ${lines.length} x ${lines.inner}`;
  if (!anchor) return '';
  const shapes = anchor.inputs.map(({ shape }) => formatShape(shape)).join(' ');
  return `${anchor.op.name} ${shapes} ${JSON.stringify(anchor.attrs)}`;
}

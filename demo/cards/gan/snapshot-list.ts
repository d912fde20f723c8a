import { element } from '../../dom.ts';
import { paintTiles } from '../../kit/paint.ts';
import { KEPT } from './extent.ts';
import type { Snapshot } from './snapshots.ts';

/** Samples at earlier steps, a row for each. */
export class SnapshotList {
  readonly element = element('ol', { class: 'snapshots', id: 'snapshots' });

  show(snapshots: readonly Snapshot[]): void {
    const rows = snapshots.map(({ images, step }) => {
      const canvas = element('canvas', { class: 'ink', 'aria-hidden': 'true' });
      paintTiles(canvas, images, KEPT);
      return element(
        'li',
        {},
        element('span', { class: 'quiet' }, `step ${step.toLocaleString('en')}`),
        canvas,
      );
    });
    this.element.replaceChildren(...rows);
  }
}

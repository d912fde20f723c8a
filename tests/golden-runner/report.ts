import type { CaseResult, Status } from './run.ts';

const STATUSES: readonly Status[] = ['passed', 'failed', 'missing', 'excluded'];

type Counts = Record<Status, number>;

/** Cases by group and status, in order of appearance, with the total last. */
export function countByGroup(results: readonly CaseResult[]): Map<string, Counts> {
  const none = (): Counts => ({ passed: 0, failed: 0, missing: 0, excluded: 0 });
  const counts = new Map<string, Counts>();
  const total = none();
  for (const { group, status } of results) {
    const ofGroup = counts.get(group) ?? none();
    counts.set(group, ofGroup);
    ofGroup[status]++;
    total[status]++;
  }
  return counts.set('total', total);
}

/** A table of the counts, then one line for each failed case and one for each missing operation. */
export function formatReport(results: readonly CaseResult[]): string {
  const row = (cells: readonly (string | number)[]) =>
    cells.map((cell, i) => (i === 0 ? String(cell).padEnd(10) : String(cell).padStart(9))).join('');
  const lines = [row(['group', ...STATUSES])];
  for (const [group, counts] of countByGroup(results))
    lines.push(row([group, ...STATUSES.map((status) => counts[status])]));
  for (const { id, status, problems } of results)
    if (status === 'failed') lines.push(`failed: ${id}: ${problems.join('; ')}`);
  const missing = new Map<string, number>();
  for (const { status, problems } of results)
    if (status === 'missing') missing.set(problems[0]!, (missing.get(problems[0]!) ?? 0) + 1);
  for (const [what, count] of missing)
    lines.push(`missing: ${what} (${count} case${count === 1 ? '' : 's'})`);
  return lines.join('\n');
}

/** What `npm run golden` writes. */
export interface GoldenReport {
  readonly dir: string;
  readonly backend: string;
  readonly device: string;
  readonly counts: Readonly<Record<string, Counts>>;
  readonly cases: readonly CaseResult[];
}

export function makeReport(
  dir: string,
  backend: string,
  device: string,
  cases: readonly CaseResult[],
): GoldenReport {
  return { dir, backend, device, counts: Object.fromEntries(countByGroup(cases)), cases };
}

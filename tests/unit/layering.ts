import { posix } from 'node:path';
import { parseSync } from 'vite';

/** Which other folders each folder of `src/` may import. Files directly in `src/` may import all of them. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  graph: [],
  ops: ['graph'],
  autodiff: ['graph', 'ops'],
  distributions: ['graph', 'ops'],
  nn: ['graph', 'ops', 'distributions'],
  optim: ['graph', 'ops'],
  passes: ['graph', 'ops'],
  plan: ['graph', 'ops'],
  cpu: ['graph', 'ops'],
  webgpu: ['graph', 'ops', 'passes', 'plan', 'shaders'],
  data: ['graph', 'ops'],
  metrics: ['graph', 'ops', 'nn'],
  analysis: ['graph', 'ops', 'autodiff', 'nn'],
};

/** The only folder that may name `GPU…` types and load the Dawn binding for Node. */
const GPU_FOLDER = 'webgpu';

/** Source text by path from the repository's root, such as `src/ops/matmul.ts`. */
export type Sources = ReadonlyMap<string, string>;

/** One line for each import, import cycle at run time or `GPU…` name that the rules above forbid. */
export function layeringViolations(sources: Sources): string[] {
  const violations: string[] = [];
  const imports = new Map<string, string[]>();
  for (const [file, source] of sources) {
    const { targets, loaded, gpuNames } = inspect(file, source);
    violations.push(
      ...targets.filter((target) => !isAllowed(file, target)).map((target) => `${file} imports ${target}`),
    );
    if (folderOf(file) !== GPU_FOLDER) violations.push(...gpuNames.map((name) => `${file} names ${name}`));
    imports.set(file, loaded);
  }
  return [...violations, ...cyclesOf(imports).map((cycle) => `cycle: ${cycle.join(' -> ')}`)];
}

function isAllowed(file: string, target: string): boolean {
  const from = folderOf(file);
  if (!target.startsWith('src/') && !target.startsWith('shaders/')) {
    return target.startsWith('node:') || (target === 'webgpu' && from === GPU_FOLDER);
  }
  if (from === undefined) return target.startsWith('src/');
  const to = folderOf(target);
  return to !== undefined && (to === from || (MAY_IMPORT[from]?.includes(to) ?? false));
}

/** `ops` of `src/ops/matmul.ts`, `shaders` of anything in `shaders/`, undefined of `src/index.ts`. */
function folderOf(path: string): string | undefined {
  const [top, folder, ...rest] = path.split('/');
  if (top !== 'src') return top;
  return rest.length > 0 ? folder : undefined;
}

interface SyntaxNode {
  type: string;
  name?: unknown;
  source?: { value?: unknown } | null;
  importKind?: unknown;
  exportKind?: unknown;
}

/**
 * What one file names: all import targets, those that are still there at run time, and `GPU…` identifiers. Only the imports
 * at run time can make a cycle: types may refer to each other across files, as Tensor and Op do.
 */
function inspect(file: string, source: string): { targets: string[]; loaded: string[]; gpuNames: string[] } {
  const { program, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`);
  const targets = new Set<string>();
  const loaded = new Set<string>();
  const gpuNames = new Set<string>();
  visit(program, (node) => {
    // import, export from, import() and import('…').Type all keep the specifier in `source`
    const specifier = node.source?.value;
    if (typeof specifier === 'string') {
      targets.add(resolve(file, specifier));
      if (!isTypeOnly(node)) loaded.add(resolve(file, specifier));
    }
    if (node.type === 'Identifier' && typeof node.name === 'string' && /^GPU[A-Z]/.test(node.name)) {
      gpuNames.add(node.name);
    }
  });
  return { targets: [...targets], loaded: [...loaded], gpuNames: [...gpuNames] };
}

function isTypeOnly(node: SyntaxNode): boolean {
  return node.type === 'TSImportType' || node.importKind === 'type' || node.exportKind === 'type';
}

function visit(value: unknown, see: (node: SyntaxNode) => void): void {
  if (typeof value !== 'object' || value === null) return;
  if ('type' in value && typeof value.type === 'string') see(value as SyntaxNode);
  for (const child of Object.values(value)) visit(child, see);
}

function resolve(file: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  return posix.join(posix.dirname(file), specifier).replace(/\?.*$/, '');
}

/** Each import cycle once, as the files along it with the first one repeated at the end. */
function cyclesOf(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles: string[][] = [];
  const finished = new Set<string>();
  const path: string[] = [];
  const walk = (file: string): void => {
    const start = path.indexOf(file);
    if (start !== -1) cycles.push([...path.slice(start), file]);
    if (start !== -1 || finished.has(file)) return;
    path.push(file);
    for (const target of imports.get(file) ?? []) walk(target);
    path.pop();
    finished.add(file);
  };
  for (const file of imports.keys()) walk(file);
  return cycles;
}

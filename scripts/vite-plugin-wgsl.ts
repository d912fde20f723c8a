import { readFile } from 'node:fs/promises';
import { basename, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';
import { WgslParser } from 'wgsl_reflect/wgsl_reflect.module.js';

export interface ShaderBinding {
  binding: number;
  name: string;
  kind: 'storage-read' | 'storage-read-write' | 'uniform';
  /** Names of the struct members of a uniform, in order. */
  members?: string[];
}

/** Alias under which tests, demo and examples import the library as a user does, from its source. */
export const LIBRARY_BY_NAME = {
  find: /^chainrule$/,
  replacement: fileURLToPath(new URL('../src/index.ts', import.meta.url)),
};

/** The part of wgsl_reflect's syntax tree that bindings are read from. */
interface TopLevelNode {
  astNodeType: string;
  name?: string;
  storage?: string | null;
  access?: string | null;
  attributes?: { name: string; value: string | string[] | null }[] | null;
  type?: { name: string } | null;
  members?: { name: string }[];
}

/**
 * Lets TypeScript import a `.wgsl` file as `{ name, code, bindings }` (typed in `wgsl.d.ts`).
 *
 * The bindings are reflected here, at build time, so that wgsl_reflect never reaches a user's bundle.
 * Library and demo builds get the code without comments and indentation; dev and tests get the file as it is.
 */
export function wgsl(): Plugin {
  let building = false;
  let root = process.cwd();
  return {
    name: 'wgsl',
    enforce: 'pre',
    configResolved(config) {
      building = config.command === 'build';
      root = config.root;
    },
    load: {
      filter: { id: /\.wgsl$/ },
      async handler(file) {
        this.addWatchFile(file);
        const source = await readFile(file, 'utf8');
        const shader = {
          name: basename(file, '.wgsl'),
          code: building ? stripWgsl(source) : source,
          bindings: reflectBindings(source, relative(root, file)),
        };
        return { code: `export default ${JSON.stringify(shader)};`, moduleType: 'js', map: null };
      },
    },
  };
}

/**
 * The group 0 bindings that a shader file declares, ordered by binding number.
 *
 * A kernel file is not complete by itself: types, constants and functions that the composer adds may be missing.
 * So this only parses; whether the composed text compiles is for a test on a real adapter to say.
 *
 * @param file named in errors
 * @throws Error on a syntax error, a binding number that is not a literal, or one that is declared twice
 */
export function reflectBindings(source: string, file: string): ShaderBinding[] {
  const bindings: ShaderBinding[] = [];
  const nodes = parse(source, file);
  for (const node of nodes) {
    if (node.astNodeType !== 'var') continue;
    const group = attribute(node, 'group');
    const binding = attribute(node, 'binding');
    if (group === undefined && binding === undefined) continue;
    const name = node.name ?? '';
    if (group !== '0' || binding === undefined || !/^\d+$/.test(binding)) {
      throw new Error(
        `${file}: expected @group(0) @binding(<number>) on var ${name}, got @group(${group}) @binding(${binding})`,
      );
    }
    const struct = nodes.find((other) => other.astNodeType === 'struct' && other.name === node.type?.name);
    const members = struct?.members?.map((member) => member.name);
    bindings.push({
      binding: Number(binding),
      name,
      kind: kindOf(node, file),
      ...(members ? { members } : {}),
    });
  }
  bindings.sort((a, b) => a.binding - b.binding);
  for (const [i, { binding, name }] of bindings.entries()) {
    if (i > 0 && bindings[i - 1]?.binding === binding) {
      throw new Error(
        `${file}: expected one var per binding, got ${bindings[i - 1]?.name} and ${name} at ${binding}`,
      );
    }
  }
  return bindings;
}

/**
 * WGSL without comments, indentation, blank lines and spaces beside punctuation. Line breaks stay, so that
 * the compiler's messages still point at a short line. WGSL has no string literals to be careful of.
 */
export function stripWgsl(source: string): string {
  return withoutComments(source)
    .split('\n')
    .map((line) => line.trim().replace(/ ?([*%=<>(){},;:|&?]) ?/g, '$1'))
    .map((line) => line.replace(/(?<![-+/*]) ([-+/]) (?![-+/*])/g, '$1')) // never two of them beside each other
    .filter((line) => line !== '')
    .join('\n');
}

function withoutComments(source: string): string {
  let kept = '';
  let depth = 0; // WGSL block comments nest
  for (let i = 0; i < source.length; i++) {
    const pair = source.slice(i, i + 2);
    if (depth === 0 && pair === '//') {
      const end = source.indexOf('\n', i);
      if (end === -1) break;
      i = end;
      kept += '\n';
    } else if (pair === '/*') {
      depth++;
      i++;
    } else if (depth > 0 && pair === '*/') {
      depth--;
      i++;
      if (depth === 0) kept += ' '; // a comment separates tokens
    } else if (depth === 0) {
      kept += source[i];
    }
  }
  return kept;
}

function parse(source: string, file: string): TopLevelNode[] {
  try {
    return new WgslParser().parse(source) as unknown as TopLevelNode[];
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function attribute(node: TopLevelNode, name: string): string | undefined {
  const value = node.attributes?.find((candidate) => candidate.name === name)?.value;
  return value === undefined || value === null ? undefined : String(value);
}

function kindOf(node: TopLevelNode, file: string): ShaderBinding['kind'] {
  if (node.storage === 'uniform') return 'uniform';
  if (node.storage === 'storage') return node.access === 'read_write' ? 'storage-read-write' : 'storage-read';
  throw new Error(
    `${file}: expected var<storage> or var<uniform>, got ${node.storage || 'a handle'} for ${node.name}`,
  );
}

/** The parts of Node that this library uses. */
interface NodeModules {
  'node:fs/promises': {
    readFile(path: string | URL, options: { signal?: AbortSignal }): Promise<Uint8Array>;
    readFile(path: string, encoding: 'utf8'): Promise<string>;
    writeFile(path: string, text: string): Promise<void>;
    mkdir(path: string, options: { recursive: true }): Promise<unknown>;
  };
  'node:module': {
    createRequire(from: string): { resolve: { paths(request: string): string[] | null } };
  };
  'node:os': { homedir(): string };
  'node:path': { join(...parts: string[]): string };
}

/**
 * A module of Node, or undefined elsewhere. Asking the process for it, unlike an import, leaves bundlers out of it.
 */
export function nodeModule<M extends keyof NodeModules>(name: M): NodeModules[M] | undefined {
  interface NodeProcess {
    getBuiltinModule?(name: string): NodeModules[M];
  }
  return (globalThis as { process?: NodeProcess }).process?.getBuiltinModule?.(name);
}

// Compile time grows with the number of nodes and no faster. Time itself is measured by `npm run bench:growth`; here the
// work is counted: elements that methods of arrays, maps and sets go through, and iterations over them.
import { expect, test } from 'vitest';
import { growingSteps } from '../../bench/lib/growing.mjs';
import * as chainrule from '../../src/index.ts';
import { noGpu } from '../no-gpu.ts';

/** Nodes of the smaller program, and how many times as many the larger one has. */
const [NODES, TIMES] = [1_000, 4];
/** n log n comes to n^1.15 here, and something squared to n² once there is enough of it to be seen. */
const MOST_EXPONENT = 1.25;
/** Fewer elements in the larger program say nothing. */
const FEW = 5_000;

type Collection = { readonly length?: number; readonly size?: number };
// oxlint-disable-next-line typescript/no-explicit-any -- methods of all kinds
type Methods = Record<string | symbol, (this: Collection, ...args: any[]) => any>;

/** Elements that each method has gone through while `run` was running. */
async function workOf(run: () => Promise<unknown>): Promise<Record<string, number>> {
  const work: Record<string, number> = {};
  const restore: (() => void)[] = [];
  const wrap = (
    { prototype }: { prototype: unknown; name: string },
    type: string,
    names: readonly (string | symbol)[],
    wrapped: (original: Methods[string], add: (elements: number) => void) => Methods[string],
  ) => {
    for (const name of names) {
      const methods = prototype as Methods;
      const [original, key] = [methods[name]!, `${type}.${String(name)}`];
      work[key] = 0;
      methods[name] = wrapped(original, (elements) => (work[key]! += elements));
      restore.push(() => (methods[name] = original));
    }
  };
  /** Each call is one element. */
  const calls = (original: Methods[string], add: (elements: number) => void): Methods[string] =>
    function (...args) {
      add(1);
      return original.apply(this, args);
    };
  /** Each call goes through everything. */
  const whole = (original: Methods[string], add: (elements: number) => void): Methods[string] =>
    function (...args) {
      add(this.length ?? this.size!);
      return original.apply(this, args);
    };
  /** Each call goes on until its callback says that it is enough. */
  const search = (original: Methods[string], add: (elements: number) => void): Methods[string] =>
    function (isFound, ...args) {
      return original.call(
        this,
        (...element: unknown[]) => {
          add(1);
          return isFound(...element);
        },
        ...args,
      );
    };
  for (const type of [Map, Set, WeakMap])
    wrap(type, type.name, type === Set ? ['add', 'has'] : ['get', 'set', 'has'], calls);
  wrap(Map, 'Map', [Symbol.iterator, 'keys', 'values', 'entries', 'forEach'], whole);
  wrap(Set, 'Set', [Symbol.iterator, 'values', 'forEach'], whole);
  wrap(Array, 'Array', ['every', 'some', 'find', 'findIndex'], search);
  const through = ['includes', 'indexOf', 'map', 'filter', 'flatMap', 'reduce', 'forEach', 'sort', 'join'];
  wrap(Array, 'Array', [...through, 'concat', 'reverse', Symbol.iterator], whole);
  try {
    await run();
  } finally {
    for (const undo of restore) undo();
  }
  return work;
}

test.each(Object.entries(growingSteps(chainrule)))(
  'compiling a program four times as long takes four times the work: %s',
  { timeout: 120_000 },
  async (_, { nodesPerLayer, make }) => {
    const compiling = async (nodes: number) => {
      const { signature, fn } = make(Math.round(nodes / nodesPerLayer));
      const device = await chainrule.webgpu({ device: noGpu().device });
      return workOf(async () => {
        const step = await chainrule.compile(device, signature, fn);
        return [step.stats, chainrule.print(step)];
      });
    };
    const [smaller, larger] = [await compiling(NODES), await compiling(TIMES * NODES)];
    const exponents = Object.entries(larger)
      .filter(([, elements]) => elements > FEW)
      .map(
        ([method, elements]) => [method, Math.log(elements / smaller[method]!) / Math.log(TIMES)] as const,
      );
    expect(exponents.length).toBeGreaterThan(10);
    expect(exponents.filter(([, exponent]) => !(exponent <= MOST_EXPONENT))).toEqual([]);
  },
);

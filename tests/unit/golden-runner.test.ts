import { expect, test } from 'vitest';
import { cpu, data } from '../../src/index.ts';
import type { IndexEntry } from '../golden-runner/case.ts';
import { formatReport } from '../golden-runner/report.ts';
import { runAll, runFile } from '../golden-runner/run.ts';

const { decodeSafetensors, encodeSafetensors, DataFormatError } = data;

const tensor = (data: Float32Array | Int32Array, shape = [data.length]) => ({ shape, data });

/** A case y = relu(x), with what a test wants to be different. */
function reluCase({
  op = 'relu',
  attrs = {},
  y = Float32Array.of(0, 2),
  shape = [2],
  tol = { 'out.y': { cpu: [0, 0], gpu: [0, 0] } },
}: {
  op?: string;
  attrs?: Record<string, unknown>;
  y?: Float32Array;
  shape?: number[];
  tol?: Record<string, unknown>;
}) {
  return encodeSafetensors(
    new Map([
      ['in.x', tensor(Float32Array.of(-1, 2))],
      ['out.y', tensor(y, shape)],
    ]),
    { format: 'golden/1', op, attrs: JSON.stringify(attrs), tol: JSON.stringify(tol) },
  );
}

const entry: IndexEntry = {
  file: 'ops/case.safetensors',
  group: 'ops',
  op: 'relu',
  attrs: {},
  optional: false,
  backends: 'cpu,gpu',
};
const run = async (bytes: Uint8Array, changes: Partial<IndexEntry> = {}, backend: 'cpu' | 'webgpu' = 'cpu') =>
  (await runFile({ ...entry, ...changes }, () => Promise.resolve(bytes), cpu(), backend))[0]!;

test('a right result passes', async () => {
  expect(await run(reluCase({}))).toMatchObject({ status: 'passed', problems: [] });
});

test('a wrong value, shape or NaN fails, and the report names the element', async () => {
  expect(await run(reluCase({ y: Float32Array.of(0, 2.5) }))).toMatchObject({
    status: 'failed',
    problems: ['out.y[1] is 2, expected 2.5 (Infinity times the tolerance)'],
  });
  expect(await run(reluCase({ y: Float32Array.of(NaN, 2) }))).toMatchObject({ status: 'failed' });
  expect(await run(reluCase({ shape: [1, 2] }))).toMatchObject({
    status: 'failed',
    problems: ['out.y has shape [2], expected [1, 2]'],
  });
});

test('an element passes up to atol + rtol |expected| and no further', async () => {
  const tol = { 'out.y': { cpu: [0.1, 0.05], gpu: [0, 0] } };
  expect((await run(reluCase({ y: Float32Array.of(0, 2.27), tol }))).status).toBe('passed');
  expect((await run(reluCase({ y: Float32Array.of(0, 2.28), tol }))).status).toBe('failed');
});

test('a tensor without a stored tolerance fails', async () => {
  expect(await run(reluCase({ tol: {} }))).toMatchObject({
    status: 'failed',
    problems: ['Error: the case stores no tolerance for out.y'],
  });
});

test('an unknown operation, optimizer or setting is missing, not passed and not failed', async () => {
  expect(await run(reluCase({ op: 'warp' }))).toMatchObject({
    status: 'missing',
    problems: ['operation warp'],
  });
  expect(await run(reluCase({ attrs: { slope: 0.5 } }))).toMatchObject({
    status: 'missing',
    problems: ['setting slope is not supported'],
  });
});

test('a case for the cpu is not run on the GPU, and is counted as excluded', async () => {
  expect((await run(reluCase({}), { backends: 'cpu' }, 'webgpu')).status).toBe('excluded');
  expect((await run(reluCase({}), { backends: 'cpu' })).status).toBe('passed');
});

test('a file cut short anywhere is a DataFormatError, never a shorter tensor', async () => {
  const bytes = reluCase({});
  for (let length = 0; length < bytes.length; length++)
    expect(() => decodeSafetensors(bytes.subarray(0, length))).toThrow(DataFormatError);
  expect((await run(bytes.subarray(0, 100))).problems[0]).toMatch(/^DataFormatError: /);
});

test('a header that lies about sizes or dtypes is a DataFormatError', () => {
  const corrupt = (from: string, to: string) => {
    const text = new TextDecoder('latin1').decode(reluCase({})).replace(from, to.padEnd(from.length));
    return () => decodeSafetensors(Uint8Array.from(text, (c) => c.charCodeAt(0)));
  };
  expect(corrupt('"F32"', '"F64"')).toThrow(
    'decodeSafetensors: expected dtype F32, I32, U32 for in.x, got F64',
  );
  expect(corrupt('[2]', '[3]')).toThrow('decodeSafetensors: expected 12 bytes for in.x [3], got 8');
  expect(corrupt('[2]', '[x]')).toThrow(DataFormatError);
});

test('tensors survive writing and reading, unaligned and scalar ones too', () => {
  const tensors = new Map([
    ['a', tensor(Float32Array.of(1.5, -2))],
    ['b', tensor(Int32Array.of(7), [])],
  ]);
  const bytes = encodeSafetensors(tensors, { note: 'é' });
  const shifted = new Uint8Array(bytes.length + 3).subarray(3);
  shifted.set(bytes);
  const read = decodeSafetensors(shifted);
  expect(read.metadata).toEqual({ note: 'é' });
  expect(read.tensors.get('a')).toEqual({ shape: [2], data: Float32Array.of(1.5, -2) });
  expect(read.tensors.get('b')).toEqual({ shape: [], data: Int32Array.of(7) });
});

test('a whole folder is counted by group, and the report names what failed and what is missing', async () => {
  const files: Record<string, Uint8Array> = {
    'ops/good.safetensors': reluCase({}),
    'ops/bad.safetensors': reluCase({ y: Float32Array.of(0, 3) }),
    'conv/unknown.safetensors': reluCase({ op: 'warp' }),
  };
  const index = Object.keys(files).map((file) => ({ ...entry, file, group: file.split('/')[0]! }));
  index.push({ ...entry, file: 'conv/absent.safetensors', group: 'conv' });
  files['index.json'] = new TextEncoder().encode(JSON.stringify(index));
  const read = (path: string) => {
    const bytes = files[path];
    return bytes ? Promise.resolve(bytes) : Promise.reject(new Error(`no such file ${path}`));
  };
  expect(formatReport(await runAll(read, cpu(), 'cpu'))).toMatchInlineSnapshot(`
    "group        passed   failed  missing excluded
    ops               1        1        0        0
    conv              0        1        1        0
    total             1        2        1        0
    failed: ops/bad.safetensors: out.y[1] is 2, expected 3 (Infinity times the tolerance)
    failed: conv/absent.safetensors: Error: no such file conv/absent.safetensors
    missing: operation warp (1 case)"
  `);
});

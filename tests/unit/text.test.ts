import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ArgumentError, data } from '../../src/index.ts';

const { CharVocabulary, DataFormatError, padSequences, parseText, splitSequence, windows } = data;

describe('parseText', () => {
  test('reads UTF-8 with and without a byte order mark', () => {
    const bytes = new TextEncoder().encode('\uFEFFzwölf 💡');
    expect(parseText(bytes)).toBe('zwölf 💡');
    expect(parseText(bytes.subarray(3))).toBe('zwölf 💡');
  });

  test('refuses an empty file and one cut off inside of a character', () => {
    expect(() => parseText(new Uint8Array())).toThrow(DataFormatError);
    expect(() => parseText(new Uint8Array())).toThrow('parseText: expected text, got an empty file');
    const bytes = new TextEncoder().encode('wö');
    expect(() => parseText(bytes.subarray(0, -1))).toThrow('parseText: expected UTF-8, got other bytes');
  });
});

describe('CharVocabulary', () => {
  test('sorts characters after the special tokens', () => {
    const vocabulary = new CharVocabulary('hello', ['<pad>', '<end>']);
    expect(vocabulary.tokens).toEqual(['<pad>', '<end>', 'e', 'h', 'l', 'o']);
    expect(vocabulary.size).toBe(6);
    expect(vocabulary.encode('hole')).toEqual(Int32Array.of(3, 5, 4, 2));
    expect(vocabulary.decode([3, 5, 4, 2, vocabulary.id('<end>'), 0])).toBe('hole');
  });

  test('gives back every text that it encodes', { timeout: 30_000 }, () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
        const vocabulary = new CharVocabulary(text, ['<end>']);
        expect(vocabulary.decode(vocabulary.encode(text))).toBe(text);
        expect(new Set(vocabulary.tokens).size).toBe(vocabulary.size);
      }),
      { numRuns: 30 },
    );
  });

  test('does not take parts of a text for special tokens', () => {
    const vocabulary = new CharVocabulary('<end>', ['<end>']);
    expect(vocabulary.encode('<end>')).toHaveLength(5);
    expect(vocabulary.decode(vocabulary.encode('<end>'))).toBe('<end>');
  });

  test('refuses what it lacks', () => {
    const vocabulary = new CharVocabulary('ab');
    expect(() => vocabulary.encode('abc')).toThrow(ArgumentError);
    expect(() => vocabulary.encode('abc')).toThrow('CharVocabulary: expected one of 2 known tokens, got "c"');
    expect(() => vocabulary.id('<end>')).toThrow('got "<end>"');
    expect(() => vocabulary.decode([0, 2])).toThrow('decode: expected ids from 0 to 1, got 2');
    expect(() => vocabulary.decode([-1])).toThrow('decode: expected ids from 0 to 1, got -1');
    expect(() => new CharVocabulary('')).toThrow('CharVocabulary: expected at least one character, got none');
    expect(() => new CharVocabulary('ab', ['x'])).toThrow(
      'expected distinct special tokens of several characters',
    );
    expect(() => new CharVocabulary('ab', ['<a>', '<a>'])).toThrow(ArgumentError);
  });
});

describe('padSequences', () => {
  test('fills rows up to the longest or to a given length', () => {
    expect(padSequences([[1, 2, 3], [], Int32Array.of(4)], { value: 9 })).toEqual({
      ids: Int32Array.of(1, 2, 3, 9, 9, 9, 4, 9, 9),
      lengths: Int32Array.of(3, 0, 1),
      length: 3,
    });
    expect(padSequences([[1]], { value: 0, length: 2 }).ids).toEqual(Int32Array.of(1, 0));
  });

  test('cuts nothing off', () => {
    expect(() => padSequences([[1, 2, 3]], { value: 0, length: 2 })).toThrow(
      'padSequences: expected sequences of at most 2, got 3',
    );
    expect(() => padSequences([], { value: 0 })).toThrow(
      'padSequences: expected at least one element, got none',
    );
  });
});

test('splitSequence cuts into contiguous parts that hold everything', () => {
  const tokens = Int32Array.from({ length: 11 }, (_, i) => i);
  const [train, heldOut] = splitSequence(tokens, [0.8, 0.2]);
  expect([...train]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  expect([...heldOut]).toEqual([9, 10]);
  expect(() => splitSequence(tokens, [0.5, 0.4])).toThrow(
    'splitSequence: expected positive fractions with the sum 1, got [0.5,0.4]',
  );
  expect(() => splitSequence(tokens, [0.99, 0.01])).toThrow(
    'splitSequence: expected at least one of 11 in each part, got [0.99,0.01]',
  );
});

describe('windows', () => {
  const tokens = Int32Array.from({ length: 10 }, (_, i) => i);
  const starts = (options: { length: number; stride?: number }) => {
    const { columns, length } = windows(tokens, options);
    for (let i = 0; i < columns.x.length; i++) expect(columns.y[i]).toBe(columns.x[i]! + 1);
    return Array.from({ length }, (_, i) => columns.x[i * options.length]);
  };

  test('follow each other by default, and overlap for a smaller stride', () => {
    expect(starts({ length: 3 })).toEqual([0, 3, 6]);
    expect(starts({ length: 4 })).toEqual([0, 4]);
    expect(starts({ length: 4, stride: 1 })).toEqual([0, 1, 2, 3, 4, 5]);
    expect(starts({ length: 9, stride: 5 })).toEqual([0]);
    expect(windows(tokens, { length: 3 }).shapes).toEqual({ x: [3], y: [3] });
  });

  test('need a token after their last one', () => {
    expect(() => windows(tokens, { length: 10 })).toThrow('windows: expected more than 10 tokens, got 10');
    expect(() => windows(tokens, { length: 0 })).toThrow(
      'windows: expected length to be a positive integer, got 0',
    );
    expect(() => windows(tokens, { length: 2, stride: 0.5 })).toThrow(
      'stride to be a positive integer, got 0.5',
    );
  });
});

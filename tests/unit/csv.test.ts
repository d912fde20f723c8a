import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ArgumentError, data } from '../../src/index.ts';

const { DataFormatError, parseCsv } = data;

const iris = 'length,width,species\n5.1,3.5,setosa\n-7,.32e1,"Iris, virginica"\r\n6., 3 ,setosa';

describe('parseCsv', () => {
  test('reads header, numbers, quoted fields, both line ends, and a last line without one', () => {
    const table = parseCsv(iris);
    expect(table.header).toEqual(['length', 'width', 'species']);
    expect(table.length).toBe(3);
    expect(table.text('species')).toEqual(['setosa', 'Iris, virginica', 'setosa']);
    expect(table.text('width')).toEqual(['3.5', '.32e1', ' 3 ']);
    expect(table.numbers('length')).toEqual(Float32Array.of(5.1, -7, 6));
    expect(table.numbers('width', 'f64')).toEqual(Float64Array.of(3.5, 3.2, 3));
    expect(table.matrix(['width', 'length'])).toEqual(Float32Array.of(3.5, 5.1, 3.2, -7, 3, 6));
    expect(table.classes('species')).toEqual({
      labels: Int32Array.of(1, 0, 1),
      names: ['Iris, virginica', 'setosa'],
    });
  });

  test('reads bytes, other delimiters and files without a header line', () => {
    const bytes = new TextEncoder().encode('\uFEFF1;2\n3;4\n');
    const table = parseCsv(bytes, { delimiter: ';', header: ['a', 'b'] });
    expect(table.matrix()).toEqual(Float32Array.of(1, 2, 3, 4));
    expect(parseCsv('a||b\n1||2|3', { delimiter: '||' }).text('b')).toEqual(['2|3']);
    expect(parseCsv('\uFEFFa\n1').header).toEqual(['a']);
  });

  test('keeps every field of any table that is written by the rules', () => {
    const field = fc.oneof(fc.string(), fc.stringMatching(/^[a",\n\r ]*$/), fc.constant(''));
    const tables = fc
      .integer({ min: 2, max: 4 })
      .chain((width) =>
        fc.array(fc.array(field, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 5 }),
      );
    const write = (text: string) => `"${text.replaceAll('"', '""')}"`;
    fc.assert(
      fc.property(tables, fc.constantFrom('\n', '\r\n'), fc.boolean(), (rows, lineEnd, closed) => {
        const header = rows[0]!.map((_, i) => `column ${i}`);
        const text = rows.map((row) => row.map(write).join(',')).join(lineEnd) + (closed ? lineEnd : '');
        const table = parseCsv(text, { header });
        expect(table.length).toBe(rows.length);
        header.forEach((name, i) => expect(table.text(name)).toEqual(rows.map((row) => row[i])));
      }),
    );
  });

  test.each([
    ['an empty file', '', 'expected at least one row, got none'],
    ['a header alone', 'a,b\n', 'expected at least one row, got none'],
    ['a row cut short', 'a,b\n1,2\n3', 'expected 2 fields in line 3, got 1'],
    ['a row that is too long', 'a,b\n1,2,3\n', 'expected 2 fields in line 2, got 3'],
    ['a blank line', 'a,b\n\n1,2\n', 'expected 2 fields in line 2, got 1'],
    ['a ragged row after a quoted line break', 'a,b\n"1\n\n",2\n3\n', 'expected 2 fields in line 5, got 1'],
    ['a quote that never ends', 'a,b\n1,"2\n3,4\n', 'expected an end of the quote in line 2, got none'],
    [
      'a quote inside of a field',
      'a\nb"c\n',
      'expected quotes around a whole field in line 2, got one inside of it',
    ],
    ['text after a quote', 'a\n"b"c\n', 'expected the end of the field after a quote in line 2, got "c"'],
    ['equal names', 'a,a\n1,2', 'expected distinct column names, got a,a'],
  ])('refuses %s', (_, text, message) => {
    expect(() => parseCsv(text)).toThrow(DataFormatError);
    expect(() => parseCsv(text)).toThrow(`parseCsv: ${message}`);
  });

  test('refuses bytes that are not text, and a delimiter that cannot be one', () => {
    expect(() => parseCsv(Uint8Array.of(0xff, 0xfe))).toThrow('parseText: expected UTF-8');
    expect(() => parseCsv('a', { delimiter: '"' })).toThrow(ArgumentError);
    expect(() => parseCsv('a', { delimiter: '' })).toThrow(ArgumentError);
  });
});

describe('columns of a CSV file', () => {
  const table = parseCsv('x,y,name\n1,2.5,a\n16777217,,b\nNaN,1e39,c\n');

  test('are numbers only where every field is one, and finite in their type', () => {
    const numbers = (column: string, text: string, dtype?: 'f32' | 'f64' | 'i32') => () =>
      parseCsv(`${column}\n${text}`).numbers(column, dtype);
    expect(() => table.numbers('x')).toThrow(DataFormatError);
    expect(() => table.numbers('x')).toThrow(
      'CsvTable.numbers: expected a finite f32 in column x, line 4, got "NaN"',
    );
    expect(() => table.numbers('y')).toThrow('expected a finite f32 in column y, line 3, got ""');
    for (const text of ['Infinity', '-inf', '0x10', '1,5'.replace(',', ' '), '1e', '.', '--1', '1e39'])
      expect(numbers('a', text), text).toThrow(DataFormatError);
    expect(numbers('a', '1e39', 'f64')()).toEqual(Float64Array.of(1e39));
    expect(numbers('a', '1e309', 'f64')).toThrow('expected a finite f64 in column a, line 2, got "1e309"');
  });

  test('of type i32 lose nothing', () => {
    expect(parseCsv('a\n16777217\n-2147483648\n3.0').numbers('a', 'i32')).toEqual(
      Int32Array.of(16777217, -2147483648, 3),
    );
    for (const text of ['1.5', '2147483648', 'NaN'])
      expect(() => parseCsv(`a\n${text}`).numbers('a', 'i32'), text).toThrow('expected a finite i32');
  });

  test('are named classes in a given order', () => {
    expect(table.classes('name', ['c', 'b', 'a', 'z']).labels).toEqual(Int32Array.of(2, 1, 0));
    expect(() => table.classes('name', ['a', 'b'])).toThrow(
      'CsvTable.classes: expected one of a, b in column name, line 4, got "c"',
    );
  });

  test('have to exist', () => {
    expect(() => table.text('z')).toThrow('CsvTable: expected one of the columns x, y, name, got z');
  });
});

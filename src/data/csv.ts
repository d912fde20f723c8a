import { ArgumentError } from '../graph/index.ts';
import { DataFormatError } from './errors.ts';
import { parseText } from './text.ts';

export interface CsvOptions {
  /** Between fields; default a comma. */
  delimiter?: string;
  /** Column names, for a file whose first line is data already. Default: the first line has them. */
  header?: readonly string[];
}

interface CsvRecord {
  readonly line: number;
  readonly fields: readonly string[];
}

/**
 * Read a CSV file (RFC 4180): fields between delimiters, in quotes where they contain one, a quote or a line break; a quote
 * in quotes is doubled. Lines end with LF or CRLF; the last one may do without. Fields are kept as they are, spaces too.
 *
 * @param source the whole file: text, or UTF-8 bytes
 * @throws DataFormatError with the line number for a file without rows, a quote that is never closed or stands inside
 *   of an unquoted field, a row with more or fewer fields than the header, and column names that are not distinct
 */
export function parseCsv(
  source: string | Uint8Array,
  { delimiter = ',', header }: CsvOptions = {},
): CsvTable {
  if (delimiter === '' || /["\r\n]/.test(delimiter))
    throw new ArgumentError(
      'parseCsv',
      'a delimiter without quotes or line breaks',
      JSON.stringify(delimiter),
    );
  const records = [
    ...recordsOf(typeof source === 'string' ? source.replace(/^\uFEFF/, '') : parseText(source), delimiter),
  ];
  const names = header ?? records.shift()?.fields ?? [];
  if (new Set(names).size !== names.length)
    throw new DataFormatError('parseCsv', 'distinct column names', names.join(delimiter));
  if (records.length === 0) throw new DataFormatError('parseCsv', 'at least one row', 'none');
  for (const { fields, line } of records)
    if (fields.length !== names.length)
      throw new DataFormatError('parseCsv', `${names.length} fields in line ${line}`, `${fields.length}`);
  return new CsvTable(names, records);
}

function* recordsOf(text: string, delimiter: string): Generator<CsvRecord> {
  const fail = (line: number, expected: string, got: string): never => {
    throw new DataFormatError('parseCsv', `${expected} in line ${line}`, got);
  };
  let [at, line] = [0, 1];

  function quoted(): string {
    const opened = line;
    let field = '';
    for (at++; ; at++) {
      const end = text.indexOf('"', at);
      if (end === -1) fail(opened, 'an end of the quote', 'none');
      field += text.slice(at, end);
      at = end + 1;
      if (text[at] !== '"') break;
      field += '"';
    }
    line += field.split('\n').length - 1;
    return field;
  }

  function unquoted(): string {
    const start = at;
    while (at < text.length && !text.startsWith(delimiter, at) && !isLineEnd()) {
      if (text[at] === '"') fail(line, 'quotes around a whole field', 'one inside of it');
      at++;
    }
    return text.slice(start, at);
  }

  const isLineEnd = () => text[at] === '\n' || text.startsWith('\r\n', at);

  while (at < text.length) {
    const record = { line, fields: [] as string[] };
    for (;;) {
      record.fields.push(text[at] === '"' ? quoted() : unquoted());
      if (text.startsWith(delimiter, at)) at += delimiter.length;
      else if (at >= text.length || isLineEnd()) break;
      else fail(line, 'the end of the field after a quote', JSON.stringify(text[at]));
    }
    at += text[at] === '\r' ? 2 : 1;
    line++;
    yield record;
  }
}

/** What `CsvTable.numbers` can give. */
interface NumberArrays {
  f32: Float32Array<ArrayBuffer>;
  f64: Float64Array<ArrayBuffer>;
  i32: Int32Array<ArrayBuffer>;
}

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** Rows of a CSV file, as text until a column is asked for as something else. */
export class CsvTable {
  readonly header: readonly string[];
  readonly #records: readonly CsvRecord[];

  constructor(header: readonly string[], records: readonly CsvRecord[]) {
    this.header = header;
    this.#records = records;
  }

  /** Number of rows. */
  get length(): number {
    return this.#records.length;
  }

  /** The fields of a column. @throws ArgumentError for an unknown name */
  text(column: string): string[] {
    const index = this.#indexOf(column);
    return this.#records.map(({ fields }) => fields[index]!);
  }

  /**
   * A column of decimal numbers such as `-1.5e3`; spaces around them are allowed.
   *
   * @param dtype the type to read them as; default f32, to which they are rounded
   * @throws DataFormatError with the line number for a field that is empty, NaN, infinite or no number, and for one that
   *   the type cannot hold: too large, or a fraction as i32. ArgumentError for an unknown name
   */
  numbers<D extends keyof NumberArrays = 'f32'>(column: string, dtype?: D): NumberArrays[D] {
    const fields = this.text(column);
    const values = new Float64Array(fields.length);
    const type = dtype ?? 'f32';
    fields.forEach((field, row) => {
      const value = DECIMAL.test(field.trim()) ? Number(field) : NaN;
      const stored = type === 'f32' ? Math.fround(value) : type === 'i32' ? value | 0 : value;
      if (!Number.isFinite(stored) || (type === 'i32' && stored !== value))
        throw new DataFormatError(
          'CsvTable.numbers',
          `a finite ${type} in column ${column}, line ${this.#records[row]!.line}`,
          JSON.stringify(field),
        );
      values[row] = value;
    });
    const array =
      type === 'f32' ? Float32Array.from(values) : type === 'i32' ? Int32Array.from(values) : values;
    return array as NumberArrays[D];
  }

  /**
   * Several columns of numbers side by side: [length, columns] f32 in C order; see `numbers`.
   *
   * @param columns default: all
   */
  matrix(columns: readonly string[] = this.header): Float32Array<ArrayBuffer> {
    const values = new Float32Array(this.length * columns.length);
    columns.forEach((column, j) => {
      this.numbers(column).forEach((value, row) => (values[row * columns.length + j] = value));
    });
    return values;
  }

  /**
   * A column of names as class indices.
   *
   * @param names the classes in order, for files that share them; default: the distinct fields, sorted
   * @returns `labels` [length], and the name of each class
   * @throws DataFormatError with the line number for a field that is not in `names`, ArgumentError for an unknown column
   */
  classes(
    column: string,
    names?: readonly string[],
  ): { labels: Int32Array<ArrayBuffer>; names: readonly string[] } {
    const fields = this.text(column);
    const known = names ?? [...new Set(fields)].sort();
    const indices = new Map(known.map((name, i) => [name, i]));
    const labels = Int32Array.from(fields, (field, row) => {
      const index = indices.get(field);
      if (index === undefined)
        throw new DataFormatError(
          'CsvTable.classes',
          `one of ${known.join(', ')} in column ${column}, line ${this.#records[row]!.line}`,
          JSON.stringify(field),
        );
      return index;
    });
    return { labels, names: known };
  }

  #indexOf(column: string): number {
    const index = this.header.indexOf(column);
    if (index === -1)
      throw new ArgumentError('CsvTable', `one of the columns ${this.header.join(', ')}`, column);
    return index;
  }
}

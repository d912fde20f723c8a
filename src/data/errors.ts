import { ChainruleError } from '../graph/index.ts';

/** Bytes that are not what their file format says: a wrong magic number, too few or too many bytes, a bad header. */
export class DataFormatError extends ChainruleError {
  /**
   * @param format what was being read, such as `parseIdx`
   * @param expected what the format asks for
   * @param got what is there instead
   */
  constructor(format: string, expected: string, got: string) {
    super(`${format}: expected ${expected}, got ${got}`);
  }
}

/** A file that does not exist, that a server refuses, or that arrived incomplete. */
export class LoadError extends ChainruleError {
  /** URL or path. */
  readonly source: string;
  /** HTTP status of the answer, or null when there was none. */
  readonly status: number | null;

  constructor(
    source: string,
    expected: string,
    got: string,
    { status = null, ...options }: ErrorOptions & { status?: number | null } = {},
  ) {
    super(`load ${source}: expected ${expected}, got ${got}`, options);
    this.source = source;
    this.status = status;
  }
}

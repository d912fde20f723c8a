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

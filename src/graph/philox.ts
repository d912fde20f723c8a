/**
 * Philox4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy
 * as 1, 2, 3" (SC 2011). The same (key, counter) gives the same four words on every backend;
 * `shaders/lib/philox.wgsl` is this function in WGSL.
 *
 * @param key0 low word of the key, u32; `key1` the high word
 * @param c0 lowest word of the counter, u32; `c3` the highest
 * @returns four u32
 */
export function philox4x32(
  key0: number,
  key1: number,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
): [number, number, number, number] {
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = multiply(0xd2511f53, c0);
    const [high1, low1] = multiply(0xcd9e8d57, c2);
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ key0) >>> 0, low1, (high0 ^ c3 ^ key1) >>> 0, low0];
    key0 = (key0 + 0x9e3779b9) >>> 0;
    key1 = (key1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** The 64-bit product of two u32 as [high word, low word]. */
function multiply(a: number, b: number): [number, number] {
  const [aHigh, aLow, bHigh, bLow] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >>> 16);
  const middle2 = aLow * bHigh + (middle % 65536);
  const high = aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(middle2 / 65536);
  return [high >>> 0, Math.imul(a, b) >>> 0];
}

/** Word `element` of the stream (seed, stream) at `step`: element / 4 counts blocks of four words. */
export function randomBits(seed: number, stream: number, step: number, element: number): number {
  return philox4x32(seed, stream, Math.floor(element / 4), step, 0, 0)[element % 4]!;
}

/** Uniform in [0, 1): the top 24 bits, exactly representable in f32. */
export function bitsToUniform(bits: number): number {
  return (bits >>> 8) / 16777216;
}

/**
 * Two independent standard normals from two words (Box and Muller, 1958). The first uniform is
 * shifted into (0, 1] so that its logarithm is finite.
 */
export function bitsToNormals(bits0: number, bits1: number): [number, number] {
  const radius = Math.sqrt(-2 * Math.log(bitsToUniform(bits0) + 1 / 16777216));
  const angle = 2 * Math.PI * bitsToUniform(bits1);
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

/**
 * A named stream of host random numbers, the same on every machine; used by initialisers and by data shuffling.
 * Each draw moves the stream on.
 */
export class HostRandom {
  #element = 0;
  readonly seed: number;
  readonly stream: number;

  /**
   * @param seed taken modulo 2³²
   * @param stream any name: streams of other names are independent
   */
  constructor(seed: number, stream: string) {
    this.seed = seed >>> 0;
    this.stream = hashString(stream);
  }

  /** Uniform u32. */
  bits(): number {
    return randomBits(this.seed, this.stream, 0, this.#element++);
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    return bitsToUniform(this.bits());
  }

  /** Standard normal; each draw consumes two words. */
  normal(): number {
    return bitsToNormals(this.bits(), this.bits())[0];
  }

  /** A random order of 0 .. length - 1 (Fisher and Yates). */
  permutation(length: number): Uint32Array {
    const order = Uint32Array.from({ length }, (_, i) => i);
    for (let i = length - 1; i > 0; i--) {
      const j = Math.floor(this.uniform() * (i + 1));
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }
}

/** FNV-1a, 32 bits, over UTF-16 code units: the stream id of a name (Fowler, Noll and Vo). */
export function hashString(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

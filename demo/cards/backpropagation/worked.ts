import { signed } from '../../kit/signed.ts';
import { LAST, SIZES } from './extent.ts';
import { PARTS } from './parts.ts';
import type { Layer, Pass } from './trainer.ts';

/** A place in the network: neuron j, from 0, of layer l. */
export interface Neuron {
  readonly layer: number;
  readonly j: number;
}

/** Errors and gradients are small. */
export const fine = (value: number): string => signed(value, 3);

export const weightName = (j: number, i: number): string => `w${subscript(j + 1)}${subscript(i + 1)}`;
export const subscript = (number: number): string => '₀₁₂₃₄₅₆₇₈₉'[number]!;

const ACTIVATED = { Tanh: 'tanh(z)', Sigmoid: 'σ(z)', ReLU: 'max(0, z)' };
const SLOPES = {
  Tanh: (_: number, h: number) => 1 - h * h,
  Sigmoid: (_: number, h: number) => h * (1 - h),
  ReLU: (z: number) => Number(z > 0),
};

/** h of a layer; of layer 0 it is x. */
export const activations = ({ layers, x }: Pass, layer: number): Float32Array =>
  layer === 0 ? x : layers[layer - 1]!.h;

/** What a neuron computes at a part, with its numbers: one sum per line. */
export function worked(pass: Pass, part: number, { layer, j }: Neuron): string[] {
  const { phase } = PARTS[part]!;
  if (layer === 0) return [`h${subscript(j + 1)} = x${subscript(j + 1)} = ${signed(pass.x[j]!)}`];
  const { z, h, delta, w, b, dw, db, newW, newB } = pass.layers[layer - 1]!;
  const below = activations(pass, layer - 1);
  const at = (i: number) => j * below.length + i;
  const fromBelow = (line: (i: number) => string) => Array.from(below, (_, i) => line(i));
  switch (phase) {
    case 'forward':
      return [
        `z = ${sum([...fromBelow((i) => product(signed(w[at(i)]!), signed(below[i]!))), signed(b[j]!)])} = ${signed(z[j]!)}`,
        `h = ${layer === LAST ? 'σ(z)' : ACTIVATED[pass.activation]} = ${signed(h[j]!)}`,
      ];
    case 'loss':
      return [
        `L = −log ${pass.t === 1 ? `h = −log ${signed(h[j]!)}` : `(1 − h) = −log ${signed(1 - h[j]!)}`} = ${fine(pass.loss)}`,
      ];
    case 'output error':
      return [`δ = h − t = ${signed(h[j]!)} − ${pass.t} = ${fine(delta[j]!)}`];
    case 'backward':
      return backward(pass, { layer, j });
    case 'gradients':
      return [
        ...fromBelow(
          (i) =>
            `∂L/∂${weightName(j, i)} = δ · h${subscript(i + 1)} = ${product(fine(delta[j]!), signed(below[i]!))} = ${fine(dw[at(i)]!)}`,
        ),
        `∂L/∂b = δ = ${fine(db[j]!)}`,
      ];
    case 'update':
      return [
        ...fromBelow((i) => `${weightName(j, i)} ← ${stepped(w[at(i)]!, pass.lr, dw[at(i)]!, newW[at(i)]!)}`),
        `b ← ${stepped(b[j]!, pass.lr, db[j]!, newB[j]!)}`,
      ];
  }
}

function backward(pass: Pass, { layer, j }: Neuron): string[] {
  const { z, h, delta } = pass.layers[layer - 1]!;
  const above = pass.layers[layer] as Layer;
  const fed = Array.from(above.delta, (deltaOfK, k) =>
    product(signed(above.w[k * SIZES[layer]! + j]!), fine(deltaOfK)),
  );
  const slope = SLOPES[pass.activation](z[j]!, h[j]!);
  return [`σ′(z) = ${signed(slope)}`, `δ = ${signed(slope)} · (${sum(fed)}) = ${fine(delta[j]!)}`];
}

const stepped = (before: number, lr: number, gradient: number, after: number) =>
  `${fine(before)} − ${product(String(lr), fine(gradient))} = ${fine(after)}`;
const product = (a: string, b: string) => `${a} · ${term(b)}`;
const sum = (terms: readonly string[]) => terms.join(' + ').replaceAll('+ −', '− ');
const term = (text: string) => (text.startsWith('−') ? `(${text})` : text);

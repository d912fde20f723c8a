import type { nn, Tensor } from '../../src/index.ts';
import { substitute } from '../../src/graph/index.ts';
import type { Attrs } from './case.ts';

/** Inputs and parameters of a case by name; asking for one that the case lacks is an error of the table. */
export class Operands {
  readonly #tensors: ReadonlyMap<string, Tensor>;

  constructor(tensors: ReadonlyMap<string, Tensor>) {
    this.#tensors = tensors;
  }

  get(name: string): Tensor {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new Error(`the case has no tensor ${name}`);
    return tensor;
  }

  orNull(name: string): Tensor | null {
    return this.#tensors.get(name) ?? null;
  }

  /** The tensors that the case has among `names`. */
  present<Name extends string>(...names: Name[]): Partial<Record<Name, Tensor>> {
    return Object.fromEntries(
      names.flatMap((name) => (this.#tensors.has(name) ? [[name, this.get(name)]] : [])),
    ) as Partial<Record<Name, Tensor>>;
  }
}

/** A case's formula in the library's public functions: outputs by name. */
export type Formula = (operands: Operands, attrs: Attrs) => Readonly<Record<string, Tensor>>;

/** Outputs of a module, with the case's tensors in place of the parameters of the same paths. */
export function withParametersOf(
  operands: Operands,
  module: nn.Module,
  outputs: Readonly<Record<string, Tensor>>,
): Readonly<Record<string, Tensor>> {
  const replacements = new Map<Tensor, Tensor>(
    [...module.state()].map(([name, parameter]) => [parameter, operands.get(name)]),
  );
  const names = Object.keys(outputs);
  const bound = substitute(Object.values(outputs), replacements);
  return Object.fromEntries(names.map((name, i) => [name, bound[i]!]));
}

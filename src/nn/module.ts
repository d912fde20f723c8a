import {
  ArgumentError,
  holds,
  Parameter,
  type ParameterStore,
  type Tensor,
  type TypedArray,
} from '../graph/index.ts';

/**
 * A part of a model: parameters, child modules and a `forward`. Fields that hold parameters, modules,
 * or arrays of either are found by name, which gives PyTorch's paths (`layers.0.weight`). What a model consists of is printed
 * by `analysis.summary(model, inputShape)`.
 */
export abstract class Module {
  /** Dropout and batch norm look at this while a step is traced. Set it with `train()` and `eval()`. */
  training = true;

  /** Build this module's part of the graph. */
  abstract forward(x: Tensor): Tensor;

  /** Direct children with their field names. */
  *children(): Iterable<[name: string, child: Module | Parameter]> {
    for (const [field, value] of Object.entries(this)) {
      const list: [string, unknown][] = Array.isArray(value)
        ? value.map((item, i) => [`${field}.${i}`, item])
        : [[field, value]];
      for (const [name, item] of list)
        if (item instanceof Module || item instanceof Parameter) yield [name, item];
    }
  }

  /**
   * All parameters and buffers below this module by path; a shared one appears once, under its first
   * path. The first module asked gives unnamed parameters their names, so ask the root.
   */
  state(): Map<string, Parameter> {
    const found = new Map<string, Parameter>();
    const seen = new Set<Module | Parameter>();
    const visit = (module: Module, prefix: string) => {
      for (const [name, child] of module.children()) {
        if (seen.has(child)) continue;
        seen.add(child);
        if (child instanceof Module) visit(child, `${prefix}${name}.`);
        else {
          found.set(prefix + name, child);
          child.name ||= prefix + name;
        }
      }
    };
    visit(this, '');
    return found;
  }

  /** Trainable parameters in order of declaration. */
  parameters(): Parameter[] {
    return [...this.state().values()].filter((parameter) => parameter.trainable);
  }

  /** This module and all below it, with paths; the root has path ''. */
  *modules(prefix = ''): Iterable<[path: string, module: Module]> {
    yield [prefix, this];
    for (const [name, child] of this.children())
      if (child instanceof Module) yield* child.modules(prefix ? `${prefix}.${name}` : name);
  }

  /** Training mode for this module and all below it: seen by steps traced from now on. */
  train(training = true): this {
    for (const [, module] of this.modules()) module.training = training;
    return this;
  }

  /** Evaluation mode: dropout off, batch norm with its running statistics. */
  eval(): this {
    return this.train(false);
  }

  /**
   * Read every parameter and buffer from `device`, by path.
   *
   * @throws ArgumentError when no step compiled for `device` uses one of them
   */
  async readState(device: ParameterStore): Promise<Map<string, TypedArray>> {
    const entries = [...this.state()];
    const arrays = await Promise.all(entries.map(([, parameter]) => parameter.read(device)));
    return new Map(entries.map(([path], i) => [path, arrays[i]!]));
  }

  /**
   * Write values by path.
   *
   * @throws ArgumentError when a path is missing or unknown, or a type or size does not fit; nothing is written then
   */
  async writeState(device: ParameterStore, values: ReadonlyMap<string, TypedArray>): Promise<void> {
    const state = this.state();
    for (const path of values.keys())
      if (!state.has(path))
        throw new ArgumentError('writeState', `paths of this module (${[...state.keys()].join(', ')})`, path);
    for (const [path, parameter] of state) {
      const data = values.get(path);
      if (!data) throw new ArgumentError('writeState', `values for ${path}`, 'none');
      if (!holds(parameter.dtype, data) || data.length !== parameter.size)
        throw new ArgumentError(
          'writeState',
          `${parameter.size} elements of ${parameter.dtype} for ${path}`,
          `${data.length} in a ${Object(data).constructor.name}`,
        );
    }
    for (const [path, parameter] of state) await parameter.write(device, values.get(path)!);
  }
}

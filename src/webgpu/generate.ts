import { stridesOf, type DType, type Shape, type Tensor } from '../graph/index.ts';
import type { RandomAttrs } from '../ops/index.ts';
import type { IndexedName, PointwiseName } from '../ops/primitives.ts';
import {
  collapse,
  destinationOf,
  domainOf,
  isContiguous,
  isMove,
  nodesOf,
  readsByElement,
  type Axis,
  type Destination,
  type Kernel,
  type Lines,
  type Plan,
  type View,
} from '../plan/index.ts';

/** Elements that one call of a generated function computes. */
export type Width = 1 | 4;

/** A buffer that generated code reads or writes. */
export interface GeneratedBinding {
  readonly name: string;
  readonly target: BufferOf;
  readonly access: 'read' | 'read_write';
  readonly type: string;
}

/** Whose buffer a binding means: a node's (or, for an update, its parameter's), or the block of host scalars. */
export type BufferOf = { readonly node: Tensor } | 'scalars';

export interface Generated {
  readonly code: string;
  readonly bindings: readonly GeneratedBinding[];
  /** Contents of the `dims` uniform. */
  readonly dims: readonly number[];
}

const STORED: Readonly<Record<DType, string>> = { f32: 'f32', i32: 'i32', u32: 'u32', bool: 'u32' };
const VECTOR: Readonly<Record<DType, string>> = {
  f32: 'vec4f',
  i32: 'vec4i',
  u32: 'vec4u',
  bool: 'vec4<bool>',
};

/** The WGSL type of `width` elements in registers. */
export const valueType = (dtype: DType, width: Width) => (width === 4 ? VECTOR[dtype] : dtype);

/** How one read finds its elements, for the `width` elements that begin at flat index i of the reader. */
type Access =
  | { readonly kind: 'vector'; readonly offset: string } // `width` neighbours, aligned
  | { readonly kind: 'splat'; readonly offset: string } // one element for all lanes
  | { readonly kind: 'lanes'; readonly offsets: readonly string[] };

interface Buffer {
  readonly name: string;
  readonly target: BufferOf;
  readonly dtype: DType;
  stored: boolean;
  /** Bound as array<vec4>: every access takes aligned groups of four. */
  vector: boolean;
}

/**
 * Writes the generated functions of one kernel: `element` (what a reduction reads) and `epilogue` (what
 * happens to a result), `map` when there is no kernel op, or `work_on_row` and `work_on_columns`. This file is the only one that builds WGSL text.
 */
export class Generator {
  readonly #plan: Plan;
  readonly #hasLines: boolean;
  readonly #hasRows: boolean;
  /** What the kernel computes. */
  readonly #inside: ReadonlySet<Tensor>;
  readonly #scalarIndex: ReadonlyMap<Tensor, number>;
  readonly #buffers = new Map<Tensor | 'scalars', Buffer>();
  readonly #dims: number[] = [];
  readonly #dimIndex = new Map<number, number>();
  readonly #functions: string[] = [];
  readonly #helpers = new Map<string, string>();
  /** Names of the offset functions, by the map they compute. */
  readonly #helperNames = new Map<string, string>();

  constructor(
    plan: Plan,
    kernel: Kernel,
    scalarIndex: ReadonlyMap<Tensor, number>,
    epilogueWidth: Width,
    prologueWidth: Width,
  ) {
    this.#plan = plan;
    this.#hasLines = kernel.lines !== null;
    this.#hasRows = kernel.lines?.inner === 1;
    this.#inside = new Set(nodesOf(kernel));
    this.#scalarIndex = scalarIndex;
    this.#scanBuffers(kernel, epilogueWidth, prologueWidth);
    if (kernel.lines) {
      this.#writeLines(kernel, kernel.lines, prologueWidth);
      return;
    }
    if (kernel.anchor?.op.kind === 'reduction') this.#writeElement(kernel, prologueWidth);
    this.#writeEpilogue(kernel, epilogueWidth);
  }

  /** The text with bindings numbered from `firstBinding`. */
  finish(firstBinding: number): Generated {
    const bindings = [...this.#buffers.values()].map((buffer): GeneratedBinding => {
      const element = STORED[buffer.dtype];
      return {
        name: buffer.name,
        target: buffer.target,
        access: buffer.stored ? 'read_write' : 'read',
        type: buffer.vector ? `vec4<${element}>` : element,
      };
    });
    let number = firstBinding;
    const lines: string[] = [];
    if (this.#dims.length > 0)
      lines.push(
        `@group(0) @binding(${number++}) var<uniform> dims: array<vec4u, ${Math.ceil(this.#dims.length / 4)}>;`,
      );
    for (const { name, access, type } of bindings)
      lines.push(`@group(0) @binding(${number++}) var<storage, ${access}> ${name}: array<${type}>;`);
    return {
      code: [...lines, ...this.#helpers.values(), ...this.#functions].join('\n'),
      bindings,
      dims: this.#dims,
    };
  }

  // --- Buffers -------------------------------------------------------------------------------

  /** Find every buffer, whether it is written, and whether all its accesses are whole vectors. */
  #scanBuffers(kernel: Kernel, epilogueWidth: Width, prologueWidth: Width): void {
    const scan = (nodes: readonly Tensor[], width: Width) => {
      for (const node of nodes) {
        node.inputs.forEach((input, i) => {
          const view = this.#plan.views.get(input)!;
          if (this.#inside.has(view.base) || view.base.op.name === 'fill') return;
          const whole = width === 4 && readsByElement(node, i) && this.#isVector(view);
          const buffer = this.#buffer(view.base);
          buffer.vector &&= whole;
        });
      }
    };
    if (kernel.anchor?.op.kind === 'reduction') scan([kernel.anchor], prologueWidth);
    scan(kernel.prologue, prologueWidth);
    const widthOf = (node: Tensor) =>
      kernel.lines && domainOf(node) > kernel.lines.outer * kernel.lines.inner
        ? prologueWidth
        : epilogueWidth;
    for (const node of kernel.epilogue) scan([node], widthOf(node));
    for (const node of kernel.stores) {
      const buffer = this.#buffer(this.#plan.updates.get(node) ?? node);
      buffer.stored = true;
      const width = node.op.kind === 'reduction' ? epilogueWidth : widthOf(node);
      buffer.vector &&= width === 4 && (!this.#isMove(node) || this.#destinations(node).every(isVectorAxes));
    }
  }

  #buffer(base: Tensor): Buffer {
    // A node that is a parameter's next value lives in the parameter's buffer.
    const owner = this.#plan.updates.get(base) ?? base;
    const key = base.op.name === 'hostScalar' ? 'scalars' : owner;
    let buffer = this.#buffers.get(key);
    if (!buffer) {
      const scalars = key === 'scalars';
      buffer = {
        name: scalars ? 'scalars' : `buffer${this.#buffers.size}`,
        target: scalars ? 'scalars' : { node: owner },
        dtype: base.dtype,
        stored: false,
        vector: !scalars,
      };
      this.#buffers.set(key, buffer);
    }
    return buffer;
  }

  // --- Functions -----------------------------------------------------------------------------

  /** `fn element(i) -> value`: the elements i, i + 1, … of the anchor's input. */
  #writeElement({ anchor, prologue }: Kernel, width: Width): void {
    const values = new Map<Tensor, string>();
    const lines = this.#compute(prologue, values, width);
    const result = this.#read(anchor!, 0, values, width, true);
    this.#functions.push(
      `fn element(i: u32) -> ${valueType(anchor!.inputs[0]!.dtype, width)} {`,
      ...lines,
      `  return ${result};`,
      '}',
    );
  }

  /** `fn epilogue(i, value)`, or `fn map(i)` without an anchor: computes and stores elements i, i + 1, … */
  #writeEpilogue({ anchor, epilogue, stores }: Kernel, width: Width): void {
    const values = new Map<Tensor, string>();
    if (anchor) values.set(anchor, 'value');
    const lines = this.#compute(epilogue, values, width);
    for (const node of stores)
      lines.push(
        ...(this.#isMove(node)
          ? this.#move(node, values, width)
          : this.#store(node, values.get(node)!, width)),
      );
    const head = anchor
      ? `fn epilogue(i: u32, value: ${valueType(anchor.dtype, width)}) {`
      : 'fn map(i: u32) {';
    this.#functions.push(head, ...lines, '}');
  }

  /**
   * `fn work_on_row(i, lane, lanes, wanted)`, or `fn work_on_columns(i)` for as many columns as `width`: i is the flat index of
   * the results. Reductions happen in passes over the lines' elements, each of which needs the results of those before.
   * What a pass needs of its elements it reads or computes afresh.
   */
  #writeLines({ epilogue, stores }: Kernel, { outer, length, inner }: Lines, width: Width): void {
    const isRow = inner === 1;
    const isElement = (node: Tensor) => node.op.kind !== 'reduction' && node.size > outer * inner;
    const numberWidth = isRow ? 1 : width;
    const baseOf = (input: Tensor) => this.#plan.views.get(input)!.base;
    const passOf = passes(epilogue, baseOf);
    const stored = new Set(stores);
    /** Names of the numbers per line, by node and by expression. */
    const numbers = new Map<Tensor, string>();
    const names = new Map<string, string>();
    const lines: string[] = [];
    for (let pass = 0; pass <= Math.max(...passOf.values()); pass++) {
      const inPass = epilogue.filter((node) => passOf.get(node) === pass);
      const known = names.size;
      const ready = inPass.filter((node) => node.op.kind !== 'reduction' && !isElement(node));
      this.#name(ready, numbers, names, numberWidth, 's');
      lines.push(...[...names].slice(known).map(([expression, name]) => `  let ${name} = ${expression};`));

      const reductions = inPass.filter((node) => node.op.kind === 'reduction');
      const written = inPass.filter((node) => isElement(node) && stored.has(node));
      if (reductions.length + written.length === 0) continue;
      // What an earlier pass has stored is read again.
      const computed = (node: Tensor) =>
        isElement(node) && this.#inside.has(node) && !(stored.has(node) && passOf.get(node)! < pass);
      const needed = neededBy([...reductions, ...written], baseOf, computed);
      const values = new Map(numbers);
      const nodes = epilogue.filter((node) => needed.has(node));
      const body = this.#compute(nodes, values, width);
      reductions.forEach((node, k) => {
        const [name, sum] = [`t${pass}_${k}`, node.op.name === 'sum'];
        const value = this.#read(node, 0, values, width, true);
        const start = this.#literal(sum ? 0 : LOWEST[node.dtype], node.dtype, width);
        lines.push(`  var ${name} = ${start};`);
        body.push(sum ? `  ${name} += ${value};` : `  ${name} = max(${name}, ${value});`);
        numbers.set(node, isRow ? `${name}_row` : name);
      });
      body.push(...written.flatMap((node) => this.#store(node, values.get(node)!, width)));
      lines.push(
        isRow
          ? `  for (var at = lane * ${width}u; at < end; at += lanes * ${width}u) {\n  let i = start + at;`
          : '  for (var r = 0u; r < length; r++) {\n  let i = start + r * inner;',
        ...body,
        '  }',
      );
      if (isRow)
        reductions.forEach((node, k) => {
          const value = acrossLanes(node.op.name, `t${pass}_${k}`, width);
          lines.push(`  let ${numbers.get(node)!} = ${node.op.name}_of_lanes_${node.dtype}(${value});`);
        });
    }
    const results = stores
      .filter((node) => !isElement(node))
      .flatMap((node) => this.#store(node, numbers.get(node)!, numberWidth));
    const size = this.#dim(length);
    this.#functions.push(
      ...(isRow
        ? [
            'fn work_on_row(i: u32, lane: u32, lanes: u32, wanted: bool) {',
            `  let start = i * ${size};`,
            `  let end = select(0u, ${size}, wanted);`,
            ...lines,
            ...(results.length > 0 ? ['  if (lane == 0u && wanted) {', ...results, '  }'] : []),
          ]
        : [
            'fn work_on_columns(i: u32) {',
            `  let length = ${size};`,
            `  let inner = ${this.#dim(inner)};`,
            '  let start = i / inner * length * inner + i % inner;',
            ...lines,
            ...results,
          ]),
      '}',
    );
  }

  #compute(nodes: readonly Tensor[], values: Map<Tensor, string>, width: Width): string[] {
    const names = new Map<string, string>();
    this.#name(nodes, values, names, width, 'v');
    return [...names].map(([expression, name]) => `  let ${name} = ${expression};`);
  }

  /**
   * Give a name to the value of each node. Users have their own copies of cheap values; those in the same kernel share
   * one after all.
   *
   * @param names by expression
   */
  #name(
    nodes: readonly Tensor[],
    values: Map<Tensor, string>,
    names: Map<string, string>,
    width: Width,
    prefix: string,
  ): void {
    for (const node of nodes) {
      if (this.#isMove(node)) continue; // stores other values
      const expression =
        node.op.kind === 'indexed'
          ? this.#indexed(node, values, width)
          : this.#pointwise(node, values, width);
      if (!names.has(expression)) names.set(expression, `${prefix}${names.size}`);
      values.set(node, names.get(expression)!);
    }
  }

  #store(node: Tensor, value: string, width: Width): string[] {
    const buffer = this.#buffer(node);
    const stored = asStored(value, node.dtype, width);
    if (width === 1) return [`  ${buffer.name}[i] = ${stored};`];
    if (buffer.vector) return [`  ${buffer.name}[i >> 2u] = ${stored};`];
    return [0, 1, 2, 3].map((lane) => `  ${buffer.name}[i + ${lane}u] = (${stored})[${lane}];`);
  }

  #isMove(node: Tensor): boolean {
    return !this.#hasLines && isMove(node, this.#inside, this.#plan.views);
  }

  #destinations(node: Tensor): Destination[] {
    return node.inputs.map((_, i) => destinationOf(node, i, this.#plan.views)!);
  }

  /** Store what `node` consists of, each part where it goes. */
  #move(node: Tensor, values: ReadonlyMap<Tensor, string>, width: Width): string[] {
    const { name, vector } = this.#buffer(node);
    return this.#destinations(node).flatMap(({ axes, offset }, part) => {
      const { base } = this.#plan.views.get(node.inputs[part]!)!;
      const value = asStored(values.get(base)!, node.dtype, width);
      const at = (lane: number) => this.#offset(lane === 0 ? 'i' : `(i + ${lane}u)`, axes, offset);
      if (width === 1) return [`  ${name}[${at(0)}] = ${value};`];
      if (vector) return [`  ${name}[${at(0)} >> 2u] = ${value};`];
      return [0, 1, 2, 3].map((lane) => `  ${name}[${at(lane)}] = (${value})[${lane}];`);
    });
  }

  // --- Reads ---------------------------------------------------------------------------------

  /** The value of input `position` of `node` at flat index i of `node`. */
  #read(
    node: Tensor,
    position: number,
    values: ReadonlyMap<Tensor, string>,
    width: Width,
    inPlace = readsByElement(node, position),
  ): string {
    const input = node.inputs[position]!;
    const view = this.#plan.views.get(input)!;
    if (view.base.op.name === 'fill') return this.#literal(view.base.attrs.value, input.dtype, width);
    const value = inPlace ? values.get(view.base) : undefined;
    if (value !== undefined && (isContiguous(view) || !this.#hasRows)) return value;
    // The number of a row, for each of its elements. Those of columns are as wide as their elements.
    if (value !== undefined) return width === 4 ? `${VECTOR[input.dtype]}(${value})` : value;
    return this.#load(view, this.#access(view, width), width);
  }

  #load(view: View, access: Access, width: Width): string {
    const buffer = this.#buffer(view.base);
    const { dtype } = view.base;
    const at = (offset: string) =>
      buffer.vector ? `${buffer.name}[(${offset}) >> 2u][(${offset}) & 3u]` : `${buffer.name}[${offset}]`;
    const typed = (text: string) =>
      dtype === 'bool' ? `(${text} != ${width === 4 ? 'vec4u(0u)' : '0u'})` : text;
    if (width === 1) return typed(at(access.kind === 'lanes' ? access.offsets[0]! : access.offset));
    const vector = `vec4<${STORED[dtype]}>`;
    if (access.kind === 'splat') return typed(`${vector}(${at(access.offset)})`);
    if (access.kind === 'vector') {
      if (buffer.vector) return typed(`${buffer.name}[${access.offset} >> 2u]`);
      return typed(`${vector}(${[0, 1, 2, 3].map((lane) => at(`${access.offset} + ${lane}u`)).join(', ')})`);
    }
    return typed(`${vector}(${access.offsets.map(at).join(', ')})`);
  }

  #access(view: View, width: Width): Access {
    const { base } = view;
    if (base.op.name === 'hostScalar') return { kind: 'splat', offset: `${this.#scalarIndex.get(base)!}u` };
    if (isContiguous(view))
      return view.base.size === 1 ? { kind: 'splat', offset: '0u' } : { kind: 'vector', offset: 'i' };
    const axes = collapse(view.shape, view.strides);
    if (axes.every(({ stride }) => stride === 0)) return { kind: 'splat', offset: this.#dim(view.offset) };
    if (width === 1) return { kind: 'splat', offset: this.#offset('i', axes, view.offset) };
    const inner = axes.at(-1)!;
    if (inner.size % 4 !== 0)
      return {
        kind: 'lanes',
        offsets: [0, 1, 2, 3].map((lane) => this.#offset(`(i + ${lane}u)`, axes, view.offset)),
      };
    const start = this.#offset('i', axes, view.offset);
    if (inner.stride === 0) return { kind: 'splat', offset: start };
    if (this.#isVector(view)) return { kind: 'vector', offset: start };
    const step = this.#dim(inner.stride);
    return { kind: 'lanes', offsets: [0, 1, 2, 3].map((lane) => `${start} + ${lane}u * ${step}`) };
  }

  /** True when the four elements from any i divisible by 4 are one aligned vec4 of the buffer. */
  #isVector(view: View): boolean {
    if (view.base.op.name === 'hostScalar' || view.base.size === 1) return false;
    if (isContiguous(view)) return true;
    const axes = collapse(view.shape, view.strides);
    return isVectorAxes({ axes, offset: view.offset });
  }

  /** An expression for offset + Σ coordinate · stride of flat index `i`: one helper function per distinct map. */
  #offset(i: string, axes: readonly Axis[], offset: number): string {
    const key = JSON.stringify([axes, offset]);
    let name = this.#helperNames.get(key);
    if (!name) {
      name = `offset${this.#helperNames.size}`;
      this.#helperNames.set(key, name);
      const lines = this.#coordinates(
        axes.map(({ size }) => size),
        axes.map(({ stride }) => stride !== 0),
      );
      const terms = axes.flatMap(({ stride }, axis) =>
        stride === 0 ? [] : stride === 1 ? [`c${axis}`] : [`c${axis} * ${this.#dim(stride)}`],
      );
      if (offset !== 0) terms.push(this.#dim(offset));
      this.#helpers.set(name, `fn ${name}(i: u32) -> u32 {\n${lines}\n  return ${terms.join(' + ')};\n}`);
    }
    return `${name}(${i})`;
  }

  /** Lines that split flat index i into coordinates c0, c1, … of `shape`, where `needed`. */
  #coordinates(shape: Shape, needed: readonly boolean[] = shape.map(() => true)): string {
    const lines: string[] = [];
    let rest = 'i';
    const outermost = needed.indexOf(true);
    for (let axis = shape.length - 1; axis >= Math.max(outermost, 0); axis--) {
      const size = axis > 0 ? this.#dim(shape[axis]!) : '';
      if (needed[axis]) lines.push(axis > 0 ? `  let c${axis} = ${rest} % ${size};` : `  let c0 = ${rest};`);
      if (axis > Math.max(outermost, 0)) {
        lines.push(`  let r${axis} = ${rest} / ${size};`);
        rest = `r${axis}`;
      }
    }
    return lines.join('\n');
  }

  /** A constant as text. WGSL has no literal for infinities and NaN: their bits come from the uniform. */
  #literal(value: number, dtype: DType, width: Width): string {
    const rounded = Math.fround(value);
    if (dtype !== 'f32' || Number.isFinite(rounded)) return literal(value, dtype, width);
    const bits = new Uint32Array(Float32Array.of(rounded).buffer)[0]!;
    const text = `bitcast<f32>(${this.#dim(bits)})`;
    return width === 4 ? `vec4f(${text})` : text;
  }

  /** A number from the `dims` uniform, so that kernels of equal structure share their text. */
  #dim(value: number): string {
    let index = this.#dimIndex.get(value);
    if (index === undefined) {
      index = this.#dims.push(value) - 1;
      this.#dimIndex.set(value, index);
    }
    return `dims[${index >> 2}][${index & 3}]`;
  }

  // --- Elementwise ops -----------------------------------------------------------------------

  #pointwise(node: Tensor, values: ReadonlyMap<Tensor, string>, width: Width): string {
    const args = node.inputs.map((_, i) => this.#read(node, i, values, width));
    return POINTWISE[node.op.name as PointwiseName](args, node, width);
  }

  #indexed(node: Tensor, values: ReadonlyMap<Tensor, string>, width: Width): string {
    if (node.op.name === 'random') return this.#random(node, width);
    const type = valueType(node.dtype, 1);
    const name = `at${this.#helpers.size}`;
    let parameters = 'i: u32';
    let extra = '';
    let body: string;
    switch (node.op.name as Exclude<IndexedName, 'random'>) {
      case 'iota': {
        const { axis, shape } = node.attrs as { axis: number; shape: Shape };
        body = `  return ${type}(i / ${this.#dim(stridesOf(shape)[axis]!)} % ${this.#dim(shape[axis]!)});`;
        break;
      }
      case 'pad':
        body = this.#padBody(node);
        break;
      case 'concat':
        body = this.#concatBody(node);
        break;
      case 'gather': {
        parameters = 'i: u32, index: i32';
        const index = this.#read(node, 1, values, width);
        const view = this.#plan.views.get(node.inputs[0]!)!;
        const axis = node.attrs.axis as number;
        const coordinates = node.shape.map((_, a) => (a === axis ? 'u32(index)' : `c${a}`));
        body = [
          this.#coordinates(node.shape),
          `  if (index < 0 || index >= i32(${this.#dim(view.shape[axis]!)})) { return ${literal(0, node.dtype, 1)}; }`,
          `  return ${this.#element(view, coordinates)};`,
        ].join('\n');
        extra = index;
        break;
      }
      case 'embedding': {
        // row index[i / width] of the table, column i % width
        const [table, index] = node.inputs.map((input) => this.#plan.views.get(input)!) as [View, View];
        const indexShape = [index.shape.reduce((x, y) => x * y, 1), table.shape[1]!];
        const flat = { ...index, shape: [indexShape[0]!], strides: [1] };
        const found = isContiguous(index)
          ? this.#element(flat, ['c0'])
          : this.#load(
              index,
              {
                kind: 'splat',
                offset: this.#offset('c0', collapse(index.shape, index.strides), index.offset),
              },
              1,
            );
        body = [
          this.#coordinates(indexShape),
          `  let row = i32(${found});`,
          `  if (row < 0 || row >= i32(${this.#dim(table.shape[0]!)})) { return ${literal(0, node.dtype, 1)}; }`,
          `  return ${this.#element(table, ['u32(row)', 'c1'])};`,
        ].join('\n');
      }
    }
    this.#helpers.set(name, `fn ${name}(${parameters}) -> ${type} {\n${body}\n}`);
    const element = (lane: number) => {
      const i = lane === 0 ? 'i' : `i + ${lane}u`;
      if (!extra) return `${name}(${i})`;
      return `${name}(${i}, i32(${width === 4 ? `(${extra})[${lane}]` : extra}))`;
    };
    return width === 1 ? element(0) : `${VECTOR[node.dtype]}(${[0, 1, 2, 3].map(element).join(', ')})`;
  }

  /** One element of a view at coordinates given as expressions. */
  #element(view: View, coordinates: readonly string[]): string {
    if (view.base.op.name === 'fill') return this.#literal(view.base.attrs.value, view.base.dtype, 1);
    const terms = coordinates.flatMap((c, axis) =>
      view.strides[axis] === 0 || view.shape[axis] === 1
        ? []
        : view.strides[axis] === 1
          ? [c]
          : [`${c} * ${this.#dim(view.strides[axis]!)}`],
    );
    if (view.offset !== 0 || terms.length === 0) terms.push(this.#dim(view.offset));
    return this.#load(view, { kind: 'splat', offset: terms.join(' + ') }, 1);
  }

  #padBody(node: Tensor): string {
    const { pads, value } = node.attrs as {
      pads: readonly (readonly [number, number, number])[];
      value: number;
    };
    const view = this.#plan.views.get(node.inputs[0]!)!;
    const outside = this.#literal(value, node.dtype, 1);
    const lines = [this.#coordinates(node.shape)];
    const coordinates = pads.map(([before, , between], axis) => {
      const [start, size] = [this.#dim(before), this.#dim(view.shape[axis]!)];
      const step = between === 0 ? '' : this.#dim(between + 1);
      // Below the start, c - start wraps to a huge u32 and fails the same test.
      lines.push(`  let p${axis} = (c${axis} - ${start})${step && ` / ${step}`};`);
      lines.push(
        `  if (c${axis} < ${start} || p${axis} >= ${size}${step && ` || (c${axis} - ${start}) % ${step} != 0u`}) { return ${outside}; }`,
      );
      return `p${axis}`;
    });
    return [...lines, `  return ${this.#element(view, coordinates)};`].join('\n');
  }

  #concatBody(node: Tensor): string {
    const axis = node.attrs.axis as number;
    const lines = [this.#coordinates(node.shape)];
    let start = 0;
    node.inputs.forEach((input, i) => {
      const view = this.#plan.views.get(input)!;
      const from = start === 0 ? `c${axis}` : `(c${axis} - ${this.#dim(start)})`;
      start += view.shape[axis]!;
      const element = this.#element(
        view,
        node.shape.map((_, a) => (a === axis ? from : `c${a}`)),
      );
      lines.push(
        i === node.inputs.length - 1
          ? `  return ${element};`
          : `  if (c${axis} < ${this.#dim(start)}) { return ${element}; }`,
      );
    });
    return lines.join('\n');
  }

  #random(node: Tensor, width: Width): string {
    const { kind, seed, stream } = node.attrs as RandomAttrs;
    // The words of a stream are numbered by element, four to a block: exactly one block per vec4.
    const step = this.#load(this.#plan.views.get(node.inputs[0]!)!, { kind: 'splat', offset: '0u' }, 1);
    const block = `philox(vec2u(${this.#dim(seed)}, ${this.#dim(stream)}), vec4u(i >> 2u, ${step}, 0u, 0u))`;
    const values = kind === 'bits' ? block : `philox_${kind}(${block})`;
    return width === 4 ? values : `${values}[i & 3u]`;
  }
}

/** A value as its buffer holds it. */
const asStored = (value: string, dtype: DType, width: Width) =>
  dtype === 'bool' ? `select(${width === 4 ? 'vec4u(0u), vec4u(1u)' : '0u, 1u'}, ${value})` : value;

/** True when four neighbours from a multiple of four on go to, or come from, four neighbours of that kind. */
function isVectorAxes({ axes, offset }: Destination): boolean {
  const inner = axes.at(-1);
  return (
    inner?.stride === 1 &&
    inner.size % 4 === 0 &&
    offset % 4 === 0 &&
    axes.slice(0, -1).every(({ stride }) => stride % 4 === 0)
  );
}

/** What a maximum begins with. */
const LOWEST: Readonly<Record<DType, number>> = { f32: -Infinity, i32: -(2 ** 31), u32: 0, bool: 0 };

/** Four partial results as one. */
function acrossLanes(op: string, value: string, width: Width): string {
  if (width === 1) return value;
  const [x, y, z, w] = ['x', 'y', 'z', 'w'].map((lane) => `${value}.${lane}`);
  return op === 'sum' ? `(${x} + ${y}) + (${z} + ${w})` : `max(max(${x}, ${y}), max(${z}, ${w}))`;
}

/**
 * The pass over a row in which each node can be computed. A reduction is done at the end of its pass, so what uses it
 * belongs to the next one.
 *
 * @param nodes inputs before users
 */
function passes(nodes: readonly Tensor[], baseOf: (input: Tensor) => Tensor): ReadonlyMap<Tensor, number> {
  const passOf = new Map<Tensor, number>();
  for (const node of nodes) {
    const earliest = node.inputs.map(baseOf).flatMap((base) => {
      const pass = passOf.get(base);
      return pass === undefined ? [] : [base.op.kind === 'reduction' ? pass + 1 : pass];
    });
    passOf.set(node, Math.max(0, ...earliest));
  }
  return passOf;
}

/** `nodes` and what they need, as far as it is `wanted`. */
function neededBy(
  nodes: readonly Tensor[],
  baseOf: (input: Tensor) => Tensor,
  wanted: (node: Tensor) => boolean,
): ReadonlySet<Tensor> {
  const needed = new Set<Tensor>();
  const visit = (node: Tensor) => {
    if (needed.has(node) || !wanted(node)) return;
    needed.add(node);
    for (const input of node.inputs) visit(baseOf(input));
  };
  for (const node of nodes) {
    visit(node);
    for (const input of node.inputs) visit(baseOf(input));
  }
  return needed;
}

type Expression = (args: readonly string[], node: Tensor, width: Width) => string;

const call =
  (name: string): Expression =>
  (args) =>
    `${name}(${args.join(', ')})`;
const infix =
  (operator: string): Expression =>
  ([a, b]) =>
    `${a} ${operator} ${b}`;
/** A function of shaders/lib that knows vec4f only. */
const vectorCall =
  (name: string): Expression =>
  (args, _, width) =>
    width === 4
      ? `${name}(${args.join(', ')})`
      : `${name}(${args.map((arg) => `vec4f(${arg})`).join(', ')}).x`;
const number = (value: number, node: Tensor, width: Width) => literal(value, node.dtype, width);

/** The WGSL of each elementwise op; arguments are names or literals of the node's width. */
const POINTWISE: Readonly<Record<PointwiseName, Expression>> = {
  neg: ([a]) => `-${a}`,
  not: ([a]) => `!${a}`,
  abs: call('abs'),
  sign: call('sign'),
  floor: call('floor'),
  exp: call('exp'),
  log: call('log'),
  sqrt: call('sqrt'),
  sin: call('sin'),
  cos: call('cos'),
  atan: call('atan'),
  tanh: vectorCall('tanh_accurate'),
  sigmoid: ([a], node, width) => `1.0 / (1.0 + exp(-max(${a}, ${number(-88, node, width)})))`,
  softplus: vectorCall('softplus'),
  erf: vectorCall('erf'),
  // Not max(a, 0), which may turn NaN into 0 and hide a training that diverged.
  relu: ([a], node, width) => `select(${a}, ${number(0, node, width)}, ${a} < ${number(0, node, width)})`,
  leakyRelu: ([a], node, width) =>
    `select(${a} * ${number(node.attrs.alpha, node, width)}, ${a}, ${a} > ${number(0, node, width)})`,
  copy: ([a]) => a!,
  assign: ([a]) => a!,
  detach: ([a]) => a!,
  customVjp: ([y]) => y!,
  cast: ([a], node, width) => castTo(a!, node.inputs[0]!.dtype, node.dtype, width),
  add: infix('+'),
  sub: infix('-'),
  mul: infix('*'),
  div: infix('/'),
  pow: vectorCall('power'),
  maximum: call('max'),
  minimum: call('min'),
  eq: infix('=='),
  ne: infix('!='),
  lt: infix('<'),
  le: infix('<='),
  gt: infix('>'),
  ge: infix('>='),
  and: infix('&'),
  or: infix('|'),
  where: ([condition, a, b]) => `select(${b}, ${a}, ${condition})`,
};

/** A WGSL literal, splat over `width` lanes. */
function literal(value: number, dtype: DType, width: Width): string {
  const text =
    dtype === 'f32'
      ? floatLiteral(value)
      : dtype === 'bool'
        ? String(value !== 0)
        : dtype === 'u32'
          ? `${value >>> 0}u`
          : `i32(${value | 0})`;
  return width === 4 ? `${VECTOR[dtype]}(${text})` : text;
}

function floatLiteral(value: number): string {
  const rounded = Math.fround(value);
  const text = String(Math.abs(rounded));
  const magnitude = /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
  return rounded < 0 || Object.is(rounded, -0) ? `(-${magnitude})` : magnitude;
}

function castTo(value: string, from: DType, to: DType, width: Width): string {
  if (to === 'bool') return `(${value} != ${literal(0, from, width)})`;
  return `${valueType(to, width)}(${value})`;
}

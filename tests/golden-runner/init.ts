import {
  analysis,
  conv1d,
  conv2d,
  convTranspose2d,
  fill,
  HostRandom,
  maxPool2d,
  nn,
} from '../../src/index.ts';
import { activation } from './activations.ts';
import { attentionLayer } from './attention.ts';
import { Attrs, MissingError } from './case.ts';

/** One case of a JSON file of the group `init`: its name, and a check that returns what is wrong. */
export interface JsonCase {
  readonly name: string;
  /** @throws MissingError when the library lacks what the case needs */
  check(): string[];
}

type Json = Readonly<Record<string, unknown>>;

const checks: Readonly<Record<string, (golden: Json) => JsonCase>> = {
  weight_std: weightStd,
  parameter_counts: parameterCount,
  output_sizes: outputSizes,
};

/** The cases of a JSON file. */
export function jsonCases(op: string, file: { readonly cases: readonly Json[] }): JsonCase[] {
  const make = checks[op];
  if (!make) return [{ name: op, check: missing(`the check ${op}`) }];
  return file.cases.map(make);
}

const missing = (what: string) => () => {
  throw new MissingError(what);
};

/** A sentence when two numbers differ by more than `tolerance`, else nothing. */
function differ(what: string, got: number, expected: number, tolerance = 0): string[] {
  return Math.abs(got - expected) <= tolerance ? [] : [`${what} is ${got}, expected ${expected}`];
}

const NONLINEARITIES: Readonly<Record<string, nn.init.Nonlinearity>> = {
  linear: 'linear',
  sigmoid: 'sigmoid',
  tanh: 'tanh',
  relu: 'relu',
  leaky_relu: 'leakyRelu',
};

/** Values drawn for the statistical test of the file's note; its bounds shrink with their number. */
const DRAWS = 20_000;
const DOUBLE_ROUNDING = 1e-12; // of the closed formulas, in float64 on both sides

function weightStd(golden: Json): JsonCase {
  const shape = golden['shape'] as number[];
  const { scheme, mode, nonlinearity: kind, param, std, uniform_bound: bound } = golden;
  const name = [scheme, mode ?? '', `[${shape.join(',')}]`, kind, param ?? '']
    .map(String)
    .filter(Boolean)
    .join(' ');
  return {
    name,
    check() {
      const nonlinearity = NONLINEARITIES[kind as string];
      if (!nonlinearity) throw new MissingError(`nonlinearity ${String(kind)}`);
      const slope = typeof param === 'number' ? { slope: param } : {};
      const gain = nn.init.gain(nonlinearity, slope.slope);
      const { fanIn, fanOut } = nn.init.fans(shape);
      const exact = [
        ...differ('fan in', fanIn, golden['fan_in'] as number),
        ...differ('fan out', fanOut, golden['fan_out'] as number),
        ...differ('gain', gain, golden['gain'] as number, DOUBLE_ROUNDING),
      ];
      const he = {
        mode: mode === 'fan_out' ? 'fanOut' : 'fanIn',
        nonlinearity,
        ...slope,
      } as const;
      if (scheme !== 'xavier' && scheme !== 'he') throw new MissingError(`scheme ${String(scheme)}`);
      const [normal, uniform] =
        scheme === 'xavier'
          ? [nn.init.xavierNormal({ gain }), nn.init.xavierUniform({ gain })]
          : [nn.init.kaimingNormal(he), nn.init.kaimingUniform(he)];
      return [
        ...exact,
        ...statistics('normal', draw(normal, shape, name), std as number, 1 / 2),
        ...statistics('uniform', draw(uniform, shape, name), std as number, 0.2),
        ...draw(uniform, shape, name)
          .filter((value) => Math.abs(value) > (bound as number) * (1 + FLOAT32_ROUNDING))
          .map((value) => `a uniform value is ${value}, expected at most ${String(bound)}`)
          .slice(0, 1),
      ];
    },
  };
}

const FLOAT32_ROUNDING = 2 ** -23; // of the values, which are float32

function draw(
  init: (shape: number[], random: HostRandom) => ArrayLike<number>,
  shape: number[],
  name: string,
) {
  const values: number[] = [];
  for (let seed = 0; values.length < DRAWS; seed++)
    values.push(...Array.from(init(shape, new HostRandom(seed, name))));
  return values;
}

/** The note's test: five standard errors; `kurtosis` / n is the relative variance of the sample's std. */
function statistics(what: string, values: readonly number[], std: number, kurtosis: number): string[] {
  const n = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  const sampleStd = Math.sqrt(values.reduce((total, v) => total + (v - mean) ** 2, 0) / n);
  return [
    ...differ(`std of ${n} ${what} values`, sampleStd, std, 5 * std * Math.sqrt(kurtosis / n)),
    ...differ(`mean of ${n} ${what} values`, mean, 0, (5 * std) / Math.sqrt(n)),
  ];
}

type LayerSpec = readonly [type: string, ...rest: unknown[]];

function parameterCount(golden: Json): JsonCase {
  return {
    name: golden['name'] as string,
    check() {
      const counts = (golden['layers'] as LayerSpec[]).map((layer) => {
        const { module, input, dtype = 'f32' } = makeLayer(layer);
        return analysis.summary(module, input, { dtype }).trainable;
      });
      const total = counts.reduce((a, b) => a + b, 0);
      return differ('number of parameters', total, golden['parameters'] as number);
    },
  };
}

interface SummaryInput {
  readonly module: nn.Module;
  readonly input: number[];
  readonly dtype?: 'i32';
}

/** The layer of a spec [type, sizes..., options?], and the shape of an input that it accepts. */
function makeLayer([type, ...rest]: LayerSpec): SummaryInput {
  const last = rest.at(-1);
  const options = new Attrs(
    typeof last === 'object' && last !== null && !Array.isArray(last) ? (last as Json) : {},
  );
  const [a, b, c] = rest as [number, number, number | [number, number]];
  const layer = build();
  options.requireAllKnown();
  return layer;

  function build(): SummaryInput {
    switch (type) {
      case 'linear':
        return { module: new nn.Linear(a, b, { bias: options.get('bias', true) }), input: [1, a] };
      case 'conv2d': {
        const [kh, kw] = typeof c === 'number' ? [c, c] : c;
        return {
          module: new nn.Conv2d(a, b, [kh, kw], { bias: options.get('bias', true) }),
          input: [1, a, kh, kw],
        };
      }
      case 'rnn':
      case 'lstm':
      case 'gru': {
        const settings = {
          numLayers: options.get('layers', 1),
          bidirectional: options.get('bidirectional', false),
        };
        const Layer = { rnn: nn.RNN, lstm: nn.LSTM, gru: nn.GRU }[type];
        return { module: new Layer(a, b, settings), input: [1, 1, a] };
      }
      case 'conv1d':
        return { module: new nn.Conv1d(a, b, c as number), input: [1, a, c as number] };
      case 'conv_transpose2d':
        return { module: new nn.ConvTranspose2d(a, b, c), input: [1, a, 1, 1] };
      case 'batch_norm':
        return { module: new nn.BatchNorm1d(a), input: [1, a] };
      case 'layer_norm':
        return { module: new nn.LayerNorm(rest[0] as number[]), input: [1, ...(rest[0] as number[])] };
      case 'embedding':
        return { module: new nn.Embedding(a, b), input: [1], dtype: 'i32' };
      case 'multi_head_attention':
      case 'transformer_encoder_layer':
      case 'transformer_decoder_layer':
        return { module: attentionLayer(type, a, options), input: [1, 1, a] };
      case 'relu':
      case 'tanh':
      case 'sigmoid':
        return { module: activation(new Attrs({ activation: type }))(), input: [1] };
      default:
        throw new MissingError(`layer ${type}`);
    }
  }
}

function outputSizes(golden: Json): JsonCase {
  const number = (name: string) => golden[name] as number;
  const [size, kernel] = [number('size'), number('kernel')];
  const options = { stride: number('stride'), padding: number('padding') };
  const dilated = { ...options, dilation: number('dilation') };
  const image = fill(0, [1, 1, size, size]);
  const weight = fill(0, [1, 1, kernel, kernel]);
  return {
    name: Object.entries(golden)
      .map(([key, value]) => `${key}${String(value)}`)
      .join(' '),
    check() {
      const flat = conv1d(fill(0, [1, 1, size]), fill(0, [1, 1, kernel]), null, dilated);
      const transposed = convTranspose2d(image, weight, null, {
        ...dilated,
        outputPadding: number('output_padding'),
      });
      return [
        ...differ('size after conv2d', conv2d(image, weight, null, dilated).shape[2]!, number('conv')),
        ...differ('size after conv1d', flat.shape[2]!, number('conv')),
        ...differ('size after convTranspose2d', transposed.shape[2]!, number('conv_transpose')),
        ...('pool' in golden
          ? differ('size after maxPool2d', maxPool2d(image, kernel, options).shape[2]!, number('pool'))
          : []),
      ];
    },
  };
}

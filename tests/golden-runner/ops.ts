import * as C from '../../src/index.ts';
import { compile, grad, metrics, nn, Parameter, type Device, type Tensor } from '../../src/index.ts';
import { currentTrace } from '../../src/graph/index.ts';
import { asInputs, MissingError, withPrefix, type Attrs, type Results, type TensorCase } from './case.ts';
import { Operands, type Formula } from './formula.ts';
import { attentionFormulas } from './attention.ts';
import { recurrentFormulas } from './recurrent.ts';

type Pair = readonly [number, number];

const unary =
  (f: (x: Tensor) => Tensor): Formula =>
  (t) => ({ y: f(t.get('x')) });

const binary =
  (f: (a: Tensor, b: Tensor) => Tensor): Formula =>
  (t) => ({ y: f(t.get('a'), t.get('b')) });

const reduction =
  (f: (x: Tensor, options: C.ReduceOptions) => Tensor): Formula =>
  (t, attrs) => {
    const axes = attrs.get<number | number[] | null>('axes');
    return { y: f(t.get('x'), { keepdim: attrs.get('keepdim', false), ...(axes === null ? {} : { axes }) }) };
  };

const convOptions = <Size>(attrs: Attrs, one: Size, zero: Size) => ({
  stride: attrs.get<Size>('stride', one),
  padding: attrs.get<Size>('padding', zero),
  dilation: attrs.get<Size>('dilation', one),
  groups: attrs.get('groups', 1),
});

function poolOptions(attrs: Attrs) {
  attrs.only('ceil_mode', false);
  return { stride: attrs.get<Pair>('stride'), padding: attrs.get<Pair>('padding', [0, 0]) };
}

function lossOptions(attrs: Attrs): nn.LossOptions {
  attrs.only('reduction', 'mean', 'sum', 'none', 'batchmean');
  return { reduction: attrs.get('reduction', 'mean') };
}

const regressionLoss =
  (f: (x: Tensor, target: Tensor, options: nn.LossOptions) => Tensor): Formula =>
  (t, attrs) => ({ loss: f(t.get('x'), t.get('target'), lossOptions(attrs)) });

/** Golden operation → formula. What is not here is missing. */
const formulas: Readonly<Record<string, Formula>> = {
  ...recurrentFormulas,
  ...attentionFormulas,
  matmul: (t, attrs) => ({
    y: C.matmul(t.get('a'), t.get('b'), {
      transposeA: attrs.get('transpose_a', false),
      transposeB: attrs.get('transpose_b', false),
    }),
  }),
  linear(t, attrs) {
    attrs.describes('bias');
    return { y: C.linear(t.get('x'), t.get('weight'), t.orNull('bias')) };
  },

  linear_activation: unary((x) => new nn.Identity().forward(x)),
  sigmoid: unary(C.sigmoid),
  tanh: unary(C.tanh),
  arctan: unary(C.atan),
  exp: unary(C.exp),
  log: unary(C.log),
  sqrt: unary(C.sqrt),
  neg: unary(C.neg),
  square: unary(C.square),
  abs: unary(C.abs),
  sign: unary(C.sign),
  relu: unary(C.relu),
  softplus: unary(C.softplus),
  silu: unary(C.silu),
  leaky_relu: (t, attrs) => ({ y: C.leakyRelu(t.get('x'), attrs.get('alpha')) }),
  gelu(t, attrs) {
    attrs.only('approximate', 'none', 'tanh');
    return { y: C.gelu(t.get('x'), attrs.get('approximate', 'none')) };
  },
  pow: (t, attrs) => ({ y: C.pow(t.get('x'), attrs.get<number>('exponent')) }),
  softmax: (t, attrs) => ({ y: C.softmax(t.get('x'), attrs.get('axis')) }),
  log_softmax: (t, attrs) => ({ y: C.logSoftmax(t.get('x'), attrs.get('axis')) }),

  add: binary(C.add),
  sub: binary(C.sub),
  mul: binary(C.mul),
  div: binary(C.div),
  where: (t) => ({ y: C.where(t.get('cond'), t.get('a'), t.get('b')) }),
  clamp: (t, attrs) => ({
    y: C.clamp(t.get('x'), attrs.get<number | null>('min'), attrs.get<number | null>('max')),
  }),

  sum: reduction(C.sum),
  mean: reduction(C.mean),
  max: reduction(C.max),
  argmax: (t, attrs) => ({ y: C.argmax(t.get('x'), attrs.get('axis')) }),

  concat: (t, attrs) => ({
    y: C.concat(
      Array.from({ length: attrs.get('n') }, (_, i) => t.get(`x${i}`)),
      attrs.get('axis'),
    ),
  }),
  slice(t, attrs) {
    const [ends, steps] = [attrs.get<number[]>('ends'), attrs.get<number[]>('steps')];
    const ranges = attrs
      .get<number[]>('starts')
      .map((start, axis) => [start, ends[axis]!, steps[axis]!] as const);
    return { y: C.slice(t.get('x'), ranges) };
  },
  pad: (t, attrs) => ({ y: C.pad(t.get('x'), attrs.get<Pair[]>('pads'), attrs.get('value', 0)) }),
  permute: (t, attrs) => ({ y: C.permute(t.get('x'), attrs.get<number[]>('perm')) }),
  reshape: (t, attrs) => ({ y: C.reshape(t.get('x'), attrs.get<number[]>('shape')) }),
  expand: (t, attrs) => ({ y: C.broadcast(t.get('x'), attrs.get<number[]>('shape')) }),
  gather: (t, attrs) => ({ y: C.gather(t.get('x'), t.get('index'), attrs.get('axis')) }),
  embedding: (t) => ({ y: C.embedding(t.get('weight'), t.get('index')) }),

  conv2d(t, attrs) {
    attrs.describes('bias');
    const options = convOptions<Pair>(attrs, [1, 1], [0, 0]);
    return { y: C.conv2d(t.get('x'), t.get('weight'), t.orNull('bias'), options) };
  },
  conv1d(t, attrs) {
    attrs.describes('bias');
    return { y: C.conv1d(t.get('x'), t.get('weight'), t.orNull('bias'), convOptions(attrs, 1, 0)) };
  },
  conv_transpose2d(t, attrs) {
    attrs.describes('bias');
    const options = {
      ...convOptions<Pair>(attrs, [1, 1], [0, 0]),
      outputPadding: attrs.get<Pair>('output_padding', [0, 0]),
    };
    return { y: C.convTranspose2d(t.get('x'), t.get('weight'), t.orNull('bias'), options) };
  },
  max_pool2d: (t, attrs) => ({
    y: C.maxPool2d(t.get('x'), attrs.get<Pair>('kernel'), poolOptions(attrs)),
  }),
  avg_pool2d: (t, attrs) => ({
    y: C.avgPool2d(t.get('x'), attrs.get<Pair>('kernel'), {
      ...poolOptions(attrs),
      countIncludePad: attrs.get('count_include_pad', true),
    }),
  }),
  global_avg_pool2d: unary(C.globalAvgPool2d),
  upsample_nearest2d: (t, attrs) => ({ y: C.upsample(t.get('x'), { scale: attrs.get<Pair>('scale') }) }),
  upsample_bilinear2d: (t, attrs) => ({
    y: C.upsample(t.get('x'), {
      scale: attrs.get<Pair>('scale'),
      mode: 'bilinear',
      alignCorners: attrs.get('align_corners'),
    }),
  }),
  max_unpool2d: (t, attrs) => ({
    y: C.maxUnpool2d(t.get('x'), t.get('index'), attrs.get<Pair>('kernel'), {
      outputSize: attrs.get<Pair>('output_size'),
    }),
  }),
  batch_norm(t, attrs) {
    const x = t.get('x');
    const Norm = x.rank === 4 ? nn.BatchNorm2d : nn.BatchNorm1d;
    const module = new Norm(x.shape[1]!, { eps: attrs.get('eps'), momentum: attrs.get('momentum') });
    // The module itself, with the tensors of the case for its parameters.
    Object.assign(module, {
      weight: t.get('weight'),
      bias: t.get('bias'),
      running_mean: t.get('running_mean'),
      running_var: t.get('running_var'),
    });
    const y = module.train(attrs.get('training')).forward(x);
    const [mean, variance] = currentTrace('golden').updates.splice(0);
    return mean && variance ? { y, running_mean: mean[1], running_var: variance[1] } : { y };
  },
  layer_norm: (t, attrs) => ({
    y: C.layerNorm(t.get('x'), attrs.get<number[]>('normalized_shape'), t.get('weight'), t.get('bias'), {
      eps: attrs.get('eps'),
    }),
  }),
  // The library's dropout draws its own mask; this is its formula with the mask given.
  dropout: (t, attrs) => ({
    y: C.mul(t.get('x'), C.mul(C.cast(t.get('mask'), 'f32'), 1 / (1 - attrs.get<number>('p')))),
  }),

  mse: regressionLoss(nn.mse),
  l1: regressionLoss(nn.l1),
  bce: regressionLoss(nn.bce),
  bce_logits: regressionLoss(nn.bceWithLogits),
  huber: (t, attrs) => ({
    loss: nn.huber(t.get('x'), t.get('target'), { delta: attrs.get('delta', 1), ...lossOptions(attrs) }),
  }),
  cross_entropy(t, attrs) {
    const ignoreIndex = attrs.get<number | null>('ignore_index', null);
    const options = { ...lossOptions(attrs), ...(ignoreIndex === null ? {} : { ignoreIndex }) };
    return { loss: nn.crossEntropy(t.get('x'), t.get('target'), options) };
  },
  cross_entropy_soft(t, attrs) {
    attrs.describes('one_hot');
    return { loss: nn.crossEntropy(t.get('x'), t.get('target'), lossOptions(attrs)) };
  },
  gaussian_nll_homoscedastic: (t, attrs) => ({
    loss: nn.gaussianNll(t.get('mu'), t.get('log_var'), t.get('target'), lossOptions(attrs)),
  }),
  gaussian_nll_heteroscedastic: (t, attrs) => ({
    loss: nn.gaussianNll(t.get('mu'), t.get('log_var'), t.get('target'), lossOptions(attrs)),
  }),
  gaussian_nll_var: (t, attrs) => ({
    loss: nn.gaussianNllVariance(t.get('mu'), t.get('var'), t.get('target'), {
      full: attrs.get('full', false),
      eps: attrs.get('eps', 1e-6),
      ...lossOptions(attrs),
    }),
  }),
  kl_standard_normal: (t, attrs) => ({
    loss: nn.klStandardNormal(t.get('mu'), t.get('log_var'), lossOptions(attrs)),
  }),

  accuracy: (t, attrs) => ({
    accuracy: metrics.accuracy(t.get('logits'), t.get('target'), { topK: attrs.get('top_k') }),
  }),
  perplexity(t, attrs) {
    const ignoreIndex = attrs.get<number | null>('ignore_index', null);
    return {
      perplexity: metrics.perplexity(
        t.get('logits'),
        t.get('target'),
        ignoreIndex === null ? {} : { ignoreIndex },
      ),
    };
  },

  clip_grad_norm(t, attrs) {
    const grads = Array.from({ length: attrs.get('n') }, (_, i) => t.get(`g${i}`));
    const clipped = C.optim.clipGradNorm(grads, attrs.get('max_norm'));
    return { total_norm: clipped.norm, ...numbered('g', clipped.grads) };
  },
  clip_grad_value(t, attrs) {
    const grads = Array.from({ length: attrs.get('n') }, (_, i) => t.get(`g${i}`));
    return numbered('g', C.optim.clipGradValue(grads, attrs.get('value')));
  },
};

const numbered = (name: string, tensors: readonly Tensor[]) =>
  Object.fromEntries(tensors.map((tensor, i) => [`${name}${i}`, tensor]));

/** Outputs and gradients of one operation. `in.*` are inputs of a step, `param.*` parameters with these initial values. */
export async function runOp(device: Device, golden: TensorCase): Promise<Results> {
  const formula = formulas[golden.op];
  if (!formula) throw new MissingError(`operation ${golden.op}`);
  const upstream = withPrefix(golden, 'up');
  const { signature, data } = asInputs(
    new Map([
      ...withPrefix(golden, 'in'),
      ...[...upstream].map(([name, tensor]) => [`up.${name}`, tensor] as const),
    ]),
  );
  const parameters = new Map(
    [...withPrefix(golden, 'param')].map(([name, { shape, data: values }]) => [
      name,
      new Parameter(shape, nn.init.values(values), { name }),
    ]),
  );
  const wrt = [...withPrefix(golden, 'grad').keys()];

  const step = await compile(device, signature, (inputs) => {
    const named = new Map<string, Tensor>([...Object.entries(inputs), ...parameters]);
    const outputs = formula(new Operands(named), golden.attrs);
    golden.attrs.requireAllKnown();
    const terms = [...upstream.keys()].map((name) => C.sum(C.mul(inputs[`up.${name}`]!, outputs[name]!)));
    const gradients =
      wrt.length === 0
        ? []
        : grad(
            terms.reduce((a, b) => C.add(a, b)),
            wrt.map((name) => named.get(name)!),
          );
    return {
      outputs: {
        ...Object.fromEntries(Object.entries(outputs).map(([name, y]) => [`out.${name}`, y])),
        ...Object.fromEntries(gradients.map((g, i) => [`grad.${wrt[i]}`, g])),
      },
    };
  });
  const values = await step(data);
  const results: Results = new Map();
  for (const [name, value] of Object.entries(values))
    results.set(name, { shape: value.shape, data: await value.data() });
  step.release();
  return results;
}

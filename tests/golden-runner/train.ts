import {
  add,
  compile,
  type data,
  exp,
  flatten,
  fill,
  globalAvgPool2d,
  grad,
  mul,
  neg,
  nn,
  Parameter,
  relu,
  reshape,
  slice,
  square,
  sub,
  sum,
  tanh,
  type Device,
  type InputTensors,
  type Signature,
  type Tensor,
  type TypedArray,
  type Update,
} from '../../src/index.ts';
import { activation } from './activations.ts';
import { attentionTrainings } from './attention.ts';
import { asInputs, Attrs, MissingError, withPrefix, type Results, type TensorCase } from './case.ts';
import { makeOptimizer } from './optim.ts';
import { recurrentLayer } from './recurrent.ts';

type Batch = InputTensors<Signature>;

/** A model whose parameters have the names of the case, and its losses; `loss` is the one to minimise. */
export interface Training {
  readonly model: nn.Module;
  losses(batch: Batch): { readonly loss: Tensor } & Readonly<Record<string, Tensor>>;
}

/** Linear layers `l.0`, `l.1`, ... with an activation between them. */
class Mlp extends nn.Module {
  readonly l: readonly nn.Linear[];
  readonly #between: nn.Module;

  constructor(sizes: readonly number[], between: nn.Module) {
    super();
    this.l = sizes.slice(1).map((out, i) => new nn.Linear(sizes[i]!, out));
    this.#between = between;
  }

  forward(x: Tensor): Tensor {
    return this.l.reduce((h, layer, i) => layer.forward(i === 0 ? h : this.#between.forward(h)), x);
  }
}

/** A module that only names its fields; `forward` is written where the case needs it. */
abstract class Named extends nn.Module {
  override forward(): Tensor {
    throw new Error('this module has no single input');
  }
}

function mlpClassifier(attrs: Attrs): Training {
  attrs.only('loss', 'cross_entropy mean');
  const model = new Mlp(attrs.get('sizes'), activation(attrs)());
  return { model, losses: ({ x, y }) => ({ loss: nn.crossEntropy(model.forward(x!), y!) }) };
}

function mlpHeteroscedastic(attrs: Attrs): Training {
  attrs.only('loss', 'gaussian_nll_heteroscedastic mean; last layer = [mu, log_var]');
  const model = new Mlp(attrs.get('sizes'), activation(attrs)());
  return {
    model,
    losses({ x, y }) {
      const both = model.forward(x!);
      const half = both.shape[1]! / 2;
      const [mu, logVar] = [slice(both, [null, [0, half]]), slice(both, [null, [half]])];
      return { loss: nn.gaussianNll(mu, logVar, y!) };
    },
  };
}

class ResidualMlp extends nn.Module {
  readonly inp: nn.Linear;
  readonly a: readonly nn.Linear[];
  readonly b: readonly nn.Linear[];
  readonly out: nn.Linear;

  constructor(inFeatures: number, width: number, blocks: number, outFeatures: number) {
    super();
    const layers = () => Array.from({ length: blocks }, () => new nn.Linear(width, width));
    this.inp = new nn.Linear(inFeatures, width);
    this.a = layers();
    this.b = layers();
    this.out = new nn.Linear(width, outFeatures);
  }

  forward(x: Tensor): Tensor {
    const blocks = this.a.map(
      (a, i) => new nn.Residual(new nn.Sequential(new nn.ReLU(), a, new nn.ReLU(), this.b[i]!)),
    );
    return new nn.Sequential(this.inp, ...blocks, this.out).forward(x);
  }
}

function residualMlp(attrs: Attrs): Training {
  const model = new ResidualMlp(attrs.get('in'), attrs.get('width'), attrs.get('blocks'), attrs.get('out'));
  return { model, losses: ({ x, y }) => ({ loss: nn.crossEntropy(model.forward(x!), y!) }) };
}

class LeNet extends nn.Module {
  readonly conv1: nn.Conv2d;
  readonly conv2: nn.Conv2d;
  readonly fc1: nn.Linear;
  readonly fc2: nn.Linear;
  readonly #between: nn.Module;
  readonly #pool: nn.Module;

  constructor(attrs: Attrs) {
    super();
    const [c1, c2] = [attrs.get<number>('c1'), attrs.get<number>('c2')];
    const [k1, k2] = [attrs.get<number>('k1'), attrs.get<number>('k2')];
    const pooled = (size: number, kernel: number) => Math.floor((size - kernel + 1) / 2);
    const side = pooled(pooled(attrs.get('size'), k1), k2);
    this.conv1 = new nn.Conv2d(attrs.get('channels'), c1, k1);
    this.conv2 = new nn.Conv2d(c1, c2, k2);
    this.fc1 = new nn.Linear(c2 * side * side, attrs.get('fc'));
    this.fc2 = new nn.Linear(attrs.get('fc'), attrs.get('classes'));
    attrs.only('pool', 'max', 'avg');
    this.#pool = attrs.get('pool') === 'max' ? new nn.MaxPool2d(2) : new nn.AvgPool2d(2);
    this.#between = activation(attrs)();
  }

  forward(x: Tensor): Tensor {
    const act = (h: Tensor) => this.#between.forward(h);
    const h1 = this.#pool.forward(act(this.conv1.forward(x)));
    const h2 = this.#pool.forward(act(this.conv2.forward(h1)));
    return this.fc2.forward(act(this.fc1.forward(flatten(h2))));
  }
}

class ResNetBlock extends nn.Module {
  readonly conv1: nn.Conv2d;
  readonly bn1: nn.BatchNorm2d;
  readonly conv2: nn.Conv2d;
  readonly bn2: nn.BatchNorm2d;
  readonly skip: nn.Conv2d | null;
  readonly skipbn: nn.BatchNorm2d | null;

  constructor(inChannels: number, channels: number, stride: number) {
    super();
    const projects = stride !== 1 || inChannels !== channels;
    this.conv1 = new nn.Conv2d(inChannels, channels, 3, { stride, padding: 1, bias: false });
    this.bn1 = new nn.BatchNorm2d(channels);
    this.conv2 = new nn.Conv2d(channels, channels, 3, { padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(channels);
    this.skip = projects ? new nn.Conv2d(inChannels, channels, 1, { stride, bias: false }) : null;
    this.skipbn = projects ? new nn.BatchNorm2d(channels) : null;
  }

  forward(x: Tensor): Tensor {
    const f = new nn.Sequential(this.conv1, this.bn1, new nn.ReLU(), this.conv2, this.bn2);
    const shortcut = this.skip ? new nn.Sequential(this.skip, this.skipbn!) : new nn.Identity();
    return relu(new nn.Residual(f, shortcut).forward(x));
  }
}

class ResNet extends nn.Module {
  readonly stem: nn.Conv2d;
  readonly bn: nn.BatchNorm2d;
  readonly block1: ResNetBlock;
  readonly block2: ResNetBlock;
  readonly fc: nn.Linear;

  constructor(channels: number, width1: number, width2: number, classes: number) {
    super();
    this.stem = new nn.Conv2d(channels, width1, 3, { padding: 1, bias: false });
    this.bn = new nn.BatchNorm2d(width1);
    this.block1 = new ResNetBlock(width1, width1, 1);
    this.block2 = new ResNetBlock(width1, width2, 2);
    this.fc = new nn.Linear(width2, classes);
  }

  forward(x: Tensor): Tensor {
    const h = this.block2.forward(this.block1.forward(relu(this.bn.forward(this.stem.forward(x)))));
    return this.fc.forward(flatten(globalAvgPool2d(h)));
  }
}

function resNet(attrs: Attrs): Training {
  const widths = [attrs.get<number>('width1'), attrs.get<number>('width2')] as const;
  const model = new ResNet(attrs.get('channels'), ...widths, attrs.get('classes'));
  return { model, losses: ({ x, y }) => ({ loss: nn.crossEntropy(model.forward(x!), y!) }) };
}

function lenet(attrs: Attrs): Training {
  const model = new LeNet(attrs);
  return { model, losses: ({ x, y }) => ({ loss: nn.crossEntropy(model.forward(x!), y!) }) };
}

class Autoencoder extends nn.Module {
  readonly enc: Mlp;
  readonly dec: Mlp;

  constructor(sizes: readonly number[], between: () => nn.Module) {
    super();
    this.enc = new Mlp(sizes, between());
    this.dec = new Mlp([...sizes].reverse(), between());
  }

  forward(x: Tensor): Tensor {
    return this.dec.forward(this.enc.forward(x));
  }
}

function autoencoder(attrs: Attrs): Training {
  attrs.only('loss', 'mse mean');
  const model = new Autoencoder(attrs.get('sizes'), activation(attrs));
  return { model, losses: ({ x }) => ({ loss: nn.mse(model.forward(x!), x!) }) };
}

class ConvAutoencoder extends nn.Module {
  readonly enc1: nn.Conv2d;
  readonly enc2: nn.Conv2d;
  readonly dec1: nn.ConvTranspose2d;
  readonly dec2: nn.ConvTranspose2d;

  constructor(channels: number, width: number) {
    super();
    const options = { stride: 2, padding: 1 };
    this.enc1 = new nn.Conv2d(channels, width, 3, options);
    this.enc2 = new nn.Conv2d(width, width, 3, options);
    this.dec1 = new nn.ConvTranspose2d(width, width, 4, options);
    this.dec2 = new nn.ConvTranspose2d(width, channels, 4, options);
  }

  forward(x: Tensor): Tensor {
    const code = this.enc2.forward(relu(this.enc1.forward(x)));
    return this.dec2.forward(relu(this.dec1.forward(relu(code))));
  }
}

function convAutoencoder(attrs: Attrs): Training {
  attrs.only('loss', 'mse mean');
  attrs.describes('size');
  const model = new ConvAutoencoder(attrs.get('channels'), attrs.get('width'));
  return { model, losses: ({ x }) => ({ loss: nn.mse(model.forward(x!), x!) }) };
}

class Vae extends Named {
  readonly enc: nn.Linear;
  readonly mu: nn.Linear;
  readonly log_var: nn.Linear;
  readonly dec1: nn.Linear;
  readonly dec2: nn.Linear;

  constructor(features: number, hidden: number, latent: number) {
    super();
    this.enc = new nn.Linear(features, hidden);
    this.mu = new nn.Linear(hidden, latent);
    this.log_var = new nn.Linear(hidden, latent);
    this.dec1 = new nn.Linear(latent, hidden);
    this.dec2 = new nn.Linear(hidden, features);
  }
}

function vae(attrs: Attrs): Training {
  const model = new Vae(attrs.get('in'), attrs.get('hidden'), attrs.get('latent'));
  const beta = attrs.get<number>('beta');
  attrs.only('reconstruction', 'bce_logits', 'gaussian');
  const bernoulli = attrs.get('reconstruction') === 'bce_logits';
  return {
    model,
    losses({ x, eps }) {
      const h = tanh(model.enc.forward(x!));
      const [mu, logVar] = [model.mu.forward(h), model.log_var.forward(h)];
      const z = add(mu, mul(exp(mul(logVar, 0.5)), eps!));
      const y = model.dec2.forward(tanh(model.dec1.forward(z)));
      const recon = bernoulli
        ? nn.bceWithLogits(y, x!, { reduction: 'batchmean' })
        : mul(sum(square(sub(y, x!))), 0.5 / x!.shape[0]!);
      const kl = nn.klStandardNormal(mu, logVar, { reduction: 'batchmean' });
      return { loss: add(recon, mul(kl, beta)), recon, kl };
    },
  };
}

class RecurrentClassifier extends Named {
  readonly rnn: ReturnType<typeof recurrentLayer>;
  readonly fc: nn.Linear;

  constructor(attrs: Attrs) {
    super();
    this.rnn = recurrentLayer(attrs.get('cell'), attrs.get('in'), attrs);
    const directions = attrs.get('bidirectional') ? 2 : 1;
    this.fc = new nn.Linear(directions * attrs.get<number>('hidden'), attrs.get('out'));
  }
}

function recurrent(attrs: Attrs): Training {
  const model = new RecurrentClassifier(attrs);
  const manyToMany = attrs.get<boolean>('many_to_many');
  return {
    model,
    losses({ x, y }) {
      const h = model.rnn.forward(x!);
      const last = slice(h, [null, [-1]]);
      const read = manyToMany ? h : reshape(last, [h.shape[0]!, h.shape[2]!]);
      return { loss: nn.crossEntropy(model.fc.forward(read), y!) };
    },
  };
}

class Seq2Seq extends Named {
  readonly src_emb: nn.Embedding;
  readonly tgt_emb: nn.Embedding;
  readonly encoder: nn.LSTM;
  readonly decoder: nn.LSTM;
  readonly fc: nn.Linear;

  constructor(attrs: Attrs) {
    super();
    const [embed, hidden] = [attrs.get<number>('embed'), attrs.get<number>('hidden')];
    this.src_emb = new nn.Embedding(attrs.get('src_vocab'), embed);
    this.tgt_emb = new nn.Embedding(attrs.get('tgt_vocab'), embed);
    this.encoder = new nn.LSTM(embed, hidden);
    this.decoder = new nn.LSTM(embed, hidden);
    this.fc = new nn.Linear(hidden, attrs.get('tgt_vocab'));
  }
}

function seq2seqLstm(attrs: Attrs): Training {
  const model = new Seq2Seq(attrs);
  return {
    model,
    losses({ src, tgt_in, tgt_out }) {
      const { h, c } = model.encoder.unroll(model.src_emb.forward(src!));
      const { output } = model.decoder.unroll(model.tgt_emb.forward(tgt_in!), { h, c });
      return { loss: nn.crossEntropy(model.fc.forward(output), tgt_out!) };
    },
  };
}

const trainings: Readonly<Record<string, (attrs: Attrs) => Training>> = {
  train_mlp_classifier: mlpClassifier,
  train_mlp_heteroscedastic: mlpHeteroscedastic,
  train_residual_mlp: residualMlp,
  train_lenet: lenet,
  train_resnet: resNet,
  train_autoencoder: autoencoder,
  train_conv_autoencoder: convAutoencoder,
  train_vae: vae,
  train_recurrent: recurrent,
  train_seq2seq_lstm: seq2seqLstm,
  ...attentionTrainings,
};

type OptimizerAttrs = Readonly<Record<string, { name: string; params: string[] }>>;

/** The optimizers of the case, each with the parameters whose names start as it says. */
function optimizersOf(model: nn.Module, attrs: Attrs) {
  const parameters = model.parameters();
  return Object.entries(attrs.get<OptimizerAttrs>('optimizers')).map(([group, settings]) => {
    const { name, params: prefixes, ...rest } = settings;
    const params = parameters.filter((p) => prefixes.some((prefix) => p.name.startsWith(prefix)));
    return { group, params, optimizer: makeOptimizer(name, params, new Attrs(rest)) };
  });
}

/** The outputs of each step, by name, as one array over the steps; and the gradients of the first. */
class History {
  readonly #outputs = new Map<string, number[]>();
  readonly #gradients: Results = new Map();

  async record(values: Readonly<Record<string, { item(): Promise<number> }>>): Promise<void> {
    for (const [name, value] of Object.entries(values)) {
      const list = this.#outputs.get(name) ?? [];
      this.#outputs.set(name, list);
      list.push(await value.item());
    }
  }

  async recordGradients(
    params: readonly Parameter[],
    values: readonly { shape: readonly number[]; data(): Promise<TypedArray> }[],
  ): Promise<void> {
    for (const [i, { name }] of params.entries())
      this.#gradients.set(`grad.${name}`, { shape: values[i]!.shape, data: await values[i]!.data() });
  }

  results(): Results {
    const outputs = [...this.#outputs].map(
      ([name, list]) => [`out.${name}`, { shape: [list.length], data: Float32Array.from(list) }] as const,
    );
    return new Map([...outputs, ...this.#gradients]);
  }
}

async function finalState(model: nn.Module, device: Device): Promise<Results> {
  const results: Results = new Map();
  const state = model.state();
  for (const [name, data] of await model.readState(device))
    results.set(`final.${name}`, { shape: state.get(name)!.shape, data });
  return results;
}

async function writeInitial(model: nn.Module, device: Device, golden: TensorCase): Promise<void> {
  const initial = [...withPrefix(golden, 'param')].map(([name, { data }]) => [name, data] as const);
  // The cases leave out running statistics, which start as PyTorch's do.
  const state = model.state();
  const buffers = [...(await model.readState(device))].filter(([name]) => !state.get(name)!.trainable);
  await model.writeState(device, new Map([...buffers, ...initial]));
}

/** Fixed batches stacked on a leading axis: the shapes of one, and the data of batch number i. */
function batchesOf(golden: TensorCase) {
  const stacked = withPrefix(golden, 'in');
  const count = golden.attrs.get<number>('batches');
  const batch = (i: number) =>
    new Map(
      [...stacked].map(([name, { shape, data }]): [string, data.StoredTensor] => {
        const size = data.length / count;
        return [name, { shape: shape.slice(1), data: data.slice(i * size, (i + 1) * size) }];
      }),
    );
  return {
    signature: asInputs(batch(0)).signature,
    data: (step: number) => asInputs(batch(step % count)).data,
  };
}

/** Train as the case says: losses before each update, gradients of the first step, parameters after the last. */
export async function runTraining(device: Device, golden: TensorCase): Promise<Results> {
  if (golden.op === 'train_gan') return runGan(device, golden);
  const make = trainings[golden.op];
  if (!make) throw new MissingError(`training ${golden.op}`);
  const { attrs } = golden;
  const { model, losses } = make(attrs);
  const optimizers = optimizersOf(model, attrs);
  const params = optimizers.flatMap((group) => group.params);
  const steps = attrs.get<number>('steps');
  const batches = batchesOf(golden);
  attrs.requireAllKnown();

  let lossNames: string[] = [];
  const step = await compile(device, batches.signature, (batch) => {
    const outputs = losses(batch);
    lossNames = Object.keys(outputs);
    const grads = new Map(grad(outputs.loss, params).map((g, i) => [params[i]!, g]));
    const updates = optimizers.flatMap((group): Update[] =>
      group.optimizer.update(group.params.map((p) => grads.get(p)!)),
    );
    const named = Object.fromEntries(params.map((p) => [`grad.${p.name}`, grads.get(p)!]));
    return { outputs: { ...outputs, ...named } as Record<string, Tensor>, updates };
  });
  await writeInitial(model, device, golden);
  const history = new History();
  for (let s = 0; s < steps; s++) {
    const values = await step(batches.data(s));
    await history.record(Object.fromEntries(lossNames.map((name) => [name, values[name]!])));
    if (s === 0)
      await history.recordGradients(
        params,
        params.map((p) => values[`grad.${p.name}`]!),
      );
  }
  const results = new Map([...history.results(), ...(await finalState(model, device))]);
  step.release();
  return results;
}

class Gan extends Named {
  readonly gen: Mlp;
  readonly dis: Mlp;

  constructor(latent: number, hidden: number, data: number) {
    super();
    this.gen = new Mlp([latent, hidden, data], new nn.ReLU());
    this.dis = new Mlp([data, hidden, hidden, 1], new nn.LeakyReLU(0.1));
  }
}

/** Two compiled steps that share the parameters: the generator's step sees the discriminator just updated. */
async function runGan(device: Device, golden: TensorCase): Promise<Results> {
  const { attrs } = golden;
  const model = new Gan(attrs.get('latent'), attrs.get('hidden'), attrs.get('data'));
  const saturating = attrs.get<boolean>('saturating');
  const optimizers = new Map(optimizersOf(model, attrs).map((group) => [group.group, group]));
  const [dis, gen] = [optimizers.get('dis')!, optimizers.get('gen')!];
  const steps = attrs.get<number>('steps');
  const batches = batchesOf(golden);
  attrs.requireAllKnown();

  const bceAgainst = (logits: Tensor, label: number) => nn.bceWithLogits(logits, fill(label, logits.shape));
  const { x, z_d, z_g } = batches.signature;
  const disStep = await compile(device, { x: x!, z_d: z_d! }, (batch) => {
    const fake = model.dis.forward(model.gen.forward(batch.z_d));
    const loss_d = add(bceAgainst(model.dis.forward(batch.x), 1), bceAgainst(fake, 0));
    const grads = grad(loss_d, dis.params);
    return { outputs: numbered(grads, { loss_d }), updates: dis.optimizer.update(grads) };
  });
  const genStep = await compile(device, { z_g: z_g! }, (batch) => {
    const logits = model.dis.forward(model.gen.forward(batch.z_g));
    const loss_g = saturating ? neg(bceAgainst(logits, 0)) : bceAgainst(logits, 1);
    const grads = grad(loss_g, gen.params);
    return { outputs: numbered(grads, { loss_g }), updates: gen.optimizer.update(grads) };
  });
  await writeInitial(model, device, golden);
  const history = new History();
  for (let s = 0; s < steps; s++) {
    const data = batches.data(s) as Record<'x' | 'z_d' | 'z_g', Float32Array>;
    const d = await disStep({ x: data.x, z_d: data.z_d });
    const g = await genStep({ z_g: data.z_g });
    await history.record({ loss_d: d.loss_d!, loss_g: g.loss_g! });
    if (s > 0) continue;
    await history.recordGradients(
      dis.params,
      dis.params.map((_, i) => d[i]!),
    );
    await history.recordGradients(
      gen.params,
      gen.params.map((_, i) => g[i]!),
    );
  }
  const results = new Map([...history.results(), ...(await finalState(model, device))]);
  disStep.release();
  genStep.release();
  return results;
}

/** Tensors by their position, beside named ones. */
function numbered(tensors: readonly Tensor[], named: Record<string, Tensor>): Record<string, Tensor> {
  return { ...named, ...Object.fromEntries(tensors.map((tensor, i) => [i, tensor])) };
}

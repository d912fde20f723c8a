// What a loop costs on this machine's GPU, in Node: a tanh RNN that a user writes with `scan` beside `nn.RNN`, and
// compiling an LSTM for sequences of 8 and of 256 steps. Measures dist/: npm run bench:scan. Exits with 1 when the one that
// is written with `scan` takes longer than MOST_RATIO times the other.
import {
  add,
  compile,
  f32,
  fill,
  grad,
  linear,
  mean,
  nn,
  optim,
  Parameter,
  scan,
  square,
  tanh,
  webgpu,
} from '../dist/index.js';

const [BATCH, STEPS, INPUT, HIDDEN] = [32, 32, 32, 64];
/** Training steps between two readings of the clock, and readings of each model. */
const [RUN, ROUNDS] = [5, 15];
const COMPILES = 5;
/** Time of the recurrence written with `scan` over that of `nn.RNN`: the median of the rounds may be this. */
const MOST_RATIO = 1.3;

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const ms = (value) => `${value.toFixed(1)} ms`;

/** A function that trains for some steps and returns the last loss: mean y² of x [steps, BATCH, INPUT]. */
async function training(device, model, weights, steps) {
  const optimizer = new optim.Adam(weights, { lr: 1e-3 });
  const step = await compile(device, { x: f32(steps, BATCH, INPUT) }, ({ x }) => {
    const loss = mean(square(model(x)));
    return { outputs: { loss }, updates: optimizer.update(grad(loss, weights)) };
  });
  const x = Float32Array.from({ length: steps * BATCH * INPUT }, (_, i) => Math.sin(i));
  return async (count) => {
    let loss;
    for (let i = 0; i < count; i++) ({ loss } = await step({ x }));
    return loss.item();
  };
}

/** The median ratio of times, `scan` to `nn.RNN`. */
async function compareWithModule() {
  const device = await webgpu();
  const rnn = new nn.RNN(INPUT, HIDDEN, { bias: false, batchFirst: false });
  const given = rnn.parameters();
  const [u, w] = given.map(({ shape }, i) => new Parameter(shape, nn.init.zeros, { name: `own.${i}` }));
  const written = (x) => {
    const cell = (h, xt) => {
      const next = tanh(add(linear(xt, u), linear(h, w)));
      return [next, next];
    };
    return scan(cell, fill(0, [BATCH, HIDDEN]), x).ys;
  };
  const models = [
    await training(device, (x) => rnn.forward(x), given, STEPS),
    await training(device, written, [u, w], STEPS),
  ];
  await u.write(device, await given[0].read(device));
  await w.write(device, await given[1].read(device));
  const [a, b] = [await models[0](RUN), await models[1](RUN)];
  if (!(Math.abs(a - b) <= 1e-5 * a)) throw new Error(`expected equal losses, got ${a} and ${b}`);

  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    const times = [];
    for (const i of round % 2 ? [1, 0] : [0, 1]) {
      const [wall, cpu] = [performance.now(), process.cpuUsage()];
      await models[i](RUN);
      const { user, system } = process.cpuUsage(cpu);
      times[i] = { wall: (performance.now() - wall) / RUN, cpu: (user + system) / 1000 / RUN };
    }
    rounds.push(times);
  }
  console.log(
    `${device.name}\ntanh RNN, ${STEPS} steps of [${BATCH}, ${INPUT}], ${HIDDEN} units, per training step:`,
  );
  const ratios = {};
  for (const clock of ['wall', 'cpu']) {
    const [module, own] = [0, 1].map((i) => median(rounds.map((times) => times[i][clock])));
    const ratio = median(rounds.map((times) => times[1][clock] / times[0][clock]));
    console.log(`  ${clock}: nn.RNN ${ms(module)}, scan ${ms(own)}, median ratio ${ratio.toFixed(3)}`);
    ratios[clock] = ratio;
  }
  device.destroy();
  return ratios.wall;
}

async function compareCompiling() {
  console.log(`LSTM of ${HIDDEN} units with Adam, from a new device to the first loss:`);
  const found = new Map([8, 256].map((steps) => [steps, { compile: [], first: [], pipelines: 0 }]));
  for (let i = 0; i < COMPILES; i++) {
    for (const [steps, figures] of found) {
      const device = await webgpu();
      let pipelines = 0;
      const create = device.gpu.createComputePipelineAsync.bind(device.gpu);
      device.gpu.createComputePipelineAsync = (descriptor) => {
        pipelines++;
        return create(descriptor);
      };
      const lstm = new nn.LSTM(INPUT, HIDDEN, { batchFirst: false });
      const began = performance.now();
      const train = await training(device, (x) => lstm.forward(x), lstm.parameters(), steps);
      const compiled = performance.now();
      await train(1);
      figures.compile.push(compiled - began);
      figures.first.push(performance.now() - compiled);
      figures.pipelines = pipelines;
      device.destroy();
    }
  }
  for (const [steps, { compile: times, first, pipelines }] of found)
    console.log(
      `  ${steps} steps: compiling ${ms(median(times))}, ${pipelines} pipelines, the first step ${ms(median(first))}`,
    );
}

const ratio = await compareWithModule();
await compareCompiling();
const isSlow = !(ratio <= MOST_RATIO);
if (isSlow) console.error(`expected a wall ratio of at most ${MOST_RATIO}, got ${ratio.toFixed(3)}`);
process.exit(isSlow ? 1 : 0); // Dawn keeps the process alive

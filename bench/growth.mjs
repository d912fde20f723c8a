// @ts-check
// How this library's costs grow, in Node: compile time with the number of nodes, an LSTM's step with its batch and its
// length, attention's memory with its length; and what compiling a second time and encoding a step take of the host.
// Measures dist/: npm run bench:growth, or with `-- compile memory lstm host` for some of it. Draws test-results/growth.svg. Exits with 1 when compile time or memory grows faster
// than MOST_EXPONENT allows.
import { mkdirSync, writeFileSync } from 'node:fs';
import * as chainrule from '../dist/index.js';
import { chart } from './lib/chart.mjs';
import { mainThreadTime } from './lib/cpu-time.mjs';
import { growingSteps } from './lib/growing.mjs';
import { median } from './lib/measure.mjs';

const { compile, f32, grad, i32, mean, nn, optim, square, webgpu } = chainrule;

const NODES = [1_000, 2_000, 5_000, 10_000, 20_000];
const LSTM_BATCHES = [8, 16, 32, 64];
const LSTM_STEPS = [8, 16, 32, 64, 128];
const ATTENTION_LENGTHS = [128, 256, 512, 1024, 2048];
const [COMPILES, ROUNDS, STEPS_PER_ROUND, ENCODES] = [3, 7, 3, 1_000];
/** n log n comes to about n^1.1 between the ends. */
const MOST_EXPONENT = 1.2;
const OUT = 'test-results/growth.svg';

/** @typedef {import('./lib/chart.mjs').Series} Series */
/** @typedef {import('../src/index.ts').WebGpuDevice} WebGpuDevice */

/** The slope of log y over log x: y grows like x to this power. @type {(points: readonly (readonly [number, number])[]) => number} */
function exponentOf(points) {
  const logs = points.map((point) => point.map(Math.log));
  const [mx, my] = [0, 1].map((axis) => logs.reduce((sum, log) => sum + log[axis], 0) / logs.length);
  const covariance = logs.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0);
  return covariance / logs.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
}

/** Print one row of a table, and hand it on to be drawn. @type {(name: string, points: [number, number][], unit: string) => Series} */
function report(name, points, unit) {
  const exponent = exponentOf(points);
  const cells = points.map(([x, y]) => `${x}: ${y.toFixed(y < 100 ? 1 : 0)}`);
  console.log(`  ${name.padEnd(28)} ${cells.join('  ')} ${unit}; exponent ${exponent.toFixed(2)}`);
  return { name, points, exponent };
}

/** The fastest of several compilations: the pipelines are there, and the just-in-time compiler has warmed up. */
async function compileTimes(/** @type {WebGpuDevice} */ device) {
  console.log('Compile time in ms of the main thread, by nodes:');
  const series = [];
  for (const [name, { nodesPerLayer, make }] of Object.entries(growingSteps(chainrule))) {
    /** @type {[number, number][]} */
    const points = [];
    for (const nodes of [NODES[0], ...NODES]) {
      const { signature, fn } = make(Math.round(nodes / nodesPerLayer));
      const times = [];
      for (let i = 0; i <= COMPILES; i++) {
        const began = mainThreadTime();
        const step = await compile(device, signature, fn);
        times.push(mainThreadTime() - began);
        step.release();
      }
      points.push([nodes, Math.min(...times.slice(1))]);
    }
    series.push(report(name, points.slice(1), 'ms'));
  }
  return series;
}

/** On a software adapter, which runs in this process, CPU time of all threads; it is steadier than the clock. */
function stepClock(/** @type {WebGpuDevice} */ device) {
  if (!device.info.software) return performance.now();
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** ms of a training step of an LSTM, the median of rounds. */
async function lstmStep(
  /** @type {WebGpuDevice} */ device,
  /** @type {number} */ batch,
  /** @type {number} */ steps,
) {
  const lstm = new nn.LSTM(32, 64);
  const optimizer = new optim.Adam(lstm.parameters(), { lr: 1e-3 });
  const step = await compile(device, { x: f32(batch, steps, 32) }, ({ x }) => {
    const loss = mean(square(lstm.forward(x)));
    return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
  });
  const x = new Float32Array(batch * steps * 32).fill(0.1);
  await (await step({ x })).loss.item();
  const times = [];
  for (let round = 0; round < ROUNDS; round++) {
    const began = stepClock(device);
    let loss;
    for (let i = 0; i < STEPS_PER_ROUND; i++) ({ loss } = await step({ x }));
    await loss.item();
    times.push((stepClock(device) - began) / STEPS_PER_ROUND);
  }
  step.release();
  return median(times);
}

/** Bytes that the planner gives a training step of multi-head attention. */
async function attentionBytes(/** @type {WebGpuDevice} */ device, /** @type {number} */ length) {
  const attention = new nn.MultiheadAttention(32, 4);
  const optimizer = new optim.SGD(attention.parameters(), { lr: 1e-3 });
  const step = await compile(device, { x: f32(1, length, 32) }, ({ x }) => {
    const loss = mean(square(attention.forward(x)));
    return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
  });
  const { bytes } = step.stats;
  step.release();
  return bytes;
}

/** @type {(name: string, unit: string, values: number[], measure: (value: number) => Promise<number>) => Promise<Series>} */
async function grow(name, unit, values, measure) {
  /** @type {[number, number][]} */
  const points = [];
  for (const value of values) points.push([value, await measure(value)]);
  return report(name, points, unit);
}

/** The benchmark's MLP and an LSTM: compiled again and again, and called with a queue that takes nothing. */
async function hostTimes(/** @type {WebGpuDevice} */ device) {
  const relu = () => new nn.ReLU();
  const [first, second, third] = [new nn.Linear(784, 256), new nn.Linear(256, 128), new nn.Linear(128, 10)];
  const mlp = new nn.Sequential(first, relu(), second, relu(), third);
  const lstm = new nn.LSTM(64, 128);
  const adam = new Map([mlp, lstm].map((model) => [model, new optim.Adam(model.parameters(), { lr: 1e-3 })]));
  const updates = (model, loss) => adam.get(model).update(grad(loss, model.parameters()));
  const compileMlp = () =>
    compile(device, { x: f32(128, 784), y: i32(128) }, ({ x, y }) => {
      const loss = nn.crossEntropy(mlp.forward(x), y);
      return { outputs: { loss }, updates: updates(mlp, loss) };
    });
  const steps = {
    'MLP 784-256-128-10, batch 128': [
      await compileMlp(),
      { x: new Float32Array(128 * 784), y: new Int32Array(128) },
    ],
    'LSTM of 128 units, 32 steps': [
      await compile(device, { x: f32(32, 32, 64) }, ({ x }) => {
        const loss = mean(square(lstm.forward(x)));
        return { outputs: { loss }, updates: updates(lstm, loss) };
      }),
      { x: new Float32Array(32 * 32 * 64) },
    ],
  };

  const again = [];
  for (let i = 0; i < 11; i++) {
    const [cpu, wall] = [mainThreadTime(), performance.now()];
    const step = await compileMlp();
    again.push({ cpu: mainThreadTime() - cpu, wall: performance.now() - wall });
    step.release();
  }
  const [next] = again;
  const [cpu, wall] = ['cpu', 'wall'].map((clock) => median(again.map((times) => times[clock])));
  console.log(
    `Compiling the MLP a second time: ${next.cpu.toFixed(1)} ms of the main thread (${next.wall.toFixed(1)} on the clock); ` +
      `median of ${again.length}: ${cpu.toFixed(1)} (${wall.toFixed(1)})`,
  );

  console.log(
    `Host time of a step per dispatch, mean of ${ENCODES} calls; encoding alone, median by the clock:`,
  );
  const { gpu } = device;
  /** @type {number[]} */
  const encoding = [];
  const createCommandEncoder = gpu.createCommandEncoder.bind(gpu);
  gpu.createCommandEncoder = () => {
    const began = performance.now();
    const encoder = createCommandEncoder();
    const finish = encoder.finish.bind(encoder);
    encoder.finish = () => {
      const commands = finish();
      encoding.push(performance.now() - began);
      return commands;
    };
    return encoder;
  };
  gpu.queue.submit = () => {}; // nothing is run any more
  for (const [name, [step, data]] of Object.entries(steps)) {
    for (let i = 0; i < ENCODES / 10; i++) await step(data);
    encoding.length = 0;
    const began = mainThreadTime();
    for (let i = 0; i < ENCODES; i++) await step(data);
    const { dispatches } = step.stats;
    const [call, encode] = [(mainThreadTime() - began) / ENCODES, median(encoding)].map((milliseconds) =>
      ((1000 * milliseconds) / dispatches).toFixed(2),
    );
    console.log(
      `  ${name}: ${dispatches} dispatches, ${call} µs of the main thread with the upload; encoding ${encode} µs`,
    );
  }
}

const PARTS = ['compile', 'memory', 'lstm', 'host'];
const wanted = process.argv.length > 2 ? process.argv.slice(2) : PARTS;
if (!wanted.every((part) => PARTS.includes(part))) {
  console.error(`expected some of ${PARTS.join(', ')}, or nothing for all, got ${wanted.join(' ')}`);
  process.exit(2);
}

const device = await webgpu();
console.log(device.name);
const panels = [];
/** Series that may not grow faster than the program. @type {Series[]} */
const bounded = [];
if (wanted.includes('compile')) {
  const series = await compileTimes(device);
  bounded.push(...series);
  panels.push({ title: 'Compile time', x: 'nodes', y: 'ms', series });
}
if (wanted.includes('memory')) {
  console.log('Memory of a training step of attention, by length:');
  const kibibytes = async (/** @type {number} */ length) => (await attentionBytes(device, length)) / 1024;
  const series = [await grow('multi-head attention', 'KiB', ATTENTION_LENGTHS, kibibytes)];
  bounded.push(...series);
  panels.push({ title: 'Memory of attention', x: 'length', y: 'KiB', series });
}
if (wanted.includes('lstm')) {
  console.log(`A training step of an LSTM in ms${device.info.software ? ' of all threads' : ''}:`);
  const series = [
    await grow('batch, 32 steps', 'ms', LSTM_BATCHES, (batch) => lstmStep(device, batch, 32)),
    await grow('steps, batch 16', 'ms', LSTM_STEPS, (steps) => lstmStep(device, 16, steps)),
  ];
  panels.push({ title: 'LSTM step', x: 'batch or steps', y: 'ms', series });
}
if (wanted.includes('host')) await hostTimes(device);

if (panels.length > 0) {
  mkdirSync('test-results', { recursive: true });
  writeFileSync(OUT, chart(panels));
  console.log(`drawn in ${OUT}`);
}
const tooFast = bounded.filter(({ exponent }) => !(exponent <= MOST_EXPONENT));
for (const { name, exponent } of tooFast)
  console.error(`${name}: expected an exponent of at most ${MOST_EXPONENT}, got ${exponent.toFixed(2)}`);
process.exit(tooFast.length > 0 ? 1 : 0); // Dawn keeps the process alive

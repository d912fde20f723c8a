// @ts-check
// The training run itself: the same code on the reference device, with Dawn in Node and in a page (page.mjs).
import {
  add,
  argmax,
  cast,
  compile,
  data,
  eq,
  f32,
  grad,
  i32,
  mean,
  mul,
  nn,
  optim,
  Parameter,
  stack,
  sum,
} from 'chainrule';

const SIDE = 28;
const CLASSES = 10;
/** Test images in one batch: large, since no gradients are kept. */
const TEST_BATCH = 500;
/** Part of the steps in which the learning rate rises to its full value. */
const WARMUP = 0.1;
/** Weight of the past in the averages shown: they cover about the last 50 steps. */
const DECAY = 0.98;
/** The averages are read this often (ms), never at each step: reading waits for the GPU. */
const REPORT_EVERY = 500;
/** What testing an image costs, against training with it (forward, and twice as much backward). */
const TEST_COST = 1 / 3;

/**
 * @typedef {import('chainrule').Device} Device
 * @typedef {Awaited<ReturnType<typeof data.mnist>>} Mnist
 * @typedef {import('./options.mjs').TrainOptions} TrainOptions
 *
 * @typedef {object} TrainProgress
 * @property {'train'} phase
 * @property {number} done steps taken
 * @property {number} total steps in all
 * @property {number} loss mean cross-entropy (nats) over about the last 50 steps
 * @property {number} accuracy share of right answers, 0 to 1, over about the last 50 steps, before each update
 * @property {number} imagesPerSecond
 * @property {number} eta seconds until the test is done
 *
 * @typedef {object} TestProgress
 * @property {'test'} phase
 * @property {number} done images tested
 * @property {number} total
 * @property {number} accuracy share of right answers among them, 0 to 1
 * @property {number} imagesPerSecond
 * @property {number} eta seconds
 *
 * @typedef {TrainProgress | TestProgress} Progress
 *
 * @typedef {object} Result
 * @property {number} correct right answers on the test images
 * @property {number} tested number of test images
 * @property {number} seconds from the first training step to the last test batch
 * @property {Uint8Array<ArrayBuffer>} weights the parameters as a safetensors file
 */

/** Untrained networks for images [n, 1, 28, 28]; they return logits [n, 10]. @type {Readonly<Record<TrainOptions['model'], () => nn.Module>>} */
const BUILD = {
  // LeNet's two convolutions (LeCun et al. 1998) and one linear layer: few operations, and enough for 98 %
  cnn: () =>
    new nn.Sequential(
      new nn.Conv2d(1, 8, 5), // → 8 × 24 × 24
      new nn.ReLU(),
      new nn.MaxPool2d(2), // → 8 × 12 × 12
      new nn.Conv2d(8, 16, 5), // → 16 × 8 × 8
      new nn.ReLU(),
      new nn.MaxPool2d(2), // → 16 × 4 × 4
      new nn.Flatten(),
      new nn.Linear(16 * 4 * 4, CLASSES),
    ),
  mlp: () =>
    new nn.Sequential(
      new nn.Flatten(),
      new nn.Linear(SIDE * SIDE, 256),
      new nn.ReLU(),
      new nn.Linear(256, 128),
      new nn.ReLU(),
      new nn.Linear(128, CLASSES),
    ),
};

/**
 * Train a network on MNIST and test it on all held-out images: Adam, the rate rising linearly in the first tenth of the
 * steps, then falling to 0 along half a cosine; every image once per epoch, in a random order.
 *
 * @param {object} run
 * @param {Device} run.device
 * @param {Mnist} run.mnist images [n, 1, 28, 28]
 * @param {TrainOptions} run.options
 * @param {(progress: Progress) => void | Promise<void>} run.onProgress told about twice a second
 * @returns {Promise<Result>}
 * @throws {Error} when the loss stops being a number, besides what the library throws
 */
export async function trainMnist({ device, mnist, options, onProgress }) {
  const { batch, seed, lr } = options;
  const { train, test } = mnist;
  const total = stepsOf(options, train.count);
  const model = BUILD[options.model]();
  const warm = Math.max(1, Math.round(WARMUP * total));
  const schedule = optim.warmup(warm, optim.cosine(lr, Math.max(1, total - warm)));
  const optimizer = new optim.Adam(model.parameters(), { lr: schedule });

  // Loss and accuracy, averaged on the device, so that every step counts though few are read
  const averages = new Parameter([2], () => [0, 0], { name: 'averages', trainable: false });

  model.train();
  const trainStep = await compile(
    device,
    { images: f32(batch, 1, SIDE, SIDE), labels: i32(batch) },
    ({ images, labels }) => {
      const logits = model.forward(images);
      const loss = nn.crossEntropy(logits, labels);
      const accuracy = mean(cast(eq(argmax(logits), labels), 'f32'));
      const next = add(mul(averages, DECAY), mul(stack([loss, accuracy]), 1 - DECAY));
      const updates = optimizer.update(grad(loss, optimizer.params));
      return { outputs: { averages: next }, updates: [...updates, [averages, next]] };
    },
    { seed },
  );

  const started = performance.now();
  let reported = -Infinity;
  let step = 0;
  let images = 0;
  for (const samples of endless(train, options)) {
    const outputs = await trainStep(samples);
    step++;
    images += samples.labels.length;
    if (performance.now() - reported >= REPORT_EVERY || step === total) {
      const share = 1 - DECAY ** step; // the averages started at 0 (Kingma and Ba 2015, section 3)
      const values = Array.from(await outputs.averages.data(), (value) => value / share);
      const [loss, accuracy] = /** @type {[number, number]} */ (values);
      if (!Number.isFinite(loss))
        throw new Error(`the loss is ${loss} after ${step} steps; try a lower --lr`);
      const imagesPerSecond = images / ((performance.now() - started) / 1000);
      await onProgress({
        phase: 'train',
        done: step,
        total,
        loss,
        accuracy,
        imagesPerSecond,
        eta: ((total - step) * batch + test.count * TEST_COST) / imagesPerSecond,
      });
      await macrotask();
      reported = performance.now();
    }
    if (step === total) break;
  }
  trainStep.release();

  const correct = await testMnist(device, model, test, onProgress);
  const seconds = (performance.now() - started) / 1000;
  /** @type {Map<string, import('chainrule').data.StoredTensor>} */
  const tensors = new Map();
  for (const [name, parameter] of model.state())
    tensors.set(name, { shape: parameter.shape, data: await parameter.read(device) });
  const weights = data.encodeSafetensors(tensors, {
    model: options.model,
    test_accuracy: String(correct / test.count),
  });
  return { correct, tested: test.count, seconds, weights };
}

/** Training steps in all: whole batches and, at the end of an epoch, the rest. @type {(options: TrainOptions, rows: number) => number} */
function stepsOf({ epochs, batch }, rows) {
  return Math.max(1, Math.round(epochs * data.batchesPerEpoch({ rows, batch })));
}

/**
 * Batches of one epoch after another, each in an order of its own.
 *
 * @param {Mnist['train']} train
 * @param {TrainOptions} options
 */
function* endless({ images, labels, count: rows }, { batch, seed }) {
  for (let epoch = 0; ; epoch++)
    yield* data.shuffledBatches({ images, labels }, { rows, batch, seed, epoch });
}

/**
 * Number of test images whose highest logit is at their label.
 *
 * @param {Device} device
 * @param {nn.Module} model
 * @param {Mnist['test']} test
 * @param {(progress: Progress) => void | Promise<void>} onProgress
 */
async function testMnist(device, model, { images, labels, count }, onProgress) {
  model.eval();
  const testStep = await compile(
    device,
    { images: f32(TEST_BATCH, 1, SIDE, SIDE), labels: i32(TEST_BATCH) },
    (batch) => ({
      outputs: { correct: sum(cast(eq(argmax(model.forward(batch.images)), batch.labels), 'f32')) },
    }),
  );
  const started = performance.now();
  let [correct, done] = [0, 0];
  for (const batch of data.batches({ images, labels }, { rows: count, batch: TEST_BATCH })) {
    correct += await (await testStep(batch)).correct.item();
    done += batch.labels.length;
    const imagesPerSecond = done / ((performance.now() - started) / 1000);
    const eta = (count - done) / imagesPerSecond;
    await onProgress({ phase: 'test', done, total: count, accuracy: correct / done, imagesPerSecond, eta });
    await macrotask();
  }
  testStep.release();
  return correct;
}

/** Lets timers and signals have their turn, which a device that computes at once would not. */
const macrotask = () => new Promise((resolve) => setTimeout(resolve));

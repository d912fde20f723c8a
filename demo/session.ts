import { HostRandom, type Device, type Value } from 'chainrule';
import { argmax } from './argmax.ts';
import type { Digits } from './mnist.ts';
import { Pace } from './pace.ts';
import {
  CLASSES,
  PIXELS,
  SAMPLES,
  type Command,
  type ModelName,
  type Phase,
  type Pixels,
  type Report,
  type Sample,
  type Settings,
} from './protocol.ts';
import { SEED, Trainer } from './trainer.ts';

/** Held-out digits asked while training; all of them when it pauses. */
const QUICK_TEST = 1000;
const TEST_BATCH = 250;
/** Times between looks at the network while it trains, in ms. A test takes a quarter of the time at most. */
const REFRESH_EVERY = 400;
const TEST_EVERY = 1500;
const TEST_SHARE = 1 / 4;
/** Losses read per second at most; never that of every step. */
const LOSSES_PER_SECOND = 25;
const LOSS_EVERY_AT_LEAST = 2;

/** What the page trains: the network of the current settings, its data and its progress. */
export class Session {
  readonly #device: Device;
  readonly #data: { readonly train: Digits; readonly test: Digits };
  readonly #report: (report: Report) => void;
  readonly #samples: Float32Array;
  /** Compiled once per model; a model that is chosen again starts again untrained. */
  readonly #trainers = new Map<ModelName, Trainer>();
  #trainer!: Trainer;
  #settings: Settings;
  #phase: Phase = 'loading';
  #watched: Pixels | null = null;

  #step = 0;
  #images = 0;
  #order!: Iterator<number>;
  #lastLoss: Value | null = null;
  #reading: Promise<void> = Promise.resolve();
  #pace = new Pace();
  #refreshedAt = 0;
  #testedAt = 0;
  #testTook = 0;
  /** The test of all held-out digits while paused: how many were asked and right so far. */
  #fullTest: { asked: number; correct: number } | null = null;

  static async open(
    device: Device,
    data: { readonly train: Digits; readonly test: Digits },
    settings: Settings,
    report: (report: Report) => void,
  ): Promise<Session> {
    const session = new Session(device, data, settings, report);
    await session.#choose(settings);
    return session;
  }

  private constructor(
    device: Device,
    data: { readonly train: Digits; readonly test: Digits },
    settings: Settings,
    report: (report: Report) => void,
  ) {
    this.#device = device;
    this.#data = data;
    this.#settings = settings;
    this.#report = report;
    const samples = pick(data.test, SAMPLES);
    this.#samples = toFloats(data.test, samples);
    report({
      type: 'samples',
      samples: samples.map(
        (digit, i): Sample => ({
          pixels: this.#samples.slice(i * PIXELS, (i + 1) * PIXELS),
          label: data.test.labels[digit]!,
        }),
      ),
      trainingDigits: data.train.labels.length,
    });
  }

  /** Whether there is work without a command: training, or the test after it. */
  get busy(): boolean {
    return this.#phase === 'training' || this.#fullTest !== null;
  }

  /** One step of training, or one batch of the test of all held-out digits. */
  async work(): Promise<void> {
    if (this.#phase === 'training') await this.#train();
    else await this.#testAll();
  }

  async handle(command: Command): Promise<void> {
    switch (command.type) {
      case 'open':
        throw new Error('expected one open command, got two');
      case 'start':
        this.#fullTest = null;
        this.#enter('training');
        this.#pace.start();
        break;
      case 'pause':
        if (this.#phase !== 'training') break;
        await this.#settle();
        this.#enter('paused');
        await this.#refresh();
        this.#fullTest = { asked: 0, correct: 0 };
        break;
      case 'reset':
        await this.#settle();
        await this.#restart();
        break;
      case 'settings': {
        const { model } = this.#settings;
        this.#settings = command.settings;
        this.#trainer.lr = command.settings.lr;
        if (command.settings.model !== model) {
          await this.#settle();
          await this.#choose(command.settings);
        }
        break;
      }
      case 'watch':
        this.#watched = command.pixels;
        await this.#classifyWatched();
        break;
      case 'checksum':
        this.#report({ type: 'checksum', checksum: await this.#trainer.checksum() });
        break;
    }
  }

  async #choose({ model, batchSize, lr }: Settings): Promise<void> {
    this.#enter('compiling');
    let trainer = this.#trainers.get(model);
    if (!trainer) {
      trainer = await Trainer.create(this.#device, model, batchSize);
      this.#trainers.set(model, trainer);
    }
    this.#trainer = trainer;
    trainer.lr = lr;
    await this.#restart();
  }

  async #restart(): Promise<void> {
    await this.#trainer.reset();
    this.#fullTest = null;
    this.#lastLoss = null;
    this.#step = 0;
    this.#images = 0;
    this.#pace = new Pace();
    this.#order = shuffled(this.#data.train.labels.length);
    this.#report({ type: 'cleared' });
    await this.#refresh();
    await this.#test();
    this.#enter('ready');
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#report({ type: 'phase', phase, parameters: this.#trainer?.parameters ?? 0 });
  }

  async #train(): Promise<void> {
    const digits = Array.from({ length: this.#settings.batchSize }, () => this.#order.next().value as number);
    const { train } = this.#data;
    const loss = await this.#trainer.step(
      toFloats(train, digits),
      Int32Array.from(digits, (digit) => train.labels[digit]!),
    );
    this.#lastLoss = loss;
    const step = ++this.#step;
    this.#images += digits.length;
    this.#pace.step();
    if ((step - 1) % this.#lossEvery() === 0) {
      const reading = loss.item().then((value) => this.#report({ type: 'loss', step, loss: value }));
      this.#reading = Promise.all([this.#reading, reading]).then(() => {});
      this.#reading.catch(() => {}); // whoever waits for it next hears of it
    }
    const now = performance.now();
    const testDue = now - this.#testedAt > Math.max(TEST_EVERY, this.#testTook / TEST_SHARE);
    const refreshDue = now - this.#refreshedAt > REFRESH_EVERY;
    if (!testDue && !refreshDue) return;
    await this.#settle();
    if (testDue) await this.#test();
    if (refreshDue) await this.#refresh();
    this.#pace.resume();
  }

  #lossEvery(): number {
    const { msPerStep } = this.#pace;
    const limit = msPerStep > 0 ? 1000 / msPerStep / LOSSES_PER_SECOND : 0;
    return Math.max(LOSS_EVERY_AT_LEAST, Math.ceil(limit));
  }

  /** Waits until every step has run and every loss is reported; then tells how long the steps took. */
  async #settle(): Promise<void> {
    await this.#lastLoss?.item();
    await this.#reading;
    if (!this.#pace.lap()) return;
    const { msPerStep, stepsPerSecond } = this.#pace;
    this.#report({ type: 'speed', step: this.#step, images: this.#images, msPerStep, stepsPerSecond });
  }

  async #refresh(): Promise<void> {
    this.#report({ type: 'predictions', probabilities: await this.#trainer.predict(this.#samples) });
    await this.#classifyWatched();
    this.#refreshedAt = performance.now();
  }

  async #classifyWatched(): Promise<void> {
    if (!this.#watched) return;
    this.#report({ type: 'watched', probabilities: await this.#trainer.predict(this.#watched) });
  }

  /** The accuracy on a fixed part of the held-out digits. */
  async #test(): Promise<void> {
    const start = performance.now();
    const digits = pick(this.#data.test, QUICK_TEST);
    let correct = 0;
    for (let i = 0; i < digits.length; i += TEST_BATCH) {
      correct += await this.#countCorrect(digits.slice(i, i + TEST_BATCH));
    }
    this.#reportAccuracy(correct, digits.length);
    this.#testedAt = performance.now();
    this.#testTook = this.#testedAt - start;
  }

  async #testAll(): Promise<void> {
    const test = this.#fullTest!;
    const all = this.#data.test.labels.length;
    const digits = range(test.asked, Math.min(all, test.asked + TEST_BATCH));
    test.correct += await this.#countCorrect(digits);
    test.asked += digits.length;
    if (test.asked < all) return;
    this.#fullTest = null;
    this.#reportAccuracy(test.correct, all);
  }

  #reportAccuracy(correct: number, digits: number): void {
    this.#report({ type: 'accuracy', step: this.#step, accuracy: correct / digits, digits });
  }

  async #countCorrect(digits: readonly number[]): Promise<number> {
    const { test } = this.#data;
    const probabilities = await this.#trainer.predict(toFloats(test, digits));
    return digits.filter((digit, i) => {
      return argmax(probabilities.subarray(i * CLASSES, (i + 1) * CLASSES)) === test.labels[digit];
    }).length;
  }
}

/** Images [n, 28, 28] of some digits, in [0, 1]. */
function toFloats({ images }: Digits, digits: readonly number[]): Float32Array {
  const floats = new Float32Array(digits.length * PIXELS);
  for (const [i, digit] of digits.entries()) {
    for (let p = 0; p < PIXELS; p++) floats[i * PIXELS + p] = images[digit * PIXELS + p]! / 255;
  }
  return floats;
}

/** `count` digits spread evenly over a set: the first half of the held-out digits is the easier one. */
function pick({ labels }: Digits, count: number): number[] {
  return range(0, count).map((i) => Math.floor((i * labels.length) / count));
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/** Every digit once in random order, then all again in another order. */
function* shuffled(count: number): Generator<number> {
  for (let epoch = 0; ; epoch++) yield* new HostRandom(SEED, `epoch ${epoch}`).permutation(count);
}

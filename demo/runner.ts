import {
  cpu,
  data,
  webgpu,
  type Device,
  type optim,
  type Parameter,
  type TypedArray,
  type Value,
} from 'chainrule';
import type { OpenTrainer, Trainer } from './contract.ts';
import type { Settings } from './controls.ts';
import { Pace } from './pace.ts';
import type { Checkpoint, Command, Phase, Report } from './protocol.ts';

/** Times between looks at the network while it trains, in ms; each takes a quarter of the time at most. */
const LOOK_EVERY = 250;
const EVALUATE_EVERY = 1500;
const SHARE = 1 / 4;
const CHECKPOINT_EVERY = 5000;
/** Points of the curves read per second at most; never those of every step. */
const VALUES_PER_SECOND = 25;
/** The software GPU needs its two cores for training. */
const READ_EVERY_AT_LEAST = 2;

export class NoWebGpuError extends Error {}

/** What the worker trains: the network of the current settings and its progress. */
export class Runner {
  readonly #open: OpenTrainer;
  readonly #command: Extract<Command, { type: 'open' }>;
  readonly #report: (report: Report) => void;
  readonly #fail: (error: unknown) => void;
  /** Trainers hold these two objects, and see them change. */
  readonly #settings: Settings;
  readonly #inputs: Record<string, unknown>;
  #device: Device | null = null;
  #trainer!: Trainer;
  #phase: Phase = 'loading';

  #step = 0;
  /** Steps of another batch size have another plan, from the next one on. */
  #figuresAreOld = false;
  #values: Readonly<Record<string, Value>> = {};
  #reading: Promise<void> = Promise.resolve();
  #pace = new Pace();
  #looking = new Timer(LOOK_EVERY);
  #evaluating = new Timer(EVALUATE_EVERY);
  #saving = new Timer(CHECKPOINT_EVERY);

  constructor(
    open: OpenTrainer,
    command: Extract<Command, { type: 'open' }>,
    report: (report: Report) => void,
    fail: (error: unknown) => void,
  ) {
    this.#open = open;
    this.#command = command;
    this.#report = report;
    this.#fail = fail;
    this.#settings = { ...command.settings };
    this.#inputs = { ...command.inputs };
  }

  get busy(): boolean {
    return this.#phase === 'training';
  }

  /** Builds the network on a device of its own, so that nothing of the one before it stays in the GPU's memory. */
  async open(checkpoint: Checkpoint | null): Promise<void> {
    const before = this.#device;
    this.#device = null; // that it is gone is no loss
    before?.destroy();
    const device = await this.#openDevice();
    this.#device = device;
    this.#enter(this.#phase === 'loading' ? 'loading' : 'compiling');
    this.#trainer = await this.#open({
      device,
      settings: this.#settings,
      inputs: this.#inputs,
      dataFolder: this.#command.dataFolder,
      onProgress: (done, total, doing) => this.#report({ type: 'loaded', done, total, doing }),
    });
    this.#reportFigures();
    if (checkpoint) await this.#restore(checkpoint);
    else this.#begin();
    await this.#showAll();
    this.#enter(checkpoint ? 'paused' : 'ready');
  }

  /** One step of training, and what is due after it. */
  async work(): Promise<void> {
    await this.#train();
    if (![this.#looking, this.#evaluating, this.#saving].some((timer) => timer.due)) return;
    await this.#settle();
    if (this.#evaluating.due) await this.#evaluate();
    if (this.#looking.due) await this.#look();
    if (this.#saving.due) await this.#saveCheckpoint();
    this.#pace.resume();
  }

  async handle(command: Command): Promise<void> {
    switch (command.type) {
      case 'open':
        throw new Error('expected one open command, got two');
      case 'start':
        this.#enter('training');
        this.#pace.start();
        break;
      case 'pause':
        if (this.#phase === 'training') await this.#rest();
        break;
      case 'step':
        this.#pace.start();
        await this.#train();
        await this.#rest();
        break;
      case 'reset':
        await this.#settle();
        await this.#reset();
        break;
      case 'settings':
        await this.#applySettings(command);
        break;
      case 'input':
        this.#inputs[command.name] = command.value;
        await this.#settle();
        await this.#look(command.name);
        this.#pace.resume();
        break;
      case 'save':
        this.#answer(command.id, await this.#weights());
        break;
      case 'load':
        try {
          await this.#loadWeights(command.file);
          this.#answer(command.id, null);
        } catch (error) {
          this.#report({ type: 'answer', id: command.id, error: (error as Error).message });
        }
        break;
      case 'checksum':
        this.#answer(command.id, checksum(await this.#trainer.model.readState(this.#device!)));
        break;
    }
  }

  async #openDevice(): Promise<Device> {
    if (this.#command.backend === 'cpu') {
      this.#report({ type: 'adapter', adapter: null });
      return cpu();
    }
    if (!('gpu' in navigator)) throw new NoWebGpuError('navigator.gpu is missing in workers');
    const device = await webgpu();
    this.#report({ type: 'adapter', adapter: device.info });
    device.gpu.addEventListener('uncapturederror', ({ error }) => this.#fail(error));
    void device.lost.then((reason) => {
      if (device === this.#device) this.#report({ type: 'failed', reason: 'lost', message: reason });
    });
    return device;
  }

  #reportFigures(): void {
    this.#figuresAreOld = false;
    const { model, optimizers, steps } = this.#trainer;
    const stats = steps.map((step) => step.stats);
    const stored = new Set([
      ...model.state().values(),
      ...optimizers.flatMap((o) => [...o.state().values()]),
    ]);
    const bytes = [...stored].reduce((sum, { size }) => sum + 4 * size, 0);
    const total = (of: 'bytes' | 'dispatches') =>
      stats.some((s) => s === null) ? null : stats.reduce((sum, s) => sum + s![of], 0);
    const held = total('bytes');
    this.#report({
      type: 'figures',
      figures: {
        parameters: model.parameters().reduce((sum, { size }) => sum + size, 0),
        bytes: held === null ? null : held + bytes,
        dispatches: total('dispatches'),
      },
    });
  }

  async #applySettings({ settings, rebuild }: Extract<Command, { type: 'settings' }>): Promise<void> {
    Object.assign(this.#settings, settings);
    if (!rebuild) {
      this.#setRate();
      this.#figuresAreOld = true;
      if (!this.busy) await this.#look();
      return;
    }
    const wasTraining = this.#phase === 'training';
    await this.#settle();
    this.#phase = 'compiling';
    await this.open(null);
    if (wasTraining) await this.handle({ type: 'start' });
  }

  #setRate(): void {
    const { lr } = this.#settings;
    if (typeof lr === 'number') for (const optimizer of this.#trainer.optimizers) optimizer.lr = lr;
  }

  #begin(): void {
    this.#setRate();
    this.#trainer.restart?.();
    this.#values = {};
    this.#step = 0;
    this.#pace = new Pace();
    for (const timer of [this.#looking, this.#evaluating, this.#saving]) timer.restart();
    this.#report({ type: 'cleared' });
  }

  /** Untrained parameters, optimizers without history and the first random numbers again, as after `open`. */
  async #reset(): Promise<void> {
    const seed = Number(this.#settings['seed'] ?? 0);
    for (const parameter of this.#stored().values())
      await parameter.write(this.#device!, parameter.initialValues(seed));
    for (const optimizer of this.#trainer.optimizers) optimizer.steps = 0;
    this.#begin();
    await this.#showAll();
    this.#enter('ready');
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#report({ type: 'phase', phase, step: this.#step });
  }

  async #train(): Promise<void> {
    const values = await this.#trainer.train();
    if (this.#figuresAreOld) this.#reportFigures();
    this.#values = values;
    const step = ++this.#step;
    this.#pace.step();
    if ((step - 1) % this.#readEvery() === 0) this.#read(step, values);
  }

  #read(step: number, values: Readonly<Record<string, Value>>): void {
    const reading = readAll(values).then((numbers) =>
      this.#report({ type: 'values', step, values: numbers }),
    );
    this.#reading = Promise.all([this.#reading, reading]).then(() => {});
    this.#reading.catch(() => {}); // whoever waits for it next hears of it
  }

  #readEvery(): number {
    const { msPerStep } = this.#pace;
    const limit = msPerStep > 0 ? 1000 / msPerStep / VALUES_PER_SECOND : 0;
    return Math.max(READ_EVERY_AT_LEAST, Math.ceil(limit));
  }

  /** Waits until every step has run and every value is reported; then tells how long the steps took. */
  async #settle(): Promise<void> {
    await readAll(this.#values);
    await this.#reading;
    if (!this.#pace.lap()) return;
    const { msPerStep, stepsPerSecond } = this.#pace;
    this.#report({ type: 'speed', step: this.#step, msPerStep, stepsPerSecond });
  }

  async #rest(): Promise<void> {
    await this.#settle();
    this.#enter('paused');
    await this.#showAll();
    await this.#saveCheckpoint();
  }

  async #showAll(): Promise<void> {
    await this.#evaluate();
    await this.#look();
  }

  async #look(changed: string | null = null): Promise<void> {
    const done = this.#looking.begin();
    const view = await this.#trainer.look?.(changed);
    if (view) this.#report({ type: 'view', view: view as object });
    if (changed === null) done();
  }

  async #evaluate(): Promise<void> {
    const done = this.#evaluating.begin();
    const values = await this.#trainer.evaluate?.();
    if (values) this.#report({ type: 'values', step: this.#step, values });
    done();
  }

  /** Everything that training changes, by name. */
  #stored(): Map<string, Parameter> {
    const { model, optimizers, steps } = this.#trainer;
    const prefixed = (prefix: string, state: ReadonlyMap<string, Parameter>) =>
      [...state].map(([name, parameter]) => [`${prefix}${name}`, parameter] as const);
    return new Map([
      ...prefixed('model.', model.state()),
      ...optimizers.flatMap((optimizer: optim.Optimizer<optim.OptimizerOptions>, i) =>
        prefixed(`optimizer ${i}.`, optimizer.state()),
      ),
      ...steps.flatMap(({ rng }, i) => (rng ? [[`rng ${i}`, rng] as const] : [])),
    ]);
  }

  async #saveCheckpoint(): Promise<void> {
    const done = this.#saving.begin();
    const values = new Map<string, TypedArray>();
    for (const [name, parameter] of this.#stored()) values.set(name, await parameter.read(this.#device!));
    this.#report({ type: 'checkpoint', checkpoint: { step: this.#step, values } });
    done();
  }

  async #restore({ step, values }: Checkpoint): Promise<void> {
    this.#setRate();
    for (const [name, parameter] of this.#stored()) await parameter.write(this.#device!, values.get(name)!);
    for (const optimizer of this.#trainer.optimizers) optimizer.steps = step;
    this.#step = step;
  }

  async #weights(): Promise<Uint8Array> {
    const values = await this.#trainer.model.readState(this.#device!);
    const tensors = [...this.#trainer.model.state()].map(
      ([name, { shape }]) => [name, { shape, data: values.get(name)! }] as const,
    );
    const metadata = {
      card: this.#command.card,
      step: String(this.#step),
      settings: JSON.stringify(this.#settings),
    };
    return data.encodeSafetensors(new Map(tensors), metadata);
  }

  async #loadWeights(file: Uint8Array): Promise<void> {
    const { tensors } = data.decodeSafetensors(file);
    await this.#settle();
    const values = new Map([...tensors].map(([name, tensor]) => [name, tensor.data]));
    await this.#trainer.model.writeState(this.#device!, values);
    if (this.#phase === 'ready') this.#enter('paused');
    await this.#showAll();
  }

  #answer(id: number, value: unknown): void {
    this.#report({ type: 'answer', id, value });
  }
}

/** When something that takes time is due again. */
class Timer {
  readonly #every: number;
  #doneAt = 0;
  #took = 0;

  constructor(every: number) {
    this.#every = every;
  }

  get due(): boolean {
    return performance.now() - this.#doneAt > Math.max(this.#every, this.#took / SHARE);
  }

  restart(): void {
    this.#doneAt = performance.now();
  }

  /** Call the result when it is done. */
  begin(): () => void {
    const start = performance.now();
    return () => {
      this.#doneAt = performance.now();
      this.#took = this.#doneAt - start;
    };
  }
}

async function readAll(values: Readonly<Record<string, Value>>): Promise<Record<string, number>> {
  const read = Object.entries(values).map(async ([name, value]) => [name, await value.item()] as const);
  return Object.fromEntries(await Promise.all(read));
}

/** FNV-1a of the bytes of all arrays. */
function checksum(arrays: ReadonlyMap<string, TypedArray>): string {
  let hash = 0x811c9dc5;
  for (const { buffer, byteOffset, byteLength } of arrays.values()) {
    for (const byte of new Uint8Array(buffer, byteOffset, byteLength)) {
      hash = Math.imul(hash ^ byte, 0x01000193);
    }
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}

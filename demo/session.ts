import type { Settings } from './controls.ts';
import type { Backend, Checkpoint, Command, FailureReason, Phase, Report } from './protocol.ts';

/** After as many losses of the GPU within so many ms it is not tried again. */
const LOSSES = 3;
const WITHIN = 60_000;
/** The browser's GPU process needs a moment to come back. */
const RETRIES = 8;
const RETRY_AFTER = 750;

export interface Listener {
  report(report: Report): void;
  /** The GPU went away; training goes on when it is back. */
  recovering(): void;
  recovered(step: number): void;
  failed(reason: FailureReason, message: string): void;
}

type OpenCommand = Extract<Command, { type: 'open' }>;
type Asking = Extract<Command, { id: number }>;
type Question = { [T in Asking['type']]: Omit<Extract<Asking, { type: T }>, 'id'> }[Asking['type']];

/** The page's end of one card's worker. A lost GPU is replaced with a new worker that starts from the last checkpoint. */
export class Session {
  readonly #listener: Listener;
  readonly #card: string;
  readonly #backend: Backend;
  #settings: Settings;
  readonly #inputs: Record<string, unknown> = {};
  #worker: Worker | null = null;
  #phase: Phase = 'loading';
  /** Whether the reader wants it to train; a hidden tab does not. */
  #playing = false;
  #checkpoint: Checkpoint | null = null;
  #lostAt: number[] = [];
  #recovery: { retries: number; timer: ReturnType<typeof setTimeout> | undefined } | null = null;
  readonly #waiting = new Map<number, (report: Extract<Report, { type: 'answer' }>) => void>();
  #asked = 0;

  constructor(card: string, backend: Backend, settings: Settings, listener: Listener) {
    this.#card = card;
    this.#backend = backend;
    this.#settings = settings;
    this.#listener = listener;
  }

  open(): void {
    document.addEventListener('visibilitychange', this.#visibility);
    this.#startWorker(null);
  }

  /** Ends the worker: its GPU memory goes with it. */
  close(): void {
    document.removeEventListener('visibilitychange', this.#visibility);
    clearTimeout(this.#recovery?.timer);
    this.#worker?.terminate();
  }

  play(): void {
    this.#playing = true;
    if (!document.hidden) this.#send({ type: 'start' });
  }

  pause(): void {
    this.#playing = false;
    this.#send({ type: 'pause' });
  }

  step(): void {
    this.#playing = false;
    this.#send({ type: 'step' });
  }

  reset(): void {
    this.#playing = false;
    this.#checkpoint = null;
    this.#send({ type: 'reset' });
  }

  set(settings: Settings, rebuild: boolean): void {
    this.#settings = settings;
    if (rebuild) this.#checkpoint = null;
    this.#send({ type: 'settings', settings, rebuild });
  }

  /** Kept for a worker that starts later. */
  input(name: string, value: unknown): void {
    this.#inputs[name] = value;
    this.#send({ type: 'input', name, value });
  }

  async save(): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.#ask({ type: 'save' })) as Uint8Array<ArrayBuffer>;
  }

  /** @throws Error when the file is not one of this network */
  async load(file: Uint8Array): Promise<void> {
    await this.#ask({ type: 'load', file });
  }

  async checksum(): Promise<string> {
    return (await this.#ask({ type: 'checksum' })) as string;
  }

  #visibility = () => {
    if (this.#playing) this.#send({ type: document.hidden ? 'pause' : 'start' });
  };

  #send(command: Command): void {
    this.#worker?.postMessage(command);
  }

  async #ask(question: Question): Promise<unknown> {
    const id = this.#asked++;
    const answer = new Promise<Extract<Report, { type: 'answer' }>>((resolve) =>
      this.#waiting.set(id, resolve),
    );
    this.#send({ ...question, id } as Command);
    const { error, value } = await answer;
    if (error !== undefined) throw new Error(error);
    return value;
  }

  #startWorker(checkpoint: Checkpoint | null): void {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
    this.#worker = worker;
    worker.addEventListener('message', ({ data }: MessageEvent<Report>) => {
      if (worker === this.#worker) this.#receive(data);
    });
    worker.addEventListener('error', ({ message }) => {
      this.#receive({ type: 'failed', reason: 'other', message: message || 'the worker did not load' });
    });
    const open: OpenCommand = {
      type: 'open',
      card: this.#card,
      backend: this.#backend,
      settings: this.#settings,
      inputs: this.#inputs,
      dataFolder: new URL('data/', document.baseURI).href,
      checkpoint,
    };
    this.#send(open);
  }

  #receive(report: Report): void {
    if (report.type === 'failed') return this.#failed(report);
    if (report.type === 'answer') {
      this.#waiting.get(report.id)?.(report);
      this.#waiting.delete(report.id);
      return;
    }
    if (report.type === 'checkpoint') this.#checkpoint = report.checkpoint;
    if (report.type === 'phase') {
      this.#phase = report.phase;
      if (this.#recovery && this.#isReady()) this.#afterRecovery(report.step);
    }
    this.#listener.report(report);
  }

  #isReady(): boolean {
    return this.#phase === 'ready' || this.#phase === 'paused';
  }

  #afterRecovery(step: number): void {
    this.#recovery = null;
    this.#listener.recovered(step);
    if (this.#playing) this.play();
  }

  #failed({ reason, message }: Extract<Report, { type: 'failed' }>): void {
    this.#worker?.terminate();
    if (reason === 'lost' && this.#lossesLately() < LOSSES) return this.#recover();
    const isStillAway = this.#recovery !== null && (reason === 'no-adapter' || reason === 'lost');
    if (isStillAway && this.#recovery!.retries < RETRIES) return this.#recover();
    this.close();
    this.#listener.failed(isStillAway ? 'lost' : reason, message);
  }

  #lossesLately(): number {
    const now = performance.now();
    this.#lostAt = [...this.#lostAt.filter((at) => now - at < WITHIN), now];
    return this.#lostAt.length - 1;
  }

  #recover(): void {
    if (!this.#recovery) this.#listener.recovering();
    const retries = (this.#recovery?.retries ?? 0) + 1;
    const timer = setTimeout(() => this.#startWorker(this.#checkpoint), RETRY_AFTER);
    this.#recovery = { retries, timer };
  }
}

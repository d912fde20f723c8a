// What the page and its training worker say to each other.

export type ModelName = 'mlp' | 'cnn';

export interface Settings {
  readonly model: ModelName;
  readonly batchSize: number;
  readonly lr: number;
}

/** A digit of 28×28 values in [0, 1], row by row: ink is 1, paper 0. */
export type Pixels = Float32Array;

/** From the page to the worker. */
export type Command =
  /** First message: get the GPU, the data (from the URL of its folder) and the untrained network ready. */
  | { readonly type: 'open'; readonly settings: Settings; readonly dataFolder: string }
  | { readonly type: 'start' }
  | { readonly type: 'pause' }
  /** Back to the untrained network. */
  | { readonly type: 'reset' }
  /** Applies at once; another model also resets. */
  | { readonly type: 'settings'; readonly settings: Settings }
  /** Keep classifying this digit, now and whenever the network has changed; null for none. */
  | { readonly type: 'watch'; readonly pixels: Pixels | null }
  /** Asks for a `checksum` report. */
  | { readonly type: 'checksum' };

export type Phase = 'loading' | 'compiling' | 'ready' | 'training' | 'paused';

export interface Adapter {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  /** Runs on the CPU, like SwiftShader. */
  readonly software: boolean;
}

/** A held-out digit that the page shows, and what it is. */
export interface Sample {
  readonly pixels: Pixels;
  readonly label: number;
}

/** From the worker to the page. */
export type Report =
  | { readonly type: 'adapter'; readonly adapter: Adapter }
  /** Bytes of the data set that have arrived. */
  | { readonly type: 'loaded'; readonly bytes: number; readonly total: number }
  | { readonly type: 'samples'; readonly samples: readonly Sample[]; readonly trainingDigits: number }
  /** `parameters`: how many the model has. */
  | { readonly type: 'phase'; readonly phase: Phase; readonly parameters: number }
  /** The curves start again at step 0. */
  | { readonly type: 'cleared' }
  /** Training loss of one batch. */
  | { readonly type: 'loss'; readonly step: number; readonly loss: number }
  /** Share of the held-out digits that are right, in [0, 1], and how many were asked. */
  | { readonly type: 'accuracy'; readonly step: number; readonly accuracy: number; readonly digits: number }
  /** `msPerStep` of training alone; `stepsPerSecond` by the clock, so with testing in between. */
  | {
      readonly type: 'speed';
      readonly step: number;
      readonly images: number;
      readonly msPerStep: number;
      readonly stepsPerSecond: number;
    }
  /** Class probabilities of all samples, 10 each. */
  | { readonly type: 'predictions'; readonly probabilities: Float32Array }
  /** Class probabilities of the watched digit. */
  | { readonly type: 'watched'; readonly probabilities: Float32Array }
  /** A fingerprint of all parameters after the latest step. */
  | { readonly type: 'checksum'; readonly checksum: string }
  | { readonly type: 'failed'; readonly reason: FailureReason; readonly message: string };

export type FailureReason = 'no-webgpu' | 'no-adapter' | 'lost' | 'data' | 'other';

/** Held-out digits that the page shows. */
export const SAMPLES = 48;
export const CLASSES = 10;
export const SIDE = 28;
export const PIXELS = SIDE * SIDE;

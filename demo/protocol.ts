// What the page and its training worker say to each other.
import type { TypedArray } from 'chainrule';
import type { Settings } from './controls.ts';

export type Backend = 'webgpu' | 'cpu';

/** Everything needed to go on from a step: parameters, moments and counters by name. */
export interface Checkpoint {
  readonly step: number;
  readonly values: ReadonlyMap<string, TypedArray>;
}

/** From the page to the worker. */
export type Command =
  /** First message: get the device, the data and the network ready. */
  | {
      readonly type: 'open';
      readonly card: string;
      readonly backend: Backend;
      readonly settings: Settings;
      readonly inputs: Readonly<Record<string, unknown>>;
      readonly dataFolder: string;
      readonly checkpoint: Checkpoint | null;
    }
  | { readonly type: 'start' }
  | { readonly type: 'pause' }
  /** One step, then pause. */
  | { readonly type: 'step' }
  /** Back to the untrained network. */
  | { readonly type: 'reset' }
  /** `rebuild`: one of them needs another network. */
  | { readonly type: 'settings'; readonly settings: Settings; readonly rebuild: boolean }
  | { readonly type: 'input'; readonly name: string; readonly value: unknown }
  /** Answered by `answer` with a safetensors file. */
  | { readonly type: 'save'; readonly id: number }
  | { readonly type: 'load'; readonly id: number; readonly file: Uint8Array }
  /** A fingerprint of all parameters after the latest step. */
  | { readonly type: 'checksum'; readonly id: number };

export type Phase = 'loading' | 'compiling' | 'ready' | 'training' | 'paused';

export interface Adapter {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  /** Runs on the CPU, like SwiftShader. */
  readonly software: boolean;
}

/** How large the network and its steps are. */
export interface Figures {
  readonly parameters: number;
  /** Of the GPU's memory: parameters, moments and what the steps hold; null on the CPU. */
  readonly bytes: number | null;
  /** Kernels per step of training; null on the CPU. */
  readonly dispatches: number | null;
}

export type FailureReason = 'no-webgpu' | 'no-adapter' | 'lost' | 'data' | 'other';

/** From the worker to the page. */
export type Report =
  /** null: the CPU backend. */
  | { readonly type: 'adapter'; readonly adapter: Adapter | null }
  /** Bytes of the data set that have arrived, or how much of what `doing` says is done. */
  | {
      readonly type: 'loaded';
      readonly done: number;
      readonly total: number;
      readonly doing: string | undefined;
    }
  | { readonly type: 'phase'; readonly phase: Phase; readonly step: number }
  | { readonly type: 'figures'; readonly figures: Figures }
  /** The curves start again. */
  | { readonly type: 'cleared' }
  /** Points of the curves. */
  | { readonly type: 'values'; readonly step: number; readonly values: Readonly<Record<string, number>> }
  /** `msPerStep` of training alone; `stepsPerSecond` by the clock, so with evaluation in between. */
  | {
      readonly type: 'speed';
      readonly step: number;
      readonly msPerStep: number;
      readonly stepsPerSecond: number;
    }
  | { readonly type: 'view'; readonly view: object }
  | { readonly type: 'checkpoint'; readonly checkpoint: Checkpoint }
  | { readonly type: 'answer'; readonly id: number; readonly value?: unknown; readonly error?: string }
  | { readonly type: 'failed'; readonly reason: FailureReason; readonly message: string };

export * as analysis from './analysis/index.ts';
export { grad } from './autodiff/index.ts';
export {
  bool,
  compile,
  f32,
  i32,
  print,
  profile,
  tune,
  u32,
  type CompileOptions,
  type InputData,
  type InputSpec,
  type InputTensors,
  type Signature,
  type Step,
  type StepResult,
} from './compile.ts';
export { cpu } from './cpu/index.ts';
export * as data from './data/index.ts';
export * as distributions from './distributions/index.ts';
export {
  ArgumentError,
  ChainruleError,
  CheckError,
  DeviceError,
  DeviceLostError,
  DTypeError,
  ExpiredValueError,
  GradientError,
  HostRandom,
  OutOfMemoryError,
  Parameter,
  printGraph,
  ShapeError,
  Tensor,
  withUpdates,
  type Device,
  type DType,
  type Finding,
  type Initializer,
  type ParameterOptions,
  type ParameterStore,
  type Profile,
  type ProfiledKernel,
  type ProfileOptions,
  type Shape,
  type StepStats,
  type TensorLike,
  type TuneOptions,
  type TuningTable,
  type TypedArray,
  type Update,
  type Value,
} from './graph/index.ts';
export * as metrics from './metrics/index.ts';
export * as nn from './nn/index.ts';
export * from './ops/public.ts';
export * as optim from './optim/index.ts';
export { webgpu, type AdapterInfo, type WebGpuDevice, type WebGpuOptions } from './webgpu/index.ts';

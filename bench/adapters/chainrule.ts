// This library on WebGPU, from the sources of the working tree.
import { webgpu } from '../../src/index.ts';
import { makeAdapter } from './_chainrule.ts';

export default makeAdapter('chainrule', () => webgpu());

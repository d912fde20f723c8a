// This library's reference device: slow plain loops, for checking results without a GPU.
import { cpu } from '../../src/index.ts';
import { makeAdapter } from './_chainrule.ts';

export default makeAdapter('chainrule-cpu', () => Promise.resolve(cpu()));

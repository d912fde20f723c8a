import { webgpu } from 'chainrule';
import { trainXor } from './xor.ts';

postMessage(await trainXor(await webgpu()));

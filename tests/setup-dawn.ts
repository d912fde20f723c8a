import { create, globals } from 'webgpu';

Object.assign(globalThis, globals);

// Node 20 has no navigator at all, Node 21 and later have one without gpu
if (globalThis.navigator === undefined) {
  Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });
}
Object.defineProperty(globalThis.navigator, 'gpu', { value: create([]), configurable: true });

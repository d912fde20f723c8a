import { webgpu } from 'chainrule';
import { trainXor } from './xor.ts';

const inPage = await trainXor(await webgpu());
const inWorker = await new Promise<number>((resolve, reject) => {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  worker.onmessage = ({ data }: MessageEvent<number>) => resolve(data);
  worker.onerror = ({ message }) => reject(new Error(message));
});
document.body.textContent = JSON.stringify({ inPage, inWorker });

// Trains beside the page, so that the page never waits for it. One loop owns the GPU and takes the page's commands
// between two steps; that is why nothing here needs a lock.
import { DeviceError, DeviceLostError, webgpu } from 'chainrule';
import { loadMnist } from './mnist.ts';
import type { Command, FailureReason, Report } from './protocol.ts';
import { Session } from './session.ts';

const port = self as unknown as { postMessage(report: Report): void };
const inbox: Command[] = [];
let wake = () => {};
self.addEventListener('message', ({ data }: MessageEvent<Command>) => {
  // While a digit is drawn it changes faster than a slow GPU can follow: only the newest counts.
  const older = data.type === 'watch' ? inbox.findIndex(({ type }) => type === 'watch') : -1;
  if (older !== -1) inbox.splice(older, 1);
  inbox.push(data);
  wake();
});

const report = (message: Report) => port.postMessage(message);
const fail = (reason: FailureReason, error: unknown) =>
  report({ type: 'failed', reason, message: error instanceof Error ? error.message : String(error) });

async function nextCommand(): Promise<Command> {
  if (inbox.length === 0) await new Promise<void>((resolve) => (wake = resolve));
  return inbox.shift()!;
}

/** Lets messages in: a chain of resolved promises alone would keep them out. */
function breathe(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

async function open(): Promise<Session | null> {
  const command = await nextCommand();
  if (command.type !== 'open') throw new Error(`expected open as the first command, got ${command.type}`);
  if (!('gpu' in navigator)) {
    fail('no-webgpu', 'navigator.gpu is missing in workers');
    return null;
  }
  const device = await webgpu().catch((error: unknown) => {
    if (!(error instanceof DeviceError)) throw error;
    fail('no-adapter', error);
  });
  if (!device) return null;
  report({ type: 'adapter', adapter: device.info });
  device.gpu.addEventListener('uncapturederror', ({ error }) => fail('other', error.message));
  void device.lost.then((reason) => fail('lost', reason));

  const digits = await loadMnist(command.dataFolder, (bytes, total) =>
    report({ type: 'loaded', bytes, total }),
  ).catch((error: unknown) => fail('data', error));
  return digits ? Session.open(device, digits, command.settings, report) : null;
}

async function run(): Promise<void> {
  const session = await open();
  while (session) {
    if (inbox.length > 0 || !session.busy) await session.handle(await nextCommand());
    else await session.work();
    await breathe();
  }
}

run().catch((error: unknown) => fail(error instanceof DeviceLostError ? 'lost' : 'other', error));

// Trains beside the page, so that the page never waits for it. One loop owns the device and takes the page's commands
// between two steps; that is why nothing here needs a lock.
import { DeviceError, DeviceLostError } from 'chainrule';
import type { OpenTrainer } from './contract.ts';
import type { Inbox } from './inbox.ts';
import { DataError } from './kit/data-error.ts';
import type { FailureReason, Report } from './protocol.ts';
import { NoWebGpuError, Runner } from './runner.ts';

const TRAINERS = import.meta.glob<OpenTrainer>('./cards/*/trainer.ts', { import: 'default' });

const port = self as unknown as { postMessage(report: Report): void };
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

async function run(inbox: Inbox): Promise<void> {
  const command = await inbox.next();
  if (command.type !== 'open') throw new Error(`expected open as the first command, got ${command.type}`);
  const open = await TRAINERS[`./cards/${command.card}/trainer.ts`]!();
  const runner = new Runner(open, command, (report) => port.postMessage(report), fail);
  await runner.open(command.checkpoint);
  for (;;) {
    if (!inbox.empty || !runner.busy) await runner.handle(await inbox.next());
    else await runner.work();
    await breathe();
  }
}

function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  port.postMessage({ type: 'failed', reason: reasonOf(error), message });
}

function reasonOf(error: unknown): FailureReason {
  if (error instanceof NoWebGpuError) return 'no-webgpu';
  if (error instanceof DeviceLostError) return 'lost';
  if (error instanceof DataError) return 'data';
  return error instanceof DeviceError && /adapter/.test(error.message) ? 'no-adapter' : 'other';
}

export const work = (inbox: Inbox) => run(inbox).catch(fail);

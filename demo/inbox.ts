import type { Command } from './protocol.ts';

/** Commands in the order of their arrival. */
export class Inbox {
  readonly #commands: Command[] = [];
  #wake = () => {};

  get empty(): boolean {
    return this.#commands.length === 0;
  }

  put(command: Command): void {
    // While somebody draws or drags, values change faster than a slow GPU can follow: only the newest counts.
    const older = this.#commands.findIndex((other) => replaces(command, other));
    if (older !== -1) this.#commands.splice(older, 1);
    this.#commands.push(command);
    this.#wake();
  }

  /** Waits for one. */
  async next(): Promise<Command> {
    if (this.empty) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#commands.shift()!;
  }
}

/** Whether nothing is lost when the older command is left out. */
function replaces(command: Command, older: Command): boolean {
  if (older.type === 'settings') return command.type === 'settings' && !older.rebuild;
  return older.type === 'input' && command.type === 'input' && command.name === older.name;
}

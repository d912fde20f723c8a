/** How fast training goes, measured between moments at which every enqueued step has run. */
export class Pace {
  /** Time of training alone, per step; 0 before the first lap. */
  msPerStep = 0;
  /** By the clock on the wall, so with tests in between. */
  stepsPerSecond = 0;
  #steps = 0;
  #trainingSince = 0;
  #lapSince = 0;

  /** Training goes on after a pause, which does not count. */
  start(): void {
    this.#trainingSince = this.#lapSince = performance.now();
    this.#steps = 0;
  }

  /** A step was enqueued. */
  step(): void {
    this.#steps++;
  }

  /** All steps have run: update both figures. False when there were none. */
  lap(): boolean {
    if (this.#steps === 0) return false;
    const now = performance.now();
    this.msPerStep = smooth(this.msPerStep, (now - this.#trainingSince) / this.#steps);
    this.stepsPerSecond = smooth(this.stepsPerSecond, (1000 * this.#steps) / (now - this.#lapSince));
    this.#lapSince = now;
    this.#steps = 0;
    return true;
  }

  /** Training goes on after a test: it counts for the wall only. */
  resume(): void {
    this.#trainingSince = performance.now();
  }
}

const smooth = (old: number, value: number) => (old === 0 ? value : 0.7 * old + 0.3 * value);

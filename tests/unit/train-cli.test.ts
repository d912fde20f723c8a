import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { duration, progressDisplay } from '../../scripts/train/display.mjs';
import { trainMnist, type Progress } from '../../scripts/train/task.mjs';
import { cpu, data } from '../../src/index.ts';

describe('the command line', () => {
  const script = fileURLToPath(new URL('../../scripts/train.mjs', import.meta.url));
  const run = (args: readonly string[], env: Record<string, string> = {}) =>
    spawnSync(process.execPath, [script, ...args], { encoding: 'utf8', env: { ...process.env, ...env } });

  test('--help lists every option', () => {
    const { status, stdout } = run(['--help']);
    expect(status).toBe(0);
    for (const option of ['model', 'epochs', 'batch', 'lr', 'seed', 'backend', 'out', 'help'])
      expect(stdout).toContain(`--${option}`);
  });

  test.each([
    ['--model rnn', "'rnn' is invalid. Allowed choices are cnn, mlp."],
    ['--epochs 0', "'0' is invalid. Expected a number above 0."],
    ['--epochs Infinity', "'Infinity' is invalid. Expected a number above 0."],
    ['--batch 2.5', "'2.5' is invalid. Expected a whole number from 1 to 60000."],
    ['--batch 60001', "'60001' is invalid. Expected a whole number from 1 to 60000."],
    ['--lr fast', "'fast' is invalid. Expected a number above 0."],
    ['--lr', "option '--lr <rate>' argument missing"],
    ['--seed -1', "'-1' is invalid. Expected a whole number from 0 to 4294967295."],
    ['--backend gpu', "'gpu' is invalid. Allowed choices are webgpu, cpu."],
    [`--out ${tmpdir()}`, 'Expected a file, got a folder.'],
    ['--out /no-such-folder/w.safetensors', 'no-such-folder does not exist.'],
    ['--epoch 3', "unknown option '--epoch'"],
    ['3', 'too many arguments'],
  ])('%s is refused with status 2', (args, message) => {
    const { status, stdout, stderr } = run(args.split(' '));
    expect(stderr).toContain(message);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  test('an option that npm took for itself, for want of a --, is refused', () => {
    const { status, stderr } = run([], { npm_lifecycle_event: 'train', npm_config_lr: '1' });
    expect(stderr).toContain('npm took --lr for itself');
    expect(status).toBe(2);
  });
});

describe('the progress display', () => {
  const training: Progress = {
    phase: 'train',
    done: 0,
    total: 1000,
    loss: 0.12345,
    accuracy: 0.987,
    imagesPerSecond: 412.6,
    eta: 125,
  };
  const terminal = (isTTY: boolean) => {
    const written: string[] = [];
    const stream = { isTTY, columns: 200, write: (text: string) => written.push(text) };
    return { written, stream: stream as unknown as NodeJS.WriteStream };
  };

  test('prints a tenth at a time where there is no terminal', () => {
    const lines: string[] = [];
    const { stream, written } = terminal(false);
    const { show, stop } = progressDisplay(stream, (line) => lines.push(line));
    for (let done = 1; done <= 1000; done++) show({ ...training, done });
    show({ phase: 'test', done: 500, total: 500, accuracy: 0.9876, imagesPerSecond: 1000, eta: 0 });
    stop();
    expect(written).toEqual([]);
    expect(lines.length).toBe(12);
    expect(lines[1]).toBe('training 10% | loss 0.1235 | accuracy 98.7% | 413 images/s | ETA 2m 05s');
    expect(lines.at(-1)).toBe('testing  100% | accuracy 98.8% | 1,000 images/s | ETA 0s');
  });

  test('draws a bar on a terminal and gives the cursor back, also when stopped twice', () => {
    const { stream, written } = terminal(true);
    const { show, stop } = progressDisplay(stream, () => expect.unreachable());
    show({ ...training, done: 400 });
    stop();
    stop();
    const text = written.join('');
    expect(text).toContain('40% | loss 0.1235 | accuracy 98.7%');
    expect(text.lastIndexOf('\u001B[?25h')).toBeGreaterThan(text.lastIndexOf('\u001B[?25l'));
  });

  test.each([
    [0, '0s'],
    [59.4, '59s'],
    [59.6, '1m 00s'],
    [3599, '59m 59s'],
    [11_520, '3h 12m'],
  ])('%d seconds are %s', (seconds, text) => expect(duration(seconds)).toBe(text));
});

describe('a run on the reference device', { timeout: 60_000 }, () => {
  // class c is a bright row c
  const digits = (count: number) => {
    const images = new Float32Array(count * 28 * 28);
    const labels = Int32Array.from({ length: count }, (_, i) => i % 10);
    labels.forEach((label, i) => images.fill(1, (i * 28 + label) * 28, (i * 28 + label + 1) * 28));
    return { count, images, labels };
  };
  const mnist = { train: digits(50), test: digits(20) };
  const options = { model: 'mlp', epochs: 2, batch: 20, lr: 0.01, seed: 1 } as const;

  test('takes every step, learns, tests all test images and returns the weights', async () => {
    const seen: Progress[] = [];
    const result = await trainMnist({
      device: cpu(),
      mnist,
      options,
      onProgress: (progress) => void seen.push(progress),
    });
    // 20 + 20 + 10 images, twice
    expect(seen.filter(({ phase }) => phase === 'train').at(-1)).toMatchObject({ done: 6, total: 6 });
    expect(seen.at(-1)).toMatchObject({ phase: 'test', done: 20, total: 20, eta: 0 });
    const losses = seen.flatMap((progress) => (progress.phase === 'train' ? [progress.loss] : []));
    expect(losses[0]).toBeCloseTo(Math.log(10), 0);
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
    expect(result).toMatchObject({ correct: 20, tested: 20 });
    const { tensors, metadata } = data.decodeSafetensors(result.weights);
    expect(metadata).toEqual({ model: 'mlp', test_accuracy: '1' });
    expect([...tensors.keys()]).toEqual(['1', '3', '5'].flatMap((i) => [`${i}.weight`, `${i}.bias`]));
    expect(tensors.get('1.weight')!.shape).toEqual([256, 784]);
  });

  test('says so when the loss is no number any more', async () => {
    const broken = {
      train: { ...mnist.train, images: mnist.train.images.map(() => Number.NaN) },
      test: mnist.test,
    };
    const run = trainMnist({ device: cpu(), mnist: broken, options, onProgress() {} });
    await expect(run).rejects.toThrow('the loss is NaN after 1 steps; try a lower --lr');
  });
});

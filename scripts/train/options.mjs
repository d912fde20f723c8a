// @ts-check
// The command line of `npm run train`.
import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';

/**
 * @typedef {object} TrainOptions what a run depends on
 * @property {'cnn' | 'mlp'} model
 * @property {number} epochs passes over the training images; a part of one is allowed
 * @property {number} batch images in a step
 * @property {number} lr highest learning rate
 * @property {number} seed of the initial weights and the order of the images
 *
 * @typedef {TrainOptions & { backend: 'webgpu' | 'cpu', out?: string }} CliOptions
 */

/** Exit status for a wrong command line. */
const USAGE_ERROR = 2;

const TRAINING_IMAGES = 60_000;

/** Highest learning rates that end above 98 % (cnn) and 97 % (mlp) in one epoch. */
const DEFAULT_LR = { cnn: 0.02, mlp: 0.005 };

/**
 * Parse the arguments. Prints help and exits with 0 when asked for it; prints what is wrong and exits with 2 when
 * something is.
 *
 * @param {readonly string[]} args without node and the script
 * @returns {CliOptions}
 */
export function parseOptions(args) {
  const command = new Command('npm run train --')
    .description('Train a network on the 60,000 images of MNIST and test it on the other 10,000.')
    .addOption(
      new Option('--model <name>', 'convolutional or fully connected').choices(['cnn', 'mlp']).default('cnn'),
    )
    .option('--epochs <number>', 'passes over the training images, such as 3 or 0.5', positive, 1)
    .option('--batch <images>', `images in a step, 1 to ${TRAINING_IMAGES}`, integer(1, TRAINING_IMAGES), 60)
    .option(
      '--lr <rate>',
      `highest learning rate of Adam (default: ${DEFAULT_LR.cnn} for cnn, ${DEFAULT_LR.mlp} for mlp)`,
      positive,
    )
    .option(
      '--seed <number>',
      'fixes the initial weights and the order of the images',
      integer(0, 2 ** 32 - 1),
      0,
    )
    .addOption(
      new Option('--backend <name>', 'cpu is the reference implementation: exact and very slow')
        .choices(['webgpu', 'cpu'])
        .default('webgpu'),
    )
    .option('--out <file>', 'write the trained weights there, in safetensors format', writableFile)
    .allowExcessArguments(false)
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : USAGE_ERROR));
  // `npm run train --lr 1` without the `--` gives the option to npm, which would train with the default
  const taken = command.options.filter((option) => process.env[`npm_config_${option.name()}`] !== undefined);
  if (process.env['npm_lifecycle_event'] === 'train' && taken.length > 0) {
    const flags = taken.map((option) => option.long).join(' and ');
    command.error(
      `error: npm took ${flags} for itself. Put -- before the options: npm run train -- --epochs 3`,
    );
  }
  const options = command.parse(args, { from: 'user' }).opts();
  const model = /** @type {'cnn' | 'mlp'} */ (options['model']);
  return /** @type {CliOptions} */ ({ lr: DEFAULT_LR[model], ...options });
}

/** @type {(text: string) => number} */
function positive(text) {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0)
    throw new InvalidArgumentError('Expected a number above 0.');
  return value;
}

/** @type {(from: number, to: number) => (text: string) => number} */
function integer(from, to) {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < from || value > to)
      throw new InvalidArgumentError(`Expected a whole number from ${from} to ${to}.`);
    return value;
  };
}

/** Refused now rather than after the training. @type {(path: string) => string} */
function writableFile(path) {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw new InvalidArgumentError('Expected a file, got a folder.');
  if (!statSync(dirname(resolve(path)), { throwIfNoEntry: false })?.isDirectory())
    throw new InvalidArgumentError(`The folder ${dirname(resolve(path))} does not exist.`);
  return path;
}

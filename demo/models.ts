import { nn } from 'chainrule';
import { CLASSES, PIXELS, type ModelName } from './protocol.ts';

/** Untrained networks for images [n, 1, 28, 28]; they return logits [n, 10]. */
export const buildModel: Readonly<Record<ModelName, () => nn.Module>> = {
  mlp: () =>
    new nn.Sequential(
      new nn.Flatten(),
      new nn.Linear(PIXELS, 128),
      new nn.ReLU(),
      new nn.Linear(128, 64),
      new nn.ReLU(),
      new nn.Linear(64, CLASSES),
    ),
  cnn: () =>
    new nn.Sequential(
      new nn.Conv2d(1, 8, 3), // → 8 × 26 × 26
      new nn.ReLU(),
      new nn.MaxPool2d(2), // → 8 × 13 × 13
      new nn.Conv2d(8, 16, 3), // → 16 × 11 × 11
      new nn.ReLU(),
      new nn.MaxPool2d(2), // → 16 × 5 × 5
      new nn.Flatten(),
      new nn.Linear(16 * 5 * 5, 64),
      new nn.ReLU(),
      new nn.Linear(64, CLASSES),
    ),
};

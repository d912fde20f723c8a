import { analysis, compile, f32, grad, nn, optim, type Device } from 'chainrule';

export interface Settings {
  depth: number;
  width: number;
  optimizer: 'SGD' | 'Adam' | 'AdamW' | 'RMSprop' | 'Lion';
  lr: number;
  batch: number;
  seed: number;
}

/** The most pieces that K hidden layers of D units each can make. */
export const mostPieces = (width: number, depth: number): number => (width + 1) ** depth;

/** A function y = f(x) of one number. */
export async function build(device: Device, settings: Settings) {
  const { depth, width, batch, lr, seed } = settings;

  const hidden: nn.Linear[] = [];
  for (let k = 0; k < depth; k++) {
    hidden.push(new nn.Linear(k === 0 ? 1 : width, width));
  }
  const last = new nn.Linear(width, 1);
  const layers = [...hidden, last];
  const model = new nn.Sequential(...hidden.flatMap((layer) => [layer, new nn.ReLU()]), last);
  const optimizer = new optim[settings.optimizer](model.parameters(), { lr });

  const train = await compile(
    device,
    { x: f32(batch, 1), y: f32(batch, 1) },
    ({ x, y }) => {
      const loss = nn.mse(model.forward(x), y);
      return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
    },
    { seed },
  );

  /** Where f is straight, exactly: from its weights. */
  async function pieces(range: readonly [number, number]): Promise<analysis.LinearPiece[]> {
    const read = layers.map(async ({ weight, bias }) => ({
      weight: await weight.read(device),
      bias: await bias!.read(device),
    }));
    return analysis.linearPieces(await Promise.all(read), { range });
  }
  return { model, optimizer, train, pieces };
}

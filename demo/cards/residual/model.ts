import { add, compile, f32, flatten, grad, i32, nn, optim, sqrt, square, stack, sum } from 'chainrule';
import type { Device, Tensor } from 'chainrule';

export interface Settings {
  depth: number;
  width: number;
  activation: 'ReLU' | 'Tanh';
  optimizer: 'SGD' | 'Adam' | 'AdamW' | 'RMSprop' | 'Lion';
  lr: number;
  batch: number;
  seed: number;
}

/** K layers between an image and ten logits. */
class Plain extends nn.Module {
  first: nn.Linear;
  layers: nn.Module[] = [];
  last: nn.Linear;

  constructor({ depth, width, activation }: Settings) {
    super();
    this.first = new nn.Linear(28 * 28, width);
    for (let k = 1; k <= depth; k++) {
      this.layers.push(new nn.Sequential(new nn.Linear(width, width), new nn[activation]()));
    }
    this.last = new nn.Linear(width, 10);
  }

  connect(f: nn.Module, h: Tensor): Tensor {
    return f.forward(h);
  }

  /** h_0, …, h_K. */
  hidden(x: Tensor): Tensor[] {
    const h = [this.first.forward(flatten(x))];
    for (const f of this.layers) h.push(this.connect(f, h.at(-1)!));
    return h;
  }

  forward(x: Tensor): Tensor {
    return this.last.forward(this.hidden(x).at(-1)!);
  }
}

class Residual extends Plain {
  override connect(f: nn.Module, h: Tensor): Tensor {
    return add(h, f.forward(h));
  }
}

/** Both: their logits side by side, [2, n, 10]. */
class Pair extends nn.Module {
  plain: Plain;
  residual: Residual;

  constructor(settings: Settings) {
    super();
    this.plain = new Plain(settings);
    this.residual = new Residual(settings);
  }

  forward(x: Tensor): Tensor {
    return stack([this.plain.forward(x), this.residual.forward(x)]);
  }
}

export async function build(device: Device, settings: Settings) {
  const { batch, lr, seed } = settings;
  const model = new Pair(settings);
  const { plain, residual } = model;
  // asked one by one, both give their parameters the same names, and so the same initial values
  const params = [plain, residual].flatMap((net) => net.parameters());
  const optimizer = new optim[settings.optimizer](params, { lr });

  const train = await compile(
    device,
    { x: f32(batch, 28, 28), y: i32(batch) },
    ({ x, y }) => {
      const plainLoss = nn.crossEntropy(plain.forward(x), y);
      const residualLoss = nn.crossEntropy(residual.forward(x), y);
      // each parameter is in one of the two terms, so that both networks train as if alone
      const gradients = grad(add(plainLoss, residualLoss), params);
      return { outputs: { plainLoss, residualLoss }, updates: optimizer.update(gradients) };
    },
    { seed },
  );

  /** ‖∂L/∂h_k‖ for k = 0 to K. */
  function gradientNorms(net: Plain, x: Tensor, y: Tensor): Tensor {
    const h = net.hidden(x);
    const loss = nn.crossEntropy(net.last.forward(h.at(-1)!), y);
    const gradients = grad(loss, h);
    return stack(gradients.map((g) => sqrt(sum(square(g)))));
  }
  const inspect = await compile(
    device,
    { x: f32(64, 28, 28), y: i32(64) },
    ({ x, y }) => ({
      outputs: { plain: gradientNorms(plain, x, y), residual: gradientNorms(residual, x, y) },
    }),
    { seed },
  );
  const predict = await compile(
    device,
    { x: f32(500, 28, 28) },
    ({ x }) => ({ outputs: { z: model.forward(x) } }),
    { seed },
  );
  return { model, optimizer, train, inspect, predict };
}

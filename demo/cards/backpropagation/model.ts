import { compile, f32, grad, mul, nn, optim, sigmoid, sub, type Device, type Tensor } from 'chainrule';

export interface Settings {
  activation: 'Tanh' | 'Sigmoid' | 'ReLU';
  lr: number;
  seed: number;
}

/** Two inputs, hidden layers of three and two neurons, one output h⁽³⁾ = p(t = 1 | x). */
export async function build(device: Device, settings: Settings) {
  const { lr, seed } = settings;
  const sigma = new nn[settings.activation]();

  const layers = [new nn.Linear(2, 3), new nn.Linear(3, 2), new nn.Linear(2, 1)];
  const model = new nn.Sequential(...layers);
  const [W, b] = [layers.map((layer) => layer.weight), layers.map((layer) => layer.bias!)];
  const optimizer = new optim.SGD([...W, ...b], { lr });

  /** All z⁽ˡ⁾ and h⁽ˡ⁾; their arrays begin at z⁽¹⁾ and at h⁽⁰⁾ = x. */
  function forward(x: Tensor) {
    const z: Tensor[] = [];
    const h = [x];
    for (const [l, layer] of layers.entries()) {
      z.push(layer.forward(h[l]!));
      const isOutput = l === layers.length - 1;
      h.push(isOutput ? sigmoid(z[l]!) : sigma.forward(z[l]!));
    }
    return { z, h };
  }
  const lossOf = (z: Tensor[], t: Tensor) => nn.bceWithLogits(z.at(-1)!, t);

  const train = await compile(
    device,
    { x: f32(1, 2), t: f32(1, 1) },
    ({ x, t }) => {
      const loss = lossOf(forward(x).z, t);
      return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
    },
    { seed },
  );

  /** What a step computes on its way, with nothing changed by it. */
  const inspect = await compile(
    device,
    { x: f32(1, 2), t: f32(1, 1), eta: f32() },
    ({ x, t, eta }) => {
      const { z, h } = forward(x);
      const loss = lossOf(z, t);
      const delta = grad(loss, z);
      const dW = grad(loss, W);
      const db = grad(loss, b);
      const step = (p: Tensor, gradient: Tensor) => sub(p, mul(eta, gradient));
      return {
        outputs: {
          loss,
          ...byLayer('z', z),
          ...byLayer('h', h.slice(1)),
          ...byLayer('delta', delta),
          ...byLayer('dW', dW),
          ...byLayer('db', db),
          ...byLayer(
            'newW',
            W.map((w, l) => step(w, dW[l]!)),
          ),
          ...byLayer(
            'newB',
            b.map((bias, l) => step(bias, db[l]!)),
          ),
        },
      };
    },
    { seed },
  );

  const predict = await compile(
    device,
    { x: f32(4, 2) },
    ({ x }) => ({ outputs: { p: forward(x).h.at(-1)! } }),
    { seed },
  );
  return { model, layers, optimizer, train, inspect, predict };
}

/** z1, z2, … */
const byLayer = (name: string, tensors: Tensor[]): Record<string, Tensor> =>
  Object.fromEntries(tensors.map((tensor, i) => [`${name}${i + 1}`, tensor]));

// @ts-check
// Steps of any length, to see how compile time grows with the number of nodes. The library is an argument: the benchmark
// measures dist/, a unit test counts what src/ does.

/** @typedef {typeof import('../../src/index.ts')} Chainrule */
/** @typedef {import('../../src/index.ts').Tensor} Tensor */
/** @typedef {import('../../src/index.ts').Parameter} Parameter */
/** @typedef {(inputs: { x: Tensor }) => import('../../src/compile.ts').StepResult<Record<string, Tensor>>} Traced */

const [ROWS, WIDTH, HEADS] = [8, 16, 2];

/**
 * By name: how many nodes a layer adds to the program, and a step of so many layers.
 *
 * @param {Chainrule} chainrule
 */
export function growingSteps(chainrule) {
  const { add, f32, grad, matmul, mean, mul, nn, optim, Parameter } = chainrule;
  const { reshape, softmax, square, sum, tanh, transpose } = chainrule;
  const product = () => {
    const w = new Parameter([WIDTH, WIDTH], nn.init.zeros, { name: 'w' });
    return { params: [w], layer: (/** @type {Tensor} */ x) => matmul(x, w) };
  };

  /** @type {(fn: Traced, shape?: number[]) => { signature: { x: ReturnType<typeof f32> }, fn: Traced }} */
  const step = (fn, shape = [ROWS, WIDTH]) => ({ signature: { x: f32(...shape) }, fn });
  /** @type {(layer: (x: Tensor) => Tensor, layers: number) => (x: Tensor) => Tensor} */
  const repeated = (layer, layers) => (x) => {
    for (let i = 0; i < layers; i++) x = layer(x);
    return x;
  };
  /** @type {(layer: (x: Tensor) => Tensor, layers: number) => ReturnType<typeof step>} */
  const forward = (layer, layers) => step(({ x }) => ({ outputs: { y: repeated(layer, layers)(x) } }));
  /** Adam on the mean of squares. @type {(params: Parameter[], model: (x: Tensor) => Tensor, clip?: boolean) => Traced} */
  const training = (params, model, clip = false) => {
    const optimizer = new optim.Adam(params, { lr: 1e-3 });
    return ({ x }) => {
      const loss = mean(square(model(x)));
      const grads = grad(loss, params);
      const updates = optimizer.update(clip ? optim.clipGradNorm(grads, 1).grads : grads);
      return { outputs: { loss }, updates };
    };
  };
  /** @type {(layers: number, clip?: boolean) => ReturnType<typeof step>} */
  const mlp = (layers, clip) => {
    const all = Array.from({ length: layers }, () => [new nn.Linear(WIDTH, WIDTH), new nn.ReLU()]);
    const model = new nn.Sequential(...all.flat());
    return step(training(model.parameters(), (x) => model.forward(x), clip));
  };

  return {
    'chain of products': {
      nodesPerLayer: 1,
      make: (/** @type {number} */ layers) => forward(product().layer, layers),
    },
    'softmax layers': {
      nodesPerLayer: 12,
      make: (/** @type {number} */ layers) =>
        forward((x) => reshape(softmax(transpose(x)), [ROWS, WIDTH]), layers),
    },
    'parallel branches': {
      nodesPerLayer: 8,
      make: (/** @type {number} */ branches) =>
        step(({ x }) => {
          const { layer } = product();
          const sums = Array.from({ length: branches }, (_, i) => sum(mul(tanh(layer(x)), mul(x, i + 2))));
          return { outputs: { y: sums.reduce((a, b) => add(a, b)) } };
        }),
    },
    'RNN without a loop': {
      nodesPerLayer: 10,
      make(/** @type {number} */ layers) {
        const { params, layer } = product();
        return step(
          training(
            params,
            repeated((x) => tanh(layer(x)), layers),
          ),
        );
      },
    },
    'MLP with Adam': { nodesPerLayer: 60, make: (/** @type {number} */ layers) => mlp(layers) },
    'MLP with Adam and clipping': {
      nodesPerLayer: 70,
      make: (/** @type {number} */ layers) => mlp(layers, true),
    },
    'Transformer with Adam': {
      nodesPerLayer: 509,
      make(/** @type {number} */ layers) {
        const model = new nn.TransformerEncoder(layers, WIDTH, HEADS);
        return step(
          training(model.parameters(), (x) => model.forward(x)),
          [1, ROWS, WIDTH],
        );
      },
    },
  };
}

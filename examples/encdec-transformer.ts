import { argmax, compile, concat, data, eq, fill, grad, i32, iota, ne, nn, optim } from 'chainrule';
import { scan, slice, type Tensor, where } from 'chainrule';
import { atLeast, example, fit, predict } from './kit/index.ts';

/** The longest date is `Wednesday, September 30th, 2020`, and all become the likes of `2020-09-30`. */
const [WRITTEN, ISO] = [31, 10];
const [BATCH, WIDTH, HEADS, LAYERS] = [32, 64, 4, 2];
const [PADDING, START] = [0, 1];

/**
 * An encoder–decoder Transformer (notes 8): the encoder attends to the written date x, the decoder to itself up to t and
 * to what the encoder made of x.
 *
 *     p(y | x) = Π_t p(y_t | y_<t, x),  p(y_t | y_<t, x) = softmax(W decoder(y_<t, encoder(x)) + b)
 */
class Translator extends nn.Module {
  position = new nn.SinusoidalEncoding(WRITTEN, WIDTH);
  encoder = new nn.TransformerEncoder(LAYERS, WIDTH, HEADS, { normFirst: true });
  decoder = new nn.TransformerDecoder(LAYERS, WIDTH, HEADS, { normFirst: true });
  embedding: nn.Embedding;
  out: nn.Linear;

  constructor(characters: number) {
    super();
    this.embedding = new nn.Embedding(characters, WIDTH);
    this.out = new nn.Linear(WIDTH, characters);
  }

  embed = (ids: Tensor) => this.position.forward(this.embedding.forward(ids));

  encode(x: Tensor) {
    const keyValid = ne(x, PADDING);
    return { memory: this.encoder.forward(this.embed(x), { keyValid }), memoryValid: keyValid };
  }

  /** Logits of each yₜ [b, t, characters] from those before it: y [b, t]. */
  decode(y: Tensor, { memory, memoryValid }: ReturnType<Translator['encode']>): Tensor {
    const before = concat([fill(START, [y.shape[0]!, 1], 'i32'), slice(y, [null, [0, -1]])], 1);
    return this.out.forward(this.decoder.forward(this.embed(before), memory, { memoryValid }));
  }

  /** Reads x [b, t]: the likeliest yₜ given those that it has read before, [b, 10]. */
  forward(x: Tensor): Tensor {
    const encoded = this.encode(x);
    const step = (y: Tensor, t: Tensor) => {
      const next = where(eq(iota([ISO], 0), t), argmax(this.decode(y, encoded)), y);
      return [next, t] as const;
    };
    return scan(step, fill(PADDING, [x.shape[0]!, ISO], 'i32'), iota([ISO], 0)).carry;
  }
}

export default example({
  title: 'Encoder–decoder Transformer: reads dates in many written forms',

  async run({ device, seed, short, log, save }) {
    const steps = short ? 65 : 800; // whole dates take longer than 65: the short form claims characters (untrained: 1 %)
    const pairs = data.writtenDates({ train: short ? 2000 : 20_000, heldOut: short ? 50 : 1000, seed });
    const text = [...pairs.train.written, ...pairs.train.iso].join('');
    const characters = new data.CharVocabulary(text, ['<padding>', '<start>']);
    const datasetOf = ({ written, iso }: data.DatePairs) => {
      const idsOf = (texts: readonly string[], length: number) =>
        data.padSequences(
          texts.map((text) => characters.encode(text)),
          { value: PADDING, length },
        ).ids;
      return new data.Dataset({ x: idsOf(written, WRITTEN), y: idsOf(iso, ISO) }, { x: [WRITTEN], y: [ISO] });
    };

    const model = new Translator(characters.size);
    const optimizer = new optim.Adam(model.parameters(), { lr: optim.warmup(50, optim.cosine(2e-3, steps)) });
    const step = await compile(
      device,
      { x: i32(short ? 8 : BATCH, WRITTEN), y: i32(short ? 8 : BATCH, ISO) },
      ({ x, y }) => {
        const loss = nn.crossEntropy(model.decode(y, model.encode(x)), y);
        const clipped = optim.clipGradNorm(grad(loss, optimizer.params), 1).grads;
        return { outputs: { loss }, updates: optimizer.update(clipped) };
      },
      { seed },
    );
    await fit(step, datasetOf(pairs.train), { batch: short ? 8 : BATCH, steps, seed, log });

    const heldOut = datasetOf(pairs.heldOut);
    const read = await predict(device, { x: i32(250, WRITTEN) }, ({ x }) => model.forward(x), heldOut);
    const isos = pairs.heldOut.iso.map((_, i) => characters.decode(read.subarray(i * ISO, (i + 1) * ISO)));
    const lines = pairs.heldOut.written.map((written, i) => `${isos[i]}  ${written}`);
    await save('dates.txt', lines.slice(0, 50).join('\n'));
    const right = read.filter((id, i) => id === heldOut.columns.y[i]).length / read.length;
    return { exact: isos.filter((iso, i) => iso === pairs.heldOut.iso[i]).length / isos.length, right };
  },

  claims: ({ exact, right }, short) => [
    short ? atLeast('right characters', right, 0.25) : atLeast('exact match on unseen dates', exact, 0.95),
  ],
});

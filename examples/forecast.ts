import { add, compile, data, f32, grad, nn, optim, reshape, slice, type Tensor } from 'chainrule';
import { atMost, example, fit, predict } from './kit/index.ts';

/** A forecast reads the last days, and speaks of the coming ones. */
const [DAYS, AHEAD] = [14, 7];
const [BATCH, FEATURES, HIDDEN] = [64, 6, 16];
/** °C, in which x and y have temperatures. */
const UNIT = 10;

/** Of a day after 1 January 2012. */
const season = (day: number) => (2 * Math.PI * day) / 365.25;
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** Seattle's weather, 2012 to 2015 (npm package vega-datasets): what is known of each day, and its highest temperature. */
async function weather() {
  const file = await data.load('npm:vega-datasets/data/seattle-weather.csv', { cache: false });
  const table = data.parseCsv(file);
  const columns = [
    table.numbers('temp_max').map((degrees) => degrees / UNIT),
    table.numbers('temp_min').map((degrees) => degrees / UNIT),
    table.numbers('precipitation').map(Math.log1p),
    table.numbers('wind').map((speed) => speed / 10),
  ];
  const features = (day: number) => columns.map((column) => column[day]!);
  const dates = table.text('date');
  const days = dates.map((_, day) => [...features(day), Math.cos(season(day)), Math.sin(season(day))]);
  return { days, highs: Array.from(columns[0]!), lastYear: dates.indexOf('2015-01-01') };
}

/** ŷ = x_T + W h_T + b: the coming week is like today, but for what a GRU (Cho et al. 2014) has seen in the last days. */
class Forecast extends nn.Module {
  gru = new nn.GRU(FEATURES, HIDDEN);
  change = new nn.Linear(HIDDEN, AHEAD);

  forward(x: Tensor): Tensor {
    const today = reshape(slice(x, [[0], [-1], [0, 1]]), [-1, 1]);
    return add(today, this.change.forward(reshape(this.gru.unroll(x).h, [-1, HIDDEN])));
  }
}

export default example({
  title: 'Gated recurrent units: forecast the temperatures of a week',

  async run({ device, seed, short, log }) {
    const { days, highs, lastYear } = await weather();
    /** The weeks that begin on these days. */
    const weeks = (from: number, to: number) => {
      const firsts = Array.from({ length: to - from }, (_, i) => from + i);
      const x = firsts.flatMap((day) => days.slice(day - DAYS, day).flat());
      const y = firsts.flatMap((day) => highs.slice(day, day + AHEAD));
      const columns = { x: Float32Array.from(x), y: Float32Array.from(y) };
      return new data.Dataset(columns, { x: [DAYS, FEATURES], y: [AHEAD] });
    };
    const train = weeks(DAYS, lastYear - AHEAD + 1);
    const test = weeks(lastYear, days.length - AHEAD + 1);

    const steps = short ? 50 : 400;
    const model = new Forecast();
    const optimizer = new optim.Adam(model.parameters(), { lr: optim.cosine(short ? 0.02 : 5e-3, steps) });
    const step = await compile(
      device,
      { x: f32(BATCH, DAYS, FEATURES), y: f32(BATCH, AHEAD) },
      ({ x, y }) => {
        const loss = nn.l1(model.forward(x), y);
        return { outputs: { loss }, updates: optimizer.update(grad(loss, optimizer.params)) };
      },
      { seed },
    );
    await fit(step, train, { batch: BATCH, steps, seed, log });
    const signature = { x: f32(test.length, DAYS, FEATURES) };
    const forecast = await predict(device, signature, ({ x }) => model.forward(x), test);

    /** Mean |y − ŷ| in °C. */
    const error = (guess: (week: number, ahead: number) => number) => {
      const { y } = test.columns;
      return UNIT * mean(Array.from(y, (t, i) => Math.abs(t - guess(Math.floor(i / AHEAD), i % AHEAD))));
    };
    /** The mean within ten days of the same date in earlier years. */
    const usual = (day: number) => {
      const isNear = (_: unknown, other: number) => Math.cos(season(day - other)) > Math.cos(season(10.5));
      return mean(highs.slice(0, lastYear).filter(isNear));
    };
    return {
      'error in °C': error((week, ahead) => forecast[week * AHEAD + ahead]!),
      'like today': error((week) => highs[lastYear + week - 1]!),
      'as in other years': error((week, ahead) => usual(lastYear + week + ahead)),
    };
  },

  claims: (errors, short) => [
    atMost('error / like today', errors['error in °C'] / errors['like today'], short ? 0.95 : 0.87),
    atMost('error / as usual', errors['error in °C'] / errors['as in other years'], short ? 1.02 : 0.93),
  ],
});

import { describe, expect, test } from 'vitest';
import { ArgumentError, data } from '../../src/index.ts';

describe('heteroscedastic', () => {
  test('draws y around the given mean with the given deviation, and says both', () => {
    const rows = 20_000;
    const { columns, shapes } = data.heteroscedastic({ rows, seed: 1 });
    expect(shapes).toEqual({ x: [1], y: [1], mean: [1], sigma: [1] });
    // (y − mean) / sigma is standard normal in every part of the range
    for (const [low, high] of [
      [-2, -1],
      [-1, 1],
      [1, 2],
    ] as const) {
      const z = [...columns.y].flatMap((y, i) =>
        columns.x[i]! >= low && columns.x[i]! < high ? [(y - columns.mean[i]!) / columns.sigma[i]!] : [],
      );
      const mean = z.reduce((a, b) => a + b) / z.length;
      const variance = z.reduce((a, b) => a + b * b, 0) / z.length;
      // five standard errors
      expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(z.length));
      expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / z.length));
    }
    columns.x.forEach((x, i) => expect(columns.mean[i]).toBeCloseTo(Math.sin(2 * x), 5));
    expect(Math.min(...columns.sigma)).toBeCloseTo(0.1, 3);
    expect(Math.max(...columns.sigma)).toBeCloseTo(0.5, 3);
  });

  test('takes other functions and ranges, and the seed fixes the draw', () => {
    const options = { rows: 50, mean: (x: number) => x, sigma: () => 1e-9, range: [3, 4] as const };
    const { x, y } = data.heteroscedastic({ ...options, seed: 2 }).columns;
    expect(Math.min(...x)).toBeGreaterThanOrEqual(3);
    expect(Math.max(...x)).toBeLessThan(4);
    y.forEach((value, i) => expect(value).toBeCloseTo(x[i]!, 6));
    expect(data.heteroscedastic({ ...options, seed: 2 }).columns.x).toEqual(x);
    expect(data.heteroscedastic({ ...options, seed: 3 }).columns.x).not.toEqual(x);
  });
});

describe('points of the plane', () => {
  const noise = 0;
  const at = ({ columns: { x } }: data.PlanePoints, i: number) => [x[2 * i]!, x[2 * i + 1]!] as const;

  test('of circles lie on their radii', () => {
    const dataset = data.circles({ rows: 101, seed: 1, inner: 0.3, noise });
    for (let i = 0; i < 101; i++) expect(Math.hypot(...at(dataset, i))).toBeCloseTo(i % 2 ? 0.3 : 1, 5);
    expect([...dataset.columns.label.subarray(0, 4)]).toEqual([0, 1, 0, 1]);
    expect(dataset.shapes).toEqual({ x: [2], label: [] });
  });

  test('of moons lie on two half circles', () => {
    const dataset = data.moons({ rows: 100, seed: 1, noise });
    for (let i = 0; i < 100; i++) {
      const [u, v] = at(dataset, i);
      const [du, dv] = i % 2 ? [u - 1, v - 0.5] : [u, v];
      expect(Math.hypot(du, dv)).toBeCloseTo(1, 5);
      expect(i % 2 ? dv <= 1e-6 : dv >= 0).toBe(true);
    }
  });

  test('of spirals turn with their radius', () => {
    const dataset = data.spirals({ rows: 90, seed: 1, classes: 3, turns: 2, noise });
    for (let i = 0; i < 90; i++) {
      const [u, v] = at(dataset, i);
      const radius = Math.hypot(u, v);
      expect(radius).toBeLessThan(1);
      const angle = 2 * Math.PI * (2 * radius + (i % 3) / 3);
      expect(u).toBeCloseTo(radius * Math.cos(angle), 4);
      expect(v).toBeCloseTo(radius * Math.sin(angle), 4);
    }
  });

  test('are moved by noise of the given deviation', () => {
    const still = data.circles({ rows: 4000, seed: 1, noise }).columns.x;
    const moved = data.circles({ rows: 4000, seed: 1, noise: 0.2 }).columns.x;
    const variance = moved.reduce((total, x, i) => total + (x - still[i]!) ** 2, 0) / moved.length;
    expect(variance).toBeCloseTo(0.04, 2);
  });

  test('need at least one row and class', () => {
    expect(() => data.moons({ rows: 0, seed: 1 })).toThrow(ArgumentError);
    expect(() => data.moons({ rows: 0, seed: 1 })).toThrow(
      'moons: expected rows to be a positive integer, got 0',
    );
    expect(() => data.spirals({ rows: 1, seed: 1, classes: 0 })).toThrow('classes to be a positive integer');
    expect(() => data.heteroscedastic({ rows: 1.5, seed: 1 })).toThrow(ArgumentError);
  });
});

describe('writtenDates', () => {
  const { writtenForms } = data;
  const day = (iso: string) => Date.parse(iso) / 86_400_000;

  test('writes a day in many forms', () => {
    const { iso, written } = writtenForms(day('2021-03-03'));
    expect(iso).toBe('2021-03-03');
    expect(written).toEqual([
      '2021-03-03',
      '2021/03/03',
      '20210303',
      '3.3.2021',
      '03.03.2021',
      '3.3.21',
      '3 March 2021',
      '3 Mar 2021',
      '03-Mar-2021',
      "3 Mar '21",
      'March 3, 2021',
      'Mar 3rd, 2021',
      '3rd of March 2021',
      'the 3rd of March, 2021',
      '3 march 2021',
      'MAR 3 2021',
      'Wednesday, 3 March 2021',
      'Wed 3 Mar 2021',
      'Wednesday, March 3rd, 2021',
      '3/3/2021',
      '3/3/2021',
      '03/03/21',
      '03/03/21',
    ]);
    expect(writtenForms(day('1999-12-31')).written).toContain('31/12/99');
    expect(writtenForms(day('2021-04-03')).written.filter((form) => /^\d+\/\d+\/\d+$/.test(form))).toEqual([
      '2021/04/03',
    ]);
    const ordinals = [
      '1st',
      '2nd',
      '3rd',
      '4th',
      '11th',
      '12th',
      '13th',
      '21st',
      '22nd',
      '23rd',
      '30th',
      '31st',
    ];
    for (const ordinal of ordinals) {
      const iso = `2020-01-${String(parseInt(ordinal)).padStart(2, '0')}`;
      expect(writtenForms(day(iso)).written).toContain(`Jan ${ordinal}, 2020`);
    }
  });

  // all forms of all days: 740,000 strings
  test('has no string that could be two days', { timeout: 60_000 }, () => {
    const meaning = new Map<string, string>();
    for (let d = day('1969-01-01'); d < day('2069-01-01'); d++) {
      const { iso, written } = writtenForms(d);
      for (const form of written) {
        if (meaning.has(form) && meaning.get(form) !== iso)
          throw new Error(`${form} is ${meaning.get(form)} and ${iso}`);
        meaning.set(form, iso);
      }
    }
    expect(new Set(meaning.values()).size).toBe(36_525);
  });

  test('keeps the days of held-out pairs out of the training pairs', () => {
    const { train, heldOut } = data.writtenDates({ train: 5000, heldOut: 500, seed: 4 });
    expect([train.iso.length, train.written.length, heldOut.iso.length]).toEqual([5000, 5000, 500]);
    const seen = new Set(train.iso);
    for (const iso of heldOut.iso) expect(seen.has(iso)).toBe(false);
    for (const { iso, written } of [train, heldOut])
      written.forEach((form, i) => expect(writtenForms(day(iso[i]!)).written).toContain(form));
    // a hundred years, evenly
    const years = train.iso.map((iso) => Number(iso.slice(0, 4)));
    expect(Math.min(...years)).toBe(1969);
    expect(Math.max(...years)).toBe(2068);
    expect(data.writtenDates({ train: 3, heldOut: 1, seed: 4 })).toEqual(
      data.writtenDates({ train: 3, heldOut: 1, seed: 4 }),
    );
    expect(() => data.writtenDates({ train: 0, heldOut: 1, seed: 4 })).toThrow(
      'writtenDates: expected train to be a positive integer, got 0',
    );
  });
});

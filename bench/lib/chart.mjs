// @ts-check
// Curves over two logarithmic axes, as SVG: y ~ xᵃ is a straight line of slope a.

/** @typedef {{ name: string, points: [number, number][], exponent: number }} Series */
/** @typedef {{ title: string, x: string, y: string, series: Series[] }} Panel */

const [WIDTH, HEIGHT, MARGIN, LINE] = [420, 300, 50, 16];
const COLOURS = ['#1f77b4', '#ff7f0e', '#2ca02c', '#d62728', '#9467bd', '#8c564b', '#17becf'];

/** Panels side by side. @param {Panel[]} panels */
export function chart(panels) {
  const height = HEIGHT + LINE * (1 + Math.max(...panels.map(({ series }) => series.length)));
  const size = `width="${panels.length * WIDTH}" height="${height}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
${panels.map((panel, i) => `<g transform="translate(${i * WIDTH} 0)">${draw(panel)}</g>`).join('\n')}
</svg>
`;
}

/** @param {Panel} panel */
function draw({ title, x, y, series }) {
  const all = series.flatMap(({ points }) => points);
  const horizontal = scale(
    all.map(([value]) => value),
    MARGIN,
    WIDTH - 20,
  );
  const vertical = scale(
    all.map(([, value]) => value),
    HEIGHT - MARGIN,
    30,
  );
  const curves = series.map(({ name, points, exponent }, i) => {
    const colour = COLOURS[i % COLOURS.length];
    const at = points.map(([a, b]) => `${horizontal.at(a)},${vertical.at(b)}`);
    return [
      `<polyline points="${at.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      `<text x="${MARGIN}" y="${HEIGHT + LINE * i}" fill="${colour}">${name}: exponent ${exponent.toFixed(2)}</text>`,
    ].join('\n');
  });
  return [
    `<text x="${WIDTH / 2}" y="18" text-anchor="middle" font-weight="bold">${title} (${y}) by ${x}</text>`,
    ...horizontal.ticks.map(
      (tick) =>
        `<text x="${horizontal.at(tick)}" y="${HEIGHT - MARGIN + 18}" text-anchor="middle">${tick}</text>`,
    ),
    ...vertical.ticks.map(
      (tick) => `<text x="${MARGIN - 6}" y="${vertical.at(tick) + 4}" text-anchor="end">${tick}</text>`,
    ),
    `<path d="M${MARGIN} 30V${HEIGHT - MARGIN}H${WIDTH - 20}" fill="none" stroke="black"/>`,
    ...curves,
  ].join('\n');
}

/**
 * A logarithmic scale from the smallest value to the largest.
 *
 * @param {number[]} values
 * @param {number} from
 * @param {number} to
 */
function scale(values, from, to) {
  const [low, high] = [Math.log(Math.min(...values)), Math.log(Math.max(...values))];
  const powers = Array.from({ length: 25 }, (_, i) => 10 ** (i - 12));
  return {
    at: (/** @type {number} */ value) =>
      Number((from + ((Math.log(value) - low) / (high - low || 1)) * (to - from)).toFixed(1)),
    ticks: powers
      .flatMap((power) => [power, 2 * power, 5 * power])
      .filter((tick) => Math.log(tick) >= low - 0.01 && Math.log(tick) <= high + 0.01),
  };
}

import { metrics, type data, type Device } from '../../src/index.ts';
import { withPrefix, type Attrs, type Results, type TensorCase } from './case.ts';

/** Metrics that are computed on the host, whatever device the samples came from: outputs by name. */
type HostMetric = (
  input: (name: string) => data.StoredTensor,
  attrs: Attrs,
) => Readonly<Record<string, number>>;

export const hostMetrics: Readonly<Record<string, HostMetric>> = {
  inception_score(input, attrs) {
    const p = input('p');
    return metrics.inceptionScore(p.data, p.shape[1]!, { splits: attrs.get('splits') });
  },
  fid(input, attrs) {
    attrs.describes('kind', 'sqrtm_value'); // how the case was made, and what another algorithm gives
    const [a, b] = [input('a'), input('b')];
    return { fid: metrics.fid(a.data, b.data, a.shape[1]!) };
  },
};

export async function runHostMetric(_device: Device, golden: TensorCase): Promise<Results> {
  const inputs = withPrefix(golden, 'in');
  const outputs = hostMetrics[golden.op]!((name) => inputs.get(name)!, golden.attrs);
  golden.attrs.requireAllKnown();
  return new Map(
    Object.entries(outputs).map(([name, value]) => [
      `out.${name}`,
      { shape: [], data: Float32Array.of(value) },
    ]),
  );
}

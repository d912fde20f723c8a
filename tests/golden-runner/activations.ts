import { nn } from '../../src/index.ts';
import { MissingError, type Attrs } from './case.ts';

/** The activation that `attrs.activation` names, as a new module. */
export function activation(attrs: Attrs): () => nn.Module {
  const name = attrs.get<string>('activation');
  const alpha = attrs.get('leaky_alpha', 0.1);
  switch (name) {
    case 'relu':
      return () => new nn.ReLU();
    case 'leaky_relu':
      return () => new nn.LeakyReLU(alpha);
    case 'tanh':
      return () => new nn.Tanh();
    case 'sigmoid':
      return () => new nn.Sigmoid();
    case 'arctan':
      return () => new nn.Atan();
    case 'gelu':
      return () => new nn.GELU();
    case 'silu':
      return () => new nn.SiLU();
    default:
      throw new MissingError(`activation ${name}`);
  }
}

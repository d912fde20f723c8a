export { cpu } from './device.ts';
export { evaluateRounded, storedValue, type Rounded } from './rounding.ts';

export { cpu } from './device.ts';

// @ts-check
// Exits with 0 when Dawn, through the npm package `webgpu`, finds an adapter on which a step computes the right result.
// Runs as a process of its own: a driver too old for Dawn may end the process, and Dawn prints warnings.
import { compile, f32, sum, webgpu } from 'chainrule';

const VALUES = Float32Array.of(1, 2, 3, 4);

const device = await webgpu();
const step = await compile(device, { x: f32(VALUES.length) }, ({ x }) => ({ outputs: { total: sum(x) } }));
const total = await (await step({ x: VALUES })).total.item();
device.destroy();
process.exit(total === 10 ? 0 : 1);

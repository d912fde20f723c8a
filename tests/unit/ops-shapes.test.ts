import { describe, expect, test } from 'vitest';
import { ChainruleError, compile, cpu } from '../../src/index.ts';
import { allCases, inputsOf, tensorsOf } from '../case-program.ts';
import { caseName } from '../op-cases.ts';

const failing = allCases.filter(([, { throws }]) => throws !== undefined);
const shaped = allCases.filter(([, { throws, shape }]) => throws === undefined && shape);

describe('an op called with arguments that do not fit throws at the call, and says what it expected', () => {
  test.each(failing.map(([op, opCase]) => [caseName(op, opCase), opCase] as const))(
    '%s',
    async (_, opCase) => {
      const trace = compile(cpu(), inputsOf(opCase).signature, (inputs) => ({
        outputs: { y: opCase.call(...tensorsOf(opCase, inputs)) },
      }));
      const error: unknown = await trace.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ChainruleError);
      expect((error as Error).message).toBe(opCase.throws);
    },
  );
});

describe('an op knows the shape of its result when it is called', () => {
  test.each(shaped.map(([op, opCase]) => [caseName(op, opCase), opCase] as const))(
    '%s',
    async (_, opCase) => {
      let shape: readonly number[] | null = null;
      await compile(cpu(), inputsOf(opCase).signature, (inputs) => {
        const y = opCase.call(...tensorsOf(opCase, inputs));
        shape = y.shape;
        return { outputs: { y } };
      });
      expect(shape).toEqual(opCase.shape);
    },
  );
});

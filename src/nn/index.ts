export * as init from './init.ts';
export * from './layers.ts';
export * from './losses.ts';
export { Module } from './module.ts';
export { summary, type Summary, type SummaryRow } from './summary.ts';

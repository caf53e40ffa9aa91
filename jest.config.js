import { availableParallelism } from 'node:os';

// Coverage is measured in CI's runs of everything: it doubles the time.
const isWholeRun = process.argv.slice(2).every((argument) => argument.startsWith('-'));

export default {
  collectCoverage: isWholeRun && Boolean(process.env.CI),
  extensionsToTreatAsEsm: ['.ts'],
  globalSetup: './test/support/globalSetup.ts',
  globalTeardown: './test/support/globalTeardown.ts',
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testPathIgnorePatterns: ['<rootDir>/test/field/'],
  setupFiles: ['<rootDir>/test/support/environment.js'],
  reporters: ['<rootDir>/test/support/reporter.ts'],
  transform: { '\\.ts$': '<rootDir>/test/support/stripTypes.ts' },
  coverageProvider: 'v8',
  collectCoverageFrom: ['functions/**/*.ts', 'shared/**/*.ts'],
  coverageReporters: ['text', 'lcovonly'],
  coverageThreshold: { global: { lines: 95, branches: 95 } },
  // Most of the time goes in waiting for processes and deadlines, so that each core serves several files.
  maxWorkers: Math.ceil(availableParallelism() * 1.5),
  // Concurrent tests only wait.
  maxConcurrency: 20,
  // Modules of a file stay in memory after it: a worker is replaced before it holds gigabytes, and takes long to end.
  workerIdleMemoryLimit: '600MB',
  // Core Tools may take 120 seconds to start.
  testTimeout: process.env.TEST_HOST === 'func' ? 150_000 : 30_000,
};

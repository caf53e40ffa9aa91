// `npm test -- one/file` runs that file alone, without coverage: the threshold is for whole runs.
const isWholeRun = process.argv.slice(2).every((argument) => argument.startsWith('-'));

export default {
  collectCoverage: isWholeRun,
  extensionsToTreatAsEsm: ['.ts'],
  globalSetup: './test/support/globalSetup.ts',
  globalTeardown: './test/support/globalTeardown.ts',
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  transform: {
    '\\.ts$': [
      'babel-jest',
      {
        babelrc: false,
        configFile: false,
        presets: [['@babel/preset-typescript', { onlyRemoveTypeImports: true, allowDeclareFields: true }]],
        targets: { node: 'current' },
      },
    ],
  },
  collectCoverageFrom: ['functions/**/*.ts', 'shared/**/*.ts'],
  coverageReporters: ['text', 'lcovonly'],
  coverageThreshold: { global: { lines: 95, branches: 95 } },
  // Much of the time goes in waiting for deadlines, so no core is kept free.
  maxWorkers: '100%',
  testTimeout: 30_000,
};

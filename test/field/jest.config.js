// What needs a toolchain or a browser: `npm run test:field`.
import base from '../../jest.config.js';

export default {
  ...base,
  rootDir: '../..',
  collectCoverage: false,
  testMatch: ['<rootDir>/test/field/**/*.test.ts'],
  testPathIgnorePatterns: [],
  testTimeout: 240_000,
};

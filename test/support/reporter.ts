// What a run of the tests prints: how far it is, what failed, and at the end its figures and its slowest files.
import { relative } from 'node:path';
import type { AggregatedResult, Config, Test, TestResult } from '@jest/reporters';

const SLOWEST = 10;

/** Without a terminal, a line is printed each time that so many files more are done. */
const FILES_PER_LINE = 20;

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`;

export default class Reporter {
  readonly #rootDir: string;
  readonly #hasTerminal = Boolean(process.stderr.isTTY);

  constructor({ rootDir }: Config.GlobalConfig) {
    this.#rootDir = rootDir;
  }

  onTestResult(_test: Test, { failureMessage, console: printed, testFilePath }: TestResult, sofar: AggregatedResult) {
    if (failureMessage) {
      this.#print(`\nFAIL ${relative(this.#rootDir, testFilePath)}`);
      for (const { message, type } of printed ?? []) this.#print(`  ${type}: ${message}`);
      this.#print(failureMessage);
    }
    const { numPassedTestSuites, numFailedTestSuites, numPendingTestSuites, numPassedTests, numFailedTests } = sofar;
    const done = numPassedTestSuites + numFailedTestSuites + numPendingTestSuites;
    const tests = `${numPassedTests + numFailedTests} tests, ${numFailedTests} failed`;
    const line = `${done} of ${sofar.numTotalTestSuites} files, ${tests}`;
    if (this.#hasTerminal) process.stderr.write(`\r${line}`);
    else if (done % FILES_PER_LINE === 0) this.#print(line);
  }

  onRunComplete(_contexts: unknown, results: AggregatedResult) {
    const { testResults, startTime, numPassedTests, numPendingTests, numTotalTestSuites } = results;
    // A file that could not run has no test that failed.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const files = testResults.map(({ perfStats: { start, end }, testFilePath }) => ({
      testFilePath,
      time: end - start,
    }));
    this.#print('Slowest files:');
    for (const { testFilePath, time } of files.toSorted((a, b) => b.time - a.time).slice(0, SLOWEST)) {
      this.#print(`${seconds(time).padStart(8)}  ${relative(this.#rootDir, testFilePath)}`);
    }
    const skipped = testResults.flatMap(({ testResults: tests }) => tests.flatMap(skippedGroup));
    for (const title of new Set(skipped)) this.#print(`Skipped: ${title}`);
    this.#print(`Time: ${seconds(Date.now() - startTime)} for ${numTotalTestSuites} files`);
    this.#print(`Tests: ${numPassedTests} passed, ${failed} failed, ${numPendingTests} skipped`);
  }

  #print(line: string) {
    process.stderr.write(this.#hasTerminal ? `\r\x1b[K${line}\n` : `${line}\n`);
  }
}

/** The title of a group that was skipped, which has the reason in parentheses. */
function skippedGroup({ status, ancestorTitles: [group = ''] }: TestResult['testResults'][number]): string[] {
  return status === 'pending' && group.includes('(skipped: ') ? [group] : [];
}

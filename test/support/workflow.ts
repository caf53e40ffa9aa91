// Runs GitHub's workflows as GitHub would: expressions are evaluated by its own library, scripts run in a shell. An action is
// only recorded, with its inputs, and so is each call of a command that has a stand-in.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { parseEnv } from 'node:util';
import { data, Evaluator, Lexer, Parser } from '@actions/expressions';
import { parse } from 'yaml';
import * as z from 'zod';

const FOLDER = '.github/workflows';
const texts = z.record(z.string(), z.coerce.string()).default({});
const step = z.object({
  id: z.string().optional(),
  name: z.string().optional(),
  if: z.string().optional(),
  uses: z.string().optional(),
  run: z.string().optional(),
  with: texts,
  env: texts,
});
const job = z.object({
  needs: z.union([z.string().transform((one) => [one]), z.array(z.string())]).default([]),
  if: z.string().optional(),
  uses: z.string().optional(),
  with: texts,
  env: texts,
  strategy: z.object({ matrix: z.record(z.string(), z.array(z.unknown())) }).optional(),
  outputs: texts,
  steps: z.array(step).default([]),
});
const workflow = z.object({ jobs: z.record(z.string(), job) });

type Job = z.infer<typeof job>;
type Values = Readonly<Record<string, unknown>>;

/** The scripts of a workflow, by the name of their step. */
export const scriptsOf = (file: string) =>
  Object.values(readWorkflow(file).jobs).flatMap(({ steps }) =>
    steps.flatMap(({ name, run }) => (run === undefined ? [] : [{ name: name ?? run, run }])),
  );

const readWorkflow = (file: string) => workflow.parse(parse(readFileSync(`${FOLDER}/${file}`, 'utf8')));

/** A folder in which workflows run, with files of the repository and stand-ins for commands. */
export function createRunner(files: readonly string[], commands: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), 'playpromptoperation-workflows-'));
  const calls = join(folder, 'calls');
  for (const file of files) cpSync(file, join(folder, file), { recursive: true });
  mkdirSync(join(folder, 'bin'));
  for (const [name, script] of Object.entries(commands)) {
    const record = `echo "${name} $*" | tr '\\n' ' ' >> "$CALLS"; echo >> "$CALLS"`;
    writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${record}\n${script}\n`, { mode: 0o755 });
  }
  return { folder, run, remove: () => rmSync(folder, { recursive: true, force: true }) };

  /**
   * Runs a workflow to its end, or until a step fails.
   *
   * @returns what was called, in order: `job: action inputs` or `job: command arguments`; a step that fails is the last
   */
  function run(file: string, contexts: Values, env: NodeJS.ProcessEnv = {}): string[] {
    const called: string[] = [];
    runJobs(file, contexts, '');
    return called;

    /** Whether no job failed. */
    function runJobs(file: string, contexts: Values, prefix: string): boolean {
      const needs: Record<string, { result: string; outputs: Values }> = {};
      for (const [id, each] of Object.entries(readWorkflow(file).jobs)) {
        const results = each.needs.map((name) => needs[name]?.result);
        const inJob = { ...contexts, needs };
        const success = results.every((result) => result === 'success');
        const name = `${prefix}${id}`;
        if (!isWanted(each.if, inJob, { success, failure: results.includes('failure'), cancelled: false })) {
          needs[id] = { result: 'skipped', outputs: {} };
        } else if (each.uses !== undefined) {
          const inputs = resolveAll(each.with, inJob);
          const hasSucceeded = runJobs(each.uses.replace(`./${FOLDER}/`, ''), { ...inJob, inputs }, `${name}/`);
          needs[id] = { result: hasSucceeded ? 'success' : 'failure', outputs: {} };
        } else {
          const [variable = '', choices = [undefined]] = Object.entries(each.strategy?.matrix ?? {})[0] ?? [];
          for (const choice of choices) {
            const all = { ...inJob, matrix: { [variable]: choice } };
            const steps = runSteps(each, all, name);
            const outputs = steps ? resolveAll(each.outputs, { ...all, steps }) : {};
            needs[id] = { result: steps ? 'success' : 'failure', outputs };
          }
        }
      }
      return Object.values(needs).every(({ result }) => result !== 'failure');
    }

    /** The outputs of the steps, or undefined if one failed. */
    function runSteps(job: Job, contexts: Values, name: string) {
      const steps: Record<string, { outputs: Values }> = {};
      for (const one of job.steps) {
        const all = { ...contexts, steps };
        if (!isWanted(one.if, all, { success: true, failure: false, cancelled: false })) continue;
        if (one.uses !== undefined) {
          const inputs = Object.entries(resolveAll(one.with, all)).map(([key, value]) => ` ${key}=${value.trim()}`);
          called.push(`${name}: ${one.uses.replace(/@.*/, '')}${inputs.join('')}`.replaceAll('\n', ' '));
          continue;
        }
        const output = join(folder, 'output');
        for (const written of [calls, output]) writeFileSync(written, '');
        const variables = {
          PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}`,
          CALLS: calls,
          GITHUB_OUTPUT: output,
          GITHUB_STEP_SUMMARY: join(folder, 'summary'),
          GITHUB_PATH: join(folder, 'path'),
          ...env,
          ...resolveAll(job.env, all),
          ...resolveAll(one.env, all),
        };
        const shell = ['--norc', '-e', '-o', 'pipefail', '-c', one.run ?? ''];
        const options = { cwd: folder, encoding: 'utf8', env: variables } as const;
        const { status, stdout, stderr } = spawnSync('/bin/bash', shell, options);
        const lines = readFileSync(calls, 'utf8').split('\n').filter(Boolean);
        called.push(...lines.map((line) => `${name}: ${line.trim()}`));
        if (status !== 0) {
          const printed = `${stdout.trim().split('\n').at(-1)}${stderr}`;
          called.push(`${name}: FAILED ${one.name ?? one.run}: ${printed}`.trim());
          return undefined;
        }
        if (one.id !== undefined) steps[one.id] = { outputs: parseEnv(readFileSync(output, 'utf8')) };
      }
      return steps;
    }
  }
}

/** Whether a condition holds; without a status function in it, only after a success. */
function isWanted(condition: string | undefined, contexts: Values, status: Readonly<Record<string, boolean>>): boolean {
  const hasStatus = /\b(?:success|failure|cancelled|always)\(/.test(condition ?? '');
  if (!hasStatus && !status.success) return false;
  return condition === undefined || evaluate(condition, contexts, status) !== 'false';
}

const resolveAll = (values: Readonly<Record<string, string>>, contexts: Values) =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, resolve(value, contexts)]));

const resolve = (text: string, contexts: Values) =>
  text.replace(/\$\{\{(.*?)\}\}/gs, (_, expression: string) => evaluate(expression.trim(), contexts));

/** The value of an expression as text, by GitHub's own library. */
function evaluate(expression: string, contexts: Values, status: Readonly<Record<string, boolean>> = {}): string {
  const functions = Object.entries(status).map(([name, value]) => ({
    ...{ name, minArgs: 0, maxArgs: 0 },
    call: () => new data.BooleanData(value),
  }));
  const parsed = new Parser(new Lexer(expression).lex().tokens, Object.keys(contexts), functions).parse();
  const context = JSON.parse(JSON.stringify(contexts), data.reviver);
  return new Evaluator(parsed, context, new Map(functions.map((each) => [each.name, each]))).evaluate().coerceString();
}

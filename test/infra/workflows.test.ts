// GitHub's own parser of workflows finds nothing wrong with ours, and what they may do is held down.
import { readdirSync, readFileSync } from 'node:fs';
import { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } from '@actions/workflow-parser';
import { describe, expect, test } from '@jest/globals';

const FOLDER = '.github/workflows';

async function faultsOf(content: string): Promise<string[]> {
  const { context, value } = parseWorkflow({ name: 'workflow.yml', content }, new NoOperationTraceWriter());
  if (value) await convertWorkflowTemplate(context, value);
  return context.errors.getErrors().map(({ message }) => message);
}

describe.each(readdirSync(FOLDER))('%s', (file) => {
  const content = readFileSync(`${FOLDER}/${file}`, 'utf8');

  test('is a workflow as GitHub understands it', async () => {
    expect(await faultsOf(content)).toEqual([]);
  });

  test('is permitted nothing but what a job asks for, and no job asks to write anything but its own token', () => {
    expect(content).toContain('\npermissions: {}\n');
    const written = [...content.matchAll(/^ +([\w-]+): write$/gm)].map(([, name]) => name);
    expect(written.filter((name) => name !== 'id-token')).toEqual([]);
  });

  test('holds no secret, and leaves no credential in the checkout', () => {
    expect(content).not.toMatch(/\bsecrets\b/);
    const checkouts = content.match(/uses: actions\/checkout@/g)?.length ?? 0;
    expect(content.match(/persist-credentials: false/g)?.length ?? 0).toBe(checkouts);
  });

  test('puts no text of others into a script', () => {
    // What a step runs has it from the environment instead, where it is no part of the script.
    for (const [script] of content.matchAll(/\brun: (?:\|\n(?: {10}.*\n)+|.*\n)/g)) expect(script).not.toContain('${{');
  });
});

test.each([
  ['an unknown key', 'on: push\njobs:\n  a:\n    runs-on: x\n    stepz: []\n'],
  ['a job that needs one that is not there', 'on: push\njobs:\n  a:\n    runs-on: x\n    needs: b\n    steps: []\n'],
  ['an unknown context', `on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: echo \${{ varz.x }}\n`],
])('%s would be found', async (_title, content) => {
  expect(await faultsOf(content)).not.toEqual([]);
});

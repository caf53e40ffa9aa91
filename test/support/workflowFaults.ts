// Prints what GitHub's parser finds wrong with each workflow of a JSON array that is read from standard input. It runs in a
// process of its own: the parser imports JSON without saying so, which Node refuses and Jest warns of.
import { registerHooks } from 'node:module';
import { json } from 'node:stream/consumers';
import * as z from 'zod';

registerHooks({
  load: (url, context, next) =>
    next(url, url.endsWith('.json') ? { ...context, importAttributes: { type: 'json' } } : context),
});
const { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } = await import('@actions/workflow-parser');

const faults: string[][] = [];
for (const content of z.array(z.string()).parse(await json(process.stdin))) {
  const { context, value } = parseWorkflow({ name: 'workflow.yml', content }, new NoOperationTraceWriter());
  if (value) await convertWorkflowTemplate(context, value);
  faults.push(context.errors.getErrors().map(({ message }) => message));
}
console.log(JSON.stringify(faults));

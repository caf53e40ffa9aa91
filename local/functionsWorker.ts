// What the Azure Functions Node.js worker provides to the programming model of `@azure/functions` under the module name
// `@azure/functions-core`, and how a host drives the functions that an app registers with it.
import { randomUUID } from 'node:crypto';
import * as z from 'zod';

const httpTrigger = z.looseObject({
  type: z.literal('httpTrigger'),
  name: z.string(),
  direction: z.literal('in'),
  route: z.string().optional(),
  methods: z.array(z.string()).optional(),
});
const functionMetadata = z.looseObject({ name: z.string(), bindings: z.record(z.string(), z.looseObject({})) });

type Callback = (...args: unknown[]) => unknown;

/** The part of `ProgrammingModel` that a host calls. */
interface ProgrammingModel {
  getCapabilities(capabilities: Record<string, string>): Promise<unknown>;
  getInvocationModel(context: object): {
    getArguments(): Promise<{ context: object; inputs: unknown[] }>;
    invokeFunction(context: object, inputs: unknown[], handler: Callback): Promise<unknown>;
    getResponse(context: object, result: unknown): Promise<unknown>;
  };
}

export type Log = (level: string, message: string) => void;

/** An HTTP-triggered function of the app. */
export interface HttpFunction {
  readonly name: string;
  readonly route: string;
  readonly methods: readonly string[];
  /** Runs the function for one request; rejects when its handler throws. */
  invoke(request: HttpRequestData, log: Log): Promise<HttpAnswer>;
}

/** A request in the form in which a host hands it to the worker. */
export interface HttpRequestData {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

const answer = z.object({
  returnValue: z.object({
    http: z.object({
      statusCode: z.coerce.number().int(),
      headers: z.record(z.string(), z.string()).default({}),
      body: z.object({ bytes: z.instanceof(Uint8Array).optional(), string: z.string().optional() }).nullish(),
    }),
  }),
});

/** What a function answers. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
}

let model: ProgrammingModel | undefined;
const functions: HttpFunction[] = [];
const hooks = new Map<string, Callback[]>();

/** For `@azure/functions`: names the programming model that runs the functions. */
export function setProgrammingModel(value: ProgrammingModel): void {
  model = value;
}

/** For `@azure/functions`: registers a function. Triggers other than HTTP are refused, rather than never run. */
export function registerFunction(metadata: unknown, handler: Callback): { dispose(): void } {
  const { name, bindings } = functionMetadata.parse(metadata);
  const trigger = Object.values(bindings)
    .map((binding) => httpTrigger.safeParse(binding).data)
    .find((binding) => binding !== undefined);
  if (!trigger) throw new Error(`Function ${name} has no HTTP trigger, and this host serves no other.`);
  functions.push({
    name,
    route: trigger.route ?? name,
    methods: (trigger.methods ?? ['GET', 'POST']).map((method) => method.toUpperCase()),
    invoke: (request, log) => invoke(metadata, trigger.name, handler, request, log),
  });
  return { dispose() {} };
}

/** For `@azure/functions`: registers a hook of the app. */
export function registerHook(name: string, callback: Callback): { dispose(): void } {
  hooks.set(name, [...(hooks.get(name) ?? []), callback]);
  return { dispose() {} };
}

/** For `@azure/functions`: a log line that belongs to no invocation. */
export function log(level: string, _category: string, message: string): void {
  console.error(`[${level}] ${message}`);
}

/** Ends the registration of functions and tells the app that it starts. */
export async function startApp(): Promise<readonly HttpFunction[]> {
  if (!model || functions.length === 0) throw new Error('The app registered no function.');
  await model.getCapabilities({});
  await runHooks('appStart', {});
  return functions;
}

/** Tells the app that it ends. */
export async function terminateApp(): Promise<void> {
  await runHooks('appTerminate', {});
}

async function runHooks(name: string, context: object) {
  for (const hook of hooks.get(name) ?? []) await hook(context);
}

async function invoke(
  metadata: unknown,
  triggerName: string,
  handler: Callback,
  { body, ...request }: HttpRequestData,
  write: Log,
): Promise<HttpAnswer> {
  if (!model) throw new Error('The app has not set its programming model.');
  const invocation = model.getInvocationModel({
    invocationId: randomUUID(),
    metadata,
    request: { inputData: [{ name: triggerName, data: { http: { ...request, body: { bytes: body } } } }] },
    log: (level: string, _category: string, message: string) => write(level, message),
    state: undefined,
  });
  const { context, inputs } = await invocation.getArguments();
  const pre = { hookData: {}, inputs, functionHandler: handler, invocationContext: context };
  await runHooks('preInvocation', pre);
  const post = {
    hookData: pre.hookData,
    inputs: pre.inputs,
    invocationContext: context,
    ...(await settle(pre, context)),
  };
  await runHooks('postInvocation', post);
  if (post.error !== undefined) throw post.error;

  const response = answer.parse(await invocation.getResponse(context, post.result));
  const { statusCode, headers, body: content } = response.returnValue.http;
  return { status: statusCode, headers, body: content?.bytes ?? content?.string ?? '' };

  async function settle(call: typeof pre, invocationContext: object): Promise<{ result: unknown; error: unknown }> {
    try {
      const result = await invocation.invokeFunction(invocationContext, call.inputs, call.functionHandler);
      return { result, error: undefined };
    } catch (error) {
      return { result: undefined, error };
    }
  }
}

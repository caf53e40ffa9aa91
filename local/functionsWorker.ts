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
const timerTrigger = z.looseObject({
  type: z.literal('timerTrigger'),
  name: z.string(),
  direction: z.literal('in'),
  schedule: z.string(),
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

/** A timer-triggered function of the app. */
export interface TimerFunction {
  readonly name: string;
  /** An NCRONTAB expression. */
  readonly schedule: string;
  /** Runs the function once; rejects when its handler throws. */
  run(log: Log): Promise<void>;
}

/** What an app registered. */
export interface AppFunctions {
  readonly http: readonly HttpFunction[];
  readonly timers: readonly TimerFunction[];
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
const functions = { http: [] as HttpFunction[], timers: [] as TimerFunction[] };
const hooks = new Map<string, Callback[]>();

/** For `@azure/functions`: names the programming model that runs the functions. */
export function setProgrammingModel(value: ProgrammingModel): void {
  model = value;
}

/** For `@azure/functions`: registers a function. Triggers other than HTTP and timers are refused, rather than never run. */
export function registerFunction(metadata: unknown, handler: Callback): { dispose(): void } {
  const { name, bindings } = functionMetadata.parse(metadata);
  const triggerOf = <Trigger>(schema: z.ZodType<Trigger>) =>
    Object.values(bindings)
      .map((binding) => schema.safeParse(binding).data)
      .find((binding) => binding !== undefined);
  const http = triggerOf(httpTrigger);
  const timer = triggerOf(timerTrigger);
  if (http) {
    functions.http.push({
      name,
      route: http.route ?? name,
      methods: (http.methods ?? ['GET', 'POST']).map((method) => method.toUpperCase()),
      async invoke({ body, ...request }, log) {
        const data = { http: { ...request, body: { bytes: body } } };
        const {
          statusCode,
          headers,
          body: content,
        } = answer.parse(await invoke(metadata, { name: http.name, data }, handler, log)).returnValue.http;
        return { status: statusCode, headers, body: content?.bytes ?? content?.string ?? '' };
      },
    });
  } else if (timer) {
    const data = { json: JSON.stringify({ schedule: {}, scheduleStatus: null, isPastDue: false }) };
    functions.timers.push({
      name,
      schedule: timer.schedule,
      async run(log) {
        await invoke(metadata, { name: timer.name, data }, handler, log);
      },
    });
  } else {
    throw new Error(`Function ${name} has neither an HTTP nor a timer trigger, and this host serves no other.`);
  }
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

/** Ends the registration of functions and notifies the app that it starts. */
export async function startApp(): Promise<AppFunctions> {
  if (!model || functions.http.length === 0) throw new Error('The app registered no function.');
  await model.getCapabilities({});
  await runHooks('appStart', {});
  return functions;
}

/** Notifies the app that it ends. */
export async function terminateApp(): Promise<void> {
  await runHooks('appTerminate', {});
}

async function runHooks(name: string, context: object) {
  for (const hook of hooks.get(name) ?? []) await hook(context);
}

async function invoke(metadata: unknown, input: object, handler: Callback, write: Log): Promise<unknown> {
  if (!model) throw new Error('The app has not set its programming model.');
  const invocation = model.getInvocationModel({
    invocationId: randomUUID(),
    metadata,
    request: { inputData: [input] },
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

  return invocation.getResponse(context, post.result);

  async function settle(call: typeof pre, invocationContext: object): Promise<{ result: unknown; error: unknown }> {
    try {
      const result = await invocation.invokeFunction(invocationContext, call.inputs, call.functionHandler);
      return { result, error: undefined };
    } catch (error) {
      return { result: undefined, error };
    }
  }
}

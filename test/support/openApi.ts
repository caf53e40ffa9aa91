// Compares answers with their descriptions in /openapi.json, strictly: anything that is not described is a fault.
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import * as z from 'zod';
import { decodePath } from '../../functions/router.ts';
import { openApi } from '../../shared/description/openApi.ts';

/** The pages for people are no part of the API; where they are off, they are not found, as any other address. */
const PAGE = /^\/(?:board|docs)(?:\/|$)/i;

/** Where change notifications are off, these are not found, as any other address. */
const SUBSCRIPTIONS = /^\/v1\.0\/subscriptions(?:[/(]|$)/i;

/** A request, as far as its answer depends on it, and the answer. */
export interface Exchange {
  readonly method: string;
  readonly url: string;
  /** What was sent, if it was JSON. */
  readonly sent?: unknown;
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

const answer = z.object({
  headers: z.record(z.string(), z.object({ $ref: z.string() })),
  content: z.record(z.string(), z.object({ schema: z.looseObject({}) })).default({}),
});
const answers = z.record(z.string(), answer.or(z.object({ $ref: z.string() })));
const operation = z.object({ responses: answers });
const { paths, components } = z
  .object({
    paths: z.record(z.string(), z.looseObject({ parameters: z.unknown().optional() })),
    components: z.looseObject({
      responses: z.record(z.string(), answer),
      headers: z.record(z.string(), z.object({ required: z.boolean().default(false), schema: z.looseObject({}) })),
    }),
  })
  .parse(openApi('', { notifications: true }));
const addresses = Object.entries(paths).map(([template, { parameters, ...methods }]) => ({
  // The key has a form in parentheses, which the document only mentions.
  pattern: new RegExp(`^${template.replace(/[.$]/g, '\\$&').replace('/{id}', '(?:/[^/]+|\\([^/]+\\))')}/?$`, 'i'),
  methods: z.record(z.string(), operation).parse(methods),
}));

const ajv = new Ajv2020({ allErrors: true, strictTypes: false, keywords: ['components'] });
addFormats.default(ajv);
const validators = new Map<object, ReturnType<typeof ajv.compile>>();

/** Headers that the host adds, or that are about the body. */
const TRANSPORT = ['connection', 'content-length', 'content-type', 'date', 'keep-alive', 'server', 'transfer-encoding'];

/** @throws Error that names every difference between an answer and its description */
export function checkAnswer(exchange: Exchange): void {
  const faults = faultsOf(exchange);
  if (faults.length === 0) return;
  const { method, url, status, body } = exchange;
  throw new Error([`${method} ${url} ${status} is not as described:`, ...faults, body.slice(0, 1000)].join('\n  '));
}

/** Every difference between an answer and its description. */
export function faultsOf(exchange: Exchange): string[] {
  const { method, url, status, headers } = exchange;
  const path = decodePath(new URL(url).pathname);
  const address = addresses.find(({ pattern }) => pattern.test(path));
  if (address === undefined && status !== 404 && PAGE.test(path)) return [];
  if (address === undefined || (status === 404 && SUBSCRIPTIONS.test(path)))
    return refusalFaults(exchange, 404, 'ResourceNotFound');
  const { methods } = address;
  const served = methods[method === 'HEAD' ? 'get' : method.toLowerCase()];
  if (served === undefined) {
    const names = Object.keys(methods).map((name) => name.toUpperCase());
    const allow = [...names, ...(names.includes('GET') ? ['HEAD'] : [])].sort().join(', ');
    return [
      ...refusalFaults(exchange, 405, 'MethodNotAllowed', ['Allow']),
      ...(headers.get('allow') === allow ? [] : [`Allow is ${headers.get('allow')}, not ${allow}`]),
    ];
  }
  const described = served.responses[status];
  if (described === undefined) return [`the status is none of ${Object.keys(served.responses)}`];
  if ('$ref' in described) return refusalFaults(exchange, status, described.$ref.replace(/.*\//, ''));
  return [
    ...headerFaults(Object.keys(described.headers), headers),
    ...contentFaults(described.content, exchange),
    ...(status === 200 && path.toLowerCase() === '/v1.0/$batch' ? batchFaults(exchange) : []),
  ];
}

/** What is wrong with the answer to a request that was refused; one whose code is not described must look like the others. */
function refusalFaults(exchange: Exchange, status: number, code: string, more: readonly string[] = []): string[] {
  const { headers, content } = components.responses[code] ?? components.responses.BadRequest ?? answer.parse({});
  const faults = [
    ...(exchange.status === status ? [] : [`the status is not ${status}`]),
    ...headerFaults([...Object.keys(headers), ...more], exchange.headers),
    ...contentFaults(content, exchange),
  ];
  if (exchange.method === 'HEAD' || faults.length > 0) return faults;
  const { error } = z.object({ error: z.object({ code: z.string() }) }).parse(JSON.parse(exchange.body));
  // A receiver fails its validation with the status of a request that is not valid.
  const codes = code === 'ValidationError' ? [code, 'BadRequest'] : [code];
  return codes.includes(error.code) ? [] : [`the code is ${error.code}, not ${code}`];
}

function headerFaults(names: readonly string[], headers: Headers): string[] {
  const known = [...TRANSPORT, ...names.map((name) => name.toLowerCase())];
  return [
    ...[...headers.keys()].filter((name) => !known.includes(name)).map((name) => `the header ${name} is not described`),
    ...names.flatMap((name) => {
      const value = headers.get(name);
      const { required, schema } = components.headers[name] ?? { required: true, schema: {} };
      if (value === null) return required ? [`the header ${name} is missing`] : [];
      return schemaFaults(`the header ${name}`, schema, value);
    }),
  ];
}

function contentFaults(content: z.infer<typeof answer>['content'], { method, headers, body }: Exchange): string[] {
  const mediaTypes = Object.keys(content);
  if (method === 'HEAD') return [];
  if (mediaTypes.length === 0) return body === '' ? [] : ['there is a body'];
  const mediaType = headers.get('content-type')?.split(';')[0] ?? 'none';
  const { schema } = content[mediaType] ?? {};
  if (schema === undefined) return [`the media type is ${mediaType}, which is none of ${mediaTypes}`];
  return schemaFaults('the body', schema, mediaType === 'application/json' ? JSON.parse(body) : body);
}

function schemaFaults(what: string, schema: object, value: unknown): string[] {
  const validate = validators.get(schema) ?? ajv.compile({ components, allOf: [schema] });
  validators.set(schema, validate);
  validate(value);
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${what}${instancePath} ${message} ${JSON.stringify(params)}`,
  );
}

const batchRequest = z.object({
  requests: z.array(z.object({ id: z.string(), method: z.string(), url: z.string() })),
});
const response = { id: z.string(), status: z.number(), headers: z.record(z.string(), z.string()) };
const batchResponse = z.object({ responses: z.array(z.object({ ...response, body: z.unknown().optional() })) });

/** The faults of the answers within a batch, each of which must be the answer to its request alone. */
function batchFaults({ url, sent, body }: Exchange): string[] {
  const { requests } = batchRequest.parse(typeof sent === 'string' ? JSON.parse(sent) : sent);
  const { responses } = batchResponse.parse(JSON.parse(body));
  if (responses.length !== requests.length) return [`${requests.length} requests have ${responses.length} answers`];
  return requests.flatMap(({ id, method, url: path }) => {
    const response = responses.find((each) => each.id === id);
    if (response === undefined) return [`there is no answer to ${id}`];
    const address = URL.parse(path) ?? new URL(`/v1.0/${path.replace(/^\/?(?:(prompts\/)?v1\.0(?:\/|$))?/i, '')}`, url);
    const isBelow = address.origin === new URL(url).origin && address.pathname.startsWith('/v1.0/');
    const exchange = {
      method: method.toUpperCase(),
      url: new URL(isBelow ? address : '/beside', url).href,
      status: response.status,
      headers: new Headers(response.headers),
      body: response.body === undefined ? '' : JSON.stringify(response.body),
    };
    const faults = response.status === 424 ? refusalFaults(exchange, 424, 'FailedDependency') : faultsOf(exchange);
    return faults.map((fault) => `${id}: ${fault}`);
  });
}

// The tools of OASIS read $metadata.
import { createRequire } from 'node:module';
import { expect, test } from '@jest/globals';
import * as z from 'zod';
import { csdl } from '../../../shared/description/csdl.ts';
import { toCsdlXml } from '../../../shared/description/csdlXml.ts';
import { readFilter } from '../../../shared/odata/filterOption.ts';
import {
  operationStatuses,
  playPromptOperation,
  propertyNames,
} from '../../../shared/operation/playPromptOperation.ts';

const require = createRequire(import.meta.url);
type Xml2Json = (xml: string, options: { strict: boolean; messages: unknown[] }) => unknown;
const { xml2json }: { xml2json: Xml2Json } = require('odata-csdl');
type Method = { readonly parameters: readonly { readonly name?: string; readonly $ref?: string }[] };
type OpenApi = { readonly paths: Record<string, Record<string, Method>> };
type Csdl2OpenApi = (csdl: unknown, options: { messages: unknown[]; openapiVersion: string }) => OpenApi;
const { csdl2openapi }: { csdl2openapi: Csdl2OpenApi } = require('odata-openapi');

const ON = { notifications: true };
const OFF = { notifications: false };
const toJson = (features: typeof ON): unknown => JSON.parse(JSON.stringify(csdl(features)));
const json = toJson(ON);

test.each([ON, OFF])('odata-csdl converts the XML to exactly the JSON that is served, with %j', (features) => {
  const messages: unknown[] = [];
  expect(xml2json(toCsdlXml(features), { strict: true, messages })).toEqual(toJson(features));
  expect(messages).toEqual([]);
});

test('odata-openapi converts it to the addresses and methods that are served', () => {
  const messages: unknown[] = [];
  const { paths } = csdl2openapi(json, { messages, openapiVersion: '3.1.0' });
  const methods = Object.entries(paths).map(([path, { parameters: _, ...item }]) => [path, Object.keys(item).sort()]);
  expect(Object.fromEntries(methods)).toEqual({
    '/playPromptOperation': ['get'],
    '/playPromptOperation/{id}': ['delete', 'get', 'patch'],
    '/subscriptions': ['get', 'post'],
    '/subscriptions/{id}': ['delete', 'get', 'patch'],
    '/$batch': ['post'],
  });
  const { parameters = [] } = paths['/playPromptOperation']?.get ?? {};
  const options = parameters.map(({ name, $ref }) => name ?? $ref?.replace(/.*\//, '$'));
  expect(options.sort()).toEqual(['$count', '$filter', '$select', '$top']);
  expect(messages).toEqual([]);
});

test('subscriptions are not in the model where notifications are off', () => {
  expect(JSON.stringify(toJson(OFF))).not.toContain('subscription');
});

const object = z.record(z.string(), z.unknown());
const types = z.object({ 'microsoft.graph': z.record(z.string(), object) }).parse(json)['microsoft.graph'];
const inherited = [types.entity, types.commsOperation, types.playPromptOperation];
const all = inherited.flatMap((type) => Object.entries(type ?? {}).filter(([name]) => !name.startsWith('$')));
const declared = z.record(z.string(), object).parse(Object.fromEntries(all));

test('the model has each property of the resource, in its order, and null where that may be', () => {
  expect(Object.keys(declared)).toEqual(propertyNames);
  const nullable = propertyNames.filter((name) => playPromptOperation.shape[name].safeParse(null).success);
  expect(propertyNames.filter((name) => declared[name]?.$Nullable)).toEqual(nullable);
});

test('the model has the types, limits and members that the resource has', () => {
  const time = { $Type: 'Edm.DateTimeOffset', $Precision: 3, $Nullable: true, '@Core.Computed': true };
  expect(declared).toMatchObject({
    id: { $MaxLength: 128 },
    clientContext: { $MaxLength: 256 },
    createdDateTime: time,
    lastActionDateTime: time,
  });
  const int32 = { $Type: 'Edm.Int32' };
  const message = { $MaxLength: 8192, $Nullable: true };
  expect(types.resultInfo).toMatchObject({ $Kind: 'ComplexType', code: int32, subcode: int32, message });
  const members = operationStatuses.map((status, value) => [status, value]);
  expect(types.operationStatus).toEqual({ $Kind: 'EnumType', ...Object.fromEntries(members) });
});

test.each(['status', 'completionReason'])('the model names the type of %s as $filter takes it', (property) => {
  const type = String(declared[property]?.$Type);
  const { $Kind: _, ...members } = types[type.replace('microsoft.graph.', '')] ?? {};
  expect(Object.keys(members).length).toBeGreaterThan(3);
  for (const value of Object.keys(members))
    expect(readFilter(`${property} eq ${type}'${value}'`)).toEqual({ operator: 'eq', property, value });
});

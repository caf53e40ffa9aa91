import { describe, expect, test } from '@jest/globals';
import * as z from 'zod';
import { MAX_LIFETIME_MS } from '../../../shared/notifications/subscription.ts';
import { toSubscriptionBody } from '../../../shared/notifications/subscriptionBody.ts';
import {
  checkUnchanged,
  MAX_CLIENT_STATE_LENGTH,
  MAX_RESOURCE_LENGTH,
  MAX_URL_LENGTH,
  subscriptionSchemas,
  unchangeableOf,
  validateSubscription,
  validateSubscriptionUpdate,
} from '../../../shared/notifications/subscriptionRequest.ts';
import { ServiceError } from '../../../shared/serviceError.ts';
import { aSubscription } from '../../support/notifications.ts';

const HOSTS = ['bot.example'];
const NOW = Date.parse('2026-01-01T00:00:00Z');
const schemas = subscriptionSchemas(HOSTS, () => NOW);
const at = (milliseconds: number) => new Date(NOW + milliseconds).toISOString();

const good = {
  changeType: 'updated',
  resource: 'playPromptOperation',
  notificationUrl: 'https://bot.example/',
  expirationDateTime: at(60_000),
};

/** A signing secret of so many bytes. */
const secretOf = (bytes: number, encoding: BufferEncoding = 'base64') =>
  `whsec_${Buffer.alloc(bytes, 0xff).toString(encoding)}`;

/** The faults, or undefined where there are none. */
function faultsOf(work: () => unknown): readonly { target: string; message: string }[] | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    expect(error.reason).toBe('invalidRequest');
    return error.details;
  }
}

/** Validates a subscription that is good but for these properties. */
const validate = (changes: object) => validateSubscription(schemas, { ...good, ...changes });

/** The properties at fault, or undefined where there are none. */
const targetsOf = (work: () => unknown) =>
  faultsOf(work)
    ?.map(({ target }) => target)
    .toSorted();

describe('a subscription to create', () => {
  test('is read, with its defaults', () => {
    expect(validate({ changeType: ' Deleted,CREATED, created' })).toMatchObject({
      changeTypes: ['created', 'deleted'],
      resource: { text: 'playPromptOperation', operationId: undefined, filter: undefined },
      notificationUrl: 'https://bot.example/',
      lifecycleNotificationUrl: null,
      expiration: new Date(NOW + 60_000),
      clientState: null,
    });
  });

  const filtered = (filter: string) => `playPromptOperation?$filter=${filter}`;

  test.each([
    ['changeType', ['created', 'created,updated,deleted'], ['', 'created,', 'changed', 'created;deleted', null, 1]],
    [
      'resource',
      [
        ...['/playPromptOperation/a', "PLAYPROMPTOPERATION?$filter=status eq 'Running'", 'playPromptOperation?'],
        ...["playPromptOperation/a?$filter=clientContext eq '#'", filtered('not(status eq null)')],
        filtered("status eq 'Running'").padEnd(MAX_RESOURCE_LENGTH, '&'),
      ],
      [
        ...['', 'playPromptOperations', 'playPromptOperation/', 'playPromptOperation/a/b', '//playPromptOperation'],
        ...[null, 'playPromptOperation?$top=1', filtered(''), filtered('x eq 1'), 'x?y', 'playPromptOperation/\0'],
        ...[filtered("clientContext eq '\0'"), filtered("clientContext eq '\ud800'")],
        `playPromptOperation?${'&'.repeat(MAX_RESOURCE_LENGTH)}`,
        // One fault, although it is wrong in several ways.
        `\0${'?'.repeat(MAX_RESOURCE_LENGTH)}`,
        ...["'", '(', 'not '].map((part) => filtered(part.repeat(20_000))),
        filtered(`status in (${"'Running',".repeat(20_000)}'Running')`),
        filtered(`clientContext eq '${'é'.repeat(20_000)}'`),
      ],
    ],
    [
      'notificationUrl',
      ['https://bot.example/'.padEnd(MAX_URL_LENGTH, 'a'), 'https://bot.example/a?b'],
      [
        ...['https://bot.example/\0', 'https://bot.example/\udfff', 'https://bot.example/?\ud800'],
        ...['https://evil.example/', 'http://bot.example/', 'http://evil.example/\0', '', null],
        ...['https://bot.example/', 'http://evil.example/\0'].map((url) => url.padEnd(MAX_URL_LENGTH + 1, 'a')),
      ],
    ],
    [
      'lifecycleNotificationUrl',
      ['https://bot.example/', null],
      ['https://bot.example/\0', 'https://evil.example/', 1],
    ],
    [
      'expirationDateTime',
      [at(1), at(MAX_LIFETIME_MS), '2026-01-01T03:00:00+02:00'],
      [at(0), at(-1), at(MAX_LIFETIME_MS + 1), '2026-01-02', '2026-01-01T01:00:00', 'x', null, NOW + 1000],
    ],
    [
      'clientState',
      [
        ...['', 'a'.repeat(MAX_CLIENT_STATE_LENGTH), '\u{1F600}'.repeat(MAX_CLIENT_STATE_LENGTH / 2), null],
        ...['whsec', 'Whsec_x', secretOf(24), secretOf(25), secretOf(64)],
      ],
      [
        ...['whsec_', secretOf(23), secretOf(65), secretOf(25).slice(0, -1), `${secretOf(24)} `],
        ...[secretOf(24, 'base64url'), `${'\u{1F600}'.repeat(MAX_CLIENT_STATE_LENGTH / 2)}x`, '\ud800', 'a\0', 1],
        ...['a', '\0'].map((start) => start.padEnd(MAX_CLIENT_STATE_LENGTH + 1, 'a')),
      ],
    ],
    ['@odata.type', ['#microsoft.graph.subscription', 'microsoft.graph.subscription'], ['subscription', 5]],
  ])('has a %s', (property, accepted, refused) => {
    const faults = (value: unknown) => [value, targetsOf(() => validate({ [property]: value }))];
    expect(accepted.map(faults)).toEqual(accepted.map((value) => [value, undefined]));
    expect(refused.map(faults)).toEqual(refused.map((value) => [value, [property]]));
  });

  test.each([
    ['changeType', 'changed', 'a comma-separated list of created, updated, deleted'],
    ['resource', 'playPromptOperation?$top=1', '$top'],
    ['resource', 'calls', 'playPromptOperation/{id}'],
    ['notificationUrl', 'http://bot.example/', 'must be an https URL'],
    ['lifecycleNotificationUrl', 'https://bot.example/#', 'must be a URL without a fragment'],
    ['notificationUrl', 'https://bot.example/\0', 'well-formed Unicode without NUL'],
    ['expirationDateTime', '2026-01-02', 'time zone'],
    ['expirationDateTime', at(MAX_LIFETIME_MS + 1), 'at most 1 day ahead'],
    ['clientState', secretOf(23), 'must be whsec_ and the base64 of 24 to 64 bytes'],
  ])('whose %s is %j is refused with what it must be', (property, value, expected) => {
    const [fault, ...others] = faultsOf(() => validate({ [property]: value })) ?? [];
    expect([fault?.target, fault?.message, others]).toEqual([property, expect.stringContaining(expected), []]);
    expect(fault?.message).toMatch(/[^.!]\.$/);
  });

  test("may have what Graph's clients send and ask nothing with, and no more of it", () => {
    const nothing = {
      ...{ latestSupportedTlsVersion: 'v1_3', includeResourceData: false, encryptionCertificate: null },
      ...{ encryptionCertificateId: null, notificationUrlAppId: null, notificationQueryOptions: null },
      ...{ '@odata.type': null, 'lifecycleNotificationUrl@com.example.note': 1, id: null, creatorId: null },
    };
    expect(validate(nothing)).toEqual(validate({}));
    const something = {
      ...{ latestSupportedTlsVersion: 'v1_1', includeResourceData: true, encryptionCertificate: 'MII' },
      ...{ encryptionCertificateId: 'a', notificationUrlAppId: 'b', notificationQueryOptions: 'c' },
    };
    expect(targetsOf(() => validate(something))).toEqual(Object.keys(something).toSorted());
    const [fault] = faultsOf(() => validate({ encryptionCertificate: 'MII' })) ?? [];
    expect(fault?.message).toBe('encryptionCertificate is not supported.');
  });

  test.each([null, 1, 'x', [[]]])('is an object, and not %j', (body) => {
    expect(targetsOf(() => validateSubscription(schemas, body))).toEqual([]);
  });

  test('names every property that is missing or unknown', () => {
    expect(faultsOf(() => validateSubscription(schemas, {}))?.map(({ message }) => message)).toContain(
      'expirationDateTime is required.',
    );
    const required = ['changeType', 'expirationDateTime', 'notificationUrl', 'resource'];
    expect(targetsOf(() => validateSubscription(schemas, {}))).toEqual(required);
    expect(targetsOf(() => validate({ extra: 1, id: 'a' }))).toEqual(['extra', 'id']);
  });
});

describe('a subscription to change', () => {
  test('has a new end, or a new URL, and nothing else, which the store would write', () => {
    const notificationUrl = 'https://bot.example/b';
    const read = [{}, { expirationDateTime: at(5) }, { notificationUrl }].map((body) =>
      validateSubscriptionUpdate(schemas, body),
    );
    expect(read).toStrictEqual([{}, { expiration: new Date(NOW + 5) }, { notificationUrl }]);
  });

  const shown = toSubscriptionBody('root', aSubscription());
  const update = (body: object) => {
    validateSubscriptionUpdate(schemas, body);
    checkUnchanged(unchangeableOf(body), shown);
  };

  test.each(['changeType', 'resource', 'clientState', 'lifecycleNotificationUrl', 'id', 'applicationId', 'creatorId'])(
    'keeps its %s',
    (name) => expect(targetsOf(() => update({ [name]: 'https://other' }))).toEqual([name]),
  );

  test('may be as it was read, with null for what only the service sets', () => {
    const read = { ...shown, notificationUrl: good.notificationUrl, expirationDateTime: at(5) };
    for (const nulls of [{}, { id: null, applicationId: null, creatorId: null }])
      expect(targetsOf(() => update({ ...read, ...nulls }))).toBeUndefined();
  });
});

test('every property that clients write is described, for the OpenAPI document', () => {
  for (const schema of [schemas.toCreate, schemas.toUpdate]) {
    const { '@odata.type': _, ...properties } = z.toJSONSchema(schema, { io: 'input' }).properties ?? {};
    const described = Object.entries(properties).filter(([, property]) => Object(property).description?.length > 0);
    expect(described.map(([name]) => name)).toEqual(Object.keys(properties));
  }
});

import { HttpRequest, InvocationContext } from '@azure/functions';
import { expect, jest, test } from '@jest/globals';
import { type App, createApp, createFailedApp } from '../../../functions/app.ts';
import { createRouter } from '../../../functions/router.ts';
import { openApi } from '../../../shared/description/openApi.ts';
import { readSettings } from '../../../shared/settings.ts';
import { TENANT } from '../../support/operations.ts';

const required = { AUTH_TENANTS: TENANT, AUTH_AUDIENCES: 'api', TABLES_CONNECTION: 'UseDevelopmentStorage=true' };

/** The status with which an app answers a GET without a token. */
async function statusOf(app: App, path: string) {
  const { served, params = {} } = createRouter('', app.http)('GET', path) ?? {};
  const request = new HttpRequest({ method: 'GET', url: `http://a${path}`, params });
  const context = new InvocationContext({ invocationId: 'i', logHandler: () => {} });
  return (await served?.handler(request, context))?.status;
}

test('apps with different settings run in one process', async () => {
  const before = { ...process.env };
  const plain = await createApp(readSettings(required));
  const full = await createApp(
    readSettings({
      ...required,
      RETENTION_DAYS: '1',
      OVERDUE_MINUTES: '1',
      NOTIFICATION_HOSTS: 'bot.example',
      PAGES: 'board',
    }),
  );
  const timers = (app: App) => app.timers.map(({ name }) => name);
  const all = ['deliverNotifications', 'deleteEndedPlayPromptOperations', 'endOverduePlayPromptOperations'];
  expect([timers(plain), timers(full)]).toEqual([[], all]);
  for (const [path, ...statuses] of [
    ['/health/live', 200, 200],
    ['/v1.0/playPromptOperation/a', 401, 401],
    ['/v1.0/subscriptions', 404, 401],
    ['/board', 404, 200],
  ] as const) {
    expect([await statusOf(plain, path), await statusOf(full, path)]).toEqual(statuses);
  }
  expect(process.env).toEqual(before);
});

test('an app that could not start says why at the start, in one line that the host takes for an error', () => {
  const written = jest.spyOn(console, 'error').mockImplementation(() => {});
  createFailedApp(new Error('The settings:\nA is bad.')).start();
  expect(written.mock.calls).toEqual([['error: The settings: A is bad.']]);
  written.mockRestore();
});

test.each(['', 'bot.example'])(
  'OpenAPI describes what is served, and no more, with NOTIFICATION_HOSTS=%s',
  async (hosts) => {
    const { http } = await createApp(readSettings({ ...required, NOTIFICATION_HOSTS: hosts }));
    const described = Object.keys(openApi('', { notifications: hosts !== '' }).paths);
    // The host has no template for /, and an id may be in parentheses too.
    const served = http.flatMap(({ template }) =>
      template.includes('({') ? [] : `/${template.replace('{*path}', '')}`,
    );
    expect(served.sort()).toEqual(described.sort());
  },
);

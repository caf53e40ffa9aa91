import { expect, jest, test } from '@jest/globals';
import { createApp, createFailedApp } from '../../../functions/app.ts';
import { openApi } from '../../../shared/description/openApi.ts';
import { readSettings } from '../../../shared/settings.ts';
import { requiredSettings } from '../../support/tokens.ts';

test('a timer is there only where a setting asks for it', async () => {
  const timersWith = async (settings: object) =>
    (await createApp(readSettings({ ...requiredSettings, ...settings }))).timers.map(({ name }) => name);
  expect(await timersWith({})).toEqual([]);
  const all = ['deliverNotifications', 'deleteEndedPlayPromptOperations', 'endOverduePlayPromptOperations'];
  const settings = { RETENTION_DAYS: '1', OVERDUE_MINUTES: '1', NOTIFICATION_HOSTS: 'bot.example' };
  expect(await timersWith(settings)).toEqual(all);
});

test('an app that could not start says why at the start, in one line that the host takes for an error', () => {
  const written = jest.spyOn(console, 'error').mockImplementation(() => {});
  createFailedApp(new Error('The settings:\nA is bad.')).start();
  expect(written.mock.calls).toEqual([['error: The settings: A is bad.']]);
  written.mockRestore();
});

test.each(['', 'bot.example'])('OpenAPI describes exactly what is served, for hosts %p', async (hosts) => {
  const { http } = await createApp(readSettings({ ...requiredSettings, NOTIFICATION_HOSTS: hosts }));
  const described = Object.keys(openApi('', { notifications: hosts !== '' }).paths);
  // The host has no template for /, and an id may be in parentheses too.
  const served = http.flatMap(({ template }) => (template.includes('({') ? [] : `/${template.replace('{*path}', '')}`));
  expect(served.sort()).toEqual(described.sort());
});

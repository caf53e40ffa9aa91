// `npm run play`: a media worker on this machine, which moves prompts through their statuses.
import { setTimeout as delay } from 'node:timers/promises';
import pLimit from 'p-limit';
import * as z from 'zod';
import { PlayPromptClient, type PlayPromptOperationPatch } from '../client/index.ts';
import { ancestorsEnd } from './ancestors.ts';
import { readCommandLine } from './commandLine.ts';
import { requestToken } from './requestToken.ts';
import { runningService, trustService } from './running.ts';

const USAGE = `
npm run play -- [options]

Plays prompts, as a media worker does: each is NotStarted, then Running, then it ends. Prints a line for each status.

  --context TEXT  the clientContext of the first prompt; by default that of a new call, such as 'call 3f2a/1'
  --count NUMBER  how many prompts to play at once, 1 to 1000, with numbers that continue from the first; by default 1
  --end NAME      completed, canceled or failed; by default completed
  --after TIME    how long a prompt is played, such as 500ms, 3s or 2m, at most 60m; by default 3s
  --help          print this text
`;

/**
 * The result codes and messages of Microsoft's calling platform, under "Event codes" of
 * https://learn.microsoft.com/azure/communication-services/how-tos/call-automation/play-action. Microsoft Graph's own examples
 * have the first two: https://learn.microsoft.com/graph/api/call-playprompt and https://learn.microsoft.com/graph/api/call-record.
 */
const ENDS = {
  completed: {
    status: 'Completed',
    completionReason: 'completedSuccessfully',
    resultInfo: { code: 200, subcode: 0, message: 'Action completed successfully.' },
  },
  canceled: {
    status: 'Failed',
    completionReason: 'mediaOperationCanceled',
    resultInfo: { code: 400, subcode: 8508, message: 'Action failed, the operation was canceled.' },
  },
  failed: {
    status: 'Failed',
    completionReason: 'unknown',
    resultInfo: { code: 400, subcode: 8536, message: 'Action failed, file could not be downloaded.' },
  },
} satisfies Record<string, PlayPromptOperationPatch>;

/** By the unit of a time. */
const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };
/** How long a prompt is NotStarted, unless it is played for less. */
const QUEUED_MS = 1000;
const MAX_PLAYED_MS = 3_600_000;
/** A prompt may be played for an hour. */
const TOKEN_SECONDS = '7200';
const MAX_REQUESTS = 20;

const COUNT = '--count must be a number from 1 to 1000.';
const AFTER = '--after must be a time of at most 60m, such as 500ms, 3s or 2m.';

const optionsSchema = z.object({
  context: z.string().optional(),
  count: z.string().regex(/^\d+$/, COUNT).transform(Number).pipe(z.int().min(1, COUNT).max(1000, COUNT)),
  end: z.enum(['completed', 'canceled', 'failed'], '--end must be completed, canceled or failed.'),
  after: z
    .string()
    .regex(/^\d+(?:ms|s|m)$/, AFTER)
    .transform((time) => Number.parseInt(time, 10) * (UNITS_MS[time.replace(/\d+/, '')] ?? 0))
    .pipe(z.number().max(MAX_PLAYED_MS, AFTER)),
});

const { values } = readCommandLine(USAGE, {
  context: { type: 'string' },
  count: { type: 'string', default: '1' },
  end: { type: 'string', default: 'completed' },
  after: { type: 'string', default: '3s' },
});
const options = optionsSchema.safeParse(values);
if (options.success) await playAll(options.data).catch(report);
else report(new Error(options.error.issues[0]?.message));

async function playAll({ context, count, end, after }: z.infer<typeof optionsSchema>) {
  const service = runningService();
  void ancestorsEnd().then(() => process.exit(1));
  trustService(service);
  const token = await requestToken(service, { expiresInSeconds: TOKEN_SECONDS });
  const limit = pLimit(MAX_REQUESTS);
  const client = new PlayPromptClient({
    baseUrl: service.baseUrl,
    getToken: () => token,
    fetch: (request) => limit(() => fetch(request)),
  });

  const play = async (clientContext: string) => {
    const update = async (patch: PlayPromptOperationPatch) => {
      const { id, status, resultInfo } = await client.update({ clientContext, ...patch });
      const result = resultInfo && `${resultInfo.code}/${resultInfo.subcode} ${resultInfo.message}`;
      const time = new Date().toTimeString().slice(0, 8);
      console.log([time, id, status, JSON.stringify(clientContext), ...(result ? [result] : [])].join(' '));
    };
    await update({ status: 'NotStarted', completionReason: null, resultInfo: null });
    await delay(Math.min(after, QUEUED_MS));
    await update({ status: 'Running' });
    await delay(after);
    await update(ENDS[end]);
  };
  await Promise.all(contextsFrom(context, count).map((each) => play(each).catch(report)));
}

/** The contexts of some prompts: the number at the end of the first goes up. */
function contextsFrom(first = `call ${crypto.randomUUID().slice(0, 4)}/1`, count: number) {
  const [, prefix = first, digits] = /^(.*?)(\d{1,9})$/su.exec(first) ?? [];
  return Array.from({ length: count }, (_, n) => {
    if (digits !== undefined) return `${prefix}${String(Number(digits) + n).padStart(digits.length, '0')}`;
    return count === 1 ? first : `${first}/${n + 1}`;
  });
}

/** Prints a failure; that of `fetch` has the reason as its cause. */
function report(error: unknown) {
  const { message, cause } = error instanceof Error ? error : new Error(String(error));
  console.error(cause instanceof Error ? `${message}: ${cause.message}` : message);
  process.exitCode = 1;
}

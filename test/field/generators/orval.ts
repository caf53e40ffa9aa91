// The client that Orval generates, with fetch. Its functions return every answer, with its status.

import { type Facts, type GeneratedClient, optionOf, Refused, run } from './client.ts';
import * as orvalClient from './generated/orval.ts';

function orval({ token }: Facts): GeneratedClient {
  const options = { headers: { Authorization: `Bearer ${token}` } };
  return {
    update: async (id, patch) => dataOf(await orvalClient.updatePlayPromptOperationById(id, patch, options), 200),
    readStatus: async (id) =>
      dataOf(await orvalClient.readPlayPromptOperationById(id, { $select: ['id', 'status'] }, options), 200),
    async page(clientContext, $skiptoken) {
      const query = { $filter: `clientContext eq '${clientContext}'`, $top: 2, ...($skiptoken && { $skiptoken }) };
      const page = dataOf(await orvalClient.listPlayPromptOperations(query, options), 200);
      return { operations: page.value, next: optionOf(page['@odata.nextLink'], '$skiptoken') };
    },
    async delete(id) {
      dataOf(await orvalClient.deletePlayPromptOperationById(id, options), 204);
    },
    subscribe: async (subscription) => dataOf(await orvalClient.createSubscription(subscription, options), 201),
    async unsubscribe(id) {
      dataOf(await orvalClient.deleteSubscription(id, options), 204);
    },
  };
}

/** @throws Refused if the answer has another status */
function dataOf<Answer extends { status: number; data: unknown }, Status extends number>(
  answer: Answer,
  status: Status,
): Extract<Answer, { status: Status }>['data'] {
  if (answer.status !== status) throw new Refused(answer.status, (answer.data as orvalClient.GraphError).error);
  return answer.data;
}

await run(orval);

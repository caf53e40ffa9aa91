// The client that Orval generates, with fetch. Its functions return every answer, with its status.

import { type Facts, type GeneratedClient, optionOf, type Refusal, run } from './client.ts';
import * as orvalClient from './generated/orval.ts';

function orval({ token }: Facts): GeneratedClient {
  const options = { headers: { Authorization: `Bearer ${token}` } };
  return {
    async update(id, patch) {
      const answer = await orvalClient.updatePlayPromptOperationById(id, patch, options);
      if (answer.status !== 200) throw refused(answer);
      return answer.data;
    },
    async readStatus(id) {
      const answer = await orvalClient.readPlayPromptOperationById(id, { $select: ['id', 'status'] }, options);
      if (answer.status !== 200) throw refused(answer);
      return answer.data;
    },
    async page(clientContext, $skiptoken) {
      const query = { $filter: `clientContext eq '${clientContext}'`, $top: 2, ...($skiptoken && { $skiptoken }) };
      const answer = await orvalClient.listPlayPromptOperations(query, options);
      if (answer.status !== 200) throw refused(answer);
      return { operations: answer.data.value, next: optionOf(answer.data['@odata.nextLink'], '$skiptoken') };
    },
    async delete(id) {
      const answer = await orvalClient.deletePlayPromptOperationById(id, options);
      if (answer.status !== 204) throw refused(answer);
    },
    async subscribe(subscription) {
      const answer = await orvalClient.createSubscription(subscription, options);
      if (answer.status !== 201) throw refused(answer);
      return answer.data;
    },
    async unsubscribe(id) {
      const answer = await orvalClient.deleteSubscription(id, options);
      if (answer.status !== 204) throw refused(answer);
    },
    refusal: (error) => (error instanceof Refused ? error.refusal : undefined),
  };
}

class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.code);
    this.refusal = refusal;
  }
}

function refused({ status, data }: { status: number; data: unknown }) {
  const { error } = data as orvalClient.GraphError;
  return new Refused({ status, code: error.code, targets: error.details?.map(({ target }) => target) ?? [] });
}

await run(orval);

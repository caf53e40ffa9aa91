import type { Authenticate } from '../shared/auth/authentication.ts';
import type { Collaborators, OperationRepository } from '../shared/operation/repository.ts';
import type { UpdateCollaborators } from '../shared/operation/update.ts';
import { byMethod, lazy, type Route } from './httpHandler.ts';
import { createReadPlayPromptOperation } from './readPlayPromptOperation.ts';
import { createUpdatePlayPromptOperation } from './updatePlayPromptOperation.ts';

/** The routes of the resource. An entity has two: its id is a path segment or a key predicate. */
export function createPlayPromptOperationRoutes(
  collaborators: Collaborators<keyof OperationRepository> &
    UpdateCollaborators & { readonly authenticate: Authenticate },
): readonly Route[] {
  const update = createUpdatePlayPromptOperation(collaborators);
  const read = createReadPlayPromptOperation(collaborators);
  const list = lazy(async () =>
    (await import('./listPlayPromptOperations.ts')).createListPlayPromptOperations(collaborators),
  );
  const remove = lazy(async () =>
    (await import('./deletePlayPromptOperation.ts')).createDeletePlayPromptOperation(collaborators),
  );
  const collection = byMethod({ GET: list, PATCH: () => update });
  const entity = byMethod({ GET: () => read, PATCH: () => update, DELETE: remove });

  return [
    { name: 'playPromptOperations', template: 'v1.0/playPromptOperation', find: collection },
    { name: 'playPromptOperation', template: 'v1.0/playPromptOperation/{id}', find: entity },
    { name: 'playPromptOperationByKey', template: 'v1.0/playPromptOperation({key})', find: entity },
  ];
}

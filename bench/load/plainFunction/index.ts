import { app } from '@azure/functions';
import { readPeerSettings } from '../../peers/parts/peer.ts';
import { createPlainUpdate } from './update.ts';

app.http('update', {
  route: 'v1.0/playPromptOperation/{id}',
  methods: ['PATCH'],
  authLevel: 'anonymous',
  handler: createPlainUpdate(readPeerSettings(process.env)),
});

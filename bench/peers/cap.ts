// SAP CAP with SQLite in memory and in its process: no network on the way to the store.
import { serveCap } from './parts/cap.ts';

await serveCap('SAP CAP, SQLite in process');

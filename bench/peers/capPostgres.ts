// SAP CAP with PostgreSQL, over a socket as the table store is.
import { serveCap } from './parts/cap.ts';

process.env.cds_requires_db_credentials_port = process.env.BENCH_POSTGRES_PORT;
await serveCap('SAP CAP, PostgreSQL', 'postgres');

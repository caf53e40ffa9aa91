/** The part of CAP that is used here. */
declare module '@sap/cds' {
  import type { IncomingMessage, Server, ServerResponse } from 'node:http';

  export type Middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => unknown;

  const cds: {
    root: string;
    readonly context: { user: object };
    readonly User: new (claims: { readonly id: unknown; readonly roles: unknown }) => object;
    deploy(model: string): { to(service: string): Promise<unknown> };
    server(options: { from: string; service: string; in_memory: boolean; port: object }): Promise<Server>;
  };
  export default cds;
}

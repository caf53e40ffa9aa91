// A token issuer on the paths of Microsoft Entra ID, for laptops and tests. Its tokens and keys are real; whom it gives
// tokens to is not checked, so it listens on loopback only and is never deployed.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { type JWK, type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose';
import { v5 as uuidv5 } from 'uuid';
import * as z from 'zod';
import { isLoopback } from '../shared/settings.ts';
import { type Certificate, newSigningKey, SIGNING_ALGORITHM, type SigningKey } from './keys.ts';
import { close, createLoopbackServer, hostRefusal, LOOPBACK, listen } from './loopback.ts';

/** How long a token is valid unless the request names another lifetime. */
export const DEFAULT_LIFETIME_SECONDS = 3600;

/** The longest lifetime that a request may name, in seconds: a token that was left somewhere is of no use the day after. */
const MAX_LIFETIME_SECONDS = 24 * 3600;

/** The issuer's `Server` header. */
export const ISSUER_NAME = 'playpromptoperation-issuer';

export interface IssuerOptions {
  /** The app roles of a token whose request names none, as if an administrator had granted them. */
  readonly grantedRoles?: readonly string[];
  /** The key to sign with; by default a new one. */
  readonly signingKey?: SigningKey;
  /** Serves https with this certificate instead of http. */
  readonly certificate?: Certificate | undefined;
}

/** A request for a token; what it leaves out is as in an ordinary token of an application. */
export interface TokenRequest {
  readonly tenant: string;
  readonly audience: string;
  readonly roles: readonly string[];
  /** The id of the application, or another name of it. */
  readonly clientId?: string;
  readonly expiresInSeconds?: number;
}

export interface Issuer {
  /** The address to configure as AUTH_AUTHORITY. */
  readonly authority: string;
  /** Issues a version 2.0 token of an application, as the client credentials flow does. */
  issueToken(request: TokenRequest): Promise<string>;
  /** Signs any claims with the current key. */
  sign(claims: JWTPayload, header?: Partial<JWTHeaderParameters>): Promise<string>;
  /** Begins to sign with a new key; the keys before it stay published. */
  rotate(): Promise<void>;
  close(): Promise<void>;
}

/** Starts an issuer that serves every tenant. */
export async function startIssuer(port: number, options: IssuerOptions = {}): Promise<Issuer> {
  let signing = options.signingKey ?? (await newSigningKey());
  const published = [publicKeyOf(signing)];

  const server = createLoopbackServer(options.certificate, {}, (request, response) => {
    respond(request, response).catch((error: unknown) => {
      console.error(error);
      response.writeHead(500).end();
    });
  });
  const host = `${LOOPBACK}:${await listen(server, port, 'ISSUER_PORT')}`;
  const authority = `${options.certificate ? 'https' : 'http'}://${host}`;

  const sign: Issuer['sign'] = async (claims, header) =>
    new SignJWT(claims)
      .setProtectedHeader({ typ: 'JWT', alg: SIGNING_ALGORITHM, kid: signing.kid, ...header })
      .sign(signing);

  const issueToken: Issuer['issueToken'] = ({ tenant, audience, roles, clientId = 'local', expiresInSeconds }) => {
    const now = Math.floor(Date.now() / 1000);
    const application =
      z.guid().safeParse(clientId).data?.toLowerCase() ?? uuidv5(`application ${clientId}`, uuidv5.URL);
    // As in Entra, an application has a service principal in each tenant.
    const principal = uuidv5(`${application} in ${tenant}`, uuidv5.URL);
    return sign({
      iss: issuerOf(tenant),
      aud: audience,
      iat: now,
      nbf: now,
      exp: now + (expiresInSeconds ?? DEFAULT_LIFETIME_SECONDS),
      azp: application,
      azpacr: '1',
      idtyp: 'app',
      oid: principal,
      sub: principal,
      tid: tenant,
      uti: crypto.randomUUID(),
      ver: '2.0',
      roles: [...roles],
    });
  };

  return {
    authority,
    issueToken,
    sign,
    async rotate() {
      signing = await newSigningKey();
      published.push(publicKeyOf(signing));
    },
    close: () => close(server),
  };

  function issuerOf(tenant: string) {
    return `${authority}/${tenant}/v2.0`;
  }

  async function respond(request: IncomingMessage, response: ServerResponse) {
    const refusal = hostRefusal(request);
    if (refusal) return response.writeHead(refusal).end();
    // The pages of the service are of another port of this machine.
    const origin = URL.parse(request.headers.origin ?? '');
    if (origin && isLoopback(origin.hostname)) response.setHeader('Access-Control-Allow-Origin', origin.origin);
    const [, tenant = '', path = ''] = /^\/([0-9a-f-]{36}|common)\/([^?]*)/i.exec(request.url ?? '') ?? [];
    switch (`${request.method} ${path}`) {
      case 'GET v2.0/.well-known/openid-configuration':
        return json(response, 200, {
          issuer: issuerOf(tenant),
          jwks_uri: `${authority}/${tenant}/discovery/v2.0/keys`,
          authorization_endpoint: `${authority}/${tenant}/oauth2/v2.0/authorize`,
          token_endpoint: `${authority}/${tenant}/oauth2/v2.0/token`,
          token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt'],
          response_types_supported: ['token'],
          subject_types_supported: ['pairwise'],
          id_token_signing_alg_values_supported: [SIGNING_ALGORITHM],
        });
      case 'GET discovery/v2.0/keys':
        return json(response, 200, { keys: published.map((jwk) => ({ ...jwk, issuer: issuerOf(tenant) })) });
      case 'GET discovery/instance':
        return json(response, 200, instanceDiscovery(request.url ?? ''));
      case 'POST oauth2/v2.0/token':
        return respondToTokenRequest(tenant, new URLSearchParams(await text(request)), response);
      default:
        return json(response, 404, { error: 'not_found', error_description: 'The issuer has no such endpoint.' });
    }
  }

  /** What MSAL asks before it trusts an authority: under which names it is known. */
  function instanceDiscovery(url: string) {
    const asked = URL.parse(url, authority)?.searchParams.get('authorization_endpoint') ?? '';
    const [, tenant = 'common'] = URL.parse(asked)?.pathname.split('/') ?? [];
    return {
      tenant_discovery_endpoint: `${authority}/${tenant}/v2.0/.well-known/openid-configuration`,
      'api-version': '1.1',
      metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
    };
  }

  async function respondToTokenRequest(tenant: string, form: URLSearchParams, response: ServerResponse) {
    const parsed = tokenForm.safeParse({
      ...Object.fromEntries(form),
      role: form.has('role') ? form.getAll('role').filter((role) => role !== '') : undefined,
    });
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const error_description = `${issue?.path.join('.')}: ${issue?.message}`;
      return json(response, 400, { error: 'invalid_request', error_description });
    }
    const { client_id: clientId, scope, role = options.grantedRoles ?? [], expires_in } = parsed.data;
    const audience = scope.slice(0, -'/.default'.length);
    return json(response, 200, {
      token_type: 'Bearer',
      expires_in,
      ext_expires_in: expires_in,
      access_token: await issueToken({ tenant, audience, roles: role, clientId, expiresInSeconds: expires_in }),
    });
  }
}

/**
 * RFC 6749 4.4.2, with a secret or an assertion (RFC 7523 2.2), neither of which is checked. Two parameters are not
 * Entra's: `role`, which may be repeated, or empty for a token without roles; and `expires_in`.
 */
const tokenForm = z
  .object({
    grant_type: z.literal('client_credentials'),
    client_id: z.string().min(1),
    client_secret: z.string().min(1).optional(),
    client_assertion: z.string().min(1).optional(),
    scope: z.string().regex(/^.+\/\.default$/, { error: 'must end in /.default' }),
    role: z.array(z.string()).optional(),
    expires_in: z.coerce.number().int().max(MAX_LIFETIME_SECONDS).default(DEFAULT_LIFETIME_SECONDS),
  })
  .refine(({ client_secret, client_assertion }) => client_secret !== undefined || client_assertion !== undefined, {
    path: ['client_secret'],
    error: 'is required, or client_assertion',
  });

function json(response: ServerResponse, status: number, body: object) {
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Cache-Control': 'no-store',
    Server: ISSUER_NAME,
  });
  response.end(JSON.stringify(body));
}

function publicKeyOf({ kty, kid, n, e }: SigningKey): JWK {
  return { kty, kid, n, e, use: 'sig', alg: SIGNING_ALGORITHM };
}

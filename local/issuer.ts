// A token issuer on the paths of Microsoft Entra ID, for laptops and tests. Its tokens and keys are real; whom it gives
// tokens to is not checked, so it listens on loopback only and is never deployed.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose';
import { v5 as uuidv5 } from 'uuid';
import * as z from 'zod';
import { close, LOOPBACK, listen } from './loopback.ts';

const DEFAULT_LIFETIME_SECONDS = 3600;
const ALGORITHM = 'RS256';

/** What a token is asked for; whatever is not said is as in an ordinary token of an application. */
export interface TokenRequest {
  readonly tenant: string;
  readonly audience: string;
  readonly roles: readonly string[];
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

/** Starts an issuer for whatever tenants it is asked about. */
export async function startIssuer(port: number): Promise<Issuer> {
  const published: JWK[] = [];
  let signing = await newKey();
  published.push(signing.jwk);

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      console.error(error);
      response.writeHead(500).end();
    });
  });
  const authority = `http://${LOOPBACK}:${await listen(server, port, 'ISSUER_PORT')}`;

  const sign: Issuer['sign'] = (claims, header) =>
    new SignJWT(claims)
      .setProtectedHeader({ typ: 'JWT', alg: ALGORITHM, kid: signing.kid, ...header })
      .sign(signing.privateKey);

  const issueToken: Issuer['issueToken'] = ({ tenant, audience, roles, expiresInSeconds }) => {
    const now = Math.floor(Date.now() / 1000);
    const application = uuidv5(`application of ${tenant}`, uuidv5.URL);
    return sign({
      iss: issuerOf(tenant),
      aud: audience,
      iat: now,
      nbf: now,
      exp: now + (expiresInSeconds ?? DEFAULT_LIFETIME_SECONDS),
      azp: application,
      azpacr: '1',
      idtyp: 'app',
      oid: application,
      sub: application,
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
      signing = await newKey();
      published.push(signing.jwk);
    },
    close: () => close(server),
  };

  function issuerOf(tenant: string) {
    return `${authority}/${tenant}/v2.0`;
  }

  async function answer(request: IncomingMessage, response: ServerResponse) {
    const [, tenant = '', path = ''] = /^\/([0-9a-f-]{36})\/([^?]*)/i.exec(request.url ?? '') ?? [];
    switch (`${request.method} ${path}`) {
      case 'GET v2.0/.well-known/openid-configuration':
        return json(response, 200, {
          issuer: issuerOf(tenant),
          jwks_uri: `${authority}/${tenant}/discovery/v2.0/keys`,
          token_endpoint: `${authority}/${tenant}/oauth2/v2.0/token`,
          response_types_supported: ['token'],
          subject_types_supported: ['pairwise'],
          id_token_signing_alg_values_supported: [ALGORITHM],
        });
      case 'GET discovery/v2.0/keys':
        return json(response, 200, { keys: published.map((jwk) => ({ ...jwk, issuer: issuerOf(tenant) })) });
      case 'POST oauth2/v2.0/token':
        return answerTokenRequest(tenant, new URLSearchParams(await text(request)), response);
      default:
        return json(response, 404, { error: 'not_found', error_description: 'The issuer serves no such address.' });
    }
  }

  async function answerTokenRequest(tenant: string, form: URLSearchParams, response: ServerResponse) {
    const parsed = tokenForm.safeParse({ ...Object.fromEntries(form), role: form.getAll('role') });
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const error_description = `${issue?.path.join('.')}: ${issue?.message}`;
      return json(response, 400, { error: 'invalid_request', error_description });
    }
    const { scope, role, expires_in } = parsed.data;
    const audience = scope.slice(0, -'/.default'.length);
    return json(response, 200, {
      token_type: 'Bearer',
      expires_in,
      access_token: await issueToken({ tenant, audience, roles: role, expiresInSeconds: expires_in }),
    });
  }
}

/** RFC 6749, section 4.4.2, with two parameters that Entra does not have: which app roles, and for how long. */
const tokenForm = z.object({
  grant_type: z.literal('client_credentials'),
  client_id: z.string().min(1),
  client_secret: z.string().min(1),
  scope: z.string().regex(/^.+\/\.default$/, { error: 'must end in /.default' }),
  role: z.array(z.string()),
  expires_in: z.coerce.number().int().default(DEFAULT_LIFETIME_SECONDS),
});

function json(response: ServerResponse, status: number, body: object) {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  response.end(JSON.stringify(body));
}

async function newKey() {
  const { publicKey, privateKey } = await generateKeyPair(ALGORITHM, { modulusLength: 2048 });
  const kid = crypto.randomUUID();
  return { privateKey, kid, jwk: { ...(await exportJWK(publicKey)), kid, use: 'sig', alg: ALGORITHM } };
}

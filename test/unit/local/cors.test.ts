import { expect, test } from '@jest/globals';
import { corsHeaders, preflightHeaders } from '../../../local/cors.ts';

const listed = { origins: 'http://A.example, http://b.example', allowsCredentials: true };
const any = { origins: '*', allowsCredentials: false };
const from = (origin: string, method = 'PATCH', more = {}) => ({ method, headers: { origin, ...more } });

test('the origins that are listed are admitted, in any casing, and no other', () => {
  const admitted = { 'Access-Control-Allow-Credentials': 'true', Vary: 'Origin' };
  expect(corsHeaders(from('http://a.example'), listed)).toEqual({
    'Access-Control-Allow-Origin': 'http://a.example',
    ...admitted,
  });
  expect(corsHeaders(from('http://c.example'), listed)).toEqual({});
  expect(corsHeaders({ headers: {} }, any)).toEqual({});
  expect(corsHeaders(from('http://c.example'), any)).toEqual({ 'Access-Control-Allow-Origin': '*' });
});

test('a preflight is admitted with the method and the headers that it asks for', () => {
  const asks = { 'access-control-request-method': 'PATCH', 'access-control-request-headers': 'authorization' };
  expect(preflightHeaders(from('http://c.example', 'OPTIONS', asks), any)).toEqual({
    'Access-Control-Allow-Origin': '*',
    'Access-Control-Allow-Methods': 'PATCH',
    'Access-Control-Allow-Headers': 'authorization',
  });
  expect(preflightHeaders(from('http://c.example', 'OPTIONS', asks), listed)).toEqual({});
  expect(preflightHeaders(from('http://c.example', 'OPTIONS'), any)).toBeUndefined();
});

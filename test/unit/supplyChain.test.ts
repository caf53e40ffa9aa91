// What the deployed app is made of, as package-lock.json has it.
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { minVersion, satisfies } from 'semver';
import * as z from 'zod';

const flags = { dev: z.boolean(), optional: z.boolean(), devOptional: z.boolean(), hasInstallScript: z.boolean() };
const texts = { integrity: z.string(), resolved: z.string(), license: z.string() };
// Some old packages have a list.
const engines = z.union([z.object({ node: z.string().optional() }), z.array(z.string())]);
const lock = z.object({ packages: z.record(z.string(), z.object({ ...flags, ...texts, engines }).partial()) });
const { packages } = lock.parse(JSON.parse(readFileSync('package-lock.json', 'utf8')));
const { '': _project, ...locked } = packages;
const deployed = Object.entries(locked).filter(([, one]) => !one.dev && !one.optional && !one.devOptional);

test('every package is locked to its content, and to no place that it was had from', () => {
  expect(Object.entries(locked).filter(([, { integrity }]) => !integrity?.startsWith('sha512-'))).toEqual([]);
  expect(Object.entries(locked).filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
});

test('no package of the deployed app runs a script when it is installed, and each has a license like MIT', () => {
  expect(deployed.length).toBeGreaterThan(10);
  expect(deployed.filter(([, { hasInstallScript }]) => hasInstallScript)).toEqual([]);
  const free = /^(MIT|ISC|0BSD|Apache-2\.0|BSD-[23]-Clause|BlueOak-1\.0\.0)$/;
  expect(deployed.filter(([, { license }]) => !free.test(license ?? ''))).toEqual([]);
});

test('no package asks for a newer Node.js than the project, so that npm ci warns of none', () => {
  const { engines }: { engines: { node: string } } = JSON.parse(readFileSync('package.json', 'utf8'));
  const oldest = minVersion(engines.node)?.version ?? '';
  const asksForMore = Object.entries(locked).filter(([, { engines }]) => {
    const range = Array.isArray(engines) ? undefined : engines?.node;
    return range !== undefined && !satisfies(oldest, range);
  });
  expect(asksForMore.map(([path]) => path)).toEqual([]);
});

test('Azure Functions Core Tools, which npm start takes where they are, are a peer that npm ci leaves alone', () => {
  const tools = 'azure-functions-core-tools';
  const { peerDependencies, peerDependenciesMeta } = JSON.parse(readFileSync('package.json', 'utf8'));
  expect([peerDependencies[tools], peerDependenciesMeta[tools]]).toEqual([expect.any(String), { optional: true }]);
  expect(Object.keys(locked)).not.toContain(`node_modules/${tools}`);
});

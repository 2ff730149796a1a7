// A home that finds the test images under their short names, in a real registry on loopback.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';

import { pushImage, type ImageKind } from './images.js';
import { openHome, waitFor, type Home } from './run-rrun.js';

/** Opens a home in which `rrun run alpine` pulls from a registry of its own that holds `kinds`. */
export async function openServedHome(context: Pick<TestContext, 'after'>, kinds: readonly ImageKind[]): Promise<Home> {
  const home = openHome(context);
  const { address } = await serveImages(home, kinds);
  home.useRegistry(address);
  return home;
}

export interface Served {
  /** "127.0.0.1:PORT" */
  address: string;
  /** The registry's folder, for tests that damage what is in it. */
  data: string;
}

/** Starts Debian's docker-registry in the home, and stops it before the home's check. */
export async function serveImages(home: Home, kinds: readonly ImageKind[]): Promise<Served> {
  const dir = mkdtempSync(path.join(tmpdir(), 'registry-')); // not below the home: it is none of what may be left there
  const address = `127.0.0.1:${await freePort()}`;
  const config = path.join(dir, 'config.yml');
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${dir}/data}}\nhttp: {addr: "${address}"}\n`,
  );
  const child = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => {
    child.on('close', () => {
      resolve();
    });
  });
  home.beforeCheck(async () => {
    child.kill('SIGKILL');
    await ended;
    rmSync(dir, { recursive: true, force: true });
  });
  await waitFor('the registry answers', () => answers(address));
  for (const kind of kinds) await pushImage(address, kind);
  return { address, data: path.join(dir, 'data') };
}

async function answers(address: string): Promise<true | undefined> {
  try {
    return (await fetch(`http://${address}/v2/`)).ok ? true : undefined;
  } catch {
    return undefined;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

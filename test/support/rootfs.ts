// Root file systems for --rootfs, made in the test: busybox and whatever the test wants to find in them.

import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import type { Home } from './run-rrun.js';

const APPLETS = [
  'sh',
  'cat',
  'chmod',
  'echo',
  'grep',
  'id',
  'ls',
  'mkdir',
  'pwd',
  'readlink',
  'sleep',
  'touch',
  'tr',
  'true',
  'unshare',
];

export interface Rootfs {
  /** Links by path in the rootfs: what each holds. They replace the directories that are made otherwise. */
  links?: Readonly<Record<string, string>>;
  files?: Readonly<Record<string, string>>;
}

/** Makes a rootfs in the home and returns its directory. */
export function makeRootfs(home: Home, { links = {}, files = {} }: Rootfs = {}): string {
  const dir = mkdtempSync(path.join(home.dir, 'h/rootfs-'));
  chmodSync(dir, 0o755);
  for (const name of ['bin', 'dev', 'etc', 'proc', 'sys', 'tmp']) {
    if (links[`/${name}`] === undefined && files[`/${name}`] === undefined) mkdirSync(path.join(dir, name));
  }
  const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((file) => existsSync(file));
  if (busybox === undefined) throw new Error('no busybox here: install the package busybox-static');
  copyFileSync(busybox, path.join(dir, 'bin/busybox'));
  for (const name of APPLETS) symlinkSync('busybox', path.join(dir, 'bin', name));
  for (const [name, target] of Object.entries(links)) symlinkSync(target, path.join(dir, name));
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(dir, name), text, { mode: 0o755 });
  return dir;
}

// What must not be there after a test: processes of the home's containers, mounts below it, files of unfinished work.

import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import path from 'node:path';

/** What a look needs of a home; the class itself would be an import cycle. */
export interface Watched {
  dir: string;
  store: string;
  temporaries(): string[];
}

/** Describes what is left; what is on its way out (a network helper that is being reaped) gets a second. */
export async function leaks(home: Watched): Promise<string[]> {
  const deadline = Date.now() + 3000;
  for (;;) {
    const left = [
      ...leftProcesses(home),
      ...leftMounts(home),
      ...home.temporaries().map((name) => `temporary ${name}`),
    ];
    if (left.length === 0 || Date.now() > deadline) return left;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Processes that belong to the home: by command line, environment, working directory, root or an open file. */
export function leftProcesses({ dir }: Pick<Watched, 'dir'>): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .filter((pid) => belongsTo(pid, dir))
    .map((pid) => `process ${pid}: ${commandLine(pid)}`);
}

function belongsTo(pid: string, dir: string): boolean {
  if (stateOf(pid) === 'Z') return false;
  const texts = [
    readProc(pid, 'cmdline'),
    readProc(pid, 'environ'),
    linkOf(pid, 'cwd'),
    linkOf(pid, 'root'),
    readProc(pid, 'mountinfo'),
  ];
  return texts.some((text) => text.includes(dir)) || openFiles(pid).some((file) => file.startsWith(dir));
}

function stateOf(pid: string): string {
  return /\)\s(\w)/.exec(readProc(pid, 'stat'))?.[1] ?? 'Z';
}

function commandLine(pid: string): string {
  return readProc(pid, 'cmdline').replaceAll('\0', ' ').trim() || readProc(pid, 'comm').trim();
}

function openFiles(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(pid, path.join('fd', fd)));
  } catch {
    return [];
  }
}

function linkOf(pid: string, name: string): string {
  try {
    return readlinkSync(`/proc/${pid}/${name}`);
  } catch {
    return '';
  }
}

function readProc(pid: string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

function leftMounts({ dir }: Watched): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(dir))
    .map((line) => `mount ${line}`);
}

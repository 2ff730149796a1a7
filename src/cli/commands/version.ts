// rrun version: what this is, on what it runs.

import { arch, release, version as kernelBuild } from 'node:os';
import { ociArchitecture } from '../../host/architecture.js';
import { VERSION } from '../../util/version.js';
import { defineCommand } from '../command.js';

interface VersionFields {
  Version: string;
  /** There is no API: empty, for templates written for Docker. */
  ApiVersion: string;
  NodeVersion: string;
  Os: string;
  Arch: string;
  KernelVersion: string;
  KernelBuild: string;
}

function versionFields(): VersionFields {
  return {
    Version: VERSION,
    ApiVersion: '',
    NodeVersion: process.versions.node,
    Os: 'linux',
    Arch: ociArchitecture(arch()),
    KernelVersion: release(),
    KernelBuild: kernelBuild(),
  };
}

const TEXT = `Client: rrun
 Version:     {{.Version}}
 Node:        {{.NodeVersion}}
 OS/Arch:     {{.Os}}/{{.Arch}}
 Kernel:      {{.KernelVersion}}
`;

export const command = defineCommand({
  name: 'version',
  summary: 'Show the version of rrun and what it runs on',
  usage: '[OPTIONS]',
  description: '"rrun info" says more: programs, storage, network, user namespaces and where settings come from.',
  examples: [{ command: 'rrun version --format "{{.Version}}"', does: 'print the version alone' }],
  flags: {
    format: { type: 'string', short: 'f', value: 'string', help: 'Format with a Go template, or "json"' },
  },
  args: { min: 0, max: 0 },
  standalone: true, // it is asked for when something is broken
  async run(context, { flags }) {
    const fields = versionFields();
    // Docker's form has a client and a server; here is no server.
    const both = { Client: fields, Server: null };
    if (flags.format === 'json') {
      context.stdout.write(`${JSON.stringify(both)}\n`);
      return 0;
    }
    const { compileTemplate } = await import('../template.js');
    const isOwn = flags.format === undefined || flags.format === '';
    const text = compileTemplate(isOwn ? TEXT : (flags.format ?? '')).execute({ ...fields, ...both });
    context.stdout.write(isOwn ? text : `${text}\n`);
    return 0;
  },
});

// rrun pull: brings an image from its registry into the store.

import { defineCommand } from '../command.js';

export const command = defineCommand({
  name: 'pull',
  summary: 'Pull an image from a registry',
  usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
  description:
    'Registries, mirrors and short names are those of registries.conf, logins those of containers/auth.json and\n~/.docker/config.json, proxies those of HTTPS_PROXY, HTTP_PROXY and NO_PROXY.',
  examples: [
    { command: 'rrun pull alpine', does: 'pull docker.io/library/alpine:latest' },
    { command: 'rrun pull --platform linux/arm64 debian:12', does: 'pull an image for another architecture' },
    {
      command: 'rrun pull --tls-verify=false registry.lan:5000/tool',
      does: 'pull from a registry without a trusted certificate',
    },
  ],
  flags: {
    quiet: { type: 'boolean', short: 'q', help: "Print nothing but the image's full name" },
    platform: {
      type: 'string',
      emptyIsUnset: true,
      value: 'OS/ARCH[/VARIANT]',
      help: 'Pull the image for this platform instead of the one of this machine',
    },
    'tls-verify': {
      type: 'tristate',
      help: 'Check the certificates of the registry (default: true, unless registries.conf says insecure)',
    },
  },
  args: { min: 1, max: 1 },
  async run(context, { flags, args }) {
    const [{ ensureImage }, { baseMapping }, { createPullProgress }, store] = await Promise.all([
      import('../../image/pull.js'),
      import('../../idmap/choose.js'),
      import('../progress.js'),
      context.store(),
    ]);
    const userns = await baseMapping(context.global.config.userns?.value);
    const progress = flags.quiet ? undefined : createPullProgress(context.stdout, context.env);
    try {
      const image = await ensureImage(store, userns, {
        reference: args[0] ?? '',
        policy: 'always',
        ...(flags.platform === undefined ? {} : { platform: flags.platform }),
        ...(flags['tls-verify'] === undefined ? {} : { tlsVerify: flags['tls-verify'] }),
        ...(progress === undefined ? {} : { onProgress: progress.onProgress }),
      });
      progress?.end();
      context.stdout.write(`${image.canonical}\n`);
    } finally {
      progress?.end();
    }
    return 0;
  },
});

// rrun exec: runs a further command in a container that runs.

import { RrunError } from '../../errors.js';
import { defineCommand } from '../command.js';
import { CONTAINER_FLAGS } from '../container-flags.js';
import { checkedDetachKeys, checkTerminal, environment } from '../container-options.js';

export const command = defineCommand({
  name: 'exec',
  summary: 'Run a command in a container that runs',
  usage: '[OPTIONS] CONTAINER COMMAND [ARG...]',
  description:
    "Options end at CONTAINER. The command has the container's namespaces, capabilities, system call filter, environment and working directory.\nThe exit code is the command's; 125: rrun failed, 126: the command cannot be executed, 127: it was not found, 1: the container does not run.",
  examples: [
    { command: 'rrun exec -it web sh', does: 'start a shell in "web"' },
    { command: 'rrun exec -u postgres -w /tmp db psql -c "select 1"', does: 'run as another user, elsewhere' },
  ],
  flags: {
    detach: { type: 'boolean', short: 'd', help: 'Run in the background' },
    'detach-keys': CONTAINER_FLAGS['detach-keys'],
    env: CONTAINER_FLAGS.env,
    'env-file': CONTAINER_FLAGS['env-file'],
    interactive: { type: 'boolean', short: 'i', help: 'Keep stdin open' },
    privileged: { type: 'boolean', help: 'Give the command all capabilities' },
    tty: { type: 'boolean', short: 't', help: 'Give the command a terminal' },
    user: { type: 'string', short: 'u', value: 'USER[:GROUP]', help: "Run as this user (default the container's)" },
    workdir: { type: 'string', short: 'w', value: 'DIR', help: "Working directory (default the container's)" },
  },
  args: { min: 2, max: Infinity },
  stopAtFirst: true,
  async run(context, { flags, args: [name = '', ...args] }) {
    const { detach, interactive, tty, privileged, user, workdir } = flags;
    if (workdir && !workdir.startsWith('/'))
      throw new RrunError('USAGE', `cannot use working directory "${workdir}": it must be an absolute path`);
    checkTerminal(context, { detach, interactive, tty });
    const detachKeys = checkedDetachKeys(flags['detach-keys']);
    const { env, unsetEnv = [] } = await environment(context, { ...flags, 'env-host': false, 'http-proxy': false });
    const [store, { findContainer }, { planExec }, { handOver }] = await Promise.all([
      context.store(),
      import('../../container/list.js'),
      import('../../container/exec.js'),
      import('../../launch/hand-over.js'),
    ]);
    const plan = await planExec(store, await findContainer(store, name, 'exec in'), {
      ...{ args, detach, interactive, tty, privileged, user, workdir: workdir === '' ? undefined : workdir },
      ...{ env, unsetEnv, detachKeys, callerEnv: context.env },
    });
    handOver(plan);
    return 0;
  },
});

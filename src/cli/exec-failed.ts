// Says what failed in an `exec` after Node had handed it over. The container itself goes on: nothing of it is removed.

import { RrunError } from '../errors.js';
import { failureOf } from '../helper/report.js';
import { explainFailure } from '../host/hints.js';
import type { HostPath } from '../util/brand.js';

/** Arguments: data root, container id, "exec", the command, "--", then the fields of the failure record. */
export async function sayExecFailure(args: string[]): Promise<number> {
  const [root = '', id = '', , command = ''] = args;
  // The command may be "--" itself.
  const failure = failureOf(args.slice(args.indexOf('--', 4) + 1));
  if (failure.stage === 'interrupted') return 128 + Number(failure.detail);
  const { openStore } = await import('../store/store.js');
  const { tryFindContainer } = await import('../container/list.js');
  const found = await tryFindContainer(await openStore(root as HostPath), id);
  const name = found?.record.name ?? id.slice(0, 12);
  if (failure.stage === 'join' && found?.state.status !== 'running') {
    throw new RrunError('NOT_RUNNING', `cannot exec in container "${name}": it is not running`, { exitCode: 1 });
  }
  const { message, code, hint, exitCode } = explainFailure(failure, undefined, { container: name, command });
  const said = message
    .replace(`cannot run "${command}": `, `cannot run "${command}" in container "${name}": `)
    .replace(`cannot start container "${name}": `, `cannot run "${command}" in container "${name}": `);
  throw new RrunError(code, said, { hint, exitCode });
}

// Says what failed in an `exec` or `attach` after Node had handed it over. The container itself goes on: nothing of it is removed.

import { RrunError } from '../errors.js';
import { failureOf } from '../helper/report.js';
import { explainFailure } from '../host/hints.js';
import type { HostPath } from '../util/brand.js';

/** Arguments: data root, container id, "exec" with the command or "attach", "--", then the fields of the failure record. */
export async function sayExecFailure(args: string[]): Promise<number> {
  const [root = '', id = '', kind = '', command = ''] = args;
  // The command may be "--" itself.
  const failure = failureOf(args.slice(args.indexOf('--', kind === 'exec' ? 4 : 3) + 1));
  if (failure.stage === 'interrupted') return 128 + Number(failure.detail);
  const { openStore } = await import('../store/store.js');
  const { tryFindContainer } = await import('../container/list.js');
  const found = await tryFindContainer(await openStore(root as HostPath), id);
  const name = found?.record.name ?? id.slice(0, 12);
  if (['join', 'attach'].includes(failure.stage) && found?.state.status !== 'running') {
    throw new RrunError(
      'NOT_RUNNING',
      `cannot ${kind === 'exec' ? 'exec in' : 'attach to'} container "${name}": it is not running`,
      { exitCode: 1 },
    );
  }
  const { message, code, hint, exitCode } = explainFailure(failure, undefined, { container: name, command });
  const goal =
    kind === 'exec' ? `cannot run "${command}" in container "${name}": ` : `cannot attach to container "${name}": `;
  const said = message
    .replace(`cannot run "${command}": `, `cannot run "${command}" in container "${name}": `)
    .replace(`cannot start container "${name}": `, goal);
  throw new RrunError(code, said, { hint, exitCode });
}

// Says what failed in a launch after Node had handed it over, and removes the container that `run` made for it.

import { RrunError } from '../errors.js';
import { failureOf } from '../helper/report.js';
import { explainFailure, needsFacts } from '../host/hints.js';
import type { HostPath } from '../util/brand.js';
import type { Context } from './command.js';

/** Arguments: data root, container id, "run" or "start" (with the name to print, where nobody attaches), "--", the fields of the failure record. */
export async function sayFailure(context: () => Promise<Context>, args: string[]): Promise<number> {
  const [root = '', id = '', kind = ''] = args;
  const mark = args.indexOf('--');
  const failure = failureOf(args.slice(mark + 1));
  const { stage, errno, detail } = failure;
  // The plan itself could not be read: it told neither the container nor what to do.
  if (root === '--') throw explainFailure(failure, undefined, { command: '' });
  const { openStore } = await import('../store/store.js');
  const { takeBackCidfile } = await import('../container/cidfile.js');
  const { findContainer } = await import('../container/list.js');
  const { removeContainer } = await import('../container/remove.js');
  const store = await openStore(root as HostPath);
  const { record } = await findContainer(store, id);
  if (kind === 'run') {
    await removeContainer(store, record, { force: false, volumes: true }).catch((error: unknown) =>
      warn(context, error),
    );
    takeBackCidfile(record);
  }
  if (stage === 'interrupted') return 128 + Number(detail);
  if (stage === 'lock' && errno === 'EAGAIN') {
    const announce = args.slice(3, mark)[0];
    if (announce !== undefined) {
      (await context()).stdout.write(`${announce}\n`);
      return 0;
    }
    throw new RrunError('IN_USE', `cannot start container "${record.name}": it is running already`);
  }
  const { loadHostFacts } = await import('../host/facts.js');
  const facts = needsFacts(failure) ? await loadHostFacts() : undefined;
  throw explainFailure(failure, facts, { container: record.name, command: record.args[0] ?? '' });
}

/** The first failure is what the user came for; one of the clean-up is said beside it. */
async function warn(context: () => Promise<Context>, error: unknown): Promise<void> {
  (await context()).warn(error instanceof Error ? error.message : String(error));
}

// Reports of the C program: one failure record, as NUL-ended fields.

import { errnoName } from '../util/errno.js';

/** What failed in the C program. `errno` is a name ("EPERM"), `action` words, `detail` a program's own message or ''. */
export interface HelperFailure {
  stage: string;
  syscall: string;
  errno: string;
  action: string;
  detail: string;
}

/** Decodes the failure record that `rrun @plan` writes; undefined when there is none. */
export function parseFailure(bytes: Buffer): HelperFailure | undefined {
  return bytes.length === 0 ? undefined : failureOf(bytes.toString('utf8').split('\0'));
}

/** The fields of a record. errno comes as a number: which name it has is for Node to know, that has the table anyhow. */
export function failureOf(fields: readonly string[]): HelperFailure {
  const [stage = '', syscall = '', errno = '', action = '', detail = ''] = fields;
  return { stage, syscall, errno: errnoName(Number(errno)), action, detail };
}

// Reports of the C program: one failure record, as NUL-ended fields.

/** What failed in the C program. `errno` is a name ("EPERM"), `action` words, `detail` a program's own message or ''. */
export interface HelperFailure {
  stage: string;
  syscall: string;
  errno: string;
  action: string;
  detail: string;
}

/** Decodes the failure record that `rrun @plan` writes on descriptor 4; undefined when there is none. */
export function parseFailure(bytes: Buffer): HelperFailure | undefined {
  if (bytes.length === 0) return undefined;
  const [stage = '', syscall = '', errno = '', action = '', detail = ''] = bytes.toString('utf8').split('\0');
  return { stage, syscall, errno, action, detail };
}

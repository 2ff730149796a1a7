// The one error type of rrun: identity is `code`; the text says what failed, on what, and why.

/** Every reason that rrun can give. Each is listed in docs/errors.md, and the other way round. */
export type ErrorCode =
  | 'USAGE'
  | 'NOT_FOUND'
  | 'IN_USE'
  | 'NOT_RUNNING'
  | 'NAME_TAKEN'
  | 'REFERENCE_INVALID'
  | 'DIGEST_INVALID'
  | 'DIGEST_MISMATCH'
  | 'REGISTRY_UNREACHABLE'
  | 'REGISTRY_REFUSED'
  | 'REGISTRY_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'PLATFORM_UNAVAILABLE'
  | 'LAYER_UNSAFE'
  | 'LAYER_INVALID'
  | 'IMAGE_INVALID'
  | 'IMAGE_NOT_LOCAL'
  | 'STORE_UNUSABLE'
  | 'STORE_FULL'
  | 'CONFIG_INVALID'
  | 'USERNS_UNAVAILABLE'
  | 'IDMAP_UNAVAILABLE'
  | 'PROGRAM_MISSING'
  | 'DEVICE_MISSING'
  | 'NETWORK_FAILED'
  | 'COMMAND_NOT_FOUND'
  | 'COMMAND_NOT_EXECUTABLE'
  | 'HELPER_FAILED'
  | 'SYSCALL';

export interface RrunErrorOptions {
  /** An imperative sentence that is true for this machine; printed as `rrun: hint: …`. */
  hint?: string | undefined;
  cause?: unknown;
  /** Exit code where the code alone does not decide it (126, 127, 125). */
  exitCode?: number | undefined;
}

/** A failure with a sentence for the user: "cannot VERB OBJECT: CAUSE". */
export class RrunError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly exitCode: number | undefined;

  constructor(code: ErrorCode, message: string, options: RrunErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RrunError';
    this.code = code;
    this.hint = options.hint;
    this.exitCode = options.exitCode;
  }
}

/** A system call that the kernel refused: `action` in words ("lock \"/x\""), the call and the errno name. */
export class SyscallError extends RrunError {
  readonly syscall: string;
  readonly errno: string;

  constructor(action: string, syscall: string, errno: string, options: RrunErrorOptions = {}) {
    super('SYSCALL', `cannot ${action}: ${syscall}: ${errno}`, options);
    this.name = 'SyscallError';
    this.syscall = syscall;
    this.errno = errno;
  }
}

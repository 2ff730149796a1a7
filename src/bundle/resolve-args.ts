// What is executed: Docker's rules for ENTRYPOINT, CMD, --entrypoint and the words after IMAGE.

import { RrunError } from '../errors.js';

export interface ArgsSources {
  /** --entrypoint as typed; '' clears the image's. */
  entrypoint?: string | undefined;
  command: readonly string[];
  imageEntrypoint?: readonly string[] | null | undefined;
  imageCmd?: readonly string[] | null | undefined;
}

/** Joins entrypoint and command. A given --entrypoint, '' included, also drops the image's CMD. */
export function resolveArgs({ entrypoint, command, imageEntrypoint, imageCmd }: ArgsSources): string[] {
  const head = entrypoint === undefined ? (imageEntrypoint ?? []) : entrypoint === '' ? [] : [entrypoint];
  const tail = command.length > 0 || entrypoint !== undefined ? command : (imageCmd ?? []);
  const args = [...head, ...tail];
  if (args.length === 0) {
    throw new RrunError(
      'CONFIG_INVALID',
      'cannot create the container: no command specified, and the image names none',
      {
        hint: 'put a command at the end, for example: /bin/sh',
      },
    );
  }
  return args;
}

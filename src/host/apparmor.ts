// The AppArmor profile that Ubuntu 23.10 and later ask of a program before it may make user namespaces.

/** Text for /etc/apparmor.d/rrun: the program is left as it is, and may have user namespaces. */
export function apparmorProfile(program: string): string {
  return `abi <abi/4.0>,
include <tunables/global>

profile rrun "${program.replace(/["\\*?[\]{}^]/g, '\\$&')}" flags=(unconfined) {
  userns,
  include if exists <local/rrun>
}
`;
}

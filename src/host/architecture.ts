// Names of architectures.

const NAMES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le', mipsel: 'mipsle' };

/** Node's name of an architecture → GOARCH, as images are labelled. */
export function ociArchitecture(arch: string): string {
  return NAMES[arch] ?? arch;
}

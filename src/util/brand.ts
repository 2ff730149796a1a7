// Strings that must not be mixed up, told apart by the compiler only.

declare const brand: unique symbol;
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** "sha256:" and 64 lower-case hex digits. */
export type Digest = Brand<string, 'Digest'>;
/** Digest of a layer's uncompressed tar (image-spec config.md, DiffID). */
export type DiffId = Digest & { readonly diffId: true };
/** Absolute path outside of any container. */
export type HostPath = Brand<string, 'HostPath'>;
/** Path relative to a rootfs, never to be joined to a host path by string. */
export type RootfsPath = Brand<string, 'RootfsPath'>;
/** 64 hex digits. */
export type ContainerId = Brand<string, 'ContainerId'>;

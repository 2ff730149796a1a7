// The version of rrun, put in by the build from package.json; a run from tsc's output has none.

declare const RRUN_VERSION: string | undefined;

export const VERSION: string = typeof RRUN_VERSION === 'string' ? RRUN_VERSION : '0.0.0-dev';

// The environment of the container process: Docker's defaults, then the image's, then the user's.

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Both spellings: curl reads only the small http_proxy, others only the large one. */
const PROXY_NAMES = ['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy', 'all_proxy'];

export interface EnvSources {
  hostname: string;
  tty: boolean;
  home: string;
  imageEnv?: readonly string[] | null | undefined;
  /** -e, --env-file, --env-host, merged; "K=V". */
  userEnv: readonly string[];
  /** Names that are taken out of the image's: `-e NAME` where the caller has none. */
  unset?: readonly string[] | undefined;
  /** The caller's environment, for the proxies; undefined with --http-proxy=false. */
  proxyEnv?: Record<string, string | undefined> | undefined;
  timezone?: string | undefined;
}

/** Later sources win, the first place of a name is kept. */
export function makeEnv(sources: EnvSources): string[] {
  const env = new Map<string, string>([
    ['PATH', DEFAULT_PATH],
    ['HOSTNAME', sources.hostname],
    ['container', 'rrun'],
  ]);
  if (sources.tty) env.set('TERM', 'xterm');
  for (const name of PROXY_NAMES.flatMap((small) => [small, small.toUpperCase()])) {
    const value = sources.proxyEnv?.[name];
    if (value !== undefined && value !== '') env.set(name, value);
  }
  if (sources.timezone !== undefined) env.set('TZ', sources.timezone);
  for (const entry of [...(sources.imageEnv ?? []), ...sources.userEnv]) {
    const mark = entry.indexOf('=');
    if (mark > 0) env.set(entry.slice(0, mark), entry.slice(mark + 1));
  }
  for (const name of sources.unset ?? []) env.delete(name);
  if (!env.has('HOME')) env.set('HOME', sources.home);
  return [...env].map(([name, value]) => `${name}=${value}`);
}

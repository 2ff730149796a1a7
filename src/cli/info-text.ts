// The text of `rrun info` for people.

import type { Info } from './commands/info.js';

/** Sections of "name: value" lines, aligned; what is empty is left out. */
export function infoText(info: Info): string {
  const sections = [
    section('rrun', [
      ['Version', info.ServerVersion],
      ['Node', info.NodeVersion],
    ]),
    section('Host', hostLines(info)),
    section('Store', storeLines(info)),
    section('User namespace', usernsLines(info)),
    section('Network', choiceLines(info.Network)),
    section('Programs', programLines(info)),
    section('Settings', settingLines(info)),
    info.Warnings.length === 0
      ? ''
      : `Warnings\n${info.Warnings.map((line) => `  - ${line.trimEnd().replace(/\n/g, '\n    ')}\n`).join('')}`,
  ];
  return sections.filter((text) => text !== '').join('\n');
}

/** "7.6 GiB". */
function formatBytes(bytes: number): string {
  const power = Math.min(Math.max(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), 0), 4);
  const unit = ['B', 'KiB', 'MiB', 'GiB', 'TiB'][power] ?? 'B';
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${unit}`;
}

type Line = [name: string, value: string | undefined];

function section(title: string, lines: Line[]): string {
  const shown = lines.filter((line): line is [string, string] => line[1] !== undefined && line[1] !== '');
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.length === 0
    ? ''
    : `${title}\n${shown.map(([name, value]) => `  ${`${name}:`.padEnd(width + 2)}${value}\n`).join('')}`;
}

function hostLines(info: Info): Line[] {
  const host = info.Host;
  const { Cgroup: cgroup } = host;
  return [
    ['Name', info.Name],
    [
      'System',
      `${info.OperatingSystem}, Linux ${info.KernelVersion}, ${info.Architecture}, ${info.NCPU} CPUs, ${formatBytes(info.MemTotal)}`,
    ],
    [
      'User',
      `${host.User.Name ?? ''} (${host.User.Uid}:${host.User.Gid})${host.Nested ? ', inside a user namespace' : ''}`,
    ],
    ['Inside of', host.Container],
    ['Batch job', host.BatchJob],
    [
      'Cgroups',
      `${cgroup.Layout}${cgroup.Subtree === undefined ? ', none of it ours' : `, ours: ${cgroup.Subtree} (${cgroup.Delegated.join(' ') || 'no controllers'})`}`,
    ],
    [
      'Security',
      [
        ...host.SecurityModules,
        host.SeccompActions.length > 0 ? 'seccomp' : 'no seccomp',
        ...(host.NoNewPrivs ? ['no_new_privs is set'] : []),
      ].join(', '),
    ],
    ['systemd', host.Systemd.Init ? (host.Systemd.UserBus ? 'init and user manager' : 'init, no user manager') : 'no'],
    [
      'Devices',
      host.Devices.map(({ Path, Problem }) => (Problem === undefined ? Path : `${Path} (${Problem})`)).join(', '),
    ],
  ];
}

function storeLines(info: Info): Line[] {
  const store = info.Store;
  const disk =
    'Error' in store ? store.Error : `${store.FsType} on ${store.MountPoint}, ${formatBytes(store.FreeBytes)} free`;
  const objects =
    'Containers' in info
      ? `${info.Images} images, ${info.Containers} containers (${info.ContainersRunning} running)`
      : undefined;
  return [
    ['Directory', info.RootDir],
    ['Run directory', 'Path' in info.RunRoot ? info.RunRoot.Path : info.RunRoot.Error],
    ['Disk', disk],
    ['Holds', objects],
    ['Driver', choiceText(store.Driver)],
  ];
}

function choiceText(part: object): string {
  const { Driver, Kind, Why, Error: error } = part as { Driver?: string; Kind?: string; Why?: string; Error?: string };
  return error ?? `${Driver ?? Kind ?? ''} (${Why ?? ''})`;
}

function choiceLines(part: object): Line[] {
  return [['Chosen', choiceText(part)]];
}

function usernsLines({ UserNamespace: userns }: Info): Line[] {
  if ('Error' in userns) return choiceLines(userns);
  const show = (maps: readonly { containerID: number; hostID: number; size: number }[]): string =>
    maps.map(({ containerID, hostID, size }) => `${containerID}=${hostID}${size === 1 ? '' : ` (${size})`}`).join(', ');
  return [
    ['Chosen', choiceText(userns)],
    ['Uids', show(userns.UidMappings)],
    ['Gids', show(userns.GidMappings)],
  ];
}

function programLines(info: Info): Line[] {
  return info.Host.Programs.map(({ Name, Path, Version, Problem, Use }) => {
    if (Path === undefined) return [Name, `not found (${Use})`];
    return [
      Name,
      [Version, Path, Problem === undefined ? undefined : `(${Problem})`]
        .filter((part) => part !== undefined)
        .join(' '),
    ];
  });
}

function settingLines({ Configuration }: Info): Line[] {
  return Object.entries(Configuration).map(([key, { Value, Origin }]) => [key, `${String(Value)} (${Origin})`]);
}

// A container as a row of `ps`: the fields that --format can name, with Docker's names.

import { ellipsis, humanDuration } from '../util/units.js';
import { commandText, labelsText, statusText } from './describe.js';
import type { Container } from './list.js';

export interface RowOptions {
  /** Ids, commands and mounts in full. */
  full: boolean;
  /** Time that "ago" counts from, ms since 1970. */
  now: number;
  /** "12kB (virtual 5MB)", where --size asks for it. */
  size?: string;
}

/** Texts, as a template sees them. `Label` is a function there and not among them. */
export interface ContainerRow {
  Command: string;
  CreatedAt: string;
  ID: string;
  Image: string;
  Labels: string;
  LocalVolumes: string;
  Mounts: string;
  Names: string;
  Networks: string;
  Ports: string;
  RunningFor: string;
  Size: string;
  State: string;
  Status: string;
}

/** Column titles of the fields, for `table` formats. */
export const ROW_HEADERS: Readonly<Record<keyof ContainerRow, string>> = {
  Command: 'COMMAND',
  CreatedAt: 'CREATED AT',
  ID: 'CONTAINER ID',
  Image: 'IMAGE',
  Labels: 'LABELS',
  LocalVolumes: 'LOCAL VOLUMES',
  Mounts: 'MOUNTS',
  Names: 'NAMES',
  Networks: 'NETWORKS',
  Ports: 'PORTS',
  RunningFor: 'CREATED',
  Size: 'SIZE',
  State: 'STATE',
  Status: 'STATUS',
};

export function containerRow({ record, state }: Container, options: RowOptions): ContainerRow {
  const { full, now } = options;
  const mounts = record.volumes.map((volume) => volume.name ?? volume.source);
  return {
    Command: commandText(record, full),
    CreatedAt: goTime(record.created),
    ID: full ? record.id : record.id.slice(0, 12),
    Image: record.imageName ?? (record.options.rootfs === undefined ? '<no image>' : record.options.rootfs),
    Labels: labelsText(record.labels),
    LocalVolumes: String(record.volumes.filter((volume) => volume.name !== undefined).length),
    Mounts: mounts.map((name) => (full ? name : ellipsis(name, 15))).join(','),
    Names: record.name,
    Networks: record.network,
    Ports: state.status === 'running' ? record.image.exposedPorts.join(', ') : '',
    RunningFor: `${humanDuration(now - Date.parse(record.created))} ago`,
    Size: options.size ?? '0B',
    State: state.status,
    Status: statusText(state, now),
  };
}

/** As Go prints a time in the zone of the reader: "2024-05-01 10:00:00 +0200 CEST". */
export function goTime(rfc3339: string): string {
  const date = new Date(rfc3339);
  const two = (value: number): string => String(value).padStart(2, '0');
  const offset = -date.getTimezoneOffset();
  const sign = offset < 0 ? '-' : '+';
  const zone = `${sign}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;
  const name = offset === 0 ? 'UTC' : zoneName(date, zone);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${zone} ${name}`;
}

function zoneName(date: Date, zone: string): string {
  const part = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' }).formatToParts(date).find(({ type }) => type === 'timeZoneName');
  const name = part?.value ?? '';
  // Where a zone has no letters Go repeats the number.
  return /^[A-Z]+$/.test(name) ? name : zone.replace(/00$/, '');
}

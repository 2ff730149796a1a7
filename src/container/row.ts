// A container as a row of `ps`: the fields that --format can name, with Docker's names.

import { ellipsis, humanDuration } from '../util/units.js';
import { commandText, labelsText, statusText } from './describe.js';
import type { Container } from './list.js';
import type { ContainerRecord } from './record.js';

export interface FieldOptions {
  /** Ids, commands and mounts in full. */
  full: boolean;
  /** Time that "ago" counts from, ms since 1970. */
  now: number;
  /** "12kB (virtual 5MB)" by id, where sizes were asked for. */
  sizes?: ReadonlyMap<string, string>;
}

/** A field and the title of its column in a table. `Label` takes an argument and is not among them. */
export interface Field {
  header: string;
  value: (container: Container) => string;
}

/** By the name that a template uses. */
export function containerFields({ full, now, sizes }: FieldOptions): Record<string, Field> {
  return {
    ID: { header: 'CONTAINER ID', value: ({ record }) => (full ? record.id : record.id.slice(0, 12)) },
    Image: { header: 'IMAGE', value: ({ record }) => record.imageName ?? record.options.rootfs ?? '<no image>' },
    Command: { header: 'COMMAND', value: ({ record }) => commandText(record, full) },
    CreatedAt: { header: 'CREATED AT', value: ({ record }) => goTime(record.created) },
    RunningFor: { header: 'CREATED', value: ({ record }) => `${humanDuration(now - Date.parse(record.created))} ago` },
    Ports: {
      header: 'PORTS',
      value: ({ record, state }) => (state.status === 'running' ? record.image.exposedPorts.join(', ') : ''),
    },
    State: { header: 'STATE', value: ({ state }) => state.status },
    Status: { header: 'STATUS', value: ({ state }) => statusText(state, now) },
    Size: { header: 'SIZE', value: ({ record }) => sizes?.get(record.id) ?? '0B' },
    Names: { header: 'NAMES', value: ({ record }) => record.name },
    Labels: { header: 'LABELS', value: ({ record }) => labelsText(record.labels) },
    Mounts: { header: 'MOUNTS', value: ({ record }) => mountNames(record, full) },
    LocalVolumes: {
      header: 'LOCAL VOLUMES',
      value: ({ record }) => String(record.volumes.filter(({ name }) => name !== undefined).length),
    },
    Networks: { header: 'NETWORKS', value: ({ record }) => record.network },
  };
}

function mountNames({ volumes }: ContainerRecord, full: boolean): string {
  return volumes.map(({ name, source }) => (full ? (name ?? source) : ellipsis(name ?? source, 15))).join(',');
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
  const part = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' })
    .formatToParts(date)
    .find(({ type }) => type === 'timeZoneName');
  const name = part?.value ?? '';
  // Where a zone has no letters Go repeats the number.
  return /^[A-Z]+$/.test(name) ? name : zone.replace(/00$/, '');
}

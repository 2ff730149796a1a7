// Mounts of `inspect` and `ps`: what the user or the image asked for, not the mounts that every container has.

import type { Spec, SpecMount } from '../bundle/spec.wire.js';
import type { Json, JsonObject } from './json.js';
import type { ContainerRecord } from './record.js';

const PROPAGATIONS = ['shared', 'slave', 'private', 'rshared', 'rslave', 'rprivate'];

export function mountDocuments(record: ContainerRecord, spec: Spec): Json[] {
  const volumes = record.volumes.map((volume) => {
    const mount = spec.mounts?.find(({ destination }) => destination === volume.destination);
    const common = { Source: volume.source, Destination: volume.destination, ...modeFields(mount) };
    return volume.name === undefined
      ? { Type: 'bind', ...common }
      : { Type: 'volume', Name: volume.name, ...common, Driver: 'local', Propagation: '' };
  });
  return [...volumes, ...tmpfsDocuments(record, spec)];
}

function modeFields(mount: SpecMount | undefined): JsonObject {
  const options = mount?.options ?? [];
  return {
    Mode: options.includes('ro') ? 'ro' : '',
    RW: !options.includes('ro'),
    Propagation: options.find((option) => PROPAGATIONS.includes(option)) ?? 'rprivate',
  };
}

function tmpfsDocuments(record: ContainerRecord, spec: Spec): Json[] {
  const asked = new Set(record.options.mounts.filter((typed) => /(^|,)type=tmpfs(,|$)/.test(typed)).map(destinationOf));
  return (spec.mounts ?? [])
    .filter(({ destination }) => asked.has(destination))
    .map((mount) => ({
      Type: 'tmpfs',
      Source: '',
      Destination: mount.destination,
      ...modeFields(mount),
      Propagation: '',
    }));
}

function destinationOf(typed: string): string {
  const word = typed.split(',').find((part) => /^(target|destination|dst)=/.test(part)) ?? '';
  return word.slice(word.indexOf('=') + 1);
}

// The document of `inspect` for an image, with Docker's field names and types.

import type { ImageRunConfig } from '../image/config.wire.js';
import { isUnnamed, type LocalImage } from '../image/local-image.js';
import { familiarName, familiarReference, parseReference } from '../image/reference.js';
import { findImage } from '../image/search.js';
import { layerTree, tryLoadLayer } from '../layer/layer-record.js';
import type { Store } from '../store/store.js';
import { goMap, NEVER, type Json, type JsonObject } from './json.js';

/** The document of the image that a name or id means; undefined where there is none. */
export async function tryInspectImage(store: Store, nameOrId: string): Promise<JsonObject | undefined> {
  const image = await findImage(store, nameOrId);
  if (image === undefined) return undefined;
  const names = await namesOf(store, image);
  const { config } = image;
  return {
    Id: image.id,
    RepoTags: names.tags,
    RepoDigests: names.digests,
    Parent: '',
    Comment: config.history.at(-1)?.comment ?? '',
    Created: config.created ?? '',
    DockerVersion: '',
    Author: config.author ?? '',
    Config: runConfig(config.config),
    Architecture: config.architecture,
    ...(config.variant === undefined ? {} : { Variant: config.variant }),
    Os: config.os,
    Size: image.sizeBytes,
    VirtualSize: image.sizeBytes,
    GraphDriver: graphDriver(store, image),
    RootFS: { Type: 'layers', Layers: image.diffIds },
    Metadata: { LastTagTime: names.updated },
  };
}

interface Names {
  tags: string[];
  digests: string[];
  /** RFC 3339. */
  updated: string;
}

async function namesOf(store: Store, image: LocalImage): Promise<Names> {
  const records = (await store.loadReferences()).filter(({ descriptor }) => descriptor.digest === image.manifestDigest);
  const tags = records.filter((record) => !isUnnamed(record)).map(({ reference }) => parseReference(reference));
  const digests = records.flatMap(({ repository, repoDigest }) => {
    if (repository === undefined || repoDigest === undefined) return [];
    return [`${familiarRepository(repository)}@${repoDigest}`];
  });
  return {
    tags: tags
      .filter(({ tag }) => tag !== undefined)
      .map(familiarReference)
      .sort(),
    digests: [...new Set(digests)].sort(),
    updated:
      records
        .map(({ updated }) => updated)
        .sort()
        .at(-1) ?? NEVER,
  };
}

function familiarRepository(repository: string): string {
  return familiarName(parseReference(repository));
}

function runConfig(config: ImageRunConfig): JsonObject {
  return {
    Hostname: '',
    Domainname: '',
    User: config.User ?? '',
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ...(config.ExposedPorts === undefined ? {} : { ExposedPorts: emptySet(config.ExposedPorts) }),
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Env: config.Env ?? null,
    Cmd: config.Cmd ?? null,
    ...(config.Healthcheck === undefined ? {} : { Healthcheck: { ...config.Healthcheck } }),
    Image: '',
    Volumes: config.Volumes === undefined ? null : emptySet(config.Volumes),
    WorkingDir: config.WorkingDir ?? '',
    Entrypoint: config.Entrypoint ?? null,
    OnBuild: null,
    Labels: config.Labels === undefined ? null : goMap(config.Labels),
    ...(config.StopSignal === undefined ? {} : { StopSignal: config.StopSignal }),
    ...(config.Shell === undefined ? {} : { Shell: config.Shell }),
  };
}

function emptySet(set: Readonly<Record<string, unknown>>): Json {
  return goMap(Object.fromEntries(Object.keys(set).map((key) => [key, {}])));
}

/** The unpacked layers, where they are; the topmost is what Docker calls the upper one. */
function graphDriver(store: Store, image: LocalImage): JsonObject {
  const dirs = image.diffIds.flatMap((diffId) => {
    const kind = (['ranges', 'single'] as const).find((each) => tryLoadLayer(store, diffId, each) !== undefined);
    return kind === undefined ? [] : [layerTree(store, diffId, kind)];
  });
  const [upper, ...lower] = dirs.reverse();
  const data: Record<string, Json> = {};
  if (lower.length > 0) data['LowerDir'] = lower.join(':');
  if (upper !== undefined) data['UpperDir'] = upper;
  return { Data: goMap(data), Name: 'overlay' };
}

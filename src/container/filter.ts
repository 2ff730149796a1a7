// The filters of `ps`: Docker's names, each with its way of matching. Values of one name are alternatives, names add up;
// labels all have to match.

import { RrunError } from '../errors.js';
import type { Store } from '../store/store.js';
import { findContainer, type Container } from './list.js';

/** Filter name → values as typed. */
export type FilterValues = ReadonlyMap<string, readonly string[]>;

const STATUSES = ['created', 'restarting', 'running', 'removing', 'paused', 'exited', 'dead'];

export const FILTER_NAMES = [
  'ancestor',
  'before',
  'exited',
  'id',
  'label',
  'name',
  'network',
  'since',
  'status',
  'volume',
] as const;
type FilterName = (typeof FILTER_NAMES)[number];

/** Gives all references and ids that an image is known by: for `ancestor`. */
export type ResolveImage = (name: string) => Promise<string | undefined>;

type Test = (container: Container) => boolean;

/** Checks the values and makes one test of all filters. */
export async function makeFilter(store: Store, values: FilterValues, resolveImage: ResolveImage): Promise<Test> {
  const tests: Test[] = [];
  for (const [name, typed] of values) {
    if (!isFilterName(name)) throw invalid(`${name}=${typed[0] ?? ''}`, `want one of ${FILTER_NAMES.join(', ')}`);
    tests.push(await makeTest(store, name, typed, resolveImage));
  }
  return (container) => tests.every((test) => test(container));
}

function isFilterName(name: string): name is FilterName {
  return (FILTER_NAMES as readonly string[]).includes(name);
}

async function makeTest(
  store: Store,
  name: FilterName,
  typed: readonly string[],
  resolveImage: ResolveImage,
): Promise<Test> {
  switch (name) {
    case 'status':
      return statusTest(typed);
    case 'exited':
      return exitedTest(typed);
    case 'name':
      return patternTest(name, typed, ({ record }) => [record.name, `/${record.name}`]);
    case 'id':
      return patternTest(name, typed, ({ record }) => [record.id]);
    case 'label': {
      const wanted = typed.map(splitLabel);
      return ({ record }) => wanted.every(({ key, value }) => hasLabel(record.labels, key, value));
    }
    case 'ancestor':
      return await ancestorTest(typed, resolveImage);
    case 'network':
      return ({ record }) => typed.includes(record.network);
    case 'volume':
      return ({ record }) =>
        record.volumes.some(
          (volume) => typed.includes(volume.name ?? volume.source) || typed.includes(volume.destination),
        );
    case 'before':
    case 'since':
      return await orderTest(store, name, typed);
  }
}

function statusTest(typed: readonly string[]): Test {
  const unknown = typed.find((word) => !STATUSES.includes(word));
  if (unknown !== undefined) throw invalid(`status=${unknown}`, `want one of ${STATUSES.join(', ')}`);
  return ({ state }) => typed.includes(state.status);
}

function exitedTest(typed: readonly string[]): Test {
  const codes = typed.map((word) => {
    if (!/^\d{1,3}$/.test(word)) throw invalid(`exited=${word}`, 'want an exit code');
    return Number(word);
  });
  // As with Docker, what never ran has exit code 0 but did not exit.
  return ({ state }) => state.status === 'exited' && codes.includes(state.exitCode);
}

/** A part of the text or a regular expression. */
function patternTest(name: string, typed: readonly string[], texts: (container: Container) => string[]): Test {
  const patterns = typed.map((word) => {
    try {
      return new RegExp(word);
    } catch (error) {
      throw invalid(`${name}=${word}`, (error as Error).message);
    }
  });
  return (container) => texts(container).some((text) => patterns.some((pattern) => pattern.test(text)));
}

function splitLabel(typed: string): { key: string; value: string | undefined } {
  const mark = typed.indexOf('=');
  return mark < 0 ? { key: typed, value: undefined } : { key: typed.slice(0, mark), value: typed.slice(mark + 1) };
}

function hasLabel(labels: Readonly<Record<string, string>>, key: string, value: string | undefined): boolean {
  return Object.hasOwn(labels, key) && (value === undefined || labels[key] === value);
}

/** By image id, where the name is known; else by what the container was made from. */
async function ancestorTest(typed: readonly string[], resolveImage: ResolveImage): Promise<Test> {
  const ids = new Set(await Promise.all(typed.map(resolveImage)));
  return ({ record }) =>
    (record.imageId !== undefined && ids.has(record.imageId)) || typed.includes(record.imageName ?? '');
}

async function orderTest(store: Store, name: 'before' | 'since', typed: readonly string[]): Promise<Test> {
  const times = await Promise.all(typed.map(async (word) => (await findContainer(store, word)).record.created));
  return name === 'before'
    ? ({ record }) => times.every((time) => record.created < time)
    : ({ record }) => times.every((time) => record.created > time);
}

function invalid(typed: string, why: string): RrunError {
  return new RrunError('USAGE', `cannot use filter "${typed}": ${why}`);
}

// Lists the project's own source files.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { root } from './root.mjs';

/** Files below `folders` of the checkout that end in one of `endings`, as paths relative to the checkout, sorted. */
export function listFiles(folders, endings) {
  return folders
    .flatMap((folder) => readdirSync(path.join(root, folder), { withFileTypes: true, recursive: true }))
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name)))
    .filter((file) => !file.split(path.sep).includes('build'))
    .sort();
}

// Makes dist/: rrun.cjs, which starts rrun-main-HASH.cjs (all of our own code) with V8's code cache of it, and one file for each
// package that is imported with import(). CPU of `rrun explain`: esbuild's splitting (56 chunks) 115 ms, one ES module 100 ms, this 70 ms.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { root } from './root.mjs';

/** Modules of ours that only gather the parts of a package that are needed; they go into the package's file. */
const gatherers = /\/registry\/undici\.js$/;

const shared = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  mainFields: ['module', 'main'],
  legalComments: 'none', // all licences are in THIRD-PARTY-LICENCES
  minifySyntax: true,
  minifyWhitespace: true, // but not the names: they are in the stacks that --debug prints
  metafile: true,
  write: false,
  logLevel: 'warning',
};

export async function bundle(dist) {
  const lazy = new Map();
  const own = await buildOwn(lazy);
  const packages = [];
  for (const [file, entry] of lazy) packages.push(await buildPackage(dist, file, entry));
  // A function with a code cache has no import() of its own: the loader lends it its.
  const main = own.outputFiles[0].text.replace(/\bimport\(("(?:node:|\.\/rrun-)[^"]+")\)/g, 'rrunImport($1)');
  const name = `rrun-main-${createHash('sha256').update(main).digest('hex').slice(0, 12)}`;
  const files = new Map([
    ...packages.flatMap(({ outputFiles }) => outputFiles).map((file) => [path.basename(file.path), file.contents]),
    ['koffi.node', readFileSync(koffiBinary())],
    ['THIRD-PARTY-LICENCES', licences([own, ...packages].map((result) => result.metafile))],
    [`${name}.cjs`, main],
    // Last, since it is what makes the others current.
    ['rrun.cjs', loader(name)],
  ]);
  for (const [file, contents] of files) replaceFile(path.join(dist, file), contents);
  removeOldFiles(dist, new Set([...files.keys(), `${name}.cache`]));
  return name;
}

/** A CommonJS function rather than a module: only for those V8 takes a code cache on Node 20. */
function buildOwn(lazy) {
  return build({
    ...shared,
    entryPoints: ['src/cli/main.ts'],
    outdir: 'dist',
    format: 'cjs',
    banner: {
      js: '(function (exports, require, module, __filename, __dirname, rrunImport) {\nconst rrunMeta = { url: require("node:url").pathToFileURL(__filename).href, filename: __filename, dirname: __dirname };',
    },
    footer: { js: '})' },
    define: { RRUN_VERSION: JSON.stringify(packageVersion()), 'import.meta': 'rrunMeta' },
    plugins: [lazyPackages(lazy)],
  });
}

/** The cache's name has the hash of the source, since V8 itself compares no more than its length. */
function loader(name) {
  return `'use strict';
const { readFileSync } = require('node:fs');
const vm = require('node:vm');
const file = \`\${__dirname}/${name}.cjs\`;
let cachedData;
try {
  cachedData = readFileSync(\`\${__dirname}/${name}.cache\`);
} catch {}
const script = new vm.Script(readFileSync(file, 'latin1'), { filename: file, cachedData });
script.runInThisContext()(exports, require, module, file, __dirname, (name) => import(name));
`;
}

/**
 * Runs a few commands that get as far as a plan and keeps what V8 has compiled for them. The commands may fail here
 * (no user namespaces where it is built): then the cache has less in it, and a start compiles more.
 */
export function makeCodeCache(dist, name) {
  const home = mkdtempSync(path.join(tmpdir(), 'rrun-cache-'));
  const script = path.join(root, 'scripts/lib/code-cache.cjs');
  // Root may have no ids to give; in a user namespace it is as anybody else.
  const prefix = process.getuid() === 0 ? ['unshare', '--user', '--map-root-user'] : [];
  const env = { PATH: process.env.PATH, HOME: home, XDG_RUNTIME_DIR: home, RRUN_EXE: path.join(dist, 'rrun') };
  const explain = ['explain', '--network', 'none', '--rm', '-e', 'A=B', '--rootfs', home, '/true'];
  for (const args of [
    explain,
    ['ps', '-a'],
    ['images'],
    ['create', '--network', 'none', '--rootfs', home, '/true'],
    explain,
  ]) {
    const [program, ...argv] = [...prefix, process.execPath, script, path.join(dist, name), ...args];
    spawnSync(program, argv, { env, stdio: 'ignore' });
  }
  rmSync(home, { recursive: true, force: true });
}

/** Leaves what import() names outside of our file, and notes it: file name → what goes into it. */
function lazyPackages(lazy) {
  return {
    name: 'lazy-packages',
    setup(context) {
      context.onResolve({ filter: /^[^./]|undici\.js$/ }, ({ path: name, kind, importer, resolveDir }) => {
        const isGatherer = gatherers.test(path.resolve(resolveDir, name));
        if (kind === 'entry-point' || name.startsWith('node:') || (!isGatherer && /^[./]/.test(name))) return undefined;
        if (kind !== 'dynamic-import')
          return {
            errors: [
              { text: `"${name}" is imported when rrun starts: use await import()`, notes: [{ text: importer }] },
            ],
          };
        const file = `rrun-${path.basename(name, '.js').replace(/[^a-z0-9-]/g, '-')}`;
        lazy.set(file, isGatherer ? { entry: path.resolve(resolveDir, name.replace(/\.js$/, '.ts')) } : { name });
        return { path: `./${file}.mjs`, external: true };
      });
    },
  };
}

/** CommonJS packages ask for Node's own modules through `require`. */
const requireBanner = `import { createRequire as rrunCreateRequire } from 'node:module';
const require = rrunCreateRequire(import.meta.url);`;

async function buildPackage(dist, file, { name, entry }) {
  const outfile = path.join(dist, `${file}.mjs`);
  const options = { ...shared, format: 'esm', banner: { js: requireBanner }, outfile };
  if (entry !== undefined) return build({ ...options, entryPoints: [entry] });
  return build({ ...options, stdin: { contents: await reexport(name), resolveDir: root } });
}

/** The names that import() gives in Node, of a CommonJS package too: esbuild would give only `default`. */
async function reexport(name) {
  const all = Object.keys(await import(name)).filter((key) => /^[A-Za-z_$][\w$]*$/.test(key));
  const lines = all.map((key) =>
    key === 'default'
      ? 'export default all.default;'
      : `const rrun_${key} = all.${key};\nexport { rrun_${key} as ${key} };`,
  );
  return [`import * as all from '${name}';`, ...lines].join('\n');
}

/** By rename: a command that is running reads the old file to its end. */
function replaceFile(file, contents) {
  writeFileSync(`${file}.new`, contents);
  renameSync(`${file}.new`, file);
}

function removeOldFiles(dist, current) {
  for (const name of readdirSync(dist)) {
    if (/^rrun(-.*)?\.(mjs|cjs|cache)$/.test(name) && !current.has(name))
      rmSync(path.join(dist, name), { force: true });
  }
}

function packageVersion() {
  return JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version;
}

function koffiBinary() {
  const folder = path.join(root, 'node_modules/@koromix', `koffi-linux-${process.arch}`);
  process.report.excludeNetwork = true; // else it looks up the name of each socket's peer
  const isMusl = process.report.getReport().header.glibcVersionRuntime === undefined;
  const kind = readdirSync(folder).find((name) => name.startsWith(isMusl ? 'musl_' : 'linux_'));
  if (kind === undefined) throw new Error(`cannot bundle koffi: no binary for this libc in ${folder}`);
  return path.join(folder, kind, 'koffi.node');
}

/** The licence text of each package that gave a byte to the bundle. */
function licences(metafiles) {
  const packages = new Set(['node_modules/koffi']);
  for (const input of metafiles.flatMap((metafile) => Object.keys(metafile.inputs))) {
    const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match?.[1] !== undefined) packages.add(match[1]);
  }
  return [...packages].sort().map(licenceOf).join('\n');
}

function licenceOf(folder) {
  const dir = path.join(root, folder);
  const { name, version, license } = JSON.parse(readFileSync(path.join(dir, 'package.json'), 'utf8'));
  const file = readdirSync(dir).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
  const text = file === undefined ? '' : readFileSync(path.join(dir, file), 'utf8').trim();
  return `== ${name} ${version} (${license})\n\n${text}\n`;
}

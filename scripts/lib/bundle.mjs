// Makes dist/: rrun.cjs, which starts rrun-main-HASH.cjs (all of our own code) with V8's code cache of it, and one file for each
// package that is imported with import(). CPU of `rrun explain`: esbuild's splitting (56 chunks) 115 ms, one ES module 100 ms, this 70 ms.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { root } from './root.mjs';

/** Modules of ours that only gather the parts of a package that are needed; they go into the package's file. */
const gatherers = /\/registry\/undici\.js$/;

const shared = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  // import() would start Node's loader of ES modules, for 4 ms; require() has been started anyhow.
  supported: { 'dynamic-import': false },
  define: { 'import.meta': 'rrunMeta' },
  mainFields: ['module', 'main'],
  legalComments: 'none', // all licences are in THIRD-PARTY-LICENCES
  minifySyntax: true,
  minifyWhitespace: true, // but not the names: they are in the stacks that --debug prints
  metafile: true,
  write: false,
  logLevel: 'warning',
};

/** What a module has in Node, for one that is none: import.meta, and Node's own modules, loaded at the first use. */
const moduleBanner = `
const rrunMeta = { url: require('node:url').pathToFileURL(__filename).href, filename: __filename, dirname: __dirname };
const rrunBuiltins = new Map();
function rrunBuiltin(name) {
  let builtin = rrunBuiltins.get(name);
  if (builtin !== undefined) return builtin;
  let loaded;
  const get = (_, key) => ((loaded ??= require(name)), key === 'default' ? loaded : loaded[key]);
  builtin = new Proxy({}, { get });
  rrunBuiltins.set(name, builtin);
  return builtin;
}`;

export async function bundle(dist) {
  const lazy = new Map();
  const own = await buildOwn(lazy);
  const packages = [];
  for (const [file, entry] of lazy) packages.push(await buildPackage(dist, file, entry));
  const main = linkModules(own.outputFiles[0].text);
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
    banner: {
      js: `(function (exports, require, module, __filename, __dirname) {${moduleBanner}`,
    },
    footer: { js: '})' },
    define: { ...shared.define, RRUN_VERSION: JSON.stringify(packageVersion()) },
    plugins: [lazyPackages(lazy)],
  });
}

/**
 * Node's modules are loaded when something of them is used (crypto takes 3 ms, what child_process and tls need as much again), not
 * when a module of ours names them, and without the copy that esbuild makes for each that does. Packages are bundled as what
 * import() gives, so they need no conversion either.
 */
function linkModules(code) {
  return code
    .replace(/__toESM\(require\(("\.\/rrun-[^"]+")\),1\)/g, 'require($1)')
    .replace(/(?:__toESM\()?require\(("node:[^"]+")\)(?:,1\))?/g, 'rrunBuiltin($1)');
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
script.runInThisContext()(exports, require, module, file, __dirname);
`;
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
        return { path: `./${file}.cjs`, external: true };
      });
    },
  };
}

async function buildPackage(dist, file, { name, entry }) {
  const options = { ...shared, banner: { js: moduleBanner }, outfile: path.join(dist, `${file}.cjs`) };
  if (entry !== undefined) return build({ ...options, entryPoints: [entry] });
  return build({ ...options, stdin: { contents: await reexport(name), resolveDir: root } });
}

/** The names that import() gives in Node. */
async function reexport(name) {
  const { default: standard, ...named } = await import(name);
  const names = Object.keys(named).filter((key) => /^[A-Za-z_$][\w$]*$/.test(key));
  const all = [...names, ...(standard === undefined ? [] : ['default'])];
  return `export { ${all.join(', ')} } from '${name}';`;
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

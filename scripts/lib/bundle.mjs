// Makes dist/rrun.mjs, all of our own code in one file, and beside it one file for each package that is imported with import().
// Measured (CPU of `rrun explain`): one file with everything 117 ms, esbuild's splitting (56 chunks) 115 ms, this 100 ms.
import { readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { root } from './root.mjs';

/** CommonJS packages inside the bundle ask for Node's own modules through `require`. */
const banner = `import { createRequire as rrunCreateRequire } from 'node:module';
const require = rrunCreateRequire(import.meta.url);`;

/** Modules of ours that only gather the parts of a package that are needed; they go into the package's file. */
const gatherers = /\/registry\/undici\.js$/;

export async function bundle(dist) {
  const lazy = new Map();
  const own = await build({
    ...shared,
    entryPoints: { rrun: 'src/cli/main.ts' },
    outdir: dist,
    plugins: [lazyPackages(lazy)],
  });
  const packages = [];
  for (const [file, entry] of lazy) packages.push(await buildPackage(dist, file, entry));
  const results = [own, ...packages];
  for (const { path: file, contents } of results.flatMap((result) => result.outputFiles)) replaceFile(file, contents);
  replaceFile(path.join(dist, 'koffi.node'), readFileSync(koffiBinary()));
  replaceFile(path.join(dist, 'THIRD-PARTY-LICENCES'), licences(results.map((result) => result.metafile)));
  removeOldFiles(
    dist,
    new Set(results.flatMap((result) => result.outputFiles.map((file) => path.basename(file.path)))),
  );
}

const shared = {
  absWorkingDir: root,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  mainFields: ['module', 'main'],
  banner: { js: banner },
  define: { RRUN_VERSION: JSON.stringify(packageVersion()) },
  legalComments: 'none', // all licences are in THIRD-PARTY-LICENCES
  minifySyntax: true,
  minifyWhitespace: true, // but not the names: they are in the stacks that --debug prints
  metafile: true,
  write: false,
  logLevel: 'warning',
};

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

async function buildPackage(dist, file, { name, entry }) {
  const outfile = path.join(dist, `${file}.mjs`);
  if (entry !== undefined) return build({ ...shared, entryPoints: [entry], outfile });
  return build({ ...shared, stdin: { contents: await reexport(name), resolveDir: root }, outfile });
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
    if (name.startsWith('rrun-') && name.endsWith('.mjs') && !current.has(name))
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

// Makes dist/rrun.mjs and one chunk beside it for each module that is imported with import().
// Chunks, not one file: parsing what a command does not need took a third of the start (93 ms against 69 ms, `--version`).
import { readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { root } from './root.mjs';

/** CommonJS packages inside the bundle ask for Node's own modules through `require`. */
const banner = `import { createRequire as rrunCreateRequire } from 'node:module';
const require = rrunCreateRequire(import.meta.url);`;

export async function bundle(dist) {
  const result = await build({
    absWorkingDir: root,
    entryPoints: { rrun: 'src/cli/main.ts' },
    outdir: dist,
    outExtension: { '.js': '.mjs' },
    chunkNames: 'rrun-[name]-[hash]',
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    mainFields: ['module', 'main'],
    banner: { js: banner },
    define: { RRUN_VERSION: JSON.stringify(packageVersion()) },
    legalComments: 'none', // all licences are in THIRD-PARTY-LICENCES
    minifySyntax: true,
    metafile: true,
    write: false,
    logLevel: 'warning',
    plugins: [koffiBeside, namedImports],
  });
  for (const { path: file, contents } of result.outputFiles) replaceFile(file, contents);
  replaceFile(path.join(dist, 'koffi.node'), readFileSync(koffiBinary()));
  replaceFile(path.join(dist, 'THIRD-PARTY-LICENCES'), licences(result.metafile));
  removeOldChunks(dist, new Set(result.outputFiles.map((file) => path.basename(file.path))));
}

/** By rename: a command that is running reads the old file to its end. */
function replaceFile(file, contents) {
  writeFileSync(`${file}.new`, contents);
  renameSync(`${file}.new`, file);
}

function removeOldChunks(dist, current) {
  for (const name of readdirSync(dist)) {
    if (name.startsWith('rrun-') && name.endsWith('.mjs') && !current.has(name))
      rmSync(path.join(dist, name), { force: true });
  }
}

function packageVersion() {
  return JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version;
}

/** koffi looks for its binary in node_modules; the bundle has it at its side. */
const koffiBeside = {
  name: 'koffi-beside',
  setup(context) {
    context.onLoad({ filter: /node_modules\/koffi\/src\/koffi\/src\/static\.js$/ }, () => ({
      contents: `import { createRequire } from 'node:module';
        export const loadStatic = () => createRequire(import.meta.url)('./koffi.node');`,
      loader: 'js',
    }));
  },
};

/** import() of a CommonJS package across chunks gives only `default`: here it gives the names that it gives in Node. */
const namedImports = {
  name: 'named-imports',
  setup(context) {
    context.onResolve({ filter: /^[^./]/ }, ({ path: name, kind }) => {
      if (kind !== 'dynamic-import' || name.startsWith('node:')) return undefined;
      return { path: name, namespace: 'named-imports' };
    });
    context.onLoad({ filter: /.*/, namespace: 'named-imports' }, async ({ path: name }) => {
      const all = Object.keys(await import(name)).filter((key) => /^[A-Za-z_$][\w$]*$/.test(key));
      const names = all.filter((key) => key !== 'default');
      const standard = all.includes('default') ? 'export default all.default;' : '';
      const aliases = names.map((key) => `const rrun_${key} = all.${key};\nexport { rrun_${key} as ${key} };`);
      return {
        contents: `import * as all from '${name}';\n${standard}\n${aliases.join('\n')}`,
        resolveDir: root,
      };
    });
  },
};

function koffiBinary() {
  const folder = path.join(root, 'node_modules/@koromix', `koffi-linux-${process.arch}`);
  process.report.excludeNetwork = true; // else it looks up the name of each socket's peer
  const isMusl = process.report.getReport().header.glibcVersionRuntime === undefined;
  const kind = readdirSync(folder).find((name) => name.startsWith(isMusl ? 'musl_' : 'linux_'));
  if (kind === undefined) throw new Error(`cannot bundle koffi: no binary for this libc in ${folder}`);
  return path.join(folder, kind, 'koffi.node');
}

/** The licence text of each package that gave a byte to the bundle. */
function licences(metafile) {
  const packages = new Set(['node_modules/koffi']);
  for (const input of Object.keys(metafile.inputs)) {
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

// Runs dist/rrun-main-HASH.cjs as its loader does, and at the end writes V8's code cache of it: code-cache.cjs FILE-WITHOUT-ENDING ARGS…
'use strict';
const { readFileSync, renameSync, writeFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const vm = require('node:vm');

const [base] = process.argv.splice(1, 2).slice(1);
process.argv.splice(1, 0, `${base}.cjs`);
const file = `${base}.cjs`;
let cachedData;
try {
  cachedData = readFileSync(`${base}.cache`);
} catch {
  // the first of several runs
}
const script = new vm.Script(readFileSync(file, 'latin1'), { filename: file, cachedData });
process.on('exit', () => {
  writeFileSync(`${base}.cache.new`, script.createCachedData());
  renameSync(`${base}.cache.new`, `${base}.cache`);
});
script.runInThisContext()(exports, createRequire(file), module, file, path.dirname(file));

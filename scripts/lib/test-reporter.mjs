// Reporter for node --test: silent about what passes, a failure with all it said, the slowest tests, and the counts as JSON.
import path from 'node:path';
import { Transform } from 'node:stream';

const totals = { passed: 0, failed: 0, skipped: 0 };
const durations = [];
const skips = new Map();

export default new Transform({
  writableObjectMode: true,
  transform(event, _encoding, done) {
    done(null, textOf(event));
  },
  flush(done) {
    const slow = durations.sort((a, b) => b.ms - a.ms).slice(0, 5);
    const lines = slow.map(({ name, ms }) => `  ${(ms / 1000).toFixed(1)} s  ${name}\n`);
    const why = [...skips].map(([reason, count]) => `  skipped ${count}: ${reason}\n`);
    done(null, `${lines.join('')}${why.join('')}@counts ${JSON.stringify(totals)}\n`);
  },
});

function textOf({ type, data }) {
  if (type === 'test:stderr' || type === 'test:stdout') return data.message;
  if (type !== 'test:pass' && type !== 'test:fail') return '';
  if (data.details.type === 'suite' || isFileItself(data)) return type === 'test:fail' ? failureOfFile(data) : '';
  if (data.nesting === 0) durations.push({ name: data.name, ms: data.details.duration_ms });
  if (data.skip !== undefined) {
    totals.skipped += 1;
    skips.set(String(data.skip), (skips.get(String(data.skip)) ?? 0) + 1);
    return '';
  }
  if (type === 'test:pass') {
    totals.passed += 1;
    return '';
  }
  return failureOfFile(data);
}

/** A file that dies or throws outside a test is reported as a test with the file's name. */
function isFileItself(data) {
  return data.nesting === 0 && /\.test\.[cm]?js$/.test(data.name);
}

/** A test whose subtests failed has failed because of them: they are counted. */
function failureOfFile(data) {
  if (data.details.error?.failureType === 'subtestsFailed') return '';
  totals.failed += 1;
  return failure(data);
}

function failure({ name, file, line, details }) {
  const { error } = details;
  const cause = error?.cause ?? error;
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  const where = file === undefined ? '' : ` (${path.relative(process.cwd(), file)}:${line})`;
  const shown = text.split('\n').filter((each) => !/^\s+at .*(node:internal|async Test\.)/.test(each));
  return `FAILED ${name}${where}\n${shown.join('\n').replace(/^/gm, '    ')}\n`;
}

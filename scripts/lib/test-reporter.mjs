// Reporter for node --test: silent about what passes but one line a file; a failure with all it said. Last line: counts as JSON.
import { Transform } from 'node:stream';
import path from 'node:path';

const files = new Map();
const totals = { passed: 0, failed: 0, skipped: 0 };
const skips = new Map();

export default new Transform({
  writableObjectMode: true,
  transform(event, _encoding, done) {
    done(null, textOf(event));
  },
  flush(done) {
    const lines = [...files].map(
      ([file, { count, ms }]) => `  ${path.basename(file)}: ${count} tests, ${(ms / 1000).toFixed(1)} s\n`,
    );
    const why = [...skips].map(([reason, count]) => `  skipped ${count}: ${reason}\n`);
    done(null, `${lines.join('')}${why.join('')}@counts ${JSON.stringify(totals)}\n`);
  },
});

function textOf({ type, data }) {
  if (type === 'test:stderr' || type === 'test:stdout') return data.message;
  if (type !== 'test:pass' && type !== 'test:fail') return '';
  if (data.details.type === 'suite' || isFileItself(data)) return type === 'test:fail' ? failureOfFile(data) : '';
  const entry = files.get(data.file) ?? { count: 0, ms: 0 };
  files.set(data.file, { count: entry.count + 1, ms: entry.ms + data.details.duration_ms });
  if (data.skip !== undefined) {
    totals.skipped += 1;
    skips.set(String(data.skip), (skips.get(String(data.skip)) ?? 0) + 1);
    return '';
  }
  if (type === 'test:pass') {
    totals.passed += 1;
    return '';
  }
  totals.failed += 1;
  return failure(data);
}

/** A file that dies or throws outside a test is reported as a test with the file's name. */
function isFileItself(data) {
  return data.nesting === 0 && /\.test\.[cm]?js$/.test(data.name);
}

function failureOfFile(data) {
  const failureType = data.details.error?.failureType;
  if (failureType === 'subtestsFailed') return '';
  totals.failed += 1;
  return failure(data);
}

function failure({ name, file, line, details }) {
  const { error } = details;
  const cause = error?.cause ?? error;
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  const where = file === undefined ? '' : ` (${path.relative(process.cwd(), file)}:${line})`;
  return `FAILED ${name}${where}\n${text.replace(/^/gm, '    ')}\n`;
}

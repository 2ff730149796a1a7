// Turns the numbers of a bench run into a table, on the terminal and in docs/benchmarks.md.

/** One row for each measurement and tool: median, spread, and rrun's part of it. */
export function toTable({ measurements }) {
  const rows = [['measurement', 'tool', 'median', 'range', 'rrun / tool']];
  for (const { title, unit, samples } of Object.values(measurements)) {
    for (const [tool, values] of Object.entries(samples))
      rows.push([title, tool, ...cellsOf(values, unit), ratio(samples, tool)]);
  }
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`);
  lines.splice(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`);
  return lines.join('\n');
}

/** The whole of docs/benchmarks.md. */
export function toMarkdown(report) {
  const { machine } = report;
  return `# Benchmarks

Made by \`npm run bench -- --write\`; the numbers behind the table are in [benchmarks.json](benchmarks.json). Only ratios within one run mean
something: the tools run in turns on the same machine, as an unprivileged user, on the same images from a registry on loopback.

${toTable(report)}

Machine: ${machine.cpu}, ${machine.memoryGib} GiB, Linux ${machine.kernel}, Node ${machine.node} (${machine.date}).
Tools: rrun ${machine.rrun}; ${machine.podman} with ${machine.runc}, overlay, cgroupfs; ${machine.bwrap}.

- Start: from the command to its end, \`run --rm … true\`. bwrap has the file system unpacked before and sets up no network, record, log or layer.
- Pull: into an empty store, from \`pull\` to its end. The layer of ten thousand files is compared with \`gzip -dc | tar -x\` of the same bytes on disk,
  which neither downloads nor verifies.
- Memory: proportional set size (PSS) of what stays beside the container's own command, per container, three containers running.
`;
}

function cellsOf(values, unit) {
  const sorted = [...values].sort((a, b) => a - b);
  return [format(median(sorted), unit), `${format(sorted[0], unit)} – ${format(sorted.at(-1), unit)}`];
}

function ratio(samples, tool) {
  if (tool === 'rrun' || tool.startsWith('rrun,') || samples.rrun === undefined) return '';
  return (median(samples.rrun) / median(samples[tool])).toFixed(2);
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function format(value, unit) {
  if (unit === 's') return value < 1 ? `${(value * 1000).toFixed(1)} ms` : `${value.toFixed(2)} s`;
  return `${Math.round(value)} ${unit}`;
}

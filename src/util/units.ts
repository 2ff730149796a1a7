// Durations and sizes in the words and roundings that `docker ps` and `docker images` use (go-units). Pure functions.

/** "Less than a second", "About a minute", "3 weeks". Negative and unknown ones count as none. */
export function humanDuration(durationMs: number): string {
  const seconds = Math.floor(Math.max(0, Number.isNaN(durationMs) ? 0 : durationMs) / 1000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.floor(seconds / 3600 + 0.5);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(seconds / 3600 / 24 / 365)} years`;
}

const SIZE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];

/** "0B", "5.53MB": decimal units, `digits` significant digits. */
export function humanSize(bytes: number, digits = 3): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < SIZE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  // As Go's %.3g, without an exponent: 999.9 stays "1000".
  return `${Number(value.toPrecision(digits))}${SIZE_UNITS[unit] ?? ''}`;
}

/** Cuts to `columns` characters, the last one being "…". */
export function ellipsis(text: string, columns: number): string {
  const chars = [...text];
  if (chars.length <= columns) return text;
  return columns <= 1 ? chars.slice(0, columns).join('') : `${chars.slice(0, columns - 1).join('')}…`;
}

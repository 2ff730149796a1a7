// How a template sees data. A plain object is a struct: naming a field that it does not have is an error. An object without a
// prototype (asMap()) is a map: a key that it does not have is no value. A function is a method, called when it is named.

export type Value = unknown;

export type Method = (...args: never[]) => Value;

/** Makes a map of Go out of a record: labels, networks, ports. */
export function asMap<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.assign(Object.create(null) as Record<string, T>, record);
}

export function isObject(value: Value): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isMap(value: Value): value is Record<string, unknown> {
  return isObject(value) && Object.getPrototypeOf(value) === null;
}

/** False for false, 0, nil and whatever is empty. */
export function isTrue(value: Value): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isMap(value)) return Object.keys(value).length > 0;
  return Boolean(value);
}

export function sortedKeys(map: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(map).sort(compareBytes);
}

/** Go compares strings by their bytes; JavaScript by UTF-16 units, which differs above U+D7FF. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** The value's name in messages. */
export function typeName(value: Value): string {
  if (value === null || value === undefined) return 'nil';
  if (Array.isArray(value)) return 'list';
  if (isMap(value)) return 'map';
  if (isObject(value)) return 'struct';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'number' ? (Number.isInteger(value) ? 'int' : 'float64') : typeof value;
}

/** As fmt's %v. */
export function print(value: Value, depth = 0): string {
  if (value === undefined) return depth === 0 ? '<no value>' : '<nil>';
  if (value === null) return '<nil>';
  if (depth > 100) return '…';
  if (Array.isArray(value)) return `[${value.map((item) => print(item, depth + 1)).join(' ')}]`;
  if (isMap(value))
    return `map[${sortedKeys(value)
      .map((key) => `${key}:${print(value[key], depth + 1)}`)
      .join(' ')}]`;
  if (isObject(value))
    return `{${Object.values(value)
      .map((item) => print(resolve(item), depth + 1))
      .join(' ')}}`;
  if (typeof value === 'function') return '';
  return String(value as string | number | boolean | bigint);
}

/** A method without parameters stands for its result. */
export function resolve(value: Value): Value {
  return typeof value === 'function' && value.length === 0 ? (value as () => Value)() : value;
}

/** JSON as Docker's `json`: one line, "<" and "&" as they are, methods that need arguments left out, maps sorted. */
export function toJson(value: Value): string {
  const text = JSON.stringify(value === undefined ? null : value, (_key, item: unknown) => {
    const resolved = resolve(item);
    if (!isMap(resolved)) return resolved;
    return asMap(Object.fromEntries(sortedKeys(resolved).map((key) => [key, resolved[key]])));
  });
  // Go escapes these two, which are line ends to JavaScript.
  return (text ?? 'null').replace(/[\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16)}`);
}

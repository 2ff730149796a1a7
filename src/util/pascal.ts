// Names as Go templates have them: {{.Host.KernelVersion}}.

/** T with the first letter of every field name in upper case, all the way down. */
export type Pascal<T> = T extends readonly (infer Item)[]
  ? Pascal<Item>[]
  : T extends object
    ? { [K in keyof T as K extends string ? Capitalize<K> : never]: Pascal<T[K]> }
    : T;

export function toPascal<T>(value: T): Pascal<T> {
  if (Array.isArray(value)) return value.map(toPascal) as Pascal<T>;
  if (typeof value !== 'object' || value === null) return value as Pascal<T>;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [key.charAt(0).toUpperCase() + key.slice(1), toPascal(part as unknown)]),
  ) as Pascal<T>;
}

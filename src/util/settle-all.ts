// Promise.all() that leaves nobody at work: after a failure the others may still be making what they would remove again.

/** The values of all promises; when some fail, a failure, thrown once all have ended. */
export async function settleAll<T extends readonly Promise<unknown>[]>(
  promises: readonly [...T],
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled<unknown>(promises);
  return await Promise.all(promises);
}

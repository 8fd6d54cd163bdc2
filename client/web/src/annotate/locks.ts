// Locks between the tabs of this browser. A tab that is closed, or killed, loses its locks.
// Without a secure connection browsers have none: then each tab acts as if it were the only one.

// Holds the lock until the returned function is called. null: another tab has had it for `patience`
// milliseconds.
export async function tryLock(name: string, patience: number): Promise<(() => void) | null> {
  if (!navigator.locks) return () => {};
  const options = patience > 0 ? { signal: AbortSignal.timeout(patience) } : { ifAvailable: true };
  return new Promise((resolve, reject) => {
    navigator.locks
      .request(name, options, (lock) => {
        if (!lock) return resolve(null);
        return new Promise<void>((release) => resolve(release));
      })
      .catch((error) => (error.name === "TimeoutError" ? resolve(null) : reject(error)));
  });
}

// Runs the function while no other tab runs one with this name.
export async function locked(name: string, run: () => Promise<void>): Promise<void> {
  if (!navigator.locks) return run();
  await navigator.locks.request(name, run);
}

// Locks between the tabs of this browser. A tab that is closed, or killed, loses its locks.
// Without a secure connection browsers have none: then each tab acts as if it were the only one.

// Holds the lock until the returned function is called. null: another tab has it.
export async function tryLock(name: string): Promise<(() => void) | null> {
  if (!navigator.locks) return () => {};
  return new Promise((resolve, reject) => {
    navigator.locks
      .request(name, { ifAvailable: true }, (lock) => {
        if (!lock) return resolve(null);
        return new Promise<void>((release) => resolve(release));
      })
      .catch(reject);
  });
}

// Runs the function while no other tab runs one with this name.
export async function locked(name: string, run: () => Promise<void>): Promise<void> {
  if (!navigator.locks) return run();
  await navigator.locks.request(name, run);
}

// Where the journal keeps things: the browser's database, or memory when that is refused or full.

export type StoreName = "drafts" | "outbox";

export interface Change {
  readonly store: StoreName;
  readonly key: string;
  readonly value: unknown; // undefined: removes the key
}

export interface Shelf {
  all(store: StoreName): Promise<unknown[]>;
  // All of the changes or none.
  write(changes: readonly Change[]): Promise<void>;
}

export class MemoryShelf implements Shelf {
  private readonly stores = { drafts: new Map<string, unknown>(), outbox: new Map<string, unknown>() };

  async all(store: StoreName): Promise<unknown[]> {
    return [...this.stores[store].values()];
  }

  async write(changes: readonly Change[]): Promise<void> {
    for (const { store, key, value } of changes) {
      if (value === undefined) this.stores[store].delete(key);
      else this.stores[store].set(key, value);
    }
  }
}

export class DatabaseShelf implements Shelf {
  private constructor(private readonly database: IDBDatabase) {}

  // Throws where the browser refuses.
  static async open(): Promise<DatabaseShelf> {
    const opening = indexedDB.open("loupe", 1);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore("drafts");
      opening.result.createObjectStore("outbox");
    };
    return new DatabaseShelf(await resultOf(opening));
  }

  async all(store: StoreName): Promise<unknown[]> {
    return resultOf(this.database.transaction(store).objectStore(store).getAll());
  }

  async write(changes: readonly Change[]): Promise<void> {
    const stores = [...new Set(changes.map((change) => change.store))];
    const transaction = this.database.transaction(stores, "readwrite");
    try {
      for (const { store, key, value } of changes) {
        if (value === undefined) transaction.objectStore(store).delete(key);
        else transaction.objectStore(store).put(value, key);
      }
    } catch (error) {
      transaction.abort(); // All of them or none.
      throw error;
    }
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
  }
}

function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

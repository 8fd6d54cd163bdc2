// Short lists of texts that a browser keeps; nothing where it keeps nothing.

export function readTexts(storage: () => Storage, key: string): string[] {
  try {
    const texts: unknown = JSON.parse(storage().getItem(key) ?? "[]");
    return Array.isArray(texts) ? texts.map(String) : [];
  } catch {
    return [];
  }
}

// At most a hundred, the last ones.
export function keepTexts(storage: () => Storage, key: string, texts: readonly string[]): void {
  try {
    storage().setItem(key, JSON.stringify(texts.slice(-100)));
  } catch {
    // They last as long as the page.
  }
}

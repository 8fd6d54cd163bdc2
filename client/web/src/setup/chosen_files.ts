// Files that a person chose or dropped: which are pictures, and under which names.

export interface Chosen {
  readonly path: string; // below the folder that was chosen, with `/`
  readonly file: File;
}

export interface ChosenFiles {
  readonly pictures: readonly Chosen[]; // in order of path
  readonly jsonFiles: readonly Chosen[];
  readonly leftOut: readonly string[]; // paths of other files
}

export const MOST_BYTES = 2 ** 28; // of a file, as the coordinator takes it

export const isTooLarge = ({ file }: Chosen) => file.size > MOST_BYTES;

// In the coordinator's words.
export const tooLargeLine = ({ path }: Chosen) => `${path}: it is larger than 256 MiB`;

const PICTURES = /\.(jpe?g|png|bmp|tiff?|webp)$/i;
// What programs make beside pictures: hidden files, and thumbnails. As in `loupe import`.
const SKIPPED = /(^|\/)(\.|@eadir\/|__macosx\/|thumbnails\/|thumbs\/)/i;

export function sorted(chosen: readonly Chosen[]): ChosenFiles {
  const seen = new Set<string>();
  const pictures: Chosen[] = [];
  const jsonFiles: Chosen[] = [];
  const leftOut: string[] = [];
  for (const one of [...chosen].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    if (seen.has(one.path)) continue;
    seen.add(one.path);
    if (SKIPPED.test(one.path)) leftOut.push(one.path);
    else if (PICTURES.test(one.path)) pictures.push(one);
    else if (/\.json$/i.test(one.path)) jsonFiles.push(one);
    else leftOut.push(one.path);
  }
  return { pictures, jsonFiles, leftOut };
}

// Of <input type=file>. The name of a folder that was chosen is no part of the pictures' names, as in
// `loupe import --images`.
export function chosenOf(files: Iterable<File>): Chosen[] {
  return [...files].map((file) => ({ path: withoutFirst(file.webkitRelativePath) || file.name, file }));
}

function withoutFirst(path: string): string {
  return path.slice(path.indexOf("/") + 1);
}

// Of a drop, with all folders below those that were dropped. A single folder's name is left out.
export async function droppedIn(transfer: DataTransfer): Promise<Chosen[]> {
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const isOneFolder = entries.length === 1 && entries[0]!.isDirectory;
  const found: Chosen[] = [];
  for (const entry of entries) await walk(entry, isOneFolder ? "" : entry.name, found);
  return found;
}

async function walk(entry: FileSystemEntry, path: string, found: Chosen[]): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((take, fail) => (entry as FileSystemFileEntry).file(take, fail));
    found.push({ path: path || entry.name, file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A browser gives a hundred at a time.
    const some = await new Promise<FileSystemEntry[]>((take, fail) => reader.readEntries(take, fail));
    if (some.length === 0) return;
    for (const each of some) await walk(each, path ? `${path}/${each.name}` : each.name, found);
  }
}

import { csvOf, jsonOf, type Column } from "./columns";

interface Props<Row> {
  name: string; // of the file, without its ending
  columns: readonly Column<Row>[];
  // What the view shows. A function is asked at the click, for rows that the page doesn't hold.
  rows: readonly Row[] | (() => Promise<readonly Row[]>);
}

// What a view shows, as files.
export function Downloads<Row>({ name, columns, rows }: Props<Row>) {
  const found = async () => (typeof rows === "function" ? rows() : rows);
  return (
    <span class="downloads">
      <button type="button" onClick={async () => save(`${name}.csv`, "text/csv", csvOf(columns, await found()))}>
        CSV
      </button>
      <button
        type="button"
        onClick={async () => save(`${name}.json`, "application/json", jsonOf(columns, await found()))}
      >
        JSON
      </button>
    </span>
  );
}

export function save(file: string, mediaType: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: mediaType }));
  const link = document.createElement("a");
  link.href = address;
  link.download = file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

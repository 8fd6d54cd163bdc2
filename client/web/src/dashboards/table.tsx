import type { Column } from "./columns";

interface Props<Row> {
  caption: string; // for who doesn't see what stands around it
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string | number;
}

// The first column names the row.
export function Table<Row>({ caption, columns, rows, rowKey }: Props<Row>) {
  const shown = columns.filter(({ title }) => title !== "");
  const style = ({ isText }: Column<Row>, i: number) => (isText || i === 0 ? "text" : "number");
  return (
    <div class="card scroll" tabIndex={0} role="group" aria-label={caption}>
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {shown.map((column, i) => (
              <th key={column.name} scope="col" class={style(column, i)}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)}>
              {shown.map((column, i) => {
                const content = column.show ? column.show(row) : column.value(row);
                return i === 0 ? (
                  <th key={column.name} scope="row" class="text">
                    {content}
                  </th>
                ) : (
                  <td key={column.name} class={style(column, i)}>
                    {content}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

import { expect, test } from "vitest";
import { csvOf, jsonOf, type Column } from "./columns";

interface Row {
  file: string;
  boxes: number;
  score?: number;
}
const columns: Column<Row>[] = [
  { name: "file_name", title: "File", value: (row) => row.file },
  { name: "boxes", title: "Boxes", value: (row) => row.boxes },
  { name: "score", title: "", value: (row) => row.score },
];

test("a CSV has names, and a line per row", () => {
  const rows = [{ file: "a.png", boxes: -3, score: 0.1 }, { file: "b.png", boxes: 0 }];
  expect(csvOf(columns, rows)).toBe("file_name,boxes,score\na.png,-3,0.1\nb.png,0,\n");
});

test.each([
  ["=1+1", "'=1+1"],
  ["+1", "'+1"],
  ["-1", "'-1"],
  ["@SUM(A1)", "'@SUM(A1)"],
  ["\t=1", '"\'\t=1"'],
  ['=HYPERLINK("x","y")', `"'=HYPERLINK(""x"",""y"")"`],
  ["a,b", '"a,b"'],
  ['say "so"', '"say ""so"""'],
  ["two\nlines", '"two\nlines"'],
  ["größer = 1", "größer = 1"],
])("the text %j is no formula and one field", (file, field) => {
  expect(csvOf(columns, [{ file, boxes: 1 }])).toBe(`file_name,boxes,score\n${field},1,\n`);
});

test("a JSON has every field", () => {
  const rows = [{ file: "=a", boxes: 1 }];
  expect(JSON.parse(jsonOf(columns, rows))).toEqual([{ file_name: "=a", boxes: 1, score: null }]);
});

import { expect, test } from "vitest";
import { cocoOf } from "./files";

test("labels as COCO: corners become sides, a region to ignore a crowd", () => {
  const project = { classes: [{ label: 1, name: "pit" }] };
  const image = { id: "7", fileName: "a/b.png", width: 64, height: 48 };
  const boxes = [
    { boxId: "9", label: 1, box: { x1: 2, y1: 3, x2: 10, y2: 13 } },
    { boxId: "10", label: 1, ignore: true, box: { x2: 5, y2: 5 } },
  ];
  expect(JSON.parse(cocoOf(project, [{ image, boxes }]))).toEqual({
    images: [{ id: 7, file_name: "a/b.png", width: 64, height: 48 }],
    annotations: [
      { id: 9, image_id: 7, category_id: 1, bbox: [2, 3, 8, 10], area: 80, iscrowd: 0 },
      { id: 10, image_id: 7, category_id: 1, bbox: [0, 0, 5, 5], area: 25, iscrowd: 1 },
    ],
    categories: [{ id: 1, name: "pit" }],
  });
});

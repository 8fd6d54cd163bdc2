// Boxes: [x1, y1, x2, y2] in pixels of the image, with labels.

export function iou(a, b) {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / (area(a) + area(b) - shared);
}

const area = ([x1, y1, x2, y2]) => (x2 - x1) * (y2 - y1);

// Pairs of a box and a true one, each in at most one pair: the closest come first, of those that are
// equally close the ones of the same class. As [box, truth, iou].
export function pairs(boxes, truth, least, fits = () => true) {
  const all = boxes
    .flatMap((box) => truth.map((other) => [box, other, iou(box.corners, other.corners)]))
    .filter(([box, other, overlap]) => overlap >= least && fits(box, other));
  const isSame = ([box, other]) => Number(box.label === other.label);
  all.sort((a, b) => b[2] - a[2] || isSame(b) - isSame(a));
  const taken = new Set();
  return all.filter(([box, other]) => {
    if (taken.has(box) || taken.has(other)) return false;
    taken.add(box).add(other);
    return true;
  });
}

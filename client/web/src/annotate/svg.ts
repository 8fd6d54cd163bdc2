import type { Corners } from "./corners";

const SVG = "http://www.w3.org/2000/svg";

export function make<K extends keyof SVGElementTagNameMap>(tag: K, name: string): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag);
  if (name) element.setAttribute("class", name);
  return element;
}

export function outline({ x1, y1, x2, y2 }: Corners): string {
  return `M${x1} ${y1}H${x2}V${y2}H${x1}Z`;
}

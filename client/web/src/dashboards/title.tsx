import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

// The heading of a page. It has the focus when the page opens, so that the keyboard goes on from there.
// `children`: actions and links beside it.
export function Title({ text, children }: { text: string; children?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), [text]);
  return (
    <div class="title">
      <h2 ref={heading} tabIndex={-1}>
        {text}
      </h2>
      {children && <div class="ways">{children}</div>}
    </div>
  );
}

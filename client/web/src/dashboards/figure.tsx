import type { ComponentChildren } from "preact";

interface Props {
  name: string;
  value: ComponentChildren;
  interval?: ComponentChildren; // "0.801 to 0.873"
  children?: ComponentChildren; // a sentence of what it means
}

// A number that decides something, with its interval beside it. Several stand in a <div class="figures">.
export function Figure({ name, value, interval, children }: Props) {
  return (
    <div class="figure">
      <span class="faint">{name}</span>
      <span class="value">
        {value} {interval && <span class="faint interval">{interval}</span>}
      </span>
      {children && <span class="faint">{children}</span>}
    </div>
  );
}

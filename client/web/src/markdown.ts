// Markdown that people write, as HTML that can do no harm. A chunk of its own.

import DOMPurify from "dompurify";
import { Marked } from "marked";

const signs: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

const written = (text: string) => text.replace(/[&<>"]/g, (sign) => signs[sign]!);
const isOurs = (address: string) => new URL(address, location.href).origin === location.origin;

// HTML in the text is shown as it was written. The browser shows no pictures from elsewhere: a link leads
// there.
const marked = new Marked({
  gfm: true,
  renderer: {
    html: ({ text }) => written(text),
    image({ href, text }) {
      if (URL.canParse(href, location.href) && isOurs(href)) return false;
      const link = `<a href="${written(href)}">${written(text || href)}</a>`;
      return `${link} (a picture from elsewhere, not shown here)`;
    },
  },
});

// Links open beside the page: who follows one loses no work.
DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "A") return;
  node.setAttribute("target", "_blank");
  node.setAttribute("rel", "noopener noreferrer");
});

export function htmlOf(markdown: string): string {
  return DOMPurify.sanitize(marked.parse(markdown, { async: false }), {
    USE_PROFILES: { html: true },
    FORBID_TAGS: ["form", "input", "button", "textarea", "select", "style"],
    FORBID_ATTR: ["style", "id", "name"],
  });
}

import type { ComponentChildren } from "preact";
import type { RecipeFieldJson } from "../../gen/loupe/v1/round_pb";
import { rangeText } from "./recipe_text";

interface Props {
  field: RecipeFieldJson;
  value: string;
  byDefault: string; // what an empty field means now
  problem: string; // empty: none
  suggestions?: readonly string[]; // of texts
  change: (value: string) => void;
}

export function RecipeField({ field, value, byDefault, problem, suggestions, change }: Props) {
  const { path = "", kind, choices = [], comment = "", repeated } = field;
  const id = `field-${path}`;
  const options = kind === "BOOLEAN" ? ["true", "false"] : choices;
  const about = [rangeText(field), repeated ? "several with commas" : ""]
    .filter((text) => text !== "")
    .join("; ");
  const shared = {
    id,
    value,
    "aria-invalid": problem !== "",
    "aria-describedby": `${id}-problem ${id}-comment`,
  };
  const take = ({ currentTarget }: { currentTarget: HTMLInputElement | HTMLSelectElement }) =>
    change(currentTarget.value);
  return (
    <div class="recipe-field">
      <label for={id}>
        {nameOf(path)} <span class="faint">{about}</span>
      </label>
      {options.length > 0 ? (
        <select {...shared} onChange={take}>
          <option value="">{byDefault === "" ? "default" : `default: ${byDefault}`}</option>
          {options.map((option) => (
            <option key={option} value={option}>
              {option}
            </option>
          ))}
          {value !== "" && !options.includes(value) && <option value={value}>{value}</option>}
        </select>
      ) : (
        <input
          {...shared}
          placeholder={byDefault}
          inputMode={kind === "TEXT" || kind === "MESSAGE" ? "text" : repeated || kind === "REAL" ? "decimal" : "numeric"}
          list={suggestions && `${id}-list`}
          autocomplete="off"
          spellcheck={false}
          onInput={take}
        />
      )}
      {suggestions && (
        <datalist id={`${id}-list`}>
          {suggestions.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      )}
      <p id={`${id}-problem`} class="error" role="alert">
        {problem}
      </p>
      <Comment id={`${id}-comment`} text={comment} />
    </div>
  );
}

// The last part of the path, which the recipe's text has.
function nameOf(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1).replaceAll("_", " ");
}

const SHORT = 160; // characters

// Of a long one the first sentence, and the rest where somebody asks for it.
function Comment({ id, text }: { id: string; text: string }) {
  const sentences = text.length > SHORT ? /^(.{20,}?(?<!al)\.) (?=[A-Z`\d])(.*)$/.exec(text) : null;
  const [, first = text, rest = ""] = sentences ?? [];
  return (
    <div id={id} class="faint">
      <p>{withCode(first)}</p>
      {rest && (
        <details>
          <summary>more</summary>
          <p>{withCode(rest)}</p>
        </details>
      )}
    </div>
  );
}

export function withCode(text: string): ComponentChildren {
  return text.split("`").map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : part));
}

interface Props<Name extends string> {
  name: string; // what is chosen, for who doesn't see what stands around it
  choices: Readonly<Record<Name, string>>;
  chosen: Name;
  choose: (name: Name) => void;
}

// One of a few, as buttons beside each other.
export function Choice<Name extends string>({ name, choices, chosen, choose }: Props<Name>) {
  return (
    <span class="choice" role="group" aria-label={name}>
      {(Object.keys(choices) as Name[]).map((each) => (
        <button key={each} type="button" aria-pressed={each === chosen} onClick={() => choose(each)}>
          {choices[each]}
        </button>
      ))}
    </span>
  );
}

// Small helpers for building the page. Whatever comes from a record goes in as text, never as markup.

// Makes an element: attributes by name (a null one is left out), children as elements or text.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function byId(id) {
  return document.getElementById(id);
}

export function entryLink(number) {
  return make("a", { href: `#entry-${number}`, "aria-label": `entry ${number}` }, String(number));
}

// Links to entries, with commas between; many are folded away.
export function entryLinks(numbers) {
  const links = (some) => some.flatMap((number, index) => (index ? [", ", entryLink(number)] : [entryLink(number)]));
  if (numbers.length <= 12) return links(numbers);
  return [
    ...links(numbers.slice(0, 10)),
    " ",
    make("details", {}, make("summary", {}, `and ${numbers.length - 10} more`), ...links(numbers.slice(10, 1000))),
  ];
}

// An instant as people read it; the record's own spelling stays in the attribute.
export function when(instant) {
  return instant ? make("time", { datetime: instant }, instant.replace("T", " ").replace(/(\.\d+)?Z$/, "")) : "";
}

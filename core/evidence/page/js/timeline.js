// The timeline: all entries in a list of which only the visible part exists, found by filters and by words.
import { byId, make, when } from "./dom.js";
import { COMMITMENT, meant, opened, peopleOf, sentence, stepOf, systemOf, verdictOf } from "./entries.js";

const MARGIN = 12; // rows that are kept ready above and below
const MOST_PRINTED = 2000;
const WAIT = 120; // milliseconds of silence before a search begins

const FACETS = {
  system: (entry) => [systemOf(entry)],
  person: (entry, holders) => peopleOf(entry, holders),
  step: (entry) => [stepOf(entry)],
  verdict: (entry) => [verdictOf(entry)],
};

export class Timeline {
  // Takes the entries, the text that they were read from (a JSON array with one entry a line), and what opens salted hashes.
  constructor(entries, text, personal) {
    this.entries = entries;
    this.personal = personal;
    this.text = text;
    this.byNumber = new Map(entries.map((entry, index) => [entry.number, index]));
    this.words = new Array(entries.length);
    this.list = byId("list");
    this.chosen = -1;
    this.indexFacets();
    this.listen();
    this.apply();
  }

  indexFacets() {
    const holders = new Map();
    for (const { data, subject } of this.entries) {
      if (data.grant && typeof data.grant === "object") holders.set(subject, data.grant.holder);
    }
    this.facets = {};
    for (const [name, of] of Object.entries(FACETS)) {
      const values = this.entries.map((entry) => of(opened(entry, this.personal), holders).filter(Boolean));
      const options = [...new Set(values.flat())].sort();
      this.facets[name] = values;
      byId(`by-${name}`).replaceChildren(
        make("option", { value: "" }, "all"),
        ...options.map((one) => make("option", { value: one }, one)),
      );
    }
  }

  listen() {
    let waiting;
    const later = () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => this.apply(), WAIT);
    };
    byId("search").oninput = later;
    for (const name of Object.keys(FACETS)) byId(`by-${name}`).onchange = () => this.apply();
    byId("filters").onreset = () => setTimeout(() => this.apply());
    byId("filters").onsubmit = (event) => event.preventDefault();
    this.list.onscroll = () => this.draw();
    this.list.onkeydown = (event) => this.move(event);
    this.list.onclick = (event) => {
      const row = event.target.closest("[role=option]");
      if (row) this.choose(Number(row.dataset.at));
    };
    this.list.onfocus = () => {
      if (this.chosen < 0 && this.found.length) this.choose(0);
    };
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.list);
  }

  close() {
    this.observer.disconnect();
  }

  wordsOf(index) {
    this.words[index] ??= sentence(opened(this.entries[index], this.personal));
    return this.words[index];
  }

  // Finds the entries with all these words: in the sentence, or anywhere in the entry as it is written down.
  search(sought) {
    if (!sought.length) return () => true;
    this.written ??= this.text
      .slice(2, -2)
      .replace(COMMITMENT, (one) => `${one} ${meant(one, this.personal)}`)
      .toLowerCase()
      .split(",\n");
    this.said ??= this.entries.map((_, index) => this.wordsOf(index).toLowerCase());
    const spelled = sought.map((word) => JSON.stringify(word).slice(1, -1).replaceAll("<", "\\u003c"));
    return (index) => sought.every((word, at) => this.written[index].includes(spelled[at]) || this.said[index].includes(word));
  }

  apply() {
    const matches = this.search(byId("search").value.toLowerCase().split(/\s+/).filter(Boolean));
    const wanted = Object.keys(FACETS).map((name) => [this.facets[name], byId(`by-${name}`).value]);
    const chosen = wanted.filter(([, value]) => value);
    const kept = this.chosen >= 0 ? this.found[this.chosen] : -1;
    this.found = [];
    for (let index = 0; index < this.entries.length; index++) {
      const fits = chosen.every(([values, value]) => values[index].includes(value));
      if (fits && matches(index)) this.found.push(index);
    }
    this.chosen = this.found.indexOf(kept);
    if (this.chosen < 0) this.list.scrollTop = 0;
    const all = this.entries.length.toLocaleString("en");
    byId("found").textContent =
      this.found.length === this.entries.length ? `${all} entries` : `${this.found.length.toLocaleString("en")} of ${all} entries`;
    this.draw();
  }

  get rowHeight() {
    this.height ??= byId("ruler").getBoundingClientRect().height || 32;
    return this.height;
  }

  draw() {
    const height = this.rowHeight;
    const first = Math.max(0, Math.floor(this.list.scrollTop / height) - MARGIN);
    const last = Math.min(this.found.length, Math.ceil((this.list.scrollTop + this.list.clientHeight) / height) + MARGIN);
    const rows = [];
    for (let at = first; at < last; at++) rows.push(this.row(at, height));
    const spacer = make("div", { role: "none", class: "spacer" });
    spacer.style.height = `${this.found.length * height}px`;
    this.list.replaceChildren(spacer, ...rows);
    const shown = this.chosen >= first && this.chosen < last;
    if (shown) this.list.setAttribute("aria-activedescendant", `row-${this.chosen}`);
    else this.list.removeAttribute("aria-activedescendant");
  }

  row(at, height) {
    const index = this.found[at];
    const entry = this.entries[index];
    const row = make(
      "div",
      {
        role: "option",
        id: `row-${at}`,
        class: at % 2 ? "row even" : "row",
        "data-at": at,
        "aria-selected": String(at === this.chosen),
        "aria-setsize": this.found.length,
        "aria-posinset": at + 1,
      },
      make("span", { class: "number" }, String(entry.number)),
      make("span", { class: "when" }, when(entry.at)),
      make("span", { class: "step" }, stepOf(entry)),
      make("span", { class: "verdict" }, verdictOf(entry)),
      make("span", { class: "words" }, this.wordsOf(index)),
    );
    row.style.top = `${at * height}px`;
    return row;
  }

  move(event) {
    const page = Math.max(1, Math.floor(this.list.clientHeight / this.rowHeight) - 1);
    const last = this.found.length - 1;
    const to = {
      ArrowDown: this.chosen + 1,
      ArrowUp: this.chosen - 1,
      PageDown: this.chosen + page,
      PageUp: this.chosen - page,
      Home: 0,
      End: last,
    }[event.key];
    if (event.key === "Enter" && this.chosen >= 0) byId("entry").focus();
    if (to === undefined || last < 0) return;
    event.preventDefault();
    this.choose(Math.min(Math.max(to, 0), last));
  }

  choose(at) {
    this.chosen = at;
    const [top, height] = [at * this.rowHeight, this.rowHeight];
    const list = this.list;
    if (top < list.scrollTop) list.scrollTop = top;
    if (top + height > list.scrollTop + list.clientHeight) list.scrollTop = top + height - list.clientHeight;
    this.draw();
    this.onchoose?.(this.entries[this.found[at]], this.wordsOf(this.found[at]));
  }

  // Goes to an entry by its number, taking the filters off if they hide it.
  goTo(number) {
    const index = this.byNumber.get(number);
    if (index === undefined) {
      byId("entry").replaceChildren(make("p", {}, `Entry ${number} is withheld in this copy of the record.`));
      byId("entry").focus();
      return;
    }
    if (!this.found.includes(index)) {
      byId("filters").reset();
      this.apply();
    }
    this.list.focus({ preventScroll: true });
    this.list.scrollIntoView({ block: "nearest" });
    this.choose(this.found.indexOf(index));
  }

  // Puts what the filters leave onto paper; a list that scrolls prints only what is seen of it.
  print() {
    const some = this.found.slice(0, MOST_PRINTED);
    const more = this.found.length - some.length;
    const cells = (index) => [
      String(this.entries[index].number),
      when(this.entries[index].at),
      stepOf(this.entries[index]),
      this.wordsOf(index),
    ];
    const rows = some.map((index) => make("tr", {}, ...cells(index).map((cell) => make("td", {}, cell))));
    const head = make("tr", {}, ...["Entry", "When (UTC)", "Step", "What it states"].map((name) => make("th", { scope: "col" }, name)));
    const note = more ? [make("p", {}, `${more} more entries stand in data/ledger.jsonl; use the filters to print others.`)] : [];
    byId("printed").replaceChildren(make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)), ...note);
  }
}

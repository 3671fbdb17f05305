// What the page shows: the record that lies in it, or that of a bundle that somebody picked.
import { Bad, Withheld, fromUtf8, hex, need } from "./bytes.js";
import { canonical } from "./entries.js";

const PARTS = ["summary", "answers", "ledger"];

// Takes the data out of a page, as texts; null if it holds none.
export function pageData(page) {
  const parts = PARTS.map((name) => page.getElementById(`${name}-data`)?.textContent.trim() ?? "");
  return parts.every((text) => text === "null" || text === "")
    ? null
    : Object.fromEntries(PARTS.map((name, index) => [name, parts[index]]));
}

export function recordOf({ summary, answers, ledger }) {
  return { summary: JSON.parse(summary), answers: JSON.parse(answers), entries: JSON.parse(ledger), ledger };
}

// A bundle that withholds entries has neither summary nor answers: they would tell what is withheld.
export async function recordInBag(bag) {
  const [answers, summary] = bag.has("data/leaves.txt")
    ? ["[]", "null"]
    : [await bag.text("data/answers.json"), await bag.text("data/summary.json")];
  const lines = (await bag.text("data/ledger.jsonl")).replace(/\n$/, "").replaceAll("<", "\\u003c");
  const ledger = lines ? `[\n${lines.replaceAll("\n", ",\n")}\n]` : "[]";
  return recordOf({ summary, answers, ledger });
}

function program(page) {
  return ["script[type=module]", "style"].map((which) => page.querySelector(which)?.textContent.trim()).join("\n");
}

function sameJson(left, right) {
  return canonical(left) === canonical(right);
}

// Compares what a page says with what the bundle says: the entries byte for byte, summary and answers value for value.
async function compare(name, data, bundle) {
  const lines = (await bundle.lines()).map((line) => fromUtf8(line).replaceAll("<", "\\u003c"));
  const same = data.ledger === (lines.length ? `[\n${lines.join(",\n")}\n]` : "[]");
  need(same, `${name} shows other entries than the ledger holds`);
  const summary = JSON.parse(await bundle.bag.text("data/summary.json"));
  delete summary.timeline; // the page makes its own from the entries
  need(sameJson(JSON.parse(data.summary), summary), `${name} shows another summary than summary.json`);
  const answers = JSON.parse(await bundle.bag.text("data/answers.json"));
  need(sameJson(JSON.parse(data.answers), answers), `${name} shows other answers than answers.json`);
}

function headFits(summary, note) {
  const right = summary.root === hex(note.root) && summary.entries === note.size && summary.origin === note.vkey.name;
  need(right, "summary.json names another log, size or root than the checkpoint");
}

// Checks this page and the one in the bundle against the ledger, and each answer's links against the entries.
export async function page(bundle) {
  const said = [];
  const own = pageData(document);
  if (own) {
    await compare("this page", own, bundle);
    said.push("this page shows the ledger's entries, word for word");
  }
  if (bundle.redacted) throw new Withheld("a bundle that withholds entries has no summary, answers or page");
  const summary = JSON.parse(await bundle.bag.text("data/summary.json"));
  headFits(summary, await bundle.note());
  const answers = JSON.parse(await bundle.bag.text("data/answers.json"));
  const { size } = await bundle.note();
  for (const { number, sentences } of answers) {
    const right = sentences.every(({ entries, holds }) => entries.every((one) => one < size) && (holds !== "shown" || entries.length));
    if (!right) throw new Bad(`answer ${number} rests on entries that the ledger does not hold, or on none`);
  }
  if (bundle.bag.has("data/review.html")) {
    const other = new DOMParser().parseFromString(await bundle.bag.text("data/review.html"), "text/html");
    const data = pageData(other);
    need(data, "review.html holds no record");
    await compare("review.html", data, bundle);
    const same = program(other) === program(document);
    said.push(
      `review.html in the bundle ${same ? "runs the same program as this page and" : "(whose program differs from this page's)"} shows the same`,
    );
  }
  return said.join("; ") || "summary and answers fit the ledger";
}

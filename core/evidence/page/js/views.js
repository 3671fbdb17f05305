// The head of the page, the answers, the tables and the single entry.
import { byId, entryLink, entryLinks, make, when } from "./dom.js";
import { COMMITMENT, meant } from "./entries.js";

const HOLDS = { shown: "on record", "not-shown": "not on record", "not-yet": "not yet", "not-asked": "not asked" };

export function showHead(summary) {
  const title = `How ${summary.provider} left ${summary.client}`;
  document.title = `${title}: the record`;
  byId("title").textContent = title;
  const state = byId("state");
  state.className = summary.closed_at ? "state" : "state open";
  const open = summary.open.map((line) => make("li", {}, line));
  const words = summary.closed_at
    ? `Closed on ${summary.closed_at}. Cutoff: ${summary.cutoff}.`
    : `Not closed. Cutoff: ${summary.cutoff}. Open:`;
  state.replaceChildren(make("p", {}, words), open.length ? make("ul", {}, ...open) : "");
  const facts = [
    ["Made for", `${summary.audience}, on ${summary.made_at}`],
    ["Successor", summary.successor || "none named"],
    ["Plan in force", summary.plan ? make("code", {}, summary.plan) : "none drawn yet"],
    ["Record", make("span", {}, `${summary.entries.toLocaleString("en")} entries of `, make("code", {}, summary.origin))],
    ["Root", make("code", {}, summary.root)],
  ];
  byId("facts").replaceChildren(...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

export function showAnswers(answers) {
  const articles = answers.map(({ number, question, sentences }) => {
    const id = `question-${number}`;
    const items = sentences.map(({ words, entries, holds }) => {
      const links = entries.length
        ? make("span", { class: "links" }, ` (${entries.length > 1 ? "entries" : "entry"} `, ...entryLinks(entries), ")")
        : null;
      const mark = make("span", { class: `mark ${holds}` }, HOLDS[holds] ?? holds);
      return make("li", {}, mark, make("span", {}, words, links));
    });
    return make("article", { "aria-labelledby": id }, make("h3", { id }, `${number}. ${question}`), make("ul", {}, ...items));
  });
  byId("all-answers").replaceChildren(...articles);
}

const code = (text) => make("code", {}, text);
const linked = (number) => (number === null ? "" : entryLink(number));

function lines(facts) {
  return make("span", {}, ...Object.entries(facts).flatMap(([key, value]) => [make("br"), `${key}: `, code(value)]));
}

const DONE = [
  ["Entry", (row) => linked(row.entry)],
  ["When (UTC)", (row) => when(row.at)],
  ["What", (row) => row.subject],
  ["Receipt", (row) => make("span", {}, row.words, lines(row.facts))],
  ["Read back", (row) => row.read_back || "not recorded"],
];

const TABLES = [
  [
    "statements",
    "Statements signed with people's own SSH keys",
    [
      ["Entry", (row) => linked(row.entry)],
      ["Recorded (UTC)", (row) => when(row.at)],
      ["Who", (row) => make("div", { class: "who" }, `${row.name}, ${row.role}`, make("br"), code(row.principal))],
      ["Purpose", (row) => row.purpose],
      ["What", (row) => row.words],
      [
        "Plan",
        (row) =>
          row.plan
            ? make("span", {}, code(row.plan.slice(0, 16)), row.in_force ? " (in force)" : " (not in force any more)")
            : "none named",
      ],
    ],
  ],
  [
    "control",
    "Whether the client itself can get into a system, as last seen",
    [
      ["Entry", (row) => linked(row.entry)],
      ["When (UTC)", (row) => when(row.at)],
      ["System", (row) => row.system],
      ["Way in", (row) => make("span", { class: row.seen ? "good" : "bad" }, row.seen ? "seen" : "not seen")],
      ["How we know", (row) => row.evidence],
    ],
  ],
  [
    "access",
    "Every way in that the plan names; it counts as given up only if it was last seen to be revoked",
    [
      ["Way in", (row) => make("div", { class: "way" }, row.holder ? `${row.holder}: ${row.privilege}` : row.privilege, make("br"), code(row.subject))],
      ["Taken away (UTC)", (row) => make("span", {}, when(row.done_at) || "not yet", " ", linked(row.done))],
      ["Last seen", (row) => make("span", { class: row.state === "revoked" ? "good" : "bad" }, row.state)],
      ["Seen (UTC)", (row) => make("span", {}, when(row.seen_at), " ", linked(row.seen))],
      ["How we know", (row) => make("div", { class: "how" }, row.assurance ? `${row.assurance}: ${row.evidence}` : "")],
    ],
  ],
  [
    "not_looked_at",
    "What was not looked at when the plan in force was drawn: access of ours that is there stands in no table",
    [
      ["Entry", (row) => linked(row.entry)],
      ["System", (row) => row.system],
      ["What", (row) => row.what],
    ],
  ],
  ["exports", "Encrypted archives, with what their receipts count", DONE],
  ["handovers", "Packages made for their recipients", DONE],
  [
    "obligations",
    "What stood open when the plan was drawn",
    [
      ["Obligation", (row) => row.id],
      ["Owed by", (row) => row.owed_by],
      ["What", (row) => row.what],
      ["Due", (row) => row.due],
      ["What became of it", (row) => make("span", {}, row.outcome, " ", linked(row.entry))],
    ],
  ],
  ["messages", "Letters and notices", DONE],
  [
    "inventories",
    "Inventories compared",
    [
      ["Dataset", (row) => make("span", {}, row.dataset, ...row.selectors.flatMap((one) => [make("br"), code(one)]))],
      ["Before (UTC)", (row) => make("span", {}, when(row.before.at), ` ${row.before.items} items `, linked(row.before.entry))],
      [
        "After (UTC)",
        (row) =>
          row.after ? make("span", {}, when(row.after.at), ` ${row.after.items} items `, linked(row.after.entry)) : "not taken yet",
      ],
      ["New", (row) => make("span", {}, String(row.added), hands(row, "added"))],
      ["Changed", (row) => make("span", {}, String(row.changed), hands(row, "changed"), paths(row.changed_paths, row.changed))],
      ["Missing", (row) => make("span", {}, String(row.removed), hands(row, "removed"), paths(row.removed_paths, row.removed))],
    ],
  ],
];

// By whose hand items differ, as far as the ledger tells.
function hands(row, how) {
  const counted = row.attributed.filter((one) => one.how === how && one.items).map((one) => `${one.items} ${one.by.replace("-", " ")}`);
  return counted.length ? make("span", {}, make("br"), counted.join(", ")) : "";
}

function paths(names, count) {
  if (!names.length) return "";
  const title = count > names.length ? `the first ${names.length}` : "which";
  return make("details", {}, make("summary", {}, title), make("ul", {}, ...names.map((name) => make("li", {}, code(name)))));
}

export function showTables(summary) {
  const tables = TABLES.map(([name, caption, columns]) => {
    const rows = summary[name] ?? [];
    if (!rows.length) return make("p", {}, `${caption}: nothing is on record.`);
    const head = make("tr", {}, ...columns.map(([title]) => make("th", { scope: "col" }, title)));
    const body = rows.map((row) => make("tr", {}, ...columns.map(([, cell]) => make("td", {}, cell(row)))));
    const table = make("table", {}, make("caption", {}, caption), make("thead", {}, head), make("tbody", {}, ...body));
    return make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": caption }, table);
  });
  byId("all-tables").replaceChildren(...tables);
}

export function showEntry(entry, words, answers, personal) {
  const citing = answers.filter(({ sentences }) => sentences.some(({ entries }) => entries.includes(entry.number)));
  const links = citing.flatMap(({ number }, index) => [
    index ? ", " : "",
    make("a", { href: `#question-${number}` }, `question ${number}`),
  ]);
  byId("entry").replaceChildren(
    make("h3", { id: "entry-title" }, `Entry ${entry.number}`),
    make("p", {}, words),
    links.length ? make("p", {}, "It is named in the answer to ", ...links, ".") : "",
    ...[...new Set(JSON.stringify(entry.data).match(COMMITMENT))].map((one) => make("p", {}, code(one), ` is ${meant(one, personal)}`)),
    make("pre", { tabindex: "0", "aria-label": "the whole entry" }, JSON.stringify(entry, null, 2)),
  );
}

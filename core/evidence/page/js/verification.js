// The part of the page that checks a whole bundle, in the browser, from the folder that somebody picks.
import { Bad, Unable, Withheld } from "./bytes.js";
import { Bag } from "./bag.js";
import { Bundle } from "./bundle.js";
import { anchors, certificate, checkpoint, documents, files, keys } from "./checks.js";
import { personal, rotations, seal, signatures, statements, tree } from "./checks.js";
import { byId, make } from "./dom.js";
import { page } from "./record.js";
import { approvals, closing, grants, numbers, order, plan, receipts, sessions, sweeps } from "./rules.js";

const MARKS = { OK: "✓", FAIL: "✗", INCOMPLETE: "?", WITHHELD: "–" };
const CAUTION = "The keys inside a bundle prove nothing by themselves: whoever forges a bundle puts in keys of his own.";

const RECORD = {
  ...{ files, checkpoint, tree, rotations, seal, signatures },
  ...{ numbers, statements, documents, personal, anchors, certificate },
};
const PROMISES = { plan, order, approvals, grants, receipts, closing, sessions, sweeps };
const MORE = { page };

async function attempt(check, bundle) {
  try {
    return ["OK", await check(bundle)];
  } catch (error) {
    if (error instanceof Withheld) return ["WITHHELD", error.message];
    if (error instanceof Unable) return ["INCOMPLETE", error.message];
    return ["FAIL", error instanceof Bad ? error.message : `not readable as what it should be (${error.name}: ${error.message})`];
  }
}

// Makes every check, telling each result as it comes; gives all of them as [status, name, detail].
export async function verify(bag, expected, tell, progress) {
  const bundle = new Bundle(bag, progress);
  const all = { ...RECORD, ...PROMISES, ...MORE };
  if (expected.trim()) all.keys = (one) => keys(one, expected);
  const results = [];
  for (const [name, check] of Object.entries(all)) {
    const [status, detail] = await attempt(check, bundle);
    results.push([status, name, detail]);
    tell(status, name, detail);
  }
  return results;
}

function outcome(results, withKeys) {
  const count = (status) => results.filter(([one]) => one === status).length;
  if (count("FAIL")) return ["bad", `FAILED: ${count("FAIL")} of ${results.length} checks. Do not rely on this bundle.`];
  if (count("INCOMPLETE")) return ["open", `Incomplete: ${count("INCOMPLETE")} of ${results.length} checks could not be made here.`];
  const withheld = count("WITHHELD");
  const rest = withheld ? ` ${withheld} rules need entries that are withheld in this bundle.` : "";
  const words = `All ${count("OK")} checks OK.${rest}`;
  return withKeys ? ["good", words] : ["open", `${words} But no expected keys were given. ${CAUTION}`];
}

function row(status, name, detail) {
  const mark = make("td", { class: `status ${status}` }, make("span", { "aria-hidden": "true" }, `${MARKS[status]} `), status);
  return make("tr", {}, mark, make("th", { scope: "row" }, name), make("td", {}, detail));
}

// Checks the picked folder, and gives its bag.
export async function run() {
  const picked = byId("folder").files;
  const [body, told] = [byId("results"), byId("outcome")];
  body.replaceChildren();
  byId("checked").hidden = false;
  byId("own-keys").hidden = true;
  const bag = new Bag(picked);
  const say = (kind, words) => {
    told.className = kind;
    told.textContent = words;
  };
  if (!bag.has("manifest-sha256.txt")) {
    say("bad", "This is not a bundle: pick the folder in which manifest-sha256.txt and verify.py lie.");
    return null;
  }
  const expected = byId("expected").value;
  say("open", "Checking …");
  const results = await verify(
    bag,
    expected,
    (...one) => body.append(row(...one)),
    (done, all) => say("open", `Checking: ${done} of ${all} entries …`),
  );
  if (!expected.trim()) await listKeys(bag);
  say(...outcome(results, Boolean(expected.trim())));
  return bag;
}

async function listKeys(bag) {
  try {
    const lines = [(await bag.text("data/log.vkey")).trim(), ...(await bag.text("data/allowed_signers")).trim().split("\n")];
    byId("own-keys").hidden = false;
    byId("own-keys-list").textContent = lines.join("\n");
  } catch (error) {
    if (!(error instanceof Bad)) throw error; // a check has said already what is missing
  }
}

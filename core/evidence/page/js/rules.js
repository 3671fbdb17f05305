// What the exit promises, checked over the entries in the order in which they stand, as verify.py does.
import { Withheld, hex, need, sha256, utf8 } from "./bytes.js";
import { canonical, statementFields } from "./entries.js";
import { SecondLook, Sweeps, TWO, counts } from "./looks.js";

const APPROVED = ["EXPORT", "HAND_OVER", "REVOKE"];
const SCOPE = ["export", "hand-over", "revoke"];
const FOR_GOOD = ["irreversible"];
const SESSION = ": session opened before the cutoff";
const DELIVERIES = {
  archive: ["EXPORT", ["datasets", "recipients"]],
  package: ["HAND_OVER", ["credentials", "documents", "recipients"]],
};

// Refuses a rule over the whole record where only a part of it is to be seen.
function needWhole(bundle) {
  if (bundle.redacted) throw new Withheld("entries are withheld in this bundle, so this cannot be seen");
}

// Spells an RFC 3339 instant in UTC so that texts compare as times do.
function instant(text) {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z$/.exec(text);
  need(match, `${text}: not a time in UTC`);
  return `${match[1]}.${(match[2] ?? "").padEnd(6, "0")}`;
}

// Goes through the entries, each with the plan in force when it was written. Drawn again unchanged, a plan stays in force.
async function underPlans(bundle) {
  const steps = [];
  let plan = { since: -1, digest: "", content: { grants: [] }, systems: new Map(), irreversible: new Set() };
  for (const entry of await bundle.entries()) {
    if (entry.kind === "plan" && entry.data["plan-sha256"] !== plan.digest) {
      const digest = entry.data["plan-sha256"];
      const content = JSON.parse(await bundle.bag.text(`data/documents/${digest}`));
      const systems = new Map(content.grants.map((one) => [`${one.system}:${one.id}`, one.system]));
      const irreversible = new Set(content.grants.filter((one) => one.irreversible).map((one) => `${one.system}:${one.id}`));
      plan = { since: entry.number, digest, content, systems, irreversible };
    }
    steps.push([entry, plan]);
  }
  return steps;
}

export async function plan(bundle) {
  needWhole(bundle);
  let digest = "";
  for (const [entry, inForce] of await underPlans(bundle)) {
    if (entry.kind !== "plan") continue;
    digest = inForce.digest;
    const right = entry.data.document === digest && inForce.content.engagement === entry.engagement;
    need(right && (await bundle.bag.sha256(`data/documents/${digest}`)) === digest, `entry ${entry.number}: the document is not the plan`);
  }
  need(!digest || (await bundle.bag.sha256("data/plan.json")) === digest, "plan.json is not the plan in force");
  return digest ? `plan.json has the digest ${digest}` : "no plan was drawn yet";
}

export async function numbers(bundle) {
  const entries = await bundle.entries();
  const next = (one, index) => (bundle.redacted ? !index || one.number > entries[index - 1].number : one.number === index);
  const right = entries.every((one, index) => next(one, index) && one.engagement === entries[0].engagement);
  need(right, "the entries do not count from 0, or are of several engagements");
  const times = entries.map((one) => instant(one.at));
  const back = times.flatMap((time, index) => (index && time < times[index - 1] ? [index] : []));
  return `entries 0 to ${entries.at(-1)?.number ?? 0}${back.length ? `; WARNING: the clock went back before entry ${back.join(", ")}` : ""}`;
}

export async function order(bundle) {
  needWhole(bundle);
  const begun = new Set();
  let fence = 0;
  for (const entry of await bundle.entries()) {
    if (!["intent", "receipt", "failed", "verdict"].includes(entry.kind)) continue;
    const key = `${entry.action} ${entry.subject}`;
    need(entry.kind === "intent" || begun.has(key), `entry ${entry.number}: a ${entry.kind} without an intent before it`);
    const held = Number.isInteger(entry.fence) && entry.fence >= fence;
    need(held, `entry ${entry.number}: written by a holder whose lease had passed on (fencing token ${entry.fence} after ${fence})`);
    fence = entry.fence;
    begun.add(key);
  }
  return `${begun.size} actions, each announced before it was done, by one writer at a time`;
}

function approvers(said, at, scope = SCOPE) {
  let [approved, rescinded] = [new Set(), new Set()];
  for (const one of said) {
    const of = (key) => (one.get(key) ?? []).join("\n");
    if (of("decision") !== "approve") {
      rescinded.add(of("principal"));
      if (rescinded.size >= TWO) [approved, rescinded] = [new Set(), new Set()];
    } else if (scope.every((part) => of("scope").split(",").includes(part))) {
      if (instant(of("not-before")) <= at && at <= instant(of("not-after"))) approved.add(of("principal"));
    }
  }
  return approved;
}

// Names the executives, and whose signatures count only by an unlocked key.
async function executives(bundle) {
  const namespace = await bundle.namespace("approval");
  const may = (await bundle.signers()).filter((one) => one.namespaces.includes(namespace));
  return { who: new Set(may.map((one) => one.principal)), unlocking: await bundle.unlocking() };
}

// Reads what an entry says if it is an executive's statement of this purpose about this plan; null otherwise.
function signed(entry, purpose, inForce, able) {
  if (entry.kind !== "statement" || entry.subject !== purpose || !able.who.has(entry.data.principal)) return null;
  if (!counts(entry, able.unlocking)) return null;
  const fields = statementFields(entry.data.text);
  return fields.get("plan-sha256")?.join("\n") === inForce.digest ? fields : null;
}

export async function approvals(bundle) {
  needWhole(bundle);
  const able = await executives(bundle);
  let [begun, said, acts, forGood, signedFor] = [new Set(), [], 0, 0, false];
  for (const [entry, inForce] of await underPlans(bundle)) {
    if (entry.number === inForce.since) [begun, said, signedFor] = [new Set(), [], false];
    const fields = signed(entry, "approval", inForce, able);
    if (fields) said.push(fields);
    if (entry.kind !== "intent" || !APPROVED.includes(entry.action)) continue;
    const approved = begun.has(entry.action) || approvers(said, instant(entry.at)).size >= TWO;
    const without = `entry ${entry.number}: ${entry.action} without two executives' approval of plan ${inForce.digest.slice(0, 12)}`;
    need(approved, without);
    begun.add(entry.action);
    acts += 1;
    if (entry.action !== "REVOKE") continue;
    signedFor ||= approvers(said, instant(entry.at), FOR_GOOD).size >= TWO; // what was begun so may be finished
    if (!inForce.irreversible.has(entry.subject)) continue;
    need(signedFor, `entry ${entry.number}: ${entry.subject} cannot be put back, and two executives had not signed for that`);
    forGood += 1;
  }
  const told = forGood ? `, and ${forGood} that nothing puts back with an approval of their own` : "";
  return `${acts} exports, hand-overs and revocations, all begun with two executives' approval${told}`;
}

// Names the action and the subject by which the plan's archive or package is made: by the sum of the plan's parts.
async function delivery(inForce, name) {
  const [action, parts] = DELIVERIES[name];
  const content = Object.fromEntries(parts.map((part) => [part, inForce.content[part]]));
  return [action, `${name} ${hex(await sha256(utf8(canonical(content)))).slice(0, 12)}`];
}

export async function grants(bundle) {
  needWhole(bundle);
  const [done, proved] = [new Set(), new Map()];
  for (const [entry, inForce] of await underPlans(bundle)) {
    const { kind, action, subject } = entry;
    if (kind === "receipt" || kind === "verdict") done.add(`${kind} ${action} ${subject}`);
    else if (kind === "control") proved.set(`${inForce.since} ${subject}`, entry.data.proved === true);
    else if (kind === "intent" && action === "REVOKE") {
      const taken = `entry ${entry.number}: ${subject} was revoked, though`;
      need(inForce.systems.has(subject), `${taken} it is not in the plan in force`);
      for (const name of Object.keys(DELIVERIES)) {
        const [act, made] = await delivery(inForce, name);
        const delivered = done.has(`receipt ${act} ${made}`) && done.has(`verdict ${act} ${made}`);
        need(delivered, `${taken} the plan's ${made} was not made and read back`);
      }
      const seen = proved.get(`${inForce.since} ${inForce.systems.get(subject)}`);
      need(seen, `${taken} the client's own way in had not been seen`);
    }
  }
  return "only what the approved plan names was revoked, with archive and package delivered and the client's own way in seen";
}

// Whether an acknowledgement holds the code found only inside archive or package: SHA-256(salt + code) was on record before.
async function showsCode(said, name, facts) {
  const letters = (said.get(`${name}-code`) ?? []).join("").replace(/[\s-]/g, "").toUpperCase();
  const code = (letters.match(/.{1,4}/g) ?? []).join("-");
  return hex(await sha256(utf8(facts.salt + code))) === facts.commitment;
}

async function someShowsAll(shown, told, facts) {
  for (const said of shown) {
    const each = await Promise.all(told.map((name) => showsCode(said, name, facts[name])));
    if (each.every(Boolean)) return true;
  }
  return !told.length;
}

export async function receipts(bundle) {
  needWhole(bundle);
  const able = await executives(bundle);
  const [made, shown, waived, compared] = [new Map(), [], [], new Set()];
  for (const [entry, inForce] of await underPlans(bundle)) {
    const { kind, action, subject, data } = entry;
    const waiver = signed(entry, "waiver", inForce, able);
    if (waiver?.get("subject")?.join("\n") === "receipt") waived.push([inForce.since, data.principal]);
    if (kind === "statement" && subject === "acknowledgement" && counts(entry, able.unlocking)) shown.push(statementFields(data.text));
    else if (kind === "receipt" && APPROVED.includes(action)) made.set(`${action} ${subject}`, data.facts ?? {});
    else if (kind === "intent" && action === "REVOKE" && !compared.has(inForce.since)) {
      const facts = {};
      for (const name of Object.keys(DELIVERIES)) facts[name] = made.get((await delivery(inForce, name)).join(" ")) ?? {};
      const told = Object.keys(DELIVERIES).filter((name) => "commitment" in facts[name]);
      const by = new Set(waived.filter(([since]) => since === inForce.since).map(([, who]) => who));
      const opened = (await someShowsAll(shown, told, facts)) || by.size >= TWO;
      need(opened, `entry ${entry.number}: revoked, though no receipt shows the codes inside ${told.join(" and ")}`);
      compared.add(inForce.since);
    }
  }
  return `${shown.length} acknowledgements; nothing was revoked before codes found only inside had come back, or two executives waived it`;
}

export async function closing(bundle) {
  needWhole(bundle);
  const able = await executives(bundle);
  const second = new SecondLook(able.unlocking);
  let [seen, closed] = [new Map(), "the exit is not closed yet"];
  for (const [entry, inForce] of await underPlans(bundle)) {
    const { kind, action, subject } = entry;
    second.take(entry, inForce, signed(entry, "waiver", inForce, able));
    if (action === "REVOKE" && kind === "verdict" && entry.data.state === "revoked" && entry.data.assurance !== "observed") {
      const what = `${subject} is called revoked (${entry.data.assurance}), and nothing on record bears that out`;
      need(await second.backs(entry, inForce), `entry ${entry.number}: ${what}`);
    }
    if (entry.number === inForce.since) seen = new Map([...seen.keys()].map((one) => [one, "not looked at"]));
    if (action === "REVOKE" && kind === "verdict") seen.set(subject, entry.data.state);
    else if (action === "REVOKE" && kind === "intent") seen.set(subject, "not looked at");
    else if (action === "REINSTATE") seen.set(subject, "reinstated");
    else if (kind === "closed") {
      const all = [...new Set([...inForce.systems.keys(), ...seen.keys()])].sort();
      const still = all.map((one) => [one, seen.get(one) ?? "not looked at"]).filter(([, state]) => state !== "revoked");
      need(!still.length, `entry ${entry.number}: closed, though ${still.map(([one, state]) => `${one} is ${state}`).join(", ")}`);
      closed = `closed with ${all.length} grants, each last seen to be revoked`;
    }
  }
  return closed;
}

// A session that worked at the first check alone counts only where a receipt says that sessions were ended there; two may waive it.
export async function sessions(bundle) {
  needWhole(bundle);
  const able = await executives(bundle);
  let [seen, ended, waived] = [new Map(), new Set(), []];
  for (const [entry, inForce] of await underPlans(bundle)) {
    const { kind, action, subject, data } = entry;
    if (entry.number === inForce.since) [seen, ended, waived] = [new Map(), new Set(), []];
    const waiver = signed(entry, "waiver", inForce, able);
    if (waiver) waived.push([waiver.get("subject")?.join("\n"), data.principal]);
    const system = !action && subject.endsWith(SESSION) ? subject.slice(0, -SESSION.length) : null;
    if (action === "REVOKE" && kind === "receipt" && data.facts?.sessions_ended === true) ended.add(inForce.systems.get(subject));
    else if (system !== null && kind === "receipt") seen.set(system, ["", "unknown"]);
    else if (system !== null && kind === "verdict" && data.state !== "unknown") seen.set(system, [data.check, data.state]);
    else if (kind === "closed") {
      for (const [on, [check, state]] of seen) {
        const letOff = new Set(waived.filter(([what]) => what === `session on ${on}`).map(([, who]) => who)).size >= TWO;
        const works = state === "active" && (check === "second" || ended.has(on));
        need(!works || letOff, `entry ${entry.number}: closed, though a session on ${on} had still worked`);
      }
    }
  }
  const states = [...seen].sort().map(([on, [, state]]) => `${on} ${state}`);
  return states.length
    ? `opened before the cutoff, as last seen: ${states.join(", ")}`
    : "none was opened before the cutoff to be tried after it";
}

export async function sweeps(bundle) {
  needWhole(bundle);
  const [second, seen] = [new SecondLook(await bundle.unlocking()), new Sweeps()];
  let found = 0;
  for (const [entry, inForce] of await underPlans(bundle)) {
    const { kind, action, subject, data } = entry;
    second.take(entry, inForce, null);
    seen.take(entry);
    if (kind === "verdict" && action === "SWEEP" && data.state === "revoked" && data.assurance !== "observed") {
      const what = `${subject} is called revoked (${data.assurance}), and no look on record bears that out`;
      need(data.assurance === "attested" && (await second.backs(entry, inForce)), `entry ${entry.number}: ${what}`);
    } else if (kind === "sweep") {
      seen.needFits(entry);
      found += 1;
    }
  }
  return `${found} ${found === 1 ? "sweep counts" : "sweeps, each of which counts"} what its verdicts say`;
}

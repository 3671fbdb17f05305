// The entries of the ledger: one spelling, what they say in words, and by what they can be found.
import { Bad, Unable, fromUtf8, need } from "./bytes.js";

const DOING = {
  SETTLE: "settle",
  EXPORT: "export",
  HAND_OVER: "hand over",
  REVOKE: "take away our access",
  REINSTATE: "put back our access",
  SWEEP: "look from outside at",
  NOTIFY: "send",
  DISPOSE: "dispose of our copy",
};
const SWEPT = { revoked: "refused", active: "open", unknown: "not to be seen" };
const SHOWN = 400;
const CLOSED = "(destroyed or withheld)";
export const COMMITMENT = /salted:[0-9a-f]{64}/g;
const SURROGATE = /[\ud800-\udfff]/;

// Spells JSON in the one way that is hashed: keys in the order of their code points, no spaces, no floats.
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const keys = Object.keys(value).sort(byCodePoint);
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
}

// Orders texts as Python does.
export function byCodePoint(left, right) {
  if (!SURROGATE.test(left + right)) return left < right ? -1 : 1;
  const [one, other] = [[...left], [...right]];
  const at = one.findIndex((letter, index) => letter !== other[index]);
  return at < 0 ? one.length - other.length : (one[at].codePointAt() ?? 0) - (other[at]?.codePointAt() ?? -1);
}

function holdsUnsafe(value) {
  if (typeof value === "number") return !Number.isSafeInteger(value);
  return value !== null && typeof value === "object" && Object.values(value).some(holdsUnsafe);
}

// Reads the ledger's lines; each has to be the one spelling of its entry.
export function readEntries(lines) {
  return lines.map((line, index) => {
    const text = fromUtf8(line);
    let entry;
    try {
      entry = JSON.parse(text);
    } catch {
      throw new Bad(`line ${index + 1} of the ledger is not an entry`);
    }
    if (canonical(entry) !== text) {
      if (holdsUnsafe(entry)) throw new Unable(`entry ${index} holds a number that a browser cannot read exactly`);
      throw new Bad(`line ${index + 1} of the ledger is not an entry in canonical JSON`);
    }
    need(typeof entry.data === "object" && entry.data !== null, `line ${index + 1} of the ledger has no data`);
    return entry;
  });
}

// Finds the digests of all documents that an entry's data refers to.
export function documentsOf(value, found = new Set()) {
  if (value === null || typeof value !== "object") return found;
  for (const [key, inner] of Object.entries(value)) {
    const named = !Array.isArray(value) && (key === "document" || key.endsWith("-document"));
    if (named && typeof inner === "string") found.add(inner);
    documentsOf(inner, found);
  }
  return found;
}

// Reads the `key: value` lines of a statement; each key has a list of values.
export function statementFields(text) {
  const found = new Map();
  for (const line of text.split("\n").slice(1)) {
    const at = line.indexOf(": ");
    if (at >= 0) found.set(line.slice(0, at), [...(found.get(line.slice(0, at)) ?? []), line.slice(at + 2)]);
  }
  return found;
}

// Gives an entry as people read it: values about persons in the place of their salted hashes, as far as `personal` opens these.
export function opened(entry, personal) {
  const named = ["held", "guard", "interlock"].includes(entry.kind) || ["NOTIFY", "DISPOSE"].includes(entry.action);
  if (!named) return entry;
  const spelled = JSON.stringify(entry.data).replace(COMMITMENT, (one) => JSON.stringify(meant(one, personal)).slice(1, -1));
  return { ...entry, data: JSON.parse(spelled) };
}

export function meant(commitment, personal) {
  return Object.hasOwn(personal, commitment) ? personal[commitment] : CLOSED;
}

function clip(text) {
  const flat = text.trim().replace(/\s+/g, " ");
  if (flat.length <= SHOWN) return flat;
  const letters = [...flat];
  return letters.length <= SHOWN ? flat : `${letters.slice(0, SHOWN - 1).join("")}…`;
}

const CHANNELS = new Map([
  ["phone", "by phone"],
  ["in-person", "in person"],
]);

function scope(said, plan) {
  return said === "irreversible" ? `what is irreversible in plan ${plan}` : `plan ${plan} for ${said.split(",").join(", ")}`;
}

function statementWords(purpose, text) {
  const fields = statementFields(text);
  const of = (key) => (fields.get(key) ?? []).join(", ");
  const after = (before, value, end = "") => (value ? before + value + end : "");
  const words = {
    approval: () => `${of("decision")} ${scope(of("scope"), of("plan-sha256").slice(0, 12))}`,
    conversation: () => `told the client ${CHANNELS.get(of("channel")) ?? of("channel")}, with ${of("with")}, on ${of("held-at")}`,
    election: () => `deliver to ${of("deliver-to")}; copies: ${of("copies")}${after("; locked for ", of("object-lock-days"), " days")}`,
    acknowledgement: () => of("result") + after(": ", of("exception")),
    waiver: () => `waived ${of("subject")}: ${of("reason")}`,
    reinstatement: () => `put back ${of("grant")}: ${of("reason")}`,
    arming: () => `armed the cutoff of plan ${of("plan-sha256").slice(0, 12)} until ${of("not-after")}`,
    control: () => `in control of ${of("system")} at ${of("acted-at")}: ${of("how")}`,
    readiness: () => `${of("state")}: ${of("what")}`,
    look: () => {
      const found =
        after("; still there: ", of("still-there")) + after("; could not be seen: ", of("could-not-see")) + after("; besides: ", of("beyond-the-plan"));
      return `looked at ${of("system")} at ${of("looked-at")} for ${of("looked-for")} grants${found || "; none is there"}`;
    },
  };
  return clip(Object.hasOwn(words, purpose) ? words[purpose]() : purpose);
}

function listed(data) {
  const plain = (value) => value !== "" && (typeof value === "string" || typeof value === "boolean" || Number.isInteger(value));
  const spelled = (value) => (typeof value === "boolean" ? (value ? "True" : "False") : String(value));
  return Object.entries(data)
    .filter(([, value]) => plain(value))
    .map(([key, value]) => `${key}: ${clip(spelled(value))}`)
    .join("; ");
}

function what(entry) {
  return `${DOING[entry.action] ?? "act"}: ${entry.subject}`;
}

function verdictWords(entry, data) {
  const state = data.state || ["REVOKE", "REINSTATE", "SWEEP"].includes(entry.action) ? ` is ${data.state ?? "unknown"}` : "";
  return `Read back, ${entry.subject}${state} (${data.assurance ?? "unknown"}): ${data.evidence ?? ""}`;
}

function sweepWords(entry, data) {
  const missed = data.missed?.length ? `; missed before: ${data.missed.join(", ")}` : "";
  const seen = Object.entries(SWEPT).map(([state, words]) => `${data[state] ?? "?"} ${words}`);
  return `Swept from outside, ${entry.subject}: of ${data.grants ?? "?"} grants ${seen.join(", ")}${missed}`;
}

const SENTENCES = {
  plan: (_, data) => `Plan ${String(data["plan-sha256"] ?? "").slice(0, 12)} was drawn by looking only`,
  statement: (entry, data) => `${data.principal ?? "?"} signed: ${statementWords(entry.subject, String(data.text ?? ""))}`,
  intent: (entry) => `About to ${what(entry)}`,
  receipt: (entry, data) => `Done, ${what(entry)}: ${data.done ?? ""}`,
  failed: (entry, data) => `Not done, ${what(entry)}: ${data.why ?? ""}`,
  verdict: verdictWords,
  inventory: (entry, data) => `Inventory of ${entry.subject}, ${data.when ?? ""}: ${data.items ?? "?"} items`,
  drift: (entry) => `Found beyond the signed plan and left untouched: ${entry.subject}`,
  control: (entry, data) =>
    `The client's own way in on ${entry.subject}: ${data.proved === true ? "seen" : "not seen"}; ${data.evidence ?? ""}`,
  interlock: (entry, data) =>
    `Interlock ${entry.subject}: ${data.met === true ? `met; ${data.evidence ?? ""}` : `not met; ${data.missing ?? ""}`}`,
  guard: (entry, data) => `An operation was refused before it left this machine: ${entry.subject} ${listed(data)}`,
  scheduled: (entry, data) => `Scheduled: ${entry.subject} ${listed(data)}`,
  held: (_, data) => `Held: ${data.why ?? ""}`,
  closed: (_, data) => `The exit was closed (${listed(data)})`,
  sweep: sweepWords,
  anchor: (entry, data) => `Anchored outside this machine, ${entry.subject}: ${data.how ?? ""} by ${data.by ?? ""} (${data.why ?? ""})`,
  rotation: (_, data) => `The key of this log was replaced: ${data.reason ?? ""}`,
};

// Says in one sentence what an entry states.
export function sentence(entry) {
  const say = Object.hasOwn(SENTENCES, entry.kind) ? SENTENCES[entry.kind] : () => `${entry.kind} ${entry.subject}`;
  return clip(say(entry, entry.data));
}

const LABELS = new Map(); // few, and asked for again with every entry

function label(text) {
  if (!LABELS.has(text)) {
    const words = String(text).replaceAll("_", " ").toLowerCase();
    LABELS.set(text, words.charAt(0).toUpperCase() + words.slice(1));
  }
  return LABELS.get(text);
}

// Names the step that an entry belongs to: its action, what was signed, or its kind.
export function stepOf(entry) {
  return label(entry.action ?? (entry.kind === "statement" ? entry.subject : entry.kind));
}

export function systemOf(entry) {
  if (["control", "inventory"].includes(entry.kind)) return entry.subject;
  const named = ["REVOKE", "REINSTATE", "SWEEP", "SETTLE"].includes(entry.action) || entry.kind === "drift";
  return named ? entry.subject.split(":")[0] : "";
}

// Names the people in an entry; `holders` maps grants to who holds them.
export function peopleOf(entry, holders) {
  const { data } = entry;
  const grant = data.grant && typeof data.grant === "object" ? data.grant.holder : undefined;
  const held = ["REVOKE", "REINSTATE", "SWEEP"].includes(entry.action) ? holders.get(entry.subject) : undefined;
  const people = [data.principal, grant ?? held, ...(Array.isArray(data.to) ? data.to : [])];
  return people.filter((one) => typeof one === "string" && one);
}

export function verdictOf(entry) {
  const { data } = entry;
  const said = {
    verdict: () => `${label(data.state ?? data.assurance ?? "unknown")}`,
    receipt: () => "Done",
    failed: () => "Not done",
    held: () => "Held",
    control: () => (data.proved === true ? "Seen" : "Not seen"),
  };
  return Object.hasOwn(said, entry.kind) ? said[entry.kind]() : "";
}

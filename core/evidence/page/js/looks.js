// What counts for a look of the provider's own, and what the sweeps after the end counted, as verify_looks.py has it.
import { hex, need, sha256, utf8 } from "./bytes.js";
import { byCodePoint, canonical, statementFields } from "./entries.js";
import { UNLOCKED, flags } from "./ssh_keys.js";

export const TWO = 2;
const LISTED = 100;

// Whether a signed statement shows PIN or fingerprint where that is asked for; else it counts as not given.
export function counts({ data }, unlocking) {
  return !unlocking.has(data.principal) || (flags(data.signature) & UNLOCKED) !== 0;
}

// Remembers what stands for a look of the provider's own at the second check: the client's signed look, or two executives' waiver.
export class SecondLook {
  constructor(unlocking) {
    this.unlocking = unlocking;
    [this.looks, this.waivers, this.taken, this.gone, this.others] = [new Map(), new Map(), new Map(), new Map(), new Map()];
  }

  take(entry, inForce, waiver) {
    const { number, kind, action, subject, data } = entry;
    if (number === inForce.since) this.gone = new Map();
    if (kind === "statement" && subject === "look" && counts(entry, this.unlocking)) this.looks.set(number, statementFields(data.text));
    if (waiver) {
      const key = `${inForce.since} ${waiver.get("subject").join("\n")}`;
      this.waivers.set(key, (this.waivers.get(key) ?? new Set()).add(data.principal));
    }
    const touched = kind === "drift" || (kind === "intent" && action === "REVOKE");
    if (touched && !this.others.has(subject)) this.others.set(subject, number);
    if (action === "REVOKE" && kind === "receipt") this.taken.set(subject, entry.at);
    if (action === "REVOKE" && kind === "verdict") {
      const gone = data.state === "revoked" && data.assurance === "observed";
      this.gone.set(`${data.check ?? ""} ${subject}`, gone);
    }
    if (action === "REINSTATE") for (const check of ["first", "second"]) this.gone.delete(`${check} ${subject}`);
  }

  // Whether a verdict that nobody of the provider's saw is what the client signed, or what two executives could waive.
  async backs({ subject, data }, inForce) {
    if (data.assurance === "attested") return this.attested(subject, /^[0-9]{1,15}$/.test(data.look ?? "") ? Number(data.look) : -1, inForce);
    const system = inForce.systems.get(subject) ?? "";
    const own = inForce.content.grants.filter((one) => one.own && one.system === system).map((one) => `${one.system}:${one.id}`);
    const refused = own.length && !own.includes(subject) && own.every((one) => this.gone.get(`second ${one}`));
    const people = this.waivers.get(`${inForce.since} second look on ${system}`) ?? new Set();
    return data.assurance === "waived" && refused && this.gone.get(`first ${subject}`) && people.size >= TWO;
  }

  // Whether a look on record was for this grant, late enough, and does not list it.
  async attested(subject, number, inForce) {
    const said = this.looks.get(number) ?? new Map();
    const of = (key) => (said.get(key) ?? []).join("\n");
    const before = `${of("system")}:`;
    if (!subject.startsWith(before) || of("plan-sha256") !== inForce.digest || said.has("unlisted")) return false;
    const known = [...this.others].filter(([, since]) => since < number).map(([one]) => one);
    const lookedFor = [...new Set([...inForce.systems.keys(), ...known])].filter((one) => one.startsWith(before)).sort(byCodePoint);
    const listed = [...(said.get("still-there") ?? []), ...(said.get("could-not-see") ?? [])];
    const taken = [...this.taken].filter(([one]) => inForce.systems.has(one) && one.startsWith(before)).map(([, at]) => Date.parse(at));
    const late = taken.length && Date.parse(of("looked-at")) - Math.max(...taken) >= inForce.content.second_check_after_seconds * 1000;
    const same = hex(await sha256(utf8(canonical(lookedFor)))) === of("looked-for-sha256");
    return late && same && lookedFor.includes(subject) && !listed.includes(subject);
  }
}

// What the sweeps since the closing saw, by their verdicts: what was seen open stays so until it is seen refused.
export class Sweeps {
  constructor() {
    [this.seen, this.open] = [new Map(), new Map()];
  }

  // After a closing it begins anew; what is given back is looked at no more.
  take({ kind, action, subject, data }) {
    if (kind === "closed") [this.seen, this.open] = [new Map(), new Map()];
    else if (action === "REINSTATE" && ["intent", "receipt"].includes(kind)) {
      for (const states of [this.open, ...this.seen.values()]) states.delete(subject);
    } else if (action === "SWEEP" && kind === "verdict") {
      this.seen.set(data.check, (this.seen.get(data.check) ?? new Map()).set(subject, data.state));
      if (data.state !== "unknown") this.open.set(subject, data.state === "active");
    }
  }

  needFits({ number, subject, data }) {
    const last = this.seen.get(`sweep ${subject}`) ?? new Map();
    const found = [...last.keys()].filter((one) => this.open.get(one));
    const gone = [...last].filter(([one, state]) => state === "revoked" && !found.includes(one)).length;
    const told = { grants: last.size, active: found.length, revoked: gone, unknown: last.size - found.length - gone };
    const wrong = Object.entries(told).filter(([name, count]) => data[name] !== count);
    const words = wrong.map(([name, count]) => `${data[name]} ${name} where its verdicts say ${count}`);
    need(!wrong.length, `entry ${number}: the sweep ${subject} counts ${words.join(", ")}`);
    const named = new Set(data.found);
    const right = [...named].every((one) => found.includes(one)) && named.size === Math.min(found.length, LISTED);
    need(right, `entry ${number}: the sweep names others than were open`);
  }
}

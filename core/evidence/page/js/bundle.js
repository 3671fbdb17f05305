// A picked bundle with what several checks need of it.
import { Bad, equal, fingerprint, fromHex, need } from "./bytes.js";
import { validAt } from "./bag.js";
import { readEntries } from "./entries.js";
import { Tree, leafHashes } from "./merkle.js";
import { readVkey, verifyNote } from "./note.js";
import { verifySshsig } from "./ssh_keys.js";

function once(make) {
  let made;
  return () => (made ??= make());
}

// Each part is read once, by whichever check asks first.
export class Bundle {
  constructor(bag, progress) {
    this.bag = bag;
    this.lines = once(() => bag.lines());
    this.entries = once(async () => readEntries(await this.lines()));
    this.leaves = once(() => this.allLeaves(progress));
    this.tree = once(async () => Tree.over(await this.leaves()));
    this.vkey = once(async () => readVkey((await bag.text("data/log.vkey")).trim()));
    this.keys = once(() => this.keyHistory());
    this.note = once(async () => verifyNote(await bag.text("data/checkpoint"), [await this.vkey()]));
    this.signers = once(() => bag.signers());
    this.unlocking = once(() => this.whoUnlocks());
  }

  // Whether the bundle withholds entries: it then lists the hash of every entry.
  get redacted() {
    return this.bag.has("data/leaves.txt");
  }

  // The hash of every entry, shown or withheld; those shown have to be the entries that they are said to be.
  async allLeaves(progress) {
    const shown = await leafHashes(await this.lines(), progress);
    if (!this.redacted) return shown;
    const listed = (await this.bag.text("data/leaves.txt")).split("\n");
    const right = listed.pop() === "" && listed.every((line) => /^[0-9a-f]{64}$/.test(line));
    need(right, "leaves.txt: a line that is not ours");
    const leaves = listed.map(fromHex);
    (await this.entries()).forEach(({ number }, index) => {
      need(number in leaves && equal(leaves[number], shown[index]), `entry ${number} is not the one whose hash leaves.txt lists`);
    });
    return leaves;
  }

  async of(kind) {
    return (await this.entries()).filter((entry) => entry.kind === kind);
  }

  // The log's keys, first to last, each with the size of the smallest checkpoint that it signs.
  async keyHistory() {
    const history = [];
    for (const { number, data } of await this.of("rotation")) {
      const old = await readVkey(data["old-vkey"]);
      if (!history.length) history.push({ since: 0, vkey: old });
      need(history.at(-1).vkey.text === old.text, `entry ${number} replaces another key of the log than the one in force`);
      history.push({ since: number + 1, vkey: await readVkey(data["new-vkey"]) });
    }
    const own = await this.vkey();
    need(!history.length || history.at(-1).vkey.text === own.text, "log.vkey is not the key that the ledger hands over to");
    return history.length ? history : [{ since: 0, vkey: own }];
  }

  // Names those whose signatures count only by a hardware key that asked for PIN or fingerprint.
  async whoUnlocks() {
    const { people } = JSON.parse(await this.bag.text("data/engagement.json"));
    return new Set(people.filter((one) => one.verify_required).map((one) => one.principal));
  }

  async keyFor(size) {
    return (await this.keys()).findLast(({ since }) => since <= size).vkey;
  }

  async namespace(purpose) {
    return `offboard-${purpose}@${(await this.vkey()).name.split("/")[0]}`;
  }

  // Checks that somebody who may sign for a purpose, and could at that time, signed exactly this.
  async signedBy(principal, purpose, message, armored, at) {
    const namespace = await this.namespace(purpose);
    const may = (await this.signers()).filter((one) => one.principal === principal && one.namespaces.includes(namespace));
    need(may.length, `${principal} may not sign for ${purpose}`);
    let key;
    try {
      key = await verifySshsig(armored, message, namespace);
    } catch (error) {
      throw error instanceof Bad ? new Bad(`not signed by ${principal} for ${purpose}: ${error.message}`) : error;
    }
    const signer = may.find((one) => one.key === key.line);
    need(signer, `not signed by ${principal} for ${purpose}, but by ${await fingerprint(key.blob)}`);
    need(validAt(signer, at), `the key of ${principal} was not valid at ${at}`);
  }
}

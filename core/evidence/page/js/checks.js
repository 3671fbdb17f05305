// What is checked over a picked bundle. Each check says what was found to be right, or throws Bad or Unable.
import { Bad, Unable, concat, equal, fingerprint, fromBase64, fromHex, fromUtf8, hex, need, sha256, utf8 } from "./bytes.js";
import { COMMITMENT, canonical, documentsOf, statementFields } from "./entries.js";
import { readVkey, verifyNote } from "./note.js";
import { ed25519, verifySshsig, wireString } from "./ssh_keys.js";
import { stampedAt } from "./time_stamp.js";

const TAGS = ["README.txt", "bag-info.txt", "bagit.txt", "manifest-sha256.txt"]; // the scripts come besides
const UNLISTED = ["tagmanifest-sha256.txt", "tagmanifest-sha256.txt.sig"];

export async function files({ bag }) {
  const [payload, tags] = [await bag.manifest("manifest-sha256.txt"), await bag.manifest("tagmanifest-sha256.txt")];
  const script = /^verify[a-z_]*\.(sh|py)$/;
  const right = TAGS.every((name) => tags.has(name)) && [...tags.keys()].every((name) => TAGS.includes(name) || script.test(name));
  need(right && [...payload.keys()].every((name) => name.startsWith("data/")), "the manifests do not name the files that a bundle has");
  const listed = new Set([...payload.keys(), ...tags.keys(), ...UNLISTED]);
  const missing = [...listed].filter((name) => !bag.has(name));
  const foreign = bag.names().filter((name) => !listed.has(name));
  need(!missing.length, `missing: ${missing.sort().join(", ")}`);
  need(!foreign.length, `foreign: ${foreign.join(", ")}`);
  const altered = [];
  for (const [name, sum] of [...payload, ...tags]) if ((await bag.sha256(name)) !== sum) altered.push(name);
  need(!altered.length, `altered: ${altered.sort().join(", ")}`);
  return `${listed.size} files, none missing, foreign or altered`;
}

export async function checkpoint(bundle) {
  const note = await bundle.note();
  return `size and root of ${note.size} entries are signed by the key in log.vkey`;
}

export async function tree(bundle) {
  const [note, leaves] = [await bundle.note(), await bundle.leaves()];
  const how = note.size > leaves.length ? "it was cut" : "entries were added";
  need(note.size === leaves.length, `the checkpoint covers ${note.size} entries, the ledger holds ${leaves.length}: ${how}`);
  const root = await (await bundle.tree()).root();
  need(equal(root, note.root), "the root of the entries is not the one in the checkpoint: an entry was altered, moved or replaced");
  const withheld = leaves.length - (await bundle.lines()).length;
  return `${leaves.length} entries${withheld ? `, ${withheld} of them withheld,` : ""} have the signed root ${hex(root)}`;
}

export async function seal(bundle) {
  const [text, signature] = [await bundle.bag.bytes("tagmanifest-sha256.txt"), await bundle.bag.text("tagmanifest-sha256.txt.sig")];
  const key = await verifySshsig(signature, text, await bundle.namespace("evidence"));
  const own = concat(wireString(utf8("ssh-ed25519")), wireString((await bundle.vkey()).publicKey));
  need(equal(key.blob, own), "the list of all files is signed by another key than the log's");
  return "the list of all files is signed by the same key";
}

// Compares a table that verify.sh reads with the entries that it repeats.
async function sameTable(bundle, name, lines) {
  need((await bundle.bag.text(name)) === lines.map((cells) => `${cells.join("\t")}\n`).join(""), `${name} is not what the ledger says`);
}

export async function rotations(bundle) {
  const found = await bundle.of("rotation");
  await sameTable(
    bundle,
    "data/log-keys.tsv",
    found.map(({ number, data }) => [number, data["old-vkey"], data["new-vkey"]]),
  );
  await bundle.keys();
  for (const { number, data } of found) {
    const note = await verifyNote(data["old-signature"], [await readVkey(data["old-vkey"])]);
    const right = note.size === number && note.more === `next-key ${data["new-vkey"]}\n`;
    const same = right && equal(note.root, await (await bundle.tree()).root(number));
    need(same, `entry ${number}: the old key of the log signed something else than what came before and the new key`);
  }
  return found.length ? `${found.length} replacements of the log's key, each signed by the key before` : "the log has had one key only";
}

export async function signatures(bundle) {
  const statements = await bundle.of("statement");
  for (const { number, subject, at, data } of statements) {
    try {
      await bundle.signedBy(data.principal, subject, utf8(data.text), data.signature, at);
    } catch (error) {
      throw error instanceof Bad ? new Bad(`entry ${number}: ${error.message}`) : error;
    }
  }
  return `${statements.length} statements, each signed by a key of a person who may, for its own purpose`;
}

export async function statements(bundle) {
  const left = new Set(bundle.bag.names("data/statements/"));
  const found = await bundle.of("statement");
  for (const { number, subject, engagement, data } of found) {
    const name = `data/statements/${number}-${subject}-${data.principal.replace(/[^A-Za-z0-9@._+-]|[.](?=[.]|$)/g, "_")}.txt`;
    const same = (await bundle.bag.text(name)) === data.text && (await bundle.bag.text(`${name}.sig`)) === data.signature;
    need(same, `${name} is not what entry ${number} says`);
    need(hex(await sha256(utf8(data.text))) === data["text-sha256"], `entry ${number}: the text has another sum`);
    const said = statementFields(data.text);
    const about = said.get("client")?.join() === engagement && said.get("principal")?.join() === data.principal;
    const right = about && data.text.split("\n")[0] === `offboard-${subject}/v1`;
    need(right, `entry ${number}: the statement is for another purpose, client or person`);
    left.delete(name);
    left.delete(`${name}.sig`);
  }
  need(!left.size, `not in the ledger: ${[...left].join(", ")}`);
  return `${found.length} signed statements stand in the ledger word for word`;
}

export async function documents(bundle) {
  const wanted = new Set();
  for (const entry of await bundle.entries()) documentsOf(entry.data, wanted);
  const there = new Set(bundle.bag.names("data/documents/").map((name) => name.split("/").at(-1)));
  const odd = [...wanted].filter((one) => !there.has(one)).concat([...there].filter((one) => !wanted.has(one)));
  need(!odd.length, `missing or not in the ledger: ${odd.sort().join(", ")}`);
  for (const one of there) need((await bundle.bag.sha256(`data/documents/${one}`)) === one, `altered: ${one}`);
  return `${there.size} documents, each with the sum that the ledger gives`;
}

// Each value about a person that the bundle opens has to be the one that an entry holds as a salted hash; no other is shown.
export async function personal(bundle) {
  const text = bundle.bag.has("data/personal.tsv") ? await bundle.bag.text("data/personal.tsv") : "";
  const lines = text.split("\n");
  need(lines.pop() === "", "personal.tsv: the last line has no end");
  need(lines.every((line, index) => !index || lines[index - 1] < line), "personal.tsv: a line twice, or not in order");
  const named = new Set((await bundle.lines()).flatMap((line) => fromUtf8(line).match(COMMITMENT) ?? []));
  const opened = {};
  for (const line of lines) {
    const match = /^(salted:[0-9a-f]{64})\t([0-9a-f]{64})\t([^\x00-\x1f\x7f]+)$/.exec(line);
    need(match, `personal.tsv: a line that is not ours: ${line.slice(0, 200)}`);
    const [, commitment, salt, value] = match;
    const own = `salted:${hex(await sha256(concat(fromHex(salt), utf8(value))))}`;
    need(own === commitment, `personal.tsv: ${value} is not what ${commitment} commits to`);
    need(named.has(commitment), `personal.tsv: ${value} is committed to in no entry`);
    opened[commitment] = value;
  }
  const told = bundle.redacted ? {} : (JSON.parse(await bundle.bag.text("data/summary.json")).personal ?? {});
  need(canonical(told) === canonical(opened), "summary.json opens other values about persons than personal.tsv");
  const closed = named.size - lines.length;
  const more = closed ? `; ${closed} more are destroyed, or kept back` : "";
  return `${lines.length} values about persons are those whose salted hashes the entries hold${more}`;
}

export async function anchors(bundle) {
  const found = await bundle.of("anchor");
  const cells = ({ number, data }) => {
    const digests = ["checkpoint-document", "token-document", "roots-document"].map((key) => data[key] ?? "-");
    return [number, data.how, data.size, ...digests, data.by.trim().replace(/\s+/g, " ")];
  };
  await sameTable(bundle, "data/anchors.tsv", found.map(cells));
  if (!found.length) return "none: nobody else holds a checkpoint of this record, as far as it says";
  const told = [];
  for (const entry of found) {
    try {
      told.push(await anchor(bundle, entry));
    } catch (error) {
      throw error instanceof Bad ? new Bad(`entry ${entry.number}: ${error.message}`) : error;
    }
  }
  const stamped = told.filter(Boolean).sort();
  const words = `${found.length} anchored checkpoints, each a beginning of this log`;
  return stamped.length
    ? `${words}; ${stamped.length} time stamps are over exactly these, stating ${stamped[0]} to ${stamped.at(-1)}`
    : words;
}

async function anchor(bundle, { number, at, data }) {
  const body = await bundle.bag.bytes(`data/documents/${data["checkpoint-document"]}`);
  const text = await bundle.bag.text(`data/documents/${data["checkpoint-document"]}`);
  const note = await verifyNote(text, [await bundle.keyFor(data.size)]);
  need(note.size === data.size && hex(note.root) === data.root, "the anchored checkpoint is not the one that it names");
  need(note.size <= number, "the anchored checkpoint covers entries that came after it");
  need(
    equal(note.root, await (await bundle.tree()).root(note.size)),
    "the anchored checkpoint is of another log: entries were changed since",
  );
  if (data.how === "cosignature") await bundle.signedBy(data.by, "checkpoint", body, data.signature, at);
  if (data.how !== "time-stamp") return "";
  const stated = await stampedAt(await bundle.bag.bytes(`data/documents/${data["token-document"]}`), body);
  need(
    stated === data["stamped-at"].replace(/\.\d+|[+]00:00$/g, "").replace(/Z?$/, "Z"),
    "the time stamp states another time than the ledger",
  );
  return stated;
}

export async function certificate(bundle) {
  if (!bundle.bag.has("data/certificate.dsse.json")) return "the bundle holds no certificate about inventories";
  const envelope = JSON.parse(await bundle.bag.text("data/certificate.dsse.json"));
  const payload = fromBase64(envelope.payload);
  const type = utf8(envelope.payloadType);
  const covered = concat(utf8(`DSSEv1 ${type.length} `), type, utf8(` ${payload.length} `), payload);
  const key = (await bundle.vkey()).publicKey;
  const holds = await ed25519(key, fromBase64(envelope.signatures[0].sig), covered);
  need(holds, "the certificate about the inventories is not signed by the log's key");
  for (const { name, digest } of JSON.parse(fromUtf8(payload)).subject) {
    need((await bundle.bag.sha256(name)) === digest.sha256, `the certificate is about another ${name}`);
  }
  return "the certificate about the inventories is signed by the log's key, and is about these files";
}

export async function keys(bundle, expected) {
  const lines = expected
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith("#"));
  const vkeys = lines.filter((line) => /^[^+ ]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$/.test(line));
  const roots = lines.filter((line) => /^sha256 Fingerprint=/i.test(line)); // of time stamps: verify.py compares these
  const people = new Set(lines.filter((line) => !vkeys.includes(line) && !roots.includes(line)));
  await rotations(bundle); // a key that follows the one received counts only if that one handed over
  const known = await bundle.keys();
  need(!vkeys.length || known.some(({ vkey }) => vkeys.includes(vkey.text)), "the log key is not the one that you received");
  const strange = [];
  for (const one of await bundle.signers()) {
    const print = await fingerprint(fromBase64(one.key.split(" ")[1]));
    const unlimited = `${one.principal} namespaces="${one.namespaces.join(",")}" ${one.key}`; // a limit may have been set since
    if (![one.line, unlimited, print, `${print} ${one.principal}`].some((name) => people.has(name)))
      strange.push(`${print} ${one.principal}`);
  }
  need(!people.size || !strange.length, `not among the signers that you received: ${strange.join(", ")}`);
  if (!vkeys.length || !people.size) throw new Unable(`the expected keys hold no ${vkeys.length ? "signers" : "log key"}`);
  return "log key and signers are those that you received";
}

// Signed checkpoints of the log: C2SP signed-note and tlog-checkpoint, with Ed25519.
import { Bad, concat, fromBase64, hex, need, sha256, utf8 } from "./bytes.js";
import { ed25519 } from "./ssh_keys.js";

const NOTE = /^(([^\n+ ]+)\n(0|[1-9]\d{0,14})\n([A-Za-z0-9+/]{43}=)\n((?:[^\n]+\n)*))\n((?:\u2014 [^\n ]+ [A-Za-z0-9+/=]+\n)+)$/;

// Reads a verifier key: <name>+<key id as hex>+base64(0x01 || public key).
export async function readVkey(text) {
  const match = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text);
  need(match, "the log's verifier key is not of its form");
  const [, name, id, encoded] = match;
  const typed = fromBase64(encoded);
  need(typed.length === 33 && typed[0] === 1, "the log's verifier key is not an Ed25519 key");
  const own = await sha256(concat(utf8(`${name}\n`), typed));
  need(hex(own.slice(0, 4)) === id, "the log's verifier key does not fit the id in it");
  return { text, name, id, publicKey: typed.slice(1) };
}

// Checks a checkpoint by one of these verifier keys; gives size, root, the lines after these, and the key that signed.
export async function verifyNote(note, vkeys) {
  const match = NOTE.exec(note);
  need(match, "a checkpoint is not a signed note with origin, size and root");
  const [, text, origin, size, root, more, signatures] = match;
  for (const line of signatures.slice(0, -1).split("\n")) {
    const [, name, encoded] = line.split(" ");
    const blob = fromBase64(encoded);
    const vkey = vkeys.find((one) => one.name === name && one.id === hex(blob.slice(0, 4)));
    if (!vkey || vkey.name !== origin) continue;
    need(await ed25519(vkey.publicKey, blob.slice(4), utf8(text)), "the log key did not sign this checkpoint");
    return { origin, size: Number(size), root: fromBase64(root), more, vkey };
  }
  throw new Bad("a checkpoint has no signature by the log's key");
}

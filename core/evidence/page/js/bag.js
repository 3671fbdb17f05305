// The files of a bundle (a BagIt bag, RFC 8493) that somebody picked in this browser.
import { Bad, fromUtf8, hex, need, sha256 } from "./bytes.js";

const NAME = /^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9@._+/-]*$/;
const SIGNER =
  /^([^@\s,*?!"#]+@[^@\s,*?!"]+) namespaces="([a-z0-9.@,-]+)"((?:,valid-(?:after|before)="\d{8}(?:\d{4}(?:\d\d)?)?Z?")*) (\S+ [A-Za-z0-9+/]+={0,2})$/;

export class Bag {
  // Takes the files of an <input webkitdirectory>: each knows its path, which begins with the folder's own name.
  constructor(files) {
    this.files = new Map(Array.from(files, (file) => [file.webkitRelativePath.split("/").slice(1).join("/"), file]));
    this.sums = new Map();
  }

  has(name) {
    return this.files.has(name);
  }

  names(below = "") {
    return [...this.files.keys()].filter((name) => name.startsWith(below)).sort();
  }

  async bytes(name) {
    const file = this.files.get(name);
    need(file, `${name} is missing`);
    return new Uint8Array(await file.arrayBuffer());
  }

  async text(name) {
    const bytes = await this.bytes(name);
    try {
      return fromUtf8(bytes);
    } catch {
      throw new Bad(`${name} is not UTF-8`);
    }
  }

  async sha256(name) {
    if (!this.sums.has(name)) this.sums.set(name, hex(await sha256(await this.bytes(name))));
    return this.sums.get(name);
  }

  async manifest(name) {
    const found = new Map();
    const text = await this.text(name);
    need(text.endsWith("\n"), `${name} does not end with a line end`);
    for (const line of text.slice(0, -1).split("\n")) {
      const match = /^([0-9a-f]{64}) {2}(.+)$/.exec(line);
      need(match && NAME.test(match[2]) && !found.has(match[2]), `${name}: a line that is not ours: ${line.slice(0, 200)}`);
      found.set(match[2], match[1]);
    }
    return found;
  }

  // Cuts the ledger into its lines, without the line ends, as bytes.
  async lines() {
    const bytes = await this.bytes("data/ledger.jsonl");
    need(bytes.length === 0 || bytes.at(-1) === 10, "the last entry of the ledger is cut off");
    const lines = [];
    for (let start = 0, end; start < bytes.length; start = end + 1) {
      end = bytes.indexOf(10, start);
      lines.push(bytes.subarray(start, end));
    }
    return lines;
  }

  // Reads who may sign for what, by which key and from when until when. No key may stand for two people.
  async signers() {
    const [found, owners] = [[], new Map()];
    for (const line of (await this.text("data/allowed_signers")).split("\n").slice(0, -1)) {
      const match = SIGNER.exec(line);
      need(match, `allowed_signers: a line that is not ours: ${line.slice(0, 200)}`);
      const [, principal, namespaces, validity, key] = match;
      need((owners.get(key) ?? principal) === principal, `the same key stands for two people: ${owners.get(key)}, ${principal}`);
      owners.set(key, principal);
      found.push({ line, principal, key, namespaces: namespaces.split(","), ...limits(validity) });
    }
    return found;
  }
}

function limits(validity) {
  const limit = (name) => new RegExp(`valid-${name}="(\\d+)`).exec(validity)?.[1].padEnd(14, "0");
  return { after: limit("after"), before: limit("before") };
}

// Tells whether a signer's key was valid at an RFC 3339 instant; ssh-keygen's limits are read as UTC.
export function validAt(signer, instant) {
  const at = instant.replace(/\D/g, "").slice(0, 14);
  return (!signer.after || at >= signer.after) && (!signer.before || at <= signer.before);
}

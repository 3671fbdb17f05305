// OpenSSH public keys and what they signed: RFC 4253, 5656, 8332, 8709 and OpenSSH's PROTOCOL.u2f, checked by WebCrypto.
import { Bad, Unable, concat, digest, fromBase64, need, sha256, subtle, toBase64, utf8 } from "./bytes.js";

const CURVES = {
  nistp256: { name: "P-256", hash: "SHA-256", width: 32 },
  nistp384: { name: "P-384", hash: "SHA-384", width: 48 },
  nistp521: { name: "P-521", hash: "SHA-512", width: 66 },
};
const RSA_HASHES = { "rsa-sha2-256": "SHA-256", "rsa-sha2-512": "SHA-512" };
const LONGEST = 64 * 1024;
const TOUCHED = 1;
export const UNLOCKED = 4;

// Reads the fields of the SSH wire format (RFC 4251, section 5) and refuses what is too short, too long or spelled otherwise.
export class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  take(count) {
    need(count <= this.bytes.length - this.at, "it ends too early");
    this.at += count;
    return this.bytes.slice(this.at - count, this.at);
  }

  number() {
    return this.take(4).reduce((sum, byte) => sum * 256 + byte, 0);
  }

  string() {
    const length = this.number();
    need(length <= LONGEST, "a length in it is impossible");
    return this.take(length);
  }

  text() {
    return String.fromCharCode(...this.string());
  }

  // A positive number as its shortest big-endian bytes, without the leading zero that keeps its sign.
  integer() {
    const raw = this.string();
    const shortest = raw.length > 0 && raw[0] < 0x80 && (raw[0] !== 0 || raw[1] >= 0x80);
    need(shortest, "a number in it is not positive or not in its shortest form");
    return raw[0] === 0 ? raw.slice(1) : raw;
  }

  end() {
    need(this.at === this.bytes.length, "there are bytes after its end");
  }
}

export function wireString(bytes) {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length);
  return concat(length, bytes);
}

async function verifyBy(format, key, algorithm, parameters, signature, message) {
  let imported;
  try {
    imported = await subtle().importKey(format, key, algorithm, false, ["verify"]);
  } catch (error) {
    if (error.name === "NotSupportedError") throw new Unable(`this browser cannot check ${algorithm.name} signatures`);
    throw new Bad("its numbers are not those of a key");
  }
  return subtle().verify(parameters, imported, signature, message);
}

export function ed25519(publicKey, signature, message) {
  return verifyBy("raw", publicKey, { name: "Ed25519" }, { name: "Ed25519" }, signature, message);
}

function padded(bytes, width) {
  need(bytes.length <= width, "a number in it is too large for its curve");
  return concat(new Uint8Array(width - bytes.length), bytes);
}

function ecdsa(point, curve, raw, message) {
  const numbers = new Reader(raw);
  const signature = concat(padded(numbers.integer(), curve.width), padded(numbers.integer(), curve.width));
  numbers.end();
  const algorithm = { name: "ECDSA", namedCurve: curve.name };
  return verifyBy("raw", point, algorithm, { name: "ECDSA", hash: curve.hash }, signature, message);
}

function rsa(exponent, modulus, scheme, raw, message) {
  const hash = RSA_HASHES[scheme];
  need(hash, `an RSA signature must be rsa-sha2-256 or rsa-sha2-512, not ${scheme}`);
  const bits = modulus.length * 8 - Math.clz32(modulus[0]) + 24;
  need(bits >= 2048, `an RSA key of ${bits} bits is too short`);
  const url = (bytes) => toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  const key = { kty: "RSA", n: url(modulus), e: url(exponent) };
  return verifyBy("jwk", key, { name: "RSASSA-PKCS1-v1_5", hash }, "RSASSA-PKCS1-v1_5", raw, message);
}

// Reads a key in wire form: its line, and a function that checks a signature blob over a message, to the last byte.
export function readKey(blob) {
  const reader = new Reader(blob);
  const type = reader.text();
  const hardware = type.startsWith("sk-");
  let check;
  if (type === "ssh-ed25519" || type === "sk-ssh-ed25519@openssh.com") {
    const point = reader.string();
    check = (_, raw, message) => ed25519(point, raw, message);
  } else if (type === "ssh-rsa") {
    const [exponent, modulus] = [reader.integer(), reader.integer()];
    check = (scheme, raw, message) => rsa(exponent, modulus, scheme, raw, message);
  } else {
    const name = hardware ? "nistp256" : type.replace("ecdsa-sha2-", "");
    const known = type === "sk-ecdsa-sha2-nistp256@openssh.com" || (type.startsWith("ecdsa-sha2-") && Object.hasOwn(CURVES, name));
    need(known, `a key of the type ${type.slice(0, 60)} is not known here`);
    need(reader.text() === name, "the curve of a key is not that of its type");
    const point = reader.string();
    check = (_, raw, message) => ecdsa(point, CURVES[name], raw, message);
  }
  const application = hardware ? reader.string() : null;
  reader.end();
  const line = `${type} ${toBase64(blob)}`;
  return { type, blob, line, holds: (signature, message) => holds({ type, application, check }, signature, message) };
}

async function holds({ type, application, check }, signature, message) {
  const reader = new Reader(signature);
  const scheme = reader.text();
  const raw = reader.string();
  let covered = message;
  if (application) {
    const [flags, counter] = [reader.take(1), reader.take(4)];
    need(flags[0] & TOUCHED, "the security key signed without anybody touching it");
    covered = concat(await sha256(application), flags, counter, await sha256(message));
  }
  reader.end();
  need(type === "ssh-rsa" || scheme === type, `a key of type ${type} cannot make a signature of type ${scheme.slice(0, 60)}`);
  return check(scheme, raw, covered);
}

// Reads what a hardware key signed about its use; 0 for any other key. Whether it holds is not checked here.
export function flags(armored) {
  const reader = new Reader(fromBase64(armored.replace(/\n$/, "").split("\n").slice(1, -1).join("")));
  reader.take(6);
  reader.number();
  const { type } = readKey(reader.string());
  for (let part = 0; part < 3; part += 1) reader.string();
  const signature = new Reader(reader.string());
  if (!type.startsWith("sk-")) return 0;
  signature.text();
  signature.string();
  return signature.take(1)[0];
}

// Checks an armored SSH signature (PROTOCOL.sshsig) and gives the key that made it.
export async function verifySshsig(armored, message, namespace) {
  const lines = armored.replace(/\n$/, "").split("\n");
  const framed = lines[0] === "-----BEGIN SSH SIGNATURE-----" && lines.at(-1) === "-----END SSH SIGNATURE-----";
  need(framed, "it is not an SSH signature");
  const reader = new Reader(fromBase64(lines.slice(1, -1).join("")));
  need(String.fromCharCode(...reader.take(6)) === "SSHSIG" && reader.number() === 1, "it is not an SSH signature of version 1");
  const key = readKey(reader.string());
  const [found, reserved, hash, blob] = [reader.string(), reader.string(), reader.text(), reader.string()];
  reader.end();
  need(String.fromCharCode(...found) === namespace, `it was made for ${String.fromCharCode(...found).slice(0, 80)}, not for ${namespace}`);
  need(reserved.length === 0, "its reserved field is not empty");
  const name = { sha256: "SHA-256", sha512: "SHA-512" }[hash];
  need(name, "its hash is neither sha256 nor sha512");
  const sum = await digest(name, message);
  const covered = concat(utf8("SSHSIG"), wireString(found), wireString(reserved), wireString(utf8(hash)), wireString(sum));
  need(await key.holds(blob, covered), "it does not fit the text");
  return key;
}

// Bytes, hashes and the ways in which a check ends without success.

export class Bad extends Error {} // a check failed; the message says what was found
export class Unable extends Error {} // a check cannot be made in this browser
export class Withheld extends Error {} // a check needs entries that this copy of the record withholds

export function need(holds, found) {
  if (!holds) throw new Bad(found);
}

export function utf8(text) {
  return new TextEncoder().encode(text);
}

export function fromUtf8(bytes) {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function equal(left, right) {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function fromHex(text) {
  return Uint8Array.from(text.match(/../g), (pair) => Number.parseInt(pair, 16));
}

export function toBase64(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

// Takes base64 in its one proper form alone.
export function fromBase64(text) {
  let bytes;
  try {
    bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  } catch {
    throw new Bad("it is not base64");
  }
  need(toBase64(bytes) === text, "it is not base64 in its one proper form");
  return bytes;
}

export function subtle() {
  const found = globalThis.crypto?.subtle;
  if (!found) throw new Unable("this browser offers no cryptography to a page opened in this way");
  return found;
}

export async function digest(name, bytes) {
  return new Uint8Array(await subtle().digest(name, bytes));
}

export async function sha256(bytes) {
  return digest("SHA-256", bytes);
}

// Names an OpenSSH public key as ssh-keygen -l does.
export async function fingerprint(blob) {
  return `SHA256:${toBase64(await sha256(blob)).replace(/=+$/, "")}`;
}

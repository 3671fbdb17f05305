// RFC 3161: of which bytes a time stamp says that they were there, and when. Its signature is not checked here; openssl does that.
import { digest, equal, hex, need } from "./bytes.js";

const HASHES = {
  "608648016503040201": "SHA-256",
  "608648016503040202": "SHA-384",
  "608648016503040203": "SHA-512",
};

// Splits DER into one element: its tag, its body, and what follows it.
function element(bytes) {
  need(bytes.length >= 2, "a time stamp ends too early");
  let [length, head] = [bytes[1], 2];
  if (length & 0x80) {
    const count = length & 0x7f;
    need(count >= 1 && count <= 4 && bytes.length >= 2 + count, "a length in a time stamp is impossible");
    length = bytes.slice(2, 2 + count).reduce((sum, byte) => sum * 256 + byte, 0);
    head += count;
  }
  need(bytes.length >= head + length, "a time stamp ends too early");
  return { tag: bytes[0], body: bytes.slice(head, head + length), rest: bytes.slice(head + length) };
}

// Goes through the elements of a SEQUENCE, asking for a tag at each; a tag of null passes over whatever is there.
function walk(bytes, ...tags) {
  let [left, last] = [bytes, null];
  for (const tag of tags) {
    last = element(left);
    need(tag === null || last.tag === tag, "this is not a time stamp as RFC 3161 has it");
    left = last.rest;
  }
  return last;
}

const [INTEGER, OCTETS, OID, TIME, SEQUENCE, SET, CONTEXT] = [0x02, 0x04, 0x06, 0x18, 0x30, 0x31, 0xa0];

// Checks that a TimeStampResp is over exactly these bytes; gives the time that it states.
export async function stampedAt(response, bytes) {
  const whole = walk(response, SEQUENCE);
  const status = walk(walk(whole.body, SEQUENCE).body, INTEGER);
  need(status.body.length === 1 && status.body[0] <= 1, "the authority refused this time stamp");
  const token = walk(whole.body, SEQUENCE, SEQUENCE);
  const signed = walk(walk(token.body, OID, CONTEXT).body, SEQUENCE);
  const content = walk(signed.body, INTEGER, SET, SEQUENCE);
  const info = walk(walk(walk(content.body, OID, CONTEXT).body, OCTETS).body, SEQUENCE);
  const imprint = walk(info.body, INTEGER, OID, SEQUENCE);
  const hash = HASHES[hex(walk(walk(imprint.body, SEQUENCE).body, OID).body)];
  need(hash, "a time stamp uses a hash that is not SHA-2");
  const sum = walk(imprint.body, SEQUENCE, OCTETS).body;
  need(equal(sum, await digest(hash, bytes)), "a time stamp is of other bytes than this checkpoint");
  return generalizedTime(String.fromCharCode(...walk(info.body, INTEGER, OID, SEQUENCE, INTEGER, TIME).body));
}

function generalizedTime(text) {
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d+)?Z$/.exec(text);
  need(match, "the time in a time stamp cannot be read");
  const [, year, month, day, hour, minute, second] = match;
  return `${year}-${month}-${day}T${hour}:${minute}:${second}Z`;
}

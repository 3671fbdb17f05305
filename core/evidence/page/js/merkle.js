// The Merkle tree of RFC 6962, section 2.1: SHA-256, leaves 0x00 || entry, nodes 0x01 || left || right.
import { concat, need, sha256 } from "./bytes.js";

const AT_ONCE = 4096; // hashes that are asked for together; each is a promise of its own

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

async function mapInTurns(count, make, progress) {
  const found = [];
  for (let start = 0; start < count; start += AT_ONCE) {
    const turn = Array.from({ length: Math.min(AT_ONCE, count - start) }, (_, index) => make(start + index));
    found.push(...(await Promise.all(turn)));
    progress?.(found.length, count);
  }
  return found;
}

function nodeHash(left, right) {
  return sha256(concat(NODE, left, right));
}

export function leafHashes(lines, progress) {
  return mapInTurns(lines.length, (index) => sha256(concat(LEAF, lines[index])), progress);
}

// All complete subtrees over the leaves: from them the root of any beginning of the log takes few hashes.
export class Tree {
  static async over(leaves) {
    const levels = [leaves];
    while (levels.at(-1).length > 1) {
      const below = levels.at(-1);
      levels.push(await mapInTurns(below.length >> 1, (index) => nodeHash(below[2 * index], below[2 * index + 1])));
    }
    return new Tree(levels);
  }

  constructor(levels) {
    this.levels = levels;
    this.size = levels[0].length;
  }

  async root(size = this.size) {
    need(size <= this.size, `a checkpoint covers ${size} entries, and there are ${this.size}`);
    if (size === 0) return sha256(new Uint8Array());
    const peaks = [];
    let at = 0;
    for (let level = this.levels.length - 1; level >= 0; level--) {
      const width = 2 ** level;
      if (size - at < width) continue;
      peaks.push(this.levels[level][at / width]);
      at += width;
    }
    let node = peaks.pop();
    while (peaks.length) node = await nodeHash(peaks.pop(), node);
    return node;
  }
}

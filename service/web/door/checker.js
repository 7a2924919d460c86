// What a QR code on paper is worth, judged in the browser: COSE_Sign1 with ES256 (RFC 9052) in its one deterministic
// form, and the signed list of keys and dead papers. The twin of service/verification/{cose,qr,known}.py; the same
// test cases run through both. Nothing here reads or writes anything outside its arguments.

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const KID_SIZE = 4, PREFIX = 16, MAX_MESSAGE = 1024, MAX_TEXT = 2000, MAX_FIELD = 300, DAY = 86400000;
const CURVE = { name: "ECDSA", namedCurve: "P-256" };
const ES256 = { name: "ECDSA", hash: "SHA-256" };

class Unreadable extends Error {}

function need(claim) {
  if (!claim) throw new Unreadable("unreadable");
}

// ---- bytes

export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromBase64(text) {
  need(/^[A-Za-z0-9+/]*={0,2}$/.test(text));
  let binary;
  try { binary = atob(text); } catch { throw new Unreadable("base64"); }
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function fromBase64url(text) {
  need(/^[A-Za-z0-9_-]+$/.test(text));
  const bytes = fromBase64(text.replace(/-/g, "+").replace(/_/g, "/") + "=".repeat((4 - (text.length % 4)) % 4));
  const again = btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  need(again === text); // the last character has spare bits
  return bytes;
}

const has = (value, name) => Object.prototype.hasOwnProperty.call(value, name);

function same(one, other) {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

export async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

// ---- CBOR (RFC 8949, 4.2.1): whole numbers, strings, arrays, maps with rising whole keys, null, one tag

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  take(size) {
    need(size <= this.bytes.length - this.at);
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  head() {
    const first = this.take(1)[0];
    const [kind, short] = [first >> 5, first & 31];
    if (short < 24) return [kind, short];
    need(short <= 27);
    const size = 1 << (short - 24);
    const value = this.take(size).reduce((sum, byte) => sum * 256 + byte, 0);
    need(value >= [24, 256, 65536, 4294967296][short - 24] && value <= Number.MAX_SAFE_INTEGER); // the shortest form only
    return [kind, value];
  }

  value(depth = 0) {
    need(depth < 6);
    const first = this.bytes[this.at];
    const [kind, number] = this.head();
    if (kind === 0) return number;
    if (kind === 1) return -1 - number;
    if (kind === 2) return this.take(number);
    if (kind === 3) return this.text(number);
    if (kind === 4) return this.many(number, () => this.value(depth + 1));
    if (kind === 5) return this.map(number, depth);
    if (kind === 6) return { tag: number, value: this.value(depth + 1) };
    need(first === 0xf6);
    return null;
  }

  text(size) {
    const bytes = this.take(size);
    try { return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes); } catch { throw new Unreadable("utf-8"); }
  }

  many(count, read) {
    need(count <= this.bytes.length);
    return Array.from({ length: count }, read);
  }

  map(count, depth) {
    const found = new Map();
    let last = null;
    this.many(count, () => {
      const key = this.value(depth + 1);
      need(Number.isInteger(key) && key >= 0 && (last === null || key > last));
      last = key;
      found.set(key, this.value(depth + 1));
    });
    return found;
  }
}

function decoded(bytes) {
  const reader = new Reader(bytes);
  const value = reader.value();
  need(reader.at === bytes.length);
  return value;
}

function head(kind, number) {
  if (number < 24) return [(kind << 5) | number];
  if (number < 256) return [(kind << 5) | 24, number];
  return [(kind << 5) | 25, number >> 8, number & 255];
}

function toBeSigned(guarded, payload) {
  const context = new TextEncoder().encode("Signature1");
  return Uint8Array.from([
    ...head(4, 4), ...head(3, context.length), ...context, ...head(2, guarded.length), ...guarded,
    ...head(2, 0), ...head(2, payload.length), ...payload,
  ]);
}

// ---- signatures

async function holds(spki, data, signature) {
  const s = BigInt("0x" + hex(signature.subarray(32)));
  if (signature.length !== 64 || s <= 0n || s > ORDER / 2n) return false; // of two values that verify, the smaller
  try {
    const key = await crypto.subtle.importKey("spki", spki, CURVE, false, ["verify"]);
    return await crypto.subtle.verify(ES256, key, signature, data);
  } catch {
    return false;
  }
}

async function open1(message, keys) {
  need(message.length <= MAX_MESSAGE);
  const whole = decoded(message);
  need(whole !== null && whole.tag === 18 && Array.isArray(whole.value) && whole.value.length === 4);
  const [guarded, open, payload, signature] = whole.value;
  need([guarded, payload, signature].every((one) => one instanceof Uint8Array));
  need(open instanceof Map && open.size === 0 && signature.length === 64);
  const kid = kidOf(guarded);
  for (const key of keys) {
    const spki = fromBase64(key);
    if (same((await sha256(spki)).subarray(0, KID_SIZE), kid)) {
      return [(await holds(spki, toBeSigned(guarded, payload), signature)) ? "genuine" : "forged", payload];
    }
  }
  return ["unknown_key", payload];
}

function kidOf(guarded) {
  // {1: -7, 4: kid} has one form: a2 01 26 04 44 and four bytes
  need(guarded.length === 9 && same(guarded.subarray(0, 5), [0xa2, 1, 0x26, 4, 0x44]));
  return guarded.subarray(5);
}

// ---- claims

function text(value) {
  need(typeof value === "string" && [...value].length <= MAX_FIELD);
  return value;
}

const textOrNull = (value) => (value === null ? null : text(value));

function whole(value, below) {
  need(Number.isInteger(value) && value >= 0 && value < below);
  return value;
}

function digest(value, size) {
  need(value instanceof Uint8Array && value.length === size);
  return hex(value);
}

const day = (value) => new Date(whole(value, 100000) * DAY).toISOString().slice(0, 10);
const moment = (value) => new Date(whole(value, 2 ** 33) * 1000).toISOString().replace(".000", "");

function claimOf(value) {
  need(Array.isArray(value));
  if (value[0] === 1 && value.length === 8) {
    const [, number, kind, name, post, unit, date, content] = value;
    return {
      type: "issued", number: text(number), kind: text(kind), name: textOrNull(name), post: textOrNull(post),
      unit: text(unit), date: day(date), content: digest(content, PREFIX),
    };
  }
  need(value[0] === 2 && value.length === 10);
  const [, number, kind, date, content, file, signed, origin, index, leaf] = value;
  need(Array.isArray(signed) && signed.length <= 8 && signed.every((one) => Array.isArray(one) && one.length === 4));
  return {
    type: "finished", number: text(number), kind: text(kind), date: day(date), content: digest(content, PREFIX),
    sha256: digest(file, 32),
    signed: signed.map(([role, unit, name, time]) => ({
      role: text(role), unit: text(unit), name: textOrNull(name), time: moment(time),
    })),
    origin: text(origin), index: whole(index, 2 ** 53), leaf: digest(leaf, PREFIX),
  };
}

// ---- what is known, and the verdict

function canonical(value) {
  if (Array.isArray(value)) return "[" + value.map(canonical).join(",") + "]";
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return "{" + Object.keys(value).sort().map((key) => JSON.stringify(key) + ":" + canonical(value[key])).join(",") + "}";
}

// Return the list, or throw: `pinned` are the keys of a list that was believed before; one of them must have signed.
export async function readKnown(json, pinned = []) {
  const value = JSON.parse(json);
  const { signature, ...unsigned } = value;
  need(value.v === 1 && canonical(value) === json && Array.isArray(value.keys));
  const trusted = pinned.length ? pinned : value.keys;
  need(trusted.includes(value.key));
  const data = new TextEncoder().encode(canonical(unsigned));
  need(await holds(fromBase64(value.key), data, fromBase64(signature)));
  return value;
}

// Return {state, claim, as_of}. Green is "genuine" alone; nothing is claimed by what is not signed by a known key.
export async function judge(code, known, now) {
  const as_of = known.issued;
  let mark, claim;
  try {
    need(code.length <= MAX_TEXT);
    const [found, payload] = await open1(fromBase64url(code.split("#").pop()), known.keys);
    [mark, claim] = [found, claimOf(decoded(payload))];
  } catch (fault) {
    if (fault instanceof Unreadable) return { state: "unreadable", claim: null, as_of };
    throw fault;
  }
  if (mark !== "genuine") return { state: mark, claim: null, as_of };
  return { state: stateOf(claim, known, now), claim, as_of };
}

function stateOf(claim, known, now) {
  if (known.void.includes(claim.content)) return "void";
  if (known.superseded.includes(claim.content)) return "superseded";
  const file = claim.type === "finished" ? claim.sha256.slice(0, 2 * PREFIX) : "";
  if (file && has(known.files, file) && known.files[file] === "void") return "void";
  return now > new Date(known.expires) ? "stale" : "genuine";
}

// Return what the list says of a file: completed, void, superseded, an earlier state, or null where it is not there.
export async function fileStatus(bytes, known) {
  const name = hex(await sha256(bytes)).slice(0, 2 * PREFIX);
  return has(known.files, name) ? known.files[name] : null;
}

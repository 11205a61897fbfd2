// A hub below, written from docs/reference/edge-protocol.md alone, with what Node brings along and nothing else.
// Usage: node edge.mjs vectors FOLDER
//        node edge.mjs sync BASE US THEM KEY.PEM OUR.PEM THEIR.PEM STATE.JSON DOSSIER…     (one new dossier for each code)
// Writes one line of JSON: what it did, or why not.
import { createHash, createPrivateKey, randomUUID, sign, verify, X509Certificate } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { deflateSync, inflateSync } from "node:zlib";

const ZEROS = "0".repeat(64);
const MOST_PACKED = 16 << 20;
const MOST_INSIDE = 32 << 20;
const KNOWN = new Set(["alg", "kid", "typ", "cty", "x5t#S256", "x5c", "iat"]);
const STREAM = "application/vnd.lienthong.batches";

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const url64 = (bytes) => Buffer.from(bytes).toString("base64url");
const now = () => new Date().toISOString();

// §3 signatures and tokens

function signed(bytes, key) {
  const ec = key.asymmetricKeyType === "ec";
  const head = url64(JSON.stringify({ alg: ec ? "ES256" : "RS256" }));
  const made = sign("sha256", Buffer.from(`${head}.${url64(bytes)}`), { key, dsaEncoding: "ieee-p1363" });
  return `${head}..${url64(made)}`;
}

function holds(bytes, jws, certificate) {
  const [head, none, signature, ...more] = jws.split(".");
  if (none !== "" || more.length || !signature) return false;
  const header = JSON.parse(Buffer.from(head, "base64url"));
  if (Object.keys(header).some((name) => !KNOWN.has(name))) return false;
  const key = new X509Certificate(certificate).publicKey;
  if (header.alg !== (key.asymmetricKeyType === "ec" ? "ES256" : "RS256")) return false;
  const over = Buffer.from(`${head}.${url64(bytes)}`);
  return verify("sha256", over, { key, dsaEncoding: "ieee-p1363" }, Buffer.from(signature, "base64url"));
}

function token(iss, aud, iat, key) {
  const claims = Buffer.from(JSON.stringify({ iss, aud, iat }));
  const [head, , signature] = signed(claims, key).split(".");
  return `${head}.${url64(claims)}.${signature}`;
}

// §4 batches

function part(bytes) {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function frame({ manifest, jws, entries }) {
  const told = manifest.toString().replace(/"sha256":"[0-9a-f]{64}"/g, '"sha256":""');
  return part(deflateSync(Buffer.concat([part(Buffer.from(told)), part(Buffer.from(jws)), ...entries])));
}

function* frames(stream) {
  for (let at = 0; at + 4 <= stream.length; ) {
    const size = stream.readUInt32BE(at);
    if (size > MOST_PACKED) throw new Error("a frame that is too large");
    if (at + 4 + size > stream.length) return; // cut: what came whole counts
    yield opened(stream.subarray(at + 4, at + 4 + size));
    at += 4 + size;
  }
}

function opened(packed) {
  const inside = inflateSync(packed, { maxOutputLength: MOST_INSIDE });
  let at = 0;
  const take = (size) => {
    if (at + size > inside.length) throw new Error("a frame that is too short");
    return inside.subarray(at, (at += size));
  };
  const told = take(take(4).readUInt32BE());
  const jws = take(take(4).readUInt32BE()).toString("ascii");
  const entries = JSON.parse(told).entries.map(({ size }) => take(size));
  if (at !== inside.length) throw new Error("a frame that is too long");
  const parts = told.toString().split('"sha256":""');
  if (parts.length !== entries.length + 1) throw new Error("a digest that is not empty");
  const raw = Buffer.from(parts.reduce((so, next, n) => `${so}"sha256":"${sha256(entries[n - 1])}"${next}`));
  const manifest = JSON.parse(raw);
  return { raw, jws, manifest, entries };
}

function batch(state, us, them, entries, key) {
  const bytes = entries.map((entry) => Buffer.from(JSON.stringify(entry)));
  const manifest = Buffer.from(
    JSON.stringify({
      v: 1,
      from: us,
      to: them,
      epoch: state.epoch,
      seq: state.made.seq + 1,
      prev: state.made.sha256,
      made_at: now(),
      entries: entries.map((entry, number) => ({
        key: `${entry.id}:above:1`,
        id: entry.id,
        sha256: sha256(bytes[number]),
        size: bytes[number].length,
      })),
    }),
  );
  state.made = { epoch: state.epoch, seq: state.made.seq + 1, sha256: sha256(manifest) };
  return { manifest, jws: signed(manifest, key), entries: bytes };
}

function received(us, them, code) {
  const id = randomUUID();
  const at = now();
  const message = {
    event: { kind: "received", at },
    key: `key of ${id}`,
    sender: "one-stop",
    agency: us,
    dossier: { code, procedure: { national: "1.009999" }, applicant: { name: "Nguyễn Văn Ánh" } },
  };
  const bytes = Buffer.from(JSON.stringify(message));
  return {
    v: 1,
    id,
    stamp: { hub: us, no: 1, seen: {} },
    sender: "one-stop",
    agency: us,
    key: message.key,
    digest: sha256(bytes),
    accepted_at: at,
    stage: "live",
    words: {
      kind: "received",
      speaker: us,
      code,
      received_by: us,
      opened_on: at.slice(0, 10),
      national: "1.009999",
      authority: them, // dossier codes are the province's
    },
    message,
  };
}

// §5 requests

async function sync([base, us, them, keyFile, , theirFile, stateFile, ...codes]) {
  const key = createPrivateKey(readFileSync(keyFile));
  const theirs = readFileSync(theirFile);
  const blank = { epoch: 1, made: { epoch: 1, seq: 0, sha256: ZEROS }, taken: { epoch: 1, seq: 0, sha256: ZEROS } };
  const state = existsSync(stateFile) ? JSON.parse(readFileSync(stateFile)) : blank;
  const did = { pulled: [] };

  async function call(method, path, body, type = "application/json") {
    const bearer = token(us, them, Math.floor(Date.now() / 1000), key);
    const headers = { authorization: `Bearer ${bearer}`, ...(body ? { "content-type": type } : {}) };
    const answer = await fetch(`${base}/edge/v1/${path}`, { method, headers, body, redirect: "error" });
    const bytes = Buffer.from(await answer.arrayBuffer());
    if (!answer.ok) throw new Error(`${answer.status} ${JSON.parse(bytes).code}`);
    return bytes;
  }

  const acks = () => ({
    v: 1,
    from: us,
    to: them,
    epoch: state.taken.epoch,
    upto: state.taken.seq,
    head: state.taken.sha256,
    made_at: now(),
  });
  const hello = async () =>
    JSON.parse(
      await call(
        "POST",
        "hello",
        JSON.stringify({ v: 1, hub: us, speaks: [{ major: 1, minor: 0 }], clock: now(), made: state.made, acks: acks() }),
      ),
    );

  did.hello = await hello();

  if (codes.length) {
    const batches = codes.map((code) => batch(state, us, them, [received(us, them, code)], key));
    const stream = Buffer.concat(batches.map(frame));
    const first = frame(batches[0]).length;
    // The line breaks in the middle of the second frame; then all of it comes again.
    const cut = JSON.parse(await call("POST", "batches", stream.subarray(0, first + 20), STREAM));
    const whole = JSON.parse(await call("POST", "batches", stream, STREAM));
    did.pushed = { cut, whole, head: state.made.sha256 };
  }

  for (;;) {
    const got = await call("GET", `batches?epoch=${state.taken.epoch}&after=${state.taken.seq}&wait=2`);
    if (!got.length) break;
    for (const { raw, jws, manifest, entries } of frames(got)) {
      if (!holds(raw, jws, theirs)) throw new Error("a signature that does not hold");
      if (manifest.from !== them || manifest.to !== us) throw new Error("somebody else's batch");
      if (manifest.seq !== state.taken.seq + 1 || manifest.prev !== state.taken.sha256) throw new Error("a gap or a fork");
      state.taken = { epoch: manifest.epoch, seq: manifest.seq, sha256: sha256(raw) };
      did.pulled.push(...entries.map((entry) => JSON.parse(entry)));
    }
    await call("POST", "acks", JSON.stringify(acks()));
  }
  writeFileSync(stateFile, JSON.stringify(state));
  return did;
}

function vectors([folder]) {
  const read = (name) => readFileSync(`${folder}/${name}`);
  const certificate = read("certificate.pem");
  const found = [...frames(read("stream.bin"))];
  const [head, payload, signature] = read("token.txt").toString().split(".");
  const key = createPrivateKey(read("key.pem"));
  return {
    seqs: found.map(({ manifest }) => manifest.seq),
    chain: found[1].manifest.prev === sha256(found[0].raw),
    holds: found.every(({ raw, jws }) => holds(raw, jws, certificate)),
    swapped: holds(found[0].raw, found[1].jws, certificate),
    token: holds(Buffer.from(payload, "base64url"), `${head}..${signature}`, certificate),
    entries: found.map(({ entries }) => JSON.parse(entries[0]).id),
    ours: holds(Buffer.from("{}"), signed(Buffer.from("{}"), key), certificate),
    frame: frame({ manifest: found[0].raw, jws: found[0].jws, entries: found[0].entries }).toString("base64"),
  };
}

const [what, ...given] = process.argv.slice(2);
try {
  console.log(JSON.stringify(await { vectors, sync }[what](given)));
} catch (error) {
  console.log(JSON.stringify({ error: error.message }));
  process.exitCode = 1;
}

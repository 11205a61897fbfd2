// XML signatures by xml-crypto, JWS by jose. One process for a whole run of the tests: a job in each line of standard input
// (pairs of name=base64, parted by tabs), its answer in a line of standard output: good, bad or done, a tab, base64.
// Usage: node peer.mjs <folder with node_modules>
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.argv[2] + "/");
const { DOMParser } = require("@xmldom/xmldom");
const jose = require("jose");
const { SignedXml } = require("xml-crypto");
const xpath = require("xpath");

const EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#";
const SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256";
const DSIG = "http://www.w3.org/2000/09/xmldsig#";
const MORE = "http://www.w3.org/2001/04/xmldsig-more#";

function read(line) {
  const fields = line.split("\t").map((field) => {
    const equals = field.indexOf("=");
    return [field.slice(0, equals), Buffer.from(field.slice(equals + 1), "base64")];
  });
  return Object.fromEntries(fields);
}

function verify(job) {
  const text = job.document.toString("utf8");
  const document = new DOMParser().parseFromString(text, "text/xml");
  const found = xpath.select(`//*[local-name(.)='Signature' and namespace-uri(.)='${DSIG}']`, document);
  if (found.length === 0) return ["bad", "no signature"];
  const wss = String(job.form ?? "") === "wss";
  const options = { publicCert: job.certificate.toString(), getCertFromKeyInfo: () => null };
  const signed = new SignedXml(wss ? { ...options, idMode: "wssecurity" } : options);
  signed.loadSignature(found[0]);
  const good = signed.checkSignature(text);
  return [good ? "good" : "bad", signed.getReferences().map((each) => `'${each.uri}'`).join(" ")];
}

function sign(job) {
  const text = job.document.toString("utf8");
  const key = createPrivateKey(job.key);
  const whole = String(job.reference) === "";
  const signed = new SignedXml({
    privateKey: key.export({ type: "pkcs8", format: "pem" }),
    publicCert: job.certificate.toString(),
    canonicalizationAlgorithm: EXCLUSIVE,
    signatureAlgorithm: `${MORE}rsa-sha256`,
  });
  signed.addReference({
    xpath: "beside" in job ? "/*/*" : "/*",
    transforms: "beside" in job ? [EXCLUSIVE] : [`${DSIG}enveloped-signature`, EXCLUSIVE],
    digestAlgorithm: SHA256,
    ...(whole ? { uri: "", isEmptyUri: true } : {}),
  });
  signed.computeSignature(text, { prefix: "ds" });
  return ["done", signed.getSignedXml()];
}

async function verifyJws(job) {
  const [header, , signature] = String(job.token).split(".");
  const key = new X509Certificate(job.certificate).publicKey;
  const payload = jose.base64url.encode(job.document);
  const told = await jose.flattenedVerify({ protected: header, payload, signature }, key);
  return ["good", JSON.stringify(told.protectedHeader)];
}

async function signJws(job) {
  const header = JSON.parse(String(job.header));
  const made = await new jose.FlattenedSign(job.document)
    .setProtectedHeader(header)
    .sign(createPrivateKey(job.key));
  return ["done", `${made.protected}..${made.signature}`];
}

// INTEGRITY_REST_01: the token is good, its headers are those of the request, the digest is the body's.
async function verifyModi(job) {
  const headers = JSON.parse(String(job.headers));
  const key = new X509Certificate(job.certificate).publicKey;
  const { payload } = await jose.jwtVerify(String(job.token), key, { audience: String(job.audience) });
  const digest = `SHA-256=${createHash("sha256").update(job.document).digest("base64")}`;
  const signed = Object.assign({}, ...payload.signed_headers);
  const same = Object.entries(signed).every(([name, value]) => headers[name] === value);
  const covered = ["digest", "content-type"].every((name) => name in signed);
  return [same && covered && signed.digest === digest ? "good" : "bad", JSON.stringify(payload)];
}

async function signModi(job) {
  const digest = `SHA-256=${createHash("sha256").update(job.document).digest("base64")}`;
  const type = "application/json";
  const token = await new jose.SignJWT({ signed_headers: [{ digest }, { "content-type": type }] })
    .setProtectedHeader({ ...JSON.parse(String(job.header)), typ: "JWT" })
    .setAudience(String(job.audience))
    .setJti("m-1")
    .setIssuedAt()
    .setExpirationTime("5m")
    .sign(createPrivateKey(job.key));
  return ["done", JSON.stringify({ Digest: digest, "Content-Type": type, "Agid-JWT-Signature": token })];
}

const WORK = {
  "verify-modi": verifyModi,
  "sign-modi": signModi,
  verify,
  sign,
  "verify-jws": verifyJws,
  "sign-jws": signJws,
};

for await (const line of createInterface({ input: process.stdin })) {
  const job = read(line);
  let answer;
  try {
    answer = await WORK[String(job.verb)](job);
  } catch (error) {
    answer = ["bad", String(error.message)];
  }
  process.stdout.write(`${answer[0]}\t${Buffer.from(answer[1]).toString("base64")}\n`);
}

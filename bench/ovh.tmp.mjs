var __defProp = Object.defineProperty;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __esm = (fn, res) => function __init() {
  return fn && (res = (0, fn[__getOwnPropNames(fn)[0]])(fn = 0)), res;
};
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: true });
};

// bench/primitives.ts
var primitives_exports = {};
__export(primitives_exports, {
  openPrimitives: () => openPrimitives,
  sealPrimitives: () => sealPrimitives
});
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  randomFillSync,
  sign,
  verify
} from "node:crypto";
function keyEncryptionKey(secret) {
  const prk = createHmac("sha256", noSalt).update(secret).digest();
  return createHmac("sha256", prk).update(info).update(one).digest();
}
function ephemeral() {
  const generate = generateKeyPairSync;
  return generate("x25519", { publicKeyEncoding: { format: "jwk" } });
}
function sealPrimitives(payload2) {
  const random = randomFillSync(Buffer.allocUnsafe(60));
  const cek = random.subarray(0, 32);
  const iv = random.subarray(32, 44);
  const { publicKey, privateKey } = ephemeral();
  const kek = keyEncryptionKey(diffieHellman({ privateKey, publicKey: receiver.publicKey }));
  const wrapped = createCipheriv("id-aes256-wrap", kek, WRAP_IV).update(cek);
  createHash("sha256").update(recipients).digest();
  const toBeSigned = Buffer.alloc(payload2.length + SIGNED_OVERHEAD);
  const signature = sign(null, toBeSigned, signer.privateKey);
  const cipher = createCipheriv("aes-256-gcm", cek, iv);
  cipher.setAAD(aad);
  const body = cipher.update(toBeSigned);
  cipher.final();
  return { publicKey, wrapped, iv, body, tag: cipher.getAuthTag(), toBeSigned, signature };
}
function openPrimitives({ publicKey, wrapped, iv, body, tag, toBeSigned, signature }) {
  const sender2 = createPublicKey({ key: publicKey, format: "jwk" });
  const kek = keyEncryptionKey(diffieHellman({ privateKey: receiver.privateKey, publicKey: sender2 }));
  const cek = createDecipheriv("id-aes256-wrap", kek, WRAP_IV).update(wrapped);
  const decipher = createDecipheriv("aes-256-gcm", cek, iv);
  decipher.setAAD(aad);
  decipher.setAuthTag(tag);
  decipher.update(body);
  decipher.final();
  createHash("sha256").update(recipients).digest();
  return verify(null, toBeSigned, signer.publicKey, signature);
}
var receiver, signer, WRAP_IV, info, aad, noSalt, recipients, one, SIGNED_OVERHEAD;
var init_primitives = __esm({
  "bench/primitives.ts"() {
    "use strict";
    receiver = generateKeyPairSync("x25519");
    signer = generateKeyPairSync("ed25519");
    WRAP_IV = Buffer.alloc(8, 166);
    info = Buffer.alloc(110, 1);
    aad = Buffer.alloc(60, 2);
    noSalt = Buffer.alloc(32);
    recipients = Buffer.alloc(101, 3);
    one = Buffer.of(1);
    SIGNED_OVERHEAD = 190;
  }
});

// bench/ovh.tmp.ts
import { nativeProvider, run } from "sealmq/crypto";
import { atOnce } from "sealmq/crypto";
import { openSync, sealSync } from "sealmq/envelope";
import { activeSealKeys, createAccount } from "sealmq/identity";
import * as prof from "node:inspector/promises";
var real = nativeProvider();
var now = 18e8;
var alice = atOnce(run(createAccount(real, { address: "alice", now })));
var bob = atOnce(run(createAccount(real, { address: "bob", now })));
var memo = (f) => {
  let r;
  return (...a) => r ??= f(...a);
};
var eph = real.agreeEphemeral(bob.device.sealKey.publicKey);
var nul = { ...real, name: "null", supports: () => true, randomBytes: (n) => new Uint8Array(n), sha256: memo((d) => real.sha256(d)), hkdfSha256: () => new Uint8Array(32), aesKwWrap: () => new Uint8Array(40), agreeEphemeral: () => ({ ephemeralKey: eph.ephemeralKey, sharedSecret: new Uint8Array(32) }), sign: () => new Uint8Array(64), aesGcmEncrypt: (_, __, ___, p) => new Uint8Array(p.length + 16), agree: () => new Uint8Array(32), aesKwUnwrap: () => new Uint8Array(32), verify: () => true, aesGcmDecrypt: () => plain };
var plain;
var payload = new Uint8Array(100);
var keys = { signKey: alice.device.signKey, recipients: activeSealKeys(bob.record, now) };
var cap;
var draft = { from: "alice", audience: "bob", issuedAt: now, payload, padding: false, contentType: "application/octet-stream", seq: 1204, stream: now * 1e3 };
var capturing = { ...real, aesGcmEncrypt: (k, i, a, p) => {
  cap = p.slice();
  return real.aesGcmEncrypt(k, i, a, p);
} };
var message = sealSync(capturing, draft, keys);
plain = cap;
var sender = { key: alice.device.signKey.publicKey };
var ctx = { address: "bob", keys: [bob.device.sealKey], now, senderKey: () => sender };
if (openSync(nul, message, ctx).kind !== "opened") throw new Error(openSync(nul, message, ctx).kind);
var N = 3e4;
var cpu = (f) => {
  for (let i = 0; i < 8e3; i++) f();
  let best = 1e9;
  for (let r = 0; r < 5; r++) {
    const c0 = process.cpuUsage();
    for (let i = 0; i < N; i++) f();
    const c = process.cpuUsage(c0);
    best = Math.min(best, (c.user + c.system) / N);
  }
  return best;
};
console.log("own overhead \xB5s: seal", cpu(() => sealSync(nul, draft, keys)), "open", cpu(() => openSync(nul, message, ctx)));
console.log("with real crypto \xB5s: seal", cpu(() => sealSync(real, draft, keys)), "open", cpu(() => openSync(real, message, ctx)));
var { sealPrimitives: sealPrimitives2, openPrimitives: openPrimitives2 } = await Promise.resolve().then(() => (init_primitives(), primitives_exports));
var parts = sealPrimitives2(payload);
console.log("primitives: seal", cpu(() => sealPrimitives2(payload)), "open", cpu(() => openPrimitives2(parts)));
for (const which of ["seal", "open"]) {
  const sess = new prof.Session();
  sess.connect();
  await sess.post("Profiler.enable");
  await sess.post("Profiler.setSamplingInterval", { interval: 100 });
  await sess.post("Profiler.start");
  for (let i = 0; i < N * 3; i++) which === "open" ? openSync(nul, message, ctx) : sealSync(nul, draft, keys);
  const { profile } = await sess.post("Profiler.stop");
  const self = /* @__PURE__ */ new Map();
  const byId = new Map(profile.nodes.map((n) => [n.id, n]));
  profile.samples.forEach((id, i) => {
    const n = byId.get(id);
    const k = n.callFrame.functionName + " " + n.callFrame.url.split("/").slice(-2).join("/") + ":" + n.callFrame.lineNumber;
    self.set(k, (self.get(k) ?? 0) + profile.timeDeltas[i]);
  });
  console.log("---", which);
  for (const [k, v] of [...self].sort((a, b) => b[1] - a[1]).slice(0, 22)) console.log((v / N / 3).toFixed(2).padStart(8), k);
}

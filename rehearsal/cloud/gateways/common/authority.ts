import { createCipheriv, createDecipheriv, createHash, randomBytes, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto);

/** A certificate with its private key (PKCS#8), both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly privateKey: string;
}

/** Not the name that data planes' certificates bear: a certificate with its issuer's name is taken for a self-signed one. */
const AUTHORITY_NAME = "CN=API7-ROOT-CA, O=API7";
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const YEAR_MS = 365.25 * 24 * 3600 * 1000;
/** Ten years are API7's default for the certificates of data planes. */
const YEARS = 10;
/** Clocks of two clusters may differ a little. */
const BACKDATE_MS = 5 * 60 * 1000;

/**
 * The key that private keys are kept under in `dataplane_certificate`. It is part of the product, not of an installation
 * (facts/api7.md 4.2), so that a restored database can be read by another installation.
 */
const PRODUCT_KEY = createHash("sha256").update("rehearsal of API7 Enterprise").digest();

function newKeys(): Promise<CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

async function toPem(key: CryptoKey): Promise<string> {
  const bytes = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key));
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`;
}

function fromPem(pem: string): Promise<CryptoKey> {
  const bytes = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
  return webcrypto.subtle.importKey("pkcs8", bytes, ALGORITHM, true, ["sign"]);
}

/** X.509 wants a positive number of at most 20 bytes. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0] ?? 0) & 0x7f;
  return bytes.toString("hex");
}

function validity(years: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() - BACKDATE_MS), notAfter: new Date(Date.now() + years * YEAR_MS) };
}

/** A new authority; no two are alike, as no two installations share one. */
export async function newAuthority(name = AUTHORITY_NAME): Promise<KeyPair> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name,
    ...validity(YEARS),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString("pem"), privateKey: await toPem(keys.privateKey) };
}

/** A certificate signed by `authority`: of a data plane (`client`), or of a server with its names and addresses. */
export async function issue(
  authority: KeyPair,
  o: {
    readonly commonName: string;
    readonly usage: "client" | "server";
    readonly dnsNames?: readonly string[];
    readonly ipAddresses?: readonly string[];
    readonly years?: number;
  },
): Promise<KeyPair> {
  const keys = await newKeys();
  const issuer = new x509.X509Certificate(authority.certificate);
  const names = [
    ...(o.dnsNames ?? []).map((value) => ({ type: "dns" as const, value })),
    ...(o.ipAddresses ?? []).map((value) => ({ type: "ip" as const, value })),
  ];
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: `CN=${o.commonName}, O=API7`,
    issuer: issuer.subject,
    ...validity(o.years ?? YEARS),
    publicKey: keys.publicKey,
    signingKey: await fromPem(authority.privateKey),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.ExtendedKeyUsageExtension([
        o.usage === "client" ? x509.ExtendedKeyUsage.clientAuth : x509.ExtendedKeyUsage.serverAuth,
      ]),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return { certificate: certificate.toString("pem"), privateKey: await toPem(keys.privateKey) };
}

/** A self-signed server certificate for names, as the dashboard makes one when it is given none. */
export async function selfSigned(
  dnsNames: readonly string[],
  years = 1,
): Promise<KeyPair & { readonly notAfter: Date }> {
  const keys = await newKeys();
  const dates = validity(years);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=${dnsNames[0] ?? "localhost"}`,
    ...dates,
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [new x509.SubjectAlternativeNameExtension(dnsNames.map((value) => ({ type: "dns" as const, value })))],
  });
  return {
    certificate: certificate.toString("pem"),
    privateKey: await toPem(keys.privateKey),
    notAfter: dates.notAfter,
  };
}

/** When a PEM certificate ends. */
export function expiryOf(certificate: string): Date {
  return new x509.X509Certificate(certificate).notAfter;
}

/** AES-256-GCM under the product's key: nonce, tag and text, base64. */
export function seal(text: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", PRODUCT_KEY, nonce);
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64");
}

/** @throws Error when the text was changed or was sealed under another key. */
export function unseal(sealed: string): string {
  const bytes = Buffer.from(sealed, "base64");
  const decipher = createDecipheriv("aes-256-gcm", PRODUCT_KEY, bytes.subarray(0, 12));
  decipher.setAuthTag(bytes.subarray(12, 28));
  return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString("utf8");
}

/**
 * The names under which `@peculiar/x509` expects the types of the Web Crypto API. They are part of TypeScript's library
 * for browsers, which this project does not load; Node declares the same types in a module.
 */
import { type webcrypto } from "node:crypto";

declare global {
  type Crypto = webcrypto.Crypto;
  type CryptoKey = webcrypto.CryptoKey;
  type CryptoKeyPair = webcrypto.CryptoKeyPair;
  type Algorithm = webcrypto.Algorithm;
  type EcdsaParams = webcrypto.EcdsaParams;
  type EcKeyGenParams = webcrypto.EcKeyGenParams;
}

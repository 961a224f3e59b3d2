import { type LoadOptions, type LoadSnapshot } from "./types";

/** What the load generator's process can be asked. (A type alias: an interface would not fit `Methods`.) */
export type LoadMethods = {
  readonly start: { readonly request: LoadOptions; readonly answer: null };
  readonly snapshot: { readonly request: null; readonly answer: LoadSnapshot };
  readonly stop: { readonly request: null; readonly answer: LoadSnapshot };
};

/** What the upstream's process can be asked. */
export type UpstreamMethods = {
  readonly start: {
    readonly request: { readonly address: string; readonly port: number; readonly meanMs: number };
    readonly answer: null;
  };
};

import { type MoveVerdict } from "../migration/stages";

/** The error of a refused move: the reason, the legal stages, and the command that sets one. */
export function refusal(verdict: MoveVerdict & { readonly allowed: false }): Error {
  const legal = verdict.legal.length === 0 ? "none" : verdict.legal.join(", ");
  return new Error(`${verdict.reason}\nLegal stages now: ${legal}.\nTo go on: ${verdict.remedy}`);
}

import * as pulumi from "@pulumi/pulumi";
import { type MoveVerdict } from "../migration/stages";

/** The error of a refused move: the reason, the legal stages, and the command that sets one. */
export function refusal(verdict: MoveVerdict & { readonly allowed: false }): Error {
  const legal = verdict.legal.length === 0 ? "none" : verdict.legal.join(", ");
  return new Error(`${verdict.reason}\nLegal stages now: ${legal}.\nTo go on: ${verdict.remedy}`);
}

/**
 * The error in a form that the engine can print: the text for people as the message, and no stack.
 *
 * The SDK prints errors by `util.inspect` with colours, which on some versions of Node (20.20.2 among them) takes a minute
 * and gigabytes on frames of the SDK's own source maps (nodejs/node#64011). What is no refusal keeps its stack as text.
 */
export function frameless(error: unknown): Error {
  // The engine is going down for a reason of its own: the SDK knows these errors by their code, and says nothing of them.
  if (error instanceof Error && "code" in error) return error;
  const text =
    error instanceof pulumi.RunError
      ? error.message
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error);
  const printable = new pulumi.RunError(text);
  delete printable.stack;
  return printable;
}

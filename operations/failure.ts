import { BadInput } from "../checks/request";
import { CouldNotLook, textOf } from "../checks/result";

/** A failed operation as its user reads it: what was seen, and what to do. Holds no secret. */
export function failureText(operation: string, error: unknown): string {
  if (error instanceof BadInput) return error.message;
  if (!(error instanceof CouldNotLook)) return `NOT DONE  ${operation}\n  seen      ${textOf(error)}`;
  const seen = error.seen.replaceAll("\n", "\n            ");
  return `NOT DONE  ${operation}: ${error.subject}\n  seen      ${seen}\n  remedy    ${error.remedy}`;
}

import { type Kind, qualifiedPlural } from "./kinds";

/** One reason inside a refusal, as `details.causes` of a Status. */
export interface Cause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

/** The body of every refusal. */
export interface Status {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly metadata: Record<string, never>;
  readonly status: "Failure";
  readonly message: string;
  readonly reason: string;
  readonly details?: {
    readonly name?: string;
    readonly group?: string;
    readonly kind?: string;
    readonly causes?: readonly Cause[];
  };
  readonly code: number;
}

/** A refusal of the API server, with the code, reason and message that the real one gives. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly code: number,
    readonly reason: string,
    message: string,
    readonly details?: Status["details"],
  ) {
    super(message);
  }

  get status(): Status {
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: this.message,
      reason: this.reason,
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    };
  }
}

function detailsOf(kind: Kind, name: string): { name: string; group?: string; kind: string } {
  return { name, ...(kind.group === "" ? {} : { group: kind.group }), kind: kind.plural };
}

export function notFound(kind: Kind, name: string): ApiError {
  return new ApiError(404, "NotFound", `${qualifiedPlural(kind)} "${name}" not found`, detailsOf(kind, name));
}

/** A path, kind or subresource that the server does not serve. */
export function unknownResource(): ApiError {
  return new ApiError(404, "NotFound", "the server could not find the requested resource");
}

export function alreadyExists(kind: Kind, name: string): ApiError {
  const message = `${qualifiedPlural(kind)} "${name}" already exists`;
  return new ApiError(409, "AlreadyExists", message, detailsOf(kind, name));
}

/** A write on the ground of an old `resourceVersion`. */
export function modified(kind: Kind, name: string): ApiError {
  const message =
    `Operation cannot be fulfilled on ${qualifiedPlural(kind)} "${name}": the object has been modified; ` +
    `please apply your changes to the latest version and try again`;
  return new ApiError(409, "Conflict", message, detailsOf(kind, name));
}

/** Fields of a server-side apply that other managers own. */
export function applyConflict(
  conflicts: readonly { readonly manager: string; readonly apiVersion: string; readonly field: string }[],
): ApiError {
  const by = new Map<string, string[]>();
  for (const { manager, apiVersion, field } of conflicts) {
    const owner = `conflict with "${manager}" using ${apiVersion}`;
    by.set(owner, [...(by.get(owner) ?? []), field]);
  }
  const texts = [...by].map(([owner, fields]) =>
    fields.length === 1
      ? `${owner}: ${fields.join("")}`
      : `${owner}:\n${fields.map((field) => `- ${field}`).join("\n")}`,
  );
  const count = conflicts.length === 1 ? "1 conflict" : `${conflicts.length} conflicts`;
  const separator = by.size === 1 ? " " : "\n";
  return new ApiError(409, "Conflict", `Apply failed with ${count}:${separator}${texts.join("\n")}`, {
    causes: conflicts.map(({ manager, apiVersion, field }) => ({
      reason: "FieldManagerConflict",
      message: `conflict with "${manager}" using ${apiVersion}`,
      field,
    })),
  });
}

/** An object that breaks the rules of its kind. */
export function invalid(kind: Kind, name: string, causes: readonly Cause[]): ApiError {
  const texts = causes.map(({ field, message }) => `${field}: ${message}`);
  const text = texts.length === 1 ? texts.join("") : `[${texts.join(", ")}]`;
  const group = kind.group === "" ? kind.kind : `${kind.kind}.${kind.group}`;
  return new ApiError(422, "Invalid", `${group} "${name}" is invalid: ${text}`, {
    ...detailsOf(kind, name),
    kind: kind.kind,
    causes,
  });
}

export function badRequest(message: string): ApiError {
  return new ApiError(400, "BadRequest", message);
}

export function unauthorized(): ApiError {
  return new ApiError(401, "Unauthorized", "Unauthorized");
}

export function forbidden(kind: Kind, name: string, why: string): ApiError {
  const message = `${qualifiedPlural(kind)} "${name}" is forbidden: ${why}`;
  return new ApiError(403, "Forbidden", message, detailsOf(kind, name));
}

export function methodNotAllowed(): ApiError {
  return new ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
}

export function unsupportedMediaType(seen: string): ApiError {
  return new ApiError(
    415,
    "UnsupportedMediaType",
    `the body of the request was in an unknown format: ${seen === "" ? "no content type" : seen}`,
  );
}

export function unavailable(message: string): ApiError {
  return new ApiError(503, "ServiceUnavailable", message);
}

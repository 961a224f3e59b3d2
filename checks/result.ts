/**
 * What a check says: it holds, it does not hold, or it could not look. Missing data is never a pass.
 */

export type Verdict = "holds" | "fails" | "unknown";

/** One thing that is not as it must be, or that could not be looked at. */
export interface Finding {
  /** Name of the check. */
  readonly check: string;
  /** The object at hand: a table, a pod, a rule. */
  readonly subject: string;
  readonly seen: string;
  readonly expected: string;
  /** What to do, with the command where there is one. */
  readonly remedy: string;
  /** May pass by itself within minutes: a pod that is starting, a target that is still `initial`. */
  readonly transient?: boolean | undefined;
  /** The system could not be looked at; nothing is known about it. */
  readonly unknown?: boolean | undefined;
}

export interface CheckResult {
  readonly check: string;
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
  /** What a reader should know although the check holds, such as what was not compared. */
  readonly notes: readonly string[];
  /** Everything that was looked at, as JSON, for the evidence file. */
  readonly evidence: Readonly<Record<string, unknown>>;
}

/** A system could not be looked at. Thrown by the clients; the check turns it into a finding. */
export class CouldNotLook extends Error {
  override readonly name = "CouldNotLook";
  constructor(
    /** The system or object that could not be reached. */
    readonly subject: string,
    /** What was seen instead of an answer. Holds no secret. */
    readonly seen: string,
    readonly remedy: string,
    options: ErrorOptions & {
      /** It does not pass by itself: a missing setting, a refused log-in. */
      readonly lasting?: boolean;
    } = {},
  ) {
    super(`${subject}: ${seen}`, options);
    this.lasting = options.lasting === true;
  }

  readonly lasting: boolean;
}

/** Collects findings while a check looks at several things, some of which may fail to answer. */
export class Report {
  private readonly findings: Finding[] = [];
  private readonly notes: string[] = [];
  private evidence: Record<string, unknown> = {};

  constructor(private readonly check: string) {}

  finding(finding: Omit<Finding, "check">): void {
    this.findings.push({ check: this.check, ...finding });
  }

  note(text: string): void {
    this.notes.push(text);
  }

  addEvidence(evidence: Readonly<Record<string, unknown>>): void {
    this.evidence = { ...this.evidence, ...evidence };
  }

  /**
   * Runs one look; when the system does not answer, that is a finding of the kind `unknown` and the others go on.
   * @throws whatever is not a CouldNotLook: that is a mistake in the program
   */
  async look<T>(looking: () => Promise<T>): Promise<T | undefined> {
    try {
      return await looking();
    } catch (error) {
      if (!(error instanceof CouldNotLook)) throw error;
      this.findings.push(unknownFinding(this.check, error));
      return undefined;
    }
  }

  result(): CheckResult {
    const { check, findings, notes, evidence } = this;
    return { check, verdict: verdictOf(findings), findings, notes, evidence };
  }
}

/** Something that was seen to be wrong outweighs something that could not be seen. */
export function verdictOf(findings: readonly Finding[]): Verdict {
  if (findings.some((finding) => finding.unknown !== true)) return "fails";
  return findings.length > 0 ? "unknown" : "holds";
}

/** The verdict over several results. */
export function overall(results: readonly CheckResult[]): Verdict {
  return verdictOf(results.flatMap((result) => result.findings));
}

export function unknownFinding(check: string, error: unknown): Finding {
  const known = error instanceof CouldNotLook;
  return {
    check,
    subject: known ? error.subject : check,
    seen: known ? error.seen : `the check itself failed: ${textOf(error)}`,
    expected: "an answer: what cannot be looked at is never a pass",
    remedy: known ? error.remedy : "report this with the text above; the way back is not held by it",
    unknown: true,
    transient: known && !error.lasting,
  };
}

/** Exit codes: 0 holds, 1 does not hold, 2 could not look. */
export const EXIT_CODES: Readonly<Record<Verdict, 0 | 1 | 2>> = { holds: 0, fails: 1, unknown: 2 };

/** Findings as text, one block each. */
export function renderFindings(findings: readonly Finding[]): string {
  return findings
    .map((finding) =>
      [
        `${finding.unknown === true ? "COULD NOT LOOK" : "DOES NOT HOLD"}  ${finding.check}: ${finding.subject}`,
        `  seen      ${indent(finding.seen)}`,
        `  expected  ${indent(finding.expected)}`,
        `  remedy    ${indent(finding.remedy)}`,
      ].join("\n"),
    )
    .join("\n\n");
}

/** Message of anything that was thrown, on one line and without credentials. */
export function textOf(error: unknown): string {
  return redact(describe(error)).replaceAll(/\s+/g, " ").slice(0, 500);
}

/** Masks passwords in addresses, API7 tokens and private keys. For texts that come from elsewhere: errors, log lines. */
export function redact(text: string): string {
  return text
    .replaceAll(/(\w+:\/\/[^\s:/@]*):[^\s@]*@/g, "$1:***@")
    .replaceAll(/\b(a7(?:ee|adm)-)[\w-]+/g, "$1***")
    .replaceAll(/\b(password|passwd|pwd|token|secret|x-api-key)(["']?\s*[=:]\s*["']?)[^\s"',&;]+/gi, "$1$2***")
    .replaceAll(/-----BEGIN [^-]*PRIVATE KEY-----[\s\S]*?(-----END [^-]*PRIVATE KEY-----|$)/g, "[private key]");
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== "") return error.message;
  // Connection attempts to several addresses: the outer error says nothing, the inner ones do.
  if (error instanceof AggregateError) return error.errors.map(describe).join("; ");
  return "code" in error ? String(error.code) : error.name;
}

function indent(text: string): string {
  return text.replaceAll("\n", "\n            ");
}

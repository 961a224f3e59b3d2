import { request } from "node:http";
import { type Props } from "../framework";

/** A resource as the local AWS answers it. */
export interface Look {
  /** Everything that inputs can say, as it is in the world. */
  readonly inputs: Props;
  /** Everything else. */
  readonly computed: Props;
}

/** What an operation answers; nothing but `notes` when the resource is gone. */
export interface Answer extends Partial<Look> {
  readonly id?: string;
  /** What the operator should know. */
  readonly notes?: readonly string[];
}

/** The operation failed; `partial` is set when the resource is there all the same. */
export class OperationFailed extends Error {
  override readonly name = "OperationFailed";

  constructor(
    message: string,
    readonly partial?: Look & { readonly id: string },
  ) {
    super(message);
  }
}

/** Whatever ends a call early. */
export interface Limits {
  readonly signal?: AbortSignal;
  /** Without it a call may take as long as AWS takes. */
  readonly timeoutSeconds?: number | undefined;
}

/**
 * One operation of the local AWS: one request, held open until AWS's work is done.
 * @throws OperationFailed as the real provider words it, Error when the local AWS cannot be reached
 */
export async function call(path: string, body: object, { signal, timeoutSeconds }: Limits = {}): Promise<Answer> {
  const endpoint = process.env["AWS_ENDPOINT_URL"];
  if (endpoint === undefined || endpoint === "") {
    throw new Error(
      "AWS_ENDPOINT_URL is not set, so the stand-in plugin for AWS does not know where the local AWS is. " +
        "It is for rehearsals only; for real infrastructure take its folder out of PATH.",
    );
  }
  const timeout = timeoutSeconds === undefined ? undefined : AbortSignal.timeout(timeoutSeconds * 1000);
  const ends = [signal, timeout].filter((end) => end !== undefined);
  try {
    const { status, text } = await post(
      `${endpoint}/rehearsal/aws/${path}`,
      JSON.stringify(body),
      AbortSignal.any(ends),
    );
    const answer = JSON.parse(text) as Answer & FailureBody;
    if (status === 200) return answer;
    throw new OperationFailed(answer.message ?? `The local AWS answered ${status}.`, answer.partial);
  } catch (error) {
    if (timeout?.aborted === true) throw new Error(`timeout while waiting for AWS (${timeoutSeconds ?? 0} s)`);
    throw error;
  }
}

interface FailureBody {
  readonly message?: string;
  readonly partial?: Look & { readonly id: string };
}

function post(
  url: string,
  body: string,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const sent = request(url, { method: "POST", headers, signal }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("error", reject);
      response.once("end", () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
      );
    });
    sent.once("error", (error: NodeJS.ErrnoException) => {
      const refused = error.code === "ECONNREFUSED" || error.code === "ECONNRESET";
      reject(
        refused
          ? new Error(`The local AWS at ${url} cannot be reached (${error.code ?? ""}). Is the rehearsal up?`)
          : error,
      );
    });
    sent.end(body);
  });
}

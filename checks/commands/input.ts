import { BadInput } from "../request";

/** Standard input of a command, whole and bounded. */

/** A request is some KiB; anything else was sent here by mistake. */
const MAX_BYTES = 1024 * 1024;
const LIMIT_MS = 10_000;

/** @throws BadInput when nothing is piped in, it does not end within 10 s, or is larger than 1 MiB */
export async function readStdin(stream: NodeJS.ReadStream = process.stdin): Promise<string> {
  if (stream.isTTY) {
    throw new BadInput(
      "Standard input is a terminal. Expected: the request as JSON, as in `check -- NAME < request.json`.",
    );
  }
  const late = setTimeout(
    () => stream.destroy(new BadInput(`Standard input did not end within ${LIMIT_MS / 1000} s.`)),
    LIMIT_MS,
  );
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_BYTES) throw new BadInput(`Standard input is larger than ${MAX_BYTES} bytes.`);
      chunks.push(chunk);
    }
  } finally {
    clearTimeout(late);
  }
  return Buffer.concat(chunks).toString("utf8");
}

import { readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Pod } from "../common/pod";

/** What a rehearsal makes go wrong in all gateways of one cluster, while they run. */
export interface GatewayFault {
  /** Share of the requests that are answered with 500, percent. */
  readonly errorPercent?: number;
  /** Every request waits so long in the gateway before it goes on. */
  readonly delayMs?: number;
  /** Share of the requests that are answered with 200 and a body that nobody asked for, percent. */
  readonly wrongBodyPercent?: number;
  /** Only requests of the service with this name. Default: all. */
  readonly service?: string;
}

/** What becomes of one request. */
export interface Spoiled {
  readonly delayMs: number;
  readonly answer: { readonly status: number; readonly body: Readonly<Record<string, string>> } | undefined;
}

/** How soon gateways take up a changed fault. */
const LOOK_MS = 200;
const ERROR = { status: 500, body: { error_msg: "500 Internal Server Error" } } as const;
const WRONG = { status: 200, body: { message: "an answer to something else" } } as const;

/** The cluster's fault, in a file beside the tables of names that the pods of that cluster read. */
export class GatewayFaults {
  #fault: GatewayFault | undefined;
  #seen = "";

  private constructor(private readonly file: string) {}

  /** Looks at the file from now on. */
  static watch(pod: Pick<Pod, "hostsFile">): GatewayFaults {
    const faults = new GatewayFaults(fileIn(dirname(pod.hostsFile)));
    faults.#look();
    setInterval(() => faults.#look(), LOOK_MS).unref();
    return faults;
  }

  /** Undefined: the request goes on as it should. */
  spoil(service: string, random: () => number = Math.random): Spoiled | undefined {
    const fault = this.#fault;
    if (fault === undefined || (fault.service !== undefined && fault.service !== service)) return undefined;
    const { errorPercent = 0, wrongBodyPercent = 0, delayMs = 0 } = fault;
    const dice = random() * 100;
    const answer = dice < errorPercent ? ERROR : dice < errorPercent + wrongBodyPercent ? WRONG : undefined;
    return delayMs > 0 || answer !== undefined ? { delayMs, answer } : undefined;
  }

  #look(): void {
    const stat = statSync(this.file, { throwIfNoEntry: false });
    const version = stat === undefined ? "" : `${stat.ino} ${stat.mtimeMs}`;
    if (version === this.#seen) return;
    this.#seen = version;
    this.#fault = stat === undefined ? undefined : (JSON.parse(readFileSync(this.file, "utf8")) as GatewayFault);
  }
}

/**
 * Sets the fault of a cluster's gateways; an empty one ends it. They take it up within half a second.
 * @param folder of the cluster's tables of names
 */
export function writeGatewayFault(folder: string, fault: GatewayFault): void {
  const file = fileIn(folder);
  writeFileSync(`${file}.new`, JSON.stringify(fault));
  renameSync(`${file}.new`, file);
}

/** Namespaces have no capitals, so that no table of names is called so. */
function fileIn(folder: string): string {
  return join(folder, "FAULTS.json");
}

import { connect } from "node:net";
import { answerLine, endLine, TIMED_OUT, type ProbeAnswer } from "../../../../checks/clients/probeFormat";
import { allows, type EgressPolicies } from "../../kubernetes/pods/egress";
import { endWithParent } from "../common/lifetime";
import { messageOf } from "../common/log";
import { resolveName } from "../common/names";
import { readPod, type Pod } from "../common/pod";

/**
 * What the gateway's image does when it is started with the probe's command: connects to each `HOST PORT` of its
 * arguments, from the pod's own address, with the cluster's names and under the network policies that select the pod.
 */

const CONNECT_MS = 3_000;

async function main(): Promise<void> {
  endWithParent();
  const pod = readPod();
  const policies = JSON.parse(process.env["REHEARSAL_EGRESS"] ?? "[]") as EgressPolicies;
  const words = argumentsOf(process.argv);
  const tries: Promise<ProbeAnswer>[] = [];
  for (let index = 0; index + 1 < words.length; index += 2) {
    tries.push(attempt(pod, policies, index / 2, words[index] ?? "", Number(words[index + 1])));
  }
  const lines = (await Promise.all(tries)).map(answerLine);
  process.stdout.write(`${[...lines, endLine(tries.length)].join("\n")}\n`, () => process.exit(0));
}

/** Everything behind `--version VERSION`, which every stand-in is started with. */
function argumentsOf(argv: readonly string[]): readonly string[] {
  const at = argv.indexOf("--version");
  return argv.slice(at === -1 ? 2 : at + 2);
}

async function attempt(
  pod: Pod,
  policies: EgressPolicies,
  number: number,
  host: string,
  port: number,
): Promise<ProbeAnswer> {
  let addresses: readonly string[];
  try {
    addresses = resolveName(pod, host);
  } catch {
    return { number, code: 1, addresses: [], said: `${host}: Name or service not known` };
  }
  const [address = ""] = addresses;
  // What a policy forbids is dropped, so that a real connection would wait in vain.
  if (!allows(policies, address, port)) return { number, code: TIMED_OUT, addresses, said: "" };
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, localAddress: pod.ip, timeout: CONNECT_MS });
    const done = (code: number, said: string): void => {
      socket.destroy();
      resolve({ number, code, addresses, said });
    };
    socket.once("connect", () => done(0, ""));
    socket.once("timeout", () => done(TIMED_OUT, ""));
    socket.once("error", (error: NodeJS.ErrnoException) =>
      done(1, error.code === "ECONNREFUSED" ? `connect: Connection refused` : messageOf(error)),
    );
  });
}

void main();

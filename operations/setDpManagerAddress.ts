import { runOperation } from "./command";
import { parseDpManagerAddressRequest, writeDpManagerAddress } from "./dpManagerAddress";

/**
 * `node --import tsx operations/setDpManagerAddress.ts`: `{cluster, address}` on standard input, the API7 token in the
 * environment; prints `{dpManagerAddress, before, changed}`.
 */

const LIMIT_SECONDS = 60;

void runOperation("DP Manager address of B", LIMIT_SECONDS, (stdin, environment, signal) =>
  writeDpManagerAddress(parseDpManagerAddressRequest(stdin), environment, signal),
);

import { createServer, type Server } from "node:net";

/** A /16 of loopback that one run has for itself until it lets go. */
export interface Network {
  /** `127.R` */
  readonly prefix: string;
  release(): Promise<void>;
}

const FIRST = 10;
const LAST = 59;
/** Nothing serves here: whoever holds this port owns the network. */
const LOCK_PORT = 4500;

/** Takes the first free network. Linux lets every address of 127.0.0.0/8 be bound; elsewhere this says what to do. */
export async function claimNetwork(): Promise<Network> {
  for (let octet = FIRST; octet <= LAST; octet++) {
    const prefix = `127.${octet}`;
    const lock = await listen(`${prefix}.0.254`, LOCK_PORT);
    if (lock !== undefined) return { prefix, release: async () => close(lock) };
  }
  throw new Error(
    `No loopback network 127.${FIRST}.0.0 to 127.${LAST}.0.0 is free: ${LAST - FIRST + 1} rehearsals run at once. End some of them.`,
  );
}

async function listen(host: string, port: number): Promise<Server | undefined> {
  const server = createServer();
  return new Promise((done, fail) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") done(undefined);
      else if (error.code === "EADDRNOTAVAIL") {
        fail(
          new Error(
            `The address ${host} cannot be bound. The rehearsal needs all of 127.0.0.0/8 as loopback, as Linux has it; ` +
              `on macOS or Windows run it in a Linux machine or container (WSL 2 does).`,
          ),
        );
      } else fail(error);
    });
    server.listen(port, host, () => done(server));
  });
}

async function close(server: Server): Promise<void> {
  await new Promise<void>((done) => server.close(() => done()));
}

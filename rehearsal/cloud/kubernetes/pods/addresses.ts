/** Addresses of one cluster's pods: `<network>.1` to `<network>.254`, the longest unused first. */
export class PodAddresses {
  private readonly used = new Set<number>();
  private last = 0;

  /** @param network first three numbers, as `127.12.10` */
  constructor(private readonly network: string) {}

  /** @throws Error when all 254 are in use */
  take(): string {
    for (let step = 1; step <= 254; step += 1) {
      const host = ((this.last + step - 1) % 254) + 1;
      if (!this.used.has(host)) {
        this.used.add(host);
        this.last = host;
        return `${this.network}.${host}`;
      }
    }
    throw new Error(`All 254 addresses of ${this.network}.0/24 are in use: scale something down.`);
  }

  release(address: string): void {
    this.used.delete(Number(address.split(".").at(-1)));
  }
}

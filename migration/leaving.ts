/**
 * How a gateway leaves: it goes on serving while the load balancer forgets it, then lets requests in flight finish.
 * The grace period holds both, with time to spare; then what is still open is cut.
 */
export const LEAVING = { preStopSeconds: 30, workerShutdownSeconds: 240, graceSeconds: 300 } as const;

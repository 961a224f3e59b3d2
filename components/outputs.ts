import type * as pulumi from "@pulumi/pulumi";

/** An Output once the engine has answered: its value, or that it stays unknown in this run. */
export type Settled<T> =
  { readonly known: true; readonly value: T } | { readonly known: false; readonly value: undefined };

/**
 * Waits for an Output. Unlike `apply` it also ends when the value is unknown, and fails when the resource failed.
 * Used where the program itself must wait; everything else stays inside Outputs.
 *
 * @throws what the registration of the resource failed with
 */
export async function settled<T>(output: pulumi.Output<T>): Promise<Settled<T>> {
  // Part of every Output at run time, though left out of the SDK's type declarations.
  const inner = output as unknown as { readonly isKnown: Promise<boolean>; promise(): Promise<T> };
  return (await inner.isKnown) ? { known: true, value: await inner.promise() } : { known: false, value: undefined };
}

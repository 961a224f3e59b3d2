import { AwsError, OperationError } from "./errors";
import { type Faults } from "./faults";

/** Actions of one AWS service by AWS's names. */
export type ActionTable = Readonly<Record<string, (input: never) => unknown>>;

/** The same actions, each of them asynchronous. */
export type Guarded<T extends ActionTable> = {
  readonly [A in keyof T]: (input: Parameters<T[A]>[0]) => Promise<Awaited<ReturnType<T[A]>>>;
};

/**
 * Puts the faults in front of a service's actions and words their errors as the AWS SDK for Go does.
 * @param service the service's name in that wording, e.g. `Elastic Load Balancing v2`
 */
export function guarded<T extends ActionTable>(service: string, actions: T, faults: Faults): Guarded<T> {
  faults.register(Object.keys(actions));
  const wrapped = Object.entries(actions).map(([action, run]) => [
    action,
    async (input: never) => {
      try {
        return await faults.around(action, () => run(input));
      } catch (error) {
        if (error instanceof AwsError) throw new OperationError(service, action, error);
        throw error;
      }
    },
  ]);
  return Object.fromEntries(wrapped) as Guarded<T>;
}

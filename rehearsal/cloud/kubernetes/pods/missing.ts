/** Something that a container needs is not there yet, or never will be: why it waits, as the kubelet says it. */
export class NotReadyYet extends Error {
  override readonly name = "NotReadyYet";

  constructor(
    /** Reason of the container's state `waiting`. */
    readonly reason: "ContainerCreating" | "CreateContainerConfigError" | "ErrImagePull",
    /** Reason of the event. */
    readonly event: "FailedMount" | "Failed",
    message: string,
  ) {
    super(message);
  }
}

import { randomUUID } from "node:crypto";
import { type EventSink } from "../api/clusterObjects";
import { KINDS } from "../api/kinds";
import { timestamp, type KubeObject } from "../api/objects";
import { type Resources } from "../api/resources";

/** Most events that are kept; the oldest go first. */
const MAX_EVENTS = 500;

interface EventObject extends KubeObject {
  readonly count: number;
}

/** Writes Events; equal ones are counted instead of repeated. */
export class EventRecorder implements EventSink {
  /** Names of the events about equal facts, oldest first. */
  private readonly known = new Map<string, string>();

  constructor(
    private readonly resources: Resources,
    private readonly report: (line: string) => void,
  ) {}

  /** Something went wrong with an object. The message must hold no secret. */
  warn(object: KubeObject, reason: string, message: string): void {
    this.record(object, "Warning", reason, message);
    this.report(`${object.kind} ${object.metadata.name}: ${reason}: ${message}`);
  }

  private record(object: KubeObject, type: string, reason: string, message: string): void {
    const { name, namespace, uid } = object.metadata;
    const key = [uid, type, reason, message].join("\0");
    const store = this.resources.store;
    const before = this.known.get(key);
    const live =
      before === undefined ? undefined : (store.get(KINDS.event, namespace, before) as EventObject | undefined);
    if (live !== undefined) {
      store.put(KINDS.event, { ...live, count: live.count + 1, lastTimestamp: timestamp() });
      return;
    }
    if (store.get(KINDS.namespace, undefined, namespace ?? "") === undefined) {
      return;
    }
    const eventName = `${name}.${randomUUID().slice(0, 16).replaceAll("-", "")}`;
    this.known.set(key, eventName);
    const { apiVersion, kind } = object;
    this.resources.create(
      KINDS.event,
      namespace,
      {
        metadata: { name: eventName },
        involvedObject: { apiVersion, kind, name, namespace, uid },
        type,
        reason,
        message,
        count: 1,
        firstTimestamp: timestamp(),
        lastTimestamp: timestamp(),
      },
      { manager: "rehearsal" },
    );
    this.forgetOldest();
  }

  private forgetOldest(): void {
    if (this.known.size > MAX_EVENTS) {
      const [oldest] = this.known;
      if (oldest !== undefined) {
        const [key, name] = oldest;
        this.known.delete(key);
        const object = this.resources.store.list(KINDS.event).find(({ metadata }) => metadata.name === name);
        if (object !== undefined) {
          this.resources.store.remove(KINDS.event, object);
        }
      }
    }
  }
}

import { PublishCommand, SNSClient } from "@aws-sdk/client-sns";
import { request } from "undici";
import { type Settings } from "../migration/settings";
import { type EventLog, type PilotEvent } from "./events";

/** Where a message goes, and how; throws what went wrong. */
export interface Channel {
  readonly name: string;
  send(subject: string, text: string, signal: AbortSignal): Promise<void>;
}

export interface NotifierOptions {
  readonly stack: string;
  readonly channels: readonly Channel[];
  /** Events that are told. */
  readonly events: readonly string[];
  /** Told once when a message was given up; writes it into the pilot's events. */
  readonly onFailure: (about: string, reason: string) => Promise<void>;
  /** Milliseconds before each repeat. Default 1 s, 5 s, 25 s. */
  readonly repeatAfterMs?: readonly number[];
}

/** Tells what the settings want told, where they say; a message that was given up is written into the pilot's events. */
export function notifierOf(stack: string, settings: Settings, log: EventLog): Notifier {
  return new Notifier({
    stack,
    channels: channelsOf(settings),
    events: settings.notifications.events,
    onFailure: async (about, reason) => {
      await log.append({ event: "notification-failed", about, reason });
    },
  });
}

const TIMEOUT_MS = 10_000;
const REPEAT_AFTER_MS = [1_000, 5_000, 25_000];

/**
 * Tells people of the migration's events. Beside the steps, never in their way: a message is sent while the pilot goes
 * on, repeated a few times, and given up with a line in the events.
 */
export class Notifier {
  private readonly pending = new Set<Promise<void>>();
  private readonly ending = new AbortController();

  constructor(private readonly options: NotifierOptions) {}

  /** Returns at once. */
  tell(event: PilotEvent): void {
    const message = messageOf(this.options.stack, event);
    if (message === undefined || !this.options.events.includes(message.kind)) return;
    for (const channel of this.options.channels) {
      const sending = this.send(channel, message);
      this.pending.add(sending);
      void sending.finally(() => this.pending.delete(sending));
    }
  }

  /** Waits for what is under way, at most so long; what is not sent by then is given up. */
  async flush(limitMs: number): Promise<void> {
    const timer = setTimeout(() => this.ending.abort(), limitMs);
    await Promise.all(this.pending);
    clearTimeout(timer);
  }

  private async send(channel: Channel, { subject, text }: Message): Promise<void> {
    const waits = this.options.repeatAfterMs ?? REPEAT_AFTER_MS;
    for (let attempt = 0; ; attempt += 1) {
      try {
        await channel.send(subject, text, AbortSignal.any([this.ending.signal, AbortSignal.timeout(TIMEOUT_MS)]));
        return;
      } catch (error) {
        const wait = waits[attempt];
        if (wait === undefined || this.ending.signal.aborted) {
          const reason = error instanceof Error ? error.message : String(error);
          await this.options.onFailure(`${channel.name}: ${subject}`, reason).catch(() => undefined);
          return;
        }
        await pause(wait, this.ending.signal);
      }
    }
  }
}

/** The channels that the settings name. */
export function channelsOf({ notifications, notificationWebhook, region }: Settings): readonly Channel[] {
  const { topicArn } = notifications;
  return [
    ...(notificationWebhook === undefined ? [] : [webhook(notificationWebhook)]),
    ...(topicArn === undefined ? [] : [sns(topicArn, region)]),
  ];
}

/** Takes `{"text": ...}`, as Slack's incoming webhooks do. Its address is a secret and is in no message. */
export function webhook(url: string): Channel {
  return {
    name: "webhook",
    async send(_subject, text, signal) {
      const response = await request(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ text }),
        signal,
      }).catch((error: unknown) => {
        throw new Error(codeOf(error));
      });
      await response.body.dump();
      if (response.statusCode >= 300) throw new Error(`it answered ${response.statusCode}`);
    },
  };
}

export function sns(topicArn: string, region: string): Channel {
  return {
    name: "SNS",
    async send(subject, text, signal) {
      const client = new SNSClient({ region, maxAttempts: 1 });
      try {
        const input = { TopicArn: topicArn, Subject: subject.slice(0, 99), Message: text };
        await client.send(new PublishCommand(input), { abortSignal: signal });
      } finally {
        client.destroy();
      }
    },
  };
}

interface Message {
  readonly kind: string;
  readonly subject: string;
  readonly text: string;
}

/** What is told of an event; undefined for events that only the log keeps. */
export function messageOf(stack: string, event: PilotEvent): Message | undefined {
  const told = (kind: string, what: string, reasons: readonly string[] = []): Message => ({
    kind,
    subject: `${stack}: ${what}`,
    text: [`${stack}: ${what}`, ...reasons.map((reason) => `- ${reason}`), `(${event.at}, by ${event.by})`].join("\n"),
  });
  switch (event.event) {
    case "stage-begun":
      return told("stage-begun", `entering ${event.stage} from ${event.from ?? "the beginning"}`);
    case "stage-ended":
      return told("stage-ended", `${event.stage} entered after ${event.updateSeconds.toFixed(0)} s`);
    case "step-failed":
      return told("hold", `${event.stage} could not be entered`, [event.reason.split("\n")[0] ?? ""]);
    case "verdict":
      return told("verdict", `the judge says ${event.verdict} at ${event.stage ?? "the beginning"}`, event.reasons);
    case "hold":
      return told("hold", `held at ${event.stage ?? "the beginning"}`, event.reasons);
    case "page":
      return told("page", `A PERSON IS NEEDED at ${event.stage}: the traffic stays where it is`, event.reasons);
    case "rollback":
      return told("rollback", `ROLLED BACK from ${event.stage} (${event.result})`, event.reasons);
    case "soak-over":
      return told("soak-over", `the soak at ${event.stage} is over`);
    case "approval-asked":
      return told("approval", `${event.stage} waits for a person`, [
        `npm run pilot -- approve ${event.stage} --stack ${stack} --reason "..."`,
      ]);
    case "approval-given":
      return told("approval", `${event.name} agreed to ${event.stage}`);
    case "approval-refused":
      return told("approval", `${event.name} refused ${event.stage}`, [event.reason]);
    case "run-begun":
    case "run-ended":
    case "end-asked":
    case "step-resumed":
    case "rollback-begun":
    case "measured":
    case "hold-over":
    case "notification-failed":
      return undefined;
  }
}

/** Of an error with an address in its message, the code alone: the address of a webhook is a secret. */
function codeOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return error instanceof Error ? error.name : "it could not be reached";
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

import { shapeOf, type Stage } from "../../migration/stages";

/** What the policies over the goldens are written with. */

export interface GoldenResource {
  readonly type: string;
  readonly options: {
    readonly parent?: string;
    readonly provider?: string;
    readonly protect?: boolean;
    readonly retainOnDelete?: boolean;
    readonly ignoreChanges?: readonly string[];
    readonly dependsOn?: readonly string[];
    readonly hooks?: Readonly<Record<string, readonly string[]>>;
  };
  readonly inputs?: Readonly<Record<string, unknown>>;
}

export interface Golden {
  readonly stack: string;
  readonly stage: string;
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly resources: Readonly<Record<string, GoldenResource>>;
}

/** What the stack's settings ask for. */
export interface Asked {
  readonly groups: number;
  readonly newLoadBalancer: boolean;
  readonly version: string;
  /** Everything that may reach a load balancer or a database from outside of a security group. */
  readonly ingressCidrs: readonly string[];
  /** Made-up values of the secrets: none of them may be seen. */
  readonly secrets: readonly string[];
}

/** What is wrong; nothing when the policy holds. */
export type Policy = (golden: Golden, asked: Asked) => readonly string[];

export type Entry = readonly [label: string, resource: GoldenResource];

export function entries(golden: Golden): readonly Entry[] {
  return Object.entries(golden.resources);
}

export function ofType(golden: Golden, type: RegExp): readonly Entry[] {
  return entries(golden).filter(([, resource]) => type.test(resource.type));
}

export function shapeFor({ stage }: Golden): ReturnType<typeof shapeOf> {
  return shapeOf(stage === "abandon-second-update" ? "abandon" : (stage as Stage));
}

function same(seen: unknown, wanted: unknown): boolean {
  return JSON.stringify(seen) === JSON.stringify(wanted);
}

/** `label: FIELD is SEEN, expected WANTED`, when it is not. */
export function expected(label: string, field: string, seen: unknown, wanted: unknown): readonly string[] {
  return same(seen, wanted)
    ? []
    : [`${label}: ${field} is ${JSON.stringify(seen) as string | undefined}, expected ${JSON.stringify(wanted)}`];
}

/** The listener or the rules that divide the requests. */
export function carriers(golden: Golden): readonly Entry[] {
  return ofType(golden, /^aws:lb\/listener(Rule)?:/).filter(([, { options }]) =>
    options.parent?.startsWith("TrafficSplit "),
  );
}

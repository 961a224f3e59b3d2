import { randomBytes, randomInt } from "node:crypto";

/** Letters and digits that AWS makes resource ids of. */
const UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The account and Region that the local AWS plays, with AWS's forms of names. */
export class Account {
  constructor(
    readonly region: string,
    /** 12 digits. */
    readonly accountId: string,
    /** The /16 of loopback that stands for the VPC: `127.R`. */
    readonly network: string,
    /** First three numbers of further networks that belong to the VPC: addresses of pods outside of loopback. */
    readonly podNetworks: readonly string[] = [],
  ) {}

  /** Zones of the Region: `eu-central-1a`, ... */
  zone(index: number): string {
    return `${this.region}${"abcdef".charAt(index)}`;
  }

  /** `arn:aws:elasticloadbalancing:REGION:ACCOUNT:RESOURCE` */
  elbArn(resource: string): string {
    return `arn:aws:elasticloadbalancing:${this.region}:${this.accountId}:${resource}`;
  }

  rdsArn(kind: "db" | "snapshot" | "subgrp" | "pg", name: string): string {
    return `arn:aws:rds:${this.region}:${this.accountId}:${kind}:${name}`;
  }

  ec2Arn(resource: string): string {
    return `arn:aws:ec2:${this.region}:${this.accountId}:${resource}`;
  }

  acmArn(id: string): string {
    return `arn:aws:acm:${this.region}:${this.accountId}:certificate/${id}`;
  }

  kmsArn(id: string): string {
    return `arn:aws:kms:${this.region}:${this.accountId}:key/${id}`;
  }

  alarmArn(name: string): string {
    return `arn:aws:cloudwatch:${this.region}:${this.accountId}:alarm:${name}`;
  }

  /** Dashboards belong to no Region. */
  dashboardArn(name: string): string {
    return `arn:aws:cloudwatch::${this.accountId}:dashboard/${name}`;
  }

  /** The identity behind the rehearsal's credentials. */
  get callerArn(): string {
    return `arn:aws:iam::${this.accountId}:user/rehearsal`;
  }
}

/** `PREFIX-0123456789abcdef0`: ids of EC2 and parts of ARNs. */
export function hexId(digits = 17): string {
  return randomBytes(Math.ceil(digits / 2))
    .toString("hex")
    .slice(0, digits);
}

/** `db-ABCDEFGHIJKLMNOPQRSTUVWXYZ`: RDS's ids that stay when an instance is renamed. */
export function rdsResourceId(): string {
  return `db-${Array.from({ length: 26 }, () => UPPER.charAt(randomInt(UPPER.length))).join("")}`;
}

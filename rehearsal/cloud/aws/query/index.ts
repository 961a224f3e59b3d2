import { type z } from "zod";
import { type Account } from "../account";
import { type Elb } from "../elb";
import { AwsError, OperationError, validationError } from "../errors";
import { type Rds } from "../rds";
import { type Sts } from "../sts";
import { authenticate } from "./authentication";
import { parseForm } from "./form";
import { ELB_PARAMETERS, RDS_PARAMETERS, STS_PARAMETERS } from "./schemas";
import { answerXml, errorXml, XML, type XmlServiceName } from "./xml";

export interface QueryRequest {
  readonly requestId: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

export interface QueryAnswer {
  readonly status: number;
  readonly xml: string;
}

type Runner = (input: never) => unknown;

interface Service {
  readonly xml: XmlServiceName;
  /** Name in the scope of credentials. */
  readonly scope: string;
  readonly parameters: Readonly<Record<string, z.ZodType>>;
  readonly actions: Readonly<Record<string, Runner>>;
}

/** The AWS APIs that the real SDK and the AWS command line call: the Query protocol of ELBv2, RDS and STS. */
export class QueryApi {
  /** By the version that every request names. */
  private readonly services: Readonly<Record<string, Service>>;

  constructor(
    private readonly account: Account,
    services: { readonly elb: Elb; readonly rds: Rds; readonly sts: Sts },
  ) {
    this.services = {
      "2015-12-01": { xml: "elbv2", scope: "elasticloadbalancing", parameters: ELB_PARAMETERS, actions: services.elb },
      "2014-10-31": { xml: "rds", scope: "rds", parameters: RDS_PARAMETERS, actions: services.rds },
      "2011-06-15": { xml: "sts", scope: "sts", parameters: STS_PARAMETERS, actions: services.sts },
    };
  }

  /** Never throws: what fails is an answer as well. */
  async answer({ requestId, authorization, body }: QueryRequest): Promise<QueryAnswer> {
    let xml: XmlServiceName = "sts";
    try {
      const { Action: action, Version: version, ...parameters } = parseForm(body);
      const service = typeof version === "string" ? this.services[version] : undefined;
      if (service === undefined) {
        throw new AwsError("InvalidAction", `No service of version ${JSON.stringify(version ?? "")} is here.`);
      }
      xml = service.xml;
      authenticate(authorization, this.account.region, service.scope);
      const name = typeof action === "string" ? action : "";
      const schema = Object.hasOwn(service.parameters, name) ? service.parameters[name] : undefined;
      const run = service.actions[name];
      if (schema === undefined || run === undefined) {
        throw new AwsError("InvalidAction", `Could not find operation ${name}`);
      }
      const result = await run(parse(schema, parameters) as never);
      return { status: 200, xml: answerXml(XML[xml], name, result, requestId) };
    } catch (error) {
      const known = error instanceof OperationError ? error.aws : error instanceof AwsError ? error : internal(error);
      return { status: known.httpStatus, xml: errorXml(XML[xml], known, requestId) };
    }
  }
}

function parse(schema: z.ZodType, parameters: unknown): unknown {
  const parsed = schema.safeParse(parameters);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`.trim());
  throw validationError(`${faults.length} validation errors detected: ${faults.join("; ")}`);
}

function internal(error: unknown): AwsError {
  return new AwsError("InternalFailure", error instanceof Error ? error.message : String(error), 500);
}

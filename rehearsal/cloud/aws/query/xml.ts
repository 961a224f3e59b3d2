/** Names of list elements that are not `member`: RDS names each kind of its own. */
const RDS_ELEMENTS: Readonly<Record<string, string>> = {
  DBInstances: "DBInstance",
  DBSnapshots: "DBSnapshot",
  DBParameterGroups: "DBParameterGroup",
  VpcSecurityGroups: "VpcSecurityGroupMembership",
  OptionGroupMemberships: "OptionGroupMembership",
  Subnets: "Subnet",
  TagList: "Tag",
};

export interface XmlService {
  /** Of the service's answers, e.g. `http://rds.amazonaws.com/doc/2014-10-31/`. */
  readonly namespace: string;
  /** Name of a list's elements by the list's name. */
  readonly element: (list: string) => string;
}

export const XML = {
  elbv2: { namespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/", element: () => "member" },
  rds: { namespace: "http://rds.amazonaws.com/doc/2014-10-31/", element: (list) => RDS_ELEMENTS[list] ?? "member" },
  sts: { namespace: "https://sts.amazonaws.com/doc/2011-06-15/", element: () => "member" },
} as const satisfies Readonly<Record<string, XmlService>>;

export type XmlServiceName = keyof typeof XML;

/** An answer in the Query protocol. */
export function answerXml(service: XmlService, action: string, result: unknown, requestId: string): string {
  const content = element(`${action}Result`, result, service);
  const metadata = `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>`;
  return `<${action}Response xmlns="${service.namespace}">${content}${metadata}</${action}Response>`;
}

/** An error in the Query protocol. */
export function errorXml(service: XmlService, error: ErrorInXml, requestId: string): string {
  const type = error.httpStatus >= 500 ? "Receiver" : "Sender";
  const { code, message } = error;
  const body = element("Error", { Type: type, Code: code, Message: message }, service);
  return `<ErrorResponse xmlns="${service.namespace}">${body}<RequestId>${requestId}</RequestId></ErrorResponse>`;
}

interface ErrorInXml {
  readonly code: string;
  readonly message: string;
  readonly httpStatus: number;
}

function element(name: string, value: unknown, service: XmlService): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) {
    const items = value.map((item: unknown) => element(service.element(name), item, service));
    return `<${name}>${items.join("")}</${name}>`;
  }
  if (value instanceof Date) return `<${name}>${value.toISOString()}</${name}>`;
  if (typeof value === "object") {
    const children = Object.entries(value).map(([key, child]) => element(key, child, service));
    return `<${name}>${children.join("")}</${name}>`;
  }
  return `<${name}>${escape(typeof value === "string" ? value : JSON.stringify(value))}</${name}>`;
}

function escape(text: string): string {
  return text.replace(/[&<>"'\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}

export { installPlugins } from "./install";
export { type ProviderSchema } from "./schema";
export { serveProvider } from "./serve";
export {
  PartialFailure,
  type Created,
  type Failure,
  type Invoke,
  type Live,
  type Props,
  type ProviderDefinition,
  type ResourceContext,
  type ResourceType,
  type Severity,
} from "./types";
export { UNKNOWN, containsUnknown } from "./values";

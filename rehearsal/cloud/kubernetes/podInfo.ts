import { type ObjectReader } from "./api/clusterObjects";
import { KINDS } from "./api/kinds";
import { isReady, type Pod } from "./api/objects";
import { parseLabelSelector } from "./api/selectors";
import { type Kubelet } from "./pods/kubelet";

/** One pod, as scenarios see it. */
export interface PodInfo {
  readonly name: string;
  readonly namespace: string;
  /** Missing until the node has taken the pod. */
  readonly ip: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly image: string;
  readonly ready: boolean;
  /** Being deleted. */
  readonly terminating: boolean;
  readonly restarts: number;
  /** Process of the first container, while it runs. */
  readonly pid: number | undefined;
}

/** All pods of a store, or those with the labels of a selector such as `app.kubernetes.io/component=dashboard`. */
export function podInfos(store: ObjectReader, kubelet: Kubelet, selector: string): readonly PodInfo[] {
  const matches = parseLabelSelector(selector);
  return (store.list(KINDS.pod) as readonly Pod[]).filter(matches).map((pod) => podInfo(pod, kubelet));
}

function podInfo(pod: Pod, kubelet: Kubelet): PodInfo {
  const { name, namespace = "", labels = {}, deletionTimestamp } = pod.metadata;
  const statuses = pod.status?.containerStatuses ?? [];
  return {
    name,
    namespace,
    ip: pod.status?.podIP,
    labels,
    image: pod.spec.containers[0]?.image ?? "",
    ready: isReady(pod),
    terminating: deletionTimestamp !== undefined,
    restarts: statuses.reduce((sum, { restartCount }) => sum + restartCount, 0),
    pid: kubelet.run(pod)?.containers[0]?.pid,
  };
}

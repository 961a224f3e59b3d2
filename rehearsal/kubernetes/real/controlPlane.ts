import { mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { get } from "node:http";
import { join } from "node:path";
import { RealApi } from "./api";
import { writeCredentials, type Credentials } from "./credentials";
import { RunningProgram } from "./program";
import { type Programs } from "./programs";

/** etcd for both clusters: one process, a prefix for each. */
export class Etcd {
  private constructor(
    private readonly program: RunningProgram,
    readonly url: string,
  ) {}

  /** @param address loopback; ports `port` and `port + 1` are taken @param folder data and log */
  static async start(path: string, address: string, port: number, folder: string): Promise<Etcd> {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const url = `http://${address}:${port}`;
    const peer = `http://${address}:${port + 1}`;
    const program = new RunningProgram({
      title: "etcd",
      path,
      args: [
        "--name=rehearsal",
        `--data-dir=${join(folder, "data")}`,
        `--listen-client-urls=${url}`,
        `--advertise-client-urls=${url}`,
        `--listen-peer-urls=${peer}`,
        `--initial-advertise-peer-urls=${peer}`,
        `--initial-cluster=rehearsal=${peer}`,
        // Everything is thrown away after the run: a power failure costs nothing, a slow disk would cost much.
        "--unsafe-no-fsync",
        "--log-level=warn",
      ],
      logFile: join(folder, "etcd.log"),
      memoryMiB: 256,
    });
    await program.ready(() => answers(`${url}/health`), READY_SECONDS);
    return new Etcd(program, url);
  }

  async stop(): Promise<void> {
    await this.program.stop();
  }
}

const READY_SECONDS = 120;
/** Range of the Services' addresses; nothing listens on them, names lead to pods. */
const SERVICE_RANGE = "10.96.0.0/16";
const SERVICE_ADDRESS = "10.96.0.1";

export interface ControlPlaneOptions {
  readonly name: "a" | "b";
  readonly programs: Programs;
  /** Loopback address of the API server, controllers and scheduler. */
  readonly address: string;
  /** Port of the API server; the next two are the controllers' and the scheduler's. */
  readonly port: number;
  readonly nodeAddress: string;
  readonly etcd: string;
  readonly folder: string;
  /** Divides the period of the autoscaler. */
  readonly pace: number;
}

/** One cluster's real control plane: kube-apiserver, kube-controller-manager, kube-scheduler. */
export class ControlPlane {
  private apiServer: RunningProgram | undefined;
  private others: readonly RunningProgram[] = [];

  private constructor(
    private readonly options: ControlPlaneOptions,
    readonly credentials: Credentials,
    readonly server: string,
  ) {}

  /** @throws Error with the end of the log of what did not start */
  static async start(options: ControlPlaneOptions): Promise<ControlPlane> {
    const { name, address, port, nodeAddress, folder } = options;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const server = `https://${address}:${port}`;
    const credentials = await writeCredentials({
      name,
      folder: join(folder, "credentials"),
      server,
      address,
      serviceAddress: SERVICE_ADDRESS,
      nodeAddress,
    });
    const plane = new ControlPlane(options, credentials, server);
    try {
      await plane.setApi(true);
      plane.others = [plane.controllers(), plane.scheduler()];
      await Promise.all(
        plane.others.map((program, at) => program.ready(() => plane.isHealthy(port + 1 + at), READY_SECONDS)),
      );
      return plane;
    } catch (error) {
      await plane.stop();
      throw error;
    }
  }

  /** Takes the API server down at once, or up again; everything else goes on. */
  async setApi(up: boolean): Promise<void> {
    if (!up) {
      await this.apiServer?.kill();
      this.apiServer = undefined;
    } else if (this.apiServer === undefined) {
      const api = RealApi.open(this.credentials.kubeconfigs.admin);
      this.apiServer = this.startApiServer();
      await this.apiServer.ready(() => api.isReady(), READY_SECONDS);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.others.map((program) => program.stop()));
    await this.apiServer?.stop();
    await rm(this.credentials.folder, { recursive: true, force: true });
  }

  private startApiServer(): RunningProgram {
    const { address, port, etcd, name, nodeAddress } = this.options;
    const c = this.credentials;
    return this.run("kube-apiserver", 512, [
      `--etcd-servers=${etcd}`,
      `--etcd-prefix=/cluster-${name}`,
      `--bind-address=${address}`,
      `--secure-port=${port}`,
      `--advertise-address=${nodeAddress}`,
      // Its own address is loopback, which no EndpointSlice takes.
      "--endpoint-reconciler-type=none",
      `--service-cluster-ip-range=${SERVICE_RANGE}`,
      "--authorization-mode=RBAC",
      "--anonymous-auth=false",
      `--token-auth-file=${c.tokens}`,
      `--client-ca-file=${c.authority}`,
      `--tls-cert-file=${c.apiServer.certificate}`,
      `--tls-private-key-file=${c.apiServer.key}`,
      `--kubelet-certificate-authority=${c.authority}`,
      `--kubelet-client-certificate=${c.kubeletClient.certificate}`,
      `--kubelet-client-key=${c.kubeletClient.key}`,
      "--kubelet-preferred-address-types=InternalIP",
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-key-file=${c.serviceAccounts.publicKey}`,
      `--service-account-signing-key-file=${c.serviceAccounts.privateKey}`,
      "--profiling=false",
    ]);
  }

  private controllers(): RunningProgram {
    const { address, port, pace } = this.options;
    const c = this.credentials;
    const { controllers } = c.kubeconfigs;
    const autoscalerSeconds = Math.max(1, Math.round(15 / pace));
    return this.run("kube-controller-manager", 256, [
      `--kubeconfig=${controllers}`,
      `--authentication-kubeconfig=${controllers}`,
      `--authorization-kubeconfig=${controllers}`,
      "--authorization-always-allow-paths=/healthz",
      `--bind-address=${address}`,
      `--secure-port=${port + 1}`,
      `--cert-dir=${join(this.options.folder, "controllers")}`,
      `--root-ca-file=${c.authority}`,
      `--service-account-private-key-file=${c.serviceAccounts.privateKey}`,
      // Each controller logs in as itself, with the role that Kubernetes gives it.
      "--use-service-account-credentials=true",
      "--leader-elect=false",
      // A computer that is busy for a minute is no lost node.
      "--node-monitor-grace-period=300s",
      `--horizontal-pod-autoscaler-sync-period=${autoscalerSeconds}s`,
      "--profiling=false",
    ]);
  }

  private scheduler(): RunningProgram {
    const { address, port } = this.options;
    const { scheduler } = this.credentials.kubeconfigs;
    return this.run("kube-scheduler", 128, [
      `--kubeconfig=${scheduler}`,
      `--authentication-kubeconfig=${scheduler}`,
      `--authorization-kubeconfig=${scheduler}`,
      "--authorization-always-allow-paths=/healthz",
      `--bind-address=${address}`,
      `--secure-port=${port + 2}`,
      `--cert-dir=${join(this.options.folder, "scheduler")}`,
      "--leader-elect=false",
      "--profiling=false",
    ]);
  }

  private run(
    program: "kube-apiserver" | "kube-controller-manager" | "kube-scheduler",
    memoryMiB: number,
    args: readonly string[],
  ): RunningProgram {
    const { name, programs, folder } = this.options;
    return new RunningProgram({
      title: `${program} of cluster ${name}`,
      path: programs[program],
      args,
      logFile: join(folder, `${program}.log`),
      memoryMiB,
    });
  }

  private async isHealthy(port: number): Promise<boolean> {
    return RealApi.open(this.credentials.kubeconfigs.admin).isUp(`https://${this.options.address}:${port}/healthz`);
  }
}

function answers(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(url, { timeout: 2_000, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once("timeout", () => request.destroy(new Error("no answer")));
    request.once("error", () => resolve(false));
  });
}

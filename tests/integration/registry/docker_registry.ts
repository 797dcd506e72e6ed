/** Debian's docker-registry on loopback, as the tests want it. */

import { until } from "../support/wait.ts";

/** How it is run. */
export interface DockerRegistryOptions {
  /** Certificate and key, PEM files. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** A file of htpasswd(1). */
  readonly htpasswd?: string;
  /** A server of tokens, and the PEM file of the certificate that its tokens are signed by. */
  readonly token?: { readonly realm: string; readonly bundle: string };
  /** The folder that images are kept in; its own unless told. */
  readonly data?: string;
}

/** Who gives out tokens for it, and for whom: see {@link DockerRegistryOptions.token}. */
export const ISSUER = "tests";
export const SERVICE = "docker-registry";

export class DockerRegistry implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #folder: string;
  readonly port: number;

  private constructor(child: Deno.ChildProcess, folder: string, port: number) {
    this.#child = child;
    this.#folder = folder;
    this.port = port;
  }

  /** Starts one, which listens when this is over. */
  static async start(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
    const folder = Deno.makeTempDirSync({ dir: "/var/tmp", prefix: "gocontainer-registry-" });
    const port = freePort();
    const { tls, htpasswd, token, data = `${folder}/data` } = options;
    const config = {
      version: "0.1",
      log: { level: "error", accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: data }, delete: { enabled: true } },
      http: {
        addr: `127.0.0.1:${port}`,
        ...tls && { tls: { certificate: tls.cert, key: tls.key } },
      },
      ...htpasswd && { auth: { htpasswd: { realm: "tests", path: htpasswd } } },
      ...token && {
        auth: {
          token: {
            realm: token.realm,
            service: SERVICE,
            issuer: ISSUER,
            rootcertbundle: token.bundle,
          },
        },
      },
    };
    // JSON is YAML, too.
    Deno.writeTextFileSync(`${folder}/config.yml`, JSON.stringify(config));
    const child = new Deno.Command("docker-registry", {
      args: ["serve", `${folder}/config.yml`],
      stdin: "null",
      stdout: "null",
      stderr: "null",
      clearEnv: true,
      env: { PATH: "/usr/bin:/bin", OTEL_TRACES_EXPORTER: "none" },
    }).spawn();
    await until(`docker-registry listens on port ${port}`, async () => {
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port })).close();
        return true;
      } catch {
        return undefined;
      }
    });
    return new DockerRegistry(child, folder, port);
  }

  /** `localhost:PORT`. */
  get host(): string {
    return `localhost:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

import { DenoConnection } from "./connection.ts";
import { ExchangeFault } from "./fault.ts";
import { Input } from "./input.ts";
import { type Limits, Patience } from "./patience.ts";
import { type Proxy, WANTS_PASSWORD, wantsPassword } from "./proxy.ts";

/**
 * Has a proxy connect to a server; from then on the connection leads there (RFC 9110, 9.3.6).
 *
 * @throws {ExchangeFault}
 */
export async function tunnel(
  conn: Deno.TcpConn,
  hostname: string,
  port: number,
  proxy: Proxy,
  limits: Limits,
): Promise<void> {
  const connection = new DenoConnection(conn);
  const patience = new Patience(limits, () => connection.close());
  try {
    const authorization = proxy.authorization === undefined
      ? ""
      : `Proxy-Authorization: ${proxy.authorization}\r\n`;
    const target = `${hostname}:${port}`;
    await connection.write(
      new TextEncoder().encode(
        `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${authorization}\r\n`,
      ),
    );
    const input = new Input(connection);
    const head = await input.head(patience);
    const where = `connect to ${target} by the proxy ${proxy.hostname}:${proxy.port}`;
    if (head === undefined) throw new ExchangeFault("broken", `${where}: it hung up`);
    if (head.status === WANTS_PASSWORD) throw wantsPassword(where);
    if (head.status < 200 || head.status > 299 || !input.isEmpty) {
      throw new ExchangeFault("unreachable", `${where}: it refuses with status ${head.status}`);
    }
  } catch (error) {
    connection.close();
    throw error;
  } finally {
    patience.end();
  }
}

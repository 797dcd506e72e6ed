import { errnoName } from "../../ffi/errno.ts";
import { interfaceIndex } from "../../ffi/netdevice.ts";
import { RouteSocket } from "../../ffi/rtnetlink.ts";
import { alloc } from "../../ffi/struct.ts";
import { step, warn } from "../trace.ts";
import type { Cidr } from "./cidr.ts";
import { hardwareAddress } from "./mac.ts";

/**
 * Lets nothing come out of a container but IPv4 and ARP under its own addresses: with raw packets, which
 * CAP_NET_RAW allows, it could speak for its neighbours and for the gateway (CVE-2020-13401). Nor does anything
 * pass to 127.0.0.0/8, which a host with `route_localnet` takes for its own loopback (CVE-2020-8558). The filter
 * stands at the host's end of the cable, out of the container's reach, and goes with that.
 *
 * @param hostVeth the host's end.
 */
export function guardPort(hostVeth: string, address: Cidr): void {
  const errno = step({
    label: `let nothing pass from ${hostVeth} but what bears the container's own addresses`,
    call: "RTM_NEWQDISC clsact, RTM_NEWTFILTER bpf (netlink)",
    check: `tc filter show dev ${hostVeth} ingress`,
  }, () => setFilter(hostVeth, ownPackets(address)));
  if (errno === 0) return;
  warn(
    `containers could send under each other's addresses: the kernel does not filter what they send, ` +
      `${errnoName(errno)} (it takes CONFIG_NET_SCH_INGRESS and CONFIG_NET_CLS_BPF)`,
  );
}

/**
 * Lets nothing come out of a container that is over: something on the host, or a socket handed to another container,
 * may keep its network namespace, and speak under an address that is another one's now.
 */
export function closePort(hostVeth: string): void {
  step({
    label: `let nothing pass from ${hostVeth}, whose container is over and had this address`,
    call: "RTM_NEWTFILTER bpf (netlink)",
    check: `tc filter show dev ${hostVeth} ingress`,
  }, () => setFilter(hostVeth, assemble([[RETURN, TC_ACT_SHOT]])));
}

/** @returns 0, also where there is no such interface, or the kernel's error. */
function setFilter(hostVeth: string, program: Uint8Array<ArrayBuffer>): number {
  const index = interfaceIndex(hostVeth);
  if (index === undefined) return 0;
  using socket = new RouteSocket();
  return socket.tryFilterIngress(index, program);
}

/** What the filter says: linux/pkt_cls.h. */
const TC_ACT_OK = 0;
const TC_ACT_SHOT = 2;

/** Instructions of classic BPF, linux/bpf_common.h. */
const LOAD_LENGTH = 0x80; // BPF_LD | BPF_W | BPF_LEN
const LOAD_WORD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const LOAD_HALF = 0x28; // BPF_LD | BPF_H | BPF_ABS
const AND = 0x54; // BPF_ALU | BPF_AND | BPF_K
const IF_EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const IF_AT_LEAST = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K

/** SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT, linux/filter.h. */
const HAS_VLAN_TAG = 0xfffff000 + 48;

const ETHERNET_SOURCE = 6, ETHERNET_TYPE = 12, ETHERNET_HEADER = 14;
const ETH_P_IP = 0x0800, ETH_P_ARP = 0x0806;
const IP_SOURCE = ETHERNET_HEADER + 12, IP_DESTINATION = ETHERNET_HEADER + 16;
const LOOPBACK_NETWORK = 0x7f000000, LOOPBACK_MASK = 0xff000000;
const ARP_HARDWARE = ETHERNET_HEADER + 8, ARP_ADDRESS = ETHERNET_HEADER + 14;
/** With less, a load would fail, which the kernel takes for a pass. */
const SHORTEST = ETHERNET_HEADER + 20;

type Instruction =
  | readonly [opcode: number, operand: number]
  /** A comparison, and where it leads to by its outcome; on to the next one without. */
  | readonly [opcode: number, operand: number, yes?: string, no?: string]
  | { readonly label: string };

/** Struct sock_filter's of what a container may send. */
function ownPackets({ address }: Pick<Cidr, "address">): Uint8Array<ArrayBuffer> {
  const hardware = new DataView(hardwareAddress({ address }).buffer);
  const source = (at: number): Instruction[] => [
    [LOAD_WORD, at],
    [IF_EQUAL, hardware.getUint32(0), undefined, "drop"],
    [LOAD_HALF, at + 4],
    [IF_EQUAL, hardware.getUint16(4), undefined, "drop"],
  ];
  return assemble([
    [LOAD_LENGTH, 0],
    [IF_AT_LEAST, SHORTEST, undefined, "drop"],
    [LOAD_WORD, HAS_VLAN_TAG],
    [IF_EQUAL, 0, undefined, "drop"],
    ...source(ETHERNET_SOURCE),
    [LOAD_HALF, ETHERNET_TYPE],
    [IF_EQUAL, ETH_P_ARP, "arp"],
    [IF_EQUAL, ETH_P_IP, undefined, "drop"],
    [LOAD_WORD, IP_SOURCE],
    [IF_EQUAL, address, undefined, "drop"],
    [LOAD_WORD, IP_DESTINATION],
    [AND, LOOPBACK_MASK],
    [IF_EQUAL, LOOPBACK_NETWORK, "drop", "pass"],
    { label: "arp" },
    ...source(ARP_HARDWARE),
    [LOAD_WORD, ARP_ADDRESS],
    [IF_EQUAL, address, "pass"],
    // Who asks whether an address is taken has none yet (RFC 5227).
    [IF_EQUAL, 0, "pass", "drop"],
    { label: "pass" },
    [RETURN, TC_ACT_OK],
    { label: "drop" },
    [RETURN, TC_ACT_SHOT],
  ]);
}

function assemble(lines: readonly Instruction[]): Uint8Array<ArrayBuffer> {
  const labels = new Map<string, number>();
  const instructions: Exclude<Instruction, { label: string }>[] = [];
  for (const line of lines) {
    if ("label" in line) labels.set(line.label, instructions.length);
    else instructions.push(line);
  }
  const program = alloc(8 * instructions.length);
  const view = new DataView(program.buffer);
  instructions.forEach(([opcode, operand, yes, no], i) => {
    const far = (label?: string) => label === undefined ? 0 : labels.get(label)! - i - 1;
    view.setUint16(8 * i, opcode, true);
    view.setUint8(8 * i + 2, far(yes));
    view.setUint8(8 * i + 3, far(no));
    view.setUint32(8 * i + 4, operand, true);
  });
  return program;
}

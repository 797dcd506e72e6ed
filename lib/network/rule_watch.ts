import { NFNLGRP_NFTABLES } from "../../ffi/nfnetlink.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../../ffi/netlink.ts";
import { type PollFd, POLLIN } from "../../ffi/poll.ts";

/** Milliseconds from a change to the look at it: one reload of a firewall is many changes, and two may quarrel. */
const SETTLING = 200;

/** Milliseconds until the first look: a program that is done by then has not to wait for it. */
const FIRST = 20;

/**
 * Hears of changes of the host's firewall rules, from when it is made on: whoever loads a firewall may take away what
 * containers need (`flush ruleset`). The kernel tells of those of nftables, and of iptables where that writes such.
 */
export class RuleWatch implements Disposable {
  readonly #socket = new NetlinkSocket(NETLINK_NETFILTER);
  readonly #look: (changed: boolean) => Promise<void>;
  readonly #heard: PollFd = { fd: this.#socket.number, events: POLLIN, revents: 0 };
  #due?: number;
  #hasLooked = false;

  /**
   * @param look is called soon after the beginning, and after changes, which it is told.
   * @throws {SysError} EPROTONOSUPPORT when the kernel has no netfilter.
   */
  constructor(look: (changed: boolean) => Promise<void>) {
    this.#look = look;
    this.#socket.join(NFNLGRP_NFTABLES);
  }

  /** To be called when there is somebody whom the rules concern. */
  begin(): void {
    this.#due = performance.now() + FIRST;
  }

  /** Whether it has come to the first look. */
  get hasLooked(): boolean {
    return this.#hasLooked;
  }

  /** What poll(2) is to wait for now. */
  wanted(): PollFd[] {
    this.#heard.revents = 0;
    return this.#due === undefined ? [this.#heard] : [];
  }

  /** How long poll(2) is to wait at most, in milliseconds; undefined for as long as there is nothing. */
  timeout(): number | undefined {
    return this.#due === undefined ? undefined : Math.max(0, this.#due - performance.now());
  }

  /** After a poll(2), whether it is time to {@link act}. */
  isDue(): boolean {
    if (this.#heard.revents) this.#due = performance.now() + SETTLING;
    return this.timeout() === 0;
  }

  /** Has the rules looked at. */
  async act(): Promise<void> {
    this.#due = undefined;
    this.#hasLooked = true;
    await this.#look(this.#socket.heard().length > 0);
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}

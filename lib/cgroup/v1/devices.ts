import { ContainerError } from "../../errors.ts";
import type { DeviceRule } from "../../oci/spec.ts";
import { deviceRules, isCatchAll, type Rule, ruleText } from "../devices.ts";
import type { Setting } from "../setting.ts";

/**
 * The device rules for the devices controller of cgroup v1
 * (Documentation/admin-guide/cgroup-v1/devices.rst): first everything is denied (or allowed), then
 * the exceptions follow.
 *
 * @throws {ContainerError} Unsupported for an order of rules that only v2 can express.
 */
export function deviceSettings(rules: readonly DeviceRule[] | undefined): Setting[] {
  const { allow, exceptions } = reduce(deviceRules(rules));
  const setting = (allow: boolean, value: string): Setting => ({
    field: "devices",
    file: allow ? "devices.allow" : "devices.deny",
    value,
    refused: "The enclosing cgroup itself may use fewer devices, see its devices.list",
  });
  return [setting(allow, "a"), ...exceptions.map((rule) => setting(!allow, ruleText(rule)))];
}

/**
 * What the rules come to, as the kernel holds it: a behaviour and the exceptions to it. It takes an
 * exception back only by the very numbers that it was given with. So a rule against all of an
 * earlier exception shortens that one here, and one against a part of it cannot be had: the kernel
 * would do nothing, silently.
 */
function reduce(rules: readonly Rule[]): { allow: boolean; exceptions: Omit<Rule, "allow">[] } {
  let allow = false;
  let exceptions: Rule[] = [];
  for (const rule of rules.flatMap(split)) {
    if (isCatchAll(rule)) {
      allow = rule.allow;
      exceptions = [];
    } else if (rule.allow === allow) {
      exceptions = exceptions.map((exception) => without(exception, rule))
        .filter(({ access }) => access !== 0);
    } else {
      const twin = exceptions.find((exception) => sameDevices(exception, rule));
      exceptions = exceptions.filter((exception) => exception !== twin);
      exceptions.push({ ...rule, access: (twin?.access ?? 0) | rule.access });
    }
  }
  return { allow, exceptions };
}

function without(exception: Rule, rule: Rule): Rule {
  if (!overlap(exception, rule)) return exception;
  if (covers(rule, exception)) return { ...exception, access: exception.access & ~rule.access };
  throw new ContainerError(
    `set devices to ${rule.allow ? "allow" : "deny"} "${ruleText(rule)}": ` +
      `cgroup v1 cannot take it out of the earlier rule "${ruleText(exception)}"`,
    { code: "Unsupported", hint: "Name the devices of the earlier rule one by one" },
  );
}

/** To the kernel `a` means everything, whatever else the line says. */
function split(rule: Rule): Rule[] {
  if (rule.type !== "a" || isCatchAll(rule)) return [rule];
  return [{ ...rule, type: "b" }, { ...rule, type: "c" }];
}

function sameDevices(one: Rule, other: Rule): boolean {
  return one.type === other.type && one.major === other.major && one.minor === other.minor;
}

function covers(one: Rule, other: Rule): boolean {
  const within = (a?: number, b?: number) => a === undefined || a === b;
  return within(one.major, other.major) && within(one.minor, other.minor);
}

function overlap(one: Rule, other: Rule): boolean {
  const meet = (a?: number, b?: number) => a === undefined || b === undefined || a === b;
  return one.type === other.type && meet(one.major, other.major) && meet(one.minor, other.minor) &&
    (one.access & other.access) !== 0;
}

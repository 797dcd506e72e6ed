import { assertEquals } from "@std/assert";
import { generalize, parseTimeline } from "../../bench/timeline.ts";

Deno.test("parseTimeline() reads complete events in the order of their start, in milliseconds", () => {
  const text = JSON.stringify({
    displayTimeUnit: "ms",
    traceEvents: [
      { name: "process_name", ph: "M", pid: 1, tid: 1, args: { name: "gocontainer" } },
      { name: "later", ph: "X", pid: 2, tid: 2, ts: 2500, dur: 40 },
      { name: "first", ph: "X", pid: 1, tid: 1, ts: 1000, dur: 1250 },
    ],
  });
  assertEquals(parseTimeline(text), [
    { process: 1, label: "first", start: 1, duration: 1.25 },
    { process: 2, label: "later", start: 2.5, duration: 0.04 },
  ]);
});

Deno.test("generalize() takes out what differs from run to run", () => {
  const labels = [
    [
      'mount the overlay on "/srv/x/containers/1b4e28ba-2fa1-11d2-883f-0016d3cca427/rootfs"',
      'mount the overlay on "containers/ID/rootfs"',
    ],
    ["make a cable from veth628d391fc6a to eth0", "make a cable from VETH to eth0"],
    ['enter "/proc/4711/ns/net"', 'enter "/proc/PID/ns/net"'],
    ['mount proc on "/proc"', 'mount proc on "/proc"'],
    ['hide "/proc/kcore"', 'hide "/proc/kcore"'],
  ];
  for (const [label, general] of labels) assertEquals(generalize(label), general);
});

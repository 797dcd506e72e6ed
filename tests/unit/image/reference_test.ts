import { assertEquals, assertThrows } from "@std/assert";
import { ContainerError } from "../../../lib/errors.ts";
import type { Digest } from "../../../lib/image/digest.ts";
import {
  familiarReference,
  formatReference,
  parseReference,
  parseRegistry,
} from "../../../lib/image/reference.ts";

const HEX = "0123456789abcdef".repeat(4);
const DIGEST: Digest = `sha256:${HEX}`;

/** As written, in full, as people write it. */
const READ: readonly (readonly [text: string, full: string, familiar: string])[] = [
  ["nginx", "docker.io/library/nginx:latest", "nginx:latest"],
  ["nginx:1.27", "docker.io/library/nginx:1.27", "nginx:1.27"],
  ["library/nginx", "docker.io/library/nginx:latest", "nginx:latest"],
  ["docker.io/nginx", "docker.io/library/nginx:latest", "nginx:latest"],
  ["index.docker.io/nginx", "docker.io/library/nginx:latest", "nginx:latest"],
  ["registry-1.docker.io/a/b", "docker.io/a/b:latest", "a/b:latest"],
  ["grafana/grafana", "docker.io/grafana/grafana:latest", "grafana/grafana:latest"],
  ["a/b/c:x", "docker.io/a/b/c:x", "a/b/c:x"],
  ["docker.io/library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"],
  ["quay.io/podman/hello", "quay.io/podman/hello:latest", "quay.io/podman/hello:latest"],
  ["quay.io/hello", "quay.io/hello:latest", "quay.io/hello:latest"],
  ["localhost/x", "localhost/x:latest", "localhost/x:latest"],
  ["localhost:5000/x:1", "localhost:5000/x:1", "localhost:5000/x:1"],
  ["host:5000/x", "host:5000/x:latest", "host:5000/x:latest"],
  ["localhost", "docker.io/library/localhost:latest", "localhost:latest"],
  ["localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"],
  ["GHCR.io/x", "ghcr.io/x:latest", "ghcr.io/x:latest"],
  ["docker.io/quay.io/x", "docker.io/quay.io/x:latest", "docker.io/quay.io/x:latest"],
  ["127.0.0.1:5000/x", "127.0.0.1:5000/x:latest", "127.0.0.1:5000/x:latest"],
  ["[::1]:5000/x/y:z", "[::1]:5000/x/y:z", "[::1]:5000/x/y:z"],
  ["[2001:db8::1]/x", "[2001:db8::1]/x:latest", "[2001:db8::1]/x:latest"],
  [`nginx@${DIGEST}`, `docker.io/library/nginx@${DIGEST}`, `nginx@${DIGEST}`],
  [`nginx:1@${DIGEST}`, `docker.io/library/nginx:1@${DIGEST}`, `nginx:1@${DIGEST}`],
  [`h:1/x:t@${DIGEST}`, `h:1/x:t@${DIGEST}`, `h:1/x:t@${DIGEST}`],
  ["docker://nginx", "docker.io/library/nginx:latest", "nginx:latest"],
  [`docker://h:1/x:t@${DIGEST}`, `h:1/x:t@${DIGEST}`, `h:1/x:t@${DIGEST}`],
  ["a__b.c---d", "docker.io/library/a__b.c---d:latest", "a__b.c---d:latest"],
  ["x:_", "docker.io/library/x:_", "x:_"],
  ["x:" + "t".repeat(128), "docker.io/library/x:" + "t".repeat(128), "x:" + "t".repeat(128)],
  [HEX.slice(1), `docker.io/library/${HEX.slice(1)}:latest`, `${HEX.slice(1)}:latest`],
];

Deno.test("references as docker reads them", () => {
  for (const [text, full, familiar] of READ) {
    const reference = parseReference(text);
    assertEquals(formatReference(reference), full, text);
    assertEquals(familiarReference(reference), familiar, text);
    assertEquals(parseReference(full), reference);
    assertEquals(parseReference(familiar), reference);
  }
});

Deno.test("the parts of a reference", () => {
  assertEquals(parseReference(`localhost:5000/a/b:c@${DIGEST}`), {
    registry: "localhost:5000",
    repository: "a/b",
    tag: "c",
    digest: DIGEST,
  });
  assertEquals(parseReference(`b@${DIGEST}`), {
    registry: "docker.io",
    repository: "library/b",
    digest: DIGEST,
  });
});

Deno.test("texts that are no references", () => {
  const refused = [
    "",
    "/",
    "/x",
    "x/",
    "a//b",
    "../x",
    "a/../b",
    "./x",
    "x:",
    "x:.a",
    "x:-a",
    "x:" + "t".repeat(129),
    "x@",
    "x@sha256:..",
    `x@${DIGEST}/y`,
    "x y",
    "x\ny",
    "x\0",
    "-x",
    "x-",
    "a..b",
    "a.-b",
    "a___b",
    "Nginx",
    "FOO/x",
    "quay.io/Foo",
    "https://quay.io/x",
    "quay.io:/x",
    "quay.io:0/x",
    "quay.io:65536/x",
    "quay.io:5000a/x",
    "quay..io/x",
    "-quay.io/x",
    "quay.io-/x",
    "quay.io%2f/x",
    "user@quay.io/x",
    "[::1/x",
    "[xyz]/x",
    "ä",
    HEX,
    "a".repeat(256),
    "library/" + "a/".repeat(124) + "a",
  ];
  for (const text of refused) {
    const error = assertThrows(() => parseReference(text), ContainerError, "read the ", text);
    assertEquals(error.code, "InvalidArgument");
  }
});

Deno.test("an URL is told with the name in it", () => {
  const error = assertThrows(() => parseReference("https://quay.io/a/b:1"), ContainerError);
  assertEquals(error.message, 'read the image reference "https://quay.io/a/b:1": it is an URL');
  assertEquals(error.hint, 'Leave https:// out: "quay.io/a/b:1"');
});

Deno.test("a name in upper case is refused with the one that was meant", () => {
  const error = assertThrows(() => parseReference("quay.io/Foo/Bar:X"), ContainerError);
  assertEquals(
    error.message,
    'read the image reference "quay.io/Foo/Bar:X": the name "Foo/Bar" is none',
  );
  assertEquals(error.hint, 'Names are in lower case: "quay.io/foo/bar:X"');
});

Deno.test("an id is not a name", () => {
  const error = assertThrows(() => parseReference(HEX), ContainerError);
  assertEquals(
    error.message,
    `read the image reference "${HEX}": 64 hexadecimal digits are an image's id, not its name`,
  );
});

Deno.test("registries by themselves", () => {
  for (
    const [text, registry] of [
      ["docker.io", "docker.io"],
      ["https://index.docker.io/v1/", "docker.io"],
      ["registry-1.docker.io", "docker.io"],
      ["http://localhost:5000", "localhost:5000"],
      ["Quay.IO", "quay.io"],
      ["quay.io/", "quay.io"],
      ["myhost", "myhost"],
    ]
  ) assertEquals(parseRegistry(text!), registry);
  for (const text of ["", "a/b", "user@host", "host:99999", "ho st", "..", "https://"]) {
    const { message, hint } = assertThrows(() => parseRegistry(text), ContainerError);
    const fault = "it is no host with or without a port";
    assertEquals(message, `read the registry ${JSON.stringify(text)}: ${fault}`);
    assertEquals(hint, "Give HOST[:PORT], as in quay.io");
  }
});

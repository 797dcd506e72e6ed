/** Commands that hands type which know docker, and that there are not here: told with what does the same. */

import type { DockerWord } from "./docker_words.ts";

/** What is told instead of ports. */
export const NOTHING_PUBLISHED =
  "No ports are published: the host reaches a container at its own address (-container-addr)";

const NOTHING_BUILT =
  "Images are built by other programs: gocontainer load and import take what they made, and commit " +
  "makes an image of a container";

const NOTHING_SAVED =
  "Processes are not saved: gocontainer pause NAME has them stand still, resume go on";

/** Commands. An image of such a name that is here is run all the same. */
export const DOCKER_COMMANDS: Readonly<Record<DockerWord, string>> = {
  attach: "A container's input and output are those of the gocontainer that runs it; " +
    "gocontainer exec NAME COMMAND runs one more program in it",
  build: NOTHING_BUILT,
  builder: NOTHING_BUILT,
  buildx: NOTHING_BUILT,
  checkpoint: NOTHING_SAVED,
  compose: "Run each of its services by a gocontainer of its own: they reach each other by address",
  container: "The commands for containers stand alone: gocontainer list, exec, kill, ps, commit",
  cp:
    "The files of a running container are in /proc/PID/root on the host, what it has changed is in " +
    "containers/ID/upper; -v shows files of the host inside",
  diff: "What a container has changed is in containers/ID/upper",
  help: "gocontainer -h tells of all, gocontainer COMMAND -h of a command",
  image:
    "The commands for images stand alone: gocontainer images, inspect, history, tag, rmi, prune",
  info: "gocontainer -version tells the version, gocontainer df what is on the disk",
  logs:
    "What a program writes goes where gocontainer's own output goes, and is kept nowhere else: " +
    "send that to a file (gocontainer … > FILE)",
  ls: "gocontainer list tells of all containers, images of all images",
  network:
    "There is one bridge; -net chooses the network of a container, -bridge-addr the addresses",
  pod: "Use -net container:ID to share the network of another container",
  port: NOTHING_PUBLISHED,
  rename: "A container gets its name when it is made: -name NAME",
  restart: "Run it anew: gocontainer -name NAME IMAGE COMMAND; kill NAME KILL ends the present one",
  restore: NOTHING_SAVED,
  rm:
    "A container is gone with its end; what it has changed stays in its folder, containers/ID, until " +
    "that is removed (rm -r), or with -rm goes at the end",
  stats: "gocontainer events --stats NAME tells what a container uses",
  stop: "gocontainer kill NAME sends SIGTERM, gocontainer kill NAME KILL ends it for certain",
  system: "gocontainer df tells what is on the disk, gocontainer prune removes what nobody needs",
  top: "gocontainer ps NAME lists the processes of a container",
  unpause: "gocontainer resume NAME lets a paused container go on",
  version: "gocontainer -version tells it",
  volume: "Volumes are folders of the host: -v /folder:/inside",
  wait: "gocontainer stays until its container ends, and ends with the exit code of that",
};

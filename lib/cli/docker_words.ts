/** First words of command lines for docker that are no commands here. What is told of them is in docker.ts. */
const DOCKER_WORDS = [
  "attach",
  "build",
  "builder",
  "buildx",
  "checkpoint",
  "compose",
  "container",
  "cp",
  "diff",
  "help",
  "image",
  "info",
  "logs",
  "ls",
  "network",
  "pod",
  "port",
  "rename",
  "restart",
  "restore",
  "rm",
  "stats",
  "stop",
  "system",
  "top",
  "unpause",
  "version",
  "volume",
  "wait",
] as const;

/** One of docker's commands that there are not here. */
export type DockerWord = typeof DOCKER_WORDS[number];

/** Whether a word is one of those. */
export function isDockerWord(word: string | undefined): word is DockerWord {
  return (DOCKER_WORDS as readonly (string | undefined)[]).includes(word);
}

/** The runtime's face, loaded as one when it is asked for. */
export { runRuntimeCommand, runtimeUsage } from "./commands.ts";
export { engineMessage } from "./engine_message.ts";
export { log, logsToStderr, readableGlobalOptions, readGlobalOptions } from "./global.ts";

/** Something that is wrong with a store. */
export interface Fault {
  /** Where: `blob sha256:…`, `image "nginx:1.27"`, `index.json`. */
  readonly where: string;
  /** What, in a sentence that follows it. */
  readonly what: string;
  /** What was done about it; undefined where nothing was, or can be. */
  readonly repair?: string;
}

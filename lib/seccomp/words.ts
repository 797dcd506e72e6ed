/** The words of a list that runs over several lines. */
export function wordsOf(text: string): string[] {
  return text.trim().replaceAll("\n", " ").split(" ");
}

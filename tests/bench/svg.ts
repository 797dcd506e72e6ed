/** An element's attributes; numbers are written with two decimals at most. */
export type Attributes = Readonly<Record<string, string | number>>;

/** A piece of SVG. */
export type Svg = { readonly markup: string };

/** An element, with other elements or a text inside. */
export function element(name: string, attributes: Attributes, ...content: (Svg | string)[]): Svg {
  const list = Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${escapeText(format(value))}"`).join("");
  const inside = content
    .map((one) => typeof one === "string" ? escapeText(one) : one.markup).join("");
  return { markup: inside === "" ? `<${name}${list}/>` : `<${name}${list}>${inside}</${name}>` };
}

/** Text for XML: what has a meaning there is escaped. */
export function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

function format(value: string | number): string {
  return typeof value === "string" ? value : String(Math.round(value * 100) / 100);
}

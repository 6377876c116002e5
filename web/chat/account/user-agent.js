/** What a user agent tells of a device. Pure. */

// In this order: most browsers name those before them, too, and Android says that it is a Linux.
const BROWSERS = {
  Firefox: /(Firefox|FxiOS)\//,
  Edge: /Edg(A|iOS)?\//,
  Opera: /(OPR|OPiOS)\//,
  Chrome: /(Chrome|CriOS)\//,
  Safari: /Safari\//,
};
const SYSTEMS = {
  Android: /Android/,
  iPhone: /iPhone/,
  iPad: /iPad/,
  Windows: /Windows/,
  macOS: /Mac OS X/,
  Linux: /Linux/,
};

/** "Firefox on Linux"; the first word of what is no browser. */
export function deviceOf(userAgent) {
  const nameIn = (names) => Object.keys(names).find((name) => names[name].test(userAgent));
  const [browser, system] = [nameIn(BROWSERS), nameIn(SYSTEMS)];
  if (!browser) return userAgent.split(/[\s/]/)[0] || "Another program";
  return system ? `${browser} on ${system}` : browser;
}

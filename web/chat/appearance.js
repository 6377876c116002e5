/**
 * Theme and density of the page, by the user's settings. What was chosen last is kept in the browser, too, so that a
 * page that opens does not change its colours when the settings come. It goes with the session: the next user of the
 * browser begins as the system is.
 */

const KEY = "chat.appearance";
const THEMES = new Set(["light", "dark"]);

export class Appearance {
  constructor({ page, signal }) {
    apply(stored());
    page.chat.addEventListener("ended", forget, { signal });
    const end = page.store.select(
      (state, store) => [store.version("settings")],
      () => {
        const { theme, density } = page.settings.all;
        if (theme === undefined) return; // not read yet
        apply({ theme, density });
        store({ theme, density });
      },
    );
    signal.addEventListener("abort", end);
  }
}

/** @param {{theme?: string, density?: string}} values */
function apply({ theme, density }) {
  const { dataset } = document.documentElement;
  if (THEMES.has(theme)) dataset.theme = theme;
  else delete dataset.theme;
  if (density === "compact") dataset.density = density;
  else delete dataset.density;
}

function forget() {
  apply({});
  try {
    localStorage.removeItem(KEY);
  } catch {
    // Nothing was stored.
  }
}

function stored() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") ?? {};
  } catch {
    return {};
  }
}

function store(value) {
  try {
    localStorage.setItem(KEY, JSON.stringify(value));
  } catch {
    // The settings come again.
  }
}

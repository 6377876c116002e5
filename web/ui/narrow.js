/** Whether the page is as narrow as a phone: the same bound as in the style sheets. */

export const NARROW = matchMedia("(max-width: 759px)");

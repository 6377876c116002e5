/** What the server does not take of a field, for people. Pure. */

/**
 * A sentence about a field. `label`: what the field is called. `detail`: what the server says of it: the rest of a
 * sentence, such as "takes 1 to 80 characters", or what is meant for programs.
 */
export function refusalText(label, detail) {
  const text = String(detail);
  return `${label} ${/^(?:is|holds|takes) /.test(text) ? text : "is not valid"}.`;
}

/** An operation's example as a command for a shell. */

/** A text in single quotes, whatever is in it. */
function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function queryOf(parameters) {
  const given = parameters.filter((one) => one.in === "query" && one.example !== undefined);
  if (given.length === 0) return "";
  return `?${given.map((one) => `${one.name}=${encodeURIComponent(one.example)}`).join("&")}`;
}

/** The address of this server, under whatever prefix the page is served. */
export function serverAddress() {
  return new URL(".", document.baseURI).href.replace(/\/$/, "");
}

export function curlOf(path, method, operation, address = serverAddress()) {
  const parameters = operation.parameters ?? [];
  const filled = parameters
    .filter((one) => one.in === "path")
    .reduce((text, one) => text.replace(`{${one.name}}`, encodeURIComponent(one.example)), path);
  const lines = [`curl${method === "get" ? "" : ` -X ${method.toUpperCase()}`} ${quoted(address + filled + queryOf(parameters))}`];
  if ((operation.security ?? []).some((way) => way.bearer !== undefined)) lines.push('-H "Authorization: Bearer $TOKEN"');
  const content = operation.requestBody?.content ?? {};
  if (content["application/json"]?.example !== undefined) {
    lines.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(content["application/json"].example))}`);
  } else if (content["multipart/form-data"] !== undefined) lines.push("-F file=@notes.txt");
  return lines.join(" \\\n  ");
}

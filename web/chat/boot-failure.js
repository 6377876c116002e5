/**
 * Says so where the page's script does not load, or fails before it has drawn anything. A script of its own, and a
 * classic one: it must run where the other does not.
 */
{
  const root = document.querySelector("[data-app]");

  const tell = () => {
    if (root.childElementCount > 0) return;
    const box = document.createElement("div");
    box.className = "plain";
    box.setAttribute("role", "alert");
    const text = document.createElement("p");
    text.textContent = "The page did not load.";
    const retry = document.createElement("button");
    retry.type = "button";
    retry.className = "primary";
    retry.textContent = "Retry";
    retry.addEventListener("click", () => location.reload());
    box.append(text, retry);
    root.append(box);
  };

  // Errors of elements do not bubble. That of a picture or a style sheet does not keep the page from starting.
  const isOfOther = (target) => target instanceof Element && !(target instanceof HTMLScriptElement);
  addEventListener("error", ({ target }) => void (isOfOther(target) || tell()), true);
  addEventListener("unhandledrejection", tell);
}

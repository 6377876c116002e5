/** A finger that rests on something: what a mouse does with its second button. */

const REST_MS = 500;
const MOVED_PX = 10;

/** Calls `run(target, {x, y})` for a long press on `root`, until `signal` aborts; the click at its end is left out. */
export function onLongPress(root, run, { signal }) {
  let timer = null;
  let start = null;
  const end = () => clearTimeout(timer);
  const swallow = (event) => {
    event.preventDefault();
    event.stopPropagation();
  };
  const pressed = (target, place) => {
    const once = { capture: true, once: true, signal };
    document.addEventListener("click", swallow, once);
    document.addEventListener("pointerdown", () => document.removeEventListener("click", swallow, true), once);
    run(target, place);
  };
  const begin = (event) => {
    end();
    if (event.pointerType !== "touch" || !event.isPrimary) return;
    start = { x: event.clientX, y: event.clientY };
    timer = setTimeout(() => pressed(event.target, start), REST_MS);
  };
  const move = ({ clientX, clientY }) => {
    if (start && Math.hypot(clientX - start.x, clientY - start.y) > MOVED_PX) end();
  };
  root.addEventListener("pointerdown", begin, { signal });
  root.addEventListener("pointermove", move, { signal, passive: true });
  for (const name of ["pointerup", "pointercancel", "scroll"]) root.addEventListener(name, end, { signal });
  signal.addEventListener("abort", end, { once: true });
}

/** Takes files that are dropped anywhere on an element, and tells while some are held over it. */

export class DropZone {
  #closing = new AbortController();

  /** `element()`: where files are taken; `isOpen()`: whether they are now. `onOver(isOver)`, `onFiles(files)`. */
  constructor({ element, isOpen, onOver, onFiles }) {
    const { signal } = this.#closing;
    const isWithin = ({ target }) => isOpen() && Boolean(element()?.contains(target));
    const listen = (name, work) => addEventListener(name, (event) => hasFiles(event) && work(event), { signal });
    // Beside the zones a drop would open the file in place of the page, so it is refused there.
    const offer = (event) => {
      const isTaken = isWithin(event);
      onOver(isTaken);
      if (event.defaultPrevented && !isTaken) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = isTaken ? "copy" : "none";
    };
    listen("dragenter", offer);
    listen("dragover", offer);
    listen("dragleave", ({ relatedTarget }) => relatedTarget === null && onOver(false)); // out of the window
    listen("drop", (event) => {
      event.preventDefault();
      onOver(false);
      if (isWithin(event)) onFiles([...event.dataTransfer.files]);
    });
  }

  close() {
    this.#closing.abort();
  }
}

function hasFiles({ dataTransfer }) {
  return dataTransfer?.types.includes("Files") ?? false;
}

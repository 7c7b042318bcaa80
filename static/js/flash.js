// The colours that the server asks for, painted over the whole page around the oval, and whether they are wanted at all.

const REMEMBERED = "livegate.flash";
const PATIENCE = "livegate.flash-weak";

export class Flash {
  #root;
  #skip;

  constructor(root) {
    this.#root = root.querySelector("[data-test=capture-state]");
    this.#skip = root.querySelector("[data-test=flash-skip]");
    if (!this.#skip) return;
    this.#skip.checked = prefersToSkip();
    this.#skip.addEventListener("change", () => remember(this.#skip.checked));
  }

  /** Whether this person wants no changing colours. */
  get skips() {
    return Boolean(this.#skip?.checked);
  }

  get on() {
    return "flash" in this.#root.dataset;
  }

  /** Paint #rrggbb from now on; the style sheet fades to it. null: the colours are over. */
  show(colour) {
    if (!colour) return this.end();
    this.#root.style.setProperty("--flash", colour);
    this.#root.dataset.flash = colour;
  }

  end() {
    delete this.#root.dataset.flash;
  }
}

/** How many attempts in a row could not see the colours, this one included. */
export function countWeak(weak) {
  const count = weak ? Number(read("sessionStorage", PATIENCE) ?? 0) + 1 : 0;
  write("sessionStorage", PATIENCE, String(count));
  return count;
}

function prefersToSkip() {
  const chosen = read("localStorage", REMEMBERED);
  return chosen ? chosen === "skip" : matchMedia("(prefers-reduced-motion: reduce)").matches;
}

function remember(skip) {
  write("localStorage", REMEMBERED, skip ? "skip" : "show");
}

// In a frame of another site a browser may refuse storage: then nothing is remembered.
function read(storage, name) {
  try {
    return window[storage].getItem(name);
  } catch {
    return null;
  }
}

function write(storage, name, value) {
  try {
    window[storage].setItem(name, value);
  } catch {
    // Asked again next time.
  }
}

// Plays the kept frames of an attempt back, and marks the moment in the chart of scores. Without this
// script the frames stand side by side.

const gettext = globalThis.gettext ?? ((words) => words);

const SHORTEST = 80;
const LONGEST = 900;

class Player {
  #frames;
  #controls;
  #slider;
  #button;
  #said;
  #line = document.querySelector(".chart .now");
  #points = [...document.querySelectorAll(".chart .score")];
  #timer = 0;

  constructor(root) {
    this.#frames = [...root.querySelectorAll(".strip li")];
    this.#controls = root.querySelector(".controls");
    this.#slider = this.#controls.querySelector("input");
    this.#said = this.#controls.querySelector("output");
    this.#button = this.#controls.querySelector("[data-do=play]");
    this.#button.addEventListener("click", () => (this.#timer ? this.pause() : this.play()));
    this.#slider.addEventListener("input", () => {
      this.pause();
      this.show(Number(this.#slider.value));
    });
    document.addEventListener("keydown", (event) => this.#key(event));
    root.classList.add("playing");
    this.#controls.hidden = false;
    this.show(0);
  }

  /** Show one frame, and where it stands in the chart. */
  show(number) {
    this.#frames.forEach((frame, n) => (frame.hidden = n !== number));
    const { at, x } = this.#frames[number].dataset;
    const words = this.#frames[number].querySelector("span").textContent;
    const said = gettext("%s of %s")
      .replace("%s", number + 1)
      .replace("%s", this.#frames.length);
    this.#slider.value = number;
    this.#slider.setAttribute("aria-valuetext", `${said}, ${words}`);
    this.#said.textContent = said;
    this.#points.forEach((point) => point.classList.toggle("shown", point.dataset.at === at));
    if (!this.#line) return;
    this.#line.removeAttribute("hidden");
    this.#line.setAttribute("x1", x);
    this.#line.setAttribute("x2", x);
  }

  /** From here to the last frame, or from the first if this is the last, as fast as it happened. */
  play() {
    if (this.#at() === this.#frames.length - 1) this.show(0);
    this.#playing(true);
    this.#wait();
  }

  pause() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#playing(false);
  }

  #at() {
    return Number(this.#slider.value);
  }

  #wait() {
    const [now, next] = this.#frames.slice(this.#at()).map((frame) => Number(frame.dataset.at));
    if (next === undefined) return this.pause();
    const pause = Math.min(Math.max((next - now) * 1000, SHORTEST), LONGEST);
    this.#timer = setTimeout(() => {
      this.show(this.#at() + 1);
      this.#wait();
    }, pause);
  }

  #playing(yes) {
    this.#button.textContent = yes ? gettext("Pause") : gettext("Play");
    this.#button.setAttribute("aria-pressed", String(yes));
  }

  /** The slider steps by itself when it has the focus. */
  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const modified = event.ctrlKey || event.metaKey || event.altKey || event.shiftKey;
    if (!step || modified || event.target.closest("input, select, textarea, .scroll")) return;
    event.preventDefault();
    this.pause();
    this.show(Math.min(Math.max(this.#at() + step, 0), this.#frames.length - 1));
  }
}

const root = document.querySelector(".player");
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

if (root) {
  const player = new Player(root);
  if (!still) player.play();
}

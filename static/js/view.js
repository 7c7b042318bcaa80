// What the page shows: the state, the oval, the hint in words, and how it ended.

import { STATES, hintWords, lineWords } from "./words.js";

// A screen reader that hears a new hint with every frame hears none of them.
const CALM = 900;

const ENDS = new Set(["failed", "abstained", "error"]);

export class View {
  #root;
  #hintTimer = 0;
  #hintSince = 0;

  constructor(root) {
    this.#root = root;
    this.state = root.querySelector("[data-test=capture-state]");
    this.video = root.querySelector("video");
    this.start = root.querySelector("[data-test=capture-start]");
    this.cancel = root.querySelector("[data-test=capture-cancel]");
    this.form = root.querySelector("form");
    this.stage = root.querySelector(".stage");
    this.words = root.querySelector("[data-test=capture-hint]");
    this.bar = root.querySelector("[role=progressbar]");
    this.ring = root.querySelector(".ring-done");
    this.tracker = root.querySelector(".tracker");
    this.outcome = root.querySelector(".outcome");
    this.offer = root.querySelector("[data-test=flash-offer]");
  }

  /** idle, asking, connecting, waiting, capturing, passed, failed, abstained or error. */
  enter(state) {
    this.state.dataset.state = state;
    this.start.hidden = state !== "idle";
    if (this.offer) this.offer.hidden = state !== "idle";
    this.cancel.hidden = !["asking", "connecting", "waiting", "capturing"].includes(state);
    this.outcome.hidden = !ENDS.has(state);
    if (!this.cancel.hidden && document.activeElement !== this.cancel) this.cancel.focus();
    if (STATES[state]) this.#say(STATES[state]);
  }

  shape(ratio) {
    this.stage.style.setProperty("--ratio", ratio.toFixed(4));
  }

  /** `coloured`: whether the colours of the page are changing. */
  hint(message, coloured) {
    this.stage.dataset.hint = message.code ?? "good";
    this.#progress(message.progress);
    this.#track(message.box);
    this.#sayCalmly(!message.code && coloured ? STATES.coloured : hintWords(message.code));
  }

  /** In line: the place, and about how long it will be. */
  waiting({ place, seconds }) {
    if (this.state.dataset.state !== "waiting") this.enter("waiting");
    this.#sayCalmly(lineWords(place, seconds));
  }

  paused() {
    this.stage.dataset.hint = "paused";
    this.#say(STATES.paused);
  }

  passed() {
    this.stage.dataset.hint = "good";
    this.#progress(1);
    this.#track(null);
    this.enter("passed");
  }

  /** The end without a pass: words, and the ways on. `turnAway`: trying again is of no use, if there is another way. */
  end(state, { title, words }, turnAway = false) {
    const retry = this.outcome.querySelector("[data-test=capture-retry]");
    retry.hidden = turnAway && retry.parentElement.childElementCount > 1;
    clearTimeout(this.#hintTimer);
    this.words.textContent = "";
    this.outcome.querySelector("h2").textContent = title;
    this.outcome.querySelector("p").textContent = words;
    this.enter(state);
    this.outcome.focus();
  }

  #progress(share) {
    const percent = Math.round(share * 100);
    this.bar.setAttribute("aria-valuenow", String(percent));
    this.ring.style.strokeDashoffset = String(100 - percent);
    this.ring.style.strokeOpacity = percent > 0 ? "1" : "0";
  }

  /** The preview is mirrored, the box is not. */
  #track(box) {
    this.tracker.hidden = !box;
    if (!box) return;
    const [left, top, width, height] = box;
    const place = { left: 1 - left - width, top, width, height };
    for (const [side, share] of Object.entries(place)) {
      this.tracker.style[side] = `${share * 100}%`;
    }
  }

  #sayCalmly(words) {
    clearTimeout(this.#hintTimer);
    const wait = Math.max(0, this.#hintSince + CALM - Date.now());
    this.#hintTimer = setTimeout(() => this.#say(words), wait);
  }

  #say(words) {
    clearTimeout(this.#hintTimer);
    if (this.words.textContent === words) return;
    this.#hintSince = Date.now();
    this.words.textContent = words;
  }
}

// One attempt: ask for the camera, show the ticket, send pictures, and follow the verdict.

import { CameraError, obstacle, openCamera } from "./camera.js";
import { Flash, countWeak } from "./flash.js";
import { LivenessSocket } from "./socket.js";
import { View } from "./view.js";
import { failureWords, verdictWords } from "./words.js";

const PACE = 125;
const EXPOSURE = 400;
const RESTART = "livegate.restart";

class Attempt {
  #view;
  #page;
  #flash;
  #opened = Date.now();
  #camera = null;
  #socket = null;
  #mostBytes = 400_000;
  #lastSent = 0;
  #pace = PACE;
  #waiting = false;
  #ended = false;

  constructor(root) {
    this.#page = root.dataset;
    this.#view = new View(root);
    this.#flash = new Flash(root);
    this.#view.start.addEventListener("click", () => this.#begin());
    this.#view.cancel.addEventListener("click", () => this.#cancel());
    document.addEventListener("visibilitychange", () => this.#seen());
    window.addEventListener("pagehide", () => this.#release());
  }

  /** Show at once what can never work, and go on where an outdated page was renewed. */
  prepare() {
    const hindrance = obstacle();
    if (hindrance) return this.#fail(hindrance);
    if (wasRenewed()) this.#begin();
  }

  async #begin() {
    if (Date.now() - this.#opened > Number(this.#page.ticketSeconds) * 1000) return this.#renew();
    this.#view.enter("asking");
    try {
      const camera = await openCamera(this.#view.video, () => this.#fail("camera_lost"));
      if (this.#ended) return camera.stop();
      this.#camera = camera;
    } catch (error) {
      return this.#fail(error instanceof CameraError ? error.kind : "camera_missing");
    }
    this.#connect();
  }

  /** The ticket ran out while the page stood open: fetch a fresh page and start from there. */
  #renew() {
    noteRenewal();
    location.reload();
  }

  #connect() {
    this.#view.shape(this.#camera.ratio);
    this.#view.enter("connecting");
    const { socketPath, ticket } = this.#page;
    const about = { camera: this.#camera.name, skipsFlash: this.#flash.skips };
    this.#socket = new LivenessSocket(socketPath, ticket, about, {
      wait: (message) => this.#view.waiting(message),
      ready: (message) => this.#ready(message),
      hint: (message) => this.#hint(message),
      flash: (colour) => this.#flash.show(colour),
      verdict: (message) => this.#verdict(message),
      failure: (kind) => this.#fail(kind),
    });
  }

  #ready(message) {
    this.#mostBytes = message.max_bytes;
    this.#pace = message.pace ?? PACE;
    this.#lastSent = Date.now() + EXPOSURE - this.#pace;
    this.#view.enter("capturing");
    this.#next();
  }

  #hint(message) {
    this.#pace = message.pace ?? this.#pace;
    this.#view.hint(message, this.#flash.on);
    this.#next();
  }

  /** The next picture, at a calm pace, while the page is in view. */
  async #next() {
    if (document.hidden) {
      this.#waiting = true;
      return this.#view.paused();
    }
    await pause(this.#lastSent + this.#pace - Date.now());
    if (this.#ended) return;
    try {
      const blob = await this.#camera.grab(this.#mostBytes);
      this.#lastSent = Date.now();
      if (!this.#ended) await this.#socket.send(blob);
    } catch (error) {
      this.#fail(error instanceof CameraError ? error.kind : "camera_lost");
    }
  }

  #seen() {
    if (this.#ended || !this.#socket) return;
    if (document.hidden) return this.#view.paused();
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#next();
  }

  #verdict(message) {
    this.#release();
    if (message.verdict === "pass") {
      this.#view.passed();
      this.#view.form.elements.attempt.value = message.attempt;
      this.#view.form.requestSubmit();
      return;
    }
    const state = message.verdict === "abstain" ? "abstained" : "failed";
    const weak = countWeak(message.reason === "flash_weak");
    this.#view.end(state, verdictWords(message.verdict, message.reason), weak > 1);
  }

  #fail(kind) {
    if (this.#ended) return;
    this.#release();
    this.#view.end("error", failureWords(kind));
  }

  #cancel() {
    this.#socket?.cancel();
    this.#fail("cancelled");
  }

  /** The camera's light goes out before anything else happens. */
  #release() {
    this.#ended = true;
    this.#flash.end();
    this.#camera?.stop();
    this.#socket?.close();
  }
}

/** Browsers may refuse storage to a frame in a foreign page; then the fresh page waits for another click. */
function noteRenewal() {
  try {
    sessionStorage.setItem(RESTART, "1");
  } catch {
    return;
  }
}

function wasRenewed() {
  try {
    const noted = sessionStorage.getItem(RESTART);
    sessionStorage.removeItem(RESTART);
    return noted !== null;
  } catch {
    return false;
  }
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, milliseconds)));
}

// A page from the back-forward cache holds a ticket that was used.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

new Attempt(document.getElementById("capture")).prepare();

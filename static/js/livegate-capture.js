// Shows a Livegate capture in your page. No framework, nothing else to load.
//
//   import { LivegateCapture } from "https://YOUR-LIVEGATE/static/js/livegate-capture.js";
//   const capture = new LivegateCapture(url);       // the url that your server got for the capture
//   capture.addEventListener("passed", () => …);    // now let your server redeem it
//   capture.mount(document.querySelector("#here"));
//
// Events: ready, started, hint (detail.words), passed, refused, abstained, failed, closed.
// An event is a hint to your page, never a proof: the proof is what your server redeems.

const EVENTS = new Set(["ready", "started", "hint", "passed", "refused", "abstained", "failed", "closed"]);

export class LivegateCapture extends EventTarget {
  #url;
  #frame = null;
  #named = false;
  #listen = (message) => this.#receive(message);

  /** `url`: of one capture; it works for a few tries and for some minutes. */
  constructor(url) {
    super();
    this.#url = new URL(url);
  }

  /** Put the camera into `element`; `title` is what screen readers call the frame, which else says so itself. */
  mount(element, { title = "" } = {}) {
    if (this.#frame) throw new Error("This capture is shown already; call remove() first.");
    window.addEventListener("message", this.#listen);
    const frame = document.createElement("iframe");
    frame.src = this.#url.href;
    this.#named = title !== "";
    frame.title = title || "Livegate";
    frame.allow = `camera ${this.#url.origin}`;
    frame.referrerPolicy = "no-referrer";
    frame.style.cssText = "border: 0; width: 100%; min-height: 40rem;";
    element.append(frame);
    this.#frame = frame;
    return this;
  }

  /** Take the frame away; the camera goes out with it. */
  remove() {
    window.removeEventListener("message", this.#listen);
    this.#frame?.remove();
    this.#frame = null;
  }

  #receive({ origin, source, data }) {
    if (origin !== this.#url.origin || source !== this.#frame?.contentWindow) return;
    if (data?.source !== "livegate" || !EVENTS.has(data.event)) return;
    if (!this.#named && data.title) this.#frame.title = data.title;
    this.dispatchEvent(new CustomEvent(data.event, { detail: { words: data.words ?? "" } }));
  }
}

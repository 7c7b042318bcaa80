// The webcam: opened on request, read frame by frame as JPEG, and always switched off again.

const WIDTH = 640;
const MOST = 100;
const QUALITIES = [0.85, 0.7, 0.5];
const WANTED = { facingMode: "user", width: { ideal: WIDTH }, height: { ideal: 480 } };

const KINDS = {
  NotAllowedError: "camera_refused",
  SecurityError: "camera_refused",
  NotFoundError: "camera_missing",
  DevicesNotFoundError: "camera_missing",
  NotReadableError: "camera_busy",
  TrackStartError: "camera_busy",
  AbortError: "camera_busy",
};

export class CameraError extends Error {
  constructor(kind) {
    super(kind);
    this.kind = kind;
  }
}

/** Why this page can never open a camera, or null. */
export function obstacle() {
  if (!window.isSecureContext) return "insecure";
  return navigator.mediaDevices?.getUserMedia ? null : "unsupported";
}

/** Ask for the camera and show it in `video`. Throws CameraError. */
export async function openCamera(video, onLost) {
  const hindrance = obstacle();
  if (hindrance) throw new CameraError(hindrance);
  const stream = await ask();
  for (const track of stream.getVideoTracks()) track.addEventListener("ended", onLost);
  video.srcObject = stream;
  try {
    await video.play();
  } catch {
    stop(stream);
    throw new CameraError("camera_busy");
  }
  return new Camera(video, stream);
}

async function ask() {
  try {
    return await navigator.mediaDevices.getUserMedia({ video: WANTED, audio: false });
  } catch (error) {
    if (error.name === "OverconstrainedError") return askForAny();
    throw new CameraError(KINDS[error.name] ?? "camera_missing");
  }
}

async function askForAny() {
  try {
    return await navigator.mediaDevices.getUserMedia({ video: true, audio: false });
  } catch (error) {
    throw new CameraError(KINDS[error.name] ?? "camera_missing");
  }
}

function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
}

class Camera {
  #canvas = document.createElement("canvas");

  constructor(video, stream) {
    this.video = video;
    this.stream = stream;
  }

  get ratio() {
    return this.video.videoWidth / this.video.videoHeight || 4 / 3;
  }

  /** What the browser says of this camera: its name and how large its pictures are. */
  get name() {
    const track = this.stream.getVideoTracks()[0];
    const { width, height } = track?.getSettings?.() ?? {};
    const size = width && height ? ` ${width}x${height}` : "";
    return `${(track?.label ?? "").slice(0, MOST - size.length)}${size}`.trim();
  }

  /** The present picture as a JPEG blob of at most `most` bytes. */
  async grab(most) {
    this.#draw();
    for (const quality of QUALITIES) {
      const blob = await this.#encode(quality);
      if (blob && blob.size <= most) return blob;
    }
    throw new CameraError("too_large");
  }

  stop() {
    stop(this.stream);
    this.video.srcObject = null;
  }

  #draw() {
    const { videoWidth, videoHeight } = this.video;
    const shrink = Math.min(1, WIDTH / Math.max(videoWidth, videoHeight, 1));
    this.#canvas.width = Math.round(videoWidth * shrink);
    this.#canvas.height = Math.round(videoHeight * shrink);
    const context = this.#canvas.getContext("2d");
    context.drawImage(this.video, 0, 0, this.#canvas.width, this.#canvas.height);
  }

  #encode(quality) {
    return new Promise((resolve) => this.#canvas.toBlob(resolve, "image/jpeg", quality));
  }
}

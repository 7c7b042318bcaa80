// Every code of the protocol, in words for the person in front of the camera. No code is ever shown
// raw, and no words here tell somebody with a photo or a screen what gave them away.

export const HINTS = {
  no_face: "Look into the camera, please",
  many_faces: "Only one person, please",
  cut_off: "Move into the middle of the picture",
  too_far: "Come a little closer",
  too_close: "Move back a little",
  too_dark: "More light, please",
  too_bright: "A little less light, please",
  not_frontal: "Look straight at the camera",
  blurred: "Hold still, please",
  flash_weak: "Too bright here: dim the light or turn away from the window",
  flash_wrong: "Hold still, please, and come close",
};

export const STATES = {
  idle: "Ready when you are",
  asking: "Please allow the camera in your browser",
  connecting: "Connecting…",
  waiting: "Many people are here right now. One moment, please",
  capturing: "Look straight at the camera",
  good: "Very good, hold still",
  coloured: "The colours change softly for a few seconds. Hold still",
  paused: "Paused: come back to this page to go on",
  passed: "Thank you, that worked",
};

const UNCONFIRMED = {
  title: "That did not work",
  words:
    "We could not confirm that you are here in person. Sit facing a light, take the camera to " +
    "eye level, and try again.",
};

export const REFUSALS = {
  spoof: UNCONFIRMED,
  different_people: UNCONFIRMED,
  flash_wrong: UNCONFIRMED,
  bad_frame: {
    title: "A picture was damaged on its way",
    words: "Your camera or your connection delivered a broken picture. Please try again.",
  },
  error: {
    title: "Something went wrong on our side",
    words: "The attempt was stopped, and nothing was decided about you. Please try again.",
  },
};

export const ABSTENTIONS = {
  no_face: "We could not see a face. Bring your whole face into the oval.",
  many_faces: "More than one face was in the picture. Please be alone in front of the camera.",
  cut_off: "Your face was partly outside the picture. Bring it into the middle of the oval.",
  too_far: "You were a little too far away. Come closer, until your face fills the oval.",
  too_close: "You were a little too close. Move back, until your whole face fits into the oval.",
  too_dark: "There was too little light. Turn on a lamp, or sit facing a window.",
  too_bright: "There was too much light. Turn away from the lamp or from direct sunlight.",
  not_frontal: "Your face was turned away. Look straight into the camera, at eye level.",
  blurred: "The picture was not sharp. Hold still, and wipe the camera's lens.",
  undecided: "We could not tell. Sit facing a light, hold still, and try again.",
  flash_weak:
    "It was too bright here to see the colours of this page on your face. Dim the light, turn away from the window, " +
    "make your display brighter, or take another way in.",
  flash_skipped:
    "This site needs the colours that you skipped. Try again with them, or take another way in.",
  timed_out: "There were not enough clear pictures in time. Sit in good light and hold still.",
};

export const FAILURES = {
  camera_refused: {
    title: "The camera is blocked",
    words:
      "Your browser did not allow the camera. Click the camera or lock symbol next to the " +
      "address, allow the camera for this site, and try again.",
  },
  camera_missing: {
    title: "No camera was found",
    words: "Connect a camera and try again, or use your password.",
  },
  camera_busy: {
    title: "The camera is in use",
    words: "Another program is using the camera. Close video calls and camera apps, and try again.",
  },
  camera_lost: {
    title: "The camera stopped",
    words: "The camera was unplugged or switched off. Connect it and try again.",
  },
  insecure: {
    title: "This page was not opened securely",
    words: "The camera works on secure pages alone. Open this site with https:// in front.",
  },
  unsupported: {
    title: "This browser cannot use the camera",
    words: "Please use a current version of Firefox, Chrome, Edge or Safari, or your password.",
  },
  unreachable: {
    title: "No connection",
    words: "The server could not be reached. Check your network and try again.",
  },
  lost: {
    title: "The connection was lost",
    words: "The network was interrupted or the server was restarted. Please try again.",
  },
  bad_message: {
    title: "The page and the server do not understand each other",
    words: "This page may be out of date. Please try again.",
  },
  ticket: {
    title: "This page is too old",
    words: "For your safety each page works once and for a short time. Please try again.",
  },
  session: {
    title: "Your browser session has ended",
    words: "Cookies may be blocked for this site. Allow them and try again.",
  },
  wait: {
    title: "Please wait a little",
    words: "Too many attempts did not succeed. The next page says how long to wait. Your password works at once.",
  },
  deadline: {
    title: "Time is up",
    words: "There were not enough clear pictures in time. Sit in good light and try again.",
  },
  too_large: {
    title: "The camera's pictures are too large",
    words: "Please try again, perhaps with another camera.",
  },
  too_fast: {
    title: "Too many pictures at once",
    words: "Please wait a moment and try again.",
  },
  frozen: {
    title: "The camera's picture stands still",
    words: "The camera sent the same picture again and again. Connect it anew, or try another one.",
  },
  internal: REFUSALS.error,
  busy: {
    title: "Many people are signing in right now",
    words: "Please wait a few seconds and try again.",
  },
  restarting: {
    title: "The server is being renewed",
    words: "Nothing was decided about you. Please try again in a few seconds.",
  },
  unavailable: {
    title: "Face sign-in is not available right now",
    words: "Please use your password, or try again later.",
  },
  cancelled: {
    title: "Stopped",
    words: "The camera is off. Nothing was decided about you.",
  },
};

const ERRORS = {
  bad_message: "bad_message",
  broken_chain: "bad_message",
  repeated_frames: "frozen",
  wrong_ticket: "ticket",
  expired_ticket: "ticket",
  used_ticket: "ticket",
  other_session: "session",
  other_purpose: "ticket",
  no_session: "session",
  wait: "wait",
  deadline: "deadline",
  too_late: "deadline",
  frame_in_flight: "too_fast",
  frame_too_large: "too_large",
  too_fast: "too_fast",
  internal_error: "internal",
  busy: "busy",
  restarting: "restarting",
  unavailable: "unavailable",
};

const CLOSES = {
  1000: "lost",
  4400: "bad_message",
  4401: "ticket",
  4403: "session",
  4408: "deadline",
  4409: "too_fast",
  4413: "too_large",
  4422: "bad_message",
  4429: "too_fast",
  4500: "internal",
  4503: "busy",
};

const ABSTAINED = "We could not see you well enough";

/** The hint for one frame; no code means that the frame was good. */
export function hintWords(code) {
  return code ? (HINTS[code] ?? STATES.capturing) : STATES.good;
}

/** Place in line, from 1, and about how many seconds it will be. */
export function lineWords(place, seconds) {
  const first = place === 1 ? "You are next." : `You are number ${place} in line.`;
  return `${first} About ${Math.max(5, Math.ceil(seconds / 5) * 5)} seconds.`;
}

/** Title and words for an attempt that ended without a pass. */
export function verdictWords(verdict, reason) {
  if (verdict === "abstain") {
    return { title: ABSTAINED, words: ABSTENTIONS[reason] ?? ABSTENTIONS.timed_out };
  }
  return REFUSALS[reason] ?? UNCONFIRMED;
}

/** Title and words for a failure of the camera, the network or the protocol. */
export function failureWords(kind) {
  return FAILURES[kind] ?? FAILURES.internal;
}

/** Which failure an error message or, without one, a close code stands for. */
export function failureOf(error, close, opened) {
  return ERRORS[error] ?? CLOSES[close] ?? (opened ? "lost" : "unreachable");
}

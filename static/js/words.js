// Every code of the protocol, in words for the person in front of the camera. No code is ever shown
// raw, and no words here tell somebody with a photo or a screen what gave them away.

// Without the catalog of the page's language (/words.js) everything is said in English.
const gettext = globalThis.gettext ?? ((words) => words);

export const HINTS = {
  no_face: gettext("Look into the camera, please"),
  many_faces: gettext("Only one person, please"),
  cut_off: gettext("Move into the middle of the picture"),
  too_far: gettext("Come a little closer"),
  too_close: gettext("Move back a little"),
  too_dark: gettext("More light, please"),
  too_bright: gettext("A little less light, please"),
  not_frontal: gettext("Look straight at the camera"),
  blurred: gettext("Hold still, please"),
  flash_weak: gettext("Too bright here: dim the light or turn away from the window"),
  flash_wrong: gettext("Hold still, please, and come close"),
};

export const STATES = {
  idle: gettext("Ready when you are"),
  asking: gettext("Please allow the camera in your browser"),
  connecting: gettext("Connecting…"),
  waiting: gettext("Many people are here right now. One moment, please"),
  capturing: gettext("Look straight at the camera"),
  good: gettext("Very good, hold still"),
  coloured: gettext("The colours change softly for a few seconds. Hold still"),
  paused: gettext("Paused: come back to this page to go on"),
  passed: gettext("Thank you, that worked"),
};

const UNCONFIRMED = {
  title: gettext("That did not work"),
  words:
    gettext("We could not confirm that you are here in person. Sit facing a light, take the camera to eye level, and try again."),
};

export const REFUSALS = {
  spoof: UNCONFIRMED,
  different_people: UNCONFIRMED,
  flash_wrong: UNCONFIRMED,
  bad_frame: {
    title: gettext("A picture was damaged on its way"),
    words: gettext("Your camera or your connection delivered a broken picture. Please try again."),
  },
  error: {
    title: gettext("Something went wrong on our side"),
    words: gettext("The attempt was stopped, and nothing was decided about you. Please try again."),
  },
};

export const ABSTENTIONS = {
  no_face: gettext("We could not see a face. Bring your whole face into the oval."),
  many_faces: gettext("More than one face was in the picture. Please be alone in front of the camera."),
  cut_off: gettext("Your face was partly outside the picture. Bring it into the middle of the oval."),
  too_far: gettext("You were a little too far away. Come closer, until your face fills the oval."),
  too_close: gettext("You were a little too close. Move back, until your whole face fits into the oval."),
  too_dark: gettext("There was too little light. Turn on a lamp, or sit facing a window."),
  too_bright: gettext("There was too much light. Turn away from the lamp or from direct sunlight."),
  not_frontal: gettext("Your face was turned away. Look straight into the camera, at eye level."),
  blurred: gettext("The picture was not sharp. Hold still, and wipe the camera's lens."),
  undecided: gettext("We could not tell. Sit facing a light, hold still, and try again."),
  flash_weak:
    gettext("It was too bright here to see the colours of this page on your face. Dim the light, turn away from the window, make your display brighter, or take another way in."),
  flash_skipped:
    gettext("This site needs the colours that you skipped. Try again with them, or take another way in."),
  timed_out: gettext("There were not enough clear pictures in time. Sit in good light and hold still."),
};

export const FAILURES = {
  camera_refused: {
    title: gettext("The camera is blocked"),
    words:
      gettext("Your browser did not allow the camera. Click the camera or lock symbol next to the address, allow the camera for this site, and try again."),
  },
  camera_missing: {
    title: gettext("No camera was found"),
    words: gettext("Connect a camera and try again, or use your password."),
  },
  camera_busy: {
    title: gettext("The camera is in use"),
    words: gettext("Another program is using the camera. Close video calls and camera apps, and try again."),
  },
  camera_lost: {
    title: gettext("The camera stopped"),
    words: gettext("The camera was unplugged or switched off. Connect it and try again."),
  },
  insecure: {
    title: gettext("This page was not opened securely"),
    words: gettext("The camera works on secure pages alone. Open this site with https:// in front."),
  },
  unsupported: {
    title: gettext("This browser cannot use the camera"),
    words: gettext("Please use a current version of Firefox, Chrome, Edge or Safari, or your password."),
  },
  unreachable: {
    title: gettext("No connection"),
    words: gettext("The server could not be reached. Check your network and try again."),
  },
  lost: {
    title: gettext("The connection was lost"),
    words: gettext("The network was interrupted or the server was restarted. Please try again."),
  },
  bad_message: {
    title: gettext("The page and the server do not understand each other"),
    words: gettext("This page may be out of date. Please try again."),
  },
  ticket: {
    title: gettext("This page is too old"),
    words: gettext("For your safety each page works once and for a short time. Please try again."),
  },
  session: {
    title: gettext("Your browser session has ended"),
    words: gettext("Cookies may be blocked for this site. Allow them and try again."),
  },
  wait: {
    title: gettext("Please wait a little"),
    words: gettext("Too many attempts did not succeed. The next page says how long to wait. Your password works at once."),
  },
  deadline: {
    title: gettext("Time is up"),
    words: gettext("There were not enough clear pictures in time. Sit in good light and try again."),
  },
  too_large: {
    title: gettext("The camera's pictures are too large"),
    words: gettext("Please try again, perhaps with another camera."),
  },
  too_fast: {
    title: gettext("Too many pictures at once"),
    words: gettext("Please wait a moment and try again."),
  },
  frozen: {
    title: gettext("The camera's picture stands still"),
    words: gettext("The camera sent the same picture again and again. Connect it anew, or try another one."),
  },
  internal: REFUSALS.error,
  busy: {
    title: gettext("Many people are signing in right now"),
    words: gettext("Please wait a few seconds and try again."),
  },
  restarting: {
    title: gettext("The server is being renewed"),
    words: gettext("Nothing was decided about you. Please try again in a few seconds."),
  },
  unavailable: {
    title: gettext("Face sign-in is not available right now"),
    words: gettext("Please use your password, or try again later."),
  },
  cancelled: {
    title: gettext("Stopped"),
    words: gettext("The camera is off. Nothing was decided about you."),
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

const LINE = {
  next: gettext("You are next. About %(seconds)s seconds."),
  later: gettext("You are number %(place)s in line. About %(seconds)s seconds."),
};

const ABSTAINED = gettext("We could not see you well enough");

/** The hint for one frame; no code means that the frame was good. */
export function hintWords(code) {
  return code ? (HINTS[code] ?? STATES.capturing) : STATES.good;
}

/** Place in line, from 1, and about how many seconds it will be. */
export function lineWords(place, seconds) {
  const words = place === 1 ? LINE.next : LINE.later;
  return words
    .replace("%(place)s", place)
    .replace("%(seconds)s", Math.max(5, Math.ceil(seconds / 5) * 5));
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

// What is said when a passkey could not be made or used. The ceremony itself is django-allauth's.

(() => {
  const trouble = document.querySelector("[data-passkey-trouble]");
  if (!trouble) return;

  const gettext = globalThis.gettext ?? ((words) => words);

  const WORDS = {
    NotAllowedError: gettext("No passkey answered, or it was called off. Try again when you are ready."),
    InvalidStateError: gettext("This passkey is set up here already. Use another one."),
    SecurityError: gettext("The browser allows no passkeys at this address. They need https, or the name localhost."),
    NotSupportedError: gettext("This device cannot make a passkey that fits. Try a security key or a telephone."),
  };
  const OTHERWISE = gettext("This browser could not use a passkey. Try another browser, or another second factor.");

  function say(words) {
    trouble.textContent = words;
    trouble.hidden = false;
  }

  document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    say(WORDS[event.detail.exception?.name] ?? OTHERWISE);
  });

  if (!window.PublicKeyCredential) say(window.isSecureContext ? OTHERWISE : WORDS.SecurityError);
})();

// Hands the browser what a passkey is asked to sign, and its answer to the form. Nothing is sent elsewhere.

const form = document.getElementById("passkey");
const bytes = text => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), letter => letter.charCodeAt(0));
const text = buffer => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
const named = list => (list || []).map(one => ({ ...one, id: bytes(one.id) }));

async function answer(options) {
  const publicKey = { ...options, challenge: bytes(options.challenge) };
  if (options.user) {
    publicKey.user = { ...options.user, id: bytes(options.user.id) };
    publicKey.excludeCredentials = named(options.excludeCredentials);
    const made = await navigator.credentials.create({ publicKey });
    return whole(made, { attestationObject: text(made.response.attestationObject) });
  }
  publicKey.allowCredentials = named(options.allowCredentials);
  const found = await navigator.credentials.get({ publicKey });
  const user = found.response.userHandle;
  return whole(found, {
    authenticatorData: text(found.response.authenticatorData),
    signature: text(found.response.signature),
    userHandle: user ? text(user) : null,
  });
}

function whole(key, response) {
  return {
    id: key.id, rawId: text(key.rawId), type: key.type, clientExtensionResults: {},
    response: { clientDataJSON: text(key.response.clientDataJSON), ...response },
  };
}

if (form && window.PublicKeyCredential) {
  const needed = document.getElementById("needed");
  if (needed) needed.hidden = true;
  form.hidden = false;
  form.addEventListener("submit", async event => {
    if (form.elements.answer.value) return;
    event.preventDefault();
    document.getElementById("refused").hidden = true;
    try {
      form.elements.answer.value = JSON.stringify(await answer(JSON.parse(form.dataset.options)));
      form.requestSubmit();
    } catch {
      document.getElementById("refused").hidden = false;
    }
  });
}

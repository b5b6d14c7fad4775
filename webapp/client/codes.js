// What a code says: whether it has the form of a label's link, and how its number is printed. Nothing is looked up here, and what
// is no link of ours stays on the phone.

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CHECK_ALPHABET = ALPHABET + "*~$=U";
const LONGEST = 2000;
const LINK = /^(?:https?|HTTPS?):\/\/([^/?#]+)\/(?:[^?#]*\/)?01\/([^/?#]+)(?:\/(?:22|10)\/[^/?#]+)*\/21\/([^/?#]+)(?:[?#]|$)/;
const ASCII = /^[\x21-\x7e]+$/;
const OURS = new RegExp(`^[${ALPHABET}]{16}$`);
const SHOWN = 160;

// Returns host, GTIN and serial of a link that may be one of our labels'; null for any other text. The site reads it more strictly.
export function label(text) {
  const found = text.length <= LONGEST && ASCII.test(text) ? LINK.exec(text) : null;
  return found && { host: found[1].toLowerCase(), gtin: found[2], serial: printed(found[3]) };
}

// Returns a serial as labels show it: one of ours in groups of four, with its check character.
export function printed(serial) {
  if (!OURS.test(serial)) return serial;
  const number = [...serial].reduce((sum, one) => (sum * 32 + ALPHABET.indexOf(one)) % CHECK_ALPHABET.length, 0);
  return `${serial.match(/.{4}/g).join(" ")} · ${CHECK_ALPHABET[number]}`;
}

// Returns a stranger's text as it can be shown: not too long, and nothing in it that is invisible or turns the direction round.
export function harmless(text) {
  const visible = text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "\ufffd");
  const letters = [...visible];
  return letters.length > SHOWN ? `${letters.slice(0, SHOWN).join("")}…` : visible;
}

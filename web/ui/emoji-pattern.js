/** What is an emoji, by Unicode's properties: no table, so that a message can be drawn without one. */

const PART = String.raw`(?:\p{Emoji_Modifier_Base}\p{Emoji_Modifier}|\p{Emoji}\uFE0F|\p{Emoji_Presentation})`;
const JOINED = String.raw`(?:\u200D(?:\p{Emoji_Modifier_Base}\p{Emoji_Modifier}|\p{Extended_Pictographic}\uFE0F?))*`;
const FLAG = String.raw`\p{Regional_Indicator}{2}|\u{1F3F4}[\u{E0020}-\u{E007E}]+\u{E007F}`;
const EMOJI = String.raw`(?:${FLAG}|[0-9#*]\uFE0F?\u20E3|(?![0-9#*\p{Regional_Indicator}])${PART}${JOINED})`;

const ONE = new RegExp(`^${EMOJI}$`, "u");
const ONLY = new RegExp(`^\\s*(?:${EMOJI}\\s*)+$`, "u");
const LENGTH_MAX = 200;

/** Whether a text is one emoji. A sign that is text by default, such as ©, is one with its variation selector. */
export function isEmoji(text) {
  return text.length <= LENGTH_MAX && ONE.test(text);
}

/** Whether a text is emoji and white space alone, and few enough of them to be shown larger. */
export function isEmojiOnly(text) {
  return text.length <= LENGTH_MAX && ONLY.test(text);
}

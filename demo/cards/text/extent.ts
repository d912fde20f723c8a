/** So many characters are written, those of the prompt included. */
export const LETTERS = 160;
/** The most characters of a prompt. */
export const LONGEST_PROMPT = 60;

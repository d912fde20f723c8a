/** So many characters are written, those of the prompt included. */
export const LETTERS = 120;
/** The most characters of a prompt. */
export const LONGEST_PROMPT = 60;

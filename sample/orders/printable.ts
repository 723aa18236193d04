// The fonts that every PDF reader has know Windows-1252: the letters of Western and Northern
// Europe. A name must not be changed on an invoice, so the shop refuses what it can't print. To
// print every script, embed a font of your own: `doc.font('NotoSans-Regular.ttf')` in pdf/.

const OTHERS = '€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ';

/** The characters of the text that the invoice can't show, each one once; '' when none. */
export function unprintable(text: string): string {
  return [...new Set(text)].filter((character) => !isPrintable(character)).join('');
}

function isPrintable(character: string): boolean {
  return /^[\u0020-\u007E\u00A0-\u00FF]$/.test(character) || OTHERS.includes(character);
}

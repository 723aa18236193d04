// Sizes, in points of 1/72 inch, and colours of the invoice.

export const PAGE = { width: 595.28, height: 841.89, left: 56, right: 539, bottom: 772 } as const;

export const COLORS = {
  ink: '#1b2a41',
  text: '#25303f',
  muted: '#6b7684',
  accent: '#a8433f',
  rule: '#cdd3db',
  stripe: '#f5f6f8',
  paper: '#ffffff',
} as const;

/** Three of the fonts that every PDF reader has; see orders/printable.ts for their letters. */
export const FONTS = {
  regular: 'Helvetica',
  bold: 'Helvetica-Bold',
  display: 'Times-Roman',
} as const;

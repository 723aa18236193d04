// What follows the last line: the sums and how to pay.
import { formatCents, VAT_PERCENT } from '../../orders/order.js';
import { formatDate, type Invoice } from './invoice.js';
import { rule } from './letterhead.js';
import { COLORS, FONTS, PAGE } from './theme.js';

type Doc = PDFKit.PDFDocument;

/** Room to keep for the whole block, on the page of the last line. */
export const TOTALS_HEIGHT = 128;

const LEFT = 350;

export function drawTotals(doc: Doc, invoice: Invoice, top: number): void {
  const { netCents, vatCents, grossCents } = invoice.totals;
  rule(doc, top, COLORS.rule, 0.5);
  doc.font(FONTS.regular, 9.5);
  drawSum(doc, 'Subtotal', netCents, top + 12);
  drawSum(doc, `VAT ${VAT_PERCENT}%`, vatCents, top + 28);
  rule(doc, top + 45, COLORS.accent, 1.2, LEFT);
  doc.font(FONTS.bold, 12);
  drawSum(doc, 'Total', grossCents, top + 53);
  drawPayment(doc, invoice, top + 88);
}

function drawSum(doc: Doc, label: string, cents: number, y: number): void {
  doc.fillColor(COLORS.text).text(label, LEFT, y);
  doc.text(formatCents(cents), LEFT + 60, y, { width: PAGE.right - 8 - LEFT - 60, align: 'right' });
}

function drawPayment(doc: Doc, invoice: Invoice, y: number): void {
  const text =
    `Please transfer the total by ${formatDate(invoice.dueAt)} to the account below, ` +
    `naming invoice ${invoice.number}.\nThank you for writing by hand.`;
  doc.fillColor(COLORS.muted).font(FONTS.regular, 9);
  doc.text(text, PAGE.left, y, { width: PAGE.right - PAGE.left, lineGap: 3 });
}

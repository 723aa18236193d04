// What frames every page: the letterhead, its short form on later pages, and the foot.
import { SHOP } from '../shop.js';
import type { Invoice } from './invoice.js';
import { COLORS, FONTS, PAGE } from './theme.js';

type Doc = PDFKit.PDFDocument;

export function drawLetterhead(doc: Doc): void {
  drawMark(doc, PAGE.left, 46, 1);
  doc.fillColor(COLORS.ink).font(FONTS.display, 23).text(SHOP.name, PAGE.left + 50, 47);
  doc.fillColor(COLORS.muted).font(FONTS.regular, 8.5);
  doc.text(SHOP.trade.toUpperCase(), PAGE.left + 51, 73, { characterSpacing: 1.1 });
  const contact = [...SHOP.address, SHOP.phone, SHOP.email].join('\n');
  doc.text(contact, PAGE.right - 200, 46, { width: 200, align: 'right', lineGap: 1.5 });
  rule(doc, 112, COLORS.accent, 1.2);
}

export function drawRunningHead(doc: Doc, invoice: Invoice): void {
  drawMark(doc, PAGE.left, 38, 0.6);
  doc.fillColor(COLORS.ink).font(FONTS.display, 13).text(SHOP.name, PAGE.left + 31, 44);
  doc.fillColor(COLORS.muted).font(FONTS.regular, 8.5);
  const title = `Invoice ${invoice.number}, continued`;
  doc.text(title, PAGE.right - 200, 47, { width: 200, align: 'right' });
  rule(doc, 74, COLORS.accent, 1.2);
}

export function drawFoot(doc: Doc, page: number, of: number): void {
  rule(doc, 788, COLORS.rule, 0.5);
  doc.fillColor(COLORS.muted).font(FONTS.regular, 7.5);
  doc.text(`${SHOP.name}  ·  VAT ${SHOP.vatId}`, PAGE.left, 796);
  doc.text(`${SHOP.bank}  ·  IBAN ${SHOP.iban}`, PAGE.left, 807);
  doc.text(`Page ${page} of ${of}`, PAGE.right - 100, 796, { width: 100, align: 'right' });
}

export function rule(doc: Doc, y: number, color: string, width: number, from: number = PAGE.left) {
  doc.moveTo(from, y).lineTo(PAGE.right, y).lineWidth(width).strokeColor(color).stroke();
}

/** The shop's mark, 38 points wide at scale 1: a quill over the water. */
function drawMark(doc: Doc, x: number, y: number, scale: number): void {
  doc.save().translate(x, y).scale(scale);
  doc.circle(19, 19, 19).fill(COLORS.ink);
  doc.path('M13 25 C12 16 18 8 29 7 C30 16 25 23 16 24 Z').fill(COLORS.paper);
  doc.path('M11 28 L24 13').lineWidth(1.2).strokeColor(COLORS.ink).stroke();
  doc.path('M11 28 L14.5 24').lineWidth(1.2).strokeColor(COLORS.paper).stroke();
  doc.path('M9 30.5 q2.5 -2 5 0 t5 0 t5 0 t5 0').lineWidth(1.1).strokeColor(COLORS.paper).stroke();
  doc.restore();
}

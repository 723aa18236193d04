// The upper part of the first page: who gets the invoice, its number and its dates.
import { SHOP } from '../shop.js';
import { formatDate, type Invoice } from './invoice.js';
import { COLORS, FONTS, PAGE } from './theme.js';

type Doc = PDFKit.PDFDocument;

const FACTS_LEFT = 350;

export function drawHeading(doc: Doc, invoice: Invoice): void {
  drawRecipient(doc, invoice);
  doc.fillColor(COLORS.ink).font(FONTS.display, 24).text('Invoice', FACTS_LEFT, 134);
  drawFacts(doc, [
    ['Invoice number', invoice.number],
    ['Invoice date', formatDate(invoice.placedAt)],
    ['Payment due', formatDate(invoice.dueAt)],
  ]);
}

function drawRecipient(doc: Doc, { customer }: Invoice): void {
  const sender = [SHOP.name, SHOP.address[0], SHOP.address[1]].join('  ·  ');
  doc.fillColor(COLORS.muted).font(FONTS.regular, 6.5).text(sender, PAGE.left, 138);
  doc.fillColor(COLORS.text).font(FONTS.bold, 10.5);
  doc.text(customer.name, PAGE.left, 154, { width: 260 });
  doc.font(FONTS.regular, 10.5);
  for (const line of [customer.street, customer.city, customer.country]) {
    doc.text(line, PAGE.left, doc.y + 2, { width: 260 });
  }
}

function drawFacts(doc: Doc, facts: [label: string, value: string][]): void {
  facts.forEach(([label, value], index) => {
    const y = 172 + index * 17;
    doc.fillColor(COLORS.muted).font(FONTS.regular, 9).text(label, FACTS_LEFT, y);
    doc.fillColor(COLORS.text).font(FONTS.bold, 9);
    doc.text(value, FACTS_LEFT + 80, y, { width: PAGE.right - FACTS_LEFT - 80, align: 'right' });
  });
}

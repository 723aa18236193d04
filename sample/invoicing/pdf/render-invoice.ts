// Draws an invoice page by page. It writes no file and knows no job: the caller hears of every
// page and may stop the drawing there by throwing.
import { buffer } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import PDFDocument from 'pdfkit';
import { SHOP } from '../shop.js';
import { drawHeading } from './heading.js';
import type { Invoice } from './invoice.js';
import { drawFoot, drawLetterhead, drawRunningHead } from './letterhead.js';
import { paginate } from './paginate.js';
import { drawHead, drawRow, HEAD_HEIGHT, rowHeight } from './table.js';
import { PAGE } from './theme.js';
import { drawTotals, TOTALS_HEIGHT } from './totals.js';

export interface RenderedPdf {
  pdf: Buffer;
  pages: number;
}

const FIRST_TABLE_TOP = 272;
const NEXT_TABLE_TOP = 94;

export async function renderInvoice(
  invoice: Invoice,
  onPage: (page: number, of: number) => void,
): Promise<RenderedPdf> {
  const doc = newDocument(invoice);
  const pdf = buffer(doc);
  const heights = invoice.lines.map((line) => rowHeight(doc, line));
  const pages = paginate(heights, {
    first: PAGE.bottom - FIRST_TABLE_TOP - HEAD_HEIGHT,
    next: PAGE.bottom - NEXT_TABLE_TOP - HEAD_HEIGHT,
    closing: TOTALS_HEIGHT,
  });
  for (const [index, rows] of pages.entries()) {
    const end = drawPage(doc, invoice, rows, heights, index === 0);
    if (index === pages.length - 1) {
      drawTotals(doc, invoice, end);
    }
    drawFoot(doc, index + 1, pages.length);
    onPage(index + 1, pages.length);
    await nextTurn(); // drawing keeps the thread busy: let other jobs, and an abort, in between
  }
  doc.end();
  return { pdf: await pdf, pages: pages.length };
}

/** Draws all but the foot and returns where the last row ends. */
function drawPage(
  doc: PDFKit.PDFDocument,
  invoice: Invoice,
  rows: readonly number[],
  heights: readonly number[],
  isFirst: boolean,
): number {
  doc.addPage();
  if (isFirst) {
    drawLetterhead(doc);
    drawHeading(doc, invoice);
  } else {
    drawRunningHead(doc, invoice);
  }
  const top = isFirst ? FIRST_TABLE_TOP : NEXT_TABLE_TOP;
  drawHead(doc, top);
  let y = top + HEAD_HEIGHT;
  for (const row of rows) {
    drawRow(doc, invoice.lines[row]!, row, y, heights[row]!);
    y += heights[row]!;
  }
  return y;
}

function newDocument(invoice: Invoice): PDFKit.PDFDocument {
  return new PDFDocument({
    size: 'A4',
    autoFirstPage: false,
    // Every text has its place: margins would only make the library break pages by itself.
    margin: 0,
    lang: 'en-IE',
    info: {
      Title: `Invoice ${invoice.number}`,
      Author: SHOP.name,
      CreationDate: invoice.placedAt,
    },
  });
}

// The table of order lines: columns, the height of a row, its head and its rows.
import { amountOf, formatCents, type OrderLine } from '../../orders/order.js';
import { COLORS, FONTS, PAGE } from './theme.js';

type Doc = PDFKit.PDFDocument;

interface Column {
  title: string;
  left: number;
  width: number;
  align: 'left' | 'right';
  size: number;
  text: (line: OrderLine) => string;
}

const COLUMNS: readonly Column[] = [
  { title: 'Item', left: 64, width: 72, align: 'left', size: 8, text: (line) => line.sku },
  {
    title: 'Description',
    left: 142,
    width: 204,
    align: 'left',
    size: 9,
    text: (line) => line.description,
  },
  {
    title: 'Quantity',
    left: 350,
    width: 44,
    align: 'right',
    size: 9,
    text: (line) => String(line.quantity),
  },
  {
    title: 'Unit price',
    left: 398,
    width: 62,
    align: 'right',
    size: 9,
    text: (line) => formatCents(line.unitPriceCents),
  },
  {
    title: 'Amount',
    left: 464,
    width: 67,
    align: 'right',
    size: 9,
    text: (line) => formatCents(amountOf(line)),
  },
];

export const HEAD_HEIGHT = 22;
const PADDING = 5.5;

export function rowHeight(doc: Doc, line: OrderLine): number {
  const heights = COLUMNS.map(({ size, width, text }) =>
    doc.font(FONTS.regular, size).heightOfString(text(line), { width }),
  );
  return Math.max(...heights) + 2 * PADDING;
}

export function drawHead(doc: Doc, y: number): void {
  doc.rect(PAGE.left, y, PAGE.right - PAGE.left, HEAD_HEIGHT).fill(COLORS.ink);
  doc.fillColor(COLORS.paper).font(FONTS.bold, 8.5);
  for (const { title, left, width, align } of COLUMNS) {
    doc.text(title, left, y + 7, { width, align });
  }
}

export function drawRow(doc: Doc, line: OrderLine, index: number, y: number, height: number): void {
  if (index % 2 === 1) {
    doc.rect(PAGE.left, y, PAGE.right - PAGE.left, height).fill(COLORS.stripe);
  }
  for (const { left, width, align, size, text } of COLUMNS) {
    doc.fillColor(size < 9 ? COLORS.muted : COLORS.text).font(FONTS.regular, size);
    doc.text(text(line), left, y + PADDING + (9 - size) / 2, { width, align });
  }
}
